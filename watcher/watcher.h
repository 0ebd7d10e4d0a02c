// The shell around the pure core: one tick = collect outcomes and observations, assess, decide, submit, publish. Runs
// on the loop's thread; everything that may wait has a thread of its own and wakes the loop.
//
//     observe ─► assess ─► policy ─► act ─► observed again
#pragma once
#include "common/loop.h"
#include "common/settings.h"

struct watcher;

struct watcher *watcher_start(const struct settings *settings, struct loop *loop);
struct recorder;
void watcher_record(struct watcher *watcher, struct recorder *recorder);  // borrowed; NULL: no more
void watcher_stop(struct watcher *watcher);  // finishes or abandons the action under way; NULL is fine
