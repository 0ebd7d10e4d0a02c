// One moment of a server: nothing commits while it is held.
#pragma once
#include "resync/peer.h"

// Takes the global read lock; the session's UNLOCK TABLES, or its end, gives it back. Clients wait while it is held,
// and while it is waited for: so short tries, when no statement runs for long; sometimes also when one does. Fails when
// it is not had within two minutes.
bool standstill_begin(struct job *job, struct peer *server);
