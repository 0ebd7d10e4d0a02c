// The statements that the watcher sends, and what the server does with each. A table from the beginning of the text.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "tests/sim/sql_parts.h"

void sql_cell(struct db_rows *rows, const char *name, char *value) {
    rows->rows = 1;
    rows->names[rows->columns++] = name;
    rows->values[rows->cells++] = value;
}

void sql_cell_text(struct db_rows *rows, const char *name, const char *value) {
    sql_cell(rows, name, value ? mem_text(value) : NULL);
}

enum sql_answer sql_refuse(struct err *err, int number, const char *why) {
    (void)err_set(err, ERR_FAILED, number, "%s", why);
    return SQL_REFUSED;
}

const char *sql_service_state(const struct node *node) {
    const struct replication *repl = &node->repl;
    return repl->receiver == THREAD_ON ? "ON" : repl->receiver == THREAD_CONNECTING ? "CONNECTING" : "OFF";
}

// --- variables ---

static enum sql_answer run_uuid(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)err;
    sql_cell_text(rows, "uuid", session->node->uuid);
    return SQL_DONE;
}

static enum sql_answer run_idle_events(struct db_session *session, const char *sql, struct db_rows *rows,
                                       struct err *err) {
    (void)session;
    (void)sql;
    (void)err;
    sql_cell_text(rows, "count", "0");
    return SQL_DONE;
}

// The heartbeat's session that was given up: it is there as long as its commit waits.
static enum sql_answer run_hung(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)err;
    const struct node *node = session->node;
    sql_cell_text(rows, "count", node_seen(node) < node->data.executed[node->index] ? "1" : "0");
    return SQL_DONE;
}

static enum sql_answer run_executed(struct db_session *session, const char *sql, struct db_rows *rows,
                                    struct err *err) {
    (void)sql;
    (void)err;
    sql_cell(rows, "executed", node_executed(session->node));
    return SQL_DONE;
}

static enum sql_answer run_nothing(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)session;
    (void)sql;
    (void)rows;
    (void)err;
    return SQL_DONE;
}

static enum sql_answer run_lock_wait(struct db_session *session, const char *sql, struct db_rows *rows,
                                     struct err *err) {
    (void)rows;
    (void)err;
    session->lock_wait_ms = 1000 * atoll(strrchr(sql, '=') + 1);
    return SQL_DONE;
}

// Its commits wait for acknowledgements.
static bool hangs(const struct node *node) {
    return node_seen(node) < node->data.executed[node->index];
}

// One whose client does not wait for it any more goes on in the server.
void sql_pending_fence(struct node *node) {
    if (node->fencing_ms > sim_now_ms() && !hangs(node) && node->locked_ms <= sim_now_ms()) {
        node->fencing_ms = 0;
        check_fencing(node);
        world_trace("%s is closed", node->name);
        node->read_only = node->super_read_only = true;
    }
}

// read_only first, then the lock that running statements hold off.
static enum sql_answer run_fence(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)rows;
    struct node *node = session->node;
    if ((node->locked_ms > sim_now_ms() || hangs(node)) && !node->super_read_only) {
        session->since_ms = session->since_ms ? session->since_ms : sim_now_ms();
        if (sim_now_ms() - session->since_ms < session->lock_wait_ms) {
            node->fencing_ms = session->since_ms + session->lock_wait_ms;
            return SQL_WAITS;
        }
        session->since_ms = 0;
        node->fencing_ms = 0;
        return sql_refuse(err, ER_LOCK_WAIT, "lock wait timeout exceeded");
    }
    session->since_ms = 0;
    node->fencing_ms = 0;
    check_fencing(node);
    if (!node->read_only) {
        world_trace("%s is closed", node->name);
    }
    node->read_only = node->super_read_only = true;
    return SQL_DONE;
}

static enum sql_answer run_stay_closed(struct db_session *session, const char *sql, struct db_rows *rows,
                                       struct err *err) {
    return session->node->read_only ? run_fence(session, sql, rows, err) : SQL_DONE;
}

