#include "api.h"

#include <string.h>
#include <strings.h>

#include "api_parts.h"
#include "auth.h"
#include "common/mem.h"
#include "common/text.h"

static struct api_answer static_file(const char *name) {
    struct api_answer answer = {.kind = API_FILE, .status = 200, .age_ms = -1};
    text_copy(answer.file, sizeof answer.file, name);
    return answer;
}

static struct api_answer get_docs(const struct api_call *call) {
    (void)call;
    return static_file("docs.html");
}

static struct api_answer get_openapi(const struct api_call *call) {
    (void)call;
    return static_file("openapi.json");
}

static struct api_answer get_static(const struct api_call *call) {
    return static_file(call->name);
}

static struct api_answer get_root(const struct api_call *call) {
    (void)call;
    struct api_answer answer = api_text(307, "text/plain; charset=utf-8", mem_text("/static/dashboard.html\n"));
    text_copy(answer.location, sizeof answer.location, "/static/dashboard.html");
    return answer;
}

// A stream resumes after the id that a browser sends back by itself, or after ?after= for programs.
static struct api_answer get_stream(const struct api_call *call) {
    struct api_answer answer = {.kind = API_STREAM, .status = 200, .age_ms = -1, .lang = call->lang, .resume_seq = -1};
    int64_t seq;
    if (text_to_i64(call->request->last_event_id, &seq) && seq >= 0) {
        answer.resume_seq = seq;
    } else if (!api_query_number(call->request, "after", 0, INT64_MAX, -1, &answer.resume_seq)) {
        return api_refuse(call, 400, MSG_HTTP_BAD_QUERY, KVS(KV("name", "after"), KV("allowed", "0, 1, 2, ...")));
    }
    return answer;
}

static const struct {
    struct api_route route;
    api_handler *handler;
} routes[] = {
    {{API_GET, "/", false}, get_root},
    {{API_GET, "/status", false}, api_status},
    {{API_GET, "/api/v1/cluster", false}, api_cluster},
    {{API_GET, "/api/v1/nodes/{name}", false}, api_node},
    {{API_GET, "/api/v1/events", false}, api_events},
    {{API_GET, "/api/v1/logs/{service}", false}, api_logs},
    {{API_GET, "/api/v1/jobs", false}, api_jobs},
    {{API_GET, "/api/v1/rescued", false}, api_rescued},
    {{API_GET, "/api/v1/rescued/{file}", true}, api_rescued_file},
    {{API_GET, "/api/v1/verdict", false}, api_verdict},
    {{API_GET, "/api/v1/commands/{id}", false}, api_command},
    {{API_GET, "/api/v1/stream", false}, get_stream},
    {{API_POST, "/api/v1/failover", true}, api_action},
    {{API_POST, "/api/v1/switchover", true}, api_action},
    {{API_POST, "/api/v1/resync", true}, api_action},
    {{API_POST, "/api/v1/cancel", true}, api_action},
    {{API_POST, "/api/v1/maintenance", true}, api_action},
    {{API_POST, "/api/v1/ack", true}, api_action},
    {{API_GET, "/primary", false}, api_proxy_primary},
    {{API_GET, "/replica", false}, api_proxy_replica},
    {{API_GET, "/metrics", false}, api_metrics},
    {{API_GET, "/healthz", false}, api_health},
    {{API_GET, "/readyz", false}, api_ready},
    {{API_GET, "/docs", false}, get_docs},
    {{API_GET, "/openapi.json", false}, get_openapi},
    {{API_GET, "/static/{file}", false}, get_static},
    {{API_GET, "/static/swagger/{file}", false}, get_static},
};
#define ROUTE_COUNT (sizeof routes / sizeof routes[0])

const struct api_route *api_routes(size_t *ret_count) {
    static struct api_route list[ROUTE_COUNT];
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        list[i] = routes[i].route;
    }
    *ret_count = ROUTE_COUNT;
    return list;
}

bool api_needs_rescued(const struct api_request *request, char *ret_before, size_t size_bytes) {
    api_query(request, "before", ret_before, size_bytes);
    return request->method == API_GET && text_equal(request->path, "/api/v1/rescued");
}

