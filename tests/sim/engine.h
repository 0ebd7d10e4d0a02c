// Virtual time: a heap of events, coroutines in place of threads, simulated processes that can be killed, frozen and
// started again. One real thread; the same seed gives the same history. Nothing here knows what is simulated.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// A service as the operating system sees it. Its events wait while it is frozen and are dropped when it has died.
struct process {
    char name[16];
    int host;              // on the simulated network
    bool up, dead;         // dead: being taken apart; every call of the outside fails from here on
    unsigned life;         // rises with each start
    int64_t thaw_ms;       // frozen until then
    int64_t wall_skew_ms;  // of its clock
    int64_t late_ms;       // its loop runs up to this late
    int64_t hung_ms;       // its loop does nothing until then, while its threads go on
};

typedef void sim_fn(void *arg);

// A new history. Frees what the last one left.
void engine_reset(uint64_t seed);
int64_t sim_now_ms(void);
uint64_t sim_steps(void);            // events so far: the position within a history
extern struct process *sim_process;  // whose code is running, NULL: the world itself

// Runs fn at that time, in order of time, then of scheduling. With a process: only if the same life goes on then.
void sim_at(int64_t at_ms, struct process *process, sim_fn *fn, void *arg);

// The next event; false if none is left.
bool sim_step(void);

// Random numbers of the world. The faults have their own stream, so that leaving one out does not change the others.
uint64_t sim_random(uint64_t below);
bool sim_chance(unsigned percent);
int64_t sim_between(int64_t least, int64_t most);
uint64_t random_next(uint64_t *state);

// --- coroutines: what a thread is in the services ---

struct co;
struct co *co_start(struct process *process, void *(*fn)(void *), void *arg);
struct co *co_start_joined(struct process *process, void *(*fn)(void *), void *arg);  // co_join() must follow
struct co *co_self(void);                                                             // NULL outside of any
void co_sleep(int64_t ms);  // in a dead process: only lets others run
// Waits until somebody tells key, or until at_ms (INT64_MAX: for ever). In a dead process only a word ends it. True if
// told.
bool co_wait(const void *key, int64_t at_ms);
void co_tell(const void *key);
void co_join(struct co *co);

// --- processes ---

// Ends a process at once. take_down runs in one of its coroutines and frees what it owns, with every call failing.
void process_kill(struct process *process, void (*take_down)(void *), void *arg);
