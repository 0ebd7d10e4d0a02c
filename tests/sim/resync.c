// The resync service: takes queued jobs from the hash, lets the real plan choose the rung, saves what diverged, copies,
// attaches, follows. What each rung does inside is abstracted to its effect on the node and the time it takes.
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/store_port.h"
#include "common/text.h"
#include "resync/plan.h"
#include "tests/sim/world.h"

enum {
    LOOK_EVERY_MS = 2000,
    CALL_MS = 5000,
    RECIPIENT_WAIT_MS = 60000,
    PRIMARY_WAIT_MS = 20000,
    FENCE_WAIT_MS = 15000,
    STORE_WAIT_MS = 60000,
    STALLED_MS = 120000,
};

struct job {
    struct job_state state;
    struct store *store;
    bool active, ended, next_rung, stale;
    struct node *recipient, *primary;
    char why[NODE_WHY_SIZE];
};

static struct job jobs[NODES];
static bool unsaveable[NODES];  // the last job would have destroyed what cannot be saved

static bool dying(void) {
    return world.resync.dead;
}

static bool fail(struct job *job, const char *why) {
    if (*job->why == '\0') {
        (void)text_copy(job->why, sizeof job->why, why);
    }
    return false;
}

static bool put(struct job *job) {
    struct state_field field = {0};
    struct err err = {0};
    job->state.updated_ms = clock_wall_ms();
    state_encode_job(&job->state, &field);
    bool ok = store_write_jobs(job->store, &field, 1, &err);
    free(field.value);
    return ok;
}

bool resync_works_at(const struct node *node) {
    for (int i = 0; i < NODES; i++) {
        if (!dying() && jobs[i].active && !jobs[i].ended && jobs[i].recipient == node) {
            return true;
        }
    }
    return false;
}

static bool on(struct job *job) {
    return !dying() && !job->stale;
}

// One question to a node and its answer.
static bool ask(struct job *job, struct node *node, int64_t within_ms) {
    int64_t until_ms = sim_now_ms() + within_ms;
    while (on(job) && sim_now_ms() <= until_ms) {
        int64_t call_ms = sim_now_ms() + 1000;
        if (net_to_node(HOST_RESYNC, node, 0, call_ms) == TRIP_OK && node->overloaded_ms <= sim_now_ms() &&
            net_from_node(node, HOST_RESYNC, node->boot, call_ms) == TRIP_OK) {
            return on(job) && node_serves(node);
        }
        co_sleep(200);
    }
    return fail(job, "a node does not answer");
}

// The guard in front of what cannot be undone, as resync/guard.c has it.
static bool guard(struct job *job) {
    for (int64_t until_ms = sim_now_ms() + STORE_WAIT_MS; on(job) && sim_now_ms() < until_ms; co_sleep(200)) {
        struct cluster_state cluster = {0};
        struct err err = {0};
        if (!store_read(job->store, &cluster, NULL, &err)) {
            continue;
        }
        bool settled = cluster.epoch != 0 && *cluster.primary && cluster.phase != PHASE_FAILOVER &&
                       cluster.phase != PHASE_SWITCHOVER;
        bool fits = cluster.epoch == job->state.epoch && !text_equal(cluster.primary, job->state.node) &&
                    !text_equal(cluster.primary_uuid, job->recipient->uuid) &&
                    (!job->primary || text_equal(cluster.primary_uuid, job->primary->uuid));
        int primary = settings_node(&world.settings, cluster.primary);
        state_done(&cluster);
        if (settled && (!fits || primary < 0)) {
            return fail(job, "the cluster has moved on");
        }
        if (settled) {
            job->primary = &world.node[primary];
            return true;
        }
    }
    return fail(job, "no state to go by");
}

static bool guard_node(struct job *job) {
    if (!guard(job) || !ask(job, job->recipient, CALL_MS)) {
        return false;
    }
    return job->recipient->read_only || fail(job, "it takes writes");
}

static bool fence(struct job *job) {
    struct node *node = job->recipient;
    for (int64_t until_ms = sim_now_ms() + FENCE_WAIT_MS; !node->read_only && sim_now_ms() < until_ms;) {
        if (!ask(job, node, CALL_MS)) {
            return false;
        }
        co_sleep(100);
    }
    if (!guard_node(job) || !ask(job, node, CALL_MS)) {
        return false;
    }
    node->super_read_only = true;
    (void)repl_stop_receiver(node);
    repl_stop_applier(node);
    return true;
}

static struct plan choose(const struct job *job, const bool failed[JOB_RUNG_COUNT]) {
    const struct node *here = job->recipient, *there = job->primary;
    struct plan_facts facts = {.method = job->state.method,
                               .recipient_gtid = true,
                               .source_gtid = true,
                               .diverged = (uint64_t)data_extra(&here->data, &there->data),
                               .rebuild_marked = here->rebuild_marked,
                               .donor = true,
                               .recipient_clone = here->clone_plugin,
                               .donor_clone = there->clone_plugin,
                               .same_series = true,
                               .same_platform = true,
                               .same_layout = true};
    for (int u = 0; u < NODES; u++) {
        facts.binlogs_purged |= there->data.purged[u] > here->data.executed[u];
    }
    memcpy(facts.failed, failed, sizeof facts.failed);
    return plan_choose(&facts);
}

