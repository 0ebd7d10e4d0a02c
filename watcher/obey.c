// Decisions become requests to the actor and the repairer, jobs, or alarms.
#include <jansson.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/text.h"
#include "watcher/watcher_parts.h"

static void describe_intent(struct watcher *watcher, struct act_request *request) {
    json_t *intent = json_pack(
        "{s:s, s:s, s:s, s:I, s:i, s:I, s:b}", "act", act_name(request->told_as), "target", watcher->names[request->target],
        "old", request->old >= 0 ? watcher->names[request->old] : "", "epoch", (json_int_t)request->epoch, "rule",
        request->rule, "since_ms", (json_int_t)watcher->now_wall_ms, "unfenced", request->unfenced);
    char *text = json_dumps(intent, JSON_COMPACT);
    (void)text_copy(request->intent, sizeof request->intent, text);
    free(text);
    json_decref(intent);
}

// Lossless mode: Redis has been away, or has taken no writes, for so long that a later life finds the record old.
// Nobody else decides (lease.c), and what is waited for we know from Redis as it was, and nobody has changed since.
static bool goes_unrecorded(const struct watcher *watcher) {
    bool held = watcher->now_ms < watcher->lease.held_until_ms;
    int64_t written_ms =
        watcher->told.written_ms > watcher->started_ms ? watcher->told.written_ms : watcher->started_ms;
    return held ? watcher->told.refused && watcher->now_ms - written_ms >= UNRECORDED_MS
                : watcher->now_ms - watcher->lease.answered_ms >= UNRECORDED_MS;
}

// Lossless mode: what the actor asks the nodes again before it opens one.
static void prove(struct watcher *watcher, struct act_request *request) {
    bool lossless = watcher->settings->mode == MODE_LOSSLESS;
    if (!lossless) {
        return;
    }
    request->unrecorded = goes_unrecorded(watcher);
    if (request->act == ACT_PROMOTE && !request->forced) {
        request->quorum = watcher->facts.quorum;
        for (int i = 0; i < watcher->count; i++) {
            request->boots[i] = watcher->facts.nodes[i].vouches ? watcher->memory.nodes[i].boot_s : 0;
            request->received[i] = watcher->memory.nodes[i].vouch_received;
        }
    } else if (request->act != ACT_PROMOTE && request->act != ACT_SWITCHOVER) {
        watcher->state.sync_epoch = 0;  // as the actor records it
    }
}

// Somebody has to serve, and who will is known not to hold just what the primary held.
static void say_differences(struct watcher *watcher, const struct act_request *request) {
    const struct known_difference *differs = &watcher->differs[request->target];
    if ((request->act == ACT_PROMOTE || request->act == ACT_SWITCHOVER) && differs->count > 0) {
        report_event(watcher, EVENT_ALARM, SEVERITY_WARNING, watcher->names[request->target], request->rule,
                     MSG_TARGET_DIFFERS,
                     KVS(KV("node", watcher->names[request->target]), KVI("count", differs->count),
                         KV("object", differs->object)));
    }
}

