#include "watcher/probe.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"

// What is asked for, and the name under which it is read.
#define NODE_COLUMNS(X)                                                      \
    X("@@GLOBAL.server_uuid", "uuid")                                        \
    X("@@GLOBAL.server_id", "server_id")                                     \
    X("@@GLOBAL.version", "version")                                         \
    X("@@GLOBAL.read_only", "read_only")                                     \
    X("@@GLOBAL.super_read_only", "super_read_only")                         \
    X("@@GLOBAL.offline_mode", "offline_mode")                               \
    X("@@GLOBAL.gtid_mode", "gtid_mode")                                     \
    X("@@GLOBAL.gtid_executed", "executed")                                  \
    X("c.HOST", "source_host")                                               \
    X("c.PORT", "source_port")                                               \
    X("s.SOURCE_UUID", "source_uuid")                                        \
    X("s.SERVICE_STATE", "receiver")                                         \
    X("s.RECEIVED_TRANSACTION_SET", "received")                              \
    X("s.COUNT_RECEIVED_HEARTBEATS", "heartbeats")                           \
    X("s.QUEUEING_TRANSACTION", "queueing")                                  \
    X("s.LAST_ERROR_NUMBER", "receiver_errno")                               \
    X("s.LAST_ERROR_MESSAGE", "receiver_error")                              \
    X("a.SERVICE_STATE", "applier")                                          \
    X("COALESCE(w.LAST_ERROR_NUMBER, k.LAST_ERROR_NUMBER)", "applier_errno") \
    X("COALESCE(w.LAST_ERROR_MESSAGE, k.LAST_ERROR_MESSAGE)", "applier_error")
// One row, always: joins to the default channel are outer.
#define NODE_TABLES                                                                               \
    " FROM (SELECT 1) AS one"                                                                     \
    " LEFT JOIN performance_schema.replication_connection_configuration c ON c.CHANNEL_NAME = ''" \
    " LEFT JOIN performance_schema.replication_connection_status s ON s.CHANNEL_NAME = ''"        \
    " LEFT JOIN performance_schema.replication_applier_status a ON a.CHANNEL_NAME = ''"           \
    " LEFT JOIN performance_schema.replication_applier_status_by_coordinator k"                   \
    "   ON k.CHANNEL_NAME = '' AND k.LAST_ERROR_NUMBER <> 0"                                      \
    " LEFT JOIN performance_schema.replication_applier_status_by_worker w"                        \
    "   ON w.CHANNEL_NAME = '' AND w.LAST_ERROR_NUMBER <> 0"

// Variables by name: the table of them costs a server eight times as much. The uptime is counted from the same clock
// reading as UNIX_TIMESTAMP(), so that their difference is the same second in every look at one life of the server.
#define STATUS(name) "MAX(IF(VARIABLE_NAME = '" name "', VARIABLE_VALUE, NULL))"
#define STRICTLY                                                                              \
    "@@GLOBAL.rpl_semi_sync_source_enabled AND @@GLOBAL.rpl_semi_sync_source_wait_no_replica" \
    " AND @@GLOBAL.rpl_semi_sync_source_wait_point = 'AFTER_SYNC'"                            \
    " AND @@GLOBAL.rpl_semi_sync_source_timeout >= 4294967295 AND " STATUS("Rpl_semi_sync_source_status") " = 'ON'"
#define SEMISYNC_COLUMNS(X) \
    NODE_COLUMNS(X)         \
    X("t.flags", "flags")   \
    X("t.counts", "counts")
#define SEMISYNC_TABLES \
    NODE_TABLES " JOIN (SELECT CONCAT(@@GLOBAL.rpl_semi_sync_source_enabled, " STRICTLY                               \
    ", @@GLOBAL.rpl_semi_sync_replica_enabled, " STATUS("Rpl_semi_sync_replica_status") " = 'ON') AS flags, CONCAT("  \
    STATUS("Rpl_semi_sync_source_no_tx") ", ' ', " STATUS("Rpl_semi_sync_source_yes_tx") ", ' ', "                    \
    STATUS("Rpl_semi_sync_source_wait_sessions") ", ' ', @@GLOBAL.rpl_semi_sync_source_wait_for_replica_count, ' ',"  \
    " UNIX_TIMESTAMP() - " STATUS("Uptime") ") AS counts FROM performance_schema.global_status WHERE VARIABLE_NAME IN" \
    " ('Uptime', 'Rpl_semi_sync_source_status', 'Rpl_semi_sync_source_no_tx', 'Rpl_semi_sync_source_yes_tx',"         \
    " 'Rpl_semi_sync_source_wait_sessions', 'Rpl_semi_sync_replica_status')) AS t"
