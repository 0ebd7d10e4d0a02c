#include "snapshot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"

#define LATE_MOST 100  // writers number an event before they append it: they may overtake each other by a few

static void ring_init(struct snapshot_ring *ring, size_t capacity) {
    *ring = (struct snapshot_ring){.capacity = capacity, .entries = mem_zero(capacity, sizeof *ring->entries)};
}

static struct event_record *ring_at(const struct snapshot_ring *ring, size_t i) {
    assert(ring->capacity > 0);
    return &ring->entries[(ring->first + i) % ring->capacity];
}

static void ring_clear(struct snapshot_ring *ring) {
    for (size_t i = 0; i < ring->count; i++) {
        event_done(ring_at(ring, i));
    }
    ring->first = ring->count = 0;
}

static void ring_append(struct snapshot_ring *ring, struct event_record event) {
    if (ring->count == ring->capacity) {
        event_done(ring_at(ring, 0));
        ring->first = (ring->first + 1) % ring->capacity;
        ring->count--;
    }
    *ring_at(ring, ring->count++) = event;
}

static void log_clear(struct snapshot_log *log) {
    for (size_t i = 0; i < log->count; i++) {
        free(log->lines[(log->first + i) % SNAPSHOT_LINES]);
    }
    log->first = log->count = 0;
}

struct snapshot *snapshot_new(struct moment now) {
    struct snapshot *snapshot = mem_zero(1, sizeof *snapshot);
    ring_init(&snapshot->events, SNAPSHOT_EVENTS);
    ring_init(&snapshot->milestones, SNAPSHOT_MILESTONES);
    snapshot->connected_mono_ms = now.mono_ms;
    return snapshot;
}

void snapshot_free(struct snapshot *snapshot) {
    if (snapshot == NULL) {
        return;
    }
    ring_clear(&snapshot->events);
    ring_clear(&snapshot->milestones);
    free(snapshot->events.entries);
    free(snapshot->milestones.entries);
    free(snapshot->before);
    snapshot_forget_lines(snapshot);
    state_done(&snapshot->state);
    free(snapshot);
}

void snapshot_take_state(struct snapshot *snapshot, struct cluster_state *state, struct moment now) {
    if (!snapshot->known || state->updated_ms != snapshot->state.updated_ms) {
        // The first reading trusts the writer's wall clock; later ones only need to see the stamp move.
        int64_t behind_ms = snapshot->known ? 0 : now.wall_ms - state->updated_ms;
        snapshot->changed_mono_ms = now.mono_ms - (behind_ms > 0 ? behind_ms : 0);
    }
    snapshot->known = state->updated_ms != 0;
    snapshot->read_mono_ms = now.mono_ms;
    snapshot->version++;
    state_done(&snapshot->state);
    snapshot->state = *state;
    *state = (struct cluster_state){0};
}

void snapshot_connected(struct snapshot *snapshot, bool connected, struct moment now) {
    if (snapshot->connected != connected) {
        snapshot->connected = connected;
        snapshot->connected_mono_ms = now.mono_ms;
        snapshot->version++;
    }
}

bool snapshot_is_milestone(enum event_type type) {
    return type == EVENT_FAILOVER || type == EVENT_SWITCHOVER || type == EVENT_RECOVERY || type == EVENT_RESYNC;
}

static struct event_record event_copy(const struct event_record *event) {
    struct event_record copy = *event;
    copy.detail = json_incref(event->detail);  // details are never changed after decoding
    return copy;
}

static bool is_known(const struct snapshot *snapshot, int64_t seq) {
    size_t most = snapshot->events.count < LATE_MOST ? snapshot->events.count : LATE_MOST;
    for (size_t i = 0; i < most; i++) {
        if (ring_at(&snapshot->events, snapshot->events.count - 1 - i)->seq == seq) {
            return true;
        }
    }
    return false;
}

bool snapshot_is_news(const struct snapshot *snapshot, const struct event_record *event) {
    for (size_t i = 0; i < snapshot->before_count; i++) {
        if (snapshot->before[i].seq == event->seq && snapshot->before[i].ts_ms == event->ts_ms) {
            return false;
        }
    }
    return snapshot->loaded;
}

