// Lossless mode: does the primary wait for acknowledgements, who can vouch that nothing acknowledged is lost, do the
// nodes' semi-sync settings fit. A majority holds every acknowledged commit (settings_acks()), so that of R replicas of
// which w acknowledge, any R-w+1 hold it among them: so many must vouch before one of them is opened.
#include "watcher/assess_parts.h"

#include "common/text.h"

enum { LEVEL_MS = 1000 };

static bool recorded(const struct view *view) {
    const struct cluster_state *state = view->in->state;
    return view->in->acks > 0 && state->epoch > 0 && state->sync_epoch == state->epoch;
}

static bool acknowledges(const struct view *view, int node) {
    const struct observation *it = assess_seen(view, node);
    return it && assess_up(view, node) && it->receiver == THREAD_ON && assess_follows_primary(view, node) &&
           it->semisync.replica_on && it->semisync.replica_acks;
}

// The primary as it is while it takes writes, NULL if it does not.
static const struct observation *open_primary(const struct view *view) {
    int primary = view->facts.primary;
    const struct observation *it = primary >= 0 ? assess_seen(view, primary) : NULL;
    bool open = it && assess_up(view, primary) && !it->read_only && text_equal(it->uuid, view->in->state->primary_uuid);
    return open ? it : NULL;
}

// --- who vouches ---

// What it acknowledged may be gone: the relay log does not outlive a restart, a CHANGE or a RESET, and a job rebuilds.
static bool thrown_away(const struct view *view, int node, const struct observation *it) {
    const struct node_memory *memory = &view->memory->nodes[node];
    return it->boot_s == 0 || it->boot_s != memory->boot_s || gtid_count(it->received) < memory->vouch_received ||
           !assess_follows_primary(view, node) || !it->read_only || assess_job_on(view, node);
}

static void judge_voucher(struct view *view, int node) {
    struct node_memory *memory = &view->memory->nodes[node];
    struct node_facts *facts = &view->facts.nodes[node];
    const struct observation *it = assess_seen(view, node);
    if (!it || !assess_up(view, node)) {
        return;  // what became of it shows when it answers again
    }
    bool lost = thrown_away(view, node, it);
    memory->vouch_epoch = lost ? 0 : memory->vouch_epoch;
    memory->boot_s = it->boot_s;
    memory->vouch_received = gtid_count(it->received);
    facts->acknowledges = acknowledges(view, node);
    memory->acks_ms = lost || !facts->acknowledges ? 0 : memory->acks_ms ? memory->acks_ms : it->at_ms;
    const struct observation *primary = open_primary(view);
    // All that the primary had after both had begun: what came later it acknowledged in this life, or did not.
    if (memory->acks_ms && recorded(view) && primary && primary->began_ms >= memory->acks_ms &&
        primary->began_ms >= view->in->sync_ms) {
        AUTO_GTID struct gtid_set *whole = assess_holds(it);
        if (gtid_subset(primary->executed, whole)) {
            memory->vouch_epoch = view->in->state->epoch;
        }
    }
    facts->vouches = memory->vouch_epoch > 0 && memory->vouch_epoch == view->in->state->epoch;
}

void assess_vouchers(struct view *view) {
    struct facts *facts = &view->facts;
    if (view->in->acks == 0) {
        return;
    }
    facts->quorum = view->in->count - view->in->acks;  // R - w + 1, with one node that is no replica
    for (int i = 0; i < view->in->count; i++) {
        if (i != facts->primary) {
            judge_voucher(view, i);
            facts->vouching += facts->nodes[i].vouches ? 1 : 0;
        }
    }
}

enum candidate assess_proof(const struct view *view, int node) {
    if (view->in->acks == 0) {
        return CANDIDATE_READY;
    }
    if (!recorded(view) || view->memory->loose_ms > view->in->sync_ms) {
        return CANDIDATE_UNSYNCED;
    }
    bool proven = view->facts.nodes[node].vouches && view->facts.vouching >= view->facts.quorum;
    return proven ? CANDIDATE_READY : CANDIDATE_UNPROVEN;
}

// --- does the primary wait ---

