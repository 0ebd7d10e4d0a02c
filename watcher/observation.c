#include "watcher/observation.h"

#include <stdlib.h>
#include <strings.h>

#include "common/address.h"
#include "common/mem.h"
#include "common/text.h"

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

void observation_name_source(struct observation *observation, const struct settings *settings) {
    const char *host = observation->source_address;
    bool addressed = false;
    observation->source_moved = false;
    for (size_t i = 0; *host && i < settings->node_count; i++) {
        const struct node_address *node = &settings->nodes[i];
        addressed |= node_has_address(node);
        if (strcasecmp(host, node_source_host(node)) == 0 && observation->source_port == node_source_port(node)) {
            (void)text_copy(observation->source_host, sizeof observation->source_host, node->name);
            return;
        }
    }
    observation->source_moved = addressed;
    if (*host) {
        address_print(host, observation->source_port, observation->source_host, sizeof observation->source_host);
    }
}
