#include "watcher/watcher_parts.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/start.h"
#include "common/text.h"

enum {
    TICK_MS = 50,            // see look_between()
    URGENT_PERIOD_MS = 5,    // of the probes while something is unclear
    ACTING_PERIOD_MS = 25,   // ... and somebody is being opened, which needs the same processors
    URGENT_MOST_MS = 15000,  // what is unclear for longer, say our own path, is not worth a core
    COOLING_MS = 3000,       // after an action failed
    SYNC_REST_MS = 1000,     // after an attempt to wait for acknowledgements, or to stop that, failed
};

// --- what came in since the last tick ---

// Takes over what the hash says. MySQL's rows may have been read first and know of a newer reign than the hash: that
// record stays, but maintenance, the intent, the failovers and the jobs are written nowhere else.
static void adopt_state(struct watcher *watcher, struct cluster_state *read) {
    struct cluster_state known = watcher->state;
    watcher->state = *read;
    *read = (struct cluster_state){0};
    assess_restore(&watcher->memory, &watcher->state, (const char (*)[NODE_NAME_SIZE])watcher->names, watcher->count,
                   watcher->now_ms, watcher->now_wall_ms);
    intent_adopt(watcher, known.intent);
    if (watcher->state.reserved > watcher->reserved_epoch) {
        watcher->reserved_epoch = watcher->state.reserved;
    }
    intent_keep_said(watcher, &known);
    watcher->sync_ms = watcher->now_ms;
    watcher->leaving |= watcher->state.mode == MODE_LOSSLESS && watcher->settings->mode == MODE_ASYNC;
    bool strange = known.epoch > 0 && assess_stranger(&watcher->memory, known.primary_uuid, watcher->count);
    bool older = watcher->state.epoch > 0 && strange ? false : watcher->state.epoch < known.epoch;
    if (older) {
        watcher->state.epoch = known.epoch;
        (void)text_copy(watcher->state.primary, sizeof watcher->state.primary, known.primary);
        (void)text_copy(watcher->state.primary_uuid, sizeof watcher->state.primary_uuid, known.primary_uuid);
    }
    bool lossless = watcher->settings->mode == MODE_LOSSLESS;
    watcher->recalled = watcher->state.recalled || (older && known.epoch > watcher->reserved_epoch) ||
                        (lossless && assess_record_is_old(&watcher->state, watcher->now_wall_ms));
    state_done(&known);
}

// Lossless mode: the hash may say something else than the actor recorded last, because a packet of an earlier try
// lingered, or Redis was rolled back. A later life would believe it. (A read may be older than the record: it is believed
// the second time.)
static void check_sync_record(struct watcher *watcher, const struct cluster_state *read) {
    bool other = watcher->settings->mode == MODE_LOSSLESS && read->sync_epoch != watcher->state.sync_epoch &&
                 actor_idle(watcher->actor);
    watcher->sync_doubts = other ? watcher->sync_doubts + 1 : 0;
    if (watcher->sync_doubts < 2) {
        return;
    }
    report_event(watcher, EVENT_ALARM, SEVERITY_WARNING, watcher->state.primary, 0, MSG_SYNC_MISRECORDED,
                 KVS(KVI("found", read->sync_epoch), KVI("known", watcher->state.sync_epoch)));
    watcher->sync_doubts = 0;
    if (watcher->state.sync_epoch == 0) {
        publish_unsync(watcher->publish);
    }
    watcher->state.sync_epoch = 0;  // if the primary waits, rule 154 proves and records it again
}

// An intent that nobody had would be finished by a later life of this watcher. The actor records it, so it is looked at
// here, and believed the second time, as above.
static void check_intent_record(struct watcher *watcher, const struct cluster_state *read) {
    bool other = !watcher->told.refused && actor_idle(watcher->actor) &&
                 !text_equal(read->intent, watcher->state.intent);
    watcher->intent_doubts = other ? watcher->intent_doubts + 1 : 0;
    if (watcher->intent_doubts < 2) {
        return;
    }
    char what[sizeof watcher->foreign_what];
    (void)text_format(what, sizeof what, "intent: %.150s → %.60s", read->intent, watcher->state.intent);
    report_foreign(watcher, 1, what, "");
    watcher->intent_doubts = 0;
    if (*watcher->state.intent == '\0') {
        publish_clear_intent(watcher->publish);
    }
}

