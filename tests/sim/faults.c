#include "tests/sim/faults.h"

#include <string.h>

#include "common/text.h"
#include "tests/sim/port.h"

#define X(id, name, weight, strike, back) [id] = name,
static const char *const names[] = {FAULTS(X)};
#undef X

static const char *host_name(int host) {
    static const char *const hosts[] = {"a",     "b",      "c",        "watcher-1", "watcher-2",
                                        "redis", "resync", "client-1", "client-2"};
    return hosts[host];
}

void fault_describe(const struct fault *fault, char *out, size_t size_bytes) {
    bool hosts = fault->kind == FAULT_HAND_FOLLOW || fault->kind == FAULT_CUT || fault->kind == FAULT_PART ||
                 fault->kind == FAULT_DELAY;
    bool watcher = fault->kind == FAULT_KILL_WATCHER || fault->kind == FAULT_STOP_WATCHER ||
                   fault->kind == FAULT_PAUSE_WATCHER || fault->kind == FAULT_LATE || fault->kind == FAULT_HANG ||
                   fault->kind == FAULT_WALL;
    (void)text_format(out, size_bytes, "%s %s%s%s, %lld ms, %lld", names[fault->kind],
                      host_name(watcher ? HOST_WATCHER + fault->a : fault->a), hosts ? " " : "",
                      hosts ? host_name(fault->b) : "", (long long)fault->ms, (long long)fault->much);
}

// --- striking ---

static struct plot now;
static struct fault *waiting[FAULTS_MAX];  // for a statement
static int waiting_count;

typedef void fault_fn(const struct fault *fault);

static void do_none(const struct fault *fault) {
    (void)fault;
}

static void do_die(const struct fault *fault) {
    node_die(&world.node[fault->a]);
}

static void do_boot(const struct fault *fault) {
    node_boot(&world.node[fault->a], 300);
}

static void do_shut(const struct fault *fault) {
    node_close(&world.node[fault->a], 50 + fault->much * 40);
}

static void do_freeze(const struct fault *fault) {
    node_freeze(&world.node[fault->a], fault->ms);
}

static void do_deny(const struct fault *fault) {
    world.node[fault->a].denied_ms = sim_now_ms() + fault->ms;
}

// --- the network ---

static void both_ways(const struct fault *fault, bool cut) {
    world.cut[fault->a][fault->b] = world.cut[fault->b][fault->a] = cut;
}

static void from_all(int host, bool cut) {
    for (int i = 0; i < HOSTS; i++) {
        world.cut[host][i] = world.cut[i][host] = cut && i != host;
    }
}

static void do_cut(const struct fault *fault) {
    world.cut[fault->a][fault->b] = true;
}

static void do_cut_back(const struct fault *fault) {
    world.cut[fault->a][fault->b] = false;
}

static void do_part(const struct fault *fault) {
    both_ways(fault, true);
}

static void do_part_back(const struct fault *fault) {
    both_ways(fault, false);
}

static void do_isolate(const struct fault *fault) {
    from_all(fault->a, true);
}

static void do_detach(const struct fault *fault) {
    from_all(fault->a, true);
    world.node[fault->a].name_gone = true;
}

static void do_isolate_back(const struct fault *fault) {
    from_all(fault->a, false);
    if (fault->a < NODES) {
        world.node[fault->a].name_gone = false;
    }
}

static void do_delay(const struct fault *fault) {
    world.delay_ms[fault->a][fault->b] = world.delay_ms[fault->b][fault->a] = fault->much;
}

static void do_delay_back(const struct fault *fault) {
    world.delay_ms[fault->a][fault->b] = world.delay_ms[fault->b][fault->a] = 0;
}

// --- trouble within a node ---

static void do_overload(const struct fault *fault) {
    world.node[fault->a].overloaded_ms = sim_now_ms() + fault->ms;
}

static void do_lag(const struct fault *fault) {
    world.node[fault->a].apply_cost_ms = fault->much;
}

static void do_lag_back(const struct fault *fault) {
    world.node[fault->a].apply_cost_ms = 1;
}

static void do_break(const struct fault *fault) {
    struct replication *repl = &world.node[fault->a].repl;
    repl->applier_errno = repl->configured ? 1062 : 0;
}

static void do_lock(const struct fault *fault) {
    world.node[fault->a].locked_ms = sim_now_ms() + fault->ms;
}

static void do_purge(const struct fault *fault) {
    node_purge(&world.node[fault->a]);
}

static void do_no_clone(const struct fault *fault) {
    world.node[fault->a].clone_plugin = false;
}

static void do_hand_stop(const struct fault *fault) {
    struct node *node = &world.node[fault->a];
    (void)(node->power == POWER_ON && repl_stop_receiver(node));
}

