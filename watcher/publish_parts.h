// What the publish*.c files share; private to them. publish.c: the thread and the loop's half; publish_state.c: the
// writing of the state hash.
#pragma once
#include <pthread.h>

#include "common/store_port.h"
#include "watcher/publish.h"
#include "watcher/written.h"

enum { JOBS_WAITING_MAX = NODE_MAX };

struct publish {
    const struct settings *settings;
    struct loop *loop;
    char id[80];
    struct store *store;        // belongs to the thread, as do the next
    bool away;                  // Redis did not answer last time, and that was said
    unsigned lease_generation;  // of the connection that answered about the lease last
    struct written written;
    unsigned written_generation;  // of the connection that took it
    pthread_t thread;
    pthread_mutex_t lock;  // guards all below
    pthread_cond_t changed;
    bool stopping, urgent, clear_intent, unsync, job_active, read_wanted;
    struct state_field *fields;  // pending state, NULL if none
    size_t field_count;
    struct job_state jobs[JOBS_WAITING_MAX];
    size_t job_count;
    bool read_ready, read_taken;
    struct cluster_state read;
    struct lease lease;
    unsigned unlooked;  // renewals since the loop last went round
    struct publish_told told;
};

// On the thread: what is pending, if this watcher leads. What could not be written is dropped: the next state is newer.
void publish_write_state(struct publish *publish);
