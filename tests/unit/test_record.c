// What outlives the watcher: who is on record as primary, and what the state hash knew of the streams.
#include "cluster.h"

#define ALL UUID_A ":1-10"

static void row(struct observation *seen, uint64_t epoch, const char *primary, const char *uuid) {
    seen->relevo_known = true;
    seen->epoch = epoch;
    (void)text_copy(seen->epoch_primary, sizeof seen->epoch_primary, primary);
    (void)text_copy(seen->epoch_uuid, sizeof seen->epoch_uuid, uuid);
}

static void assert_record(const struct cluster *it, uint64_t epoch, const char *primary, const char *uuid) {
    assert_int_equal(it->state.epoch, epoch);
    assert_string_equal(it->state.primary, primary);
    assert_string_equal(it->state.primary_uuid, uuid);
}

static void the_newest_row_that_answers_is_the_record(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(3);
    assert_false(assess_record(&it.state, &it.memory, it.seen, it.count));  // nothing seen yet
    row(cluster_serves(&it, NODE_A, ALL), 1, "a", UUID_A);
    assert_false(assess_record(&it.state, &it.memory, it.seen, it.count));  // no newer than the hash
    assert_record(&it, 1, "a", UUID_A);
    row(cluster_fenced(&it, NODE_B, ALL), 3, "b", UUID_B);
    row(cluster_fenced(&it, NODE_C, ALL), 2, "c", UUID_C);
    assert_true(assess_record(&it.state, &it.memory, it.seen, it.count));
    assert_record(&it, 3, "b", UUID_B);
    assert_false(assess_record(&it.state, &it.memory, it.seen, it.count));
}

static void an_empty_redis_is_filled_from_mysql(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    it.state = (struct cluster_state){0};
    row(cluster_fenced(&it, NODE_A, ALL), 7, "b", UUID_B);
    row(cluster_fenced(&it, NODE_B, ALL), 7, "b", UUID_B);
    assert_true(assess_record(&it.state, &it.memory, it.seen, it.count));
    assert_record(&it, 7, "b", UUID_B);
}

// A row counts by its epoch alone; of the same epoch the hash is right.
static void what_is_no_record(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    struct observation *b = cluster_fenced(&it, NODE_B, ALL);
    row(b, 1, "b", UUID_B);
    assert_false(assess_record(&it.state, &it.memory, it.seen, it.count));
    row(b, 2, "b", "");
    assert_false(assess_record(&it.state, &it.memory, it.seen, it.count));
    row(b, 2, "b", UUID_B);
    b->relevo_known = false;
    assert_false(assess_record(&it.state, &it.memory, it.seen, it.count));
    b->relevo_known = true;
    b->outcome = PROBE_LOST;
    assert_false(assess_record(&it.state, &it.memory, it.seen, it.count));
    assert_record(&it, 1, "a", UUID_A);
    b->outcome = PROBE_OK;
    assert_true(assess_record(&it.state, &it.memory, it.seen, it.count));
}

// --- a server that bears another name now ---

static bool renamed(struct cluster *it) {
    return assess_rename(&it->state, it->seen, (const char (*)[NODE_NAME_SIZE])it->names, it->count);
}

static void a_server_is_known_by_its_uuid(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)text_copy(it.state.primary, sizeof it.state.primary, "old-name");
    assert_false(renamed(&it));  // nobody was seen yet
    (void)cluster_fenced(&it, NODE_B, ALL);
    assert_false(renamed(&it));
    (void)cluster_fenced(&it, NODE_A, ALL);
    assert_true(renamed(&it));
    assert_record(&it, 1, "a", UUID_A);
    assert_false(renamed(&it));  // once
}

static void names_that_were_swapped(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    struct observation *a = cluster_fenced(&it, NODE_A, ALL);
    (void)text_copy(a->uuid, sizeof a->uuid, UUID_B);
    struct observation *b = cluster_fenced(&it, NODE_B, ALL);
    (void)text_copy(b->uuid, sizeof b->uuid, UUID_A);
    a->outcome = PROBE_REFUSED;
    assert_false(renamed(&it));  // the old name may be its own still: b a copy of its data
    assert_record(&it, 1, "a", UUID_A);
    a->outcome = PROBE_OK;
    assert_true(renamed(&it));
    assert_record(&it, 1, "b", UUID_A);
}

