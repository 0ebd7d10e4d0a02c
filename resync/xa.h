// Prepared XA transactions: they outlive their session and a restart of the server, and keep their locks. DROP DATABASE
// and CLONE wait for these locks in vain; a logical copy cannot carry the transactions.
#pragma once
#include "resync/peer.h"

// On the node that is to be rebuilt, before anything of it is given up: rolls back what is prepared there and tells the
// names by an event. What diverged of it was rescued; what did not comes back with the copy; so the node is marked as half
// a copy first. The session can write and does so without the binlog afterwards.
bool xa_roll_back_all(struct job *job, struct peer *recipient);

// On the donor of a dump, while the read lock is held: fails the rung, with the names, if anything is prepared. The new
// node would lack the transaction, and its later XA COMMIT would stop replication.
bool xa_nothing_prepared(struct job *job, struct peer *donor);