// The hash is the truth until we lead; from then on we are, and only the jobs are read back.
static void take_read(struct watcher *watcher) {
    struct cluster_state read = {0};
    if (!publish_take_read(watcher->publish, &read)) {
        return;
    }
    jobs_note_differences(watcher, &read);
    if (!watcher->record_read || !watcher->leads) {
        if (!watcher->record_read || read.epoch >= watcher->state.epoch) {
            adopt_state(watcher, &read);
        }
        watcher->record_read = true;
    } else {
        jobs_adopt(watcher, &read);
        jobs_end_left(watcher);
        check_sync_record(watcher, &read);
        check_intent_record(watcher, &read);
    }
    state_done(&read);
}

// What was seen of these nodes until now is out of date.
static void look_again(struct watcher *watcher, const struct act_request *request) {
    uint64_t kicks = observe_kick(watcher->observe);
    watcher->acted_kicks[request->target] = kicks;
    if (request->old >= 0) {
        watcher->acted_kicks[request->old] = kicks;
    }
}

// Another watcher may have led until now: what we know may be older than what it did.
static void take_the_lead(struct watcher *watcher) {
    watcher->started_ms = watcher->now_ms;
    watcher->record_read = false;
    publish_read_again(watcher->publish);
    uint64_t kicks = observe_kick(watcher->observe);
    for (int i = 0; i < watcher->count; i++) {
        watcher->acted_kicks[i] = kicks;
    }
}

// The primary waits for acknowledgements, or does not any more.
static void take_sync(struct watcher *watcher, const struct act_outcome *outcome) {
    const struct act_request *request = &outcome->request;
    look_again(watcher, request);
    if (outcome->ok && request->act == ACT_SYNC && request->epoch == watcher->state.epoch) {
        watcher->state.sync_epoch = request->epoch;
        watcher->sync_ms = watcher->now_ms;
        watcher->memory.nodes[request->target].unacked_known = false;  // counted from here
    }
    watcher->leaving &= !outcome->ok;
    watcher->sync_rest_ms = outcome->ok ? 0 : watcher->now_ms + SYNC_REST_MS;
    report_outcome(watcher, outcome);
}

static void take_outcomes(struct watcher *watcher) {
    struct act_outcome outcome;
    bool taken = actor_take(watcher->actor, &outcome);
    if (taken && (outcome.request.act == ACT_SYNC || outcome.request.act == ACT_UNSYNC)) {
        take_sync(watcher, &outcome);
    } else if (taken) {
        const struct act_request *request = &outcome.request;
        look_again(watcher, request);
        // We may have been frozen together with the node, and others gone on: theirs is the newer reign, and the intent.
        bool newest = request->epoch >= watcher->state.epoch, ours = request->epoch == watcher->intent_epoch;
        watcher->intent_harmless = ours ? outcome.reign == REIGN_NOT_BEGUN : watcher->intent_harmless;
        if (outcome.reign >= REIGN_BEGUN && newest) {
            watcher->state.epoch = request->epoch;
            (void)text_copy(watcher->state.primary, sizeof watcher->state.primary, watcher->names[request->target]);
            (void)text_copy(watcher->state.primary_uuid, sizeof watcher->state.primary_uuid, request->target_uuid);
        }
        watcher->recalled &= !(outcome.ok && request->forced);  // a person knows better
        if (outcome.reign == REIGN_OPEN && request->told_as == ACT_PROMOTE) {
            remember_failover(watcher);
        }
        if (outcome.ok && request->act == ACT_SWITCHOVER && request->old >= 0) {
            assess_handed_over(&watcher->memory, request->old, request->target_uuid, watcher->now_ms);
        }
        if (outcome.reign == REIGN_OPEN) {
            watcher->intent_act = ours ? ACT_NONE : watcher->intent_act;  // done: the next one is not the end of this
            watcher->cooling_until_ms = 0;
            *watcher->reason = '\0';
        } else {
            watcher->cooling_until_ms = watcher->now_ms + COOLING_MS;
            watcher->cooling_of = request->told_as;
            (void)text_copy(watcher->reason, sizeof watcher->reason, outcome.err.text);
        }
        report_outcome(watcher, &outcome);
        judge_finished(watcher, &outcome);
    }
    if (actor_take(watcher->repairer, &outcome)) {
        look_again(watcher, &outcome.request);
        watcher->repairing = -1;
        watcher->node_wait_ms[outcome.request.target] = watcher->now_ms + (outcome.ok ? 0 : COOLING_MS);
        obey_repaired(watcher, &outcome);
    }
}

