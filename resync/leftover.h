// Statements that a server goes on with although whoever sent them has gone: it notices that only when it answers. Each
// holds the node open to the copy it belongs to, and the next copy up.
#pragma once
#include "resync/peer.h"

// Ends those that an earlier job left behind on the recipient: a clone, or keys being built.
bool leftover_end(struct job *job, struct peer *recipient);

// Ends what these connections run, through a session of its own: the job's are interrupted when it is told to stop.
void leftover_kill(struct job *job, const char *node, const uint64_t *connections, size_t count);
