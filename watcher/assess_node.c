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

struct made_by {
    const char *uuid;
    uint64_t count;
};

static void count_made_by(void *arg, const char *uuid, const char *tag, uint64_t first, uint64_t last) {
    struct made_by *made = arg;
    (void)tag;
    made->count += text_equal(uuid, made->uuid) ? last - first + 1 : 0;
}

uint64_t assess_lost_by(const char *uuid, const struct gtid_set *held, const struct observation *node) {
    struct made_by lost = {.uuid = uuid};
    AUTO_GTID struct gtid_set *whole = assess_holds(node);
    AUTO_GTID struct gtid_set *more = gtid_subtract(whole, held);
    gtid_each(more, count_made_by, &lost);
    return lost.count;
}

struct foreign {
    const char *primary_uuid;
    uint64_t count;
};

static void count_foreign(void *arg, const char *uuid, const char *tag, uint64_t first, uint64_t last) {
    struct foreign *foreign = arg;
    (void)tag;
    foreign->count += text_equal(uuid, foreign->primary_uuid) ? 0 : last - first + 1;
}

uint64_t assess_foreign(const struct gtid_set *extra, const char *primary_uuid) {
    struct foreign foreign = {.primary_uuid = primary_uuid};
    gtid_each(extra, count_foreign, &foreign);
    return foreign.count;
}

struct gtid_set *assess_holds(const struct observation *it) {
    return gtid_union(it->executed, it->received);  // received is not cumulative, hence the union
}
