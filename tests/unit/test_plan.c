#include "resync/plan.h"

#include "unit.h"

// Everything in order: a node that was away for a while. A row adds facts to these, and takes some away.
#define GOOD                                                                                                  \
    .recipient_gtid = true, .source_gtid = true, .donor = true, .recipient_clone = true, .donor_clone = true, \
    .same_series = true, .same_platform = true, .same_layout = true
#define UNFIT GOOD, .diverged = 1, .failed[RUNG_REWIND] = true
#define NOT(fact) (offsetof(struct plan_facts, fact) + 1)

static const struct row {
    const char *name;
    struct plan_facts facts;
    size_t without[2];
    enum job_rung taken;
    int rule;            // of the rung taken, or of the last refusal if none is
    int catchup, clone; // rules that refused these two; 0: not refused
} rows[] = {
    {"nothing to copy", {GOOD}, {0}, RUNG_CATCHUP, 19, 0, 0},
    {"diverged", {GOOD, .diverged = 3}, {0}, RUNG_REWIND, 28, 14, 0},
    {"diverged, no way back", {GOOD, .diverged = 3, .failed[RUNG_REWIND] = true}, {0}, RUNG_CLONE, 40, 14, 0},
    {"diverged, binlogs gone", {GOOD, .diverged = 3, .binlogs_purged = true}, {0}, RUNG_CLONE, 40, 14, 0},
    {"diverged, half a copy", {GOOD, .diverged = 3, .rebuild_marked = true}, {0}, RUNG_CLONE, 40, 13, 0},
    {"half a rewind",
     {GOOD, .diverged = 3, .rebuild_marked = true, .rewind_begun = true},
     {0},
     RUNG_REWIND,
     28,
     13,
     0},
    {"undone, not finished", {GOOD, .rebuild_marked = true, .rewind_begun = true}, {0}, RUNG_REWIND, 28, 13, 0},
    {"binlogs gone", {GOOD, .binlogs_purged = true}, {0}, RUNG_CLONE, 40, 16, 0},
    {"half a copy", {GOOD, .rebuild_marked = true}, {0}, RUNG_CLONE, 40, 13, 0},
    {"tables without history", {GOOD, .history_unknown = true}, {0}, RUNG_CLONE, 40, 15, 0},
    {"somebody else's data",
     {GOOD, .history_unknown = true, .foreign = true},
     {0},
     RUNG_AUTO,
     49,
     15,
     29},
    {"somebody else's data, accepted",
     {GOOD, .history_unknown = true, .foreign = true, .method = RUNG_CLONE},
     {0},
     RUNG_CLONE,
     40,
     10,
     0},
    {"a person was not asked", {UNFIT, .ask_first = true}, {0}, RUNG_AUTO, 55, 14, 43},
    {"not asked, nor needed: nothing diverged", {GOOD, .ask_first = true}, {0}, RUNG_CATCHUP, 19, 0, 0},
    {"not asked, nor needed: rows are undone", {GOOD, .ask_first = true, .diverged = 3}, {0}, RUNG_REWIND, 28, 14, 0},
    {"a person said clone", {UNFIT, .ask_first = true, .method = RUNG_CLONE}, {0}, RUNG_CLONE, 40, 10, 0},
    {"a person said dump", {UNFIT, .ask_first = true, .method = RUNG_DUMP}, {0}, RUNG_DUMP, 54, 10, 30},
    {"catch-up failed", {GOOD, .failed[RUNG_CATCHUP] = true}, {0}, RUNG_CLONE, 40, 17, 0},
    {"no plugin here", {UNFIT}, {NOT(recipient_clone)}, RUNG_DUMP, 54, 14, 33},
    {"no plugin there", {UNFIT}, {NOT(donor_clone)}, RUNG_DUMP, 54, 14, 34},
    {"other series", {UNFIT}, {NOT(same_series)}, RUNG_DUMP, 54, 14, 35},
    {"other platform", {UNFIT}, {NOT(same_platform)}, RUNG_DUMP, 54, 14, 36},
    {"other layout", {UNFIT}, {NOT(same_layout)}, RUNG_DUMP, 54, 14, 37},
    {"small packets", {UNFIT, .packet_too_small = true}, {0}, RUNG_DUMP, 54, 14, 38},
    {"a donor by an IPv6 address", {UNFIT, .donor_v6 = true}, {0}, RUNG_DUMP, 54, 14, 42},
    {"names with a backquote", {UNFIT, .names_break_clone = true}, {0}, RUNG_DUMP, 54, 14, 41},
    {"no donor", {UNFIT}, {NOT(donor)}, RUNG_DUMP, 54, 14, 32},
    {"clone failed", {UNFIT, .failed[RUNG_CLONE] = true}, {0}, RUNG_DUMP, 54, 14, 39},
    {"all failed",
     {UNFIT, .failed[RUNG_CLONE] = true, .failed[RUNG_DUMP] = true},
     {0},
     RUNG_AUTO,
     53,
     14,
     39},
    {"no GTIDs", {GOOD}, {NOT(recipient_gtid), NOT(source_gtid)}, RUNG_DUMP, 54, 12, 31},
    {"GTIDs on one side", {GOOD}, {NOT(recipient_gtid)}, RUNG_AUTO, 52, 12, 31},
    {"older server", {GOOD, .recipient_older = true}, {NOT(same_series)}, RUNG_AUTO, 51, 11, 35},
    {"asked: catch-up", {GOOD, .method = RUNG_CATCHUP}, {0}, RUNG_CATCHUP, 19, 0, 0},
    {"asked: catch-up, diverged", {GOOD, .method = RUNG_CATCHUP, .diverged = 1}, {0}, RUNG_AUTO, 50, 14, 30},
    {"asked: rewind", {GOOD, .method = RUNG_REWIND, .diverged = 1}, {0}, RUNG_REWIND, 28, 10, 0},
    {"asked: rewind, nothing to undo", {GOOD, .method = RUNG_REWIND}, {0}, RUNG_AUTO, 50, 10, 30},
    {"asked: clone", {GOOD, .method = RUNG_CLONE}, {0}, RUNG_CLONE, 40, 10, 0},
    {"asked: clone, impossible", {GOOD, .method = RUNG_CLONE}, {NOT(donor_clone)}, RUNG_AUTO, 50, 10, 34},
    {"asked: dump", {GOOD, .method = RUNG_DUMP}, {0}, RUNG_DUMP, 54, 10, 30},
};