// Without Redis the nodes are the only place where watchers learn of each other.
static void meet_rival(struct watcher *watcher) {
    char rival[sizeof watcher->lease.holder];
    int64_t met_ms = observe_met(watcher->observe, rival, sizeof rival);
    if (met_ms > watcher->met_ms) {
        watcher->met_ms = met_ms;
        publish_met(watcher->publish, rival, met_ms);
        LOG_INFO(MSG_RIVAL_MET, KV("rival", rival));
    }
}

static void take_observations(struct watcher *watcher) {
    for (int i = 0; i < watcher->count; i++) {
        observation_release(watcher->observations[i]);
        watcher->observations[i] = observe_latest(watcher->observe, (size_t)i);
    }
}

// --- the tick ---

static void point_journal_at(struct watcher *watcher, int primary) {
    struct event_row_target target = {.port = watcher->settings->nodes[primary].port};
    (void)text_copy(target.name, sizeof target.name, watcher->names[primary]);
    (void)text_copy(target.uuid, sizeof target.uuid, watcher->state.primary_uuid);
    observe_address(watcher->observe, (size_t)primary, target.address, sizeof target.address);
    if (!*target.address) {
        (void)text_copy(target.address, sizeof target.address, node_host(&watcher->settings->nodes[primary]));
    }
    journal_point(watcher->journal, target.name, target.address, target.port, target.uuid, watcher->state.epoch);
    event_writer_point(watcher->event_writer, &target);
}

static void point_journal(struct watcher *watcher) {
    int primary = watcher->facts.primary;
    if (!watcher->leads || watcher->facts.view != PRIMARY_OPEN || primary < 0) {
        journal_point(watcher->journal, "", "", 0, "", 0);
        event_writer_point(watcher->event_writer, NULL);
        return;
    }
    point_journal_at(watcher, primary);
}

static void set_pace(struct watcher *watcher) {
    enum primary_view view = watcher->facts.view;
    bool unclear = view == PRIMARY_MISSED || view == PRIMARY_DEAD || view == PRIMARY_CLOSING || view == PRIMARY_SILENT ||
                   view == PRIMARY_SHUT;
    bool undecided = watcher->state.phase == PHASE_SUSPECT || watcher->state.phase == PHASE_FAILOVER;
    bool urgent = unclear && undecided;
    watcher->urgent_ms = !urgent ? 0 : watcher->urgent_ms ? watcher->urgent_ms : watcher->now_ms;
    bool hurry = urgent && watcher->now_ms - watcher->urgent_ms < URGENT_MOST_MS;
    int64_t hurried_ms = actor_idle(watcher->actor) ? URGENT_PERIOD_MS : ACTING_PERIOD_MS;
    int64_t period_ms = watcher->settings->probe_ms;
    observe_set_period(watcher->observe, hurry && period_ms > hurried_ms ? hurried_ms : period_ms);
}