static enum sql_answer run_unfence(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)rows;
    (void)err;
    session->node->super_read_only = false;
    if (strstr(sql, "SESSION lock_wait_timeout = 1")) {
        session->lock_wait_ms = 1000;
    }
    return SQL_DONE;
}

static enum sql_answer run_open(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)rows;
    (void)err;
    struct node *node = session->node;
    check_opening(node);
    if (node->read_only) {
        world_trace("%s is open, epoch %llu", node->name, (unsigned long long)node_epoch(node));
    }
    node->read_only = node->super_read_only = false;
    return SQL_DONE;
}

static enum sql_answer run_let_in(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    return sql_licensed(session, sql) ? run_open(session, sql, rows, err) : SQL_DONE;
}

static enum sql_answer run_online(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)rows;
    (void)err;
    session->node->offline_mode = strstr(sql, "offline_mode = ON") != NULL;
    session->node->offline_times += session->node->offline_mode ? 1 : 0;
    return SQL_DONE;
}

static enum sql_answer run_shut_out(struct db_session *session, const char *sql, struct db_rows *rows,
                                    struct err *err) {
    (void)rows;
    (void)err;
    if (sql_licensed(session, sql) && !session->node->offline_mode) {
        session->node->offline_mode = true;
        session->node->offline_times++;
        world_trace("%s turns clients away", session->node->name);
    }
    return SQL_DONE;
}

// --- rows ---

// Its last commit has returned, or waits for acknowledgements.
enum sql_answer sql_committed(struct db_session *session) {
    struct node *node = session->node;
    session->seq = session->seq ? session->seq : node->data.executed[node->index];
    if (session->seq > node_seen(node)) {
        return SQL_WAITS;
    }
    session->seq = 0;
    return SQL_DONE;
}

static enum sql_answer run_knows_of(struct db_session *session, const char *sql, struct db_rows *rows,
                                    struct err *err) {
    (void)err;
    bool has = node_epoch(session->node) >= strtoull(strstr(sql, "epoch >= ") + 9, NULL, 10);
    sql_cell_text(rows, "count", has ? "1" : "0");
    return SQL_DONE;
}

// The row of the reign that goes on, which somebody removed.
static enum sql_answer run_epoch_again(struct db_session *session, const char *sql) {
    struct node *node = session->node;
    const char *values = strstr(sql, " SELECT ");
    unsigned long long epoch = strtoull(values + 8, NULL, 10);
    if (session->seq) {
        return sql_committed(session);
    }
    session->affected =
        node_epoch(node) < epoch && sql_licensed(session, sql) && !node->read_only && !node->repl.configured ? 1 : 0;
    if (session->affected) {
        check_epoch_again(node, epoch);
        node->row_sync = false;
        (void)node_commit(node, (struct txn){.kind = TXN_EPOCH,
                                             .epoch = epoch,
                                             .primary = strchr(values, '\'')[1] - 'a',
                                             .rule = atoi(strstr(values, "server_uuid, 0, ") + 16)});
        world_trace("%s records epoch %llu again", node->name, epoch);
        return sql_committed(session);
    }
    return SQL_DONE;
}

// A client's lock on the whole server, as a backup takes it, holds off what would write.
static enum sql_answer wait_for_lock(struct db_session *session, struct err *err) {
    if (session->node->locked_ms <= sim_now_ms()) {
        session->since_ms = 0;
        return SQL_DONE;
    }
    session->since_ms = session->since_ms ? session->since_ms : sim_now_ms();
    if (sim_now_ms() - session->since_ms < session->lock_wait_ms) {
        return SQL_WAITS;
    }
    session->since_ms = 0;
    return sql_refuse(err, ER_LOCK_WAIT, "lock wait timeout exceeded");
}

