// Wrong tokens, by address: who guesses is not listened to for a while, and what happened is told in a few lines. Behind a
// proxy, and behind the engine's address translation, many share one address; so that one stale script does not lock the
// others out, the same wrong token again is no new guess. Pure.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    TRIES_GUESSES = 10,           // different wrong tokens in a row from one address, then one per
    TRIES_GUESS_EVERY_MS = 6000,  // that time
    TRIES_TELL_MS = 10000,        // a line in the log at most as often
    TRIES_REPORT_MS = 60000,      // a report to the watcher at most as often,
    TRIES_REPORT_COUNT = 10,      // and of no fewer
    TRIES_ADDRESS_SIZE = 46,      // INET6_ADDRSTRLEN
};

struct tries;

struct tries *tries_new(void);
void tries_free(struct tries *tries);  // NULL is fine

// Whether a token of this address is looked at now; if not, when to come again (seconds).
bool tries_allowed(struct tries *tries, const char *address, int64_t now_ms, int *ret_retry_s);
// A wrong token was looked at. Returns the seconds after which to come again, 0: a few more are no harm.
int tries_wrong(struct tries *tries, const char *address, const char *token, int64_t now_ms);

uint64_t tries_count(const struct tries *tries);  // wrong ones, and those that were not looked at, since the start

struct tries_news {
    uint64_t count;
    char address[TRIES_ADDRESS_SIZE];  // the last one
};
// Once per period: what was not told in the log, or to the watcher, yet.
bool tries_tell(struct tries *tries, int64_t now_ms, struct tries_news *ret);
bool tries_report(struct tries *tries, int64_t now_ms, struct tries_news *ret);
