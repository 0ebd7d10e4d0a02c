// What has code in it, of the dump rung: libraries, routines, views, triggers, events. Each is made under the character
// set, collation, sql_mode and time zone that it was made under on the donor, because these are part of what it means.
// All definitions are read before the node gives anything up. One that cannot be read or made is left out by name.
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/ddl.h"
#include "resync/dump_parts.h"
#include "resync/objects.h"

enum { LOOKER_WAIT_MS = 10000 };

static char *cell_text(const struct db_rows *rows, size_t row, size_t column) {
    const char *text = db_cell(rows, row, column, NULL);
    return mem_text(text ? text : "");
}

void dump_objects_done(struct dump_objects *objects) {
    for (size_t i = 0; i < objects->count; i++) {
        struct dump_object *object = &objects->list[i];
        free(object->schema);
        free(object->name);
        free(object->client_charset);
        free(object->connection_collation);
        free(object->database_collation);
        free(object->sql_mode);
        free(object->time_zone);
        free(object->made_s);
        free(object->create);
    }
    free(objects->list);
    *objects = (struct dump_objects){0};
}

static void leave_out(struct job *job, const struct dump_object *object, enum msg why, const char *donor,
                      const char *error) {
    AUTO_TEXT char *name = mem_format("%s %s.%s", object->kind, object->schema, object->name);
    job_left_out(job, name, why, KVS(KV("donor", donor), KV("error", error)));
}

static bool is_broken(struct peer *peer, const struct err *err) {
    return err->kind == ERR_LOST || peer_disk_full(err) || !db_alive(peer->session);
}

// The statement, in the character set in which it was typed: it will be sent back in the same. NULL: the donor does not
// show it.
static bool show_create(struct peer *there, struct dump_object *object) {
    AUTO_TEXT char *schema = db_name(object->schema);
    AUTO_TEXT char *name = db_name(object->name);
    AUTO_TEXT char *charset = peer_quote(there, object->client_charset);
    AUTO_ROWS struct db_rows *rows = NULL;
    struct err err = {0};
    if (!peer_exec(there, "SET SESSION character_set_results = %s", charset)) {
        return false;
    }
    bool shown =
        db_queryf(there->session, PEER_TIMEOUT_MS, &rows, &err, "SHOW CREATE %s %s.%s", object->kind, schema, name);
    if (!shown && is_broken(there, &err)) {
        return peer_failed(there, &err);
    }
    size_t column = text_equal(object->kind, "VIEW") ? 1 : text_equal(object->kind, "EVENT") ? 3 : 2;
    const char *text = shown ? db_cell(rows, 0, column, NULL) : NULL;
    if (text) {
        object->create = text_equal(object->kind, "EVENT") ? ddl_event_for_replica(text) : mem_text(text);
    } else {
        leave_out(there->job, object, MSG_LEFT_HIDDEN, there->name, err.text);
    }
    return peer_exec(there, "SET SESSION character_set_results = utf8mb4");
}

static bool read_kind(struct peer *there, const struct object_kind *kind, struct dump_objects *ret) {
    AUTO_ROWS struct db_rows *rows = NULL;
    bool exists = false;
    if (!object_kind_exists(there, kind, &exists)) {
        return false;
    }
    if (!exists) {
        return true;
    }
    if (!peer_query(there, &rows, "%s", kind->list)) {
        return false;
    }
    ret->list = mem_grow(ret->list, ret->count + db_rows_count(rows) + 1, sizeof *ret->list);
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        struct dump_object *object = &ret->list[ret->count++];
        *object = (struct dump_object){.kind = kind->name,
                                       .schema = cell_text(rows, i, 0),
                                       .name = cell_text(rows, i, 1),
                                       .client_charset = cell_text(rows, i, 2),
                                       .connection_collation = cell_text(rows, i, 3),
                                       .database_collation = cell_text(rows, i, 4),
                                       .sql_mode = cell_text(rows, i, 5),
                                       .time_zone = cell_text(rows, i, 6),
                                       .made_s = cell_text(rows, i, 7)};
        if (!show_create(there, object)) {
            return false;
        }
    }
    return true;
}

