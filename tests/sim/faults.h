// What goes wrong in a history, and when: drawn from the seed before it begins, so that a history can be played again
// with some faults left out.
#pragma once
#include "tests/sim/world.h"

// id, name, how often, what it does, how it ends; the functions are in faults.c
#define FAULTS(X)                                                                                                     \
    X(FAULT_KILL, "kill", 12, die, boot)                  /* node a dies; back after ms, if any */                    \
    X(FAULT_STOP, "stop", 6, shut, boot)                  /* node a shuts down; back after ms */                      \
    X(FAULT_PAUSE, "pause", 8, freeze, none)              /* node a is frozen for ms */                               \
    X(FAULT_CUT, "cut", 10, cut, cut_back)                /* packets from a to b are dropped for ms */                \
    X(FAULT_PART, "part", 8, part, part_back)             /* both ways */                                             \
    X(FAULT_ISOLATE, "isolate", 6, isolate, isolate_back) /* host a from everybody for ms */                          \
    X(FAULT_DETACH, "detach", 3, detach, isolate_back)    /* node a's name vanishes with its network */               \
    X(FAULT_DELAY, "delay", 5, delay, delay_back)         /* between a and b, much ms, for ms */                      \
    X(FAULT_OVERLOAD, "overload", 3, overload, none)      /* node a: too many connections */                          \
    X(FAULT_LAG, "lag", 5, lag, lag_back)                 /* node a applies slowly */                                 \
    X(FAULT_BREAK, "break", 2, break, none)               /* node a's applier stops with an error */                  \
    X(FAULT_LOCK, "lock", 3, lock, none)                  /* a long statement on node a */                            \
    X(FAULT_PURGE, "purge", 2, purge, none)               /* node a purges its binlogs */                             \
    X(FAULT_NO_CLONE, "no clone", 1, no_clone, none)      /* node a has no clone plugin any more */                   \
    X(FAULT_KILL_WATCHER, "kill watcher", 8, kill_watcher, watcher_back)                                              \
    X(FAULT_STOP_WATCHER, "stop watcher", 3, stop_watcher, watcher_back)                                              \
    X(FAULT_PAUSE_WATCHER, "pause watcher", 4, pause_watcher, none)                                                   \
    X(FAULT_WATCHER_AT, "kill watcher at statement", 12, kill_watcher, watcher_back) /* the much'th from then on */   \
    X(FAULT_NODE_AT, "kill node at statement", 8, die, boot)                         /* the one that it is sent to */ \
    X(FAULT_CUT_AT, "cut at statement", 8, part, part_back) /* watcher and that node, for ms */                       \
    X(FAULT_KILL_RESYNC, "kill resync", 4, kill_resync, resync_back)                                                  \
    X(FAULT_PAUSE_RESYNC, "pause resync", 3, pause_resync, none)   /* for ms */                                         \
    X(FAULT_REDIS, "redis dies", 4, redis, redis_back) /* keeps its data */                                           \
    X(FAULT_REDIS_BACK, "redis rolled back", 2, redis, redis_back)                                                    \
    X(FAULT_REDIS_EMPTY, "redis emptied", 3, redis, redis_back)                                                       \
    X(FAULT_REDIS_FULL, "redis full", 3, full, full_back) /* for ms */                                                \
    X(FAULT_DENY, "deny", 0, deny, none)                  /* node a turns the watcher's account away, for ms */        \
    X(FAULT_FORGE, "hand: forge", 0, forge, none)         /* node a as the primary of an epoch that is far off */     \
    X(FAULT_FORGE_INTENT, "hand: forge intent", 0, forge_intent, none) /* node a is being promoted, as epoch much */  \
    X(FAULT_WALL, "clock jumps", 3, wall, none)                    /* of process a, by much ms */                     \
    X(FAULT_NODE_WALL, "node's clock jumps", 3, node_wall, none)   /* by much ms */                                   \
    X(FAULT_REDIS_WALL, "Redis' clock jumps", 2, redis_wall, none) /* by much ms */                                   \
    X(FAULT_LATE, "late ticks", 3, late, late_back)                /* of watcher a, up to much ms, for ms */          \
    X(FAULT_HANG, "loop hangs", 2, hang, none)                     /* of watcher a, for ms */                         \
    X(FAULT_HAND_STOP, "hand: stop replica", 2, hand_stop, none)                                                      \
    X(FAULT_HAND_OPEN, "hand: open", 2, hand_open, none)                                                              \
    X(FAULT_HAND_CLOSE, "hand: close", 2, hand_close, none)                                                           \
    X(FAULT_HAND_FOLLOW, "hand: follow", 0, hand_follow, none)    /* node a from now on, node b */                    \
    X(FAULT_HAND_WRITE, "hand: write", 0, hand_write, none)       /* a transaction of node a's own, closed or not */  \
    X(FAULT_HAND_REIGN, "hand: newer reign", 0, hand_reign, none) /* node a holds the row of another epoch */         \
    X(FAULT_HAND_FORGET, "hand: no reigns", 0, hand_forget,                                                           \
      none)                                                     /* node a's rows of relevo.epoch are deleted there */ \
    X(FAULT_HAND_EMPTY, "hand: relevo.epoch emptied", 0, hand_empty, none) /* on node a, which is open, and so on all */  \
    X(FAULT_LOCK_ROWS, "hand: rows locked", 4, lock_rows, none) /* for ms node a's rows of relevo cannot be read */   \
    X(FAULT_SLOW_STOP, "slow stop", 3, slow_stop, slow_stop_back) /* a receiver of node a takes much ms to stop */    \
    X(FAULT_SLOW_TAKE, "slow receiving", 0, slow_take, slow_take_back) /* node a receives a transaction in much ms */   \
    X(FAULT_LOOSEN, "hand: semi-sync off", 0, loosen, none)                                                           \
    X(FAULT_MISLEAD, "name leads elsewhere", 0, mislead,                                                              \
      mislead_back)                                /* who connects to node a anew reaches node b */                   \
    X(FAULT_RESTORE, "restored", 0, restore, none) /* node a, which is down, has much transactions of its own less */ \
    X(FAULT_SWITCHOVER, "ask switchover", 5, switchover, none)                                                        \
    X(FAULT_FAILOVER, "ask failover", 3, failover, none)                                                              \
    X(FAULT_FORCE, "ask failover force", 2, force, none)                                                              \
    X(FAULT_RESYNC, "ask resync", 2, resync, none)                                                                    \
    X(FAULT_MAINTENANCE, "ask maintenance on", 2, maintenance, none)                                                  \
    X(FAULT_ACK, "ask ack", 1, ack, none)

enum fault_kind {
#define X(id, name, weight, strike, back) id,
    FAULTS(X)
#undef X
        FAULT_KINDS
};

struct fault {
    enum fault_kind kind;
    int64_t at_ms, ms, much;  // ms 0: until everything is healed
    int a, b;
    // Strikes at the first statement of a watcher with these words, before that arrives; NULL: at once.
    const char *cue;
};

enum { FAULTS_MAX = 24 };

struct plot {
    int nodes, watchers;
    bool lossless;
    int64_t heal_ms;
    bool failback;
    bool alone;       // no operator helps in the end
    int diverged;     // transactions that b was born with
    int64_t most_ms;  // a story that ends at this time, 0: when it has converged
    int count;
    struct fault faults[FAULTS_MAX];
};

struct plot plot_draw(uint64_t seed);
void plot_begin(const struct plot *plot, uint64_t kept);  // kept: bit set of the faults that happen
void plot_heal(void);
void fault_describe(const struct fault *fault, char *out, size_t size_bytes);
