#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <evhtp/evhtp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "common/clock.h"
#include "common/command.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "common/version.h"
#include "conn.h"
#include "feed.h"
#include "gate.h"
#include "rescued.h"
#include "stream.h"

#define BACKLOG 64
#define KEEPALIVE_REQUESTS_MAX 1000
#define CSP                                                                                               \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " \
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

struct http {
    struct http_parts parts;
    evhtp_t *evhtp;
    struct conns *conns;
    struct streams *streams;
    struct tries *tries;
};

// A command on its way to Redis; the client may leave before the answer is known.
struct ticket {
    void *request;  // evhtp_request_t, NULL once the connection is gone
    struct api_answer answer;
};

static struct api_world make_world(void *arg) {
    struct http *http = arg;
    return (struct api_world){.snapshot = http->parts.snapshot,
                              .settings = http->parts.settings,
                              .now = {.mono_ms = clock_mono_ms(), .wall_ms = clock_wall_ms()},
                              .tries = http->tries,
                              .command_id = "",
                              .version = RELEVO_VERSION};
}

static void header(evhtp_request_t *request, const char *name, const char *value) {
    evhtp_headers_add_header(request->headers_out, evhtp_header_new(name, value, 1, 1));
}

static void header_number(evhtp_request_t *request, const char *name, int64_t number) {
    char text[24];
    text_format(text, sizeof text, "%lld", (long long)number);
    header(request, name, text);
}

// The same for every answer, whatever it is.
static void guard_headers(evhtp_request_t *request) {
    header(request, "Content-Security-Policy", CSP);
    header(request, "X-Content-Type-Options", "nosniff");
    header(request, "X-Frame-Options", "DENY");
    header(request, "Referrer-Policy", "no-referrer");
    header(request, "Cross-Origin-Opener-Policy", "same-origin");
    header(request, "Cross-Origin-Resource-Policy", "same-origin");
}

static bool is_head(const evhtp_request_t *request) {
    return request->method == htp_method_HEAD;
}

static void send_body(evhtp_request_t *request, struct api_answer *answer) {
    size_t size = answer->body != NULL ? strlen(answer->body) : 0;
    guard_headers(request);
    header(request, "Content-Type", answer->type);
    header(request, "Cache-Control", "no-store");
    header_number(request, "Content-Length", (int64_t)size);
    if (answer->age_ms >= 0) {
        header_number(request, "X-Relevo-Age-Ms", answer->age_ms);
    }
    if (answer->allow[0]) {
        header(request, "Allow", answer->allow);
    }
    if (answer->location[0]) {
        header(request, "Location", answer->location);
    }
    if (answer->challenge) {
        header(request, "WWW-Authenticate", "Bearer");
    }
    if (answer->retry_s > 0) {
        header_number(request, "Retry-After", answer->retry_s);
    }
    if (!is_head(request)) {
        evbuffer_add(request->buffer_out, answer->body, size);
    }
    evhtp_send_reply(request, (evhtp_res)answer->status);
    api_answer_done(answer);
}

static void send_problem(evhtp_request_t *request, int status, enum lang lang, enum msg msg, const struct kv *values) {
    struct api_answer problem = api_problem(status, lang, msg, values);
    problem.age_ms = -1;
    send_body(request, &problem);
}

static void send_file(struct http *http, evhtp_request_t *request, const struct api_answer *answer) {
    const struct file *file = files_find(http->parts.files, answer->file);
    if (file == NULL) {
        send_problem(request, 404, answer->lang, MSG_HTTP_NOT_FOUND, KVS(KV("path", request->uri->path->full)));
        return;
    }
    guard_headers(request);
    header(request, "Content-Type", file->type);
    header(request, "Cache-Control", "no-cache");
    header(request, "ETag", file->etag);
    header_number(request, "Content-Length", (int64_t)file->size_bytes);
    const char *known = evhtp_header_find(request->headers_in, "If-None-Match");
    if (text_equal(known, file->etag)) {
        evhtp_send_reply(request, EVHTP_RES_NOTMOD);
        return;
    }
    if (!is_head(request)) {
        evbuffer_add_reference(request->buffer_out, file->bytes, file->size_bytes, NULL, NULL);
    }
    evhtp_send_reply(request, EVHTP_RES_OK);
}

static void send_rescued(struct http *http, evhtp_request_t *request, const struct api_answer *answer) {
    off_t size = 0;
    int fd = rescued_open(http->parts.settings->rescued_dir, answer->file, &size);
    if (fd < 0) {
        send_problem(request, 404, answer->lang, MSG_HTTP_NO_RESCUED, KVS(KV("file", answer->file)));
        return;
    }
    AUTO_TEXT char *disposition = mem_format("attachment; filename=\"%s\"", answer->file);
    guard_headers(request);
    header(request, "Content-Type", "application/octet-stream");
    header(request, "Content-Disposition", disposition);
    header(request, "Cache-Control", "no-store");
    header_number(request, "Content-Length", (int64_t)size);
    if (is_head(request) || size == 0 || evbuffer_add_file(request->buffer_out, fd, 0, size) != 0) {
        close(fd);
    }
    evhtp_send_reply(request, EVHTP_RES_OK);
}

