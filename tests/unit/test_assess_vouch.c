// Lossless mode: who vouches, and who may be promoted.
#include "lossless.h"

static void a_replica_that_acknowledges_vouches(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = lossless_of(2);
    struct facts facts = cluster_judge(&it);
    assert_int_equal(facts.sync, SYNC_ON);
    assert_true(facts.nodes[NODE_B].vouches);
    facts = dies(&it);
    assert_int_equal(facts.candidate, CANDIDATE_READY);
    assert_int_equal(facts.candidate_node, NODE_B);
}

static void async_mode_asks_for_nothing(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = lossless_of(2);
    it.acks = 0;
    it.state.sync_epoch = 0;
    it.memory.nodes[NODE_B].vouch_epoch = 0;
    struct facts facts = cluster_judge(&it);
    assert_int_equal(facts.sync, SYNC_NONE);
    assert_int_equal(facts.nodes[NODE_B].fit, FIT_NONE);
    assert_int_equal(dies(&it).candidate, CANDIDATE_READY);
}

static void nobody_is_ready_while_the_primary_goes_on_alone(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = lossless_of(2);
    it.state.sync_epoch = 0;
    assert_int_equal(dies(&it).candidate, CANDIDATE_UNSYNCED);
    it.state.sync_epoch = it.state.epoch + 1;  // of another reign
    assert_int_equal(cluster_judge(&it).candidate, CANDIDATE_UNSYNCED);
}

// Each takes away what the voucher acknowledged; then the primary dies.
static void restarted(struct observation *seen) {
    seen->boot_s++;
}
static void emptied(struct observation *seen) {
    cluster_gtids(seen, UUID_A ":1-5", "");
}
static void repointed(struct observation *seen) {
    (void)text_copy(seen->source_uuid, sizeof seen->source_uuid, UUID_C);
}
static void opened(struct observation *seen) {
    seen->read_only = seen->super_read_only = false;
}

