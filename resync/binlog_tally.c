// Adding up a stream of events: which transactions, when, how many rows of which tables.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "resync/binlog.h"
#include "resync/bytes.h"

enum { UNPACK_BYTES_MOST = 64 * 1024 * 1024 };  // of one compressed transaction; a larger one is saved, not counted

// A table map is kept as the bytes of its event, to which the parsed form points.
struct map {
    struct binlog_table table;
    unsigned char *body;
};

struct binlog_tally {
    uint64_t transactions, statements, compressed;
    uint32_t first_s, last_s;
    struct binlog_touched *touched;
    size_t touched_count;
    struct map *maps;  // of the current transaction
    size_t map_count;
    char *gtids;  // finished runs, by commas
    size_t gtids_bytes, gtids_room;
    struct binlog_gtid run;  // the run being extended: number is its last
    uint64_t run_first;
};

struct binlog_tally *binlog_tally_new(void) {
    return mem_zero(1, sizeof(struct binlog_tally));
}

static void forget_maps(struct binlog_tally *tally) {
    for (size_t i = 0; i < tally->map_count; i++) {
        free(tally->maps[i].body);
    }
    tally->map_count = 0;
}

void binlog_tally_free(struct binlog_tally *tally) {
    if (!tally) {
        return;
    }
    forget_maps(tally);
    free(tally->maps);
    free(tally->touched);
    free(tally->gtids);
    free(tally);
}

void binlog_tally_drop(struct binlog_tally **tally) {
    binlog_tally_free(*tally);
}

// "uuid:tag:first-last," to the end of the text.
static void close_run(struct binlog_tally *tally) {
    if (tally->run_first == 0) {
        return;
    }
    const struct binlog_gtid *run = &tally->run;
    AUTO_TEXT char *text = mem_format("%s%s%s:%" PRIu64 "-%" PRIu64 ",", run->uuid, run->tag[0] ? ":" : "", run->tag,
                                      tally->run_first, run->number);
    size_t length = strlen(text);
    if (tally->gtids_bytes + length + 1 > tally->gtids_room) {
        tally->gtids_room = (tally->gtids_room + length + 1) * 2;
        tally->gtids = mem_grow(tally->gtids, tally->gtids_room, 1);
    }
    memcpy(tally->gtids + tally->gtids_bytes, text, length + 1);
    tally->gtids_bytes += length;
    tally->run_first = 0;
}

static bool feed_gtid(struct binlog_tally *tally, const struct binlog_event *event, struct err *err) {
    struct binlog_gtid gtid;
    if (!binlog_gtid(event, &gtid, err)) {
        return false;
    }
    bool extends = tally->run_first != 0 && gtid.number == tally->run.number + 1 &&
                   text_equal(gtid.uuid, tally->run.uuid) && text_equal(gtid.tag, tally->run.tag);
    if (!extends) {
        close_run(tally);
        tally->run_first = gtid.number;
    }
    tally->run = gtid;
    tally->transactions++;
    tally->first_s = tally->first_s == 0 || event->timestamp_s < tally->first_s ? event->timestamp_s : tally->first_s;
    tally->last_s = event->timestamp_s > tally->last_s ? event->timestamp_s : tally->last_s;
    forget_maps(tally);
    return true;
}

static bool feed_map(struct binlog_tally *tally, const struct binlog_event *event, struct err *err) {
    struct map map = {.body = mem_zero(event->body_bytes + 1, 1)};
    memcpy(map.body, event->body, event->body_bytes);
    struct binlog_event copy = *event;
    copy.body = map.body;
    if (!binlog_table_map(&copy, &map.table, err)) {
        free(map.body);
        return false;
    }
    for (size_t i = 0; i < tally->map_count; i++) {
        if (tally->maps[i].table.id == map.table.id) {
            free(tally->maps[i].body);
            tally->maps[i] = map;
            return true;
        }
    }
    tally->maps = mem_grow(tally->maps, tally->map_count + 1, sizeof *tally->maps);
    tally->maps[tally->map_count++] = map;
    return true;
}

static struct binlog_touched *touched_table(struct binlog_tally *tally, const struct binlog_table *table) {
    for (size_t i = 0; i < tally->touched_count; i++) {
        struct binlog_touched *touched = &tally->touched[i];
        if (text_equal(touched->schema, table->schema) && text_equal(touched->name, table->name)) {
            return touched;
        }
    }
    tally->touched = mem_grow(tally->touched, tally->touched_count + 1, sizeof *tally->touched);
    struct binlog_touched *touched = &tally->touched[tally->touched_count++];
    *touched = (struct binlog_touched){0};
    (void)text_copy(touched->schema, sizeof touched->schema, table->schema);
    (void)text_copy(touched->name, sizeof touched->name, table->name);
    return touched;
}