static void do_hand_open(const struct fault *fault) {
    struct node *node = &world.node[fault->a];
    if (node->power == POWER_ON) {
        node->read_only = node->super_read_only = false;
    }
}

static void do_hand_close(const struct fault *fault) {
    struct node *node = &world.node[fault->a];
    if (node_seen(node) == node->data.executed[node->index]) {  // behind commits that wait it would wait too
        node->read_only = node->super_read_only = true;
    }
}

static void do_hand_follow(const struct fault *fault) {
    struct node *node = &world.node[fault->a];
    if (node->power == POWER_ON && repl_stop_receiver(node) && repl_stop_applier(node)) {
        repl_follow(node, fault->b);
        repl_start(node, true, true);
    }
}

static void do_hand_write(const struct fault *fault) {
    (void)node_commit(&world.node[fault->a], (struct txn){.kind = TXN_INIT});
}

static void do_hand_reign(const struct fault *fault) {
    struct node *node = &world.node[fault->a];
    uint64_t epoch = node_epoch(node) + 1;
    check_epoch(&world.node[fault->b], epoch);
    (void)node_commit(node, (struct txn){.kind = TXN_EPOCH, .epoch = epoch, .primary = fault->b});
}

static void do_hand_forget(const struct fault *fault) {
    world.node[fault->a].epoch_txn = 0;
}

static void do_hand_empty(const struct fault *fault) {
    struct node *node = &world.node[fault->a];
    if (node->power == POWER_ON && !node->read_only) {
        (void)node_commit(node, (struct txn){.kind = TXN_EMPTIED});
    }
}

static void do_lock_rows(const struct fault *fault) {
    world.node[fault->a].rows_locked_ms = sim_now_ms() + fault->ms;
}

static void do_slow_stop(const struct fault *fault) {
    world.node[fault->a].stop_cost_ms = fault->much;
}

static void do_slow_stop_back(const struct fault *fault) {
    world.node[fault->a].stop_cost_ms = 0;
}

static void do_slow_take(const struct fault *fault) {
    world.node[fault->a].take_cost_ms = fault->much;
}

static void do_slow_take_back(const struct fault *fault) {
    world.node[fault->a].take_cost_ms = 0;
}

static void do_loosen(const struct fault *fault) {
    node_let_through(&world.node[fault->a]);
}

static void do_mislead(const struct fault *fault) {
    world.node[fault->a].leads_to = fault->b + 1;
}

static void do_mislead_back(const struct fault *fault) {
    world.node[fault->a].leads_to = 0;
}

static void do_restore(const struct fault *fault) {
    node_lose_last(&world.node[fault->a], (int)fault->much);
}

// --- services ---

static void do_kill_watcher(const struct fault *fault) {
    watcher_end(fault->a, true);
}

static void do_stop_watcher(const struct fault *fault) {
    watcher_end(fault->a, false);
}

static void do_watcher_back(const struct fault *fault) {
    watcher_begin(fault->a);
}

static void do_pause_watcher(const struct fault *fault) {
    world.watcher[fault->a].thaw_ms = sim_now_ms() + fault->ms;
}

static void do_wall(const struct fault *fault) {
    world.watcher[fault->a].wall_skew_ms += fault->much;
}

static void do_node_wall(const struct fault *fault) {
    world.node[fault->a].wall_skew_ms += fault->much;
}

static void do_redis_wall(const struct fault *fault) {
    redis_set_clock(fault->much);
}

static void do_late(const struct fault *fault) {
    world.watcher[fault->a].late_ms = fault->much;
}

static void do_hang(const struct fault *fault) {
    world.watcher[fault->a].hung_ms = sim_now_ms() + fault->ms;
}

static void do_late_back(const struct fault *fault) {
    world.watcher[fault->a].late_ms = 0;
}

static void do_kill_resync(const struct fault *fault) {
    (void)fault;
    resync_end();
}

static void do_pause_resync(const struct fault *fault) {
    world.resync.thaw_ms = sim_now_ms() + fault->ms;
}

static void do_resync_back(const struct fault *fault) {
    (void)fault;
    resync_begin();
}

static void do_redis(const struct fault *fault) {
    (void)fault;
    redis_stop();
}

static void do_redis_back(const struct fault *fault) {
    redis_start(fault->kind == FAULT_REDIS        ? REDIS_KEPT
                : fault->kind == FAULT_REDIS_BACK ? REDIS_ROLLED_BACK
                                                  : REDIS_EMPTY);
}

static void do_full(const struct fault *fault) {
    (void)fault;
    redis_fill(true);
}

static void do_full_back(const struct fault *fault) {
    (void)fault;
    redis_fill(false);
}

static void do_forge(const struct fault *fault) {
    world.forged = true;
    redis_forge("primary", world.node[fault->a].name);
    redis_forge("primary_uuid", world.node[fault->a].uuid);
    redis_forge("epoch", "990");
}