static enum sql_answer run_epoch(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)rows;
    struct node *node = session->node;
    if (node->super_read_only) {
        return sql_refuse(err, ER_SUPER_READ_ONLY, "running with --super-read-only");
    }
    if (strstr(sql, "@@GLOBAL.read_only = 0")) {
        return run_epoch_again(session, sql);
    }
    const char *values = strstr(sql, " SELECT ");
    unsigned long long epoch = strtoull(values + 8, NULL, 10);
    char name = strchr(values, '\'')[1];
    int rule = atoi(strstr(values, "server_uuid, 0, ") + 16);
    if (session->seq) {
        return sql_committed(session);
    }
    enum sql_answer held = wait_for_lock(session, err);
    if (held != SQL_DONE) {
        return held;
    }
    unsigned long long after = strtoull(strstr(sql, " AND (") + 6, NULL, 10);
    session->affected = node_epoch(node) < epoch && (after == 0 || node_epoch(node) >= after) &&
                                sql_licensed(session, sql) && !node->rebuild_marked
                            ? 1
                            : 0;
    if (session->affected) {
        check_epoch(node, epoch);
        node->row_sync = false;
        (void)node_commit(node, (struct txn){.kind = TXN_EPOCH, .epoch = epoch, .primary = name - 'a', .rule = rule});
        world_trace("%s records epoch %llu (rule %d)", node->name, epoch, rule);
        return sql_committed(session);
    }
    return SQL_DONE;
}

static enum sql_answer run_newer_reign(struct db_session *session, const char *sql, struct db_rows *rows,
                                       struct err *err) {
    (void)err;
    const struct node *node = session->node;
    unsigned long long than = strtoull(strstr(sql, "epoch > ") + 8, NULL, 10);
    bool its_own = node->epoch_txn && txn_at(node->epoch_txn)->primary == node->index;
    sql_cell_text(rows, "count", its_own && node_epoch(node) > than ? "1" : "0");
    return SQL_DONE;
}

static bool takes_rows(const struct node *node, const char *sql) {
    return strstr(sql, node->uuid) && !node->read_only;
}

// The schema came with the first node's data.
static enum sql_answer run_tables(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)err;
    sql_cell_text(rows, "count", session->node->data.executed[0] ? "2" : "0");
    return SQL_DONE;
}

static enum sql_answer run_beat(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)rows;
    struct node *node = session->node;
    if (session->seq) {
        return sql_committed(session);
    }
    if (node->super_read_only) {  // though no row would be written
        return sql_refuse(err, ER_SUPER_READ_ONLY, "running with --super-read-only");
    }
    session->affected = !takes_rows(node, sql) ? 0 : node->beat_txn ? 2 : 1;  // 2: the row was there
    if (session->affected) {
        int64_t at_ms = strtoll(strstr(sql, " AS epoch, ") + 11, NULL, 10);
        (void)node_commit(node, (struct txn){.kind = TXN_BEAT, .at_ms = at_ms});
        return sql_committed(session);
    }
    return SQL_DONE;
}

static enum sql_answer run_begin(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)rows;
    (void)err;
    session->in_transaction = true;
    return SQL_DONE;
}

// An ordinary account's: read_only stops it.
static enum sql_answer run_commit(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)rows;
    if (session->seq) {
        return sql_committed(session);
    }
    bool wrote = session->wrote_row;
    session->in_transaction = session->wrote_row = false;
    if (!wrote) {
        return SQL_DONE;
    }
    if (session->node->read_only) {
        return sql_refuse(err, ER_SUPER_READ_ONLY, "running with --read-only");
    }
    (void)node_commit(session->node, (struct txn){.kind = TXN_ROW});
    return sql_committed(session);
}

static enum sql_answer run_row(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    if (session->seq) {
        return sql_committed(session);
    }
    if (session->node->read_only) {
        return sql_refuse(err, ER_SUPER_READ_ONLY, "running with --read-only");
    }
    session->affected = takes_rows(session->node, sql) ? 1 : 0;
    session->wrote_row = session->affected > 0;
    return session->in_transaction ? SQL_DONE : run_commit(session, sql, rows, err);
}

