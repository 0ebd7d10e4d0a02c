// What the watcher sees: one prober thread per node, with its own connection and deadlines. It has no opinion.
// Between probes the socket is watched, so that a reset is known at once and not at the next tick.
#pragma once
#include "common/loop.h"
#include "common/node.h"
#include "common/settings.h"
#include "watcher/observation.h"

struct observe;

// Starts the probers. Each new observation wakes the loop. Never fails: a node that cannot be reached is observed so.
// id: this watcher's name; each session on a node bears it.
struct observe *observe_start(const struct settings *settings, struct loop *loop, const char *id);
void observe_stop(struct observe *observe);  // joins the threads; NULL is fine

// The newest observation of node i, held until observation_release(). NULL before the first probe ended. Thread-safe.
struct observation *observe_latest(struct observe *observe, size_t node);

// Probe now, the relevo tables included. Observations of nodes with at least the returned number of kicks were begun
// after this call. Thread-safe.
uint64_t observe_kick(struct observe *observe);
// From now on every period_ms: a suspicion wants answers sooner. Thread-safe.
void observe_set_period(struct observe *observe, int64_t period_ms);

// The address that answered last, numeric; "" if none did yet. Thread-safe.
void observe_address(struct observe *observe, size_t node, char *out, size_t size_bytes);

// Monotonic, when a new session found one of another watcher on its node, and that one's name; 0: never. Known before the
// first observation of that session. Of two that come at once at least one finds the other. Thread-safe.
int64_t observe_met(struct observe *observe, char *out, size_t size_bytes);