bool dump_read_objects(struct peer *there, struct dump_objects *ret) {
    for (const struct object_kind *kind = object_kinds; kind->name; kind++) {
        if (kind->way == OBJECT_SHOWN && !read_kind(there, kind, ret)) {
            return false;
        }
    }
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
static bool make_object(struct peer *here, const struct dump_object *object, struct err *err) {
    AUTO_TEXT char *schema = db_name(object->schema);
    AUTO_TEXT char *mode = peer_quote(here, object->sql_mode);
    AUTO_TEXT char *zone = peer_quote(here, object->time_zone[0] ? object->time_zone : "+00:00");
    AUTO_TEXT char *charset = peer_quote(here, object->client_charset);
    AUTO_TEXT char *collation = peer_quote(here, object->connection_collation);
    AUTO_TEXT char *before = NULL;
    if (!peer_exec(here, "USE %s", schema) ||
        !schema_collation(here, object->schema, object->database_collation, &before)) {
        return false;
    }
    // One that names a mode, zone or character set which the node lacks cannot be made either.
    bool made = db_execf(here->session, PEER_TIMEOUT_MS, err,
                         "SET SESSION sql_mode = %s, time_zone = %s, character_set_client = %s,"
                         " collation_connection = %s, timestamp = %s",
                         mode, zone, charset, collation, object->made_s[0] ? object->made_s : "DEFAULT") &&
                db_exec(here->session, PEER_TIMEOUT_MS, object->create, err);
    // First the session's own character set again: in that of the object the name of the schema may read otherwise.
    if (!peer_exec(here, "SET SESSION sql_mode = " COPY_SQL_MODE
                         ", time_zone = '+00:00',"
                         " character_set_client = utf8mb4, collation_connection = utf8mb4_0900_ai_ci,"
                         " timestamp = DEFAULT")) {
        return false;
    }
    return (!before || peer_exec(here, "ALTER DATABASE %s COLLATE %s", schema, before)) && made;
}

// Whether the copy can go on after an object failed to be made: the object's own failure is told.
static bool goes_on(struct peer *here, const struct err *err) {
    if (err->kind == ERR_NONE) {
        return false;  // what was around it failed, which the job knows
    }
    return is_broken(here, err) ? peer_failed(here, err) : true;
}

// Views may stand on views: rounds, until one brings nothing new. What is left is invalid on the donor as well.
static bool make_views(struct peer *here, const char *donor, struct dump_objects *objects) {
    for (bool progress = true, last = false; progress || !last;) {
        last = !progress;
        progress = false;
        for (size_t i = 0; i < objects->count; i++) {
            struct dump_object *view = &objects->list[i];
            struct err err = {0};
            if (view->made || !view->create || !text_equal(view->kind, "VIEW")) {
                continue;
            }
            view->made = make_object(here, view, &err);
            if (!view->made && !goes_on(here, &err)) {
                return false;
            }
            if (!view->made && last) {
                leave_out(here->job, view, MSG_LEFT_INVALID, donor, err.text);
            }
            progress |= view->made;
        }
    }
    return true;
}

bool dump_make_objects(struct peer *here, const char *donor, struct dump_objects *objects) {
    bool views = false;
    for (size_t i = 0; i < objects->count; i++) {
        struct dump_object *object = &objects->list[i];
        struct err err = {0};
        if (text_equal(object->kind, "VIEW")) {
            if (!views && !make_views(here, donor, objects)) {
                return false;
            }
            views = true;
            continue;
        }
        if (!object->create) {
            continue;
        }
        object->made = make_object(here, object, &err);
        if (!object->made && !goes_on(here, &err)) {
            return false;
        }
        if (!object->made) {
            leave_out(here->job, object, MSG_LEFT_REFUSED, donor, err.text);
        }
    }
    return true;
}

// ---- what a logical copy does not carry -----------------------------------------------------------------------------

static bool is_among(const struct db_rows *rows, const char *name) {
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        if (text_equal(db_cell(rows, i, 0, NULL), name)) {
            return true;
        }
    }
    return false;
}

void dump_others_done(struct dump_others *others) {
    for (unsigned i = 0; i < OBJECT_KINDS_MAX; i++) {
        db_rows_free(others->names[i]);
    }
    *others = (struct dump_others){0};
}

bool dump_read_others(struct peer *looker, struct peer *reader, struct dump_others *ret) {
    for (unsigned i = 0; object_kinds[i].name; i++) {
        const struct object_kind *kind = &object_kinds[i];
        if (kind->way == OBJECT_TOLD &&
            !peer_query(kind->by_looker ? looker : reader, &ret->names[i], "%s", kind->list)) {
            return false;
        }
    }
    return true;
}

static bool tell_plugins(struct peer *looker) {
    AUTO_ROWS struct db_rows *accounts = NULL;
    AUTO_ROWS struct db_rows *plugins = NULL;
    if (!peer_query(looker, &accounts, "SELECT CONCAT('ACCOUNT ', user, '@', host), plugin FROM mysql.user") ||
        !peer_query(looker, &plugins,
                    "SELECT plugin_name FROM information_schema.plugins WHERE plugin_type = 'AUTHENTICATION'"
                    " AND plugin_status = 'ACTIVE'")) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(accounts); i++) {
        const char *plugin = db_cell(accounts, i, 1, NULL);
        if (plugin && !is_among(plugins, plugin)) {
            job_left_out(looker->job, db_cell(accounts, i, 0, NULL), MSG_LEFT_PLUGIN, KVS(KV("plugin", plugin)));
        }
    }
    return true;
}

bool dump_tell_others(struct peer *here, const struct dump_others *others) {
    struct job *job = here->job;
    AUTO_PEER struct peer looker = {0};
    if (!peer_open(job, here->name, PEER_LOOK, false, LOOKER_WAIT_MS, &looker)) {
        return false;
    }
    for (unsigned i = 0; object_kinds[i].name; i++) {
        const struct object_kind *kind = &object_kinds[i];
        const struct db_rows *theirs = others->names[i];
        AUTO_ROWS struct db_rows *mine = NULL;
        if (kind->way != OBJECT_TOLD || db_rows_count(theirs) == 0) {
            continue;
        }
        if (!peer_query(kind->by_looker ? &looker : here, &mine, "%s", kind->list)) {
            return false;
        }
        for (size_t k = 0; k < db_rows_count(theirs); k++) {
            const char *name = db_cell(theirs, k, 0, NULL);
            if (!is_among(mine, name)) {
                AUTO_TEXT char *object = mem_format("%s %s", kind->name, name);
                job_left_out(job, object, MSG_LEFT_LOCAL, KVS());
            }
        }
    }
    return tell_plugins(&looker);
}
