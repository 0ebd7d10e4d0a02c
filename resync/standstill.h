// One moment of a server: nothing commits while it is held.
#pragma once
#include "resync/peer.h"

// Takes the global read lock; standstill_end(), or the session's end, gives it back. Clients wait while it is held, and
// while it is waited for: so short tries, when no statement runs for long; sometimes also when one does. Fails when it is
// not had within two minutes. The session lives for three idle seconds meanwhile.
bool standstill_begin(struct job *job, struct peer *server);

// Fails if the lock was lost meanwhile: then it may have been another moment. idle_s: the session's wait_timeout from now.
bool standstill_end(struct peer *server, int idle_s);
