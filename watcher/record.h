// Observations as lines of JSON, so that an incident can be kept and played again (replay.h). A line says when, of
// which node, and what changed since the line before of that node:
//     {"relevo":1,"t":5000,"wall_ms":…,"nodes":["a","b"],"preferred":"a","silent_ms":3000,"acks":0,"ticks":true}
//     {"t":5100,"node":"a","outcome":"ok","uuid":…,"read_only":false,"executed_text":…}          what a probe saw
//     {"t":5120,"state":{"epoch":7,"primary":"a","primary_uuid":…,"flags":["leader"],"jobs":[]}}  what else counts
//     {"t":5121,"tick":true}                                       all of that was known when it was decided
// Without "ticks" in the header, which stands first, it is decided after each line. t: monotonic milliseconds, rising.
// Members that are missing are as they were. Pure.
#pragma once
#include <jansson.h>

#include "common/state.h"
#include "watcher/observation.h"

// What counts besides the state hash and what was seen.
struct record_rest {
    char intent[NODE_NAME_SIZE];  // node of an unfinished failover, "" if none
    int64_t sync_ms;              // lossless: as in struct assess_input
    bool sync_rests, leaving, asks;
    int64_t differing;  // as in struct assess_input
};

// acks: of a commit, that are waited for; 0: async mode.
char *record_header(const char (*names)[NODE_NAME_SIZE], int count, const char *preferred, int64_t silent_ms, int acks,
                    int64_t now_ms, int64_t now_wall_ms);
// before: the observation of the line before, NULL if there was none. Heap.
char *record_observation(const char *name, const struct observation *it, const struct observation *before);
// Nothing changed but what changes all the time: GTIDs, counts, times.
bool record_same(const struct observation *it, const struct observation *before);
char *record_tick(int64_t now_ms);
// A number that changes whenever what record_state() tells does, without the cost of telling it.
uint64_t record_state_sum(const struct cluster_state *state, unsigned flags, const struct record_rest *rest);
char *record_state(const struct cluster_state *state, unsigned flags, const struct record_rest *rest, int64_t now_ms);

// The observation that the line makes of before (NULL: none yet); NULL and *err if it is not one.
struct observation *record_parse(const json_t *line, const struct observation *before, struct err *err);
// Changes *state, *flags (enum flag) and *rest by {"state": …}. Jobs: names of nodes with one.
bool record_parse_state(const json_t *line, struct cluster_state *state, unsigned *flags, struct record_rest *rest,
                        struct err *err);