static bool rescue(struct job *job) {
    struct node *node = job->recipient;
    const struct data *data = &node->data;
    unsaveable[node->index] = false;
    if (data_extra(data, &job->primary->data) == 0) {
        return true;
    }
    int wanted[NODES];
    for (int u = 0; u < NODES; u++) {
        wanted[u] = job->primary->data.executed[u];
        if (data->purged[u] > wanted[u]) {
            unsaveable[node->index] = true;
            return fail(job, "the diverged transactions are not in the binlog any more");
        }
    }
    if (!guard_node(job)) {
        return false;
    }
    co_sleep(sim_between(2, 30));
    if (!on(job) || !node_serves(node)) {
        return fail(job, "lost while saving");
    }
    uint64_t saved = 0;
    for (int u = 0; u < NODES; u++) {
        for (int i = wanted[u]; i < data->executed[u]; i++) {
            txn_at(data->ids[u][i])->rescued = true;
            saved++;
        }
    }
    job->state.rescued = saved;
    world.rescued += saved;
    world_trace("resync: %llu transactions of %s saved", (unsigned long long)saved, node->name);
    return put(job) || on(job);
}

// The recipient is emptied first: whatever ends the copy half-way leaves a node that nobody takes for a whole one.
static bool copy(struct job *job, bool clone) {
    struct node *node = job->recipient, *donor = job->primary;
    if (!guard_node(job)) {
        return false;
    }
    node->offline_mode = true;
    node->offline_times++;
    node->super_read_only = false;
    repl_forget(node);
    data_clear(&node->data);
    node_rows(node);
    node->rebuild_marked = !clone;
    unsigned boot = node->boot, donor_boot = donor->boot;
    struct data taken = {0};
    if (!clone) {
        data_copy(&taken, &donor->data);
    }
    co_sleep(sim_between(20, 800));
    bool ok = on(job) && node->boot == boot && node_serves(node) && donor->boot == donor_boot && node_serves(donor) &&
              net_pair(node->index, donor->index);
    if (ok && clone) {
        data_copy(&taken, &donor->data);
    }
    if (ok) {
        data_copy(&node->data, &taken);
        memcpy(node->data.purged, taken.executed, sizeof taken.executed);
        node->rebuild_marked = false;
        node_rows(node);
    }
    data_free(&taken);
    if (!ok) {
        job->next_rung = on(job) && node_serves(node);
        return fail(job, "the copy broke off");
    }
    if (clone) {
        node_die(node);
        node_boot(node, sim_between(200, 900));
        co_sleep(100);
        return ask(job, node, RECIPIENT_WAIT_MS);
    }
    node->super_read_only = true;
    return true;
}

// What only the recipient has is undone: at once, or not at all. The mark stays until it has caught up, and rules the
// rung out when it is cut off (the real one may go on).
static bool undo(struct job *job) {
    struct node *node = job->recipient;
    if (!guard_node(job)) {
        return false;
    }
    node->offline_mode = true;
    node->offline_times++;
    node->super_read_only = false;
    node->rebuild_marked = true;
    unsigned boot = node->boot;
    co_sleep(sim_between(20, 300));
    if (!on(job) || node->boot != boot || !node_serves(node)) {
        job->next_rung = on(job) && node_serves(node);
        return fail(job, "the undoing broke off");
    }
    repl_forget(node);
    struct data kept = {0};
    for (int u = 0; u < NODES; u++) {
        int common = job->primary->data.executed[u];
        node->data.executed[u] = node->data.executed[u] < common ? node->data.executed[u] : common;
    }
    data_copy(&kept, &node->data);
    data_copy(&node->data, &kept);
    data_free(&kept);
    node_rows(node);
    node->super_read_only = true;
    return true;
}

static bool attach(struct job *job) {
    if (!guard_node(job)) {
        return false;
    }
    struct node *node = job->recipient;
    while (!repl_stop_receiver(node) && on(job)) {
        co_sleep(50);
    }
    repl_follow(node, job->primary->index);
    repl_start(node, true, true);
    return true;
}

static bool follow(struct job *job) {
    struct node *node = job->recipient;
    if (!ask(job, job->primary, CALL_MS)) {
        return false;
    }
    int wanted[NODES];
    memcpy(wanted, job->primary->data.executed, sizeof wanted);
    uint64_t newest = node_epoch(job->primary), reigns = node_reigns(job->primary, newest);
    for (int64_t until_ms = sim_now_ms() + STALLED_MS; on(job) && sim_now_ms() < until_ms; co_sleep(20)) {
        if (!ask(job, node, CALL_MS)) {
            return false;
        }
        bool there = node->repl.receiver == THREAD_ON;
        for (int u = 0; u < NODES; u++) {
            there &= node->data.executed[u] >= wanted[u];
        }
        bool broken = node->repl.applier_errno || (node->repl.receiver == THREAD_OFF && node->repl.receiver_errno);
        if (broken || !node->repl.configured) {
            job->next_rung = broken;
            return fail(job, "it does not follow");
        }
        if (there && node_reigns(node, newest) != reigns) {
            job->next_rung = true;
            return fail(job, "it holds other transactions under the same GTIDs");
        }
        if (there) {
            node->rebuild_marked = false;
            node->offline_mode = false;
            return true;
        }
    }
    return fail(job, "it does not follow");
}

