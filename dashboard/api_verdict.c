// Would Relevo fail over right now, and if the primary died this instant: by which rule, to whom, what would be lost,
// how long would it take? Answered from what the watcher published, with the facts of each vantage point and their
// ages; the decision itself is only ever the watcher's.
#include <stdlib.h>
#include <string.h>

#include "api_parts.h"
#include "common/gtid.h"
#include "common/text.h"
#include "retell.h"

#define RULE_LIMIT 194  // of watcher/policy.c: more failovers than RELEVO_FAILOVER_LIMIT

struct verdict {
    const char *answer;  // no, waiting, now, blocked, unknown
    enum msg says;
};

// Only the limit of failovers is lifted by ack; whatever else froze automation has other ways on.
static enum msg frozen(const struct cluster_state *state) {
    if (state->maintenance) {
        return MSG_VERDICT_MAINTENANCE;
    }
    return state->rule == RULE_LIMIT ? MSG_VERDICT_FROZEN : MSG_VERDICT_FROZEN_WAYS;
}

static struct verdict judge(const struct api_world *world) {
    const struct cluster_state *state = &world->snapshot->state;
    if (!world->snapshot->known) {
        return (struct verdict){"unknown", MSG_VERDICT_NOTHING_KNOWN};
    }
    if (snapshot_stale(world->snapshot, world->now)) {
        return (struct verdict){"unknown", MSG_VERDICT_STALE};
    }
    switch (state->phase) {
        case PHASE_STARTING:
            return (struct verdict){"unknown", MSG_VERDICT_STARTING};
        case PHASE_FAILOVER:
            return (struct verdict){"now", MSG_VERDICT_FAILOVER};
        case PHASE_SWITCHOVER:
            return (struct verdict){"no", MSG_VERDICT_SWITCHOVER};
        case PHASE_SUSPECT:
            return (struct verdict){"waiting", MSG_VERDICT_SUSPECT};
        case PHASE_FROZEN:
            return (struct verdict){"blocked", frozen(state)};
        case PHASE_NO_PRIMARY:
            return (struct verdict){"blocked", MSG_VERDICT_NO_PRIMARY};
        case PHASE_NORMAL:
        case PHASE_DEGRADED:
        case PHASE_RESYNC:
        case PHASE_COUNT:
            break;
    }
    if (state->maintenance) {
        return (struct verdict){"blocked", MSG_VERDICT_MAINTENANCE};
    }
    return (struct verdict){"no", MSG_VERDICT_HEALTHY};
}

static struct gtid_set *union_of(const struct node_state *node) {
    AUTO_GTID struct gtid_set *executed = gtid_parse(node->gtid_executed, NULL);
    AUTO_GTID struct gtid_set *retrieved = gtid_parse(node->gtid_retrieved, NULL);
    return executed != NULL && retrieved != NULL ? gtid_union(executed, retrieved) : NULL;
}

// How many transactions of the primary the node has not even received, at the last probe of both; -1: unknown.
static int64_t missing(const struct node_state *primary, const struct node_state *node) {
    AUTO_GTID struct gtid_set *whole = primary != NULL ? gtid_parse(primary->gtid_executed, NULL) : NULL;
    AUTO_GTID struct gtid_set *part = union_of(node);
    if (whole == NULL || part == NULL || gtid_empty(whole)) {
        return -1;
    }
    AUTO_GTID struct gtid_set *rest = gtid_subtract(whole, part);
    return (int64_t)gtid_count(rest);
}

// Lossless mode: it holds all that it ever acknowledged in this epoch, and acknowledgements are waited for.
static bool vouches(const struct cluster_state *state, const struct node_state *node) {
    return state->sync && node->vouch_epoch > 0 && node->vouch_epoch == state->epoch;
}

// Why the node could not take over, MSG_NONE if it could as far as anyone can see from here.
static enum msg obstacle(const struct cluster_state *state, const struct node_state *node) {
    const struct job_state *job = state_job(state, node->name);
    if (node->outcome != PROBE_OK) {
        return MSG_VERDICT_NODE_UNREACHABLE;
    }
    if (job != NULL && job_active(job)) {
        return MSG_VERDICT_NODE_RESYNC;
    }
    if (node->diverged > 0) {
        return MSG_VERDICT_NODE_DIVERGED;
    }
    if (node->stale) {
        return MSG_VERDICT_NODE_STALE;
    }
    if (node->applier == THREAD_OFF || node->applier == THREAD_ABSENT) {
        return MSG_VERDICT_NODE_NOT_APPLYING;
    }
    if (state->mode == MODE_LOSSLESS && !vouches(state, node)) {
        return MSG_VERDICT_NODE_UNPROVEN;
    }
    return MSG_NONE;
}

