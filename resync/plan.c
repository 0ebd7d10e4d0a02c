#include "resync/plan.h"

#include <stdlib.h>

typedef bool refuses_fn(const struct plan_facts *facts);

#define REFUSES(name, expression)                  \
    static bool name(const struct plan_facts *f) { \
        return expression;                         \
    }
REFUSES(asked_other_catchup, f->method != RUNG_AUTO && f->method != RUNG_CATCHUP)
REFUSES(asked_other_rewind, f->method != RUNG_AUTO && f->method != RUNG_REWIND)
REFUSES(asked_other_clone, f->method != RUNG_AUTO && f->method != RUNG_CLONE)
REFUSES(asked_other_dump, f->method != RUNG_AUTO && f->method != RUNG_DUMP)
REFUSES(older, f->recipient_older)
REFUSES(no_gtid, !f->recipient_gtid || !f->source_gtid)
REFUSES(mixed_gtid, f->recipient_gtid != f->source_gtid)
REFUSES(marked, f->rebuild_marked)
REFUSES(diverged, f->diverged > 0)
REFUSES(unknown_history, f->history_unknown)
REFUSES(foreign_unasked, f->foreign && f->method == RUNG_AUTO)
REFUSES(purged, f->binlogs_purged)
REFUSES(catchup_failed, f->failed[RUNG_CATCHUP])
REFUSES(nothing_diverged, f->diverged == 0 && !f->rewind_begun)
REFUSES(marked_by_copy, f->rebuild_marked && !f->rewind_begun)
REFUSES(rewind_failed, f->failed[RUNG_REWIND])
REFUSES(clone_failed, f->failed[RUNG_CLONE])
REFUSES(no_donor, !f->donor)
REFUSES(no_plugin_here, !f->recipient_clone)
REFUSES(no_plugin_there, !f->donor_clone)
REFUSES(other_series, !f->same_series)
REFUSES(other_platform, !f->same_platform)
REFUSES(other_layout, !f->same_layout)
REFUSES(small_packet, f->packet_too_small)
REFUSES(odd_names, f->names_break_clone)
REFUSES(donor_v6, f->donor_v6)
REFUSES(ask_first, f->ask_first && f->method == RUNG_AUTO)
REFUSES(dump_failed, f->failed[RUNG_DUMP])
#undef REFUSES