static void start_stream(struct http *http, evhtp_request_t *request, const struct api_answer *answer) {
    if (!streams_room(http->streams)) {
        send_problem(request, 503, answer->lang, MSG_HTTP_STREAMS_FULL, KVS());
        return;
    }
    if (is_head(request)) {
        guard_headers(request);
        header(request, "Content-Type", "text/event-stream");
        evhtp_send_reply(request, EVHTP_RES_OK);
        return;
    }
    struct conn *conn = conn_of(request->conn->bev);
    struct bufferevent *bev = evhtp_connection_take_ownership(request->conn);  // drops our hooks: forget by hand
    conn_forget(conn);
    evbuffer_add_printf(bufferevent_get_output(bev),
                        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
                        "Connection: close\r\nX-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\n\r\n");
    streams_adopt(http->streams, bev, answer->resume_seq, answer->lang);
}

static void on_published(void *arg, int receivers) {
    struct ticket *ticket = arg;
    if (receivers <= 0) {
        LOG_WARN(receivers == FEED_UNANSWERED ? MSG_DASHBOARD_COMMAND_UNANSWERED : MSG_DASHBOARD_COMMAND_LOST,
                 KV("command", ticket->answer.command));
    }
    if (ticket->request != NULL) {
        evhtp_request_t *request = ticket->request;
        conn_set_ticket(conn_of(request->conn->bev), NULL);
        if (receivers <= 0) {
            struct api_answer problem = receivers == FEED_UNANSWERED ? api_unanswered(&ticket->answer)
                                                                     : api_unpublished(ticket->answer.lang, receivers);
            problem.age_ms = -1;
            send_body(request, &problem);
        } else {
            send_body(request, &ticket->answer);
        }
    }
    api_answer_done(&ticket->answer);
    free(ticket);
}

static void send_command(struct http *http, evhtp_request_t *request, struct api_answer *answer) {
    struct ticket *ticket = mem_zero(1, sizeof *ticket);
    *ticket = (struct ticket){.request = request, .answer = *answer};
    *answer = (struct api_answer){0};
    conn_set_ticket(conn_of(request->conn->bev), &ticket->request);
    LOG_INFO(MSG_DASHBOARD_COMMAND, KV("command", ticket->answer.command));
    feed_publish(http->parts.feed, ticket->answer.command, on_published, ticket);
}

static void ignore_published(void *arg, int receivers) {
    (void)arg;
    (void)receivers;  // the log has it, too
}

void http_tick(struct http *http) {
    struct tries_news news;
    int64_t now_ms = clock_mono_ms();
    if (tries_tell(http->tries, now_ms, &news)) {
        LOG_WARN(MSG_DASHBOARD_WRONG_TOKENS, KVI("count", news.count), KV("address", news.address));
    }
    if (tries_report(http->tries, now_ms, &news)) {
        struct command report = {.action = COMMAND_WRONG_TOKENS,
                                 .count = news.count < INT32_MAX ? (int64_t)news.count : INT32_MAX,
                                 .by = "dashboard"};
        (void)text_copy(report.from, sizeof report.from, news.address);
        AUTO_TEXT char *text = command_encode(&report);
        feed_publish(http->parts.feed, text, ignore_published, NULL);
    }
}

// Whose connection it is. A host has the whole lower half of an IPv6 address to choose from.
static void read_address(const evhtp_request_t *request, char out[TRIES_ADDRESS_SIZE]) {
    (void)text_copy(out, TRIES_ADDRESS_SIZE, "?");
    const struct sockaddr *address = request->conn->saddr;
    if (address != NULL && address->sa_family == AF_INET) {
        (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, out, TRIES_ADDRESS_SIZE);
    } else if (address != NULL && address->sa_family == AF_INET6) {
        struct in6_addr v6 = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        if (!IN6_IS_ADDR_V4MAPPED(&v6)) {
            memset(&v6.s6_addr[8], 0, 8);
        }
        (void)inet_ntop(AF_INET6, &v6, out, TRIES_ADDRESS_SIZE);
    }
}

static struct api_request read_request(evhtp_request_t *request) {
    static const struct {
        htp_method theirs;
        enum api_method ours;
    } methods[] = {{htp_method_GET, API_GET}, {htp_method_HEAD, API_GET}, {htp_method_POST, API_POST}};
    struct api_request ours = {
        .method = API_OTHER,
        .path = request->uri->path->full,
        .query = request->uri->query_raw != NULL ? (const char *)request->uri->query_raw : "",
        .body = (const char *)evbuffer_pullup(request->buffer_in, -1),
        .body_bytes = evbuffer_get_length(request->buffer_in),
        .host = evhtp_header_find(request->headers_in, "Host"),
        .origin = evhtp_header_find(request->headers_in, "Origin"),
        .fetch_site = evhtp_header_find(request->headers_in, "Sec-Fetch-Site"),
        .authorization = evhtp_header_find(request->headers_in, "Authorization"),
        .content_type = evhtp_header_find(request->headers_in, "Content-Type"),
        .accept_language = evhtp_header_find(request->headers_in, "Accept-Language"),
        .last_event_id = evhtp_header_find(request->headers_in, "Last-Event-ID"),
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (request->method == methods[i].theirs) {
            ours.method = methods[i].ours;
        }
    }
    return ours;
}

