// A replica's receiver and applier as MySQL's behave: heartbeats of 0.5 s, given up after 2 s of silence, a new attempt
// each second, an attempt at a frozen host hangs for 2 s and holds up STOP.
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tests/sim/world.h"

enum { HEARTBEAT_MS = 500, NET_TIMEOUT_MS = 2000, RETRY_MS = 1000, LOOK_MS = 100 };
enum {
    ERRNO_REFUSED = 2003,
    ERRNO_GONE = 2005,
    ERRNO_LOST = 2013,
    ERRNO_FULL = 1040,
    ERRNO_OFFLINE = 3032,
    ERRNO_FATAL = 13114
};

static void step_at(struct node *node, int64_t at_ms) {
    sim_at(at_ms, NULL, (sim_fn *)repl_step, node);
}

static void drop_relay(struct replication *repl) {
    repl->relay_count = repl->relay_done = 0;
    memset(repl->from, 0, sizeof repl->from);
    memset(repl->to, 0, sizeof repl->to);
}

void repl_follow(struct node *node, int source) {
    struct replication *repl = &node->repl;
    repl_forget(node);
    repl->configured = true;
    repl->source = source;
}

void repl_forget(struct node *node) {
    struct replication *repl = &node->repl;
    drop_relay(repl);
    repl->configured = repl->applier = repl->uuid_known = repl->stop_asked = repl->acknowledges = false;
    repl->applier_stops = false;
    repl->receiver = THREAD_OFF;
    repl->receiver_errno = repl->applier_errno = 0;
    repl->heartbeats = 0;
    repl->source = -1;
}

void repl_start(struct node *node, bool receiver, bool applier) {
    struct replication *repl = &node->repl;
    if (!repl->configured) {
        return;
    }
    if (receiver && repl->receiver == THREAD_OFF) {
        repl->receiver = THREAD_CONNECTING;
        repl->receiver_errno = 0;
        repl->attempt_ms = sim_now_ms();
        repl->attempt_end_ms = 0;
        repl->stop_asked = false;
    }
    if (applier && !repl->applier) {
        repl->applier = true;
        repl->applier_errno = 0;
        repl->apply_ms = sim_now_ms();
    }
    step_at(node, sim_now_ms() + 1);
}

bool repl_stop_receiver(struct node *node) {
    struct replication *repl = &node->repl;
    if (repl->receiver == THREAD_ON && node->stop_cost_ms > 0 && !repl->stop_asked) {
        repl->attempt_end_ms = sim_now_ms() + node->stop_cost_ms;
        step_at(node, repl->attempt_end_ms);
    }
    if (repl->receiver != THREAD_OFF && repl->attempt_end_ms > sim_now_ms()) {
        repl->stop_asked = true;
        return false;
    }
    repl->receiver = THREAD_OFF;
    repl->stop_asked = false;
    return true;
}

// The applier's next transaction cannot be finished: a lock keeps it, or it waits for acknowledgements itself.
static bool stuck(const struct node *node) {
    const struct replication *repl = &node->repl;
    if (!repl->applier || repl->applier_errno || repl->relay_done >= repl->relay_count) {
        return false;
    }
    return node->source_on || (node->held && txn_at(repl->relay[repl->relay_done].id)->kind == TXN_WRITE);
}

bool repl_stop_applier(struct node *node) {
    struct replication *repl = &node->repl;
    repl->applier_stops = repl->applier && repl->applier_errno == 0 && (repl->applier_stops || stuck(node));
    repl->applier = repl->applier_stops;
    return !repl->applier;
}

int repl_left(const struct node *node) {
    int left = 0;
    for (int u = 0; u < NODES; u++) {
        int to = node->repl.to[u];
        left += to > node->data.executed[u] ? to - node->data.executed[u] : 0;
    }
    return left;
}

// --- the receiver ---

static bool has(const struct node *node, const struct entry *entry) {
    const struct replication *repl = &node->repl;
    return entry->seq <= node->data.executed[entry->uuid] ||
           (entry->seq > repl->from[entry->uuid] && entry->seq <= repl->to[entry->uuid]);
}

static int held(const struct node *node, int uuid) {
    int executed = node->data.executed[uuid], received = node->repl.to[uuid];
    return executed > received ? executed : received;
}

static void acknowledge(void *arg) {
    node_acknowledge(arg);
}

// The next transaction. One that takes a while shows in the set of what was received only then.
static bool is_whole(struct node *node) {
    struct replication *repl = &node->repl;
    if (node->take_cost_ms > 0 && repl->whole_ms == 0) {
        repl->whole_ms = sim_now_ms() + node->take_cost_ms;
        step_at(node, repl->whole_ms);
    }
    if (repl->whole_ms > sim_now_ms()) {
        return false;
    }
    repl->whole_ms = 0;
    return true;
}

static void take(struct node *node, const struct node *source) {
    struct replication *repl = &node->repl;
    if (repl->acknowledges && source->source_on && repl->cursor < source->data.log_count) {
        sim_at(sim_now_ms() + net_latency(node->index, source->index), NULL, acknowledge, &world.node[source->index]);
    }
    for (; repl->cursor < source->data.log_count; repl->cursor++) {
        const struct entry *entry = &source->data.log[repl->cursor];
        if (has(node, entry)) {
            continue;
        }
        if (!is_whole(node)) {
            return;
        }
        if (repl->relay_count == repl->relay_room) {
            repl->relay_room = repl->relay_room ? repl->relay_room * 2 : 64;
            repl->relay = mem_grow(repl->relay, (size_t)repl->relay_room, sizeof *repl->relay);
        }
        if (repl->to[entry->uuid] == 0) {
            repl->from[entry->uuid] = entry->seq - 1;
        }
        repl->to[entry->uuid] = entry->seq;
        repl->relay[repl->relay_count++] = *entry;
        repl->said = repl->acknowledges && entry->uuid == source->index ? entry->seq : repl->said;
        repl->heard_ms = sim_now_ms();
    }
}

