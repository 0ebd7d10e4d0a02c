// What is known of one node from one observation to the next: when it last answered, refused, streamed; and what
// outlives this process: the names of things, the record of who is primary, the streams as the state hash knew them.
#include "common/text.h"
#include "watcher/assess_parts.h"

#define X(id, name) [id] = name,
static const char *const reach_names[] = {REACHES(X)};
static const char *const witness_names[] = {WITNESSES(X)};
static const char *const candidate_names[] = {CANDIDATES(X)};
static const char *const primary_view_names[] = {PRIMARY_VIEWS(X)};
static const char *const election_names[] = {ELECTIONS(X)};
static const char *const standing_names[] = {STANDINGS(X)};
static const char *const sync_names[] = {SYNCS(X)};
static const char *const fit_names[] = {FITS(X)};
static const char *const rows_names[] = {ROWS_VIEWS(X)};
#undef X

const char *reach_name(enum reach reach) {
    return reach < REACH_COUNT ? reach_names[reach] : "?";
}
const char *witness_name(enum witness witness) {
    return witness < WITNESS_COUNT ? witness_names[witness] : "?";
}
const char *candidate_name(enum candidate candidate) {
    return candidate < CANDIDATE_COUNT ? candidate_names[candidate] : "?";
}
const char *primary_view_name(enum primary_view view) {
    return view < PRIMARY_VIEW_COUNT ? primary_view_names[view] : "?";
}
const char *election_name(enum election election) {
    return election < ELECTION_COUNT ? election_names[election] : "?";
}
const char *standing_name(enum standing standing) {
    return standing < STANDING_COUNT ? standing_names[standing] : "?";
}

static bool outcome_is_hard(enum probe_outcome outcome) {
    return outcome == PROBE_REFUSED || outcome == PROBE_GONE;
}

const char *sync_view_name(enum sync_view sync) {
    return sync < SYNC_COUNT ? sync_names[sync] : "?";
}
const char *fit_name(enum fit fit) {
    return fit < FIT_COUNT ? fit_names[fit] : "?";
}

const char *rows_view_name(enum rows_view rows) {
    return rows < ROWS_VIEW_COUNT ? rows_names[rows] : "?";
}

static void remember_stream(struct node_memory *memory, const struct observation *seen_now) {
    if (seen_now->receiver != THREAD_ON) {
        memory->heartbeats = UINT64_MAX;  // connecting anew is a sign of life, though both counts may begin at zero
        return;
    }
    uint64_t received_count = gtid_count(seen_now->received);
    bool began = !text_equal(memory->source_uuid, seen_now->source_uuid) || memory->sign_ms == 0;
    // A long transaction may take minutes to arrive. Should its source fall silent in the middle, the receiver itself
    // gives up (replica_net_timeout) and is ON no more.
    if (seen_now->receiving || began || seen_now->source_heartbeats != memory->heartbeats ||
        received_count != memory->received_count) {
        memory->sign_ms = seen_now->at_ms;
    }
    memory->heartbeats = seen_now->source_heartbeats;
    memory->received_count = received_count;
    memory->streamed_ms = seen_now->at_ms;
    (void)text_copy(memory->source_uuid, sizeof memory->source_uuid, seen_now->source_uuid);
}

// A frozen watcher hears, when it thaws, what was said long ago.
static bool came_late(const struct observation *it) {
    return it->at_ms - it->began_ms > ASKING_GAP_MS;
}

static void remember_asking(struct node_memory *memory, const struct observation *observation) {
    bool gap = memory->told_ms && observation->began_ms - memory->told_ms > ASKING_GAP_MS;
    if (gap || came_late(observation)) {
        memory->asked_ms = observation->at_ms;
    }
    memory->told_ms = observation->at_ms;
}