static json_t *candidate_json(const struct api_world *world, const struct node_state *node, enum lang lang) {
    const struct cluster_state *state = &world->snapshot->state;
    enum msg against = obstacle(state, node);
    json_t *json = json_object();
    json_object_set_new(json, "node", api_string(node->name));
    enum msg lack = msg_parse(node->lack_msg);
    const struct kv *values = KVS(KV("node", node->name), KV("account", node->lack_account), KV("what", node->lack_what),
                                  KV("mend", node->lack_mend));
    enum msg says = against != MSG_NONE ? against : node->unable ? lack : MSG_VERDICT_NODE_ABLE;
    json_object_set_new(json, "able", json_boolean(says == MSG_VERDICT_NODE_ABLE));
    json_object_set_new(json, "says", api_message(says, lang, values));
    json_object_set_new(json, "lacks", lack == MSG_NONE ? json_null() : api_message(lack, lang, values));
    json_object_set_new(json, "missing", api_or_null(missing(state_node(state, state->primary), node)));
    json_object_set_new(json, "lag_ms", api_or_null(node->lag_ms));
    json_object_set_new(json, "vouches", json_boolean(vouches(state, node)));
    return json;
}

// --- if the primary died this instant ---

static int by_size(const void *one, const void *two) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)two;
    return (a > b) - (a < b);
}

// How long the last failovers took, from the decision to the node that takes writes.
static json_t *takes_json(const struct api_world *world, enum lang lang) {
    int64_t took_ms[SNAPSHOT_MILESTONES];
    size_t count = 0;
    const struct snapshot_ring *ring = &world->snapshot->milestones;
    for (size_t i = 0; i < ring->count && count < SNAPSHOT_MILESTONES; i++) {
        const struct event_record *event = snapshot_event(ring, i);
        int64_t one_ms = event->type == EVENT_FAILOVER ? api_took_ms(event) : -1;
        if (one_ms >= 0) {
            took_ms[count++] = one_ms;
        }
    }
    int64_t silent_ms = world->settings->silent_ms;
    json_t *json = json_object();
    json_object_set_new(json, "measured", json_integer((json_int_t)count));
    json_object_set_new(json, "if_frozen_ms", json_integer(silent_ms));
    if (count == 0) {
        json_object_set_new(json, "says",
                            api_message(MSG_VERDICT_TAKES_UNKNOWN, lang, KVS(KVI("silent_ms", silent_ms))));
        return json;
    }
    json_object_set_new(json, "last_ms", json_integer(took_ms[count - 1]));
    qsort(took_ms, count, sizeof *took_ms, by_size);
    json_object_set_new(json, "median_ms", json_integer(took_ms[count / 2]));
    json_object_set_new(json, "worst_ms", json_integer(took_ms[count - 1]));
    json_object_set_new(json, "says",
                        api_message(MSG_VERDICT_TAKES, lang,
                                    KVS(KVI("count", (int64_t)count), KVI("median_ms", took_ms[count / 2]),
                                        KVI("worst_ms", took_ms[count - 1]), KVI("silent_ms", silent_ms))));
    return json;
}

static json_t *loses_json(const struct cluster_state *state, const struct node_state *heir, enum lang lang) {
    const struct node_state *primary = state_node(state, state->primary);
    int64_t count = missing(primary, heir);
    enum msg msg = count < 0 ? MSG_VERDICT_LOSES_UNKNOWN : count ? MSG_VERDICT_LOSES : MSG_VERDICT_LOSES_NOTHING;
    json_t *json = json_object();
    json_object_set_new(json, "transactions", api_or_null(count));
    json_object_set_new(json, "lag_ms", api_or_null(heir->lag_ms));
    json_object_set_new(
        json, "says",
        api_message(msg, lang, KVS(KV("node", heir->name), KV("primary", state->primary), KVI("count", count))));
    return json;
}

