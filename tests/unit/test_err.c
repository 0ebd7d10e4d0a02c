#include "common/err.h"

#include "common/text.h"
#include "unit.h"

static void set_and_wrap_keep_the_cause(void **state) {
    (void)state;
    struct err err = {0};
    assert_false(err_set(&err, ERR_DENIED, 1045, "access denied for %s", "relevo"));
    assert_false(err_wrap(&err, "fencing %s", "mysql-replica"));
    assert_int_equal(err.kind, ERR_DENIED);
    assert_int_equal(err.number, 1045);
    assert_string_equal(err.text, "fencing mysql-replica: access denied for relevo");
}

static void null_is_allowed(void **state) {
    (void)state;
    assert_false(err_set(NULL, ERR_LOST, 0, "x"));
    assert_false(err_wrap(NULL, "x"));
}

static void its_own_text_may_be_an_argument(void **state) {
    (void)state;
    struct err err = {0};
    err_set(&err, ERR_FAILED, 1, "inner");
    err_set(&err, ERR_FAILED, 2, "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
    err_wrap(&err, "again %s", err.text);
    assert_string_equal(err.text, "again outer (inner): outer (inner)");
}

static void long_texts_are_cut_whole(void **state) {
    (void)state;
    char spanish[2000] = "";
    for (size_t i = 0; i + 2 < sizeof spanish; i += 2) {
        memcpy(spanish + i, "ñ", 3);
    }
    for (size_t shift = 0; shift < 3; shift++) {
        struct err err = {0};
        err_set(&err, ERR_FAILED, 1, "%.*s%s", (int)shift, "xx", spanish);
        assert_int_equal(err.number, 1);
        assert_true(strlen(err.text) >= sizeof err.text - 3 && strlen(err.text) < sizeof err.text);
        assert_true(text_is_utf8(err.text, strlen(err.text)));
        err_wrap(&err, "context");
        assert_memory_equal(err.text, "context: ", 9);
        assert_true(text_is_utf8(err.text, strlen(err.text)));
    }
}

static void foreign_bytes_become_utf8(void **state) {
    (void)state;
    struct err err = {0};
    err_set(&err, ERR_FAILED, 1, "server said \xff\xc3 x");
    assert_string_equal(err.text, "server said ?? x");
    err_wrap(&err, "node \x80");
    assert_string_equal(err.text, "node ?: server said ?? x");
}

static void kinds_have_names(void **state) {
    (void)state;
    assert_string_equal(err_kind_name(ERR_NONE), "none");
    assert_string_equal(err_kind_name(ERR_FAILED), "failed");
    assert_string_equal(err_kind_name((enum err_kind)999), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_and_wrap_keep_the_cause), cmocka_unit_test(null_is_allowed),
        cmocka_unit_test(its_own_text_may_be_an_argument), cmocka_unit_test(long_texts_are_cut_whole),
        cmocka_unit_test(foreign_bytes_become_utf8),
        cmocka_unit_test(kinds_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
