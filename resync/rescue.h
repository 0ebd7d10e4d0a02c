// Saves the transactions that only the recipient has, before anything is undone or overwritten.
//
// What people may want to apply again, the transactions of users, becomes a binlog file that mysqlbinlog reads, with a
// JSON summary beside it, both on disk for good before this returns. What is Relevo's own, and what changes no data
// (whose.h), is left out, and counted and named by its GTIDs in the summary and in the event. If nothing else diverged
// there is no file. Everything that diverged stays in a private file as long as the job: the rewind undoes that.
#pragma once
#include "resync/facts.h"

// Nothing diverged: true, nothing is written. Told as a RESCUED event with the count and the file's name.
// job->rescued_path is where everything is.
bool rescue_run(struct job *job, struct peer *recipient, const struct picture *picture);
