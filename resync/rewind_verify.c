// Looking at the rows that were touched, by primary key, on both servers. Rows change on the primary all the while: a
// batch is read there first, then the node waits until it has all that the primary had after the reading. If a batch
// differs it is read again, and at last with its rows locked on the primary for as long as the look takes.
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/held.h"
#include "resync/rewind_parts.h"

enum {
    BATCH_KEYS = 200,
    TRIES = 12,
    FREE_TRIES = 3,  // without locks
    WAIT_S = 5,
    LOCKED_WAIT_S = 1,  // clients may be waiting for these rows
    PAUSE_MS = 50,
};

struct look {
    struct job *job;
    struct peer *here, *there;
    char *what;     // schema.table
    char *from;     // `schema`.`table`
    char *columns;  // of the key: (`a`,`b`)
    char *key;      // an expression: the key as text that is SQL again, "(1,_utf8mb4 X'61')"
    char *row;      // an expression: a digest of all columns
};

static void look_done(struct look *look) {
    free(look->what);
    free(look->from);
    free(look->columns);
    free(look->key);
    free(look->row);
}

// An expression whose text, put into a statement, is the column's value again.
static char *literal_of(const char *kind, const char *charset, const char *column) {
    if (charset && TEXT_ONE_OF(kind, "char", "varchar", "tinytext", "text", "mediumtext", "longtext")) {
        return mem_format("CONCAT('_%s X''', HEX(%s), '''')", charset, column);
    }
    if (TEXT_ONE_OF(kind, "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")) {
        return mem_format("CONCAT('X''', HEX(%s), '''')", column);
    }
    if (TEXT_ONE_OF(kind, "date", "time", "datetime", "timestamp")) {
        return mem_format("QUOTE(%s)", column);
    }
    if (TEXT_ONE_OF(kind, "bit", "enum", "set")) {
        return mem_format("CAST(%s + 0 AS CHAR)", column);
    }
    if (TEXT_ONE_OF(kind, "float", "double")) {
        return mem_format("CAST(CAST(%s AS DOUBLE) AS CHAR)", column);
    }
    return mem_format("CAST(%s AS CHAR)", column);
}

// An expression that differs when the stored value does.
static char *digest_of(const char *kind, const char *column) {
    if (TEXT_ONE_OF(kind, "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year", "date", "time",
                    "datetime", "timestamp")) {
        return mem_format("%s", column);
    }
    if (TEXT_ONE_OF(kind, "bit", "enum", "set")) {
        return mem_format("%s + 0", column);
    }
    if (TEXT_ONE_OF(kind, "float", "double")) {
        return mem_format("CAST(%s AS DOUBLE)", column);
    }
    if (TEXT_ONE_OF(kind, "json")) {
        return mem_format("SHA2(CAST(%s AS CHAR), 256)", column);
    }
    if (TEXT_ONE_OF(kind, "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "binary", "varbinary",
                    "tinyblob", "blob", "mediumblob", "longblob")) {
        return mem_format("SHA2(%s, 256)", column);
    }
    return mem_format("SHA2(HEX(%s), 256)", column);
}

static bool prepare(struct look *look, const char *schema, const char *name) {
    AUTO_ROWS struct db_rows *key = NULL;
    AUTO_ROWS struct db_rows *all = NULL;
    AUTO_TEXT char *schema_text = peer_quote(look->here, schema);
    AUTO_TEXT char *name_text = peer_quote(look->here, name);
    AUTO_TEXT char *schema_name = db_name(schema);
    AUTO_TEXT char *table_name = db_name(name);
    if (!rewind_key_columns(look->here, schema, name, &key) ||
        !peer_query(look->here, &all,
                    "SELECT column_name AS name, data_type AS kind FROM information_schema.columns WHERE table_schema ="
                    " %s AND table_name = %s ORDER BY ordinal_position",
                    schema_text, name_text)) {
        return false;
    }
    look->what = mem_format("%s.%s", schema, name);
    look->from = mem_format("%s.%s", schema_name, table_name);
    look->columns = mem_text("(");
    look->key = mem_text("CONCAT('('");
    look->row = mem_text("SHA2(CONCAT_WS(','");
    for (size_t i = 0; i < db_rows_count(key); i++) {
        AUTO_TEXT char *column = db_name(db_cell_named(key, i, "name"));
        AUTO_TEXT char *literal = literal_of(db_cell_named(key, i, "kind"), db_cell_named(key, i, "charset"), column);
        mem_append(&look->columns, i > 0 ? ", " : "");
        mem_append(&look->columns, column);
        mem_append(&look->key, i > 0 ? ", ',', " : ", ");
        mem_append(&look->key, literal);
    }
    mem_append(&look->columns, ")");
    mem_append(&look->key, ", ')')");
    for (size_t i = 0; i < db_rows_count(all); i++) {
        AUTO_TEXT char *column = db_name(db_cell_named(all, i, "name"));
        AUTO_TEXT char *digest = digest_of(db_cell_named(all, i, "kind"), column);
        mem_append(&look->row, ", COALESCE(");
        mem_append(&look->row, digest);
        mem_append(&look->row, ", 'NULL')");
    }
    mem_append(&look->row, "), 256)");
    return true;
}

// "key digest" of each row, sorted.
struct seen {
    char **lines;
    size_t count;
};

static void seen_done(struct seen *seen) {
    for (size_t i = 0; i < seen->count; i++) {
        free(seen->lines[i]);
    }
    free(seen->lines);
    *seen = (struct seen){0};
}

