// Every situation that the policy can meet, and what may never be decided in it.
#include "policy_situation.h"

static bool gone(enum primary_view view) {
    return view == PRIMARY_DEAD || view == PRIMARY_SILENT || view == PRIMARY_CLOSING;
}

static bool lost_for_all(const struct situation *at) {
    return at->view == PRIMARY_CLOSING ? at->witness == WITNESS_LOST || at->witness == WITNESS_STREAMS
                                       : gone(at->view) && at->witness == WITNESS_LOST;
}

// When a promotion is right, said once more and independently of the table.
static bool may_promote(const struct situation *at, enum target target) {
    unsigned flags = at->flags;
    bool answers = at->view == PRIMARY_OPEN || at->view == PRIMARY_ALIVE;
    if (target == TARGET_ASKED) {
        return (flags & FLAG_ASK_FORCE) && (flags & FLAG_TARGET_FIT) && !answers;
    }
    if (target != TARGET_CANDIDATE || !gone(at->view) || at->candidate != CANDIDATE_READY || (flags & FLAG_UNCERTAIN)) {
        return false;
    }
    if ((flags & FLAG_ASK_FAILOVER) && at->witness == WITNESS_LOST) {
        return true;
    }
    bool heard = at->witness == WITNESS_STREAMS && at->view != PRIMARY_CLOSING;
    bool resumes = (flags & FLAG_INTENT) && !heard && at->witness != WITNESS_UNSURE;
    return !(flags & (FLAG_MAINTENANCE | FLAG_LIMIT | FLAG_COOLING)) && (lost_for_all(at) || resumes);
}

static const char *wrong_act(const struct situation *at, const struct decision *got) {
    unsigned flags = at->flags;
    bool asked = flags & (FLAG_ASK_SWITCHOVER | FLAG_ASK_FAILOVER | FLAG_ASK_FORCE);
    bool stuck = got->act == ACT_UNSYNC && at->sync == SYNC_STUCK;  // it hangs, and nobody else is promoted
    bool others = flags & (FLAG_OPEN_OTHER | FLAG_OPEN_MANY);
    if (got->act == ACT_NONE) {
        return NULL;
    }
    if ((flags & LEADS) != LEADS || (flags & FLAG_BUSY) || ((flags & FLAG_MAINTENANCE) && !asked && !stuck)) {
        return "acts though it must not";
    }
    switch (got->act) {
        case ACT_PROMOTE:
            return may_promote(at, got->target) ? NULL : "promotes without proof";
        case ACT_SWITCHOVER:
            return at->view != PRIMARY_OPEN ? "switches over without a primary"
                   : (flags & FLAG_ASK_SWITCHOVER) && (flags & FLAG_TARGET_READY) && got->target == TARGET_ASKED ? NULL
                   : (flags & FLAG_FAILBACK_DUE) && !(flags & (FLAG_COOLING | FLAG_ANY_JOB | FLAG_MAINTENANCE)) &&
                           got->target == TARGET_PREFERRED
                       ? NULL
                       : "switches over for no reason";
        case ACT_REOPEN:
            return at->view == PRIMARY_CLOSED && !others &&
                           !(flags &
                             (FLAG_UNCERTAIN | FLAG_RECALLED | FLAG_COOLING | FLAG_MAINTENANCE | FLAG_BEHIND)) &&
                           got->target == TARGET_PRIMARY
                       ? NULL
                       : "reopens a primary that may have been replaced";
        case ACT_ELECT:
            return at->view == PRIMARY_NONE && at->election == ELECTION_READY && !others &&
                           !(flags & (FLAG_COOLING | FLAG_MAINTENANCE | FLAG_HELD)) && got->target == TARGET_ELECTED
                       ? NULL
                       : "elects without having heard all";
        case ACT_ADOPT:
            return at->view == PRIMARY_NONE && at->election != ELECTION_HALF && (flags & FLAG_OPEN_OTHER) &&
                           !(flags & (FLAG_OPEN_MANY | FLAG_MAINTENANCE | FLAG_HELD)) && got->target == TARGET_OPEN
                       ? NULL
                       : "adopts one of several";
        case ACT_SYNC:
            return at->view == PRIMARY_OPEN && (at->sync == SYNC_DUE || at->sync == SYNC_LOOSE) &&
                           got->target == TARGET_PRIMARY
                       ? NULL
                       : "waits for acknowledgements that nobody gives";
        case ACT_UNSYNC:
            return at->view == PRIMARY_OPEN &&
                           ((at->sync == SYNC_STUCK && !(flags & FLAG_UNCERTAIN)) || at->sync == SYNC_LEFT) &&
                           got->target == TARGET_PRIMARY
                       ? NULL
                       : "lets a primary go on alone that need not";
        case ACT_NONE:
        case ACT_FENCE:
        case ACT_SUIT:
        case ACT_FORGET:
        case ACT_RESTORE:
        case ACT_RESYNC:
        case ACT_ALARM:
        case ACT_COUNT:
            break;
    }
    return "does what is done about nodes";
}

