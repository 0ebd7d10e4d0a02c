// The rounds of a comparison. In each the primary stands still for as long as the node needs to have what the primary
// has, milliseconds, and both open a snapshot: two views of one moment, in which every difference is a real one.
#include "resync/verify.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/gtid.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/standstill.h"
#include "resync/verify_parts.h"

enum {
    OPEN_WAIT_MS = 10000,
    ROUND_MS = 60000,
    CATCH_UP_S = 5,  // before the primary stands still, so that it does so only briefly
    HELD_S = 1,      // how long clients may wait for the node
    IDLE_S = 3600,
    PAUSE_MS = 1000,
    TRIES = 20,  // for a moment at which the node has what the primary has
    FIRST_CHUNK_BYTES = 1024 * 1024,
    PUT_OFF_MOST = 3,
};

static bool prepare(struct peer *peer) {
    return peer_exec(peer, "SET SESSION max_execution_time = 600000, wait_timeout = %d", IDLE_S);
}

static bool open_one(struct verify *verify, const char *node, enum peer_account account, struct peer *ret) {
    return peer_open(verify->job, node, account, false, OPEN_WAIT_MS, ret) && prepare(ret);
}

static bool open_peers(struct verify *verify) {
    const char *here = verify->job->state.node, *there = verify->job->primary;
    return open_one(verify, here, PEER_READ, &verify->here) && open_one(verify, here, PEER_READ, &verify->look_here) &&
           open_one(verify, there, PEER_READ, &verify->there) && open_one(verify, there, PEER_READ, &verify->look_there) &&
           open_one(verify, here, PEER_LOOK, &verify->looker_here) &&
           open_one(verify, there, PEER_LOOK, &verify->lock);
}

static void close_peers(struct verify *verify) {
    peer_close(&verify->here);
    peer_close(&verify->there);
    peer_close(&verify->look_here);
    peer_close(&verify->look_there);
    peer_close(&verify->looker_here);
    peer_close(&verify->lock);
}

bool verify_wait_for_primary(struct verify *verify, int most_s, char **ret_gtids, bool *ret_there) {
    AUTO_TEXT char *answer = NULL;
    if (!peer_value(&verify->look_there, "SELECT @@GLOBAL.gtid_executed", ret_gtids)) {
        return false;
    }
    AUTO_TEXT char *quoted = peer_quote(&verify->here, *ret_gtids);
    AUTO_TEXT char *sql = mem_format("SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %d)", quoted, most_s);
    if (!peer_value(&verify->here, sql, &answer)) {
        return false;
    }
    *ret_there = text_equal(answer, "0");
    return true;
}

// The node may have no more than the primary: what only it has was never the cluster's.
static bool check_nothing_extra(struct verify *verify, const char *gtids) {
    AUTO_TEXT char *here = NULL;
    if (!peer_value(&verify->here, "SELECT @@GLOBAL.gtid_executed", &here)) {
        return false;
    }
    AUTO_GTID struct gtid_set *mine = gtid_parse(here, NULL);
    AUTO_GTID struct gtid_set *theirs = gtid_parse(gtids, NULL);
    return (mine && theirs && gtid_subset(mine, theirs)) || job_fail(verify->job, MSG_VERIFY_DIVERGED, KVS());
}

#define SNAPSHOT_SQL "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"

// *ret_same false: the node was not there in time, or nobody is.
static bool open_snapshots(struct verify *verify, bool *ret_same) {
    AUTO_TEXT char *gtids = NULL;
    struct peer *lock = &verify->lock;
    if (!standstill_begin(verify->job, lock)) {
        return false;
    }
    bool ok = verify_wait_for_primary(verify, HELD_S, &gtids, ret_same) &&
              (!*ret_same || (peer_exec(&verify->here, SNAPSHOT_SQL) && peer_exec(&verify->there, SNAPSHOT_SQL) &&
                              check_nothing_extra(verify, gtids)));
    ok = standstill_end(lock, IDLE_S) && ok;
    return ok && (!*ret_same ||
                  (peer_exec(&verify->here, "SAVEPOINT chunk") && peer_exec(&verify->there, "SAVEPOINT chunk")));
}

