// The state hash: what the facts are turned into for the dashboard and the next life of this watcher.
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "watcher/watcher_parts.h"

enum { STATE_EVERY_MS = 500 };

static enum node_role role_of(const struct watcher *watcher, int node) {
    switch (watcher->facts.nodes[node].standing) {
        case STANDING_TIED:
        case STANDING_PRIMARY:
            return watcher->facts.view == PRIMARY_OPEN     ? ROLE_PRIMARY
                   : watcher->facts.view == PRIMARY_CLOSED ? ROLE_FENCED
                   : watcher->facts.view == PRIMARY_SHUT   ? ROLE_FENCED
                   : watcher->facts.view == PRIMARY_HALF   ? ROLE_FENCED
                   : watcher->facts.view == PRIMARY_ALIVE  ? ROLE_UNKNOWN
                                                           : ROLE_DOWN;
        case STANDING_AWAY:
            return watcher->facts.nodes[node].reach == REACH_ALIVE || watcher->facts.nodes[node].reach == REACH_UNSEEN
                       ? ROLE_UNKNOWN
                       : ROLE_DOWN;
        case STANDING_STREAMING:
        case STANDING_ERRANT:
        case STANDING_RETRYING:
            return ROLE_REPLICA;
        case STANDING_JOB:
            return ROLE_RESYNC;
        case STANDING_TWIN:
        case STANDING_OPEN:
        case STANDING_COUNT:
            return ROLE_UNKNOWN;
        case STANDING_LOOSE:
        case STANDING_FORKED:
        case STANDING_ADRIFT:
            break;
    }
    return ROLE_FENCED;
}

static void replace_text(char **text, const char *with) {
    free(*text);
    *text = mem_text(with ? with : "");
}

static void fill_node(const struct watcher *watcher, int node, struct node_state *out) {
    const struct observation *it = watcher->observations[node];
    (void)text_copy(out->name, sizeof out->name, watcher->names[node]);
    out->role = role_of(watcher, node);
    out->lag_ms = watcher->facts.nodes[node].lag_ms;
    int worst = lacks_worst(&watcher->lacks[node]);
    const struct lack *lack = worst >= 0 ? &watcher->lacks[node].of[worst] : NULL;
    (void)text_copy(out->lack_msg, sizeof out->lack_msg, lack ? msg_name(lack_msg((enum lack_kind)worst)) : "");
    (void)text_copy(out->lack_account, sizeof out->lack_account, lack ? lack->account : "");
    (void)text_copy(out->lack_what, sizeof out->lack_what, lack ? lack->what : "");
    (void)text_copy(out->lack_mend, sizeof out->lack_mend, lack ? lack->mend : "");
    out->unable = report_unable(watcher, node);
    out->diverged = watcher->facts.nodes[node].diverged;
    out->stale = watcher->facts.nodes[node].stale;
    int64_t streamed_ms = watcher->memory.nodes[node].streamed_ms;
    int64_t sign_ms = watcher->memory.nodes[node].sign_ms;
    out->heard_ms = sign_ms ? watcher->now_wall_ms - (watcher->now_ms - sign_ms) : 0;
    out->streamed_ms = streamed_ms ? watcher->now_wall_ms - (watcher->now_ms - streamed_ms) : 0;
    if (!it) {
        return;
    }
    out->outcome = it->outcome;
    (void)text_copy(out->error, sizeof out->error, it->error);
    out->updated_ms = it->at_wall_ms;
    if (it->outcome != PROBE_OK) {
        return;  // what was known before stays, with its age
    }
    out->seen_ms = it->at_wall_ms;
    (void)text_copy(out->uuid, sizeof out->uuid, it->uuid);
    (void)text_copy(out->version, sizeof out->version, it->version);
    out->server_id = it->server_id;
    out->read_only = it->read_only;
    out->super_read_only = it->super_read_only;
    out->offline_mode = it->offline_mode;
    out->boot_s = it->boot_s;
    out->acknowledges = watcher->facts.nodes[node].acknowledges;
    out->vouch_epoch = watcher->memory.nodes[node].vouch_epoch;
    out->vouch_received = watcher->memory.nodes[node].vouch_received;
    out->receiver = it->receiver;
    out->applier = it->applier;
    (void)text_copy(out->source, sizeof out->source, it->source_host);
    (void)text_copy(out->replication_error, sizeof out->replication_error, it->replication_error);
    replace_text(&out->gtid_executed, it->executed_text);
    replace_text(&out->gtid_retrieved, it->received_text);
}

