// A cluster in lossless mode, for the tests of what is judged there.
#pragma once
#include "cluster.h"

enum { BOOT_S = 1700000000 };

// a waits for acknowledgements since a while ago, the others acknowledge and hold all of it.
static inline struct observation *waits(struct cluster *it, const char *executed) {
    struct observation *seen = cluster_serves(it, NODE_A, executed);
    seen->boot_s = BOOT_S;
    seen->epoch_sync = true;
    seen->semisync = (struct semisync){.installed = true, .source_on = true, .source_strict = true};
    return seen;
}

static inline struct observation *acknowledges(struct cluster *it, int node, enum thread_state receiver, const char *received) {
    struct observation *seen = cluster_follows(it, node, receiver, UUID_A ":1-5");
    cluster_gtids(seen, UUID_A ":1-5", received);
    seen->boot_s = BOOT_S;
    seen->semisync = (struct semisync){.installed = true, .replica_on = true, .replica_acks = receiver == THREAD_ON};
    return seen;
}

static inline struct cluster lossless_of(int count) {
    struct cluster it = cluster_of(count);
    it.acks = count / 2;
    it.sync_ms = it.now_ms;
    it.state.sync_epoch = it.state.epoch;
    for (int look = 0; look < 2; look++) {
        it.now_ms += 100;
        for (int i = 1; i < count; i++) {
            (void)acknowledges(&it, i, THREAD_ON, UUID_A ":1-10");
        }
        (void)waits(&it, UUID_A ":1-10");
        (void)cluster_judge(&it);
    }
    return it;
}

// a refuses, and its replicas have lost it.
static inline struct facts dies(struct cluster *it) {
    it->now_ms += 100;
    (void)cluster_see(it, NODE_A, PROBE_REFUSED);
    for (int i = 1; i < it->count; i++) {
        if (it->seen[i]->outcome == PROBE_OK) {
            struct observation *seen = acknowledges(it, i, THREAD_CONNECTING, UUID_A ":1-10");
            seen->receiver_errno = 2003;
        }
    }
    return cluster_judge(it);
}
