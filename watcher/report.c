// What people read: log lines, events, rows of system_events, the state hash. Nothing here decides.
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/mysql_port.h"
#include "common/text.h"
#include "watcher/watcher_parts.h"

enum { WRITES_FAIL_MS = 3000, LET_THROUGH_EVERY_MS = 10000 };

static enum log_level level_of(enum severity severity) {
    return severity == SEVERITY_ERROR     ? LOG_LEVEL_ERROR
           : severity == SEVERITY_WARNING ? LOG_LEVEL_WARN
                                          : LOG_LEVEL_INFO;
}

void report_event(struct watcher *watcher, enum event_type type, enum severity severity, const char *node, int rule,
                  enum msg msg, const struct kv *values) {
    struct event_record event = event_make(SERVICE_WATCHER, type, severity, node, rule, watcher->state.epoch,
                                           watcher->now_wall_ms, log_lang(), msg, values);
    log_say(level_of(severity), msg, values);
    ship_event(watcher->ship, &event);
}

void report_missing(const struct watcher *watcher, char *out, size_t size_bytes) {
    *out = '\0';
    bool unheard = rival_unheard(watcher);
    for (int i = 0; i < watcher->count; i++) {
        bool stands_alone = watcher->facts.primary < 0 || i == watcher->facts.primary;
        bool missing = stands_alone ? watcher->facts.nodes[i].reach != REACH_UP
                                    : watcher->facts.nodes[i].standing != STANDING_STREAMING;
        missing |= unheard && !watcher->facts.nodes[i].told;
        size_t used = strlen(out);
        if (missing) {
            (void)text_format(out + used, size_bytes - used, "%s%s", used ? ", " : "", watcher->names[i]);
        }
    }
}

int report_target(const struct watcher *watcher, const struct decision *decision) {
    int target = decision->why == MSG_WHY_UNCERTAIN ? watcher->intent_target
                 : decision->why == MSG_WHY_BEHIND  ? watcher->facts.ahead_node
                                                    : target_node(watcher, decision->target);
    if (target >= 0) {
        return target;
    }
    return watcher->facts.candidate_node >= 0 ? watcher->facts.candidate_node : watcher->intent_target;
}

static void say_decision(struct watcher *watcher, const struct decision *decision, bool phase_changed) {
    char missing[256], why[NODE_WHY_SIZE];
    const struct facts *facts = &watcher->facts;
    report_missing(watcher, missing, sizeof missing);
    const struct observation *primary = facts->primary >= 0 ? watcher->observations[facts->primary] : NULL;
    int64_t heard_ms = facts->primary >= 0 ? watcher->memory.nodes[facts->primary].answered_ms : 0;
    char then[NODE_WHY_SIZE] = "";
    if (decision->why == MSG_WHY_HELD) {
        outlook(watcher, flags_now(watcher), then, sizeof then);
    }
    const struct kv *values =
        KVS(KV("outlook", then), KV("primary", watcher->state.primary),
            KV("target", node_shown(watcher, report_target(watcher, decision))), KV("missing", missing),
            KV("open", node_shown(watcher, facts->open_node)), KV("error", primary ? primary->error : ""),
            KV("reason", watcher->reason), KV("leader", watcher->lease.holder), KVI("vouching", facts->vouching),
            KVI("quorum", facts->quorum), KVI("silent_ms", heard_ms ? watcher->now_ms - heard_ms : 0));
    msg_render(decision->why, log_lang(), values, why, sizeof why);
    (void)text_copy(watcher->state.why, sizeof watcher->state.why, why);
    (void)text_copy(watcher->state.why_msg, sizeof watcher->state.why_msg, msg_name(decision->why));
    watcher->state.rule = decision->rule;
    if (!phase_changed) {
        return;
    }
    bool gone = facts->view == PRIMARY_DEAD || facts->view == PRIMARY_SILENT || facts->view == PRIMARY_CLOSING;
    bool frozen_dead =
        decision->phase == PHASE_FROZEN && gone;  // nobody takes writes and nobody does anything about it
    bool bad = decision->phase == PHASE_NO_PRIMARY || decision->phase == PHASE_FAILOVER || frozen_dead;
    enum severity severity = bad                                                                   ? SEVERITY_ERROR
                             : decision->phase == PHASE_SUSPECT || decision->phase == PHASE_FROZEN ? SEVERITY_WARNING
                                                                                                   : SEVERITY_INFO;
    const struct kv *line = KVS(KV("phase", phase_name(decision->phase)), KV("from", phase_name(watcher->state.phase)),
                                KVI("rule", decision->rule), KV("why", why));
    struct event_record event =
        event_make(SERVICE_WATCHER, EVENT_PHASE, severity, "", decision->rule, watcher->state.epoch,
                   watcher->now_wall_ms, log_lang(), decision->why, values);
    log_say(level_of(severity), MSG_PHASE, line);
    ship_event(watcher->ship, &event);
}

