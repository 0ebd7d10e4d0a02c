// The first reading: the newest part of each stream, and far enough back for the last failovers.
#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "common/mem.h"
#include "common/text.h"
#include "feed_parts.h"

#define HISTORY_COUNT_TEXT "500"
#define LINES_COUNT_TEXT "100"

// The reply if it is the array that was asked for. An error ends the connection: half of a first reading is no use.
static const redisReply *array_of(struct feed_link *link, const redisReply *reply) {
    if (reply == NULL || !feed_link_heard(link, reply)) {
        return NULL;
    }
    if (reply->type != REDIS_REPLY_ARRAY) {
        feed_link_drop(link, reply->type == REDIS_REPLY_ERROR ? reply->str : "an answer of the wrong kind");
        return NULL;
    }
    return reply;
}

struct older {
    struct feed *feed;
    char oldest[48];
};

static void take_older(void *arg, enum feed_stream stream, const char *id, const char *value, size_t length,
                       bool tell) {
    (void)stream;
    (void)tell;
    struct older *older = arg;
    struct event_record event;
    if (event_decode(value, length, &event, NULL)) {
        snapshot_take_older(older->feed->snapshot, &event);
    }
    text_copy(older->oldest, sizeof older->oldest, id);
}

static void ask_older(struct feed *feed, const char *oldest);

// Pages back through the history until there are enough milestones to show.
static void on_older(redisAsyncContext *context, void *data, void *arg) {
    (void)context;
    struct feed_link *link = arg;
    struct feed *feed = link->arg;
    const redisReply *reply = array_of(link, data);
    if (reply == NULL) {
        return;
    }
    struct older older = {.feed = feed};
    feed_reply_entries(reply, FEED_HISTORY, false, false, take_older, &older);
    if (reply->elements > 0 && feed->snapshot->milestones.count < SNAPSHOT_MILESTONES / 2) {
        ask_older(feed, older.oldest);
    }
}

static void ask_older(struct feed *feed, const char *oldest) {
    AUTO_TEXT char *before = mem_format("(%s", oldest);
    FEED_ASK(&feed->reader, on_older, NULL, "XREVRANGE", feed->streams[FEED_HISTORY], before, "-", "COUNT",
             HISTORY_COUNT_TEXT);
}

static void load_stream(struct feed *feed, enum feed_stream stream, const redisReply *reply) {
    text_copy(feed->last_id[stream], sizeof feed->last_id[stream], "0");
    feed_reply_entries(reply, stream, true, false, feed_take_entry, feed);
}

static void on_history(redisAsyncContext *context, void *data, void *arg) {
    (void)context;
    struct feed_link *link = arg;
    struct feed *feed = link->arg;
    const redisReply *reply = array_of(link, data);
    if (reply == NULL) {
        return;
    }
    bool first = !feed->snapshot->loaded;
    snapshot_forget_events(feed->snapshot);
    load_stream(feed, FEED_HISTORY, reply);
    snapshot_history_loaded(feed->snapshot);
    if (first && feed->listener.history != NULL) {
        feed->listener.history(feed->listener.arg);
    }
    if (reply->elements > 0) {
        const redisReply *oldest = reply->element[reply->elements - 1];
        if (oldest->elements == 2 && feed->snapshot->milestones.count < SNAPSHOT_MILESTONES / 2) {
            ask_older(feed, oldest->element[0]->str);
        }
    }
}

static void on_log_watcher(redisAsyncContext *context, void *data, void *arg) {
    (void)context;
    struct feed_link *link = arg;
    struct feed *feed = link->arg;
    const redisReply *reply = array_of(link, data);
    if (reply != NULL) {
        snapshot_forget_lines(feed->snapshot);
        load_stream(feed, FEED_LOG_WATCHER, reply);
    }
}

// The last of the first reading: answers come in order, so the history and the other log are in.
static void on_log_resync(redisAsyncContext *context, void *data, void *arg) {
    (void)context;
    struct feed_link *link = arg;
    struct feed *feed = link->arg;
    const redisReply *reply = array_of(link, data);
    if (reply != NULL) {
        load_stream(feed, FEED_LOG_RESYNC, reply);
        feed->loading = false;
        feed->loaded = true;
        feed_update_connected(feed);
        feed_read_streams(feed);
    }
}

void feed_load(struct feed *feed) {
    struct feed_link *link = &feed->reader;
    feed->loading = true;
    feed_read_state(feed);
    FEED_ASK(link, on_history, NULL, "XREVRANGE", feed->streams[FEED_HISTORY], "+", "-", "COUNT", HISTORY_COUNT_TEXT);
    FEED_ASK(link, on_log_watcher, NULL, "XREVRANGE", feed->streams[FEED_LOG_WATCHER], "+", "-", "COUNT",
             LINES_COUNT_TEXT);
    FEED_ASK(link, on_log_resync, NULL, "XREVRANGE", feed->streams[FEED_LOG_RESYNC], "+", "-", "COUNT",
             LINES_COUNT_TEXT);
}
