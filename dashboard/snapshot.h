// What the dashboard knows: the state hash, the last events and the last log lines, each with the time at which it was
// learned, so that every answer can say how old it is. Filled by feed.c, read by api.c; times come from the caller.
// Pure.
#pragma once
#include "common/event.h"
#include "common/state.h"

#define SNAPSHOT_EVENTS 500
#define SNAPSHOT_MILESTONES 64  // FAILOVER, SWITCHOVER, RECOVERY, RESYNC: kept although newer noise pushes them out
#define SNAPSHOT_LINES 200
#define SNAPSHOT_LOGS 2  // SERVICE_WATCHER and SERVICE_RESYNC
#define SNAPSHOT_STALE_MS 10000

struct moment {
    int64_t mono_ms;  // for ages
    int64_t wall_ms;  // for stamps
};

// Oldest first; entries[(first + i) % capacity].
struct snapshot_ring {
    size_t capacity, first, count;
    struct event_record *entries;
};

struct snapshot_log {
    char *lines[SNAPSHOT_LINES];
    size_t first, count;
};

// Which event it was: after a loss of Redis a number may come again.
struct snapshot_mark {
    int64_t seq, ts_ms;
};

struct snapshot {
    struct cluster_state state;
    bool known;                 // the hash was read and is not empty
    unsigned version;           // differs after each change of state
    int64_t changed_mono_ms;    // when the watcher's updated_ms was last seen to move
    int64_t read_mono_ms;       // last answer about the hash, 0: never
    bool connected;             // both connections to Redis are up and subscribed
    int64_t connected_mono_ms;  // when that last changed
    int64_t newest_seq;
    struct snapshot_ring events, milestones;
    struct snapshot_log logs[SNAPSHOT_LOGS];
    bool loaded;                   // the history was read once: what is new from then on is news
    struct snapshot_mark *before;  // what was known before the history was read anew, while it is being read
    size_t before_count;
    uint64_t counted[EVENT_TYPE_COUNT];  // news since the dashboard started; never falls
};

struct snapshot *snapshot_new(struct moment now);
void snapshot_free(struct snapshot *snapshot);

// Takes over *state (zeroed after).
void snapshot_take_state(struct snapshot *snapshot, struct cluster_state *state, struct moment now);
void snapshot_connected(struct snapshot *snapshot, bool connected, struct moment now);

// Takes over *event. false (and freed) if it is known already or numbered far behind: the history began anew.
bool snapshot_take_event(struct snapshot *snapshot, struct event_record *event);
// Takes over an event older than everything known; kept only if it is a milestone and there is room.
void snapshot_take_older(struct snapshot *snapshot, struct event_record *event);
void snapshot_forget_events(struct snapshot *snapshot);   // before the history is read anew
void snapshot_history_loaded(struct snapshot *snapshot);  // after that
// It happened while the dashboard runs and was not known before, not even before the history was read anew.
bool snapshot_is_news(const struct snapshot *snapshot, const struct event_record *event);

void snapshot_take_line(struct snapshot *snapshot, enum service service, const char *line, size_t length_bytes);
void snapshot_forget_lines(struct snapshot *snapshot);

// i = 0 is the oldest.
const struct event_record *snapshot_event(const struct snapshot_ring *ring, size_t i);
const char *snapshot_line(const struct snapshot_log *log, size_t i);
bool snapshot_is_milestone(enum event_type type);

int64_t snapshot_state_age_ms(const struct snapshot *snapshot, struct moment now);  // -1: nothing known
int64_t snapshot_read_age_ms(const struct snapshot *snapshot, struct moment now);   // -1: never read
bool snapshot_stale(const struct snapshot *snapshot, struct moment now);
