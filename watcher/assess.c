// The judgements, each from this tick's observations and what assess_memory.c kept of the earlier ones.
#include "common/text.h"
#include "watcher/assess_parts.h"

static enum primary_view judge_primary(const struct view *view) {
    if (view->facts.primary < 0) {
        return *view->in->state->primary ? PRIMARY_FOREIGN : PRIMARY_NONE;
    }
    int primary = view->facts.primary;
    switch (view->facts.nodes[primary].reach) {
        case REACH_UNSEEN:
            return PRIMARY_UNSEEN;
        case REACH_ALIVE:
            return PRIMARY_ALIVE;
        case REACH_MISSED:
            return PRIMARY_MISSED;
        case REACH_SILENT:
            return PRIMARY_SILENT;
        case REACH_DEAD:
            return view->memory->nodes[primary].closing_ms ? PRIMARY_CLOSING : PRIMARY_DEAD;
        case REACH_UP:
        case REACH_COUNT:
            break;
    }
    const struct observation *it = assess_seen(view, primary);
    if (!text_equal(it->uuid, view->in->state->primary_uuid)) {
        return PRIMARY_IMPOSTOR;
    }
    int64_t open_ms = view->memory->nodes[primary].open_ms;
    // One that is stopped in good order closes first (compose/mysql/serve.sh): to open it would record in lossless mode
    // that it acknowledges alone, and then nobody could take over from it when it is gone.
    bool just_closed = open_ms && view->in->now_ms - open_ms < SHUT_PATIENCE_MS;
    return !it->read_only     ? PRIMARY_OPEN
           : it->half_rebuilt ? PRIMARY_HALF
           : just_closed      ? PRIMARY_SHUT
                              : PRIMARY_CLOSED;
}

// A closed primary makes no transactions. Whoever holds some of its own that it lacks knows that it lost them: opened,
// it would give their numbers to others, and its replicas would never notice. What somebody else made proves nothing.
static int judge_ahead(const struct view *view) {
    const struct observation *primary =
        view->facts.view == PRIMARY_CLOSED ? assess_seen(view, view->facts.primary) : NULL;
    if (!primary) {
        return -1;
    }
    AUTO_GTID struct gtid_set *held = assess_holds(primary);
    for (int i = 0; i < view->in->count; i++) {
        const struct observation *other = assess_seen(view, i);
        if (i != view->facts.primary && other && assess_up(view, i) && assess_lost_by(primary->uuid, held, other) > 0) {
            return i;
        }
    }
    return -1;
}

// --- what the replicas say ---

// The client errors of a receiver whose source cannot be reached; any other error is an answer from the source.
static bool receiver_error_is_loss(int number) {
    return number == 2002 || number == 2003 || number == 2005 || number == 2006 || number == 2013 || number == 2026 ||
           number == 2055 || (number >= 1158 && number <= 1161);
}

static enum witness testimony(const struct view *view, int node) {
    const struct observation *it = assess_seen(view, node);
    const struct node_memory *memory = &view->memory->nodes[node];
    if (!it || !assess_up(view, node) || !assess_follows_primary(view, node)) {
        return WITNESS_NONE;
    }
    // What it says it said some time after it was asked: that we have not asked since, or were slow to hear it, proves
    // nothing.
    if (it->receiver == THREAD_ON && it->began_ms - memory->sign_ms <= HEARTBEAT_QUIET_MS) {
        return WITNESS_STREAMS;
    }
    if (view->in->now_ms - it->began_ms > ASKING_GAP_MS) {
        return WITNESS_NONE;
    }
    switch (it->receiver) {
        case THREAD_ON:
            return WITNESS_LOST;
        case THREAD_CONNECTING:
            if (receiver_error_is_loss(it->receiver_errno)) {
                return WITNESS_LOST;
            }
            if (it->receiver_errno == 0) {
                bool had = memory->streamed_ms && text_equal(memory->source_uuid, view->in->state->primary_uuid);
                return had ? WITNESS_LOST : WITNESS_UNSURE;
            }
            return WITNESS_NONE;
        case THREAD_OFF:
        case THREAD_ABSENT:
        case THREAD_STATE_COUNT:
            break;
    }
    return WITNESS_NONE;
}

static enum witness judge_witnesses(const struct view *view) {
    unsigned said[WITNESS_COUNT] = {0};
    for (int i = 0; i < view->in->count; i++) {
        if (i != view->facts.primary) {
            said[testimony(view, i)]++;
        }
    }
    return said[WITNESS_STREAMS]  ? WITNESS_STREAMS
           : said[WITNESS_UNSURE] ? WITNESS_UNSURE
           : said[WITNESS_LOST]   ? WITNESS_LOST
                                  : WITNESS_NONE;
}