static bool feed_rows(struct binlog_tally *tally, const struct binlog_event *event, struct err *err) {
    uint64_t id, rows = 1;
    if (!binlog_rows_table_id(event, &id, err)) {
        return false;
    }
    const struct binlog_table *table = NULL;
    for (size_t i = 0; i < tally->map_count; i++) {
        table = tally->maps[i].table.id == id ? &tally->maps[i].table : table;
    }
    if (!table) {
        return err_set(err, ERR_INVALID, 0, "a rows event without a table map");
    }
    bool partial = event->type == BINLOG_PARTIAL_UPDATE_ROWS;
    if (!partial && !binlog_count_rows(event, table, &rows, err)) {
        partial = true;  // a column type that is not known here: the event is kept, its rows are not counted
        rows = 1;
    }
    struct binlog_touched *touched = touched_table(tally, table);
    touched->rows_unknown |= partial;
    if (event->type == BINLOG_WRITE_ROWS || event->type == BINLOG_WRITE_ROWS_V1) {
        touched->inserts += rows;
    } else if (event->type == BINLOG_DELETE_ROWS || event->type == BINLOG_DELETE_ROWS_V1) {
        touched->deletes += rows;
    } else {
        touched->updates += rows;
    }
    return true;
}

static void feed_query(struct binlog_tally *tally, const struct binlog_event *event) {
    const char *text = "";
    size_t length_bytes = 0;
    (void)binlog_query(event, &text, &length_bytes);
    tally->statements += binlog_surrounds(text, length_bytes) ? 0 : 1;
}

static bool feed_packed(void *arg, const unsigned char *bytes, size_t length_bytes, struct err *err) {
    struct binlog_event event;
    bool inner = binlog_parse(bytes, length_bytes, false, &event, err) && event.type != BINLOG_TRANSACTION_PAYLOAD &&
                 event.type != BINLOG_GTID && event.type != BINLOG_GTID_TAGGED;
    return inner && binlog_tally_feed(arg, &event, err);
}

// One that cannot be unpacked is kept all the same: what it holds is not counted, or not all of it.
static void feed_payload(struct binlog_tally *tally, const struct binlog_event *event) {
    tally->compressed += binlog_payload_each(event, UNPACK_BYTES_MOST, feed_packed, tally, NULL) ? 0 : 1;
}

bool binlog_tally_feed(struct binlog_tally *tally, const struct binlog_event *event, struct err *err) {
    if (event->type == BINLOG_GTID || event->type == BINLOG_GTID_TAGGED) {
        return feed_gtid(tally, event, err);
    }
    if (event->type == BINLOG_TABLE_MAP) {
        return feed_map(tally, event, err);
    }
    if (binlog_is_rows(event)) {
        return feed_rows(tally, event, err);
    }
    if (event->type == BINLOG_QUERY) {
        feed_query(tally, event);
    }
    if (event->type == BINLOG_TRANSACTION_PAYLOAD) {
        feed_payload(tally, event);
    }
    return true;
}

uint64_t binlog_tally_transactions(const struct binlog_tally *tally) {
    return tally->transactions;
}

uint64_t binlog_tally_statements(const struct binlog_tally *tally) {
    return tally->statements;
}

uint64_t binlog_tally_compressed(const struct binlog_tally *tally) {
    return tally->compressed;
}

void binlog_tally_times(const struct binlog_tally *tally, uint32_t *ret_first_s, uint32_t *ret_last_s) {
    *ret_first_s = tally->first_s;
    *ret_last_s = tally->last_s;
}

size_t binlog_tally_tables(const struct binlog_tally *tally, const struct binlog_touched **ret) {
    *ret = tally->touched;
    return tally->touched_count;
}

struct gtid_set *binlog_tally_gtids(const struct binlog_tally *tally) {
    // A copy whose last run is closed; the tally itself may still be fed.
    struct binlog_tally copy = *tally;
    copy.gtids = mem_zero(tally->gtids_bytes + 1, 1);
    copy.gtids_room = tally->gtids_bytes + 1;
    if (tally->gtids_bytes > 0) {
        memcpy(copy.gtids, tally->gtids, tally->gtids_bytes);
    }
    close_run(&copy);
    AUTO_TEXT char *text = TAKE(copy.gtids);
    if (copy.gtids_bytes > 0) {
        text[copy.gtids_bytes - 1] = '\0';  // the last comma
    }
    return gtid_parse(text, NULL);
}
