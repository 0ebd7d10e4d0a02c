// Whether what the dump rung will make can be made, tried before the node gives anything up: tablespaces and tables
// that it lacks, in schemas that it has. A file that is in the way shows only so; those of what it has go with that.
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/dump_parts.h"
#include "resync/obstacles.h"

enum {
    TRY_TIMEOUT_MS = 120000,
    RULE_MAKE = 95,
    // Server errors, as in mysqld_error.h, which only the adapter includes.
    ERROR_NO_REFERENCE = 1215,
    ERROR_NO_KEY_REFERRED_TO = 1822,
    ERROR_KEY_NAME_TAKEN = 1826,
    ERROR_REFERRING_COLUMN = 3780,
    ERROR_CHECK_NAME_TAKEN = 3822,
};

static bool cannot_make(struct peer *here, const char *kind, const char *name, const struct err *err) {
    AUTO_TEXT char *datadir = NULL;
    AUTO_TEXT char *object = mem_format("%s %s", kind, name);
    if (err->kind == ERR_LOST || err->kind == ERR_DENIED || peer_disk_full(err)) {
        return peer_failed(here, err);
    }
    return peer_value(here, "SELECT @@GLOBAL.datadir", &datadir) &&
           job_unfit(here->job, RULE_MAKE, MSG_OBSTACLE_MAKE,
                     KVS(KV("object", object), KV("error", err->text), KV("datadir", datadir)));
}

// What else the node has speaks against the table: a name that both use, a key that refers to it. That goes before the
// copy; whether a table of this name can be made is asked with a plain one.
static bool speaks_of_others(const struct err *err) {
    return err->number == ERROR_KEY_NAME_TAKEN || err->number == ERROR_CHECK_NAME_TAKEN ||
           err->number == ERROR_REFERRING_COLUMN || err->number == ERROR_NO_KEY_REFERRED_TO ||
           err->number == ERROR_NO_REFERENCE;
}

// If we end in between, the next job takes it away: obstacles_tidy().
static bool note(struct peer *here, const char *schema, const char *name) {
    AUTO_TEXT char *quoted_schema = peer_quote(here, schema);
    AUTO_TEXT char *quoted_name = peer_quote(here, name);
    return peer_exec(here, "INSERT INTO " TRIAL_SCHEMA ".made VALUES (%s, %s)", quoted_schema, quoted_name);
}

static bool try_table(struct peer *here, const struct dump_table *table) {
    AUTO_TEXT char *schema = db_name(table->schema);
    AUTO_TEXT char *name = db_name(table->name);
    struct err err = {0};
    if (!note(here, table->schema, table->name) || !peer_exec(here, "USE %s", schema)) {
        return false;
    }
    bool made = db_exec(here->session, TRY_TIMEOUT_MS, table->create, &err);
    if (!made && speaks_of_others(&err)) {
        err = (struct err){0};
        made = db_execf(here->session, TRY_TIMEOUT_MS, &err, "CREATE TABLE %s.%s (i INT)", schema, name);
    }
    if (!made) {
        AUTO_TEXT char *full = mem_format("%s.%s", table->schema, table->name);
        return cannot_make(here, "TABLE", full, &err);
    }
    AUTO_TEXT char *sql = mem_format("DROP TABLE %s.%s", schema, name);
    return peer_exec_within(here, TRY_TIMEOUT_MS, sql);
}

// Its schema is there and it is not.
static bool is_lacked(struct peer *here, const struct dump_table *table, bool *ret) {
    AUTO_TEXT char *schema = peer_quote(here, table->schema);
    AUTO_TEXT char *name = peer_quote(here, table->name);
    AUTO_TEXT char *sql = mem_format(
        "SELECT EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = %s) AND NOT EXISTS"
        " (SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name = %s)",
        schema, schema, name);
    AUTO_TEXT char *lacked = NULL;
    bool ok = peer_value(here, sql, &lacked);
    *ret = text_equal(lacked, "1");
    return ok;
}

static bool try_tables(struct peer *here, const struct dump_plan *plan) {
    for (size_t i = 0; i < plan->table_count; i++) {
        bool lacked = false;
        if (!is_lacked(here, &plan->tables[i], &lacked) || (lacked && !try_table(here, &plan->tables[i]))) {
            return false;
        }
    }
    return true;
}

static bool try_places(struct peer *here, struct dump_plan *plan) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(here, &rows, TABLESPACES_SQL)) {
        return false;
    }
    for (size_t i = 0; i < plan->place_count; i++) {
        struct dump_place *place = &plan->places[i];
        struct err err = {0};
        bool is_here = false;
        for (size_t k = 0; k < db_rows_count(rows); k++) {
            AUTO_TEXT char *name = db_name(db_cell(rows, k, 0, NULL));
            is_here |= text_equal(name, place->name);
        }
        if (!is_here && !note(here, "", place->plain)) {
            return false;
        }
        place->tried = !is_here && db_exec(here->session, TRY_TIMEOUT_MS, place->create, &err);
        if (!is_here && !place->tried) {
            return cannot_make(here, "TABLESPACE", place->name, &err);
        }
    }
    return true;
}

static bool drop_tried(struct peer *here, const struct dump_plan *plan) {
    for (size_t i = 0; i < plan->place_count; i++) {
        if (plan->places[i].tried && !peer_exec(here, "DROP TABLESPACE %s", plan->places[i].name)) {
            return false;
        }
    }
    return true;
}

bool dump_try(struct peer *here, struct dump_plan *plan) {
    if (!peer_exec(here, "CREATE DATABASE " TRIAL_SCHEMA " DEFAULT ENCRYPTION = 'N'") ||
        !peer_exec(here, "CREATE TABLE " TRIAL_SCHEMA
                         ".made (of_schema VARCHAR(64), name VARCHAR(64)) CHARACTER SET utf8mb4 ENGINE = InnoDB")) {
        return false;
    }
    bool ok = try_places(here, plan) && try_tables(here, plan);
    return db_alive(here->session) && drop_tried(here, plan) && peer_exec(here, "DROP DATABASE " TRIAL_SCHEMA) && ok;
}
