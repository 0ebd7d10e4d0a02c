#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "store_link.h"
#include "store_port.h"
#include "text.h"

#define CALL_MS 1000  // deadline of one call, connecting included
#define HISTORY_MOST "10000"
#define LOG_MOST "1000"
#define PING_AFTER_MS 2000  // a subscribed connection that is quiet this long is asked
#define PONG_WITHIN_MS 2000
#define RIVAL_MARK_MS "10000"   // it is written again each second
#define HANDED_OVER_MS "10000"  // whoever waits asks each second
#define KEY_SIZE 96

struct store {
    struct store_link *link;
    char hash[KEY_SIZE], seq[KEY_SIZE], history[KEY_SIZE], log[KEY_SIZE];
    char lease[KEY_SIZE], renewals[KEY_SIZE], rival[KEY_SIZE];
    char channels[STORE_CHANNEL_COUNT][KEY_SIZE];
    bool subscribed;             // on the present connection
    int64_t heard_ms, asked_ms;  // monotonic: last byte on a subscribed connection; PING sent, 0 if none is open
};

struct store *store_open(const struct settings *settings, enum service service) {
    static const char *const parts[STORE_CHANNEL_COUNT] = {
        [STORE_COMMANDS] = "commands", [STORE_JOBS] = "jobs", [STORE_EVENTS] = "events", [STORE_STATE] = "state"};
    struct store *store = mem_zero(1, sizeof(*store));
    store->link = store_link_new(&(struct store_login){.host = settings->redis_host,
                                                       .port = settings->redis_port,
                                                       .user = settings->redis_user,
                                                       .password = settings->redis_password});
    const char *cluster = settings->cluster;
    text_format(store->hash, KEY_SIZE, "relevo:%s", cluster);
    text_format(store->seq, KEY_SIZE, "relevo:%s:seq", cluster);
    text_format(store->history, KEY_SIZE, "relevo:%s:history", cluster);
    text_format(store->log, KEY_SIZE, "relevo:%s:log:%s", cluster, service_name(service));
    text_format(store->lease, KEY_SIZE, "relevo:%s:lease", cluster);
    text_format(store->renewals, KEY_SIZE, "relevo:%s:lease:renewals", cluster);
    text_format(store->rival, KEY_SIZE, "relevo:%s:rival", cluster);
    for (int i = 0; i < STORE_CHANNEL_COUNT; i++)
        text_format(store->channels[i], KEY_SIZE, "relevo:%s:%s", cluster, parts[i]);
    return store;
}

void store_close(struct store *store) {
    if (!store)
        return;
    store_link_free(store->link);
    free(store);
}

unsigned store_generation(const struct store *store) {
    return store_link_generation(store->link);
}

// The begin of every call but store_listen: a connection that answers, or why there is none.
static bool begin(struct store *store, int64_t *ret_until_ms, struct err *err) {
    *ret_until_ms = clock_mono_ms() + CALL_MS;
    store_link_shed(store->link);
    return store_link_ready(store->link, *ret_until_ms, err);
}

// One reply that is no error.
static bool accepted(struct store *store, const char *command, int64_t until_ms, struct redisReply **ret,
                     struct err *err) {
    AUTO_REPLY struct redisReply *reply = NULL;
    if (!store_link_reply(store->link, until_ms, &reply, err))
        return false;
    if (reply->type == REDIS_REPLY_ERROR)
        return store_link_refused(store->link, command, reply->str, err);
    if (ret)
        *ret = TAKE(reply);
    return true;
}

static bool ask(struct store *store, const char *const *words, int64_t until_ms, struct redisReply **ret,
                struct err *err) {
    store_link_say(store->link, words);
    return accepted(store, words[0], until_ms, ret, err);
}

// The replies of MULTI, the count queued commands named in names, and EXEC. The first refusal is the one reported; all
// replies are read, so that the connection stays in step. *ret_done (may be NULL): false if a WATCH undid it.
static bool transact(struct store *store, const char *const *names, size_t count, int64_t until_ms, bool *ret_done,
                     struct err *err) {
    bool good = true;
    for (size_t i = 0; i < count + 2; i++) {
        AUTO_REPLY struct redisReply *reply = NULL;
        if (!store_link_reply(store->link, until_ms, &reply, good ? err : NULL))
            return false;
        const char *name = i == 0 ? "MULTI" : i <= count ? names[i - 1] : "EXEC";
        if (good && reply->type == REDIS_REPLY_ERROR)
            good = store_link_refused(store->link, name, reply->str, err);
        if (i < count + 1)
            continue;
        if (ret_done)
            *ret_done = reply->type != REDIS_REPLY_NIL;
        for (size_t j = 0; good && reply->type == REDIS_REPLY_ARRAY && j < reply->elements; j++)
            if (reply->element[j]->type == REDIS_REPLY_ERROR)
                good = store_link_refused(store->link, names[j < count ? j : count - 1], reply->element[j]->str, err);
    }
    return good;
}

