// A MySQL server: power, data, GTIDs, boot. Replication is in replication.c.
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "tests/sim/world.h"

static struct txn *txns;
static int count, room;

int txn_new(struct txn txn) {
    if (count + 1 >= room) {
        room = room ? room * 2 : 1024;
        txns = mem_grow(txns, (size_t)room, sizeof *txns);
    }
    if (count == 0) {
        txns[count++] = (struct txn){0};  // 0 is no transaction
    }
    txns[count] = txn;
    return count++;
}

struct txn *txn_at(int id) {
    return &txns[id];
}

int txn_count(void) {
    return count;
}

// --- data ---

static void data_put(struct data *data, int uuid, int id) {
    int seq = ++data->executed[uuid];
    if (seq > data->room[uuid]) {
        data->room[uuid] = data->room[uuid] ? data->room[uuid] * 2 : 64;
        data->ids[uuid] = mem_grow(data->ids[uuid], (size_t)data->room[uuid], sizeof(int));
    }
    data->ids[uuid][seq - 1] = id;
    if (data->log_count == data->log_room) {
        data->log_room = data->log_room ? data->log_room * 2 : 128;
        data->log = mem_grow(data->log, (size_t)data->log_room, sizeof *data->log);
    }
    data->log[data->log_count++] = (struct entry){.uuid = uuid, .seq = seq, .id = id};
}

void data_clear(struct data *data) {
    memset(data->executed, 0, sizeof data->executed);
    memset(data->purged, 0, sizeof data->purged);
    data->log_count = 0;
}

void data_copy(struct data *to, const struct data *from) {
    data_clear(to);
    for (int u = 0; u < NODES; u++) {
        for (int i = 0; i < from->executed[u]; i++) {
            data_put(to, u, from->ids[u][i]);
        }
        to->purged[u] = to->executed[u];
    }
    to->log_count = 0;
}

void data_free(struct data *data) {
    for (int u = 0; u < NODES; u++) {
        free(data->ids[u]);
    }
    free(data->log);
    *data = (struct data){0};
}

bool data_has(const struct data *data, int id) {
    for (int u = 0; u < NODES; u++) {
        for (int i = data->executed[u] - 1; i >= 0; i--) {
            if (data->ids[u][i] == id) {
                return true;
            }
        }
    }
    return false;
}

int data_extra(const struct data *data, const struct data *than) {
    int extra = 0;
    for (int u = 0; u < NODES; u++) {
        extra += data->executed[u] > than->executed[u] ? data->executed[u] - than->executed[u] : 0;
    }
    return extra;
}

static void note_row(struct node *node, int id) {
    const struct txn *txn = txn_at(id);
    if (txn->kind == TXN_EPOCH && (node->epoch_txn == 0 || txn->epoch > txn_at(node->epoch_txn)->epoch)) {
        node->epoch_txn = id;
    } else if (txn->kind == TXN_BEAT) {
        node->beat_txn = id;
    } else if (txn->kind == TXN_EMPTIED) {
        node->epoch_txn = 0;
    }
}

// The last transaction that emptied relevo.epoch, 0: none. What was committed before it is no row any more.
static int emptied(const struct node *node) {
    int last = 0;
    for (int u = 0; u < NODES; u++) {
        for (int i = 0; i < node->data.executed[u]; i++) {
            int id = node->data.ids[u][i];
            last = txn_at(id)->kind == TXN_EMPTIED && id > last ? id : last;
        }
    }
    return last;
}

void node_rows(struct node *node) {
    node->epoch_txn = node->beat_txn = 0;
    int since = emptied(node);
    for (int u = 0; u < NODES; u++) {
        for (int i = 0; i < node->data.executed[u]; i++) {
            const struct txn *txn = txn_at(node->data.ids[u][i]);
            bool older = node->beat_txn && txn->kind == TXN_BEAT && txn->at_ms < txn_at(node->beat_txn)->at_ms;
            if (!older && (txn->kind != TXN_EPOCH || node->data.ids[u][i] > since)) {
                note_row(node, node->data.ids[u][i]);
            }
        }
    }
}

