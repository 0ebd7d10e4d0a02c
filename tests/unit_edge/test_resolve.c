// watcher/resolve: news pokes, the same answer again does not.
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "common/clock.h"
#include "tests/unit/unit.h"
#include "watcher/resolve.h"

enum { PATIENCE_MS = 30000, AGAIN = 50 };

struct listener {
    sem_t news;
    atomic_uint pokes;
};

static void poke(void *arg) {
    struct listener *listener = arg;
    atomic_fetch_add(&listener->pokes, 1);
    sem_post(&listener->news);
}

static void wait_over(struct resolve *resolve, unsigned number) {
    int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    while (resolve_over(resolve) < number) {
        assert_true(clock_mono_ms() < until_ms);
        sched_yield();
    }
}

static void expect_one_poke(const char *name, enum resolve_state expected) {
    struct listener listener = {0};
    sem_init(&listener.news, 0, 0);
    struct resolve *resolve = resolve_start(name, poke, &listener);
    sem_wait(&listener.news);
    for (int i = 0; i < AGAIN; i++) {
        wait_over(resolve, resolve_again(resolve));
    }
    struct addresses addresses;
    assert_int_equal(resolve_get(resolve, &addresses), expected);
    assert_int_equal(addresses.count, expected == RESOLVE_KNOWN ? 1 : 0);
    resolve_stop(resolve);
    assert_int_equal(atomic_load(&listener.pokes), 1);
    sem_destroy(&listener.news);
}

static void a_known_address_is_told_once(void **state) {
    (void)state;
    expect_one_poke("127.0.0.1", RESOLVE_KNOWN);
}

static void a_name_that_is_gone_is_told_once(void **state) {
    (void)state;
    expect_one_poke("no such name", RESOLVE_GONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_address_is_told_once),
        cmocka_unit_test(a_name_that_is_gone_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