// One path part: letters, digits, dot, dash, underscore; never a dot first, so that no name climbs or hides.
static bool part_is_clean(const char *part) {
    return *part != '\0' && *part != '.' &&
           strspn(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(part);
}

static bool route_matches(const char *pattern, const char *path, char *name, size_t size_bytes) {
    const char *brace = strchr(pattern, '{');
    *name = '\0';
    if (brace == NULL) {
        return strcmp(pattern, path) == 0;
    }
    size_t fixed = (size_t)(brace - pattern);
    if (strncmp(pattern, path, fixed) != 0 || !part_is_clean(path + fixed)) {
        return false;
    }
    // A file below static/swagger keeps its folder in its name.
    const char *rest = strncmp(pattern, "/static/swagger/", 16) == 0 ? path + 8 : path + fixed;
    return text_copy(name, size_bytes, rest);
}

static struct api_answer not_allowed(const struct api_call *call, enum api_method allowed) {
    const char *allow = allowed == API_POST ? "POST" : "GET, HEAD";
    struct api_answer answer = api_refuse(call, 405, MSG_HTTP_METHOD, KVS(KV("allowed", allow)));
    text_copy(answer.allow, sizeof answer.allow, allow);
    return answer;
}

static struct api_answer turn_away(const struct api_call *call, int retry_s) {
    struct api_answer answer = api_refuse(call, 429, MSG_HTTP_TOKEN_TRIES, KVS(KVI("seconds", retry_s)));
    answer.retry_s = retry_s;
    return answer;
}

static struct api_answer challenge(const struct api_call *call, enum msg why) {
    struct api_answer answer = api_refuse(call, 401, why, KVS());
    answer.challenge = true;
    return answer;
}

static struct api_answer check_token(const struct api_call *call) {
    const struct api_world *world = call->world;
    const char *address = call->request->address != NULL ? call->request->address : "?";
    enum auth_result result = auth_token(call->request->authorization, world->settings->api_token);
    int retry_s = 0;
    bool shown = result == AUTH_OK || result == AUTH_WRONG;
    if (shown && world->tries != NULL && !tries_allowed(world->tries, address, world->now.mono_ms, &retry_s)) {
        return turn_away(call, retry_s);  // right or wrong: who guesses must not learn which
    }
    switch (result) {
        case AUTH_OK:
            break;
        case AUTH_OFF:
            return api_refuse(call, 403, MSG_HTTP_ACTIONS_OFF, KVS());
        case AUTH_MISSING:
            return challenge(call, MSG_HTTP_TOKEN_MISSING);
        case AUTH_WRONG:
            retry_s = world->tries != NULL
                          ? tries_wrong(world->tries, address, call->request->authorization + 7, world->now.mono_ms)
                          : 0;
            return retry_s > 0 ? turn_away(call, retry_s) : challenge(call, MSG_HTTP_TOKEN_WRONG);
    }
    return (struct api_answer){0};
}

// Status 0 in the answer: nothing against it.
static struct api_answer check_access(const struct api_call *call, const struct api_route *route) {
    const struct api_request *request = call->request;
    if (route->method == API_POST && !auth_same_origin(request->host, request->origin, request->fetch_site)) {
        return api_refuse(call, 403, MSG_HTTP_CROSS_SITE, KVS());
    }
    struct api_answer answer = {0};
    if (route->token) {
        answer = check_token(call);
    }
    if (answer.status == 0 && route->method == API_POST && request->body_bytes > 0 &&
        (request->content_type == NULL || strncasecmp(request->content_type, "application/json", 16) != 0)) {
        return api_refuse(call, 415, MSG_HTTP_CONTENT_TYPE, KVS());
    }
    return answer;
}

struct api_answer api_answer(const struct api_world *world, const struct api_request *request) {
    struct api_call call = {world, request, api_lang(request, world->settings->lang), ""};
    if (request->host != NULL && !auth_host_allowed(request->host, world->settings->allowed_hosts)) {
        return api_refuse(&call, 421, MSG_HTTP_HOST, KVS(KV("host", request->host)));
    }
    bool found = false;
    enum api_method other = API_GET;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        const struct api_route *route = &routes[i].route;
        if (!route_matches(route->pattern, request->path, call.name, sizeof call.name)) {
            continue;
        }
        if (route->method != request->method) {
            found = true;
            other = route->method;
            continue;
        }
        struct api_answer refusal = check_access(&call, route);
        return refusal.status != 0 ? refusal : routes[i].handler(&call);
    }
    return found ? not_allowed(&call, other)
                 : api_refuse(&call, 404, MSG_HTTP_NOT_FOUND, KVS(KV("path", request->path)));
}
