// The clone rung: the server's own CLONE plugin copies the donor's files over the recipient's, restarts, and is asked
// afterwards whether all stages completed. Replaces everything on the recipient.
#pragma once
#include "resync/steps.h"

// Ends a CLONE that a killed predecessor of ours left running on the node: it would hold up everything else.
bool clone_end_leftover(struct job *job, struct peer *recipient);

// *recipient is closed and opened again: the server restarts.
bool clone_run(struct job *job, struct peer *recipient, struct peer *donor);
