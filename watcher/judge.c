// What people ask on …:commands. Every command is answered by an event with its id: accepted, refused and why,
// finished.
#include <string.h>

#include "common/log.h"
#include "common/text.h"
#include "watcher/watcher_parts.h"

enum { COMMANDS_AT_ONCE = 100 };

static void refuse(struct watcher *watcher, const struct command *command, enum msg why, const struct kv *values) {
    char text[NODE_WHY_SIZE];
    msg_render(why, log_lang(), values, text, sizeof text);
    report_event(watcher, EVENT_COMMAND_REFUSED, SEVERITY_WARNING, command->node, 0, MSG_COMMAND_REFUSED,
                 KVS(KV("reason", text), KV("action", command_action_name(command->action)), KV("id", command->id),
                     KV("by", command->by)));
}

static void accept(struct watcher *watcher, const struct command *command) {
    report_event(watcher, EVENT_COMMAND_ACCEPTED, SEVERITY_INFO, command->node, 0, MSG_COMMAND_ACCEPTED,
                 KVS(KV("action", command_action_name(command->action)), KV("id", command->id), KV("by", command->by)));
}

static void finish(struct watcher *watcher, const struct command *command) {
    report_event(watcher, EVENT_COMMAND_FINISHED, SEVERITY_INFO, command->node, 0, MSG_COMMAND_FINISHED,
                 KVS(KV("action", command_action_name(command->action)), KV("id", command->id), KV("result", "ok")));
}

static void ask(struct watcher *watcher, const struct command *command, unsigned flag, int target) {
    watcher->asked = (struct asked){.flag = flag, .target = target};
    (void)text_copy(watcher->asked.id, sizeof watcher->asked.id, command->id);
    (void)text_copy(watcher->asked.by, sizeof watcher->asked.by, *command->by ? command->by : "operator");
    (void)text_copy(watcher->asked.why, sizeof watcher->asked.why, watcher->state.why);
    watcher->cooling_until_ms = 0;
    accept(watcher, command);
}

// The node that was named, or the only sensible one; -1 after a refusal.
static int target_of(struct watcher *watcher, const struct command *command) {
    if (*command->node) {
        int node = settings_node(watcher->settings, command->node);
        if (node < 0) {
            refuse(watcher, command, MSG_REFUSE_UNKNOWN_NODE, KVS(KV("node", command->node)));
        }
        return node;
    }
    int chosen = -1;
    for (int i = 0; i < watcher->count; i++) {
        bool streams = watcher->facts.nodes[i].standing == STANDING_STREAMING;
        if (i != watcher->facts.primary &&
            (chosen < 0 || (streams && watcher->facts.nodes[chosen].standing != STANDING_STREAMING))) {
            chosen = i;
        }
    }
    if (chosen < 0) {
        refuse(watcher, command, MSG_REFUSE_NO_TARGET, KVS());
    }
    return chosen;
}

static void judge_switchover(struct watcher *watcher, const struct command *command) {
    const struct facts *facts = &watcher->facts;
    int target = target_of(watcher, command);
    if (target < 0) {
        return;
    }
    const char *name = watcher->names[target];
    if (facts->view != PRIMARY_OPEN) {
        refuse(watcher, command, MSG_REFUSE_NO_PRIMARY, KVS(KV("why", watcher->state.why)));
    } else if (target == facts->primary) {
        refuse(watcher, command, MSG_REFUSE_IS_PRIMARY, KVS(KV("node", name)));
    } else if (facts->nodes[target].standing != STANDING_STREAMING || facts->nodes[target].doubted) {
        enum standing standing = facts->nodes[target].doubted ? STANDING_FORKED : facts->nodes[target].standing;
        refuse(watcher, command, MSG_REFUSE_NOT_STREAMING,
               KVS(KV("node", name), KV("standing", standing_name(standing))));
    } else if (facts->nodes[target].lag_ms >= 5000) {
        refuse(watcher, command, MSG_REFUSE_LAG, KVS(KV("node", name), KVI("lag_ms", facts->nodes[target].lag_ms)));
    } else {
        ask(watcher, command, FLAG_ASK_SWITCHOVER, target);
    }
}

// A person says that the node that may reign in the primary's place is surely stopped.
static void judge_rival_stopped(struct watcher *watcher, const struct command *command) {
    if (!text_equal(command->confirm, command->node)) {
        refuse(watcher, command, MSG_REFUSE_UNCONFIRMED, KVS(KV("why", watcher->state.why), KV("node", command->node)));
        return;
    }
    accept(watcher, command);
    report_event(
        watcher, EVENT_FORCED, SEVERITY_WARNING, command->node, watcher->state.rule, MSG_FORCED,
        KVS(KV("node", command->node), KV("by", command->by), KV("why", watcher->state.why), KV("id", command->id)));
    watcher->intent_harmless = true;
    watcher->recalled = false;
    finish(watcher, command);
}

