// Key ranges of a table as SQL: bounds, conditions, and sums over the rows in between that are the same on two servers
// when the rows are. Names come quoted. Pure.
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { RANGE_KEY_MOST = 16 };  // columns that an index may have

// A column as information_schema describes it.
struct range_column {
    const char *name;     // `quoted`
    const char *kind;     // data_type
    const char *charset;  // NULL: none
};

// What is asked of a table. All heap: range_table_done().
struct range_table {
    char *name;                      // `schema`.`table`
    char *keys[RANGE_KEY_MOST];      // columns of the primary key
    char *literals[RANGE_KEY_MOST];  // expressions: a key's value as text that is SQL again
    unsigned key_count;              // 0: no ranges, the table is taken as a whole
    char *digest;                    // expression: differs when the row does
};

// quoted_name, then the columns of the primary key in order (if ranges can go by it), then all columns whose values are
// stored.
void range_table_begin(struct range_table *table, const char *quoted_name);
void range_table_key(struct range_table *table, const struct range_column *column);
void range_table_column(struct range_table *table, const struct range_column *column);
void range_table_done(struct range_table *table);

// A key's values as literals; count 0: before the first row, or behind the last.
struct range_bound {
    char *values[RANGE_KEY_MOST];
    unsigned count;
};
void range_bound_done(struct range_bound *bound);

// All heap. The rows from low, exclusive, to high, inclusive, as a condition; "" for all.
char *range_condition(const struct range_table *table, const struct range_bound *low, const struct range_bound *high);
// Gives the literals of the key of the row that is `count` rows behind low; no row if there are fewer.
char *range_step_sql(const struct range_table *table, const struct range_bound *low, size_t count);
// Gives the count of rows, a digest of them in which order does not matter, and without a key a second one.
char *range_sum_sql(const struct range_table *table, const char *condition);
