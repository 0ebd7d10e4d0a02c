#include "resync/obstacles.h"

#include <stdlib.h>
#include <string.h>

#include "common/accounts.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/dump_parts.h"
#include "resync/steps.h"
#include "resync/xa.h"

#define TRIAL TRIAL_SCHEMA

enum {
    RULE_FILES = 90,
    RULE_DIRECTORY = 91,
    RULE_SCHEMA = 92,
    RULE_SESSION = 93,
    END_WAIT_MS = 10000,
    LOOK_EVERY_MS = 100,
    SCHEMA_TIMEOUT_MS = 120000,
    // Server errors, as in mysqld_error.h, which only the adapter includes.
    ERROR_SCHEMA_EXISTS = 1007,
    ERROR_FOREIGN_FILES = 1010,
    ERROR_LOCKED = 1205,
    ERROR_DIRECTORY_EXISTS = 3678,
    ERROR_REFERRED_TO = 3730,
};

// ---- sessions that hold locks ---------------------------------------------------------------------------------------

// Of clients that are neither the watcher (it looks, for milliseconds) nor we; what hangs in system_events is a client.
// A lock of the whole server has no name.
#define HOLDERS_SQL                                                                                                  \
    "SELECT t.processlist_id, CONCAT(t.processlist_user, '@', COALESCE(t.processlist_host, '')),"                    \
    " MIN(CONCAT_WS(' ', l.object_type, l.lock_type, CONCAT_WS('.', l.object_schema, l.object_name)))"               \
    " FROM performance_schema.metadata_locks l JOIN performance_schema.threads t ON t.thread_id = l.owner_thread_id" \
    " WHERE l.lock_status = 'GRANTED' AND t.type = 'FOREGROUND' AND t.processlist_user IS NOT NULL"                  \
    " AND t.processlist_id <> CONNECTION_ID() AND t.processlist_user NOT IN (%s, '" ACCOUNT_RESYNC                   \
    "', '" ACCOUNT_READER "', '" ACCOUNT_REBUILD                                                                     \
    "')"                                                                                                             \
    " AND COALESCE(l.object_schema, '') NOT IN ('performance_schema', 'information_schema')"                         \
    " AND l.object_type NOT IN ('USER LEVEL LOCK', 'LOCKING SERVICE', 'ACL CACHE')"                                  \
    " GROUP BY t.processlist_id, t.processlist_user, t.processlist_host"

static void end_session(struct job *job, struct peer *recipient, const struct db_rows *rows, size_t row) {
    struct err err = {0};  // it may have ended by itself in between
    (void)db_execf(recipient->session, PEER_TIMEOUT_MS, &err, "KILL %s", db_cell(rows, row, 0, NULL));
    job_event(job, EVENT_RESYNC_PROGRESS, SEVERITY_WARNING, 0, MSG_OBSTACLE_SESSION,
              KVS(KV("connection", db_cell(rows, row, 0, NULL)), KV("account", db_cell(rows, row, 1, NULL)),
                  KV("lock", db_cell(rows, row, 2, NULL))));
}

// The node is closed and no use to anybody as it is: no session's lock is worth waiting for.
bool obstacles_end_locks(struct job *job, struct peer *recipient) {
    AUTO_TEXT char *watcher = peer_quote(recipient, job->settings->control_user);
    int64_t deadline_ms = clock_mono_ms() + END_WAIT_MS;
    for (bool first = true;; first = false) {
        AUTO_ROWS struct db_rows *rows = NULL;
        if (!peer_query(recipient, &rows, HOLDERS_SQL, watcher)) {
            return false;
        }
        if (db_rows_count(rows) == 0) {
            return true;
        }
        if (clock_mono_ms() >= deadline_ms) {
            return job_unfit(job, RULE_SESSION, MSG_OBSTACLE_SESSION_STAYS,
                             KVS(KV("connection", db_cell(rows, 0, 0, NULL)), KV("account", db_cell(rows, 0, 1, NULL)),
                                 KV("lock", db_cell(rows, 0, 2, NULL))));
        }
        for (size_t i = 0; first && i < db_rows_count(rows); i++) {
            end_session(job, recipient, rows, i);
        }
        if (!job_pause(job, LOOK_EVERY_MS)) {
            return false;
        }
    }
}

// ---- schemas that are read only -------------------------------------------------------------------------------------

static bool set_read_only(struct peer *peer, const char *schema, bool on) {
    AUTO_TEXT char *name = db_name(schema);
    AUTO_TEXT char *sql = mem_format("ALTER SCHEMA %s READ ONLY = %d", name, on);
    return peer_exec_within(peer, SCHEMA_TIMEOUT_MS, sql);
}