static void submit(struct watcher *watcher, const struct decision *decision) {
    int target = target_node(watcher, decision->target);
    const struct observation *it = target >= 0 ? watcher->observations[target] : NULL;
    if (!it || it->outcome != PROBE_OK) {
        return;  // it went away within this very tick; the next one decides anew
    }
    if (watcher->repairing == target) {
        return;  // a fence that still waits for a lock there would close what is opened: the repair ends within seconds
    }
    uint64_t newest = watcher->state.epoch > watcher->reserved_epoch ? watcher->state.epoch : watcher->reserved_epoch;
    // A primary that is reopened because its failover or switchover was cut off after the epoch row: that ends only
    // now.
    bool finishes = decision->act == ACT_REOPEN && watcher->intent_target == target &&
                    (watcher->intent_act == ACT_PROMOTE || watcher->intent_act == ACT_SWITCHOVER);
    struct act_request request = {.act = decision->act,
                                  .told_as = finishes ? watcher->intent_act : decision->act,
                                  .rule = decision->rule,
                                  .why_msg = decision->why,
                                  .target = target,
                                  .old = finishes                           ? watcher->intent_old
                                         : watcher->facts.primary == target ? -1
                                                                            : watcher->facts.primary,
                                  .old_epoch = watcher->state.epoch,
                                  .since = watcher->facts.reign_since,
                                  .epoch = newest + 1,
                                  .forced = (watcher->asked.flag & FLAG_ASK_FORCE) != 0,
                                  .decided_ms = watcher->now_ms};
    watcher->reserved_epoch = watcher->state.reserved = request.epoch;
    (void)text_copy(request.target_uuid, sizeof request.target_uuid, it->uuid);
    (void)text_copy(request.old_uuid, sizeof request.old_uuid, watcher->state.primary_uuid);
    (void)text_copy(request.why, sizeof request.why, watcher->state.why);
    (void)text_copy(request.by, sizeof request.by, *watcher->asked.by ? watcher->asked.by : "watcher");
    (void)text_copy(request.command_id, sizeof request.command_id, watcher->asked.id);
    request.unfenced = finishes ? watcher->intent_unfenced : request.act == ACT_PROMOTE && report_unfenced(watcher);
    request.job_left = job_left(watcher, target);
    describe_intent(watcher, &request);
    publish_keep_intent(watcher->publish);
    (void)text_copy(watcher->state.intent, sizeof watcher->state.intent, request.intent);
    watcher->intent_target = target;
    watcher->intent_act = request.told_as;
    watcher->intent_old = request.old;
    watcher->intent_unfenced = request.unfenced;
    watcher->intent_rule = request.rule;
    watcher->intent_epoch = request.epoch;
    watcher->intent_wall_ms = watcher->now_wall_ms;
    watcher->intent_fresh_until_ms = watcher->now_ms + INTENT_FRESH_MS;
    watcher->intent_harmless = false;
    if (request.forced) {
        report_event(watcher, EVENT_FORCED, SEVERITY_WARNING, watcher->names[target], request.rule, MSG_FORCED,
                     KVS(KV("node", watcher->names[target]), KV("by", request.by), KV("why", watcher->asked.why),
                         KV("id", request.command_id)));
    }
    say_differences(watcher, &request);
    prove(watcher, &request);
    watcher->asked = (struct asked){0};  // answered when the outcome comes
    actor_submit(watcher->actor, &request);
}

static void submit_sync(struct watcher *watcher, const struct decision *decision) {
    int target = watcher->facts.primary;
    struct act_request request = {.act = decision->act,
                                  .told_as = decision->act,
                                  .rule = decision->rule,
                                  .why_msg = decision->why,
                                  .target = target,
                                  .old = -1,
                                  .epoch = watcher->state.epoch,
                                  .lease_ms = watcher->lease.held_until_ms,
                                  .rival_unheard = rival_unheard(watcher),
                                  .decided_ms = watcher->now_ms};
    (void)text_copy(request.target_uuid, sizeof request.target_uuid, watcher->state.primary_uuid);
    (void)text_copy(request.why, sizeof request.why, watcher->state.why);
    watcher->state.sync_epoch = 0;  // both begin with recording that
    actor_submit(watcher->actor, &request);
}

void obey_decision(struct watcher *watcher, const struct decision *decision) {
    switch (decision->act) {
        case ACT_ADOPT:
        case ACT_ELECT:
        case ACT_REOPEN:
        case ACT_PROMOTE:
        case ACT_SWITCHOVER:
            submit(watcher, decision);
            return;
        case ACT_SYNC:
        case ACT_UNSYNC:
            submit_sync(watcher, decision);
            return;
        case ACT_NONE:
        case ACT_SUIT:
        case ACT_FENCE:
        case ACT_FORGET:
        case ACT_RESTORE:
        case ACT_RESYNC:
        case ACT_ALARM:
        case ACT_COUNT:
            return;
    }
}

static struct decision repair_of(const struct watcher *watcher, int node) {
    bool waiting = watcher->now_ms < watcher->node_wait_ms[node] || watcher->repairing == node;
    return policy_node(watcher->state.phase, &watcher->facts, node,
                       (flags_now(watcher) & ~(unsigned)FLAG_COOLING) | (waiting ? FLAG_COOLING : 0u));
}

enum { ALARM_AGAIN_MS = 60000 };

