// What assess makes of the nodes: how each one stands, how far behind it is, what only it has.
#include "cluster.h"

#define ALL UUID_A ":1-10"
#define MORE UUID_A ":1-12"

// --- standing ---

static enum standing standing_of(struct cluster *it, int node) {
    return cluster_judge(it).nodes[node].standing;
}

static void who_answers_has_told_only_when_its_rows_are_known(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    struct facts facts = cluster_healthy(&it);
    assert_true(facts.nodes[NODE_A].told && facts.nodes[NODE_B].told && facts.all_told);
    struct observation *b = it.seen[NODE_B];
    b->relevo_known = false;
    assert_false(cluster_judge(&it).nodes[NODE_B].told);
    assert_false(cluster_judge(&it).all_told);
    b->half_rebuilt = true;  // nobody can tell
    assert_false(cluster_judge(&it).nodes[NODE_B].told);
    b->rows_absent = true;
    assert_true(cluster_judge(&it).nodes[NODE_B].told);
    b->half_rebuilt = b->rows_absent = false;
    b->relevo_known = true;
    for (enum row_state row = ROW_SETTLED; row <= ROW_PENDING; row++) {
        b->row_state = row;
        assert_int_equal(cluster_judge(&it).nodes[NODE_B].told, row == ROW_SETTLED);
    }
    b->row_state = ROW_SETTLED;
    b->relevo_known = false;
    cluster_gtids(b, "", "");
    assert_true(cluster_judge(&it).nodes[NODE_B].told);
    it.now_ms += 10000;  // what it said last is long ago
    assert_false(cluster_judge(&it).nodes[NODE_B].told);
    (void)cluster_see(&it, NODE_B, PROBE_REFUSED);
    assert_false(cluster_judge(&it).nodes[NODE_B].told);
}

static void a_node_stands_by_what_it_shows(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    struct facts facts = cluster_healthy(&it);
    assert_int_equal(facts.nodes[NODE_A].standing, STANDING_PRIMARY);
    assert_int_equal(facts.nodes[NODE_B].standing, STANDING_STREAMING);
    assert_true(facts.all_streaming);
    assert_int_equal(facts.open_others, 0);
    assert_int_equal(facts.open_node, -1);

    struct observation *b = it.seen[NODE_B];
    b->applier_errno = 1062;
    assert_int_equal(standing_of(&it, NODE_B), STANDING_ADRIFT);
    assert_false(cluster_judge(&it).all_streaming);
    b->applier_errno = 0;
    b->applier = THREAD_OFF;
    assert_int_equal(standing_of(&it, NODE_B), STANDING_ADRIFT);
    b->applier = THREAD_ON;
    b->source_moved = true;  // it streams, from an address that is configured no more: it is turned to the new one
    assert_int_equal(standing_of(&it, NODE_B), STANDING_ADRIFT);
    assert_int_equal(cluster_judge(&it).candidate, CANDIDATE_READY);
    assert_int_equal(cluster_judge(&it).witness, WITNESS_STREAMS);
    b->source_moved = false;
    b->half_rebuilt = true;
    assert_int_equal(standing_of(&it, NODE_B), STANDING_ADRIFT);  // whatever it streams
    b->half_rebuilt = false;
    (void)text_copy(b->source_uuid, sizeof b->source_uuid, UUID_C);
    assert_int_equal(standing_of(&it, NODE_B), STANDING_ADRIFT);
    (void)text_copy(b->source_uuid, sizeof b->source_uuid, UUID_A);
    b->receiver = THREAD_OFF;
    assert_int_equal(standing_of(&it, NODE_B), STANDING_ADRIFT);
    b->receiver = THREAD_ON;
    b->super_read_only = false;
    assert_int_equal(standing_of(&it, NODE_B), STANDING_LOOSE);
    cluster_job(&it, NODE_B, JOB_RUNNING);  // a copy needs it so
    assert_int_equal(standing_of(&it, NODE_B), STANDING_JOB);
    assert_true(cluster_judge(&it).any_job);
    b->read_only = false;
    assert_int_equal(standing_of(&it, NODE_B), STANDING_OPEN);
    facts = cluster_judge(&it);
    assert_true(facts.nodes[NODE_B].open);
    assert_int_equal(facts.open_others, 1);
    assert_int_equal(facts.open_node, NODE_B);
    (void)text_copy(b->uuid, sizeof b->uuid, UUID_A);
    assert_int_equal(standing_of(&it, NODE_B), STANDING_TWIN);
    (void)cluster_see(&it, NODE_B, PROBE_OVERLOADED);
    facts = cluster_judge(&it);
    assert_int_equal(facts.nodes[NODE_B].standing, STANDING_AWAY);
    assert_false(facts.nodes[NODE_B].open);
    assert_int_equal(facts.open_others, 0);
}

