// The invariants, checked as things happen and after every step.
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "tests/sim/world.h"
#include "watcher/watcher_parts.h"

enum {
    EPOCHS = 4096,
    STALE_FENCED_MS = 20000,  // a second open node in plain sight of a watcher that leads is closed within this
    SLACK_MS = 250,           // packets that were dropped are sent again, probes go out every 100 ms
    RULE_OF_OUR_OWN = 200,    // promotions above are asked for, or resumed
    STREAMS_MS = 2500,        // a stream that is whole for this long is heard by its replica and by us
};

static struct {
    const struct co *actor[WATCHERS];  // whose intent it was
    char act[WATCHERS][16];
    bool ignorant[WATCHERS];              // then, it could not know of the newest epoch
    int handed[WATCHERS];                 // node + 1 that a switchover has closed and may let the writers in again
    int64_t reign_ms[WATCHERS];           // when the actor began to open its target
    int64_t reached_ms[WATCHERS][NODES];  // since when in plain sight, -1: not
    int64_t open_ms[WATCHERS][NODES];     // and open
    int64_t double_ms[WATCHERS];          // since when two nodes are open in plain sight, -1: not
    int owner[EPOCHS];                    // node + 1
    int64_t stream_ms[NODES];             // since when its stream is whole, -1: it is not
    uint64_t newest, intended;            // intended: the highest epoch whose intent reached Redis
    uint64_t told_epoch;                  // in which a client was told last that its write is committed
    bool heard;                           // Redis knows of the newest epoch
    int newest_node, newest_by;           // by the watcher, -1: arrived late
    char verdict[400];
} check;

void check_new(void) {
    memset(&check, 0, sizeof check);
    for (int w = 0; w < WATCHERS; w++) {
        check.double_ms[w] = -1;
        for (int n = 0; n < NODES; n++) {
            check.reached_ms[w][n] = check.open_ms[w][n] = -1;
        }
    }
    check.newest_node = check.newest_by = -1;
}

static int watcher_now(void) {
    int index = sim_process ? sim_process->host - HOST_WATCHER : -1;
    return index >= 0 && index < WATCHERS ? index : -1;
}

// The statement comes from the actor whose intent was last; else from the repairer.
static bool acting(int w) {
    return w >= 0 && check.actor[w] && check.actor[w] == co_self();
}

void check_told(uint64_t epoch, bool reigns) {
    if (reigns) {
        check.heard |= epoch >= check.newest;
    } else {
        check.intended = epoch > check.intended ? epoch : check.intended;
    }
}

void check_forgotten(void) {
    check.heard = false;
}

// Redis never heard of the newest epoch, lost it or is away, and the only node that has its row could not be asked.
static bool forgotten(void) {
    int w = watcher_now();
    bool away = w < 0 || check.reached_ms[w][check.newest_node] < 0 ||
                sim_now_ms() - check.reached_ms[w][check.newest_node] < SLACK_MS;
    return away && (!check.heard || !redis_up() || w < 0 || !net_pair(HOST_WATCHER + w, HOST_REDIS));
}

// A replica that we reach still hears the primary: it is our path that is broken.
static void check_needless(int w) {
    for (int i = 0; i < world.nodes; i++) {
        int64_t whole_ms = sim_now_ms() - check.stream_ms[i], reached_ms = sim_now_ms() - check.reached_ms[w][i];
        int64_t delays_ms = 4 * (world.delay_ms[HOST_WATCHER + w][i] + world.watcher[w].late_ms);
        if (check.stream_ms[i] >= 0 && check.reached_ms[w][i] >= 0 && whole_ms > STREAMS_MS + delays_ms &&
            reached_ms > STREAMS_MS + delays_ms) {
            world_fail("%s promotes though %s streams from %s", world.watcher[w].name, world.node[i].name,
                       world.node[world.node[i].repl.source].name);
        }
    }
}

void check_intent(const char *json) {
    int w = watcher_now();
    const char *act = strstr(json, "\"act\":\"");
    if (w >= 0 && act) {
        check.actor[w] = co_self();
        (void)text_copy(check.act[w], sizeof check.act[w], act + 7);
        char *end = strchr(check.act[w], '"');
        if (end) {
            *end = '\0';
        }
        check.handed[w] = 0;
        check.reign_ms[w] = sim_now_ms();
        check.ignorant[w] = check.newest_node >= 0 && forgotten();
        world_trace("%s: begins to %s", sim_process->name, check.act[w]);
        const char *rule = strstr(json, "\"rule\":");
        if (text_equal(check.act[w], "promote") && rule && atoi(rule + 7) >= RULE_OF_OUR_OWN) {
            check_needless(w);
        }
    }
}