static void do_forge_intent(const struct fault *fault) {
    char text[160];
    world.forged = true;
    (void)text_format(text, sizeof text, "{\"act\":\"promote\",\"target\":\"%s\",\"old\":\"\",\"epoch\":%lld}",
                      world.node[fault->a].name, (long long)fault->much);
    redis_forge("intent", text);
}

// --- an operator ---

static void command(const char *verb, int node, const char *rest) {
    char text[80];
    (void)text_format(text, sizeof text, "%s%s%s%s", verb, node >= 0 ? " " : "", node >= 0 ? world.node[node].name : "",
                      rest);
    redis_command(text);
}

static void do_switchover(const struct fault *fault) {
    command("switchover", fault->a, "");
}

static void do_failover(const struct fault *fault) {
    command("failover", fault->much % 2 ? fault->a : -1, "");
}

static void do_force(const struct fault *fault) {
    command("failover", fault->a, " force");
}

static void do_resync(const struct fault *fault) {
    command("resync", fault->a, fault->much % 2 ? " method=dump" : "");
}

static void do_maintenance(const struct fault *fault) {
    (void)fault;
    command("maintenance on", -1, "");
}

static void do_ack(const struct fault *fault) {
    (void)fault;
    command("ack", -1, "");
}

#define X(id, name, weight, strike, back) [id] = do_##strike,
static fault_fn *const strikes[] = {FAULTS(X)};
#undef X
#define X(id, name, weight, strike, back) [id] = do_##back,
static fault_fn *const backs[] = {FAULTS(X)};
#undef X

static void over(void *arg) {
    const struct fault *fault = arg;
    backs[fault->kind](fault);
    if (backs[fault->kind] != do_none) {
        char text[120];
        fault_describe(fault, text, sizeof text);
        world_trace("over: %s", text);
    }
}

static void strike(void *arg) {
    struct fault *fault = arg;
    char text[120];
    fault_describe(fault, text, sizeof text);
    world_trace("FAULT %s", text);
    strikes[fault->kind](fault);
    if (fault->ms > 0) {
        sim_at(sim_now_ms() + fault->ms, NULL, over, fault);
    }
}

static void lie_in_wait(void *arg) {
    waiting[waiting_count++] = arg;
}

static bool counts_statements(const struct fault *fault) {
    return fault->kind == FAULT_WATCHER_AT || fault->kind == FAULT_NODE_AT || fault->kind == FAULT_CUT_AT;
}

// Its moment has come: with the much'th statement, or with the one that it waits for.
static bool is_due(struct fault *fault, const struct db_session *session, const char *sql) {
    if (fault->cue) {
        return strstr(sql, fault->cue) != NULL;
    }
    if (--fault->much > 0) {
        return false;
    }
    fault->a = fault->kind == FAULT_WATCHER_AT ? session->host - HOST_WATCHER
               : fault->kind == FAULT_NODE_AT  ? session->node->index
                                               : session->host;
    fault->b = session->node->index;
    return true;
}

void faults_statement(const struct db_session *session, const char *sql) {
    bool reads = strncmp(sql, "INSERT INTO relevo.heartbeat", 28) == 0;  // not a step of an action
    for (int i = 0; i < waiting_count && !reads;) {
        struct fault *fault = waiting[i];
        if (!is_due(fault, session, sql)) {
            i++;
            continue;
        }
        waiting[i] = waiting[--waiting_count];
        sim_at(sim_now_ms() + (fault->cue ? 0 : (int64_t)sim_random(3)), NULL, strike, fault);
    }
}

void plot_begin(const struct plot *plot, uint64_t kept) {
    now = *plot;
    waiting_count = 0;
    for (int i = 0; i < now.count; i++) {
        struct fault *fault = &now.faults[i];
        if (kept >> i & 1) {
            sim_at(fault->at_ms, NULL, fault->cue || counts_statements(fault) ? lie_in_wait : strike, fault);
        }
    }
}

void plot_heal(void) {
    waiting_count = 0;
    memset(world.cut, 0, sizeof world.cut);
    memset(world.delay_ms, 0, sizeof world.delay_ms);
    redis_start(REDIS_KEPT);
    redis_fill(false);
    for (int i = 0; i < world.nodes; i++) {
        struct node *node = &world.node[i];
        node->name_gone = false;
        node->apply_cost_ms = 1;
        node->stop_cost_ms = node->take_cost_ms = 0;
        node->overloaded_ms = node->denied_ms = node->locked_ms = 0;
        if (node->thaw_ms > sim_now_ms()) {
            node_freeze(node, 1);
        }
        node_boot(node, 300);
    }
    for (int i = 0; i < world.watchers; i++) {
        world.watcher[i].late_ms = 0;
        watcher_begin(i);
    }
    resync_begin();
}