void node_lose_last(struct node *node, int lost) {
    struct data *data = &node->data;
    int left = data->executed[node->index] > lost ? data->executed[node->index] - lost : 0;
    data->executed[node->index] = left;
    int kept = 0;
    for (int i = 0; i < data->log_count; i++) {
        if (data->log[i].uuid != node->index || data->log[i].seq <= left) {
            data->log[kept++] = data->log[i];
        }
    }
    data->log_count = kept;
    node_rows(node);
}

uint64_t node_reigns(const struct node *node, uint64_t newest) {
    uint64_t sum = 0;
    int since = emptied(node);
    for (int u = 0; u < NODES; u++) {
        for (int i = 0; i < node->data.executed[u]; i++) {
            const struct txn *txn = txn_at(node->data.ids[u][i]);
            if (txn->kind == TXN_EPOCH && txn->epoch <= newest && node->data.ids[u][i] > since) {
                sum = (sum + (UINT64_C(1) << 32)) ^ (uint64_t)node->data.ids[u][i];
            }
        }
    }
    return sum;
}

uint64_t node_epoch(const struct node *node) {
    return node->epoch_txn ? txn_at(node->epoch_txn)->epoch : 0;
}

void node_apply(struct node *node, int uuid, int id) {
    data_put(&node->data, uuid, id);
    note_row(node, id);
    for (int i = 0; i < world.nodes; i++) {  // its replicas hear of it
        struct node *other = &world.node[i];
        if (other->repl.receiver == THREAD_ON && other->repl.source == node->index) {
            sim_at(sim_now_ms() + net_latency(node->index, i), NULL, (sim_fn *)repl_step, other);
        }
    }
}

int node_commit(struct node *node, struct txn txn) {
    int id = txn_new(txn);
    node_apply(node, node->index, id);
    if (node->source_on) {
        node_acknowledge(node);
    }
    return id;
}

// --- semi-sync ---

int node_seen(const struct node *node) {
    int executed = node->data.executed[node->index];
    return node->source_on && node->acked < executed ? node->acked : executed;
}

static bool acknowledges(const struct node *replica, const struct node *source) {
    const struct replication *repl = &replica->repl;
    return replica != source && node_serves(replica) && repl->configured && repl->source == source->index &&
           repl->receiver == THREAD_ON && repl->acknowledges && repl->source_boot == source->boot &&
           net_reaches(replica->index, source->index);
}

int node_listeners(const struct node *node) {
    int listeners = 0;
    for (int i = 0; i < world.nodes; i++) {
        listeners += node->source_on && acknowledges(&world.node[i], node) ? 1 : 0;
    }
    return listeners;
}

void node_acknowledge(struct node *node) {
    int own = node->index;
    bool serves = node_serves(node) || node->power == POWER_CLOSING;
    while (node->source_on && serves && node->acked < node->data.executed[own]) {
        int count_acks = 0;
        for (int i = 0; i < world.nodes; i++) {
            const struct node *other = &world.node[i];
            count_acks += acknowledges(other, node) && other->repl.said > node->acked ? 1 : 0;
        }
        if (count_acks < node->wait_count) {
            return;
        }
        node->acked++;
    }
}

void node_let_through(struct node *node) {
    if (node->source_on) {
        node->unacked += (uint64_t)(node->data.executed[node->index] - node_seen(node));
        world_trace("%s waits for nobody any more", node->name);
    }
    node->source_on = false;
}

static char *set_text(const int from[NODES], const int to[NODES]) {
    char text[NODES * 64] = "";
    for (int u = 0; u < NODES; u++) {
        size_t used = strlen(text);
        if (to[u] > from[u]) {
            (void)text_format(text + used, sizeof text - used, "%s%s:%d-%d", used ? "," : "", world.node[u].uuid,
                              from[u] + 1, to[u]);
        }
    }
    return mem_text(text);
}

