// Who holds up a promotion on the node that is to take over: a session with FLUSH TABLES WITH READ LOCK, LOCK TABLES,
// LOCK INSTANCE FOR BACKUP, or a row that the applier wants. Such a session is ended once it has held up the promotion
// for RELEVO_LOCK_GRACE_MS: a backup can be repeated, clients without a primary cannot wait for it.
#include "watcher/act_steps.h"

#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"

enum {
    LOOK_MS = 3000,
    NO_SUCH_THREAD = 1094,
    WHO_SIZE = 200,
    HOLDERS_GO_MS = 10000,  // so long ended sessions may take to go
};

#define APPLIERS "(SELECT THREAD_ID FROM performance_schema.threads WHERE NAME LIKE 'thread/sql/replica%')"
// Kinds of a metadata lock that do not exclude each other.
#define MILD \
    "('INTENTION_EXCLUSIVE', 'SHARED', 'SHARED_HIGH_PRIO', 'SHARED_READ', 'SHARED_WRITE', 'SHARED_WRITE_LOW_PRIO')"
// Not the statement: there may be a password in it.
#define COLUMNS "t.PROCESSLIST_ID, CONCAT(t.PROCESSLIST_USER, '@', COALESCE(t.PROCESSLIST_HOST, ''))"
#define SOMEBODY                                                                                            \
    "t.PROCESSLIST_ID <> CONNECTION_ID() AND t.PROCESSLIST_USER <> SUBSTRING_INDEX(CURRENT_USER(), '@', 1)" \
    " AND t.PROCESSLIST_USER NOT IN ('system user', 'event_scheduler')"

// The row of a reign waits for a global read lock, and for what somebody holds on Relevo's tables; the applier for
// anything. https://dev.mysql.com/doc/refman/8.4/en/performance-schema-metadata-locks-table.html
static const char holders_sql[] =
    "SELECT " COLUMNS
    ", CONCAT_WS(' ', h.OBJECT_TYPE, h.LOCK_TYPE, h.OBJECT_SCHEMA, h.OBJECT_NAME)"
    " FROM performance_schema.metadata_locks h JOIN performance_schema.threads t ON t.THREAD_ID = h.OWNER_THREAD_ID"
    " WHERE " SOMEBODY
    " AND h.LOCK_STATUS = 'GRANTED' AND (h.OBJECT_TYPE IN ('GLOBAL', 'COMMIT') AND h.LOCK_TYPE = 'SHARED'"
    " OR h.OBJECT_SCHEMA = 'relevo' AND h.LOCK_TYPE NOT IN " MILD
    " OR EXISTS (SELECT 1 FROM performance_schema.metadata_locks p WHERE p.LOCK_STATUS = 'PENDING'"
    " AND p.OBJECT_TYPE = h.OBJECT_TYPE AND p.OBJECT_SCHEMA <=> h.OBJECT_SCHEMA AND p.OBJECT_NAME <=> h.OBJECT_NAME"
    " AND (NOT (h.LOCK_TYPE IN " MILD " AND p.LOCK_TYPE IN " MILD
    ") OR h.LOCK_TYPE = 'SHARED' AND p.LOCK_TYPE = 'INTENTION_EXCLUSIVE')"
    " AND p.OWNER_THREAD_ID IN " APPLIERS
    "))"
    " UNION SELECT " COLUMNS
    ", CONCAT('a row of ', d.OBJECT_SCHEMA, '.', d.OBJECT_NAME) FROM performance_schema.data_locks d"
    " JOIN performance_schema.threads t ON t.THREAD_ID = d.THREAD_ID WHERE " SOMEBODY
    " AND d.LOCK_TYPE = 'RECORD' AND d.LOCK_STATUS = 'GRANTED' AND (d.OBJECT_SCHEMA = 'relevo'"
    " OR EXISTS (SELECT 1 FROM performance_schema.data_lock_waits w"
    " WHERE w.BLOCKING_ENGINE_LOCK_ID = d.ENGINE_LOCK_ID AND w.REQUESTING_THREAD_ID IN " APPLIERS "))";

static void name_holder(const struct db_rows *rows, size_t i, char *out, size_t size_bytes) {
    (void)text_format(out, size_bytes, "%s (%s, %s)", db_cell(rows, i, 0, NULL), db_cell(rows, i, 1, NULL),
                      db_cell(rows, i, 2, NULL));
}

