// The rows of the dump rung: lanes, each a pair of sessions that stream one table after the other from the donor's
// snapshot into the recipient.
#pragma once
#include <stdatomic.h>

#include "resync/peer.h"

enum { COPY_LANES = 4, KIND_ENUM = 'e', KIND_OTHER = '-' };

// The keys of a table that are built in one go once all its rows are in: sorted, not row by row.
struct copy_keys {
    char *sql;  // owned
    atomic_size_t parts_left;
};

// A table, or of a large one the rows of a range of its primary key: lanes share it.
struct copy_table {
    char *schema, *name;  // owned
    char *select, *load;  // owned: the two statements
    char *kinds;          // owned: a letter for each column of the select, KIND_ENUM or another
    int64_t estimated_bytes;
    bool doubted;  // the server warned of more than it had to while it took the rows: they are looked at again
    struct copy_keys *keys;  // of the whole table, owned by the copy; NULL: none is left to build
};
void copy_table_done(struct copy_table *table);

struct copy {
    struct job *job;
    struct peer *donor;  // holds the backup lock; kept awake while the lanes work
    struct peer reader;  // at the donor: definitions
    struct copy_table *tables;  // largest first, the parts of one in the order of its key
    size_t count;
    struct copy_keys **keys;  // all of them
    size_t keys_count;
    struct peer from[COPY_LANES];  // bulk, in the snapshot already
    struct peer to[COPY_LANES];    // bulk, prepared by copy_prepare_recipient()
    atomic_size_t next;
    atomic_bool failed;
    atomic_int_fast64_t finished_bytes;             // estimates of the tables that are done
    atomic_int_fast64_t current_bytes[COPY_LANES];  // of the one under way, capped by its estimate
};

// What sessions that restore need beside what all of ours have (common/session_pins.h): see copy_session.c.
bool copy_prepare_donor(struct peer *donor);
bool copy_prepare_recipient(struct peer *recipient);

// Whatever is stored somewhere can be stored again: zero and impossible dates, 0 in an AUTO_INCREMENT column. A table
// whose engine is missing is not made with another one.
#define COPY_SQL_MODE "'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION'"

// Copies all tables, publishing progress. Worker thread; all lane threads have ended when it returns.
bool copy_run(struct copy *copy);
