// watcher/event_writer: rows go in order to the primary of now, and none holds up the others for ever. What the server
// answers is the test's; so is the rest of a second, which ends when the test says so.
#include "watcher/event_writer.h"

#include <pthread.h>
#include <time.h>

#include "common/mem.h"
#include "common/text.h"
#include "tests/unit/unit.h"

enum { PATIENCE_S = 10, TRIES = 4 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_cond_t *resting_on;
    pthread_mutex_t *resting_lock;  // the thread's own: held until it waits
    bool rests;    // between two tries, or for want of anything to do
    bool hold;     // the next try does not end
    bool in_try;   // it is under way
    unsigned tries;
    enum event_row_result answer;
    char written[8][NODE_NAME_SIZE], at[8][NODE_NAME_SIZE];  // rows, by their replica's name, and where they went
    size_t count;
} world = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void set(bool *what, bool value) {
    pthread_mutex_lock(&world.lock);
    *what = value;
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
}

static int rest(pthread_cond_t *condition, pthread_mutex_t *lock) {
    static int (*wait)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *) = pthread_cond_clockwait;
    world.resting_on = condition;
    world.resting_lock = lock;
    set(&world.rests, true);
    struct timespec never;
    clock_gettime(CLOCK_MONOTONIC, &never);
    never.tv_sec += 3600;
    int result = wait(condition, lock, CLOCK_MONOTONIC, &never);
    set(&world.rests, false);
    return result;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until) {
    (void)until;
    return rest(condition, lock);
}

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock) {
    return rest(condition, lock);
}

enum event_row_result event_row_write(const struct settings *settings, const struct event_row_target *target,
                                      const struct event_row *row, struct err *err) {
    (void)settings;
    pthread_mutex_lock(&world.lock);
    world.tries++;
    world.in_try = true;
    pthread_cond_broadcast(&world.changed);
    while (world.hold) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += PATIENCE_S;
        assert_int_equal(pthread_cond_clockwait(&world.changed, &world.lock, CLOCK_MONOTONIC, &until), 0);
    }
    world.in_try = false;
    enum event_row_result answer = world.answer;
    if (answer == EVENT_ROW_WRITTEN) {
        (void)text_copy(world.written[world.count], NODE_NAME_SIZE, row->replica);
        (void)text_copy(world.at[world.count++], NODE_NAME_SIZE, target->name);
    } else {
        (void)err_set(err, ERR_FAILED, 1644, "a trigger says no");
    }
    pthread_mutex_unlock(&world.lock);
    return answer;
}

// --- the test's side ---

static struct settings settings;
static struct event_writer *writer;

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

static void answer(enum event_row_result result) {
    pthread_mutex_lock(&world.lock);
    world.answer = result;
    pthread_mutex_unlock(&world.lock);
}

static void point(const char *name) {
    if (!world.hold) {
        wait_for(&world.rests);
    }
    struct event_row_target target = {.port = 3306};
    (void)text_copy(target.name, sizeof target.name, name);
    (void)text_copy(target.uuid, sizeof target.uuid, name);
    set(&world.rests, false);
    event_writer_point(writer, &target);
}

// Not while the thread is on its way to rest: the rest that follows shall be the one after this.
static void add(const char *replica) {
    if (!world.hold) {
        wait_for(&world.rests);
    }
    struct event_row row = {.type = EVENT_FAILOVER};
    (void)text_copy(row.replica, sizeof row.replica, replica);
    set(&world.rests, false);
    event_writer_add(writer, &row);
}

static void a_second_passes(void) {
    wait_for(&world.rests);
    set(&world.rests, false);
    pthread_mutex_lock(world.resting_lock);
    pthread_cond_signal(world.resting_on);
    pthread_mutex_unlock(world.resting_lock);
    wait_for(&world.rests);
}

static unsigned lost(void) {
    char error[160];
    unsigned count = event_writer_lost(writer, error, sizeof error);
    assert_true(count == 0 || strstr(error, "a trigger says no"));
    return count;
}

