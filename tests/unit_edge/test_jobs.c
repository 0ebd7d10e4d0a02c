// watcher/jobs: how long the watcher waits before it queues another resync of a node whose last one failed. The hash and the
// clock are the test's.
#include "common/mem.h"
#include "common/text.h"
#include "tests/unit/unit.h"
#include "watcher/watcher_parts.h"

enum { NODE, SECOND_MS = 1000, START_MS = 1000000 };

void publish_job(struct publish *publish, const struct job_state *job) {
    (void)publish;
    (void)job;
}

static struct settings settings = {.node_count = 1, .nodes = {{.name = "b", .port = 3306}}};

static void begin(struct watcher *watcher) {
    *watcher = (struct watcher){.settings = &settings, .count = 1, .now_ms = START_MS, .now_wall_ms = START_MS};
    watcher->state.epoch = 7;
    (void)text_copy(watcher->names[NODE], sizeof watcher->names[NODE], "b");
}

// Queues one, which fails at once. Returns how long no other is queued then.
static int64_t wait_after_failure(struct watcher *watcher, bool lasting) {
    jobs_queue(watcher, NODE, RUNG_AUTO, "watcher", "");
    struct cluster_state read = {.job_count = 1};
    read.jobs[0] = watcher->state.jobs[0];
    read.jobs[0].phase = JOB_FAILED;
    read.jobs[0].lasting = lasting;
    jobs_adopt(watcher, &read);
    int64_t failed_ms = watcher->now_ms;
    while (!jobs_may_queue(watcher, NODE)) {
        watcher->now_ms += SECOND_MS;
    }
    watcher->now_wall_ms += watcher->now_ms - failed_ms;
    return watcher->now_ms - failed_ms;
}

static void pauses_grow_longer_where_trying_again_mends_nothing(void **state) {
    (void)state;
    static const int64_t wanted_s[2][8] = {{5, 10, 20, 40, 60, 60, 60, 60},
                                           {60, 120, 240, 480, 960, 1920, 3600, 3600}};
    for (int lasting = 0; lasting < 2; lasting++) {
        struct watcher *watcher = mem_zero(1, sizeof *watcher);
        begin(watcher);
        for (unsigned i = 0; i < 8; i++) {
            assert_int_equal(wait_after_failure(watcher, lasting), wanted_s[lasting][i] * SECOND_MS);
        }
        free(watcher);
    }
}

static struct watcher *that_waits(void) {
    struct watcher *watcher = mem_zero(1, sizeof *watcher);
    begin(watcher);
    (void)wait_after_failure(watcher, true);
    watcher->now_ms -= 30 * SECOND_MS;  // in the middle of the pause
    assert_false(jobs_may_queue(watcher, NODE));
    return watcher;
}

static void a_change_ends_the_pause(void **state) {
    (void)state;
    struct watcher *watcher = that_waits();
    watcher->state.epoch++;  // another primary, another donor
    assert_true(jobs_may_queue(watcher, NODE));
    free(watcher);
    watcher = that_waits();
    jobs_node_is_back(watcher, NODE);
    watcher->now_ms += 3 * SECOND_MS;
    assert_true(jobs_may_queue(watcher, NODE));
    free(watcher);
}

static void a_restart_does_not_hurry_what_may_pass_by_itself(void **state) {
    (void)state;
    struct watcher *watcher = mem_zero(1, sizeof *watcher);
    begin(watcher);
    (void)wait_after_failure(watcher, false);
    watcher->now_ms -= 1;
    jobs_node_is_back(watcher, NODE);
    watcher->state.epoch++;
    assert_false(jobs_may_queue(watcher, NODE));
    free(watcher);
}

// Bits of the nodes that are known to differ, for a copy that ended at `copied_s` and a comparison that began at
// `compared_s` (0: there was none).
static unsigned differing(enum job_rung rung, unsigned left_out, int64_t copied_s, unsigned differences,
                          int64_t compared_s) {
    struct watcher *watcher = mem_zero(1, sizeof *watcher);
    begin(watcher);
    struct cluster_state *read = mem_zero(1, sizeof *read);
    read->job_count = copied_s > 0;
    read->jobs[0] =
        (struct job_state){.phase = JOB_DONE, .rung = rung, .left_out = left_out, .ended_ms = copied_s * SECOND_MS};
    (void)text_copy(read->jobs[0].node, NODE_NAME_SIZE, "b");
    read->check_count = compared_s > 0;
    read->checks[0] =
        (struct job_state){.phase = JOB_DONE, .differing = differences, .started_ms = compared_s * SECOND_MS};
    (void)text_copy(read->checks[0].node, NODE_NAME_SIZE, "b");
    jobs_note_differences(watcher, read);
    unsigned nodes = jobs_differing(watcher);
    free(read);
    free(watcher);
    return nodes;
}

static void the_newest_copy_or_comparison_says_whether_a_node_differs(void **state) {
    (void)state;
    assert_int_equal(differing(RUNG_DUMP, 0, 0, 0, 0), 0);
    assert_int_equal(differing(RUNG_DUMP, 0, 0, 2, 5), 1);     // compared
    assert_int_equal(differing(RUNG_DUMP, 0, 6, 2, 5), 0);     // ... and copied since
    assert_int_equal(differing(RUNG_CATCHUP, 0, 6, 2, 5), 1);  // which a catch-up does not mend
    assert_int_equal(differing(RUNG_DUMP, 1, 6, 0, 0), 1);     // something was left out
    assert_int_equal(differing(RUNG_DUMP, 1, 6, 0, 5), 1);
    assert_int_equal(differing(RUNG_DUMP, 1, 6, 0, 7), 0);  // ... but all was found alike since
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_grow_longer_where_trying_again_mends_nothing),
        cmocka_unit_test(a_change_ends_the_pause),
        cmocka_unit_test(a_restart_does_not_hurry_what_may_pass_by_itself),
        cmocka_unit_test(the_newest_copy_or_comparison_says_whether_a_node_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
