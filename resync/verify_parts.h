// What the files of the comparison share: verify.c (rounds: the same moment on both servers), verify_tables.c (which
// tables), verify_rows.c (their rows), verify_definitions.c (what is defined beside them).
#pragma once
#include "resync/peer.h"
#include "resync/ranges.h"

struct verify_table {
    char *schema, *name;       // owned
    int64_t bytes, row_bytes;  // estimates
    int64_t counted_bytes;     // of these, compared
    bool done;
    unsigned put_off;        // times that its definition changed on the way, or is not the same on both
    struct range_bound low;  // up to here all is compared; owned
};

struct verify {
    struct job *job;
    struct peer here, there;            // in a snapshot of the same moment: `here` is the node, `there` the primary
    struct peer look_here, look_there;  // not in any
    struct peer lock;                   // at the primary: its read lock, system tables; the others only read
    struct peer looker_here;            // system tables of the node
    struct verify_table *tables;
    size_t count;
    int64_t round_end_ms;  // the snapshots are given up then: what they keep from being purged must not grow for ever
    int64_t chunk_bytes;   // adapts to how long a chunk takes
    int64_t done_bytes, total_bytes;  // estimates
};

// verify.c
// What the primary has; *ret_there: the node has it too, after at most that long.
bool verify_wait_for_primary(struct verify *verify, int most_s, char **ret_gtids, bool *ret_there);

// verify_definitions.c
bool verify_definitions(struct verify *verify);

// verify_tables.c
bool verify_list_tables(struct verify *verify);
void verify_tables_done(struct verify *verify);
// How the table is asked for. *ret_alike false: it is not defined the same way on both now.
bool verify_table_shape(struct verify *verify, const struct verify_table *table, struct range_table *ret,
                        bool *ret_alike);

// verify_rows.c
// From where it was left to its end, or to the end of the round; table->done says which.
bool verify_rows(struct verify *verify, struct verify_table *table, const struct range_table *shape);
void verify_found(struct verify *verify, const struct verify_table *table, const char *where, uint64_t rows_here,
                  uint64_t rows_there);
