// Lossless mode: the primary waits for acknowledgements, or is let go on alone. What is recorded says less than what is
// so, never more: "off" is recorded before the primary stops to wait, "on" after it really waits. Killed between any
// two steps, a watcher finds a primary that waits though that is not recorded, and does either again.
#include "watcher/act_steps.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/store_port.h"
#include "common/text.h"

enum {
    STATEMENT_MS = 3000,
    BARRIER_MS = 1500,    // for the first acknowledged commit
    ROUND_TRIP_MS = 500,  // what that asking may take at most
    LOOK_WAIT_S = 1,
    FENCE_PENDING_S = 8,  // the fence holds off new commits for longer than that licence lasts
    MYSQL_UNKNOWN_VARIABLE = 1193,
};

bool step_record_sync(const struct act_context *context, uint64_t epoch, struct err *err) {
    struct state_field fields[] = {
        {.name = "sync_epoch", .value = mem_format("%llu", (unsigned long long)epoch)},
        {.name = "sync", .value = mem_text(epoch ? "on" : "off")},
    };
    bool written = store_write(context->store, fields, 2, err);
    free(fields[0].value);
    free(fields[1].value);
    return written || err_wrap(err, "recording sync=%s", epoch ? "on" : "off");
}

// --- letting commits through ---

// Whoever lets a primary's commits through must still be the one who decides. A watcher may freeze, its packet may
// linger: the node itself refuses after a moment, by its own clock.
static bool license(struct db_session *session, int64_t lease_ms, struct err *err) {
    int64_t began_ms = clock_mono_ms();
    if (!step_license(session, err)) {
        return false;
    }
    int64_t now_ms = clock_mono_ms();
    if (now_ms - began_ms > ROUND_TRIP_MS) {
        return err_set(err, ERR_TIMEOUT, 0, "the node is too slow to be let go on alone");
    }
    return lease_ms == 0 || now_ms + LICENCE_MS <= lease_ms ||
           err_set(err, ERR_CONFLICT, 0, "the lease of this watcher runs out");
}

static bool let_through(struct db_session *session, struct err *err) {
    AUTO_TEXT char *still = NULL;
    if (!db_exec(session, STATEMENT_MS,
                 "SET GLOBAL rpl_semi_sync_source_enabled ="
                 " IF(" LICENSED_SQL ", 0, @@GLOBAL.rpl_semi_sync_source_enabled)",
                 err)) {
        return err->number == MYSQL_UNKNOWN_VARIABLE;  // without the plugin nothing waits
    }
    return db_value(session, STATEMENT_MS, "SELECT @@GLOBAL.rpl_semi_sync_source_enabled", &still, err) &&
           (text_equal(still, "0") || err_set(err, ERR_TIMEOUT, 0, "it took too long to be allowed"));
}

// --- the row ---

// Only on this server: the commit must not wait for the acknowledgement that does not come.
static bool mark_row(struct db_session *session, uint64_t epoch, struct err *err) {
    return db_exec(session, STATEMENT_MS, "SET SESSION sql_log_bin = 0, innodb_lock_wait_timeout = 1", err) &&
           db_execf(session, STATEMENT_MS, err, "UPDATE relevo.epoch SET sync = 2 WHERE epoch = %llu",
                    (unsigned long long)epoch) &&
           db_exec(session, STATEMENT_MS, "SET SESSION sql_log_bin = 1", err);
}

void step_end_older_reigns(const struct act_context *context, struct db_session *session, uint64_t epoch) {
    struct err ignored = {0};  // the next reign does it then
    (void)(context->settings->mode == MODE_LOSSLESS &&
           db_execf(session, STATEMENT_MS, &ignored,
                    "UPDATE relevo.epoch SET sync = 3 WHERE epoch < %llu AND sync <> 3", (unsigned long long)epoch));
}

// It takes writes, in the reign that was meant.
static bool reigns(struct db_session *session, uint64_t epoch, struct err *err) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!db_query(session, STATEMENT_MS, "SELECT @@GLOBAL.read_only, MAX(epoch) FROM relevo.epoch", &rows, err)) {
        return false;
    }
    int64_t newest = 0;
    (void)text_to_i64(db_cell(rows, 0, 1, NULL), &newest);
    return (text_equal(db_cell(rows, 0, 0, NULL), "0") && (uint64_t)newest == epoch) ||
           err_set(err, ERR_CONFLICT, 0, "it is not the open primary of epoch %llu", (unsigned long long)epoch);
}

// --- on ---

static bool wait_strictly(struct db_session *session, int acks, struct err *err) {
    return db_execf(session, STATEMENT_MS, err,
                    "SET GLOBAL rpl_semi_sync_source_wait_point = 'AFTER_SYNC',"
                    " GLOBAL rpl_semi_sync_source_wait_no_replica = ON,"
                    " GLOBAL rpl_semi_sync_source_wait_for_replica_count = %d,"
                    " GLOBAL rpl_semi_sync_source_timeout = %lld",
                    acks, (long long)SEMISYNC_TIMEOUT_MS) &&
           db_exec(session, STATEMENT_MS, "SET GLOBAL rpl_semi_sync_source_enabled = ON", err);
}

