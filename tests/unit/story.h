// A little world of servers for the golden stories: what the watcher would see of them every tenth of a second, what it
// makes of that, and what its acts do to them. Exact in what matters to a decision, crude in all else.
#pragma once
#include "watcher/policy.h"

#include "cluster.h"

enum { STORY_TICK_MS = 100, JOB_TAKES_MS = 1500, NET_TIMEOUT_MS = 2000, RETRY_MS = 1000 };

enum server_mood { SERVES, STOPPED_DEAD, SAYS_GOODBYE, FROZEN, OVERLOADED };

struct server {
    enum server_mood mood;
    bool cut;  // from us; the servers still reach each other
    bool read_only;
    int source;  // -1: none
    enum thread_state receiver;
    int receiver_errno;
    int64_t heard_ms, lost_ms;  // from and of its source
    uint64_t heartbeats;
    int own, theirs;  // transactions of a, or of somebody else
    uint64_t epoch;   // newest row of relevo.epoch
    int epoch_primary;
    int64_t job_ends_ms;
};

struct story {
    struct cluster it;
    struct server servers[NODE_MAX];
    enum phase phase;
    unsigned flags;  // held on by the story
    int64_t cooling_until_ms;
    int rule, node_rule[NODE_MAX];
    char told[4000];
};

struct scene {
    int64_t at_ms;
    void (*happens)(struct story *story);
};

