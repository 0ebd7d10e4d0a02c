// The watcher's side of the state hash, on a thread of its own so that Redis never delays a decision: writes the newest
// state, queues jobs, renews the lease, reads the hash back (at the start, after a reconnect, and for the jobs'
// progress).
#pragma once
#include "common/loop.h"
#include "common/settings.h"
#include "common/state.h"
#include "watcher/lease.h"

struct publish;

// id names this watcher in the lease. Wakes the loop when something was read or the lease changed.
struct publish *publish_start(const struct settings *settings, struct loop *loop, const char *id);
void publish_stop(struct publish *publish);  // writes what is pending, gives the lease back; NULL is fine

// The newest wins; written soon, at once if urgent. Nothing is written before publish_take_read() brought what an
// earlier life of the watcher left in the hash. The actor records the intent; here it
// is only repeated, and made empty after publish_clear_intent().
void publish_state(struct publish *publish, const struct cluster_state *state, bool urgent);
void publish_job(struct publish *publish, const struct job_state *job);  // and a hint on …:jobs
void publish_clear_intent(struct publish *publish);
void publish_unsync(struct publish *publish);       // sync_epoch 0 with the next state: the hash says more than is so
void publish_read_again(struct publish *publish);   // the hash, soon
void publish_keep_intent(struct publish *publish);  // takes back a clearing that was not written yet

bool publish_read_waits(struct publish *publish);  // publish_take_read() has something
// True once per read: the hash as it is. *ret's heap parts are the caller's (state_done()).
bool publish_take_read(struct publish *publish, struct cluster_state *ret);
// The loop goes round. The lease is given back when it does not for as long as the lease lasts.
void publish_alive(struct publish *publish);
// Another watcher was met on a node: see lease_met().
void publish_met(struct publish *publish, const char *rival, int64_t met_ms);
void publish_lease(struct publish *publish, struct lease *ret);

// What the writing of the state hash brought to light.
struct publish_told {
    int64_t written_ms;  // monotonic: when Redis took the state last, 0: not yet
    bool refused;        // since then it answers and takes nothing, for that reason
    char refusal[200];
    unsigned foreign;  // values there that this watcher did not write, and has set right, since this was asked last
    char foreign_what[240];
    char foreign_by[80];  // another watcher, by what it signed; "": a hand
};
void publish_tells(struct publish *publish, struct publish_told *ret);