struct assess_input watcher_input(const struct watcher *watcher) {
    return (struct assess_input){.now_ms = watcher->now_ms,
                                       .silent_ms = watcher->settings->silent_ms,
                                       .state = &watcher->state,
                                       .observations = watcher->observations,
                                       .names = (const char (*)[NODE_NAME_SIZE])watcher->names,
                                       .count = watcher->count,
                                       .preferred = watcher->settings->preferred,
                                       .differing = jobs_differing(watcher),
                                       .intent = failover_unfinished(watcher) ? watcher->intent_target : -1,
                                       .leaving = watcher->leaving,
                                       .acks = settings_acks(watcher->settings),
                                       .sync_ms = watcher->sync_ms,
                                       .asks = !watcher->settings->copy_unasked,
                                       .sync_rests = watcher->now_ms < watcher->sync_rest_ms};
}

static void decide(struct watcher *watcher) {
    const struct assess_input input = watcher_input(watcher);
    bool newer = assess_record(&watcher->state, &watcher->memory, watcher->observations, watcher->count);
    if (watcher->memory.strange_epoch > watcher->reserved_epoch) {
        watcher->reserved_epoch = watcher->memory.strange_epoch;  // whoever is opened next reigns in a newer one
    }
    bool our_own = watcher->state.epoch <= watcher->reserved_epoch;  // the row of an action whose outcome is on its way
    watcher->recalled |= newer && !our_own;
    if (newer && !our_own && watcher->record_read) {
        LOG_WARN(MSG_RECORD_FROM_MYSQL, KV("primary", watcher->state.primary), KVI("epoch", watcher->state.epoch));
    }
    char recorded[NODE_NAME_SIZE];
    (void)text_copy(recorded, sizeof recorded, watcher->state.primary);
    if (assess_rename(&watcher->state, watcher->observations, input.names, watcher->count)) {
        LOG_WARN(MSG_PRIMARY_RENAMED, KV("node", watcher->state.primary), KV("recorded", recorded),
                 KV("uuid", watcher->state.primary_uuid));
    }
    watcher->facts = assess(&watcher->memory, &input);
    watcher->recalled &= !watcher->facts.all_told;  // once all have been asked, no newer row can turn up
    unsigned flags = flags_now(watcher);
    struct recorder_look look = {.now_ms = watcher->now_ms,
                                 .now_wall_ms = watcher->now_wall_ms,
                                 .names = input.names,
                                 .count = watcher->count,
                                 .preferred = input.preferred,
                                 .silent_ms = input.silent_ms,
                                 .acks = input.acks,
                                 .rest = {.sync_ms = input.sync_ms, .sync_rests = input.sync_rests, .leaving = input.leaving, .asks = input.asks,
                                          .differing = input.differing},
                                 .observations = watcher->observations,
                                 .state = &watcher->state,
                                 .flags = flags};
    (void)text_copy(look.rest.intent, sizeof look.rest.intent, node_shown(watcher, input.intent));
    recorder_look(watcher->recorder, &look);
    watcher->decision = policy_cluster(watcher->state.phase, &watcher->facts, flags);
    if (watcher->leads) {
        report_decision(watcher, &watcher->decision);
        obey_decision(watcher, &watcher->decision);
        obey_repairs(watcher);
    }
    if (watcher->asked.flag) {  // accepted, but the world changed before a rule matched
        struct act_outcome outcome = {.request = {.target = watcher->asked.target}};
        (void)text_copy(outcome.request.command_id, sizeof outcome.request.command_id, watcher->asked.id);
        (void)text_copy(outcome.request.by, sizeof outcome.request.by, watcher->asked.by);
        (void)err_set(&outcome.err, ERR_CONFLICT, 0, "%s", watcher->state.why);
        watcher->asked = (struct asked){0};  // whatever is decided next is not this person's doing
        judge_finished(watcher, &outcome);
    }
}

