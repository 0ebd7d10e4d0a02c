// Which tables a comparison looks at, and how their rows are asked for.
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/dump_parts.h"
#include "resync/verify_parts.h"

#define TABLES_SQL                                                                                   \
    "SELECT table_schema, table_name, engine, COALESCE(data_length, 0), COALESCE(avg_row_length, 0)" \
    " FROM information_schema.tables WHERE"                                                          \
    " table_type = 'BASE TABLE' AND table_schema NOT IN " NOT_COPIED " ORDER BY table_schema, table_name"

static bool known(const struct verify *verify, const char *schema, const char *name) {
    for (size_t i = 0; i < verify->count; i++) {
        if (text_equal(verify->tables[i].schema, schema) && text_equal(verify->tables[i].name, name)) {
            return true;
        }
    }
    return false;
}

static bool add_tables(struct verify *verify, struct peer *peer, bool only_unknown) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(peer, &rows, TABLES_SQL)) {
        return false;
    }
    verify->tables = mem_grow(verify->tables, verify->count + db_rows_count(rows) + 1, sizeof *verify->tables);
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *schema = db_cell(rows, i, 0, NULL), *name = db_cell(rows, i, 1, NULL);
        bool innodb = text_equal(db_cell(rows, i, 2, NULL), "InnoDB");
        if (!innodb && !only_unknown) {  // no snapshot: it would differ for no reason
            AUTO_TEXT char *table = mem_format("%s.%s", schema, name);
            job_say(verify->job, LOG_LEVEL_WARN, MSG_VERIFY_NOT_COMPARED, KVS(KV("table", table)));
        }
        if (!innodb || (only_unknown && known(verify, schema, name))) {
            continue;
        }
        struct verify_table table = {.schema = mem_text(schema), .name = mem_text(name)};
        (void)text_to_i64(db_cell(rows, i, 3, NULL), &table.bytes);
        (void)text_to_i64(db_cell(rows, i, 4, NULL), &table.row_bytes);
        verify->total_bytes += table.bytes;
        verify->tables[verify->count++] = table;
    }
    return true;
}

bool verify_list_tables(struct verify *verify) {
    return add_tables(verify, &verify->look_there, false) && add_tables(verify, &verify->look_here, true);
}

void verify_tables_done(struct verify *verify) {
    for (size_t i = 0; i < verify->count; i++) {
        free(verify->tables[i].schema);
        free(verify->tables[i].name);
        range_bound_done(&verify->tables[i].low);
    }
    free(verify->tables);
    verify->tables = NULL;
}

// Column by column: name, kind, charset; type and collation; place in the primary key, if ranges can go by it.
static bool read_columns(struct peer *peer, const struct verify_table *table, struct db_rows **ret) {
    AUTO_TEXT char *schema = peer_quote(peer, table->schema);
    AUTO_TEXT char *name = peer_quote(peer, table->name);
    return peer_query(peer, ret,
                      "SELECT c.column_name AS name, c.data_type AS kind, c.character_set_name AS charset,"
                      " CONCAT_WS(' ', c.column_name, c.column_type, c.collation_name, c.is_nullable, s.seq_in_index)"
                      " AS definition, s.seq_in_index AS place, s.sub_part AS prefix"
                      " FROM information_schema.columns c LEFT JOIN information_schema.statistics s ON"
                      " s.table_schema = c.table_schema AND s.table_name = c.table_name AND"
                      " s.column_name = c.column_name AND s.index_name = 'PRIMARY'"
                      " WHERE c.table_schema = %s AND c.table_name = %s AND c.extra NOT LIKE '%%VIRTUAL GENERATED%%'"
                      " ORDER BY c.ordinal_position",
                      schema, name);
}

static bool same_definition(const struct db_rows *a, const struct db_rows *b) {
    bool same = db_rows_count(a) == db_rows_count(b);
    for (size_t i = 0; same && i < db_rows_count(a); i++) {
        same = text_equal(db_cell_named(a, i, "definition"), db_cell_named(b, i, "definition"));
    }
    return same;
}

static struct range_column column_at(const struct db_rows *rows, size_t row, const char *quoted) {
    return (struct range_column){
        .name = quoted, .kind = db_cell_named(rows, row, "kind"), .charset = db_cell_named(rows, row, "charset")};
}

static void add_keys(struct range_table *shape, const struct db_rows *rows) {
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        if (db_cell_named(rows, i, "place") && db_cell_named(rows, i, "prefix")) {
            return;  // an index of beginnings has not the order of the values
        }
    }
    for (unsigned place = 1; place <= RANGE_KEY_MOST; place++) {
        for (size_t i = 0; i < db_rows_count(rows); i++) {
            const char *at = db_cell_named(rows, i, "place");
            if (at && strtoul(at, NULL, 10) == place) {
                AUTO_TEXT char *quoted = db_name(db_cell_named(rows, i, "name"));
                struct range_column column = column_at(rows, i, quoted);
                range_table_key(shape, &column);
            }
        }
    }
}

bool verify_table_shape(struct verify *verify, const struct verify_table *table, struct range_table *ret,
                        bool *ret_alike) {
    AUTO_ROWS struct db_rows *here = NULL;
    AUTO_ROWS struct db_rows *there = NULL;
    if (!read_columns(&verify->look_there, table, &there) || !read_columns(&verify->look_here, table, &here)) {
        return false;
    }
    AUTO_TEXT char *schema = db_name(table->schema);
    AUTO_TEXT char *name = db_name(table->name);
    AUTO_TEXT char *full = mem_format("%s.%s", schema, name);
    range_table_begin(ret, full);
    add_keys(ret, there);
    for (size_t i = 0; i < db_rows_count(there); i++) {
        AUTO_TEXT char *quoted = db_name(db_cell_named(there, i, "name"));
        struct range_column column = column_at(there, i, quoted);
        range_table_column(ret, &column);
    }
    *ret_alike = same_definition(here, there);
    return true;
}
