// Marking the node, and undoing: BINLOG statements in one transaction.
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "resync/copy.h"
#include "resync/rewind_parts.h"

#define BINLOG_HEAD "BINLOG '"

size_t rewind_statement_bytes(size_t events_bytes) {
    return strlen(BINLOG_HEAD) + (events_bytes + 2) / 3 * 4 + 2;
}

bool rewind_mark(struct job *job, struct peer *session) {
    job_step(job, "mark");
    // Anew, if an earlier rewind ended before anything was undone.
    return peer_exec(session, "SET SESSION sql_log_bin = 0, sql_mode = " COPY_SQL_MODE
                              ", innodb_lock_wait_timeout = 5, lock_wait_timeout = 10") &&
           job_guard(job, session) && peer_exec(session, "DROP DATABASE IF EXISTS " REBUILD_SCHEMA) &&
           peer_exec(session, "CREATE DATABASE " REBUILD_SCHEMA) &&
           peer_exec(session, "CREATE TABLE " REWIND_TABLE
                              " (id INT PRIMARY KEY, target LONGTEXT NOT NULL)"
                              " ENGINE = InnoDB CHARACTER SET utf8mb4") &&
           peer_exec(session, "CREATE TABLE " TOUCHED_TABLE
                              " (n INT PRIMARY KEY, schema_name VARCHAR(64) NOT NULL,"
                              " table_name VARCHAR(64) NOT NULL) ENGINE = InnoDB CHARACTER SET utf8mb4");
}

// --- BINLOG statements ---

struct applying {
    struct job *job;
    struct peer *session;
    unsigned char *events;  // gathered for the next statement
    size_t used, room;
    int64_t done_bytes, total_bytes;
};

static char *binlog_statement(const unsigned char *bytes, size_t length_bytes) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *sql = mem_zero(rewind_statement_bytes(length_bytes), 1);
    char *to = stpcpy(sql, BINLOG_HEAD);
    for (size_t i = 0; i < length_bytes; i += 3) {
        size_t left = length_bytes - i;
        uint32_t three = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? (uint32_t)bytes[i + 2] : 0);
        *to++ = letters[three >> 18];
        *to++ = letters[three >> 12 & 63];
        *to++ = left > 1 ? letters[three >> 6 & 63] : '=';
        *to++ = left > 2 ? letters[three & 63] : '=';
    }
    *to = '\'';
    return sql;
}

static bool run_binlog(struct peer *session, const unsigned char *bytes, size_t length_bytes) {
    AUTO_TEXT char *sql = binlog_statement(bytes, length_bytes);
    struct err err = {0};
    if (db_exec(session->session, PEER_TIMEOUT_MS, sql, &err)) {
        return true;
    }
    // A row that is not there, or is there twice, means that the data are not what the binlog says.
    return err.kind == ERR_LOST || err.kind == ERR_DENIED || peer_disk_full(&err)
               ? peer_failed(session, &err)
               : job_fail_rung(session->job, MSG_REWIND_APPLY, KVS(KV("error", err.text)));
}

static bool flush(struct applying *applying) {
    if (applying->used == 0) {
        return true;
    }
    bool ok = run_binlog(applying->session, applying->events, applying->used);
    applying->done_bytes += (int64_t)applying->used;
    applying->used = 0;
    job_progress(applying->job, applying->done_bytes, applying->total_bytes);
    job_tick(applying->job);
    return ok && job_pause(applying->job, 0);
}

static bool gather(void *arg, const unsigned char *events, size_t length_bytes) {
    struct applying *applying = arg;
    if (applying->used > 0 && applying->used + length_bytes > REWIND_EVENT_BYTES && !flush(applying)) {
        return false;
    }
    if (applying->room - applying->used < length_bytes) {
        applying->room = applying->used + length_bytes + REWIND_EVENT_BYTES;
        applying->events = mem_grow(applying->events, applying->room, 1);
    }
    memcpy(applying->events + applying->used, events, length_bytes);
    applying->used += length_bytes;
    return true;
}

