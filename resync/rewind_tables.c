// Whether the tables that diverged transactions touched can be rewound.
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "resync/held.h"
#include "resync/rewind_parts.h"

enum {
    RULE_SYSTEM = 70,
    RULE_MISSING,
    RULE_ENGINE,
    RULE_NO_KEY,
    RULE_DIFFERS,
    RULE_CASCADE,
    RULE_REBUILDS,
};

bool rewind_key_columns(struct peer *peer, const char *schema, const char *name, struct db_rows **ret) {
    AUTO_TEXT char *schema_text = peer_quote(peer, schema);
    AUTO_TEXT char *name_text = peer_quote(peer, name);
    return peer_query(peer, ret,
                      "SELECT c.column_name AS name, c.ordinal_position - 1 AS place, c.data_type AS kind,"
                      " c.character_set_name AS charset"
                      " FROM information_schema.statistics s JOIN information_schema.columns c"
                      " ON c.table_schema = s.table_schema AND c.table_name = s.table_name AND"
                      " c.column_name = s.column_name"
                      " WHERE s.index_name = 'PRIMARY' AND s.table_schema = %s AND s.table_name = %s"
                      " ORDER BY s.seq_in_index",
                      schema_text, name_text);
}

// How a definition is compared: without the next automatic number, and without the charset of columns whose collation
// is said, because a copy says it where the original inherits it.
static void normalize(char *create) {
    static const char *const cuts[] = {" AUTO_INCREMENT=", " CHARACTER SET "};
    for (unsigned i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        size_t length = strlen(cuts[i]);
        for (char *at = create; (at = strstr(at, cuts[i])) != NULL;) {
            char *end = at + length;
            end += strcspn(end, " \n,");
            memmove(at, end, strlen(end) + 1);
        }
    }
}

// *ret NULL: there is no such table.
static bool definition(struct peer *peer, const struct undo_table *table, char **ret) {
    AUTO_TEXT char *schema = db_name(table->schema);
    AUTO_TEXT char *name = db_name(table->name);
    AUTO_TEXT char *full = mem_format("%s.%s", schema, name);
    AUTO_ROWS struct db_rows *rows = NULL;
    enum held held = held_begin(peer, full);
    if (held != HELD) {
        return held == HELD_NOT;
    }
    if (!peer_query(peer, &rows, "SHOW CREATE TABLE %s", full) || !held_end(peer)) {
        return false;
    }
    const char *create = db_rows_count(rows) == 1 ? db_cell_named(rows, 0, "Create Table") : NULL;
    if (create) {
        *ret = mem_text(create);
        normalize(*ret);
    }
    return true;
}

static bool same_definition(struct peer *recipient, struct peer *primary, const struct undo_table *table,
                            const char *what) {
    struct job *job = recipient->job;
    AUTO_TEXT char *here = NULL;
    AUTO_TEXT char *there = NULL;
    if (!definition(recipient, table, &here) || !definition(primary, table, &there)) {
        return false;
    }
    if (!here || !there) {
        return job_unfit(job, RULE_MISSING, MSG_UNDO_MISSING,
                         KVS(KV("what", what), KV("peer", here ? primary->name : recipient->name)));
    }
    return text_equal(here, there) ||
           job_unfit(job, RULE_DIFFERS, MSG_UNDO_DIFFERS, KVS(KV("what", what), KV("peer", primary->name)));
}

// A foreign key that takes rows of other tables along, for the changes that were made: a row that was deleted, or a
// column that is referenced and got another value. Older servers do not log those rows.
static bool no_cascade(struct peer *recipient, const struct undo *undo, size_t index, const char *schema,
                       const char *name, const char *what) {
    const struct undo_table *tables = NULL;
    (void)undo_tables(undo, &tables);
    bool updated[BINLOG_COLUMNS_MOST];
    bool known = undo_updated_columns(undo, index, updated);
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(recipient, &rows,
                    "SELECT CONCAT(r.constraint_schema, '.', r.table_name) AS child, c.ordinal_position - 1 AS place,"
                    " r.delete_rule NOT IN ('NO ACTION', 'RESTRICT') AS on_delete,"
                    " r.update_rule NOT IN ('NO ACTION', 'RESTRICT') AS on_update"
                    " FROM information_schema.referential_constraints r"
                    " LEFT JOIN information_schema.key_column_usage k ON k.constraint_schema = r.constraint_schema AND"
                    " k.constraint_name = r.constraint_name AND k.table_name = r.table_name"
                    " LEFT JOIN information_schema.columns c ON c.table_schema = k.referenced_table_schema AND"
                    " c.table_name = k.referenced_table_name AND c.column_name = k.referenced_column_name"
                    " WHERE r.unique_constraint_schema = %s AND r.referenced_table_name = %s",
                    schema, name)) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        uint64_t place = 0;  // of a referenced column; if it cannot be told which, any counts
        bool placed = text_to_u64(db_cell_named(rows, i, "place"), &place) && place < BINLOG_COLUMNS_MOST;
        bool moved = tables[index].updates > 0 && (!known || !placed || updated[place]);
        if ((tables[index].deletes > 0 && text_equal(db_cell_named(rows, i, "on_delete"), "1")) ||
            (moved && text_equal(db_cell_named(rows, i, "on_update"), "1"))) {
            return job_unfit(recipient->job, RULE_CASCADE, MSG_UNDO_CASCADE,
                             KVS(KV("what", what), KV("child", db_cell_named(rows, i, "child"))));
        }
    }
    return true;
}