static void a_copied_data_directory_is_no_new_name(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(3);
    struct observation *a = cluster_serves(&it, NODE_A, ALL);
    struct observation *b = cluster_fenced(&it, NODE_B, ALL);
    (void)text_copy(b->uuid, sizeof b->uuid, UUID_A);
    assert_false(renamed(&it));
    a->outcome = PROBE_TIMEOUT;
    assert_false(renamed(&it));
    a->outcome = PROBE_OK;
    (void)text_copy(it.state.primary, sizeof it.state.primary, "old-name");
    assert_false(renamed(&it));  // which of the two?
    assert_record(&it, 1, "old-name", UUID_A);
    *it.state.primary_uuid = '\0';
    *a->uuid = '\0';
    *b->uuid = '\0';
    assert_false(renamed(&it));
}

// --- restore ---

static void known(struct cluster *it, int node, int64_t age_ms, enum thread_state receiver) {
    struct node_state *known = &it->state.nodes[it->state.node_count++];
    (void)text_copy(known->name, sizeof known->name, it->names[node]);
    (void)text_copy(known->uuid, sizeof known->uuid, cluster_uuids[node]);
    known->seen_ms = CLUSTER_WALL_MS - age_ms;
    known->receiver = receiver;
    known->streamed_ms = receiver == THREAD_ON ? known->seen_ms : 0;
    (void)text_copy(known->source, sizeof known->source, node == NODE_A ? "" : "a");
}

static void restore(struct cluster *it) {
    assess_restore(&it->memory, &it->state, (const char (*)[NODE_NAME_SIZE])it->names, it->count, it->now_ms,
                   CLUSTER_WALL_MS);
}

// Should the primary be dead by then, nobody could say otherwise what a node holds that it lacked.
// Another cluster's backup, restored on the primary: its rows name a server that is none of the nodes.
static void a_row_of_another_cluster_is_not_believed(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    struct observation *b = cluster_follows(&it, NODE_B, THREAD_ON, ALL);
    row(b, 164, "db9", UUID_E);
    struct observation *a = cluster_serves(&it, NODE_A, ALL);
    row(a, 164, "db9", UUID_E);
    assert_false(assess_record(&it.state, &it.memory, it.seen, it.count));
    assert_record(&it, 1, "a", UUID_A);
    assert_int_equal(it.memory.strange_epoch, 164);
    a = cluster_see(&it, NODE_A, PROBE_REFUSED);  // remembered when it is gone
    assert_false(assess_record(&it.state, &it.memory, it.seen, it.count));
    row(cluster_fenced(&it, NODE_B, ALL), 165, "b", UUID_B);  // its successor's own row counts
    assert_true(assess_record(&it.state, &it.memory, it.seen, it.count));
    assert_record(&it, 165, "b", UUID_B);
}

// Not of a primary that is closed, for then somebody may have reigned since; nor while some node's uuid is not known.
static void a_row_that_may_be_a_nodes_is_believed(void **state) {
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        AUTO_CLUSTER struct cluster it = cluster_of(3);
        (void)cluster_healthy(&it);
        if (!closed) {
            *it.memory.nodes[NODE_C].uuid = '\0';
        }
        struct observation *a = closed ? cluster_fenced(&it, NODE_A, ALL) : cluster_serves(&it, NODE_A, ALL);
        row(a, 164, "c", UUID_E);
        assert_true(assess_record(&it.state, &it.memory, it.seen, it.count));
        assert_record(&it, 164, "c", UUID_E);
    }
}

static void what_was_foreign_is_known_after_a_restart(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(3);
    char of_a[] = ALL, of_b[] = UUID_A ":1-12," UUID_B ":1-2", of_c[] = UUID_A ":1-12";
    known(&it, NODE_A, 5000, THREAD_ABSENT);
    known(&it, NODE_B, 4000, THREAD_ON);
    known(&it, NODE_C, 4000, THREAD_ON);
    it.state.nodes[0].gtid_executed = of_a;
    it.state.nodes[1].gtid_executed = of_b;
    it.state.nodes[2].gtid_executed = of_c;
    restore(&it);
    assert_int_equal(it.memory.nodes[NODE_A].foreign, 0);
    assert_int_equal(it.memory.nodes[NODE_B].foreign, 2);
    assert_int_equal(it.memory.nodes[NODE_C].foreign, 0);
    for (int i = 0; i < 3; i++) {
        it.state.nodes[i].gtid_executed = NULL;
    }
}

