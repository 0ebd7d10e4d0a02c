// What one node says of itself: the questions that every judgement asks.
#include "common/text.h"
#include "watcher/assess_parts.h"

const struct observation *assess_seen(const struct view *view, int node) {
    const struct observation *observation = view->in->observations[node];
    return observation && observation->outcome == PROBE_OK ? observation : NULL;
}

bool assess_up(const struct view *view, int node) {
    return view->facts.nodes[node].reach == REACH_UP;
}

bool assess_job_on(const struct view *view, int node) {
    const struct job_state *job = state_job(view->in->state, view->in->names[node]);
    return job && job_active(job);
}

bool assess_follows_primary(const struct view *view, int node) {
    const struct observation *it = assess_seen(view, node);
    const char *primary_uuid = view->in->state->primary_uuid;
    if (!it || *primary_uuid == '\0' || it->receiver == THREAD_ABSENT) {
        return false;
    }
    if (*it->source_uuid) {
        return text_equal(it->source_uuid, primary_uuid);
    }
    return text_equal(it->source_host, view->in->state->primary);  // has not connected since it started
}

struct gtid_set *assess_holds(const struct observation *it) {
    return gtid_union(it->executed, it->received);  // received is not cumulative, hence the union
}
