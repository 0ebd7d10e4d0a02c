#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"

struct world world;
static FILE *trace_to;

void world_trace(const char *format, ...) {
    if (!world.trace || sim_now_ms() < world.trace_from_ms) {
        return;
    }
    FILE *out = trace_to ? trace_to : stdout;
    fprintf(out, "%8.*f  ", trace_to ? 1 : 3, (double)sim_now_ms() / 1000);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(out, format, arguments);
    va_end(arguments);
    fputc('\n', out);
}

void world_trace_to(FILE *out) {
    trace_to = out;
}

void world_fail(const char *format, ...) {
    if (*world.failure) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(world.failure, sizeof world.failure, format, arguments);
    va_end(arguments);
    world_trace("BROKEN %s", world.failure);
}

void world_describe(void) {
    static const char *const powers[] = {"off", "booting", "on", "closing"};
    for (int i = 0; i < world.nodes; i++) {
        const struct node *node = &world.node[i];
        const struct replication *repl = &node->repl;
        AUTO_TEXT char *executed = node_executed(node);
        world_trace("%s: %s, %s, epoch %llu, receiver %s from %s (%d), applier %s (%d), %s", node->name,
                    powers[node->power], node_open(node) ? "open" : "closed", (unsigned long long)node_epoch(node),
                    thread_state_name(repl->receiver), repl->configured ? world.node[repl->source].name : "nobody",
                    repl->receiver_errno, repl->applier ? "on" : "off", repl->applier_errno, executed);
    }
    redis_describe();
}

static void beat(void *arg) {
    (void)arg;
    for (int i = 0; i < world.nodes; i++) {
        repl_step(&world.node[i]);
        node_acknowledge(&world.node[i]);
    }
    sim_at(sim_now_ms() + 100, NULL, beat, NULL);
}

static struct settings settings_of(int nodes) {
    static struct settings base;
    if (*base.cluster == '\0') {
        const char *const environment[] = {"RELEVO_NODES=a:3306,b:3306",
                                           "RELEVO_CONTROL_USER=relevo",
                                           "RELEVO_CONTROL_PASSWORD=x", "RELEVO_EVENTS_PASSWORD=x",
                                           "RELEVO_REPL_USER=repl",
                                           "RELEVO_REPL_PASSWORD=x",
                                           "RELEVO_REDIS_PASSWORD=x",
                                           NULL};
        struct err err = {0};
        if (!settings_load(SERVICE_WATCHER, environment, &base, &err)) {
            fprintf(stderr, "sim: %s\n", err.text);
            abort();
        }
    }
    struct settings settings = base;
    settings.copy_unasked = true;
    settings.node_count = (size_t)nodes;
    for (int i = 0; i < nodes; i++) {
        (void)text_format(settings.nodes[i].name, NODE_NAME_SIZE, "%c", 'a' + i);
        settings.nodes[i].port = 3306;
    }
    (void)text_copy(settings.preferred, sizeof settings.preferred, "a");
    return settings;
}

static void process_init(struct process *process, const char *name, int host) {
    unsigned life = process->life;
    *process = (struct process){.host = host, .life = life};
    (void)text_copy(process->name, sizeof process->name, name);
}

// A fresh cluster: a holds the schema, the others nothing; all are fenced.
void world_bare(uint64_t seed, int nodes, int watchers) {
    engine_reset(seed);
    bool trace = world.trace;
    for (int i = 0; i < NODES; i++) {
        node_init(&world.node[i], i);
    }
    memset(world.cut, 0, sizeof world.cut);
    memset(world.delay_ms, 0, sizeof world.delay_ms);
    world.nodes = nodes;
    world.watchers = watchers;
    world.quiet = world.forged = false;
    world.trace = trace;
    world.rescued = 0;
    *world.failure = '\0';
    world.settings = settings_of(nodes);
    late_clear();
    redis_new();
    check_new();
    process_init(&world.watcher[0], "watcher-1", HOST_WATCHER);
    process_init(&world.watcher[1], "watcher-2", HOST_WATCHER + 1);
    process_init(&world.resync, "resync", HOST_RESYNC);
    for (int i = 0; i < 3; i++) {
        (void)node_commit(&world.node[0], (struct txn){.kind = TXN_INIT});
    }
    beat(NULL);
}

void world_new(uint64_t seed, int nodes, int watchers) {
    world_bare(seed, nodes, watchers);
    for (int i = 0; i < watchers; i++) {
        watcher_begin(i);
    }
    resync_begin();
    clients_begin();
}

void world_end(void) {
    bool trace = world.trace;
    world.trace = false;
    for (int i = 0; i < world.watchers; i++) {
        watcher_end(i, true);
    }
    resync_end();
    world.trace = trace;
}
