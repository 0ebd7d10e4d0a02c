#include "conn.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "api.h"
#include "common/log.h"
#include "common/mem.h"
#include "gate.h"

#define LINGER_MS 1000
#define KERNEL_BYTES 131072
#define INPUT_BYTES_MAX (GATE_HEAD_BYTES_MAX + GATE_BODY_BYTES_MAX + 4096)

enum conn_phase {
    CONN_READING,    // waiting for a whole request
    CONN_ANSWERING,  // libevhtp has it
    CONN_CLOSING,    // refused: the refusal goes out, nothing more is taken in
};

struct conn {
    struct conns *conns;
    struct bufferevent *bev;
    void *connection;  // libevhtp's
    bufferevent_data_cb their_read, their_write;
    enum conn_phase phase;
    struct gate gate;
    struct evbuffer *early;  // what came after the request that is being answered
    struct event *deadline;
    struct evbuffer_cb_entry *progress;
    size_t sent_bytes;  // of the answer, since the deadline was set
    bool head_seen, continued, ended, shut;
    bool *gone;  // set when the connection is freed inside a callback
    void **ticket;
    TAILQ_ENTRY(conn) link;
};

struct conns {
    struct event_base *base;
    struct conn_owner owner;
    enum lang lang;
    size_t count;
    TAILQ_HEAD(conn_list, conn) list;  // by the age of what they wait for, oldest first
};

static void arm(struct conn *conn, int64_t ms) {
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    event_add(conn->deadline, &after);
    TAILQ_REMOVE(&conn->conns->list, conn, link);
    TAILQ_INSERT_TAIL(&conn->conns->list, conn, link);
}

static void close_now(struct conn *conn) {
    conn->conns->owner.close(conn->connection);
}

// Answers without libevhtp, then closes: at once for who listens, after a moment for who is still sending, because a
// reset would destroy the answer on its way.
static void refuse(struct conn *conn, int status, enum msg why) {
    struct api_answer answer = api_problem(status, conn->conns->lang, why, KVS());
    evbuffer_add_printf(bufferevent_get_output(conn->bev),
                        "HTTP/1.1 %d Refused\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                        "Connection: close\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n\r\n%s",
                        status, answer.type, strlen(answer.body), answer.body);
    api_answer_done(&answer);
    conn->phase = CONN_CLOSING;
    evbuffer_drain(bufferevent_get_input(conn->bev), SIZE_MAX);
    arm(conn, LINGER_MS * 2);
}

static void hand_over(struct conn *conn, struct evbuffer *input) {
    size_t request_bytes = conn->gate.head_bytes + conn->gate.body_bytes;
    if (evbuffer_get_length(input) > request_bytes) {
        // libevhtp parses whatever lies in the input, so it holds one request only.
        struct evbuffer *request = evbuffer_new();
        evbuffer_remove_buffer(input, request, request_bytes);
        evbuffer_add_buffer(conn->early, input);
        evbuffer_prepend_buffer(input, request);
        evbuffer_free(request);
    }
    conn->phase = CONN_ANSWERING;
    conn->sent_bytes = 0;
    arm(conn, CONN_ANSWER_MS);
    conn->their_read(conn->bev, conn->connection);  // conn may be gone after this
}

static void look(struct conn *conn) {
    struct evbuffer *input = bufferevent_get_input(conn->bev);
    size_t length = evbuffer_get_length(input);
    if (length == 0) {
        return;
    }
    const char *bytes = (const char *)evbuffer_pullup(input, -1);
    bool first = conn->gate.scanned == 0;
    switch (gate_check(&conn->gate, bytes, length)) {
        case GATE_REFUSED:
            refuse(conn, conn->gate.status, conn->gate.why);
            return;
        case GATE_READY:
            hand_over(conn, input);
            return;
        case GATE_MORE:
            break;
    }
    if (conn->gate.head_bytes > 0 && !conn->head_seen) {
        conn->head_seen = true;
        arm(conn, CONN_BODY_MS);
    } else if (first && conn->gate.head_bytes == 0) {
        arm(conn, CONN_HEAD_MS);
    }
    if (conn->gate.head_bytes > 0 && conn->gate.expects_continue && !conn->continued) {
        conn->continued = true;
        evbuffer_add_printf(bufferevent_get_output(conn->bev), "HTTP/1.1 100 Continue\r\n\r\n");
    }
}

static void next_request(struct conn *conn) {
    if (conn->ended) {
        close_now(conn);
        return;
    }
    conn->phase = CONN_READING;
    conn->gate = (struct gate){0};
    conn->head_seen = conn->continued = false;
    evbuffer_prepend_buffer(bufferevent_get_input(conn->bev), conn->early);
    arm(conn, CONN_IDLE_MS);
    look(conn);
}

static void on_read(struct bufferevent *bev, void *arg) {
    struct conn *conn = arg;
    switch (conn->phase) {
        case CONN_READING:
            look(conn);
            break;
        case CONN_ANSWERING:  // waits in the input, up to the watermark
            break;
        case CONN_CLOSING:
            evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
            break;
    }
}

