// A job at which nobody works any more, because db-resync died, must not keep for ever a node from taking the primary's
// place that streams and holds no half copy. It is ended in the jobs hash; what db-resync began is told by the node itself
// (its mark, offline_mode), and a promotion of that node makes sure that no session of db-resync is left there: a frozen one
// may thaw (step_nobody_rebuilds()).
#include "common/log.h"
#include "common/text.h"
#include "watcher/watcher_parts.h"

enum { JOB_LEFT_MS = 60000 };

// It would be a candidate, but for the job.
static bool stands_ready(const struct watcher *watcher, int node) {
    const struct observation *it = watcher->observations[node];
    return it && it->outcome == PROBE_OK && watcher->facts.nodes[node].reach == REACH_UP && it->read_only &&
           it->super_read_only && !it->offline_mode && !it->half_rebuilt && it->gtid_on &&
           (it->receiver == THREAD_ON || it->receiver == THREAD_CONNECTING) && *watcher->state.primary_uuid &&
           text_equal(it->source_uuid, watcher->state.primary_uuid);
}

static void end(struct watcher *watcher, int node, struct job_state *job) {
    struct kv node_kv = KV("node", job->node);
    job->phase = JOB_CANCELLED;
    job->ended_ms = watcher->now_wall_ms;
    (void)text_copy(job->step, sizeof job->step, JOB_STEP_LEFT);
    (void)msg_render(MSG_JOB_LEFT, log_lang(), KVS(node_kv, KVI("seconds", JOB_LEFT_MS / 1000)), job->why, sizeof job->why);
    publish_job(watcher->publish, job);
    if (text_equal(watcher->jobs_heard[node].ended, job->id)) {
        return;  // Redis had not taken it yet
    }
    (void)text_copy(watcher->jobs_heard[node].ended, sizeof watcher->jobs_heard[node].ended, job->id);
    report_event(watcher, EVENT_ALARM, SEVERITY_WARNING, job->node, 0, MSG_JOB_LEFT,
                 KVS(node_kv, KVI("seconds", JOB_LEFT_MS / 1000), KV("job", job->id)));
    if (*job->command_id) {
        report_event(watcher, EVENT_COMMAND_FINISHED, SEVERITY_ERROR, job->node, 0, MSG_RESYNC_COMMAND_FAILED,
                     KVS(node_kv, KV("id", job->command_id), KV("action", "resync"), KV("why", job->why)));
    }
}

void jobs_end_left(struct watcher *watcher) {
    for (size_t i = 0; i < watcher->state.job_count; i++) {
        struct job_state *job = &watcher->state.jobs[i];
        int node = settings_node(watcher->settings, job->node);
        if (node < 0 || !job_active(job)) {
            continue;
        }
        struct job_heard *heard = &watcher->jobs_heard[node];
        if (!text_equal(heard->id, job->id) || heard->updated_ms != job->updated_ms) {
            (void)text_copy(heard->id, sizeof heard->id, job->id);
            heard->updated_ms = job->updated_ms;
            heard->since_ms = watcher->now_ms;
        }
        if (watcher->now_ms - heard->since_ms >= JOB_LEFT_MS && stands_ready(watcher, node)) {
            end(watcher, node, job);
        }
    }
}

bool job_left(const struct watcher *watcher, int node) {
    const struct job_state *job = state_job(&watcher->state, watcher->names[node]);
    return job && text_equal(job->step, JOB_STEP_LEFT);
}
