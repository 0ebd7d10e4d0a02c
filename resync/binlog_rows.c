// Table maps and the rows behind them.
#include <string.h>

#include "resync/binlog.h"
#include "resync/bytes.h"

enum { ROWS_EXTRA_LENGTH_BYTES = 2 };

// Column types as the binlog writes them.
enum column {
    COLUMN_TINY = 1,
    COLUMN_SHORT = 2,
    COLUMN_LONG = 3,
    COLUMN_FLOAT = 4,
    COLUMN_DOUBLE = 5,
    COLUMN_NULL = 6,
    COLUMN_TIMESTAMP = 7,
    COLUMN_LONGLONG = 8,
    COLUMN_INT24 = 9,
    COLUMN_DATE = 10,
    COLUMN_TIME = 11,
    COLUMN_DATETIME = 12,
    COLUMN_YEAR = 13,
    COLUMN_NEWDATE = 14,
    COLUMN_VARCHAR = 15,
    COLUMN_BIT = 16,
    COLUMN_TIMESTAMP2 = 17,
    COLUMN_DATETIME2 = 18,
    COLUMN_TIME2 = 19,
    COLUMN_VECTOR = 242,
    COLUMN_JSON = 245,
    COLUMN_NEWDECIMAL = 246,
    COLUMN_ENUM = 247,
    COLUMN_SET = 248,
    COLUMN_TINY_BLOB = 249,
    COLUMN_MEDIUM_BLOB = 250,
    COLUMN_LONG_BLOB = 251,
    COLUMN_BLOB = 252,
    COLUMN_VAR_STRING = 253,
    COLUMN_STRING = 254,
    COLUMN_GEOMETRY = 255,
};

static bool take_name(struct bytes *from, char out[260]) {
    uint64_t length = bytes_little(from, 1);
    const unsigned char *name = bytes_take(from, length + 1);  // and a NUL
    if (!name || length >= 260) {
        return false;
    }
    memcpy(out, name, length);
    out[length] = '\0';
    return true;
}

bool binlog_table_map(const struct binlog_event *event, struct binlog_table *ret, struct err *err) {
    struct bytes from = {.at = event->body, .left = event->body_bytes};
    struct binlog_table table = {.id = bytes_little(&from, 6)};
    (void)bytes_little(&from, 2);  // flags
    bool named = take_name(&from, table.schema) && take_name(&from, table.name);
    table.columns = bytes_packed(&from);
    table.types = bytes_take(&from, table.columns);
    table.metadata_bytes = bytes_packed(&from);
    table.metadata = bytes_take(&from, table.metadata_bytes);
    if (!named || from.short_of || table.columns == 0 || table.columns > BINLOG_COLUMNS_MOST) {
        return err_set(err, ERR_INVALID, 0, "a table map event cannot be read");
    }
    *ret = table;
    return true;
}

bool binlog_is_rows(const struct binlog_event *event) {
    return (event->type >= BINLOG_WRITE_ROWS_V1 && event->type <= BINLOG_DELETE_ROWS_V1) ||
           (event->type >= BINLOG_WRITE_ROWS && event->type <= BINLOG_DELETE_ROWS) ||
           event->type == BINLOG_PARTIAL_UPDATE_ROWS;
}

bool binlog_rows_table_id(const struct binlog_event *event, uint64_t *ret, struct err *err) {
    struct bytes from = {.at = event->body, .left = event->body_bytes};
    *ret = bytes_little(&from, 6);
    return !from.short_of || err_set(err, ERR_INVALID, 0, "a rows event cannot be read");
}

static unsigned metadata_bytes_of(unsigned char type) {
    switch (type) {
        case COLUMN_FLOAT:
        case COLUMN_DOUBLE:
        case COLUMN_TIMESTAMP2:
        case COLUMN_DATETIME2:
        case COLUMN_TIME2:
        case COLUMN_TINY_BLOB:
        case COLUMN_MEDIUM_BLOB:
        case COLUMN_LONG_BLOB:
        case COLUMN_BLOB:
        case COLUMN_GEOMETRY:
        case COLUMN_JSON:
        case COLUMN_VECTOR:
            return 1;
        case COLUMN_VARCHAR:
        case COLUMN_VAR_STRING:
        case COLUMN_STRING:
        case COLUMN_BIT:
        case COLUMN_NEWDECIMAL:
        case COLUMN_ENUM:
        case COLUMN_SET:
            return 2;
        default:
            return 0;
    }
}

