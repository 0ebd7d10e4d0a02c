// What an action finds changed between the decision and the deed: each guard of watcher/act_*.c has a moment in which
// it alone stands in the way (tests/mutate_acts.py takes them away in turn).
#include "tests/sim/stories_parts.h"

#define SWITCHOVER(to, at)                                       \
    {.kind = FAULT_SWITCHOVER, .a = (to), .at_ms = (at) \
    }
#define LAG(node, at, for)                                                      \
    {.kind = FAULT_LAG, .a = (node), .at_ms = (at), .ms = (for), .much = 900 \
    }
#define SLOW(node, at, for)                                                                                \
    {.kind = FAULT_DELAY, .a = (node), .b = HOST_WATCHER, .at_ms = (at), .ms = (for), .much = 150 \
    }

static const struct story stories[] = {
    {"thaws-during-promotion",
     "The primary thaws, open, while its successor still applies what it received: nobody else is opened.",
     {.nodes = 2, .watchers = 1, .heal_ms = 16000, .count = 2, .faults = {LAG(B, 3950, 9000), ON(FAULT_PAUSE, A, 4600, 4500)}},
     false},
    {"overloaded-during-promotion",
     "The same, but it turns the watcher away when it thaws: who refuses lives.",
     {.nodes = 2,
      .watchers = 1,
      .heal_ms = 18000,
      .count = 3,
      .faults = {LAG(B, 3950, 9000), ON(FAULT_PAUSE, A, 4600, 4500), ON(FAULT_OVERLOAD, A, 9000, 3000)}},
     false},
    {"opened-by-hand-during-promotion",
     "The primary is dead and its successor still applies when somebody opens the third node: there are never two.",
     {.nodes = 3,
      .watchers = 1,
      .heal_ms = 18000,
      .count = 3,
      .faults = {LAG(B, 3950, 6000), KILL(A, 5000, 9000), ON(FAULT_HAND_OPEN, C, 5400, 1)}},
     false},
    {"opened-by-hand-during-reopening",
     "The primary was closed by hand and is being opened again, over a slow network, when somebody opens a replica.",
     {.nodes = 2,
      .watchers = 1,
      .heal_ms = 12000,
      .count = 3,
      .faults = {SLOW(A, 3950, 4000), ON(FAULT_HAND_CLOSE, A, 4400, 1), ON(FAULT_HAND_OPEN, B, 4800, 1)}},
     false},
    {"stopped-before-switchover",
     "Somebody stops the replica that is to take over, a moment before: it does not stream, nothing is changed.",
     {.nodes = 2, .watchers = 1, .heal_ms = 12000, .count = 2, .faults = {ON(FAULT_HAND_STOP, B, 4001, 1), SWITCHOVER(B, 4001)}},
     false},
    {"opened-before-switchover",
     "Somebody opens the replica that is to take over, a moment before: it takes writes already, nothing is changed.",
     {.nodes = 2, .watchers = 1, .heal_ms = 12000, .count = 2, .faults = {ON(FAULT_HAND_OPEN, B, 4001, 1), SWITCHOVER(B, 4001)}},
     false},
    {"another-opened-before-switchover",
     "Somebody opens the third node while the target is being reached over a slow network: the primary is not closed.",
     {.nodes = 3,
      .watchers = 1,
      .heal_ms = 12000,
      .count = 3,
      .faults = {SLOW(B, 3950, 3000), SWITCHOVER(B, 4600), ON(FAULT_HAND_OPEN, C, 4650, 1)}},
     false},
    {"another-opened-during-switchover",
     "Somebody opens the third node while the target catches up: the old primary takes writes again, as before.",
     {.nodes = 3,
      .watchers = 1,
      .heal_ms = 16000,
      .count = 3,
      .faults = {LAG(B, 3950, 5000), SWITCHOVER(B, 4900), ON(FAULT_HAND_OPEN, C, 5300, 1)}},
     false},
    {"switchover-cut-at-each-statement",
     "The watcher is cut off from the node at each statement of a switchover.",
     {.nodes = 2, .watchers = 1, .heal_ms = 12000, .count = 2, .faults = {SWITCHOVER(B, 4000), AT(FAULT_CUT_AT, 4000, 1500, 0)}},
     true},
    {"switchover-killed-at-each-statement",
     "The node that is spoken to dies at each statement of a switchover.",
     {.nodes = 2, .watchers = 1, .heal_ms = 12000, .count = 2, .faults = {SWITCHOVER(B, 4000), AT(FAULT_NODE_AT, 4000, 700, 0)}},
     true},
    {"switchover-behind-a-lock",
     "A long statement keeps the old primary from closing: it is ended.",
     {.nodes = 2, .watchers = 1, .heal_ms = 16000, .count = 2, .faults = {ON(FAULT_LOCK, A, 4000, 9000), SWITCHOVER(B, 4100)}},
     false},
    {"forced-beside-one-that-diverged",
     "The primary is lost and both replicas have taken writes of their own: forced, one is opened, and the other is not told to "
     "follow it before what it holds is saved.",
     {.nodes = 3,
      .watchers = 1,
      .heal_ms = 16000,
      .count = 5,
      .faults = {ON(FAULT_KILL_WATCHER, 0, 4000, 1500), ON(FAULT_HAND_OPEN, B, 4100, 1), ON(FAULT_HAND_OPEN, C, 4100, 1),
                 KILL(A, 5000, 9000), ON(FAULT_FORCE, B, 7500, 1)}},
     false},
    {"two-to-fence",
     "The new primary is still to forget its frozen source, which takes a while, when somebody opens the third node: that is "
     "closed first.",
     {.nodes = 3,
      .watchers = 1,
      .heal_ms = 16000,
      .count = 2,
      .faults = {ON(FAULT_PAUSE, A, 4000, 9000), ON(FAULT_HAND_OPEN, C, 7300, 1)}},
     false},
};

const struct story_shelf stories_guards = {stories, sizeof stories / sizeof *stories};