// The watcher decided this, by its own rules, from its own facts; null before it has, or without a primary.
static json_t *forecast_json(const struct api_world *world, enum lang lang) {
    const struct cluster_state *state = &world->snapshot->state;
    const struct node_state *primary = state_node(state, state->primary);
    bool gone = primary && primary->outcome != PROBE_NONE && !probe_answered(primary->outcome);
    if (state->forecast_rule == 0 || *state->primary == '\0' || gone) {
        return json_null();  // it is no question any more
    }
    const struct node_state *heir = state_node(state, state->forecast_node);
    char why[NODE_WHY_SIZE];
    retell(state->forecast_msg, state->forecast_why, lang, why, sizeof why);
    json_t *json = json_object();
    json_object_set_new(json, "would_fail_over", json_boolean(heir != NULL));
    json_object_set_new(json, "to", heir ? api_string(heir->name) : json_null());
    json_object_set_new(json, "rule", json_integer(state->forecast_rule));
    json_object_set_new(json, "why", api_string(why));
    json_object_set_new(json, "says",
                        api_message(heir ? MSG_VERDICT_WOULD : MSG_VERDICT_WOULD_NOT, lang,
                                    KVS(KV("primary", state->primary), KV("node", heir ? heir->name : ""),
                                        KVI("rule", state->forecast_rule), KV("why", why))));
    json_object_set_new(json, "loses", heir ? loses_json(state, heir, lang) : json_null());
    json_object_set_new(json, "takes", heir ? takes_json(world, lang) : json_null());
    return json;
}

static json_t *fact_json(const struct node_state *node, struct moment now) {
    json_t *json = json_object();
    json_object_set_new(json, "node", api_string(node->name));
    json_object_set_new(json, "role", json_string(node_role_name(node->role)));
    json_object_set_new(json, "outcome", json_string(probe_outcome_name(node->outcome)));
    json_object_set_new(json, "error", api_string(node->error));
    json_object_set_new(json, "receiver", json_string(thread_state_name(node->receiver)));
    json_object_set_new(json, "applier", json_string(thread_state_name(node->applier)));
    json_object_set_new(json, "source", api_string(node->source));
    json_object_set_new(json, "diverged", json_integer((json_int_t)node->diverged));
    json_object_set_new(json, "age_ms", api_age(node->updated_ms, now));
    json_object_set_new(json, "seen_age_ms", api_age(node->seen_ms, now));
    json_object_set_new(json, "heard_age_ms", api_age(node->heard_ms, now));
    return json;
}

struct api_answer api_verdict(const struct api_call *call) {
    const struct api_world *world = call->world;
    const struct cluster_state *state = &world->snapshot->state;
    struct verdict verdict = judge(world);
    char why[NODE_WHY_SIZE];
    retell(state->why_msg, state->why, call->lang, why, sizeof why);
    json_t *candidates = json_array(), *facts = json_array();
    for (size_t i = 0; i < state->node_count; i++) {
        json_array_append_new(facts, fact_json(&state->nodes[i], world->now));
        if (!text_equal(state->nodes[i].name, state->primary)) {
            json_array_append_new(candidates, candidate_json(world, &state->nodes[i], call->lang));
        }
    }
    json_t *body = json_object();
    json_object_set_new(body, "would_fail_over", json_string(verdict.answer));
    json_object_set_new(body, "says", api_message(verdict.says, call->lang, KVS(KV("primary", state->primary))));
    json_object_set_new(body, "phase", json_string(phase_name(state->phase)));
    json_object_set_new(body, "rule", json_integer(state->rule));
    json_object_set_new(body, "why", api_string(why));
    json_object_set_new(body, "epoch", json_integer((json_int_t)state->epoch));
    json_object_set_new(body, "primary", api_string(state->primary));
    json_object_set_new(body, "mode", json_string(replication_mode_name(state->mode)));
    json_object_set_new(body, "if_dead", forecast_json(world, call->lang));
    json_object_set_new(body, "sync", json_boolean(state->sync));
    json_object_set_new(body, "if_the_primary_died_now", candidates);
    json_object_set_new(body, "ways", api_ways(state, call->lang));
    json_object_set_new(body, "facts", facts);
    return api_aged(call, body);
}