static bool read_shapes(const struct binlog_table *table, struct binlog_shape shapes[BINLOG_COLUMNS_MOST]) {
    struct bytes from = {.at = table->metadata, .left = table->metadata_bytes};
    for (size_t i = 0; i < table->columns; i++) {
        struct binlog_shape *shape = &shapes[i];
        unsigned width = metadata_bytes_of(table->types[i]);
        *shape = (struct binlog_shape){.type = table->types[i], .metadata = from.at, .metadata_bytes = width};
        shape->first = width > 0 ? (unsigned)bytes_little(&from, 1) : 0;
        shape->second = width > 1 ? (unsigned)bytes_little(&from, 1) : 0;
        // CHAR, ENUM and SET share a type; the first byte tells them apart and lends two bits to the length.
        if (shape->type == COLUMN_STRING) {
            unsigned real = shape->first | 0x30;
            if (shape->first >= 0x80 && (real == COLUMN_ENUM || real == COLUMN_SET)) {
                shape->type = (unsigned char)real;
                shape->first = shape->second;
            } else {
                shape->second |= ((shape->first & 0x30) ^ 0x30) << 4;
            }
        }
    }
    return !from.short_of;
}

static unsigned decimal_bytes(unsigned precision, unsigned scale) {
    static const unsigned bytes_of_digits[10] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
    if (scale > precision) {
        return 0;
    }
    unsigned whole = precision - scale;
    return whole / 9 * 4 + bytes_of_digits[whole % 9] + scale / 9 * 4 + bytes_of_digits[scale % 9];
}

// Steps over one value. False for a type that is not known here.
static bool skip_value(struct bytes *from, const struct binlog_shape *shape) {
    switch ((enum column)shape->type) {
        case COLUMN_NULL:
            return true;
        case COLUMN_TINY:
        case COLUMN_YEAR:
            return bytes_take(from, 1) != NULL;
        case COLUMN_SHORT:
            return bytes_take(from, 2) != NULL;
        case COLUMN_INT24:
        case COLUMN_DATE:
        case COLUMN_NEWDATE:
        case COLUMN_TIME:
            return bytes_take(from, 3) != NULL;
        case COLUMN_LONG:
        case COLUMN_FLOAT:
        case COLUMN_TIMESTAMP:
            return bytes_take(from, 4) != NULL;
        case COLUMN_DOUBLE:
        case COLUMN_LONGLONG:
        case COLUMN_DATETIME:
            return bytes_take(from, 8) != NULL;
        case COLUMN_TIMESTAMP2:
            return bytes_take(from, 4 + (shape->first + 1) / 2) != NULL;
        case COLUMN_DATETIME2:
            return bytes_take(from, 5 + (shape->first + 1) / 2) != NULL;
        case COLUMN_TIME2:
            return bytes_take(from, 3 + (shape->first + 1) / 2) != NULL;
        case COLUMN_NEWDECIMAL:
            return bytes_take(from, decimal_bytes(shape->first, shape->second)) != NULL;
        case COLUMN_BIT:  // bits beyond whole bytes, whole bytes
            return bytes_take(from, shape->second + (shape->first > 0 ? 1 : 0)) != NULL;
        case COLUMN_ENUM:
        case COLUMN_SET:
            return bytes_take(from, shape->first) != NULL;
        case COLUMN_STRING:
            return bytes_take(from, bytes_little(from, shape->second > 255 ? 2 : 1)) != NULL;
        case COLUMN_VARCHAR:
        case COLUMN_VAR_STRING:
            return bytes_take(from, bytes_little(from, (shape->first | shape->second << 8) > 255 ? 2 : 1)) != NULL;
        case COLUMN_TINY_BLOB:
        case COLUMN_MEDIUM_BLOB:
        case COLUMN_LONG_BLOB:
        case COLUMN_BLOB:
        case COLUMN_GEOMETRY:
        case COLUMN_JSON:
        case COLUMN_VECTOR:
            return shape->first <= 4 && bytes_take(from, bytes_little(from, shape->first)) != NULL;
    }
    return false;
}

static bool bit(const unsigned char *bitmap, size_t i) {
    return (bitmap[i / 8] >> (i % 8) & 1) != 0;
}

