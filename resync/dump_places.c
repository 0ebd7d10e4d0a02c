// What the dump rung makes before tables and closes after everything: schemas, tablespaces, spatial reference systems.
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/dump_parts.h"

enum { PLACE_TIMEOUT_MS = 120000, RULE_SPATIAL = 94 };

void dump_plan_done(struct dump_plan *plan) {
    for (size_t i = 0; i < plan->schema_count; i++) {
        free(plan->schemas[i].name);
        free(plan->schemas[i].create);
    }
    for (size_t i = 0; i < plan->place_count; i++) {
        free(plan->places[i].plain);
        free(plan->places[i].name);
        free(plan->places[i].create);
    }
    for (size_t i = 0; i < plan->table_count; i++) {
        free(plan->tables[i].schema);
        free(plan->tables[i].name);
        free(plan->tables[i].create);
    }
    free(plan->schemas);
    free(plan->places);
    free(plan->tables);
    *plan = (struct dump_plan){0};
}

// ---- schemas and tablespaces ----------------------------------------------------------------------------------------

static bool read_schemas(struct peer *there, struct dump_plan *ret) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(there, &rows,
                    "SELECT schema_name, options LIKE '%%READ ONLY=1%%' FROM information_schema.schemata_extensions"
                    " WHERE schema_name NOT IN " NOT_COPIED)) {
        return false;
    }
    ret->schemas = mem_zero(db_rows_count(rows) + 1, sizeof *ret->schemas);
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        AUTO_TEXT char *name = db_name(db_cell(rows, i, 0, NULL));
        AUTO_ROWS struct db_rows *create = NULL;
        if (!peer_query(there, &create, "SHOW CREATE DATABASE %s", name)) {
            return false;
        }
        ret->schemas[ret->schema_count++] =
            (struct dump_schema){.name = TAKE(name),
                                 .create = mem_text(db_cell(create, 0, 1, NULL)),
                                 .read_only = text_equal(db_cell(rows, i, 1, NULL), "1")};
    }
    return true;
}

static char *tablespace_statement(struct peer *looker, const struct db_rows *rows, size_t row, const char *name) {
    AUTO_TEXT char *file = peer_quote(looker, db_cell(rows, row, 1, NULL));
    const char *zip = db_cell(rows, row, 2, NULL);
    AUTO_TEXT char *block = text_equal(zip, "0") ? mem_text("") : mem_format(" FILE_BLOCK_SIZE = %s", zip);
    const char *grows = db_cell(rows, row, 3, NULL);
    AUTO_TEXT char *extend = text_equal(grows, "0") ? mem_text("") : mem_format(" AUTOEXTEND_SIZE = %s", grows);
    return mem_format("CREATE TABLESPACE %s ADD DATAFILE %s%s%s ENCRYPTION = '%s' ENGINE = InnoDB", name, file, block,
                      extend, db_cell(rows, row, 4, NULL));
}

bool dump_read_places(struct peer *there, struct peer *looker, struct dump_plan *ret) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!read_schemas(there, ret) || !peer_query(looker, &rows, TABLESPACES_SQL)) {
        return false;
    }
    ret->places = mem_zero(db_rows_count(rows) + 1, sizeof *ret->places);
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        AUTO_TEXT char *name = db_name(db_cell(rows, i, 0, NULL));
        char *create = tablespace_statement(looker, rows, i, name);
        ret->places[ret->place_count++] =
            (struct dump_place){.plain = mem_text(db_cell(rows, i, 0, NULL)), .name = TAKE(name), .create = create};
    }
    return true;
}

bool dump_make_places(struct peer *here, const struct dump_plan *plan) {
    for (size_t i = 0; i < plan->place_count; i++) {
        if (!peer_exec_within(here, PLACE_TIMEOUT_MS, plan->places[i].create)) {
            return false;
        }
    }
    for (size_t i = 0; i < plan->schema_count; i++) {
        const struct dump_schema *schema = &plan->schemas[i];
        // What follows the first word of SHOW CREATE DATABASE suits ALTER as well.
        AUTO_TEXT char *alter = schema->is_here ? mem_format("ALTER%s", schema->create + strlen("CREATE")) : NULL;
        if (!peer_exec_within(here, PLACE_TIMEOUT_MS, alter ? alter : schema->create)) {
            return false;
        }
    }
    return true;
}

bool dump_close_schemas(struct peer *here, const struct dump_plan *plan) {
    for (size_t i = 0; i < plan->schema_count; i++) {
        if (plan->schemas[i].read_only && !peer_exec(here, "ALTER SCHEMA %s READ ONLY = 1", plan->schemas[i].name)) {
            return false;
        }
    }
    return true;
}

// ---- spatial reference systems --------------------------------------------------------------------------------------

#define SPATIAL_DIGEST                                                                                    \
    "SHA2(CONCAT_WS('|', srs_name, COALESCE(organization, '-'), COALESCE(organization_coordsys_id, '-')," \
    " definition, COALESCE(description, '-')), 256)"
