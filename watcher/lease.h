// Whether this watcher may act. One watcher holds the lease in Redis and renews it; others observe. When Redis is away,
// a watcher that had not seen another one for LEASE_RIVAL_MS goes on from what it observes; one that had, stops acting
// until Redis is back. They also meet on the nodes: without Redis from the start they know of each other that way. A Redis
// that restarted may have forgotten a lease that a rival still believes in, and one whose clock was set may end it early:
// when the rival renewed last, and how long ago that is, we tell by our own clock, and wait that out. Pure.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "common/store_port.h"

enum { LEASE_TTL_MS = 5000, LEASE_RENEW_MS = 1000, LEASE_MARGIN_MS = 500, LEASE_RIVAL_MS = 60000 };

struct lease {
    int64_t held_until_ms;  // by our own clock, from before the request was sent
    int64_t held_from_ms;   // not before: a rival may believe that it holds it
    int64_t rival_seen_ms;  // last time somebody else held it, waited for it or was met, 0: never
    int64_t answered_ms;    // when Redis was last asked and answered
    uint64_t renewals;      // as read last while somebody else held it, 0: not
    int64_t renewed_ms;     // when that number was new to us
    char holder[80];
};

// Redis was asked at asked_ms and had answered by now_ms. anew: over another connection than the last answer came, so that
// it may have restarted in between.
void lease_answer(struct lease *lease, bool ours, const struct lease_word *word, int64_t asked_ms, int64_t now_ms,
                  bool anew);
// Another watcher had a session on one of the nodes at that time.
void lease_met(struct lease *lease, const char *rival, int64_t met_ms);
// We gave it back: somebody else may hold it from now on.
void lease_given_back(struct lease *lease, int64_t now_ms);
bool lease_leads(const struct lease *lease, int64_t now_ms);
// Nobody else can lead before that much time has passed.
bool lease_lasts(const struct lease *lease, int64_t now_ms, int64_t for_ms);