static bool begin_round(struct verify *verify) {
    if (!peer_exec(&verify->here, "ROLLBACK") || !peer_exec(&verify->there, "ROLLBACK")) {
        return false;
    }
    for (unsigned i = 0; i < TRIES; i++) {
        AUTO_TEXT char *gtids = NULL;
        bool near = false, same = false;
        if (!verify_wait_for_primary(verify, CATCH_UP_S, &gtids, &near) || (near && !open_snapshots(verify, &same))) {
            return false;
        }
        if (same) {
            verify->round_end_ms = clock_mono_ms() + ROUND_MS;
            return true;
        }
        if (!job_pause(verify->job, PAUSE_MS)) {
            return false;
        }
    }
    return job_fail(verify->job, MSG_VERIFY_BEHIND, KVS(KV("primary", verify->job->primary)));
}

static bool compare_table(struct verify *verify, struct verify_table *table) {
    struct range_table shape = {0};
    bool alike = false;
    unsigned put_off = table->put_off;
    bool ok = verify_table_shape(verify, table, &shape, &alike);
    if (ok && alike) {
        ok = verify_rows(verify, table, &shape);
    } else if (ok) {
        table->put_off++;  // a change may be on its way to the node: the next round knows
    }
    range_table_done(&shape);
    if (ok && table->put_off > put_off) {
        range_bound_done(&table->low);
        if (table->put_off >= PUT_OFF_MOST) {
            verify_found(verify, table, "", 0, 0);
            table->done = true;
        }
    }
    return ok;
}

// One round over what is left. *ret_left: how many tables are.
static bool run_round(struct verify *verify, size_t *ret_left) {
    if (!begin_round(verify) || (!verify->tables && !verify_list_tables(verify))) {
        return false;
    }
    *ret_left = 0;
    for (size_t i = 0; i < verify->count; i++) {
        struct verify_table *table = &verify->tables[i];
        if (!table->done && clock_mono_ms() < verify->round_end_ms && !compare_table(verify, table)) {
            return false;
        }
        *ret_left += table->done ? 0 : 1;
    }
    return true;
}

static bool compare_all(struct verify *verify) {
    job_step(verify->job, "compare");
    for (size_t left = 1; left > 0;) {
        if (!run_round(verify, &left)) {
            return false;
        }
    }
    return peer_exec(&verify->here, "ROLLBACK") && peer_exec(&verify->there, "ROLLBACK");
}

static bool check_servers(struct verify *verify) {
    AUTO_TEXT char *here = NULL;
    AUTO_TEXT char *there = NULL;
    static const char sql[] = "SELECT @@GLOBAL.gtid_mode = 'ON' AND @@GLOBAL.max_allowed_packet >= 1048576";
    if (!peer_value(&verify->look_here, sql, &here) || !peer_value(&verify->look_there, sql, &there)) {
        return false;
    }
    return (text_equal(here, "1") && text_equal(there, "1")) || job_fail(verify->job, MSG_VERIFY_UNFIT, KVS());
}

bool verify_run(struct job *job) {
    struct verify verify = {.job = job, .chunk_bytes = FIRST_CHUNK_BYTES};
    pthread_mutex_lock(&job->lock);
    job->state.rung = RUNG_VERIFY;
    job->state.why[0] = '\0';
    job->state.differing = job->state.compared_rows = job->state.compared_tables = 0;
    job->state.difference_count = 0;
    pthread_mutex_unlock(&job->lock);
    job_step(job, "connect");
    bool ok = settings_node(job->settings, job->state.node) >= 0 ||
              job_fail(job, MSG_RESYNC_UNKNOWN_NODE, KVS(KV("peer", job->state.node)));
    ok = ok && job_guard_cluster(job);  // it is not the primary itself
    if (ok) {
        pthread_mutex_lock(&job->lock);
        (void)text_copy(job->state.donor, sizeof job->state.donor, job->primary);
        pthread_mutex_unlock(&job->lock);
        job_say(job, LOG_LEVEL_INFO, MSG_VERIFY_BEGUN, KVS(KV("primary", job->primary)));
    }
    ok = ok && open_peers(&verify) && check_servers(&verify) && compare_all(&verify) &&
         verify_definitions(&verify);
    verify_tables_done(&verify);
    close_peers(&verify);
    return ok;
}
