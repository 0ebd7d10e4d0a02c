// common/lookup: names found, names missing, and callers that leave in any moment.
#include <arpa/inet.h>
#include <netinet/in.h>

#include "common/clock.h"
#include "common/lookup.h"
#include "tests/unit/unit.h"

static void finds_an_address(void **state) {
    (void)state;
    struct lookup *lookup = lookup_begin("127.0.0.1", 6379);
    assert_non_null(lookup);
    int code = -1;
    assert_true(lookup_wait(lookup, clock_mono_ms() + 5000, &code));
    assert_int_equal(code, 0);
    const struct sockaddr_in *address = (const void *)lookup_addresses(lookup)->ai_addr;
    assert_int_equal(ntohs(address->sin_port), 6379);
    assert_int_equal(ntohl(address->sin_addr.s_addr), INADDR_LOOPBACK);
    assert_true(lookup_wait(lookup, 0, &code));  // once done it stays so
    lookup_leave(lookup);
}

static void says_that_a_name_does_not_exist(void **state) {
    (void)state;
    struct lookup *lookup = lookup_begin("no such name", 1);
    int code = 0;
    assert_true(lookup_wait(lookup, clock_mono_ms() + 30000, &code));
    assert_int_not_equal(code, 0);
    assert_null(lookup_addresses(lookup));
    lookup_leave(lookup);
}

// The answer comes before, while and after the caller gives up: a sanitizer sees who still writes where.
static void may_be_left_at_any_moment(void **state) {
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct lookup *lookup = lookup_begin("127.0.0.1", 1);
        assert_non_null(lookup);
        int code = 0;
        (void)lookup_wait(lookup, clock_mono_ms() + i % 2, &code);
        lookup_leave(lookup);
    }
    lookup_leave(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_an_address),
        cmocka_unit_test(says_that_a_name_does_not_exist),
        cmocka_unit_test(may_be_left_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
