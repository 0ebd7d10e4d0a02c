// Letting writers in: in a new reign, whose epoch row is the point of no return, or again in one that goes on.
#include "watcher/act_steps.h"

#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"
#include "watcher/publish.h"

enum { STATEMENT_MS = 3000, WHY_BYTES = 512 };

// A lock that somebody holds is waited for as long, in seconds, not until the statement is given up: then nobody could
// say whether the row was written.
static const char unlock_sql[] =
    "SET GLOBAL super_read_only = OFF, SESSION lock_wait_timeout = 1, SESSION innodb_lock_wait_timeout = 1";

static const char epoch_table_sql[] =
    "CREATE TABLE IF NOT EXISTS relevo.epoch (epoch BIGINT UNSIGNED NOT NULL PRIMARY KEY,"
    " primary_name VARCHAR(64) NOT NULL, primary_uuid CHAR(36) NOT NULL, sync TINYINT NOT NULL DEFAULT 0,"
    " rule INT NOT NULL DEFAULT 0, why VARCHAR(512) NOT NULL DEFAULT '',"
    " created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3))";
static const char heartbeat_table_sql[] =
    "CREATE TABLE IF NOT EXISTS relevo.heartbeat (id TINYINT NOT NULL PRIMARY KEY, epoch BIGINT UNSIGNED NOT NULL,"
    " ts_ms BIGINT NOT NULL, server_uuid CHAR(36) NOT NULL)";

// A cluster that was not born with DB.sql gets the tables when its first primary is opened.
static bool ensure_tables(const struct act_context *context, int target, struct db_session *session, struct err *err) {
    AUTO_OBSERVATION struct observation *newest = observe_latest(context->observe, (size_t)target);
    AUTO_TEXT char *found = NULL;
    if (newest && newest->relevo_known && !newest->beat_absent) {
        return true;  // it has been read from them
    }
    if (!db_value(session, STATEMENT_MS,
                  "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'relevo'"
                  " AND TABLE_NAME IN ('epoch', 'heartbeat')",
                  &found, err)) {
        return false;
    }
    return text_equal(found, "2") || (db_exec(session, STATEMENT_MS, "CREATE SCHEMA IF NOT EXISTS relevo", err) &&
                                      db_exec(session, STATEMENT_MS, epoch_table_sql, err) &&
                                      db_exec(session, STATEMENT_MS, heartbeat_table_sql, err));
}

// Whoever takes over from a reign must know of it: one that does not, though it followed its primary, may hold other
// transactions under the same numbers (REIGNS_SQL).
static unsigned long long takes_over_from(const struct act_request *request) {
    bool takes_over = (request->act == ACT_PROMOTE && !request->forced) || request->act == ACT_SWITCHOVER;
    return takes_over ? request->since : 0;
}

static bool knows_of(struct db_session *session, unsigned long long epoch, struct err *err) {
    AUTO_ROWS struct db_rows *rows = NULL;
    struct err ignored = {0};
    bool asked = db_queryf(session, STATEMENT_MS, &rows, &ignored,
                           "SELECT COUNT(*) FROM relevo.epoch WHERE epoch >= %llu", epoch);
    return (asked && !text_equal(db_cell(rows, 0, 0, NULL), "0")) ||
           err_set(err, ERR_FAILED, 0,
                   asked ? "it knows of no epoch since %llu: it may hold other transactions under the same GTIDs"
                         : "whether it knows of epoch %llu cannot be told",
                   epoch);
}

static bool licence_ran_out(struct db_session *session) {
    AUTO_TEXT char *over = NULL;
    struct err ignored = {0};
    return db_value(session, STATEMENT_MS, "SELECT NOT (" LICENSED_SQL ")", &over, &ignored) && text_equal(over, "1");
}

// What fits into the column.
static char *quoted_why(struct db_session *session, const struct act_request *request) {
    char why[WHY_BYTES];
    (void)text_copy(why, sizeof why, request->why);
    return db_quote(session, why, strlen(why));
}

