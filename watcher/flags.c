// The conditions that are not about one node (enum flag), as of this tick. Reads only; no I/O.
#include "watcher/watcher_parts.h"

#include <stdlib.h>
#include <string.h>

#include "common/text.h"

enum {
    SWITCHOVER_LAG_MS = 5000,  // a target further behind would keep writers waiting
    STEADY_MS = 5000,          // a preferred node streams this long without lag before it gets its place back
    YOUNG_MS = 60000,
    STORE_PATIENCE_MS = 5000,  // at the start: how long the state hash may take before MySQL alone is believed
};

void remember_failover(struct watcher *watcher) {
    char kept[sizeof watcher->state.failovers];
    (void)text_format(kept, sizeof kept, "%lld", (long long)watcher->now_wall_ms);
    const char *old = watcher->state.failovers;
    for (unsigned i = 0; *old && i + 1 < watcher->settings->failover_limit && strlen(kept) + 16 < sizeof kept; i++) {
        size_t length = strcspn(old, ",");
        size_t used = strlen(kept);
        (void)text_format(kept + used, sizeof kept - used, ",%.*s", (int)length, old);
        old += length + (old[length] == ',' ? 1 : 0);
    }
    (void)text_copy(watcher->state.failovers, sizeof watcher->state.failovers, kept);
}

// The list holds the newest failovers, as many as the limit at most. Once it is full within the window it stays so, for
// nothing is added any more, until somebody acknowledges.
static bool limit_reached(const struct watcher *watcher) {
    unsigned count = 0;
    long long newest_ms = 0, oldest_ms = 0;
    for (const char *at = watcher->state.failovers; *at; count++) {
        char *end = NULL;
        oldest_ms = strtoll(at, &end, 10);
        newest_ms = count == 0 ? oldest_ms : newest_ms;
        at = *end == ',' ? end + 1 : "";
    }
    return count >= watcher->settings->failover_limit && newest_ms - oldest_ms < watcher->settings->failover_limit_ms;
}

int preferred_node(const struct watcher *watcher) {
    return settings_node(watcher->settings, watcher->settings->preferred);
}

int target_node(const struct watcher *watcher, enum target target) {
    switch (target) {
        case TARGET_CANDIDATE:
            return watcher->facts.candidate_node;
        case TARGET_ELECTED:
            return watcher->facts.election_node;
        case TARGET_PRIMARY:
            return watcher->facts.primary;
        case TARGET_OPEN:
            return watcher->facts.open_node;
        case TARGET_ASKED:
            return watcher->asked.target;
        case TARGET_PREFERRED:
            return preferred_node(watcher);
        case TARGET_NONE:
            break;
    }
    return -1;
}

// A switchover that a person asked for stays; only what a failover moved is moved back.
static bool failback_due(const struct watcher *watcher) {
    int node = preferred_node(watcher);
    int primary = watcher->facts.primary;
    if (!watcher->settings->failback_auto || node < 0 || node == primary || primary < 0) {
        return false;
    }
    const struct observation *it = watcher->observations[primary];
    bool known = it && it->epoch >= watcher->state.epoch;  // else the row is gone, and by which rule the reign began
    return known && it->epoch_rule != RULE_ASKED_SWITCHOVER && watcher->facts.nodes[node].steady_ms >= STEADY_MS &&
           watcher->differs[node].count == 0 &&  // else who is primary now is another way
           watcher->facts.nodes[node].diverged == 0 && !watcher->facts.nodes[node].doubted;
}

static bool seen_since_acted(const struct watcher *watcher, int node) {
    const struct observation *it = watcher->observations[node];
    return !it || it->outcome != PROBE_OK || it->kicks >= watcher->acted_kicks[node];
}

static bool all_seen_since_acted(const struct watcher *watcher) {
    for (int i = 0; i < watcher->count; i++) {
        if (!seen_since_acted(watcher, i)) {
            return false;
        }
    }
    return true;
}

// Servers may take a minute to start; until then a missing one is expected rather than lost.
static bool young(const struct watcher *watcher) {
    int primary = watcher->facts.primary;
    return watcher->now_ms - watcher->started_ms < YOUNG_MS &&
           (primary < 0 || watcher->memory.nodes[primary].ok_ms < watcher->started_ms);
}

