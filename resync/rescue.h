// Saves the transactions that only the recipient has, before anything is undone or overwritten: a binlog file that
// mysqlbinlog reads, and a JSON summary beside it, both on disk for good before this returns.
#pragma once
#include "resync/facts.h"

// Nothing diverged: true, nothing is written. Told as a RESCUED event with the count and the file's name.
bool rescue_run(struct job *job, struct peer *recipient, const struct picture *picture);
