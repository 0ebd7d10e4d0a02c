// Sessions that a server goes on with although whoever opened them has gone: it notices that only when it answers, or after
// hours if that machine went without a word. Such a session keeps the node from being closed (a clone, rows being loaded,
// keys being built), the next copy from its rows (half a rewind), or everybody on the donor from DDL (the backup lock).
#pragma once
#include "resync/peer.h"

// Ends those of an earlier job of the same node and waits until what they did is undone. All other sessions of this job
// on that server are ended too: so only while it has none. On the recipient only where job_guard() said yes.
bool leftover_end(struct job *job, struct peer *peer);

// Ends what these connections run, through a session of its own: the job's are interrupted when it is told to stop.
void leftover_kill(struct job *job, const char *node, const uint64_t *connections, size_t count);
