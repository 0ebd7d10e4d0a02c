#include "watcher/act_steps.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/follow.h"
#include "common/mem.h"
#include "common/text.h"

enum {
    STATEMENT_MS = 3000,
    FENCE_WAIT_S = 1,  // lock_wait_timeout of the fence; whole seconds are all that MySQL takes
    FENCE_ATTEMPTS = 3,
    STOP_PATIENCE_MS = 100,  // how long an unhindered stop may take
    SETTLE_QUIET_MS = 30,
    SETTLE_MOST_MS = 500,
    STOP_MS = 10000,         // a receiver that is connecting to a frozen host takes a while to stop
    LOOK_MS = 1000,          // of a prober at a silent server
    DRAIN_STALL_MS = 30000,  // no transaction applied for this long: give up
    MYSQL_NO_SUCH_THREAD = 1094,
};

bool step_timed(struct act_outcome *outcome, const char *step, int64_t *since_ms, bool ok) {
    int64_t now_ms = clock_mono_ms();
    size_t used = strlen(outcome->steps);
    (void)text_format(outcome->steps + used, sizeof outcome->steps - used, "%s%s %lld", used ? ", " : "", step,
                      (long long)(now_ms - *since_ms));
    *since_ms = now_ms;
    return ok;
}

bool step_open(const struct act_context *context, int node, const char *uuid, struct db_session **ret,
               struct err *err) {
    return sessions_open(context->sessions, node, uuid, ret, err);
}

// --- fence ---

// Everybody but us, the replication and the server itself: a commit or a lock of theirs is what the fence waits for.
static const char blockers_sql[] =
    "SELECT PROCESSLIST_ID FROM performance_schema.threads WHERE TYPE = 'FOREGROUND' AND PROCESSLIST_ID IS NOT NULL"
    " AND PROCESSLIST_ID <> CONNECTION_ID() AND PROCESSLIST_USER <> SUBSTRING_INDEX(CURRENT_USER(), '@', 1)"
    " AND PROCESSLIST_USER NOT IN ('system user', 'event_scheduler')"
    " AND PROCESSLIST_COMMAND NOT IN ('Binlog Dump', 'Binlog Dump GTID', 'Daemon')";

bool step_end_sessions(const struct act_context *context, int node, const char *uuid, struct err *err) {
    AUTO_SESSION struct db_session *session = NULL;
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!step_open(context, node, uuid, &session, err) || !db_query(session, STATEMENT_MS, blockers_sql, &rows, err)) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        if (!db_execf(session, STATEMENT_MS, err, "KILL %s", db_cell(rows, i, 0, NULL)) &&
            err->number != MYSQL_NO_SUCH_THREAD) {
            return err_wrap(err, "ending session %s", db_cell(rows, i, 0, NULL));
        }
    }
    return true;
}

bool step_no_newer_reign(struct db_session *session, uint64_t epoch, struct err *err) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!db_queryf(session, STATEMENT_MS, &rows, err,
                   "SELECT COUNT(*) FROM relevo.epoch WHERE epoch > %llu AND primary_uuid = @@GLOBAL.server_uuid",
                   (unsigned long long)epoch)) {
        // No such table, or somebody locked it. Two that take writes are worse than one that is closed for a moment.
        bool alive = db_alive(session);
        *err = alive ? (struct err){0} : *err;
        return alive;
    }
    return text_equal(db_cell(rows, 0, 0, NULL), "0") ||
           err_set(err, ERR_CONFLICT, 0, "it was opened in a newer reign than %llu", (unsigned long long)epoch);
}

bool step_fence(const struct act_context *context, int node, const char *uuid, uint64_t epoch,
                struct db_session *session, struct err *err) {
    if (!db_execf(session, STATEMENT_MS, err, "SET SESSION lock_wait_timeout = %d", FENCE_WAIT_S)) {
        return false;
    }
    for (int attempt = 1;; attempt++) {
        if (!step_no_newer_reign(session, epoch, err)) {
            return err_wrap(err, "fencing %s", context->settings->nodes[node].name);
        }
        if (db_exec(session, STATEMENT_MS + FENCE_WAIT_S * 1000, "SET GLOBAL super_read_only = ON", err)) {
            break;
        }
        if (err->number != LOCK_WAIT_ERROR || attempt == FENCE_ATTEMPTS) {
            step_name_writer(session, err);
            return err_wrap(err, "fencing %s", context->settings->nodes[node].name);
        }
        if (!step_end_sessions(context, node, uuid, err)) {
            return err_wrap(err, "ending the sessions that keep %s from closing", context->settings->nodes[node].name);
        }
    }
    return db_exec(session, STATEMENT_MS, "SET GLOBAL event_scheduler = OFF", err);
}

