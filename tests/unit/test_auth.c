// dashboard/auth: names, origins and tokens.
#include "unit.h"

#include "dashboard/auth.h"

static void knows_safe_hosts(void **unused) {
    (void)unused;
    static const char *const good[] = {"localhost", "LOCALHOST:8000", "127.0.0.1",           "10.0.0.7:80",
                                       "[::1]",     "[fe80::1]:8000", "relevo.example:8000", "Other.Example"};
    static const char *const bad[] = {"",
                                      "evil.example",
                                      "localhost.evil.example",
                                      "127.0.0.1.evil.example",
                                      "1.2.3",
                                      "1.2.3.256",
                                      "1.2.3.4.5",
                                      "localhost:8000x",
                                      "localhost:x",
                                      "localhost:123456",
                                      "[::1",
                                      "[evil]",
                                      "[::1]x",
                                      "relevo.exampl",
                                      "relevo.example.",
                                      "other"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!auth_host_allowed(good[i], "relevo.example, other.example")) {
            fail_msg("%s is refused", good[i]);
        }
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (auth_host_allowed(bad[i], "relevo.example, other.example")) {
            fail_msg("%s is let in", bad[i]);
        }
    }
    assert_false(auth_host_allowed("relevo.example", ""));
}

static void knows_its_own_pages(void **unused) {
    (void)unused;
    assert_true(auth_same_origin("localhost:8000", NULL, NULL));  // curl
    assert_true(auth_same_origin("localhost:8000", "http://localhost:8000", "same-origin"));
    assert_true(auth_same_origin("localhost:8000", NULL, "none"));
    assert_false(auth_same_origin("localhost:8000", "http://localhost:8000", "cross-site"));
    assert_false(auth_same_origin("localhost:8000", NULL, "same-site"));
    assert_false(auth_same_origin("localhost:8000", "http://localhost:9000", NULL));
    assert_false(auth_same_origin("localhost:8000", "http://evil.example", NULL));
    assert_false(auth_same_origin("localhost:8000", "null", NULL));
    assert_false(auth_same_origin(NULL, "http://localhost:8000", NULL));
}

static void compares_tokens(void **unused) {
    (void)unused;
    assert_int_equal(auth_token("Bearer secret", ""), AUTH_OFF);
    assert_int_equal(auth_token("Bearer ", ""), AUTH_OFF);
    assert_int_equal(auth_token(NULL, "secret"), AUTH_MISSING);
    assert_int_equal(auth_token("Basic secret", "secret"), AUTH_MISSING);
    assert_int_equal(auth_token("Bearer secret", "secret"), AUTH_OK);
    assert_int_equal(auth_token("bearer secret", "secret"), AUTH_OK);
    static const char *const wrong[] = {"Bearer ",        "Bearer secre",        "Bearer secrets", "Bearer Secret",
                                        "Bearer  secret", "Bearer secretsecret", "Bearer secret "};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(auth_token(wrong[i], "secret"), AUTH_WRONG);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_safe_hosts),
        cmocka_unit_test(knows_its_own_pages),
        cmocka_unit_test(compares_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
