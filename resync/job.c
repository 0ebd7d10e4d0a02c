#include "resync/job.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/peer.h"

enum {
    WRITE_EVERY_MS = 500,
    TELL_EVERY_MS = 5000,
    RATE_OVER_MS = 2000,
    VALUES_MOST = 12,
};

struct job *job_new(const struct settings *settings, struct ship *ship, const struct job_state *state) {
    struct job *job = mem_zero(1, sizeof *job);
    job->settings = settings;
    job->ship = ship;
    job->state = *state;
    job->store = store_open(settings, SERVICE_RESYNC);
    pthread_mutex_init(&job->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&job->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    job->state.phase = JOB_RUNNING;
    job->state.refused_count = job->state.not_copied_count = 0;
    job->state.left_out = 0;
    job->state.lasting = false;
    job->state.started_ms = job->state.updated_ms = clock_wall_ms();
    job->state.ended_ms = 0;
    job->state.total_bytes = job->state.rate_bytes_s = job->state.left_ms = -1;
    job->told_ms = clock_mono_ms();
    return job;
}

void job_forget_rescued(struct job *job) {
    if (job->rescued_path && job->rescued_private) {
        (void)unlink(job->rescued_path);
    }
    free(job->rescued_path);
    job->rescued_path = NULL;
}

void job_free(struct job *job) {
    if (!job) {
        return;
    }
    store_close(job->store);
    pthread_cond_destroy(&job->wake);
    pthread_mutex_destroy(&job->lock);
    free(job->seen_gtids);
    job_forget_rescued(job);
    free(job->rescued_gtids);
    free(job);
}

bool job_stop(struct job *job, enum stop_why why, const char *command_id) {
    pthread_mutex_lock(&job->lock);
    bool counts = job->stop == STOP_NONE && !(job->over && why == STOP_CANCEL);
    if (counts) {
        job->stop = why;
        (void)text_copy(job->stop_command, sizeof job->stop_command, command_id);
        for (unsigned i = 0; i < JOB_SESSIONS; i++) {
            if (job->sessions[i]) {
                db_interrupt(job->sessions[i]);
            }
        }
        pthread_cond_broadcast(&job->wake);
    }
    pthread_mutex_unlock(&job->lock);
    return counts;
}

enum stop_why job_over(struct job *job, bool ok) {
    pthread_mutex_lock(&job->lock);
    enum stop_why stop = job->stop;
    job->over = true;
    if (ok && stop == STOP_CANCEL) {
        job->stop = STOP_NONE;
    }
    pthread_mutex_unlock(&job->lock);
    return stop;
}

enum stop_why job_stopped(struct job *job) {
    pthread_mutex_lock(&job->lock);
    enum stop_why stop = job->stop;
    pthread_mutex_unlock(&job->lock);
    return stop;
}

bool job_pause(struct job *job, int64_t for_ms) {
    int64_t at_ms = clock_mono_ms() + for_ms;
    struct timespec at = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};
    pthread_mutex_lock(&job->lock);
    while (job->stop == STOP_NONE && clock_mono_ms() < at_ms) {
        pthread_cond_timedwait(&job->wake, &job->lock, &at);
    }
    bool on = job->stop == STOP_NONE;
    pthread_mutex_unlock(&job->lock);
    return on;
}

static bool fail(struct job *job, struct failure kind, enum msg msg, const struct kv *values) {
    pthread_mutex_lock(&job->lock);
    struct failure *failure = &job->failure;
    if (failure->msg == MSG_NONE) {
        *failure = kind;
        failure->msg = msg;
        for (unsigned i = 0; i < FAILURE_VALUES && values[i].key; i++) {
            (void)text_copy(failure->keys[i], sizeof failure->keys[i], values[i].key);
            if (values[i].text) {
                (void)text_copy(failure->texts[i], sizeof failure->texts[i], values[i].text);
            } else {
                (void)text_format(failure->texts[i], sizeof failure->texts[i], "%lld", (long long)values[i].number);
            }
        }
    }
    pthread_mutex_unlock(&job->lock);
    return false;
}

bool job_fail(struct job *job, enum msg msg, const struct kv *values) {
    return fail(job, (struct failure){0}, msg, values);
}

bool job_fail_rung(struct job *job, enum msg msg, const struct kv *values) {
    return fail(job, (struct failure){.next_rung = true}, msg, values);
}

bool job_fail_again(struct job *job, enum msg msg, const struct kv *values) {
    return fail(job, (struct failure){.again = true}, msg, values);
}

bool job_unfit(struct job *job, int rule, enum msg msg, const struct kv *values) {
    return fail(job, (struct failure){.next_rung = true, .lasting = true, .rule = rule}, msg, values);
}

bool job_fail_lasting(struct job *job, enum msg msg, const struct kv *values) {
    return fail(job, (struct failure){.lasting = true}, msg, values);
}

void job_make_rung(struct job *job) {
    pthread_mutex_lock(&job->lock);
    job->failure.next_rung = !job->failure.again;
    pthread_mutex_unlock(&job->lock);
}

void job_forgive(struct job *job) {
    pthread_mutex_lock(&job->lock);
    job->failure = (struct failure){0};
    pthread_mutex_unlock(&job->lock);
}