// Rows of reigns that are over: the model keeps the newest only.
static enum sql_answer run_ended(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)rows;
    if (session->seq) {
        return sql_committed(session);
    }
    if (session->node->super_read_only) {
        return sql_refuse(err, ER_SUPER_READ_ONLY, "running with --super-read-only");
    }
    (void)node_commit(session->node, (struct txn){.kind = TXN_ROW});
    return sql_committed(session);
}

// --- sessions in the way ---

static enum sql_answer run_blockers(struct db_session *session, const char *sql, struct db_rows *rows,
                                    struct err *err) {
    (void)sql;
    (void)err;
    if (session->node->locked_ms > sim_now_ms() || hangs(session->node)) {
        sql_cell_text(rows, "id", "77");
    }
    return SQL_DONE;
}

static enum sql_answer run_rebuilder(struct db_session *session, const char *sql, struct db_rows *rows,
                                     struct err *err) {
    (void)sql;
    (void)err;
    sql_cell_text(rows, "there", resync_works_at(session->node) ? "1" : "0");
    return SQL_DONE;
}

static enum sql_answer run_holders(struct db_session *session, const char *sql, struct db_rows *rows,
                                   struct err *err) {
    (void)sql;
    (void)err;
    if (session->node->locked_ms > sim_now_ms()) {
        sql_cell_text(rows, "id", "77");
        sql_cell_text(rows, "account", "backup@");
        sql_cell_text(rows, "held", "GLOBAL SHARED");
    }
    return SQL_DONE;
}

static enum sql_answer run_kill(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)rows;
    (void)err;
    session->node->locked_ms = 0;
    session->node->kills++;  // their clients hear no more; what waits for acknowledgements goes on waiting
    return SQL_DONE;
}

