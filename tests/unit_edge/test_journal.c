// watcher/journal: that its thread never rests on what is out of date. The servers are the test's, and so is the rest:
// it ends when somebody wakes the thread, never by itself, so that a wake that is lost is seen.
#include "watcher/journal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/mysql_port.h"
#include "common/text.h"
#include "tests/unit/unit.h"

enum { A, B, NODES, PATIENCE_S = 10, EPOCH = 7 };

struct db_session {
    int node;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool rests;       // the journal's thread
    pthread_cond_t *resting_on;
    pthread_mutex_t *resting_lock;  // the thread's own: held until it waits
    int held;         // the node whose next heartbeat does not end, -1: none
    bool in_beat;     // it is under way
    bool beat_fails;  // the held one, when it is let go
    struct node {
        int beats, counts;
        const char *idle_events;  // NULL: it does not tell
    } node[NODES];
} world = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void set(bool *what, bool value) {
    pthread_mutex_lock(&world.lock);
    *what = value;
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until) {
    (void)until;
    world.resting_on = condition;
    world.resting_lock = lock;
    set(&world.rests, true);
    int result = pthread_cond_wait(condition, lock);
    set(&world.rests, false);
    return result;
}

static atomic_llong now_ms;

int64_t clock_mono_ms(void) {
    return now_ms;
}

int64_t clock_wall_ms(void) {
    return now_ms;
}

void clock_sql(int64_t wall_ms, char out[20]) {
    (void)text_format(out, 20, "%lld", (long long)wall_ms);
}

enum probe_outcome db_open(const struct db_login *login, int64_t timeout_ms, struct db_session **ret, struct err *err) {
    (void)err;
    assert_true(timeout_ms > 0);
    assert_true(text_equal(login->address, "node-a") || text_equal(login->address, "node-b"));
    *ret = mem_zero(1, sizeof **ret);
    (*ret)->node = text_equal(login->address, "node-a") ? A : B;
    return PROBE_OK;
}

void db_close(struct db_session *session) {
    free(session);
}

bool db_alive(const struct db_session *session) {
    return session != NULL;
}

uint64_t db_affected(const struct db_session *session) {
    return session ? 1 : 0;
}

bool db_value(struct db_session *session, int64_t timeout_ms, const char *sql, char **ret, struct err *err) {
    assert_true(timeout_ms > 0);
    if (strstr(sql, "performance_schema.threads")) {
        *ret = mem_text("0");
        return true;
    }
    assert_non_null(strstr(sql, "information_schema.EVENTS"));
    pthread_mutex_lock(&world.lock);
    const char *count = world.node[session->node].idle_events;
    world.node[session->node].counts++;
    pthread_mutex_unlock(&world.lock);
    if (!count) {
        return err_set(err, ERR_FAILED, 1205, "Lock wait timeout exceeded");
    }
    *ret = mem_text(count);
    return true;
}

static bool beat(struct node *node, struct err *err) {
    world.in_beat = true;
    pthread_cond_broadcast(&world.changed);
    bool was_held = world.held >= 0 && node == &world.node[world.held];
    while (world.held >= 0 && node == &world.node[world.held]) {
        pthread_cond_wait(&world.changed, &world.lock);
    }
    world.in_beat = false;
    if (was_held && world.beat_fails) {
        return err_set(err, ERR_LOST, 2013, "Lost connection");
    }
    node->beats++;
    return true;
}

bool db_execf(struct db_session *session, int64_t timeout_ms, struct err *err, const char *format, ...) {
    assert_true(timeout_ms > 0);
    struct node *node = &world.node[session->node];
    pthread_mutex_lock(&world.lock);
    assert_non_null(strstr(format, "relevo.heartbeat"));
    bool ok = beat(node, err);
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
    return ok;
}

// --- the test's side ---

static struct settings settings;
static struct journal *journal;

static int set_up(void **state) {
    (void)state;
    now_ms = 1000;
    world.held = -1;
    world.rests = world.in_beat = world.beat_fails = false;
    world.node[A] = world.node[B] = (struct node){.idle_events = "0"};
    settings = (struct settings){.cluster = "appdb", .control_user = "control", .control_password = "secret"};
    journal = journal_start(&settings);
    return 0;
}