static const char *wrong_phase(const struct situation *at, const struct decision *got) {
    bool writable = got->phase == PHASE_DEGRADED || got->phase == PHASE_RESYNC || got->phase == PHASE_NORMAL;
    if ((at->flags & LEADS) != LEADS || (at->flags & FLAG_BUSY)) {
        return NULL;
    }
    if (writable && at->view != PRIMARY_OPEN && got->act != ACT_ADOPT) {
        return "says that it serves";
    }
    bool stays = got->act == ACT_SYNC || got->act == ACT_UNSYNC;  // whatever is said of the cluster
    if (got->phase == PHASE_NORMAL && !stays && !(at->flags & FLAG_ALL_STREAMING)) {
        return "says that all is well";
    }
    if ((got->phase == PHASE_FAILOVER) != (got->act == ACT_PROMOTE) ||
        (got->phase == PHASE_SWITCHOVER) != (got->act == ACT_SWITCHOVER)) {
        return "does not say what it does";
    }
    return NULL;
}

static void check(const struct situation *at) {
    struct decision got = decide(at);
    const char *wrong = got.rule == 0           ? "has no answer"
                        : got.why == MSG_NONE   ? "gives no reason"
                        : wrong_act(at, &got)   ? wrong_act(at, &got)
                        : wrong_phase(at, &got) ? wrong_phase(at, &got)
                                                : NULL;
    if (wrong) {
        fail_msg("rule %d %s: primary %s, witness %s, candidate %s, election %s, flags 0x%x", got.rule, wrong,
                 primary_view_name(at->view), witness_name(at->witness), candidate_name(at->candidate),
                 election_name(at->election), at->flags);
    }
}

// Every view with what can be known beside it.
static void each_view(unsigned flags) {
    for (struct situation at = {.view = 0, .flags = flags}; at.view < PRIMARY_VIEW_COUNT; at.view++) {
        for (at.election = 0; at.election < (at.view == PRIMARY_NONE ? ELECTION_COUNT : 1); at.election++) {
            for (at.witness = 0; at.witness < (at.view == PRIMARY_NONE ? 1 : WITNESS_COUNT); at.witness++) {
                for (at.candidate = 0; at.candidate < (at.view == PRIMARY_NONE ? 1 : CANDIDATE_COUNT); at.candidate++) {
                    check(&at);
                }
            }
        }
    }
    // Without an open primary there is nothing to be in step with.
    for (struct situation at = {.view = PRIMARY_OPEN, .witness = WITNESS_STREAMS, .flags = flags}; at.sync < SYNC_COUNT;
         at.sync++) {
        check(&at);
    }
}

static const unsigned asks[] = {0, FLAG_ASK_SWITCHOVER, FLAG_ASK_FAILOVER, FLAG_ASK_FORCE};
static const unsigned opens[] = {0, FLAG_OPEN_OTHER, FLAG_OPEN_MANY, FLAG_OPEN_OTHER | FLAG_OUTLIVED, FLAG_BEHIND};
static const unsigned singles[] = {FLAG_MAINTENANCE, FLAG_LIMIT,        FLAG_COOLING,   FLAG_ALL_STREAMING,
                                   FLAG_ANY_JOB,     FLAG_INTENT,       FLAG_UNCERTAIN, FLAG_FAILBACK_DUE,
                                   FLAG_TARGET_FIT,  FLAG_TARGET_READY, FLAG_BUSY,      FLAG_LEADER,
                                   FLAG_SETTLED,     FLAG_YOUNG,        FLAG_RECALLED};

static void nothing_is_decided_that_may_not_be(void **state) {
    (void)state;
    unsigned known = 0;
    for (size_t i = 0; i < COUNT_OF(singles); i++) {
        known |= singles[i];
    }
    assert_int_equal(known | asks[1] | asks[2] | asks[3] | opens[2] | opens[3] | FLAG_HELD, ((1u << 21) - 1) | FLAG_HELD);  // none left out
    size_t free_flags = COUNT_OF(singles) - 3;
    for (unsigned chosen = 0; chosen < 1u << free_flags; chosen++) {
        unsigned flags = 0;
        for (size_t i = 0; i < free_flags; i++) {
            flags |= chosen & 1u << i ? singles[i] : 0;
        }
        for (size_t i = 0; i < COUNT_OF(asks) * COUNT_OF(opens); i++) {
            unsigned all = flags | asks[i % COUNT_OF(asks)] | opens[i / COUNT_OF(asks)];
            each_view(all | LEADS);
            struct situation held = {PRIMARY_NONE, 0, 0, i % 2 ? ELECTION_READY : ELECTION_WAITING, all | LEADS | FLAG_HELD, 0};
            check(&held);
        }
    }
}