enum { FLAG_SOURCE, FLAG_STRICT, FLAG_REPLICA, FLAG_ACKS, FLAGS };
enum { COUNT_UNACKED, COUNT_ACKED, COUNT_WAITING, COUNT_REPLICAS, COUNT_BOOT_S, COUNTS };
enum { NO_SUCH_SCHEMA = 1049, NO_SUCH_TABLE = 1146, NO_SUCH_VARIABLE = 1193 /* a plugin is missing */ };

#define MARKED "EXISTS (SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '" REBUILD_SCHEMA "')"
// A server that hangs in a commit (a full disk) finishes a row of ours though we gave it up (act_reign.c).
#define PENDING                                                                                           \
    "(SELECT COUNT(*) FROM performance_schema.threads WHERE PROCESSLIST_INFO LIKE 'INSERT INTO relevo.epoch%'" \
    " AND PROCESSLIST_USER = SUBSTRING_INDEX(CURRENT_USER(), '@', 1))"
#define REIGN_COLUMNS(X)                                     \
    X("e.epoch", "epoch")                                    \
    X("e.rule", "rule")                                      \
    X("e.sync", "sync")                                      \
    X("e.primary_uuid", "primary_uuid")                      \
    X("e.primary_name", "primary_name")                      \
    X("(SELECT " REIGNS_SQL " FROM relevo.epoch)", "reigns") \
    X(PENDING, "pending")                                    \
    X(MARKED, "marked")
#define REIGN_TABLES                                                                                                  \
    " FROM (SELECT 1) AS one"                                                                                         \
    " LEFT JOIN (SELECT epoch, rule, sync, primary_uuid, primary_name FROM relevo.epoch ORDER BY epoch DESC LIMIT 1)" \
    " AS e ON TRUE"
#define RELEVO_COLUMNS(X) REIGN_COLUMNS(X) X("h.ts_ms", "ts_ms")
#define RELEVO_TABLES REIGN_TABLES " LEFT JOIN relevo.heartbeat AS h ON h.id = 1"
// A copy that is half-way may not have those tables yet.
#define MARK_COLUMNS(X) X(MARKED, "marked")

struct question {
    const char *sql;
    const char *const *columns;
};
#define ASKED(expression, name) expression ","
#define NAMED(expression, name) name,
#define QUESTION(columns_of, tables)                                                                     \
    {                                                                                                    \
        .sql = "SELECT " columns_of(ASKED) " NULL" tables " LIMIT 1", .columns = (const char *const[]) { \
            columns_of(NAMED) "", NULL                                                                   \
        }                                                                                                \
    }
static const struct question node_question = QUESTION(NODE_COLUMNS, NODE_TABLES);
static const struct question lossless_question = QUESTION(SEMISYNC_COLUMNS, SEMISYNC_TABLES);
static const struct question relevo_question = QUESTION(RELEVO_COLUMNS, RELEVO_TABLES);
static const struct question mark_question = QUESTION(MARK_COLUMNS, "");
static const struct question reign_question = QUESTION(REIGN_COLUMNS, REIGN_TABLES);

static bool ask(struct db_session *session, int64_t timeout_ms, const struct question *question, struct db_rows **ret,
                struct err *err) {
    return db_query_as(session, timeout_ms, question->sql, question->columns, ret, err);
}

static int64_t number_of(const struct db_rows *rows, const char *column) {
    int64_t number = 0;
    (void)text_to_i64(db_cell_named(rows, 0, column), &number);
    return number;
}

static void copy_of(const struct db_rows *rows, const char *column, char *out, size_t size_bytes) {
    (void)text_copy(out, size_bytes, db_cell_named(rows, 0, column));
}

static enum thread_state thread_of(const char *state) {
    if (!state) {
        return THREAD_ABSENT;
    }
    return text_equal(state, "ON") ? THREAD_ON : text_equal(state, "CONNECTING") ? THREAD_CONNECTING : THREAD_OFF;
}

static struct gtid_set *set_of(const struct db_rows *rows, const char *column, char **ret_text) {
    struct gtid_set *set = gtid_parse(db_cell_named(rows, 0, column), NULL);
    *ret_text = set ? gtid_text(set) : NULL;
    return set;
}