static void a_voucher_that_lost_its_relay_log_is_none(void **state) {
    (void)state;
    static const struct {
        const char *name;
        void (*happens)(struct observation *seen);
    } rows[] = {{"restarted", restarted}, {"relay log emptied", emptied}, {"repointed", repointed}, {"opened", opened}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_CLUSTER struct cluster it = lossless_of(2);
        it.now_ms += 100;
        (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
        rows[i].happens(acknowledges(&it, NODE_B, THREAD_CONNECTING, UUID_A ":1-10"));
        (void)cluster_judge(&it);
        struct facts facts = dies(&it);  // as if nothing had been
        assert_row(rows[i].name, !facts.nodes[NODE_B].vouches);
        assert_row(rows[i].name, facts.candidate == CANDIDATE_UNPROVEN);
    }
    AUTO_CLUSTER struct cluster it = lossless_of(2);
    cluster_job(&it, NODE_B, JOB_RUNNING);
    (void)cluster_judge(&it);
    it.state.job_count = 0;
    assert_int_equal(dies(&it).candidate, CANDIDATE_UNPROVEN);
}

// Level means: all that the primary had after the replica had begun to acknowledge, and after the primary waits.
static void who_is_not_level_does_not_vouch_yet(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = lossless_of(2);
    restarted(acknowledges(&it, NODE_B, THREAD_ON, UUID_A ":1-8"));
    it.now_ms += 100;
    (void)cluster_judge(&it);
    struct observation *seen = acknowledges(&it, NODE_B, THREAD_ON, UUID_A ":1-8");
    restarted(seen);
    assert_false(cluster_judge(&it).nodes[NODE_B].vouches);  // the primary had 10
    it.now_ms += 100;
    restarted(acknowledges(&it, NODE_B, THREAD_ON, UUID_A ":1-10"));
    (void)waits(&it, UUID_A ":1-10");
    assert_true(cluster_judge(&it).nodes[NODE_B].vouches);

    AUTO_CLUSTER struct cluster behind = lossless_of(2);
    behind.memory.nodes[NODE_B].vouch_epoch = 0;
    behind.now_ms += 100;
    (void)acknowledges(&behind, NODE_B, THREAD_ON, UUID_A ":1-10");
    (void)waits(&behind, UUID_A ":1-11");
    assert_false(cluster_judge(&behind).nodes[NODE_B].vouches);  // both seen in time, and it lacks one
    AUTO_CLUSTER struct cluster stale = lossless_of(2);
    for (int look = 0; look < 2; look++) {  // the first finds that it restarted
        stale.now_ms += 100;
        restarted(acknowledges(&stale, NODE_B, THREAD_ON, UUID_A ":1-10"));
        assert_false(cluster_judge(&stale).nodes[NODE_B].vouches);  // the primary was seen before
    }
    AUTO_CLUSTER struct cluster early = lossless_of(2);
    early.memory.nodes[NODE_B].vouch_epoch = 0;
    early.sync_ms = early.now_ms + 1;
    assert_false(cluster_judge(&early).nodes[NODE_B].vouches);  // it may have gone on alone until then
    early.sync_ms = early.now_ms;
    assert_true(cluster_judge(&early).nodes[NODE_B].vouches);
}

static void of_three_both_replicas_must_vouch(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = lossless_of(3);
    assert_int_equal(cluster_judge(&it).quorum, 2);
    assert_int_equal(dies(&it).candidate, CANDIDATE_READY);
    AUTO_CLUSTER struct cluster lone = lossless_of(3);
    (void)cluster_see(&lone, NODE_C, PROBE_REFUSED);
    struct facts facts = dies(&lone);
    assert_int_equal(facts.vouching, 1);
    assert_int_equal(facts.candidate, CANDIDATE_UNPROVEN);
}

// As many as no w replicas are without: then one of them acknowledged. Those that are missing are away, or have restarted
// and answer; one of these must not be chosen, though enough others vouch.
static void enough_vouch_when_fewer_are_missing_than_acknowledge(void **state) {
    (void)state;
    static const struct {
        int nodes, acks, quorum;
    } rows[] = {{2, 1, 1}, {3, 1, 2}, {4, 2, 2}, {5, 2, 3}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int replicas = rows[i].nodes - 1;
        for (int missing = 0; missing < 1 << replicas; missing++) {
            for (int answers = 0; answers < 2; answers++) {
                char name[80];
                (void)text_format(name, sizeof name, "%d nodes, missing %x, %s", rows[i].nodes, (unsigned)missing,
                                  answers ? "restarted" : "away");
                AUTO_CLUSTER struct cluster it = lossless_of(rows[i].nodes);
                assert_row(name, it.acks == rows[i].acks);
                int vouching = replicas;
                it.now_ms += 100;
                (void)cluster_see(&it, NODE_A, PROBE_REFUSED);
                for (int node = 1; node <= replicas; node++) {
                    if (missing >> (node - 1) & 1) {
                        vouching--;
                        if (answers) {
                            restarted(acknowledges(&it, node, THREAD_CONNECTING, UUID_A ":1-10"));
                        } else {
                            (void)cluster_see(&it, node, PROBE_REFUSED);
                        }
                    }
                }
                (void)cluster_judge(&it);
                struct facts facts = dies(&it);
                bool enough = replicas - vouching < rows[i].acks;
                assert_row(name, facts.quorum == rows[i].quorum);
                assert_row(name, facts.vouching == vouching);
                assert_row(name, enough == (vouching >= rows[i].quorum));
                assert_row(name, facts.candidate == (enough                     ? CANDIDATE_READY
                                                     : vouching > 0 || answers ? CANDIDATE_UNPROVEN
                                                                               : CANDIDATE_NONE));
                assert_row(name, !enough || facts.nodes[facts.candidate_node].vouches);
            }
        }
    }
}

// What it holds beyond them it may have had from the primary and acknowledged before it restarted.
static void who_holds_more_than_all_that_vouch_must_vouch_itself(void **state) {
    (void)state;
    for (int vouches = 0; vouches < 2; vouches++) {
        AUTO_CLUSTER struct cluster it = lossless_of(5);
        (void)dies(&it);
        for (int look = 0; look < 2; look++) {
            it.now_ms += 100;
            struct observation *seen = acknowledges(&it, NODE_E, THREAD_CONNECTING, UUID_A ":1-12");
            seen->receiver_errno = 2003;
            if (!vouches) {
                restarted(seen);
            }
            struct facts facts = cluster_judge(&it);
            assert_int_equal(facts.vouching, vouches ? 4 : 3);
            assert_int_equal(facts.candidate_node, NODE_E);
            assert_int_equal(facts.candidate, vouches ? CANDIDATE_READY : CANDIDATE_UNPROVEN);
        }
    }
}

// A watcher that was restarted knows who vouched from the state hash; the node must be in the same life still.
static void who_vouched_outlives_the_watcher(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool seen_first, vouches;
        int64_t boot_s;
        uint64_t received;
        int64_t age_ms;  // of the hash
    } rows[] = {{"the same life", false, true, BOOT_S, 10, 1000},
                {"seen before Redis", true, true, BOOT_S, 10, 1000},
                {"another life", false, false, BOOT_S - 1, 10, 1000},
                {"another life, seen first", true, false, BOOT_S - 1, 10, 1000},
                {"less in its relay log", false, false, BOOT_S, 11, 1000},
                {"less, seen first", true, false, BOOT_S, 11, 1000},
                {"just new enough", false, true, BOOT_S, 10, RECORD_OLD_MS},
                {"a record that may have missed an opening", false, false, BOOT_S, 10, RECORD_OLD_MS + 1},
                {"a clock that jumped back", false, false, BOOT_S, 10, -1}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_CLUSTER struct cluster it = cluster_of(2);
        it.acks = 1;
        it.state.sync_epoch = it.state.epoch;
        it.state.node_count = 1;
        struct node_state *node = &it.state.nodes[0];
        (void)text_copy(node->name, sizeof node->name, "b");
        (void)text_copy(node->source, sizeof node->source, "a");
        int64_t wall_ms = CLUSTER_WALL_MS + it.now_ms;
        node->seen_ms = node->streamed_ms = wall_ms - 1000;
        it.state.updated_ms = wall_ms - rows[i].age_ms;
        node->boot_s = rows[i].boot_s;
        node->vouch_epoch = it.state.epoch;
        node->vouch_received = rows[i].received;
        (void)acknowledges(&it, NODE_B, THREAD_ON, UUID_A ":1-10");
        if (rows[i].seen_first) {
            (void)cluster_judge(&it);
        }
        assess_restore(&it.memory, &it.state, (const char (*)[NODE_NAME_SIZE])it.names, 2, it.now_ms, wall_ms);
        struct facts facts = dies(&it);
        assert_row(rows[i].name, facts.nodes[NODE_B].vouches == rows[i].vouches);
        assert_row(rows[i].name, facts.candidate == (rows[i].vouches ? CANDIDATE_READY : CANDIDATE_UNPROVEN));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replica_that_acknowledges_vouches),
        cmocka_unit_test(async_mode_asks_for_nothing),
        cmocka_unit_test(nobody_is_ready_while_the_primary_goes_on_alone),
        cmocka_unit_test(a_voucher_that_lost_its_relay_log_is_none),
        cmocka_unit_test(who_is_not_level_does_not_vouch_yet),
        cmocka_unit_test(of_three_both_replicas_must_vouch),
        cmocka_unit_test(enough_vouch_when_fewer_are_missing_than_acknowledge),
        cmocka_unit_test(who_holds_more_than_all_that_vouch_must_vouch_itself),
        cmocka_unit_test(who_vouched_outlives_the_watcher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
