// What the store_*.c files share; private to them. store_real.c: the hashes and streams; store_lease.c: the lease;
// store_listen.c: the channels. A call is store_begin(), then questions until its deadline (monotonic).
#pragma once
#include "store_link.h"
#include "store_port.h"

#define CALL_MS 1000  // deadline of one call, connecting included

struct store {
    struct store_link *link;
    struct keys keys;
    enum service service;        // whose log it is
    bool subscribed;             // on the present connection
    int64_t heard_ms, asked_ms;  // monotonic: last byte on a subscribed connection; PING sent, 0 if none is open
};

// The begin of every call but store_listen: a connection that answers, or why there is none.
bool store_begin(struct store *store, int64_t *ret_until_ms, struct err *err);

// One reply that is no error, to what was said; ret may be NULL.
bool store_accepted(struct store *store, const char *command, int64_t until_ms, struct redisReply **ret,
                    struct err *err);
// Says words, which end with NULL, and waits for that reply.
bool store_ask(struct store *store, const char *const *words, int64_t until_ms, struct redisReply **ret,
               struct err *err);

// The replies of MULTI, the count queued commands named in names, and EXEC. The first refusal is the one reported; all
// replies are read, so that the connection stays in step. *ret (may be NULL): EXEC's, count answers, or REDIS_REPLY_NIL
// if a WATCH undid it.
bool store_transact(struct store *store, const char *const *names, size_t count, int64_t until_ms,
                    struct redisReply **ret, struct err *err);
