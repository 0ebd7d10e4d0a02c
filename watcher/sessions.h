// Sessions of the control account to the nodes. One waits ready for each: connecting, with its handshakes on a machine
// that has just lost a server, would be a third of a promotion, and impossible where the connections are used up.
// Belongs to one thread.
#pragma once
#include "common/mysql_port.h"
#include "common/settings.h"
#include "watcher/observe.h"

struct sessions;

struct sessions *sessions_new(const struct settings *settings, struct observe *observe);
void sessions_free(struct sessions *sessions);  // NULL is fine

enum { SESSIONS_LOOK_MS = 1000 };
// To be called every SESSIONS_LOOK_MS, while there is nothing else to do: opens one that is missing or broken, and asks
// those that have waited for a minute whether they still work. Takes some 600 ms at most.
void sessions_refill(struct sessions *sessions);

// A session to node i at the address that answered last, and to the server with that uuid (NULL: any). The caller owns
// it.
bool sessions_open(struct sessions *sessions, int node, const char *uuid, struct db_session **ret, struct err *err);
