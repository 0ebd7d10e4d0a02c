// What assess makes of the replicas: does one still hear the primary, has it lost it, or has it nothing to say.
#include "cluster.h"

#define ALL UUID_A ":1-10"

// a has died for us at T0 + 100; b is seen again after_ms later.
static enum witness testimony_of(struct cluster *it, enum thread_state receiver, int receiver_errno, int64_t after_ms) {
    (void)cluster_healthy(it);
    uint64_t heartbeats = it->seen[NODE_B]->source_heartbeats;
    it->now_ms += 100;
    (void)cluster_see(it, NODE_A, PROBE_REFUSED);
    (void)cluster_judge(it);
    it->now_ms = CLUSTER_T0 + after_ms;
    struct observation *seen = cluster_follows(it, NODE_B, receiver, ALL);
    seen->source_heartbeats = receiver == THREAD_ON ? heartbeats : 0;  // nothing came since
    seen->receiver_errno = receiver_errno;
    return cluster_judge(it).witness;
}

static void a_receiver_testifies_by_state_and_error(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum thread_state receiver;
        int receiver_errno;
        int64_t after_ms;
        enum witness said;
    } rows[] = {
        {"hears it", THREAD_ON, 0, 100, WITNESS_STREAMS},
        {"quiet, within three heartbeats", THREAD_ON, 0, HEARTBEAT_QUIET_MS, WITNESS_STREAMS},
        {"quiet for longer", THREAD_ON, 0, HEARTBEAT_QUIET_MS + 1, WITNESS_LOST},
        {"has just lost it", THREAD_CONNECTING, 0, 100, WITNESS_LOST},
        {"cannot connect by socket", THREAD_CONNECTING, 2002, 100, WITNESS_LOST},
        {"is refused", THREAD_CONNECTING, 2003, 100, WITNESS_LOST},
        {"unknown host", THREAD_CONNECTING, 2005, 100, WITNESS_LOST},
        {"server gone", THREAD_CONNECTING, 2006, 100, WITNESS_LOST},
        {"lost in a query", THREAD_CONNECTING, 2013, 100, WITNESS_LOST},
        {"TLS broke off", THREAD_CONNECTING, 2026, 100, WITNESS_LOST},
        {"lost, with cause", THREAD_CONNECTING, 2055, 100, WITNESS_LOST},
        {"network read error", THREAD_CONNECTING, 1158, 100, WITNESS_LOST},
        {"network write interrupted", THREAD_CONNECTING, 1161, 100, WITNESS_LOST},
        {"access denied: it answered", THREAD_CONNECTING, 1045, 100, WITNESS_NONE},
        {"too many connections: it answered", THREAD_CONNECTING, 1040, 100, WITNESS_NONE},
        {"shutting down: it answered", THREAD_CONNECTING, 1053, 100, WITNESS_NONE},
        {"just below the network errors", THREAD_CONNECTING, 1157, 100, WITNESS_NONE},
        {"just above the network errors", THREAD_CONNECTING, 1162, 100, WITNESS_NONE},
        {"was not receiving", THREAD_OFF, 0, 100, WITNESS_NONE},
        {"was not receiving, old error", THREAD_OFF, 2003, 100, WITNESS_NONE},
        {"has no source", THREAD_ABSENT, 0, 100, WITNESS_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_CLUSTER struct cluster it = cluster_of(2);
        enum witness said = testimony_of(&it, rows[i].receiver, rows[i].receiver_errno, rows[i].after_ms);
        assert_row_text(rows[i].name, witness_name(said), witness_name(rows[i].said));
    }
}

// "It heard nothing" is what the replica says; that we have not asked it for a while is not.
static void a_late_observation_is_no_testimony(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    (void)cluster_judge(&it);
    it.now_ms += HEARTBEAT_QUIET_MS + 500;
    assert_int_equal(cluster_judge(&it).witness, WITNESS_STREAMS);
    it.now_ms = CLUSTER_T0 + CLUSTER_SILENT_MS;  // now the replica does not answer either
    assert_int_equal(cluster_judge(&it).witness, WITNESS_NONE);
}

