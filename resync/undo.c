// Reading: what can be undone, and what cannot.
#include "resync/undo.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "resync/undo_parts.h"

enum {
    // Of a rows event: end of statement, no foreign key checks, relaxed unique checks, complete rows, foreign keys by
    // SQL (9.6 and newer). Others may mean what is not known here.
    ROWS_FLAGS_KNOWN = 0x1f,
    STATEMENT_WORDS_MOST = 32,
};

int undo_rule(enum undo_verdict verdict) {
#define X(name, rule, why) [name] = rule,
    static const int rules[UNDO_VERDICT_COUNT] = {UNDO_VERDICTS(X)};
#undef X
    return rules[verdict];
}

enum msg undo_why(enum undo_verdict verdict) {
#define X(name, rule, why) [name] = why,
    static const enum msg whys[UNDO_VERDICT_COUNT] = {UNDO_VERDICTS(X)};
#undef X
    return whys[verdict];
}

struct undo *undo_new(size_t most_bytes) {
    struct undo *undo = mem_zero(1, sizeof *undo);
    undo->most_bytes = most_bytes;
    return undo;
}

void undo_free(struct undo *undo) {
    if (!undo) {
        return;
    }
    for (size_t i = 0; i < undo->map_count; i++) {
        free(undo->maps[i].body);
    }
    for (size_t i = 0; i < undo->change_count; i++) {
        free(undo->changes[i].body);
    }
    free(undo->maps);
    free(undo->current);
    free(undo->changes);
    free(undo->tables);
    free(undo->format);
    idle_done(&undo->idle);
    free(undo);
}

void undo_drop(struct undo **undo) {
    undo_free(*undo);
}

static void refuse(struct undo *undo, enum undo_verdict verdict, const char *what) {
    if (undo->verdict == UNDO_POSSIBLE) {
        undo->verdict = verdict;
        (void)text_copy(undo->what, sizeof undo->what, what);
    }
}

static void refuse_table(struct undo *undo, enum undo_verdict verdict, const struct binlog_table *table) {
    AUTO_TEXT char *name = mem_format("%s.%s", table->schema, table->name);
    refuse(undo, verdict, name);
}

static unsigned char *keep(struct undo *undo, const unsigned char *bytes, size_t length_bytes) {
    undo->used_bytes += length_bytes;
    unsigned char *kept = mem_zero(length_bytes + 1, 1);
    memcpy(kept, bytes, length_bytes);
    return kept;
}

static size_t touched_table(struct undo *undo, const struct binlog_table *table) {
    for (size_t i = 0; i < undo->table_count; i++) {
        if (text_equal(undo->tables[i].schema, table->schema) && text_equal(undo->tables[i].name, table->name)) {
            return i;
        }
    }
    undo->tables = mem_grow(undo->tables, undo->table_count + 1, sizeof *undo->tables);
    struct undo_table *made = &undo->tables[undo->table_count];
    *made = (struct undo_table){.columns = table->columns};
    (void)text_copy(made->schema, sizeof made->schema, table->schema);
    (void)text_copy(made->name, sizeof made->name, table->name);
    return undo->table_count++;
}

// The same map comes with every statement: kept once. map_count if it is none.
static size_t kept_map(struct undo *undo, const struct binlog_event *event) {
    for (size_t i = 0; i < undo->map_count; i++) {
        const struct undo_map *map = &undo->maps[i];
        if (map->body_bytes == event->body_bytes && memcmp(map->body, event->body, event->body_bytes) == 0) {
            return i;
        }
    }
    struct undo_map map = {.body_bytes = event->body_bytes, .flags = event->flags};
    map.body = keep(undo, event->body, event->body_bytes);
    struct binlog_event copy = *event;
    copy.body = map.body;
    struct err err = {0};
    if (!binlog_table_map(&copy, &map.table, &err)) {
        free(map.body);
        refuse(undo, UNDO_DAMAGED, err.text);
        return undo->map_count;
    }
    map.touched = SIZE_MAX;
    undo->maps = mem_grow(undo->maps, undo->map_count + 1, sizeof *undo->maps);
    undo->maps[undo->map_count] = map;
    return undo->map_count++;
}

static void feed_map(struct undo *undo, const struct binlog_event *event) {
    size_t map = kept_map(undo, event);
    if (undo->verdict != UNDO_POSSIBLE) {
        return;
    }
    for (size_t i = 0; i < undo->current_count; i++) {
        if (undo->maps[undo->current[i]].table.id == undo->maps[map].table.id) {
            undo->current[i] = map;
            return;
        }
    }
    undo->current = mem_grow(undo->current, undo->current_count + 1, sizeof *undo->current);
    undo->current[undo->current_count++] = map;
}

static struct undo_map *map_of(struct undo *undo, uint64_t table_id, size_t *ret_index) {
    for (size_t i = 0; i < undo->current_count; i++) {
        if (undo->maps[undo->current[i]].table.id == table_id) {
            *ret_index = undo->current[i];
            return &undo->maps[undo->current[i]];
        }
    }
    return NULL;
}

