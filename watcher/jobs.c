// The resync jobs as the watcher sees them: it queues them, db-resync works at them, the state hash says how they
// stand.
#include "common/log.h"
#include "common/text.h"
#include "watcher/watcher_parts.h"

enum {
    SETTLE_MS = 3000,  // between queueing a job and looking whether the node still needs one
    RETRY_FIRST_MS = 5000,
    RETRY_MOST_MS = 60000,
    // Another try would fail alike until somebody changed something, and cost another copy's worth of work.
    LASTING_FIRST_MS = 60000,
    LASTING_MOST_MS = 3600000,
};

static int64_t pause_after(unsigned failures, bool lasting) {
    int64_t first_ms = lasting ? LASTING_FIRST_MS : RETRY_FIRST_MS, most_ms = lasting ? LASTING_MOST_MS : RETRY_MOST_MS;
    int64_t wait_ms = first_ms << (failures < 6 ? failures : 6);
    return wait_ms < most_ms ? wait_ms : most_ms;
}

// Redis lost its memory, and with it a job, or another watcher put its own in the place of ours. If somebody works at
// it, it shows again within the wait; else the node is looked at afresh. (One that Redis does not take is not lost.)
static void drop_vanished(struct watcher *watcher, const struct cluster_state *read) {
    for (size_t i = 0; i < watcher->state.job_count && !watcher->told.refused; i++) {
        struct job_state *ours = &watcher->state.jobs[i];
        const struct job_state *theirs = state_job(read, ours->node);
        int node = settings_node(watcher->settings, ours->node);
        if (job_active(ours) && (!theirs || theirs->queued_ms < ours->queued_ms) && node >= 0 &&
            watcher->now_ms >= watcher->job_wait_ms[node]) {  // else the one we queued a moment ago is not there yet
            LOG_WARN(MSG_JOB_VANISHED, KV("node", ours->node), KV("job", ours->id));
            ours->phase = JOB_CANCELLED;
            watcher->job_wait_ms[node] = watcher->now_ms + SETTLE_MS;
        }
    }
}

static bool failed_for_good(const struct job_state *job) {
    return job && job->phase == JOB_FAILED && job->lasting;
}

bool jobs_may_queue(const struct watcher *watcher, int node) {
    const struct job_state *last = state_job(&watcher->state, watcher->names[node]);
    // Under another primary what was in the way may not be.
    return watcher->now_ms >= watcher->job_wait_ms[node] ||
           (failed_for_good(last) && last->epoch != watcher->state.epoch);
}

void jobs_node_is_back(struct watcher *watcher, int node) {
    if (failed_for_good(state_job(&watcher->state, watcher->names[node]))) {
        watcher->job_wait_ms[node] = watcher->now_ms + SETTLE_MS;
    }
}

void jobs_adopt(struct watcher *watcher, const struct cluster_state *read) {
    struct cluster_state *state = &watcher->state;
    for (size_t i = 0; i < read->job_count; i++) {
        const struct job_state *theirs = &read->jobs[i];
        struct job_state *ours = (struct job_state *)state_job(state, theirs->node);
        int node = settings_node(watcher->settings, theirs->node);
        if (node < 0) {
            continue;  // of a node that bore another name once
        }
        if (!ours && state->job_count < NODE_MAX) {
            ours = &state->jobs[state->job_count++];
        }
        if (!ours || theirs->queued_ms < ours->queued_ms) {
            continue;  // the one we queued a moment ago is not there yet
        }
        bool ended = job_active(ours) && !job_active(theirs);
        if (ended && theirs->phase == JOB_FAILED) {
            int64_t wait_ms = pause_after(watcher->node_failures[node]++, theirs->lasting);
            watcher->job_wait_ms[node] = watcher->now_ms + wait_ms;
            if (failed_for_good(theirs)) {
                LOG_WARN(MSG_JOB_LASTING, KV("node", theirs->node), KVI("seconds", wait_ms / 1000));
            }
        } else if (ended) {
            watcher->job_wait_ms[node] = watcher->now_ms + 1000;
            watcher->node_failures[node] = 0;
        }
        *ours = *theirs;
    }
    drop_vanished(watcher, read);
}

void jobs_note_differences(struct watcher *watcher, const struct cluster_state *read) {
    for (int i = 0; i < watcher->count; i++) {
        const struct job_state *job = state_job(read, watcher->names[i]), *check = state_check(read, watcher->names[i]);
        struct known_difference *differs = &watcher->differs[i];
        bool copied = job && job->phase == JOB_DONE && (job->rung == RUNG_CLONE || job->rung == RUNG_DUMP);
        // A catch-up or a rewind leaves all other data as they were: what was found before still holds.
        bool compared = check && check->phase == JOB_DONE && !(copied && check->started_ms < job->ended_ms);
        *differs = (struct known_difference){0};
        if (compared && check->differing > 0) {
            differs->count = check->differing;
            (void)text_copy(differs->object, sizeof differs->object, check->differences[0].table);
        } else if (!compared && copied && job->left_out > 0) {
            differs->count = job->left_out;
            (void)text_copy(differs->object, sizeof differs->object, job->not_copied[0].object);
        }
    }
}

unsigned jobs_differing(const struct watcher *watcher) {
    unsigned nodes = 0;
    for (int i = 0; i < watcher->count; i++) {
        nodes |= watcher->differs[i].count > 0 ? 1u << i : 0;
    }
    return nodes;
}

static struct job_state new_job(const struct watcher *watcher, int node, enum job_rung method, const char *by,
                                const char *command_id) {
    struct job_state job = {.epoch = watcher->state.epoch,
                            .phase = JOB_QUEUED,
                            .method = method,
                            .total_bytes = -1,
                            .rate_bytes_s = -1,
                            .left_ms = -1,
                            .queued_ms = watcher->now_wall_ms,
                            .updated_ms = watcher->now_wall_ms};
    (void)text_format(job.id, sizeof job.id, "%llu-%lld-%d", (unsigned long long)job.epoch,
                      (long long)watcher->now_wall_ms, node);
    (void)text_copy(job.node, sizeof job.node, watcher->names[node]);
    (void)text_copy(job.by, sizeof job.by, by);
    (void)text_copy(job.command_id, sizeof job.command_id, command_id);
    return job;
}

void jobs_queue_check(struct watcher *watcher, int node, const char *by, const char *command_id) {
    struct job_state job = new_job(watcher, node, RUNG_VERIFY, by, command_id);
    publish_job(watcher->publish, &job);
}

void jobs_queue(struct watcher *watcher, int node, enum job_rung method, const char *by, const char *command_id) {
    struct job_state job = new_job(watcher, node, method, by, command_id);
    struct job_state *slot = (struct job_state *)state_job(&watcher->state, job.node);
    if (!slot && watcher->state.job_count < NODE_MAX) {
        slot = &watcher->state.jobs[watcher->state.job_count++];
    }
    if (slot) {
        *slot = job;
    }
    watcher->job_wait_ms[node] = watcher->now_ms + SETTLE_MS;
    publish_job(watcher->publish, &job);
}