// A commit that returns only when it was acknowledged: all before it was received by then, by as many.
static bool barrier(struct db_session *session, uint64_t epoch, struct err *err) {
    AUTO_TEXT char *status = NULL;
    if (!db_execf(session, BARRIER_MS, err, "UPDATE relevo.epoch SET sync = 1 WHERE epoch = %llu",
                  (unsigned long long)epoch)) {
        return err_wrap(err, "no replica acknowledges");
    }
    return db_value(session, STATEMENT_MS,
                    "SELECT VARIABLE_VALUE FROM performance_schema.global_status"
                    " WHERE VARIABLE_NAME = 'Rpl_semi_sync_source_status'",
                    &status, err) &&
           ((status && text_equal(status, "ON")) || err_set(err, ERR_CONFLICT, 0, "semi-sync did not start"));
}

static void give_up(const struct act_context *context, const struct act_request *request) {
    if (request->rival_unheard) {
        return;  // it waits, as rules 149 and 151 have it, until somebody acknowledges or a person decides
    }
    AUTO_SESSION struct db_session *session = NULL;  // the other one may wait for ever
    struct err ignored = {0};                        // what does not succeed is found by rule 152
    (void)(step_open(context, request->target, request->target_uuid, &session, &ignored) &&
           license(session, request->lease_ms, &ignored) && let_through(session, &ignored) &&
           mark_row(session, request->epoch, &ignored));
}

void act_sync(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome) {
    AUTO_SESSION struct db_session *session = NULL;
    struct err *err = &outcome->err;
    if (!step_record_sync(context, 0, err) ||
        !step_open(context, request->target, request->target_uuid, &session, err) ||
        !reigns(session, request->epoch, err) || !mark_row(session, request->epoch, err)) {
        return;
    }
    if (!wait_strictly(session, settings_acks(context->settings), err) || !barrier(session, request->epoch, err)) {
        give_up(context, request);  // not recorded as waiting yet
        return;
    }
    // Whether the record was written is not known if this fails: it goes on waiting, and this is done again.
    outcome->ok = step_record_sync(context, request->epoch, err);
}

// --- off ---

void act_unsync(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome) {
    AUTO_SESSION struct db_session *session = NULL;
    struct err *err = &outcome->err;
    // It lives, or there would be nobody to let go on, and only a record that stands in the way of a promotion.
    if (!step_open(context, request->target, request->target_uuid, &session, err) ||
        !reigns(session, request->epoch, err) || !step_record_sync(context, 0, err)) {
        return;
    }
    struct err row = {0};  // a commit of ours that waits may hold it; the one below waits no more
    bool marked = mark_row(session, request->epoch, &row);
    if ((!marked && !db_alive(session)) || !license(session, request->lease_ms, err) || !let_through(session, err)) {
        *err = marked ? *err : row;
        return;
    }
    outcome->ok = true;
    struct err ignored = {0};
    (void)(mark_row(session, request->epoch, &ignored) &&
           db_execf(session, STATEMENT_MS, &ignored, "UPDATE relevo.epoch SET sync = 0 WHERE epoch = %llu",
                    (unsigned long long)request->epoch));
}

// --- replicas ---

bool step_go_alone(const struct act_context *context, const struct act_request *request, struct db_session *session,
                   struct err *err) {
    return context->settings->mode == MODE_ASYNC || request->act == ACT_ADOPT ||
           (step_stay_closed(session, err) && step_suit(session, err));
}

// The receiver says only when it connects that it acknowledges.
void act_suit(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome) {
    AUTO_SESSION struct db_session *session = NULL;
    AUTO_ROWS struct db_rows *rows = NULL;
    struct err *err = &outcome->err;
    if (!step_open(context, request->target, request->target_uuid, &session, err) || !step_suit(session, err) ||
        !db_query(session, STATEMENT_MS,
                  "SELECT s.SERVICE_STATE, t.VARIABLE_VALUE FROM performance_schema.replication_connection_status s"
                  " JOIN performance_schema.global_status t WHERE s.CHANNEL_NAME = ''"
                  " AND t.VARIABLE_NAME = 'Rpl_semi_sync_replica_status'",
                  &rows, err)) {
        return;
    }
    bool deaf = db_rows_count(rows) == 1 && text_equal(db_cell(rows, 0, 0, NULL), "ON") &&
                !text_equal(db_cell(rows, 0, 1, NULL), "ON");
    bool busy = false;
    outcome->ok = !deaf || (step_stop_receiver(context, request->target, request->target_uuid, &session, &busy, err) &&
                            db_exec(session, STATEMENT_MS, "START REPLICA IO_THREAD", err));
}

// --- a stale primary ---

