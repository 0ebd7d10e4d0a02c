// Changes the world: one actor thread that carries out one request at a time, step by step, each idempotent and with
// its precondition checked again on the node. The policy decides, this obeys or refuses; what came of it is an outcome
// that the loop reads. Two actors run: one for who is primary, one for repairs, so that a repair never delays a
// failover.
#pragma once
#include "common/logship.h"
#include "common/loop.h"
#include "common/settings.h"
#include "watcher/observe.h"
#include "watcher/policy.h"

struct act_request {
    enum act act;
    enum act told_as;  // what a person is told that this was: the end of a failover that was cut off, say
    int rule;
    enum msg why_msg;
    char why[NODE_WHY_SIZE];
    int target;                        // node to open, fence or repoint to
    char target_uuid[NODE_UUID_SIZE];  // as observed when it was decided
    int old;                           // the primary until now, -1
    char old_uuid[NODE_UUID_SIZE];
    uint64_t old_epoch;       // of the reign until now, the newest that is known
    uint64_t since;           // the first of those that the target must know of, to take over (facts.reign_since)
    uint64_t epoch;           // of the new reign
    int reign_rule;           // ACT_RESTORE: by which rule the reign began whose row is written again
    bool job_left;            // a resync job of the target was given up: nobody may be at work there
    bool forced;              // an operator accepts the loss
    bool unfenced;            // lossless: the old primary stopped and was not seen to close first
    int quorum;               // lossless: so many nodes that vouch must be stopped and asked first; 0: none
    int64_t boots[NODE_MAX];  // ... and in which life of its server each vouched, 0: it does not
    uint64_t received[NODE_MAX];  // ... and how many transactions its relay log had received then
    int64_t lease_ms;             // monotonic: what cannot be undone is refused by the node from then on, 0: no limit
    bool unrecorded;              // lossless: it may go on though Redis does not record it
    bool rival_unheard;  // lossless: another node may reign by now and cannot be asked: nobody is let go on alone
    char command_id[64];
    char by[64];
    int64_t decided_ms;  // monotonic
    char intent[512];    // recorded in the state hash before the first step
};

// How far the opening of a node got. Its epoch row is the point of no return: once it is durable the node is the
// primary of that epoch, even if it has yet to be opened; whoever cannot tell must not open another one.
enum reign { REIGN_NOT_BEGUN, REIGN_UNCERTAIN, REIGN_BEGUN, REIGN_OPEN };

struct act_outcome {
    struct act_request request;
    bool ok;
    enum reign reign;  // how far the target got
    struct err err;    // why not
    char note[200];    // what a person should know of a success ("" if nothing)
    char ended[300];   // the sessions that held it up and were ended ("" if none)
    int64_t took_ms;
    char steps[160];  // how long each step took: "settle 31, stop 2, ..."
};

struct actor;

struct publish;

struct actor *actor_start(const struct settings *settings, struct observe *observe, struct publish *publish,
                          struct loop *loop);
void actor_finish(struct actor *actor);  // ends the thread, with what is under way; the outcome can still be taken
void actor_stop(struct actor *actor);    // the same, and frees it; NULL is fine

bool actor_idle(struct actor *actor);
void actor_submit(struct actor *actor, const struct act_request *request);  // only when idle
bool actor_take(struct actor *actor, struct act_outcome *ret);              // true once per request, when it ended
