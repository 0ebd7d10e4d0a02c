#include "common/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/unit/unit.h"

struct world {
    struct loop *loop;
    unsigned ticks, wakes;
    atomic_uint posted;
    unsigned seen;
};

static void tick_thrice(void *arg) {
    struct world *world = arg;
    if (++world->ticks == 3) {
        loop_stop(world->loop);
    }
}

static void timers_repeat(void **state) {
    (void)state;
    struct world world = {.loop = loop_new()};
    assert_non_null(world.loop);
    assert_non_null(loop_base(world.loop));
    int64_t from_ms = clock_mono_ms();
    assert_non_null(loop_every(world.loop, 20, tick_thrice, &world));
    assert_int_equal(loop_run(world.loop), 0);
    assert_int_equal(world.ticks, 3);
    // libevent's own clock is coarse: the first tick may come some milliseconds early.
    assert_true(clock_mono_ms() - from_ms >= 50);
    loop_free(world.loop);
    loop_free(NULL);
}

static void raise_now(void *arg) {
    kill(getpid(), *(const int *)arg);
}

static void signals_end_it(void **state) {
    (void)state;
    static const int signals[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < COUNT_OF(signals); i++) {
        int number = signals[i];
        struct loop *loop = loop_new();
        assert_non_null(loop_every(loop, 5, raise_now, &number));
        assert_int_equal(loop_run(loop), number);
        loop_free(loop);
    }
}

#define POSTS 2000

static void *post(void *arg) {
    struct world *world = arg;
    for (unsigned i = 0; i < POSTS; i++) {
        atomic_fetch_add(&world->posted, 1);
        loop_wake(world->loop);
    }
    return NULL;
}

static void woken(void *arg) {
    struct world *world = arg;
    world->wakes++;
    world->seen = atomic_load(&world->posted);
    if (world->seen == 2 * POSTS) {
        loop_stop(world->loop);
    }
}

// Wakes may be merged, but what was posted before the last one is always seen.
static void no_wake_is_lost(void **state) {
    (void)state;
    struct world world = {.loop = loop_new()};
    loop_on_wake(world.loop, woken, &world);
    pthread_t threads[2];
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, post, &world), 0);
    }
    assert_int_equal(loop_run(world.loop), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(world.seen, 2 * POSTS);
    assert_true(world.wakes >= 1 && world.wakes <= 2 * POSTS);
    loop_free(world.loop);
}

static void *stop_from_afar(void *arg) {
    loop_stop(arg);
    return NULL;
}

static void another_thread_may_stop_it(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_from_afar, loop), 0);
    assert_int_equal(loop_run(loop), 0);
    pthread_join(thread, NULL);
    loop_free(loop);
}

static void a_stop_before_the_start_counts(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    loop_stop(loop);
    assert_int_equal(loop_run(loop), 0);
    loop_free(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_repeat),   cmocka_unit_test(signals_end_it),
        cmocka_unit_test(no_wake_is_lost), cmocka_unit_test(another_thread_may_stop_it),
        cmocka_unit_test(a_stop_before_the_start_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