bool snapshot_take_event(struct snapshot *snapshot, struct event_record *event) {
    int64_t newest = snapshot->newest_seq;
    if (event->seq <= newest && (event->seq + LATE_MOST <= newest || is_known(snapshot, event->seq))) {
        event_done(event);
        return false;
    }
    snapshot->newest_seq = event->seq > newest ? event->seq : newest;
    snapshot->counted[event->type] += snapshot_is_news(snapshot, event);
    if (snapshot_is_milestone(event->type)) {
        ring_append(&snapshot->milestones, event_copy(event));
    }
    ring_append(&snapshot->events, *event);
    *event = (struct event_record){0};
    return true;
}

void snapshot_take_older(struct snapshot *snapshot, struct event_record *event) {
    struct snapshot_ring *ring = &snapshot->milestones;
    if (!snapshot_is_milestone(event->type) || ring->count == ring->capacity) {
        event_done(event);
        return;
    }
    ring->first = (ring->first + ring->capacity - 1) % ring->capacity;
    ring->count++;
    *ring_at(ring, 0) = *event;
    *event = (struct event_record){0};
}

static void forget_marks(struct snapshot *snapshot) {
    free(snapshot->before);
    snapshot->before = NULL;
    snapshot->before_count = 0;
}

void snapshot_forget_events(struct snapshot *snapshot) {
    const struct snapshot_ring *ring = &snapshot->events;
    forget_marks(snapshot);
    snapshot->before = mem_zero(ring->capacity, sizeof *snapshot->before);
    for (size_t i = 0; i < ring->count; i++) {
        const struct event_record *event = ring_at(ring, i);
        snapshot->before[snapshot->before_count++] = (struct snapshot_mark){event->seq, event->ts_ms};
    }
    ring_clear(&snapshot->events);
    ring_clear(&snapshot->milestones);
    snapshot->newest_seq = 0;
}

void snapshot_history_loaded(struct snapshot *snapshot) {
    forget_marks(snapshot);
    snapshot->loaded = true;
}

void snapshot_take_line(struct snapshot *snapshot, enum service service, const char *line, size_t length_bytes) {
    if ((size_t)service >= SNAPSHOT_LOGS) {
        return;
    }
    struct snapshot_log *log = &snapshot->logs[service];
    if (log->count == SNAPSHOT_LINES) {
        free(log->lines[log->first]);
        log->first = (log->first + 1) % SNAPSHOT_LINES;
        log->count--;
    }
    char *copy =
        text_is_utf8(line, length_bytes) ? mem_format("%.*s", (int)length_bytes, line) : mem_text("(not UTF-8)");
    log->lines[(log->first + log->count++) % SNAPSHOT_LINES] = copy;
}

void snapshot_forget_lines(struct snapshot *snapshot) {
    for (size_t i = 0; i < SNAPSHOT_LOGS; i++) {
        log_clear(&snapshot->logs[i]);
    }
}

const struct event_record *snapshot_event(const struct snapshot_ring *ring, size_t i) {
    return ring_at(ring, i);
}

const char *snapshot_line(const struct snapshot_log *log, size_t i) {
    return log->lines[(log->first + i) % SNAPSHOT_LINES];
}

int64_t snapshot_state_age_ms(const struct snapshot *snapshot, struct moment now) {
    return snapshot->known ? now.mono_ms - snapshot->changed_mono_ms : -1;
}

int64_t snapshot_read_age_ms(const struct snapshot *snapshot, struct moment now) {
    return snapshot->read_mono_ms == 0 ? -1 : now.mono_ms - snapshot->read_mono_ms;
}

bool snapshot_stale(const struct snapshot *snapshot, struct moment now) {
    return !snapshot->known || !snapshot->connected || snapshot_state_age_ms(snapshot, now) > SNAPSHOT_STALE_MS ||
           snapshot_read_age_ms(snapshot, now) > SNAPSHOT_STALE_MS;
}
