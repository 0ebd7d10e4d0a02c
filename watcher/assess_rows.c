// Does the open primary still have the row of its reign? A user may empty Relevo's tables, drop them, or restore old
// ones from a backup; what that does to the primary it does to its replicas too, and a replica without that row is
// promoted by nobody (rule 208). So the row is looked after while the primary lives (rules 521, 523).
#include "watcher/assess_parts.h"

#include "common/text.h"

static enum rows_view rows_of(const struct view *view, const struct observation *primary) {
    const struct cluster_state *state = view->in->state;
    bool newest = primary->relevo_known && primary->epoch == state->epoch;
    if (!primary->relevo_known && !primary->rows_absent) {
        return ROWS_UNREAD;
    }
    if (primary->epoch > state->epoch && primary->epoch == view->memory->strange_epoch) {
        return ROWS_OTHER;
    }
    if (primary->epoch > state->epoch) {
        return ROWS_NONE;  // assess_record() takes it over
    }
    if (newest && *primary->epoch_uuid && !text_equal(primary->epoch_uuid, state->primary_uuid)) {
        return ROWS_OTHER;
    }
    return newest && !primary->beat_absent ? ROWS_KEPT : ROWS_LOST;
}

// What it lost it lost without its binlog: a replica that has executed all that it has, or a heartbeat that came later,
// still holds the row. To write it again would break that replica, which is no worse for the loss.
static bool alone(const struct view *view, const struct observation *primary) {
    for (int i = 0; i < view->in->count; i++) {
        const struct observation *it = assess_seen(view, i);
        if (i == view->facts.primary || !it || !assess_up(view, i) || !assess_follows_primary(view, i) ||
            !it->rows_new || !it->relevo_known || it->epoch != view->in->state->epoch) {
            continue;
        }
        if (it->heartbeat_ms > view->memory->rows_wall_ms || gtid_subset(primary->executed, it->executed)) {
            return true;
        }
    }
    return false;
}

static void remember_rows(struct memory *memory, enum rows_view now, const struct observation *it) {
    if (now != memory->rows) {
        memory->rows = now;
        memory->rows_alone = false;
        memory->rows_ms = it->began_ms;
        memory->rows_wall_ms = it->at_wall_ms;
    }
    memory->rows_last_ms = it->began_ms;
}

void assess_rows(struct view *view) {
    struct memory *memory = view->memory;
    const struct observation *it = view->facts.view == PRIMARY_OPEN ? assess_seen(view, view->facts.primary) : NULL;
    if (!it || view->in->state->epoch == 0) {
        memory->rows = ROWS_NONE;
        return;
    }
    bool unread = !it->relevo_known && !it->rows_absent;
    if (it->rows_new || unread) {
        remember_rows(memory, rows_of(view, it), it);
    }
    if (memory->rows == ROWS_KEPT) {
        memory->reign_rule = it->epoch_rule;
    }
    // Looked at again after the patience, not only remembered for as long.
    int64_t patience_ms = memory->rows == ROWS_KEPT     ? 0
                          : memory->rows == ROWS_UNREAD ? UNREAD_PATIENCE_MS
                                                        : ROWS_PATIENCE_MS;
    bool surely = memory->rows_last_ms - memory->rows_ms >= patience_ms;
    // A replica reads its row once a second: what it shows counts from the first look at the primary that began after
    // the loss, for in the look that found the loss the set of GTIDs may have been read before it.
    bool after = it->began_ms > memory->rows_ms;
    memory->rows_alone |= after && memory->rows == ROWS_LOST && alone(view, it);
    view->facts.rows = !surely                                           ? ROWS_NONE
                       : memory->rows == ROWS_LOST && memory->rows_alone ? ROWS_ALONE
                                                                         : memory->rows;
}
