// The reading connection: the hash and what is new in the streams, into the snapshot; the listener is told.
#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "feed_parts.h"

#define READ_COUNT 200
#define READ_COUNT_TEXT "200"

static struct moment now(void) {
    return (struct moment){.mono_ms = clock_mono_ms(), .wall_ms = clock_wall_ms()};
}

static void tell_state(struct feed *feed) {
    if (feed->listener.state != NULL) {
        feed->listener.state(feed->listener.arg);
    }
}

void feed_update_connected(struct feed *feed) {
    bool connected = feed->loaded && feed->subscribed;
    if (connected == feed->snapshot->connected) {
        return;
    }
    snapshot_connected(feed->snapshot, connected, now());
    if (connected) {
        feed->said_lost = false;
        LOG_INFO(MSG_FEED_UP, KV("redis", feed->settings->redis_host));
    }
    tell_state(feed);
}

// The answer to a reading that was under way; NULL if it is an error, which ends the connection, or none came.
static const redisReply *read_done(struct feed_link *link, const redisReply *reply, bool *reading) {
    if (!feed_link_heard(link, reply)) {
        return NULL;
    }
    *reading = false;
    if (reply->type == REDIS_REPLY_ERROR) {
        feed_link_drop(link, reply->str);
        return NULL;
    }
    return reply;
}

static void take_state(struct feed *feed) {
    snapshot_take_state(feed->snapshot, &feed->read, now());
    feed->read = (struct cluster_state){0};
    backoff_reset(&feed->reader.backoff);
    tell_state(feed);
    if (feed->read_state_again) {
        feed_read_state(feed);
    }
}

static void on_jobs(redisAsyncContext *context, void *data, void *arg) {
    (void)context;
    struct feed_link *link = arg;
    struct feed *feed = link->arg;
    const redisReply *reply = read_done(link, data, &feed->reading_state);
    if (reply == NULL) {
        return;
    }
    struct err err = {0};
    unsigned skipped = feed->read_skipped + feed_reply_jobs(reply, &feed->read, &err);
    if (skipped > feed->read_skipped && skipped != feed->skipped) {
        LOG_WARN(MSG_FEED_SKIPPED, KV("where", feed->keys.jobs), KV("error", err.text));
    }
    feed->skipped = skipped;
    take_state(feed);
}

static void on_state(redisAsyncContext *context, void *data, void *arg) {
    (void)context;
    struct feed_link *link = arg;
    struct feed *feed = link->arg;
    bool waits = false;  // for its other half
    const redisReply *reply = read_done(link, data, &waits);
    if (reply == NULL) {
        return;
    }
    struct err err = {0};
    state_done(&feed->read);
    feed->read_skipped = feed_reply_state(reply, &feed->read, &err);
    if (feed->read_skipped > 0 && feed->read_skipped != feed->skipped) {
        LOG_WARN(MSG_FEED_SKIPPED, KV("where", feed->keys.state), KV("error", err.text));
    }
}

void feed_read_state(struct feed *feed) {
    feed->read_state_again = feed->reading_state;
    if (feed->reader.up && !feed->reading_state) {
        feed->reading_state = true;
        FEED_ASK(&feed->reader, on_state, NULL, "HGETALL", feed->keys.state);
        FEED_ASK(&feed->reader, on_jobs, NULL, "HGETALL", feed->keys.jobs);
    }
}

static void take_event(struct feed *feed, const char *json, size_t length) {
    struct event_record event;
    struct err err = {0};
    if (!event_decode(json, length, &event, &err)) {
        LOG_WARN(MSG_FEED_SKIPPED, KV("where", feed->streams[FEED_HISTORY]), KV("error", err.text));
        return;
    }
    bool news = snapshot_is_news(feed->snapshot, &event);
    if (!snapshot_take_event(feed->snapshot, &event)) {
        feed->loaded = false;  // numbered anew: Redis lost its history. The next tick reads all again
        return;
    }
    if (news && feed->listener.event != NULL) {
        feed->listener.event(feed->listener.arg,
                             snapshot_event(&feed->snapshot->events, feed->snapshot->events.count - 1));
    }
}

void feed_take_entry(void *arg, enum feed_stream stream, const char *id, const char *value, size_t length, bool tell) {
    struct feed *feed = arg;
    text_copy(feed->last_id[stream], sizeof feed->last_id[stream], id);
    if (stream == FEED_HISTORY) {
        take_event(feed, value, length);
        return;
    }
    enum service service = stream == FEED_LOG_WATCHER ? SERVICE_WATCHER : SERVICE_RESYNC;
    snapshot_take_line(feed->snapshot, service, value, length);
    if (tell && feed->listener.line != NULL) {
        const struct snapshot_log *log = &feed->snapshot->logs[service];
        feed->listener.line(feed->listener.arg, service, snapshot_line(log, log->count - 1));
    }
}

static void on_streams(redisAsyncContext *context, void *data, void *arg) {
    (void)context;
    struct feed_link *link = arg;
    struct feed *feed = link->arg;
    const redisReply *reply = read_done(link, data, &feed->reading_streams);
    if (reply == NULL) {
        return;
    }
    size_t most = 0;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const redisReply *one = reply->element[i];
        for (int stream = 0; one->elements == 2 && stream < FEED_STREAMS; stream++) {
            if (text_equal(one->element[0]->str, feed->streams[stream])) {
                size_t count =
                    feed_reply_entries(one->element[1], (enum feed_stream)stream, false, true, feed_take_entry, feed);
                most = count > most ? count : most;
            }
        }
    }
    if (feed->read_streams_again || most >= READ_COUNT) {
        feed_read_streams(feed);
    }
}

void feed_read_streams(struct feed *feed) {
    feed->read_streams_again = feed->reading_streams;
    if (feed->reader.up && feed->loaded && !feed->reading_streams) {
        feed->reading_streams = true;
        FEED_ASK(&feed->reader, on_streams, NULL, "XREAD", "COUNT", READ_COUNT_TEXT, "STREAMS", feed->streams[0],
                 feed->streams[1], feed->streams[2], feed->last_id[0], feed->last_id[1], feed->last_id[2]);
    }
}
