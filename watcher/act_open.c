// The actions that concern one node: open it (elected, the recorded primary that came back fenced, or one found open,
// which gets its epoch row), fence it, or make it forget the source that it followed.
#include "watcher/act_steps.h"

#include "common/clock.h"
#include "common/text.h"

// The recorded primary may have come back with less than it had (rule 169).
static bool lost_nothing(const struct act_context *context, const struct act_request *request,
                         struct db_session *session, struct err *err) {
    AUTO_GTID struct gtid_set *executed = step_executed(session, err);
    for (int i = 0; executed && i < (int)context->settings->node_count; i++) {
        AUTO_OBSERVATION struct observation *other = observe_latest(context->observe, (size_t)i);
        if (i != request->target && other && other->outcome == PROBE_OK &&
            assess_lost_by(request->target_uuid, executed, other) > 0) {
            return err_set(err, ERR_CONFLICT, 0, "%s holds transactions that it made itself and lacks",
                           context->settings->nodes[i].name);
        }
    }
    return executed != NULL;
}

static bool may_open(const struct act_context *context, const struct act_request *request, struct db_session *session,
                     struct err *err) {
    return step_old_is_away(context, request, err) && step_others_closed(context, request->target, -1, err) &&
           (request->act != ACT_REOPEN || lost_nothing(context, request, session, err));
}

void act_open(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome) {
    AUTO_SESSION struct db_session *session = NULL;
    if (!step_open(context, request->target, request->target_uuid, &session, &outcome->err)) {
        return;
    }
    (void)(step_go_alone(context, request, session, &outcome->err) &&
           step_drain(context, request->target, session, outcome) &&
           step_reign_unheld(context, request, session, may_open, false, outcome));
    outcome->ok = outcome->reign == REIGN_OPEN;
    if (outcome->ok) {
        step_end_older_reigns(context, session, request->epoch);
    }
}

void act_fence(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome) {
    AUTO_SESSION struct db_session *session = NULL;
    bool lossless = context->settings->mode == MODE_LOSSLESS;
    outcome->ok = step_open(context, request->target, request->target_uuid, &session, &outcome->err) &&
                  (lossless ? step_fence_waiting(context, request, session, &outcome->err)
                            : step_fence(context, request->target, request->target_uuid, request->old_epoch, session,
                                         &outcome->err));
    // Two nodes that take writes are worse than one that nobody can reach.
    if (!outcome->ok && session && (outcome->err.kind == ERR_BUSY || outcome->err.kind == ERR_TIMEOUT)) {
        struct err why = {0};
        bool out = step_shut_out(context, request->target, request->target_uuid, request->old_epoch, &why);
        (void)text_format(outcome->note, sizeof outcome->note, "%s",
                          out ? "its clients are turned away meanwhile (offline_mode)" : why.text);
    }
}

void act_restore(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome) {
    AUTO_SESSION struct db_session *session = NULL;
    int64_t since_ms = clock_mono_ms();
    outcome->ok = step_open(context, request->target, request->target_uuid, &session, &outcome->err) &&
                  step_timed(outcome, "write", &since_ms, step_restore_reign(context, session, request, &outcome->err));
}

void act_forget(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome) {
    AUTO_SESSION struct db_session *session = NULL;
    outcome->ok = step_open(context, request->target, request->target_uuid, &session, &outcome->err) &&
                  step_forget_source(session, &outcome->err);
}
