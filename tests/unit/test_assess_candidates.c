// What assess makes of the nodes: who could take over, who could begin.
#include "cluster.h"

#define ALL UUID_A ":1-10"
#define MORE UUID_A ":1-12"
#define ERRANT UUID_A ":1-10," UUID_B ":1"

// --- candidates ---

static void a_dies(struct cluster *it) {
    (void)cluster_healthy(it);
    it->now_ms += 100;
    (void)cluster_see(it, NODE_A, PROBE_REFUSED);
    for (int i = 1; i < it->count; i++) {
        (void)cluster_follows(it, i, THREAD_CONNECTING, ALL);
    }
}

static void assert_candidate(struct cluster *it, enum candidate wanted, int node) {
    struct facts facts = cluster_judge(it);
    assert_string_equal(candidate_name(facts.candidate), candidate_name(wanted));
    assert_int_equal(facts.candidate_node, node);
}

static void whoever_covers_all_others_is_the_candidate(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(3);
    a_dies(&it);
    assert_candidate(&it, CANDIDATE_READY, NODE_B);  // equal: the first
    (void)cluster_follows(&it, NODE_C, THREAD_CONNECTING, MORE);
    assert_candidate(&it, CANDIDATE_READY, NODE_C);
    cluster_gtids(cluster_follows(&it, NODE_B, THREAD_CONNECTING, ALL), ALL, MORE);  // received, not applied
    assert_candidate(&it, CANDIDATE_READY, NODE_B);
    cluster_gtids(cluster_follows(&it, NODE_B, THREAD_CONNECTING, ALL), ALL, UUID_A ":11-13");
    assert_candidate(&it, CANDIDATE_READY, NODE_B);  // the set of what is in the relay log is not cumulative
    (void)cluster_follows(&it, NODE_B, THREAD_CONNECTING, ERRANT);
    assert_candidate(&it, CANDIDATE_DIVERGED, -1);
    it.now_ms += CLUSTER_SILENT_MS;  // only those that answer can be compared
    (void)cluster_follows(&it, NODE_C, THREAD_CONNECTING, MORE);
    assert_candidate(&it, CANDIDATE_READY, NODE_C);
    (void)cluster_see(&it, NODE_B, PROBE_TIMEOUT);
    assert_candidate(&it, CANDIDATE_READY, NODE_C);
}

static void a_node_being_rebuilt_is_neither_candidate_nor_measure(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(3);
    a_dies(&it);
    (void)cluster_follows(&it, NODE_B, THREAD_CONNECTING, ERRANT);
    (void)cluster_follows(&it, NODE_C, THREAD_CONNECTING, MORE);
    cluster_job(&it, NODE_B, JOB_RUNNING);
    assert_candidate(&it, CANDIDATE_READY, NODE_C);
    it.state.jobs[0].phase = JOB_QUEUED;
    assert_candidate(&it, CANDIDATE_READY, NODE_C);
    it.state.jobs[0].phase = JOB_DONE;
    assert_candidate(&it, CANDIDATE_DIVERGED, -1);
}

// Each way in which b, otherwise perfect, cannot take over.
static void what_rules_a_candidate_out(void **state) {
    (void)state;
    enum {
        OPEN,
        GTID_OFF,
        JOB,
        HALF,
        EMPTY,
        SAME_SERVER,
        OTHER_SOURCE,
        NO_SOURCE,
        STOPPED,
        AWAY,
        ALIVE,
        UNHEARD,
        WAYS
    };
    for (int way = -1; way < WAYS; way++) {
        AUTO_CLUSTER struct cluster it = cluster_of(2);
        a_dies(&it);
        struct observation *b = it.seen[NODE_B];
        switch (way) {
            case OPEN:
                b->read_only = b->super_read_only = false;
                break;
            case GTID_OFF:
                b->gtid_on = false;
                break;
            case JOB:
                cluster_job(&it, NODE_B, JOB_RUNNING);
                break;
            case HALF:  // Redis has forgotten the job, or its worker is dead
                b->half_rebuilt = true;
                it.intent = NODE_B;
                break;
            case EMPTY:
                cluster_gtids(b, "", MORE);  // a fresh node that has received everything and applied nothing
                break;
            case SAME_SERVER:
                (void)text_copy(b->uuid, sizeof b->uuid, UUID_A);
                break;
            case OTHER_SOURCE:
                (void)text_copy(b->source_uuid, sizeof b->source_uuid, UUID_C);
                break;
            case NO_SOURCE:
                b->receiver = THREAD_ABSENT;
                break;
            case STOPPED:
                b->receiver = THREAD_OFF;
                break;
            case AWAY:
                (void)cluster_see(&it, NODE_B, PROBE_TIMEOUT);
                break;
            case ALIVE:
                (void)cluster_see(&it, NODE_B, PROBE_OVERLOADED);
                break;
            case UNHEARD:  // its last answer was fine, but that was long ago
                it.now_ms += CLUSTER_SILENT_MS;
                break;
            default:  // nothing wrong: the rows above prove something
                assert_candidate(&it, CANDIDATE_READY, NODE_B);
                continue;
        }
        struct facts facts = cluster_judge(&it);
        if (facts.candidate != CANDIDATE_NONE) {
            fail_msg("way %d: %s", way, candidate_name(facts.candidate));
        }
        assert_int_equal(facts.candidate_node, -1);
    }
}