static struct plan plan_of(const struct row *row) {
    struct plan_facts facts = row->facts;
    for (size_t i = 0; i < COUNT_OF(row->without); i++) {
        if (row->without[i] > 0) {
            *(bool *)((char *)&facts + row->without[i] - 1) = false;
        }
    }
    return plan_choose(&facts);
}

static int refused_by(const struct plan *plan, enum job_rung rung) {
    for (unsigned i = 0; i < plan->refused_count; i++) {
        if (plan->refused[i].rung == rung) {
            return plan->refused[i].rule;
        }
    }
    return 0;
}

static void choices(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        struct plan plan = plan_of(row);
        int rule = plan.taken.rung != RUNG_AUTO ? plan.taken.rule : plan.refused[plan.refused_count - 1].rule;
        assert_row(row->name, plan.taken.rung == row->taken);
        assert_row(row->name, rule == row->rule);
        assert_row(row->name, refused_by(&plan, RUNG_CATCHUP) == row->catchup);
        assert_row(row->name, refused_by(&plan, RUNG_CLONE) == row->clone);
    }
}

// Every combination of the yes-and-no facts: the promises that hold whatever is true.
static void sweep(void **state) {
    (void)state;
    for (unsigned bits = 0; bits < 1U << 18; bits++) {
        for (enum job_rung method = RUNG_AUTO; method < JOB_RUNG_COUNT; method++) {
#define FACT(i) ((bits >> (i) & 1) != 0)
            struct plan_facts facts = {.method = method,
                                       .recipient_gtid = FACT(0),
                                       .source_gtid = FACT(1),
                                       .recipient_older = FACT(2),
                                       .diverged = FACT(3) ? 2 : 0,
                                       .rebuild_marked = FACT(4),
                                       .history_unknown = FACT(5),
                                       .binlogs_purged = FACT(6),
                                       .donor = FACT(7),
                                       .recipient_clone = FACT(8),
                                       .donor_clone = FACT(9),
                                       .same_series = FACT(10),
                                       .same_platform = FACT(11),
                                       .same_layout = FACT(12),
                                       .packet_too_small = FACT(13),
                                       .failed[RUNG_CLONE] = FACT(14),
                                       .rewind_begun = FACT(15),
                                       .failed[RUNG_REWIND] = FACT(16),
                                       .names_break_clone = FACT(17)};
#undef FACT
            struct plan plan = plan_choose(&facts);
            // Data that diverged is never mixed with the primary's, nor half a copy taken for a whole one.
            bool unsound = facts.diverged > 0 || facts.rebuild_marked || facts.history_unknown || facts.binlogs_purged;
            assert_false(plan.taken.rung == RUNG_CATCHUP && unsound);
            // What is undone must be known to be all that is wrong.
            bool half_copied = facts.rebuild_marked && !facts.rewind_begun;
            assert_false(plan.taken.rung == RUNG_REWIND &&
                         (half_copied || facts.binlogs_purged || !facts.recipient_gtid || facts.recipient_older));
            assert_false(facts.recipient_older && (plan.taken.rung == RUNG_CATCHUP || plan.taken.rung == RUNG_DUMP));
            assert_true(method == RUNG_AUTO || plan.taken.rung == RUNG_AUTO || plan.taken.rung == method);
            assert_false(plan.taken.rung == RUNG_CLONE && (facts.failed[RUNG_CLONE] || !facts.donor_clone || facts.names_break_clone));
            // Each rung above the taken one is refused once, in order, with a reason.
            unsigned above = plan.taken.rung == RUNG_AUTO ? 4 : (unsigned)plan.taken.rung - 1;
            assert_int_equal(plan.refused_count, above);
            for (unsigned i = 0; i < plan.refused_count; i++) {
                assert_int_equal(plan.refused[i].rung, i + 1);
                assert_int_not_equal(plan.refused[i].why, MSG_NONE);
            }
        }
    }
}

