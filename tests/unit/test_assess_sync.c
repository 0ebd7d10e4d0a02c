// Lossless mode: whether the primary waits, and whether the settings fit.
#include "lossless.h"

static void a_primary_that_does_not_wait_as_recorded_is_loose(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = lossless_of(2);
    it.now_ms += 100;
    waits(&it, UUID_A ":1-10")->semisync.source_strict = false;
    assert_int_equal(cluster_judge(&it).sync, SYNC_LOOSE);
    it.now_ms += 100;
    (void)waits(&it, UUID_A ":1-10");
    assert_int_equal(cluster_judge(&it).sync, SYNC_LOOSE);  // what it let through meanwhile is nowhere else
    assert_int_equal(dies(&it).candidate, CANDIDATE_UNSYNCED);

    AUTO_CLUSTER struct cluster counted = lossless_of(2);
    counted.now_ms += 100;
    waits(&counted, UUID_A ":1-10")->semisync.unacked = 3;
    struct facts facts = cluster_judge(&counted);
    assert_int_equal(facts.sync, SYNC_LOOSE);
    assert_int_equal(facts.let_through, 3);  // to be told
    assert_int_equal(cluster_judge(&counted).let_through, 0);  // ... once
    counted.state.sync_epoch = 0;
    waits(&counted, UUID_A ":1-10")->semisync.unacked = 9;
    assert_int_equal(cluster_judge(&counted).let_through, 0);  // it goes on alone, and that is recorded
    AUTO_CLUSTER struct cluster row = lossless_of(2);
    row.now_ms += 100;
    waits(&row, UUID_A ":1-10")->epoch_sync = false;
    assert_int_equal(cluster_judge(&row).sync, SYNC_LOOSE);
    AUTO_CLUSTER struct cluster gone = lossless_of(2);
    gone.now_ms += 100;
    waits(&gone, UUID_A ":1-10")->epoch_sync = false;
    gone.seen[NODE_A]->epoch = 0;  // the row is not there: rule 514 writes it again
    assert_int_equal(cluster_judge(&gone).sync, SYNC_ON);
    AUTO_CLUSTER struct cluster before = lossless_of(2);
    waits(&before, UUID_A ":1-10")->semisync.source_strict = false;
    before.now_ms += 100;
    before.sync_ms = before.now_ms;
    assert_int_equal(cluster_judge(&before).sync, SYNC_ON);  // seen before it was told to wait
}

// Nor does a watcher that has just started know since when.
static void what_was_let_through_earlier_is_no_news(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = lossless_of(2);
    it.memory.nodes[NODE_A] = (struct node_memory){0};
    it.sync_ms = it.now_ms + 150;  // the first look is older than what the hash says
    for (int look = 0; look < 3; look++) {
        it.now_ms += 100;
        waits(&it, UUID_A ":1-10")->semisync.unacked = 3;
        struct facts facts = cluster_judge(&it);
        assert_int_equal(facts.sync, SYNC_ON);
        assert_int_equal(facts.let_through, 0);
    }
    AUTO_CLUSTER struct cluster restored = lossless_of(2);
    struct node_memory *a = &restored.memory.nodes[NODE_A];
    *a = (struct node_memory){.boot_s = a->boot_s, .vouch_epoch = 1};  // assess_restore(): it vouched once
    restored.now_ms += 100;
    waits(&restored, UUID_A ":1-10")->semisync.unacked = 3;
    assert_int_equal(cluster_judge(&restored).let_through, 0);
    restored.now_ms += 100;
    waits(&restored, UUID_A ":1-10")->semisync.unacked = 5;
    assert_int_equal(cluster_judge(&restored).let_through, 2);
    AUTO_CLUSTER struct cluster restarted = lossless_of(2);
    for (int look = 0; look < 2; look++) {
        restarted.now_ms += 100;
        restarted.sync_ms = restarted.now_ms + (look == 0 ? 50 : -50);
        struct observation *seen = waits(&restarted, UUID_A ":1-10");
        seen->boot_s++;
        seen->semisync.unacked = 3;
        assert_int_equal(cluster_judge(&restarted).let_through, 0);
        seen->boot_s--;
        restarted.memory.nodes[NODE_A].boot_s = seen->boot_s + 1;
    }
}

static void a_primary_that_waits_in_vain_is_stuck(void **state) {
    (void)state;
    for (int recorded = 0; recorded < 2; recorded++) {
        AUTO_CLUSTER struct cluster it = lossless_of(2);
        it.state.sync_epoch = recorded ? it.state.epoch : 0;
        for (int64_t waited_ms = 0; waited_ms <= ACK_PATIENCE_MS; waited_ms += 500) {
            it.now_ms += 500;
            (void)cluster_see(&it, NODE_B, PROBE_REFUSED);
            (void)waits(&it, UUID_A ":1-10");
            enum sync_view sync = cluster_judge(&it).sync;
            assert_int_equal(sync, waited_ms + 500 > ACK_PATIENCE_MS ? SYNC_STUCK : recorded ? SYNC_ON : SYNC_OFF);
        }
        it.sync_rests = true;
        assert_int_equal(cluster_judge(&it).sync, recorded ? SYNC_ON : SYNC_OFF);
        it.sync_rests = false;
        (void)cluster_see(&it, NODE_A, PROBE_TIMEOUT);  // it was away: patience begins anew
        (void)cluster_judge(&it);
        (void)waits(&it, UUID_A ":1-10");
        assert_int_equal(cluster_judge(&it).sync, recorded ? SYNC_ON : SYNC_OFF);
    }
}