static bool roles_changed(struct watcher *watcher) {
    bool changed = false;
    for (int i = 0; i < watcher->count; i++) {
        changed |= watcher->state.nodes[i].role != role_of(watcher, i) ||
                   (watcher->observations[i] && watcher->state.nodes[i].outcome != watcher->observations[i]->outcome);
    }
    return changed;
}

// The hash names nodes by itself; here they stand in the order of RELEVO_NODES.
static void order_nodes(struct watcher *watcher) {
    struct node_state ordered[NODE_MAX] = {0};
    for (int i = 0; i < watcher->count; i++) {
        struct node_state *had = (struct node_state *)state_node(&watcher->state, watcher->names[i]);
        if (had) {
            ordered[i] = *had;
            *had = (struct node_state){0};
        }
    }
    for (size_t i = 0; i < watcher->state.node_count; i++) {
        free(watcher->state.nodes[i].gtid_executed);  // of nodes that are configured no more
        free(watcher->state.nodes[i].gtid_retrieved);
    }
    memcpy(watcher->state.nodes, ordered, sizeof ordered);
    watcher->state.node_count = (size_t)watcher->count;
}

// What people ask on a quiet day: and if it died now?
static void fill_forecast(struct watcher *watcher) {
    struct cluster_state *state = &watcher->state;
    char missing[256];
    report_missing(watcher, missing, sizeof missing);
    char lack[NODE_WHY_SIZE] = "";
    struct decision decision = {0};
    struct facts facts = watcher->facts;
    if (facts.candidate == CANDIDATE_READY && report_unable(watcher, facts.candidate_node)) {
        facts.candidate = CANDIDATE_UNABLE;  // it would be tried all the same: somebody may have mended it meanwhile
        report_lack(watcher, facts.candidate_node, lack, sizeof lack);
    }
    if (facts.primary >= 0) {
        decision = policy_if_dead(state->phase, &facts, flags_now(watcher));
    }
    bool promotes = decision.act == ACT_PROMOTE;
    state->forecast_rule = decision.rule;
    (void)text_copy(state->forecast_node, sizeof state->forecast_node,
                    promotes ? node_shown(watcher, watcher->facts.candidate_node) : "");
    (void)text_copy(state->forecast_msg, sizeof state->forecast_msg, decision.rule ? msg_name(decision.why) : "");
    *state->forecast_why = '\0';
    if (decision.rule) {
        msg_render(
            decision.why, log_lang(),
            KVS(KV("primary", state->primary), KV("target", node_shown(watcher, report_target(watcher, &decision))),
                KV("missing", missing), KV("leader", watcher->lease.holder), KV("lack", lack)),
            state->forecast_why, sizeof state->forecast_why);
    }
}

void report_state(struct watcher *watcher) {
    bool in_order = watcher->state.node_count == (size_t)watcher->count;
    for (int i = 0; in_order && i < watcher->count; i++) {
        in_order = text_equal(watcher->state.nodes[i].name, watcher->names[i]);
    }
    if (!in_order) {
        order_nodes(watcher);
    }
    bool urgent = roles_changed(watcher) || watcher->published_ms == 0;
    if (!urgent && watcher->now_ms - watcher->published_ms < STATE_EVERY_MS) {
        return;
    }
    for (int i = 0; i < watcher->count; i++) {
        fill_node(watcher, i, &watcher->state.nodes[i]);
    }
    fill_forecast(watcher);
    watcher->state.mode =
        watcher->leaving ? MODE_LOSSLESS : watcher->settings->mode;  // a later life goes on leaving it
    watcher->state.sync_epoch = watcher->settings->mode == MODE_LOSSLESS ? watcher->state.sync_epoch : 0;
    watcher->state.sync = watcher->state.sync_epoch > 0 && watcher->state.sync_epoch == watcher->state.epoch;
    watcher->state.recalled = watcher->recalled;
    watcher->state.updated_ms = watcher->now_wall_ms;
    watcher->published_ms = watcher->now_ms;
    if (watcher->leads && watcher->record_read) {  // else the hash may know better
        (void)text_copy(watcher->state.leader, sizeof watcher->state.leader, watcher->lease.holder);
        watcher->hash_ms = watcher->state.updated_ms;
        publish_state(watcher->publish, &watcher->state, urgent);
    }
}