bool step_stay_closed(struct db_session *session, struct err *err) {
    return db_exec(session, STATEMENT_MS,
                   "SET GLOBAL super_read_only = IF(@@GLOBAL.read_only, 1, @@GLOBAL.super_read_only)", err);
}

// --- data ---

struct gtid_set *step_executed(struct db_session *session, struct err *err) {
    char *text = NULL;
    if (!db_value(session, STATEMENT_MS, "SELECT @@GLOBAL.gtid_executed", &text, err)) {
        return NULL;
    }
    AUTO_TEXT char *owned = text;
    return gtid_parse(owned, err);
}

// --- lossless mode ---

bool step_suit(struct db_session *session, struct err *err) {
    AUTO_TEXT char *closed = NULL;
    // A server that is closed has no commit under way that this could let through.
    return db_value(session, STATEMENT_MS, "SELECT @@GLOBAL.read_only AND @@GLOBAL.super_read_only", &closed, err) &&
           (text_equal(closed, "1") || err_set(err, ERR_CONFLICT, 0, "it is not closed to writers")) &&
           db_exec(session, STATEMENT_MS,
                   "SET GLOBAL rpl_semi_sync_source_enabled = OFF, GLOBAL rpl_semi_sync_replica_enabled = ON", err);
}

// --- replication ---

static bool receiver_is(struct db_session *session, const char *state, bool *ret, struct err *err) {
    AUTO_TEXT char *found = NULL;
    if (!db_value(session, STATEMENT_MS,
                  "SELECT SERVICE_STATE FROM performance_schema.replication_connection_status WHERE CHANNEL_NAME = ''",
                  &found, err)) {
        return false;
    }
    *ret = found && text_equal(found, state);
    return true;
}

bool step_stop_receiver(const struct act_context *context, int node, const char *uuid, struct db_session **session,
                        bool *ret_busy, struct err *err) {
    *ret_busy = false;
    if (db_exec(*session, STOP_PATIENCE_MS, "STOP REPLICA IO_THREAD", err)) {
        return true;
    }
    if (err->kind != ERR_TIMEOUT) {
        return false;
    }
    AUTO_SESSION struct db_session *stopper = TAKE(*session);
    if (!step_open(context, node, uuid, session, err)) {
        return false;
    }
    // STOP marks the thread first and waits for it afterwards. One that is marked looks at the mark before it asks its
    // source for anything, so that a thread caught in connecting is as good as stopped.
    AUTO_ROWS struct db_rows *rows = NULL;
    bool connecting = false;
    if (!db_queryf(*session, STATEMENT_MS, &rows, err,
                   "SELECT 1 FROM performance_schema.threads WHERE PROCESSLIST_ID = %llu"
                   " AND PROCESSLIST_INFO LIKE 'STOP REPLICA%%'",
                   (unsigned long long)db_connection_id(stopper)) ||
        !receiver_is(*session, "CONNECTING", &connecting, err)) {
        return false;
    }
    if (db_rows_count(rows) == 1 && connecting) {
        *ret_busy = true;
        return true;
    }
    return db_exec(*session, STOP_MS, "STOP REPLICA IO_THREAD", err);
}

bool step_restart_replica(struct db_session *session, struct err *err) {
    return db_exec(session, STOP_MS, "START REPLICA", err);
}

bool step_forget_source(struct db_session *session, struct err *err) {
    return db_exec(session, STOP_MS, "STOP REPLICA", err) && db_exec(session, STOP_MS, "RESET REPLICA ALL", err);
}

