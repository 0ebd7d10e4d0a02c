// Routines, views, triggers and events of the dump rung. Each is made under the character set, collation, sql_mode and
// time zone that it was made under on the donor, because these are part of what it means.
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/ddl.h"
#include "resync/dump_parts.h"

struct object {
    const char *kind;  // as SHOW CREATE has it
    char *schema, *name;
    char *client_charset, *connection_collation, *database_collation, *sql_mode, *time_zone;  // "" : does not matter
    bool made;
};

static char *cell_text(const struct db_rows *rows, size_t row, size_t column) {
    const char *text = db_cell(rows, row, column, NULL);
    return mem_text(text ? text : "");
}

static void objects_free(struct object *objects, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(objects[i].schema);
        free(objects[i].name);
        free(objects[i].client_charset);
        free(objects[i].connection_collation);
        free(objects[i].database_collation);
        free(objects[i].sql_mode);
        free(objects[i].time_zone);
    }
    free(objects);
}

// sql gives: schema, name, client charset, connection collation, database collation, sql_mode, time zone.
static bool list_objects(struct peer *there, const char *kind, const char *sql, struct object **ret,
                         size_t *ret_count) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(there, &rows, "%s", sql)) {
        return false;
    }
    struct object *objects = mem_zero(db_rows_count(rows) + 1, sizeof *objects);
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        objects[i] = (struct object){.kind = kind,
                                     .schema = cell_text(rows, i, 0),
                                     .name = cell_text(rows, i, 1),
                                     .client_charset = cell_text(rows, i, 2),
                                     .connection_collation = cell_text(rows, i, 3),
                                     .database_collation = cell_text(rows, i, 4),
                                     .sql_mode = cell_text(rows, i, 5),
                                     .time_zone = cell_text(rows, i, 6)};
    }
    *ret = objects;
    *ret_count = db_rows_count(rows);
    return true;
}

// The statement, in the character set in which it was typed: it will be sent back in the same.
static bool show_create(struct peer *there, const struct object *object, char **ret) {
    AUTO_TEXT char *schema = db_name(object->schema);
    AUTO_TEXT char *name = db_name(object->name);
    AUTO_TEXT char *charset = peer_quote(there, object->client_charset);
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_exec(there, "SET SESSION character_set_results = %s", charset) ||
        !peer_query(there, &rows, "SHOW CREATE %s %s.%s", object->kind, schema, name) ||
        !peer_exec(there, "SET SESSION character_set_results = utf8mb4")) {
        return false;
    }
    size_t column = text_equal(object->kind, "VIEW") ? 1 : text_equal(object->kind, "EVENT") ? 3 : 2;
    const char *text = db_cell(rows, 0, column, NULL);
    *ret = text_equal(object->kind, "EVENT") && text ? ddl_event_for_replica(text) : mem_text(text ? text : "");
    return true;
}

static bool schema_collation(struct peer *here, const char *schema, const char *collation, char **ret_before) {
    AUTO_TEXT char *quoted = peer_quote(here, schema);
    AUTO_TEXT char *sql =
        mem_format("SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = %s", quoted);
    if (!peer_value(here, sql, ret_before)) {
        return false;
    }
    if (collation[0] == '\0' || text_equal(collation, *ret_before)) {
        free(*ret_before);
        *ret_before = NULL;  // nothing to put back
        return true;
    }
    AUTO_TEXT char *name = db_name(schema);
    return peer_exec(here, "ALTER DATABASE %s COLLATE %s", name, collation);
}

// Fails with *err for the object's own statement, and through the job for everything around it.
static bool make_object(struct peer *here, const struct object *object, const char *create, struct err *err) {
    AUTO_TEXT char *schema = db_name(object->schema);
    AUTO_TEXT char *mode = peer_quote(here, object->sql_mode);
    AUTO_TEXT char *zone = peer_quote(here, object->time_zone[0] ? object->time_zone : "+00:00");
    AUTO_TEXT char *charset = peer_quote(here, object->client_charset);
    AUTO_TEXT char *collation = peer_quote(here, object->connection_collation);
    AUTO_TEXT char *before = NULL;
    if (!peer_exec(here, "USE %s", schema) ||
        !schema_collation(here, object->schema, object->database_collation, &before) ||
        !peer_exec(here,
                   "SET SESSION sql_mode = %s, time_zone = %s, character_set_client = %s,"
                   " collation_connection = %s",
                   mode, zone, charset, collation)) {
        return false;
    }
    bool made = db_exec(here->session, PEER_TIMEOUT_MS, create, err);
    if (before) {
        AUTO_TEXT char *name = db_name(object->schema);
        made = peer_exec(here, "ALTER DATABASE %s COLLATE %s", name, before) && made;
    }
    return peer_exec(here, "SET SESSION sql_mode = " COPY_SQL_MODE
                           ", time_zone = '+00:00',"
                           " character_set_client = utf8mb4, collation_connection = utf8mb4_0900_ai_ci") &&
           made;
}

