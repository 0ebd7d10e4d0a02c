// The dump rung: a consistent logical copy, streamed from the donor's sessions into the recipient's without a disk
// file. Replaces everything on the recipient: schemas, users, GTID state.
#pragma once
#include "resync/steps.h"

// With gtid_mode=OFF *ret_from is where to follow from; else it is left as it is, and the recipient's gtid_purged is
// set.
bool dump_run(struct job *job, struct peer *recipient, struct peer *donor, struct position *ret_from);
