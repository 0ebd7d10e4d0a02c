// Tables of the dump rung: their definitions, and the parts in which their rows travel.
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/ddl.h"
#include "resync/dump_parts.h"
#include "resync/ranges.h"

enum {
    TABLE_TIMEOUT_MS = 120000,
    PART_BYTES = 32 * 1024 * 1024,
    PARTS_MOST = 256,
    KEYS_WAIT_BYTES = 1024 * 1024,  // a table of fewer costs less than one more statement
    RULE_TABLE = 88,
    RULE_PARSER = 87,
};

// Text that grows by pieces.
static void add(char **text, const char *piece) {
    char *longer = mem_format("%s%s", *text ? *text : "", piece);
    free(*text);
    *text = longer;
}

// How a value must be asked for, so that what arrives is what is stored: FLOAT prints too few digits, and the empty
// value of an ENUM prints like a member that is ''.
static char *selected(const char *name, const char *type) {
    return TEXT_ONE_OF(type, "float", "double") ? mem_format("CAST(%s AS DOUBLE)", name)
           : TEXT_ONE_OF(type, "enum", "set")   ? mem_format("CAST(%s AS UNSIGNED)", name)
                                                : mem_text(name);
}

// How a value that arrives as @vN is stored; NULL: straight into its column. Values travel as bytes (character set
// binary), which JSON refuses.
static char *stored(const char *type, size_t n) {
    return text_equal(type, "json")           ? mem_format("CONVERT(@v%zu USING utf8mb4)", n)
           : TEXT_ONE_OF(type, "enum", "set") ? mem_format("CAST(@v%zu AS UNSIGNED)", n)
                                              : NULL;
}

// The two statements of a table.
static bool plan_columns(struct peer *there, struct copy_table *table) {
    AUTO_TEXT char *schema = peer_quote(there, table->schema);
    AUTO_TEXT char *name = peer_quote(there, table->name);
    AUTO_ROWS struct db_rows *columns = NULL;
    if (!peer_query(there, &columns,
                    "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = %s AND"
                    " table_name = %s AND COALESCE(generation_expression, '') = '' ORDER BY ordinal_position",
                    schema, name)) {
        return false;
    }
    AUTO_TEXT char *select = NULL;
    AUTO_TEXT char *into = NULL;
    AUTO_TEXT char *set = NULL;
    table->kinds = mem_zero(db_rows_count(columns) + 1, 1);
    for (size_t i = 0; i < db_rows_count(columns); i++) {
        AUTO_TEXT char *column = db_name(db_cell(columns, i, 0, NULL));
        const char *type = db_cell(columns, i, 1, NULL);
        AUTO_TEXT char *value = selected(column, type);
        AUTO_TEXT char *expression = stored(type, i);
        AUTO_TEXT char *target = expression ? mem_format("@v%zu", i) : mem_text(column);
        AUTO_TEXT char *from = mem_format("%s%s", select ? ", " : "", value);
        AUTO_TEXT char *to = mem_format("%s%s", into ? ", " : "", target);
        add(&select, from);
        add(&into, to);
        if (expression) {
            AUTO_TEXT char *assign = mem_format("%s%s = %s", set ? ", " : " SET ", column, expression);
            add(&set, assign);
        }
        table->kinds[i] = text_equal(type, "enum") ? KIND_ENUM : KIND_OTHER;
    }
    AUTO_TEXT char *quoted_schema = db_name(table->schema);
    AUTO_TEXT char *quoted_name = db_name(table->name);
    table->select = mem_format("SELECT %s FROM %s.%s", select ? select : "NULL", quoted_schema, quoted_name);
    table->load = mem_format(
        "LOAD DATA LOCAL INFILE 'rows' INTO TABLE %s.%s CHARACTER SET binary"
        " FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' (%s)%s",
        quoted_schema, quoted_name, into ? into : "@v", set ? set : "");
    return true;
}

// Whether a foreign key refers to an ordinary key of the table, which then has to be there as soon as that is.
static bool is_loosely_referred_to(struct peer *there, const struct copy_table *table, bool *ret) {
    AUTO_TEXT char *schema = peer_quote(there, table->schema);
    AUTO_TEXT char *name = peer_quote(there, table->name);
    AUTO_TEXT char *sql = mem_format(
        "SELECT EXISTS (SELECT 1 FROM information_schema.referential_constraints WHERE unique_constraint_schema = %s"
        " AND referenced_table_name = %s AND unique_constraint_name IS NULL)",
        schema, name);
    AUTO_TEXT char *found = NULL;
    if (!peer_value(there, sql, &found)) {
        return false;
    }
    *ret = text_equal(found, "1");
    return true;
}

