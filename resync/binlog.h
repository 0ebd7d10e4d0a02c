// Binlog events, as bytes: just enough of their structure to check them, name their transactions, count their rows and
// write them into a new file. Nothing here trusts a length: input that does not add up is an error. Pure.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication_binlog_event.html
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/gtid.h"

#define BINLOG_MAGIC "\xfe\x62\x69\x6e"  // 0xfe, "bin"
enum { BINLOG_MAGIC_BYTES = 4, BINLOG_HEADER_BYTES = 19, BINLOG_CHECKSUM_BYTES = 4 };

enum binlog_type {
    BINLOG_QUERY = 2,
    BINLOG_STOP = 3,
    BINLOG_ROTATE = 4,
    BINLOG_FORMAT = 15,
    BINLOG_XID = 16,
    BINLOG_TABLE_MAP = 19,
    BINLOG_WRITE_ROWS_V1 = 23,
    BINLOG_UPDATE_ROWS_V1 = 24,
    BINLOG_DELETE_ROWS_V1 = 25,
    BINLOG_HEARTBEAT = 27,
    BINLOG_WRITE_ROWS = 30,
    BINLOG_UPDATE_ROWS = 31,
    BINLOG_DELETE_ROWS = 32,
    BINLOG_GTID = 33,
    BINLOG_ANONYMOUS_GTID = 34,
    BINLOG_PREVIOUS_GTIDS = 35,
    BINLOG_XA_PREPARE = 38,
    BINLOG_PARTIAL_UPDATE_ROWS = 39,
    BINLOG_TRANSACTION_PAYLOAD = 40,
    BINLOG_HEARTBEAT_V2 = 41,
    BINLOG_GTID_TAGGED = 42,
};

enum { BINLOG_FLAG_IGNORABLE = 0x80 };  // of an event: a reader that does not know its type may pass over it

struct binlog_event {
    uint32_t timestamp_s;
    uint8_t type;
    uint32_t server_id;
    uint32_t end_position;  // in the file it came from; 0: made up by the server for this connection
    uint16_t flags;
    const unsigned char *body;  // behind the header, without the checksum
    size_t body_bytes;
};

// checksum: the stream ends each event with a CRC32, which is verified.
bool binlog_parse(const unsigned char *bytes, size_t length_bytes, bool checksum, struct binlog_event *ret,
                  struct err *err);

// The format description alone says whether the events behind it carry a checksum (it always does itself).
bool binlog_format_checksum(const unsigned char *bytes, size_t length_bytes, bool *ret, struct err *err);

// Changes an event in place for a new file: where it ends there, flags without "in use", checksum made right.
void binlog_relocate(unsigned char *bytes, size_t length_bytes, bool checksum, uint32_t end_position);

// Writes a whole event: header, body, and a right checksum if the file has them. Returns its length; out holds as much.
size_t binlog_event_bytes(size_t body_bytes, bool checksum);
size_t binlog_write(unsigned char *out, const struct binlog_event *event, bool checksum);

// The statement of a query event; false if it cannot be read.
bool binlog_query(const struct binlog_event *event, const char **ret, size_t *ret_bytes);
// Whether that statement only surrounds what a transaction does: begin, commit, and savepoints, which change nothing.
bool binlog_surrounds(const char *statement, size_t length_bytes);

// The events inside a compressed transaction, unpacked, as raw bytes without checksums. At most most_bytes of them.
typedef bool binlog_raw_fn(void *arg, const unsigned char *bytes, size_t length_bytes, struct err *err);
bool binlog_payload_size(const struct binlog_event *event, uint64_t *ret_bytes, struct err *err);
bool binlog_payload_each(const struct binlog_event *event, size_t most_bytes, binlog_raw_fn *each, void *arg,
                         struct err *err);

struct binlog_gtid {
    char uuid[37];
    char tag[33];
    uint64_t number;
};
bool binlog_gtid(const struct binlog_event *event, struct binlog_gtid *ret, struct err *err);

struct binlog_table {
    uint64_t id;
    char schema[260], name[260];  // 64 characters of up to 4 bytes
    size_t columns;
    const unsigned char *types;  // one per column; point into the event
    const unsigned char *metadata;
    size_t metadata_bytes;
};
bool binlog_table_map(const struct binlog_event *event, struct binlog_table *ret, struct err *err);

enum { BINLOG_COLUMNS_MOST = 4096 };

// What the table map says about one column.
struct binlog_shape {
    unsigned char type;      // ENUM and SET as such, though the map calls them strings
    unsigned first, second;  // its metadata, by type
    const unsigned char *metadata;
    unsigned metadata_bytes;
};

// The rows of one event, one after the other. Large: it holds every column's shape.
struct binlog_rows {
    const struct binlog_table *table;
    bool update;  // each row is two images: before and after
    bool whole;   // every image holds every column
    uint16_t flags;
    const unsigned char *first, *second;  // which columns the images hold, one bit each
    const unsigned char *at;
    size_t left;
    struct binlog_shape shapes[BINLOG_COLUMNS_MOST];
};
// One image, or for updates two: at..middle..end. Else middle is end.
struct binlog_row {
    const unsigned char *at, *middle, *end;
};
struct binlog_value {
    const unsigned char *at;  // NULL: SQL NULL. As stored, length prefix included
    size_t length_bytes;
};
bool binlog_rows_open(const struct binlog_event *event, const struct binlog_table *table, struct binlog_rows *ret,
                      struct err *err);
// While left > 0.
bool binlog_rows_next(struct binlog_rows *rows, struct binlog_row *ret, struct err *err);
// The values of one image that holds every column; false if it does not add up.
bool binlog_image_values(const struct binlog_rows *rows, const unsigned char *at, const unsigned char *end,
                         struct binlog_value *ret);

// Rows in a rows event on that table. For updates a before and an after image are one row.
bool binlog_count_rows(const struct binlog_event *event, const struct binlog_table *table, uint64_t *ret,
                       struct err *err);
bool binlog_rows_table_id(const struct binlog_event *event, uint64_t *ret, struct err *err);
bool binlog_is_rows(const struct binlog_event *event);

// Adds up a stream of events. Feed them in order; anything that does not add up is an error.
struct binlog_touched {
    char schema[260], name[260];
    uint64_t inserts, updates, deletes;
    bool rows_unknown;  // partial JSON updates: counted as events
};
struct binlog_tally;
struct binlog_tally *binlog_tally_new(void);
void binlog_tally_free(struct binlog_tally *tally);
bool binlog_tally_feed(struct binlog_tally *tally, const struct binlog_event *event, struct err *err);
uint64_t binlog_tally_transactions(const struct binlog_tally *tally);
uint64_t binlog_tally_statements(const struct binlog_tally *tally);  // DDL and the like
uint64_t binlog_tally_compressed(const struct binlog_tally *tally);  // those that could not be unpacked and counted
void binlog_tally_times(const struct binlog_tally *tally, uint32_t *ret_first_s, uint32_t *ret_last_s);
size_t binlog_tally_tables(const struct binlog_tally *tally, const struct binlog_touched **ret);
struct gtid_set *binlog_tally_gtids(const struct binlog_tally *tally);  // caller frees

void binlog_tally_drop(struct binlog_tally **tally);
#define AUTO_TALLY __attribute__((cleanup(binlog_tally_drop)))
