// What one life of the watcher leaves to the next, and Redis may lose. The intent: which node is being opened, recorded in
// the state hash before the first step (obey.c, act.c), found there by the next life, and cleared once a primary serves.
#include <jansson.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/text.h"
#include "watcher/watcher_parts.h"

// known: the text of our own. One that was begun while Redis was away is newer than what the hash holds.
void intent_adopt(struct watcher *watcher, const char *known) {
    json_t *intent = json_loads(watcher->state.intent, 0, NULL);
    uint64_t epoch = (uint64_t)json_integer_value(json_object_get(intent, "epoch"));
    if (watcher->intent_target >= 0 && watcher->intent_epoch > epoch && watcher->intent_epoch > watcher->state.epoch) {
        (void)text_copy(watcher->state.intent, sizeof watcher->state.intent, known);
        json_decref(intent);
        return;
    }
    watcher->intent_target = -1;
    watcher->intent_harmless = false;  // an earlier life cannot tell how far it got
    const char *target = json_string_value(json_object_get(intent, "target"));
    const char *act = json_string_value(json_object_get(intent, "act"));
    if (target && act) {
        watcher->intent_target = settings_node(watcher->settings, target);
        watcher->intent_act = act_parse(act);
        watcher->intent_old = settings_node(watcher->settings, json_string_value(json_object_get(intent, "old")));
        watcher->intent_unfenced = json_is_true(json_object_get(intent, "unfenced"));
        watcher->intent_rule = (int)json_integer_value(json_object_get(intent, "rule"));
        watcher->intent_wall_ms = (int64_t)json_integer_value(json_object_get(intent, "since_ms"));
        int64_t age_ms = watcher->now_wall_ms - watcher->intent_wall_ms;
        age_ms = age_ms < 0 && age_ms > -INTENT_FRESH_MS ? 0 : age_ms;  // clocks differ a little
        watcher->intent_fresh_until_ms = age_ms < 0 ? 0 : watcher->now_ms + INTENT_FRESH_MS - age_ms;
        watcher->intent_epoch = epoch;
        watcher->reserved_epoch = epoch > watcher->reserved_epoch ? epoch : watcher->reserved_epoch;
        if (!watcher->record_read) {
            LOG_WARN(MSG_INTENT_FOUND, KV("act", act), KV("target", target));
        }
    }
    json_decref(intent);
}

// Redis lost its memory, or an older one was restored: what we read there before, or wrote while we led, is newer.
void intent_keep_said(struct watcher *watcher, const struct cluster_state *known) {
    struct cluster_state *state = &watcher->state;
    if (state->updated_ms <= watcher->hash_ms) {
        state->maintenance |= known->maintenance;
        if (atoll(known->failovers) > atoll(state->failovers)) {
            (void)text_copy(state->failovers, sizeof state->failovers, known->failovers);
        }
    }
    watcher->hash_ms = state->updated_ms;
}

// A failover that succeeded and was never told, because its watcher was killed in between. (When it is told it joins
// the list of failovers, which goes to the hash together with the rest.)
static void tell_unfinished(struct watcher *watcher) {
    bool told = atoll(watcher->state.failovers) >= watcher->intent_wall_ms;
    if (told || watcher->intent_act != ACT_PROMOTE || watcher->intent_target != watcher->facts.primary ||
        watcher->intent_epoch != watcher->state.epoch) {
        return;
    }
    int64_t ago_ms = watcher->now_wall_ms - watcher->intent_wall_ms;
    struct act_outcome outcome = {.ok = true,
                                  .reign = REIGN_OPEN,
                                  .request = {.act = ACT_PROMOTE,
                                              .told_as = ACT_PROMOTE,
                                              .rule = watcher->intent_rule,
                                              .target = watcher->intent_target,
                                              .old = watcher->intent_old,
                                              .unfenced = watcher->intent_unfenced,
                                              .epoch = watcher->intent_epoch,
                                              .by = "watcher",
                                              .decided_ms = watcher->now_ms - (ago_ms > 0 ? ago_ms : 0)}};
    watcher->intent_act = ACT_NONE;
    remember_failover(watcher);
    report_outcome(watcher, &outcome);
}

void intent_clear(struct watcher *watcher) {
    // Lossless mode: a node that may have been opened, and cannot be asked, must not be forgotten (rule 151).
    unsigned flags = flags_now(watcher);
    bool kept = watcher->settings->mode == MODE_LOSSLESS && (flags & FLAG_UNCERTAIN) != 0;
    // Not busy: that node was looked at since the attempt to open it ended.
    bool settled = watcher->facts.view == PRIMARY_OPEN && (flags & FLAG_BUSY) == 0 && !kept;
    if (settled && *watcher->state.intent && watcher->leads) {
        tell_unfinished(watcher);
    }
    if (settled && *watcher->state.intent) {
        *watcher->state.intent = '\0';
        watcher->intent_target = -1;
        publish_clear_intent(watcher->publish);
    }
}
