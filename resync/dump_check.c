// Looking again at tables whose values the server computes or complained of while they were loaded. A STORED column is
// computed anew on the way in, by the session's time zone and language: what a client in another zone stored can only be
// had by computing as that client did.
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "resync/dump_parts.h"

enum { TABLE_MOST_MS = 24 * 3600 * 1000 };

struct check {
    struct peer *here, *there;
    struct peer *snapshot;        // a lane's: the rows as they were copied
    const char *schema, *table;   // in quotes, as names
    char *columns;                // owned: the STORED ones, for people; NULL: there are none
    char *plain, *computed;       // owned: expressions, a sum of either kind of column in all rows
};

static void check_done(struct check *check) {
    free(check->columns);
    free(check->plain);
    free(check->computed);
}

// A sum over all rows that does not ask in which order they come.
static char *sum_of(const char *list) {
    return list ? mem_format("CONCAT_WS(' ', COUNT(*), SUM(CRC32(CONCAT_WS(',', %s))), BIT_XOR(CRC32(CONCAT_WS(',', %s))))",
                             list, list)
                : mem_text("COUNT(*)");
}

static bool read_columns(struct check *check, const char *schema, const char *table) {
    AUTO_TEXT char *schema_text = peer_quote(check->there, schema);
    AUTO_TEXT char *table_text = peer_quote(check->there, table);
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(check->there, &rows,
                    "SELECT column_name, extra LIKE '%%STORED GENERATED%%' FROM information_schema.columns WHERE"
                    " table_schema = %s AND table_name = %s AND extra NOT LIKE '%%VIRTUAL GENERATED%%'"
                    " ORDER BY ordinal_position",
                    schema_text, table_text)) {
        return false;
    }
    AUTO_TEXT char *plain = NULL;
    AUTO_TEXT char *computed = NULL;
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *column = db_cell(rows, i, 0, NULL);
        bool stored = text_equal(db_cell(rows, i, 1, NULL), "1");
        AUTO_TEXT char *name = db_name(column);
        AUTO_TEXT char *one = mem_format("COALESCE(CRC32(%s), 'NULL')", name);
        char **list = stored ? &computed : &plain;
        mem_append(list, *list ? ", " : "");
        mem_append(list, one);
        if (stored) {
            mem_append(&check->columns, check->columns ? ", " : "");
            mem_append(&check->columns, column);
        }
    }
    check->plain = sum_of(plain);
    check->computed = sum_of(computed);
    return true;
}

static bool look(struct peer *peer, const struct check *check, const char *what, char **ret) {
    AUTO_TEXT char *sql = mem_format("SELECT %s FROM %s.%s", what, check->schema, check->table);
    struct err err = {0};
    return db_value(peer->session, TABLE_MOST_MS, sql, ret, &err) || peer_failed(peer, &err);
}

static bool is_same(struct check *check, const char *what, bool *ret) {
    AUTO_TEXT char *mine = NULL;
    AUTO_TEXT char *theirs = NULL;
    if (!look(check->snapshot, check, what, &theirs) || !look(check->here, check, what, &mine)) {
        return false;
    }
    *ret = text_equal(mine, theirs);
    return true;
}

// As a session on the donor computes that says nothing of its own. A zone that the node does not know is no way.
static bool compute_as(struct check *check, const char *zone, const struct db_rows *defaults, bool *ret_done) {
    struct peer *here = check->here;
    AUTO_TEXT char *zone_text = peer_quote(here, zone);
    AUTO_TEXT char *names = peer_quote(here, db_cell_named(defaults, 0, "names"));
    AUTO_TEXT char *set = mem_format(
        "SET SESSION time_zone = %s, lc_time_names = %s, default_week_format = %s, div_precision_increment = %s", zone_text,
        names, db_cell_named(defaults, 0, "week"), db_cell_named(defaults, 0, "digits"));
    // A copy moves each stored value as it is, but for those that are computed.
    AUTO_TEXT char *sql = mem_format("ALTER TABLE %s.%s FORCE, ALGORITHM = COPY", check->schema, check->table);
    struct err err = {0};
    *ret_done = db_exec(here->session, PEER_TIMEOUT_MS, set, &err);
    if (!*ret_done) {
        return db_alive(here->session) || peer_failed(here, &err);
    }
    return peer_exec_within(here, TABLE_MOST_MS, sql) &&
           peer_exec(here, "SET SESSION time_zone = '+00:00', lc_time_names = 'en_US', default_week_format = 0,"
                           " div_precision_increment = 4");
}

