// What the assess*.c files ask of each other. Private to them.
#pragma once
#include "watcher/assess.h"

// What one call works with.
struct view {
    struct memory *memory;
    const struct assess_input *in;
    struct facts facts;
};

// assess_node.c: the newest observation, if it is an answer; whether the node is reached now; whether a job works on
// it; whether the recorded primary is its source; what it executed or received.
const struct observation *assess_seen(const struct view *view, int node);
bool assess_up(const struct view *view, int node);
bool assess_job_on(const struct view *view, int node);
bool assess_follows_primary(const struct view *view, int node);
// Of these transactions, how many another than the primary made.
uint64_t assess_foreign(const struct gtid_set *extra, const char *primary_uuid);
struct gtid_set *assess_holds(const struct observation *it);

// Takes in the newest observation of a node (NULL: none yet), once.
void assess_remember(struct node_memory *memory, const struct observation *observation, int64_t now_ms);

enum reach assess_reach(const struct node_memory *memory, const struct observation *observation, int64_t now_ms,
                        int64_t silent_ms);

// assess_sync.c, lossless mode. Who vouches, before the candidates are judged; then what may become of one that is
// ready.
void assess_vouchers(struct view *view);
enum candidate assess_proof(const struct view *view, int node);
// After the view of the primary and the standings are known.
void assess_sync(struct view *view);

// assess_rows.c: has the open primary still the row of its reign?
void assess_rows(struct view *view);
