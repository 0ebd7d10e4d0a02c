// A worker thread runs one job from start to end and says how it ended.
#pragma once
#include "resync/job.h"

// Who asks for the comparison after a copy: nobody waits for it. What interrupts it does not end it: it is queued
// again.
#define CHECK_BY_ITSELF "resync"

struct worker;

// Starts the thread; ended(arg) is called from it as its last act.
struct worker *worker_start(const struct settings *settings, struct ship *ship, const struct job_state *state,
                            void (*ended)(void *arg), void *arg);
bool worker_ended(struct worker *worker);
struct job *worker_job(struct worker *worker);

// After worker_ended(): writes the result that Redis did not take yet. True when nothing is left to write.
bool worker_settle(struct worker *worker);
void worker_free(struct worker *worker);  // joins
