// Writing: the same changes backwards.
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "resync/undo_parts.h"

enum {
    ROWS_HEAD_BYTES = 6 + 2 + 2,  // table id, flags, length of the extra data (its own two bytes, and nothing)
    ROWS_FLAG_STATEMENT_END = 1,
    ROWS_FLAGS_KEPT = 0xfffb,  // all but relaxed unique checks
    MAP_FLAGS = 1,
};

struct buffer {
    unsigned char *bytes;
    size_t used, room;
};

static void put(struct buffer *to, const void *bytes, size_t length_bytes) {
    if (to->room - to->used < length_bytes) {
        to->room = (to->used + length_bytes) * 3 / 2 + 256;
        to->bytes = mem_grow(to->bytes, to->room, 1);
    }
    if (length_bytes > 0) {
        memcpy(to->bytes + to->used, bytes, length_bytes);
    }
    to->used += length_bytes;
}

static void put_little(struct buffer *to, uint64_t value, unsigned length_bytes) {
    for (unsigned i = 0; i < length_bytes; i++) {
        unsigned char byte = (unsigned char)(value >> (8 * i));
        put(to, &byte, 1);
    }
}

static void put_packed(struct buffer *to, uint64_t value) {
    if (value <= 250) {
        put_little(to, value, 1);
    } else {
        put_little(to, 252, 1);
        put_little(to, value, 2);  // columns and metadata of at most 4096 columns
    }
}

static void put_event(struct buffer *to, const struct binlog_event *like, unsigned char type, const void *body,
                      size_t body_bytes, bool checksum) {
    struct binlog_event event = {.timestamp_s = like->timestamp_s,
                                 .type = type,
                                 .server_id = like->server_id,
                                 .body = body,
                                 .body_bytes = body_bytes};
    size_t length_bytes = binlog_event_bytes(body_bytes, checksum);
    AUTO_TEXT char *room = (char *)mem_zero(length_bytes, 1);
    (void)binlog_write((unsigned char *)room, &event, checksum);
    put(to, room, length_bytes);
}

// What is being written: out is one hand-over, rows its rows event.
struct writing {
    const struct undo *undo;
    size_t most_bytes;
    undo_each_fn *each;
    void *arg;
    struct buffer out, rows;
    struct binlog_value *values;  // of one image
    struct binlog_rows reader;
    struct binlog_row *list;
    size_t room;
};

static void writing_done(struct writing *writing) {
    free(writing->out.bytes);
    free(writing->rows.bytes);
    free(writing->values);
    free(writing->list);
    free(writing);
}

static struct writing *writing_new(const struct undo *undo, size_t most_bytes, undo_each_fn *each, void *arg) {
    struct writing *writing = mem_zero(1, sizeof *writing);
    *writing = (struct writing){.undo = undo, .most_bytes = most_bytes, .each = each, .arg = arg};
    writing->values = mem_zero(BINLOG_COLUMNS_MOST, sizeof *writing->values);
    return writing;
}

// All rows of a change into the list: they can only be read forwards.
static size_t list_rows(struct writing *writing, const struct undo_change *change) {
    struct err err = {0};
    size_t count = 0;
    if (!binlog_rows_open(&change->event, &writing->undo->maps[change->map].table, &writing->reader, &err)) {
        return 0;  // was read when it was fed
    }
    while (writing->reader.left > 0) {
        if (count == writing->room) {
            writing->room = writing->room * 2 + 64;
            writing->list = mem_grow(writing->list, writing->room, sizeof *writing->list);
        }
        if (!binlog_rows_next(&writing->reader, &writing->list[count], &err)) {
            return 0;
        }
        count++;
    }
    return count;
}

static unsigned char inverse(unsigned char type) {
    return type == BINLOG_WRITE_ROWS    ? BINLOG_DELETE_ROWS
           : type == BINLOG_DELETE_ROWS ? BINLOG_WRITE_ROWS
                                        : BINLOG_UPDATE_ROWS;
}

