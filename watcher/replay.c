#include "watcher/replay.h"

#include <stdlib.h>
#include <string.h>

#include "common/doc.h"
#include "common/mem.h"
#include "common/text.h"
#include "watcher/policy.h"
#include "watcher/record.h"

enum { TICK_MS = 50, LINE_MOST = 1 << 20, DEPTH_MOST = 4, GAP_MOST_MS = 3600000 };

struct replay {
    enum lang lang;
    replay_say *say;
    void *arg;
    char names[NODE_MAX][NODE_NAME_SIZE];
    int count;  // 0: no header yet
    char preferred[NODE_NAME_SIZE];
    struct record_rest rest;
    int acks;
    int64_t silent_ms, began_ms, now_ms;
    struct observation *observations[NODE_MAX];
    struct memory memory;
    struct cluster_state state;
    unsigned flags;
    bool ticks;  // the lines say when it was decided
    struct facts facts;
    enum phase phase;
    int rule, node_rule[NODE_MAX];
};

struct replay *replay_new(enum lang lang, replay_say *say, void *arg) {
    struct replay *replay = mem_zero(1, sizeof *replay);
    replay->lang = lang;
    replay->say = say;
    replay->arg = arg;
    return replay;
}

static void forget(struct replay *replay) {
    for (int i = 0; i < NODE_MAX; i++) {
        observation_drop(&replay->observations[i]);
        replay->observations[i] = NULL;
    }
}

void replay_free(struct replay *replay) {
    if (replay) {
        forget(replay);
        state_done(&replay->state);
        free(replay);
    }
}

static int node_of(const struct replay *replay, const char *name) {
    for (int i = 0; i < replay->count; i++) {
        if (text_equal(replay->names[i], name)) {
            return i;
        }
    }
    return -1;
}

static const char *name_of(const struct replay *replay, int node) {
    return node >= 0 ? replay->names[node] : "";
}

static int target_of(const struct replay *replay, const struct decision *decision) {
    const struct facts *facts = &replay->facts;
    switch (decision->target) {
        case TARGET_ELECTED:
            return facts->election_node;
        case TARGET_PRIMARY:
            return facts->primary;
        case TARGET_OPEN:
            return facts->open_node;
        case TARGET_PREFERRED:
            return node_of(replay, replay->preferred);
        case TARGET_ASKED:
        case TARGET_CANDIDATE:
        case TARGET_NONE:
            break;
    }
    return facts->candidate_node >= 0 ? facts->candidate_node : node_of(replay, replay->rest.intent);
}

static void list_missing(const struct replay *replay, char *out, size_t size_bytes) {
    *out = '\0';
    for (int i = 0; i < replay->count; i++) {
        bool alone = replay->facts.primary < 0 || i == replay->facts.primary;
        bool missing =
            alone ? replay->facts.nodes[i].reach != REACH_UP : replay->facts.nodes[i].standing != STANDING_STREAMING;
        size_t used = strlen(out);
        if (missing) {
            (void)text_format(out + used, size_bytes - used, "%s%s", used ? ", " : "", replay->names[i]);
        }
    }
}

static void why_of(const struct replay *replay, const struct decision *decision, char *out, size_t size_bytes) {
    const struct facts *facts = &replay->facts;
    const struct observation *primary = facts->primary >= 0 ? replay->observations[facts->primary] : NULL;
    int64_t heard_ms = facts->primary >= 0 ? replay->memory.nodes[facts->primary].answered_ms : 0;
    char missing[256];
    list_missing(replay, missing, sizeof missing);
    msg_render(decision->why, replay->lang,
               KVS(KV("primary", replay->state.primary), KV("target", name_of(replay, target_of(replay, decision))),
                   KV("missing", missing), KV("open", name_of(replay, facts->open_node)),
                   KV("error", primary ? primary->error : ""), KV("reason", "?"), KV("leader", "?"),
                   KVI("vouching", facts->vouching), KVI("quorum", facts->quorum),
                   KVI("silent_ms", heard_ms ? replay->now_ms - heard_ms : 0)),
               out, size_bytes);
}

