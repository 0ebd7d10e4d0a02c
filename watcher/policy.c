#include "watcher/policy.h"

#include "common/text.h"

#define X(id, name) [id] = name,
static const char *const act_names[] = {ACTS(X)};
#undef X

const char *act_name(enum act act) {
    return act < ACT_COUNT ? act_names[act] : "?";
}

enum act act_parse(const char *name) {
    for (enum act act = ACT_NONE; act < ACT_COUNT; act++) {
        if (text_equal(name, act_names[act])) {
            return act;
        }
    }
    return ACT_NONE;
}

// Sets of values, for the columns of the tables below.
#define IN(value) (1u << (value))
#define GONE (IN(PRIMARY_DEAD) | IN(PRIMARY_SILENT) | IN(PRIMARY_CLOSING))
#define LOSSLESS (IN(SYNC_OFF) | IN(SYNC_DUE) | IN(SYNC_ON) | IN(SYNC_STUCK) | IN(SYNC_LOOSE))
#define NOT_ANSWERING (GONE | IN(PRIMARY_MISSED) | IN(PRIMARY_IMPOSTOR) | IN(PRIMARY_FOREIGN) | IN(PRIMARY_UNSEEN))

// clang-format off: one rule, one row.

// Order is the safety property: what stops us stands above what acts, what an operator asks above what we do by
// ourselves. Numbers have gaps so that rows can be put between; they never change their meaning.
static const struct rule cluster_rules[] = {
    {.id = 100, .no = FLAG_LEADER, .to = PHASE_STAY, .why = MSG_WHY_NOT_LEADER},
    {.id = 105, .yes = FLAG_BUSY, .to = PHASE_STAY, .why = MSG_WHY_BUSY},
    {.id = 110, .no = FLAG_SETTLED, .to = PHASE_STARTING, .why = MSG_WHY_SETTLING},

    // What a person asks for. Checked again on the nodes before anything is done.
    {.id = 120, .yes = FLAG_ASK_SWITCHOVER | FLAG_TARGET_READY, .view = IN(PRIMARY_OPEN), .to = PHASE_SWITCHOVER,
     .act = ACT_SWITCHOVER, .target = TARGET_ASKED, .why = MSG_WHY_ASKED_SWITCHOVER},
    {.id = 122, .yes = FLAG_ASK_FAILOVER, .no = FLAG_UNCERTAIN, .view = GONE, .witness = IN(WITNESS_LOST),
     .candidate = IN(CANDIDATE_READY), .to = PHASE_FAILOVER, .act = ACT_PROMOTE, .target = TARGET_CANDIDATE,
     .why = MSG_WHY_ASKED_FAILOVER},
    // CLOSED too: it may refuse to open, or another node was opened by hand (rules 168 to 174 name this command).
    {.id = 124, .yes = FLAG_ASK_FORCE | FLAG_TARGET_FIT,
     .view = NOT_ANSWERING | IN(PRIMARY_NONE) | IN(PRIMARY_CLOSED) | IN(PRIMARY_SHUT) | IN(PRIMARY_HALF), .to = PHASE_FAILOVER, .act = ACT_PROMOTE,
     .target = TARGET_ASKED, .why = MSG_WHY_ASKED_FORCE},

    // Nobody is promoted in maintenance: that the primary goes on alone costs nothing, that it hangs costs all writes.
    // Unless somebody else may reign (149, 151).
    {.id = 126, .yes = FLAG_MAINTENANCE | FLAG_RECALLED, .view = IN(PRIMARY_OPEN), .sync = IN(SYNC_STUCK), .to = PHASE_FROZEN,
     .why = MSG_WHY_STUCK_RECALLED},
    {.id = 127, .yes = FLAG_MAINTENANCE | FLAG_UNCERTAIN, .view = IN(PRIMARY_OPEN), .sync = IN(SYNC_STUCK), .to = PHASE_FROZEN,
     .why = MSG_WHY_STUCK_UNCERTAIN},
    {.id = 128, .yes = FLAG_MAINTENANCE, .view = IN(PRIMARY_OPEN), .sync = IN(SYNC_STUCK), .to = PHASE_FROZEN,
     .act = ACT_UNSYNC, .target = TARGET_PRIMARY, .why = MSG_WHY_SYNC_STUCK},
    {.id = 129, .yes = FLAG_MAINTENANCE, .view = GONE, .to = PHASE_FROZEN, .why = MSG_WHY_MAINTENANCE_GONE},
    {.id = 130, .yes = FLAG_MAINTENANCE, .to = PHASE_FROZEN, .why = MSG_WHY_MAINTENANCE},

    {.id = 132, .yes = FLAG_HELD, .view = IN(PRIMARY_NONE), .to = PHASE_FROZEN, .why = MSG_WHY_HELD},

    // Nobody is recorded as primary: a new cluster, or Redis and MySQL both forgot.
    {.id = 140, .yes = FLAG_OPEN_MANY, .view = IN(PRIMARY_NONE), .to = PHASE_NO_PRIMARY, .why = MSG_WHY_MANY_OPEN},
    {.id = 141, .view = IN(PRIMARY_NONE), .election = IN(ELECTION_HALF), .to = PHASE_NO_PRIMARY,
     .why = MSG_WHY_ELECTION_HALF},
    {.id = 142, .yes = FLAG_OPEN_OTHER, .no = FLAG_COOLING, .view = IN(PRIMARY_NONE), .to = PHASE_DEGRADED, .act = ACT_ADOPT,
     .target = TARGET_OPEN, .why = MSG_WHY_ADOPT},
    {.id = 143, .yes = FLAG_OPEN_OTHER, .view = IN(PRIMARY_NONE), .to = PHASE_STARTING, .why = MSG_WHY_ADOPT_FAILED},
    {.id = 144, .no = FLAG_COOLING, .view = IN(PRIMARY_NONE), .election = IN(ELECTION_READY), .to = PHASE_STARTING,
     .act = ACT_ELECT, .target = TARGET_ELECTED, .why = MSG_WHY_ELECT},
    {.id = 146, .view = IN(PRIMARY_NONE), .election = IN(ELECTION_DIVERGED), .to = PHASE_NO_PRIMARY,
     .why = MSG_WHY_ELECTION_DIVERGED},
    {.id = 147, .yes = FLAG_YOUNG, .view = IN(PRIMARY_NONE), .to = PHASE_STARTING, .why = MSG_WHY_WAITING},
    {.id = 148, .view = IN(PRIMARY_NONE), .to = PHASE_NO_PRIMARY, .why = MSG_WHY_ELECTION_WAITING},

    // The primary answers. Lossless mode: whether it waits for acknowledgements comes first, for nobody can write while it
    // waits in vain, and nobody may be promoted while it does not wait.
    {.id = 149, .yes = FLAG_RECALLED, .view = IN(PRIMARY_OPEN), .sync = IN(SYNC_STUCK), .to = PHASE_DEGRADED,
     .why = MSG_WHY_STUCK_RECALLED},
    {.id = 150, .view = IN(PRIMARY_OPEN), .sync = IN(SYNC_LOOSE), .to = PHASE_STAY, .act = ACT_SYNC,
     .target = TARGET_PRIMARY, .why = MSG_WHY_SYNC_LOOSE},
    {.id = 151, .yes = FLAG_UNCERTAIN, .view = IN(PRIMARY_OPEN), .sync = IN(SYNC_STUCK), .to = PHASE_DEGRADED,
     .why = MSG_WHY_STUCK_UNCERTAIN},
    {.id = 152, .view = IN(PRIMARY_OPEN), .sync = IN(SYNC_STUCK), .to = PHASE_STAY, .act = ACT_UNSYNC,
     .target = TARGET_PRIMARY, .why = MSG_WHY_SYNC_STUCK},
    {.id = 154, .view = IN(PRIMARY_OPEN), .sync = IN(SYNC_DUE), .to = PHASE_STAY, .act = ACT_SYNC,
     .target = TARGET_PRIMARY, .why = MSG_WHY_SYNC_DUE},
    {.id = 156, .view = IN(PRIMARY_OPEN), .sync = IN(SYNC_LEFT), .to = PHASE_STAY, .act = ACT_UNSYNC,
     .target = TARGET_PRIMARY, .why = MSG_WHY_SYNC_LEFT},
    {.id = 160, .yes = FLAG_FAILBACK_DUE, .no = FLAG_COOLING | FLAG_ANY_JOB, .view = IN(PRIMARY_OPEN),
     .to = PHASE_SWITCHOVER, .act = ACT_SWITCHOVER, .target = TARGET_PREFERRED, .why = MSG_WHY_FAILBACK},
    {.id = 162, .yes = FLAG_ANY_JOB, .view = IN(PRIMARY_OPEN), .to = PHASE_RESYNC, .why = MSG_WHY_RESYNC},
    {.id = 164, .yes = FLAG_ALL_STREAMING, .view = IN(PRIMARY_OPEN), .to = PHASE_NORMAL, .why = MSG_WHY_NORMAL},
    {.id = 166, .view = IN(PRIMARY_OPEN), .to = PHASE_DEGRADED, .why = MSG_WHY_DEGRADED},
    {.id = 167, .yes = FLAG_OUTLIVED, .view = IN(PRIMARY_CLOSED), .to = PHASE_NO_PRIMARY, .why = MSG_WHY_OUTLIVED},
    {.id = 168, .yes = FLAG_OPEN_OTHER, .view = IN(PRIMARY_CLOSED), .to = PHASE_FROZEN, .why = MSG_WHY_OPENED_BY_HAND},
    {.id = 169, .yes = FLAG_BEHIND, .view = IN(PRIMARY_CLOSED), .to = PHASE_NO_PRIMARY, .why = MSG_WHY_BEHIND},
    {.id = 170, .yes = FLAG_OPEN_MANY, .view = IN(PRIMARY_CLOSED), .to = PHASE_FROZEN, .why = MSG_WHY_OPENED_BY_HAND},
    {.id = 171, .yes = FLAG_UNCERTAIN, .view = IN(PRIMARY_CLOSED), .to = PHASE_NO_PRIMARY, .why = MSG_WHY_UNCERTAIN},
    {.id = 172, .no = FLAG_COOLING | FLAG_RECALLED, .view = IN(PRIMARY_CLOSED), .to = PHASE_STARTING, .act = ACT_REOPEN,
     .target = TARGET_PRIMARY, .why = MSG_WHY_REOPEN},
    {.id = 173, .yes = FLAG_RECALLED, .view = IN(PRIMARY_CLOSED), .to = PHASE_NO_PRIMARY, .why = MSG_WHY_RECALLED},
    {.id = 174, .view = IN(PRIMARY_CLOSED), .to = PHASE_NO_PRIMARY, .why = MSG_WHY_REOPEN_FAILED},
    {.id = 175, .view = IN(PRIMARY_FOREIGN), .to = PHASE_NO_PRIMARY, .why = MSG_WHY_FOREIGN},
    {.id = 176, .view = IN(PRIMARY_IMPOSTOR), .to = PHASE_NO_PRIMARY, .why = MSG_WHY_IMPOSTOR},
    {.id = 177, .view = IN(PRIMARY_HALF), .to = PHASE_NO_PRIMARY, .why = MSG_WHY_PRIMARY_HALF},
    {.id = 178, .view = IN(PRIMARY_ALIVE), .to = PHASE_SUSPECT, .why = MSG_WHY_ALIVE},
    {.id = 179, .view = IN(PRIMARY_SHUT), .to = PHASE_SUSPECT, .why = MSG_WHY_SHUT},

    // It does not. One vantage point is not enough.
    {.id = 180, .view = IN(PRIMARY_MISSED) | IN(PRIMARY_UNSEEN), .to = PHASE_SUSPECT, .why = MSG_WHY_MISSED},
    {.id = 190, .view = IN(PRIMARY_DEAD) | IN(PRIMARY_SILENT), .witness = IN(WITNESS_STREAMS), .to = PHASE_SUSPECT, .why = MSG_WHY_OUR_PATH},
    {.id = 192, .view = GONE, .witness = IN(WITNESS_UNSURE), .to = PHASE_SUSPECT, .why = MSG_WHY_WITNESS_UNSURE},
    {.id = 193, .yes = FLAG_UNCERTAIN, .view = GONE, .to = PHASE_NO_PRIMARY, .why = MSG_WHY_UNCERTAIN_GONE},
    {.id = 194, .yes = FLAG_LIMIT, .view = GONE, .to = PHASE_FROZEN, .why = MSG_WHY_LIMIT},
    {.id = 196, .yes = FLAG_COOLING, .view = GONE, .to = PHASE_NO_PRIMARY, .why = MSG_WHY_COOLING},
    {.id = 198, .yes = FLAG_INTENT, .view = GONE, .candidate = IN(CANDIDATE_READY), .to = PHASE_FAILOVER,
     .act = ACT_PROMOTE, .target = TARGET_CANDIDATE, .why = MSG_WHY_RESUME},
    {.id = 199, .yes = FLAG_YOUNG, .view = GONE, .witness = IN(WITNESS_NONE), .to = PHASE_STARTING,
     .why = MSG_WHY_WAITING},
    {.id = 200, .view = GONE, .witness = IN(WITNESS_NONE), .to = PHASE_NO_PRIMARY, .why = MSG_WHY_NO_WITNESS},
    {.id = 202, .view = GONE, .candidate = IN(CANDIDATE_NONE), .to = PHASE_NO_PRIMARY, .why = MSG_WHY_NO_CANDIDATE},
    {.id = 203, .view = GONE, .candidate = IN(CANDIDATE_UNSYNCED), .to = PHASE_NO_PRIMARY,
     .why = MSG_WHY_CANDIDATE_UNSYNCED},
    {.id = 204, .view = GONE, .candidate = IN(CANDIDATE_DIVERGED), .to = PHASE_NO_PRIMARY,
     .why = MSG_WHY_CANDIDATE_DIVERGED},
    {.id = 205, .view = GONE, .candidate = IN(CANDIDATE_UNPROVEN), .to = PHASE_NO_PRIMARY,
     .why = MSG_WHY_CANDIDATE_UNPROVEN},
    {.id = 206, .view = GONE, .candidate = IN(CANDIDATE_BROKEN), .to = PHASE_NO_PRIMARY,
     .why = MSG_WHY_CANDIDATE_BROKEN},
    // Of the forecast alone: when it comes to it the promotion is tried, for somebody may have mended that.
    {.id = 207, .view = GONE, .candidate = IN(CANDIDATE_UNABLE), .to = PHASE_NO_PRIMARY,
     .why = MSG_WHY_CANDIDATE_UNABLE},
    {.id = 208, .view = GONE, .candidate = IN(CANDIDATE_STALE), .to = PHASE_NO_PRIMARY, .why = MSG_WHY_CANDIDATE_STALE},
    // A server that shuts down feeds its replicas to the last: that they still stream is no sign of life.
    {.id = 209, .view = IN(PRIMARY_CLOSING), .witness = IN(WITNESS_LOST) | IN(WITNESS_STREAMS),
     .candidate = IN(CANDIDATE_READY), .to = PHASE_FAILOVER, .act = ACT_PROMOTE, .target = TARGET_CANDIDATE,
     .why = MSG_WHY_CLOSING},
    {.id = 210, .view = IN(PRIMARY_DEAD), .witness = IN(WITNESS_LOST), .candidate = IN(CANDIDATE_READY),
     .to = PHASE_FAILOVER, .act = ACT_PROMOTE, .target = TARGET_CANDIDATE, .why = MSG_WHY_DEAD},
    {.id = 212, .view = IN(PRIMARY_SILENT), .witness = IN(WITNESS_LOST), .candidate = IN(CANDIDATE_READY),
     .to = PHASE_FAILOVER, .act = ACT_PROMOTE, .target = TARGET_CANDIDATE, .why = MSG_WHY_SILENT},
};

