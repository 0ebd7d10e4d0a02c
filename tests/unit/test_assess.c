// What assess makes of one observation after the other: reach, the primary's view.
#include "cluster.h"

#define ALL UUID_A ":1-10"

// --- reach ---

static enum reach reach_after(enum probe_outcome outcome, bool heard_before) {
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    if (heard_before) {
        (void)cluster_healthy(&it);
        it.now_ms += 100;
    }
    struct observation *seen = cluster_see(&it, NODE_B, outcome);
    if (outcome == PROBE_OK) {
        cluster_gtids(seen, ALL, "");
    }
    return cluster_judge(&it).nodes[NODE_B].reach;
}

static void every_outcome_has_its_weight(void **state) {
    (void)state;
    static const struct {
        enum probe_outcome outcome;
        enum reach heard_before, never_heard;
    } rows[] = {
        {PROBE_OK, REACH_UP, REACH_UP},
        {PROBE_REFUSED, REACH_DEAD, REACH_DEAD},
        {PROBE_GONE, REACH_DEAD, REACH_DEAD},
        {PROBE_UNREACHABLE, REACH_MISSED, REACH_UNSEEN},
        {PROBE_TIMEOUT, REACH_MISSED, REACH_UNSEEN},
        {PROBE_LOST, REACH_MISSED, REACH_UNSEEN},
        {PROBE_CLOSING, REACH_MISSED, REACH_UNSEEN},
        {PROBE_NONE, REACH_MISSED, REACH_UNSEEN},
        {PROBE_OVERLOADED, REACH_ALIVE, REACH_ALIVE},
        {PROBE_DENIED, REACH_ALIVE, REACH_ALIVE},
        {PROBE_UNFIT, REACH_ALIVE, REACH_ALIVE},
        {PROBE_STARTING, REACH_ALIVE, REACH_ALIVE},
        {PROBE_ERROR, REACH_ALIVE, REACH_ALIVE},
    };
    assert_int_equal(COUNT_OF(rows), PROBE_OUTCOME_COUNT);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *name = probe_outcome_name(rows[i].outcome);
        assert_row_text(name, reach_name(reach_after(rows[i].outcome, true)), reach_name(rows[i].heard_before));
        assert_row_text(name, reach_name(reach_after(rows[i].outcome, false)), reach_name(rows[i].never_heard));
    }
}

static void silence_begins_at_the_limit(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    it.now_ms = CLUSTER_T0 + CLUSTER_SILENT_MS / 2;
    (void)cluster_see(&it, NODE_A, PROBE_TIMEOUT);
    (void)cluster_judge(&it);
    it.now_ms = CLUSTER_T0 + CLUSTER_SILENT_MS - 1;
    (void)cluster_see(&it, NODE_A, PROBE_TIMEOUT);
    assert_int_equal(cluster_judge(&it).nodes[NODE_A].reach, REACH_MISSED);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_MISSED);
    it.now_ms++;
    assert_int_equal(cluster_judge(&it).nodes[NODE_A].reach, REACH_SILENT);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_SILENT);
}

// A prober that hangs delivers nothing: the old answer must not count for ever; but it did not ask.
static void an_old_answer_is_no_answer(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    it.now_ms += CLUSTER_SILENT_MS - 1;
    assert_int_equal(cluster_judge(&it).nodes[NODE_A].reach, REACH_UP);
    it.now_ms++;
    assert_int_equal(cluster_judge(&it).nodes[NODE_A].reach, REACH_MISSED);
}

// We were frozen, or starved: for as long as nobody was asked, nobody was silent.
static void silence_counts_while_we_ask(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    it.now_ms += 2 * CLUSTER_SILENT_MS;  // no probe in between
    (void)cluster_see(&it, NODE_A, PROBE_TIMEOUT);
    assert_int_equal(cluster_judge(&it).nodes[NODE_A].reach, REACH_MISSED);
    for (int64_t until_ms = it.now_ms + CLUSTER_SILENT_MS - 100; it.now_ms < until_ms;) {
        it.now_ms += 100;
        (void)cluster_see(&it, NODE_A, PROBE_TIMEOUT);
        assert_int_equal(cluster_judge(&it).view, PRIMARY_MISSED);
    }
    it.now_ms += 100;
    (void)cluster_see(&it, NODE_A, PROBE_TIMEOUT);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_SILENT);
    struct observation *late = cluster_see(&it, NODE_A, PROBE_TIMEOUT);
    late->began_ms = it.now_ms - ASKING_GAP_MS - 1;  // one probe that took that long is a gap too
    assert_int_equal(cluster_judge(&it).view, PRIMARY_MISSED);
}

