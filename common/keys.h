// What Relevo's keys and channels in Redis are called; compose/redis/start.sh says who may touch which. Pure.
#pragma once
#include "node.h"

enum { KEY_SIZE = 96 };

enum store_channel { STORE_COMMANDS, STORE_JOBS, STORE_EVENTS, STORE_STATE, STORE_CHANNEL_COUNT };

struct keys {
    char state[KEY_SIZE];  // hash: scalars and node:<name>, written by the watcher alone
    char jobs[KEY_SIZE];   // hash: job:<node> and verify:<node>, written by watcher and resync
    char history[KEY_SIZE], log[SERVICE_COUNT][KEY_SIZE];            // streams
    char seq[KEY_SIZE];                                              // counts the events
    char lease[KEY_SIZE], renewals[KEY_SIZE], rival[KEY_SIZE];       // among watchers
    char channels[STORE_CHANNEL_COUNT][KEY_SIZE];
};

struct keys keys_of(const char *cluster);
