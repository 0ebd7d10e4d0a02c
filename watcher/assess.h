// Turns observations into facts: who is reachable, what the replicas say about the primary, who could take over.
// Pure: `now_ms` comes in with the call, nothing is remembered but in struct memory, which the caller keeps.
//
// A primary is judged from two vantage points. Ours: refused or name gone is hard evidence, silence is weak. Theirs: a
// replica that still receives proves that only our path is broken; one that lost it confirms; one that was not
// receiving anyway says nothing.
#pragma once
#include "common/state.h"
#include "watcher/observation.h"

#define REACHES(X)                                                                      \
    X(REACH_UNSEEN, "unseen") /* not probed yet, or too early to say */                 \
    X(REACH_UP, "up")                                                                   \
    X(REACH_ALIVE, "alive")   /* it answers but not us: overloaded, denied, starting */ \
    X(REACH_MISSED, "missed") /* lost or late, less than the silence limit */           \
    X(REACH_SILENT, "silent") /* no answer for the silence limit */                     \
    X(REACH_DEAD, "dead")     /* refused, or the name is gone, since it last answered */

#define WITNESSES(X)                                                                   \
    X(WITNESS_NONE, "none")       /* no replica can testify */                         \
    X(WITNESS_STREAMS, "streams") /* at least one still hears the primary */           \
    X(WITNESS_UNSURE, "unsure")   /* one that streamed has not made up its mind yet */ \
    X(WITNESS_LOST, "lost")       /* all that can testify have lost it */

#define CANDIDATES(X)                                                                       \
    X(CANDIDATE_NONE, "none")                                                               \
    X(CANDIDATE_READY, "ready")                                                             \
    X(CANDIDATE_DIVERGED, "diverged") /* no reachable node covers all others */             \
    X(CANDIDATE_BROKEN, "broken")     /* its applier stopped with an error */               \
    X(CANDIDATE_STALE, "stale")       /* it lost the stream long before the primary died */ \
    X(CANDIDATE_UNSYNCED, "unsynced") /* lossless: the primary may have gone on alone */    \
    X(CANDIDATE_UNABLE, "unable")     /* forecast only: our account there lacks a login or a privilege */ \
    X(CANDIDATE_UNPROVEN, "unproven") /* lossless: too few vouch that they hold all that was acknowledged */

#define PRIMARY_VIEWS(X)                                                                \
    X(PRIMARY_NONE, "none")       /* nobody is recorded as primary */                   \
    X(PRIMARY_FOREIGN, "foreign") /* recorded, but not among the configured nodes */    \
    X(PRIMARY_UNSEEN, "unseen")                                                         \
    X(PRIMARY_OPEN, "open")         /* answers and takes writes */                      \
    X(PRIMARY_CLOSED, "closed")     /* answers, fenced */                               \
    X(PRIMARY_IMPOSTOR, "impostor") /* the name answers with another server_uuid */     \
    X(PRIMARY_ALIVE, "alive")                                                           \
    X(PRIMARY_MISSED, "missed")                                                         \
    X(PRIMARY_SILENT, "silent")                                                         \
    X(PRIMARY_CLOSING, "closing") /* refuses, after it said that it is shutting down */ \
    X(PRIMARY_DEAD, "dead")                                                             \
    X(PRIMARY_HALF, "half") /* answers, fenced, and a copy into it was not finished */ \
    X(PRIMARY_SHUT, "shut") /* answers, fenced; a moment ago it was open: is it about to stop? */

// When nobody is recorded: can the fenced nodes tell who holds everything?
#define ELECTIONS(X)                                                         \
    X(ELECTION_NONE, "none")       /* no node answers */                     \
    X(ELECTION_WAITING, "waiting") /* a configured node was not heard yet */ \
    X(ELECTION_READY, "ready")     /* all answer, one covers all others */   \
    X(ELECTION_DIVERGED, "diverged")                                         \
    X(ELECTION_HALF, "half") /* who is open, or covers all, holds half a copy */