bool store_read(struct store *store, struct cluster_state *ret, unsigned *ret_skipped, struct err *err) {
    int64_t until_ms;
    AUTO_REPLY struct redisReply *reply = NULL;
    if (!begin(store, &until_ms, err) ||
        !ask(store, (const char *[]){"HGETALL", store->hash, NULL}, until_ms, &reply, err))
        return false;
    struct cluster_state state = {0};
    unsigned skipped = 0;
    for (size_t i = 0; i + 1 < reply->elements; i += 2)
        if (!state_decode(&state, reply->element[i]->str, reply->element[i + 1]->str, NULL))
            skipped++;
    *ret = state;
    if (ret_skipped)
        *ret_skipped = skipped;
    return true;
}

bool store_write(struct store *store, const struct state_field *fields, size_t count, struct err *err) {
    int64_t until_ms;
    if (!begin(store, &until_ms, err))
        return false;
    const char **words = mem_zero(2 * count + 3, sizeof(*words));
    words[0] = "HSET";
    words[1] = store->hash;
    for (size_t i = 0; i < count; i++) {
        words[2 + 2 * i] = fields[i].name;
        words[3 + 2 * i] = fields[i].value;
    }
    store_link_say(store->link, (const char *[]){"MULTI", NULL});
    store_link_say(store->link, words);
    store_link_say(store->link, (const char *[]){"PUBLISH", store->channels[STORE_STATE], "changed", NULL});
    store_link_say(store->link, (const char *[]){"EXEC", NULL});
    free(words);
    return transact(store, (const char *const[]){"HSET", "PUBLISH"}, 2, until_ms, NULL, err);
}

bool store_forget(struct store *store, const char *const *names, size_t count, struct err *err) {
    int64_t until_ms;
    if (!begin(store, &until_ms, err))
        return false;
    const char **words = mem_zero(count + 3, sizeof(*words));
    words[0] = "HDEL";
    words[1] = store->hash;
    memcpy(words + 2, names, count * sizeof(*words));
    bool ok = ask(store, words, until_ms, NULL, err);
    free(words);
    return ok;
}

bool store_event(struct store *store, struct event_record *event, struct err *err) {
    int64_t until_ms;
    AUTO_REPLY struct redisReply *seq = NULL;
    if (!begin(store, &until_ms, err) || !ask(store, (const char *[]){"INCR", store->seq, NULL}, until_ms, &seq, err))
        return false;
    event->seq = seq->integer;
    AUTO_TEXT char *json = event_encode(event);
    store_link_say(store->link, (const char *[]){"MULTI", NULL});
    store_link_say(store->link,
                   (const char *[]){"XADD", store->history, "MAXLEN", "~", HISTORY_MOST, "*", "event", json, NULL});
    store_link_say(store->link, (const char *[]){"PUBLISH", store->channels[STORE_EVENTS], json, NULL});
    store_link_say(store->link, (const char *[]){"EXEC", NULL});
    return transact(store, (const char *const[]){"XADD", "PUBLISH"}, 2, until_ms, NULL, err);
}

bool store_publish(struct store *store, enum store_channel channel, const char *message, struct err *err) {
    int64_t until_ms;
    return begin(store, &until_ms, err) &&
           ask(store, (const char *[]){"PUBLISH", store->channels[channel], message, NULL}, until_ms, NULL, err);
}

bool store_log(struct store *store, const char *line, struct err *err) {
    int64_t until_ms;
    return begin(store, &until_ms, err) &&
           ask(store, (const char *[]){"XADD", store->log, "MAXLEN", "~", LOG_MOST, "*", "line", line, NULL}, until_ms,
               NULL, err);
}

// WATCHes the lease and reads who has it: "" for nobody, which is what a holder that gives it back leaves there.
static bool lease_watch(struct store *store, int64_t until_ms, struct lease_word *ret, struct err *err) {
    AUTO_REPLY struct redisReply *both = NULL;
    if (!ask(store, (const char *[]){"WATCH", store->lease, NULL}, until_ms, NULL, err) ||
        !ask(store, (const char *[]){"MGET", store->lease, store->renewals, NULL}, until_ms, &both, err))
        return false;
    bool pair = both->type == REDIS_REPLY_ARRAY && both->elements == 2;
    bool known = pair && both->element[0]->type == REDIS_REPLY_STRING;
    text_copy(ret->holder, sizeof(ret->holder), known ? both->element[0]->str : "");
    ret->handed_over = known && *ret->holder == '\0';
    ret->renewals = 0;
    if (pair && both->element[1]->type == REDIS_REPLY_STRING)
        (void)text_to_u64(both->element[1]->str, &ret->renewals);
    return true;
}

