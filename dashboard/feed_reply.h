// What Redis' replies mean to the feed: the hash and stream entries, whatever a reply may look like.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "common/state.h"

struct redisReply;

enum feed_stream { FEED_HISTORY, FEED_LOG_WATCHER, FEED_LOG_RESYNC, FEED_STREAMS };

// The fields of HGETALL's reply, of the state hash or the jobs hash, into *ret (zeroed before the first). How many could not
// be decoded; *err says why the last.
unsigned feed_reply_state(const struct redisReply *reply, struct cluster_state *ret, struct err *err);
unsigned feed_reply_jobs(const struct redisReply *reply, struct cluster_state *ret, struct err *err);

// Each entry [id, [field, value]] of XRANGE's or XREVRANGE's reply, the last one first if reversed. value is not
// terminated. tell is handed on. How many there were.
typedef void feed_entry_fn(void *arg, enum feed_stream stream, const char *id, const char *value, size_t length_bytes,
                           bool tell);
size_t feed_reply_entries(const struct redisReply *reply, enum feed_stream stream, bool reversed, bool tell,
                          feed_entry_fn *fn, void *arg);