static void begin_rows(struct writing *writing, uint64_t table_id, uint16_t flags, size_t columns, bool update) {
    struct buffer *rows = &writing->rows;
    rows->used = 0;
    put_little(rows, table_id, 6);
    put_little(rows, (flags | ROWS_FLAG_STATEMENT_END) & ROWS_FLAGS_KEPT, 2);
    put_little(rows, 2, 2);
    put_packed(rows, columns);
    for (unsigned image = 0; image < (update ? 2U : 1U); image++) {
        for (size_t i = 0; i < (columns + 7) / 8; i++) {
            put_little(rows, 0xff, 1);
        }
    }
}

static bool hand_over(struct writing *writing, const struct undo_change *change, unsigned char type, const void *map,
                      size_t map_bytes) {
    bool checksum = writing->undo->checksum;
    writing->out.used = 0;
    put_event(&writing->out, &change->event, BINLOG_TABLE_MAP, map, map_bytes, checksum);
    put_event(&writing->out, &change->event, type, writing->rows.bytes, writing->rows.used, checksum);
    return writing->each(writing->arg, writing->out.bytes, writing->out.used);
}

static bool write_change(struct writing *writing, const struct undo_change *change) {
    const struct undo_map *map = &writing->undo->maps[change->map];
    size_t left = list_rows(writing, change);
    const struct binlog_rows *reader = &writing->reader;
    while (left > 0) {
        begin_rows(writing, map->table.id, reader->flags, map->table.columns, reader->update);
        size_t head_bytes = writing->rows.used;
        for (; left > 0; left--) {
            const struct binlog_row *row = &writing->list[left - 1];
            size_t row_bytes = (size_t)(row->end - row->at);
            if (writing->rows.used > head_bytes && writing->rows.used + row_bytes > writing->most_bytes) {
                break;
            }
            put(&writing->rows, row->middle, (size_t)(row->end - row->middle));  // what it was after; nothing if alone
            put(&writing->rows, row->at, (size_t)(row->middle - row->at));
        }
        if (!hand_over(writing, change, inverse(change->event.type), map->body, map->body_bytes)) {
            return false;
        }
    }
    return true;
}

bool undo_write(const struct undo *undo, size_t most_bytes, undo_each_fn *each, void *arg) {
    struct writing *writing = writing_new(undo, most_bytes, each, arg);
    bool ok = true;
    for (size_t i = undo->change_count; ok && i-- > 0;) {
        ok = write_change(writing, &undo->changes[i]);
    }
    writing_done(writing);
    return ok;
}

static bool note_largest(void *arg, const unsigned char *events, size_t length_bytes) {
    (void)events;
    size_t *largest = arg;
    *largest = length_bytes > *largest ? length_bytes : *largest;
    return true;
}

size_t undo_largest_bytes(const struct undo *undo, size_t most_bytes) {
    size_t largest = 0;
    (void)undo_write(undo, most_bytes, note_largest, &largest);
    return largest;
}

// --- keys ---

static void put_name(struct buffer *to, const char *name) {
    size_t length = strlen(name);
    put_little(to, length, 1);
    put(to, name, length + 1);
}

// A table map of the key columns alone, under another name.
static void key_map(struct writing *writing, const struct undo_keys *keys, const struct binlog_table *table,
                    struct buffer *ret) {
    struct buffer metadata = {0};
    ret->used = 0;
    put_little(ret, table->id, 6);
    put_little(ret, MAP_FLAGS, 2);
    put_name(ret, keys->schema);
    put_name(ret, keys->name);
    put_packed(ret, keys->count);
    for (size_t i = 0; i < keys->count; i++) {
        const struct binlog_shape *shape = &writing->reader.shapes[keys->columns[i]];
        put(ret, &table->types[keys->columns[i]], 1);
        put(&metadata, shape->metadata, shape->metadata_bytes);
    }
    put_packed(ret, metadata.used);
    put(ret, metadata.bytes, metadata.used);
    for (size_t i = 0; i < (keys->count + 7) / 8; i++) {
        put_little(ret, 0xff, 1);
    }
    free(metadata.bytes);
}