static bool write_epoch(struct db_session *session, const struct settings *settings, const struct act_request *request,
                        struct err *err) {
    AUTO_TEXT char *why = quoted_why(session, request);
    unsigned long long epoch = request->epoch;
    unsigned long long after = takes_over_from(request);
    if (!db_execf(session, STATEMENT_MS, err,
                  "INSERT INTO relevo.epoch (epoch, primary_name, primary_uuid, sync, rule, why)"
                  " SELECT %llu, '%s', @@GLOBAL.server_uuid, 0, %d, %s FROM DUAL"
                  " WHERE " LICENSED_SQL " AND NOT EXISTS (SELECT 1 FROM relevo.epoch WHERE epoch >= %llu)"
                  " AND (%llu = 0 OR EXISTS (SELECT 1 FROM relevo.epoch WHERE epoch >= %llu)) AND NOT EXISTS"
                  " (SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '" REBUILD_SCHEMA "')",
                  epoch, settings->nodes[request->target].name, request->rule, why, epoch, after, after)) {
        return false;
    }
    if (db_affected(session) == 1) {
        return true;
    }
    struct err unknown = {0};
    if (knows_of(session, epoch, &unknown)) {
        return err_set(err, ERR_CONFLICT, 0, "%s knows of epoch %llu or later already",
                       settings->nodes[request->target].name, epoch);
    }
    if (licence_ran_out(session)) {
        return err_set(err, ERR_FAILED, 0, "it took too long to be allowed");
    }
    if (after && !knows_of(session, after, err)) {
        return false;  // not ERR_CONFLICT: it is no newer reign that stands in the way
    }
    return err_set(err, ERR_CONFLICT, 0, "%s holds half a copy (schema %s)", settings->nodes[request->target].name,
                   REBUILD_SCHEMA);
}

// The last look before the point of no return: another watcher may have been given the lease while we froze, or while
// the applier drained.
static bool still_leads(const struct act_context *context, struct err *err) {
    struct lease lease;
    publish_lease(context->publish, &lease);
    return lease_lasts(&lease, clock_mono_ms(), LICENCE_MS) ||
           err_set(err, ERR_CONFLICT, 0, "another watcher may lead by now");
}

bool step_license(struct db_session *session, struct err *err) {
    return db_execf(session, STATEMENT_MS, err,
                    "SET @relevo_since = UTC_TIMESTAMP(6), @relevo_until = UTC_TIMESTAMP(6) + INTERVAL %d MICROSECOND",
                    LICENCE_MS * 1000);
}

// A packet of ours that comes late, or a watcher that froze meanwhile, must not open a node that was closed again
// meanwhile.
static bool let_in(struct db_session *session, struct err *err) {
    AUTO_TEXT char *closed = NULL;
    return db_exec(session, STATEMENT_MS, "SET GLOBAL read_only = IF(" LICENSED_SQL ", 0, @@GLOBAL.read_only)", err) &&
           db_value(session, STATEMENT_MS, "SELECT @@GLOBAL.read_only + 0", &closed, err) &&
           (text_equal(closed, "0") || err_set(err, ERR_FAILED, 0, "it took too long to be allowed"));
}

// The row may have taken long, and the old primary may have come back meanwhile.
static bool open_in_reign(const struct act_context *context, const struct act_request *request,
                          struct db_session *session, bool source_later, struct err *err) {
    return (source_later || step_forget_source(session, err)) &&
           db_exec(session, STATEMENT_MS, "SET GLOBAL offline_mode = OFF, GLOBAL event_scheduler = ON", err) &&
           step_license(session, err) && step_old_is_away(context, request, err) && still_leads(context, err) &&
           let_in(session, err);
}