static int set_up(void **state) {
    (void)state;
    world.hold = world.in_try = world.rests = false;
    world.tries = 0;
    world.count = 0;
    world.answer = EVENT_ROW_WRITTEN;
    writer = event_writer_start(&settings);
    wait_for(&world.rests);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    set(&world.hold, false);
    event_writer_stop(writer);
    return 0;
}

static void rows_wait_for_a_primary_and_go_in_order(void **state) {
    (void)state;
    add("one");
    add("two");
    wait_for(&world.rests);
    assert_int_equal(world.tries, 0);
    point("a");
    wait_for(&world.rests);
    assert_int_equal(world.count, 2);
    assert_string_equal(world.written[0], "one");
    assert_string_equal(world.written[1], "two");
}

static void a_row_that_came_while_the_thread_was_at_work_goes_to_the_primary_of_now(void **state) {
    (void)state;
    point("a");
    wait_for(&world.rests);
    set(&world.hold, true);
    add("one");
    wait_for(&world.in_try);
    add("two");
    point("b");
    set(&world.hold, false);
    wait_for(&world.rests);
    assert_int_equal(world.count, 2);
    assert_string_equal(world.at[0], "a");
    assert_string_equal(world.at[1], "b");
}

static void a_server_that_is_away_or_closed_loses_nothing(void **state) {
    (void)state;
    answer(EVENT_ROW_LATER);
    point("a");
    add("one");
    for (unsigned i = 0; i < 3 * TRIES; i++) {
        a_second_passes();
    }
    assert_true(world.tries > TRIES);
    assert_int_equal(lost(), 0);
    answer(EVENT_ROW_WRITTEN);
    a_second_passes();
    assert_int_equal(world.count, 1);
}

static void a_row_that_is_refused_is_given_up_and_told(void **state) {
    (void)state;
    answer(EVENT_ROW_REFUSED);
    point("a");
    add("one");
    for (unsigned i = 1; i < TRIES; i++) {
        wait_for(&world.rests);
        assert_int_equal(lost(), 0);
        a_second_passes();
    }
    assert_int_equal(world.tries, TRIES);
    assert_int_equal(lost(), 1);
    add("two");  // what is known not to work is tried once
    wait_for(&world.rests);
    assert_int_equal(world.tries, TRIES + 1);
    assert_int_equal(lost(), 2);
    answer(EVENT_ROW_WRITTEN);
    add("three");
    wait_for(&world.rests);
    assert_int_equal(world.count, 1);
    assert_string_equal(world.written[0], "three");
    assert_int_equal(lost(), 0);
}

static void a_schema_without_the_table_is_no_trouble(void **state) {
    (void)state;
    answer(EVENT_ROW_NO_TABLE);
    point("a");
    add("one");
    wait_for(&world.rests);
    assert_int_equal(world.tries, 1);
    assert_int_equal(lost(), 0);
}

static void the_result_of_a_row_that_was_pushed_out_is_not_another_rows(void **state) {
    (void)state;
    point("a");
    wait_for(&world.rests);
    set(&world.hold, true);
    add("first");
    wait_for(&world.in_try);
    for (unsigned i = 0; i < 50; i++) {
        add(i == 0 ? "second" : "later");
    }
    answer(EVENT_ROW_NO_TABLE);
    set(&world.hold, false);
    wait_for(&world.rests);
    assert_int_equal(world.tries, 51);  // no row was dropped untried for the first one's sake
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(rows_wait_for_a_primary_and_go_in_order),
        TEST(a_row_that_came_while_the_thread_was_at_work_goes_to_the_primary_of_now),
        TEST(a_server_that_is_away_or_closed_loses_nothing),
        TEST(a_row_that_is_refused_is_given_up_and_told),
        TEST(a_schema_without_the_table_is_no_trouble),
        TEST(the_result_of_a_row_that_was_pushed_out_is_not_another_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