static bool put_key(struct writing *writing, const struct undo_keys *keys, const unsigned char *at,
                    const unsigned char *end) {
    if (!binlog_image_values(&writing->reader, at, end, writing->values)) {
        return false;
    }
    unsigned char nulls[(BINLOG_COLUMNS_MOST + 7) / 8] = {0};
    for (size_t i = 0; i < keys->count; i++) {
        if (!writing->values[keys->columns[i]].at) {
            nulls[i / 8] |= (unsigned char)(1U << (i % 8));
        }
    }
    put(&writing->rows, nulls, (keys->count + 7) / 8);
    for (size_t i = 0; i < keys->count; i++) {
        const struct binlog_value *value = &writing->values[keys->columns[i]];
        if (value->at) {
            put(&writing->rows, value->at, value->length_bytes);
        }
    }
    return true;
}

static bool write_keys_of(struct writing *writing, const struct undo_keys *keys, const struct undo_change *change,
                          struct buffer *map) {
    const struct binlog_table *table = &writing->undo->maps[change->map].table;
    size_t count = list_rows(writing, change);
    bool ok = true;
    key_map(writing, keys, table, map);
    for (size_t i = 0; ok && i < count;) {
        begin_rows(writing, table->id, 0, keys->count, false);
        for (; ok && i < count && writing->rows.used < writing->most_bytes; i++) {
            const struct binlog_row *row = &writing->list[i];
            ok = put_key(writing, keys, row->at, row->middle) &&
                 (row->middle == row->end || put_key(writing, keys, row->middle, row->end));
        }
        ok = ok && hand_over(writing, change, BINLOG_WRITE_ROWS, map->bytes, map->used);
    }
    return ok;
}

bool undo_write_keys(const struct undo *undo, const struct undo_keys *keys, size_t most_bytes, undo_each_fn *each,
                     void *arg) {
    struct writing *writing = writing_new(undo, most_bytes, each, arg);
    struct buffer map = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < undo->change_count; i++) {
        if (undo->maps[undo->changes[i].map].touched == keys->table) {
            ok = write_keys_of(writing, keys, &undo->changes[i], &map);
        }
    }
    free(map.bytes);
    writing_done(writing);
    return ok;
}

// --- what updates changed ---

static bool same_value(const struct binlog_value *a, const struct binlog_value *b) {
    if (!a->at || !b->at) {
        return a->at == b->at;
    }
    return a->length_bytes == b->length_bytes && memcmp(a->at, b->at, a->length_bytes) == 0;
}

static bool note_updated(struct writing *writing, const struct undo_change *change, bool *ret) {
    size_t columns = writing->undo->maps[change->map].table.columns;
    size_t count = list_rows(writing, change);
    struct binlog_value *after = mem_zero(BINLOG_COLUMNS_MOST, sizeof *after);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        const struct binlog_row *row = &writing->list[i];
        ok = binlog_image_values(&writing->reader, row->at, row->middle, writing->values) &&
             binlog_image_values(&writing->reader, row->middle, row->end, after);
        for (size_t k = 0; ok && k < columns; k++) {
            ret[k] |= !same_value(&writing->values[k], &after[k]);
        }
    }
    free(after);
    return ok;
}

bool undo_updated_columns(const struct undo *undo, size_t table, bool ret[BINLOG_COLUMNS_MOST]) {
    struct writing *writing = writing_new(undo, 0, NULL, NULL);
    bool ok = true;
    memset(ret, 0, BINLOG_COLUMNS_MOST * sizeof *ret);
    for (size_t i = 0; ok && i < undo->change_count; i++) {
        const struct undo_change *change = &undo->changes[i];
        if (undo->maps[change->map].touched == table && change->event.type == BINLOG_UPDATE_ROWS) {
            ok = note_updated(writing, change, ret);
        }
    }
    writing_done(writing);
    return ok;
}