static const char applier_sql[] =
    "SELECT s.SERVICE_STATE AS state, COALESCE(w.LAST_ERROR_NUMBER, k.LAST_ERROR_NUMBER, 0) AS number,"
    " COALESCE(w.LAST_ERROR_MESSAGE, k.LAST_ERROR_MESSAGE, '') AS message,"
    " (SELECT RECEIVED_TRANSACTION_SET FROM performance_schema.replication_connection_status"
    "   WHERE CHANNEL_NAME = '') AS received, @@GLOBAL.gtid_executed AS executed"
    " FROM performance_schema.replication_applier_status s"
    " LEFT JOIN performance_schema.replication_applier_status_by_worker w"
    "   ON w.CHANNEL_NAME = s.CHANNEL_NAME AND w.LAST_ERROR_NUMBER <> 0"
    " LEFT JOIN performance_schema.replication_applier_status_by_coordinator k"
    "   ON k.CHANNEL_NAME = s.CHANNEL_NAME AND k.LAST_ERROR_NUMBER <> 0"
    " WHERE s.CHANNEL_NAME = '' LIMIT 1";

struct applier {
    bool configured, running;
    int error_number;
    char error[200];
    char *received;  // owned
    uint64_t left;   // received, not yet executed
};

static bool look_at_applier(struct db_session *session, struct applier *ret, struct err *err) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!db_query(session, STATEMENT_MS, applier_sql, &rows, err)) {
        return false;
    }
    *ret = (struct applier){0};
    const char *received = db_cell_named(rows, 0, "received");
    if (db_rows_count(rows) == 0 || !received) {
        return true;
    }
    AUTO_GTID struct gtid_set *all = gtid_parse(received, err);
    AUTO_GTID struct gtid_set *done = gtid_parse(db_cell_named(rows, 0, "executed"), err);
    if (!all || !done) {
        return false;
    }
    AUTO_GTID struct gtid_set *left = gtid_subtract(all, done);
    ret->configured = true;
    ret->running = text_equal(db_cell_named(rows, 0, "state"), "ON");
    ret->error_number = atoi(db_cell_named(rows, 0, "number"));
    (void)text_copy(ret->error, sizeof ret->error, db_cell_named(rows, 0, "message"));
    ret->received = gtid_text(all);
    ret->left = gtid_count(left);
    return true;
}

bool step_settle(struct db_session *session, struct err *err) {
    AUTO_TEXT char *last = mem_text("");
    for (int64_t until_ms = clock_mono_ms() + SETTLE_MOST_MS; clock_mono_ms() < until_ms;) {
        AUTO_ROWS struct db_rows *rows = NULL;
        // The wait is the server's: the set is looked at again after a quiet moment.
        if (!db_queryf(session, STATEMENT_MS, &rows, err,
                       "SELECT RECEIVED_TRANSACTION_SET, SLEEP(%.3f), QUEUEING_TRANSACTION FROM"
                       " performance_schema.replication_connection_status WHERE CHANNEL_NAME = ''"
                       " AND SERVICE_STATE = 'ON'",
                       SETTLE_QUIET_MS / 1000.0)) {
            return false;
        }
        const char *now = db_cell(rows, 0, 0, NULL);
        const char *queueing = db_cell(rows, 0, 2, NULL);
        bool receiving = queueing && *queueing;  // a long one, which shows in the set only when it is whole
        if (!now || (text_equal(now, last) && !receiving)) {
            break;
        }
        free(last);
        last = mem_text(now);
    }
    return true;
}

