// The processes: watchers (the real ones), the clients that write and remember.
#include <limits.h>
#include <stdlib.h>

#include "common/mem.h"
#include "common/text.h"
#include "tests/sim/world.h"
#include "watcher/recorder.h"
#include "watcher/watcher.h"

// --- watchers ---

static struct {
    struct watcher *watcher;
    struct loop *loop;
    struct recorder *recorder;
} running[WATCHERS];
const char *services_record;
static bool stopping[WATCHERS], wanted[WATCHERS];  // wanted: start again when it has stopped

const struct watcher *watcher_peek(int index) {
    const struct process *process = &world.watcher[index];
    return process->up && !process->dead && process->thaw_ms <= sim_now_ms() && !stopping[index]
               ? running[index].watcher
               : NULL;
}

void watcher_begin(int index) {
    struct process *process = &world.watcher[index];
    if (process->up) {
        wanted[index] = stopping[index];
        return;
    }
    process->up = true;
    wanted[index] = false;
    process->dead = stopping[index] = false;
    process->thaw_ms = 0;
    process->life++;
    struct process *outer = sim_process;
    sim_process = process;
    running[index].loop = loop_new();
    running[index].watcher = watcher_start(&world.settings, running[index].loop);
    if (services_record && index == 0) {
        running[index].recorder = recorder_open(services_record, LONG_MAX);
        watcher_record(running[index].watcher, running[index].recorder);
    }
    sim_process = outer;
}

static void take_down(void *arg) {
    int index = *(int *)arg;
    loop_stop(running[index].loop);
    watcher_stop(running[index].watcher);
    recorder_close(TAKE(running[index].recorder));
    loop_free(running[index].loop);
    running[index].watcher = NULL;
    running[index].loop = NULL;
}

static void begin_again(void *arg) {
    watcher_begin(*(int *)arg);
}

static void *stop_gently(void *arg) {
    static int indexes[WATCHERS] = {0, 1};
    struct process *process = arg;
    int index = process->host - HOST_WATCHER;
    take_down(&indexes[index]);
    process->up = false;
    process->life++;
    if (wanted[index]) {
        sim_at(sim_now_ms(), NULL, begin_again, &indexes[index]);
    }
    return NULL;
}

void watcher_end(int index, bool killed) {
    struct process *process = &world.watcher[index];
    if (!process->up) {
        stopping[index] = false;
        return;
    }
    if (!killed && process->thaw_ms <= sim_now_ms()) {
        if (!stopping[index]) {
            stopping[index] = true;
            loop_stop(running[index].loop);
            (void)co_start(process, stop_gently, process);
        }
        return;
    }
    process_kill(process, stopping[index] ? NULL : take_down, &index);
    stopping[index] = false;
}

// --- clients: they write to whoever lets them and remember what they were told ---

enum { WRITE_WITHIN_MS = 1500 };

static int find_open(int host, int from) {
    for (int i = 0; i < world.nodes; i++) {
        int at = (from + i) % world.nodes;
        const struct node *node = &world.node[at];
        if (node->power == POWER_ON && net_pair(host, at)) {
            return at;
        }
    }
    return from;
}

enum told client_commits(int host, struct node *node, unsigned boot, int64_t until_ms) {
    unsigned kills = node->kills;
    while (node->fencing_ms > sim_now_ms() && sim_now_ms() < until_ms && node->kills == kills) {
        co_sleep(3);
    }
    if (node->boot != boot || node->kills != kills) {
        return TOLD_LOST;
    }
    if (!node_serves(node) || !node_open(node) || node->fencing_ms > sim_now_ms()) {
        return TOLD_REFUSED;
    }
    int id = node_commit(node, (struct txn){.kind = TXN_WRITE});
    int seq = node->data.executed[node->index];
    // From here it is in the binlog; told or not told, it happened.
    while (node->boot == boot && node->kills == kills && seq > node_seen(node) && sim_now_ms() < until_ms) {
        co_sleep(3);
    }
    bool commits = node->boot == boot && node->kills == kills && seq <= node_seen(node);
    if (commits) {
        check_acknowledged(node, id);  // the answer may be long on its way
    }
    if (!commits || net_from_node(node, host, boot, until_ms) != TRIP_OK) {
        return TOLD_NOTHING;
    }
    txn_at(id)->acked = true;
    return TOLD_DONE;
}

static bool write_to(int host, struct node *node) {
    int64_t until_ms = sim_now_ms() + WRITE_WITHIN_MS;
    unsigned boot = node->boot;
    if (net_to_node(host, node, 0, until_ms) != TRIP_OK || !node_open(node) || node->overloaded_ms > sim_now_ms()) {
        return false;
    }
    boot = node->boot;
    if (sim_chance(10)) {  // a transaction that takes a while; the fence waits for it
        int64_t for_ms = sim_between(5, 60);
        int64_t end_ms = sim_now_ms() + for_ms;
        node->locked_ms = node->locked_ms > end_ms ? node->locked_ms : end_ms;
        co_sleep(for_ms);
        if (!node_serves(node) || node->boot != boot || !node_open(node)) {
            return false;
        }
    }
    enum told told = client_commits(host, node, boot, until_ms);
    return told == TOLD_NOTHING || told == TOLD_DONE;
}

static void *client(void *arg) {
    int index = (int)(intptr_t)arg;
    int host = HOST_CLIENT + index;
    int at = 0;
    for (;;) {
        co_sleep(sim_between(40, 160));
        if (world.quiet) {
            continue;
        }
        bool astray = sim_chance(5);  // it was told another address
        if (!write_to(host, &world.node[at]) || astray) {
            at = find_open(host, (int)sim_random((uint64_t)world.nodes));
        }
    }
    return NULL;
}

void clients_begin(void) {
    for (int i = 0; i < CLIENTS; i++) {
        (void)co_start(NULL, client, (void *)(intptr_t)i);
    }
}