// No rule is dead.
static void every_rule_is_reached(void **state) {
    (void)state;
    struct plan_step rule;
    for (unsigned i = 0; plan_rule(i, &rule); i++) {
        bool reached = false;
        for (size_t k = 0; k < COUNT_OF(rows) && !reached; k++) {
            struct plan plan = plan_of(&rows[k]);
            reached = plan.taken.rule == rule.rule;
            for (unsigned r = 0; r < plan.refused_count; r++) {
                reached |= plan.refused[r].rule == rule.rule;
            }
        }
        assert_row(msg_name(rule.why), reached);
    }
}

static void versions(void **state) {
    (void)state;
    assert_true(plan_same_series("9.7.1-commercial", "9.7.0"));
    assert_false(plan_same_series("9.7.1", "9.6.1"));
    assert_false(plan_same_series("8.4.1", "9.4.1"));
    assert_false(plan_same_series("", ""));
    assert_false(plan_same_series("nine", "nine"));
    assert_true(plan_older_series("8.4.10", "9.0.1"));
    assert_false(plan_older_series("9.7.1", "9.7.4"));
    assert_false(plan_older_series("9.10.0", "9.7.0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(choices), cmocka_unit_test(sweep),
                                       cmocka_unit_test(every_rule_is_reached), cmocka_unit_test(versions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
