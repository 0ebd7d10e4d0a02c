// The simulated world: hosts and the network between them, MySQL nodes, Redis, clients. What the model leaves out is in
// README.md. Written for one real thread; file-scope state is the world itself, made anew for each history.
#pragma once
#include <stdio.h>

#include "common/node.h"
#include "common/settings.h"
#include "tests/sim/engine.h"

enum {
    NODES = 3,  // at most
    WATCHERS = 2,
    CLIENTS = 2,
    HOST_WATCHER = NODES,
    HOST_REDIS = HOST_WATCHER + WATCHERS,
    HOST_RESYNC,
    HOST_CLIENT,
    HOSTS = HOST_CLIENT + CLIENTS,
    WALL_MS = 1700000000,  // wall clocks show this times 1000 when a history begins
};

// --- transactions: one number each, for the whole history ---

enum txn_kind { TXN_INIT, TXN_WRITE, TXN_EPOCH, TXN_BEAT, TXN_ROW, TXN_EMPTIED /* relevo.epoch was */ };
struct txn {
    enum txn_kind kind;
    bool acked;         // TXN_WRITE: the client was told
    bool rescued;       // saved in a file that an event names
    int64_t at_ms;      // TXN_BEAT: the row's wall time
    uint64_t epoch;     // TXN_EPOCH
    int primary, rule;  // TXN_EPOCH
};
int txn_new(struct txn txn);
struct txn *txn_at(int id);
int txn_count(void);

// --- nodes ---

struct entry {
    int uuid, seq, id;  // GTID, and which transaction that is: the same GTID may be given twice, which MySQL cannot see
};

// Executed sets are prefixes: each uuid's transactions 1..executed.
struct data {
    int executed[NODES], purged[NODES];
    int *ids[NODES];
    int room[NODES];
    struct entry *log;  // the binlog: what is not purged, in order of commit
    int log_count, log_room;
};

enum power { POWER_OFF, POWER_BOOTING, POWER_ON, POWER_CLOSING };

struct replication {
    bool configured;
    int source;                  // host asked for
    bool uuid_known;             // it has connected since it started
    enum thread_state receiver;  // THREAD_OFF, CONNECTING, ON
    int receiver_errno;
    bool applier, applier_stops;  // stops: with the transaction in its hands
    int applier_errno;
    int from[NODES], to[NODES];  // Retrieved_Gtid_Set: from < seq <= to
    struct entry *relay;
    int relay_count, relay_done, relay_room;
    int cursor;                 // in the source's binlog
    unsigned source_boot;       // the connection is with this life of the source
    int64_t heard_ms, beat_ms;  // last sign of the source; last heartbeat
    uint64_t heartbeats;
    int64_t whole_ms;                    // when the transaction that it is receiving is whole, 0: none
    int64_t attempt_ms, attempt_end_ms;  // next attempt to connect; end of one that hangs, 0: none
    bool stop_asked;                     // STOP waits for the hanging attempt
    bool acknowledges;                   // it said so when it connected
    int said;  // the source's own transactions up to here, by what came over this connection: nothing is sent twice
    unsigned source_offline_times;  // when the receiver connected
    int64_t apply_ms;  // when the applier is through with its current transaction
};

// @relevo_since and @relevo_until of a session, by the clock of the node.
struct licence {
    int64_t since_ms, until_ms;
};

struct node {
    int index;
    char name[8], uuid[NODE_UUID_SIZE];
    enum power power;
    unsigned boot;
    bool name_gone;
    int leads_to;          // new connections to this name come out at node leads_to - 1; 0: at this one
    int64_t thaw_ms;       // frozen until then
    int64_t wall_skew_ms;  // of its clock
    bool read_only, super_read_only, offline_mode;
    unsigned offline_times;  // its replicas' sessions ended as often
    int64_t locked_ms;       // a client's long statement holds off the fence until then
    int64_t denied_ms;       // it turns all accounts away but that of replication until then
    int64_t overloaded_ms;   // too many connections until then
    int64_t apply_cost_ms;   // of one transaction
    int64_t rows_locked_ms;  // until then nobody can read its rows of relevo
    int64_t stop_cost_ms;    // of a receiver that streams, which goes on meanwhile
    int64_t take_cost_ms;    // until one transaction is received whole, 0: at once
    bool held;               // a lock on the clients' table keeps the applier waiting
    bool clone_plugin, rebuild_marked;
    bool source_on, replica_on;  // semi-sync: commits wait; it acknowledges once its receiver connects
    int wait_count, acked;       // of its own transactions so many are acknowledged: the rest is in the binlog, unseen
    uint64_t unacked;            // let through
    int barrier;                 // its own transaction that holds the row of relevo.epoch
    bool row_sync;
    unsigned kills;      // times that its clients were cut off
    int64_t fencing_ms;  // a fence is pending until then: no commit begins
    struct data data;
    int epoch_txn, beat_txn;  // newest rows, 0: none
    struct replication repl;
};

struct world {
    int nodes, watchers;
    struct node node[NODES];
    bool cut[HOSTS][HOSTS];  // packets from, to
    int64_t delay_ms[HOSTS][HOSTS];
    struct settings settings;
    struct process watcher[WATCHERS], resync;
    bool quiet;  // the clients rest: the end is being compared
    bool calm;   // the network has no jitter
    bool trace;
    bool forged;  // somebody wrote into the state hash by hand: the watcher may say so
    int64_t trace_from_ms;
    uint64_t rescued;
    char failure[512];  // the first invariant that broke
};
extern struct world world;

void world_new(uint64_t seed, int nodes, int watchers);
void world_bare(uint64_t seed, int nodes, int watchers);  // the same, and none of the processes begun
void world_end(void);                                     // ends the services and frees what they hold
void world_describe(void);                                // traces how everything stands
void world_trace_to(FILE *out);                           // NULL: stdout
void world_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
void world_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// --- network ---