// It was said before we froze.
static void a_refusal_that_comes_late_is_none(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    it.now_ms += ASKING_GAP_MS + 1;
    struct observation *late = cluster_see(&it, NODE_A, PROBE_REFUSED);
    late->began_ms = CLUSTER_T0;
    assert_int_equal(cluster_judge(&it).view, PRIMARY_MISSED);
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_DEAD);
}

static void a_node_never_heard_is_given_the_same_time(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].reach, REACH_UNSEEN);
    assert_false(cluster_judge(&it).settled);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_UNSEEN);
    it.now_ms += CLUSTER_SILENT_MS - 1;
    (void)cluster_see(&it, NODE_B, PROBE_TIMEOUT);
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].reach, REACH_UNSEEN);
    assert_false(cluster_judge(&it).settled);
    it.now_ms++;
    assert_int_equal(cluster_judge(&it).nodes[NODE_A].reach, REACH_SILENT);  // no observation at all
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].reach, REACH_SILENT);  // a timeout, and never an answer
    assert_true(cluster_judge(&it).settled);
}

static void one_refusal_counts_until_it_answers(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_DEAD);
    (void)cluster_see(&it, NODE_A, PROBE_TIMEOUT);  // a host that is going down: first its port, then its network
    assert_int_equal(cluster_judge(&it).view, PRIMARY_DEAD);
    (void)cluster_see(&it, NODE_A, PROBE_STARTING);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_ALIVE);
    (void)cluster_see(&it, NODE_A, PROBE_TIMEOUT);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_MISSED);
    (void)cluster_see(&it, NODE_A, PROBE_GONE);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_DEAD);
    (void)cluster_serves(&it, NODE_A, ALL);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_OPEN);
    (void)cluster_see(&it, NODE_A, PROBE_TIMEOUT);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_MISSED);
}

static void answers_of_any_kind_break_the_silence(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    for (int i = 0; i < 100; i++) {  // too many connections, for ten seconds
        it.now_ms += 100;
        (void)cluster_see(&it, NODE_A, PROBE_OVERLOADED);
        assert_int_equal(cluster_judge(&it).view, PRIMARY_ALIVE);
    }
    it.now_ms += CLUSTER_SILENT_MS - 1;
    (void)cluster_see(&it, NODE_A, PROBE_TIMEOUT);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_MISSED);
}

static void what_was_seen_counts_once(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    (void)cluster_judge(&it);
    int64_t hard_ms = it.memory.nodes[NODE_A].hard_ms;
    it.now_ms += 500;
    (void)cluster_judge(&it);                       // the same observation
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);  // another one
    (void)cluster_judge(&it);
    assert_int_equal(it.memory.nodes[NODE_A].hard_ms, hard_ms);
}

// --- the primary's view ---

static void shutting_down_is_told_from_dying(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    (void)cluster_see(&it, NODE_A, PROBE_CLOSING);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_MISSED);  // it may still let commits finish
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_CLOSING);
    (void)cluster_serves(&it, NODE_A, ALL);
    (void)cluster_judge(&it);
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_DEAD);
}

// The refusal may be all that is read: it came before the last word was looked at, and carries it.
static void a_refusal_carries_the_last_word(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    struct observation *refused = cluster_see(&it, NODE_A, PROBE_REFUSED);
    refused->closing_ms = refused->at_ms;
    assert_int_equal(cluster_judge(&it).view, PRIMARY_CLOSING);
}

// What a server said before its restart says nothing about how it ends the next time.
static void a_new_life_forgets_the_last_words(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    (void)cluster_see(&it, NODE_A, PROBE_CLOSING);
    (void)cluster_judge(&it);
    (void)cluster_see(&it, NODE_A, PROBE_OVERLOADED);
    (void)cluster_judge(&it);
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_DEAD);
}

// It may be about to stop: opened, it would be recorded that it acknowledges alone.
static void a_primary_that_has_just_closed_is_not_yet_one_that_is_closed(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    (void)cluster_fenced(&it, NODE_A, ALL);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_SHUT);
    it.now_ms += SHUT_PATIENCE_MS - 1;
    assert_int_equal(cluster_judge(&it).view, PRIMARY_SHUT);
    it.now_ms += 1;
    assert_int_equal(cluster_judge(&it).view, PRIMARY_CLOSED);
}

static void a_primary_that_was_gone_and_came_back_is_closed(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    (void)cluster_judge(&it);
    (void)cluster_fenced(&it, NODE_A, ALL);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_CLOSED);
}