static enum sync_view looked_at(struct cluster *it, int64_t after_ms, uint64_t waiting, uint64_t acked) {
    it->now_ms += after_ms;
    (void)acknowledges(it, NODE_B, THREAD_ON, UUID_A ":1-10");
    struct observation *primary = waits(it, UUID_A ":1-10");
    primary->semisync.waiting = waiting;
    primary->semisync.acked = acked;
    return cluster_judge(it).sync;
}

// The disk of the replica is full: it streams and would acknowledge, and nothing comes.
static void a_primary_that_hears_nothing_is_stuck(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = lossless_of(2);
    assert_int_equal(looked_at(&it, 100, 1, 7), SYNC_ON);
    for (int64_t waited_ms = 500; waited_ms <= UNHEARD_PATIENCE_MS; waited_ms += 500) {
        assert_int_equal(looked_at(&it, 500, 1, 7), SYNC_ON);
    }
    assert_int_equal(looked_at(&it, 1, 1, 7), SYNC_STUCK);
    assert_int_equal(looked_at(&it, 1, 1, 8), SYNC_ON);  // one came
    assert_int_equal(looked_at(&it, UNHEARD_PATIENCE_MS, 1, 8), SYNC_ON);
    assert_int_equal(looked_at(&it, 1, 1, 8), SYNC_STUCK);
    assert_int_equal(looked_at(&it, 1, 0, 8), SYNC_ON);  // nobody waits
    assert_int_equal(looked_at(&it, UNHEARD_PATIENCE_MS + 1, 1, 8), SYNC_STUCK);
    it.seen[NODE_A]->boot_s++;  // counts of another life say nothing of this one
    assert_int_equal(cluster_judge(&it).sync, SYNC_ON);
}

static void waiting_is_due_when_enough_keep_up(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = lossless_of(2);
    it.state.sync_epoch = 0;
    it.seen[NODE_A]->heartbeat_ms = it.seen[NODE_B]->heartbeat_ms = 1;
    assert_int_equal(cluster_judge(&it).sync, SYNC_DUE);
    it.seen[NODE_B]->semisync.replica_acks = false;
    assert_int_equal(cluster_judge(&it).sync, SYNC_OFF);
    it.seen[NODE_B]->semisync.replica_acks = true;
    it.seen[NODE_A]->heartbeat_ms = it.seen[NODE_B]->relevo_wall_ms;
    it.seen[NODE_B]->heartbeat_ms = it.seen[NODE_B]->relevo_wall_ms - 5000;
    assert_int_equal(cluster_judge(&it).sync, SYNC_OFF);  // far behind
}

// As it was before it was made to wait says nothing of how it is.
static void what_was_seen_before_is_not_loose(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = lossless_of(2);
    it.seen[NODE_A]->semisync.source_strict = false;
    it.sync_ms = it.seen[NODE_A]->began_ms + 1;
    it.now_ms += 100;
    assert_int_equal(cluster_judge(&it).sync, SYNC_ON);
    waits(&it, UUID_A ":1-10")->semisync.source_strict = false;
    assert_int_equal(cluster_judge(&it).sync, SYNC_LOOSE);
}

static void the_settings_fit_the_role(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = lossless_of(2);
    struct observation *b = it.seen[NODE_B];
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].fit, FIT_RIGHT);
    b->semisync.source_on = true;
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].fit, FIT_WRONG);
    b->semisync.source_on = false;
    b->semisync.replica_on = false;
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].fit, FIT_WRONG);
    b->semisync.replica_on = true;
    b->semisync.replica_acks = false;
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].fit, FIT_WRONG);
    b->super_read_only = false;
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].fit, FIT_NONE);  // it has to be closed first
    b->super_read_only = true;
    b->read_only = false;
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].fit, FIT_NONE);  // its fence is still pending
    b->read_only = true;
    cluster_job(&it, NODE_B, JOB_RUNNING);
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].fit, FIT_NONE);
    it.state.job_count = 0;
    b->semisync.installed = false;
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].fit, FIT_ABSENT);
    (void)cluster_see(&it, NODE_B, PROBE_REFUSED);
    assert_int_equal(cluster_judge(&it).nodes[NODE_B].fit, FIT_NONE);
}

static void leaving_the_mode_lets_the_primary_go(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = lossless_of(2);
    it.acks = 0;
    it.leaving = true;
    assert_int_equal(cluster_judge(&it).sync, SYNC_LEFT);
    it.sync_rests = true;
    assert_int_equal(cluster_judge(&it).sync, SYNC_NONE);
    it.sync_rests = false;
    it.seen[NODE_A]->read_only = true;
    assert_int_equal(cluster_judge(&it).sync, SYNC_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_primary_that_does_not_wait_as_recorded_is_loose),
        cmocka_unit_test(a_primary_that_hears_nothing_is_stuck),
        cmocka_unit_test(what_was_let_through_earlier_is_no_news),
        cmocka_unit_test(a_primary_that_waits_in_vain_is_stuck),
        cmocka_unit_test(waiting_is_due_when_enough_keep_up),
        cmocka_unit_test(what_was_seen_before_is_not_loose),
        cmocka_unit_test(the_settings_fit_the_role),
        cmocka_unit_test(leaving_the_mode_lets_the_primary_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