// Whether the fence is through. (super_read_only alone is shown as ON while the fence is still pending.) Else whether
// it holds off new commits while it waits for those under way.
static bool fence_took_hold(struct db_session *second, uint64_t fencing, bool *ret_pending, struct err *err) {
    for (int64_t until_ms = clock_mono_ms() + ROUND_TRIP_MS; clock_mono_ms() < until_ms;) {
        AUTO_ROWS struct db_rows *rows = NULL;
        if (!db_queryf(second, STATEMENT_MS, &rows, err,
                       "SELECT IF(@@GLOBAL.read_only AND @@GLOBAL.super_read_only, 'done', (SELECT 'pending' FROM"
                       " performance_schema.processlist WHERE ID = %llu AND STATE LIKE 'Waiting for %%')), SLEEP(0.01)",
                       (unsigned long long)fencing)) {
            return false;
        }
        const char *found = db_cell(rows, 0, 0, NULL);
        if (found) {
            *ret_pending = text_equal(found, "pending");
            return true;
        }
    }
    return err_set(err, ERR_TIMEOUT, 0, "the fence did not take hold");
}

// While the fence is pending no commit can begin. Those that wait end with their clients cut off.
bool step_fence_waiting(const struct act_context *context, const struct act_request *request,
                        struct db_session *session, struct err *err) {
    AUTO_SESSION struct db_session *second = NULL;
    int node = request->target;
    const char *uuid = request->target_uuid;
    static const char fence_sql[] = "SET GLOBAL super_read_only = ON";
    bool pending = false;
    return step_open(context, node, uuid, &second, err) &&
           db_execf(session, STATEMENT_MS, err, "SET SESSION lock_wait_timeout = %d", FENCE_PENDING_S) &&
           db_execf(second, STATEMENT_MS, err, "SET SESSION lock_wait_timeout = %d", LOOK_WAIT_S) &&
           license(second, 0, err) && step_no_newer_reign(second, request->old_epoch, err) &&
           db_begin(session, fence_sql, err) && fence_took_hold(second, db_connection_id(session), &pending, err) &&
           (!pending || (step_end_sessions(context, node, uuid, err) && let_through(second, err))) &&
           db_end(session, STATEMENT_MS, fence_sql, err) &&
           db_exec(session, STATEMENT_MS, "SET GLOBAL event_scheduler = OFF", err);
}

// --- before somebody else is opened ---

static const char hold_sql[] =
    "SELECT UNIX_TIMESTAMP() - VARIABLE_VALUE AS boot_s, @@GLOBAL.gtid_executed AS executed,"
    " (SELECT RECEIVED_TRANSACTION_SET FROM performance_schema.replication_connection_status WHERE CHANNEL_NAME = '')"
    " AS received FROM performance_schema.global_status WHERE VARIABLE_NAME = 'Uptime'";

// What the node holds, if it is in the life in which it vouched, and has its relay log of then.
static struct gtid_set *testimony(const struct act_request *request, int node, struct db_session *session,
                                  struct err *err) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!db_query(session, STATEMENT_MS, hold_sql, &rows, err)) {
        return NULL;
    }
    int64_t found_s = 0;
    (void)text_to_i64(db_cell_named(rows, 0, "boot_s"), &found_s);
    AUTO_GTID struct gtid_set *executed = gtid_parse(db_cell_named(rows, 0, "executed"), err);
    AUTO_GTID struct gtid_set *received = gtid_parse(db_cell_named(rows, 0, "received"), err);
    if (request->boots[node] == 0 || found_s != request->boots[node] || !executed || !received ||
        gtid_count(received) < request->received[node]) {
        (void)err_set(err, ERR_CONFLICT, 0, "it has restarted, or lost its relay log");
        return NULL;
    }
    return gtid_union(executed, received);
}

bool step_ask_vouchers(const struct act_context *context, const struct act_request *request, struct db_session *target,
                       const bool stopped[NODE_MAX], struct err *err) {
    AUTO_GTID struct gtid_set *whole = testimony(request, request->target, target, err);
    if (!whole) {
        return err_wrap(err, "%s cannot vouch", context->settings->nodes[request->target].name);
    }
    int asked = 1;
    for (int i = 0; i < (int)context->settings->node_count; i++) {
        AUTO_OBSERVATION struct observation *other = observe_latest(context->observe, (size_t)i);
        if (i == request->target || i == request->old || !stopped[i] || request->boots[i] == 0 || !other) {
            continue;
        }
        AUTO_SESSION struct db_session *session = NULL;
        struct err ignored = {0};
        AUTO_GTID struct gtid_set *part =
            step_open(context, i, other->uuid, &session, &ignored) ? testimony(request, i, session, &ignored) : NULL;
        if (part && !gtid_subset(part, whole)) {
            return err_set(err, ERR_CONFLICT, 0, "%s holds more than %s", context->settings->nodes[i].name,
                           context->settings->nodes[request->target].name);
        }
        asked += part ? 1 : 0;
    }
    return asked >= request->quorum ||
           err_set(err, ERR_CONFLICT, 0, "only %d replicas that vouch could be stopped and asked, %d are needed", asked,
                   request->quorum);
}