bool step_drain(const struct act_context *context, int node, struct db_session *session, struct act_outcome *outcome) {
    struct err *err = &outcome->err;
    uint64_t least_left = UINT64_MAX;
    struct standstill stands = {.since_ms = clock_mono_ms()};
    for (;;) {
        struct applier now;
        if (!look_at_applier(session, &now, err)) {
            return false;
        }
        AUTO_TEXT char *received = now.received;
        if (!now.configured || now.left == 0) {
            return true;
        }
        if (now.error_number) {
            return err_set(err, ERR_CONFLICT, now.error_number, "the applier is broken with %llu transactions left: %s",
                           (unsigned long long)now.left, now.error);
        }
        if (!now.running && !db_exec(session, STOP_MS, "START REPLICA SQL_THREAD", err)) {
            return false;
        }
        if (now.left < least_left) {
            least_left = now.left;
            stands.since_ms = clock_mono_ms();
        } else if (clock_mono_ms() - stands.since_ms > DRAIN_STALL_MS) {
            return err_set(err, ERR_TIMEOUT, 0, "applying stands still with %llu transactions left",
                           (unsigned long long)now.left);
        } else {
            step_end_holders(context, node, session, &stands, outcome);
        }
        // Wakes up at the moment when all is applied; after a second, look whether the applier still lives.
        if (!db_execf(session, STATEMENT_MS, err, "DO WAIT_FOR_EXECUTED_GTID_SET('%s', 1)", received)) {
            return false;
        }
    }
}

bool step_catch_up(struct db_session *session, const char *gtids, int64_t timeout_ms, struct err *err) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!db_queryf(session, timeout_ms + STATEMENT_MS, &rows, err, "SELECT WAIT_FOR_EXECUTED_GTID_SET('%s', %.3f)",
                   gtids, (double)timeout_ms / 1000.0)) {
        return false;
    }
    return text_equal(db_cell(rows, 0, 0, NULL), "0") ||
           err_set(err, ERR_TIMEOUT, 0, "it did not apply everything within %lld ms", (long long)timeout_ms);
}

bool step_follow(const struct act_context *context, struct db_session *session, int source, struct err *err) {
    const struct node_address *address = &context->settings->nodes[source];
    AUTO_TEXT char *statement = follow_statement(session, context->settings, address, NULL, 0);
    bool lossless = context->settings->mode == MODE_LOSSLESS;
    return (!lossless || step_suit(session, err)) && step_forget_source(session, err) &&
           db_exec(session, STATEMENT_MS, statement, err) && db_exec(session, STOP_MS, "START REPLICA", err);
}

// Of a silent server each look takes a second, and those that are further apart than that still count.
static int64_t asked_within_ms(const struct settings *settings) {
    return ASKING_GAP_MS + (settings->probe_ms > LOOK_MS ? settings->probe_ms - LOOK_MS : 0);
}

bool step_old_is_away(const struct act_context *context, const struct act_request *request, struct err *err) {
    // A primary that is reopened because its promotion was cut off after the epoch row: that goes on here.
    if (request->told_as != ACT_PROMOTE || request->old < 0) {
        return true;
    }
    const char *name = context->settings->nodes[request->old].name;
    AUTO_OBSERVATION struct observation *newest = observe_latest(context->observe, (size_t)request->old);
    // When that look ended proves nothing: a frozen watcher ends it when it thaws.
    if (newest && clock_mono_ms() - newest->began_ms > asked_within_ms(context->settings)) {
        return err_set(err, ERR_FAILED, 0, "%s has not been asked for a while, as if this watcher had been frozen",
                       name);
    }
    // A server that answers and does not let us look lives, and may take the writes of others. One that restarted is
    // closed. (Of a promotion that goes on the uuid that is recorded is the target's own.)
    bool refuses_us = newest && newest->outcome != PROBE_OK && observation_alive(newest);
    bool the_old_one = newest && (request->act == ACT_REOPEN || text_equal(newest->uuid, request->old_uuid));
    bool open = the_old_one && newest->outcome == PROBE_OK && !newest->read_only;
    if (refuses_us && !step_shut_to_all(context, request->old)) {
        return err_set(err, ERR_FAILED, 0, "%s lives and turns this watcher away (%s): look at it, or stop it", name,
                       newest->error);
    }
    return !open || err_set(err, ERR_FAILED, 0, "%s answers again", name);
}

bool step_others_closed(const struct act_context *context, int target, int old, struct err *err) {
    for (int i = 0; i < (int)context->settings->node_count; i++) {
        AUTO_OBSERVATION struct observation *other = observe_latest(context->observe, (size_t)i);
        if (i != target && i != old && other && other->outcome == PROBE_OK && !other->read_only) {
            return err_set(err, ERR_CONFLICT, 0, "%s takes writes meanwhile", context->settings->nodes[i].name);
        }
    }
    return true;
}