// What it said before we froze: that it heard the primary a moment before, or had lost it for a moment.
static void an_answer_that_came_late_is_no_testimony(void **state) {
    (void)state;
    for (int connecting = 0; connecting < 2; connecting++) {
        AUTO_CLUSTER struct cluster it = cluster_of(2);
        (void)cluster_healthy(&it);
        uint64_t heartbeats = it.seen[NODE_B]->source_heartbeats;
        it.now_ms += ASKING_GAP_MS + 1000;
        (void)cluster_see(&it, NODE_A, PROBE_TIMEOUT);
        struct observation *late = cluster_follows(&it, NODE_B, connecting ? THREAD_CONNECTING : THREAD_ON, ALL);
        late->began_ms = CLUSTER_T0 + 100;
        late->source_heartbeats = connecting ? 0 : heartbeats;
        assert_int_equal(cluster_judge(&it).witness, connecting ? WITNESS_NONE : WITNESS_STREAMS);
    }
}

// An answer that is on its way for as long as slow networks take counts.
static void a_slow_answer_is_a_testimony(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    it.now_ms += ASKING_GAP_MS;
    struct observation *slow = cluster_follows(&it, NODE_B, THREAD_CONNECTING, ALL);
    slow->began_ms = CLUSTER_T0;
    assert_int_equal(cluster_judge(&it).witness, WITNESS_LOST);
}

static void a_transaction_is_a_sign_of_life_too(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    uint64_t heartbeats = it.seen[NODE_B]->source_heartbeats;
    it.now_ms += HEARTBEAT_QUIET_MS;
    struct observation *seen = cluster_follows(&it, NODE_B, THREAD_ON, ALL);
    seen->source_heartbeats = heartbeats;
    cluster_gtids(seen, ALL, UUID_A ":11");
    (void)cluster_judge(&it);
    it.now_ms += HEARTBEAT_QUIET_MS;
    seen = cluster_follows(&it, NODE_B, THREAD_ON, ALL);
    seen->source_heartbeats = heartbeats;
    cluster_gtids(seen, ALL, UUID_A ":11");
    assert_int_equal(cluster_judge(&it).witness, WITNESS_STREAMS);
}

// While a long transaction arrives there are no heartbeats, and the set grows only at its end.
static void a_transaction_in_transfer_is_a_sign_of_life(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    uint64_t heartbeats = it.seen[NODE_B]->source_heartbeats;
    for (int seconds = 1; seconds <= 10; seconds++) {
        it.now_ms += 1000;
        struct observation *seen = cluster_follows(&it, NODE_B, THREAD_ON, ALL);
        seen->source_heartbeats = heartbeats;
        seen->receiving = true;
        assert_int_equal(cluster_judge(&it).witness, WITNESS_STREAMS);
    }
    // Its source fell silent: the receiver gives up by itself.
    it.now_ms += 1000;
    cluster_follows(&it, NODE_B, THREAD_CONNECTING, ALL)->receiving = true;
    assert_int_equal(cluster_judge(&it).witness, WITNESS_LOST);
}

// Connecting anew is a sign of life, even before the first heartbeat, with counters that began afresh.
static void a_new_connection_is_a_sign_of_life(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_healthy(&it);
    it.now_ms += 10000;
    (void)cluster_follows(&it, NODE_B, THREAD_CONNECTING, ALL);
    (void)cluster_judge(&it);
    struct observation *seen = cluster_follows(&it, NODE_B, THREAD_ON, ALL);
    seen->source_heartbeats = 0;
    assert_int_equal(cluster_judge(&it).witness, WITNESS_STREAMS);
}

