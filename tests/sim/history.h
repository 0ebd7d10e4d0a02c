// One history: a cluster is born, things go wrong, everything is healed, the cluster has to find its way back.
#pragma once
#include "tests/sim/faults.h"

// False: an invariant broke; world.failure says which. kept: bit set of the faults that happen. most: steps, 0 for all.
bool history_play(const struct plot *plot, uint64_t seed, uint64_t kept, uint64_t most);
