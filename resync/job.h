// One resync job under way: what it is told (stop), what it tells (state in the hash, events, log) and what it may
// still do (guard). The worker thread owns it; helper threads of a copy may call what is marked "any thread".
#pragma once
#include <pthread.h>

#include "common/logship.h"
#include "common/mysql_port.h"
#include "common/settings.h"
#include "common/state.h"
#include "common/store_port.h"

enum stop_why {
    STOP_NONE,
    STOP_CANCEL,    // an operator asked
    STOP_STALE,     // the cluster has another epoch: another primary
    STOP_REPLACED,  // a newer job for the same node is queued
    STOP_SHUTDOWN,  // the service ends: the job stays `running` and is taken up again
};

// Why a job cannot go on: a sentence of the catalogue with its values.
enum { FAILURE_VALUES = 4 };
struct failure {
    enum msg msg;    // MSG_NONE: nothing failed
    bool next_rung;  // a lower rung may mend it
    bool again;      // so may another look: a connection broke, a server restarted
    bool lasting;    // nothing of the kind: another try fails alike until something changes or a person acts
    int rule;        // not 0: nothing was tried, this rule speaks against the rung
    char keys[FAILURE_VALUES][16];
    char texts[FAILURE_VALUES][320];
};

enum { JOB_SESSIONS = 24 };
struct job {
    const struct settings *settings;
    struct ship *ship;
    struct store *store;   // the worker thread's alone
    pthread_mutex_t lock;  // guards everything below
    pthread_cond_t wake;
    enum stop_why stop;
    bool over;                                  // the work is: a cancel comes too late
    char stop_command[64];                      // the cancel command to answer
    struct db_session *sessions[JOB_SESSIONS];  // open ones: a stop interrupts them
    struct job_state state;
    struct failure failure;                                      // the first one since the last job_forgive()
    int64_t written_ms, told_ms, rate_from_ms, rate_from_bytes;  // monotonic
    bool may_pass;                                               // a rung failed for a reason that may pass
    char *seen_gtids;                                            // what the node had at the last look; NULL: none
    char *rescued_gtids;                                         // what this job saved already; NULL: nothing
    char *rescued_path;                                          // the file that holds all of that: rescue.h
    unsigned begun_rungs;                                        // one bit each: told that it has begun
    bool rescued_private;                                        // ... in a file that goes with the job
    char recipient_uuid[NODE_UUID_SIZE];
    char primary[NODE_NAME_SIZE], primary_uuid[NODE_UUID_SIZE];
    bool idle_only;  // the node streams and nobody asked: rows of its own stay until a person says so (RELEVO_COPY=ask)
};

struct job *job_new(const struct settings *settings, struct ship *ship, const struct job_state *state);
void job_free(struct job *job);
void job_forget_rescued(struct job *job);  // rescued_path, and the file if it is private

// Any thread. Asks the job to end; running statements are interrupted. The first reason counts, and no cancel after
// job_over(): false if this one does not, and who asked has to be told so.
bool job_stop(struct job *job, enum stop_why why, const char *command_id);
// Worker thread, after the work: why it was to stop. If the work is done all the same, a cancel is forgotten.
enum stop_why job_over(struct job *job, bool ok);
enum stop_why job_stopped(struct job *job);  // any thread

// Sleeps up to for_ms or until told to stop; false if told to. Any thread.
bool job_pause(struct job *job, int64_t for_ms);

// Records why the job cannot go on and returns false. The first failure counts. Any thread.
bool job_fail(struct job *job, enum msg msg, const struct kv *values);
bool job_fail_rung(struct job *job, enum msg msg, const struct kv *values);        // ... on this rung
bool job_fail_again(struct job *job, enum msg msg, const struct kv *values);       // ... for now
bool job_unfit(struct job *job, int rule, enum msg msg, const struct kv *values);  // the rung, by that rule: lasting
bool job_fail_lasting(struct job *job, enum msg msg, const struct kv *values);
void job_make_rung(struct job *job);  // the recorded failure is one of this rung only
void job_forgive(struct job *job);
const char *job_failure_text(struct job *job, char *out, size_t size_bytes);

// The log line and, for job_event(), the event; `node` is put in front of the values.
void job_say(struct job *job, enum log_level level, enum msg msg, const struct kv *values);
void job_event(struct job *job, enum event_type type, enum severity severity, int rule, enum msg msg,
               const struct kv *values);

// Worker thread. The copy goes on without the object, or with another than the donor's: the job's record, a log line
// and at its end an alarm say so.
void job_left_out(struct job *job, const char *object, enum msg why, const struct kv *values);

// Worker thread: names the step and publishes.
void job_step(struct job *job, const char *step);
// Any thread: how far the step is (total -1: unknown). Published by the worker's next job_tick().
void job_progress(struct job *job, int64_t done_bytes, int64_t total_bytes);
// Worker thread, in waiting loops: publishes now and then, and tells the progress as an event every few seconds.
void job_tick(struct job *job);
// Worker thread: writes the state into the hash; false if Redis did not take it.
bool job_publish(struct job *job);

// The most important check, right before anything that cannot be undone: by the hash read again now, the job's epoch is
// the cluster's, this node is not the primary and no promotion is under way; by the node itself, it is who it was and
// is closed to clients. Waits a little for a store that is away. Worker thread.
struct peer;
bool job_guard(struct job *job, struct peer *recipient);
bool job_guard_cluster(struct job *job);  // the hash's half alone
