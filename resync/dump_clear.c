// The dump rung makes room. A schema that the donor has too is emptied and stays: files in its directory that are not
// the server's hinder neither that nor the copy. DROP DATABASE with CREATE DATABASE after it would fail half-way there,
// with the data gone.
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/dump_parts.h"

enum {
    CLEAR_TIMEOUT_MS = 120000,
    TABLES_AT_ONCE = 64,
};

// ---- what is in a schema --------------------------------------------------------------------------------------------

static bool drop_tables(struct peer *here, const char *schema, const char *quoted) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(here, &rows,
                    "SELECT table_name FROM information_schema.tables WHERE table_schema = %s AND table_type <> 'VIEW'",
                    quoted)) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(rows);) {
        AUTO_TEXT char *sql = mem_text("DROP TABLE IF EXISTS ");
        for (size_t n = 0; n < TABLES_AT_ONCE && i < db_rows_count(rows); n++, i++) {
            AUTO_TEXT char *table = db_name(db_cell(rows, i, 0, NULL));
            AUTO_TEXT char *full = mem_format("%s%s.%s", n > 0 ? ", " : "", schema, table);
            mem_append(&sql, full);
        }
        if (!peer_exec_within(here, CLEAR_TIMEOUT_MS, sql)) {
            return false;
        }
    }
    return true;
}

static bool drop_code(struct peer *here, const struct object_kind *kind, const char *schema) {
    AUTO_ROWS struct db_rows *rows = NULL;
    bool exists = false;
    if (!object_kind_exists(here, kind, &exists) || (exists && !peer_query(here, &rows, "%s", kind->list))) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        if (!text_equal(db_cell(rows, i, 0, NULL), schema)) {
            continue;
        }
        AUTO_TEXT char *in = db_name(schema);
        AUTO_TEXT char *name = db_name(db_cell(rows, i, 1, NULL));
        AUTO_TEXT char *sql = mem_format("DROP %s IF EXISTS %s.%s", kind->name, in, name);
        if (!peer_exec_within(here, CLEAR_TIMEOUT_MS, sql)) {
            return false;
        }
    }
    return true;
}

// Triggers go with their tables.
static bool empty_schema(struct peer *here, const char *schema) {
    AUTO_TEXT char *name = db_name(schema);
    AUTO_TEXT char *quoted = peer_quote(here, schema);
    for (const struct object_kind *kind = object_kinds; kind->name; kind++) {
        if (kind->way == OBJECT_SHOWN && !text_equal(kind->name, "TRIGGER") && !drop_code(here, kind, schema)) {
            return false;
        }
    }
    return drop_tables(here, name, quoted);
}

// ---- schemas --------------------------------------------------------------------------------------------------------

static bool leave_behind(struct peer *here, const char *schema, const char *error) {
    AUTO_TEXT char *datadir = NULL;
    AUTO_TEXT char *object = mem_format("SCHEMA %s", schema);
    if (!peer_value(here, "SELECT @@GLOBAL.datadir", &datadir)) {
        return false;
    }
    job_left_out(here->job, object, MSG_LEFT_SCHEMA,
                 KVS(KV("schema", schema), KV("datadir", datadir), KV("error", error)));
    return true;
}

// One that the donor lacks. Where files keep it, it stays, empty; or its directory does, which the server tells in a
// warning. The copy is whole all the same.
static bool drop_schema(struct peer *here, const char *schema) {
    AUTO_TEXT char *name = db_name(schema);
    AUTO_ROWS struct db_rows *warnings = NULL;
    struct err err = {0};
    if (!db_execf(here->session, CLEAR_TIMEOUT_MS, &err, "DROP DATABASE IF EXISTS %s", name)) {
        if (err.kind == ERR_LOST || !db_alive(here->session)) {
            return peer_failed(here, &err);
        }
        return empty_schema(here, schema) && leave_behind(here, schema, err.text);
    }
    return peer_query(here, &warnings, "SHOW WARNINGS") &&
           (db_rows_count(warnings) == 0 || leave_behind(here, schema, db_cell(warnings, 0, 2, NULL)));
}

static struct dump_schema *planned(const struct dump_plan *plan, const char *schema) {
    AUTO_TEXT char *name = db_name(schema);
    for (size_t i = 0; i < plan->schema_count; i++) {
        if (text_equal(plan->schemas[i].name, name)) {
            return &plan->schemas[i];
        }
    }
    return NULL;
}

static bool drop_tablespaces(struct peer *here) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(here, &rows, TABLESPACES_SQL)) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        AUTO_TEXT char *name = db_name(db_cell(rows, i, 0, NULL));
        AUTO_TEXT char *sql = mem_format("DROP TABLESPACE %s", name);
        if (!peer_exec_within(here, CLEAR_TIMEOUT_MS, sql)) {
            return false;
        }
    }
    return true;
}

#define USERS_SCHEMAS_SQL "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN " NOT_COPIED

bool dump_clear(struct peer *here, const struct dump_plan *plan) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(here, &rows, USERS_SCHEMAS_SQL)) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *schema = db_cell(rows, i, 0, NULL);
        struct dump_schema *theirs = planned(plan, schema);
        if (theirs) {
            theirs->is_here = true;
        }
        if (!(theirs ? empty_schema(here, schema) : drop_schema(here, schema))) {
            return false;
        }
    }
    return drop_tablespaces(here);
}
