// What the files of the shell share: watcher.c (the tick), jobs.c (the resyncs), judge.c (what people ask), report.c
// (what people read).
#pragma once
#include "common/command.h"
#include "common/logship.h"
#include "watcher/act.h"
#include "watcher/event_writer.h"
#include "watcher/inbox.h"
#include "watcher/inspect.h"
#include "watcher/journal.h"
#include "watcher/publish.h"
#include "watcher/recorder.h"
#include "watcher/watcher.h"

// A job, as db-resync told of it last: jobs_left.c.
struct job_heard {
    char id[40], ended[40];
    int64_t updated_ms;  // by its own clock
    int64_t since_ms;    // when we first read that
};
#define JOB_STEP_LEFT "left"  // of a job that was ended because nobody worked at it

// What a person asked for and the next decision shall match: an ASK_ flag and its node.
struct asked {
    unsigned flag;  // 0: nothing is asked
    int target;
    char id[64], by[64];
    char why[NODE_WHY_SIZE];  // what is accepted with force
};

// A comparison found it, or a dump could not carry it over.
struct known_difference {
    uint64_t count;    // 0: none is known
    char object[160];  // the first
};

enum { ALARMS_MAX = 8 };  // rules that end in ALARM for one node at a time, with room

struct watcher {
    const struct settings *settings;
    struct loop *loop;
    struct observe *observe;
    struct actor *actor;     // who is primary
    struct actor *repairer;  // everything else
    struct publish *publish;
    struct journal *journal;
    struct event_writer *event_writer;
    struct inspect *inspect;
    struct inbox *inbox;
    struct ship *ship;
    char names[NODE_MAX][NODE_NAME_SIZE];
    int count;

    // The world as of this tick.
    int64_t now_ms, now_wall_ms;
    struct observation *observations[NODE_MAX];
    struct memory memory;
    struct cluster_state state;
    struct facts facts;
    struct decision decision;
    struct lease lease;
    int64_t met_ms;  // when another watcher was met on a node
    bool leads;

    // What is remembered between ticks.
    int64_t started_ms;
    bool told_to_begin;       // by a person: see FLAG_HELD
    int64_t hash_ms;          // updated_ms of the hash that we adopted, or wrote, last
    bool record_read;         // the state hash was read at least once
    bool recalled;            // the record comes from MySQL's rows, newer than the hash, and a node is yet to be asked
    uint64_t reserved_epoch;  // highest given to an action
    struct asked asked;
    int64_t commands_ms;                    // up to when the commands that were read are paid for
    int64_t wrong_tokens, wrong_tokens_ms;  // of the dashboard, not told yet; when some were told
    uint64_t acted_kicks[NODE_MAX];  // an observation of that node with fewer may show it as it was before we acted
    int64_t cooling_until_ms;
    enum act cooling_of;
    char reason[NODE_WHY_SIZE];        // why the last action failed
    int intent_target;                 // node of an unfinished opening, -1
    enum act intent_act;               // what that opening was for: promote, switchover, ...
    int intent_rule;                   // by which rule
    uint64_t intent_epoch;             // and as which reign
    int64_t intent_wall_ms;            // when it was decided
    int64_t intent_fresh_until_ms;     // as a failover it is taken up again until then
    int intent_old;                    // and whose place the node was taking, -1
    bool intent_unfenced;              // which had not been seen to close
    bool leaving;                      // the mode was lossless and is async now: the primary may still wait
    int64_t sync_ms;                   // lossless: since when acknowledgements are known to be waited for
    int64_t sync_rest_ms;              // ... and no attempt to change that before
    int sync_doubts, intent_doubts;    // reads in a row of a hash that says something else
    bool intent_harmless;              // that opening ended, surely before the node could take writes
    int repairing;                     // the node that the repairer works on, -1
    char rows_reason[160];             // why the row of the reign could not be written again, "": it was not tried
    int64_t node_wait_ms[NODE_MAX];    // no repair of that node before: the last one failed
    struct job_heard jobs_heard[NODE_MAX];
    bool errant_tried[NODE_MAX];       // a resync without a person was, since it holds transactions of its own
    int64_t job_wait_ms[NODE_MAX];     // no resync job for it before; it is fenced all the same
    unsigned node_failures[NODE_MAX];  // of its resync, in a row
    struct known_difference differs[NODE_MAX];  // by the last copy or comparison
    enum standing standing[NODE_MAX];  // as reported last
    enum reach reach[NODE_MAX];
    bool stranger[NODE_MAX];  // told that somebody else answers under its name
    bool was_away[NODE_MAX];  // since it streamed last
    struct {
        int rule;  // 0: none
        int64_t told_ms;
    } alarms[NODE_MAX][ALARMS_MAX];  // by rule: what lasts is told again after a minute
    int64_t published_ms;
    bool write_trouble;
    char write_trouble_uuid[NODE_UUID_SIZE];  // of the primary that it was told of
    bool rows_lost;                           // told: rows of system_events are given up
    uint64_t let_through;                     // commits that nobody acknowledged, not told yet
    char let_through_by[NODE_NAME_SIZE];
    bool unfenced_told;      // that the primary stops and was not seen to close first
    int64_t let_through_ms;  // when some were told
    struct lacks lacks[NODE_MAX];  // as told
    int64_t lacks_job_ms[NODE_MAX];  // when a job was last seen on the node: what was found until then is of no use
    char lacks_primary[NODE_NAME_SIZE];
    struct publish_told told;  // what the writing of the hash brought to light, as of this tick
    int64_t refusing_ms;       // since when it is told that Redis takes no writes, 0: it does
    unsigned foreign;          // values in the hash that were not ours, not told yet
    char foreign_what[240], foreign_by[80];
    int64_t foreign_ms;    // when some were told
    unsigned idle_events;  // as told last, of the reign that follows
    uint64_t idle_epoch;
    int64_t urgent_ms;          // since when it has been unclear whether the primary lives; 0: it is clear
    struct recorder *recorder;  // borrowed, may be NULL
};

