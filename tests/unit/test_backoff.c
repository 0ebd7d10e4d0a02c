#include "common/backoff.h"

#include "unit.h"

static void doubles_to_the_most(void **state) {
    (void)state;
    struct backoff backoff = {.first_ms = 100, .most_ms = 1000};
    static const int64_t wanted[] = {100, 200, 400, 800, 1000, 1000, 1000};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_int_equal(backoff_next_ms(&backoff, 0), wanted[i]);
    }
    backoff_reset(&backoff);
    assert_int_equal(backoff_next_ms(&backoff, 0), 100);
}

static void jitter_takes_at_most_a_quarter(void **state) {
    (void)state;
    int64_t least = INT64_MAX;
    for (uint32_t random = 0; random < 1000; random++) {
        struct backoff backoff = {.first_ms = 100, .most_ms = 1000};
        int64_t wait_ms = backoff_next_ms(&backoff, random * 2654435761U);
        assert_int_in_range(wait_ms, 75, 100);
        least = wait_ms < least ? wait_ms : least;
    }
    assert_int_in_range(least, 75, 80); // it does spread
}

static void never_overflows_nor_reaches_zero(void **state) {
    (void)state;
    struct backoff backoff = {.first_ms = INT64_MAX / 3, .most_ms = INT64_MAX};
    for (int i = 0; i < 200; i++) {
        assert_true(backoff_next_ms(&backoff, UINT32_MAX) > 0);
    }
    struct backoff tired = {.first_ms = 1, .most_ms = 5000, .attempts = UINT32_MAX};
    assert_int_equal(backoff_next_ms(&tired, 0), 5000);
    assert_int_equal(tired.attempts, UINT32_MAX);
    struct backoff unset = {0};
    assert_int_equal(backoff_next_ms(&unset, 7), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_to_the_most), cmocka_unit_test(jitter_takes_at_most_a_quarter),
        cmocka_unit_test(never_overflows_nor_reaches_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
