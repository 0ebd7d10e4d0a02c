#include "watcher/observation.h"

#include <stdlib.h>

#include "common/mem.h"

bool observation_alive(const struct observation *observation) {
    return probe_answered(observation->outcome);
}

struct observation *observation_new(void) {
    struct observation *observation = mem_zero(1, sizeof *observation);
    atomic_init(&observation->holders, 1);
    return observation;
}

struct observation *observation_hold(struct observation *observation) {
    if (observation) {
        atomic_fetch_add(&observation->holders, 1);
    }
    return observation;
}

void observation_release(struct observation *observation) {
    if (!observation || atomic_fetch_sub(&observation->holders, 1) != 1) {
        return;
    }
    gtid_free(observation->executed);
    gtid_free(observation->received);
    free(observation->executed_text);
    free(observation->received_text);
    free(observation);
}

void observation_drop(struct observation **observation) {
    observation_release(*observation);
}