static void whoever_never_streamed_from_it_has_not_lost_it(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    (void)cluster_follows(&it, NODE_B, THREAD_CONNECTING, ALL);
    assert_int_equal(cluster_judge(&it).witness, WITNESS_UNSURE);  // about to connect, or about to fail

    // b streamed from a; now c is the primary and b was told to follow it a moment ago.
    AUTO_CLUSTER struct cluster turned = cluster_of(3);
    (void)cluster_healthy(&turned);
    (void)text_copy(turned.state.primary, sizeof turned.state.primary, "c");
    (void)text_copy(turned.state.primary_uuid, sizeof turned.state.primary_uuid, UUID_C);
    (void)cluster_see(&turned, NODE_A, PROBE_REFUSED);
    (void)cluster_see(&turned, NODE_C, PROBE_REFUSED);
    struct observation *seen = cluster_follows(&turned, NODE_B, THREAD_CONNECTING, ALL);
    *seen->source_uuid = '\0';
    (void)text_copy(seen->source_host, sizeof seen->source_host, "c");
    assert_int_equal(cluster_judge(&turned).witness, WITNESS_UNSURE);
}

static void who_follows_somebody_else_says_nothing(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(3);
    (void)cluster_healthy(&it);
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    (void)cluster_see(&it, NODE_C, PROBE_TIMEOUT);
    struct observation *seen = cluster_follows(&it, NODE_B, THREAD_ON, ALL);
    (void)text_copy(seen->source_uuid, sizeof seen->source_uuid, UUID_C);
    assert_int_equal(cluster_judge(&it).witness, WITNESS_NONE);  // its source_host may say a: names move

    AUTO_CLUSTER struct cluster restarted = cluster_of(2);
    (void)cluster_healthy(&restarted);
    (void)cluster_see(&restarted, NODE_A, PROBE_REFUSED);
    seen = cluster_follows(&restarted, NODE_B, THREAD_CONNECTING, ALL);
    *seen->source_uuid = '\0';  // it has not connected since its start: the name counts
    assert_int_equal(cluster_judge(&restarted).witness, WITNESS_LOST);
    seen = cluster_follows(&it, NODE_B, THREAD_CONNECTING, ALL);
    *seen->source_uuid = '\0';
    (void)text_copy(seen->source_host, sizeof seen->source_host, "c");
    assert_int_equal(cluster_judge(&it).witness, WITNESS_NONE);
}

static void the_most_cautious_witness_wins(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(3);
    (void)cluster_healthy(&it);
    (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
    (void)cluster_follows(&it, NODE_B, THREAD_CONNECTING, ALL);
    assert_int_equal(cluster_judge(&it).witness, WITNESS_STREAMS);  // c still does
    (void)cluster_follows(&it, NODE_C, THREAD_CONNECTING, ALL);
    it.memory.nodes[NODE_C].streamed_ms = 0;
    assert_int_equal(cluster_judge(&it).witness, WITNESS_UNSURE);
    (void)cluster_see(&it, NODE_C, PROBE_TIMEOUT);  // who does not answer cannot testify
    assert_int_equal(cluster_judge(&it).witness, WITNESS_LOST);
    (void)cluster_see(&it, NODE_B, PROBE_TIMEOUT);
    assert_int_equal(cluster_judge(&it).witness, WITNESS_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_receiver_testifies_by_state_and_error),
        cmocka_unit_test(a_late_observation_is_no_testimony),
        cmocka_unit_test(an_answer_that_came_late_is_no_testimony),
        cmocka_unit_test(a_slow_answer_is_a_testimony),
        cmocka_unit_test(a_transaction_is_a_sign_of_life_too),
        cmocka_unit_test(a_transaction_in_transfer_is_a_sign_of_life),
        cmocka_unit_test(a_new_connection_is_a_sign_of_life),
        cmocka_unit_test(whoever_never_streamed_from_it_has_not_lost_it),
        cmocka_unit_test(who_follows_somebody_else_says_nothing),
        cmocka_unit_test(the_most_cautious_witness_wins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