static void add_change(struct undo *undo, const struct binlog_event *event, size_t map, uint64_t rows) {
    struct undo_map *of = &undo->maps[map];
    if (of->touched == SIZE_MAX) {
        of->touched = touched_table(undo, &of->table);
    }
    struct undo_table *table = &undo->tables[of->touched];
    if (table->columns != of->table.columns) {
        refuse_table(undo, UNDO_DAMAGED, &of->table);  // changed without a statement that says so
        return;
    }
    undo->touching += undo->touches ? 0 : 1;
    undo->touches = true;
    table->inserts += event->type == BINLOG_WRITE_ROWS ? rows : 0;
    table->updates += event->type == BINLOG_UPDATE_ROWS ? rows : 0;
    table->deletes += event->type == BINLOG_DELETE_ROWS ? rows : 0;
    if (undo->change_count == undo->change_room) {
        undo->change_room = undo->change_room * 2 + 64;
        undo->changes = mem_grow(undo->changes, undo->change_room, sizeof *undo->changes);
    }
    struct undo_change change = {.map = map, .event = *event};
    change.event.body = change.body = keep(undo, event->body, event->body_bytes);
    undo->changes[undo->change_count++] = change;
}

static void feed_rows(struct undo *undo, const struct binlog_event *event) {
    struct err err = {0};
    uint64_t id = 0, rows = 0;
    size_t map = 0;
    if (!binlog_rows_table_id(event, &id, &err) || !map_of(undo, id, &map)) {
        refuse(undo, UNDO_DAMAGED, err.kind != ERR_NONE ? err.text : "a rows event without a table map");
        return;
    }
    const struct binlog_table *table = &undo->maps[map].table;
    if (event->type == BINLOG_PARTIAL_UPDATE_ROWS) {
        refuse_table(undo, UNDO_PARTIAL, table);
        return;
    }
    struct binlog_rows reader;
    bool ok = binlog_rows_open(event, table, &reader, &err);
    if (ok && !reader.whole) {
        refuse_table(undo, UNDO_IMAGE, table);
        return;
    }
    if (ok && (event->type < BINLOG_WRITE_ROWS || (reader.flags & ~ROWS_FLAGS_KNOWN))) {
        refuse_table(undo, UNDO_EVENT, table);
        return;
    }
    for (struct binlog_row row; ok && reader.left > 0; rows++) {
        ok = binlog_rows_next(&reader, &row, &err);
    }
    if (!ok) {
        refuse(undo, UNDO_DAMAGED, err.text);
        return;
    }
    add_change(undo, event, map, rows);
}

// "CREATE TABLE": the first words name the statement; more might hold a secret.
static void first_words(const char *text, size_t length_bytes, char out[STATEMENT_WORDS_MOST]) {
    size_t to = 0;
    unsigned words = 0;
    for (size_t i = 0; i < length_bytes && to < STATEMENT_WORDS_MOST - 1; i++) {
        bool letter = isalpha((unsigned char)text[i]) || text[i] == '_';
        if (!letter && (text[i] != ' ' || ++words == 2)) {
            break;
        }
        out[to++] = text[i];
    }
    out[to] = '\0';
}

// What may stand around row events, and what changes no data.
static void feed_query(struct undo *undo, const struct binlog_event *event) {
    const char *text = NULL;
    size_t length_bytes = 0;
    if (!binlog_query(event, &text, &length_bytes)) {
        refuse(undo, UNDO_DAMAGED, "a query event cannot be read");
        return;
    }
    if (!binlog_surrounds(text, length_bytes) && idle_note(&undo->idle, text, length_bytes) == IDLE_NOT) {
        char words[STATEMENT_WORDS_MOST];
        first_words(text, length_bytes, words);
        bool xa = length_bytes >= 3 && memcmp(text, "XA ", 3) == 0;
        refuse(undo, xa ? UNDO_XA : UNDO_STATEMENT, words);
    }
}

static bool feed_packed(void *arg, const unsigned char *bytes, size_t length_bytes, struct err *err);

static void feed_payload(struct undo *undo, const struct binlog_event *event) {
    uint64_t unpacked_bytes = 0;
    struct err err = {0};
    if (undo->in_payload || !binlog_payload_size(event, &unpacked_bytes, &err)) {
        refuse(undo, UNDO_DAMAGED, err.text);
        return;
    }
    if (unpacked_bytes > undo->most_bytes - undo->used_bytes) {
        refuse(undo, UNDO_TOO_MUCH, "");
        return;
    }
    undo->in_payload = true;
    if (!binlog_payload_each(event, undo->most_bytes, feed_packed, undo, &err)) {
        refuse(undo, UNDO_DAMAGED, err.text);
    }
    undo->in_payload = false;
}

