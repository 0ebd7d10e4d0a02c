#include "backoff.h"

int64_t backoff_next_ms(struct backoff *backoff, uint32_t random) {
    int64_t wait_ms = backoff->first_ms > 0 ? backoff->first_ms : 1;
    for (unsigned i = 0; i < backoff->attempts && wait_ms < backoff->most_ms; i++) {
        wait_ms = wait_ms > backoff->most_ms / 2 ? backoff->most_ms : wait_ms * 2;
    }
    if (wait_ms > backoff->most_ms) {
        wait_ms = backoff->most_ms;
    }
    if (backoff->attempts < UINT32_MAX) {
        backoff->attempts++;
    }
    // Jitter only shortens: most_ms stays the longest wait.
    return wait_ms - (int64_t)(random % (uint64_t)(wait_ms / 4 + 1));
}

void backoff_reset(struct backoff *backoff) {
    backoff->attempts = 0;
}
