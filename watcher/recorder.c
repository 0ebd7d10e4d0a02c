#include "watcher/recorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"

enum { CALM_MS = 1000 };

struct recorder {
    char path[256];
    long limit_bytes;
    FILE *file;
    bool headed;
    struct observation *last[NODE_MAX];  // as written
    uint64_t state_sum;                  // of the state line as written
};

static bool begin(struct recorder *recorder, const char *mode) {
    recorder->file = fopen(recorder->path, mode);
    recorder->headed = false;
    recorder->state_sum = 0;
    for (int i = 0; i < NODE_MAX; i++) {
        observation_drop(&recorder->last[i]);
        recorder->last[i] = NULL;
    }
    return recorder->file != NULL;
}

struct recorder *recorder_open(const char *path, long limit_bytes) {
    struct recorder *recorder = mem_zero(1, sizeof *recorder);
    recorder->limit_bytes = limit_bytes;
    if (!text_copy(recorder->path, sizeof recorder->path, path) || !begin(recorder, "ae")) {
        free(recorder);
        return NULL;
    }
    return recorder;
}

void recorder_close(struct recorder *recorder) {
    if (!recorder) {
        return;
    }
    if (recorder->file) {
        (void)fclose(recorder->file);
    }
    for (int i = 0; i < NODE_MAX; i++) {
        observation_drop(&recorder->last[i]);
    }
    free(recorder);
}

static void put(struct recorder *recorder, char *line) {
    (void)fputs(line, recorder->file);
    (void)fputc('\n', recorder->file);
    free(line);
}

// The full one becomes the predecessor; a new one begins with everything, so that each file plays alone.
static void turn_over(struct recorder *recorder) {
    char older[sizeof recorder->path + 2];
    (void)text_format(older, sizeof older, "%s.1", recorder->path);
    (void)fclose(TAKE(recorder->file));
    (void)rename(recorder->path, older);
    (void)begin(recorder, "we");
}

static bool calm(const struct recorder_look *look) {
    switch (look->state->phase) {
        case PHASE_NORMAL:
        case PHASE_DEGRADED:
        case PHASE_RESYNC:
        case PHASE_FROZEN:
            return true;
        case PHASE_STARTING:
        case PHASE_SUSPECT:
        case PHASE_FAILOVER:
        case PHASE_SWITCHOVER:
        case PHASE_NO_PRIMARY:
        case PHASE_COUNT:
            break;
    }
    return false;
}

static bool put_observation(struct recorder *recorder, const struct recorder_look *look, int node) {
    struct observation *it = look->observations[node], *last = recorder->last[node];
    if (!it || (last && it->serial == last->serial)) {
        return false;
    }
    if (last && calm(look) && record_same(it, last) && it->at_ms - last->at_ms < CALM_MS) {
        return false;
    }
    put(recorder, record_observation(look->names[node], it, last));
    recorder->last[node] = observation_hold(it);
    observation_release(last);
    return true;
}

void recorder_look(struct recorder *recorder, const struct recorder_look *look) {
    if (!recorder || !recorder->file) {
        return;
    }
    if (!recorder->headed) {
        put(recorder,
            record_header(look->names, look->count, look->preferred, look->silent_ms, look->acks,
                          look->now_ms, look->now_wall_ms));
        recorder->headed = true;
    }
    bool wrote = false;
    uint64_t sum = record_state_sum(look->state, look->flags, &look->rest);
    if (sum != recorder->state_sum) {
        put(recorder, record_state(look->state, look->flags, &look->rest, look->now_ms));
        recorder->state_sum = sum;
        wrote = true;
    }
    for (int i = 0; i < look->count; i++) {
        wrote |= put_observation(recorder, look, i);
    }
    if (!wrote) {
        return;
    }
    put(recorder, record_tick(look->now_ms));
    (void)fflush(recorder->file);
    if (ftell(recorder->file) > recorder->limit_bytes) {
        turn_over(recorder);
    }
}
