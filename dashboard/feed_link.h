// One connection of the feed to Redis, on the loop: resolves without blocking, logs in, notices a silent death by its
// own deadline (hiredis' timeout does not watch a subscribed connection), comes back with backoff.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "common/backoff.h"
#include "common/settings.h"

struct event_base;
struct evdns_base;
struct evdns_getaddrinfo_request;
struct redisAsyncContext;
struct redisReply;

struct feed_link;
typedef void feed_link_fn(struct feed_link *link, const char *error);
typedef void feed_reply_fn(struct redisAsyncContext *context, void *reply, void *arg);

struct feed_link {
    struct event_base *base;
    struct evdns_base *dns;
    const struct settings *settings;
    feed_link_fn *on_up;    // logged in: ask now. error is NULL
    feed_link_fn *on_lost;  // or never came up
    void *arg;              // the feed

    // hiredis frees a context by itself after a failed connect and after a disconnect: it becomes NULL inside those
    // callbacks and is never freed after them.
    struct redisAsyncContext *context;
    struct evdns_getaddrinfo_request *resolving;
    bool up;
    int64_t asked_ms;  // monotonic time since when an answer is owed, 0: none is
    int64_t retry_ms;  // monotonic time of the next attempt
    struct backoff backoff;
};

void feed_link_tick(struct feed_link *link);  // several times a second: connects when it is time, drops what is dead
void feed_link_drop(struct feed_link *link, const char *error);
void feed_link_end(struct feed_link *link);  // without on_lost

// Sends a command; fn gets link as its argument, or arg if it is not NULL. Nothing happens on a lost link.
bool feed_link_ask(struct feed_link *link, feed_reply_fn *fn, void *arg, size_t count, const char **words);
#define FEED_ASK(link, fn, arg, ...)                                                           \
    feed_link_ask((link), (fn), (arg), sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), \
                  (const char *[]){__VA_ARGS__})

// Every callback calls this first. false: there is no answer, the connection is going.
bool feed_link_heard(struct feed_link *link, const struct redisReply *reply);
