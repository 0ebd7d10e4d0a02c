#include "watcher/lease.h"

#include "common/text.h"
#include "unit.h"

enum { T0 = 1000000 };

static void answer(struct lease *lease, bool ours, const char *holder, int64_t at_ms, bool anew, bool rival) {
    struct lease_word word = {.rival = rival || !ours, .handed_over = true};
    (void)text_copy(word.holder, sizeof word.holder, holder);
    lease_answer(lease, ours, &word, at_ms, at_ms, anew);
}

static struct lease held_at(int64_t ms) {
    struct lease lease = {0};
    answer(&lease, true, "me", ms, false, false);
    return lease;
}

static void the_holder_leads_for_as_long_as_redis_keeps_it(void **state) {
    (void)state;
    struct lease lease = held_at(T0);
    assert_string_equal(lease.holder, "me");
    assert_true(lease_leads(&lease, T0));
    assert_true(lease_leads(&lease, T0 + LEASE_TTL_MS - LEASE_MARGIN_MS - 1));
    assert_int_equal(lease.rival_seen_ms, 0);
}

// Redis counts from when it got the request, we from before we sent it, and stop earlier still.
static void our_clock_ends_it_before_redis_does(void **state) {
    (void)state;
    struct lease lease = held_at(T0);
    assert_true(lease.held_until_ms < T0 + LEASE_TTL_MS);
    assert_int_equal(lease.held_until_ms, T0 + LEASE_TTL_MS - LEASE_MARGIN_MS);
}

static void whoever_lost_it_stops_at_once(void **state) {
    (void)state;
    struct lease lease = held_at(T0);
    answer(&lease, false, "other", T0 + 1000, false, false);
    assert_string_equal(lease.holder, "other");
    assert_false(lease_leads(&lease, T0 + 1000));  // though the five seconds that it was given are not over
    answer(&lease, true, "me", T0 + 7000, false, false);
    assert_true(lease_leads(&lease, T0 + 7000));
}

static void who_waits_does_not_lead(void **state) {
    (void)state;
    struct lease lease = {.answered_ms = T0};  // as at the start: Redis gets its chance
    assert_false(lease_leads(&lease, T0 + 1));
    assert_false(lease_leads(&lease, T0 + 2 * LEASE_RENEW_MS));
    assert_true(lease_leads(&lease, T0 + 2 * LEASE_RENEW_MS + 1));
}

static void a_lone_watcher_goes_on_without_redis(void **state) {
    (void)state;
    struct lease lease = held_at(T0);
    for (int64_t ms = T0; ms < T0 + 10 * LEASE_RIVAL_MS; ms += 100) {
        assert_true(lease_leads(&lease, ms));  // without a gap between the lease's end and Redis counting as away
    }
}

static void who_gave_it_back_does_not_lead(void **state) {
    (void)state;
    struct lease lease = held_at(T0);
    lease_given_back(&lease, T0 + 1000);
    for (int64_t ms = T0 + 1000; ms < T0 + 10 * LEASE_RIVAL_MS; ms += 100) {
        assert_false(lease_leads(&lease, ms));  // nor when Redis goes away afterwards: another one may have taken it
    }
    answer(&lease, true, "me", T0 + 1100, false, false);
    assert_true(lease_leads(&lease, T0 + 1100));
}

// The rival holds the lease and knows of nobody else, so it goes on; both would act.
static void who_knows_a_rival_never_leads_without_redis(void **state) {
    (void)state;
    struct lease lease = {.answered_ms = T0};
    answer(&lease, false, "other", T0 + 1000, false, false);
    for (int64_t ms = T0 + 1000; ms < T0 + 100 * LEASE_RIVAL_MS; ms += LEASE_RENEW_MS) {
        assert_false(lease_leads(&lease, ms));
    }
}

