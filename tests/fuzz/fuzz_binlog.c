// Whatever events come, reading them reads nothing else; and what is called possible to undo can be written, leads back
// step by step, and undone again is what it was.
#include <string.h>

#include "common/mem.h"
#include "fuzz.h"
#include "resync/whose.h"
#include "tests/unit/undo_model.h"

enum { MOST_BYTES = 1 << 16, FORMAT_BODY_BYTES = 2 + 50 + 4 + 1 + 42 };

static void feed_format(struct undo *undo) {
    unsigned char body[FORMAT_BODY_BYTES + 1] = {4};
    body[FORMAT_BODY_BYTES] = 1; // CRC32
    unsigned char made[BINLOG_HEADER_BYTES + sizeof body + BINLOG_CHECKSUM_BYTES];
    struct binlog_event event = {.type = BINLOG_FORMAT, .body = body, .body_bytes = sizeof body};
    undo_feed(undo, made, binlog_write(made, &event, true));
}

static size_t length_of(const unsigned char *event) {
    return (size_t)event[9] | (size_t)event[10] << 8 | (size_t)event[11] << 16 | (size_t)event[12] << 24;
}

static bool feed_pair(void *arg, const unsigned char *events, size_t length_bytes) {
    size_t first = length_of(events);
    undo_feed(arg, events, first);
    undo_feed(arg, events + first, length_bytes - first);
    return true;
}

struct text {
    unsigned char *bytes;
    size_t used;
};

static bool collect(void *arg, const unsigned char *events, size_t length_bytes) {
    struct text *to = arg;
    to->bytes = mem_grow(to->bytes, to->used + length_bytes + 1, 1);
    memcpy(to->bytes + to->used, events, length_bytes);
    to->used += length_bytes;
    return true;
}

static bool is_possible(const struct undo *undo) {
    const char *what = NULL;
    return undo_verdict(undo, &what) == UNDO_POSSIBLE;
}

// Forwards again: twice inverted, in the order in which it happened.
static bool replay(void *arg, const unsigned char *events, size_t length_bytes) {
    struct model *both = arg; // now, before
    size_t first = length_of(events);
    struct binlog_event event;
    must(binlog_parse(events, first, true, &event, NULL));
    must(model_event(&both[0], &event, NULL));
    must(binlog_parse(events + first, length_bytes - first, true, &event, NULL));
    must(model_event(&both[0], &event, &both[1]));
    return true;
}

static bool back(void *arg, const unsigned char *events, size_t length_bytes) {
    must(model_pair(arg, true, events, length_bytes));
    return true;
}

static void check_possible(const struct undo *undo) {
    AUTO_UNDO struct undo *second = undo_new(16 * MOST_BYTES);
    AUTO_UNDO struct undo *third = undo_new(16 * MOST_BYTES);
    feed_format(second);
    feed_format(third);
    must(undo_write(undo, 1, feed_pair, second) && is_possible(second));
    must(undo_write(second, 1, feed_pair, third) && is_possible(third));
    struct text once = {0}, thrice = {0};
    must(undo_write(undo, 1, collect, &once) && undo_write(third, 1, collect, &thrice));
    must(once.used == thrice.used && (once.used == 0 || memcmp(once.bytes, thrice.bytes, once.used) == 0));
    struct model both[2] = {{0}};
    must(undo_write(second, 1, replay, both));
    must(undo_write(undo, 64, back, &both[0]));
    must(model_same(&both[0], &both[1]));
    const struct undo_table *tables = NULL;
    for (size_t i = 0; i < undo_tables(undo, &tables); i++) {
        unsigned column = (unsigned)tables[i].columns - 1;
        struct undo_keys keys = {.table = i, .columns = &column, .count = 1, .schema = "s", .name = "k"};
        struct model keys_made = {0};
        must(undo_write_keys(undo, &keys, 64, back, &keys_made));
        must(keys_made.count == tables[i].inserts + tables[i].deletes + 2 * tables[i].updates);
        model_done(&keys_made);
    }
    model_done(&both[0]);
    model_done(&both[1]);
    free(once.bytes);
    free(thrice.bytes);
}

// The input is events one after the other; their lengths and checksums are made right, so that what is in them is tried.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_UNDO struct undo *undo = undo_new(MOST_BYTES);
    AUTO_TALLY struct binlog_tally *tally = binlog_tally_new();
    AUTO_WHOSE struct whose_reader *whose = whose_new();
    bool sound = true, begun = size > 4 && (data[4] == BINLOG_GTID || data[4] == BINLOG_GTID_TAGGED);
    feed_format(undo);
    while (size >= BINLOG_HEADER_BYTES + BINLOG_CHECKSUM_BYTES) {
        size_t length = length_of(data);
        if (length < BINLOG_HEADER_BYTES + BINLOG_CHECKSUM_BYTES || length > size) {
            length = size;
        }
        struct binlog_event event = {.type = data[4],
                                     .flags = (uint16_t)(data[17] | data[18] << 8),
                                     .body = data + BINLOG_HEADER_BYTES,
                                     .body_bytes = length - BINLOG_HEADER_BYTES - BINLOG_CHECKSUM_BYTES};
        unsigned char *made = mem_zero(length, 1);
        must(binlog_write(made, &event, true) == length);
        undo_feed(undo, made, length);
        struct binlog_event parsed;
        if (binlog_parse(made, length, true, &parsed, NULL)) {
            sound = sound && binlog_tally_feed(tally, &parsed, NULL);
            whose_feed(whose, &parsed);
        }
        free(made);
        data += length;
        size -= length;
    }
    if (is_possible(undo) && begun) {
        must(whose_count(whose, WHOSE_NOBODY) == undo_idle(undo)); // both say which transactions have nothing to undo
    }
    if (is_possible(undo)) {
        check_possible(undo);
    }
    return 0;
}
