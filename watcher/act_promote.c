// Failover, in the order that makes it safe: let a source that shuts down finish, stop every receiver (from here the
// old primary can collect no acknowledgement), apply what was received, look once more whether the old primary is
// really away, then open.
#include "watcher/act_steps.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"

struct others {
    bool stopped[NODE_MAX];  // from here on that node acknowledges nothing
    bool halted[NODE_MAX];   // its receiver ran until we asked it to stop, whatever came of that
};

static void stop_other_receivers(const struct act_context *context, const struct act_request *request,
                                 struct others *others) {
    for (int i = 0; i < (int)context->settings->node_count; i++) {
        AUTO_OBSERVATION struct observation *other = observe_latest(context->observe, (size_t)i);
        bool off = other && (other->receiver == THREAD_OFF || other->receiver == THREAD_ABSENT);
        // What was seen a moment ago is not enough for one that is to vouch.
        if (i == request->target || i == request->old || !other || other->outcome != PROBE_OK ||
            (off && request->quorum == 0)) {
            continue;
        }
        AUTO_SESSION struct db_session *session = NULL;
        bool busy = false;
        struct err ignored = {0};  // it is repointed or resynced afterwards, whatever comes of this
        others->halted[i] = !off;
        others->stopped[i] = (step_open(context, i, other->uuid, &session, &ignored) &&
                              step_stop_receiver(context, i, other->uuid, &session, &busy, &ignored));
    }
}

// Nobody was opened: whoever decides next asks all of them as witnesses, and may choose any of them. A node without a
// source cannot start, and is resynced later.
static void restart_receivers(const struct act_context *context, const struct act_request *request,
                              const struct others *others, struct db_session **target) {
    struct err ignored = {0};
    if (*target && !db_alive(*target)) {
        db_close(TAKE(*target));
    }
    (void)((*target || step_open(context, request->target, request->target_uuid, target, &ignored)) &&
           step_restart_replica(*target, &ignored));
    for (int i = 0; i < (int)context->settings->node_count; i++) {
        AUTO_OBSERVATION struct observation *other = observe_latest(context->observe, (size_t)i);
        AUTO_SESSION struct db_session *session = NULL;
        (void)(others->halted[i] && other && step_open(context, i, other->uuid, &session, &ignored) &&
               step_restart_replica(session, &ignored));
    }
}

// The others follow the new primary if they hold nothing that it lacks; else the resync finds them adrift. A node that
// is offline is being copied into: half a copy must not stream.
static void repoint_others(const struct act_context *context, const struct act_request *request, struct gtid_set *all) {
    for (int i = 0; i < (int)context->settings->node_count; i++) {
        AUTO_OBSERVATION struct observation *other = observe_latest(context->observe, (size_t)i);
        if (i == request->target || i == request->old || !other || other->outcome != PROBE_OK || !other->read_only ||
            other->receiver == THREAD_ABSENT || other->offline_mode || !gtid_subset(other->executed, all)) {
            continue;
        }
        AUTO_SESSION struct db_session *session = NULL;
        struct err ignored = {0};
        (void)(step_open(context, i, other->uuid, &session, &ignored) &&
               step_follow(context, session, request->target, &ignored));
    }
}

// Applies what was received. An operator who forces accepts that some of it is lost, and is told how much.
static bool drained(const struct act_context *context, struct db_session *session, const struct act_request *request,
                    struct act_outcome *outcome) {
    if (step_drain(context, request->target, session, outcome)) {
        return true;
    }
    if (!request->forced || !db_alive(session)) {
        return false;
    }
    (void)text_copy(outcome->note, sizeof outcome->note, outcome->err.text);
    outcome->err = (struct err){0};
    return true;
}

static bool may_open(const struct act_context *context, const struct act_request *request, struct db_session *session,
                     struct err *err) {
    (void)session;
    return step_old_is_away(context, request, err) && step_others_closed(context, request->target, request->old, err);
}

void act_promote(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome) {
    AUTO_SESSION struct db_session *session = NULL;
    struct err *err = &outcome->err;
    int64_t since_ms = clock_mono_ms();
    if (!step_timed(outcome, "connect", &since_ms,
                    step_open(context, request->target, request->target_uuid, &session, err))) {
        return;
    }
    bool busy = false;
    struct others others = {0};
    stop_other_receivers(context, request, &others);
    bool ready = step_timed(outcome, "settle", &since_ms, step_settle(session, err)) &&
                 step_timed(outcome, "stop", &since_ms,
                            step_stop_receiver(context, request->target, request->target_uuid, &session, &busy, err)) &&
                 (request->quorum == 0 || step_ask_vouchers(context, request, session, others.stopped, err)) &&
                 step_timed(outcome, "drain", &since_ms, drained(context, session, request, outcome)) &&
                 (!request->job_left || step_nobody_rebuilds(session, err)) &&
                 step_go_alone(context, request, session, err);
    // The receiver is stopped and the applier has drained, so clients need not wait until the source is forgotten: that
    // costs more writes to the disk than all the rest. One who forces may have left the applier at work: not then,
    // though a receiver that hangs in an attempt to connect makes that take seconds.
    bool source_later = !request->forced;
    if (!ready || !step_reign_unheld(context, request, session, may_open, source_later, outcome)) {
        restart_receivers(context, request, &others, &session);
        return;
    }
    (void)step_timed(outcome, "open", &since_ms, true);
    if (outcome->reign == REIGN_OPEN && source_later && !busy) {
        struct err ignored = {0};  // rule 534 does it then
        (void)step_forget_source(session, &ignored);
    }
    if (outcome->reign != REIGN_OPEN) {
        return;  // before the epoch row: tried again; after it: reopened, for it is the primary now
    }
    outcome->ok = true;
    struct err ignored = {0};
    AUTO_GTID struct gtid_set *all = step_executed(session, &ignored);
    if (all) {
        repoint_others(context, request, all);
    }
    step_end_older_reigns(context, session, request->epoch);
}