void assess_remember(struct node_memory *memory, const struct observation *observation, int64_t now_ms) {
    if (memory->watched_ms == 0) {
        memory->watched_ms = now_ms;
    }
    if (!observation || observation->serial == memory->serial) {
        return;
    }
    memory->serial = observation->serial;
    remember_asking(memory, observation);
    if (observation->outcome == PROBE_OK) {
        memory->ok_ms = observation->at_ms;
        memory->closed = observation->read_only;
        memory->open_ms = observation->read_only ? memory->open_ms : observation->at_ms;
        memory->answered_ms = observation->at_ms;
        memory->hard_ms = 0;
        memory->closing_ms = 0;
        (void)text_copy(memory->uuid, sizeof memory->uuid, observation->uuid);
        memory->proven = memory->epoch;
        memory->epoch = observation->epoch;
        remember_stream(memory, observation);
    } else if (observation_alive(observation)) {
        memory->answered_ms = observation->at_ms;
        memory->hard_ms = 0;
        memory->closing_ms = 0;
    } else if (observation->outcome == PROBE_CLOSING) {
        memory->closing_ms = observation->at_ms;
    } else if (outcome_is_hard(observation->outcome) && !came_late(observation)) {
        memory->hard_ms = memory->hard_ms ? memory->hard_ms : observation->at_ms;
        memory->open_ms = 0;
        memory->closing_ms = observation->closing_ms ? observation->closing_ms : memory->closing_ms;
    }
}

// For as long as it has been silent, we have asked.
static bool asked(const struct node_memory *memory, int64_t now_ms, int64_t silent_ms) {
    return now_ms - memory->asked_ms >= silent_ms && now_ms - memory->told_ms <= ASKING_GAP_MS;
}

enum reach assess_reach(const struct node_memory *memory, const struct observation *observation, int64_t now_ms,
                        int64_t silent_ms) {
    int64_t heard_ms = memory->answered_ms ? memory->answered_ms : memory->watched_ms;
    bool silent = now_ms - heard_ms >= silent_ms;
    if (!observation) {
        return silent ? REACH_SILENT : REACH_UNSEEN;
    }
    if (memory->hard_ms) {
        return REACH_DEAD;
    }
    if (silent && asked(memory, now_ms, silent_ms)) {
        return REACH_SILENT;
    }
    if (!silent && observation->outcome == PROBE_OK) {
        return REACH_UP;
    }
    if (!silent && observation_alive(observation)) {
        return REACH_ALIVE;
    }
    return memory->answered_ms ? REACH_MISSED : REACH_UNSEEN;
}

bool assess_stranger(const struct memory *memory, const char *uuid, int count) {
    for (int i = 0; i < count; i++) {
        if (*memory->nodes[i].uuid == '\0' || text_equal(memory->nodes[i].uuid, uuid)) {
            return false;
        }
    }
    return true;
}

static bool tells_a_reign(const struct observation *it) {
    return it && it->outcome == PROBE_OK && it->relevo_known && *it->epoch_uuid;
}

// No reign of another server reaches the tables of a primary that takes writes, but by somebody who restores them there.
static void remember_strangers(const struct cluster_state *state, struct memory *memory,
                               struct observation *const observations[], int count) {
    for (int i = 0; i < count; i++) {
        const struct observation *it = observations[i];
        if (tells_a_reign(it) && !it->read_only && text_equal(it->uuid, state->primary_uuid) &&
            it->epoch > state->epoch && assess_stranger(memory, it->epoch_uuid, count)) {
            memory->strange_epoch = it->epoch;
            (void)text_copy(memory->strange_uuid, sizeof memory->strange_uuid, it->epoch_uuid);
        }
    }
}

bool assess_record(struct cluster_state *state, struct memory *memory, struct observation *const observations[],
                   int count) {
    bool newer = false;
    remember_strangers(state, memory, observations, count);
    for (int i = 0; i < count; i++) {
        const struct observation *it = observations[i];
        bool strange = it && it->epoch == memory->strange_epoch && text_equal(it->epoch_uuid, memory->strange_uuid);
        if (tells_a_reign(it) && it->epoch > state->epoch && !strange) {
            state->epoch = it->epoch;
            (void)text_copy(state->primary, sizeof state->primary, it->epoch_primary);
            (void)text_copy(state->primary_uuid, sizeof state->primary_uuid, it->epoch_uuid);
            newer = true;
        }
    }
    return newer;
}