static const struct {
    const char *begins;
    sql_fn *run;
    bool late;  // may be carried out after its client gave up
} statements[] = {
    {"SET @relevo_since", run_licence, false},
    {"SELECT NOT (UTC_TIMESTAMP(6)", run_licence_over, false},
    {"SET GLOBAL rpl_semi_sync_source_enabled = IF(", run_let_through, true},
    {"SET GLOBAL rpl_semi_sync_source_enabled = O", run_source, true},
    {"SET GLOBAL rpl_semi_sync_source_wait_point", run_strict, true},
    {"SET GLOBAL rpl_semi_sync_replica_enabled = ON", run_replica, true},
    {"SELECT @@GLOBAL.rpl_semi_sync_source_enabled", run_source_is, false},
    {"SELECT VARIABLE_VALUE FROM performance_schema.global_status", run_source_status, false},
    {"SELECT s.SERVICE_STATE, t.VARIABLE_VALUE", run_replica_status, false},
    {"SELECT @@GLOBAL.read_only, MAX(epoch)", run_reigns, false},
    {"SELECT MAX(epoch), (SELECT COUNT(*)", run_reign_goes_on, false},
    {"SELECT @@GLOBAL.read_only + 0", run_read_only, false},
    {"SELECT @@GLOBAL.read_only AND @@GLOBAL.super_read_only", run_closed, false},
    {"SELECT IF(@@GLOBAL.read_only AND", run_took_hold, false},
    {"SELECT UNIX_TIMESTAMP() - VARIABLE_VALUE", run_holds, false},
    {"SET SESSION sql_log_bin", run_nothing, false},
    {"SET SESSION timestamp = ", run_timestamp, false},
    {"UPDATE relevo.epoch SET sync = 2", run_mark, true},
    {"UPDATE relevo.epoch SET sync = 3", run_ended, true},
    {"UPDATE relevo.epoch SET sync = ", run_row_sync, true},
    {"SELECT @@GLOBAL.server_uuid", run_uuid, false},
    {"SELECT COUNT(*) FROM relevo.epoch WHERE epoch > ", run_newer_reign, false},
    {"SELECT COUNT(*) FROM relevo.epoch WHERE epoch >= ", run_knows_of, false},
    {"SELECT @@GLOBAL.gtid_executed", run_executed, false},
    {"SELECT REPLACE(@@GLOBAL.gtid_executed", run_executed, false},
    {"SET SESSION lock_wait_timeout", run_lock_wait, false},
    {"SET GLOBAL super_read_only = ON", run_fence, true},
    {"SET GLOBAL super_read_only = IF(@@GLOBAL.read_only, 1,", run_stay_closed, true},
    {"SET GLOBAL super_read_only = OFF", run_unfence, true},
    {"SET GLOBAL read_only = OFF", run_open, true},
    {"SET GLOBAL read_only = IF(", run_let_in, true},
    {"SET GLOBAL offline_mode = O", run_online, true},
    {"SET GLOBAL event_scheduler", run_nothing, false},
    {"SELECT COUNT(*) FROM performance_schema.threads", run_hung, false},
    {"SELECT COUNT(*) FROM information_schema.TABLES", run_tables, false},
    {"SELECT COUNT(*) FROM information_schema.EVENTS", run_idle_events, false},
    {"CREATE SCHEMA IF NOT EXISTS relevo", run_nothing, false},
    {"CREATE TABLE IF NOT EXISTS relevo.", run_nothing, false},
    {"INSERT INTO relevo.epoch ", run_epoch, true},
    {"INSERT INTO relevo.heartbeat ", run_beat, true},
    {"BEGIN", run_begin, false},
    {"INSERT INTO `appdb`.system_events ", run_row, true},
    {"COMMIT", run_commit, true},
    {"STOP REPLICA IO_THREAD", run_stop_receiver, true},
    {"STOP REPLICA", run_stop, true},
    {"START REPLICA", run_start, true},
    {"RESET REPLICA ALL", run_forget, true},
    {"CHANGE REPLICATION SOURCE TO ", run_change, true},
    {"SELECT SERVICE_STATE FROM performance_schema.replication_connection_status", run_receiver_state, false},
    {"SELECT 1 FROM performance_schema.threads", run_who_stops, false},
    {"SELECT s.SERVICE_STATE AS state", run_applier, false},
    {"SELECT RECEIVED_TRANSACTION_SET, SLEEP(", run_settle, false},
    {"DO WAIT_FOR_EXECUTED_GTID_SET(", run_wait, false},
    {"SELECT WAIT_FOR_EXECUTED_GTID_SET(", run_wait, false},
    {"SELECT s.SERVICE_STATE, s.SOURCE_UUID", run_preflight, false},
    {"SELECT PROCESSLIST_ID FROM performance_schema.threads", run_blockers, false},
    {"SELECT EXISTS (SELECT 1 FROM performance_schema.threads", run_rebuilder, false},
    {"SELECT t.PROCESSLIST_ID, CONCAT(", run_holders, false},
    {"SET GLOBAL offline_mode = IF(", run_shut_out, true},
    {"KILL ", run_kill, true},
};

enum sql_answer sql_run(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (strncmp(sql, statements[i].begins, strlen(statements[i].begins)) == 0) {
            return statements[i].run(session, sql, rows, err);
        }
    }
    fprintf(stderr, "sim: teach tests/sim/sql.c what a server does with: %s\n", sql);
    abort();
}

bool sql_late(struct node *node, const struct licence *licence, const char *sql) {
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (statements[i].late && strncmp(sql, statements[i].begins, strlen(statements[i].begins)) == 0) {
            struct db_session session = {.node = node, .boot = node->boot, .licence = *licence};
            struct db_rows rows = {0};
            struct err err = {0};
            return statements[i].run(&session, sql, &rows, &err) == SQL_DONE;
        }
    }
    return false;
}