// The three that stop everything: whoever does not lead, is busy or has not looked yet does nothing at all.
static void nothing_is_done_by_whoever_may_not(void **state) {
    (void)state;
    for (unsigned chosen = 0; chosen < 1u << COUNT_OF(singles); chosen++) {
        unsigned flags = 0;
        for (size_t i = 0; i < COUNT_OF(singles); i++) {
            flags |= chosen & 1u << i ? singles[i] : 0;
        }
        if ((flags & LEADS) == LEADS && !(flags & FLAG_BUSY)) {
            continue;
        }
        for (size_t i = 0; i < COUNT_OF(asks); i++) {
            struct situation at = {PRIMARY_DEAD, WITNESS_LOST, CANDIDATE_READY, ELECTION_READY, flags | asks[i], 0};
            check(&at);
            at.view = i % 2 ? PRIMARY_OPEN : PRIMARY_NONE;
            check(&at);
            at.view = PRIMARY_CLOSED;
            check(&at);
        }
    }
}

// Semi-sync settings: a node's receiver is started anew for them, which no failover may meet.
static void check_fit(enum standing standing, enum fit fit, enum primary_view view, unsigned flags) {
    struct decision got = decide_fit(standing, fit, view, flags, SYNC_NONE);
    bool quiet = !(flags & FLAG_LEADER) || (flags & (FLAG_BUSY | FLAG_MAINTENANCE | FLAG_COOLING));
    bool suits = fit == FIT_WRONG && view == PRIMARY_OPEN && !quiet;
    bool suited = fit == FIT_WRONG && view == PRIMARY_OPEN && !(flags & FLAG_COOLING);
    bool errs = standing == STANDING_ERRANT && view == PRIMARY_OPEN && !suited;
    bool alarms = (fit == FIT_ABSENT || standing == STANDING_TWIN || errs) && (flags & FLAG_LEADER) &&
                  !(flags & (FLAG_BUSY | FLAG_MAINTENANCE));
    if ((got.act == ACT_SUIT && !suits) || (got.act == ACT_ALARM) != alarms) {
        fail_msg("rule %d: %s a node that is %s and %s, primary %s, flags 0x%x", got.rule, act_name(got.act),
                 standing_name(standing), fit_name(fit), primary_view_name(view), flags);
    }
    bool first = standing == STANDING_ADRIFT || standing == STANDING_STREAMING || standing == STANDING_RETRYING;
    if (suits && first && got.act != ACT_SUIT) {
        fail_msg("rule %d: %s a node whose semi-sync settings are wrong", got.rule, act_name(got.act));
    }
}

// Lossless mode: while another node may reign, nobody begins to acknowledge to this one.
static void nobody_is_made_to_acknowledge_beside_a_rival(void **state) {
    (void)state;
    static const unsigned rivals[] = {FLAG_UNCERTAIN, FLAG_RECALLED, FLAG_UNCERTAIN | FLAG_RECALLED};
    for (size_t i = 0; i < COUNT_OF(rivals); i++) {
        for (int n = 0; n < SYNC_COUNT * STANDING_COUNT * FIT_COUNT; n++) {
            enum sync_view sync = (enum sync_view)(n % SYNC_COUNT);
            bool lossless = sync != SYNC_NONE && sync != SYNC_LEFT;
            struct decision got =
                decide_fit((enum standing)(n / SYNC_COUNT % STANDING_COUNT),
                           (enum fit)(n / SYNC_COUNT / STANDING_COUNT), PRIMARY_OPEN, LEADS | rivals[i], sync);
            if (lossless && (got.act == ACT_RESYNC || got.act == ACT_SUIT)) {
                fail_msg("rule %d: %s, flags 0x%x, sync %s", got.rule, act_name(got.act), rivals[i],
                         sync_view_name(sync));
            }
        }
        for (unsigned sets = 0; sets < 1u << 22; sets += 7) {
            struct situation at = {PRIMARY_OPEN, 0, 0, 0, sets | rivals[i], SYNC_STUCK};
            struct decision got = decide(&at);
            if (got.act == ACT_UNSYNC) {
                fail_msg("rule %d lets the primary go on alone, flags 0x%x", got.rule, at.flags);
            }
        }
    }
}

