// The clone rung: the server's own CLONE plugin copies the donor's files over the recipient's, restarts, and is asked
// afterwards whether all stages completed. Replaces everything on the recipient.
#pragma once
#include "resync/steps.h"

// *recipient is closed and opened again: the server restarts.
bool clone_run(struct job *job, struct peer *recipient, struct peer *donor);
