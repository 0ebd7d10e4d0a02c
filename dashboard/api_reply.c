// How an answer is built: JSON, plain text, problems.
#include <stdlib.h>

#include "api_parts.h"

json_t *api_string(const char *text) {
    json_t *string = json_string(text);
    return string != NULL ? string : json_string("(not UTF-8)");
}

json_t *api_age(int64_t wall_ms, struct moment now) {
    if (wall_ms == 0) {
        return json_null();
    }
    return json_integer(now.wall_ms > wall_ms ? now.wall_ms - wall_ms : 0);
}

json_t *api_or_null(int64_t number) {
    return number < 0 ? json_null() : json_integer(number);
}

json_t *api_message(enum msg msg, enum lang lang, const struct kv *values) {
    char text[512];
    return api_string(msg_render(msg, lang, values, text, sizeof text));
}

static const char *status_title(int status) {
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        if (titles[i].status == status) {
            return titles[i].title;
        }
    }
    return "Internal Server Error";
}

struct api_answer api_text(int status, const char *type, char *text) {
    return (struct api_answer){.kind = API_BODY, .status = status, .type = type, .body = text, .age_ms = -1};
}

struct api_answer api_json(int status, json_t *body) {
    char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return api_text(status, "application/json", text);
}

struct api_answer api_problem(int status, enum lang lang, enum msg detail_msg, const struct kv *values) {
    json_t *body = json_pack("{s:s, s:s, s:i}", "type", "about:blank", "title", status_title(status), "status", status);
    if (detail_msg != MSG_NONE) {
        json_object_set_new(body, "detail", api_message(detail_msg, lang, values));
        json_object_set_new(body, "code", json_string(msg_name(detail_msg)));
    }
    struct api_answer answer = api_json(status, body);
    answer.type = "application/problem+json";
    answer.retry_s = status == 503 ? 1 : 0;
    answer.lang = lang;
    return answer;
}

struct api_answer api_refuse(const struct api_call *call, int status, enum msg msg, const struct kv *values) {
    return api_problem(status, call->lang, msg, values);
}

struct api_answer api_unpublished(enum lang lang, int receivers) {
    return api_problem(503, lang, receivers == 0 ? MSG_HTTP_NOBODY_LISTENS : MSG_HTTP_REDIS_AWAY, KVS());
}

struct api_answer api_unanswered(const struct api_answer *accepted) {
    json_t *known = json_loads(accepted->body, 0, NULL);
    const char *url = json_string_value(json_object_get(known, "status_url"));
    struct api_answer answer = api_problem(504, accepted->lang, MSG_HTTP_UNANSWERED, KVS(KV("url", url)));
    json_t *body = json_loads(answer.body, 0, NULL);
    json_object_update(body, known);
    json_decref(known);
    free(answer.body);
    answer.body = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return answer;
}

void api_answer_done(struct api_answer *answer) {
    free(answer->body);
    free(answer->command);
    *answer = (struct api_answer){0};
}
