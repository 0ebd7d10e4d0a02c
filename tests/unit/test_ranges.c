#include "resync/ranges.h"

#include "unit.h"

static void column(struct range_table *table, const char *name, const char *kind, const char *charset, bool key) {
    const struct range_column it = {.name = name, .kind = kind, .charset = charset};
    if (key) {
        range_table_key(table, &it);
    } else {
        range_table_column(table, &it);
    }
}

static struct range_bound bound(const char *a, const char *b, const char *c) {
    struct range_bound made = {0};
    const char *values[] = {a, b, c};
    for (unsigned i = 0; i < 3 && values[i]; i++) {
        made.values[made.count++] = strdup(values[i]);
    }
    return made;
}

static void ranges_follow_each_other(void **state) {
    (void)state;
    static const struct {
        const char *name;
        unsigned keys;
        const char *low[3], *high[3], *wanted;
    } rows[] = {
        {"everything", 1, {0}, {0}, ""},
        {"from the start", 1, {0}, {"7"}, "`a` <= 7"},
        {"to the end", 1, {"7"}, {0}, "`a` > 7"},
        {"between", 1, {"7"}, {"9"}, "`a` > 7 AND `a` <= 9"},
        {"two columns", 2, {"7", "'x'"}, {0}, "`a` >= 7 AND (`a` > 7 OR (`b` > 'x'))"},
        {"two columns, up to", 2, {0}, {"7", "'x'"}, "`a` <= 7 AND (`a` < 7 OR (`b` <= 'x'))"},
        {"three columns", 3, {"1", "2", "3"}, {0}, "`a` >= 1 AND (`a` > 1 OR (`b` >= 2 AND (`b` > 2 OR (`c` > 3))))"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct range_table table = {0};
        range_table_begin(&table, "`s`.`t`");
        column(&table, "`a`", "int", NULL, true);
        if (rows[i].keys > 1) {
            column(&table, "`b`", "varchar", "latin1", true);
        }
        if (rows[i].keys > 2) {
            column(&table, "`c`", "bigint", NULL, true);
        }
        struct range_bound low = bound(rows[i].low[0], rows[i].low[1], rows[i].low[2]);
        struct range_bound high = bound(rows[i].high[0], rows[i].high[1], rows[i].high[2]);
        char *got = range_condition(&table, &low, &high);
        assert_row_text(rows[i].name, got, rows[i].wanted);
        free(got);
        range_bound_done(&low);
        range_bound_done(&high);
        range_table_done(&table);
    }
}

static void the_next_bound_is_asked_by_key(void **state) {
    (void)state;
    struct range_table table = {0};
    range_table_begin(&table, "`s`.`t`");
    column(&table, "`a`", "int", NULL, true);
    column(&table, "`b`", "char", "gbk", true);
    struct range_bound start = {0}, low = bound("1", "_gbk X'61'", NULL);
    char *first = range_step_sql(&table, &start, 100), *next = range_step_sql(&table, &low, 1);
    assert_string_equal(first,
                        "SELECT CAST(`a` AS CHAR), CONCAT('_gbk X''', HEX(`b`), '''') FROM `s`.`t` FORCE INDEX"
                        " (PRIMARY) ORDER BY `a`, `b` LIMIT 1 OFFSET 99");
    assert_string_equal(next,
                        "SELECT CAST(`a` AS CHAR), CONCAT('_gbk X''', HEX(`b`), '''') FROM `s`.`t` FORCE INDEX"
                        " (PRIMARY) WHERE `a` >= 1 AND (`a` > 1 OR (`b` > _gbk X'61')) ORDER BY `a`, `b` LIMIT 1"
                        " OFFSET 0");
    range_bound_done(&low);
    free(first);
    free(next);
    range_table_done(&table);
}

static void every_kind_has_a_literal_and_a_digest(void **state) {
    (void)state;
    static const struct {
        const char *kind, *charset, *literal, *digest;
    } rows[] = {
        {"int", NULL, "CAST(`c` AS CHAR)", "COALESCE(`c`, 'N')"},
        {"decimal", NULL, "CAST(`c` AS CHAR)", "COALESCE(`c`, 'N')"},
        {"float", NULL, "CAST(CAST(`c` AS DOUBLE) AS CHAR)", "COALESCE(CAST(`c` AS DOUBLE), 'N')"},
        {"timestamp", NULL, "QUOTE(`c`)", "COALESCE(`c`, 'N')"},
        {"set", "latin1", "CAST(`c` AS UNSIGNED)", "COALESCE(CAST(`c` AS UNSIGNED), 'N')"},
        {"bit", NULL, "CAST(`c` AS UNSIGNED)", "COALESCE(CAST(`c` AS UNSIGNED), 'N')"},
        {"varchar", "latin1", "CONCAT('_latin1 X''', HEX(`c`), '''')",
         "COALESCE(LENGTH(`c`), 'N'), COALESCE(CAST(`c` AS BINARY), '')"},
        {"varbinary", NULL, "CONCAT('X''', HEX(`c`), '''')",
         "COALESCE(LENGTH(`c`), 'N'), COALESCE(CAST(`c` AS BINARY), '')"},
        {"longtext", "utf8mb4", NULL, "COALESCE(SHA2(CAST(`c` AS BINARY), 256), 'N')"},
        {"json", NULL, NULL, "COALESCE(SHA2(CAST(`c` AS CHAR), 256), 'N')"},
        {"geometry", NULL, NULL, "COALESCE(SHA2(HEX(`c`), 256), 'N')"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct range_table table = {0};
        range_table_begin(&table, "`t`");
        column(&table, "`c`", rows[i].kind, rows[i].charset, true);
        column(&table, "`c`", rows[i].kind, rows[i].charset, false);
        if (rows[i].literal) {
            assert_row_text(rows[i].kind, table.literals[0], rows[i].literal);
        }
        assert_row_text(rows[i].kind, table.digest + strlen("'', "), rows[i].digest);
        range_table_done(&table);
    }
}

// Two equal rows leave nothing in an exclusive or: a table that may hold them is summed up, too.
static void a_table_without_a_key_is_taken_as_a_whole(void **state) {
    (void)state;
    struct range_table table = {0};
    range_table_begin(&table, "`t`");
    column(&table, "`c`", "int", NULL, false);
    char *sql = range_sum_sql(&table, "");
    assert_non_null(strstr(sql, "SUM(CRC32("));
    assert_null(strstr(sql, "FORCE INDEX"));
    assert_null(strstr(sql, "WHERE"));
    free(sql);
    column(&table, "`c`", "int", NULL, true);
    sql = range_sum_sql(&table, "`c` > 1");
    assert_null(strstr(sql, "CRC32"));
    assert_non_null(strstr(sql, "FORCE INDEX (PRIMARY) WHERE `c` > 1"));
    free(sql);
    range_table_done(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_follow_each_other),
        cmocka_unit_test(the_next_bound_is_asked_by_key),
        cmocka_unit_test(every_kind_has_a_literal_and_a_digest),
        cmocka_unit_test(a_table_without_a_key_is_taken_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
