// Messages of channels: a connection that is subscribed, and asked whether it lives when it is quiet.
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "store_parts.h"
#include "text.h"

#define PING_AFTER_MS 2000  // a subscribed connection that is quiet this long is asked
#define PONG_WITHIN_MS 2000

static bool subscribe(struct store *store, const enum store_channel *channels, size_t count, int64_t until_ms,
                      struct err *err) {
    const char *words[STORE_CHANNEL_COUNT + 2] = {"SUBSCRIBE"};
    for (size_t i = 0; i < count && i < STORE_CHANNEL_COUNT; i++)
        words[1 + i] = store->keys.channels[channels[i]];
    store_link_say(store->link, words);
    for (size_t i = 0; i < count; i++)
        if (!store_accepted(store, "SUBSCRIBE", until_ms, NULL, err)) {
            store_link_drop(store->link);
            return false;
        }
    store->heard_ms = clock_mono_ms();
    store->asked_ms = 0;
    store->subscribed = true;
    return true;
}

// Connects and subscribes, waiting for the backoff but not beyond until_ms.
static bool listen_ready(struct store *store, const enum store_channel *channels, size_t count, int64_t until_ms,
                         struct err *err) {
    int64_t pause_ms = store_link_retry_ms(store->link) - clock_mono_ms();
    int64_t left_ms = until_ms - clock_mono_ms();
    store->subscribed = false;
    if (pause_ms > left_ms)
        pause_ms = left_ms;
    if (pause_ms > 0)
        poll(NULL, 0, (int)pause_ms);
    // A caller that waits for nothing still gets a real attempt.
    int64_t attempt_ms = clock_mono_ms() + CALL_MS;
    if (left_ms > 100 && until_ms < attempt_ms)
        attempt_ms = until_ms;
    return store_link_ready(store->link, attempt_ms, err) && subscribe(store, channels, count, attempt_ms, err);
}

// Which channel a pub/sub reply came on; false for a pong or anything else that is no message.
static bool message_of(const struct store *store, const struct redisReply *reply, enum store_channel *ret_channel) {
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 || !text_equal(reply->element[0]->str, "message"))
        return false;
    for (int i = 0; i < STORE_CHANNEL_COUNT; i++)
        if (text_equal(reply->element[1]->str, store->keys.channels[i])) {
            *ret_channel = (enum store_channel)i;
            return true;
        }
    return false;
}

// Keeps a quiet subscription honest: asks, and gives up on a peer that does not answer. Returns when to look again.
static int64_t listen_check(struct store *store, struct err *err) {
    int64_t now_ms = clock_mono_ms();
    if (store->asked_ms && now_ms - store->asked_ms >= PONG_WITHIN_MS) {
        store_link_drop(store->link);
        err_set(err, ERR_TIMEOUT, 0, "Redis: the subscription is silent, PING was not answered");
        return -1;
    }
    if (!store->asked_ms && now_ms - store->heard_ms >= PING_AFTER_MS) {
        store_link_say(store->link, (const char *[]){"PING", NULL});
        store->asked_ms = now_ms;
    }
    return store->asked_ms ? store->asked_ms + PONG_WITHIN_MS : store->heard_ms + PING_AFTER_MS;
}

bool store_listen(struct store *store, const enum store_channel *channels, size_t channel_count, int64_t timeout_ms,
                  enum store_channel *ret_channel, char **ret_bytes, size_t *ret_length, struct err *err) {
    int64_t until_ms = clock_mono_ms() + timeout_ms;
    *ret_bytes = NULL;
    *ret_length = 0;
    if (!store_link_up(store->link) || !store->subscribed)
        return listen_ready(store, channels, channel_count, until_ms, err);
    for (;;) {
        AUTO_REPLY struct redisReply *reply = NULL;
        // What has arrived is read before silence is judged: the caller may have been away for long.
        if (!store_link_next(store->link, clock_mono_ms(), &reply, err))
            return false;
        if (!reply) {
            int64_t look_ms = listen_check(store, err);
            if (look_ms < 0)
                return false;
            if (!store_link_next(store->link, look_ms < until_ms ? look_ms : until_ms, &reply, err))
                return false;
        }
        if (reply) {
            store->heard_ms = clock_mono_ms();
            store->asked_ms = 0;
            if (message_of(store, reply, ret_channel)) {
                *ret_length = reply->element[2]->len;
                *ret_bytes = mem_zero(*ret_length + 1, 1);
                memcpy(*ret_bytes, reply->element[2]->str, *ret_length);
                return true;
            }
        }
        if (clock_mono_ms() >= until_ms)
            return true;
    }
}
