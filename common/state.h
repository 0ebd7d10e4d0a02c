// The state of the cluster as two hashes hold it: the state hash, scalars and one JSON field per node; the jobs hash, one
// JSON field per job. Encoding and decoding live here so that the three services cannot disagree. Pure (jansson only).
//
// Who writes what: the watcher alone the state hash; the watcher new (queued) jobs, and resync all of them while it runs.
// So each hash has a decoder of its own: what stands in the jobs hash never says who is primary.
#pragma once
#include <stddef.h>

#include "err.h"
#include "node.h"

// One node as the watcher last saw it.
struct node_state {
    char name[NODE_NAME_SIZE];
    enum node_role role;
    enum probe_outcome outcome;
    char error[160];  // why the last probe failed, "" if it did not
    char uuid[NODE_UUID_SIZE];
    char version[32];
    uint32_t server_id;
    bool read_only, super_read_only, offline_mode;
    enum thread_state receiver, applier;
    char source[NODE_NAME_SIZE];  // configured source, "" if none
    char replication_error[200];
    int64_t lag_ms;           // -1: unknown or not a replica
    char *gtid_executed;      // heap, "" if unknown
    char *gtid_retrieved;     // heap
    uint64_t diverged;        // transactions that the primary lacks; counted, not listed
    char lack_msg[64];        // what Relevo lacks there, the worst of it: catalogue id, "" if nothing
    char lack_account[100], lack_what[200], lack_mend[300];  // ... and its values
    bool unable;              // ... so that it could not be promoted
    bool stale;               // it has not heard of the primary's reign, or long not heard of the primary
    int64_t boot_s;           // when the server started, by its own clock: another life has another one; lossless only
    bool acknowledges;        // lossless: it acknowledges what it receives
    uint64_t vouch_epoch;     // lossless: of that epoch it holds all that it ever acknowledged, 0: of none
    uint64_t vouch_received;  // ... and had received that many transactions then
    int64_t streamed_ms;      // wall time when its receiver was ON last, 0: never seen so
    int64_t heard_ms;         // wall time when its source last showed life to its receiver, 0: never seen so
    int64_t seen_ms;          // wall time of the last successful probe
    int64_t updated_ms;       // wall time of the last probe
};

#define JOB_REFUSAL_MAX 6
struct job_refusal {
    enum job_rung rung;
    char why[NODE_WHY_SIZE];
};

// What a dump could not carry over as it was on the donor.
#define JOB_NOT_COPIED_MAX 8
struct job_not_copied {
    char object[160];  // "VIEW shop.totals"
    char why[NODE_WHY_SIZE];
};

// What a comparison found: rows of one table that are not the same on both nodes, or an object that is not defined
// alike.
#define JOB_DIFFERENCE_MAX 5
struct job_difference {
    char kind[16];                // "" : rows; else of what the definition differs: "view", "account", ...; rows and
                                  // rows_primary say then whether the node and the primary have it
    char table[132];              // schema.table, or the object's name
    char where[480];              // SQL condition of the key range, "" : the whole table
    uint64_t rows, rows_primary;  // in that range
};

