#include "resync/ddl.h"
#include "resync/rowtext.h"

#include "unit.h"

static void events_do_not_run_on_a_replica(void **state) {
    (void)state;
    static const struct {
        const char *create, *wanted;
    } rows[] = {
        {"CREATE DEFINER=`a`@`%` EVENT `e` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE ENABLE DO SELECT 1",
         "CREATE DEFINER=`a`@`%` EVENT `e` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE DISABLE ON REPLICA DO SELECT 1"},
        {"CREATE EVENT `e` ON SCHEDULE AT '2031-01-01 00:00:00' ON COMPLETION PRESERVE ENABLE COMMENT 'x' DO SELECT 1",
         "CREATE EVENT `e` ON SCHEDULE AT '2031-01-01 00:00:00' ON COMPLETION PRESERVE DISABLE ON REPLICA COMMENT 'x' DO"
         " SELECT 1"},
        {"CREATE EVENT `e` ON SCHEDULE EVERY 1 DAY ON COMPLETION PRESERVE DISABLE DO SELECT 1",
         "CREATE EVENT `e` ON SCHEDULE EVERY 1 DAY ON COMPLETION PRESERVE DISABLE DO SELECT 1"},
        {"CREATE EVENT `e ON COMPLETION PRESERVE ENABLE` ON SCHEDULE EVERY 1 DAY ON COMPLETION PRESERVE DISABLE DO DO 1",
         "CREATE EVENT `e ON COMPLETION PRESERVE ENABLE` ON SCHEDULE EVERY 1 DAY ON COMPLETION PRESERVE DISABLE DO DO 1"},
        {"CREATE EVENT `a``b` ON SCHEDULE EVERY 'it''s \\' ON COMPLETION PRESERVE ENABLE' DAY ON COMPLETION PRESERVE ENABLE",
         "CREATE EVENT `a``b` ON SCHEDULE EVERY 'it''s \\' ON COMPLETION PRESERVE ENABLE' DAY ON COMPLETION PRESERVE"
         " DISABLE ON REPLICA"},
        {"", ""},
        {"`unfinished", "`unfinished"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *got = ddl_event_for_replica(rows[i].create);
        assert_row_text(rows[i].create, got, rows[i].wanted);
        free(got);
    }
}

static void fields_are_escaped(void **state) {
    (void)state;
    struct rowtext batch = {0};
    rowtext_field(&batch, "a\tb\nc\\d\0e", 9, false);
    rowtext_field(&batch, NULL, 0, false);
    rowtext_field(&batch, "\\N", 2, false);
    rowtext_field(&batch, "", 0, true);
    static const char wanted[] = "a\\tb\\nc\\\\d\\0e\t\\N\t\\\\N\t\n";
    assert_int_equal(batch.used_bytes, sizeof wanted - 1);
    assert_memory_equal(batch.bytes, wanted, sizeof wanted - 1);
    assert_int_equal(batch.rows, 1);
    for (int i = 0; i < 1000; i++) { // grows
        rowtext_field(&batch, "\t\t\t\t\t\t\t\t", 8, true);
    }
    assert_int_equal(batch.rows, 1001);
    assert_int_equal(batch.used_bytes, sizeof wanted - 1 + 1000 * 17);
    rowtext_done(&batch);
    assert_null(batch.bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(events_do_not_run_on_a_replica),
                                       cmocka_unit_test(fields_are_escaped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