// With a live primary a failover is a switchover: nothing need be lost.
static void judge_failover(struct watcher *watcher, const struct command *command) {
    const struct facts *facts = &watcher->facts;
    if (command->force && rival_unheard(watcher) && text_equal(command->node, watcher->state.primary)) {
        judge_rival_stopped(watcher, command);
        return;
    }
    if (facts->view == PRIMARY_OPEN) {
        judge_switchover(watcher, command);
        return;
    }
    bool gone = facts->view == PRIMARY_DEAD || facts->view == PRIMARY_CLOSING || facts->view == PRIMARY_SILENT;
    int named = *command->node ? settings_node(watcher->settings, command->node) : facts->candidate_node;
    if (gone && facts->witness == WITNESS_LOST && facts->candidate == CANDIDATE_READY &&
        named == facts->candidate_node) {
        ask(watcher, command, FLAG_ASK_FAILOVER, named);
        return;
    }
    if (!command->force) {
        refuse(watcher, command, MSG_REFUSE_NEEDS_FORCE, KVS(KV("why", watcher->state.why)));
        return;
    }
    if (facts->view == PRIMARY_ALIVE) {  // it may take the writes of others: no force helps (rule 124)
        refuse(watcher, command, MSG_REFUSE_ALIVE, KVS(KV("why", watcher->state.why)));
        return;
    }
    int target = target_of(watcher, command);
    if (target < 0) {
        return;
    }
    // A replica that hears the primary says that it takes writes, which nobody could stop before another one does.
    bool confirms = watcher->settings->mode == MODE_LOSSLESS || facts->witness == WITNESS_STREAMS;
    if (confirms && !text_equal(command->confirm, watcher->names[target])) {
        refuse(watcher, command, MSG_REFUSE_UNCONFIRMED,
               KVS(KV("why", watcher->state.why), KV("node", watcher->names[target])));
        return;
    }
    if (facts->nodes[target].reach != REACH_UP) {
        refuse(watcher, command, MSG_REFUSE_UNREACHABLE, KVS(KV("node", watcher->names[target])));
        return;
    }
    const struct job_state *job = state_job(&watcher->state, watcher->names[target]);
    if (job_active(job)) {
        refuse(watcher, command, MSG_REFUSE_JOB_FIRST, KVS(KV("node", watcher->names[target]), KV("job", job->id)));
        return;
    }
    if (watcher->observations[target]->half_rebuilt) {
        refuse(watcher, command, MSG_REFUSE_HALF, KVS(KV("node", watcher->names[target])));
        return;
    }
    ask(watcher, command, FLAG_ASK_FORCE, target);
}

static void judge_resync(struct watcher *watcher, const struct command *command) {
    int target = target_of(watcher, command);
    if (target < 0) {
        return;
    }
    const struct job_state *job = state_job(&watcher->state, watcher->names[target]);
    if (watcher->facts.view != PRIMARY_OPEN) {
        refuse(watcher, command, MSG_REFUSE_NO_PRIMARY, KVS(KV("why", watcher->state.why)));
    } else if (target == watcher->facts.primary) {
        refuse(watcher, command, MSG_REFUSE_RESYNC_PRIMARY, KVS(KV("node", watcher->names[target])));
    } else if (command->method == RUNG_VERIFY) {
        accept(watcher, command);  // db-resync says what speaks against it
        jobs_queue_check(watcher, target, *command->by ? command->by : "operator", command->id);
    } else if (rival_unheard(watcher)) {
        char missing[256];
        report_missing(watcher, missing, sizeof missing);
        refuse(watcher, command, MSG_REFUSE_RIVAL_UNHEARD,
               KVS(KV("node", watcher->names[target]), KV("missing", missing), KV("primary", watcher->state.primary)));
    } else if (job && job_active(job)) {
        refuse(watcher, command, MSG_REFUSE_JOB_RUNS, KVS(KV("node", watcher->names[target]), KV("job", job->id)));
    } else {
        accept(watcher, command);
        watcher->node_failures[target] = 0;
        jobs_queue(watcher, target, command->method, *command->by ? command->by : "operator", command->id);
    }
}