static bool attempt(struct job *job, const bool failed[JOB_RUNG_COUNT], enum job_rung *ret_rung) {
    if (!ask(job, job->recipient, RECIPIENT_WAIT_MS) || !guard(job) || !ask(job, job->primary, PRIMARY_WAIT_MS) ||
        !fence(job)) {
        return false;
    }
    struct plan plan = choose(job, failed);
    enum job_rung rung = plan.taken.rung;
    if (rung == RUNG_AUTO) {
        return fail(job, "no rung is left");
    }
    job->state.rung = rung;
    (void)put(job);
    if (rung != RUNG_CATCHUP && !rescue(job)) {
        return false;
    }
    *ret_rung = rung;
    world_trace("resync: %s comes back by %s (plan %d)", job->recipient->name, job_rung_name(rung), plan.taken.rule);
    bool ready = rung == RUNG_CATCHUP || (rung == RUNG_REWIND ? undo(job) : copy(job, rung == RUNG_CLONE));
    return ready && attach(job) && follow(job);
}

static void *work(void *arg) {
    struct job *job = arg;
    bool failed[JOB_RUNG_COUNT] = {false}, done = false;
    job->state.phase = JOB_RUNNING;
    (void)put(job);
    for (bool again = true; again && on(job);) {
        enum job_rung rung = RUNG_AUTO;
        job->next_rung = false;
        done = attempt(job, failed, &rung);
        again = !done && job->next_rung && rung != RUNG_AUTO;
        failed[rung] = true;
        if (again) {
            *job->why = '\0';
        }
    }
    job->state.phase = done ? JOB_DONE : job->stale ? JOB_CANCELLED : JOB_FAILED;
    job->state.ended_ms = clock_wall_ms();
    (void)text_copy(job->state.why, sizeof job->state.why, job->why);
    if (!dying()) {
        world_trace("resync: job of %s %s%s%s", job->recipient->name, job_phase_name(job->state.phase),
                    *job->why ? ": " : "", job->why);
    }
    while (!dying() && !put(job)) {
        co_sleep(200);
    }
    store_close(job->store);
    job->active = false;
    return NULL;
}

static void look(struct store *store) {
    struct cluster_state cluster = {0};
    struct err err = {0};
    if (!store_read(store, &cluster, NULL, &err)) {
        return;
    }
    for (size_t i = 0; cluster.epoch != 0 && i < cluster.job_count; i++) {
        const struct job_state *state = &cluster.jobs[i];
        int at = settings_node(&world.settings, state->node);
        struct job *job = &jobs[at < 0 ? 0 : at];
        if (at < 0 || (!job->active && !job_active(state))) {
            continue;
        }
        if (job->active) {
            bool replaced = !text_equal(job->state.id, state->id) && state->phase == JOB_QUEUED;
            job->stale |= replaced || cluster.epoch != job->state.epoch;
            continue;
        }
        *job = (struct job){.state = *state, .active = true, .recipient = &world.node[at]};
        job->store = store_open(&world.settings, SERVICE_RESYNC);
        job->stale = state->epoch != cluster.epoch;
        (void)co_start(&world.resync, work, job);
    }
    state_done(&cluster);
}

static bool stopping;

static void *serve(void *arg) {
    (void)arg;
    struct store *store = store_open(&world.settings, SERVICE_RESYNC);
    while (!stopping) {
        look(store);
        (void)co_wait(&world.resync, sim_now_ms() + LOOK_EVERY_MS);
    }
    store_close(store);
    return NULL;
}

void resync_hint(void) {
    co_tell(&world.resync);
}

bool resync_refuses(void) {
    return unsaveable[0] || unsaveable[1] || unsaveable[2];
}

bool resync_busy(void) {
    bool busy = false;
    for (int i = 0; i < world.nodes; i++) {
        busy |= jobs[i].active;
    }
    return busy;
}

void resync_begin(void) {
    if (!world.resync.up) {
        memset(jobs, 0, sizeof jobs);
        memset(unsaveable, 0, sizeof unsaveable);
        stopping = false;
        world.resync.up = true;
        world.resync.dead = false;
        world.resync.thaw_ms = 0;
        world.resync.life++;
        (void)co_start(&world.resync, serve, NULL);
    }
}

static void take_down(void *arg) {
    (void)arg;
    stopping = true;
    co_tell(&world.resync);
}

void resync_end(void) {
    if (world.resync.up) {
        process_kill(&world.resync, take_down, NULL);
    }
}