enum { RULE_ASKED_SWITCHOVER = 120 };  // of policy.c
enum { INTENT_FRESH_MS = 600000 };  // the nodes that an older one speaks of may be others by now, or hold other things

// A failover that was left half-way and is to be finished.
static inline bool failover_unfinished(const struct watcher *watcher) {
    return watcher->intent_target >= 0 && watcher->intent_act == ACT_PROMOTE &&
           watcher->now_ms < watcher->intent_fresh_until_ms;
}

static inline const char *node_shown(const struct watcher *watcher, int node) {
    return node >= 0 ? watcher->names[node] : "";
}

// self.c
void self_name(char id[80]);

// flags.c
unsigned flags_now(const struct watcher *watcher);
bool rival_unheard(
    const struct watcher *watcher);  // lossless: the primary serves, another node may reign: 149, 151, 533, 535
int preferred_node(const struct watcher *watcher);                   // -1: none
int target_node(const struct watcher *watcher, enum target target);  // whom a rule means, -1: none
void remember_failover(struct watcher *watcher);                     // for the failover limit

// intent.c
void intent_adopt(struct watcher *watcher,
                  const char *known);        // reads what an earlier life left: which node was being opened

void intent_adopt(struct watcher *watcher, const char *known);  // reads what an earlier life left: which node was being opened
void intent_keep_said(struct watcher *watcher, const struct cluster_state *known);  // maintenance, over an older hash
void intent_clear(struct watcher *watcher);  // once a primary serves

// obey.c
void obey_decision(struct watcher *watcher, const struct decision *decision);    // what concerns the primary
void obey_repairs(struct watcher *watcher);                                      // decides and does what the nodes need
void obey_repaired(struct watcher *watcher, const struct act_outcome *outcome);  // what came of one

// judge.c: answers every command with an event; what is accepted becomes watcher->asked, a job, or a changed flag.
void judge_command(struct watcher *watcher, const char *bytes, size_t length_bytes);
void judge_finished(struct watcher *watcher, const struct act_outcome *outcome);

// jobs.c. Takes over what the hash says of them.
void jobs_adopt(struct watcher *watcher, const struct cluster_state *read);
bool jobs_may_queue(const struct watcher *watcher, int node);  // not so soon after one that failed
// What the newest copy or comparison of each node says: it differs from the primary, or it does not.
void jobs_note_differences(struct watcher *watcher, const struct cluster_state *read);
unsigned jobs_differing(const struct watcher *watcher);        // a bit for each node
void jobs_node_is_back(struct watcher *watcher, int node);     // somebody may have mended what was in the way
// Queues a resync job for the node; the watcher itself asks when by is "watcher".
void jobs_queue(struct watcher *watcher, int node, enum job_rung method, const char *by, const char *command_id);
// Queues a comparison of the node with the primary, which takes nothing from the node: no job to the watcher.
void jobs_queue_check(struct watcher *watcher, int node, const char *by, const char *command_id);

// jobs_left.c, after each reading of the jobs.
void jobs_end_left(struct watcher *watcher);
bool job_left(const struct watcher *watcher, int node);  // its last job was ended so

// report.c
void report_event(struct watcher *watcher, enum event_type type, enum severity severity, const char *node, int rule,
                  enum msg msg, const struct kv *values);
void report_decision(struct watcher *watcher,
                     const struct decision *decision);  // log and event, if it says something new
void report_outcome(struct watcher *watcher, const struct act_outcome *outcome);
void report_nodes(struct watcher *watcher);                                         // up, down, recovered
void report_health(struct watcher *watcher);                                        // writes that fail
bool report_unfenced(const struct watcher *watcher);  // lossless: the primary stops and was not seen to close first
int report_target(const struct watcher *watcher, const struct decision *decision);  // whom its reason names, -1: nobody
void report_missing(const struct watcher *watcher, char *out,
                    size_t size_bytes);  // nodes not as they should be, by commas

// report_lacks.c
void report_lacks(struct watcher *watcher);  // what accounts and settings lack, and that it was mended
void report_lack(const struct watcher *watcher, int node, char *out, size_t size_bytes);  // the worst, "" if nothing
bool report_unable(const struct watcher *watcher, int node);  // the node lacks what a promotion needs

// outlook.c: what would be done if a person said so now, in words.
void outlook(const struct watcher *watcher, unsigned flags, char *out, size_t size_bytes);

// watcher.c: what assess() is given now.
struct assess_input watcher_input(const struct watcher *watcher);

// report_store.c: that Redis takes no writes, or that somebody else wrote into the state hash.
void report_store(struct watcher *watcher);
// what: what was found and what is so. by: the watcher that wrote it, "" for a hand.
void report_foreign(struct watcher *watcher, unsigned count, const char *what, const char *by);

// report_state.c
void report_state(struct watcher *watcher);  // fills watcher->state from what is known, and publishes it