static void let_go_but_hold(bool fails, int next) {
    pthread_mutex_lock(&world.lock);
    world.held = next;
    world.in_beat = false;
    world.beat_fails = fails;
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
}

static void let_go(bool fails) {
    let_go_but_hold(fails, -1);
}

static int tear_down(void **state) {
    (void)state;
    let_go(false);
    journal_stop(journal);
    return 0;
}

static void wait_for(const bool *what) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&world.lock);
    int result = 0;
    while (!*what && result == 0) {
        result = pthread_cond_clockwait(&world.changed, &world.lock, CLOCK_MONOTONIC, &until);
    }
    bool ok = *what;
    pthread_mutex_unlock(&world.lock);
    assert_true(ok);
}

static int beats(int node) {
    pthread_mutex_lock(&world.lock);
    int count = world.node[node].beats;
    pthread_mutex_unlock(&world.lock);
    return count;
}

// Whoever waits for the rest after one of these means the one that follows it: they are for a thread that rests or is
// held, not for one that is on its way to rest.
static void point_in(int node, uint64_t epoch) {
    set(&world.rests, false);
    journal_point(journal, node == A ? "node-a" : "node-b", node == A ? "node-a" : "node-b", 3306, node == A ? "uuid-a" : "uuid-b", epoch);
}

static void point(int node) {
    point_in(node, EPOCH);
}

static void point_nowhere(void) {
    set(&world.rests, false);
    journal_point(journal, "", "", 0, "", 0);
}

// The second is over: the next heartbeat is due.
static void a_second_passes(void) {
    wait_for(&world.rests);
    set(&world.rests, false);
    pthread_mutex_lock(world.resting_lock);
    pthread_cond_signal(world.resting_on);
    pthread_mutex_unlock(world.resting_lock);
}

static void hold_a_beat(int node) {
    wait_for(&world.rests);
    pthread_mutex_lock(&world.lock);
    world.held = node;
    world.in_beat = false;
    pthread_mutex_unlock(&world.lock);
    point(node);
    wait_for(&world.in_beat);
}

static void idle_events(int node, const char *count) {
    pthread_mutex_lock(&world.lock);
    world.node[node].idle_events = count;
    pthread_mutex_unlock(&world.lock);
}

static void a_new_primary_is_written_to_though_the_thread_was_at_work(void **state) {
    (void)state;
    hold_a_beat(B);
    point(A);
    let_go(false);
    wait_for(&world.rests);
    assert_int_equal(beats(A), 1);
}

static void idle_events_outlast_a_short_absence(void **state) {
    (void)state;
    idle_events(B, "3");
    wait_for(&world.rests);
    point(B);
    wait_for(&world.rests);
    assert_int_equal(journal_idle_events(journal, "uuid-b", EPOCH), 3);
    assert_int_equal(journal_idle_events(journal, "uuid-a", EPOCH), 0);  // A took B's place, and was not pointed at yet
    a_second_passes();
    wait_for(&world.rests);
    point_nowhere();
    wait_for(&world.rests);
    point(B);
    wait_for(&world.rests);
    assert_int_equal(journal_idle_events(journal, "uuid-b", EPOCH), 3);
    assert_int_equal(world.node[B].counts, 1);
    // In the meantime it was another's turn, for so short that the session to it is still there.
    point_nowhere();
    hold_a_beat(B);
    point(A);
    assert_int_equal(journal_idle_events(journal, "uuid-a", EPOCH), 0);
    point(B);
    let_go(false);
    wait_for(&world.rests);
    assert_int_equal(journal_idle_events(journal, "uuid-b", EPOCH), 3);
    assert_int_equal(beats(A), 0);
}