// Sets the watched lease. *ret_done false: somebody touched it since, nothing was done.
static bool lease_set(struct store *store, const char *id, const char *ttl, int64_t until_ms, bool *ret_done,
                      struct err *err) {
    store_link_say(store->link, (const char *[]){"MULTI", NULL});
    store_link_say(store->link, (const char *[]){"SET", store->lease, id, "PX", ttl, NULL});
    store_link_say(store->link, (const char *[]){"INCR", store->renewals, NULL});
    store_link_say(store->link, (const char *[]){"EXEC", NULL});
    return transact(store, (const char *const[]){"SET", "INCR"}, 2, until_ms, ret_done, err);
}

// A connection keeps its WATCH until EXEC or UNWATCH, and a later MULTI would be undone by it.
static bool lease_unwatch(struct store *store, int64_t until_ms, struct err *err) {
    return ask(store, (const char *[]){"UNWATCH", NULL}, until_ms, NULL, err);
}

// The lease is somebody else's: who waits for it says so.
static bool lease_queue(struct store *store, const char *id, int64_t until_ms, struct err *err) {
    return lease_unwatch(store, until_ms, err) &&
           ask(store, (const char *[]){"SET", store->rival, id, "PX", RIVAL_MARK_MS, NULL}, until_ms, NULL, err);
}

static bool lease_queued(struct store *store, const char *id, int64_t until_ms, bool *ret_rival, struct err *err) {
    AUTO_REPLY struct redisReply *name = NULL;
    if (!ask(store, (const char *[]){"GET", store->rival, NULL}, until_ms, &name, err))
        return false;
    *ret_rival = name->type == REDIS_REPLY_STRING && !text_equal(name->str, id);
    return true;
}

bool store_lease(struct store *store, const char *id, int64_t ttl_ms, struct lease_word *ret, struct err *err) {
    int64_t until_ms;
    char ttl[24];
    if (!begin(store, &until_ms, err))
        return false;
    text_format(ttl, sizeof(ttl), "%lld", (long long)ttl_ms);
    while (lease_watch(store, until_ms, ret, err)) {
        bool done = false;
        if (*ret->holder && !text_equal(ret->holder, id)) {
            ret->rival = true;
            return lease_queue(store, id, until_ms, err);
        }
        if (!lease_set(store, id, ttl, until_ms, &done, err))
            break;
        if (done) {
            text_copy(ret->holder, sizeof(ret->holder), id);
            return lease_queued(store, id, until_ms, &ret->rival, err);
        }
        *ret->holder = '\0';  // whoever that was
        if (clock_mono_ms() >= until_ms)
            return err_set(err, ERR_BUSY, 0, "the lease %s changes hands too fast", store->lease);
    }
    *ret->holder = '\0';
    // A watch that failed half-way must not undo a later transaction on this connection.
    store_link_drop(store->link);
    return false;
}

bool store_lease_release(struct store *store, const char *id, struct err *err) {
    int64_t until_ms;
    struct lease_word word = {0};
    if (!begin(store, &until_ms, err))
        return false;
    if (lease_watch(store, until_ms, &word, err)) {
        if (!text_equal(word.holder, id))
            return lease_unwatch(store, until_ms, err);
        // If it was taken over between WATCH and EXEC, it is not ours to release.
        if (lease_set(store, "", HANDED_OVER_MS, until_ms, NULL, err))
            return true;
    }
    store_link_drop(store->link);
    return false;
}

static bool subscribe(struct store *store, const enum store_channel *channels, size_t count, int64_t until_ms,
                      struct err *err) {
    const char *words[STORE_CHANNEL_COUNT + 2] = {"SUBSCRIBE"};
    for (size_t i = 0; i < count && i < STORE_CHANNEL_COUNT; i++)
        words[1 + i] = store->channels[channels[i]];
    store_link_say(store->link, words);
    for (size_t i = 0; i < count; i++)
        if (!accepted(store, "SUBSCRIBE", until_ms, NULL, err)) {
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
        if (text_equal(reply->element[1]->str, store->channels[i])) {
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