// What is done about each node. A node opened by hand while the recorded primary is closed is
// left alone (rules 168, 170): which of the two is right, a person must say. But for one that nobody opened: it went on
// while its successor was being opened (528).
static const struct rule node_rules[] = {
    {.id = 500, .no = FLAG_LEADER, .to = PHASE_STAY},
    {.id = 505, .yes = FLAG_BUSY, .to = PHASE_STAY},
    {.id = 510, .yes = FLAG_MAINTENANCE, .to = PHASE_STAY},
    // Relevo's tables are in the user's server: somebody emptied them, dropped them or restored old ones. Written again,
    // but not while a commit would only wait. Whoever cannot says so before somebody is needed in its place.
    {.id = 514, .no = FLAG_COOLING | FLAG_RECALLED | FLAG_UNCERTAIN, .view = IN(PRIMARY_OPEN), .standing = IN(STANDING_PRIMARY),
     .sync = IN(SYNC_NONE) | IN(SYNC_ON) | IN(SYNC_OFF) | IN(SYNC_DUE) | IN(SYNC_LOOSE) | IN(SYNC_LEFT), .rows = IN(ROWS_LOST),
     .to = PHASE_STAY, .act = ACT_RESTORE, .why = MSG_WHY_ROWS_LOST},
    {.id = 515, .standing = IN(STANDING_PRIMARY), .rows = IN(ROWS_LOST), .to = PHASE_STAY, .act = ACT_ALARM,
     .why = MSG_WHY_ROWS_GONE},
    {.id = 516, .standing = IN(STANDING_PRIMARY), .rows = IN(ROWS_ALONE), .to = PHASE_STAY, .act = ACT_ALARM,
     .why = MSG_WHY_ROWS_ALONE},
    {.id = 517, .standing = IN(STANDING_PRIMARY), .rows = IN(ROWS_OTHER), .to = PHASE_STAY, .act = ACT_ALARM,
     .why = MSG_WHY_ROWS_OTHER},
    {.id = 518, .standing = IN(STANDING_PRIMARY), .rows = IN(ROWS_UNREAD), .to = PHASE_STAY, .act = ACT_ALARM,
     .why = MSG_WHY_ROWS_UNREAD},
    {.id = 520, .standing = IN(STANDING_TWIN), .to = PHASE_STAY, .act = ACT_ALARM, .why = MSG_WHY_TWIN},
    {.id = 522, .fit = IN(FIT_ABSENT), .to = PHASE_STAY, .act = ACT_ALARM, .why = MSG_WHY_SEMISYNC_ABSENT},
    {.id = 528, .yes = FLAG_OUTLIVED, .no = FLAG_COOLING, .standing = IN(STANDING_OPEN), .view = IN(PRIMARY_CLOSED),
     .to = PHASE_STAY, .act = ACT_FENCE, .why = MSG_WHY_FENCE_OPEN},
    {.id = 530, .no = FLAG_COOLING, .standing = IN(STANDING_OPEN),
     .view = GONE | IN(PRIMARY_OPEN) | IN(PRIMARY_MISSED) | IN(PRIMARY_ALIVE), .to = PHASE_STAY, .act = ACT_FENCE,
     .why = MSG_WHY_FENCE_OPEN},
    {.id = 532, .no = FLAG_COOLING, .standing = IN(STANDING_LOOSE), .view = IN(PRIMARY_OPEN), .to = PHASE_STAY,
     .act = ACT_FENCE, .why = MSG_WHY_FENCE_LOOSE},
    // Another node may reign by now and cannot be asked: nobody begins to acknowledge to this one (536 neither).
    {.id = 533, .yes = FLAG_RECALLED, .view = IN(PRIMARY_OPEN), .sync = LOSSLESS, .standing = IN(STANDING_ADRIFT) | IN(STANDING_FORKED),
     .to = PHASE_STAY, .act = ACT_ALARM, .why = MSG_WHY_RIVAL_UNHEARD},
    {.id = 534, .no = FLAG_COOLING, .standing = IN(STANDING_TIED), .view = IN(PRIMARY_OPEN), .to = PHASE_STAY,
     .act = ACT_FORGET, .why = MSG_WHY_TIED},
    {.id = 535, .yes = FLAG_UNCERTAIN, .view = IN(PRIMARY_OPEN), .sync = LOSSLESS, .standing = IN(STANDING_ADRIFT) | IN(STANDING_FORKED),
     .to = PHASE_STAY, .act = ACT_ALARM, .why = MSG_WHY_RIVAL_UNHEARD},
    {.id = 536, .no = FLAG_COOLING | FLAG_RECALLED | FLAG_UNCERTAIN, .fit = IN(FIT_WRONG), .view = IN(PRIMARY_OPEN), .to = PHASE_STAY, .act = ACT_SUIT,
     .why = MSG_WHY_SUIT},
    {.id = 540, .no = FLAG_COOLING, .standing = IN(STANDING_ADRIFT), .view = IN(PRIMARY_OPEN), .to = PHASE_STAY,
     .act = ACT_RESYNC, .why = MSG_WHY_ADRIFT},
    {.id = 542, .no = FLAG_COOLING, .standing = IN(STANDING_FORKED), .view = IN(PRIMARY_OPEN), .to = PHASE_STAY,
     .act = ACT_RESYNC, .why = MSG_WHY_FORKED},
    {.id = 544, .standing = IN(STANDING_ERRANT), .view = IN(PRIMARY_OPEN), .to = PHASE_STAY, .act = ACT_ALARM,
     .why = MSG_WHY_ERRANT},
};

