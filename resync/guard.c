// The guard in front of everything that cannot be undone: see job_guard() in job.h.
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "resync/peer.h"

enum {
    STORE_WAIT_MS = 60000,  // how long a copy may wait for Redis, or for a promotion to end, at a step that needs it
    LOOK_EVERY_MS = 200,
};

static bool unsettled(const struct cluster_state *cluster) {
    return cluster->epoch == 0 || cluster->primary[0] == '\0' || cluster->phase == PHASE_FAILOVER ||
           cluster->phase == PHASE_SWITCHOVER;
}

static bool check_cluster(struct job *job, const struct cluster_state *cluster) {
    if (cluster->epoch != job->state.epoch) {
        return job_fail(job, MSG_GUARD_STALE, KVS(KVI("was", job->state.epoch), KVI("epoch", cluster->epoch)));
    }
    if (text_equal(cluster->primary, job->state.node) || text_equal(cluster->primary_uuid, job->recipient_uuid)) {
        return job_fail(job, MSG_GUARD_PRIMARY, KVS());
    }
    if (job->primary[0] != '\0' && !text_equal(cluster->primary_uuid, job->primary_uuid)) {
        return job_fail(job, MSG_GUARD_OTHER_PRIMARY, KVS(KV("primary", cluster->primary)));
    }
    (void)text_copy(job->primary, sizeof job->primary, cluster->primary);
    (void)text_copy(job->primary_uuid, sizeof job->primary_uuid, cluster->primary_uuid);
    return true;
}

// The hash as it is now: waits while it cannot be read, is empty, or a promotion is under way.
bool job_guard_cluster(struct job *job) {
    int64_t deadline_ms = clock_mono_ms() + STORE_WAIT_MS;
    for (;;) {
        struct cluster_state cluster = {0};
        struct err err = {0};
        bool read = store_read(job->store, &cluster, NULL, &err);
        bool settled = read && !unsettled(&cluster);
        bool ok = settled && check_cluster(job, &cluster);
        state_done(&cluster);
        if (settled) {
            return ok;
        }
        if (clock_mono_ms() >= deadline_ms) {
            return read ? job_fail(job, MSG_GUARD_UNSETTLED, KVS())
                        : job_fail(job, MSG_GUARD_NO_STORE, KVS(KV("error", err.text)));
        }
        if (!job_pause(job, LOOK_EVERY_MS)) {
            return false;
        }
    }
}

bool job_guard(struct job *job, struct peer *recipient) {
    if (!job_guard_cluster(job)) {
        return false;
    }
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(recipient, &rows, "SELECT @@GLOBAL.server_uuid, @@GLOBAL.read_only")) {
        return false;
    }
    const char *uuid = db_cell(rows, 0, 0, NULL);
    if (text_equal(uuid, job->primary_uuid)) {
        return job_fail(job, MSG_GUARD_PRIMARY, KVS());
    }
    if (job->recipient_uuid[0] == '\0') {
        (void)text_copy(job->recipient_uuid, sizeof job->recipient_uuid, uuid);
    }
    if (!text_equal(uuid, job->recipient_uuid)) {
        return job_fail(job, MSG_GUARD_OTHER_NODE, KVS(KV("uuid", uuid)));
    }
    if (!text_equal(db_cell(rows, 0, 1, NULL), "1")) {
        return job_fail(job, MSG_GUARD_OPEN, KVS());
    }
    return true;
}