static void on_write(struct bufferevent *bev, void *arg) {
    struct conn *conn = arg;
    if (conn->phase == CONN_CLOSING && !conn->shut) {
        conn->shut = true;
        shutdown(bufferevent_getfd(bev), SHUT_WR);
        arm(conn, LINGER_MS);
    }
    if (conn->phase != CONN_ANSWERING) {
        return;  // "100 Continue" went out; libevhtp knows of no request yet
    }
    bool gone = false;
    conn->gone = &gone;
    conn->their_write(bev, conn->connection);
    if (gone) {
        return;
    }
    conn->gone = NULL;
    if (conn->conns->owner.answered(conn->connection)) {
        next_request(conn);
    }
}

// The kernel has taken part of an answer.
static void on_progress(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg) {
    (void)output;
    struct conn *conn = arg;
    conn->sent_bytes += info->n_deleted;
    if (conn->phase == CONN_ANSWERING && conn->sent_bytes >= CONN_ANSWER_BYTES) {
        conn->sent_bytes = 0;
        arm(conn, CONN_ANSWER_MS);
    }
}

static void on_event(struct bufferevent *bev, short events, void *arg) {
    struct conn *conn = arg;
    if (conn->phase == CONN_ANSWERING && events == (BEV_EVENT_EOF | BEV_EVENT_READING)) {
        conn->ended = true;  // it may have closed its sending side only: finish the answer
        bufferevent_disable(bev, EV_READ);
        return;
    }
    close_now(conn);
}

static void on_deadline(evutil_socket_t fd, short events, void *arg) {
    (void)fd;
    (void)events;
    struct conn *conn = arg;
    if (conn->phase == CONN_READING && evbuffer_get_length(bufferevent_get_input(conn->bev)) > 0) {
        refuse(conn, 408, MSG_HTTP_TIMEOUT);
    } else {
        close_now(conn);
    }
}

struct conns *conns_new(struct event_base *base, const struct conn_owner *owner, enum lang lang) {
    struct conns *conns = mem_zero(1, sizeof *conns);
    conns->base = base;
    conns->owner = *owner;
    conns->lang = lang;
    TAILQ_INIT(&conns->list);
    return conns;
}

void conns_free(struct conns *conns) {
    if (conns == NULL) {
        return;
    }
    while (!TAILQ_EMPTY(&conns->list)) {
        close_now(TAILQ_FIRST(&conns->list));
    }
    free(conns);
}

// Who makes room: of those that ask for nothing the one that has waited longest; else, of those whose answer is on its
// way, the one that has taken nothing of it for longest. Never one that waits for the answer to a command: it has shown
// the token, and Redis has 3 s for it.
static struct conn *least_needed(struct conns *conns) {
    struct conn *conn, *deaf = NULL;
    TAILQ_FOREACH(conn, &conns->list, link) {
        if (conn->phase != CONN_ANSWERING) {
            return conn;
        }
        if (deaf == NULL && conn->ticket == NULL) {
            deaf = conn;
        }
    }
    return deaf;
}

// A flood of connections that send nothing, or read nothing, must not lock others out.
static bool make_room(struct conns *conns) {
    if (conns->count < CONNS_MAX) {
        return true;
    }
    LOG_WARN(MSG_DASHBOARD_FULL, KVI("count", conns->count));
    struct conn *conn = least_needed(conns);
    if (conn != NULL) {
        close_now(conn);
    }
    return conn != NULL;
}

// Left to itself the kernel takes megabytes for who reads nothing: it would look like one who has just read them.
static void keep_short(struct bufferevent *bev) {
    int bytes = KERNEL_BYTES;
    (void)setsockopt(bufferevent_getfd(bev), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

struct conn *conn_adopt(struct conns *conns, struct bufferevent *bev, void *connection) {
    if (!make_room(conns)) {
        return NULL;
    }
    struct conn *conn = mem_zero(1, sizeof *conn);
    *conn = (struct conn){.conns = conns, .bev = bev, .connection = connection, .early = evbuffer_new()};
    keep_short(bev);
    conn->deadline = event_new(conns->base, -1, 0, on_deadline, conn);
    bufferevent_getcb(bev, &conn->their_read, &conn->their_write, NULL, NULL);
    bufferevent_setcb(bev, on_read, on_write, on_event, conn);
    bufferevent_setwatermark(bev, EV_READ, 0, INPUT_BYTES_MAX);
    conn->progress = evbuffer_add_cb(bufferevent_get_output(bev), on_progress, conn);
    TAILQ_INSERT_TAIL(&conns->list, conn, link);
    conns->count++;
    arm(conn, CONN_HEAD_MS);
    return conn;
}

void conn_forget(struct conn *conn) {
    if (conn->gone != NULL) {
        *conn->gone = true;
    }
    if (conn->ticket != NULL) {
        *conn->ticket = NULL;
    }
    TAILQ_REMOVE(&conn->conns->list, conn, link);
    conn->conns->count--;
    evbuffer_remove_cb_entry(bufferevent_get_output(conn->bev), conn->progress);
    event_free(conn->deadline);
    evbuffer_free(conn->early);
    free(conn);
}

struct conn *conn_of(struct bufferevent *bev) {
    void *arg;
    bufferevent_getcb(bev, NULL, NULL, NULL, &arg);
    return arg;
}

void conn_set_ticket(struct conn *conn, void **ticket) {
    conn->ticket = ticket;
}