static void the_primary_itself_is_no_candidate(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    // a came back as a replica of itself, say: a copy of b's configuration. Its uuid is another one by now.
    struct observation *a = cluster_follows(&it, NODE_A, THREAD_ON, ALL);
    (void)text_copy(a->uuid, sizeof a->uuid, UUID_C);
    (void)cluster_see(&it, NODE_B, PROBE_TIMEOUT);
    assert_candidate(&it, CANDIDATE_NONE, -1);
}

static void nobody_recorded_nobody_to_replace(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    a_dies(&it);
    *it.state.primary = '\0';
    assert_candidate(&it, CANDIDATE_NONE, -1);
}

static void a_broken_applier_is_said_and_not_preferred(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(3);
    a_dies(&it);
    it.seen[NODE_B]->applier_errno = 1062;
    assert_candidate(&it, CANDIDATE_READY, NODE_C);
    it.preferred = "b";
    assert_candidate(&it, CANDIDATE_READY, NODE_C);
    it.seen[NODE_C]->applier_errno = 1062;
    assert_candidate(&it, CANDIDATE_BROKEN, NODE_B);
}

static void a_stream_that_ended_long_before_is_stale(void **state) {
    (void)state;
    static const struct {
        int64_t gap_ms;
        enum candidate wanted;
    } rows[] = {{100, CANDIDATE_READY}, {STREAM_STALE_MS, CANDIDATE_READY}, {STREAM_STALE_MS + 1, CANDIDATE_STALE}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_CLUSTER struct cluster it = cluster_of(2);
        (void)cluster_healthy(&it);
        it.now_ms += rows[i].gap_ms;
        (void)cluster_serves(&it, NODE_A, MORE);  // goes on alone
        (void)cluster_follows(&it, NODE_B, THREAD_CONNECTING, ALL);
        (void)cluster_judge(&it);
        (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
        assert_candidate(&it, rows[i].wanted, NODE_B);
        it.now_ms += 3600 * 1000;  // how long ago the primary died does not matter
        (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
        (void)cluster_follows(&it, NODE_B, THREAD_CONNECTING, ALL);
        assert_candidate(&it, rows[i].wanted, NODE_B);
    }
    AUTO_CLUSTER struct cluster it = cluster_of(2);  // nobody saw it stream, ever
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    (void)cluster_follows(&it, NODE_B, THREAD_CONNECTING, ALL);
    assert_candidate(&it, CANDIDATE_STALE, NODE_B);
}

static void who_never_heard_of_the_reign_is_stale(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    it.state.epoch = 3;
    a_dies(&it);
    assert_candidate(&it, CANDIDATE_READY, NODE_B);
    it.state.epoch = 4; // reopened, and lost before that was heard of: it continued its own numbers
    assert_candidate(&it, CANDIDATE_READY, NODE_B);
    it.state.epoch = 6; // somebody else may have reigned
    assert_candidate(&it, CANDIDATE_STALE, NODE_B);
    it.state.epoch = 7;
    assert_candidate(&it, CANDIDATE_STALE, NODE_B);
    it.seen[NODE_B]->epoch = 6;
    assert_candidate(&it, CANDIDATE_READY, NODE_B);
    (void)text_copy(it.state.primary_uuid, sizeof it.state.primary_uuid, UUID_C); // somebody else does
    (void)text_copy(it.seen[NODE_B]->source_uuid, sizeof it.seen[NODE_B]->source_uuid, UUID_C);
    it.state.epoch = 8;
    it.memory.nodes[NODE_B].streamed_ms = it.now_ms;
    assert_candidate(&it, CANDIDATE_STALE, NODE_B);
    it.seen[NODE_B]->epoch = 8;
    assert_candidate(&it, CANDIDATE_READY, NODE_B);
    it.memory.reign_epoch = 0; // a watcher that has just started
    assert_candidate(&it, CANDIDATE_READY, NODE_B);
    it.seen[NODE_B]->epoch = 7;
    assert_candidate(&it, CANDIDATE_STALE, NODE_B);
    it.intent = NODE_B; // its opening was refused for that
    assert_candidate(&it, CANDIDATE_STALE, NODE_B);
    it.intent = -1;
    cluster_gtids(it.seen[NODE_B], ALL, MORE);  // the row may be among what it has yet to apply
    assert_candidate(&it, CANDIDATE_READY, NODE_B);
    cluster_gtids(it.seen[NODE_B], ALL, UUID_A ":8-10");
    assert_candidate(&it, CANDIDATE_STALE, NODE_B);
    it.seen[NODE_B]->relevo_known = false;  // it will be asked when it is opened
    assert_candidate(&it, CANDIDATE_READY, NODE_B);
}

static void one_with_other_transactions_vetoes_nobody(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(3);
    (void)cluster_healthy(&it);
    for (int i = 0; i < 2; i++) { // c holds more, but under numbers that a gave to others
        it.now_ms += FORK_PATIENCE_MS;
        cluster_serves(&it, NODE_A, ALL)->reigns = 11;
        (void)cluster_follows(&it, NODE_B, THREAD_ON, ALL);
        it.seen[NODE_B]->reigns = 11;
        cluster_follows(&it, NODE_C, THREAD_ON, MORE)->reigns = 10;
        (void)cluster_judge(&it);
    }
    assert_true(cluster_judge(&it).nodes[NODE_C].doubted);
    assert_false(cluster_judge(&it).nodes[NODE_B].doubted);
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    assert_candidate(&it, CANDIDATE_READY, NODE_B);
}

static void the_preferred_breaks_ties_only(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(3);
    a_dies(&it);
    it.preferred = "c";
    assert_candidate(&it, CANDIDATE_READY, NODE_C);
    it.preferred = "b";
    assert_candidate(&it, CANDIDATE_READY, NODE_B);
    (void)cluster_follows(&it, NODE_C, THREAD_CONNECTING, MORE);
    assert_candidate(&it, CANDIDATE_READY, NODE_C);  // it holds more
}

static void one_that_differs_comes_after_all_others(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(3);
    a_dies(&it);
    it.differing = 1u << NODE_B;
    assert_candidate(&it, CANDIDATE_READY, NODE_C);
    it.preferred = "b";
    assert_candidate(&it, CANDIDATE_READY, NODE_C);
    it.differing = 1u << NODE_B | 1u << NODE_C;
    assert_candidate(&it, CANDIDATE_READY, NODE_B);
    it.differing = 1u << NODE_B;
    it.intent = NODE_B;  // half of it is done
    assert_candidate(&it, CANDIDATE_READY, NODE_B);
    it.intent = -1;
    (void)cluster_see(&it, NODE_C, PROBE_TIMEOUT);
    assert_candidate(&it, CANDIDATE_READY, NODE_B);  // rather than nobody
}

static void an_unfinished_failover_goes_on_with_its_node(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(3);
    a_dies(&it);
    for (int node = NODE_B; node <= NODE_C; node++) {
        it.intent = node;
        assert_candidate(&it, CANDIDATE_READY, node);
        it.preferred = node == NODE_B ? "c" : "b";
        assert_candidate(&it, CANDIDATE_READY, node);
    }
    // Its receiver was stopped by the action itself, or its source forgotten, and nobody remembers that it streamed.
    it.intent = NODE_C;
    it.memory = (struct memory){0};
    it.seen[NODE_C]->receiver = THREAD_OFF;
    assert_candidate(&it, CANDIDATE_READY, NODE_C);
    it.seen[NODE_C]->receiver = THREAD_ABSENT;
    assert_candidate(&it, CANDIDATE_READY, NODE_C);
    it.seen[NODE_C]->applier_errno = 1062;
    it.intent = NODE_C;
    (void)cluster_see(&it, NODE_B, PROBE_TIMEOUT);
    assert_candidate(&it, CANDIDATE_BROKEN, NODE_C);
    (void)cluster_see(&it, NODE_C, PROBE_TIMEOUT);
    assert_candidate(&it, CANDIDATE_NONE, -1);
}

// --- election ---

static void assert_election(struct cluster *it, enum election wanted, int node) {
    struct facts facts = cluster_judge(it);
    assert_string_equal(election_name(facts.election), election_name(wanted));
    assert_int_equal(facts.election_node, node);
}

static void an_election_waits_for_every_node(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(3);
    *it.state.primary = *it.state.primary_uuid = '\0';
    assert_election(&it, ELECTION_NONE, -1);
    (void)cluster_fenced(&it, NODE_A, ALL);
    (void)cluster_fenced(&it, NODE_B, "");
    assert_election(&it, ELECTION_WAITING, -1);
    (void)cluster_see(&it, NODE_C, PROBE_OVERLOADED);
    assert_election(&it, ELECTION_WAITING, -1);
    (void)cluster_see(&it, NODE_C, PROBE_REFUSED);  // dead, yet it may hold more
    assert_election(&it, ELECTION_WAITING, -1);
    (void)cluster_fenced(&it, NODE_C, "");
    assert_election(&it, ELECTION_READY, NODE_A);
    (void)cluster_fenced(&it, NODE_C, MORE);
    assert_election(&it, ELECTION_READY, NODE_C);
    (void)cluster_fenced(&it, NODE_B, MORE);
    assert_election(&it, ELECTION_READY, NODE_B);  // equal: the first
    (void)cluster_fenced(&it, NODE_B, ERRANT);
    assert_election(&it, ELECTION_DIVERGED, -1);
}

static void half_a_copy_is_not_elected(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    *it.state.primary = *it.state.primary_uuid = '\0';
    cluster_fenced(&it, NODE_A, ALL)->half_rebuilt = true;
    (void)cluster_fenced(&it, NODE_B, ALL);
    assert_election(&it, ELECTION_READY, NODE_B);  // the first but for its mark
    cluster_fenced(&it, NODE_A, MORE)->half_rebuilt = true;
    assert_election(&it, ELECTION_HALF, -1);  // what only it holds may be the truth, or not
    (void)cluster_fenced(&it, NODE_A, MORE);
    assert_election(&it, ELECTION_READY, NODE_A);
    cluster_serves(&it, NODE_A, MORE)->half_rebuilt = true;  // opened by hand: not to be adopted
    assert_election(&it, ELECTION_HALF, -1);
    (void)cluster_see(&it, NODE_B, PROBE_REFUSED);
    assert_election(&it, ELECTION_HALF, -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_covers_all_others_is_the_candidate),
        cmocka_unit_test(half_a_copy_is_not_elected),
        cmocka_unit_test(a_node_being_rebuilt_is_neither_candidate_nor_measure),
        cmocka_unit_test(what_rules_a_candidate_out),
        cmocka_unit_test(the_primary_itself_is_no_candidate),
        cmocka_unit_test(nobody_recorded_nobody_to_replace),
        cmocka_unit_test(a_broken_applier_is_said_and_not_preferred),
        cmocka_unit_test(a_stream_that_ended_long_before_is_stale),
        cmocka_unit_test(who_never_heard_of_the_reign_is_stale),
        cmocka_unit_test(one_with_other_transactions_vetoes_nobody),
        cmocka_unit_test(the_preferred_breaks_ties_only),
        cmocka_unit_test(one_that_differs_comes_after_all_others),
        cmocka_unit_test(an_unfinished_failover_goes_on_with_its_node),
        cmocka_unit_test(an_election_waits_for_every_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
