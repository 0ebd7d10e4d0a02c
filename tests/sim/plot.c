// Draws what goes wrong in a history.
#include "tests/sim/faults.h"

#define X(id, name, weight, strike, back) [id] = weight,
static const unsigned weights[] = {FAULTS(X)};
#undef X

static int64_t pick(uint64_t *random, int64_t least, int64_t most) {
    return least + (int64_t)(random_next(random) % (uint64_t)(most - least + 1));
}

// Most troubles are short, some last.
static int64_t a_while(uint64_t *random) {
    static const int64_t most_ms[] = {60, 400, 1500, 5000, 12000};
    return pick(random, 10, most_ms[pick(random, 0, 4)]);
}

static int host_of(uint64_t *random, const struct plot *plot) {
    int choice = (int)pick(random, 0, plot->nodes + plot->watchers + 1);
    return choice < plot->nodes                     ? choice
           : choice < plot->nodes + plot->watchers  ? HOST_WATCHER + choice - plot->nodes
           : choice == plot->nodes + plot->watchers ? HOST_REDIS
                                                    : HOST_RESYNC;
}

static struct fault draw(uint64_t *random, const struct plot *plot, int64_t at_ms) {
    unsigned all = 0, kind = 0;
    for (unsigned i = 0; i < FAULT_KINDS; i++) {
        all += weights[i];
    }
    unsigned at = (unsigned)pick(random, 0, (int64_t)all - 1);
    for (; at >= weights[kind]; kind++) {
        at -= weights[kind];
    }
    struct fault fault = {.kind = (enum fault_kind)kind, .at_ms = at_ms, .ms = a_while(random)};
    bool hosts = kind == FAULT_CUT || kind == FAULT_PART || kind == FAULT_DELAY || kind == FAULT_ISOLATE;
    bool watcher = kind == FAULT_KILL_WATCHER || kind == FAULT_STOP_WATCHER || kind == FAULT_PAUSE_WATCHER ||
                   kind == FAULT_LATE || kind == FAULT_WALL || kind == FAULT_HANG;
    fault.a = hosts     ? host_of(random, plot)
              : watcher ? (int)pick(random, 0, plot->watchers - 1)
                        : (int)pick(random, 0, plot->nodes) % plot->nodes;
    fault.b = (int)pick(random, 0, plot->nodes - 1);
    if (hosts && fault.a == fault.b) {
        fault.b = HOST_WATCHER;
    }
    bool slows = kind == FAULT_LATE || kind == FAULT_SLOW_STOP;
    bool jumps = kind == FAULT_WALL || kind == FAULT_NODE_WALL || kind == FAULT_REDIS_WALL;
    fault.much = jumps                 ? pick(random, -60000, 60000)
                 : kind == FAULT_DELAY ? pick(random, 5, 400)
                 : kind == FAULT_LAG   ? pick(random, 10, 400)
                 : slows               ? pick(random, 20, 1500)
                                       : pick(random, 1, 16);
    if ((kind == FAULT_KILL || kind == FAULT_STOP) && pick(random, 0, 2) == 0) {
        fault.ms = 0;
    }
    return fault;
}

// Troubles that belong together: what one of them opens, the others may fall through.
static int draw_theme(uint64_t *random, struct fault *faults, int64_t at_ms) {
    int64_t about_silence_ms = pick(random, 2500, 7000), lag_ms = pick(random, 20, 400);
    int64_t statement = pick(random, 1, 14), short_ms = pick(random, 10, 3000);
    int node = (int)pick(random, 0, 1);
    enum fault_kind at_statement =
        (enum fault_kind[]){FAULT_WATCHER_AT, FAULT_NODE_AT, FAULT_CUT_AT}[pick(random, 0, 2)];
    switch (pick(random, 0, 4)) {
        case 0:  // the primary is away about as long as the promotion takes
            faults[0] = (struct fault){.kind = FAULT_LAG, .a = 1, .at_ms = at_ms, .ms = 12000, .much = lag_ms};
            faults[1] =
                (struct fault){.kind = FAULT_ISOLATE, .a = 0, .at_ms = at_ms + short_ms, .ms = about_silence_ms};
            return 2;
        case 1:
            faults[0] = (struct fault){.kind = FAULT_LAG, .a = 1, .at_ms = at_ms, .ms = 12000, .much = lag_ms};
            faults[1] = (struct fault){.kind = FAULT_PAUSE, .a = 0, .at_ms = at_ms + short_ms, .ms = about_silence_ms};
            return 2;
        case 2:
            faults[0] = (struct fault){.kind = FAULT_SWITCHOVER, .a = node, .at_ms = at_ms};
            faults[1] = (struct fault){.kind = at_statement, .at_ms = at_ms, .ms = short_ms, .much = statement};
            return 2;
        case 3:
            faults[0] = (struct fault){.kind = FAULT_KILL, .a = node, .at_ms = at_ms, .ms = about_silence_ms};
            faults[1] = (struct fault){.kind = at_statement, .at_ms = at_ms, .ms = short_ms, .much = statement};
            return 2;
        default:  // only our path is broken
            faults[0] = (struct fault){
                .kind = FAULT_PART, .a = node, .b = HOST_WATCHER, .at_ms = at_ms, .ms = about_silence_ms};
            return 1;
    }
}

// What a person accepts the loss of, or breaks by hand, is no failure of lossless mode; nor is a Redis that forgets
// what it said is on the disk.
static enum fault_kind lossless_kind(enum fault_kind kind) {
    return kind == FAULT_FORCE        ? FAULT_FAILOVER
           : kind == FAULT_HAND_OPEN  ? FAULT_HAND_STOP
           : kind == FAULT_REDIS_BACK ? FAULT_REDIS
                                      : kind;
}

struct plot plot_draw(uint64_t seed) {
    uint64_t random = seed * 2 + 1;
    struct plot plot = {.nodes = pick(&random, 0, 2) == 0 ? 3 : 2,
                        .watchers = pick(&random, 0, 3) == 0 ? 2 : 1,
                        .failback = pick(&random, 0, 1) == 0};
    int64_t at_ms = pick(&random, 0, 4) == 0 ? 0 : 4000;
    int themed = pick(&random, 0, 2) == 0 ? draw_theme(&random, plot.faults, 4000 + pick(&random, 0, 2000)) : 0;
    plot.count = themed + (int)pick(&random, 1, pick(&random, 0, 3) == 0 ? 16 : 6);
    for (int i = themed; i < plot.count; i++) {
        bool close = pick(&random, 0, 1) == 0;  // troubles like company
        at_ms += close ? pick(&random, 0, 60) : pick(&random, 50, 4000);
        plot.faults[i] = draw(&random, &plot, at_ms);
    }
    at_ms = themed && at_ms < 10000 ? 10000 : at_ms;
    plot.heal_ms = at_ms + pick(&random, 500, 6000);
    plot.lossless = pick(&random, 0, 1) == 0;
    for (int i = 0; plot.lossless && i < plot.count; i++) {
        plot.faults[i].kind = lossless_kind(plot.faults[i].kind);
    }
    return plot;
}