// One resync job, or (method verify) one comparison. The newest of either kind of each node stays in the jobs hash
// after it ended, as its result: job:<node>, verify:<node>.
struct job_state {
    char id[40];
    char node[NODE_NAME_SIZE];
    char donor[NODE_NAME_SIZE];
    uint64_t epoch;  // of the cluster when it was queued; a job of an older epoch is not begun
    enum job_phase phase;
    enum job_rung method;     // asked for; RUNG_AUTO: the plan chooses
    enum job_rung rung;       // being taken; RUNG_AUTO: not chosen yet
    char step[64];            // catalogue-free key of the current step: "fence", "copy", "restart", ...
    char why[NODE_WHY_SIZE];  // why this rung, or why it failed
    struct job_refusal refused[JOB_REFUSAL_MAX];
    unsigned refused_count;
    bool lasting;       // failed: another try fails alike, until something changes or a person acts
    uint64_t left_out;  // objects that the dump could not carry over as they were
    struct job_not_copied not_copied[JOB_NOT_COPIED_MAX];  // the first of them
    unsigned not_copied_count;
    int64_t done_bytes, total_bytes;                        // total -1: unknown
    int64_t rate_bytes_s, left_ms;                          // -1: unknown
    uint64_t rescued;                                       // diverged transactions saved
    char rescued_file[160];                                 // base name in the rescued volume, "" if none
    uint64_t compared_rows, compared_tables;                // verify: so far
    uint64_t differing;                                     // verify: key ranges and definitions that are not alike
    struct job_difference differences[JOB_DIFFERENCE_MAX];  // the first of them
    unsigned difference_count;
    char by[64];                                          // "watcher", "resync" (verify: after a copy) or who asked
    char command_id[64];                                  // answers the command of that id, "" if none
    int64_t queued_ms, started_ms, updated_ms, ended_ms;  // wall, 0: not yet
};

struct cluster_state {
    uint64_t epoch;
    uint64_t reserved;  // highest epoch given to an action, whatever came of it: never given again
    enum phase phase;
    char primary[NODE_NAME_SIZE];  // "" : none recorded
    char primary_uuid[NODE_UUID_SIZE];
    enum replication_mode mode;
    bool sync;            // lossless: acknowledgements are being waited for
    uint64_t sync_epoch;  // the epoch in which they are, 0: none. Written by the actor alone, and before
                          // the primary is let go on alone; a stale epoch means no
    int rule;
    char why[NODE_WHY_SIZE];
    char why_msg[64];  // catalogue id of why, so that a reader can use another language
    bool maintenance;
    bool recalled;                       // a node that cannot be asked may know of a newer reign than this
    int forecast_rule;                   // if the primary died this instant: the rule that would decide, 0: unknown
    char forecast_node[NODE_NAME_SIZE];  // whom it would promote, "": nobody
    char forecast_why[NODE_WHY_SIZE];
    char forecast_msg[64];  // catalogue id of forecast_why
    char intent[512];       // JSON of the action under way, "" if none
    char leader[80];        // id of the watcher that acts
    char failovers[512];    // wall times (ms) of the last failovers, comma list: the failover limit
    int64_t updated_ms;
    struct node_state nodes[NODE_MAX];
    size_t node_count;
    struct job_state jobs[NODE_MAX];
    size_t job_count;
    struct job_state checks[NODE_MAX];  // the comparisons; they take nothing from a node, so the watcher ignores them
    size_t check_count;
    bool old_jobs;  // the state hash has fields of jobs, too, as an older Relevo wrote them: they count for nothing
};

// One field of a hash. value is heap; free with state_fields_free.
struct state_field {
    char name[NODE_NAME_SIZE + 16];
    char *value;
};

// All scalars and nodes of *state as fields (jobs are written one by one). Returns how many; *ret is heap.
size_t state_encode(const struct cluster_state *state, struct state_field **ret);
void state_encode_job(const struct job_state *job, struct state_field *ret);
void state_fields_free(struct state_field *fields, size_t count);

// Applies one field read from the state hash, or from the jobs hash. Unknown names are ignored (a newer writer), and so
// are those of the other hash; a value that cannot be decoded changes nothing and returns false.
bool state_decode(struct cluster_state *state, const char *name, const char *value, struct err *err);
bool state_decode_job(struct cluster_state *state, const char *name, const char *value, struct err *err);
bool state_names_job(const char *name);  // a field of the jobs hash

const struct node_state *state_node(const struct cluster_state *state, const char *name);  // NULL if absent
const struct job_state *state_job(const struct cluster_state *state, const char *name);    // NULL if absent
const struct job_state *state_check(const struct cluster_state *state, const char *name);  // NULL if absent
bool job_active(const struct job_state *job);                                              // queued or running
void state_done(struct cluster_state *state);  // frees the heap parts and zeroes