static bool compute_again(struct check *check, bool *ret_same) {
    AUTO_ROWS struct db_rows *defaults = NULL;
    if (!peer_query(check->there, &defaults,
                    "SELECT @@GLOBAL.time_zone AS zone, @@GLOBAL.lc_time_names AS names, @@GLOBAL.default_week_format"
                    " AS week, @@GLOBAL.div_precision_increment AS digits, TIME_FORMAT(TIMEDIFF(CONVERT_TZ("
                    "UTC_TIMESTAMP(), '+00:00', @@GLOBAL.time_zone), UTC_TIMESTAMP()), '%%H:%%i') AS distance")) {
        return false;
    }
    // The zone by its name; and if the node does not know it, or calls another one so, by its distance today.
    const char *distance = db_cell_named(defaults, 0, "distance");
    AUTO_TEXT char *east = mem_format("%s%s", distance && *distance != '-' ? "+" : "", distance ? distance : "+00:00");
    const char *zones[] = {db_cell_named(defaults, 0, "zone"), east};
    for (size_t i = 0; i < sizeof zones / sizeof zones[0] && !*ret_same; i++) {
        bool done = false;
        if (!compute_as(check, zones[i], defaults, &done) || (done && !is_same(check, check->computed, ret_same))) {
            return false;
        }
    }
    return true;
}

static bool check_table(struct check *check, const char *schema, const char *table) {
    struct job *job = check->here->job;
    bool same = false;
    AUTO_TEXT char *name = mem_format("%s.%s", schema, table);
    if (!read_columns(check, schema, table) || !is_same(check, check->plain, &same)) {
        return false;
    }
    if (!same) {
        return job_fail(job, MSG_DUMP_ROWS, KVS(KV("table", name), KV("error", "checksum")));
    }
    if (!check->columns) {
        return true;
    }
    if (!is_same(check, check->computed, &same) || (!same && !compute_again(check, &same))) {
        return false;
    }
    if (!same) {
        job_event(job, EVENT_ALARM, SEVERITY_WARNING, 0, MSG_DUMP_COMPUTED,
                  KVS(KV("table", name), KV("columns", check->columns), KV("donor", check->there->name)));
    }
    return job_pause(job, 0);
}

static bool check_one(const struct copy *copy, struct peer *here, struct peer *there, const struct copy_table *table) {
    AUTO_TEXT char *schema_name = db_name(table->schema);
    AUTO_TEXT char *table_name = db_name(table->name);
    struct check check = {.here = here,
                          .there = there,
                          .snapshot = (struct peer *)&copy->from[0],
                          .schema = schema_name,
                          .table = table_name};
    bool ok = check_table(&check, table->schema, table->name);
    check_done(&check);
    return ok;
}

static void doubt(struct copy *copy, const char *schema, const char *name) {
    for (size_t i = 0; i < copy->count; i++) {
        struct copy_table *table = &copy->tables[i];
        table->doubted |= text_equal(table->schema, schema) && text_equal(table->name, name);
    }
}

// Of a table in several parts one look is enough.
static void trust(struct copy *copy, size_t first) {
    for (size_t i = first + 1; i < copy->count; i++) {
        struct copy_table *table = &copy->tables[i];
        table->doubted &= !text_equal(table->schema, copy->tables[first].schema) ||
                          !text_equal(table->name, copy->tables[first].name);
    }
}

bool dump_check(struct copy *copy, struct peer *here, struct peer *there) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(there, &rows,
                    "SELECT DISTINCT table_schema, table_name FROM information_schema.columns WHERE"
                    " extra LIKE '%%STORED GENERATED%%' AND table_schema NOT IN " NOT_COPIED)) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        doubt(copy, db_cell(rows, i, 0, NULL), db_cell(rows, i, 1, NULL));
    }
    for (size_t i = 0; i < copy->count; i++) {
        if (!copy->tables[i].doubted) {
            continue;
        }
        trust(copy, i);
        if (!check_one(copy, here, there, &copy->tables[i])) {
            return false;
        }
    }
    return true;
}