static void idle_events_are_those_of_the_primary_of_now(void **state) {
    (void)state;
    idle_events(B, "3");
    idle_events(A, NULL);
    hold_a_beat(B);
    point(A);
    let_go(false);  // only now are B's counted
    wait_for(&world.rests);
    assert_int_equal(beats(A), 1);
    assert_int_equal(journal_idle_events(journal, "uuid-a", EPOCH), 0);
    idle_events(A, "4");  // it did not tell; it is asked again with the next heartbeat
    a_second_passes();
    wait_for(&world.rests);
    assert_int_equal(journal_idle_events(journal, "uuid-a", EPOCH), 4);
}

static void idle_events_are_those_of_the_reign_of_now(void **state) {
    (void)state;
    idle_events(B, "3");
    wait_for(&world.rests);
    point(B);
    wait_for(&world.rests);
    assert_int_equal(journal_idle_events(journal, "uuid-b", EPOCH), 3);
    idle_events(B, "0");  // somebody enabled them, and B is opened anew
    assert_int_equal(journal_idle_events(journal, "uuid-b", EPOCH + 1), 0);  // nobody was told of that reign yet
    point_nowhere();
    wait_for(&world.rests);
    point_in(B, EPOCH + 1);
    wait_for(&world.rests);
    assert_int_equal(journal_idle_events(journal, "uuid-b", EPOCH + 1), 0);
    assert_int_equal(world.node[B].counts, 2);
}

static void idle_events_are_counted_now_and_then(void **state) {
    (void)state;
    idle_events(B, "3");
    wait_for(&world.rests);
    point(B);
    wait_for(&world.rests);
    idle_events(B, "1");
    now_ms += 9999;
    a_second_passes();
    wait_for(&world.rests);
    assert_int_equal(journal_idle_events(journal, "uuid-b", EPOCH), 3);
    now_ms += 1;
    a_second_passes();
    wait_for(&world.rests);
    assert_int_equal(journal_idle_events(journal, "uuid-b", EPOCH), 1);
}

static void a_heartbeat_that_failed_elsewhere_is_not_told_of_the_primary_of_now(void **state) {
    (void)state;
    char error[160];
    hold_a_beat(B);
    let_go(true);
    wait_for(&world.rests);
    assert_int_equal(journal_failing_ms(journal, error, sizeof error), 1);
    assert_non_null(strstr(error, "Lost connection"));
    hold_a_beat(A);
    assert_int_equal(journal_failing_ms(journal, error, sizeof error), JOURNAL_UNTRIED);
    assert_string_equal(error, "");
    point(B);
    let_go_but_hold(true, B);  // it fails at A, and B's is under way
    wait_for(&world.in_beat);
    assert_int_equal(journal_failing_ms(journal, error, sizeof error), JOURNAL_UNTRIED);
    assert_string_equal(error, "");
    now_ms = 9000;
    let_go(true);
    wait_for(&world.rests);
    assert_int_equal(journal_failing_ms(journal, error, sizeof error), 1);  // not since it failed there before A's turn
}

static void a_short_absence_is_no_heartbeat_that_went_well(void **state) {
    (void)state;
    char error[160];
    hold_a_beat(B);
    let_go(true);
    wait_for(&world.rests);
    now_ms = 2500;
    point_nowhere();  // a probe was missed
    wait_for(&world.rests);
    now_ms = 60000;
    hold_a_beat(B);
    assert_int_equal(journal_failing_ms(journal, error, sizeof error), JOURNAL_UNTRIED);
    let_go(true);
    wait_for(&world.rests);
    assert_int_equal(journal_failing_ms(journal, error, sizeof error), 1501);  // the absence is not counted
    point_nowhere();
    wait_for(&world.rests);
    hold_a_beat(B);
    let_go(false);
    wait_for(&world.rests);
    assert_int_equal(journal_failing_ms(journal, error, sizeof error), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_new_primary_is_written_to_though_the_thread_was_at_work),
        TEST(idle_events_outlast_a_short_absence),
        TEST(idle_events_are_those_of_the_primary_of_now),
        TEST(idle_events_are_those_of_the_reign_of_now),
        TEST(idle_events_are_counted_now_and_then),
        TEST(a_heartbeat_that_failed_elsewhere_is_not_told_of_the_primary_of_now),
        TEST(a_short_absence_is_no_heartbeat_that_went_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