// False: a set of GTIDs could not be read. Taken for empty it would be a subset of everything.
static bool read_node(const struct db_rows *rows, struct observation *it) {
    copy_of(rows, "uuid", it->uuid, sizeof it->uuid);
    copy_of(rows, "version", it->version, sizeof it->version);
    it->server_id = (uint32_t)number_of(rows, "server_id");
    it->read_only = number_of(rows, "read_only") != 0;
    it->super_read_only = number_of(rows, "super_read_only") != 0;
    it->offline_mode = number_of(rows, "offline_mode") != 0;
    it->gtid_on = text_equal(db_cell_named(rows, 0, "gtid_mode"), "ON");
    it->executed = set_of(rows, "executed", &it->executed_text);
    it->received = set_of(rows, "received", &it->received_text);
    it->receiver = thread_of(db_cell_named(rows, 0, "source_host") ? db_cell_named(rows, 0, "receiver") : NULL);
    it->applier = thread_of(it->receiver == THREAD_ABSENT ? NULL : db_cell_named(rows, 0, "applier"));
    copy_of(rows, "source_host", it->source_address, sizeof it->source_address);
    copy_of(rows, "source_host", it->source_host, sizeof it->source_host);
    it->source_port = (uint16_t)number_of(rows, "source_port");
    copy_of(rows, "source_uuid", it->source_uuid, sizeof it->source_uuid);
    it->source_heartbeats = (uint64_t)number_of(rows, "heartbeats");
    const char *queueing = db_cell_named(rows, 0, "queueing");
    it->receiving = queueing && *queueing;
    it->receiver_errno = (int)number_of(rows, "receiver_errno");
    it->applier_errno = (int)number_of(rows, "applier_errno");
    copy_of(rows, it->applier_errno ? "applier_error" : "receiver_error", it->replication_error,
            sizeof it->replication_error);
    return it->executed && it->received;
}

static void read_semisync(const struct db_rows *rows, int acks, struct observation *it) {
    const char *flags = db_cell_named(rows, 0, "flags");
    const char *text = db_cell_named(rows, 0, "counts");
    uint64_t counts[COUNTS];
    if (!flags || strlen(flags) != FLAGS || !text) {
        return;  // a plugin is going
    }
    for (int i = 0; i < COUNTS; i++) {
        char *end = NULL;
        counts[i] = strtoull(text, &end, 10);
        text = end;
    }
    it->boot_s = (int64_t)counts[COUNT_BOOT_S];
    it->semisync =
        (struct semisync){.installed = true,
                          .source_on = flags[FLAG_SOURCE] == '1',
                          .source_strict = flags[FLAG_STRICT] == '1' && counts[COUNT_REPLICAS] == (uint64_t)acks,
                          .unacked = counts[COUNT_UNACKED],
                          .acked = counts[COUNT_ACKED],
                          .waiting = counts[COUNT_WAITING],
                          .replica_on = flags[FLAG_REPLICA] == '1',
                          .replica_acks = flags[FLAG_ACKS] == '1'};
}

static void read_relevo(const struct db_rows *rows, struct observation *it) {
    it->relevo_known = it->rows_new = true;
    it->relevo_wall_ms = clock_wall_ms();
    it->epoch = (uint64_t)number_of(rows, "epoch");
    it->reigns = (uint64_t)number_of(rows, "reigns");
    it->epoch_rule = (int)number_of(rows, "rule");
    it->epoch_sync = number_of(rows, "sync") == 1;
    copy_of(rows, "primary_uuid", it->epoch_uuid, sizeof it->epoch_uuid);
    copy_of(rows, "primary_name", it->epoch_primary, sizeof it->epoch_primary);
    it->heartbeat_ms = number_of(rows, "ts_ms");
}

static enum probe_outcome outcome_of(const struct err *err) {
    if (err->number == PROBE_SHUTDOWN_ERROR) {
        return PROBE_CLOSING;
    }
    switch (err->kind) {
        case ERR_TIMEOUT:
            return PROBE_TIMEOUT;
        case ERR_LOST:
        case ERR_REFUSED:
        case ERR_GONE:
            return PROBE_LOST;
        case ERR_DENIED:
            return PROBE_DENIED;
        case ERR_BUSY:
            return PROBE_OVERLOADED;
        case ERR_NONE:
        case ERR_INVALID:
        case ERR_CONFLICT:
        case ERR_MISSING:
        case ERR_FULL:
        case ERR_FAILED:
            break;
    }
    return PROBE_ERROR;
}

