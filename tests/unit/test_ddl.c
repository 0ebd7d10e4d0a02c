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

static void a_parser_is_found_outside_of_names_and_strings(void **state) {
    (void)state;
    static const struct {
        const char *create, *wanted;
    } rows[] = {
        {"CREATE TABLE `t` (\n  FULLTEXT KEY `f` (`a`) /*!50100 WITH PARSER `ngram` */ \n) ENGINE=InnoDB", "ngram"},
        {"CREATE TABLE `t` (\n  FULLTEXT KEY `f` (`a`)\n) ENGINE=InnoDB", NULL},
        {"CREATE TABLE `t` (\n  `a` text COMMENT ' WITH PARSER `ngram`'\n)", NULL},
        {"CREATE TABLE `x WITH PARSER ``ngram``` (\n  `a` text\n)", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *got = ddl_parser(rows[i].create);
        assert_row_text(rows[i].create, got ? got : "none", rows[i].wanted ? rows[i].wanted : "none");
        free(got);
    }
}

static void alike_tables_compare_equal(void **state) {
    (void)state;
    static const struct {
        const char *create, *wanted;
    } rows[] = {
        {"CREATE TABLE `t` (\n  `id` int AUTO_INCREMENT\n) ENGINE=InnoDB AUTO_INCREMENT=17 DEFAULT CHARSET=utf8mb4",
         "CREATE TABLE `t` (\n  `id` int AUTO_INCREMENT\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"},
        {"`a` text CHARACTER SET latin1 COLLATE latin1_bin,\n `b` text CHARACTER SET latin1,\n",
         "`a` text COLLATE latin1_bin,\n `b` text CHARACTER SET latin1,\n"},
        {"COMMENT ' AUTO_INCREMENT=17'", "COMMENT ' AUTO_INCREMENT=17'"},
        {"`x AUTO_INCREMENT=1``2` int", "`x AUTO_INCREMENT=1``2` int"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *got = ddl_comparable(rows[i].create);
        assert_row_text(rows[i].create, got, rows[i].wanted);
        free(got);
    }
}

// {whole, without the keys that may wait, how those are added}
static const struct {
    const char *create, *without, *add;
} tables[] = {
    {"CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `k` int DEFAULT '0',\n  PRIMARY KEY (`id`),\n  KEY `k_1` (`k`)\n"
     ") ENGINE=InnoDB DEFAULT CHARSET=latin1",
     "CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `k` int DEFAULT '0',\n  PRIMARY KEY (`id`)\n"
     ") ENGINE=InnoDB DEFAULT CHARSET=latin1",
     "ADD KEY `k_1` (`k`)"},
    // All in one go; what is unique or full-text stays.
    {"CREATE TABLE `t` (\n  `a` int,\n  `b` text,\n  UNIQUE KEY `u` (`a`),\n  KEY `x` (`b`(10) DESC,`a`) USING BTREE COMMENT 'it''s, (\\')'"
     " /*!80000 INVISIBLE */,\n  KEY `y` (`a`),\n  FULLTEXT KEY `f` (`b`),\n  CONSTRAINT `c` CHECK ((`a` > 1))\n) ENGINE=InnoDB",
     "CREATE TABLE `t` (\n  `a` int,\n  `b` text,\n  UNIQUE KEY `u` (`a`),\n  FULLTEXT KEY `f` (`b`),\n"
     "  CONSTRAINT `c` CHECK ((`a` > 1))\n) ENGINE=InnoDB",
     "ADD KEY `x` (`b`(10) DESC,`a`) USING BTREE COMMENT 'it''s, (\\')' /*!80000 INVISIBLE */,\n  ADD KEY `y` (`a`)"},
    // Names and texts in which anything stands.
    {"CREATE TABLE `a``(,` (\n  `b),``KEY` int COMMENT 'AUTO_INCREMENT, KEY `x` (`b),``KEY`)',\n  `\n  KEY` int,\n"
     "  KEY `k``(` (`b),``KEY`,`\n  KEY`)\n) COMMENT='(,'",
     "CREATE TABLE `a``(,` (\n  `b),``KEY` int COMMENT 'AUTO_INCREMENT, KEY `x` (`b),``KEY`)',\n  `\n  KEY` int\n) COMMENT='(,'",
     "ADD KEY `k``(` (`b),``KEY`,`\n  KEY`)"},
    // A counting column that is not first in the primary key needs its own.
    {"CREATE TABLE `t` (\n  `a` int NOT NULL,\n  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'x',\n  PRIMARY KEY (`a`,`id`),\n"
     "  KEY `id` (`id`),\n  KEY `later` (`a`)\n)",
     "CREATE TABLE `t` (\n  `a` int NOT NULL,\n  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'x',\n  PRIMARY KEY (`a`,`id`),\n"
     "  KEY `id` (`id`)\n)",
     "ADD KEY `later` (`a`)"},
    // The order of the keys shows: in front of one that stays nothing waits.
    {"CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  KEY `early` (`x`),\n  KEY `id` (`id`)\n)", NULL, NULL},
    {"CREATE TABLE `t` (\n  `p` point NOT NULL,\n  KEY `early` (`x`),\n  SPATIAL KEY `s` (`p`)\n)", NULL, NULL},
    // A foreign key needs one that begins with its first column; others wait.
    {"CREATE TABLE `t` (\n  `a` int,\n  `b` int,\n  KEY `fk` (`a`),\n  KEY `more` (`b`),\n  CONSTRAINT `fk` FOREIGN KEY (`a`)"
     " REFERENCES `o` (`a`) ON DELETE CASCADE\n)",
     "CREATE TABLE `t` (\n  `a` int,\n  `b` int,\n  KEY `fk` (`a`),\n  CONSTRAINT `fk` FOREIGN KEY (`a`) REFERENCES `o` (`a`)"
     " ON DELETE CASCADE\n)",
     "ADD KEY `more` (`b`)"},
    // Expressions stay.
    {"CREATE TABLE `t` (\n  `a` int,\n  KEY `f` ((`a` * 2))\n)", NULL, NULL},
    {"CREATE TABLE `t` (\n  `a` int,\n  KEY `f` (`a`,(`a` * 2))\n)", NULL, NULL},
    {"CREATE TABLE `t` (\n  `a` int,\n  KEY `f` ((`a` * 2)),\n  KEY `k` (`a`)\n) /*!50100 PARTITION BY HASH (`a`) */",
     "CREATE TABLE `t` (\n  `a` int,\n  KEY `f` ((`a` * 2))\n) /*!50100 PARTITION BY HASH (`a`) */", "ADD KEY `k` (`a`)"},
    // Not understood: left as it is.
    {"CREATE TABLE `t` (\n  `a` int,\n  KEY `k` (`a`)", NULL, NULL},
    {"CREATE TABLE `t` (`unfinished", NULL, NULL},
    {"nothing", NULL, NULL},
    {"", NULL, NULL},
};

static void keys_wait_for_the_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        const char *create = tables[i].create;
        char *add = NULL;
        char *without = ddl_without_keys(create, &add);
        assert_row_text(create, without, tables[i].without ? tables[i].without : create);
        assert_row_text(create, add ? add : "none", tables[i].add ? tables[i].add : "none");
        free(add);
        free(without);
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
                                       cmocka_unit_test(a_parser_is_found_outside_of_names_and_strings),
                                       cmocka_unit_test(alike_tables_compare_equal),
                                       cmocka_unit_test(keys_wait_for_the_rows),
                                       cmocka_unit_test(fields_are_escaped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
