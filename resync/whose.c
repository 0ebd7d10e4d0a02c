#include "resync/whose.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "resync/idle.h"

enum { UNPACK_BYTES_MOST = 64 * 1024 * 1024 };  // a larger compressed transaction is not looked into: a user's

struct whose_reader {
    unsigned char *found;  // of each transaction, an enum whose
    uint64_t count, room;
    bool in_payload;
    uint64_t *own_maps;  // of the present transaction: the numbers of Relevo's own tables
    size_t own_count;
};

struct whose_reader *whose_new(void) {
    return mem_zero(1, sizeof(struct whose_reader));
}

void whose_drop(struct whose_reader **reader) {
    if (*reader) {
        free((*reader)->found);
        free((*reader)->own_maps);
        free(*reader);
    }
}

static void begin(struct whose_reader *reader) {
    if (reader->count == reader->room) {
        reader->room = reader->room * 2 + 64;
        reader->found = mem_grow(reader->found, reader->room, 1);
    }
    reader->found[reader->count++] = WHOSE_NOBODY;  // until something in it says otherwise
    reader->own_count = 0;
}

// A user's stays a user's: rows of Relevo's beside others do not make the others ours.
static void found(struct whose_reader *reader, enum whose whose) {
    if (reader->count > 0 && reader->found[reader->count - 1] != WHOSE_USERS) {
        reader->found[reader->count - 1] = (unsigned char)whose;
    }
}

// A number means another table later: the newest map counts.
static void feed_map(struct whose_reader *reader, const struct binlog_event *event) {
    struct binlog_table table;
    if (!binlog_table_map(event, &table, NULL)) {
        found(reader, WHOSE_USERS);
        return;
    }
    size_t at = 0;
    while (at < reader->own_count && reader->own_maps[at] != table.id) {
        at++;
    }
    bool known = at < reader->own_count;
    bool own = TEXT_ONE_OF(table.schema, "relevo", "relevo_rebuild");
    if (own && !known) {
        reader->own_maps = mem_grow(reader->own_maps, reader->own_count + 1, sizeof *reader->own_maps);
        reader->own_maps[reader->own_count++] = table.id;
    } else if (!own && known) {
        reader->own_maps[at] = reader->own_maps[--reader->own_count];
    }
}

static void feed_rows(struct whose_reader *reader, const struct binlog_event *event) {
    uint64_t id = 0;
    bool own = false;
    if (binlog_rows_table_id(event, &id, NULL)) {
        for (size_t i = 0; i < reader->own_count; i++) {
            own |= reader->own_maps[i] == id;
        }
    }
    found(reader, own ? WHOSE_RELEVO : WHOSE_USERS);
}

static void feed_query(struct whose_reader *reader, const struct binlog_event *event) {
    const char *text = "";
    size_t length_bytes = 0;
    char name[IDLE_NAME_BYTES];
    if (!binlog_query(event, &text, &length_bytes) ||
        (!binlog_surrounds(text, length_bytes) && idle_statement(text, length_bytes, name) == IDLE_NOT)) {
        found(reader, WHOSE_USERS);
    }
}

static bool feed_packed(void *arg, const unsigned char *bytes, size_t length_bytes, struct err *err) {
    struct binlog_event event;
    if (!binlog_parse(bytes, length_bytes, false, &event, err)) {
        return false;
    }
    if (event.type == BINLOG_GTID || event.type == BINLOG_GTID_TAGGED) {
        return err_set(err, ERR_INVALID, 0, "a transaction within a transaction");
    }
    whose_feed(arg, &event);
    return true;
}

static void feed_payload(struct whose_reader *reader, const struct binlog_event *event) {
    bool whole = !reader->in_payload;
    reader->in_payload = true;
    if (!whole || !binlog_payload_each(event, UNPACK_BYTES_MOST, feed_packed, reader, NULL)) {
        found(reader, WHOSE_USERS);
    }
    reader->in_payload = !whole;
}

void whose_feed(struct whose_reader *reader, const struct binlog_event *event) {
    switch ((enum binlog_type)event->type) {
        case BINLOG_GTID:
        case BINLOG_GTID_TAGGED:
            begin(reader);
            return;
        case BINLOG_QUERY:
            feed_query(reader, event);
            return;
        case BINLOG_TABLE_MAP:
            feed_map(reader, event);
            return;
        case BINLOG_WRITE_ROWS:
        case BINLOG_UPDATE_ROWS:
        case BINLOG_DELETE_ROWS:
        case BINLOG_PARTIAL_UPDATE_ROWS:
        case BINLOG_WRITE_ROWS_V1:
        case BINLOG_UPDATE_ROWS_V1:
        case BINLOG_DELETE_ROWS_V1:
            feed_rows(reader, event);
            return;
        case BINLOG_TRANSACTION_PAYLOAD:
            feed_payload(reader, event);
            return;
        case BINLOG_XID:
        case BINLOG_FORMAT:
        case BINLOG_STOP:
        case BINLOG_ROTATE:
        case BINLOG_HEARTBEAT:
        case BINLOG_HEARTBEAT_V2:
        case BINLOG_PREVIOUS_GTIDS:
            return;
        case BINLOG_XA_PREPARE:
        case BINLOG_ANONYMOUS_GTID:
            found(reader, WHOSE_USERS);
            return;
    }
    if ((event->flags & BINLOG_FLAG_IGNORABLE) == 0) {
        found(reader, WHOSE_USERS);
    }
}

enum whose whose_transaction(const struct whose_reader *reader, uint64_t i) {
    return i < reader->count ? (enum whose)reader->found[i] : WHOSE_COUNT;
}

uint64_t whose_count(const struct whose_reader *reader, enum whose whose) {
    uint64_t count = 0;
    for (uint64_t i = 0; i < reader->count; i++) {
        count += reader->found[i] == whose;
    }
    return count;
}