// clang-format on

static bool holds(unsigned set, unsigned value) {
    return set == 0 || (set & (1u << value)) != 0;
}

// node: NULL for the rules of the cluster.
static bool matches(const struct rule *rule, const struct facts *facts, const struct node_facts *node, unsigned flags) {
    return (flags & rule->yes) == rule->yes && (flags & rule->no) == 0 && holds(rule->view, facts->view) &&
           holds(rule->witness, facts->witness) && holds(rule->candidate, facts->candidate) &&
           holds(rule->election, facts->election) && holds(rule->sync, facts->sync) &&
           holds(rule->standing, node ? node->standing : 0) && holds(rule->fit, node ? node->fit : 0) &&
           holds(rule->rows, facts->rows);
}

static struct decision decide(const struct rule *rules, size_t count, enum phase phase, const struct facts *facts,
                              const struct node_facts *node, unsigned flags) {
    for (size_t i = 0; i < count; i++) {
        const struct rule *rule = &rules[i];
        if (matches(rule, facts, node, flags)) {
            return (struct decision){.rule = rule->id,
                                     .phase = rule->to == PHASE_STAY ? phase : (enum phase)rule->to,
                                     .act = rule->act,
                                     .target = rule->target,
                                     .why = rule->why};
        }
    }
    return (struct decision){.phase = phase};
}