bool net_reaches(int from, int to);  // this way
bool net_pair(int a, int b);         // both ways
int64_t net_latency(int from, int to);

enum trip { TRIP_OK, TRIP_REFUSED, TRIP_GONE, TRIP_LOST, TRIP_TIMEOUT };
// A packet to a node, in a coroutine: waits for a cut to heal and a frozen node to thaw until until_ms. boot 0: a new
// connection.
enum trip net_to_node(int from, const struct node *node, unsigned boot, int64_t until_ms);
enum trip net_from_node(const struct node *node, int to, unsigned boot, int64_t until_ms);

// --- what a node does ---

void node_init(struct node *node, int index);
void node_boot(struct node *node, int64_t after_ms);  // comes up fenced, replication stopped
void node_die(struct node *node);
void node_close(struct node *node, int64_t for_ms);  // SIGTERM: says goodbye, feeds its replicas to the last
void node_lose_last(struct node *node, int lost);    // of its own transactions: an old copy of the disk
extern bool node_stop_tells;         // ... and lets through what waits, as MySQL does: see README.md, known holes
void node_purge(struct node *node);  // all binlogs that no connected replica needs
void node_freeze(struct node *node, int64_t for_ms);
int64_t node_wall_ms(const struct node *node);
bool node_serves(const struct node *node);  // up and not frozen
bool node_open(const struct node *node);    // takes writes of clients

void node_apply(struct node *node, int uuid, int id);      // the next transaction of that uuid
int node_commit(struct node *node, struct txn txn);        // its next GTID; returns the transaction
int node_seen(const struct node *node);                    // how many of its own transactions are committed and seen
void node_acknowledge(struct node *node);                  // counts what its replicas hold
int node_listeners(const struct node *node);               // replicas that acknowledge
void node_let_through(struct node *node);                  // commits wait no more
void data_copy(struct data *to, const struct data *from);  // as a clone: the set without the binlog
void data_clear(struct data *data);
bool data_has(const struct data *data, int id);
int data_extra(const struct data *data, const struct data *than);  // how many GTIDs the other lacks
void data_free(struct data *data);
void node_rows(struct node *node);             // finds the newest rows again after a copy
char *node_executed(const struct node *node);  // GTID texts; heap
char *node_received(const struct node *node);
uint64_t node_epoch(const struct node *node);
uint64_t node_reigns(const struct node *node, uint64_t newest);  // REIGNS_SQL over its rows up to that epoch

void repl_follow(struct node *node, int source);  // CHANGE REPLICATION SOURCE TO, stopped
void repl_forget(struct node *node);              // RESET REPLICA ALL
void repl_start(struct node *node, bool receiver, bool applier);
bool repl_stop_receiver(struct node *node);  // false: busy connecting, ask again
bool repl_stop_applier(struct node *node);   // false: busy with a transaction, ask again
int repl_left(const struct node *node);      // received, not applied
void repl_step(struct node *node);

// A statement that reached the server after its client gave up.
void node_late(struct node *node, int from, const struct licence *licence, const char *sql);
bool sql_late(struct node *node, const struct licence *licence, const char *sql);
void late_clear(void);

// --- Redis ---

void redis_new(void);
void redis_set_clock(int64_t by_ms);
void redis_stop(void);
enum redis_memory { REDIS_KEPT, REDIS_ROLLED_BACK, REDIS_EMPTY };
void redis_start(enum redis_memory memory);
void redis_command(const char *text);  // an operator's PUBLISH
bool redis_up(void);
void redis_describe(void);            // traces the hash
void redis_fill(bool full);           // it answers, and takes nothing new
void redis_forge(const char *name, const char *value);  // an operator's HSET in the state hash

// --- services ---

extern const char *services_record;  // file for what the first watcher sees (watcher/recorder.h), NULL: none
void watcher_begin(int index);
void watcher_end(int index, bool killed);
const struct watcher *watcher_peek(int index);   // its memory, NULL while it does not run
void watchers_hangup(const struct node *node);   // their connections to it broke
void watcher_hear(int index, const char *text);  // a command arrives
void resync_begin(void);
void resync_end(void);
void resync_hint(void);
void clients_begin(void);
// A client's row, from the moment that the server has read the statement.
enum told { TOLD_REFUSED, TOLD_LOST, TOLD_NOTHING, TOLD_DONE };  // LOST: before it did anything; NOTHING: it did
enum told client_commits(int host, struct node *node, unsigned boot, int64_t until_ms);
bool resync_busy(void);
bool resync_works_at(const struct node *node);  // has sessions there, frozen or not
bool resync_refuses(void);  // to destroy what it cannot save: a node waits for a person

// What a probe sees of a node that answers; and of its relevo tables.
struct observation;
void observe_look(const struct node *node, struct observation *it);
void observe_rows(const struct node *node, struct observation *it);

// --- invariants ---

struct db_session;
void check_new(void);
void check_intent(const char *json);           // an actor said what it is about to do
void check_told(uint64_t epoch, bool reigns);  // Redis knows: it is begun, or it is intended
void check_forgotten(void);                    // Redis lost what it knew
void check_reign(void);                        // it is about to write its epoch row
void check_epoch(const struct node *node, uint64_t epoch);
void check_epoch_again(const struct node *node, uint64_t epoch);  // the row that somebody removed is written again
void check_opening(const struct node *node);  // read_only is being switched off by a watcher
void check_fencing(const struct node *node);
void check_acknowledged(const struct node *node, int id);  // a client is told
void check_step(void);                                     // after each event
bool check_converged(char *why, size_t size_bytes);
void check_end(void);
const char *check_verdict(void);  // how the history ended