#define SPATIAL_SQL "SELECT srs_id, " SPATIAL_DIGEST " FROM information_schema.st_spatial_reference_systems ORDER BY 1"
#define SPATIAL_SUM_SQL                                              \
    "SELECT CONCAT(COUNT(*), ' ', BIT_XOR(CONV(LEFT(" SPATIAL_DIGEST \
    ", 16), 16, 10))) FROM"                                          \
    " information_schema.st_spatial_reference_systems WHERE srs_id > 0"

static char *quoted_or(struct peer *peer, const char *before, const char *text) {
    AUTO_TEXT char *quoted = text ? peer_quote(peer, text) : NULL;
    return quoted ? mem_format(" %s %s", before, quoted) : mem_text("");
}

static bool add_one(struct peer *here, struct peer *there, const char *id) {
    AUTO_ROWS struct db_rows *rows = NULL;
    AUTO_ROWS struct db_rows *users = NULL;
    if (!peer_query(there, &rows,
                    "SELECT srs_name, definition, organization, organization_coordsys_id, description FROM"
                    " information_schema.st_spatial_reference_systems WHERE srs_id = %s",
                    id) ||
        db_rows_count(rows) == 0) {
        return db_rows_count(rows) == 0;
    }
    AUTO_TEXT char *name = quoted_or(here, "NAME", db_cell(rows, 0, 0, NULL));
    AUTO_TEXT char *definition = quoted_or(here, "DEFINITION", db_cell(rows, 0, 1, NULL));
    AUTO_TEXT char *by = quoted_or(here, "ORGANIZATION", db_cell(rows, 0, 2, NULL));
    const char *number = db_cell(rows, 0, 3, NULL);
    AUTO_TEXT char *of = *by && number ? mem_format("%s IDENTIFIED BY %s", by, number) : mem_text("");
    AUTO_TEXT char *description = quoted_or(here, "DESCRIPTION", db_cell(rows, 0, 4, NULL));
    struct err err = {0};
    if (db_execf(here->session, PEER_TIMEOUT_MS, &err, "CREATE OR REPLACE SPATIAL REFERENCE SYSTEM %s%s%s%s%s", id,
                 name, of, definition, description)) {
        return true;
    }
    if (err.kind == ERR_LOST) {
        return peer_failed(here, &err);
    }
    if (!peer_query(there, &users,
                    "SELECT CONCAT(table_schema, '.', table_name) FROM information_schema.st_geometry_columns"
                    " WHERE srs_id = %s LIMIT 1",
                    id)) {
        return false;
    }
    if (db_rows_count(users) > 0) {
        return job_unfit(here->job, RULE_SPATIAL, MSG_NEED_ZONE,
                         KVS(KV("object", db_cell(users, 0, 0, NULL)), KV("thing", id), KV("error", err.text)));
    }
    AUTO_TEXT char *object = mem_format("SPATIAL REFERENCE SYSTEM %s", id);
    job_left_out(here->job, object, MSG_LEFT_REFUSED, KVS(KV("error", err.text)));
    return true;
}

static const char *digest_of(const struct db_rows *rows, const char *id) {
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        if (text_equal(db_cell(rows, i, 0, NULL), id)) {
            return db_cell(rows, i, 1, NULL);
        }
    }
    return NULL;
}

bool dump_add_spatial(struct peer *here, struct peer *there) {
    AUTO_TEXT char *mine = NULL;
    AUTO_TEXT char *theirs = NULL;
    AUTO_ROWS struct db_rows *have = NULL;
    AUTO_ROWS struct db_rows *want = NULL;
    if (!peer_value(here, SPATIAL_SUM_SQL, &mine) || !peer_value(there, SPATIAL_SUM_SQL, &theirs)) {
        return false;
    }
    if (text_equal(mine, theirs)) {
        return true;
    }
    if (!peer_query(here, &have, SPATIAL_SQL) || !peer_query(there, &want, SPATIAL_SQL)) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(want); i++) {
        const char *id = db_cell(want, i, 0, NULL), *digest = digest_of(have, id);
        if (!text_equal(id, "0") && !text_equal(digest ? digest : "", db_cell(want, i, 1, NULL)) &&
            !add_one(here, there, id)) {
            return false;
        }
    }
    return true;
}

// ---- histograms -----------------------------------------------------------------------------------------------------

// No statement makes one on a server that is read_only, as the node stays throughout.
bool dump_tell_histograms(struct job *job, struct peer *there) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(there, &rows,
                    "SELECT CONCAT('HISTOGRAM ', CONCAT_WS('.', schema_name, table_name, column_name)) FROM"
                    " information_schema.column_statistics WHERE schema_name NOT IN " NOT_COPIED)) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        job_left_out(job, db_cell(rows, i, 0, NULL), MSG_LEFT_HISTOGRAM, KVS());
    }
    return true;
}
