#include "resync/worker.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/event_row.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/ladder.h"
#include "resync/verify.h"

enum {
    EPOCH_WAIT_MS = 5000,  // a hand-over breaks our sessions first, and is in the hash a moment later
};

struct worker {
    pthread_t thread;
    struct job *job;
    atomic_bool ended;
    bool settled;  // main thread only, after the end
    void (*tell)(void *arg);
    void *arg;
};

static bool is_check(const struct job *job) {
    return job->state.method == RUNG_VERIFY;
}

// The row of system_events, in the current primary. Failing it does not undo a resync that worked.
static void record_row(struct job *job, int64_t restored_ms) {
    int primary = settings_node(job->settings, job->primary);
    struct event_row row = {.type = EVENT_RESYNC, .backup_ms = restored_ms};
    struct event_row_target target = {.port = primary >= 0 ? job->settings->nodes[primary].port : 0};
    (void)text_copy(row.primary, sizeof row.primary, job->primary);
    (void)text_copy(row.replica, sizeof row.replica, job->state.node);
    (void)text_copy(target.name, sizeof target.name, job->primary);
    (void)text_copy(target.address, sizeof target.address, primary >= 0 ? node_host(&job->settings->nodes[primary]) : "");
    (void)text_copy(target.uuid, sizeof target.uuid, job->primary_uuid);
    struct err err = {0};
    enum event_row_result result = event_row_write(job->settings, &target, &row, &err);
    if (result == EVENT_ROW_LATER || result == EVENT_ROW_REFUSED) {
        job_say(job, LOG_LEVEL_WARN, MSG_RESYNC_NO_ROW, KVS(KV("error", err.text)));
    }
}

// A job that the watcher began by itself answers nobody.
static void answer(struct job *job, enum severity severity, enum msg msg, const char *why) {
    if (job->state.command_id[0] != '\0') {
        job_event(job, EVENT_COMMAND_FINISHED, severity, 0, msg,
                  KVS(KV("id", job->state.command_id), KV("action", "resync"), KV("why", why)));
    }
}

static void end_state(struct job *job, enum job_phase phase, const char *why) {
    pthread_mutex_lock(&job->lock);
    job->state.phase = phase;
    job->state.ended_ms = clock_wall_ms();
    job->state.left_ms = phase == JOB_DONE ? 0 : -1;
    if (phase != JOB_DONE) {
        (void)text_copy(job->state.why, sizeof job->state.why, why);
    }
    pthread_mutex_unlock(&job->lock);
}

// A comparison that somebody asked for meanwhile waits in the same place, and does as well.
static bool check_waits(struct job *job, bool *ret_waits, struct err *err) {
    struct cluster_state cluster = {0};
    if (!store_read(job->store, &cluster, NULL, err)) {
        return false;
    }
    const struct job_state *check = state_check(&cluster, job->state.node);
    *ret_waits = job_active(check) && check->epoch == job->state.epoch;
    state_done(&cluster);
    return true;
}

// Whether what was copied is what the primary has: looked at once the node streams again, so that nobody waits for it.
static void queue_check(struct job *job) {
    struct job_state check = {.epoch = job->state.epoch,
                              .phase = JOB_QUEUED,
                              .method = RUNG_VERIFY,
                              .total_bytes = -1,
                              .rate_bytes_s = -1,
                              .left_ms = -1,
                              .queued_ms = clock_wall_ms(),
                              .updated_ms = clock_wall_ms()};
    (void)text_format(check.id, sizeof check.id, "%.32s-verify", job->state.id);
    (void)text_copy(check.node, sizeof check.node, job->state.node);
    (void)text_copy(check.donor, sizeof check.donor, job->primary);
    (void)text_copy(check.by, sizeof check.by, CHECK_BY_ITSELF);
    struct state_field field = {0};
    struct err err = {0};
    bool waits = false;
    state_encode_job(&check, &field);
    if (!check_waits(job, &waits, &err) || (!waits && !store_write_jobs(job->store, &field, 1, &err))) {
        job_say(job, LOG_LEVEL_WARN, MSG_VERIFY_NOT_QUEUED, KVS(KV("error", err.text)));
    }
    free(field.value);
}