static void tell_cluster(struct replay *replay, const struct decision *decision) {
    const struct facts *facts = &replay->facts;
    char why[NODE_WHY_SIZE], line[NODE_WHY_SIZE + 300];
    why_of(replay, decision, why, sizeof why);
    double at_s = (double)(replay->now_ms - replay->began_ms) / 1000;
    (void)text_format(line, sizeof line, "%9.3f s  %-10s rule %d: %s", at_s, phase_name(decision->phase),
                      decision->rule, why);
    replay->say(replay->arg, line);
    (void)text_format(line, sizeof line, "             primary %s, replicas %s, candidate %s%s%s%s%s",
                      primary_view_name(facts->view), witness_name(facts->witness), candidate_name(facts->candidate),
                      facts->candidate_node >= 0 ? " " : "", name_of(replay, facts->candidate_node),
                      decision->act != ACT_NONE ? " → " : "", decision->act != ACT_NONE ? act_name(decision->act) : "");
    replay->say(replay->arg, line);
}

static void tell_node(struct replay *replay, int node, const struct decision *decision) {
    char why[NODE_WHY_SIZE], line[NODE_WHY_SIZE + 100];
    msg_render(decision->why, replay->lang, KVS(KV("node", replay->names[node]), KV("primary", replay->state.primary)), why,
               sizeof why);
    (void)text_format(line, sizeof line, "%9.3f s  %-10s rule %d: %s → %s",
                      (double)(replay->now_ms - replay->began_ms) / 1000, replay->names[node], decision->rule, why,
                      act_name(decision->act));
    replay->say(replay->arg, line);
}

static unsigned flags_of(const struct replay *replay) {
    const struct facts *facts = &replay->facts;
    return replay->flags | (facts->settled ? FLAG_SETTLED : 0u) | (facts->all_streaming ? FLAG_ALL_STREAMING : 0u) |
           (facts->any_job ? FLAG_ANY_JOB : 0u) | (facts->open_others == 1 ? FLAG_OPEN_OTHER : 0u) |
           (facts->open_others > 1 ? FLAG_OPEN_MANY : 0u) | (facts->ahead_node >= 0 ? FLAG_BEHIND : 0u);
}

static void decide(struct replay *replay) {
    const struct assess_input input = {.now_ms = replay->now_ms,
                                       .silent_ms = replay->silent_ms,
                                       .state = &replay->state,
                                       .observations = replay->observations,
                                       .names = (const char (*)[NODE_NAME_SIZE])replay->names,
                                       .count = replay->count,
                                       .preferred = replay->preferred,
                                       .differing = (unsigned)replay->rest.differing,
                                       .intent = node_of(replay, replay->rest.intent),
                                       .acks = replay->acks,
                                       .sync_ms = replay->rest.sync_ms,
                                       .sync_rests = replay->rest.sync_rests,
                                       .leaving = replay->rest.leaving,
                                       .asks = replay->rest.asks};
    (void)assess_record(&replay->state, &replay->memory, replay->observations, replay->count);
    replay->facts = assess(&replay->memory, &input);
    unsigned flags = flags_of(replay);
    struct decision decision = policy_cluster(replay->phase, &replay->facts, flags);
    bool stays = decision.rule == 0 || (decision.act == ACT_NONE && decision.rule <= 105);
    if (!stays && (decision.rule != replay->rule || decision.phase != replay->phase)) {
        tell_cluster(replay, &decision);
    }
    replay->rule = stays ? replay->rule : decision.rule;
    replay->phase = decision.phase;
    for (int i = 0; i < replay->count; i++) {
        decision = policy_node(replay->phase, &replay->facts, i, flags);
        if (decision.act != ACT_NONE && decision.rule != replay->node_rule[i]) {
            tell_node(replay, i, &decision);
        }
        replay->node_rule[i] = decision.rule;
    }
}