const char *job_failure_text(struct job *job, char *out, size_t size_bytes) {
    struct kv values[FAILURE_VALUES + 2] = {KV("node", job->state.node)};
    pthread_mutex_lock(&job->lock);
    const struct failure *failure = &job->failure;
    for (unsigned i = 0; i < FAILURE_VALUES && failure->keys[i][0]; i++) {
        values[i + 1] = KV(failure->keys[i], failure->texts[i]);
    }
    (void)msg_render(failure->msg, log_lang(), values, out, size_bytes);
    pthread_mutex_unlock(&job->lock);
    return out;
}

// {node, ...values} into out.
static const struct kv *with_node(const struct job *job, const struct kv *values, struct kv out[VALUES_MOST]) {
    unsigned count = 0;
    out[count++] = KV("node", job->state.node);
    for (; values->key && count < VALUES_MOST - 1; values++) {
        out[count++] = *values;
    }
    out[count] = (struct kv){0};
    return out;
}

void job_say(struct job *job, enum log_level level, enum msg msg, const struct kv *values) {
    struct kv all[VALUES_MOST];
    log_say(level, msg, with_node(job, values, all));
}

void job_event(struct job *job, enum event_type type, enum severity severity, int rule, enum msg msg,
               const struct kv *values) {
    struct kv all[VALUES_MOST];
    (void)with_node(job, values, all);
    log_say(severity == SEVERITY_ERROR     ? LOG_LEVEL_ERROR
            : severity == SEVERITY_WARNING ? LOG_LEVEL_WARN
                                           : LOG_LEVEL_INFO,
            msg, all);
    struct event_record event = event_make(SERVICE_RESYNC, type, severity, job->state.node, rule, job->state.epoch,
                                           clock_wall_ms(), log_lang(), msg, all);
    ship_event(job->ship, &event);
}

void job_left_out(struct job *job, const char *object, enum msg why, const struct kv *values) {
    struct job_not_copied left = {0};
    (void)text_copy(left.object, sizeof left.object, object);
    (void)msg_render(why, log_lang(), values, left.why, sizeof left.why);
    pthread_mutex_lock(&job->lock);
    job->state.left_out++;
    if (job->state.not_copied_count < JOB_NOT_COPIED_MAX) {
        job->state.not_copied[job->state.not_copied_count++] = left;
    }
    pthread_mutex_unlock(&job->lock);
    job_say(job, LOG_LEVEL_WARN, MSG_DUMP_LEFT_OUT, KVS(KV("object", left.object), KV("why", left.why)));
}

void job_step(struct job *job, const char *step) {
    pthread_mutex_lock(&job->lock);
    (void)text_copy(job->state.step, sizeof job->state.step, step);
    pthread_mutex_unlock(&job->lock);
    (void)job_publish(job);
}

void job_progress(struct job *job, int64_t done_bytes, int64_t total_bytes) {
    int64_t now_ms = clock_mono_ms();
    pthread_mutex_lock(&job->lock);
    struct job_state *state = &job->state;
    bool restarted = done_bytes < state->done_bytes;
    state->done_bytes = done_bytes;
    state->total_bytes = total_bytes;
    if (restarted || job->rate_from_ms == 0) {
        job->rate_from_ms = now_ms;
        job->rate_from_bytes = done_bytes;
        state->rate_bytes_s = state->left_ms = -1;
    } else if (now_ms - job->rate_from_ms >= RATE_OVER_MS) {
        int64_t rate = (done_bytes - job->rate_from_bytes) * 1000 / (now_ms - job->rate_from_ms);
        // Smoothed: half of what was, half of what is.
        state->rate_bytes_s = state->rate_bytes_s < 0 ? rate : (state->rate_bytes_s + rate) / 2;
        job->rate_from_ms = now_ms;
        job->rate_from_bytes = done_bytes;
    }
    if (state->rate_bytes_s > 0 && total_bytes >= done_bytes) {
        state->left_ms = (int64_t)((double)(total_bytes - done_bytes) * 1000.0 / (double)state->rate_bytes_s);
    } else {
        state->left_ms = -1;
    }
    pthread_mutex_unlock(&job->lock);
}

void job_tick(struct job *job) {
    int64_t now_ms = clock_mono_ms();
    if (now_ms - job->written_ms >= WRITE_EVERY_MS) {
        (void)job_publish(job);
    }
    if (now_ms - job->told_ms < TELL_EVERY_MS) {
        return;
    }
    job->told_ms = now_ms;
    pthread_mutex_lock(&job->lock);
    struct job_state now = job->state;
    pthread_mutex_unlock(&job->lock);
    job_event(
        job, EVENT_RESYNC_PROGRESS, SEVERITY_INFO, 0, MSG_RESYNC_PROGRESS,
        KVS(KV("rung", job_rung_name(now.rung)), KV("step", now.step), KVI("done_bytes", now.done_bytes),
            KVI("total_bytes", now.total_bytes), KVI("rate_bytes_s", now.rate_bytes_s), KVI("left_ms", now.left_ms)));
}

bool job_publish(struct job *job) {
    if (job_stopped(job) == STOP_REPLACED) {
        return true;  // the field belongs to the newer job
    }
    pthread_mutex_lock(&job->lock);
    job->state.updated_ms = clock_wall_ms();
    struct job_state now = job->state;
    pthread_mutex_unlock(&job->lock);
    struct state_field field = {0};
    state_encode_job(&now, &field);
    struct err err = {0};
    bool ok = store_write_jobs(job->store, &field, 1, &err);
    free(field.value);
    job->written_ms = clock_mono_ms();
    return ok;
}
