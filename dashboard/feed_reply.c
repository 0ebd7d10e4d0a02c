#include "feed_reply.h"

#include <hiredis/hiredis.h>

static unsigned take(const struct redisReply *reply, struct cluster_state *ret,
                     bool (*decode)(struct cluster_state *, const char *, const char *, struct err *),
                     struct err *err) {
    unsigned skipped = 0;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2) {
        const char *name = reply->element[i]->str, *value = reply->element[i + 1]->str;
        if (name == NULL || value == NULL || !decode(ret, name, value, err)) {
            skipped++;
        }
    }
    return skipped;
}

unsigned feed_reply_state(const struct redisReply *reply, struct cluster_state *ret, struct err *err) {
    return take(reply, ret, state_decode, err);
}

unsigned feed_reply_jobs(const struct redisReply *reply, struct cluster_state *ret, struct err *err) {
    return take(reply, ret, state_decode_job, err);
}

static bool is_entry(const struct redisReply *entry) {
    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 || entry->element[0]->type != REDIS_REPLY_STRING) {
        return false;
    }
    const struct redisReply *fields = entry->element[1];
    return fields->type == REDIS_REPLY_ARRAY && fields->elements >= 2 && fields->element[1]->type == REDIS_REPLY_STRING;
}

size_t feed_reply_entries(const struct redisReply *reply, enum feed_stream stream, bool reversed, bool tell,
                          feed_entry_fn *fn, void *arg) {
    size_t count = reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
    for (size_t i = 0; i < count; i++) {
        const struct redisReply *entry = reply->element[reversed ? count - 1 - i : i];
        if (is_entry(entry)) {
            const struct redisReply *value = entry->element[1]->element[1];
            fn(arg, stream, entry->element[0]->str, value->str, value->len, tell);
        }
    }
    return count;
}