static void tick(void *arg) {
    struct watcher *watcher = arg;
    watcher->now_ms = clock_mono_ms();
    watcher->now_wall_ms = clock_wall_ms();
    publish_alive(watcher->publish);
    take_observations(watcher);
    meet_rival(watcher);
    publish_lease(watcher->publish, &watcher->lease);
    publish_tells(watcher->publish, &watcher->told);
    bool led = watcher->leads;
    watcher->leads = lease_leads(&watcher->lease, watcher->now_ms);
    if (watcher->leads && !led) {
        take_the_lead(watcher);
    }
    if (publish_read_waits(watcher->publish)) {  // seldom, and it is large
        take_read(watcher);
    }
    take_outcomes(watcher);
    size_t length_bytes;
    // Until the record is read, what a command changes would be lost by that. It came through Redis: the read follows.
    bool listens = !watcher->leads || watcher->record_read;
    for (char *bytes; listens && watcher->asked.flag == 0 && (bytes = inbox_take(watcher->inbox, &length_bytes)) != NULL;) {
        judge_command(watcher, bytes, length_bytes);
        free(bytes);
    }
    decide(watcher);
    intent_clear(watcher);
    point_journal(watcher);
    set_pace(watcher);
    report_nodes(watcher);
    report_health(watcher);
    report_lacks(watcher);
    report_store(watcher);
    report_state(watcher);
}

// Between observations too, for silence is none; not when one has just made us look.
static void look_between(void *arg) {
    const struct watcher *watcher = arg;
    if (clock_mono_ms() - watcher->now_ms >= TICK_MS / 2) {
        tick(arg);
    }
}

static void alive(void *arg) {
    (void)arg;
    service_alive_touch();
}

struct watcher *watcher_start(const struct settings *settings, struct loop *loop) {
    struct watcher *watcher = mem_zero(1, sizeof *watcher);
    char id[80];
    self_name(id);
    watcher->settings = settings;
    watcher->loop = loop;
    watcher->count = (int)settings->node_count;
    watcher->intent_target = watcher->repairing = -1;
    for (int i = 0; i < watcher->count; i++) {
        (void)text_copy(watcher->names[i], NODE_NAME_SIZE, settings->nodes[i].name);
    }
    watcher->started_ms = clock_mono_ms();
    watcher->now_wall_ms = clock_wall_ms();
    watcher->ship = ship_start(settings, SERVICE_WATCHER);
    watcher->publish = publish_start(settings, loop, id);
    watcher->journal = journal_start(settings);
    watcher->event_writer = event_writer_start(settings);
    watcher->observe = observe_start(settings, loop, id);
    watcher->inspect = inspect_start(settings, watcher->observe, loop);
    watcher->actor = actor_start(settings, watcher->observe, watcher->publish, loop);
    watcher->repairer = actor_start(settings, watcher->observe, watcher->publish, loop);
    watcher->inbox = inbox_start(settings, loop);
    loop_on_wake(loop, tick, watcher);
    (void)loop_every(loop, TICK_MS, look_between, watcher);
    (void)loop_every(loop, 1000, alive, watcher);
    service_alive_touch();
    report_event(watcher, EVENT_STARTED, SEVERITY_INFO, "", 0, MSG_WATCHER_STARTED, KVS(KV("id", id)));
    return watcher;
}

void watcher_record(struct watcher *watcher, struct recorder *recorder) {
    watcher->recorder = recorder;
}

// What was under way when we were told to stop has ended: it is told, and recorded, like any other.
static void last_words(struct watcher *watcher) {
    uint64_t epoch = watcher->state.epoch;
    watcher->now_ms = clock_mono_ms();
    watcher->now_wall_ms = clock_wall_ms();
    take_outcomes(watcher);
    int primary = settings_node(watcher->settings, watcher->state.primary);
    if (watcher->state.epoch != epoch && primary >= 0) {
        point_journal_at(watcher, primary);
        report_state(watcher);
    }
}

void watcher_stop(struct watcher *watcher) {
    if (!watcher) {
        return;
    }
    inbox_stop(watcher->inbox);
    actor_finish(watcher->actor);
    actor_finish(watcher->repairer);
    last_words(watcher);
    actor_stop(watcher->actor);
    actor_stop(watcher->repairer);
    journal_stop(watcher->journal);
    event_writer_stop(watcher->event_writer);
    inspect_stop(watcher->inspect);
    observe_stop(watcher->observe);
    publish_stop(watcher->publish);
    ship_stop(watcher->ship, 1000);
    for (int i = 0; i < watcher->count; i++) {
        observation_release(watcher->observations[i]);
    }
    state_done(&watcher->state);
    free(watcher);
}
