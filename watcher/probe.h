// One probe: what is asked of a node, and how the answer becomes an observation.
#pragma once
#include "common/mysql_port.h"
#include "watcher/observation.h"

// The user variable with the watcher's name, which the sessions of its probers bear.
#define PROBE_MARK "relevo_watcher"

enum { PROBE_SHUTDOWN_ERROR = 1053 };  // MySQL: the server is shutting down (also after a KILL of that session)

// Fills the observation from an open session; outcome and error included. acks: how many acknowledgements a commit must
// wait for, 0 in async mode: then nothing is asked about semi-sync.
void probe_ask(struct db_session *session, int64_t timeout_ms, int acks, struct observation *observation);

// Looks for other watchers on that server, by their mark. The session bears ours since it was opened: of two that come
// at once at least one finds the other. *rival: "" if there is none.
enum probe_outcome probe_meet(struct db_session *session, int64_t timeout_ms, const char *id, char *rival,
                              size_t rival_bytes, struct err *err);

// What the relevo tables say: another statement, whose failure leaves relevo_known false and the outcome as it was.
// earlier: the last look of this session at them, NULL if there was none.
void probe_ask_relevo(struct db_session *session, int64_t timeout_ms, const struct observation *earlier,
                      struct observation *observation);

// The same as in an earlier observation.
void probe_keep_relevo(const struct observation *earlier, struct observation *observation);