static void end_compared(struct job *job) {
    const struct job_state *state = &job->state;
    end_state(job, JOB_DONE, "");
    if (state->differing == 0) {
        job_event(job, EVENT_VERIFIED, SEVERITY_INFO, 0, MSG_VERIFY_EQUAL,
                  KVS(KV("primary", job->primary), KVI("tables", state->compared_tables),
                      KVI("rows", state->compared_rows), KVI("ms", state->ended_ms - state->started_ms)));
    } else {
        const struct job_difference *first = &state->differences[0];
        job_event(job, EVENT_VERIFIED, SEVERITY_ERROR, 0, MSG_VERIFY_DIFFERS,
                  KVS(KV("primary", job->primary), KVI("differing", state->differing), KV("table", first->table),
                      KV("where", first->kind[0] ? first->kind : first->where), KVI("tables", state->compared_tables),
                      KVI("rows", state->compared_rows)));
    }
    answer(job, SEVERITY_INFO, MSG_RESYNC_COMMAND_DONE, "");
}

// By name, and no more of them than a line can hold.
static void tell_left_out(struct job *job) {
    const struct job_state *state = &job->state;
    if (state->left_out == 0) {
        return;
    }
    char objects[NODE_WHY_SIZE] = "";
    for (unsigned i = 0; i < state->not_copied_count; i++) {
        size_t used = strlen(objects);
        (void)text_format(objects + used, sizeof objects - used, "%s%s", used ? ", " : "", state->not_copied[i].object);
    }
    job_event(job, EVENT_ALARM, SEVERITY_WARNING, 0, MSG_DUMP_INCOMPLETE,
              KVS(KVI("count", state->left_out), KV("objects", objects), KV("why", state->not_copied[0].why)));
}

static void end_done(struct job *job) {
    int64_t now_ms = clock_wall_ms();
    char stamp[32];
    clock_iso8601(now_ms, stamp);
    end_state(job, JOB_DONE, "");
    record_row(job, now_ms);
    job_event(job, EVENT_RESYNC, SEVERITY_INFO, 0, MSG_RESYNC_DONE,
              KVS(KV("primary_node", job->primary), KV("replica_node", job->state.node), KV("last_backup", stamp),
                  KV("rung", job_rung_name(job->state.rung)), KVI("rescued", job->state.rescued),
                  KVI("ms", now_ms - job->state.started_ms)));
    tell_left_out(job);
    answer(job, SEVERITY_INFO, MSG_RESYNC_COMMAND_DONE, "");
    if (job->settings->verify_copies && (job->state.rung == RUNG_CLONE || job->state.rung == RUNG_DUMP)) {
        queue_check(job);
    }
}

static void end_failed(struct job *job) {
    char why[NODE_WHY_SIZE];
    (void)job_failure_text(job, why, sizeof why);
    end_state(job, JOB_FAILED, why);
    job->state.lasting = job->failure.lasting || job->failure.msg == MSG_RESYNC_DISK_FULL;
    if (is_check(job)) {
        job_event(job, EVENT_VERIFY_FAILED, SEVERITY_WARNING, 0, MSG_VERIFY_FAILED, KVS(KV("why", why)));
    } else {
        job_event(job, EVENT_RESYNC_FAILED, SEVERITY_ERROR, 0, MSG_RESYNC_FAILED,
                  KVS(KV("step", job->state.step), KV("why", why)));
    }
    answer(job, SEVERITY_ERROR, MSG_RESYNC_COMMAND_FAILED, why);
}