// A replica may stream and not acknowledge: its disk is full or hangs, or it receives one very large transaction, which
// may take a while. The primary's own counts tell.
static bool unheard(struct view *view, const struct observation *primary, bool same_life) {
    struct node_memory *memory = &view->memory->nodes[view->facts.primary];
    const struct semisync *it = &primary->semisync;
    bool heard = !it->source_on || it->waiting == 0 || it->acked != memory->acked || !same_life;
    memory->acked = it->acked;
    if (heard || view->memory->enough_acks_ms == 0) {
        view->memory->acked_ms = view->in->now_ms;
    }
    return view->in->now_ms - view->memory->acked_ms > UNHEARD_PATIENCE_MS;
}

static enum sync_view judge_sync(struct view *view, const struct observation *primary) {
    struct node_memory *memory = &view->memory->nodes[view->facts.primary];
    int acknowledging = 0, level = 0;
    for (int i = 0; i < view->in->count; i++) {
        const struct node_facts *node = &view->facts.nodes[i];
        acknowledging += node->acknowledges ? 1 : 0;
        level +=
            node->acknowledges && node->standing == STANDING_STREAMING && node->lag_ms >= 0 && node->lag_ms < LEVEL_MS
                ? 1
                : 0;
    }
    bool same_life = memory->boot_s == primary->boot_s;
    bool in_vain = unheard(view, primary, same_life);
    if (acknowledging >= view->in->acks || view->memory->enough_acks_ms == 0) {
        view->memory->enough_acks_ms = view->in->now_ms;
    }
    bool since = primary->began_ms >= view->in->sync_ms;  // else it may be seen as it was before
    memory->unacked_known &= same_life;
    bool let_through = memory->unacked_known && primary->semisync.unacked > memory->unacked;
    view->facts.let_through = recorded(view) && since && let_through ? primary->semisync.unacked - memory->unacked : 0;
    bool told = primary->relevo_known && primary->epoch == view->in->state->epoch;  // else that row is gone
    bool strict = primary->semisync.source_strict && (!told || primary->epoch_sync);
    memory->boot_s = primary->boot_s;
    memory->unacked = since ? primary->semisync.unacked : memory->unacked;
    memory->unacked_known |= since;
    bool stuck = in_vain || (primary->semisync.source_on &&
                             view->in->now_ms - view->memory->enough_acks_ms > ACK_PATIENCE_MS);
    if (recorded(view) && since && (!strict || let_through)) {
        view->memory->loose_ms = view->in->now_ms;
    }
    bool loose = recorded(view) && view->memory->loose_ms > view->in->sync_ms;
    return view->in->sync_rests      ? recorded(view) ? SYNC_ON : SYNC_OFF
           : loose                   ? SYNC_LOOSE
           : stuck                   ? SYNC_STUCK
           : recorded(view)          ? SYNC_ON
           : level >= view->in->acks ? SYNC_DUE
                                     : SYNC_OFF;
}

// --- do the settings fit ---

static enum fit judge_fit(const struct view *view, int node) {
    const struct observation *it = assess_seen(view, node);
    if (!it || !assess_up(view, node)) {
        return FIT_NONE;
    }
    if (!it->semisync.installed) {
        return FIT_ABSENT;
    }
    if (node == view->facts.primary) {
        return FIT_RIGHT;  // judge_sync() judges it
    }
    if (!it->read_only || !it->super_read_only || assess_job_on(view, node)) {
        return FIT_NONE;
    }
    bool deaf = view->facts.nodes[node].standing == STANDING_STREAMING && !it->semisync.replica_acks;
    // A replica that waits for acknowledgements itself would never finish applying.
    return it->semisync.source_on || !it->semisync.replica_on || deaf ? FIT_WRONG : FIT_RIGHT;
}

void assess_sync(struct view *view) {
    struct facts *facts = &view->facts;
    if (view->in->acks == 0) {
        bool left = view->in->leaving && facts->view == PRIMARY_OPEN && !view->in->sync_rests;
        facts->sync = left ? SYNC_LEFT : SYNC_NONE;
        return;
    }
    for (int i = 0; i < view->in->count; i++) {
        facts->nodes[i].fit = judge_fit(view, i);
    }
    const struct observation *primary = facts->view == PRIMARY_OPEN ? assess_seen(view, facts->primary) : NULL;
    if (!primary) {
        view->memory->enough_acks_ms = 0;  // patience begins anew when it answers again
        return;
    }
    facts->sync = judge_sync(view, primary);
}
