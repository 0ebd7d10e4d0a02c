// What comes from Redis: keeps the snapshot true. Two connections on the loop, one subscribed to …:events and …:state,
// one for reading and publishing. A message is only a hint to read; the hash and the history stream are the truth.
// Comes back by itself. Loop's thread.
#pragma once
#include "common/settings.h"
#include "snapshot.h"

struct event_base;
struct feed;

// Told after the snapshot has changed.
struct feed_listener {
    void (*state)(void *arg);
    void (*history)(void *arg);  // read for the first time; what is in it is not told one by one
    void (*event)(void *arg, const struct event_record *event);  // also what was appended while Redis was away
    void (*line)(void *arg, enum service service, const char *line);
    void *arg;
};

struct feed *feed_open(struct event_base *base, const struct settings *settings, struct snapshot *snapshot);
void feed_listen(struct feed *feed, const struct feed_listener *listener);
void feed_close(struct feed *feed);  // NULL is fine

// Publishes on …:commands and tells how many received it, or one of these; within 3 s, perhaps at once.
enum {
    FEED_NOT_SENT = -1,    // Redis is away, or refused it: nobody will ever receive it
    FEED_UNANSWERED = -2,  // sent, and then the link was lost: Redis may pass it on, now or later
};
typedef void feed_published_fn(void *arg, int receivers);
void feed_publish(struct feed *feed, const char *message, feed_published_fn *done, void *arg);
