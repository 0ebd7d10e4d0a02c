// The watcher's eyes: watcher/observe.h over the model. One prober per node, as in watcher/observe.c: a session that is
// kept, a probe per period or kick, a word at once when the server hangs up.
#include "watcher/inspect.h"
#include "watcher/observe.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"
#include "tests/sim/port.h"

enum { TIMEOUT_MS = 1000, RELEVO_EVERY_MS = 400, REFUSED_PAUSE_MS = 20 };

struct prober {
    struct observe *observe;
    struct node *node;
    struct co *co;
    struct db_session *session;
    uint64_t serial;
    struct observation *relevo;
    int64_t relevo_ms;
    bool hungup, kicked;
};

struct observe {
    struct loop *loop;
    bool stopping;
    uint64_t kicks;
    int64_t period_ms;
    int host, count;
    struct prober probers[NODES];
    struct observation *latest[NODES];
    bool answered[NODES];
    int rival;  // host of another watcher
    int64_t met_ms;
};
static struct observe *observes[WATCHERS];

static void post(struct prober *prober, struct observation *it) {
    struct observe *observe = prober->observe;
    it->serial = ++prober->serial;
    it->at_ms = clock_mono_ms();
    it->at_wall_ms = clock_wall_ms();
    struct observation **latest = &observe->latest[prober->node->index];
    observation_release(*latest);
    *latest = it;
    loop_wake(observe->loop);
}

static void drop_session(struct prober *prober) {
    db_close(prober->session);
    prober->session = NULL;
    observation_release(prober->relevo);
    prober->relevo = NULL;
}

void observe_look(const struct node *node, struct observation *it) {
    const struct replication *repl = &node->repl;
    it->outcome = PROBE_OK;
    (void)text_copy(it->uuid, sizeof it->uuid, node->uuid);
    (void)text_copy(it->version, sizeof it->version, "9.7.0");
    it->server_id = (uint32_t)node->index + 1;
    it->read_only = node->read_only;
    it->super_read_only = node->super_read_only || node->fencing_ms > sim_now_ms();  // as MySQL shows it meanwhile
    it->offline_mode = node->offline_mode;
    it->half_rebuilt = node->rebuild_marked;
    it->gtid_on = true;
    it->executed_text = node_executed(node);
    it->received_text = node_received(node);
    it->executed = gtid_parse(it->executed_text, NULL);
    it->received = gtid_parse(it->received_text, NULL);
    it->receiver = repl->configured ? repl->receiver : THREAD_ABSENT;
    it->applier = !repl->configured ? THREAD_ABSENT : repl->applier && !repl->applier_errno ? THREAD_ON : THREAD_OFF;
    if (repl->configured) {
        (void)text_copy(it->source_host, sizeof it->source_host, world.node[repl->source].name);
        (void)text_copy(it->source_uuid, sizeof it->source_uuid, repl->uuid_known ? world.node[repl->source].uuid : "");
    }
    it->source_heartbeats = repl->heartbeats;
    it->receiving = repl->receiver == THREAD_ON && repl->whole_ms > 0;
    it->receiver_errno = repl->receiver_errno;
    it->applier_errno = repl->applier_errno;
    if (world.settings.mode == MODE_LOSSLESS) {
        it->boot_s = node->boot;
        it->semisync = (struct semisync){.installed = true,
                                         .source_on = node->source_on,
                                         .source_strict = node->source_on && node->wait_count >= world.nodes / 2,
                                         .unacked = node->unacked,
                                         .acked = (uint64_t)node->acked,
                                         .waiting = (uint64_t)(node->data.executed[node->index] - node_seen(node)),
                                         .replica_on = node->replica_on,
                                         .replica_acks = repl->receiver != THREAD_OFF && repl->acknowledges};
    }
}

