// The conditions that are not about one node: of each a situation in which it holds, and each thing that keeps it from
// holding.
#include "common/mem.h"
#include "common/text.h"
#include "watcher/watcher_parts.h"

#include "unit.h"

enum { A, B, C, NODES, NOW_MS = 10000000, STEADY_MS = 5000, RULE_FAILOVER = 210, RULE_SWITCHOVER = 120 };

// Who is busy, the test says: more than that flags.c does not ask of an actor.
static bool idle;
bool actor_idle(struct actor *actor) {
    (void)actor;
    return idle;
}

struct stage {
    struct settings settings;
    struct observation *seen[NODES];
    struct watcher watcher;
};

// a is the primary since a failover; b, which is preferred, and c stream from it.
static struct stage *set(void) {
    struct stage *it = mem_zero(1, sizeof *it);
    it->settings = (struct settings){
        .node_count = NODES, .preferred = "b", .failback_auto = true, .failover_limit = 2, .failover_limit_ms = 600000};
    it->watcher = (struct watcher){
        .settings = &it->settings,
        .count = NODES,
        .leads = true,
        .record_read = true,
        .now_ms = NOW_MS,
        .now_wall_ms = NOW_MS,
        .started_ms = 1000,
        .asked = {.target = -1},
        .intent_target = -1,
        .intent_old = -1,
        .facts = {
            .count = NODES, .primary = A, .open_node = -1, .ahead_node = -1, .settled = true, .all_streaming = true}};
    for (int i = 0; i < NODES; i++) {
        (void)text_format(it->watcher.names[i], NODE_NAME_SIZE, "%c", 'a' + i);
        (void)text_copy(it->settings.nodes[i].name, sizeof it->settings.nodes[i].name, it->watcher.names[i]);
        struct observation *seen = observation_new();
        seen->outcome = PROBE_OK;
        seen->gtid_on = true;
        seen->epoch_rule = RULE_FAILOVER;
        seen->executed = gtid_parse("aaaaaaaa-0000-0000-0000-000000000001:1-10", NULL);
        it->seen[i] = it->watcher.observations[i] = seen;
        it->watcher.memory.nodes[i].ok_ms = NOW_MS;
        it->watcher.facts.nodes[i] = (struct node_facts){
            .reach = REACH_UP, .told = true, .standing = i == A ? STANDING_PRIMARY : STANDING_STREAMING, .steady_ms = STEADY_MS};
    }
    idle = true;
    return it;
}

static void clear(struct stage *it) {
    for (int i = 0; i < NODES; i++) {
        observation_release(it->seen[i]);
    }
    free(it);
}

// What a row begins with: that its flag holds.
static void nothing(struct stage *it) {
    (void)it;
}
static void asked_for_b(struct stage *it) {
    it->watcher.asked = (struct asked){.flag = FLAG_ASK_SWITCHOVER, .target = B};
}
static void c_half_opened(struct stage *it) {
    it->watcher.intent_act = ACT_PROMOTE;
    it->watcher.intent_target = C;
    it->watcher.intent_old = A;
    it->watcher.intent_fresh_until_ms = NOW_MS + 1;
    it->watcher.facts.nodes[C].told = false;
}
static void a_outlived(struct stage *it) {
    c_half_opened(it);
    it->watcher.facts.primary = C;
    it->watcher.facts.open_others = 1;
    it->watcher.facts.open_node = A;
}
static void two_failovers(struct stage *it) {
    (void)text_copy(it->watcher.state.failovers, sizeof it->watcher.state.failovers, "9000000,8400001");
}
static void just_started(struct stage *it) {
    it->watcher.started_ms = NOW_MS - 59999;
    it->watcher.memory.nodes[A].ok_ms = 0;
}
static void one_open(struct stage *it) {
    it->watcher.facts.open_others = 1;
    it->watcher.facts.open_node = C;
}
static void two_open(struct stage *it) {
    it->watcher.facts.open_others = 2;
}
static void c_ahead(struct stage *it) {
    it->watcher.facts.ahead_node = C;
}
static void a_job(struct stage *it) {
    it->watcher.facts.any_job = true;
}
static void recalled(struct stage *it) {
    it->watcher.recalled = true;
}
static void maintenance(struct stage *it) {
    it->watcher.state.maintenance = true;
}
static void cooling(struct stage *it) {
    it->watcher.cooling_until_ms = NOW_MS + 1;
}
static void switchover_failed(struct stage *it) {
    cooling(it);
    it->watcher.cooling_of = ACT_SWITCHOVER;
}
static void at_work(struct stage *it) {
    (void)it;
    idle = false;
}
static void not_seen_since(struct stage *it) {
    it->seen[C]->kicks = 4;
    it->watcher.acted_kicks[C] = 5;
}

