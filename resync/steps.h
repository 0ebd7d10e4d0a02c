// The steps that every rung shares. Each is idempotent, keeps a deadline and ends when the job is told to stop.
#pragma once
#include "resync/facts.h"

// Closes the node to clients (super_read_only=ON) and stops its replication threads. Waits a little for the watcher to
// fence a node that is still open: only the watcher may take the right to write away.
bool step_fence(struct job *job, struct peer *recipient);

// Says, once per job, that this job's rung begins its work: after all that may still refuse it.
void step_say_begun(struct job *job);

// Guarded; opens the node for the job alone: super_read_only=OFF under read_only=ON. For a copy under offline_mode=ON,
// too: nobody shall read what is there meanwhile.
bool step_unlock(struct job *job, struct peer *recipient);
bool step_unlock_for_copy(struct job *job, struct peer *recipient);
// Makes the node nobody's replica, and its GTID set empty: a node that lost its data half-way cannot be taken for one
// that has it. Fails if it has executed anything since the last look: that was neither judged nor saved.
bool step_forget_history(struct job *job, struct peer *recipient);
bool step_reset_history(struct job *job, struct peer *recipient);  // ... keeping what a rewind noted about itself
// The other way round: super_read_only=ON. offline_mode stays until the node has caught up.
bool step_relock(struct peer *recipient);

// Where a source without GTIDs is followed from.
struct position {
    char file[256];  // "" : by GTID, auto-position
    uint64_t offset;
};

// Guarded; points the node at the primary and starts replication.
bool step_attach(struct job *job, struct peer *recipient, struct peer *primary, const struct position *from);

// Whether the node has the rows of relevo.epoch that the primary has: one that is late, or holds other transactions
// under the same GTIDs, has not. False: it cannot be told.
bool step_knows_reigns(struct peer *peer, struct peer *primary, bool *ret);

// Waits until the node streams and has everything that the primary had when the wait began; not yet open to clients.
bool step_follow(struct job *job, struct peer *recipient, struct peer *primary, const struct position *from);
bool step_let_clients_in(struct peer *recipient);