static void an_open_primary_is_the_recorded_server(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    assert_int_equal(cluster_healthy(&it).view, PRIMARY_OPEN);
    it.now_ms += SHUT_PATIENCE_MS;
    (void)cluster_fenced(&it, NODE_A, ALL);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_CLOSED);
    it.seen[NODE_A]->half_rebuilt = true;
    assert_int_equal(cluster_judge(&it).view, PRIMARY_HALF);
    struct observation *other = cluster_serves(&it, NODE_A, ALL);
    (void)text_copy(other->uuid, sizeof other->uuid, UUID_C);
    assert_int_equal(cluster_judge(&it).view, PRIMARY_IMPOSTOR);
    *it.state.primary = '\0';
    assert_int_equal(cluster_judge(&it).view, PRIMARY_NONE);
    assert_int_equal(cluster_judge(&it).primary, -1);
    (void)text_copy(it.state.primary, sizeof it.state.primary, "not-configured");
    assert_int_equal(cluster_judge(&it).view, PRIMARY_FOREIGN);  // somebody serves that we cannot see: elect nobody
}

static int ahead(const char *held, const char *received, const char *executed, bool open) {
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    it.now_ms += SHUT_PATIENCE_MS;
    struct observation *primary = open ? cluster_serves(&it, NODE_A, held) : cluster_fenced(&it, NODE_A, held);
    (void)primary;
    cluster_gtids(cluster_follows(&it, NODE_B, THREAD_CONNECTING, executed), executed, received);
    return cluster_judge(&it).ahead_node;
}

// A restored backup: opened, it would make other transactions of the numbers that b holds.
static void a_primary_that_lost_its_own_transactions_is_told(void **state) {
    (void)state;
    assert_int_equal(ahead(UUID_A ":1-8", "", ALL, false), NODE_B);
    assert_int_equal(ahead(UUID_A ":1-8", UUID_A ":9", UUID_A ":1-8", false), NODE_B);  // received, not applied
    assert_int_equal(ahead(ALL, "", ALL, false), -1);
    assert_int_equal(ahead(ALL, "", UUID_A ":1-8", false), -1);        // it made more, which is the rule
    assert_int_equal(ahead(ALL, "", ALL "," UUID_B ":1", false), -1);  // b's own errand
    assert_int_equal(ahead(UUID_A ":1-8", "", ALL, true), -1);         // open: it made more since it was asked
}

static void every_value_has_a_name(void **state) {
    (void)state;
#define X(id, name) assert_string_equal(WORD(id), name);
#define WORD(id) reach_name(id)
    REACHES(X)
#undef WORD
#define WORD(id) witness_name(id)
    WITNESSES(X)
#undef WORD
#define WORD(id) candidate_name(id)
    CANDIDATES(X)
#undef WORD
#define WORD(id) primary_view_name(id)
    PRIMARY_VIEWS(X)
#undef WORD
#define WORD(id) election_name(id)
    ELECTIONS(X)
#undef WORD
#define WORD(id) standing_name(id)
    STANDINGS(X)
#undef WORD
#undef X
    assert_string_equal(reach_name(REACH_COUNT), "?");
    assert_string_equal(witness_name(WITNESS_COUNT), "?");
    assert_string_equal(candidate_name(CANDIDATE_COUNT), "?");
    assert_string_equal(primary_view_name(PRIMARY_VIEW_COUNT), "?");
    assert_string_equal(election_name(ELECTION_COUNT), "?");
    assert_string_equal(standing_name(STANDING_COUNT), "?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_outcome_has_its_weight),
        cmocka_unit_test(silence_begins_at_the_limit),
        cmocka_unit_test(an_old_answer_is_no_answer),
        cmocka_unit_test(silence_counts_while_we_ask),
        cmocka_unit_test(a_refusal_that_comes_late_is_none),
        cmocka_unit_test(a_node_never_heard_is_given_the_same_time),
        cmocka_unit_test(one_refusal_counts_until_it_answers),
        cmocka_unit_test(answers_of_any_kind_break_the_silence),
        cmocka_unit_test(what_was_seen_counts_once),
        cmocka_unit_test(shutting_down_is_told_from_dying),
        cmocka_unit_test(a_refusal_carries_the_last_word),
        cmocka_unit_test(a_new_life_forgets_the_last_words),
        cmocka_unit_test(a_primary_that_has_just_closed_is_not_yet_one_that_is_closed),
        cmocka_unit_test(a_primary_that_was_gone_and_came_back_is_closed),
        cmocka_unit_test(an_open_primary_is_the_recorded_server),
        cmocka_unit_test(a_primary_that_lost_its_own_transactions_is_told),
        cmocka_unit_test(every_value_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
