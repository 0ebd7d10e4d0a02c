#include "common/event_row.h"

#include "common/accounts.h"
#include "common/clock.h"
#include "common/mysql_port.h"
#include "common/text.h"

enum {
    OPEN_MS = 1000,
    WRITE_MS = 1000,  // a table without foreign code takes milliseconds
    // Server errors, as in mysqld_error.h, which only the adapter includes.
    ERROR_NO_SCHEMA = 1049,
    ERROR_NO_TABLE = 1146,
    ERROR_FENCED = 1290,
};

static void stamp_or_null(int64_t wall_ms, char out[24]) {
    char text[20];
    if (wall_ms == 0) {
        (void)text_copy(out, 24, "NULL");
        return;
    }
    clock_sql(wall_ms, text);
    (void)text_format(out, 24, "'%s'", text);
}

static enum event_row_result result_of(const struct err *err) {
    switch (err->number) {
        case ERROR_NO_SCHEMA:
        case ERROR_NO_TABLE:
            return EVENT_ROW_NO_TABLE;
        case ERROR_FENCED:
            return EVENT_ROW_LATER;
        default:
            return err->kind == ERR_LOST ? EVENT_ROW_LATER : EVENT_ROW_REFUSED;
    }
}

static struct db_login login_of(const struct settings *settings, const struct event_row_target *target) {
    return (struct db_login){.address = *target->address ? target->address : target->name,
                             .port = target->port,
                             .user = ACCOUNT_EVENTS,
                             .password = settings->events_password};
}

// A server does not notice that a client has given up: a trigger that loops would run on, holding its locks. While it runs
// the session counts as its definer's, so that relevo_events may not end it: each service's own account does.
static void end_session(const struct settings *settings, const struct db_login *login, uint64_t connection) {
    struct db_login ender = *login;
    bool watcher = *settings->control_password != '\0';
    ender.user = watcher ? settings->control_user : ACCOUNT_RESYNC;
    ender.password = watcher ? settings->control_password : settings->resync_password;
    AUTO_SESSION struct db_session *session = NULL;
    struct err ignored = {0};
    if (db_open(&ender, OPEN_MS, &session, &ignored) == PROBE_OK) {
        (void)db_execf(session, WRITE_MS, &ignored, "KILL %llu", (unsigned long long)connection);
    }
}

// Only on the server that was meant, and only while it takes writes: a row on a fenced node would be a transaction that
// the cluster never had. All times are UTC.
static bool insert(struct db_session *session, const struct settings *settings, const struct event_row_target *target,
                   const struct event_row *row, struct err *err) {
    char failover[24], backup[24];
    stamp_or_null(row->failover_ms, failover);
    stamp_or_null(row->backup_ms, backup);
    return db_exec(session, WRITE_MS, "BEGIN", err) &&
           db_execf(session, WRITE_MS, err,
                    "INSERT INTO `%s`.system_events"
                    " (primary_node, replica_node, last_failover, last_backup, created_at, event_type)"
                    " SELECT '%s', '%s', %s, %s, UTC_TIMESTAMP(3), '%s' FROM DUAL"
                    " WHERE @@GLOBAL.server_uuid = '%s' AND @@GLOBAL.read_only = 0",
                    settings->cluster, row->primary, row->replica, failover, backup, event_type_name(row->type),
                    target->uuid);
}

enum event_row_result event_row_write(const struct settings *settings, const struct event_row_target *target,
                                      const struct event_row *row, struct err *err) {
    struct db_login login = login_of(settings, target);
    AUTO_SESSION struct db_session *session = NULL;
    enum probe_outcome outcome = db_open(&login, OPEN_MS, &session, err);
    if (outcome != PROBE_OK) {
        return outcome == PROBE_DENIED ? EVENT_ROW_REFUSED : EVENT_ROW_LATER;
    }
    uint64_t connection = db_connection_id(session);
    if (!insert(session, settings, target, row, err)) {
        if (err->kind == ERR_TIMEOUT) {
            end_session(settings, &login, connection);  // before the commit was sent: the row is gone with its session
        }
        return result_of(err);
    }
    if (db_affected(session) == 0) {
        (void)err_set(err, ERR_CONFLICT, 0, "%s takes no writes", target->name);
        return EVENT_ROW_LATER;
    }
    // A commit without an answer may wait for an acknowledgement, which nobody can end: a second row would be one too
    // many, and the events say the same.
    return db_exec(session, WRITE_MS, "COMMIT", err) || db_error_is_loss(err) ? EVENT_ROW_WRITTEN : result_of(err);
}