// --- who could take over ---

static bool covers_all(const struct view *view, int node) {
    AUTO_GTID struct gtid_set *whole = assess_holds(assess_seen(view, node));
    for (int i = 0; i < view->in->count; i++) {
        const struct observation *other = assess_seen(view, i);
        if (i == node || i == view->facts.primary || !other || !assess_up(view, i) || assess_job_on(view, i) ||
            view->facts.nodes[i].standing == STANDING_FORKED) {
            continue;
        }
        AUTO_GTID struct gtid_set *part = assess_holds(other);
        if (!gtid_subset(part, whole)) {
            return false;
        }
    }
    return true;
}

static bool eligible(const struct view *view, int node) {
    const struct observation *it = assess_seen(view, node);
    if (!it || !assess_up(view, node) || node == view->facts.primary || !it->read_only || !it->gtid_on ||
        assess_job_on(view, node) || it->offline_mode || it->half_rebuilt || gtid_empty(it->executed) ||
        view->memory->nodes[node].forked_ms || (view->in->asks && view->memory->nodes[node].foreign) ||
        text_equal(it->uuid, view->in->state->primary_uuid)) {
        return false;
    }
    return node == view->in->intent ||
           (assess_follows_primary(view, node) && (it->receiver == THREAD_ON || it->receiver == THREAD_CONNECTING));
}

// A candidate may only lack what the stream had not brought when the primary was lost, not what came hours before, nor
// a whole reign: without its first row nobody can tell whether what it holds is what that primary held (judge_fork).
static bool stale(const struct view *view, int node) {
    const struct observation *it = assess_seen(view, node);
    bool told = it->relevo_known || it->rows_absent;
    if (told && it->epoch < view->facts.reign_since && gtid_subset(it->received, it->executed)) {
        return true;  // also one that was to be opened, and showed this only when it had applied what it received
    }
    if (node == view->in->intent) {
        return false;
    }
    int64_t streamed_ms = view->memory->nodes[node].streamed_ms;
    int64_t primary_ok_ms = view->memory->nodes[view->facts.primary].ok_ms;
    return streamed_ms == 0 || primary_ok_ms - streamed_ms > STREAM_STALE_MS;
}

static void judge_candidates(struct view *view) {
    struct facts *facts = &view->facts;
    bool any = false;
    enum candidate best = CANDIDATE_NONE;
    int best_rank = -1;
    for (int i = 0; facts->primary >= 0 && i < view->in->count; i++) {
        if (!eligible(view, i)) {
            continue;
        }
        any = true;
        if (!covers_all(view, i)) {
            continue;
        }
        const struct observation *it = assess_seen(view, i);
        enum candidate grade = it->applier_errno ? CANDIDATE_BROKEN
                               : stale(view, i)  ? CANDIDATE_STALE
                                                 : assess_proof(view, i);
        facts->nodes[i].stale = grade == CANDIDATE_STALE;
        bool preferred = text_equal(view->in->names[i], view->in->preferred);
        int rank = grade != CANDIDATE_READY          ? 0
                   : i == view->in->intent           ? 5
                   : view->in->differing & (1u << i) ? (preferred ? 2 : 1)
                                                     : (preferred ? 4 : 3);
        if (rank > best_rank) {
            best_rank = rank;
            best = grade;
            facts->candidate_node = i;
        }
    }
    facts->candidate = facts->candidate_node >= 0 ? best : any ? CANDIDATE_DIVERGED : CANDIDATE_NONE;
}

static void judge_election(struct view *view) {
    struct facts *facts = &view->facts;
    int answering = 0;
    if (facts->open_others == 1 && assess_seen(view, facts->open_node)->half_rebuilt) {
        facts->election = ELECTION_HALF;
        return;
    }
    for (int i = 0; i < view->in->count; i++) {
        answering += assess_up(view, i) ? 1 : 0;
    }
    if (answering < view->in->count) {
        facts->election = answering == 0 ? ELECTION_NONE : ELECTION_WAITING;
        return;
    }
    for (int i = 0; i < view->in->count; i++) {
        if (!assess_seen(view, i)->gtid_on) {
            facts->election = ELECTION_DIVERGED;  // without GTIDs nobody can tell who holds more
            return;
        }
    }
    facts->election = ELECTION_DIVERGED;
    for (int i = 0; i < view->in->count; i++) {
        if (!covers_all(view, i)) {
            continue;
        }
        if (!assess_seen(view, i)->half_rebuilt) {
            facts->election = ELECTION_READY;
            facts->election_node = i;
            return;
        }
        facts->election = ELECTION_HALF;
    }
}

// --- how each other node stands ---