// One image: a NULL bit per column that is present, then the values of those that are not NULL.
static bool skip_image(struct bytes *from, const struct binlog_shape *shapes, size_t columns,
                       const unsigned char *present) {
    size_t count = 0;
    for (size_t i = 0; i < columns; i++) {
        count += bit(present, i) ? 1 : 0;
    }
    const unsigned char *nulls = bytes_take(from, (count + 7) / 8);
    size_t at = 0;
    for (size_t i = 0; nulls && i < columns; i++) {
        if (bit(present, i) && !bit(nulls, at++) && !skip_value(from, &shapes[i])) {
            return false;
        }
    }
    return nulls != NULL;
}

bool binlog_rows_open(const struct binlog_event *event, const struct binlog_table *table, struct binlog_rows *ret,
                      struct err *err) {
    struct bytes from = {.at = event->body, .left = event->body_bytes};
    ret->table = table;
    ret->update = event->type == BINLOG_UPDATE_ROWS || event->type == BINLOG_UPDATE_ROWS_V1;
    (void)bytes_little(&from, 6);  // table id
    ret->flags = (uint16_t)bytes_little(&from, 2);
    if (event->type >= BINLOG_WRITE_ROWS) {
        uint64_t extra = bytes_little(&from, ROWS_EXTRA_LENGTH_BYTES);
        (void)bytes_take(&from, extra < ROWS_EXTRA_LENGTH_BYTES ? SIZE_MAX : extra - ROWS_EXTRA_LENGTH_BYTES);
    }
    bool fits = bytes_packed(&from) == table->columns && read_shapes(table, ret->shapes);
    size_t bitmap_bytes = (table->columns + 7) / 8;
    ret->first = bytes_take(&from, bitmap_bytes);
    ret->second = ret->update ? bytes_take(&from, bitmap_bytes) : ret->first;
    if (!fits || from.short_of) {
        return err_set(err, ERR_INVALID, 0, "a rows event does not fit its table %s.%s", table->schema, table->name);
    }
    ret->whole = true;
    for (size_t i = 0; i < table->columns; i++) {
        ret->whole = ret->whole && bit(ret->first, i) && bit(ret->second, i);
    }
    ret->at = from.at;
    ret->left = from.left;
    return true;
}

bool binlog_rows_next(struct binlog_rows *rows, struct binlog_row *ret, struct err *err) {
    const struct binlog_table *table = rows->table;
    struct bytes from = {.at = rows->at, .left = rows->left};
    ret->at = from.at;
    bool ok = skip_image(&from, rows->shapes, table->columns, rows->first);
    ret->middle = from.at;
    ok = ok && (!rows->update || skip_image(&from, rows->shapes, table->columns, rows->second));
    ret->end = from.at;
    if (!ok || from.left == rows->left) {
        return err_set(err, ERR_INVALID, 0, "a row of %s.%s cannot be read", table->schema, table->name);
    }
    rows->at = from.at;
    rows->left = from.left;
    return true;
}

bool binlog_image_values(const struct binlog_rows *rows, const unsigned char *at, const unsigned char *end,
                         struct binlog_value *ret) {
    struct bytes from = {.at = at, .left = (size_t)(end - at)};
    size_t columns = rows->table->columns;
    const unsigned char *nulls = bytes_take(&from, (columns + 7) / 8);
    for (size_t i = 0; nulls && i < columns; i++) {
        ret[i] = (struct binlog_value){0};
        if (!bit(nulls, i)) {
            ret[i].at = from.at;
            if (!skip_value(&from, &rows->shapes[i])) {
                return false;
            }
            ret[i].length_bytes = (size_t)(from.at - ret[i].at);
        }
    }
    return nulls && from.left == 0;
}

bool binlog_count_rows(const struct binlog_event *event, const struct binlog_table *table, uint64_t *ret,
                       struct err *err) {
    struct binlog_rows rows;
    rows.left = 0;  // the rest is large, and set by opening
    if (!binlog_rows_open(event, table, &rows, err)) {
        return false;
    }
    uint64_t count = 0;
    while (rows.left > 0) {
        struct binlog_row row;
        if (!binlog_rows_next(&rows, &row, err)) {
            return false;
        }
        count++;
    }
    *ret = count;
    return true;
}