static void job_of_b(struct stage *it, enum job_phase phase) {
    it->watcher.state.job_count = 1;
    it->watcher.state.jobs[0].phase = phase;
    (void)text_copy(it->watcher.state.jobs[0].node, sizeof it->watcher.state.jobs[0].node, "b");
}

// flag, situation, whether it holds, a name, what is different
#define ROWS(X)                                                                                                       \
    X(LEADER, nothing, true, leads, )                                                                                 \
    X(LEADER, nothing, false, another_one_leads, it->watcher.leads = false)                                           \
    X(BUSY, nothing, false, nothing_is_under_way, )                                                                   \
    X(BUSY, at_work, true, an_action_is, )                                                                            \
    X(BUSY, not_seen_since, true, a_node_was_not_seen_since, )                                                        \
    X(BUSY, not_seen_since, false, it_was, it->seen[C]->kicks = 5)                                                    \
    X(BUSY, not_seen_since, false, it_does_not_answer, it->seen[C]->outcome = PROBE_REFUSED)                          \
    X(BUSY, not_seen_since, false, it_was_never_seen, it->watcher.observations[C] = NULL)                             \
    X(SETTLED, nothing, true, all_seen, )                                                                             \
    X(SETTLED, nothing, false, one_not_seen_yet, it->watcher.facts.settled = false)                                   \
    X(SETTLED, nothing, true, no_record_for_long, it->watcher.record_read = false)                                    \
    X(SETTLED, nothing, false, record_not_read_yet, it->watcher.record_read = false;                                  \
      it->watcher.started_ms = NOW_MS - 5000)                                                                         \
    X(MAINTENANCE, maintenance, true, maintenance_on, )                                                               \
    X(MAINTENANCE, nothing, false, maintenance_off, )                                                                 \
    X(LIMIT, two_failovers, true, limit_reached, )                                                                    \
    X(LIMIT, two_failovers, false, one_more_is_allowed, it->settings.failover_limit = 3)                              \
    X(LIMIT, two_failovers, false, they_are_too_far_apart, it->settings.failover_limit_ms = 599999)                   \
    X(LIMIT, two_failovers, true, it_stays_reached, it->watcher.now_wall_ms += 1000000000)                            \
    X(COOLING, cooling, true, just_failed, )                                                                          \
    X(COOLING, cooling, false, cooled, it->watcher.now_ms += 1)                                                       \
    X(COOLING, switchover_failed, true, it_is_tried_again_later, it->watcher.facts.view = PRIMARY_OPEN)               \
    X(COOLING, switchover_failed, false, the_primary_died, it->watcher.facts.view = PRIMARY_DEAD)                     \
    X(COOLING, switchover_failed, false, it_went_silent, it->watcher.facts.view = PRIMARY_SILENT)                     \
    X(COOLING, switchover_failed, false, it_shuts_down, it->watcher.facts.view = PRIMARY_CLOSING)                     \
    X(COOLING, cooling, true, a_promotion_rests_all_the_same, it->watcher.cooling_of = ACT_PROMOTE;                   \
      it->watcher.facts.view = PRIMARY_DEAD)                                                                          \
    X(ALL_STREAMING, nothing, true, all_stream, )                                                                     \
    X(ALL_STREAMING, nothing, false, one_does_not, it->watcher.facts.all_streaming = false)                           \
    X(ANY_JOB, a_job, true, job_on, )                                                                                 \
    X(ANY_JOB, nothing, false, no_job, )                                                                              \
    X(OPEN_OTHER, one_open, true, one_other_open, )                                                                   \
    X(OPEN_OTHER, two_open, false, two_are_not_one, )                                                                 \
    X(OPEN_OTHER, nothing, false, none_open, )                                                                        \
    X(OPEN_MANY, two_open, true, two_others_open, )                                                                   \
    X(OPEN_MANY, one_open, false, one_is_not_many, )                                                                  \
    X(RECALLED, recalled, true, only_rows_know, )                                                                     \
    X(RECALLED, nothing, false, the_record_knows, )                                                                   \
    X(BEHIND, c_ahead, true, c_holds_more, )                                                                          \
    X(BEHIND, nothing, false, nobody_holds_more, )                                                                    \
    X(INTENT, c_half_opened, true, failover_half_way, )                                                               \
    X(INTENT, c_half_opened, false, of_another_kind, it->watcher.intent_act = ACT_SWITCHOVER)                         \
    X(INTENT, c_half_opened, false, long_ago, it->watcher.now_ms += 1)                                                \
    X(INTENT, nothing, false, nothing_half_way, )                                                                     \
    X(UNCERTAIN, c_half_opened, true, c_may_be_open, )                                                                \
    X(UNCERTAIN, c_half_opened, true, so_it_may_much_later, it->watcher.now_ms += 1000000)                            \
    X(UNCERTAIN, c_half_opened, true, after_a_switchover_too, it->watcher.intent_act = ACT_SWITCHOVER)                \
    X(UNCERTAIN, c_half_opened, false, it_has_told, it->watcher.facts.nodes[C].told = true)                         \
    X(UNCERTAIN, c_half_opened, false, it_never_got_that_far, it->watcher.intent_harmless = true)                     \
    X(UNCERTAIN, c_half_opened, false, it_is_the_primary, it->watcher.facts.primary = C)                              \
    X(UNCERTAIN, nothing, false, nobody_was_being_opened, )                                                           \
    X(OUTLIVED, a_outlived, true, old_one_still_open, )                                                               \
    X(OUTLIVED, a_outlived, false, it_is_closed, it->watcher.facts.open_others = 0)                                   \
    X(OUTLIVED, a_outlived, false, another_is_open, it->watcher.facts.open_node = B)                                  \
    X(OUTLIVED, a_outlived, false, more_are_open, it->watcher.facts.open_others = 2)                                  \
    X(OUTLIVED, a_outlived, false, the_new_one_is_not_recorded, it->watcher.facts.primary = B)                        \
    X(OUTLIVED, a_outlived, false, it_was_a_switchover, it->watcher.intent_act = ACT_SWITCHOVER)                      \
    X(OUTLIVED, a_outlived, false, it_replaced_nobody, it->watcher.intent_old = -1; it->watcher.facts.open_node = -1) \
    X(YOUNG, just_started, true, primary_not_seen_yet, )                                                              \
    X(YOUNG, just_started, true, no_primary_known, it->watcher.facts.primary = -1)                                    \
    X(YOUNG, just_started, false, primary_seen, it->watcher.memory.nodes[A].ok_ms = NOW_MS - 100)                     \
    X(YOUNG, just_started, false, a_minute_old, it->watcher.started_ms -= 1)                                          \
    X(FAILBACK_DUE, nothing, true, b_gets_its_place_back, )                                                           \
    X(FAILBACK_DUE, nothing, false, failback_by_hand, it->settings.failback_auto = false)                             \
    X(FAILBACK_DUE, nothing, false, nobody_preferred, it->settings.preferred[0] = '\0')                               \
    X(FAILBACK_DUE, nothing, false, it_is_primary, it->watcher.facts.primary = B)                                     \
    X(FAILBACK_DUE, nothing, false, no_primary, it->watcher.facts.primary = -1)                                       \
    X(FAILBACK_DUE, nothing, false, primary_never_seen, it->watcher.observations[A] = NULL)                           \
    X(FAILBACK_DUE, nothing, false, somebody_asked_for_a, it->seen[A]->epoch_rule = RULE_SWITCHOVER)                  \
    X(FAILBACK_DUE, nothing, false, not_steady_yet, it->watcher.facts.nodes[B].steady_ms = STEADY_MS - 1)             \
    X(FAILBACK_DUE, nothing, false, b_diverged, it->watcher.facts.nodes[B].diverged = 1)                              \
    X(FAILBACK_DUE, nothing, false, b_may_hold_others, it->watcher.facts.nodes[B].doubted = true)                     \
    X(TARGET_READY, asked_for_b, true, b_streams, )                                                                   \
    X(TARGET_READY, asked_for_b, false, b_does_not_stream, it->watcher.facts.nodes[B].standing = STANDING_ADRIFT)     \
    X(TARGET_READY, asked_for_b, false, b_is_doubted, it->watcher.facts.nodes[B].doubted = true)                      \
    X(TARGET_READY, asked_for_b, false, b_lags, it->watcher.facts.nodes[B].lag_ms = 5000)                             \
    X(TARGET_READY, nothing, false, nobody_asks, it->watcher.asked.target = B)                                        \
    X(TARGET_READY, asked_for_b, false, asked_for_nobody, it->watcher.asked.target = -1)                              \
    X(TARGET_FIT, asked_for_b, true, b_can_be_insisted_on, )                                                          \
    X(TARGET_FIT, asked_for_b, true, b_itself_is_open, one_open(it); it->watcher.facts.open_node = B)                 \
    X(TARGET_FIT, asked_for_b, false, another_takes_writes, one_open(it))                                             \
    X(TARGET_FIT, asked_for_b, false, several_take_writes, two_open(it); it->watcher.facts.open_node = B)             \
    X(TARGET_FIT, asked_for_b, false, b_holds_half_a_copy, it->seen[B]->half_rebuilt = true)                          \
    X(TARGET_FIT, asked_for_b, false, b_did_not_answer, it->seen[B]->outcome = PROBE_TIMEOUT)                         \
    X(TARGET_FIT, asked_for_b, false, b_was_never_seen, it->watcher.observations[B] = NULL)                           \
    X(TARGET_FIT, asked_for_b, false, b_is_away, it->watcher.facts.nodes[B].reach = REACH_SILENT)                     \
    X(TARGET_FIT, asked_for_b, false, b_is_empty, gtid_free(it->seen[B]->executed);                                   \
      it->seen[B]->executed = gtid_parse("", NULL))                                                                   \
    X(TARGET_FIT, asked_for_b, true, b_counts_no_gtids, gtid_free(it->seen[B]->executed);                             \
      it->seen[B]->executed = gtid_parse("", NULL); it->seen[B]->gtid_on = false)                                     \
    X(TARGET_FIT, asked_for_b, false, a_job_waits, job_of_b(it, JOB_QUEUED))                                          \
    X(TARGET_FIT, asked_for_b, false, a_job_runs, job_of_b(it, JOB_RUNNING))                                          \
    X(TARGET_FIT, asked_for_b, true, its_job_is_over, job_of_b(it, JOB_DONE))                                         \
    X(ASK_SWITCHOVER, asked_for_b, true, what_is_asked_is_told, )

