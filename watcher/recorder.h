// Keeps what the watcher saw lately, as lines of record.h, in a file and its predecessor of at most limit_bytes each:
// `watcher --history` prints them, `watcher --replay FILE` plays them again. Everything is kept while something is
// unclear, else a line for each change and one a second. Costs a failover nothing: the file is in memory (/tmp), and
// one that cannot be written is left. One thread.
#pragma once
#include "watcher/record.h"

#define RECORDER_PATH "/tmp/relevo-history.jsonl"

struct recorder;

struct recorder_look {
    int64_t now_ms, now_wall_ms;
    const char (*names)[NODE_NAME_SIZE];
    int count;
    const char *preferred;
    int64_t silent_ms;
    int acks;
    struct record_rest rest;
    struct observation *const *observations;
    const struct cluster_state *state;
    unsigned flags;
};

struct recorder *recorder_open(const char *path, long limit_bytes);               // NULL: cannot be written
void recorder_look(struct recorder *recorder, const struct recorder_look *look);  // recorder NULL: nothing
void recorder_close(struct recorder *recorder);
