// The parts of a rescue.
#pragma once
#include "resync/rescue.h"
#include "resync/rescue_file.h"
#include "resync/whose.h"

bool rescue_failed(struct job *job, const struct err *err);

// What a file holds.
struct rescue_sum {
    struct binlog_tally *tally;
    struct whose_reader *whose;
};

// Whether the file holds exactly these transactions: read back from the disk, not remembered. Adds them to *sum.
bool rescue_verify(struct job *job, const char *path, const struct gtid_set *wanted, struct rescue_sum *sum);

// Writes the transactions of users, of all that the file `from` holds, into the new file `to`, and reads that back.
// Each transaction that diverged is in it, or in *ret_left_out (caller frees), and none is in both.
bool rescue_pick(struct job *job, const struct picture *picture, const char *from, const char *to,
                 const struct rescue_sum *all, struct rescue_sum *ret_kept, struct gtid_set **ret_left_out);