// ---- the trial ------------------------------------------------------------------------------------------------------

static bool refuse(struct job *job, struct peer *recipient, const char *schema, const struct err *err) {
    AUTO_TEXT char *datadir = NULL;
    if (err->kind == ERR_LOST || peer_disk_full(err)) {
        return peer_failed(recipient, err);
    }
    if (!peer_value(recipient, "SELECT @@GLOBAL.datadir", &datadir)) {
        return false;
    }
    const struct kv *values = KVS(KV("schema", schema), KV("error", err->text), KV("datadir", datadir));
    if (err->number == ERROR_LOCKED) {
        return job_fail_rung(job, MSG_OBSTACLE_SCHEMA, values);
    }
    bool files = err->number == ERROR_FOREIGN_FILES, directory = err->number == ERROR_DIRECTORY_EXISTS;
    return job_unfit(job,
                     files       ? RULE_FILES
                     : directory ? RULE_DIRECTORY
                                 : RULE_SCHEMA,
                     files       ? MSG_OBSTACLE_FILES
                     : directory ? MSG_OBSTACLE_DIRECTORY
                                 : MSG_OBSTACLE_SCHEMA,
                     values);
}

static bool take_trial_away(struct peer *recipient, const char *quoted) {
    return peer_exec(recipient, "DROP TABLE IF EXISTS " TRIAL ".refers") &&
           peer_exec(recipient, "DROP TABLE IF EXISTS %s." TRIAL, quoted);
}

// DROP DATABASE looks into the schema's directory first, then whether a table of another schema refers to one of its
// own, and drops nothing before both are settled. So with such a table it answers whether it would work.
static bool drop_referred_to(struct job *job, struct peer *recipient, const char *schema, const char *quoted) {
    struct err err = {0};
    if (!peer_exec(recipient,
                   "CREATE TABLE " TRIAL ".refers (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES %s." TRIAL
                   " (id)) ENGINE = InnoDB",
                   quoted) ||
        !peer_exec(recipient, "SET SESSION foreign_key_checks = ON")) {
        return false;
    }
    if (db_execf(recipient->session, SCHEMA_TIMEOUT_MS, &err, "DROP DATABASE %s", quoted)) {
        (void)peer_exec(recipient, "CREATE DATABASE IF NOT EXISTS " REBUILD_SCHEMA);  // it is not whole any more
        return job_fail(job, MSG_RESYNC_NODE_ERROR, KVS(KV("peer", recipient->name), KV("error", "DROP DATABASE")));
    }
    return err.number == ERROR_REFERRED_TO || refuse(job, recipient, schema, &err);
}

// A clone drops all schemas. A dump empties those that stay, whatever else lies there, and names what it cannot drop.
static bool try_schema(struct job *job, struct peer *recipient, const char *schema, enum job_rung rung) {
    AUTO_TEXT char *quoted = db_name(schema);
    struct err err = {0};
    if (!db_execf(recipient->session, SCHEMA_TIMEOUT_MS, &err,
                  "CREATE TABLE %s." TRIAL " (id INT PRIMARY KEY) ENGINE = InnoDB", quoted)) {
        return refuse(job, recipient, schema, &err);
    }
    bool ok = rung == RUNG_DUMP || drop_referred_to(job, recipient, schema, quoted);
    return take_trial_away(recipient, quoted) && ok;
}

static bool try_create(struct job *job, struct peer *recipient, const char *schema) {
    AUTO_TEXT char *quoted = db_name(schema);
    struct err err = {0};
    if (!db_execf(recipient->session, SCHEMA_TIMEOUT_MS, &err, "CREATE DATABASE %s", quoted)) {
        return err.number == ERROR_SCHEMA_EXISTS || refuse(job, recipient, schema, &err);
    }
    AUTO_TEXT char *drop = mem_format("DROP DATABASE %s", quoted);
    return peer_exec_within(recipient, SCHEMA_TIMEOUT_MS, drop);
}

#define SCHEMAS_SQL                                                                                        \
    "SELECT schema_name, options LIKE '%%READ ONLY=1%%' FROM information_schema.schemata_extensions WHERE" \
    " schema_name NOT IN (" SYSTEM_SCHEMAS ", '" REBUILD_SCHEMA "', '" TRIAL "') ORDER BY schema_name"

static bool is_among(const struct db_rows *rows, const char *name) {
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        if (text_equal(db_cell(rows, i, 0, NULL), name)) {
            return true;
        }
    }
    return false;
}

