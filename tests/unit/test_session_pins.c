#include "common/session_pins.h"

#include "unit.h"

// One privilege that an account lacks refuses the whole statement.
static void what_needs_a_privilege_can_be_left_out(void **state) {
    (void)state;
    size_t count = 0;
    const struct session_pin *pins = session_pins(&count);
    char *all = session_pins_sql(true, "");
    char *plain = session_pins_sql(false, "");
    for (size_t i = 0; i < count; i++) {
        char assignment[100];
        snprintf(assignment, sizeof assignment, " %s = %s", pins[i].name, pins[i].value);
        assert_non_null(strstr(all, assignment));
        assert_int_equal(strstr(plain, assignment) != NULL, !pins[i].admin);
    }
    free(all);
    free(plain);
}

static void a_caller_adds_its_own(void **state) {
    (void)state;
    char *sql = session_pins_sql(false, "@mark = 'x'");
    assert_ptr_equal(strstr(sql, "SET SESSION autocommit = 1, "), sql);
    assert_string_equal(sql + strlen(sql) - strlen(", @mark = 'x'"), ", @mark = 'x'");
    free(sql);
    sql = session_pins_sql(false, "");
    assert_int_not_equal(sql[strlen(sql) - 2], ',');
    free(sql);
}

// The room for a join also decides whether a big one is allowed.
static void the_order_is_kept(void **state) {
    (void)state;
    char *sql = session_pins_sql(false, "");
    assert_true(strstr(sql, "max_join_size") < strstr(sql, "sql_big_selects"));
    free(sql);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_needs_a_privilege_can_be_left_out),
        cmocka_unit_test(a_caller_adds_its_own),
        cmocka_unit_test(the_order_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
