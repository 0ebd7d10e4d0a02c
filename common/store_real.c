#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "store_parts.h"
#include "text.h"

#define HISTORY_MOST "10000"
#define LOG_MOST "1000"

struct store *store_open(const struct settings *settings, enum service service) {
    struct store *store = mem_zero(1, sizeof(*store));
    store->link = store_link_new(&(struct store_login){.host = settings->redis_host,
                                                       .port = settings->redis_port,
                                                       .user = settings->redis_user,
                                                       .password = settings->redis_password});
    store->keys = keys_of(settings->cluster);
    store->service = service;
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

bool store_begin(struct store *store, int64_t *ret_until_ms, struct err *err) {
    *ret_until_ms = clock_mono_ms() + CALL_MS;
    store_link_shed(store->link);
    return store_link_ready(store->link, *ret_until_ms, err);
}

bool store_accepted(struct store *store, const char *command, int64_t until_ms, struct redisReply **ret,
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

bool store_ask(struct store *store, const char *const *words, int64_t until_ms, struct redisReply **ret,
                struct err *err) {
    store_link_say(store->link, words);
    return store_accepted(store, words[0], until_ms, ret, err);
}

bool store_transact(struct store *store, const char *const *names, size_t count, int64_t until_ms,
                     struct redisReply **ret, struct err *err) {
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
        for (size_t j = 0; good && reply->type == REDIS_REPLY_ARRAY && j < reply->elements; j++)
            if (reply->element[j]->type == REDIS_REPLY_ERROR)
                good = store_link_refused(store->link, names[j < count ? j : count - 1], reply->element[j]->str, err);
        bool whole = reply->type == REDIS_REPLY_NIL || (reply->type == REDIS_REPLY_ARRAY && reply->elements == count);
        if (good && !whole)
            good = err_set(err, ERR_INVALID, 0, "Redis answered EXEC with something else than %zu answers", count);
        if (good && ret)
            *ret = TAKE(reply);
    }
    return good;
}

// For a transaction that watches nothing: its answers are there.
static bool not_undone(const struct redisReply *done, struct err *err) {
    return done->type == REDIS_REPLY_ARRAY || err_set(err, ERR_CONFLICT, 0, "Redis undid a transaction");
}

typedef bool decode_fn(struct cluster_state *state, const char *name, const char *value, struct err *err);

// The fields of HGETALL's reply; how many cannot be decoded.
static unsigned take_fields(const struct redisReply *reply, decode_fn *decode, struct cluster_state *state) {
    unsigned skipped = 0;
    for (size_t i = 0; i + 1 < reply->elements; i += 2)
        if (!decode(state, reply->element[i]->str, reply->element[i + 1]->str, NULL))
            skipped++;
    return skipped;
}

// Both hashes as of one moment: two arrays.
static bool read_both(struct store *store, int64_t until_ms, struct redisReply **ret, struct err *err) {
    store_link_say(store->link, (const char *[]){"MULTI", NULL});
    store_link_say(store->link, (const char *[]){"HGETALL", store->keys.state, NULL});
    store_link_say(store->link, (const char *[]){"HGETALL", store->keys.jobs, NULL});
    store_link_say(store->link, (const char *[]){"EXEC", NULL});
    return store_transact(store, (const char *const[]){"HGETALL", "HGETALL"}, 2, until_ms, ret, err) && not_undone(*ret, err);
}

bool store_read(struct store *store, struct cluster_state *ret, unsigned *ret_skipped, struct err *err) {
    int64_t until_ms;
    AUTO_REPLY struct redisReply *both = NULL;
    if (!store_begin(store, &until_ms, err) || !read_both(store, until_ms, &both, err))
        return false;
    struct cluster_state state = {0};
    unsigned skipped = take_fields(both->element[0], state_decode, &state) +
                       take_fields(both->element[1], state_decode_job, &state);
    *ret = state;
    if (ret_skipped)
        *ret_skipped = skipped;
    return true;
}

static void say_hset(struct store *store, const char *key, const struct state_field *fields, size_t count) {
    const char **words = mem_zero(2 * count + 3, sizeof(*words));
    words[0] = "HSET";
    words[1] = key;
    for (size_t i = 0; i < count; i++) {
        words[2 + 2 * i] = fields[i].name;
        words[3 + 2 * i] = fields[i].value;
    }
    store_link_say(store->link, words);
    free(words);
}

static void say_changed(struct store *store) {
    store_link_say(store->link, (const char *[]){"PUBLISH", store->keys.channels[STORE_STATE], "changed", NULL});
}

static bool write_fields(struct store *store, const char *key, const struct state_field *fields, size_t count,
                         struct err *err) {
    int64_t until_ms;
    if (!store_begin(store, &until_ms, err))
        return false;
    store_link_say(store->link, (const char *[]){"MULTI", NULL});
    say_hset(store, key, fields, count);
    say_changed(store);
    store_link_say(store->link, (const char *[]){"EXEC", NULL});
    return store_transact(store, (const char *const[]){"HSET", "PUBLISH"}, 2, until_ms, NULL, err);
}

bool store_write(struct store *store, const struct state_field *fields, size_t count, struct err *err) {
    return write_fields(store, store->keys.state, fields, count, err);
}

bool store_write_jobs(struct store *store, const struct state_field *fields, size_t count, struct err *err) {
    return write_fields(store, store->keys.jobs, fields, count, err);
}

bool store_replace(struct store *store, const struct state_field *fields, size_t count, struct state_field **ret,
                   struct err *err) {
    int64_t until_ms;
    AUTO_REPLY struct redisReply *done = NULL;
    if (!store_begin(store, &until_ms, err))
        return false;
    const char **words = mem_zero(count + 3, sizeof(*words));
    words[0] = "HMGET";
    words[1] = store->keys.state;
    for (size_t i = 0; i < count; i++)
        words[2 + i] = fields[i].name;
    store_link_say(store->link, (const char *[]){"MULTI", NULL});
    store_link_say(store->link, words);
    free(words);
    say_hset(store, store->keys.state, fields, count);
    say_changed(store);
    store_link_say(store->link, (const char *[]){"EXEC", NULL});
    if (!store_transact(store, (const char *const[]){"HMGET", "HSET", "PUBLISH"}, 3, until_ms, &done, err) ||
        !not_undone(done, err))
        return false;
    struct state_field *had = mem_zero(count, sizeof(*had));
    const struct redisReply *values = done->element[0];
    for (size_t i = 0; i < count; i++) {
        text_copy(had[i].name, sizeof(had[i].name), fields[i].name);
        bool known = i < values->elements && values->element[i]->type == REDIS_REPLY_STRING;
        had[i].value = known ? mem_text(values->element[i]->str) : NULL;
    }
    *ret = had;
    return true;
}

static bool holds(const struct redisReply *hash, const char *name) {
    for (size_t i = 0; i + 1 < hash->elements; i += 2)
        if (text_equal(hash->element[i]->str, name))
            return true;
    return false;
}

// Queues the transaction that moves what was found in *state. How many commands it has besides MULTI and EXEC.
static size_t say_moves(struct store *store, const struct redisReply *state, const struct redisReply *jobs) {
    size_t count = 0;
    store_link_say(store->link, (const char *[]){"MULTI", NULL});
    for (size_t i = 0; i + 1 < state->elements; i += 2) {
        const char *name = state->element[i]->str, *value = state->element[i + 1]->str;
        if (!state_names_job(name))
            continue;
        if (!holds(jobs, name)) {
            store_link_say(store->link, (const char *[]){"HSET", store->keys.jobs, name, value, NULL});
            count++;
        }
        store_link_say(store->link, (const char *[]){"HDEL", store->keys.state, name, NULL});
        count++;
    }
    store_link_say(store->link, (const char *[]){"EXEC", NULL});
    return count;
}

bool store_move_jobs(struct store *store, unsigned *ret_moved, struct err *err) {
    int64_t until_ms;
    AUTO_REPLY struct redisReply *state = NULL, *jobs = NULL, *done = NULL;
    unsigned moved = 0;
    // Nobody may write either hash between the look and the move; where somebody did, the next call moves.
    if (!store_begin(store, &until_ms, err) ||
        !store_ask(store, (const char *[]){"WATCH", store->keys.state, store->keys.jobs, NULL}, until_ms, NULL, err) ||
        !store_ask(store, (const char *[]){"HGETALL", store->keys.state, NULL}, until_ms, &state, err) ||
        !store_ask(store, (const char *[]){"HGETALL", store->keys.jobs, NULL}, until_ms, &jobs, err)) {
        store_link_drop(store->link);
        return false;
    }
    for (size_t i = 0; i + 1 < state->elements; i += 2)
        moved += state_names_job(state->element[i]->str);
    if (moved == 0) {
        *ret_moved = 0;
        return store_ask(store, (const char *[]){"UNWATCH", NULL}, until_ms, NULL, err);
    }
    size_t count = say_moves(store, state, jobs);
    const char **names = mem_zero(count, sizeof(*names));
    for (size_t i = 0; i < count; i++)
        names[i] = "HSET or HDEL";
    bool ok = store_transact(store, names, count, until_ms, &done, err);
    free(names);
    if (ok)
        *ret_moved = done->type == REDIS_REPLY_NIL ? 0 : moved;
    return ok;
}

bool store_forget(struct store *store, const char *const *names, size_t count, struct err *err) {
    int64_t until_ms;
    if (!store_begin(store, &until_ms, err))
        return false;
    const char **words = mem_zero(count + 3, sizeof(*words));
    words[0] = "HDEL";
    words[1] = store->keys.state;
    memcpy(words + 2, names, count * sizeof(*words));
    bool ok = store_ask(store, words, until_ms, NULL, err);
    words[1] = store->keys.jobs;
    ok = ok && store_ask(store, words, until_ms, NULL, err);
    free(words);
    return ok;
}

bool store_event(struct store *store, struct event_record *event, struct err *err) {
    int64_t until_ms;
    AUTO_REPLY struct redisReply *seq = NULL;
    if (!store_begin(store, &until_ms, err) || !store_ask(store, (const char *[]){"INCR", store->keys.seq, NULL}, until_ms, &seq, err))
        return false;
    event->seq = seq->integer;
    AUTO_TEXT char *json = event_encode(event);
    store_link_say(store->link, (const char *[]){"MULTI", NULL});
    store_link_say(store->link,
                   (const char *[]){"XADD", store->keys.history, "MAXLEN", "~", HISTORY_MOST, "*", "event", json, NULL});
    store_link_say(store->link, (const char *[]){"PUBLISH", store->keys.channels[STORE_EVENTS], json, NULL});
    store_link_say(store->link, (const char *[]){"EXEC", NULL});
    return store_transact(store, (const char *const[]){"XADD", "PUBLISH"}, 2, until_ms, NULL, err);
}

bool store_publish(struct store *store, enum store_channel channel, const char *message, struct err *err) {
    int64_t until_ms;
    return store_begin(store, &until_ms, err) &&
           store_ask(store, (const char *[]){"PUBLISH", store->keys.channels[channel], message, NULL}, until_ms, NULL, err);
}

bool store_log(struct store *store, const char *line, struct err *err) {
    int64_t until_ms;
    return store_begin(store, &until_ms, err) &&
           store_ask(store, (const char *[]){"XADD", store->keys.log[store->service], "MAXLEN", "~", LOG_MOST, "*", "line", line, NULL}, until_ms,
               NULL, err);
}