// Another alarm is told at once, the same one again after a minute.
static bool alarm_is_due(struct watcher *watcher, int node, int rule) {
    int oldest = 0;
    for (int i = 0; i < ALARMS_MAX; i++) {
        if (watcher->alarms[node][i].rule == rule) {
            oldest = i;
            break;
        }
        oldest = watcher->alarms[node][i].told_ms < watcher->alarms[node][oldest].told_ms ? i : oldest;
    }
    bool same = watcher->alarms[node][oldest].rule == rule;
    if (same && watcher->now_ms - watcher->alarms[node][oldest].told_ms <= ALARM_AGAIN_MS) {
        return false;
    }
    watcher->alarms[node][oldest].rule = rule;
    watcher->alarms[node][oldest].told_ms = watcher->now_ms;
    return true;
}

// What it holds beyond its primary may change no data, and is undone then (resync/idle.h). db-resync finds out, lets all else
// be, and the node streams on: tried once until it holds nothing of its own.
static bool errant_is_due(const struct watcher *watcher, int node) {
    return watcher->facts.nodes[node].standing == STANDING_ERRANT && !watcher->errant_tried[node] &&
           watcher->now_ms >= watcher->job_wait_ms[node] && !watcher->told.refused;
}

static void repair(struct watcher *watcher, int node, const struct decision *decision) {
    const struct observation *it = watcher->observations[node];
    watcher->errant_tried[node] &= watcher->memory.nodes[node].foreign > 0;
    bool on_node = decision->act == ACT_FENCE || decision->act == ACT_FORGET || decision->act == ACT_SUIT ||
                   decision->act == ACT_RESTORE;
    int known_rule = watcher->memory.reign_rule;  // unknown: nobody moves the place back by himself
    if (on_node && it && actor_idle(watcher->repairer)) {
        struct act_request request = {.act = decision->act,
                                      .told_as = decision->act,
                                      .rule = decision->rule,
                                      .why_msg = decision->why,
                                      .target = node,
                                      .old = -1,
                                      .old_epoch = watcher->state.epoch,
                                      .epoch = watcher->state.epoch,
                                      .reign_rule = known_rule ? known_rule : RULE_ASKED_SWITCHOVER,
                                      .decided_ms = watcher->now_ms};
        (void)text_copy(request.target_uuid, sizeof request.target_uuid, it->uuid);
        msg_render(decision->why, log_lang(), KVS(KV("node", watcher->names[node])), request.why, sizeof request.why);
        watcher->repairing = node;
        actor_submit(watcher->repairer, &request);
    } else if (decision->act == ACT_RESYNC && jobs_may_queue(watcher, node) && !watcher->told.refused) {
        LOG_INFO(decision->why, KV("node", watcher->names[node]), KVI("rule", decision->rule));
        jobs_queue(watcher, node, RUNG_AUTO, "watcher", "");
    } else if (decision->act == ACT_ALARM && errant_is_due(watcher, node)) {
        watcher->errant_tried[node] = true;
        LOG_INFO(MSG_ERRANT_TRIED, KV("node", watcher->names[node]), KVI("count", watcher->memory.nodes[node].foreign));
        jobs_queue(watcher, node, RUNG_AUTO, "watcher", "");
    } else if (decision->act == ACT_ALARM && watcher->repairing != node && alarm_is_due(watcher, node, decision->rule)) {
        report_event(watcher, EVENT_ALARM, SEVERITY_ERROR, watcher->names[node], decision->rule, decision->why,
                     KVS(KV("node", watcher->names[node]), KV("primary", watcher->state.primary),
                         KVI("count", watcher->memory.nodes[node].foreign),
                         KV("reason", *watcher->rows_reason ? watcher->rows_reason : watcher->state.why)));
    }
}

// A second node that takes writes comes before all else that the repairer could be busy with.
void obey_repairs(struct watcher *watcher) {
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < watcher->count; i++) {
            struct decision decision = repair_of(watcher, i);
            if ((decision.act == ACT_FENCE) == (pass == 0)) {
                repair(watcher, i, &decision);
            }
        }
    }
}

// A row that cannot be written again is told by the alarm of rule 515, with this reason, not each time that it is
// tried.
void obey_repaired(struct watcher *watcher, const struct act_outcome *outcome) {
    bool restore = outcome->request.act == ACT_RESTORE;
    if (restore) {
        (void)text_copy(watcher->rows_reason, sizeof watcher->rows_reason, outcome->err.text);
    }
    if (restore && outcome->ok) {
        watcher->memory.rows = ROWS_NONE;  // looked at anew
    }
    if (!restore || outcome->ok) {
        report_outcome(watcher, outcome);
    }
}