char *node_executed(const struct node *node) {
    static const int none[NODES];
    int executed[NODES];
    memcpy(executed, node->data.executed, sizeof executed);
    executed[node->index] = node_seen(node);
    return set_text(none, executed);
}

char *node_received(const struct node *node) {
    return set_text(node->repl.from, node->repl.to);
}

// --- power ---

enum { TELL_MS = 10 };  // what a server that ends needs to tell its clients
bool node_stop_tells;

bool node_serves(const struct node *node) {
    return node->power == POWER_ON && node->thaw_ms <= sim_now_ms();
}

bool node_open(const struct node *node) {
    return node->power == POWER_ON && !node->read_only && !node->offline_mode;
}

static void thawed(void *arg) {
    struct node *node = arg;
    if (node->thaw_ms == sim_now_ms() && node->power == POWER_ON) {
        world_trace("%s goes on", node->name);
        repl_step(node);
    }
}

void node_freeze(struct node *node, int64_t for_ms) {
    node->thaw_ms = sim_now_ms() + for_ms;
    sim_at(node->thaw_ms, NULL, thawed, node);
}

void node_die(struct node *node) {
    if (node->power == POWER_OFF) {
        return;
    }
    node->power = POWER_OFF;
    node->boot++;
    node->thaw_ms = 0;
    node->locked_ms = node->overloaded_ms = 0;
    node->repl.receiver = THREAD_OFF;
    node->repl.applier = false;
    for (int i = 0; i < world.nodes; i++) {
        if (i != node->index && world.node[i].repl.source == node->index) {
            sim_at(sim_now_ms() + net_latency(node->index, i), NULL, (sim_fn *)repl_step, &world.node[i]);
        }
    }
    watchers_hangup(node);
}

static void ended(void *arg) {
    struct node *node = arg;
    if (node->power == POWER_CLOSING) {
        node_die(node);
    }
}

// Replicas are let go last. Without them a server that was told to stop waits for acknowledgements no more, and says to
// its clients that their commits are done.
static void let_go(struct node *node) {
    if (node_stop_tells) {
        node_let_through(node);
    }
}

static void closed(void *arg) {
    struct node *node = arg;
    if (node->power == POWER_CLOSING && !node_stop_tells) {
        node_die(node);
    } else if (node->power == POWER_CLOSING) {
        let_go(node);
        sim_at(sim_now_ms() + TELL_MS, NULL, ended, node);
    }
}

void node_close(struct node *node, int64_t for_ms) {
    if (node->power != POWER_ON) {
        node_die(node);
        return;
    }
    if (node->source_on && node_listeners(node) < node->wait_count) {
        let_go(node);
    }
    node->power = POWER_CLOSING;
    node->thaw_ms = 0;
    watchers_hangup(node);
    sim_at(sim_now_ms() + for_ms, NULL, closed, node);
}

static void booted(void *arg) {
    struct node *node = arg;
    if (node->power != POWER_BOOTING) {
        return;
    }
    node->power = POWER_ON;
    node->read_only = node->super_read_only = true;  // persisted
    node->offline_mode = node->held = false;
    node->source_on = node->replica_on = false;  // what had not been acknowledged is committed by the recovery
    node->barrier = 0;
    node->unacked = 0;
    node->fencing_ms = 0;
    struct replication *repl = &node->repl;  // skip_replica_start, relay_log_recovery
    repl->receiver = THREAD_OFF;
    repl->applier = repl->applier_stops = repl->stop_asked = repl->acknowledges = false;  // the source's uuid is kept
    repl->receiver_errno = repl->applier_errno = 0;
    repl->heartbeats = 0;
    repl->attempt_end_ms = 0;
    repl->relay_count = repl->relay_done = 0;
    memset(repl->from, 0, sizeof repl->from);
    memset(repl->to, 0, sizeof repl->to);
    world_trace("%s is up, fenced", node->name);
}

