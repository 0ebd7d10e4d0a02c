// Ships a service's log lines and events to the store from a thread of its own, so that neither a line nor an event
// ever waits for Redis. Events are kept while Redis is away (the last 1,000) and go in order; lines may be dropped.
#pragma once
#include <stdint.h>

#include "event.h"
#include "settings.h"

struct ship;

// Starts the thread and becomes the log's second reader. settings must outlive it.
struct ship *ship_start(const struct settings *settings, enum service service);

// Takes ownership of *event's heap parts and zeroes it. Never blocks; any thread.
void ship_event(struct ship *ship, struct event_record *event);

unsigned ship_dropped(struct ship *ship);  // events that did not fit since the start

// Stops listening to the log, waits up to timeout_ms for what is queued to go out, ends the thread. NULL is fine.
void ship_stop(struct ship *ship, int64_t timeout_ms);
