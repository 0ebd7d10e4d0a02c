// The parts of the rewind rung.
#pragma once
#include "resync/rewind.h"
#include "resync/undo.h"

#define REWIND_TABLE REBUILD_SCHEMA ".rewind"
#define TOUCHED_TABLE REBUILD_SCHEMA ".touched"

// rewind_mark.c: the target that a committed undoing noted, NULL: none. *ret_begun: the mark is a rewind's.
bool rewind_read_mark(struct peer *recipient, bool *ret_begun, char **ret_target);

// rewind_tables.c: whether each touched table can be rewound, by both servers. Rules 70 and up. Readers at the node and at
// the primary.
bool rewind_judge_tables(struct job *job, struct peer *recipient, struct peer *primary, const struct undo *undo);

// rewind_apply.c: marks the node; fills the keys and undoes, in one transaction on `session`, which stays open.
bool rewind_mark(struct job *job, struct peer *session);
bool rewind_apply(struct job *job, struct peer *session, const struct undo *undo, const char *target);
enum {
    REWIND_EVENT_BYTES = 256 * 1024
};  // of rows in one event, and of events in one statement, unless a row is larger
size_t rewind_statement_bytes(size_t events_bytes);  // the length of the BINLOG statement that carries so many

// rewind_verify.c: readers at the node and at the primary.
bool rewind_verify(struct job *job, struct peer *recipient, struct peer *primary);

// The columns of a table's primary key, in its order: name and place in the row (from 0).
bool rewind_key_columns(struct peer *peer, const char *schema, const char *name, struct db_rows **ret);