// Without Redis from the start, the nodes are the only place to learn of each other.
static void who_met_a_rival_never_leads_without_redis(void **state) {
    (void)state;
    struct lease lease = {.answered_ms = T0};
    lease_met(&lease, "other", T0 + 500);
    assert_string_equal(lease.holder, "other");
    for (int64_t ms = T0; ms < T0 + 100 * LEASE_RIVAL_MS; ms += LEASE_RENEW_MS) {
        assert_false(lease_leads(&lease, ms));
    }
    int64_t back_ms = T0 + 100 * LEASE_RIVAL_MS;
    answer(&lease, true, "me", back_ms, false, false);
    assert_true(lease_leads(&lease, back_ms));
    lease_met(&lease, "other", back_ms + 1);  // Redis has decided: it is only remembered
    assert_string_equal(lease.holder, "me");
    assert_true(lease_leads(&lease, back_ms + 1));
    assert_false(lease_leads(&lease, back_ms + LEASE_TTL_MS));
    lease_met(&lease, "other", T0);
    assert_int_equal(lease.rival_seen_ms, back_ms + 1);
}

// The other one asked in vain: when we lose sight of Redis it will get the lease, and lead.
static void who_holds_it_and_is_waited_for_stops_without_redis(void **state) {
    (void)state;
    struct lease lease = {.answered_ms = T0};
    answer(&lease, true, "me", T0, false, true);
    assert_true(lease_leads(&lease, T0 + LEASE_TTL_MS - LEASE_MARGIN_MS - 1));
    for (int64_t ms = T0 + LEASE_TTL_MS - LEASE_MARGIN_MS; ms < T0 + 10 * LEASE_RIVAL_MS; ms += LEASE_RENEW_MS) {
        assert_false(lease_leads(&lease, ms));
    }
}

// Before the point of no return: the lease must not run out while the node still takes the statement.
static void what_lasts_is_held_for_long_enough(void **state) {
    (void)state;
    struct lease lone = held_at(T0);
    assert_true(lease_lasts(&lone, lone.held_until_ms, 2500));  // there is nobody who could get it
    struct lease lease = {0};
    answer(&lease, true, "me", T0, false, true);
    assert_true(lease_lasts(&lease, lease.held_until_ms - 2500, 2500));
    assert_false(lease_lasts(&lease, lease.held_until_ms - 2499, 2500));
    answer(&lease, false, "other", T0, false, true);
    assert_false(lease_lasts(&lease, T0, 0));
    struct lease never = {.answered_ms = T0};  // Redis answers, nobody else was seen, and it was not given to us
    assert_false(lease_lasts(&never, T0, 0));
}

static void a_rival_of_long_ago_is_no_rival(void **state) {
    (void)state;
    struct lease lease = {0};
    answer(&lease, false, "other", T0, false, false);
    answer(&lease, true, "me", T0 + LEASE_RIVAL_MS, false, false);
    assert_false(lease_leads(&lease, T0 + LEASE_RIVAL_MS + LEASE_TTL_MS));  // it may still be there
    answer(&lease, true, "me", T0 + LEASE_RIVAL_MS + 1, false, false);
    assert_true(lease_leads(&lease, T0 + LEASE_RIVAL_MS + 1 + LEASE_TTL_MS));  // Redis has not heard of it for a minute
}

// Emptied, it gives the lease to the first who asks, while the last holder goes on for its five seconds.
static void what_redis_may_have_forgotten_is_waited_out(void **state) {
    (void)state;
    struct lease lease = {.answered_ms = T0};
    answer(&lease, false, "other", T0, true, false);
    int64_t got_ms = T0 + 1500;
    for (int64_t ms = got_ms; ms < got_ms + 60000; ms += LEASE_RENEW_MS) {
        answer(&lease, true, "me", ms, ms == got_ms, false);
        assert_int_equal(lease_leads(&lease, ms), ms >= got_ms + LEASE_TTL_MS);
    }
    answer(&lease, true, "me", got_ms + 60000, true, false);  // it was ours and still is: nobody to wait for
    assert_true(lease_leads(&lease, got_ms + 60000));
    struct lease alone = {.answered_ms = T0};
    answer(&alone, true, "me", T0, true, false);
    assert_true(lease_leads(&alone, T0));
}

static void read_word(struct lease *lease, bool ours, uint64_t renewals, int64_t asked_ms, int64_t now_ms) {
    struct lease_word word = {.rival = true, .renewals = renewals};
    (void)text_copy(word.holder, sizeof word.holder, ours ? "me" : "other");
    lease_answer(lease, ours, &word, asked_ms, now_ms, false);
}

// When it leads first, being given the lease each second from then on.
static int64_t leads_from(struct lease *lease, int64_t from_ms) {
    for (int64_t ms = from_ms; ms < from_ms + 60000; ms++) {
        if ((ms - from_ms) % LEASE_RENEW_MS == 0 && ms > from_ms) {
            read_word(lease, true, 999, ms, ms);
        }
        if (lease_leads(lease, ms)) {
            return ms - from_ms;
        }
    }
    return -1;
}

