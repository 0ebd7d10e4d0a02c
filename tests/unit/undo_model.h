// Rows as sets of images, to replay events against: what undoing must lead back to.
#pragma once
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "resync/undo.h"

struct model_row {
    char table[524];
    unsigned char *image;
    size_t image_bytes;
};

struct model {
    struct model_row *rows;
    size_t count;
    struct binlog_table table; // of the last table map
    unsigned char *map;
    uint64_t events;
};

static void model_done(struct model *model) {
    for (size_t i = 0; i < model->count; i++) {
        free(model->rows[i].image);
    }
    free(model->rows);
    free(model->map);
    *model = (struct model){0};
}

static void model_add(struct model *model, const unsigned char *at, const unsigned char *end) {
    model->rows = mem_grow(model->rows, model->count + 1, sizeof *model->rows);
    struct model_row *row = &model->rows[model->count++];
    row->image_bytes = (size_t)(end - at);
    row->image = mem_zero(row->image_bytes + 1, 1);
    memcpy(row->image, at, row->image_bytes);
    (void)snprintf(row->table, sizeof row->table, "%s.%s", model->table.schema, model->table.name);
}

static bool model_take(struct model *model, const char *table, const unsigned char *image, size_t image_bytes) {
    for (size_t i = model->count; i-- > 0;) {
        struct model_row *row = &model->rows[i];
        if (row->image_bytes == image_bytes && memcmp(row->image, image, image_bytes) == 0 &&
            strcmp(row->table, table) == 0) {
            free(row->image);
            *row = model->rows[--model->count];
            return true;
        }
    }
    return false;
}

// Replays rows. before (may be NULL) gains what must have been there already; without it a row that is not there is an
// error.
static bool model_rows(struct model *model, const struct binlog_event *event, struct model *before) {
    static struct binlog_rows rows;
    if (!model->map || !binlog_rows_open(event, &model->table, &rows, NULL)) {
        return false;
    }
    char name[524];
    (void)snprintf(name, sizeof name, "%s.%s", model->table.schema, model->table.name);
    while (rows.left > 0) {
        struct binlog_row row;
        if (!binlog_rows_next(&rows, &row, NULL)) {
            return false;
        }
        bool takes = event->type != BINLOG_WRITE_ROWS;
        if (takes && !model_take(model, name, row.at, (size_t)(row.middle - row.at))) {
            if (!before) {
                return false;
            }
            before->table = model->table;
            model_add(before, row.at, row.middle);
        }
        if (event->type == BINLOG_WRITE_ROWS) {
            model_add(model, row.at, row.end);
        } else if (event->type == BINLOG_UPDATE_ROWS) {
            model_add(model, row.middle, row.end);
        }
    }
    return true;
}

static bool model_event(struct model *model, const struct binlog_event *event, struct model *before) {
    model->events++;
    if (event->type == BINLOG_TABLE_MAP) {
        free(model->map);
        model->map = mem_zero(event->body_bytes + 1, 1);
        memcpy(model->map, event->body, event->body_bytes);
        struct binlog_event copy = *event;
        copy.body = model->map;
        return binlog_table_map(&copy, &model->table, NULL);
    }
    return !binlog_is_rows(event) || model_rows(model, event, before);
}

static bool model_same(const struct model *a, const struct model *b) {
    struct model left = {0};
    for (size_t i = 0; i < b->count; i++) {
        const struct model_row *row = &b->rows[i];
        model_add(&left, row->image, row->image + row->image_bytes);
        memcpy(left.rows[i].table, row->table, sizeof row->table);
    }
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = model_take(&left, a->rows[i].table, a->rows[i].image, a->rows[i].image_bytes);
    }
    model_done(&left);
    return same;
}

// What undo_write() hands over: pairs of events with checksums as the format says.
static bool model_pair(struct model *model, bool checksum, const unsigned char *bytes, size_t length_bytes) {
    unsigned expected = BINLOG_TABLE_MAP;
    while (length_bytes > 0) {
        size_t one = (size_t)bytes[9] | (size_t)bytes[10] << 8 | (size_t)bytes[11] << 16 | (size_t)bytes[12] << 24;
        struct binlog_event event;
        if (one > length_bytes || !binlog_parse(bytes, one, checksum, &event, NULL)) {
            return false;
        }
        bool rows = expected == 0;
        if ((rows && (!binlog_is_rows(&event) || (event.body[6] & 1) == 0)) ||
            (!rows && event.type != BINLOG_TABLE_MAP) || !model_event(model, &event, NULL)) {
            return false;
        }
        expected = 0;
        bytes += one;
        length_bytes -= one;
    }
    return true;
}