static void feed_other(struct undo *undo, const struct binlog_event *event) {
    switch ((enum binlog_type)event->type) {
        case BINLOG_QUERY:
            feed_query(undo, event);
            return;
        case BINLOG_TRANSACTION_PAYLOAD:
            feed_payload(undo, event);
            return;
        case BINLOG_GTID:
        case BINLOG_GTID_TAGGED:
            undo->current_count = 0;
            undo->transactions++;
            undo->touches = false;
            return;
        case BINLOG_XID:
        case BINLOG_STOP:
        case BINLOG_ROTATE:
        case BINLOG_HEARTBEAT:
        case BINLOG_HEARTBEAT_V2:
        case BINLOG_PREVIOUS_GTIDS:
            return;
        case BINLOG_XA_PREPARE:
            refuse(undo, UNDO_XA, "XA PREPARE");
            return;
        case BINLOG_FORMAT:
        case BINLOG_TABLE_MAP:
        case BINLOG_WRITE_ROWS_V1:
        case BINLOG_UPDATE_ROWS_V1:
        case BINLOG_DELETE_ROWS_V1:
        case BINLOG_WRITE_ROWS:
        case BINLOG_UPDATE_ROWS:
        case BINLOG_DELETE_ROWS:
        case BINLOG_PARTIAL_UPDATE_ROWS:
        case BINLOG_ANONYMOUS_GTID:
            break;
    }
    if ((event->flags & BINLOG_FLAG_IGNORABLE) == 0) {
        char number[16];
        (void)text_format(number, sizeof number, "%u", event->type);
        refuse(undo, UNDO_EVENT, number);
    }
}

static void feed_event(struct undo *undo, const unsigned char *bytes, size_t length_bytes, bool checksum) {
    struct binlog_event event;
    struct err err = {0};
    if (!binlog_parse(bytes, length_bytes, checksum, &event, &err)) {
        refuse(undo, UNDO_DAMAGED, err.text);
    } else if (length_bytes > undo->most_bytes - undo->used_bytes) {
        refuse(undo, UNDO_TOO_MUCH, "");
    } else if (event.type == BINLOG_TABLE_MAP) {
        feed_map(undo, &event);
    } else if (binlog_is_rows(&event)) {
        feed_rows(undo, &event);
    } else {
        feed_other(undo, &event);
    }
}

static bool feed_packed(void *arg, const unsigned char *bytes, size_t length_bytes, struct err *err) {
    (void)err;
    struct undo *undo = arg;
    bool begins = length_bytes > 4 && (bytes[4] == BINLOG_GTID || bytes[4] == BINLOG_GTID_TAGGED);
    if (begins) {
        refuse(undo, UNDO_DAMAGED, "a transaction within a transaction");
    }
    feed_event(undo, bytes, length_bytes, false);
    return undo->verdict == UNDO_POSSIBLE;
}

// Another one says that the server was another version, or wrote other checksums, half-way.
static void feed_format(struct undo *undo, const unsigned char *bytes, size_t length_bytes) {
    struct err err = {0};
    if (!binlog_format_checksum(bytes, length_bytes, &undo->checksum, &err)) {
        refuse(undo, UNDO_DAMAGED, err.text);
    } else if (undo->format) {
        refuse(undo, UNDO_FORMAT, "");
    } else {
        undo->format = keep(undo, bytes, length_bytes);
        undo->format_bytes = length_bytes;
    }
}

void undo_feed(struct undo *undo, const unsigned char *event, size_t length_bytes) {
    if (undo->verdict != UNDO_POSSIBLE) {
        return;
    }
    if (length_bytes > undo->most_bytes - undo->used_bytes) {
        refuse(undo, UNDO_TOO_MUCH, "");
    } else if (length_bytes >= BINLOG_HEADER_BYTES && event[4] == BINLOG_FORMAT) {
        feed_format(undo, event, length_bytes);
    } else if (!undo->format) {
        refuse(undo, UNDO_DAMAGED, "no format description of a binlog");
    } else {
        feed_event(undo, event, length_bytes, undo->checksum);
    }
}

enum undo_verdict undo_verdict(const struct undo *undo, const char **ret_what) {
    *ret_what = undo->what;
    return undo->verdict;
}

size_t undo_tables(const struct undo *undo, const struct undo_table **ret) {
    *ret = undo->tables;
    return undo->table_count;
}

uint64_t undo_rows(const struct undo *undo) {
    uint64_t rows = 0;
    for (size_t i = 0; i < undo->table_count; i++) {
        rows += undo->tables[i].inserts + undo->tables[i].updates + undo->tables[i].deletes;
    }
    return rows;
}

uint64_t undo_count(const struct undo *undo) {
    return undo->transactions;
}

uint64_t undo_idle(const struct undo *undo) {
    return undo->transactions > undo->touching ? undo->transactions - undo->touching : 0;
}

const struct idle_seen *undo_idle_seen(const struct undo *undo) {
    return &undo->idle;
}

const unsigned char *undo_format(const struct undo *undo, size_t *ret_bytes) {
    *ret_bytes = undo->format_bytes;
    return undo->format;
}
