// Switchover: the old primary closes, the target applies all of it, then opens. Nothing is lost. Until the target's
// epoch row is written everything can be undone, and is.
#include "watcher/act_steps.h"

#include "common/mem.h"
#include "common/text.h"

enum { CATCH_UP_MS = 10000, STATEMENT_WITHIN_MS = 3000 };

// Writers are let in again on the old primary, in its old reign: if that goes on. While we waited for the target we may
// have frozen, and another watcher may have handed over meanwhile.
static void undo(const struct act_context *context, const struct act_request *request, struct db_session *old,
                 struct act_outcome *outcome) {
    const char *name = context->settings->nodes[request->old].name;
    struct err err = {0};
    if (step_let_in_again(context, old, request->old_epoch, &err)) {
        (void)text_format(outcome->note, sizeof outcome->note, "%s takes writes again", name);
        return;
    }
    AUTO_TEXT char *closed = NULL;
    struct err ignored = {0};
    bool asked = db_value(old, STATEMENT_WITHIN_MS, "SELECT @@GLOBAL.read_only + 0", &closed, &ignored);
    if (asked && text_equal(closed, "0")) {
        (void)text_format(outcome->note, sizeof outcome->note, "%s was not closed and goes on taking writes", name);
        return;
    }
    (void)text_format(outcome->note, sizeof outcome->note, "%s stays closed until it is reopened: %s", name, err.text);
}

static bool preflight(struct db_session *target, const char *old_uuid, struct err *err) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!db_query(target, STATEMENT_WITHIN_MS,
                  "SELECT s.SERVICE_STATE, s.SOURCE_UUID, a.SERVICE_STATE, @@GLOBAL.read_only"
                  " FROM performance_schema.replication_connection_status s"
                  " JOIN performance_schema.replication_applier_status a USING (CHANNEL_NAME) WHERE CHANNEL_NAME = ''",
                  &rows, err)) {
        return false;
    }
    if (!text_equal(db_cell(rows, 0, 0, NULL), "ON") || !text_equal(db_cell(rows, 0, 2, NULL), "ON")) {
        return err_set(err, ERR_CONFLICT, 0, "the target does not stream");
    }
    if (!text_equal(db_cell(rows, 0, 1, NULL), old_uuid)) {
        return err_set(err, ERR_CONFLICT, 0, "the target streams from another server");
    }
    return text_equal(db_cell(rows, 0, 3, NULL), "1") ||
           err_set(err, ERR_CONFLICT, 0, "the target takes writes already");
}

// The target may take minutes to catch up, and somebody may open the old primary again by hand meanwhile. If it cannot
// be asked any more it is gone, and boots closed.
static bool stayed_closed(struct db_session *old, const char *name, struct err *err) {
    AUTO_TEXT char *closed = NULL;
    struct err ignored = {0};
    return !db_value(old, STATEMENT_WITHIN_MS, "SELECT @@GLOBAL.read_only + 0", &closed, &ignored) ||
           text_equal(closed, "1") || err_set(err, ERR_CONFLICT, 0, "%s takes writes meanwhile", name);
}

static bool caught_up(struct db_session *target, const char *gtids, struct err *err) {
    bool done = step_catch_up(target, gtids, CATCH_UP_MS, err);
    if (!done) {
        step_name_holder(target, err);
    }
    return done;
}

static bool hand_over(const struct act_context *context, const struct act_request *request, struct db_session *old,
                      struct db_session *target, struct act_outcome *outcome) {
    AUTO_TEXT char *gtids = NULL;
    if (!db_value(old, STATEMENT_WITHIN_MS, "SELECT REPLACE(@@GLOBAL.gtid_executed, '\n', '')", &gtids,
                  &outcome->err) ||
        !caught_up(target, gtids ? gtids : "", &outcome->err) || !step_license(target, &outcome->err) ||
        !step_others_closed(context, request->target, request->old, &outcome->err) ||
        !stayed_closed(old, context->settings->nodes[request->old].name, &outcome->err)) {
        return false;
    }
    outcome->reign = step_reign(context, target, request, false, &outcome->err);
    return outcome->reign == REIGN_OPEN;
}

static void follow_target(const struct act_context *context, const struct act_request *request,
                          struct act_outcome *outcome) {
    for (int i = 0; i < (int)context->settings->node_count; i++) {
        AUTO_OBSERVATION struct observation *other = observe_latest(context->observe, (size_t)i);
        if (i == request->target || !other || other->outcome != PROBE_OK || other->offline_mode) {
            continue;  // offline: a copy is being made into it
        }
        AUTO_SESSION struct db_session *session = NULL;
        struct err err = {0};
        if (!step_open(context, i, other->uuid, &session, &err) ||
            !step_follow(context, session, request->target, &err)) {
            (void)text_copy(outcome->note, sizeof outcome->note, err.text);  // it is found adrift and resynced
        }
    }
}

void act_switchover(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome) {
    AUTO_SESSION struct db_session *old = NULL;
    AUTO_SESSION struct db_session *target = NULL;
    if (!step_open(context, request->target, request->target_uuid, &target, &outcome->err) ||
        !preflight(target, request->old_uuid, &outcome->err) ||
        !step_go_alone(context, request, target, &outcome->err) ||
        !step_others_closed(context, request->target, request->old, &outcome->err) ||
        !step_open(context, request->old, request->old_uuid, &old, &outcome->err)) {
        return;
    }
    if (!step_fence(context, request->old, request->old_uuid, request->old_epoch, old, &outcome->err)) {
        undo(context, request, old, outcome);  // read_only may be on already though the rest failed
        return;
    }
    if (!hand_over(context, request, old, target, outcome)) {
        if (outcome->reign == REIGN_NOT_BEGUN) {  // else the target is, or may be, the primary of the new epoch
            undo(context, request, old, outcome);
        }
        return;
    }
    outcome->ok = true;
    follow_target(context, request, outcome);
    step_end_older_reigns(context, target, request->epoch);
}
