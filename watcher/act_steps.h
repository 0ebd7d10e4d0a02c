// The steps that actions are made of, each on an open session. Private to act*.c.
#pragma once
#include "common/mysql_port.h"
#include "watcher/act.h"
#include "watcher/sessions.h"

struct store;

struct act_context {
    const struct settings *settings;
    struct observe *observe;
    struct publish *publish;  // knows the lease
    struct store *store;
    struct sessions *sessions;
};

// Notes in outcome->steps how long the step that just ended took, and returns ok.
bool step_timed(struct act_outcome *outcome, const char *step, int64_t *since_ms, bool ok);

bool step_open(const struct act_context *context, int node, const char *uuid, struct db_session **ret, struct err *err);

// Closes the node to writers: super_read_only=ON. Waits at most about a second for running statements and commits, then
// ends the sessions that stand in the way and tries again. epoch: the newest that is known.
bool step_fence(const struct act_context *context, int node, const char *uuid, uint64_t epoch,
                struct db_session *session, struct err *err);

// The node has not become the primary of a reign after that epoch. Before it is closed: we may have frozen since that
// was decided, or Redis have lost the lease so that another watcher leads too. Waits for as long as lock_wait_timeout
// of the session says.
bool step_no_newer_reign(struct db_session *session, uint64_t epoch, struct err *err);

// super_read_only=ON on a node that is closed. One that another watcher opened while we froze stays open.
bool step_stay_closed(struct db_session *session, struct err *err);

// Ends the sessions of everybody but us, the replication and the server itself.
bool step_end_sessions(const struct act_context *context, int node, const char *uuid, struct err *err);

// Opens the node in a new reign: the epoch row first (the durable point of no return, refused if a newer one is
// there), then writers are let in. On failure the node is closed again and the result says how far it got.
// The caller has licensed it (step_license) before it looked a last time at whether it may.
// source_later: both threads of replication are surely idle; whoever calls forgets the source after the opening. While
// a STOP waits for the receiver, every statement about replication waits for it too: then rule 534 does it.
enum reign step_reign(const struct act_context *context, struct db_session *session, const struct act_request *request,
                      bool source_later, struct err *err);

// Writers are let in again on a primary that was closed for nothing, if this watcher still leads and the reign of that
// epoch goes on. Else it stays closed, for rule 172 to judge.
bool step_let_in_again(const struct act_context *context, struct db_session *session, uint64_t epoch, struct err *err);

enum { LICENCE_MS = 2500 };
#define LICENSED_SQL "UTC_TIMESTAMP(6) >= @relevo_since AND UTC_TIMESTAMP(6) <= @relevo_until"
// From here on the node carries out what asks for it (LICENSED_SQL), for LICENCE_MS by its own clock: a watcher may
// freeze, the packets of one that gave up may linger, and what they bring late is refused. That clock may be set back:
// by more than has gone by, and nothing is carried out any more; by less, and it is so much longer. Never the local
// time, which goes back in autumn.
bool step_license(struct db_session *session, struct err *err);

// Writes the row of the reign that goes on, which somebody removed, on its open primary, with the tables if they are
// gone. The binlog carries both to the replicas. Refused by the node itself if it is closed, knows of that reign or a
// newer one, follows another node, or the licence ran out.
bool step_restore_reign(const struct act_context *context, struct db_session *session,
                        const struct act_request *request, struct err *err);

// From here on the node takes and acknowledges nothing more from its source. *ret_busy: the receiver hangs in an
// attempt to connect (to a frozen host, for seconds) and will end without asking for anything when that attempt does.
// *session: a new one, or NULL, if the stop did not return at once.
bool step_stop_receiver(const struct act_context *context, int node, const char *uuid, struct db_session **session,
                        bool *ret_busy, struct err *err);
bool step_restart_replica(struct db_session *session, struct err *err);  // undo of the above

// Lets a source that shuts down deliver its last transactions: returns when nothing new came for a moment.
bool step_settle(struct db_session *session, struct err *err);

// Since when something stands still on a node because of somebody's locks, and whether the log has told whose.
struct standstill {
    int64_t since_ms;  // monotonic
    bool told;
};

enum { LOCK_WAIT_ERROR = 1205 };

