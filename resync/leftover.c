#include "resync/leftover.h"

#include "common/clock.h"
#include "resync/copy.h"

enum {
    LEFTOVER_WAIT_MS = 60000,
    LOOK_EVERY_MS = 300,
    LOOK_TIMEOUT_MS = 3000,
    ERROR_NO_TABLE = 1146,
};

// sql gives the connections that still run something.
static bool end_all(struct job *job, struct peer *recipient, const char *sql) {
    int64_t deadline_ms = clock_mono_ms() + LEFTOVER_WAIT_MS;
    for (;;) {
        AUTO_ROWS struct db_rows *rows = NULL;
        struct err err = {0};
        if (!db_query(recipient->session, PEER_TIMEOUT_MS, sql, &rows, &err)) {
            return err.number == ERROR_NO_TABLE || peer_failed(recipient, &err);  // no table: no plugin, no clone
        }
        if (db_rows_count(rows) == 0) {
            return true;
        }
        if (clock_mono_ms() >= deadline_ms) {
            return job_fail(job, MSG_COPY_LEFTOVER, KVS(KV("connection", db_cell(rows, 0, 0, NULL))));
        }
        for (size_t i = 0; i < db_rows_count(rows); i++) {
            // It may have ended by itself in between.
            (void)db_execf(recipient->session, LOOK_TIMEOUT_MS, &err, "KILL %s", db_cell(rows, i, 0, NULL));
        }
        if (!job_pause(job, LOOK_EVERY_MS)) {
            return false;
        }
    }
}

bool leftover_end(struct job *job, struct peer *recipient) {
    return end_all(job, recipient,
                   "SELECT p.id FROM performance_schema.clone_status s JOIN performance_schema.processlist p"
                   " ON p.id = s.pid WHERE s.state = 'In Progress' AND p.command <> 'Sleep' AND"
                   " p.id <> CONNECTION_ID()") &&
           end_all(job, recipient,
                   "SELECT id FROM performance_schema.processlist WHERE info LIKE '" COPY_KEYS_BEGIN "%'");
}

void leftover_kill(struct job *job, const char *node, const uint64_t *connections, size_t count) {
    int at = settings_node(job->settings, node);
    struct db_login login = {.address = job->settings->nodes[at].name,
                             .port = job->settings->nodes[at].port,
                             .user = job->settings->control_user,
                             .password = job->settings->control_password};
    AUTO_SESSION struct db_session *session = NULL;
    struct err err = {0};
    if (db_open(&login, LOOK_TIMEOUT_MS, &session, &err) != PROBE_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        (void)db_execf(session, LOOK_TIMEOUT_MS, &err, "KILL %llu", (unsigned long long)connections[i]);
    }
}
