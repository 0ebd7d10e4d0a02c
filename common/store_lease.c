// The lease of the watchers: one key that runs out, set under WATCH. No scripts.
#include <hiredis/hiredis.h>
#include <string.h>

#include "clock.h"
#include "mem.h"
#include "store_parts.h"
#include "text.h"

#define RIVAL_MARK_MS "10000"   // it is written again each second
#define HANDED_OVER_MS "10000"  // whoever waits asks each second

// WATCHes the lease and reads who has it: "" for nobody, which is what a holder that gives it back leaves there.
static bool lease_watch(struct store *store, int64_t until_ms, struct lease_word *ret, struct err *err) {
    AUTO_REPLY struct redisReply *both = NULL;
    if (!store_ask(store, (const char *[]){"WATCH", store->keys.lease, NULL}, until_ms, NULL, err) ||
        !store_ask(store, (const char *[]){"MGET", store->keys.lease, store->keys.renewals, NULL}, until_ms, &both, err))
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
    AUTO_REPLY struct redisReply *done = NULL;
    store_link_say(store->link, (const char *[]){"MULTI", NULL});
    store_link_say(store->link, (const char *[]){"SET", store->keys.lease, id, "PX", ttl, NULL});
    store_link_say(store->link, (const char *[]){"INCR", store->keys.renewals, NULL});
    store_link_say(store->link, (const char *[]){"EXEC", NULL});
    if (!store_transact(store, (const char *const[]){"SET", "INCR"}, 2, until_ms, &done, err))
        return false;
    *ret_done = done->type != REDIS_REPLY_NIL;
    return true;
}

// A Redis that is full takes nothing new, but lets what is there live on: the watched lease, which is ours. That it was
// renewed cannot be counted, so that nobody may trust the count.
static bool lease_prolong(struct store *store, const char *ttl, int64_t until_ms, bool *ret_done, struct err *err) {
    AUTO_REPLY struct redisReply *done = NULL;
    store_link_say(store->link, (const char *[]){"MULTI", NULL});
    store_link_say(store->link, (const char *[]){"PEXPIRE", store->keys.lease, ttl, NULL});
    store_link_say(store->link, (const char *[]){"DEL", store->keys.renewals, NULL});
    store_link_say(store->link, (const char *[]){"EXEC", NULL});
    if (!store_transact(store, (const char *const[]){"PEXPIRE", "DEL"}, 2, until_ms, &done, err))
        return false;
    *ret_done = done->type != REDIS_REPLY_NIL && done->element[0]->integer == 1;
    return true;
}

// A connection keeps its WATCH until EXEC or UNWATCH, and a later MULTI would be undone by it.
static bool lease_unwatch(struct store *store, int64_t until_ms, struct err *err) {
    return store_ask(store, (const char *[]){"UNWATCH", NULL}, until_ms, NULL, err);
}

// The lease is somebody else's: who waits for it says so, if Redis has room for that.
static bool lease_queue(struct store *store, const char *id, int64_t until_ms, struct err *err) {
    struct err refusal = {0};
    bool ok = lease_unwatch(store, until_ms, &refusal) &&
              store_ask(store, (const char *[]){"SET", store->keys.rival, id, "PX", RIVAL_MARK_MS, NULL}, until_ms, NULL,
                  &refusal);
    if (!ok && err)
        *err = refusal;
    return ok || refusal.kind == ERR_FULL;
}

static bool lease_queued(struct store *store, const char *id, int64_t until_ms, bool *ret_rival, struct err *err) {
    AUTO_REPLY struct redisReply *name = NULL;
    if (!store_ask(store, (const char *[]){"GET", store->keys.rival, NULL}, until_ms, &name, err))
        return false;
    *ret_rival = name->type == REDIS_REPLY_STRING && !text_equal(name->str, id);
    return true;
}

// One try: the lease is ours, or it is known whose it is. *ret_done false: it changed hands meanwhile.
static bool lease_try(struct store *store, const char *id, const char *ttl, bool full, int64_t until_ms,
                      struct lease_word *ret, bool *ret_done, struct err *err) {
    if (!lease_watch(store, until_ms, ret, err))
        return false;
    bool ours = text_equal(ret->holder, id);
    if (*ret->holder && !ours) {
        ret->rival = *ret_done = true;
        return lease_queue(store, id, until_ms, err);
    }
    bool set = full && ours ? lease_prolong(store, ttl, until_ms, ret_done, err)
                            : lease_set(store, id, ttl, until_ms, ret_done, err);
    *ret->holder = '\0';
    if (!set || !*ret_done)
        return set;
    if (full)
        ret->renewals = 0;
    text_copy(ret->holder, sizeof(ret->holder), id);
    return lease_queued(store, id, until_ms, &ret->rival, err);
}

bool store_lease(struct store *store, const char *id, int64_t ttl_ms, struct lease_word *ret, struct err *err) {
    int64_t until_ms;
    char ttl[24];
    if (!store_begin(store, &until_ms, err))
        return false;
    text_format(ttl, sizeof(ttl), "%lld", (long long)ttl_ms);
    bool full = false, done = false;
    while (!done) {
        struct err refusal = {0};
        bool tried = lease_try(store, id, ttl, full, until_ms, ret, &done, &refusal);
        if (!tried && err)
            *err = refusal;
        if (!tried && refusal.kind != ERR_FULL)
            store_link_drop(store->link);  // a watch that failed half-way must not undo a later transaction
        if (!tried && (full || refusal.kind != ERR_FULL))
            return false;
        full |= !tried;
        if (!done && clock_mono_ms() >= until_ms) {
            store_link_drop(store->link);
            return err_set(err, ERR_BUSY, 0, "the lease %s changes hands too fast", store->keys.lease);
        }
    }
    return true;
}

bool store_lease_release(struct store *store, const char *id, struct err *err) {
    int64_t until_ms;
    struct lease_word word = {0};
    bool done = false;
    if (!store_begin(store, &until_ms, err))
        return false;
    if (lease_watch(store, until_ms, &word, err)) {
        if (!text_equal(word.holder, id))
            return lease_unwatch(store, until_ms, err);
        // If it was taken over between WATCH and EXEC, it is not ours to release.
        if (lease_set(store, "", HANDED_OVER_MS, until_ms, &done, err))
            return true;
    }
    store_link_drop(store->link);
    return false;
}