// What the action waits for on that node stands still: names in the log who holds it up, and ends those sessions once
// it has stood still for RELEVO_LOCK_GRACE_MS (outcome->ended). Whoever called tries again.
void step_end_holders(const struct act_context *context, int node, struct db_session *session,
                      struct standstill *stands, struct act_outcome *outcome);
// step_reign() again and again while somebody's lock holds up the row of the reign, which waits for a second each time.
// Each try is licensed anew, and may() looks anew at whether the node may be opened. False: it was not opened.
typedef bool step_may(const struct act_context *context, const struct act_request *request, struct db_session *session,
                      struct err *err);
bool step_reign_unheld(const struct act_context *context, const struct act_request *request, struct db_session *session,
                       step_may *may, bool source_later, struct act_outcome *outcome);
void step_name_writer(struct db_session *session, struct err *err);  // ... who keeps the node from closing

// offline_mode=ON, which waits for no statement: clients are turned away, and what runs can commit nothing more. For a
// node that must not take writes and does not close. Its next opening, or the end of its resync, lets clients in.
bool step_shut_out(const struct act_context *context, int node, const char *uuid, uint64_t epoch, struct err *err);
void step_name_holder(struct db_session *session, struct err *err);  // adds to *err who holds it up, if anybody does

// Applies what was received, as long as there is progress; ends the sessions that hold it up. Fails when the applier is
// broken.
bool step_drain(const struct act_context *context, int node, struct db_session *session, struct act_outcome *outcome);

// Waits until the node has executed gtids, at most timeout_ms.
bool step_catch_up(struct db_session *session, const char *gtids, int64_t timeout_ms, struct err *err);

struct gtid_set *step_executed(struct db_session *session, struct err *err);  // NULL: it cannot be told

bool step_forget_source(struct db_session *session, struct err *err);
bool step_follow(const struct act_context *context, struct db_session *session, int source, struct err *err);

// A failover's old primary: the newest observation, which must be new, does not show that it takes writes, or lives
// and does not let us look. Of other actions it is true.
// A server that turns this watcher's account away and is closed to all, by what the account of replication sees there.
bool step_shut_to_all(const struct act_context *context, int node);
// The service that rebuilds nodes may be frozen, and thaw in the middle of what destroys: nobody is opened who has a session of it.
bool step_nobody_rebuilds(struct db_session *session, struct err *err);

bool step_old_is_away(const struct act_context *context, const struct act_request *request, struct err *err);

// No node but target and old takes writes, by the newest observations.
bool step_others_closed(const struct act_context *context, int target, int old, struct err *err);

// Lossless mode (act_sync.c).

// Records in Redis in which epoch acknowledgements are waited for, 0: in none. It is on the disk when this returns
// true.
bool step_record_sync(const struct act_context *context, uint64_t epoch, struct err *err);

// What a server noted about waiting in reigns that are over, on itself alone, may differ from the others' rows: from
// now on all say the same, 3. Only on an open node, and not between clients and their first commits; failing is
// harmless.
void step_end_older_reigns(const struct act_context *context, struct db_session *session, uint64_t epoch);

// Before a node is opened: a new reign goes on alone until rule 154, for the commit of its epoch row has nobody to wait
// for.
bool step_go_alone(const struct act_context *context, const struct act_request *request, struct db_session *session,
                   struct err *err);

// The settings of a server that is closed to writers: it does not wait, and acknowledges what it receives.
bool step_suit(struct db_session *session, struct err *err);

// Closes a node whose commits may wait for acknowledgements that never come: its clients are cut off before the commits
// are let through, so that nobody is told that they are done.
bool step_fence_waiting(const struct act_context *context, const struct act_request *request,
                        struct db_session *session, struct err *err);

// Enough of the nodes that vouch have their receiver stopped, are in the life in which they vouched, and the target
// holds all that they hold. stopped: nodes whose receiver this act has stopped.
bool step_ask_vouchers(const struct act_context *context, const struct act_request *request, struct db_session *target,
                       const bool stopped[NODE_MAX], struct err *err);

// The actions. Each fills outcome->ok, reign, err, note.
void act_open(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome);
void act_promote(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome);
void act_switchover(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome);
void act_fence(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome);
void act_forget(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome);
void act_restore(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome);
void act_sync(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome);
void act_unsync(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome);
void act_suit(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome);