static void tell(const struct act_context *context, int node, const struct db_rows *rows) {
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        char who[WHO_SIZE];
        name_holder(rows, i, who, sizeof who);
        LOG_WARN(MSG_HOLDER, KV("node", context->settings->nodes[node].name), KV("session", who),
                 KVI("ms", context->settings->lock_grace_ms));
    }
}

// One session may hold several locks: killed once, named once.
static void end_all(struct db_session *session, const struct db_rows *rows, char *ended, size_t size_bytes) {
    const char *last = "";
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *id = db_cell(rows, i, 0, NULL);
        struct err err = {0};
        if (text_equal(id, last) ||
            (!db_execf(session, LOOK_MS, &err, "KILL %s", id) && err.number != NO_SUCH_THREAD)) {
            continue;
        }
        last = id;
        char who[WHO_SIZE];
        size_t used = strlen(ended);
        name_holder(rows, i, who, sizeof who);
        (void)text_format(ended + used, size_bytes - used, "%s%s", used ? "; " : "", who);
    }
}

void step_end_holders(const struct act_context *context, int node, struct db_session *session,
                      struct standstill *stands, struct act_outcome *outcome) {
    AUTO_ROWS struct db_rows *rows = NULL;
    struct err ignored = {0};  // whoever waits says what it waited for in vain
    if (!db_query(session, LOOK_MS, holders_sql, &rows, &ignored) || db_rows_count(rows) == 0) {
        return;
    }
    if (!stands->told) {
        stands->told = true;
        tell(context, node, rows);
    }
    if (clock_mono_ms() - stands->since_ms >= context->settings->lock_grace_ms) {
        end_all(session, rows, outcome->ended, sizeof outcome->ended);
    }
}

void step_name_holder(struct db_session *session, struct err *err) {
    AUTO_ROWS struct db_rows *rows = NULL;
    struct err ignored = {0};
    if (db_alive(session) && db_query(session, LOOK_MS, holders_sql, &rows, &ignored) && db_rows_count(rows) > 0) {
        char who[WHO_SIZE];
        name_holder(rows, 0, who, sizeof who);
        (void)err_wrap(err, "session %s holds it up", who);
    }
}

bool step_reign_unheld(const struct act_context *context, const struct act_request *request, struct db_session *session,
                       step_may *may, bool source_later, struct act_outcome *outcome) {
    struct standstill stands = {.since_ms = clock_mono_ms()};
    int64_t until_ms = stands.since_ms + context->settings->lock_grace_ms + HOLDERS_GO_MS;
    while (step_license(session, &outcome->err) && may(context, request, session, &outcome->err)) {
        outcome->reign = step_reign(context, session, request, source_later, &outcome->err);
        if (outcome->reign != REIGN_NOT_BEGUN || outcome->err.number != LOCK_WAIT_ERROR || clock_mono_ms() > until_ms) {
            break;
        }
        step_end_holders(context, request->target, session, &stands, outcome);
    }
    return outcome->reign != REIGN_NOT_BEGUN;
}

// Whose statement keeps the node from closing: one that KILL does not reach may run for hours (a spatial function of a
// huge geometry).
static const char writers_sql[] =
    "SELECT " COLUMNS
    ", t.PROCESSLIST_COMMAND FROM performance_schema.metadata_locks h JOIN performance_schema.threads t"
    " ON t.THREAD_ID = h.OWNER_THREAD_ID WHERE " SOMEBODY
    " AND h.LOCK_STATUS = 'GRANTED' AND h.OBJECT_TYPE IN ('GLOBAL', 'COMMIT') AND h.LOCK_TYPE = 'INTENTION_EXCLUSIVE' "
    "LIMIT 1";

void step_name_writer(struct db_session *session, struct err *err) {
    AUTO_ROWS struct db_rows *rows = NULL;
    struct err ignored = {0};
    if (db_alive(session) && db_query(session, LOOK_MS, writers_sql, &rows, &ignored) && db_rows_count(rows) > 0) {
        char who[WHO_SIZE];
        name_holder(rows, 0, who, sizeof who);
        (void)err_wrap(err, "session %s does not end", who);
    }
}

bool step_shut_out(const struct act_context *context, int node, const char *uuid, uint64_t epoch, struct err *err) {
    AUTO_SESSION struct db_session *session = NULL;
    return step_open(context, node, uuid, &session, err) &&
           db_exec(session, LOOK_MS, "SET SESSION lock_wait_timeout = 1", err) && step_license(session, err) &&
           step_no_newer_reign(session, epoch, err) &&
           db_exec(session, LOOK_MS, "SET GLOBAL offline_mode = IF(" LICENSED_SQL ", 1, @@GLOBAL.offline_mode)", err);
}