// A comparison that nobody waits for is not given up because the roles changed or the node is rebuilt: the queue begins
// it again when there is something to compare.
static bool put_off(struct job *job, enum stop_why stop) {
    if (stop != STOP_STALE || !is_check(job) || !text_equal(job->state.by, CHECK_BY_ITSELF)) {
        return false;
    }
    pthread_mutex_lock(&job->lock);
    job->state.phase = JOB_QUEUED;
    job->state.step[0] = '\0';
    pthread_mutex_unlock(&job->lock);
    job_say(job, LOG_LEVEL_INFO, MSG_VERIFY_PUT_OFF, KVS());
    return true;
}

static void end_stopped(struct job *job, enum stop_why stop) {
    enum msg msg = is_check(job) ? MSG_VERIFY_STOPPED : stop == STOP_CANCEL ? MSG_RESYNC_CANCELLED : MSG_RESYNC_STALE;
    char why[NODE_WHY_SIZE];
    (void)msg_render(msg, log_lang(), KVS(KV("node", job->state.node)), why, sizeof why);
    end_state(job, JOB_CANCELLED, why);
    job_event(job, is_check(job) ? EVENT_VERIFY_FAILED : EVENT_RESYNC_FAILED, SEVERITY_WARNING, 0, msg, KVS());
    answer(job, SEVERITY_WARNING, MSG_RESYNC_COMMAND_FAILED, why);
    if (stop == STOP_CANCEL) {
        job_event(job, EVENT_COMMAND_FINISHED, SEVERITY_INFO, 0, MSG_RESYNC_CANCEL_DONE,
                  KVS(KV("id", job->stop_command), KV("action", "cancel")));
    }
}

// A job that the end of the service stopped stays as it is.
static void end_undone(struct job *job, enum stop_why stop) {
    if (stop == STOP_CANCEL || stop == STOP_STALE || stop == STOP_REPLACED) {
        end_stopped(job, stop);
    } else if (stop == STOP_NONE) {
        end_failed(job);
    }
}

static void *run(void *arg) {
    struct worker *worker = arg;
    struct job *job = worker->job;
    (void)job_publish(job);
    bool ok = is_check(job) ? verify_run(job) : ladder_run(job);
    if (!ok && is_check(job) && job->failure.again) {
        (void)job_pause(job, EPOCH_WAIT_MS);
    }
    enum stop_why stop = job_over(job, ok);
    if (ok && is_check(job)) {
        end_compared(job);
    } else if (ok) {
        end_done(job);
    } else if (!put_off(job, stop)) {
        end_undone(job, stop);
    }
    if (ok && stop == STOP_CANCEL) {
        job_event(job, EVENT_COMMAND_REFUSED, SEVERITY_WARNING, 0, MSG_RESYNC_CANCEL_LATE,
                  KVS(KV("id", job->stop_command), KV("action", "cancel")));
    }
    atomic_store(&worker->ended, true);
    worker->tell(worker->arg);
    return NULL;
}

struct worker *worker_start(const struct settings *settings, struct ship *ship, const struct job_state *state,
                            void (*ended)(void *arg), void *arg) {
    struct worker *worker = mem_zero(1, sizeof *worker);
    worker->job = job_new(settings, ship, state);
    worker->tell = ended;
    worker->arg = arg;
    if (pthread_create(&worker->thread, NULL, run, worker) != 0) {
        job_free(worker->job);
        free(worker);
        return NULL;
    }
    return worker;
}

bool worker_ended(struct worker *worker) {
    return atomic_load(&worker->ended);
}

struct job *worker_job(struct worker *worker) {
    return worker->job;
}

bool worker_settle(struct worker *worker) {
    // A job that the service's own end stopped stays `running` in the hash, and is taken up again.
    if (!worker->settled) {
        worker->settled = job_stopped(worker->job) == STOP_SHUTDOWN || job_publish(worker->job);
    }
    return worker->settled;
}

void worker_free(struct worker *worker) {
    if (!worker) {
        return;
    }
    pthread_join(worker->thread, NULL);
    job_free(worker->job);
    free(worker);
}