static void on_request(evhtp_request_t *request, void *arg) {
    struct http *http = arg;
    struct api_request ours = read_request(request);
    struct api_world world = make_world(http);
    char address[TRIES_ADDRESS_SIZE];
    read_address(request, address);
    ours.address = address;
    unsigned char random[16];
    char id[sizeof random * 2 + 1];
    evutil_secure_rng_get_bytes(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++) {
        text_format(id + i * 2, 3, "%02x", random[i]);
    }
    world.command_id = id;
    char before[RESCUED_NAME_SIZE];
    if (api_needs_rescued(&ours, before, sizeof before)) {
        world.rescued = rescued_list(http->parts.settings->rescued_dir, before);
    }
    struct api_answer answer = api_answer(&world, &ours);
    json_decref(world.rescued.files);
    http_tick(http);
    switch (answer.kind) {
        case API_BODY:
            send_body(request, &answer);
            break;
        case API_FILE:
            send_file(http, request, &answer);
            break;
        case API_RESCUED:
            send_rescued(http, request, &answer);
            break;
        case API_STREAM:
            start_stream(http, request, &answer);
            break;
        case API_COMMAND:
            send_command(http, request, &answer);
            break;
    }
}

static evhtp_res on_connection_end(evhtp_connection_t *connection, void *arg) {
    (void)connection;
    conn_forget(arg);
    return EVHTP_RES_OK;
}

static evhtp_res on_connection(evhtp_connection_t *connection, void *arg) {
    struct http *http = arg;
    struct conn *conn = conn_adopt(http->conns, connection->bev, connection);
    if (conn == NULL) {
        return EVHTP_RES_ERROR;
    }
    // Their hook type has no parameters, so every hook is cast.
    evhtp_connection_set_hook(connection, evhtp_hook_on_connection_fini, (evhtp_hook)(void *)on_connection_end, conn);
    return EVHTP_RES_OK;
}

static bool answered(void *connection) {
    return ((evhtp_connection_t *)connection)->request == NULL;
}

static void close_connection(void *connection) {
    evhtp_connection_free(connection);
}

static bool listen_on(struct http *http, struct err *err) {
    const struct settings *settings = http->parts.settings;
    struct sockaddr_storage address = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    size_t size = sizeof *v4;
    if (inet_pton(AF_INET, settings->http_host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(settings->http_port);
    } else if (inet_pton(AF_INET6, settings->http_host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(settings->http_port);
        size = sizeof *v6;
    } else {
        return err_set(err, ERR_INVALID, 0, "an IP address is needed, as in 0.0.0.0:8000");
    }
    errno = 0;
    if (evhtp_bind_sockaddr(http->evhtp, (struct sockaddr *)&address, size, BACKLOG) != 0) {
        return err_set(err, ERR_FAILED, errno, "%s", strerror(errno));
    }
    return true;
}

struct http *http_open(const struct http_parts *parts, struct err *err) {
    static const struct conn_owner owner = {answered, close_connection};
    struct http *http = mem_zero(1, sizeof *http);
    http->parts = *parts;
    http->evhtp = evhtp_new(parts->base, NULL);
    http->conns = conns_new(parts->base, &owner, parts->settings->lang);
    http->tries = tries_new();
    http->streams = streams_new(parts->base, make_world, http);
    evhtp_set_gencb(http->evhtp, on_request, http);
    evhtp_set_post_accept_cb(http->evhtp, on_connection, http);
    evhtp_set_max_body_size(http->evhtp, GATE_BODY_BYTES_MAX + 1);
    evhtp_set_max_keepalive_requests(http->evhtp, KEEPALIVE_REQUESTS_MAX);
    evhtp_disable_flag(http->evhtp, EVHTP_FLAG_ENABLE_100_CONT);  // conn.c says it
    if (!listen_on(http, err)) {
        http_close(http);
        return NULL;
    }
    return http;
}

void http_close(struct http *http) {
    if (http == NULL) {
        return;
    }
    evhtp_unbind_socket(http->evhtp);
    streams_free(http->streams);
    conns_free(http->conns);
    event_base_loop(http->parts.base, EVLOOP_NONBLOCK);  // libevent frees a bufferevent in its next turn
    evhtp_free(http->evhtp);
    tries_free(http->tries);
    free(http);
}

struct streams *http_streams(struct http *http) {
    return http->streams;
}