#define STANDINGS(X)                                                                           \
    X(STANDING_AWAY, "away") /* not reachable: nothing to do */                                \
    X(STANDING_PRIMARY, "primary")                                                             \
    X(STANDING_TIED, "tied")           /* the primary, open, with a source still configured */ \
    X(STANDING_TWIN, "twin")           /* same server_uuid as another node */                  \
    X(STANDING_OPEN, "open")           /* not the primary and takes writes */                  \
    X(STANDING_LOOSE, "loose")         /* read_only but not super_read_only */                 \
    X(STANDING_JOB, "job")             /* a resync job is queued or runs */                    \
    X(STANDING_STREAMING, "streaming") /* receives from the primary and applies */             \
    X(STANDING_RETRYING, "retrying")   /* lost the primary a moment ago, MySQL retries */      \
    X(STANDING_FORKED, "forked")       /* holds other transactions under the same GTIDs */     \
    X(STANDING_ERRANT, "errant")       /* streams, holds more than the primary, and no copy is made unasked */ \
    X(STANDING_ADRIFT, "adrift")       /* does not follow the primary */

// Lossless mode: does the open primary wait for acknowledgements, and is that what is recorded?
#define SYNCS(X)                                                                              \
    X(SYNC_NONE, "none")   /* async mode, or no open primary to look at */                    \
    X(SYNC_ON, "on")       /* recorded, and it does */                                        \
    X(SYNC_OFF, "off")     /* recorded as going on alone, and too few replicas keep up */     \
    X(SYNC_DUE, "due")     /* off, but enough replicas stream without lag */                  \
    X(SYNC_LOOSE, "loose") /* recorded as waiting, but it does not, or let commits through */ \
    X(SYNC_STUCK, "stuck") /* it waits and too few acknowledge */                             \
    X(SYNC_LEFT, "left")   /* the mode is async now, and it may still wait */

// Lossless mode: do a node's semi-sync settings fit its role?
#define FITS(X)                                                                      \
    X(FIT_NONE, "none") /* async mode, or not to be judged now */                    \
    X(FIT_RIGHT, "right")                                                            \
    X(FIT_WRONG, "wrong")   /* a replica that would wait, or does not acknowledge */ \
    X(FIT_ABSENT, "absent") /* the plugins are missing */

// Does the open primary still have the row of its reign? A user may empty the tables, drop them, or restore old ones.
#define ROWS_VIEWS(X)                                                               \
    X(ROWS_NONE, "none") /* no open primary to look at, or too early to say */      \
    X(ROWS_KEPT, "kept")                                                            \
    X(ROWS_LOST, "lost")     /* a table or the row is gone, as all hear who follow */ \
    X(ROWS_ALONE, "alone")   /* gone there alone: those who follow still have it */ \
    X(ROWS_OTHER, "other")   /* the row of that epoch names another server */       \
    X(ROWS_UNREAD, "unread") /* nobody can read it for a while */

#define X(id, name) id,
enum rows_view { ROWS_VIEWS(X) ROWS_VIEW_COUNT };
enum sync_view { SYNCS(X) SYNC_COUNT };
enum fit { FITS(X) FIT_COUNT };
enum reach { REACHES(X) REACH_COUNT };
enum witness { WITNESSES(X) WITNESS_COUNT };
enum candidate { CANDIDATES(X) CANDIDATE_COUNT };
enum primary_view { PRIMARY_VIEWS(X) PRIMARY_VIEW_COUNT };
enum election { ELECTIONS(X) ELECTION_COUNT };
enum standing { STANDINGS(X) STANDING_COUNT };
#undef X
const char *reach_name(enum reach reach);
const char *witness_name(enum witness witness);
const char *candidate_name(enum candidate candidate);
const char *primary_view_name(enum primary_view view);
const char *election_name(enum election election);
const char *standing_name(enum standing standing);
const char *sync_view_name(enum sync_view sync);
const char *fit_name(enum fit fit);
const char *rows_view_name(enum rows_view rows);