// --- lines ---

// The first line, and again where a watcher was started anew.
static bool take_header(struct replay *replay, const json_t *line, struct err *err) {
    const json_t *names = json_object_get(line, "nodes");
    size_t count = json_array_size(names);
    int64_t now_ms = 0, silent_ms = 3000, acks = 0;
    if (count == 0 || count > NODE_MAX) {
        return err_set(err, ERR_INVALID, 0, "\"nodes\" must name 1 to %d nodes", NODE_MAX);
    }
    if (!doc_get_i64(line, "t", 0, INT64_MAX, &now_ms, err) ||
        !doc_get_i64(line, "silent_ms", 1, GAP_MOST_MS, &silent_ms, err) ||
        !doc_get_i64(line, "acks", 0, NODE_MAX, &acks, err) ||
        !doc_get_name(line, "preferred", replay->preferred, sizeof replay->preferred, err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        if (!name || !text_copy(replay->names[i], NODE_NAME_SIZE, name)) {
            return err_set(err, ERR_INVALID, 0, "\"nodes\" must hold short texts");
        }
    }
    if (!doc_get_bool(line, "ticks", &replay->ticks, err)) {
        return false;
    }
    if (replay->count) {
        replay->say(replay->arg, "             the watcher was started anew");
    }
    replay->began_ms = replay->count ? replay->began_ms : now_ms;
    replay->count = (int)count;
    replay->silent_ms = silent_ms;
    replay->acks = (int)acks;
    replay->rest = (struct record_rest){0};
    replay->now_ms = now_ms;
    replay->memory = (struct memory){0};
    replay->flags = FLAG_LEADER;
    replay->phase = PHASE_STARTING;
    forget(replay);
    return true;
}

// Silence is noticed between observations too.
static bool advance(struct replay *replay, const json_t *line, struct err *err) {
    int64_t now_ms = replay->now_ms;
    if (!doc_get_i64(line, "t", 0, INT64_MAX, &now_ms, err)) {
        return false;
    }
    if (now_ms - replay->now_ms > GAP_MOST_MS) {
        return err_set(err, ERR_INVALID, 0, "more than an hour after the line before");
    }
    while (replay->now_ms + TICK_MS < now_ms) {
        replay->now_ms += TICK_MS;
        decide(replay);
    }
    // A probe that ended before the last tick is told after it.
    replay->now_ms = now_ms > replay->now_ms ? now_ms : replay->now_ms;
    return true;
}

static bool take_look(struct replay *replay, const json_t *line, struct err *err) {
    char name[NODE_NAME_SIZE] = "";
    if (!doc_get_name(line, "node", name, sizeof name, err)) {
        return false;
    }
    int node = node_of(replay, name);
    if (node < 0) {
        return err_set(err, ERR_INVALID, 0, "unknown node \"%s\"", name);
    }
    struct observation *it = record_parse(line, replay->observations[node], err);
    if (!it) {
        return false;
    }
    observation_release(replay->observations[node]);
    replay->observations[node] = it;
    return true;
}

bool replay_line(struct replay *replay, const char *bytes, size_t length_bytes, struct err *err) {
    AUTO_DOC json_t *line = doc_read(bytes, length_bytes, LINE_MOST, DEPTH_MOST, err);
    if (!line) {
        return false;
    }
    if (json_object_get(line, "relevo")) {
        return take_header(replay, line, err);
    }
    if (!replay->count) {
        return err_set(err, ERR_INVALID, 0, "the first line must be the header, {\"relevo\":1,\"nodes\":[…],…}");
    }
    if (!advance(replay, line, err)) {
        return false;
    }
    bool state = json_object_get(line, "state") != NULL, tick = json_object_get(line, "tick") != NULL;
    if (state ? !record_parse_state(line, &replay->state, &replay->flags, &replay->rest, err)
              : !tick && !take_look(replay, line, err)) {
        return false;
    }
    if (tick || !replay->ticks) {
        decide(replay);
    }
    return true;
}