static bool twin_of_another(const struct view *view, int node) {
    const struct observation *it = assess_seen(view, node);
    for (int i = 0; i < view->in->count; i++) {
        bool senior = i == view->facts.primary || (i < node && node != view->facts.primary);
        if (i != node && senior && text_equal(it->uuid, view->memory->nodes[i].uuid) && *it->uuid) {
            return true;
        }
    }
    return false;
}

// What it holds and nobody else made may be worth nothing, or all: a person says.
static bool errant(const struct view *view, int node) {
    return view->in->asks && view->memory->nodes[node].foreign > 0 && assess_follows_primary(view, node);
}

static enum standing judge_standing(const struct view *view, int node) {
    const struct observation *it = assess_seen(view, node);
    if (node == view->facts.primary) {
        bool tied = it && assess_up(view, node) && !it->read_only && it->receiver != THREAD_ABSENT;
        return tied ? STANDING_TIED : STANDING_PRIMARY;
    }
    if (!it || !assess_up(view, node)) {
        return STANDING_AWAY;
    }
    if (twin_of_another(view, node)) {
        return STANDING_TWIN;
    }
    if (!it->read_only) {
        return STANDING_OPEN;
    }
    if (assess_job_on(view, node)) {
        return STANDING_JOB;
    }
    if (!it->super_read_only) {
        return STANDING_LOOSE;
    }
    if (errant(view, node) && it->receiver != THREAD_OFF && it->applier == THREAD_ON && !it->applier_errno) {
        return STANDING_ERRANT;
    }
    if (!assess_follows_primary(view, node) || it->source_moved || it->applier_errno || it->applier == THREAD_OFF ||
        it->offline_mode || it->half_rebuilt) {
        return STANDING_ADRIFT;  // offline without a job, or marked: a copy into it was left half-way
    }
    const struct node_memory *memory = &view->memory->nodes[node];
    if (memory->foreign) {
        return STANDING_ADRIFT;  // MySQL lets it stream all the same
    }
    if (memory->forked_ms && view->in->now_ms - memory->forked_ms >= FORK_PATIENCE_MS) {
        return STANDING_FORKED;
    }
    if (it->receiver == THREAD_ON) {
        return STANDING_STREAMING;
    }
    bool patient = view->in->now_ms - memory->streamed_ms < RETRY_PATIENCE_MS;
    return it->receiver == THREAD_CONNECTING && patient ? STANDING_RETRYING : STANDING_ADRIFT;
}

// The watcher writes a heartbeat row each second: a replica that has the newest is level; else it lacks what was
// written since the one after its own.
static int64_t judge_lag(const struct view *view, int node) {
    const struct observation *it = assess_seen(view, node);
    const struct observation *primary = view->facts.primary >= 0 ? assess_seen(view, view->facts.primary) : NULL;
    if (!it || !it->heartbeat_ms || !primary || !primary->heartbeat_ms) {
        return -1;
    }
    int64_t lag_ms = it->relevo_wall_ms - it->heartbeat_ms - 1000;
    return it->heartbeat_ms >= primary->heartbeat_ms || lag_ms < 0 ? 0 : lag_ms;
}

// What it holds and the primary lacks. Of the primary's own making there may be some that it made since it was asked;
// of anybody else's it takes none once it is open.
static void judge_divergence(struct view *view, int node) {
    struct node_memory *memory = &view->memory->nodes[node];
    const struct observation *it = assess_seen(view, node);
    const struct observation *primary = view->facts.primary >= 0 ? assess_seen(view, view->facts.primary) : NULL;
    if (!it || !primary || primary == it) {
        return;
    }
    AUTO_GTID struct gtid_set *extra = gtid_subtract(it->executed, primary->executed);
    if (primary->began_ms >= it->at_ms) {  // an older primary's set proves nothing
        memory->diverged = gtid_count(extra);
    }
    if (!primary->read_only) {
        memory->foreign = assess_foreign(extra, primary->uuid);
    }
}

// A replica that kept what was undone elsewhere, and was skipped when its numbers were given again, lacks the row of
// that reign though it claims the number (REIGNS_SQL). What it claims was read before its rows, of the primary a row
// before what that claims. With the newest row of both alike, all others must be, but for a moment in which somebody
// edits them.
static void judge_fork(struct view *view, int node) {
    struct node_memory *memory = &view->memory->nodes[node];
    const struct observation *it = assess_seen(view, node);
    const struct observation *primary = view->facts.primary >= 0 ? assess_seen(view, view->facts.primary) : NULL;
    if (!it || !primary || primary == it || primary->read_only || !it->relevo_known || !primary->relevo_known) {
        return;
    }
    if (primary->reigns == 0 || (it->epoch == primary->epoch && it->reigns == primary->reigns)) {
        memory->forked_ms = 0;  // or there are no rows: of an old record, or somebody emptied the table
        return;
    }
    bool lacks = it->epoch < primary->epoch && it->rows_new &&
                 view->memory->nodes[view->facts.primary].proven == primary->epoch &&
                 gtid_subset(primary->executed, it->executed);
    if (lacks) {
        memory->forked_ms = view->in->now_ms - FORK_PATIENCE_MS;
    } else if (it->epoch == primary->epoch && memory->forked_ms == 0) {
        memory->forked_ms = view->in->now_ms;
    }
}

