// One connection to Redis with deadlines: how store_real.c talks. Resolves, connects, authenticates and comes back
// after a loss by itself; says in one line why it cannot. Belongs to one thread.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct redisReply;
struct store_link;

struct store_login {
    const char *host;
    uint16_t port;
    const char *user;      // "" : the default user
    const char *password;  // "" : no AUTH
};

// Copies login; does not connect. Never fails.
struct store_link *store_link_new(const struct store_login *login);
void store_link_free(struct store_link *link);  // NULL is fine
unsigned store_link_generation(const struct store_link *link);

// Connected and greeted, now or before. At once after a loss; after a failed attempt only when the backoff has passed,
// until then ERR_LOST with the reason of that attempt.
bool store_link_ready(struct store_link *link, int64_t until_ms, struct err *err);
bool store_link_up(const struct store_link *link);
int64_t store_link_retry_ms(const struct store_link *link);  // monotonic time of the next attempt, 0: at once

// Drops a connection that hung up while nobody looked. Not for a subscribed one: there, data may come at any time.
void store_link_shed(struct store_link *link);
void store_link_drop(struct store_link *link);

// Queues one command: words ends with NULL.
void store_link_say(struct store_link *link, const char *const *words);

// Sends what is queued and waits for one reply. An error reply is returned as any other. false: the connection was
// dropped. Times are monotonic.
bool store_link_reply(struct store_link *link, int64_t until_ms, struct redisReply **ret, struct err *err);

// Like store_link_reply, but quiet until until_ms is success with *ret NULL and keeps the connection.
bool store_link_next(struct store_link *link, int64_t until_ms, struct redisReply **ret, struct err *err);

// What an error reply to command means; false always.
bool store_link_refused(const struct store_link *link, const char *command, const char *text, struct err *err);

void store_reply_drop(struct redisReply **reply);
#define AUTO_REPLY __attribute__((cleanup(store_reply_drop)))
