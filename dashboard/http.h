// The HTTP server: libevhtp behind conn.c, answers from api.c, static files, the event stream. Loop's thread.
#pragma once
#include "common/settings.h"
#include "files.h"
#include "snapshot.h"

struct event_base;
struct feed;
struct http;
struct streams;

// What it serves from; all of it must outlive the server.
struct http_parts {
    struct event_base *base;
    const struct settings *settings;
    const struct snapshot *snapshot;
    const struct files *files;
    struct feed *feed;
};

// Listens on settings->http_host and http_port. NULL and *err if it cannot.
struct http *http_open(const struct http_parts *parts, struct err *err);
void http_close(struct http *http);               // NULL is fine
void http_tick(struct http *http);  // every few seconds: tells of wrong tokens, in the log and to the watcher
struct streams *http_streams(struct http *http);  // to tell listeners what changed