static void judge_follower(struct view *view, int node) {
    struct node_facts *facts = &view->facts.nodes[node];
    struct node_memory *memory = &view->memory->nodes[node];
    const struct observation *it = assess_seen(view, node);
    judge_divergence(view, node);
    judge_fork(view, node);
    facts->standing = judge_standing(view, node);
    facts->open = it && facts->reach == REACH_UP && !it->read_only;
    facts->lag_ms = facts->standing == STANDING_STREAMING ? judge_lag(view, node) : -1;
    bool level = facts->standing == STANDING_STREAMING && facts->lag_ms >= 0 && facts->lag_ms < 1000;
    memory->stream_began_ms = !level ? 0 : memory->stream_began_ms ? memory->stream_began_ms : view->in->now_ms;
    facts->steady_ms = level ? view->in->now_ms - memory->stream_began_ms : 0;
    facts->diverged = node == view->facts.primary ? 0 : memory->diverged;
    facts->doubted = memory->forked_ms != 0;
}

// One that answers may be slow to say what is in its tables, somebody locks them, or the row that would tell is still on
// its way to the disk. Without tables, or without data, it has nothing to say.
static bool told(const struct view *view, int node) {
    const struct observation *it = assess_seen(view, node);
    return it && assess_up(view, node) && it->row_state == ROW_SETTLED &&
           (it->relevo_known || it->rows_absent || gtid_empty(it->executed));
}

static void count_others(struct view *view) {
    struct facts *facts = &view->facts;
    facts->all_streaming = true;
    facts->settled = true;
    facts->all_told = true;
    for (int i = 0; i < view->in->count; i++) {
        facts->settled &= facts->nodes[i].reach != REACH_UNSEEN;
        facts->nodes[i].told = told(view, i);
        facts->all_told &= facts->nodes[i].told;
        facts->any_job |= assess_job_on(view, i);
        if (i == facts->primary) {
            continue;
        }
        facts->all_streaming &= facts->nodes[i].standing == STANDING_STREAMING;
        if (facts->nodes[i].open) {
            facts->open_others++;
            facts->open_node = i;
        }
    }
}

static int index_of(const struct assess_input *in, const char *name) {
    for (int i = 0; *name && i < in->count; i++) {
        if (text_equal(in->names[i], name)) {
            return i;
        }
    }
    return -1;
}

// A primary that is reopened begins a reign and continues its own numbers. Had somebody else reigned between two that
// we know of, the epochs would be two apart.
static uint64_t remember_reign(struct memory *memory, const struct cluster_state *state) {
    bool goes_on = text_equal(memory->reign_uuid, state->primary_uuid) &&
                   (state->epoch == memory->reign_epoch || state->epoch == memory->reign_epoch + 1);
    memory->reign_since = goes_on ? memory->reign_since : state->epoch;
    if (memory->reign_epoch != state->epoch) {
        memory->reign_rule = 0;
        memory->rows = ROWS_NONE;
    }
    memory->reign_epoch = state->epoch;
    (void)text_copy(memory->reign_uuid, sizeof memory->reign_uuid, state->primary_uuid);
    return memory->reign_since;
}

struct facts assess(struct memory *memory, const struct assess_input *in) {
    struct view view = {.memory = memory, .in = in};
    view.facts = (struct facts){.now_ms = in->now_ms,
                                .count = in->count,
                                .primary = index_of(in, in->state->primary),
                                .reign_since = remember_reign(memory, in->state),
                                .candidate_node = -1,
                                .election_node = -1,
                                .open_node = -1,
                                .ahead_node = -1};
    for (int i = 0; i < in->count; i++) {
        assess_remember(&memory->nodes[i], in->observations[i], in->now_ms);
        view.facts.nodes[i].reach = assess_reach(&memory->nodes[i], in->observations[i], in->now_ms, in->silent_ms);
    }
    for (int i = 0; i < in->count; i++) {
        judge_follower(&view, i);
    }
    count_others(&view);
    view.facts.view = judge_primary(&view);
    view.facts.ahead_node = judge_ahead(&view);
    view.facts.witness = judge_witnesses(&view);
    assess_vouchers(&view);
    assess_sync(&view);
    assess_rows(&view);
    judge_candidates(&view);
    judge_election(&view);
    return view.facts;
}
