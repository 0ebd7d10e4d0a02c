// Facts in, decision out: a table of numbered rules, first match wins, no match stays. Pure and total: it cannot fail,
// reads no clock, changes nothing. The reasons are messages, so that a log line, an event and the page say the same.
#pragma once
#include "common/messages.h"
#include "watcher/assess.h"

// Conditions that are not about one node. A rule names those that must hold (.yes) and those that must not (.no).
enum flag {
    FLAG_LEADER = 1u << 0,   // this watcher may act
    FLAG_BUSY = 1u << 1,     // an action is under way
    FLAG_SETTLED = 1u << 2,  // every node was seen or given up
    FLAG_MAINTENANCE = 1u << 3,
    FLAG_LIMIT = 1u << 4,    // the failover limit is reached and nobody acknowledged
    FLAG_COOLING = 1u << 5,  // the last action failed a moment ago
    FLAG_ALL_STREAMING = 1u << 6,
    FLAG_ANY_JOB = 1u << 7,
    FLAG_OPEN_OTHER = 1u << 8,     // exactly one other node takes writes
    FLAG_OPEN_MANY = 1u << 9,      // several others do
    FLAG_INTENT = 1u << 10,        // an unfinished failover is recorded
    FLAG_RECALLED = 1u << 19,      // the record may be out of date and a node that may know better was not asked
    FLAG_OUTLIVED = 1u << 20,      // ... it is the old primary of an unfinished failover, whose new one is recorded
    FLAG_BEHIND = 1u << 21,        // another node holds what the primary itself made and has lost
    FLAG_YOUNG = 1u << 18,         // the watcher has just started and has not seen the primary up yet
    FLAG_UNCERTAIN = 1u << 17,     // an unfinished opening is recorded and its node cannot be asked
    FLAG_HELD = 1u << 22,          // nobody is on record yet, and a person shall say first that this may be begun
    FLAG_FAILBACK_DUE = 1u << 11,  // the preferred node has streamed without lag for a while
    FLAG_ASK_SWITCHOVER = 1u << 12,
    FLAG_ASK_FAILOVER = 1u << 13,
    FLAG_ASK_FORCE = 1u << 14,
    FLAG_TARGET_READY = 1u << 15,  // the node that was asked for can take over without loss
    FLAG_TARGET_FIT = 1u << 16,    // it answers, is closed and holds data: an operator may insist on it
};

#define ACTS(X)                                                           \
    X(ACT_NONE, "none")                                                   \
    X(ACT_ADOPT, "adopt")   /* record the node that is open as primary */ \
    X(ACT_ELECT, "elect")   /* open the first primary of a new cluster */ \
    X(ACT_REOPEN, "reopen") /* the recorded primary came back fenced */   \
    X(ACT_PROMOTE, "promote")                                             \
    X(ACT_SWITCHOVER, "switchover")                                       \
    X(ACT_SYNC, "sync")     /* lossless: wait for acknowledgements */     \
    X(ACT_UNSYNC, "unsync") /* lossless: let the primary go on alone */   \
    X(ACT_FENCE, "fence")                                                 \
    X(ACT_SUIT, "suit")     /* semi-sync settings that fit a replica */   \
    X(ACT_FORGET, "forget") /* an old source that a primary still has */  \
    X(ACT_RESTORE, "restore") /* the row of its reign, on the primary */  \
    X(ACT_RESYNC, "resync") /* queue a job */                             \
    X(ACT_ALARM, "alarm")

#define X(id, name) id,
enum act { ACTS(X) ACT_COUNT };
#undef X
const char *act_name(enum act act);
enum act act_parse(const char *name);  // ACT_NONE if unknown

enum target {
    TARGET_NONE,
    TARGET_CANDIDATE,
    TARGET_ELECTED,
    TARGET_PRIMARY,
    TARGET_OPEN,
    TARGET_ASKED,
    TARGET_PREFERRED
};

struct rule {
    int id;
    unsigned yes, no;                                                  // enum flag
    unsigned view, witness, candidate, election, standing, sync, fit, rows;  // sets of 1u << value; 0: any
    int to;                                                            // enum phase, PHASE_STAY
    enum act act;
    enum target target;
    enum msg why;
};
enum { PHASE_STAY = -1 };

struct decision {
    int rule;  // 0: no rule matched, stay
    enum phase phase;
    enum act act;
    enum target target;
    enum msg why;
};

struct decision policy_cluster(enum phase phase, const struct facts *facts, unsigned flags);
// What would be decided if the primary died this instant and those that hear it now said so; nobody asks for anything.
struct decision policy_if_dead(enum phase phase, const struct facts *facts, unsigned flags);
struct decision policy_node(enum phase phase, const struct facts *facts, int node, unsigned flags);

// The tables themselves, for documentation, sweeps and --dump-rules.
const struct rule *policy_cluster_rules(size_t *ret_count);
const struct rule *policy_node_rules(size_t *ret_count);