static inline void story_tell(struct story *story, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void story_tell(struct story *story, const char *format, ...) {
    size_t used = strlen(story->told);
    va_list args;
    va_start(args, format);
    int length = vsnprintf(story->told + used, sizeof story->told - used, format, args);
    va_end(args);
    assert_true(length >= 0 && used + (size_t)length < sizeof story->told);
}

static inline int64_t story_ms(const struct story *story) {
    return story->it.now_ms - CLUSTER_T0;
}

// a serves, the others stream from it.
static inline struct story story_of(int count) {
    struct story story = {.it = cluster_of(count), .phase = PHASE_STARTING};
    for (int i = 0; i < count; i++) {
        story.servers[i] = (struct server){.own = 10, .epoch = 1, .read_only = true, .receiver = THREAD_ON};
    }
    story.servers[NODE_A].read_only = false;
    story.servers[NODE_A].source = -1;
    story.servers[NODE_A].receiver = THREAD_ABSENT;
    return story;
}

static inline void story_drop(struct story *story) {
    cluster_drop(&story->it);
}
#define AUTO_STORY __attribute__((cleanup(story_drop)))

static inline void server_replicates(struct story *story, struct server *server) {
    if (server->source < 0 || server->mood == STOPPED_DEAD || server->mood == FROZEN ||
        server->receiver == THREAD_OFF) {
        return;
    }
    const struct server *source = &story->servers[server->source];
    int64_t now_ms = story->it.now_ms;
    if (source->mood == SERVES || source->mood == OVERLOADED || source->mood == SAYS_GOODBYE) {
        server->receiver = THREAD_ON;
        server->receiver_errno = 0;
        server->heard_ms = now_ms;
        server->heartbeats++;
        server->own = source->own;
        server->theirs = source->theirs;
        server->epoch = source->epoch;
        server->epoch_primary = source->epoch_primary;
    } else if (server->receiver == THREAD_ON &&
               (source->mood == STOPPED_DEAD || now_ms - server->heard_ms >= NET_TIMEOUT_MS)) {
        server->receiver = THREAD_CONNECTING;  // a reset is known at once, a frozen source by its silence
        server->lost_ms = now_ms;
    } else if (server->receiver == THREAD_CONNECTING && now_ms - server->lost_ms >= RETRY_MS) {
        server->receiver_errno = 2003;
    }
}

static inline void server_is_seen(struct story *story, int node) {
    static const enum probe_outcome outcomes[] = {[STOPPED_DEAD] = PROBE_REFUSED,
                                                  [SAYS_GOODBYE] = PROBE_CLOSING,
                                                  [FROZEN] = PROBE_TIMEOUT,
                                                  [OVERLOADED] = PROBE_OVERLOADED};
    const struct server *server = &story->servers[node];
    if (server->cut || server->mood != SERVES) {
        (void)cluster_see(&story->it, node, server->cut ? PROBE_TIMEOUT : outcomes[server->mood]);
        return;
    }
    char gtids[100];
    (void)text_format(gtids, sizeof gtids, "%s:1-%d", server->own ? UUID_A : UUID_B,
                      server->own ? server->own : server->theirs);
    struct observation *seen = cluster_serves(&story->it, node, server->own || server->theirs ? gtids : "");
    seen->read_only = seen->super_read_only = server->read_only;
    seen->receiver = server->receiver;
    seen->applier = server->receiver == THREAD_ABSENT ? THREAD_ABSENT : THREAD_ON;
    seen->receiver_errno = server->receiver_errno;
    seen->source_heartbeats = server->heartbeats;
    if (server->source >= 0) {
        (void)text_copy(seen->source_host, sizeof seen->source_host, story->it.names[server->source]);
        (void)text_copy(seen->source_uuid, sizeof seen->source_uuid, cluster_uuids[server->source]);
    }
    if (server->epoch) {
        seen->epoch = server->epoch;
        (void)text_copy(seen->epoch_primary, sizeof seen->epoch_primary, story->it.names[server->epoch_primary]);
        (void)text_copy(seen->epoch_uuid, sizeof seen->epoch_uuid, cluster_uuids[server->epoch_primary]);
    }
    seen->heartbeat_ms = seen->at_wall_ms;  // nobody lags here
}

static inline void server_follows(struct story *story, int node, int source) {
    struct server *server = &story->servers[node];
    server->source = source;
    server->receiver = THREAD_CONNECTING;
    server->receiver_errno = 0;
    server->heard_ms = server->lost_ms = story->it.now_ms;
    server->read_only = true;
}

// The replicas follow at once only where the act repoints them; else they are found adrift.
static inline void story_opens(struct story *story, int node, bool repoint) {
    struct server *server = &story->servers[node];
    server->source = -1;
    server->receiver = THREAD_ABSENT;
    server->read_only = false;
    server->epoch = ++story->it.state.epoch;
    server->epoch_primary = node;
    (void)text_copy(story->it.state.primary, NODE_NAME_SIZE, story->it.names[node]);
    (void)text_copy(story->it.state.primary_uuid, NODE_UUID_SIZE, cluster_uuids[node]);
    for (int i = 0; repoint && i < story->it.count; i++) {
        if (i != node && story->servers[i].mood == SERVES && story->servers[i].source != -1) {
            server_follows(story, i, node);
        }
    }
}

static inline int story_target(const struct story *story, const struct facts *facts, enum target target) {
    return target == TARGET_CANDIDATE   ? facts->candidate_node
           : target == TARGET_ELECTED   ? facts->election_node
           : target == TARGET_PRIMARY   ? facts->primary
           : target == TARGET_OPEN      ? facts->open_node
           : target == TARGET_PREFERRED ? NODE_A
                                        : story->it.intent;
}

static inline void story_acts(struct story *story, const struct facts *facts, const struct decision *decision) {
    int target = story_target(story, facts, decision->target);
    story_tell(story, " %s %s", act_name(decision->act), story->it.names[target]);
    if (decision->act == ACT_SWITCHOVER) {
        int old = facts->primary;
        story_opens(story, target, true);
        server_follows(story, old, target);
    } else if (decision->act != ACT_ADOPT) {
        story_opens(story, target, decision->act == ACT_PROMOTE);
    }
}

static inline void story_repairs(struct story *story, const struct facts *facts, int node, unsigned flags) {
    struct decision decision = policy_node(story->phase, facts, node, flags);
    struct server *server = &story->servers[node];
    if (decision.act == ACT_FENCE) {
        server->read_only = true;
    } else if (decision.act == ACT_RESYNC) {
        server->job_ends_ms = story->it.now_ms + JOB_TAKES_MS;
        story->it.state.job_count = 0;
        cluster_job(&story->it, node, JOB_RUNNING);
    }
    if (decision.act != ACT_NONE && decision.rule != story->node_rule[node]) {
        story_tell(story, "%6lld  node %s: %d %s\n", (long long)story_ms(story), story->it.names[node], decision.rule,
                   act_name(decision.act));
    }
    story->node_rule[node] = decision.rule;
}

static inline void story_ends_jobs(struct story *story, const struct facts *facts) {
    for (int i = 0; i < story->it.count; i++) {
        struct server *server = &story->servers[i];
        if (server->job_ends_ms && story->it.now_ms >= server->job_ends_ms && facts->primary >= 0) {
            server->job_ends_ms = 0;
            story->it.state.jobs[0].phase = JOB_DONE;
            server_follows(story, i, facts->primary);
            server_replicates(story, server);
        }
    }
}

// What watcher.c makes of the facts, as far as a story needs it.
static inline unsigned story_flags(const struct story *story, const struct facts *facts) {
    bool failback = facts->view == PRIMARY_OPEN && facts->primary != NODE_A && text_equal(story->it.preferred, "a") &&
                    facts->nodes[NODE_A].steady_ms >= 5000;
    return story->flags | FLAG_LEADER | (facts->settled ? FLAG_SETTLED : 0u) |
           (facts->all_streaming ? FLAG_ALL_STREAMING : 0u) | (facts->any_job ? FLAG_ANY_JOB : 0u) |
           (facts->open_others == 1 ? FLAG_OPEN_OTHER : 0u) | (facts->open_others > 1 ? FLAG_OPEN_MANY : 0u) |
           (failback ? FLAG_FAILBACK_DUE : 0u);
}

static inline void story_tick(struct story *story) {
    struct cluster *it = &story->it;
    for (int i = 0; i < it->count; i++) {
        server_replicates(story, &story->servers[i]);
    }
    for (int i = 0; i < it->count; i++) {
        server_is_seen(story, i);
    }
    (void)assess_record(&it->state, &it->memory, it->seen, it->count);
    struct facts facts = cluster_judge(it);
    unsigned flags = story_flags(story, &facts);
    struct decision decision = policy_cluster(story->phase, &facts, flags);
    story->phase = decision.phase;
    if (decision.rule != story->rule) {
        story_tell(story, "%6lld  %d %s", (long long)story_ms(story), decision.rule, phase_name(decision.phase));
        if (decision.act != ACT_NONE) {
            story_acts(story, &facts, &decision);
        }
        story_tell(story, "\n");
        story->rule = decision.rule;
    }
    for (int i = 0; i < it->count && decision.act == ACT_NONE; i++) {  // else the watcher would be busy
        story_repairs(story, &facts, i, flags);
    }
    story_ends_jobs(story, &facts);
    it->now_ms += STORY_TICK_MS;
}

static inline void story_play(struct story *story, const struct scene *scenes, size_t count, int64_t until_ms) {
    for (size_t next = 0; story_ms(story) < until_ms; story_tick(story)) {
        for (; next < count && story_ms(story) >= scenes[next].at_ms; next++) {
            scenes[next].happens(story);
        }
    }
}

static inline void story_is(struct story *story, const char *wanted) {
    if (strcmp(story->told, wanted) != 0) {
        print_error("wanted:\n%stold:\n%s", wanted, story->told);
        fail();
    }
}
