// A cluster made of observations written by hand, for the tests of watcher/assess and watcher/policy. Nodes are called
// a, b, c and so on; a is the recorded primary unless a test says otherwise. Time stands still until the test moves it.
#pragma once
#include "common/mem.h"
#include "common/text.h"
#include "watcher/assess.h"

#include "unit.h"

enum { NODE_A, NODE_B, NODE_C, NODE_D, NODE_E, CLUSTER_T0 = 1000000, CLUSTER_SILENT_MS = 3000, CLUSTER_WALL_MS = 1700000000 };

#define UUID_A "aaaaaaaa-0000-0000-0000-000000000001"
#define UUID_B "bbbbbbbb-0000-0000-0000-000000000002"
#define UUID_C "cccccccc-0000-0000-0000-000000000003"
#define UUID_D "dddddddd-0000-0000-0000-000000000004"
#define UUID_E "eeeeeeee-0000-0000-0000-000000000005"
static const char *const cluster_uuids[] = {UUID_A, UUID_B, UUID_C, UUID_D, UUID_E};

struct cluster {
    int count;
    int64_t now_ms;
    struct memory memory;
    struct cluster_state state;
    struct observation *seen[NODE_MAX];
    char names[NODE_MAX][NODE_NAME_SIZE];
    const char *preferred;
    int intent;
    int acks;  // lossless mode: so many acknowledgements are waited for
    int64_t sync_ms;
    bool sync_rests, leaving, asks;
    unsigned differing;
    uint64_t serial;
};

static inline struct cluster cluster_of(int count) {
    struct cluster it = {.count = count, .now_ms = CLUSTER_T0, .preferred = "", .intent = -1, .state = {.epoch = 1}};
    for (int i = 0; i < count; i++) {
        (void)text_format(it.names[i], NODE_NAME_SIZE, "%c", 'a' + i);
    }
    (void)text_copy(it.state.primary, sizeof it.state.primary, "a");
    (void)text_copy(it.state.primary_uuid, sizeof it.state.primary_uuid, UUID_A);
    return it;
}

static inline void cluster_drop(struct cluster *it) {
    for (int i = 0; i < NODE_MAX; i++) {
        observation_release(it->seen[i]);
    }
    state_done(&it->state);
}
#define AUTO_CLUSTER __attribute__((cleanup(cluster_drop)))

// A new observation of the node, made now; the caller may go on filling it.
static inline struct observation *cluster_see(struct cluster *it, int node, enum probe_outcome outcome) {
    struct observation *seen = observation_new();
    seen->serial = ++it->serial;
    seen->began_ms = it->now_ms;
    seen->at_ms = it->now_ms;
    seen->at_wall_ms = CLUSTER_WALL_MS + it->now_ms;
    seen->relevo_wall_ms = seen->at_wall_ms;
    seen->outcome = outcome;
    observation_release(it->seen[node]);
    it->seen[node] = seen;
    return seen;
}

static inline void cluster_gtids(struct observation *seen, const char *executed, const char *received) {
    gtid_free(seen->executed);
    gtid_free(seen->received);
    seen->executed = gtid_parse(executed, NULL);
    seen->received = gtid_parse(received, NULL);
    assert_non_null(seen->executed);
    assert_non_null(seen->received);
}

// It serves, open and without a source.
static inline struct observation *cluster_serves(struct cluster *it, int node, const char *executed) {
    struct observation *seen = cluster_see(it, node, PROBE_OK);
    (void)text_copy(seen->uuid, sizeof seen->uuid, cluster_uuids[node]);
    seen->gtid_on = true;
    seen->relevo_known = true;
    seen->epoch = it->state.epoch;
    cluster_gtids(seen, executed, "");
    return seen;
}

// It is fenced and has no source.
static inline struct observation *cluster_fenced(struct cluster *it, int node, const char *executed) {
    struct observation *seen = cluster_serves(it, node, executed);
    seen->read_only = seen->super_read_only = true;
    return seen;
}

// It is fenced, has a as its source and applies; ON: a heartbeat came since the last look.
static inline struct observation *cluster_follows(struct cluster *it, int node, enum thread_state receiver,
                                                  const char *executed) {
    struct observation *seen = cluster_fenced(it, node, executed);
    seen->receiver = receiver;
    seen->applier = THREAD_ON;
    (void)text_copy(seen->source_host, sizeof seen->source_host, "a");
    (void)text_copy(seen->source_uuid, sizeof seen->source_uuid, UUID_A);
    seen->source_heartbeats = receiver == THREAD_ON ? it->serial : 0;
    return seen;
}

static inline struct facts cluster_judge(struct cluster *it) {
    const struct assess_input input = {.now_ms = it->now_ms,
                                       .silent_ms = CLUSTER_SILENT_MS,
                                       .state = &it->state,
                                       .observations = it->seen,
                                       .names = (const char (*)[NODE_NAME_SIZE])it->names,
                                       .count = it->count,
                                       .preferred = it->preferred,
                                       .intent = it->intent,
                                       .acks = it->acks,
                                       .sync_ms = it->sync_ms,
                                       .asks = it->asks,
                                       .differing = it->differing,
                                       .sync_rests = it->sync_rests,
                                       .leaving = it->leaving};
    return assess(&it->memory, &input);
}

// Everything as it should be: a serves, the others stream from it and have all.
static inline struct facts cluster_healthy(struct cluster *it) {
    (void)cluster_serves(it, NODE_A, UUID_A ":1-10");
    for (int i = 1; i < it->count; i++) {
        (void)cluster_follows(it, i, THREAD_ON, UUID_A ":1-10");
    }
    return cluster_judge(it);
}

static inline void cluster_job(struct cluster *it, int node, enum job_phase phase) {
    struct job_state *job = &it->state.jobs[it->state.job_count++];
    job->phase = phase;
    (void)text_copy(job->node, sizeof job->node, it->names[node]);
}
