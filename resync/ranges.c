#include "resync/ranges.h"

#include <stdlib.h>

#include "common/mem.h"
#include "common/text.h"

static bool is_text(const char *kind) {
    return TEXT_ONE_OF(kind, "char", "varchar");
}

static bool is_bytes(const char *kind) {
    return TEXT_ONE_OF(kind, "binary", "varbinary");
}

static bool is_time(const char *kind) {
    return TEXT_ONE_OF(kind, "date", "time", "datetime", "timestamp");
}

static bool is_number(const char *kind) {
    return TEXT_ONE_OF(kind, "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year");
}

// Numbers under a text: their order in an index is that of the number.
static bool is_bits(const char *kind) {
    return TEXT_ONE_OF(kind, "bit", "enum", "set");
}

static bool is_inexact(const char *kind) {
    return TEXT_ONE_OF(kind, "float", "double");
}

static char *literal_of(const struct range_column *column) {
    if (is_text(column->kind)) {
        return mem_format("CONCAT('_%s X''', HEX(%s), '''')", column->charset ? column->charset : "binary",
                          column->name);
    }
    if (is_bytes(column->kind)) {
        return mem_format("CONCAT('X''', HEX(%s), '''')", column->name);
    }
    if (is_time(column->kind)) {
        return mem_format("QUOTE(%s)", column->name);
    }
    if (is_bits(column->kind)) {
        return mem_format("CAST(%s AS UNSIGNED)", column->name);
    }
    if (is_inexact(column->kind)) {  // FLOAT by itself prints too few digits
        return mem_format("CAST(CAST(%s AS DOUBLE) AS CHAR)", column->name);
    }
    return mem_format("CAST(%s AS CHAR)", column->name);
}

// Parts between commas. NULL is told from everything else, and a value that may hold a comma comes with its length, or
// as a digest if it may be long: no two rows make the same text.
static char *digest_of(const struct range_column *column) {
    const char *name = column->name;
    if (is_number(column->kind) || is_time(column->kind)) {
        return mem_format("COALESCE(%s, 'N')", name);
    }
    if (is_bits(column->kind)) {
        return mem_format("COALESCE(CAST(%s AS UNSIGNED), 'N')", name);
    }
    if (is_inexact(column->kind)) {
        return mem_format("COALESCE(CAST(%s AS DOUBLE), 'N')", name);
    }
    if (is_text(column->kind) || is_bytes(column->kind)) {
        return mem_format("COALESCE(LENGTH(%s), 'N'), COALESCE(CAST(%s AS BINARY), '')", name, name);
    }
    if (TEXT_ONE_OF(column->kind, "json")) {
        return mem_format("COALESCE(SHA2(CAST(%s AS CHAR), 256), 'N')", name);
    }
    if (TEXT_ONE_OF(column->kind, "tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob",
                    "longblob")) {
        return mem_format("COALESCE(SHA2(CAST(%s AS BINARY), 256), 'N')", name);
    }
    return mem_format("COALESCE(SHA2(HEX(%s), 256), 'N')", name);  // what later servers may bring, and geometry
}

void range_table_begin(struct range_table *table, const char *quoted_name) {
    *table = (struct range_table){.name = mem_text(quoted_name), .digest = mem_text("''")};
}

void range_table_key(struct range_table *table, const struct range_column *column) {
    if (table->key_count < RANGE_KEY_MOST) {
        table->keys[table->key_count] = mem_text(column->name);
        table->literals[table->key_count++] = literal_of(column);
    }
}

void range_table_column(struct range_table *table, const struct range_column *column) {
    AUTO_TEXT char *digest = digest_of(column);
    mem_append(&table->digest, ", ");
    mem_append(&table->digest, digest);
}

void range_table_done(struct range_table *table) {
    for (unsigned i = 0; i < table->key_count; i++) {
        free(table->keys[i]);
        free(table->literals[i]);
    }
    free(table->name);
    free(table->digest);
    *table = (struct range_table){0};
}

void range_bound_done(struct range_bound *bound) {
    for (unsigned i = 0; i < bound->count; i++) {
        free(bound->values[i]);
    }
    *bound = (struct range_bound){0};
}

// (a, b) > (1, 2) as `a` >= 1 AND (`a` > 1 OR (`b` > 2)): the server makes a range of an index out of this, but not out
// of a comparison of rows. last: of the last column.
static char *side(const struct range_table *table, const struct range_bound *bound, const char *beyond,
                  const char *last) {
    char *text = NULL;
    for (unsigned i = bound->count; i-- > 0;) {
        const char *key = table->keys[i], *value = bound->values[i];
        char *outer = text
                          ? mem_format("%s %s= %s AND (%s %s %s OR (%s))", key, beyond, value, key, beyond, value, text)
                          : mem_format("%s %s %s", key, last, value);
        free(text);
        text = outer;
    }
    return text;
}

char *range_condition(const struct range_table *table, const struct range_bound *low, const struct range_bound *high) {
    AUTO_TEXT char *above = side(table, low, ">", ">");
    AUTO_TEXT char *below = side(table, high, "<", "<=");
    return above && below ? mem_format("%s AND %s", above, below) : mem_text(above ? above : below ? below : "");
}

static const char *by_key(const struct range_table *table) {
    return table->key_count > 0 ? " FORCE INDEX (PRIMARY)" : "";
}

char *range_step_sql(const struct range_table *table, const struct range_bound *low, size_t count) {
    AUTO_TEXT char *above = side(table, low, ">", ">");
    AUTO_TEXT char *columns = NULL;
    AUTO_TEXT char *order = NULL;
    for (unsigned i = 0; i < table->key_count; i++) {
        mem_append(&columns, i > 0 ? ", " : "");
        mem_append(&columns, table->literals[i]);
        mem_append(&order, i > 0 ? ", " : "");
        mem_append(&order, table->keys[i]);
    }
    return mem_format("SELECT %s FROM %s%s%s%s ORDER BY %s LIMIT 1 OFFSET %zu", columns ? columns : "1", table->name,
                      by_key(table), above ? " WHERE " : "", above ? above : "", order ? order : "1",
                      count > 0 ? count - 1 : 0);
}

// Equal rows cancel each other out in the digest: with a key there are none.
char *range_sum_sql(const struct range_table *table, const char *condition) {
    AUTO_TEXT char *row = mem_format("CONCAT_WS(',', %s)", table->digest);
    AUTO_TEXT char *second = table->key_count > 0 ? mem_text("0") : mem_format("COALESCE(SUM(CRC32(%s)), 0)", row);
    return mem_format("SELECT COUNT(*), HEX(BIT_XOR(UNHEX(SHA2(%s, 256)))), %s FROM %s%s%s%s", row, second, table->name,
                      by_key(table), *condition ? " WHERE " : "", condition);
}