void observe_rows(const struct node *node, struct observation *it) {
    if (node->epoch_txn) {
        const struct txn *row = txn_at(node->epoch_txn);
        it->epoch = row->epoch;
        it->reigns = node_reigns(node, row->epoch);
        it->epoch_rule = row->rule;
        it->epoch_sync = node->row_sync;
        (void)text_copy(it->epoch_uuid, sizeof it->epoch_uuid, world.node[row->primary].uuid);
        (void)text_copy(it->epoch_primary, sizeof it->epoch_primary, world.node[row->primary].name);
    }
    it->heartbeat_ms = node->beat_txn ? txn_at(node->beat_txn)->at_ms : 0;
}

static void look_at_rows(struct prober *prober, struct observation *it) {
    const struct node *node = prober->node;
    const struct observation *earlier = prober->relevo;
    if (sim_now_ms() < node->rows_locked_ms) {
        return;
    }
    it->relevo_known = it->rows_new = true;
    if (earlier && it->kicks == earlier->kicks && it->began_ms - prober->relevo_ms < RELEVO_EVERY_MS) {
        it->relevo_wall_ms = earlier->relevo_wall_ms;
        it->rows_new = false;
        it->epoch = earlier->epoch;
        it->reigns = earlier->reigns;
        it->epoch_rule = earlier->epoch_rule;
        it->epoch_sync = earlier->epoch_sync;
        it->heartbeat_ms = earlier->heartbeat_ms;
        (void)text_copy(it->epoch_uuid, sizeof it->epoch_uuid, earlier->epoch_uuid);
        (void)text_copy(it->epoch_primary, sizeof it->epoch_primary, earlier->epoch_primary);
        return;
    }
    it->relevo_wall_ms = clock_wall_ms();
    observe_rows(node, it);
    observation_release(prober->relevo);
    prober->relevo = observation_hold(it);
    prober->relevo_ms = it->began_ms;
}

// Accounts and settings are as they should be.
struct inspect *inspect_start(const struct settings *settings, struct observe *observe, struct loop *loop) {
    (void)settings;
    (void)observe;
    (void)loop;
    return NULL;
}
void inspect_stop(struct inspect *inspect) {
    (void)inspect;
}
void inspect_again(struct inspect *inspect) {
    (void)inspect;
}
void inspect_found(struct inspect *inspect, int node, struct lacks *ret) {
    (void)inspect;
    (void)node;
    *ret = (struct lacks){0};
}

static enum probe_outcome outcome_of(enum trip trip) {
    return trip == TRIP_TIMEOUT ? PROBE_TIMEOUT : PROBE_LOST;
}

static void ask(struct prober *prober, struct observation *it) {
    struct node *node = prober->node;
    struct db_session *session = prober->session;
    int64_t until_ms = sim_now_ms() + TIMEOUT_MS;
    enum trip trip = net_to_node(session->host, node, session->boot, until_ms);
    if (trip == TRIP_OK) {
        observe_look(node, it);
        look_at_rows(prober, it);
        trip = net_from_node(node, session->host, session->boot, until_ms);
    }
    if (trip != TRIP_OK) {
        session->poisoned = true;
        it->outcome = trip == TRIP_LOST && node->power == POWER_CLOSING ? PROBE_CLOSING : outcome_of(trip);
        (void)text_copy(it->error, sizeof it->error, trip == TRIP_TIMEOUT ? "no answer" : "the connection was lost");
    }
}

// The server ends the sessions of a process that died at once, those of one that is cut off or frozen it keeps.
static void meet_others(struct prober *prober) {
    struct observe *mine = prober->observe;
    for (int i = 0; i < world.watchers; i++) {
        const struct observe *other = observes[i];
        const struct db_session *theirs = other ? other->probers[prober->node->index].session : NULL;
        if (other && other != mine && theirs && theirs->boot == prober->session->boot) {
            mine->rival = other->host;
            mine->met_ms = clock_mono_ms();
        }
    }
}