static bool judge_table(struct peer *recipient, struct peer *primary, const struct undo *undo, size_t index) {
    const struct undo_table *tables = NULL;
    (void)undo_tables(undo, &tables);
    const struct undo_table *table = &tables[index];
    static const char *const system[] = {"mysql", "sys", "performance_schema", "information_schema", REBUILD_SCHEMA};
    struct job *job = recipient->job;
    AUTO_TEXT char *what = mem_format("%s.%s", table->schema, table->name);
    for (unsigned i = 0; i < sizeof system / sizeof system[0]; i++) {
        if (text_equal(table->schema, system[i])) {
            return job_unfit(job, RULE_SYSTEM, MSG_UNDO_SYSTEM, KVS(KV("what", what)));
        }
    }
    AUTO_TEXT char *schema = peer_quote(recipient, table->schema);
    AUTO_TEXT char *name = peer_quote(recipient, table->name);
    AUTO_ROWS struct db_rows *rows = NULL;
    AUTO_ROWS struct db_rows *key = NULL;
    if (!peer_query(recipient, &rows,
                    "SELECT t.engine, COUNT(*) FROM information_schema.tables t JOIN information_schema.columns c"
                    " USING (table_schema, table_name) WHERE t.table_schema = %s AND t.table_name = %s"
                    " AND t.table_type = 'BASE TABLE' GROUP BY t.engine",
                    schema, name)) {
        return false;
    }
    if (db_rows_count(rows) == 0) {
        return job_unfit(job, RULE_MISSING, MSG_UNDO_MISSING, KVS(KV("what", what), KV("peer", recipient->name)));
    }
    if (!text_equal(db_cell(rows, 0, 0, NULL), "InnoDB")) {
        return job_unfit(job, RULE_ENGINE, MSG_UNDO_ENGINE, KVS(KV("what", what)));
    }
    if (strtoull(db_cell(rows, 0, 1, NULL), NULL, 10) != table->columns) {
        return job_unfit(job, RULE_DIFFERS, MSG_UNDO_DIFFERS, KVS(KV("what", what), KV("peer", "binlog")));
    }
    if (!rewind_key_columns(recipient, table->schema, table->name, &key)) {
        return false;
    }
    if (db_rows_count(key) == 0) {
        return job_unfit(job, RULE_NO_KEY, MSG_UNDO_NO_KEY, KVS(KV("what", what)));
    }
    return same_definition(recipient, primary, table, what) && no_cascade(recipient, undo, index, schema, name, what);
}

// idle.h: what REPAIR and OPTIMIZE may change.
static bool judge_rebuilds(struct peer *recipient, const char *what) {
    static const char other_tables[] =
        "SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND"
        " COALESCE(engine, '') <> 'InnoDB' AND table_schema NOT IN ('mysql', 'sys', 'performance_schema',"
        " 'information_schema')) OR EXISTS (SELECT 1 FROM information_schema.columns WHERE"
        " extra LIKE '%STORED GENERATED%' AND table_schema NOT IN ('mysql', 'sys', 'performance_schema',"
        " 'information_schema'))";
    AUTO_TEXT char *some = NULL;
    if (!what) {
        return true;
    }
    return peer_value(recipient, other_tables, &some) &&
           (text_equal(some, "0") ||
            job_unfit(recipient->job, RULE_REBUILDS, MSG_UNDO_REBUILDS, KVS(KV("what", what))));
}

bool rewind_judge_tables(struct job *job, struct peer *recipient, struct peer *primary, const struct undo *undo) {
    const struct undo_table *tables = NULL;
    size_t count = undo_tables(undo, &tables);
    bool ok = judge_rebuilds(recipient, undo_idle_seen(undo)->rebuilds);
    for (size_t i = 0; ok && i < count; i++) {
        ok = judge_table(recipient, primary, undo, i) && job_pause(job, 0);
    }
    return ok;
}