void check_reign(void) {
    int w = watcher_now();
    if (acting(w)) {
        check.reign_ms[w] = sim_now_ms();
    }
}

void check_epoch(const struct node *node, uint64_t epoch) {
    if (node->rebuild_marked) {
        world_fail("%s becomes the primary of epoch %llu with half a copy", node->name, (unsigned long long)epoch);
    }
    bool ignorant = watcher_now() >= 0 && check.ignorant[watcher_now()];
    if (epoch >= EPOCHS) {
        world_fail("epoch %llu", (unsigned long long)epoch);
        return;
    }
    if (check.owner[epoch] && check.owner[epoch] != node->index + 1 && !ignorant) {
        world_fail("epoch %llu was given to %s and to %s", (unsigned long long)epoch,
                   world.node[check.owner[epoch] - 1].name, node->name);
    } else if (check.owner[epoch] == node->index + 1) {
        world_fail("epoch %llu was given to %s twice", (unsigned long long)epoch, node->name);
    } else if (epoch <= check.newest && !ignorant) {
        world_fail("epoch %llu of %s comes after epoch %llu of %s", (unsigned long long)epoch, node->name,
                   (unsigned long long)check.newest, world.node[check.newest_node].name);
    }
    check.owner[epoch] = node->index + 1;
    check.newest = epoch;
    check.heard = check.intended >= epoch;
    check.newest_node = node->index;
    check.newest_by = watcher_now();
}

void check_epoch_again(const struct node *node, uint64_t epoch) {
    if (epoch >= EPOCHS || check.owner[epoch] != node->index + 1) {
        world_fail("epoch %llu is written again on %s, which never began it", (unsigned long long)epoch, node->name);
    }
}

// Lossless: whoever is opened has all that anybody was told is committed.
static void check_nothing_lost(const struct node *node) {
    bool *present = mem_zero((size_t)txn_count() + 1, sizeof *present);
    for (int u = 0; u < NODES; u++) {
        for (int k = 0; k < node->data.executed[u]; k++) {
            present[node->data.ids[u][k]] = true;
        }
    }
    for (int id = 1; id < txn_count(); id++) {
        const struct txn *txn = txn_at(id);
        if (txn->kind == TXN_WRITE && txn->acked && !present[id]) {
            world_fail("%s opens %s, which lacks acknowledged write %d", sim_process ? sim_process->name : "a late packet",
                       node->name, id);
            break;
        }
    }
    free(present);
}

void check_opening(const struct node *node) {
    int w = watcher_now();
    if (world.settings.mode == MODE_LOSSLESS && check.newest_node == node->index) {
        check_nothing_lost(node);
    }
    if (w < 0) {
        return;  // a statement that arrived late: nobody decided that now
    }
    if (node->repl.applier && node->repl.applier_errno == 0 && repl_left(node) > 0) {
        world_fail("%s opens %s (%s) while %d transactions are being applied there", sim_process->name, node->name,
                   check.act[w], repl_left(node));
    }
    if (node->rebuild_marked) {
        world_fail("%s opens %s, which holds half a copy", sim_process->name, node->name);
    }
    if (check.handed[w] == node->index + 1 && check.newest_node != node->index && acting(w)) {
        world_fail("%s lets the writers in again on %s (%s) though %s reigns since epoch %llu", sim_process->name,
                   node->name, check.act[w], world.node[check.newest_node].name, (unsigned long long)check.newest);
    }
    if (check.newest > node_epoch(node) && check.newest_by == w) {
        world_fail("%s opens %s (%s, epoch %llu) after it began epoch %llu on %s", sim_process->name, node->name,
                   check.act[w], (unsigned long long)node_epoch(node), (unsigned long long)check.newest,
                   world.node[check.newest_node].name);
    }
    for (int i = 0; i < world.nodes; i++) {
        const struct node *other = &world.node[i];
        if (other == node || check.reached_ms[w][i] < 0) {
            continue;
        }
        int64_t allowed_ms = SLACK_MS + 4 * (world.delay_ms[HOST_WATCHER + w][i] + world.delay_ms[i][HOST_WATCHER + w] +
                                             world.watcher[w].late_ms);
        int64_t before_ms = check.reign_ms[w] - allowed_ms;
        bool persons = watcher_peek(w) && watcher_peek(w)->state.maintenance;  // who opened it may have had a reason
        bool undone = check.handed[w] == node->index + 1;
        if (!persons && !undone && node_open(other) && check.open_ms[w][i] >= 0 && check.open_ms[w][i] < before_ms) {
            world_fail("%s opens %s (%s) though %s is open in its sight since %lld ms", sim_process->name, node->name,
                       check.act[w], other->name, (long long)(sim_now_ms() - check.open_ms[w][i]));
        } else if (node_epoch(other) > node_epoch(node) && check.reached_ms[w][i] < before_ms) {
            world_fail("%s opens %s (%s, epoch %llu) though %s knows of epoch %llu", sim_process->name, node->name,
                       check.act[w], (unsigned long long)node_epoch(node), other->name,
                       (unsigned long long)node_epoch(other));
        }
    }
}

