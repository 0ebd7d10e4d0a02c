// What the feed*.c files share. Private to them. feed.c holds the connections, feed_load.c the first reading,
// feed_read.c every later one.
#pragma once
#include "common/keys.h"
#include "feed.h"
#include "feed_link.h"
#include "feed_reply.h"

struct feed {
    const struct settings *settings;
    struct snapshot *snapshot;
    struct feed_listener listener;
    struct evdns_base *dns;
    struct event *tick;
    struct feed_link reader, subscriber;
    bool subscribed;
    bool loading, loaded;  // the first reading since the reader connected
    bool reading_state, read_state_again;
    bool reading_streams, read_streams_again;
    bool said_lost;
    unsigned skipped;
    int64_t polled_ms;
    struct keys keys;
    const char *streams[FEED_STREAMS];  // their keys
    struct cluster_state read;          // the state hash's half, until the jobs hash's has come, too
    unsigned read_skipped;
    char last_id[FEED_STREAMS][48];
};

// The first reading after a connect, and again when Redis has lost its history: the newest part of each stream.
void feed_load(struct feed *feed);

// One reading at a time; asked for meanwhile, it is done again.
void feed_read_state(struct feed *feed);
void feed_read_streams(struct feed *feed);
void feed_update_connected(struct feed *feed);

// A feed_entry_fn for an entry of any of the three streams; arg is the feed.
void feed_take_entry(void *arg, enum feed_stream stream, const char *id, const char *value, size_t length_bytes,
                     bool tell);