static void lose(struct node *node, int number) {
    struct replication *repl = &node->repl;
    repl->receiver = THREAD_CONNECTING;
    repl->receiver_errno = number;
    repl->attempt_end_ms = 0;
    repl->attempt_ms = sim_now_ms() + (number ? RETRY_MS : 1);
    step_at(node, repl->attempt_ms);
}

// Both sides agree on where to go on, or not: 1236 and its kin end the receiver for good.
static bool positions_fit(const struct node *node, const struct node *source) {
    for (int u = 0; u < NODES; u++) {
        if (source->data.purged[u] > held(node, u)) {
            return false;
        }
    }
    return held(node, source->index) <= source->data.executed[source->index];
}

static void connected(struct node *node, const struct node *source) {
    struct replication *repl = &node->repl;
    if (!positions_fit(node, source)) {
        repl->receiver = THREAD_OFF;
        repl->receiver_errno = ERRNO_FATAL;
        world_trace("%s: %s refuses it (1236)", node->name, source->name);
        return;
    }
    repl->receiver = THREAD_ON;
    repl->receiver_errno = 0;
    repl->uuid_known = true;
    repl->acknowledges = node->replica_on;
    repl->said = 0;
    repl->source_boot = source->boot;
    repl->source_offline_times = source->offline_times;
    repl->cursor = 0;
    repl->whole_ms = 0;
    repl->heard_ms = repl->beat_ms = sim_now_ms();
    take(node, source);
}

static void attempt(struct node *node, const struct node *source) {
    struct replication *repl = &node->repl;
    int64_t now_ms = sim_now_ms();
    if (repl->attempt_ms > now_ms && repl->attempt_end_ms == 0) {
        return;
    }
    if (source->name_gone) {
        lose(node, ERRNO_GONE);
        return;
    }
    if (net_pair(node->index, source->index) && source->thaw_ms <= now_ms) {
        if (source->power != POWER_ON) {
            lose(node, ERRNO_REFUSED);
        } else if (source->overloaded_ms > now_ms) {
            lose(node, ERRNO_FULL);
        } else if (source->offline_mode) {
            lose(node, ERRNO_OFFLINE);
        } else if (repl->stop_asked) {  // it looks before it asks its source for anything
            repl->stop_asked = false;
            repl->receiver = THREAD_OFF;
        } else {
            connected(node, source);
        }
        return;
    }
    if (repl->attempt_end_ms == 0) {
        repl->attempt_end_ms = now_ms + NET_TIMEOUT_MS;
        step_at(node, repl->attempt_end_ms);
    } else if (repl->attempt_end_ms <= now_ms) {
        lose(node, source->thaw_ms > now_ms ? ERRNO_LOST : ERRNO_REFUSED);
    }
}

static void stream(struct node *node, const struct node *source) {
    struct replication *repl = &node->repl;
    int64_t now_ms = sim_now_ms();
    bool linked = net_pair(node->index, source->index);
    bool alive = source->power == POWER_ON || source->power == POWER_CLOSING;
    bool same = alive && source->boot == repl->source_boot;
    if (linked && !same) {
        lose(node, 0);
        return;
    }
    // It ends the sessions of all but administrators: a replica that was frozen meanwhile finds that out when it thaws.
    if (linked && (source->offline_mode || source->offline_times != repl->source_offline_times)) {
        lose(node, source->offline_mode ? ERRNO_OFFLINE : 0);
        return;
    }
    if (linked && source->thaw_ms <= now_ms) {
        take(node, source);
        int64_t quiet_ms = now_ms - (repl->heard_ms > repl->beat_ms ? repl->heard_ms : repl->beat_ms);
        if (quiet_ms >= HEARTBEAT_MS) {
            repl->heartbeats++;
            repl->beat_ms = now_ms;
        }
    }
    int64_t last_ms = repl->heard_ms > repl->beat_ms ? repl->heard_ms : repl->beat_ms;
    if (now_ms - last_ms >= NET_TIMEOUT_MS) {
        lose(node, 0);
    }
}

// --- the applier ---

static void apply(struct node *node) {
    struct replication *repl = &node->repl;
    while (repl->applier && repl->applier_errno == 0 && !stuck(node) && repl->relay_done < repl->relay_count) {
        if (repl->apply_ms > sim_now_ms()) {
            step_at(node, repl->apply_ms);
            return;
        }
        const struct entry *entry = &repl->relay[repl->relay_done];
        if (entry->seq == node->data.executed[entry->uuid] + 1) {
            node_apply(node, entry->uuid, entry->id);
        }
        repl->relay_done++;
        repl->applier = !repl->applier_stops;
        repl->applier_stops = false;
        repl->apply_ms = sim_now_ms() + (node->apply_cost_ms > 1 ? node->apply_cost_ms : 0);
    }
}

void repl_step(struct node *node) {
    struct replication *repl = &node->repl;
    if (!node_serves(node) || !repl->configured) {
        return;
    }
    const struct node *source = &world.node[repl->source];
    if (repl->stop_asked && repl->attempt_end_ms <= sim_now_ms()) {
        repl->stop_asked = false;  // a thread that was told to stop looks before it asks its source for anything
        repl->receiver = THREAD_OFF;
    } else if (repl->receiver == THREAD_CONNECTING) {
        attempt(node, source);
    } else if (repl->receiver == THREAD_ON) {
        stream(node, source);
    }
    apply(node);
}
