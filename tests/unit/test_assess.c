// What assess makes of one observation after the other: reach, the primary's view, the testimony of the replicas.
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

static void an_open_primary_is_the_recorded_server(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = cluster_of(2);
    assert_int_equal(cluster_healthy(&it).view, PRIMARY_OPEN);
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
    it.now_ms += 100;
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

// --- testimony ---

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
        cmocka_unit_test(an_open_primary_is_the_recorded_server),
        cmocka_unit_test(a_receiver_testifies_by_state_and_error),
        cmocka_unit_test(a_late_observation_is_no_testimony),
        cmocka_unit_test(an_answer_that_came_late_is_no_testimony),
        cmocka_unit_test(a_slow_answer_is_a_testimony),
        cmocka_unit_test(a_primary_that_lost_its_own_transactions_is_told),
        cmocka_unit_test(a_transaction_is_a_sign_of_life_too),
        cmocka_unit_test(a_transaction_in_transfer_is_a_sign_of_life),
        cmocka_unit_test(a_new_connection_is_a_sign_of_life),
        cmocka_unit_test(whoever_never_streamed_from_it_has_not_lost_it),
        cmocka_unit_test(who_follows_somebody_else_says_nothing),
        cmocka_unit_test(the_most_cautious_witness_wins),
        cmocka_unit_test(every_value_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