// After an action failed. A switchover that failed because the primary died is no reason to leave writers waiting.
static bool cooling(const struct watcher *watcher) {
    enum primary_view view = watcher->facts.view;
    bool gone = view == PRIMARY_DEAD || view == PRIMARY_CLOSING || view == PRIMARY_SILENT;
    return watcher->now_ms < watcher->cooling_until_ms && !(gone && watcher->cooling_of == ACT_SWITCHOVER);
}

unsigned flags_now(const struct watcher *watcher) {
    const struct facts *facts = &watcher->facts;
    bool known = watcher->record_read || watcher->now_ms - watcher->started_ms > STORE_PATIENCE_MS;
    int asked = watcher->asked.target;
    bool unfinished = watcher->intent_target >= 0;
    bool uncertain = unfinished && !watcher->intent_harmless && watcher->intent_target != facts->primary &&
                     !facts->nodes[watcher->intent_target].told;
    bool outlived = unfinished && watcher->intent_act == ACT_PROMOTE && watcher->intent_target == facts->primary &&
                    watcher->intent_old >= 0 && facts->open_others == 1 && facts->open_node == watcher->intent_old;
    const struct observation *target = watcher->asked.flag && asked >= 0 ? watcher->observations[asked] : NULL;
    bool others_closed = facts->open_others == 0 || (facts->open_others == 1 && facts->open_node == asked);
    bool answers = target && target->outcome == PROBE_OK;
    bool holds_data = answers && (!gtid_empty(target->executed) || !target->gtid_on);
    // A job that passed its guard a moment ago may be about to erase the node.
    bool left_alone = asked < 0 || !job_active(state_job(&watcher->state, watcher->names[asked]));
    bool fit =
        holds_data && !target->half_rebuilt && others_closed && left_alone && facts->nodes[asked].reach == REACH_UP;
    return (watcher->leads ? FLAG_LEADER : 0u) |
           (actor_idle(watcher->actor) && all_seen_since_acted(watcher) ? 0u : FLAG_BUSY) |
           (known && facts->settled ? FLAG_SETTLED : 0u) | (watcher->state.maintenance ? FLAG_MAINTENANCE : 0u) |
           (limit_reached(watcher) ? FLAG_LIMIT : 0u) |
           (cooling(watcher) ? FLAG_COOLING : 0u) |
           (facts->all_streaming ? FLAG_ALL_STREAMING : 0u) | (facts->any_job ? FLAG_ANY_JOB : 0u) |
           (facts->open_others == 1 ? FLAG_OPEN_OTHER : 0u) | (facts->open_others > 1 ? FLAG_OPEN_MANY : 0u) |
           (watcher->recalled ? FLAG_RECALLED : 0u) | (failover_unfinished(watcher) ? FLAG_INTENT : 0u) |
           (uncertain ? FLAG_UNCERTAIN : 0u) | (facts->ahead_node >= 0 ? FLAG_BEHIND : 0u) |
           (outlived ? FLAG_OUTLIVED : 0u) |
           (watcher->settings->watch_first && !watcher->told_to_begin ? FLAG_HELD : 0u) | (young(watcher) ? FLAG_YOUNG : 0u) |
           (failback_due(watcher) ? FLAG_FAILBACK_DUE : 0u) | watcher->asked.flag |
           (watcher->asked.flag && asked >= 0 && facts->nodes[asked].standing == STANDING_STREAMING &&
                    !facts->nodes[asked].doubted && facts->nodes[asked].lag_ms < SWITCHOVER_LAG_MS
                ? FLAG_TARGET_READY
                : 0u) |
           (fit ? FLAG_TARGET_FIT : 0u);
}

bool rival_unheard(const struct watcher *watcher) {
    return watcher->settings->mode == MODE_LOSSLESS && watcher->facts.view == PRIMARY_OPEN &&
           (flags_now(watcher) & (FLAG_UNCERTAIN | FLAG_RECALLED)) != 0;
}