void report_decision(struct watcher *watcher, const struct decision *decision) {
    bool stays = decision->rule == 0 || (decision->act == ACT_NONE && decision->rule <= 105);
    if (stays) {
        return;
    }
    bool phase_changed = decision->phase != watcher->state.phase;
    bool news = phase_changed || decision->rule != watcher->state.rule;
    bool writes_wait = watcher->facts.sync == SYNC_STUCK && decision->act == ACT_NONE;
    bool worth_saying =
        phase_changed || writes_wait || decision->phase == PHASE_NO_PRIMARY || decision->phase == PHASE_FROZEN;
    say_decision(watcher, decision, news && worth_saying);
    watcher->state.phase = decision->phase;
    if (news) {
        watcher->published_ms = 0;
    }
}

// --- outcomes ---

// -1: not known.
static int64_t lost_estimate(const struct watcher *watcher, const struct act_request *request) {
    // As they were published last: by now the target may have missed a probe.
    const struct node_state *target = state_node(&watcher->state, watcher->names[request->target]);
    const struct node_state *old = request->old >= 0 ? state_node(&watcher->state, watcher->names[request->old]) : NULL;
    if (request->unfenced || !target || !old || !old->gtid_executed || *old->gtid_executed == '\0') {
        return -1;
    }
    AUTO_GTID struct gtid_set *had = gtid_parse(old->gtid_executed, NULL);
    AUTO_GTID struct gtid_set *executed = gtid_parse(target->gtid_executed, NULL);
    AUTO_GTID struct gtid_set *received = gtid_parse(target->gtid_retrieved, NULL);
    if (!had || !executed || !received) {
        return -1;
    }
    AUTO_GTID struct gtid_set *has = gtid_union(executed, received);
    AUTO_GTID struct gtid_set *lost = gtid_subtract(had, has);
    return (int64_t)gtid_count(lost);
}

static enum msg failover_msg(const struct act_request *request, int64_t unreplicated) {
    return request->unfenced  ? MSG_FAILOVER_UNFENCED
           : unreplicated < 0 ? MSG_FAILOVER_UNCOUNTED
                              : MSG_FAILOVER_DONE;
}

static void report_success(struct watcher *watcher, const struct act_outcome *outcome) {
    static const struct {
        enum act act;
        enum event_type type;
        enum msg msg;
        bool row;
    } kinds[] = {{ACT_PROMOTE, EVENT_FAILOVER, MSG_FAILOVER_DONE, true},
                 {ACT_SWITCHOVER, EVENT_SWITCHOVER, MSG_SWITCHOVER_DONE, true},
                 {ACT_REOPEN, EVENT_RECOVERY, MSG_REOPENED, true},
                 {ACT_ELECT, EVENT_ELECTED, MSG_ELECTED, false},
                 {ACT_ADOPT, EVENT_ELECTED, MSG_ADOPTED, false},
                 {ACT_SYNC, EVENT_SYNC_ON, MSG_SYNC_ON, false},
                 {ACT_UNSYNC, EVENT_SYNC_OFF, MSG_SYNC_OFF, false},
                 {ACT_SUIT, EVENT_REPOINTED, MSG_SUITED, false},
                 {ACT_FENCE, EVENT_FENCED, MSG_FENCED, false},
                 {ACT_FORGET, EVENT_REPOINTED, MSG_FORGOTTEN, false},
                 {ACT_RESTORE, EVENT_ALARM, MSG_ROWS_RESTORED, false}};
    const struct act_request *request = &outcome->request;
    const char *target = watcher->names[request->target];
    const char *old = node_shown(watcher, request->old);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].act != request->told_as) {
            continue;
        }
        bool strange = kinds[i].act == ACT_UNSYNC || kinds[i].act == ACT_RESTORE || request->unfenced;
        enum severity severity = strange ? SEVERITY_WARNING : SEVERITY_INFO;
        bool failover = kinds[i].act == ACT_PROMOTE;
        int64_t unreplicated = failover ? lost_estimate(watcher, request) : 0;
        report_event(watcher, kinds[i].type, severity, target, request->rule,
                     failover ? failover_msg(request, unreplicated) : kinds[i].msg,
                     KVS(KV("node", target), KV("primary", target), KV("replica", old),
                         KVI("took_ms", watcher->now_ms - request->decided_ms), KVI("step_ms", outcome->took_ms),
                         KV("steps", outcome->steps),
                         KV("reason", request->why), KV("note", outcome->note), KV("by", request->by),
                         KV("id", request->command_id),
                         unreplicated < 0 ? (struct kv){0} : KVI("unreplicated", unreplicated)));
        struct event_row row = {.type = kinds[i].type};
        (void)text_copy(row.primary, sizeof row.primary, target);
        (void)text_copy(row.replica, sizeof row.replica, old);
        row.failover_ms =
            request->told_as == ACT_PROMOTE || request->told_as == ACT_SWITCHOVER ? watcher->now_wall_ms : 0;
        if (kinds[i].row) {
            event_writer_add(watcher->event_writer, &row);
        }
    }
}