static bool try_all(struct job *job, struct peer *recipient, const struct db_rows *theirs, enum job_rung rung,
                    struct obstacles *ret) {
    const struct db_rows *mine = ret->schemas;
    for (size_t i = 0; i < db_rows_count(mine); i++) {
        const char *schema = db_cell(mine, i, 0, NULL);
        ret->cleared = i + 1;
        if ((text_equal(db_cell(mine, i, 1, NULL), "1") && !set_read_only(recipient, schema, false)) ||
            !try_schema(job, recipient, schema, rung)) {
            return false;
        }
    }
    for (size_t i = 0; i < db_rows_count(theirs); i++) {
        const char *schema = db_cell(theirs, i, 0, NULL);
        if (!is_among(mine, schema) && !try_create(job, recipient, schema)) {
            return false;
        }
    }
    return true;
}

bool obstacles_put_back(struct peer *recipient, const struct obstacles *obstacles) {
    const struct db_rows *mine = obstacles->schemas;
    if (!recipient->job || !db_alive(recipient->session)) {
        return false;
    }
    for (size_t i = 0; i < obstacles->cleared; i++) {
        if (text_equal(db_cell(mine, i, 1, NULL), "1") && !set_read_only(recipient, db_cell(mine, i, 0, NULL), true)) {
            return false;
        }
    }
    (void)(step_relock(recipient) && (text_equal(obstacles->was_offline, "1") || step_let_clients_in(recipient)));
    return false;
}

void obstacles_done(struct obstacles *obstacles) {
    db_rows_drop(&obstacles->schemas);
    free(obstacles->was_offline);
    *obstacles = (struct obstacles){0};
}

bool obstacles_clear(struct job *job, struct peer *recipient, struct peer *reader, enum job_rung rung,
                     struct obstacles *ret) {
    AUTO_ROWS struct db_rows *theirs = NULL;
    job_step(job, "trial");
    if (!peer_query(reader, &theirs, SCHEMAS_SQL) ||
        !peer_value(recipient, "SELECT @@GLOBAL.offline_mode", &ret->was_offline) ||
        !step_unlock_for_copy(job, recipient) || !peer_exec(recipient, "SET SESSION sql_log_bin = 0") ||
        !obstacles_end_locks(job, recipient) || !xa_roll_back_all(job, recipient) ||
        !peer_query(recipient, &ret->schemas, SCHEMAS_SQL) ||
        !peer_exec(recipient, "CREATE DATABASE IF NOT EXISTS " TRIAL " DEFAULT ENCRYPTION = 'N'")) {
        return false;
    }
    bool ok = try_all(job, recipient, theirs, rung, ret);
    if (!db_alive(recipient->session) || !peer_exec(recipient, "DROP DATABASE " TRIAL)) {
        return false;
    }
    return ok || obstacles_put_back(recipient, ret);
}

static bool drop_made(struct peer *recipient) {
    AUTO_TEXT char *table = NULL;
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_value(recipient,
                    "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = '" TRIAL
                    "' AND table_name = 'made'",
                    &table)) {
        return false;
    }
    if (text_equal(table, "0")) {
        return true;
    }
    if (!peer_query(recipient, &rows, "SELECT of_schema, name FROM " TRIAL ".made ORDER BY of_schema DESC")) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        AUTO_TEXT char *schema = db_name(db_cell(rows, i, 0, NULL));
        AUTO_TEXT char *name = db_name(db_cell(rows, i, 1, NULL));
        struct err err = {0};  // it may not have come so far
        if (text_equal(db_cell(rows, i, 0, NULL), "")) {
            (void)db_execf(recipient->session, SCHEMA_TIMEOUT_MS, &err, "DROP TABLESPACE %s", name);
        } else if (!peer_exec(recipient, "DROP TABLE IF EXISTS %s.%s", schema, name)) {
            return false;
        }
    }
    return true;
}

bool obstacles_tidy(struct job *job, struct peer *recipient) {
    AUTO_ROWS struct db_rows *rows = NULL;
    AUTO_TEXT char *left = NULL;
    if (!peer_value(recipient, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '" TRIAL "'",
                    &left)) {
        return false;
    }
    if (text_equal(left, "0")) {
        return true;
    }
    if (!step_unlock_for_copy(job, recipient) ||
        !peer_exec(recipient, "SET SESSION sql_log_bin = 0, foreign_key_checks = OFF") ||
        !peer_query(recipient, &rows,
                    "SELECT table_schema FROM information_schema.tables WHERE table_name = '" TRIAL "'")) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        AUTO_TEXT char *quoted = db_name(db_cell(rows, i, 0, NULL));
        if (!take_trial_away(recipient, quoted)) {
            return false;
        }
    }
    return drop_made(recipient) && peer_exec(recipient, "DROP DATABASE " TRIAL) &&
           peer_exec(recipient, "SET SESSION sql_log_bin = ON") && step_relock(recipient) &&
           step_let_clients_in(recipient);
}
