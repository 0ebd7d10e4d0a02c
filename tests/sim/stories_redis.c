// Redis takes nothing for an hour, or says what no watcher wrote.
#include "tests/sim/stories_parts.h"

enum { HOUR_MS = 3600000, HALF_MS = HOUR_MS / 2 };
#define FULL(at, for) AT(FAULT_REDIS_FULL, at, for, 0)

static const struct story stories[] = {
    {"redis-full-for-an-hour",
     "Redis is full for an hour, in the middle of which the primary dies: the lease is kept, the failover works as ever, "
     "and what could not be written is written when there is room, the old primary resynced.",
     {.nodes = 2,
      .watchers = 1,
      .heal_ms = HOUR_MS + 20000,
      .count = 2,
      .faults = {FULL(4000, HOUR_MS), KILL(A, HALF_MS, 9000)}},
     false},
    {"redis-full-two-watchers",
     "Redis is full, and there are two watchers: the one that leads leads on, though nobody can count its renewals. When it "
     "dies, too, its lease runs out and nobody can take it: the other one waits until there is room.",
     {.nodes = 3,
      .watchers = 2,
      .heal_ms = 100000,
      .count = 4,
      .faults = {FULL(4000, 80000), KILL(A, 40000, 9000), ON(FAULT_KILL_WATCHER, 0, 60000, 0), KILL(B, 70000, 20000)}},
     false},
    {"redis-full-and-the-watcher-restarts",
     "Redis is full, the watcher is killed and comes back when its lease has run out, which nobody can take: the only "
     "watcher goes on as if Redis were away.",
     {.nodes = 2,
      .watchers = 1,
      .heal_ms = 60000,
      .count = 3,
      .faults = {FULL(4000, 50000), ON(FAULT_KILL_WATCHER, 0, 6000, 9000), KILL(A, 30000, 9000)}},
     false},
    {"lossless-redis-full-for-an-hour",
     "Lossless: Redis is full for an hour, and the primary dies in the middle: the record is so old by then that no later "
     "life trusts it, and the replica that vouches is opened though Redis cannot record it.",
     {.nodes = 2,
      .watchers = 1,
      .lossless = true,
      .heal_ms = HOUR_MS + 20000,
      .count = 2,
      .faults = {FULL(5000, HOUR_MS), KILL(A, HALF_MS, 9000)}},
     false},
    {"lossless-redis-full-since-a-moment",
     "Lossless: the primary dies when Redis has been full for a moment: nobody is opened before the record is old.",
     {.nodes = 2,
      .watchers = 1,
      .lossless = true,
      .heal_ms = 80000,
      .count = 2,
      .faults = {FULL(5000, 70000), KILL(A, 8000, 40000)}},
     false},
    {"forged-primary",
     "Somebody writes another primary and an epoch that is far off into the state hash: it is told, set right, and nobody is "
     "opened.",
     {.nodes = 2, .watchers = 1, .heal_ms = 12000, .count = 1, .faults = {ON(FAULT_FORGE, B, 4000, 1)}},
     false},
    {"forged-intent",
     "Somebody writes that a replica is being promoted: it is told and set right, and when the watcher starts again nobody "
     "finishes what nobody began.",
     {.nodes = 2,
      .watchers = 1,
      .heal_ms = 20000,
      .count = 2,
      .faults = {AT(FAULT_FORGE_INTENT, 4000, 1, 9), ON(FAULT_KILL_WATCHER, 0, 12000, 1000)}},
     false},
    {"lossless-forged-primary",
     "Lossless: the same forgery.",
     {.nodes = 3,
      .watchers = 1,
      .lossless = true,
      .heal_ms = 12000,
      .count = 1,
      .faults = {ON(FAULT_FORGE, B, 5000, 1)}},
     false},
};

const struct story_shelf stories_redis = {stories, sizeof stories / sizeof *stories};