void report_outcome(struct watcher *watcher, const struct act_outcome *outcome) {
    watcher->published_ms = 0;
    if (*outcome->ended) {
        const char *node = watcher->names[outcome->request.target];
        report_event(watcher, EVENT_ALARM, SEVERITY_WARNING, node, outcome->request.rule, MSG_HOLDERS_ENDED,
                     KVS(KV("node", node), KV("sessions", outcome->ended)));
    }
    if (outcome->ok) {
        report_success(watcher, outcome);
        return;
    }
    report_event(watcher, EVENT_ABORTED, SEVERITY_ERROR, watcher->names[outcome->request.target], outcome->request.rule,
                 MSG_ACT_FAILED,
                 KVS(KV("act", act_name(outcome->request.act)), KV("node", watcher->names[outcome->request.target]),
                     KV("reason", outcome->err.text), KV("note", outcome->note)));
}

// --- nodes ---

static void report_reach(struct watcher *watcher, int node) {
    enum reach now = watcher->facts.nodes[node].reach, before = watcher->reach[node];
    const struct observation *it = watcher->observations[node];
    if (now == before || now == REACH_UNSEEN || now == REACH_MISSED) {
        return;  // a single miss is the phase's business; it is told when it lasts or is proved
    }
    if (!watcher->leads) {
        return;  // whoever leads tells it; should that be us later, it is still news to us
    }
    watcher->reach[node] = now;
    if (now == REACH_UP) {
        jobs_node_is_back(watcher, node);
        report_event(watcher, EVENT_NODE_UP, SEVERITY_INFO, watcher->names[node], 0, MSG_NODE_UP,
                     KVS(KV("node", watcher->names[node]), KV("version", it ? it->version : "")));
    } else {
        report_event(
            watcher, EVENT_NODE_DOWN, SEVERITY_WARNING, watcher->names[node], 0, MSG_NODE_DOWN,
            KVS(KV("node", watcher->names[node]), KV("reach", reach_name(now)), KV("error", it ? it->error : "")));
    }
}

static void report_stranger(struct watcher *watcher, int node) {
    const struct observation *it = watcher->observations[node];
    bool now = it && it->outcome == PROBE_LOST && text_equal(it->error, DB_UNTRUSTED);
    if (now && !watcher->stranger[node] && watcher->leads) {
        watcher->stranger[node] = true;
        report_event(watcher, EVENT_ALARM, SEVERITY_WARNING, watcher->names[node], 0, MSG_STRANGER,
                     KVS(KV("node", watcher->names[node]), KV("error", it->error)));
    }
    if (it && it->outcome == PROBE_OK) {
        watcher->stranger[node] = false;
    }
}

static void report_standing(struct watcher *watcher, int node) {
    enum standing now = watcher->facts.nodes[node].standing, before = watcher->standing[node];
    watcher->standing[node] = now;
    enum reach reach = watcher->facts.nodes[node].reach;
    bool away = now == STANDING_AWAY && (reach == REACH_DEAD || reach == REACH_SILENT);
    watcher->was_away[node] |= away || now == STANDING_JOB;
    if (now != STANDING_STREAMING || before == now || !watcher->was_away[node] || !watcher->leads) {
        return;
    }
    watcher->was_away[node] = false;
    watcher->node_failures[node] = 0;
    report_event(watcher, EVENT_RECOVERY, SEVERITY_INFO, watcher->names[node], 0, MSG_RECOVERED,
                 KVS(KV("node", watcher->names[node]), KV("primary", watcher->state.primary),
                     KV("replica", watcher->names[node])));
    struct event_row row = {.type = EVENT_RECOVERY};
    (void)text_copy(row.primary, sizeof row.primary, watcher->state.primary);
    (void)text_copy(row.replica, sizeof row.replica, watcher->names[node]);
    event_writer_add(watcher->event_writer, &row);
}

void report_nodes(struct watcher *watcher) {
    for (int i = 0; i < watcher->count; i++) {
        report_reach(watcher, i);
        report_stranger(watcher, i);
        report_standing(watcher, i);
    }
}

