// Has the open primary still the row of its reign? What looks like a loss is acted upon: it must be one.
#include "cluster.h"

static struct observation *reads(struct cluster *it, int node, uint64_t epoch) {
    struct observation *seen = it->seen[node];
    seen->rows_new = true;
    seen->epoch = epoch;
    seen->reigns = epoch ? epoch << 32 : 0;
    (void)text_copy(seen->epoch_uuid, sizeof seen->epoch_uuid, epoch ? UUID_A : "");
    return seen;
}

// The primary and its replica as they are looked at after ms more, the newest row of each of that epoch.
static struct facts look(struct cluster *it, int64_t ms, uint64_t epoch, uint64_t replica_epoch) {
    it->now_ms += ms;
    (void)cluster_serves(it, NODE_A, UUID_A ":1-20");
    (void)reads(it, NODE_A, epoch);
    (void)cluster_follows(it, NODE_B, THREAD_ON, UUID_A ":1-19");
    (void)reads(it, NODE_B, replica_epoch);
    return cluster_judge(it);
}

static struct cluster in_epoch(uint64_t epoch) {
    struct cluster it = cluster_of(2);
    it.state.epoch = epoch;
    return it;
}

static void a_row_that_is_there_is_kept(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = in_epoch(7);
    (void)cluster_serves(&it, NODE_A, UUID_A ":1-20");
    reads(&it, NODE_A, 7)->epoch_rule = 210;
    assert_int_equal(cluster_judge(&it).rows, ROWS_KEPT);
    assert_int_equal(it.memory.reign_rule, 210);
    it.state.epoch = 8;  // the next reign: by another rule, and its row was not read yet
    (void)cluster_serves(&it, NODE_A, UUID_A ":1-20");
    it.seen[NODE_A]->epoch = 7;  // of an earlier look
    assert_int_equal(cluster_judge(&it).rows, ROWS_NONE);
    assert_int_equal(it.memory.reign_rule, 0);
}

static void a_row_that_is_gone_twice_is_lost(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint64_t epoch;
        bool known, absent, beat_absent;
        enum rows_view now, later;
    } rows[] = {
        {"kept", 7, true, false, false, ROWS_KEPT, ROWS_KEPT},
        {"emptied", 0, true, false, false, ROWS_NONE, ROWS_LOST},
        {"an old backup", 5, true, false, false, ROWS_NONE, ROWS_LOST},
        {"dropped", 0, false, true, false, ROWS_NONE, ROWS_LOST},
        {"no heartbeats", 7, true, false, true, ROWS_NONE, ROWS_LOST},
        {"a newer one", 8, true, false, false, ROWS_NONE, ROWS_NONE},
        {"locked", 0, false, false, false, ROWS_NONE, ROWS_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_CLUSTER struct cluster it = in_epoch(7);
        enum rows_view got[2] = {0};
        for (int k = 0; k < 2; k++) {
            it.now_ms += ROWS_PATIENCE_MS;
            (void)cluster_serves(&it, NODE_A, UUID_A ":1-20");
            struct observation *seen = reads(&it, NODE_A, rows[i].epoch);
            (void)text_copy(seen->epoch_uuid, sizeof seen->epoch_uuid, rows[i].epoch == 5 ? UUID_B : UUID_A);
            seen->relevo_known = rows[i].known;
            seen->rows_absent = rows[i].absent;
            seen->beat_absent = rows[i].beat_absent;
            seen->rows_new = rows[i].known || rows[i].absent;
            got[k] = cluster_judge(&it).rows;
        }
        assert_row(rows[i].name, got[0] == rows[i].now && got[1] == rows[i].later);
    }
}

// The row of a reign that has just begun is not in the look that began before it, nor in what is kept of one.
static void what_was_seen_once_is_not_believed(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = in_epoch(7);
    assert_int_equal(look(&it, 100, 6, 6).rows, ROWS_NONE);
    it.now_ms += 5000;
    (void)cluster_serves(&it, NODE_A, UUID_A ":1-20");
    it.seen[NODE_A]->epoch = 6;  // not read anew
    assert_int_equal(cluster_judge(&it).rows, ROWS_NONE);
    assert_int_equal(look(&it, 100, 7, 7).rows, ROWS_KEPT);
    assert_int_equal(look(&it, 100, 0, 0).rows, ROWS_NONE);
    assert_int_equal(look(&it, ROWS_PATIENCE_MS - 1, 0, 0).rows, ROWS_NONE);
    assert_int_equal(look(&it, 1, 0, 0).rows, ROWS_LOST);
    assert_int_equal(look(&it, 100, 7, 0).rows, ROWS_KEPT);
    assert_int_equal(look(&it, 100, 0, 0).rows, ROWS_NONE);  // patience begins anew
}