static void the_streams_are_known_after_a_restart(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(3);
    known(&it, NODE_A, 5000, THREAD_ABSENT);
    known(&it, NODE_B, 4000, THREAD_ON);
    known(&it, NODE_C, 0, THREAD_CONNECTING);
    restore(&it);
    const struct node_memory *nodes = it.memory.nodes;
    assert_int_equal(nodes[NODE_A].ok_ms, CLUSTER_T0 - 5000);
    assert_int_equal(nodes[NODE_A].streamed_ms, 0);
    assert_string_equal(nodes[NODE_A].uuid, UUID_A);
    assert_int_equal(nodes[NODE_B].ok_ms, CLUSTER_T0 - 4000);
    assert_int_equal(nodes[NODE_B].streamed_ms, CLUSTER_T0 - 4000);
    assert_string_equal(nodes[NODE_B].source_uuid, UUID_A);
    assert_int_equal(nodes[NODE_C].ok_ms, CLUSTER_T0);
    assert_int_equal(nodes[NODE_C].streamed_ms, 0);
    assert_int_equal(nodes[NODE_A].answered_ms, 0);  // silence is counted from our own first look
}

static void a_stream_from_elsewhere_is_none(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    known(&it, NODE_B, 1000, THREAD_ON);
    (void)text_copy(it.state.nodes[0].source, NODE_NAME_SIZE, "c");
    restore(&it);
    assert_int_equal(it.memory.nodes[NODE_B].streamed_ms, 0);
    assert_string_equal(it.memory.nodes[NODE_B].source_uuid, "");
}

// The receiver was seen trying to connect last, but the hash knows when it streamed.
static void the_end_of_a_stream_is_known_after_a_restart(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    known(&it, NODE_B, 1000, THREAD_CONNECTING);
    it.state.nodes[0].streamed_ms = CLUSTER_WALL_MS - 3000;
    restore(&it);
    assert_int_equal(it.memory.nodes[NODE_B].streamed_ms, CLUSTER_T0 - 3000);
    assert_int_equal(it.memory.nodes[NODE_B].ok_ms, CLUSTER_T0 - 1000);
}

// The first probe was quicker than Redis.
static void a_stream_is_known_although_the_node_was_seen_already(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    known(&it, NODE_A, 2000, THREAD_ABSENT);
    known(&it, NODE_B, 2000, THREAD_ON);
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    cluster_follows(&it, NODE_B, THREAD_CONNECTING, ALL)->receiver_errno = 2003;
    (void)cluster_judge(&it);
    restore(&it);
    assert_int_equal(it.memory.nodes[NODE_B].streamed_ms, CLUSTER_T0 - 2000);
    assert_int_equal(cluster_judge(&it).candidate, CANDIDATE_READY);
}

// And what we saw ourselves is newer than what the hash says.
static void what_was_seen_since_is_kept(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    known(&it, NODE_B, 3000, THREAD_ON);
    it.memory.nodes[NODE_B].streamed_ms = CLUSTER_T0 - 10;
    it.memory.nodes[NODE_B].ok_ms = CLUSTER_T0 - 5;
    restore(&it);
    assert_int_equal(it.memory.nodes[NODE_B].streamed_ms, CLUSTER_T0 - 10);
    assert_int_equal(it.memory.nodes[NODE_B].ok_ms, CLUSTER_T0 - 5);
}

// What handed over held everything: its successor may die before it was seen streaming.
static void who_handed_over_is_no_stale_candidate(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    known(&it, NODE_A, 1000, THREAD_ABSENT);
    restore(&it);
    assess_handed_over(&it.memory, NODE_B, UUID_A, it.now_ms);
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    cluster_follows(&it, NODE_B, THREAD_CONNECTING, ALL)->receiver_errno = 2003;
    assert_int_equal(cluster_judge(&it).candidate, CANDIDATE_READY);
}