static void of_twins_the_primary_or_the_first_is_the_elder(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(3);
    (void)cluster_healthy(&it);
    (void)text_copy(it.seen[NODE_C]->uuid, NODE_UUID_SIZE, UUID_B);
    assert_int_equal(standing_of(&it, NODE_C), STANDING_TWIN);
    assert_int_equal(standing_of(&it, NODE_B), STANDING_STREAMING);

    (void)text_copy(it.state.primary, sizeof it.state.primary, "c");  // the last one, and it is the primary
    (void)text_copy(it.state.primary_uuid, sizeof it.state.primary_uuid, UUID_B);
    (void)text_copy(cluster_serves(&it, NODE_C, ALL)->uuid, NODE_UUID_SIZE, UUID_B);
    (void)cluster_judge(&it);  // from now on it is remembered
    assert_int_equal(standing_of(&it, NODE_B), STANDING_TWIN);
    assert_int_equal(standing_of(&it, NODE_C), STANDING_PRIMARY);
}

static void a_lost_stream_is_given_time_to_retry(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    for (int64_t ms = CLUSTER_T0 + 100;; ms += RETRY_PATIENCE_MS - 101) {
        it.now_ms = ms;
        (void)cluster_serves(&it, NODE_A, ALL);
        (void)cluster_follows(&it, NODE_B, THREAD_CONNECTING, ALL);
        enum standing wanted = ms - CLUSTER_T0 < RETRY_PATIENCE_MS ? STANDING_RETRYING : STANDING_ADRIFT;
        assert_int_equal(standing_of(&it, NODE_B), wanted);
        if (wanted == STANDING_ADRIFT) {
            break;
        }
    }
    it.now_ms = CLUSTER_T0 + RETRY_PATIENCE_MS;
    assert_int_equal(standing_of(&it, NODE_B), STANDING_ADRIFT);
}

static void an_open_primary_with_a_source_is_tied(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    it.seen[NODE_A]->receiver = THREAD_OFF;
    assert_int_equal(standing_of(&it, NODE_A), STANDING_TIED);
    it.seen[NODE_A]->read_only = true;  // not yet opened: promotion deals with it
    assert_int_equal(standing_of(&it, NODE_A), STANDING_PRIMARY);
}

// --- lag ---

static struct node_facts heartbeats(struct cluster *it, int64_t primary_age_ms, int64_t replica_age_ms) {
    struct observation *a = cluster_serves(it, NODE_A, ALL);
    struct observation *b = cluster_follows(it, NODE_B, THREAD_ON, ALL);
    a->heartbeat_ms = primary_age_ms < 0 ? 0 : a->at_wall_ms - primary_age_ms;
    b->heartbeat_ms = replica_age_ms < 0 ? 0 : b->at_wall_ms - replica_age_ms;
    return cluster_judge(it).nodes[NODE_B];
}

static void lag_is_what_the_heartbeat_row_lacks(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    assert_int_equal(heartbeats(&it, 300, 300).lag_ms, 0);
    assert_int_equal(heartbeats(&it, 900, 900).lag_ms, 0);    // none is due yet
    assert_int_equal(heartbeats(&it, 5000, 5000).lag_ms, 0);  // nobody writes it: the replica has the newest
    assert_int_equal(heartbeats(&it, 200, 1200).lag_ms, 200);
    assert_int_equal(heartbeats(&it, 200, 5200).lag_ms, 4200);
    assert_int_equal(heartbeats(&it, 100, 900).lag_ms, 0);
    assert_int_equal(heartbeats(&it, -1, 300).lag_ms, -1);
    assert_int_equal(heartbeats(&it, 300, -1).lag_ms, -1);
    (void)heartbeats(&it, 200, 5200);
    it.seen[NODE_B]->applier_errno = 1062;  // whoever does not stream has no lag but a problem
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].lag_ms, -1);
}

static void steady_is_streaming_without_a_break(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    assert_int_equal(heartbeats(&it, 100, 100).steady_ms, 0);
    it.now_ms += 4000;
    assert_int_equal(heartbeats(&it, 100, 100).steady_ms, 4000);
    it.now_ms += 100;
    assert_int_equal(heartbeats(&it, 100, 2000).steady_ms, 0);  // a second behind
    it.now_ms += 100;
    assert_int_equal(heartbeats(&it, 100, 1999).steady_ms, 0);  // begins anew
    it.now_ms += 100;
    assert_int_equal(heartbeats(&it, 100, 100).steady_ms, 100);
    (void)cluster_see(&it, NODE_B, PROBE_TIMEOUT);
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].steady_ms, 0);
}