// The donor's own statement. A table that it does not show cannot be copied.
static bool show_table(struct peer *there, const struct copy_table *table, struct db_rows **ret) {
    AUTO_TEXT char *schema = db_name(table->schema);
    AUTO_TEXT char *name = db_name(table->name);
    struct err err = {0};
    if (db_queryf(there->session, PEER_TIMEOUT_MS, ret, &err, "SHOW CREATE TABLE %s.%s", schema, name) &&
        db_cell(*ret, 0, 1, NULL)) {
        return true;
    }
    if (err.kind == ERR_LOST || !db_alive(there->session)) {
        return peer_failed(there, &err);
    }
    AUTO_TEXT char *full = mem_format("%s.%s", table->schema, table->name);
    return job_unfit(there->job, RULE_TABLE, MSG_NEED_TABLE,
                     KVS(KV("donor", there->name), KV("object", full), KV("error", err.text)));
}

// A full-text index may be made by a plugin.
static bool check_parsers(struct peer *here, const struct copy_table *table, const char *create) {
    AUTO_TEXT char *parser = ddl_parser(create);
    if (!parser) {
        return true;
    }
    AUTO_TEXT char *quoted = peer_quote(here, parser);
    AUTO_TEXT char *sql = mem_format(
        "SELECT COUNT(*) FROM information_schema.plugins WHERE plugin_type = 'FTPARSER' AND plugin_name = %s AND"
        " plugin_status = 'ACTIVE'",
        quoted);
    AUTO_TEXT char *found = NULL;
    AUTO_TEXT char *full = mem_format("%s.%s", table->schema, table->name);
    return peer_value(here, sql, &found) &&
           (!text_equal(found, "0") ||
            job_unfit(here->job, RULE_PARSER, MSG_NEED_PARSER, KVS(KV("object", full), KV("thing", parser))));
}

// *ret_create: the statement that makes the table, *ret_keys: that adds the keys which may wait for the rows; NULL: all
// are there.
static bool read_definition(struct peer *here, struct peer *there, const struct copy_table *table, bool may_wait,
                            char **ret_create, char **ret_keys) {
    AUTO_ROWS struct db_rows *rows = NULL;
    bool referred_to = false;
    if (!show_table(there, table, &rows) || (may_wait && !is_loosely_referred_to(there, table, &referred_to))) {
        return false;
    }
    const char *whole = db_cell(rows, 0, 1, NULL);
    AUTO_TEXT char *schema = db_name(table->schema);
    AUTO_TEXT char *name = db_name(table->name);
    AUTO_TEXT char *keys = NULL;
    char *part = may_wait && !referred_to ? ddl_without_keys(whole, &keys) : NULL;
    *ret_keys = keys ? mem_format("ALTER TABLE %s.%s %s", schema, name, keys) : NULL;
    *ret_create = part ? part : mem_text(whole);
    return check_parsers(here, table, whole);
}

// Ends of the first column of the primary key, if it is a whole number: its values are taken as evenly spread.
static bool key_ends(struct peer *there, const struct copy_table *table, char **ret_key, int64_t *ret_first,
                     int64_t *ret_last, bool *ret_known) {
    AUTO_TEXT char *schema = peer_quote(there, table->schema);
    AUTO_TEXT char *name = peer_quote(there, table->name);
    AUTO_TEXT char *column = NULL;
    AUTO_TEXT char *sql = mem_format(
        "SELECT c.column_name FROM information_schema.statistics s JOIN information_schema.columns c ON c.table_schema "
        "="
        " s.table_schema AND c.table_name = s.table_name AND c.column_name = s.column_name WHERE s.table_schema = %s "
        "AND"
        " s.table_name = %s AND s.index_name = 'PRIMARY' AND s.seq_in_index = 1 AND c.data_type IN"
        " ('tinyint', 'smallint', 'mediumint', 'int', 'bigint')",
        schema, name);
    if (!peer_value(there, sql, &column)) {
        return false;
    }
    if (!column) {
        return true;
    }
    *ret_key = db_name(column);
    AUTO_TEXT char *quoted_schema = db_name(table->schema);
    AUTO_TEXT char *quoted_name = db_name(table->name);
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(there, &rows, "SELECT MIN(%s), MAX(%s) FROM %s.%s", *ret_key, *ret_key, quoted_schema,
                    quoted_name)) {
        return false;
    }
    const char *first = db_cell(rows, 0, 0, NULL), *last = db_cell(rows, 0, 1, NULL);
    *ret_known = first && last && text_to_i64(first, ret_first) && text_to_i64(last, ret_last);
    return true;
}

static struct range_bound bound_at(int64_t value) {
    struct range_bound bound = {.count = 1};
    bound.values[0] = mem_format("%lld", (long long)value);
    return bound;
}

// The part of the table from low, exclusive, to high, inclusive.
static struct copy_table part_of(const struct copy_table *table, const struct range_table *by,
                                 const struct range_bound *low, const struct range_bound *high, int64_t parts) {
    AUTO_TEXT char *where = range_condition(by, low, high);
    return (struct copy_table){.schema = mem_text(table->schema),
                               .name = mem_text(table->name),
                               .select = mem_format("%s FORCE INDEX (PRIMARY) WHERE %s", table->select, where),
                               .load = mem_text(table->load),
                               .kinds = mem_text(table->kinds),
                               .estimated_bytes = table->estimated_bytes / parts};
}