static void probe(struct prober *prober) {
    struct observation *it = observation_new();
    it->kicks = prober->observe->kicks;
    it->began_ms = clock_mono_ms();
    if (!prober->session) {
        struct db_login login = {.address = prober->node->name};
        struct err err = {0};
        it->outcome = db_open(&login, TIMEOUT_MS, &prober->session, &err);
        (void)text_copy(it->error, sizeof it->error, err.text);
        if (prober->session) {
            meet_others(prober);
        }
    }
    if (prober->session) {
        prober->observe->answered[prober->node->index] = true;
        prober->hungup = false;
        ask(prober, it);
        if (!db_alive(prober->session)) {
            drop_session(prober);
        }
    }
    post(prober, it);
}

static void last_word(struct prober *prober) {
    struct observation *it = observation_new();
    it->began_ms = clock_mono_ms();
    it->outcome = prober->node->power == POWER_CLOSING ? PROBE_CLOSING : PROBE_LOST;
    (void)text_copy(it->error, sizeof it->error, "the server closed the connection");
    drop_session(prober);
    post(prober, it);
}

static void *run(void *arg) {
    struct prober *prober = arg;
    struct observe *observe = prober->observe;
    while (!observe->stopping) {
        int64_t began_ms = sim_now_ms();
        probe(prober);
        int64_t period_ms = observe->period_ms;
        if (!prober->session && period_ms < REFUSED_PAUSE_MS) {
            period_ms = REFUSED_PAUSE_MS;
        }
        int64_t until_ms = began_ms + period_ms;
        if (!prober->kicked && !(prober->session && prober->hungup)) {
            (void)co_wait(prober, until_ms > sim_now_ms() ? until_ms : sim_now_ms() + 1);
        }
        prober->kicked = false;
        if (prober->session && prober->hungup && !observe->stopping) {
            last_word(prober);
        }
    }
    drop_session(prober);
    return NULL;
}

struct observe *observe_start(const struct settings *settings, struct loop *loop, const char *id) {
    (void)id;
    struct observe *observe = mem_zero(1, sizeof *observe);
    observe->loop = loop;
    observe->period_ms = settings->probe_ms;
    observe->host = sim_process->host;
    observe->count = (int)settings->node_count;
    observes[observe->host - HOST_WATCHER] = observe;
    for (int i = 0; i < observe->count; i++) {
        struct prober *prober = &observe->probers[i];
        *prober = (struct prober){.observe = observe, .node = &world.node[i]};
        prober->co = co_start_joined(sim_process, run, prober);
    }
    return observe;
}

void observe_stop(struct observe *observe) {
    observe->stopping = true;
    observes[observe->host - HOST_WATCHER] = NULL;
    (void)observe_kick(observe);
    for (int i = 0; i < observe->count; i++) {
        co_join(observe->probers[i].co);
        observation_release(observe->latest[i]);
    }
    free(observe);
}

struct observation *observe_latest(struct observe *observe, size_t node) {
    return observation_hold(observe->latest[node]);
}

uint64_t observe_kick(struct observe *observe) {
    observe->kicks++;
    for (int i = 0; i < observe->count; i++) {
        observe->probers[i].kicked = true;
        co_tell(&observe->probers[i]);
    }
    return observe->kicks;
}

void observe_set_period(struct observe *observe, int64_t period_ms) {
    bool sooner = period_ms < observe->period_ms;
    observe->period_ms = period_ms;
    if (sooner) {
        (void)observe_kick(observe);
    }
}

void observe_address(struct observe *observe, size_t node, char *out, size_t size_bytes) {
    (void)text_copy(out, size_bytes, observe->answered[node] ? world.node[node].name : "");
}

int64_t observe_met(struct observe *observe, char *out, size_t size_bytes) {
    (void)text_format(out, size_bytes, observe->met_ms ? "watcher-%d" : "", observe->rival - HOST_WATCHER + 1);
    return observe->met_ms;
}

void watchers_hangup(const struct node *node) {
    for (int i = 0; i < world.watchers; i++) {
        struct observe *observe = observes[i];
        if (observe && net_reaches(node->index, observe->host)) {
            observe->probers[node->index].hungup = true;
            co_tell(&observe->probers[node->index]);
        }
    }
}