static void boot_later(void *arg) {
    node_boot(arg, 200);
}

void node_boot(struct node *node, int64_t after_ms) {
    if (node->power == POWER_CLOSING) {  // not before it is down
        sim_at(sim_now_ms() + after_ms, NULL, boot_later, node);
    } else if (node->power == POWER_OFF) {
        node->power = POWER_BOOTING;
        node->boot++;
        sim_at(sim_now_ms() + after_ms, NULL, booted, node);
    }
}

void node_init(struct node *node, int index) {
    data_free(&node->data);
    free(node->repl.relay);
    *node = (struct node){.index = index, .boot = 1, .power = POWER_ON, .apply_cost_ms = 1, .clone_plugin = true};
    (void)text_format(node->name, sizeof node->name, "%c", 'a' + index);
    (void)text_format(node->uuid, sizeof node->uuid, "%c%c%c%c%c%c%c%c-0000-4000-8000-000000000001", 'a' + index,
                      'a' + index, 'a' + index, 'a' + index, 'a' + index, 'a' + index, 'a' + index, 'a' + index);
    node->read_only = node->super_read_only = true;
    node->repl.source = -1;
    if (index == 0) {
        count = 0;
    }
}

void node_purge(struct node *node) {
    struct data *data = &node->data;
    for (int u = 0; u < NODES; u++) {
        int until = data->executed[u];
        for (int i = 0; i < world.nodes; i++) {  // a server keeps what its connected replicas still need
            const struct node *replica = &world.node[i];
            bool needs = replica->repl.source == node->index && replica->repl.receiver == THREAD_ON;
            until = needs && replica->data.executed[u] < until ? replica->data.executed[u] : until;
        }
        data->purged[u] = until > data->purged[u] ? until : data->purged[u];  // what is gone does not come back
    }
    int kept = 0;
    for (int i = 0; i < data->log_count; i++) {
        if (data->log[i].seq > data->purged[data->log[i].uuid]) {
            data->log[kept++] = data->log[i];
        }
    }
    data->log_count = kept;
    for (int i = 0; i < world.nodes; i++) {
        world.node[i].repl.cursor = world.node[i].repl.source == node->index ? 0 : world.node[i].repl.cursor;
    }
}

// --- statements that arrive late ---

int64_t node_wall_ms(const struct node *node) {
    return sim_now_ms() + node->wall_skew_ms;
}

static struct late {
    struct node *node;
    int from;
    int64_t sent_ms;
    struct licence licence;
    char sql[900];
} lates[32];
static int late_count;

enum { RESENT_MS = 15000 };  // how long the kernel of a client that gave up sends again

void late_clear(void) {
    late_count = 0;
}

static void land(void *arg) {
    struct node *node = arg;
    for (int i = 0; i < late_count;) {
        struct late *late = &lates[i];
        bool over = sim_now_ms() - late->sent_ms > RESENT_MS || node->power != POWER_ON;
        bool lands = late->node == node && !over && node_serves(node) && net_reaches(late->from, node->index);
        if (late->node == node && lands) {
            world_trace("%s hears late: %.60s", node->name, late->sql);
            (void)sql_late(node, &late->licence, late->sql);
        }
        if (late->node == node && (lands || over)) {
            *late = lates[--late_count];
        } else {
            i += 1;
        }
    }
    for (int i = 0; i < late_count; i++) {
        if (lates[i].node == node) {
            sim_at(sim_now_ms() + 50, NULL, land, node);
            return;
        }
    }
}

void node_late(struct node *node, int from, const struct licence *licence, const char *sql) {
    if (late_count < (int)(sizeof lates / sizeof *lates)) {
        lates[late_count] = (struct late){.node = node, .from = from, .sent_ms = sim_now_ms(), .licence = *licence};
        (void)text_copy(lates[late_count++].sql, sizeof lates->sql, sql);
        sim_at(sim_now_ms() + 1, NULL, land, node);
    }
}