void probe_ask(struct db_session *session, int64_t timeout_ms, int acks, struct observation *observation) {
    struct err err = {0};
    AUTO_ROWS struct db_rows *node = NULL;
    bool semisync = acks > 0;
    bool asked = ask(session, timeout_ms, semisync ? &lossless_question : &node_question, &node, &err);
    if (!asked && semisync && err.number == NO_SUCH_VARIABLE) {
        semisync = false;
        asked = ask(session, timeout_ms, &node_question, &node, &err);
    }
    if (!asked) {
        observation->outcome = outcome_of(&err);
        (void)text_copy(observation->error, sizeof observation->error, err.text);
        return;
    }
    observation->outcome = PROBE_OK;
    if (!read_node(node, observation)) {
        observation->outcome = PROBE_ERROR;
        (void)text_copy(observation->error, sizeof observation->error, "its set of GTIDs cannot be read");
    }
    if (semisync) {
        read_semisync(node, acks, observation);
    }
}

enum probe_outcome probe_meet(struct db_session *session, int64_t timeout_ms, const char *id, char *rival,
                              size_t rival_bytes, struct err *err) {
    AUTO_TEXT char *name = db_quote(session, id, strlen(id));
    AUTO_TEXT char *find = mem_format(
        "SELECT CAST(v.variable_value AS CHAR) FROM performance_schema.user_variables_by_thread v"
        " JOIN performance_schema.threads t ON t.thread_id = v.thread_id WHERE v.variable_name = '" PROBE_MARK
        "'"
        " AND t.processlist_user = SUBSTRING_INDEX(USER(), '@', 1) AND v.variable_value <> %s LIMIT 1",
        name);
    AUTO_ROWS struct db_rows *others = NULL;
    if (!db_query(session, timeout_ms, find, &others, err)) {
        return outcome_of(err);
    }
    (void)text_copy(rival, rival_bytes, db_rows_count(others) > 0 ? db_cell(others, 0, 0, NULL) : "");
    return PROBE_OK;
}

static bool marked(struct db_session *session, int64_t timeout_ms) {
    AUTO_ROWS struct db_rows *rows = NULL;
    struct err ignored = {0};
    return !ask(session, timeout_ms, &mark_question, &rows, &ignored) || number_of(rows, "marked") != 0;
}

static bool absent(const struct err *err) {
    return err->number == NO_SUCH_TABLE || err->number == NO_SUCH_SCHEMA;
}

// Without the heartbeats, which say nothing of reigns, if those are not there.
static bool ask_rows(struct db_session *session, int64_t timeout_ms, struct observation *observation,
                     struct db_rows **ret) {
    struct err err = {0}, without = {0};
    if (ask(session, timeout_ms, &relevo_question, ret, &err)) {
        return true;
    }
    if (!absent(&err)) {
        return false;
    }
    observation->beat_absent = ask(session, timeout_ms, &reign_question, ret, &without);
    observation->rows_absent = observation->rows_new = !observation->beat_absent && absent(&without);
    return observation->beat_absent;
}

void probe_ask_relevo(struct db_session *session, int64_t timeout_ms, const struct observation *earlier,
                      struct observation *observation) {
    AUTO_ROWS struct db_rows *rows = NULL;
    // Somebody may lock those tables, which costs the session: that is no half copy.
    bool known = earlier && earlier->relevo_known;
    observation->half_rebuilt = known ? earlier->half_rebuilt : marked(session, timeout_ms);
    if (!db_alive(session)) {
        return;
    }
    if (ask_rows(session, timeout_ms, observation, &rows)) {
        observation->half_rebuilt = number_of(rows, "marked") != 0;
        bool pending = number_of(rows, "pending") != 0;
        bool was_pending = earlier && earlier->row_state == ROW_PENDING;
        observation->row_state = pending ? ROW_PENDING : was_pending ? ROW_SETTLES : ROW_SETTLED;
        read_relevo(rows, observation);
        return;
    }
    if (known && db_alive(session)) {
        observation->half_rebuilt = marked(session, timeout_ms);  // the tables are gone, as they are during a copy
    }
}

void probe_keep_relevo(const struct observation *earlier, struct observation *observation) {
    observation->half_rebuilt = earlier->half_rebuilt;
    observation->rows_absent = earlier->rows_absent;
    observation->beat_absent = earlier->beat_absent;
    observation->row_state = earlier->row_state;
    observation->relevo_known = earlier->relevo_known;
    observation->relevo_wall_ms = earlier->relevo_wall_ms;
    observation->epoch = earlier->epoch;
    observation->reigns = earlier->reigns;
    observation->epoch_rule = earlier->epoch_rule;
    observation->epoch_sync = earlier->epoch_sync;
    observation->heartbeat_ms = earlier->heartbeat_ms;
    (void)text_copy(observation->epoch_uuid, sizeof observation->epoch_uuid, earlier->epoch_uuid);
    (void)text_copy(observation->epoch_primary, sizeof observation->epoch_primary, earlier->epoch_primary);
}
