#include "tests/sim/history.h"

enum {
    CONVERGE_WITHIN_MS = 150000,  // after everything is healed
    OPERATOR_MS = 3000,           // after the healing, an operator acknowledges and ends the maintenance,
    OPERATOR_AGAIN_MS = 20000,    // and, a command being lost when nobody leads, again
    QUIET_MS = 3000,
    LINGER_MS = 1000,
    STUCK_STEPS = 200000,  // in one millisecond
};

struct progress {
    bool healed;
    int64_t spoken_ms;
    int64_t moved_ms;
    uint64_t moved_step;
};

static void look_for_standstill(struct progress *progress) {
    if (sim_now_ms() != progress->moved_ms) {
        progress->moved_ms = sim_now_ms();
        progress->moved_step = sim_steps();
    } else if (sim_steps() - progress->moved_step > STUCK_STEPS) {
        world_fail("time stands still");
    }
}

static void direct(const struct plot *plot, struct progress *progress) {
    int64_t now_ms = sim_now_ms();
    if (!progress->healed && now_ms >= plot->heal_ms) {
        progress->healed = true;
        world_trace("HEAL everything");
        plot_heal();
    }
    bool again = progress->spoken_ms == 0 || now_ms - progress->spoken_ms >= OPERATOR_AGAIN_MS;
    if (!plot->alone && again && now_ms >= plot->heal_ms + OPERATOR_MS) {
        progress->spoken_ms = now_ms;
        redis_command("ack");
        redis_command("maintenance off");
    }
    world.quiet = now_ms >= plot->heal_ms + QUIET_MS;
}

bool history_play(const struct plot *plot, uint64_t seed, uint64_t kept, uint64_t most) {
    world_new(seed, plot->nodes, plot->watchers);
    world.settings.failback_auto = plot->failback;
    world.settings.mode = plot->lossless ? MODE_LOSSLESS : MODE_ASYNC;
    for (int i = 0; i < plot->diverged; i++) {
        (void)node_commit(&world.node[1], (struct txn){.kind = TXN_INIT});
    }
    plot_begin(plot, kept);
    struct progress progress = {0};
    char why[400];
    int64_t end_ms = plot->heal_ms + CONVERGE_WITHIN_MS;
    while (*world.failure == '\0' && sim_now_ms() < end_ms && (most == 0 || sim_steps() < most) && sim_step()) {
        check_step();
        look_for_standstill(&progress);
        direct(plot, &progress);
        int64_t healed_ms = sim_now_ms() - plot->heal_ms;
        bool patient = plot->most_ms && sim_now_ms() < plot->most_ms;
        if (!patient && healed_ms >= QUIET_MS + LINGER_MS && check_converged(why, sizeof why)) {
            break;
        }
        if (plot->most_ms && sim_now_ms() >= plot->most_ms) {
            break;
        }
    }
    if (*world.failure == '\0' && (most == 0 || sim_steps() < most)) {
        check_end();
    }
    if (*world.failure) {
        world_describe();
    }
    world_end();
    return *world.failure == '\0';
}
