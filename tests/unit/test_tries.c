// dashboard/tries: who guesses tokens is not listened to for a while, and nobody else is locked out.
#include "dashboard/tries.h"

#include <stdio.h>

#include "unit.h"

#define GUESSER "10.0.0.7"

static struct tries *tries;
static int64_t at_ms = 1000000;

static int set_up(void **state) {
    (void)state;
    tries = tries_new();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tries_free(tries);
    return 0;
}

static bool allowed(const char *address) {
    int retry_s = -1;
    bool yes = tries_allowed(tries, address, at_ms, &retry_s);
    assert_true(yes || (retry_s >= 1 && retry_s <= TRIES_GUESS_EVERY_MS / 1000));
    return yes;
}

static void guess(const char *address, int from, int count) {
    for (int i = from; i < from + count; i++) {
        char token[24];
        snprintf(token, sizeof token, "guess%d", i);
        assert_true(allowed(address));
        (void)tries_wrong(tries, address, token, at_ms);
    }
}

static void a_guesser_is_not_listened_to(void **state) {
    (void)state;
    guess(GUESSER, 0, TRIES_GUESSES);
    assert_false(allowed(GUESSER));
    assert_true(allowed("10.0.0.8"));  // nobody else is locked out
    at_ms += TRIES_GUESS_EVERY_MS - 1;
    assert_false(allowed(GUESSER));
    at_ms += 1;
    guess(GUESSER, 100, 1);  // one more now, and not two
    assert_false(allowed(GUESSER));
    at_ms += TRIES_GUESSES * TRIES_GUESS_EVERY_MS * 5;
    guess(GUESSER, 200, TRIES_GUESSES);
    assert_false(allowed(GUESSER));
    assert_int_equal(tries_count(tries), 2 * TRIES_GUESSES + 1 + 4);
}

// A script with an old token behind the same proxy, or the engine's address translation.
static void the_same_wrong_token_locks_nobody_out(void **state) {
    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_true(allowed(GUESSER));
        int retry_s = tries_wrong(tries, GUESSER, "stale", at_ms);
        assert_int_equal(retry_s > 0, i >= TRIES_GUESSES);  // it is told to wait, all the same
    }
    assert_true(allowed(GUESSER));
    guess(GUESSER, 0, TRIES_GUESSES - 1);
    assert_false(allowed(GUESSER));
}

static void what_is_too_long_to_be_kept_is_a_guess(void **state) {
    (void)state;
    char token[400] = "";
    memset(token, 'x', sizeof token - 1);
    for (int i = 0; i < TRIES_GUESSES; i++) {
        assert_true(allowed(GUESSER));
        token[sizeof token - 2] = (char)('a' + i);
        (void)tries_wrong(tries, GUESSER, token, at_ms);
    }
    assert_false(allowed(GUESSER));
}

static void many_addresses_do_not_drive_out_the_newest(void **state) {
    (void)state;
    for (int i = 0; i < 500; i++) {
        char address[TRIES_ADDRESS_SIZE];
        snprintf(address, sizeof address, "2001:db8:%x::", i);
        at_ms += 1;
        guess(address, 0, 1);
    }
    guess(GUESSER, 0, TRIES_GUESSES);
    for (int i = 0; i < 20; i++) {
        char address[TRIES_ADDRESS_SIZE];
        snprintf(address, sizeof address, "2001:db8:%x::", 1000 + i);
        at_ms += 1;
        guess(address, 0, 1);
    }
    assert_false(allowed(GUESSER));
}

static void it_is_told_seldom_and_none_is_forgotten(void **state) {
    (void)state;
    struct tries_news news = {0};
    assert_false(tries_tell(tries, at_ms, &news));
    (void)tries_wrong(tries, GUESSER, "a", at_ms);
    assert_true(tries_tell(tries, at_ms, &news));  // the first one at once
    assert_int_equal(news.count, 1);
    assert_string_equal(news.address, GUESSER);
    assert_false(tries_report(tries, at_ms, &news));  // a slip of one person is no alarm
    for (int i = 0; i < 12000; i++) {
        (void)tries_wrong(tries, "10.0.0.9", "b", at_ms);
    }
    assert_false(tries_tell(tries, at_ms + TRIES_TELL_MS - 1, &news));
    assert_true(tries_report(tries, at_ms, &news));
    assert_int_equal(news.count, 12001);
    assert_true(tries_tell(tries, at_ms + TRIES_TELL_MS, &news));
    assert_int_equal(news.count, 12000);
    assert_string_equal(news.address, "10.0.0.9");
    assert_false(tries_tell(tries, at_ms + 9 * TRIES_TELL_MS, &news));  // nothing new
    for (int i = 0; i < TRIES_REPORT_COUNT; i++) {
        (void)tries_wrong(tries, GUESSER, "a", at_ms);
    }
    assert_false(tries_report(tries, at_ms + TRIES_REPORT_MS - 1, &news));
    assert_true(tries_report(tries, at_ms + TRIES_REPORT_MS, &news));
    assert_int_equal(news.count, TRIES_REPORT_COUNT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_guesser_is_not_listened_to, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_same_wrong_token_locks_nobody_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_long_to_be_kept_is_a_guess, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_addresses_do_not_drive_out_the_newest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_told_seldom_and_none_is_forgotten, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