enum {
    ASKING_GAP_MS = 2500,         // no probe takes as long, nor a pause between two: we were frozen, or starved
    HEARTBEAT_QUIET_MS = 1600,    // three missed heartbeats of 0.5 s: a receiver that is ON but hears nothing
    STREAM_STALE_MS = 10000,      // a candidate whose stream ended this long before the primary was lost is stale
    ACK_PATIENCE_MS = 1000,       // a primary that waits for acknowledgements in vain is let go on alone after this
    UNHEARD_PATIENCE_MS = 10000,  // ... and after this if its replicas stream, yet no acknowledgement comes
    RETRY_PATIENCE_MS = 8000,     // MySQL reconnects by itself; past this it is adrift
    SHUT_PATIENCE_MS = 1000,      // a primary that closed and does not stop within this is opened again
    FORK_PATIENCE_MS = 3000,      // rows of relevo.epoch that differ for less are being edited by somebody
    // A row that is gone for less may be on its way, or being restored by somebody. And a heartbeat has come through, if
    // the replicas still have the row because it is gone on the primary alone.
    ROWS_PATIENCE_MS = 2500,
    UNREAD_PATIENCE_MS = 10000,   // ... and a table that cannot be read is locked for a moment
    RECORD_OLD_MS = 15000,  // lossless: a state hash that nobody has written for this long may have missed an opening
    UNRECORDED_MS = 30000,  // ... and none goes unrecorded before Redis has been away for this long
};

// What assess remembers about one node. Zero is "never seen".
struct node_memory {
    int64_t watched_ms;   // since when we try
    int64_t ok_ms;        // last PROBE_OK
    int64_t answered_ms;  // last sign of life of any kind
    int64_t closing_ms;   // it said that it is shutting down, and has not served since
    int64_t open_ms;      // when it was last seen to take writes, 0: not since it was gone
    bool closed;          // it took no writes when it was seen last
    int64_t hard_ms;      // first refused/gone since the last sign of life, 0 if none
    int64_t asked_ms;     // when the last gap in asking ended, 0: none; silence before that may have been ours
    int64_t told_ms;      // when the last probe ended, whatever it brought
    char uuid[NODE_UUID_SIZE];
    char source_uuid[NODE_UUID_SIZE];  // of the stream below
    int64_t streamed_ms;               // last time its receiver was ON
    int64_t sign_ms;                   // last time its source showed life: a heartbeat or a transaction came
    int64_t stream_began_ms;           // since when it streams without break and without lag
    uint64_t heartbeats;
    uint64_t received_count;
    uint64_t serial;
    uint64_t diverged;
    uint64_t foreign;        // of these, what the primary did not make: it never comes to hold them
    int64_t forked_ms;       // since when its rows of relevo.epoch belie its GTIDs, 0: they do not
    uint64_t epoch, proven;  // its newest row; the same of an earlier look: what it claims by now includes that one

    // Lossless mode. A node vouches while nothing that it ever acknowledged can have been thrown away: it was seen to
    // acknowledge and to hold all that the primary had, and has neither restarted nor lost its relay log since.
    int64_t boot_s;
    int64_t acks_ms;          // since when it acknowledges, 0: it does not
    uint64_t vouch_epoch;     // 0: it does not vouch
    uint64_t vouch_received;  // transactions in its relay log's set; fewer later: it was thrown away
    uint64_t unacked, acked;  // of the primary: as seen last
    bool unacked_known;       // ... in this life of it, since acknowledgements are waited for
};

struct memory {
    struct node_memory nodes[NODE_MAX];
    uint64_t reign_epoch, reign_since;  // of facts.reign_since: the newest reign, the first of the same primary
    char reign_uuid[NODE_UUID_SIZE];
    uint64_t strange_epoch;  // newest row that another cluster's backup brought, 0: none
    char strange_uuid[NODE_UUID_SIZE];
    int64_t enough_acks_ms;  // last time that enough replicas acknowledged, 0: no open primary
    int64_t acked_ms;        // last time that an acknowledgement came or no commit waited for one
    int64_t loose_ms;        // last time that the primary was seen not to wait though that is recorded
    int reign_rule;          // by which rule the newest reign began, 0: nobody has read it yet
    enum rows_view rows;     // of the open primary, as looked at last; LOST for ALONE too
    bool rows_alone;         // ... though those who follow have heard all that it did since
    int64_t rows_ms, rows_last_ms;  // first and last look that found them so
    int64_t rows_wall_ms;           // wall time of the first
};