struct decision policy_cluster(enum phase phase, const struct facts *facts, unsigned flags) {
    return decide(cluster_rules, sizeof cluster_rules / sizeof *cluster_rules, phase, facts, NULL, flags);
}

struct decision policy_if_dead(enum phase phase, const struct facts *facts, unsigned flags) {
    struct facts supposed = *facts;
    supposed.view = PRIMARY_DEAD;
    supposed.witness = facts->witness == WITNESS_NONE ? WITNESS_NONE : WITNESS_LOST;
    unsigned momentary = FLAG_BUSY | FLAG_COOLING | FLAG_YOUNG | FLAG_FAILBACK_DUE | FLAG_ASK_SWITCHOVER |
                         FLAG_ASK_FAILOVER | FLAG_ASK_FORCE | FLAG_TARGET_READY | FLAG_TARGET_FIT;
    return policy_cluster(phase, &supposed, flags & ~momentary);
}

struct decision policy_node(enum phase phase, const struct facts *facts, int node, unsigned flags) {
    return decide(node_rules, sizeof node_rules / sizeof *node_rules, phase, facts, &facts->nodes[node], flags);
}

const struct rule *policy_cluster_rules(size_t *ret_count) {
    *ret_count = sizeof cluster_rules / sizeof *cluster_rules;
    return cluster_rules;
}

const struct rule *policy_node_rules(size_t *ret_count) {
    *ret_count = sizeof node_rules / sizeof *node_rules;
    return node_rules;
}