// --- diverged ---

static void divergence_needs_the_newer_look_at_the_primary(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    it.now_ms += 100;
    (void)cluster_follows(&it, NODE_B, THREAD_ON, MORE);  // a had 12 by then, we only have not looked
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].diverged, 0);
    it.now_ms += 1;
    (void)cluster_serves(&it, NODE_A, MORE);
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].diverged, 0);
    (void)cluster_follows(&it, NODE_B, THREAD_ON, MORE "," UUID_B ":1-3");
    it.now_ms += 1;
    (void)cluster_serves(&it, NODE_A, MORE);
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].diverged, 3);
    assert_int_equal(cluster_judge(&it).nodes[NODE_A].diverged, 0);
    (void)cluster_see(&it, NODE_B, PROBE_TIMEOUT);  // what was known stays
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].diverged, 3);
}

static void a_stream_with_transactions_of_its_own_is_adrift(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    (void)cluster_follows(&it, NODE_B, THREAD_ON, MORE);  // the primary's own, applied before the primary says so
    it.now_ms += 1;
    (void)cluster_serves(&it, NODE_A, UUID_A ":1-10");
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].standing, STANDING_STREAMING);
    it.now_ms += 1;
    (void)cluster_follows(&it, NODE_B, THREAD_ON, UUID_A ":1-10," UUID_B ":1");
    (void)cluster_fenced(&it, NODE_A, UUID_A ":1-10");  // closed, it may be about to apply what it lacks
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].standing, STANDING_STREAMING);
    (void)cluster_serves(&it, NODE_A, UUID_A ":1-10");  // however often b is heard later than a
    it.now_ms += 1;
    (void)cluster_follows(&it, NODE_B, THREAD_ON, UUID_A ":1-11," UUID_B ":1");
    struct facts facts = cluster_judge(&it);
    assert_int_equal(facts.nodes[NODE_B].standing, STANDING_ADRIFT);
    assert_false(facts.all_streaming);
    (void)cluster_follows(&it, NODE_B, THREAD_ON, UUID_A ":1-10");  // rebuilt
    it.now_ms += 1;
    (void)cluster_serves(&it, NODE_A, UUID_A ":1-10");
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].standing, STANDING_STREAMING);
}

// The same where a person is asked first: it streams on and is marked, and nobody promotes it meanwhile.
static void what_a_stream_holds_more_waits_for_a_person(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    it.asks = true;
    (void)cluster_healthy(&it);
    it.now_ms += 1;
    struct observation *b = cluster_follows(&it, NODE_B, THREAD_ON, UUID_A ":1-10," UUID_B ":1");
    it.now_ms += 1;
    (void)cluster_serves(&it, NODE_A, UUID_A ":1-10");
    struct facts facts = cluster_judge(&it);
    assert_int_equal(facts.nodes[NODE_B].standing, STANDING_ERRANT);
    assert_int_equal(facts.nodes[NODE_B].diverged, 1);
    assert_false(facts.all_streaming);
    assert_int_equal(facts.candidate, CANDIDATE_NONE);
    assert_int_equal(facts.witness, WITNESS_STREAMS);
    b->applier_errno = 1062;  // it does not go on by itself
    assert_int_equal(standing_of(&it, NODE_B), STANDING_ADRIFT);
    b->applier_errno = 0;
    b->receiver = THREAD_OFF;
    assert_int_equal(standing_of(&it, NODE_B), STANDING_ADRIFT);
    b->receiver = THREAD_CONNECTING;
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    assert_int_equal(cluster_judge(&it).candidate, CANDIDATE_NONE);  // nor now that the primary is dead
    it.asks = false;
    assert_int_equal(cluster_judge(&it).candidate, CANDIDATE_READY);
}

// The primary's rows in a new look, and the replica's beside them.
static enum standing rows(struct cluster *it, uint64_t epoch_a, uint64_t reigns_a, uint64_t epoch_b, uint64_t reigns_b,
                          const char *executed_b, bool new_b) {
    it->now_ms += 100;
    struct observation *a = cluster_serves(it, NODE_A, MORE);
    a->epoch = epoch_a;
    a->reigns = reigns_a;
    struct observation *b = cluster_follows(it, NODE_B, THREAD_ON, executed_b);
    b->epoch = epoch_b;
    b->reigns = reigns_b;
    b->rows_new = new_b;
    return cluster_judge(it).nodes[NODE_B].standing;
}