// A row of a reign is written on the primary alone, while it is open and nobody else may reign, by the one who leads.
static void a_reign_is_written_again_only_where_it_goes_on(void **state) {
    (void)state;
    static const unsigned stops[] = {FLAG_LEADER,  FLAG_BUSY,      FLAG_MAINTENANCE,
                                     FLAG_COOLING, FLAG_UNCERTAIN, FLAG_RECALLED};
    for (unsigned n = 0; n < (1u << COUNT_OF(stops)) * PRIMARY_VIEW_COUNT * STANDING_COUNT * SYNC_COUNT * ROWS_VIEW_COUNT;
         n++) {
        unsigned flags = FLAG_SETTLED, rest = n >> COUNT_OF(stops);
        for (size_t i = 0; i < COUNT_OF(stops); i++) {
            flags |= n & 1u << i ? stops[i] : 0;
        }
        enum primary_view view = (enum primary_view)(rest % PRIMARY_VIEW_COUNT);
        enum standing standing = (enum standing)(rest / PRIMARY_VIEW_COUNT % STANDING_COUNT);
        enum sync_view sync = (enum sync_view)(rest / PRIMARY_VIEW_COUNT / STANDING_COUNT % SYNC_COUNT);
        enum rows_view rows = (enum rows_view)(rest / PRIMARY_VIEW_COUNT / STANDING_COUNT / SYNC_COUNT);
        struct decision got = decide_rows(standing, FIT_NONE, view, flags, sync, rows);
        bool may = view == PRIMARY_OPEN && standing == STANDING_PRIMARY && sync != SYNC_STUCK && rows == ROWS_LOST &&
                   flags == LEADS;
        bool quiet = !(flags & FLAG_LEADER) || (flags & (FLAG_BUSY | FLAG_MAINTENANCE));
        bool told = !quiet && standing == STANDING_PRIMARY && rows > ROWS_KEPT;
        if ((got.act == ACT_RESTORE) != may || (told && got.act != ACT_RESTORE && got.act != ACT_ALARM)) {
            fail_msg("rule %d: %s the row, primary %s, node %s, sync %s, rows %s, flags 0x%x", got.rule, act_name(got.act),
                     primary_view_name(view), standing_name(standing), sync_view_name(sync), rows_view_name(rows), flags);
        }
    }
}

static void nodes_are_repaired_only_when_that_is_safe(void **state) {
    (void)state;
    static const unsigned stops[] = {FLAG_LEADER, FLAG_BUSY, FLAG_MAINTENANCE, FLAG_COOLING};
    for (unsigned chosen = 0; chosen < 1u << COUNT_OF(stops); chosen++) {
        unsigned flags = FLAG_SETTLED;
        for (size_t i = 0; i < COUNT_OF(stops); i++) {
            flags |= chosen & 1u << i ? stops[i] : 0;
        }
        for (enum primary_view view = 0; view < PRIMARY_VIEW_COUNT; view++) {
            for (enum standing standing = 0; standing < STANDING_COUNT; standing++) {
                struct decision got = decide_node(standing, view, flags);
                bool quiet = !(flags & FLAG_LEADER) || (flags & (FLAG_BUSY | FLAG_MAINTENANCE));
                bool certain = view != PRIMARY_CLOSED && view != PRIMARY_NONE && view != PRIMARY_IMPOSTOR &&
                               view != PRIMARY_UNSEEN && view != PRIMARY_HALF && view != PRIMARY_SHUT;
                for (enum fit fit = FIT_NONE; fit < FIT_COUNT; fit++) {
                    check_fit(standing, fit, view, flags);
                }
                bool right = got.act == ACT_NONE    ? true
                             : quiet                ? false
                             : got.act == ACT_ALARM ? standing == STANDING_TWIN || (standing == STANDING_ERRANT && view == PRIMARY_OPEN)
                             : flags & FLAG_COOLING ? false
                             : got.act == ACT_FENCE ? (standing == STANDING_OPEN && certain) ||
                                                          (standing == STANDING_LOOSE && view == PRIMARY_OPEN)
                             : got.act == ACT_FORGET ? standing == STANDING_TIED && view == PRIMARY_OPEN
                             : got.act == ACT_RESYNC
                                 ? (standing == STANDING_ADRIFT || standing == STANDING_FORKED) && view == PRIMARY_OPEN
                                 : false;
                if (!right) {
                    fail_msg("rule %d: %s a node that is %s, primary %s, flags 0x%x", got.rule, act_name(got.act),
                             standing_name(standing), primary_view_name(view), flags);
                }
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_decided_that_may_not_be),
        cmocka_unit_test(nothing_is_done_by_whoever_may_not),
        cmocka_unit_test(nobody_is_made_to_acknowledge_beside_a_rival),
        cmocka_unit_test(a_reign_is_written_again_only_where_it_goes_on),
        cmocka_unit_test(nodes_are_repaired_only_when_that_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