// The newest that it knew of, though somebody may have emptied the table since.
static uint64_t reign_of(const struct node *node) {
    uint64_t newest = node_epoch(node);
    for (int u = 0; newest == 0 && u < NODES; u++) {
        for (int k = 0; k < node->data.executed[u]; k++) {
            const struct txn *txn = txn_at(node->data.ids[u][k]);
            newest = txn->kind == TXN_EPOCH && txn->epoch > newest ? txn->epoch : newest;
        }
    }
    return newest;
}

void check_acknowledged(const struct node *node, int id) {
    if (world.settings.mode != MODE_LOSSLESS) {
        return;
    }
    const struct node *reigns = check.newest_node >= 0 ? &world.node[check.newest_node] : node;
    if (reigns != node && !data_has(&reigns->data, id)) {
        world_fail("%s acknowledges write %d though %s reigns since epoch %llu and lacks it", node->name, id,
                   reigns->name, (unsigned long long)check.newest);
    }
    if (reign_of(node) < check.told_epoch) {
        world_fail("%s acknowledges write %d in epoch %llu after somebody else did in epoch %llu", node->name, id,
                   (unsigned long long)reign_of(node), (unsigned long long)check.told_epoch);
    }
    check.told_epoch = reign_of(node);
}

void check_fencing(const struct node *node) {
    int w = watcher_now();
    if (w < 0 || node->read_only || check.newest_node != node->index) {
        return;
    }
    bool asked = acting(w) && text_equal(check.act[w], "switchover");
    check.handed[w] = asked ? node->index + 1 : 0;
    if (!asked) {
        world_fail("%s closes %s, the primary of the newest epoch %llu", sim_process->name, node->name,
                   (unsigned long long)check.newest);
    }
}

// --- after every step ---

static void look(int w) {
    const struct watcher *watcher = watcher_peek(w);
    int open = 0;
    for (int i = 0; i < world.nodes; i++) {
        const struct node *node = &world.node[i];
        bool seen = watcher && net_pair(HOST_WATCHER + w, i) && node_serves(node) && !node->name_gone &&
                    node->overloaded_ms <= sim_now_ms();
        int64_t *since_ms = &check.reached_ms[w][i];
        *since_ms = !seen ? -1 : *since_ms < 0 ? sim_now_ms() : *since_ms;
        int64_t *open_ms = &check.open_ms[w][i];
        *open_ms = !seen || !node_open(node) ? -1 : *open_ms < 0 ? sim_now_ms() : *open_ms;
        open += seen && node_open(node) ? 1 : 0;
    }
    // Two that were opened by hand while nobody is recorded, or beside a closed primary, are for a person to judge.
    bool judges = watcher && watcher->leads && !watcher->state.maintenance && watcher->decision.rule != 140 &&
                  watcher->decision.rule != 168 && watcher->decision.rule != 170;
    int64_t *double_ms = &check.double_ms[w];
    *double_ms = open < 2 || !judges ? -1 : *double_ms < 0 ? sim_now_ms() : *double_ms;
    if (*double_ms >= 0 && sim_now_ms() - *double_ms > STALE_FENCED_MS) {
        world_fail("%d nodes are open in plain sight of %s for %lld ms (rule %d: %s)", open, world.watcher[w].name,
                   (long long)(sim_now_ms() - *double_ms), watcher->decision.rule, watcher->state.why);
    }
}

