#include "common/clock.h"

#include "unit.h"

static void stamps(void **state) {
    (void)state;
    static const struct {
        int64_t ms;
        const char *iso, *sql;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z", "1970-01-01 00:00:00"},
        {1772366400123, "2026-03-01T12:00:00.123Z", "2026-03-01 12:00:00"},
        {1709208000999, "2024-02-29T12:00:00.999Z", "2024-02-29 12:00:00"},
        {-1, "1969-12-31T23:59:59.999Z", "1969-12-31 23:59:59"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z", "9999-12-31 23:59:59"},
        {INT64_MIN, "1000-01-01T00:00:00.000Z", "1000-01-01 00:00:00"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char iso[32];
        char sql[20];
        clock_iso8601(rows[i].ms, iso);
        clock_sql(rows[i].ms, sql);
        assert_row_text(rows[i].iso, iso, rows[i].iso);
        assert_row_text(rows[i].iso, sql, rows[i].sql);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(stamps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