static bool count_bytes(void *arg, const unsigned char *events, size_t length_bytes) {
    (void)events;
    int64_t *total = arg;
    *total += (int64_t)length_bytes;
    return true;
}

// --- keys ---

// Where the keys of one touched table go: a table of its key columns alone, without an index.
static bool make_key_table(struct peer *session, size_t n, const struct undo_table *table, const struct db_rows *key) {
    AUTO_TEXT char *schema = db_name(table->schema);
    AUTO_TEXT char *name = db_name(table->name);
    AUTO_TEXT char *columns = mem_text("");
    for (size_t i = 0; i < db_rows_count(key); i++) {
        AUTO_TEXT char *column = db_name(db_cell_named(key, i, "name"));
        char *more = mem_format("%s%s%s", columns, i > 0 ? ", " : "", column);
        free(columns);
        columns = more;
    }
    return peer_exec(session, "CREATE TABLE " REBUILD_SCHEMA ".keys_%zu ENGINE = InnoDB SELECT %s FROM %s.%s LIMIT 0",
                     n, columns, schema, name);
}

static bool note_keys(struct applying *applying, const struct undo *undo, size_t n, const struct undo_table *table,
                      const struct db_rows *key) {
    struct peer *session = applying->session;
    AUTO_TEXT char *schema = peer_quote(session, table->schema);
    AUTO_TEXT char *name = peer_quote(session, table->name);
    unsigned columns[32];  // MySQL allows 16 in a key
    size_t count = db_rows_count(key);
    for (size_t i = 0; i < count && i < sizeof columns / sizeof columns[0]; i++) {
        columns[i] = (unsigned)strtoul(db_cell_named(key, i, "place"), NULL, 10);
    }
    char into[32];
    (void)text_format(into, sizeof into, "keys_%zu", n);
    struct undo_keys keys = {.table = n, .columns = columns, .count = count, .schema = REBUILD_SCHEMA, .name = into};
    return peer_exec(session, "INSERT INTO " TOUCHED_TABLE " VALUES (%zu, %s, %s)", n, schema, name) &&
           undo_write_keys(undo, &keys, REWIND_EVENT_BYTES, gather, applying) && flush(applying);
}

static bool apply_all(struct applying *applying, const struct undo *undo, const char *target) {
    struct peer *session = applying->session;
    const struct undo_table *tables = NULL;
    size_t count = undo_tables(undo, &tables), format_bytes = 0;
    const unsigned char *format = undo_format(undo, &format_bytes);
    struct db_rows **keys = mem_zero(count + 1, sizeof *keys);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {  // before the transaction: making a table would end it
        ok = rewind_key_columns(session, tables[i].schema, tables[i].name, &keys[i]) &&
             make_key_table(session, i, &tables[i], keys[i]);
    }
    // A format description makes the session wait for a GTID event, as an applier does: there will be none.
    ok = ok &&
         (count == 0 ||
          (run_binlog(session, format, format_bytes) && peer_exec(session, "SET SESSION gtid_next = 'AUTOMATIC'"))) &&
         peer_exec(session, "BEGIN");
    for (size_t i = 0; ok && i < count; i++) {
        ok = note_keys(applying, undo, i, &tables[i], keys[i]);
    }
    applying->done_bytes = 0;
    ok = ok && undo_write(undo, REWIND_EVENT_BYTES, gather, applying) && flush(applying);
    AUTO_TEXT char *text = peer_quote(session, target);
    ok = ok && peer_exec(session, "INSERT INTO " REWIND_TABLE " VALUES (1, %s)", text);
    for (size_t i = 0; i < count; i++) {
        db_rows_free(keys[i]);
    }
    free(keys);
    return ok;
}

bool rewind_apply(struct job *job, struct peer *session, const struct undo *undo, const char *target) {
    struct applying applying = {.job = job, .session = session};
    (void)undo_write(undo, REWIND_EVENT_BYTES, count_bytes, &applying.total_bytes);
    job_step(job, "undo");
    bool ok = apply_all(&applying, undo, target);
    free(applying.events);
    return ok;
}
