// Undoing transactions: takes the events of a binlog, says whether row events can undo them, and writes those: insert
// for delete, delete for insert, swapped images for updates, the last change first, down to the rows inside one event,
// so that each step goes back to a state that once was, and no key collides on the way. Pure.
#pragma once
#include "common/messages.h"
#include "resync/binlog.h"
#include "resync/idle.h"

// Why not, with numbers for the log. What speaks against a table has 70 and up: rewind_tables.c.
#define UNDO_VERDICTS(X)                      \
    X(UNDO_POSSIBLE, 0, MSG_NONE)             \
    X(UNDO_DAMAGED, 60, MSG_UNDO_DAMAGED)     \
    X(UNDO_STATEMENT, 61, MSG_UNDO_STATEMENT) \
    X(UNDO_XA, 62, MSG_UNDO_XA)               \
    X(UNDO_PARTIAL, 63, MSG_UNDO_PARTIAL)     \
    X(UNDO_IMAGE, 64, MSG_UNDO_IMAGE)         \
    X(UNDO_EVENT, 65, MSG_UNDO_EVENT)         \
    X(UNDO_FORMAT, 66, MSG_UNDO_FORMAT)       \
    X(UNDO_TOO_MUCH, 67, MSG_UNDO_TOO_MUCH)   \
    X(UNDO_ROW, 68, MSG_UNDO_ROW)
#define X(name, rule, why) name,
enum undo_verdict { UNDO_VERDICTS(X) UNDO_VERDICT_COUNT };
#undef X
int undo_rule(enum undo_verdict verdict);
enum msg undo_why(enum undo_verdict verdict);  // its values: {what}, {most}

struct undo;
struct undo *undo_new(size_t most_bytes);  // events beyond that in sum are too much
void undo_free(struct undo *undo);
void undo_drop(struct undo **undo);
#define AUTO_UNDO __attribute__((cleanup(undo_drop)))

// In the order of the binlog, format description first. After a refusal nothing more is kept.
void undo_feed(struct undo *undo, const unsigned char *event, size_t length_bytes);
// *ret_what: the table, the statement's first words, the event's number or what is wrong; "" if nothing.
enum undo_verdict undo_verdict(const struct undo *undo, const char **ret_what);

struct undo_table {
    char schema[260], name[260];
    size_t columns;
    uint64_t inserts, updates, deletes;  // as they were made
};
size_t undo_tables(const struct undo *undo, const struct undo_table **ret);
uint64_t undo_rows(const struct undo *undo);
uint64_t undo_count(const struct undo *undo);  // transactions
uint64_t undo_idle(const struct undo *undo);   // transactions that touch no row: nothing to undo in them
const struct idle_seen *undo_idle_seen(const struct undo *undo);  // the statements among them

// The format description, as it was read: a BINLOG session begins with it.
const unsigned char *undo_format(const struct undo *undo, size_t *ret_bytes);

// Each call gets a table map and the rows behind it: a statement of its own. False stops, and is the answer.
typedef bool undo_each_fn(void *arg, const unsigned char *events, size_t length_bytes);

// The inverse of everything, newest first. No two events are larger than most_bytes, but where one row is.
bool undo_write(const struct undo *undo, size_t most_bytes, undo_each_fn *each, void *arg);
size_t undo_largest_bytes(const struct undo *undo, size_t most_bytes);  // that undo_write() would hand over

// The keys of all rows of that table that were changed, before and after, as inserts into another one of those columns
// alone: `columns` counts from 0. Keys come more than once.
struct undo_keys {
    size_t table;
    const unsigned *columns;
    size_t count;
    const char *schema, *name;  // to insert into
};
bool undo_write_keys(const struct undo *undo, const struct undo_keys *keys, size_t most_bytes, undo_each_fn *each,
                     void *arg);

// Which columns of that table any update gave another value, byte for byte. False if an image does not add up.
bool undo_updated_columns(const struct undo *undo, size_t table, bool ret[BINLOG_COLUMNS_MOST]);
