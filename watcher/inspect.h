// Looks at low pace whether each server would let Relevo do what it may have to do: can the accounts log in with a new
// session (those that are open live on when an account expires or is locked), have they the privileges, do the settings
// fit. A thread of its own, so that no probe and no failover waits for it. needs.c knows what is needed.
#pragma once
#include "common/loop.h"
#include "common/settings.h"
#include "watcher/needs.h"
#include "watcher/observe.h"

enum { INSPECT_EVERY_MS = 30000 };

struct inspect;

struct inspect *inspect_start(const struct settings *settings, struct observe *observe, struct loop *loop);
void inspect_stop(struct inspect *inspect);  // NULL is fine

// Soon: who is primary changed, or a person wants to know.
void inspect_again(struct inspect *inspect);

// What the last look at the node found; began_ms is 0 before the first. Any thread.
void inspect_found(struct inspect *inspect, int node, struct lacks *ret);
