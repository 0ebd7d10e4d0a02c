// The event loop of a service: libevent's base, SIGTERM/SIGINT that end it, timers, and a way for other threads to wake
// it. Only the loop's thread calls anything here except loop_wake() and loop_stop().
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct loop;
struct loop_timer;

struct loop *loop_new(void);  // NULL if the system refuses
void loop_free(struct loop *loop);
struct event_base *loop_base(struct loop *loop);  // for hiredis and evhtp adapters

typedef void loop_fn(void *arg);
void loop_on_wake(struct loop *loop, loop_fn *fn, void *arg);  // one handler; several wakes may become one call
void loop_wake(struct loop *loop);                             // thread-safe, async-signal-safe
struct loop_timer *loop_every(struct loop *loop, int64_t period_ms, loop_fn *fn,
                              void *arg);  // owned by the loop; NULL: refused

int loop_run(struct loop *loop);    // returns the signal that ended it, 0 for loop_stop(), also one made before
void loop_stop(struct loop *loop);  // thread-safe
