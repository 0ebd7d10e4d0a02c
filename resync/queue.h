// The jobs of the hash and the workers that run them: one worker per node. The hash is the truth, messages only make us
// look sooner. Lives in the event loop's thread.
#pragma once
#include "common/logship.h"
#include "common/settings.h"

struct queue;

// wake(arg) is called from worker threads when one ends: the loop should call queue_look() soon.
struct queue *queue_new(const struct settings *settings, struct ship *ship, void (*wake)(void *arg), void *arg);

// Settles ended workers, re-reads the hash, starts what is queued (or was left running by our own end), stops what no
// longer holds.
void queue_look(struct queue *queue);

// A message of the …:commands channel: `cancel` is ours, everything else is the watcher's.
void queue_command(struct queue *queue, const char *bytes, size_t length_bytes);

// Stops the workers without ending their jobs, and waits for them.
void queue_free(struct queue *queue);