static int compare_lines(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool read_batch(const struct look *look, struct peer *peer, const char *keys, bool lock, struct seen *ret) {
    AUTO_ROWS struct db_rows *rows = NULL;
    enum held held = held_begin(peer, look->from);
    if (held == HELD_NOT) {
        return job_fail_rung(look->job, MSG_TABLE_REPLACED, KVS(KV("peer", peer->name), KV("what", look->what)));
    }
    if (held == HELD_FAILED ||
        !peer_query(peer, &rows, "SELECT %s, %s FROM %s WHERE %s IN (%s)%s", look->key, look->row, look->from,
                    look->columns, keys, lock ? " FOR SHARE" : "") ||
        !held_end(peer)) {
        return false;
    }
    ret->count = db_rows_count(rows);
    ret->lines = mem_zero(ret->count + 1, sizeof *ret->lines);
    for (size_t i = 0; i < ret->count; i++) {
        ret->lines[i] = mem_format("%s %s", db_cell(rows, i, 0, NULL), db_cell(rows, i, 1, NULL));
    }
    qsort(ret->lines, ret->count, sizeof *ret->lines, compare_lines);
    return true;
}

// Lines that only one of the two has.
static uint64_t differences(const struct seen *a, const struct seen *b) {
    uint64_t count = 0;
    for (size_t i = 0, k = 0; i < a->count || k < b->count;) {
        int order = i == a->count ? 1 : k == b->count ? -1 : strcmp(a->lines[i], b->lines[k]);
        count += order != 0 ? 1 : 0;
        i += order <= 0 ? 1 : 0;
        k += order >= 0 ? 1 : 0;
    }
    return count;
}

static bool wait_for(struct peer *here, struct peer *there, int seconds) {
    AUTO_TEXT char *gtids = NULL;
    AUTO_TEXT char *answer = NULL;
    if (!peer_value(there, "SELECT @@GLOBAL.gtid_executed", &gtids)) {
        return false;
    }
    AUTO_TEXT char *text = peer_quote(here, gtids);
    AUTO_TEXT char *sql = mem_format("SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %d)", text, seconds);
    return peer_value(here, sql, &answer);  // late: the batch differs, and is read again
}

static bool compare_batch(const struct look *look, const char *keys, bool lock, uint64_t *ret_differ) {
    struct seen here = {0}, there = {0};
    bool ok = (!lock || peer_exec(look->there, "BEGIN")) && read_batch(look, look->there, keys, lock, &there) &&
              wait_for(look->here, look->there, lock ? LOCKED_WAIT_S : WAIT_S) &&
              read_batch(look, look->here, keys, false, &here);
    ok = (!lock || peer_exec(look->there, "ROLLBACK")) && ok;
    *ret_differ = ok ? differences(&here, &there) : 0;
    seen_done(&here);
    seen_done(&there);
    return ok;
}

static bool verify_batch(const struct look *look, const char *keys) {
    uint64_t differ = 0;
    for (unsigned i = 0; i < TRIES; i++) {
        if (!compare_batch(look, keys, i >= FREE_TRIES, &differ)) {
            return false;
        }
        if (differ == 0) {
            return true;
        }
        if (!job_pause(look->job, PAUSE_MS)) {
            return false;
        }
    }
    return job_fail_rung(look->job, MSG_REWIND_MISMATCH,
                         KVS(KVI("rows", differ), KV("what", look->what), KV("primary", look->there->name)));
}

static bool verify_table(struct look *look, const char *n, uint64_t *rows_done) {
    AUTO_ROWS struct db_rows *keys = NULL;
    if (!peer_query(look->here, &keys, "SELECT DISTINCT %s FROM " REBUILD_SCHEMA ".keys_%s", look->key, n)) {
        return false;
    }
    size_t count = db_rows_count(keys);
    for (size_t i = 0; i < count; i += BATCH_KEYS) {
        AUTO_TEXT char *list = mem_text("");
        for (size_t k = i; k < count && k < i + BATCH_KEYS; k++) {
            mem_append(&list, k > i ? ", " : "");
            mem_append(&list, db_cell(keys, k, 0, NULL));
        }
        if (!verify_batch(look, list)) {
            return false;
        }
        job_tick(look->job);
    }
    *rows_done += count;
    return true;
}

bool rewind_verify(struct job *job, struct peer *recipient, struct peer *primary) {
    static const char settings[] = "SET SESSION innodb_lock_wait_timeout = 2, transaction_isolation = 'READ-COMMITTED'";
    job_step(job, "verify");
    AUTO_ROWS struct db_rows *tables = NULL;
    uint64_t rows = 0;
    if (!peer_exec(recipient, settings) || !peer_exec(primary, settings) ||
        !peer_query(recipient, &tables, "SELECT n, schema_name, table_name FROM " TOUCHED_TABLE " ORDER BY n")) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(tables); i++) {
        struct look look = {.job = job, .here = recipient, .there = primary};
        bool ok = prepare(&look, db_cell(tables, i, 1, NULL), db_cell(tables, i, 2, NULL)) &&
                  verify_table(&look, db_cell(tables, i, 0, NULL), &rows);
        look_done(&look);
        if (!ok) {
            return false;
        }
    }
    if (rows > 0) {
        job_say(job, LOG_LEVEL_INFO, MSG_REWIND_VERIFIED, KVS(KVI("rows", rows), KV("primary", primary->name)));
    }
    return true;
}