enum reign step_reign(const struct act_context *context, struct db_session *session, const struct act_request *request,
                      bool source_later, struct err *err) {
    const struct settings *settings = context->settings;
    enum reign reign = REIGN_NOT_BEGUN;
    // super_read_only off leaves read_only on: only we get in until the epoch row is durable.
    if (still_leads(context, err) && db_exec(session, STATEMENT_MS, unlock_sql, err) &&
        ensure_tables(context, request->target, session, err)) {
        reign = write_epoch(session, settings, request, err) ? REIGN_BEGUN
                : db_error_is_loss(err)                      ? REIGN_UNCERTAIN
                                                             : REIGN_NOT_BEGUN;
    }
    if (reign == REIGN_BEGUN && open_in_reign(context, request, session, source_later, err)) {
        return REIGN_OPEN;
    }
    if (err->kind != ERR_CONFLICT) {  // else it belongs to a newer reign: closing it is not for us
        struct err ignored = {0};
        if (err->number == LOCK_WAIT_ERROR) {
            step_name_holder(session, err);
        }
        (void)step_stay_closed(session, &ignored);
    }
    (void)err_wrap(err, "opening %s", settings->nodes[request->target].name);
    return reign;
}

bool step_restore_reign(const struct act_context *context, struct db_session *session,
                        const struct act_request *request, struct err *err) {
    AUTO_TEXT char *open = NULL;
    AUTO_TEXT char *why = quoted_why(session, request);
    // On a node that was closed meanwhile super_read_only refuses what makes the tables.
    if (!still_leads(context, err) || !db_value(session, STATEMENT_MS, "SELECT @@GLOBAL.read_only + 0", &open, err) ||
        !(text_equal(open, "0") || err_set(err, ERR_CONFLICT, 0, "it takes no writes")) ||
        !ensure_tables(context, request->target, session, err) || !step_license(session, err) ||
        !still_leads(context, err) ||
        !db_execf(session, STATEMENT_MS, err,
                  "INSERT INTO relevo.epoch (epoch, primary_name, primary_uuid, sync, rule, why)"
                  " SELECT %llu, '%s', @@GLOBAL.server_uuid, 0, %d, %s FROM DUAL"
                  " WHERE " LICENSED_SQL " AND @@GLOBAL.read_only = 0"
                  " AND NOT EXISTS (SELECT 1 FROM relevo.epoch WHERE epoch >= %llu) AND NOT EXISTS"
                  " (SELECT 1 FROM performance_schema.replication_connection_configuration"
                  " WHERE CHANNEL_NAME = '' AND HOST <> '')",
                  (unsigned long long)request->epoch, context->settings->nodes[request->target].name,
                  request->reign_rule, why, (unsigned long long)request->epoch)) {
        return false;
    }
    return db_affected(session) == 1 ||
           err_set(err, ERR_CONFLICT, 0, "it is closed, follows another node, knows of a newer reign, or was too slow");
}

// It is still the primary that it was before we closed it: nobody has begun a newer reign that it knows of, and nobody
// made it follow anybody.
static bool reign_goes_on(struct db_session *session, uint64_t epoch, struct err *err) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!db_query(session, STATEMENT_MS,
                  "SELECT MAX(epoch), (SELECT COUNT(*) FROM performance_schema.replication_connection_configuration"
                  " WHERE CHANNEL_NAME = '' AND HOST <> '') FROM relevo.epoch",
                  &rows, err)) {
        return false;
    }
    int64_t newest = 0;
    (void)text_to_i64(db_cell(rows, 0, 0, NULL), &newest);
    return ((uint64_t)newest == epoch && text_equal(db_cell(rows, 0, 1, NULL), "0")) ||
           err_set(err, ERR_CONFLICT, 0, "it is not the primary of epoch %llu any more", (unsigned long long)epoch);
}

bool step_let_in_again(const struct act_context *context, struct db_session *session, uint64_t epoch, struct err *err) {
    // The licence comes first, so that a watcher that freezes after any of these looks comes too late.
    return step_license(session, err) && still_leads(context, err) && reign_goes_on(session, epoch, err) &&
           db_exec(session, STATEMENT_MS, "SET GLOBAL super_read_only = OFF", err) &&
           db_exec(session, STATEMENT_MS, "SET GLOBAL event_scheduler = ON", err) && let_in(session, err);
}