static void add_part(struct copy *copy, struct copy_table part) {
    copy->tables = mem_grow(copy->tables, copy->count + 1, sizeof *copy->tables);
    copy->tables[copy->count++] = part;
}

// Takes the table as one part or, if it is large, as several: whatever lies outside the ends is in the first and the
// last.
static bool add_parts(struct peer *there, struct copy *copy, struct copy_table *table) {
    int64_t parts = table->estimated_bytes / PART_BYTES, first = 0, last = 0;
    parts = parts < PARTS_MOST ? parts : PARTS_MOST;
    AUTO_TEXT char *key = NULL;
    bool known = false;
    if (parts > 1 && !key_ends(there, table, &key, &first, &last, &known)) {
        return false;
    }
    uint64_t span = (uint64_t)last - (uint64_t)first;  // modulo: from the lowest number to the highest is none too many
    uint64_t step = parts > 1 ? span / (uint64_t)parts : 0;
    if (!known || step == 0) {
        add_part(copy, *table);
        *table = (struct copy_table){0};
        return true;
    }
    struct range_table by = {0};
    struct range_column column = {.name = key, .kind = "bigint"};
    range_table_begin(&by, key);
    range_table_key(&by, &column);
    struct range_bound low = {0};
    for (int64_t i = 1; i <= parts; i++) {
        struct range_bound high =
            i < parts ? bound_at((int64_t)((uint64_t)first + step * (uint64_t)i)) : (struct range_bound){0};
        add_part(copy, part_of(table, &by, &low, &high, parts));
        range_bound_done(&low);
        low = high;
    }
    range_table_done(&by);
    return true;
}

// Takes over the statement for the parts of the table that begin at `first`.
static void add_keys(struct copy *copy, size_t first, char *sql) {
    struct copy_keys *keys = mem_zero(1, sizeof *keys);
    keys->sql = sql;
    atomic_init(&keys->parts_left, copy->count - first);
    copy->keys = mem_grow(copy->keys, copy->keys_count + 1, sizeof *copy->keys);
    copy->keys[copy->keys_count++] = keys;
    for (size_t i = first; i < copy->count; i++) {
        copy->tables[i].keys = keys;
    }
}

static bool take_table(struct peer *here, struct peer *there, struct copy *copy, struct dump_plan *plan,
                       struct copy_table *table, const char *engine) {
    bool innodb = text_equal(engine, "InnoDB");
    if (!innodb) {
        AUTO_TEXT char *name = mem_format("%s.%s", table->schema, table->name);
        job_say(there->job, LOG_LEVEL_WARN, MSG_DUMP_NOT_TRANSACTIONAL, KVS(KV("table", name)));
    }
    AUTO_TEXT char *keys = NULL;
    size_t first = copy->count;
    bool may_wait = innodb && table->estimated_bytes >= KEYS_WAIT_BYTES;
    plan->tables = mem_grow(plan->tables, plan->table_count + 1, sizeof *plan->tables);
    struct dump_table *made = &plan->tables[plan->table_count++];
    *made = (struct dump_table){.schema = mem_text(table->schema), .name = mem_text(table->name)};
    bool ok = read_definition(here, there, table, may_wait, &made->create, &keys) && plan_columns(there, table) &&
              add_parts(there, copy, table);
    if (ok && keys) {
        add_keys(copy, first, TAKE(keys));
    }
    return ok;
}

bool dump_read_tables(struct peer *here, struct peer *there, struct copy *copy, struct dump_plan *ret) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(there, &rows,
                    "SELECT table_schema, table_name, engine, COALESCE(data_length, 0) FROM information_schema.tables"
                    " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN " NOT_COPIED
                    " ORDER BY COALESCE(data_length, 0) DESC, table_schema, table_name")) {
        return false;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < db_rows_count(rows); i++) {
        struct copy_table table = {.schema = mem_text(db_cell(rows, i, 0, NULL)),
                                   .name = mem_text(db_cell(rows, i, 1, NULL))};
        (void)text_to_i64(db_cell(rows, i, 3, NULL), &table.estimated_bytes);
        ok = take_table(here, there, copy, ret, &table, db_cell(rows, i, 2, NULL));
        copy_table_done(&table);
    }
    return ok;
}

bool dump_make_tables(struct peer *here, const struct dump_plan *plan) {
    for (size_t i = 0; i < plan->table_count; i++) {
        const struct dump_table *table = &plan->tables[i];
        AUTO_TEXT char *schema = db_name(table->schema);
        struct err err = {0};
        if (!peer_exec(here, "USE %s", schema)) {
            return false;
        }
        if (db_exec(here->session, TABLE_TIMEOUT_MS, table->create, &err)) {
            continue;
        }
        if (err.kind == ERR_LOST || err.kind == ERR_DENIED || peer_disk_full(&err)) {
            return peer_failed(here, &err);
        }
        AUTO_TEXT char *name = mem_format("TABLE %s.%s", table->schema, table->name);
        return job_fail(here->job, MSG_DUMP_OBJECT, KVS(KV("object", name), KV("error", err.text)));
    }
    return true;
}