static void look_at_streams(void) {
    for (int i = 0; i < world.nodes; i++) {
        const struct replication *repl = &world.node[i].repl;
        const struct node *source = repl->source >= 0 ? &world.node[repl->source] : NULL;
        bool whole = source && repl->configured && repl->receiver == THREAD_ON && node_serves(&world.node[i]) &&
                     node_serves(source) && node_open(source) && source->index == check.newest_node &&
                     net_pair(i, source->index) && world.delay_ms[source->index][i] == 0;
        check.stream_ms[i] = !whole ? -1 : check.stream_ms[i] < 0 ? sim_now_ms() : check.stream_ms[i];
    }
}

void check_step(void) {
    look_at_streams();
    for (int w = 0; w < world.watchers; w++) {
        look(w);
    }
}

// --- the end ---

static const struct watcher *leader(void) {
    for (int w = 0; w < world.watchers; w++) {
        const struct watcher *watcher = watcher_peek(w);
        if (watcher && watcher->leads) {
            return watcher;
        }
    }
    return NULL;
}

static bool same(const struct data *a, const struct data *b) {
    for (int u = 0; u < NODES; u++) {
        if (a->executed[u] != b->executed[u]) {
            return false;
        }
    }
    return true;
}

bool check_converged(char *why, size_t size_bytes) {
    const struct watcher *watcher = leader();
    if (!watcher) {
        return text_format(why, size_bytes, "no watcher leads") && false;
    }
    (void)text_format(why, size_bytes, "%s, rule %d: %s", phase_name(watcher->state.phase), watcher->state.rule,
                      watcher->state.why);
    if (watcher->state.phase != PHASE_NORMAL || watcher->facts.view != PRIMARY_OPEN || resync_busy()) {
        return false;
    }
    const struct node *primary = &world.node[watcher->facts.primary];
    bool lossless = world.settings.mode == MODE_LOSSLESS;
    if (lossless && (watcher->state.sync_epoch != watcher->state.epoch || !primary->source_on)) {
        return text_format(why, size_bytes, "acknowledgements are not waited for: %s", watcher->state.why) && false;
    }
    for (int i = 0; i < world.nodes; i++) {
        const struct node *node = &world.node[i];
        bool open = node_open(node);
        if (open != (node == primary) || !same(&node->data, &primary->data)) {
            return false;
        }
        if (node != primary && (node->repl.receiver != THREAD_ON || node->repl.source != primary->index)) {
            return false;
        }
    }
    return true;
}

// The same GTIDs, but the same transactions?
static void compare(const struct node *a, const struct node *b) {
    for (int u = 0; u < NODES; u++) {
        for (int i = 0; i < a->data.executed[u]; i++) {
            if (a->data.ids[u][i] != b->data.ids[u][i]) {
                world_fail("%s:%d is one transaction on %s and another on %s", world.node[u].name, i + 1, a->name,
                           b->name);
                return;
            }
        }
    }
}

void check_end(void) {
    char why[400];
    bool converged = check_converged(why, sizeof why);
    const struct watcher *watcher = leader();
    (void)text_copy(check.verdict, sizeof check.verdict, converged ? "converged" : why);
    bool explains = watcher && (watcher->state.phase == PHASE_NO_PRIMARY || watcher->state.phase == PHASE_FROZEN) &&
                    *watcher->state.why;
    if (!converged && !explains && !resync_refuses()) {
        world_fail("everything is healed but the cluster does not converge: %s", why);
        return;
    }
    bool *present = mem_zero((size_t)txn_count() + 1, sizeof *present);
    for (int i = 0; i < world.nodes; i++) {
        const struct node *node = &world.node[i];
        bool counts = !converged || (watcher && i == watcher->facts.primary);
        for (int u = 0; u < NODES && counts; u++) {
            for (int k = 0; k < node->data.executed[u]; k++) {
                present[node->data.ids[u][k]] = true;
            }
        }
        if (converged && i > 0) {
            compare(&world.node[0], node);
        }
    }
    int lost = 0;
    for (int id = 1; id < txn_count(); id++) {
        const struct txn *txn = txn_at(id);
        bool saved = txn->rescued && (world.settings.mode == MODE_ASYNC || !converged);
        lost += txn->kind == TXN_WRITE && txn->acked && !present[id] && !saved ? 1 : 0;
    }
    free(present);
    if (lost) {
        world_fail("%d acknowledged writes are neither on the primary nor rescued", lost);
    }
}

const char *check_verdict(void) {
    return check.verdict;
}
