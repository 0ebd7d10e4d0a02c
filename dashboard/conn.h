// The connections of the HTTP server: stands between the socket and libevhtp, which only sees whole requests that
// gate.c has passed, one at a time. Absolute deadlines, a cap on connections, refusals as problem JSON. Loop's thread.
#pragma once
#include <stdbool.h>

#include "common/messages.h"

struct bufferevent;
struct event_base;
struct conn;
struct conns;

#define CONNS_MAX 128
#define CONN_HEAD_MS 5000         // from the first byte of a request to the end of its headers
#define CONN_BODY_MS 10000        // from there to the end of its body
#define CONN_IDLE_MS 30000        // without a request
#define CONN_ANSWER_MS 30000      // until an answer is sent, or the next CONN_ANSWER_BYTES of it: who reads slower
#define CONN_ANSWER_BYTES 262144  // than this is cut off, and a long download by one who reads is not

// How the HTTP library is asked about the connection behind a conn.
struct conn_owner {
    bool (*answered)(void *connection);  // the last request is answered and flushed
    void (*close)(void *connection);     // frees the connection; calls conn_forget()
};

struct conns *conns_new(struct event_base *base, const struct conn_owner *owner, enum lang lang);
void conns_free(struct conns *conns);  // closes all. NULL is fine

// Puts itself before the callbacks that bev has. NULL if there is no room: all wait for the answer to a command.
struct conn *conn_adopt(struct conns *conns, struct bufferevent *bev, void *connection);
void conn_forget(struct conn *conn);  // the connection is going or handed on; bev is left to others

struct conn *conn_of(struct bufferevent *bev);
void conn_set_ticket(struct conn *conn, void **ticket);  // *ticket becomes NULL when the connection goes. NULL clears
