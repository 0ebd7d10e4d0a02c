#include "feed.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "feed_parts.h"

#define TICK_MS 250
#define POLL_MS 2000  // the hash and the streams are read again at least this often

static void on_lost(struct feed_link *link, const char *error) {
    struct feed *feed = link->arg;
    if (link == &feed->reader) {
        feed->loading = feed->loaded = feed->reading_state = feed->reading_streams = false;
    } else {
        feed->subscribed = false;
    }
    if (!feed->said_lost) {
        feed->said_lost = true;
        LOG_WARN(MSG_FEED_LOST, KV("error", error));
    }
    feed_update_connected(feed);
}

// ---- the subscribed connection: hints to read

static void on_message(redisAsyncContext *context, void *data, void *arg) {
    (void)context;
    struct feed_link *link = arg;
    struct feed *feed = link->arg;
    const redisReply *reply = data;
    if (!feed_link_heard(link, reply) || reply->type != REDIS_REPLY_ARRAY || reply->elements < 3 ||
        reply->element[0]->str == NULL || reply->element[1]->str == NULL) {
        return;
    }
    if (text_equal(reply->element[0]->str, "subscribe")) {
        link->asked_ms = 0;
        if (text_equal(reply->element[1]->str, feed->keys.channels[STORE_STATE])) {
            feed->subscribed = true;
            backoff_reset(&link->backoff);
            feed_update_connected(feed);
        }
    } else if (text_equal(reply->element[1]->str, feed->keys.channels[STORE_STATE])) {
        feed_read_state(feed);
    } else {
        feed_read_streams(feed);
    }
}

static void on_subscriber_up(struct feed_link *link, const char *error) {
    (void)error;
    struct feed *feed = link->arg;
    FEED_ASK(link, on_message, NULL, "SUBSCRIBE", feed->keys.channels[STORE_EVENTS], feed->keys.channels[STORE_STATE]);
}

static void on_pong(redisAsyncContext *context, void *data, void *arg) {
    (void)context;
    feed_link_heard(arg, data);
}

// ---- the reading connection

static void on_reader_up(struct feed_link *link, const char *error) {
    (void)error;
    feed_load(link->arg);
}

// ---- publishing

struct publication {
    struct feed_link *link;
    feed_published_fn *done;
    void *arg;
};

static void on_published(redisAsyncContext *context, void *data, void *arg) {
    (void)context;
    struct publication *publication = arg;
    const redisReply *reply = data;
    int receivers = FEED_UNANSWERED;
    if (feed_link_heard(publication->link, reply)) {
        receivers = reply->type == REDIS_REPLY_INTEGER ? (int)reply->integer : FEED_NOT_SENT;
    }
    publication->done(publication->arg, receivers);
    free(publication);
}

void feed_publish(struct feed *feed, const char *message, feed_published_fn *done, void *arg) {
    struct publication *publication = mem_zero(1, sizeof *publication);
    *publication = (struct publication){.link = &feed->reader, .done = done, .arg = arg};
    // A link over which Redis has answered nothing yet may lead to one that is frozen.
    if (!feed->reader.up || !feed->loaded ||
        !FEED_ASK(&feed->reader, on_published, publication, "PUBLISH", feed->keys.channels[STORE_COMMANDS], message)) {
        free(publication);
        done(arg, FEED_NOT_SENT);
    }
}

// ---- the whole

static void on_tick(evutil_socket_t fd, short events, void *arg) {
    (void)fd;
    (void)events;
    struct feed *feed = arg;
    feed_link_tick(&feed->reader);
    feed_link_tick(&feed->subscriber);
    if (feed->reader.up && !feed->loaded && !feed->loading) {
        feed_load(feed);
    }
    if (clock_mono_ms() - feed->polled_ms < POLL_MS) {
        return;
    }
    feed->polled_ms = clock_mono_ms();
    feed_read_state(feed);
    feed_read_streams(feed);
    if (feed->subscribed) {
        FEED_ASK(&feed->subscriber, on_pong, NULL, "PING");  // a dead one shows in no other way
    }
}

static struct feed_link make_link(struct feed *feed, struct event_base *base, feed_link_fn *on_up) {
    return (struct feed_link){.base = base,
                              .dns = feed->dns,
                              .settings = feed->settings,
                              .on_up = on_up,
                              .on_lost = on_lost,
                              .arg = feed,
                              .backoff = {.first_ms = 100, .most_ms = 3000}};
}

struct feed *feed_open(struct event_base *base, const struct settings *settings, struct snapshot *snapshot) {
    struct feed *feed = mem_zero(1, sizeof *feed);
    feed->settings = settings;
    feed->snapshot = snapshot;
    feed->keys = keys_of(settings->cluster);
    feed->streams[FEED_HISTORY] = feed->keys.history;
    feed->streams[FEED_LOG_WATCHER] = feed->keys.log[SERVICE_WATCHER];
    feed->streams[FEED_LOG_RESYNC] = feed->keys.log[SERVICE_RESYNC];
    feed->dns = evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    feed->reader = make_link(feed, base, on_reader_up);
    feed->subscriber = make_link(feed, base, on_subscriber_up);
    feed->tick = event_new(base, -1, EV_PERSIST, on_tick, feed);
    event_add(feed->tick, &(struct timeval){.tv_usec = TICK_MS * 1000});
    event_active(feed->tick, EV_TIMEOUT, 0);
    return feed;
}

void feed_listen(struct feed *feed, const struct feed_listener *listener) {
    feed->listener = *listener;
}

void feed_close(struct feed *feed) {
    if (feed == NULL) {
        return;
    }
    feed_link_end(&feed->reader);
    feed_link_end(&feed->subscriber);
    if (feed->dns != NULL) {
        evdns_base_free(feed->dns, 0);
    }
    event_free(feed->tick);
    state_done(&feed->read);
    free(feed);
}