#define CHANGE(flag, situation, holds, name, change) \
    static void change_##name(struct stage *it) {    \
        (void)it;                                    \
        change;                                      \
    }
ROWS(CHANGE)
#undef CHANGE

static const struct row {
    unsigned flag;
    void (*situation)(struct stage *it);
    bool holds;
    const char *name;
    void (*change)(struct stage *it);
} rows[] = {
#define ROW(flag, situation, holds, name, change) {FLAG_##flag, situation, holds, #name, change_##name},
    ROWS(ROW)
#undef ROW
};

static void each_holds_when_it_should(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stage *it = set();
        rows[i].situation(it);
        rows[i].change(it);
        assert_row(rows[i].name, ((flags_now(&it->watcher) & rows[i].flag) != 0) == rows[i].holds);
        clear(it);
    }
}

static void the_newest_failovers_are_remembered(void **state) {
    (void)state;
    struct stage *it = set();
    for (int i = 0; i < 3; i++) {
        remember_failover(&it->watcher);
        it->watcher.now_wall_ms++;
    }
    assert_string_equal(it->watcher.state.failovers, "10000002,10000001");  // as many as the limit
    assert_true((flags_now(&it->watcher) & FLAG_LIMIT) != 0);
    clear(it);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_holds_when_it_should),
        cmocka_unit_test(the_newest_failovers_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
