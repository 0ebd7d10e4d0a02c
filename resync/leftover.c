#include "resync/leftover.h"

#include "common/accounts.h"
#include "common/clock.h"
#include "common/mem.h"

enum {
    LEFTOVER_WAIT_MS = 60000,
    LOOK_EVERY_MS = 300,
    LOOK_TIMEOUT_MS = 3000,
};

// Found by what peer_open() wrote into them: of the same node's job, and of nobody but us.
static bool find(struct job *job, struct peer *peer, struct db_rows **ret) {
    AUTO_TEXT char *node = peer_quote(peer, job->state.node);
    return peer_query(peer, ret,
                      "SELECT t.processlist_id FROM performance_schema.user_variables_by_thread v"
                      " JOIN performance_schema.threads t ON t.thread_id = v.thread_id"
                      " WHERE v.variable_name = '" PEER_MARK "' AND v.variable_value = %s"
                      " AND t.processlist_user IN ('" ACCOUNT_RESYNC "', '" ACCOUNT_READER "', '" ACCOUNT_REBUILD "')"
                      " AND t.processlist_id <> CONNECTION_ID()",
                      node);
}

bool leftover_end(struct job *job, struct peer *peer) {
    int64_t deadline_ms = clock_mono_ms() + LEFTOVER_WAIT_MS;
    for (;;) {
        AUTO_ROWS struct db_rows *rows = NULL;
        if (!find(job, peer, &rows)) {
            return false;
        }
        if (db_rows_count(rows) == 0) {
            return true;
        }
        if (clock_mono_ms() >= deadline_ms) {
            return job_fail(job, MSG_COPY_LEFTOVER,
                            KVS(KV("peer", peer->name), KV("connection", db_cell(rows, 0, 0, NULL))));
        }
        for (size_t i = 0; i < db_rows_count(rows); i++) {
            struct err err = {0};  // it may have ended by itself in between
            (void)db_execf(peer->session, LOOK_TIMEOUT_MS, &err, "KILL %s", db_cell(rows, i, 0, NULL));
        }
        if (!job_pause(job, LOOK_EVERY_MS)) {
            return false;
        }
    }
}

void leftover_kill(struct job *job, const char *node, const uint64_t *connections, size_t count) {
    // The sessions are relevo_rebuild's, which has SYSTEM_USER: only such an account may end them.
    struct db_login login = peer_login(job->settings, settings_node(job->settings, node), PEER_REBUILD);
    AUTO_SESSION struct db_session *session = NULL;
    struct err err = {0};
    if (db_open(&login, LOOK_TIMEOUT_MS, &session, &err) != PROBE_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        (void)db_execf(session, LOOK_TIMEOUT_MS, &err, "KILL %llu", (unsigned long long)connections[i]);
    }
}