static void only_an_open_primary_is_judged(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = in_epoch(7);
    (void)look(&it, 100, 0, 0);
    assert_int_equal(look(&it, ROWS_PATIENCE_MS, 0, 0).rows, ROWS_LOST);
    it.now_ms += 100;
    (void)cluster_fenced(&it, NODE_A, UUID_A ":1-20");
    (void)reads(&it, NODE_A, 0);
    assert_int_equal(cluster_judge(&it).rows, ROWS_NONE);
    assert_int_equal(look(&it, 2000, 0, 0).rows, ROWS_NONE);  // opened again: patience begins anew
    AUTO_CLUSTER struct cluster first = in_epoch(0);
    (void)look(&first, 100, 0, 0);
    assert_int_equal(look(&first, ROWS_PATIENCE_MS, 0, 0).rows, ROWS_NONE);  // nobody has reigned yet
}

// A replica that has executed all that the primary did, or a later heartbeat, and still holds the row, did not lose it.
static void what_is_gone_on_the_primary_alone_is_not_sent_to_the_replicas(void **state) {
    (void)state;
    static const struct {
        const char *name, *executed;
        int64_t beat_after_ms;  // since the loss was seen; 0: no heartbeat
        uint64_t epoch;
        bool follows, fresh;
        enum rows_view want;
    } rows[] = {
        {"lags", UUID_A ":1-19", 0, 7, true, true, ROWS_LOST},
        {"level", UUID_A ":1-20", 0, 7, true, true, ROWS_ALONE},
        {"level, lost it too", UUID_A ":1-20", 0, 0, true, true, ROWS_LOST},
        {"lags, a later heartbeat", UUID_A ":1-19", 1, 7, true, true, ROWS_ALONE},
        {"lags, an earlier heartbeat", UUID_A ":1-19", -1, 7, true, true, ROWS_LOST},
        {"level, as seen before", UUID_A ":1-20", 0, 7, true, false, ROWS_LOST},
        {"level, follows nobody", UUID_A ":1-20", 0, 7, false, true, ROWS_LOST},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_CLUSTER struct cluster it = in_epoch(7);
        (void)look(&it, 100, 0, 7);
        int64_t lost_wall_ms = it.seen[NODE_A]->at_wall_ms;
        assert_row(rows[i].name, cluster_judge(&it).rows == ROWS_NONE);
        (void)look(&it, ROWS_PATIENCE_MS, 0, 7);
        it.memory.rows_alone = false;
        (void)(rows[i].follows ? cluster_follows(&it, NODE_B, THREAD_ON, rows[i].executed)
                               : cluster_fenced(&it, NODE_B, rows[i].executed));
        struct observation *replica = reads(&it, NODE_B, rows[i].epoch);
        replica->rows_new = rows[i].fresh;
        replica->heartbeat_ms = rows[i].beat_after_ms ? lost_wall_ms + rows[i].beat_after_ms : 0;
        assert_row(rows[i].name, cluster_judge(&it).rows == rows[i].want);
        // Once known it stays known, though the primary runs ahead.
        (void)cluster_follows(&it, NODE_B, THREAD_ON, UUID_A ":1-19");
        assert_row(rows[i].name, cluster_judge(&it).rows == rows[i].want);
    }
}

// Evidence of the seconds before patience is over counts: at its end the replica's row may be one of an earlier look.
static void what_a_replica_showed_before_is_not_forgotten(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = in_epoch(7);
    (void)look(&it, 100, 0, 7);
    it.now_ms += 1000;
    (void)cluster_serves(&it, NODE_A, UUID_A ":1-20");
    (void)reads(&it, NODE_A, 0);
    (void)cluster_follows(&it, NODE_B, THREAD_ON, UUID_A ":1-20");
    (void)reads(&it, NODE_B, 7);
    assert_int_equal(cluster_judge(&it).rows, ROWS_NONE);
    it.now_ms += ROWS_PATIENCE_MS;
    (void)cluster_serves(&it, NODE_A, UUID_A ":1-21");
    (void)reads(&it, NODE_A, 0);
    (void)cluster_follows(&it, NODE_B, THREAD_ON, UUID_A ":1-20");
    reads(&it, NODE_B, 7)->rows_new = false;
    assert_int_equal(cluster_judge(&it).rows, ROWS_ALONE);
}