// When its time is over, Redis says by a clock that may have been set.
static void how_long_ago_the_rival_renewed_we_tell_ourselves(void **state) {
    (void)state;
    struct lease lease = {.answered_ms = T0};
    read_word(&lease, false, 7, T0, T0 + 10);
    for (int64_t ms = T0 + 1000; ms < T0 + 5000; ms += 1000) {
        read_word(&lease, false, 7, ms, ms);
    }
    // It died. We heard of its last renewal at T0 + 10, and it may believe in that for as long.
    read_word(&lease, true, 7, T0 + 5000, T0 + 5001);
    assert_int_equal(leads_from(&lease, T0 + 5001), 9);
    // It renews, and Redis says that its time is over.
    lease = (struct lease){.answered_ms = T0};
    read_word(&lease, false, 7, T0, T0);
    read_word(&lease, false, 8, T0 + 1000, T0 + 1000);
    struct lease same = lease;
    read_word(&lease, true, 8, T0 + 2000, T0 + 2000);
    assert_int_equal(leads_from(&lease, T0 + 2000), LEASE_TTL_MS - 1000);
    read_word(&same, true, 9, T0 + 2000, T0 + 2300);  // once more since we looked, who knows when
    assert_int_equal(leads_from(&same, T0 + 2300), LEASE_TTL_MS);
}

static void a_count_that_began_again_proves_nothing(void **state) {
    (void)state;
    struct lease lease = {.answered_ms = T0};
    read_word(&lease, false, 7, T0, T0);
    struct lease_word word = {
        .holder = "other", .rival = true, .renewals = 7};  // Redis restarted, and counts to seven again
    lease_answer(&lease, false, &word, T0 + 50000, T0 + 50000, true);
    read_word(&lease, true, 7, T0 + 51000, T0 + 51000);
    assert_int_equal(leads_from(&lease, T0 + 51000), LEASE_TTL_MS - 1000);
    struct lease emptied = {.answered_ms = T0};
    read_word(&emptied, false, 0, T0, T0);  // nobody counts
    read_word(&emptied, true, 0, T0 + 60000, T0 + 60000);
    assert_int_equal(leads_from(&emptied, T0 + 60000), LEASE_TTL_MS);
}

static void what_was_handed_over_need_not_be_waited_for(void **state) {
    (void)state;
    struct lease lease = {.answered_ms = T0};
    read_word(&lease, false, 7, T0, T0);
    struct lease_word word = {.holder = "me", .rival = true, .renewals = 8, .handed_over = true};
    struct lease restarted = lease;
    lease_answer(&lease, true, &word, T0 + 1000, T0 + 1000, false);
    assert_int_equal(leads_from(&lease, T0 + 1000), 0);
    // That Redis came back with what it was told some time ago: since then another one may have taken the lease.
    lease_answer(&restarted, true, &word, T0 + 1000, T0 + 1000, true);
    assert_int_equal(leads_from(&restarted, T0 + 1000), LEASE_TTL_MS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_holder_leads_for_as_long_as_redis_keeps_it),
        cmocka_unit_test(our_clock_ends_it_before_redis_does),
        cmocka_unit_test(whoever_lost_it_stops_at_once),
        cmocka_unit_test(who_waits_does_not_lead),
        cmocka_unit_test(who_gave_it_back_does_not_lead),
        cmocka_unit_test(a_lone_watcher_goes_on_without_redis),
        cmocka_unit_test(who_knows_a_rival_never_leads_without_redis),
        cmocka_unit_test(who_met_a_rival_never_leads_without_redis),
        cmocka_unit_test(who_holds_it_and_is_waited_for_stops_without_redis),
        cmocka_unit_test(what_lasts_is_held_for_long_enough),
        cmocka_unit_test(a_rival_of_long_ago_is_no_rival),
        cmocka_unit_test(what_redis_may_have_forgotten_is_waited_out),
        cmocka_unit_test(how_long_ago_the_rival_renewed_we_tell_ourselves),
        cmocka_unit_test(a_count_that_began_again_proves_nothing),
        cmocka_unit_test(what_was_handed_over_need_not_be_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