// The primary died while no watcher was there.
static void a_primary_that_died_meanwhile_is_replaced(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    known(&it, NODE_A, 5000, THREAD_ABSENT);
    known(&it, NODE_B, 5000, THREAD_ON);
    restore(&it);
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    cluster_follows(&it, NODE_B, THREAD_CONNECTING, ALL)->receiver_errno = 2003;
    struct facts facts = cluster_judge(&it);
    assert_int_equal(facts.view, PRIMARY_DEAD);
    assert_int_equal(facts.witness, WITNESS_LOST);
    assert_int_equal(facts.candidate, CANDIDATE_READY);
}

static void the_first_look_after_a_restart_is_in_favour_of_the_primary(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    known(&it, NODE_A, 5000, THREAD_ABSENT);
    known(&it, NODE_B, 5000, THREAD_ON);
    restore(&it);
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    cluster_follows(&it, NODE_B, THREAD_ON, "")->source_heartbeats = 0;  // connected a moment ago
    assert_int_equal(cluster_judge(&it).witness, WITNESS_STREAMS);
}

static void the_hash_teaches_nothing_that_was_seen_or_makes_no_sense(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(3);
    (void)cluster_healthy(&it);
    it.now_ms += 60000;
    known(&it, NODE_B, 30000, THREAD_ON);
    restore(&it);
    assert_int_equal(it.memory.nodes[NODE_B].ok_ms, CLUSTER_T0);  // our own eyes
    it.memory = (struct memory){0};
    it.state.node_count = 0;
    known(&it, NODE_A, -1, THREAD_ON);               // from the future: a clock was set
    known(&it, NODE_B, CLUSTER_WALL_MS, THREAD_ON);  // never seen
    known(&it, NODE_C, 1000000000, THREAD_ON);       // before this machine started
    restore(&it);
    assert_int_equal(it.memory.nodes[NODE_A].ok_ms, 0);
    assert_int_equal(it.memory.nodes[NODE_B].ok_ms, 0);
    assert_int_equal(it.memory.nodes[NODE_C].ok_ms, 1);  // long ago, and not "never"
}

// --- observations are shared between threads ---

static void an_observation_lives_as_long_as_somebody_holds_it(void **state) {
    (void)state;
    struct observation *it = observation_new();
    cluster_gtids(it, ALL, ALL);
    assert_ptr_equal(observation_hold(it), it);
    observation_release(it);
    assert_false(gtid_empty(it->executed));  // the sanitizer would object
    observation_drop(&it);
    assert_null(observation_hold(NULL));
    observation_release(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_row_that_answers_is_the_record),
        cmocka_unit_test(an_empty_redis_is_filled_from_mysql),
        cmocka_unit_test(a_server_is_known_by_its_uuid),
        cmocka_unit_test(names_that_were_swapped),
        cmocka_unit_test(a_copied_data_directory_is_no_new_name),
        cmocka_unit_test(what_is_no_record),
        cmocka_unit_test(a_row_of_another_cluster_is_not_believed),
        cmocka_unit_test(a_row_that_may_be_a_nodes_is_believed),
        cmocka_unit_test(what_was_foreign_is_known_after_a_restart),
        cmocka_unit_test(the_streams_are_known_after_a_restart),
        cmocka_unit_test(a_stream_from_elsewhere_is_none),
        cmocka_unit_test(the_end_of_a_stream_is_known_after_a_restart),
        cmocka_unit_test(a_stream_is_known_although_the_node_was_seen_already),
        cmocka_unit_test(what_was_seen_since_is_kept),
        cmocka_unit_test(who_handed_over_is_no_stale_candidate),
        cmocka_unit_test(a_primary_that_died_meanwhile_is_replaced),
        cmocka_unit_test(the_first_look_after_a_restart_is_in_favour_of_the_primary),
        cmocka_unit_test(the_hash_teaches_nothing_that_was_seen_or_makes_no_sense),
        cmocka_unit_test(an_observation_lives_as_long_as_somebody_holds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