bool assess_rename(struct cluster_state *state, struct observation *const observations[],
                   const char (*names)[NODE_NAME_SIZE], int count) {
    int bearer = -1;
    for (int i = 0; i < count && *state->primary_uuid; i++) {
        const struct observation *it = observations[i];
        bool answers = it && it->outcome == PROBE_OK;
        bool same = answers && text_equal(it->uuid, state->primary_uuid);
        if ((text_equal(names[i], state->primary) && (!answers || same)) || (same && bearer >= 0)) {
            return false;
        }
        bearer = same ? i : bearer;
    }
    if (bearer >= 0) {
        (void)text_copy(state->primary, sizeof state->primary, names[bearer]);
    }
    return bearer >= 0;
}

// A wall time of the past on our monotonic clock; never 0, which means "never".
static int64_t aged(int64_t then_wall_ms, int64_t now_ms, int64_t now_wall_ms) {
    int64_t then_ms = now_ms - (now_wall_ms - then_wall_ms);
    return then_ms > 0 ? then_ms : 1;
}

bool assess_record_is_old(const struct cluster_state *state, int64_t now_wall_ms) {
    return state->epoch > 0 && (state->updated_ms > now_wall_ms ||
                                now_wall_ms - state->updated_ms > RECORD_OLD_MS);  // a clock may have jumped
}

// Of what the node held, neither the primary had it nor did it make it: as the hash knows it, should that one be gone.
static uint64_t foreign_of(const struct node_state *node, const struct cluster_state *state) {
    const struct node_state *primary = state_node(state, state->primary);
    AUTO_GTID struct gtid_set *had = gtid_parse(primary && primary != node ? primary->gtid_executed : NULL, NULL);
    AUTO_GTID struct gtid_set *held = gtid_parse(node->gtid_executed, NULL);
    if (!had || !held || gtid_empty(had)) {
        return 0;
    }
    AUTO_GTID struct gtid_set *extra = gtid_subtract(held, had);
    return assess_foreign(extra, state->primary_uuid);
}

void assess_restore(struct memory *memory, const struct cluster_state *state, const char (*names)[NODE_NAME_SIZE],
                    int count, int64_t now_ms, int64_t now_wall_ms) {
    for (int i = 0; i < count; i++) {
        const struct node_state *node = state_node(state, names[i]);
        struct node_memory *it = &memory->nodes[i];
        if (!node || node->seen_ms <= 0 || node->seen_ms > now_wall_ms) {
            continue;
        }
        // A probe may have been quicker than Redis: what we saw ourselves stays.
        if (it->ok_ms == 0) {
            it->ok_ms = aged(node->seen_ms, now_ms, now_wall_ms);
            (void)text_copy(it->uuid, sizeof it->uuid, node->uuid);
            it->closed = node->read_only;
        }
        if (it->streamed_ms == 0 && node->streamed_ms > 0 && node->streamed_ms <= now_wall_ms &&
            text_equal(node->source, state->primary)) {
            it->streamed_ms = aged(node->streamed_ms, now_ms, now_wall_ms);
            (void)text_copy(it->source_uuid, sizeof it->source_uuid, state->primary_uuid);
        }
        it->foreign = it->foreign ? it->foreign : foreign_of(node, state);
        // The same life of the server, with no less in its relay log, if it was seen already.
        bool same = it->boot_s == 0 || (it->boot_s == node->boot_s && it->vouch_received >= node->vouch_received);
        if (it->vouch_epoch == 0 && node->vouch_epoch > 0 && node->boot_s > 0 && same &&
            !assess_record_is_old(state, now_wall_ms)) {
            it->vouch_epoch = node->vouch_epoch;
            it->vouch_received = it->boot_s ? it->vouch_received : node->vouch_received;
            it->boot_s = node->boot_s;
        }
    }
}

void assess_handed_over(struct memory *memory, int node, const char *successor_uuid, int64_t now_ms) {
    struct node_memory *it = &memory->nodes[node];
    it->streamed_ms = now_ms;
    it->sign_ms = now_ms;
    (void)text_copy(it->source_uuid, sizeof it->source_uuid, successor_uuid);
}