// First match refuses the rung. A rung that no rule refuses is taken, with the rule that has no condition.
static const struct rule {
    int number;
    enum job_rung rung;
    refuses_fn *refuses;  // NULL: taken
    enum msg why;
} rules[] = {
    {10, RUNG_CATCHUP, asked_other_catchup, MSG_PLAN_NOT_ASKED},
    {11, RUNG_CATCHUP, older, MSG_PLAN_OLDER},
    {12, RUNG_CATCHUP, no_gtid, MSG_PLAN_NO_GTID},
    {13, RUNG_CATCHUP, marked, MSG_PLAN_MARKED},
    {14, RUNG_CATCHUP, diverged, MSG_PLAN_DIVERGED},
    {15, RUNG_CATCHUP, unknown_history, MSG_PLAN_HISTORY_UNKNOWN},
    {16, RUNG_CATCHUP, purged, MSG_PLAN_PURGED},
    {17, RUNG_CATCHUP, catchup_failed, MSG_PLAN_FAILED_ALREADY},
    {19, RUNG_CATCHUP, NULL, MSG_PLAN_CATCHUP},

    {20, RUNG_REWIND, asked_other_rewind, MSG_PLAN_NOT_ASKED},
    {21, RUNG_REWIND, older, MSG_PLAN_OLDER},
    {22, RUNG_REWIND, no_gtid, MSG_PLAN_NO_GTID},
    {23, RUNG_REWIND, nothing_diverged, MSG_PLAN_NOTHING_TO_REWIND},
    {24, RUNG_REWIND, marked_by_copy, MSG_PLAN_MARKED},
    {25, RUNG_REWIND, purged, MSG_PLAN_PURGED},
    {26, RUNG_REWIND, rewind_failed, MSG_PLAN_FAILED_ALREADY},
    {28, RUNG_REWIND, NULL, MSG_PLAN_REWIND},

    {30, RUNG_CLONE, asked_other_clone, MSG_PLAN_NOT_ASKED},
    {29, RUNG_CLONE, foreign_unasked, MSG_PLAN_FOREIGN},
    {31, RUNG_CLONE, no_gtid, MSG_PLAN_NO_GTID},
    {32, RUNG_CLONE, no_donor, MSG_PLAN_NO_DONOR},
    {33, RUNG_CLONE, no_plugin_here, MSG_PLAN_NO_PLUGIN_HERE},
    {34, RUNG_CLONE, no_plugin_there, MSG_PLAN_NO_PLUGIN_THERE},
    {35, RUNG_CLONE, other_series, MSG_PLAN_OTHER_SERIES},
    {36, RUNG_CLONE, other_platform, MSG_PLAN_OTHER_PLATFORM},
    {37, RUNG_CLONE, other_layout, MSG_PLAN_OTHER_LAYOUT},
    {38, RUNG_CLONE, small_packet, MSG_PLAN_SMALL_PACKET},
    {42, RUNG_CLONE, donor_v6, MSG_PLAN_DONOR_V6},
    {41, RUNG_CLONE, odd_names, MSG_PLAN_ODD_NAMES},
    {39, RUNG_CLONE, clone_failed, MSG_PLAN_FAILED_ALREADY},
    {43, RUNG_CLONE, ask_first, MSG_PLAN_ASK_FIRST},
    {40, RUNG_CLONE, NULL, MSG_PLAN_CLONE},

    {50, RUNG_DUMP, asked_other_dump, MSG_PLAN_NOT_ASKED},
    {49, RUNG_DUMP, foreign_unasked, MSG_PLAN_FOREIGN},
    {51, RUNG_DUMP, older, MSG_PLAN_OLDER},
    {52, RUNG_DUMP, mixed_gtid, MSG_PLAN_MIXED_GTID},
    {53, RUNG_DUMP, dump_failed, MSG_PLAN_FAILED_ALREADY},
    {55, RUNG_DUMP, ask_first, MSG_PLAN_ASK_FIRST},
    {54, RUNG_DUMP, NULL, MSG_PLAN_DUMP},
};
enum { RULE_COUNT = sizeof rules / sizeof rules[0] };

struct plan plan_choose(const struct plan_facts *facts) {
    struct plan plan = {0};
    enum job_rung settled = RUNG_AUTO;  // the rung that was refused last: its other rules do not matter
    for (unsigned i = 0; i < RULE_COUNT; i++) {
        const struct rule *rule = &rules[i];
        if (rule->rung == settled || (rule->refuses && !rule->refuses(facts))) {
            continue;
        }
        struct plan_step step = {.rung = rule->rung, .rule = rule->number, .why = rule->why};
        if (!rule->refuses) {
            plan.taken = step;
            return plan;
        }
        plan.refused[plan.refused_count++] = step;
        settled = rule->rung;
    }
    return plan;
}

bool plan_rule(unsigned i, struct plan_step *ret) {
    if (i >= RULE_COUNT) {
        return false;
    }
    *ret = (struct plan_step){.rung = rules[i].rung, .rule = rules[i].number, .why = rules[i].why};
    return true;
}

// 9.7.1 → 9007. Text that is no version is series 0, which equals no other.
static long series(const char *version) {
    char *end = NULL;
    long major = strtol(version, &end, 10);
    if (end == version || *end != '.') {
        return 0;
    }
    const char *rest = end + 1;
    long minor = strtol(rest, &end, 10);
    return end == rest ? 0 : major * 1000 + minor;
}

bool plan_same_series(const char *version_a, const char *version_b) {
    return series(version_a) != 0 && series(version_a) == series(version_b);
}

bool plan_older_series(const char *version, const char *than) {
    return series(version) < series(than);
}