static void judge_maintenance(struct watcher *watcher, const struct command *command) {
    watcher->state.maintenance = command->on;
    watcher->told_to_begin |= !command->on;
    accept(watcher, command);
    report_event(watcher, EVENT_MAINTENANCE, SEVERITY_INFO, "", 0,
                 command->on ? MSG_MAINTENANCE_ON : MSG_MAINTENANCE_OFF, KVS(KV("by", command->by)));
    finish(watcher, command);
}

static void judge_ack(struct watcher *watcher, const struct command *command) {
    *watcher->state.failovers = '\0';
    watcher->told_to_begin = true;
    watcher->cooling_until_ms = 0;
    accept(watcher, command);
    report_event(watcher, EVENT_ACK, SEVERITY_INFO, "", 0, MSG_ACKNOWLEDGED, KVS(KV("by", command->by)));
    finish(watcher, command);
}

// What the dashboard tells of those who try its token. It may be taken over itself: one event a minute, whatever it says.
static void take_wrong_tokens(struct watcher *watcher, const struct command *command) {
    enum { EVERY_MS = 60000 };
    watcher->wrong_tokens += command->count;
    if (watcher->wrong_tokens_ms != 0 && watcher->now_ms - watcher->wrong_tokens_ms < EVERY_MS) {
        return;
    }
    report_event(watcher, EVENT_ALARM, SEVERITY_WARNING, "", 0, MSG_WRONG_TOKENS,
                 KVS(KVI("count", watcher->wrong_tokens), KV("from", command->from)));
    watcher->wrong_tokens = 0;
    watcher->wrong_tokens_ms = watcher->now_ms;
}

// Each command is answered by events. Whoever floods the channel would drive all others out of the history: past a
// hundred at once, five a second are read.
static bool within_reason(struct watcher *watcher) {
    enum { EACH_MS = 200, AT_ONCE = COMMANDS_AT_ONCE };
    int64_t earliest_ms = watcher->now_ms - (int64_t)AT_ONCE * EACH_MS;
    watcher->commands_ms = watcher->commands_ms < earliest_ms ? earliest_ms : watcher->commands_ms;
    bool within = watcher->commands_ms + EACH_MS <= watcher->now_ms;
    watcher->commands_ms += within ? EACH_MS : 0;
    return within;
}

void judge_command(struct watcher *watcher, const char *bytes, size_t length_bytes) {
    struct command command = {0};
    struct err err = {0};
    if (!watcher->leads) {
        return;  // the watcher that leads answers
    }
    if (!within_reason(watcher)) {
        LOG_WARN(MSG_INBOX_FULL, KVI("limit", COMMANDS_AT_ONCE));
        return;
    }
    if (!command_parse(bytes, length_bytes, &command, &err)) {
        report_event(watcher, EVENT_COMMAND_REFUSED, SEVERITY_WARNING, "", 0, MSG_COMMAND_REFUSED,
                     KVS(KV("reason", err.text), KV("id", command.id)));
        return;
    }
    bool busy = !actor_idle(watcher->actor);
    switch (command.action) {
        case COMMAND_SWITCHOVER:
        case COMMAND_FAILOVER:
            if (busy) {
                refuse(watcher, &command, MSG_WHY_BUSY, KVS());
            } else if (command.action == COMMAND_FAILOVER) {
                judge_failover(watcher, &command);
            } else {
                judge_switchover(watcher, &command);
            }
            return;
        case COMMAND_RESYNC:
            judge_resync(watcher, &command);
            return;
        case COMMAND_MAINTENANCE:
            judge_maintenance(watcher, &command);
            return;
        case COMMAND_ACK:
            judge_ack(watcher, &command);
            return;
        case COMMAND_WRONG_TOKENS:
            take_wrong_tokens(watcher, &command);
            return;
        case COMMAND_CANCEL:  // resync answers it
        case COMMAND_ACTION_COUNT:
            return;
    }
}

void judge_finished(struct watcher *watcher, const struct act_outcome *outcome) {
    const struct act_request *request = &outcome->request;
    if (*request->command_id == '\0' && !text_equal(request->by, "operator")) {
        return;
    }
    report_event(watcher, EVENT_COMMAND_FINISHED, outcome->ok ? SEVERITY_INFO : SEVERITY_WARNING,
                 request->target >= 0 ? watcher->names[request->target] : "", request->rule,
                 outcome->ok ? MSG_COMMAND_FINISHED : MSG_COMMAND_FAILED,
                 KVS(KV("action", request->act == ACT_PROMOTE ? command_action_name(COMMAND_FAILOVER) : act_name(request->act)),
                     KV("id", request->command_id), KV("result", outcome->ok ? "ok" : "failed"), KV("reason", outcome->err.text)));
}