struct node_facts {
    enum reach reach;
    enum standing standing;
    bool open;          // answers and read_only is OFF
    int64_t lag_ms;     // -1: unknown
    uint64_t diverged;  // transactions that the primary lacks
    bool stale;         // as a candidate it would lack data, or a whole reign
    bool doubted;       // what it holds may be other than its GTIDs say
    bool told;          // it answers, and of which reigns it knows
    int64_t steady_ms;  // how long it has streamed without lag
    enum fit fit;
    bool acknowledges;  // its receiver acknowledges to the primary
    bool vouches;
};

struct facts {
    int64_t now_ms;
    int count;
    int primary;  // index of the recorded primary, -1
    uint64_t reign_since;  // an epoch since which nobody else reigned: who takes over must know of one as new
    enum primary_view view;
    enum witness witness;
    enum candidate candidate;
    int candidate_node;  // -1 unless READY, BROKEN or STALE
    enum election election;
    int election_node;     // -1 unless READY
    unsigned open_others;  // nodes other than the recorded primary that take writes
    int open_node;         // one of them, -1
    int ahead_node;        // holds what the closed primary itself made and lacks, -1: nobody does
    bool all_streaming;    // every other configured node streams
    bool any_job;
    bool all_told;         // every node has told of which reigns it knows
    enum sync_view sync;
    enum rows_view rows;
    uint64_t let_through;  // commits that nobody acknowledged and whose clients were told, since the look before
    int vouching;  // nodes that vouch
    int quorum;    // ... of which so many must be stopped and asked before one is opened; 0 in async mode
    bool settled;  // every node was seen, or has been missing long enough to say so
    struct node_facts nodes[NODE_MAX];
};

// Who is recorded as primary: the newest of the state hash and the relevo.epoch rows of all nodes that answer. Changes
// *state (epoch, primary, primary_uuid) and returns true if a row is newer than the hash: Redis lost its memory.
// A row that the recorded primary holds while it takes writes, of a server that is none of the nodes, came with another
// cluster's backup: it is remembered and never believed (rule 517).
bool assess_record(struct cluster_state *state, struct memory *memory, struct observation *const observations[],
                   int count);
bool assess_stranger(const struct memory *memory, const char *uuid, int count);  // none of the nodes, all of which are known

// A server is known by its uuid. If it bears another name now than the record says, the record takes that name: true. Not
// while the old name may still be its own, nor if several servers have that uuid.
bool assess_rename(struct cluster_state *state, struct observation *const observations[],
                   const char (*names)[NODE_NAME_SIZE], int count);

struct assess_input {
    int64_t now_ms;
    int64_t silent_ms;
    const struct cluster_state *state;        // record, jobs
    struct observation *const *observations;  // per node, NULL before the first
    const char (*names)[NODE_NAME_SIZE];
    int count;
    const char *preferred;  // breaks ties between equal candidates, "" for none
    unsigned differing;     // bit i: node i is known to differ from the primary; any other candidate comes first
    int intent;             // the node that an unfinished failover was opening, -1
    int acks;               // a commit waits for so many, 0 in async mode
    int64_t sync_ms;        // since when we know that acknowledgements are waited for
    bool leaving;           // the mode was lossless and is async now
    bool asks;              // a node that holds more than the primary is not copied over unless a person says so
    bool sync_rests;        // the last attempt to change that failed a moment ago
};

struct facts assess(struct memory *memory, const struct assess_input *input);

// Transactions made by the server with that uuid that the node holds and that are not in held.
uint64_t assess_lost_by(const char *uuid, const struct gtid_set *held, const struct observation *node);

// After a switchover: the node that handed over held all that its successor holds, whether or not it has been seen
// streaming from it yet.
void assess_handed_over(struct memory *memory, int node, const char *successor_uuid, int64_t now_ms);

// Lossless mode: since the hash was written last a node may have been opened of which it knows nothing.
bool assess_record_is_old(const struct cluster_state *state, int64_t now_wall_ms);

// After a restart of the watcher: what the state hash knew about the streams, aged by wall time.
void assess_restore(struct memory *memory, const struct cluster_state *state, const char (*names)[NODE_NAME_SIZE],
                    int count, int64_t now_ms, int64_t now_wall_ms);