static void report_idle_events(struct watcher *watcher) {
    unsigned count = journal_idle_events(watcher->journal, watcher->state.primary_uuid, watcher->state.epoch);
    bool more = watcher->idle_epoch != watcher->state.epoch || count > watcher->idle_events;
    watcher->idle_epoch = watcher->state.epoch;
    watcher->idle_events = count;
    if (count == 0 || !more) {  // once in a reign, and again when there are more
        return;
    }
    report_event(watcher, EVENT_ALARM, SEVERITY_WARNING, watcher->state.primary, 0, MSG_EVENTS_IDLE,
                 KVS(KV("primary", watcher->state.primary), KVI("count", count)));
}

// Lossless mode: clients were told "committed" though no replica had it. Once in a while, with all since the last time.
static void tell_let_through(struct watcher *watcher) {
    report_event(watcher, EVENT_ALARM, SEVERITY_ERROR, watcher->let_through_by, 0, MSG_LET_THROUGH,
                 KVS(KV("primary", watcher->let_through_by), KVI("count", watcher->let_through)));
    watcher->let_through = 0;
    watcher->let_through_ms = watcher->now_ms;
}

// A server that is told to stop gives the wait for acknowledgements up and tells its clients that all is done.
bool report_unfenced(const struct watcher *watcher) {
    int primary = watcher->facts.primary;
    const struct node_memory *it = primary >= 0 ? &watcher->memory.nodes[primary] : NULL;
    return it && watcher->settings->mode == MODE_LOSSLESS && it->closing_ms && !it->closed;
}

static void report_stop(struct watcher *watcher) {
    bool unfenced = watcher->leads && report_unfenced(watcher);
    if (unfenced && !watcher->unfenced_told) {
        report_event(watcher, EVENT_ALARM, SEVERITY_WARNING, watcher->state.primary, 0, MSG_STOPS_UNFENCED,
                     KVS(KV("node", watcher->state.primary)));
    }
    watcher->unfenced_told = unfenced;
}

static void report_let_through(struct watcher *watcher) {
    if (watcher->let_through > 0 && !text_equal(watcher->let_through_by, watcher->state.primary)) {
        tell_let_through(watcher);
    }
    watcher->let_through += watcher->leads ? watcher->facts.let_through : 0;
    (void)text_copy(watcher->let_through_by, sizeof watcher->let_through_by, watcher->state.primary);
    bool told = watcher->let_through_ms && watcher->now_ms - watcher->let_through_ms < LET_THROUGH_EVERY_MS;
    if (watcher->let_through > 0 && !told) {
        tell_let_through(watcher);
    }
}

// Rows of system_events that are given up: told once, until a row goes in again.
static void report_rows(struct watcher *watcher) {
    char error[160];
    bool lost = event_writer_lost(watcher->event_writer, error, sizeof error) > 0;
    if (lost == watcher->rows_lost) {
        return;
    }
    watcher->rows_lost = lost;
    report_event(
        watcher, EVENT_ALARM, lost ? SEVERITY_WARNING : SEVERITY_INFO, watcher->state.primary, 0,
        lost ? MSG_ROWS_LOST : MSG_ROWS_WRITTEN,
        KVS(KV("table", watcher->settings->cluster), KV("primary", watcher->state.primary), KV("error", error)));
}

// One write that fails is the business of a switchover or of the phase; trouble is what lasts.
void report_health(struct watcher *watcher) {
    char error[160];
    int64_t failing_ms = journal_failing_ms(watcher->journal, error, sizeof error);
    bool serves = watcher->facts.view == PRIMARY_OPEN && watcher->leads;
    watcher->write_trouble &= text_equal(watcher->write_trouble_uuid, watcher->state.primary_uuid);
    bool trouble = watcher->write_trouble ? failing_ms > 0 : failing_ms > WRITES_FAIL_MS;
    report_idle_events(watcher);
    report_rows(watcher);
    report_let_through(watcher);
    report_stop(watcher);
    if (!serves || failing_ms == JOURNAL_UNTRIED || trouble == watcher->write_trouble) {
        return;
    }
    report_event(watcher, EVENT_ALARM, trouble ? SEVERITY_ERROR : SEVERITY_INFO, watcher->state.primary, 0,
                 trouble ? MSG_WRITES_FAIL : MSG_WRITES_WORK,
                 KVS(KV("primary", watcher->state.primary), KV("error", error)));
    watcher->write_trouble = trouble;
    (void)text_copy(watcher->write_trouble_uuid, sizeof watcher->write_trouble_uuid, watcher->state.primary_uuid);
}