static bool object_failed(struct peer *here, const struct object *object, const struct err *err) {
    AUTO_TEXT char *name = mem_format("%s %s.%s", object->kind, object->schema, object->name);
    return job_fail(here->job, MSG_DUMP_OBJECT, KVS(KV("object", name), KV("error", err->text)));
}

static bool make_all(struct peer *here, struct peer *there, const char *kind, const char *sql) {
    struct object *objects = NULL;
    size_t count = 0;
    bool ok = list_objects(there, kind, sql, &objects, &count);
    for (size_t i = 0; ok && i < count; i++) {
        AUTO_TEXT char *create = NULL;
        struct err err = {0};
        ok = show_create(there, &objects[i], &create) &&
             (make_object(here, &objects[i], create, &err) || object_failed(here, &objects[i], &err));
    }
    objects_free(objects, count);
    return ok;
}

// Views may stand on views: rounds, until one brings nothing new. What is left is invalid on the donor as well.
static bool make_views(struct peer *here, struct peer *there, struct object *views, size_t count) {
    for (bool progress = true; progress;) {
        progress = false;
        for (size_t i = 0; i < count; i++) {
            AUTO_TEXT char *create = NULL;
            struct err err = {0};
            if (views[i].made) {
                continue;
            }
            if (!show_create(there, &views[i], &create)) {
                return false;
            }
            views[i].made = make_object(here, &views[i], create, &err);
            if (!views[i].made && (err.kind == ERR_NONE || !db_alive(here->session))) {
                return err.kind == ERR_NONE ? false : peer_failed(here, &err);
            }
            progress |= views[i].made;
        }
    }
    return true;
}

static void report_invalid_views(struct peer *here, struct peer *there, const struct object *views, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (views[i].made) {
            continue;
        }
        AUTO_TEXT char *create = NULL;
        AUTO_TEXT char *name = mem_format("VIEW %s.%s", views[i].schema, views[i].name);
        struct err err = {0};
        if (show_create(there, &views[i], &create) && !make_object(here, &views[i], create, &err)) {
            job_event(here->job, EVENT_ALARM, SEVERITY_WARNING, 0, MSG_DUMP_SKIPPED,
                      KVS(KV("object", name), KV("error", err.text), KV("donor", there->name)));
        }
    }
}

static bool make_all_views(struct peer *here, struct peer *there) {
    struct object *views = NULL;
    size_t count = 0;
    bool ok = list_objects(there, "VIEW",
                           "SELECT table_schema, table_name, character_set_client, collation_connection, '', '', ''"
                           " FROM information_schema.views WHERE table_schema NOT IN " NOT_COPIED,
                           &views, &count) &&
              make_views(here, there, views, count);
    if (ok) {
        report_invalid_views(here, there, views, count);
    }
    objects_free(views, count);
    return ok;
}

bool dump_objects(struct peer *here, struct peer *there) {
    return make_all(here, there, "FUNCTION",
                    "SELECT routine_schema, routine_name, character_set_client, collation_connection,"
                    " database_collation, sql_mode, '' FROM information_schema.routines"
                    " WHERE routine_type = 'FUNCTION' AND routine_schema NOT IN " NOT_COPIED) &&
           make_all(here, there, "PROCEDURE",
                    "SELECT routine_schema, routine_name, character_set_client, collation_connection,"
                    " database_collation, sql_mode, '' FROM information_schema.routines"
                    " WHERE routine_type = 'PROCEDURE' AND routine_schema NOT IN " NOT_COPIED) &&
           make_all_views(here, there) &&
           make_all(here, there, "TRIGGER",
                    "SELECT trigger_schema, trigger_name, character_set_client, collation_connection,"
                    " database_collation, sql_mode, '' FROM information_schema.triggers"
                    " WHERE trigger_schema NOT IN " NOT_COPIED
                    " ORDER BY event_object_schema, event_object_table,"
                    " action_timing, event_manipulation, action_order") &&
           make_all(here, there, "EVENT",
                    "SELECT event_schema, event_name, character_set_client, collation_connection,"
                    " database_collation, sql_mode, time_zone FROM information_schema.events"
                    " WHERE event_schema NOT IN " NOT_COPIED);
}