// When the loss is seen first the replica may have executed all that was read of the primary, and not yet the loss.
static void a_replica_that_is_about_to_lose_it_proves_nothing(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = in_epoch(7);
    (void)cluster_serves(&it, NODE_A, UUID_A ":1-20");
    (void)reads(&it, NODE_A, 0);
    (void)cluster_follows(&it, NODE_B, THREAD_ON, UUID_A ":1-20");
    (void)reads(&it, NODE_B, 7);
    assert_int_equal(cluster_judge(&it).rows, ROWS_NONE);
    assert_int_equal(look(&it, ROWS_PATIENCE_MS, 0, 0).rows, ROWS_LOST);
}

static void a_row_of_another_server_is_not_ours(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = in_epoch(7);
    for (int k = 0; k < 2; k++) {
        it.now_ms += ROWS_PATIENCE_MS;
        (void)cluster_serves(&it, NODE_A, UUID_A ":1-20");
        struct observation *seen = reads(&it, NODE_A, 7);
        (void)text_copy(seen->epoch_uuid, sizeof seen->epoch_uuid, UUID_C);
        assert_int_equal(cluster_judge(&it).rows, k ? ROWS_OTHER : ROWS_NONE);
    }
}

static void a_table_that_nobody_can_read_is_told_after_a_while(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = in_epoch(7);
    (void)look(&it, 100, 7, 7);
    for (int64_t ms = 0; ms <= UNREAD_PATIENCE_MS; ms += 1000) {
        it.now_ms += ms ? 1000 : 0;
        cluster_serves(&it, NODE_A, UUID_A ":1-20")->relevo_known = false;
        assert_int_equal(cluster_judge(&it).rows, ms < UNREAD_PATIENCE_MS ? ROWS_NONE : ROWS_UNREAD);
    }
    assert_int_equal(look(&it, 100, 7, 7).rows, ROWS_KEPT);
}

// It is told while the primary lives, and does not hide that this one reigns.
static void a_row_of_another_cluster_is_told(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = in_epoch(7);
    (void)look(&it, 100, 7, 7);
    for (int i = 0; i < 2; i++) {
        it.now_ms += ROWS_PATIENCE_MS;
        (void)cluster_serves(&it, NODE_A, UUID_A ":1-20");
        (void)text_copy(reads(&it, NODE_A, 164)->epoch_uuid, NODE_UUID_SIZE, UUID_E);
        assert_false(assess_record(&it.state, &it.memory, it.seen, it.count));
        assert_int_equal(cluster_judge(&it).rows, i == 0 ? ROWS_NONE : ROWS_OTHER);
    }
}

// What the verdict promises before the primary dies: a replica without the row of the reign is promoted by nobody.
static void a_replica_without_the_tables_is_no_candidate(void **state) {
    (void)state;
    AUTO_CLUSTER struct cluster it = in_epoch(7);
    (void)look(&it, 100, 7, 7);
    assert_int_equal(cluster_judge(&it).candidate, CANDIDATE_READY);
    assert_false(cluster_judge(&it).nodes[NODE_B].stale);
    struct observation *replica = cluster_follows(&it, NODE_B, THREAD_ON, UUID_A ":1-20");
    replica->relevo_known = false;
    replica->rows_absent = true;
    replica->epoch = 0;
    assert_int_equal(cluster_judge(&it).candidate, CANDIDATE_STALE);
    assert_true(cluster_judge(&it).nodes[NODE_B].stale);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_that_is_there_is_kept),
        cmocka_unit_test(a_row_that_is_gone_twice_is_lost),
        cmocka_unit_test(what_was_seen_once_is_not_believed),
        cmocka_unit_test(only_an_open_primary_is_judged),
        cmocka_unit_test(what_is_gone_on_the_primary_alone_is_not_sent_to_the_replicas),
        cmocka_unit_test(what_a_replica_showed_before_is_not_forgotten),
        cmocka_unit_test(a_replica_that_is_about_to_lose_it_proves_nothing),
        cmocka_unit_test(a_row_of_another_server_is_not_ours),
        cmocka_unit_test(a_row_of_another_cluster_is_told),
        cmocka_unit_test(a_table_that_nobody_can_read_is_told_after_a_while),
        cmocka_unit_test(a_replica_without_the_tables_is_no_candidate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