static void numbers_without_the_row_of_their_reign_are_others(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    assert_int_equal(rows(&it, 3, 33, 1, 11, MORE, true), STANDING_STREAMING);   // the row may be younger than the set
    assert_int_equal(rows(&it, 3, 33, 1, 11, MORE, false), STANDING_STREAMING);  // here too
    assert_int_equal(rows(&it, 3, 33, 1, 11, UUID_A ":1-11", true), STANDING_STREAMING);  // it lags
    assert_int_equal(rows(&it, 3, 33, 3, 33, MORE, true), STANDING_STREAMING);
    assert_int_equal(rows(&it, 3, 33, 1, 11, MORE, true), STANDING_FORKED);
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    assert_int_equal(cluster_judge(&it).candidate, CANDIDATE_NONE);
    assert_int_equal(rows(&it, 3, 33, 1, 11, UUID_A ":1-11", false),
                     STANDING_FORKED);                                           // until it shows that it has them
    assert_int_equal(rows(&it, 3, 33, 3, 33, MORE, false), STANDING_STREAMING);  // copied anew
}

static void alike_but_for_an_older_row_is_given_time(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    for (int64_t until_ms = it.now_ms + FORK_PATIENCE_MS; it.now_ms < until_ms;) {
        assert_int_equal(rows(&it, 4, 44, 4, 40, UUID_A ":1-11", false), STANDING_STREAMING);
    }
    assert_int_equal(rows(&it, 4, 44, 4, 40, UUID_A ":1-11", false), STANDING_FORKED);
    it.seen[NODE_A]->relevo_known = false; // it cannot be read now
    it.seen[NODE_A]->reigns = 0;
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].standing, STANDING_FORKED);
    assert_int_equal(rows(&it, 4, 44, 4, 44, UUID_A ":1-11", false), STANDING_STREAMING);
    assert_int_equal(rows(&it, 4, 44, 4, 40, UUID_A ":1-11", false), STANDING_STREAMING);  // from the start
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    assert_int_equal(cluster_judge(&it).candidate, CANDIDATE_NONE);  // at once
    AUTO_CLUSTER struct cluster old = cluster_of(2);
    for (int i = 0; i < 100; i++) {  // what is written down of old, without such sums, proves nothing
        assert_int_equal(rows(&old, 4, 0, 3, 0, MORE, true), STANDING_STREAMING);
    }
    assert_int_equal(rows(&old, 4, 44, 3, 33, MORE, true), STANDING_FORKED);
    assert_int_equal(rows(&old, 0, 0, 3, 33, MORE, true), STANDING_STREAMING); // somebody emptied the table
}

static void a_closed_primary_has_no_rows_to_compare_with(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    for (int i = 0; i < 100; i++) {
        it.now_ms += 100;
        struct observation *a = cluster_fenced(&it, NODE_A, MORE);
        a->epoch = 4;
        a->reigns = 44;
        struct observation *b = cluster_follows(&it, NODE_B, THREAD_ON, MORE);
        b->epoch = 4;
        b->reigns = 40;
        b->rows_new = true;
        assert_int_equal(cluster_judge(&it).nodes[NODE_B].standing, STANDING_STREAMING);
    }
}

static void half_a_copy_neither_streams_nor_takes_over(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    struct observation *copied = cluster_follows(&it, NODE_B, THREAD_ON, UUID_A ":1-10");
    copied->offline_mode = true;  // the resync that copies into it set this, and did not come to its end
    (void)cluster_serves(&it, NODE_A, UUID_A ":1-10");
    struct facts facts = cluster_judge(&it);
    assert_int_equal(facts.nodes[NODE_B].standing, STANDING_ADRIFT);
    assert_int_equal(facts.candidate, CANDIDATE_NONE);
    cluster_job(&it, NODE_B, JOB_RUNNING);
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].standing, STANDING_JOB);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_answers_has_told_only_when_its_rows_are_known),
        cmocka_unit_test(a_node_stands_by_what_it_shows),
        cmocka_unit_test(of_twins_the_primary_or_the_first_is_the_elder),
        cmocka_unit_test(a_lost_stream_is_given_time_to_retry),
        cmocka_unit_test(an_open_primary_with_a_source_is_tied),
        cmocka_unit_test(lag_is_what_the_heartbeat_row_lacks),
        cmocka_unit_test(steady_is_streaming_without_a_break),
        cmocka_unit_test(divergence_needs_the_newer_look_at_the_primary),
        cmocka_unit_test(a_stream_with_transactions_of_its_own_is_adrift),
        cmocka_unit_test(what_a_stream_holds_more_waits_for_a_person),
        cmocka_unit_test(half_a_copy_neither_streams_nor_takes_over),
        cmocka_unit_test(numbers_without_the_row_of_their_reign_are_others),
        cmocka_unit_test(alike_but_for_an_older_row_is_given_time),
        cmocka_unit_test(a_closed_primary_has_no_rows_to_compare_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
