// How long to wait before attempt n: doubling from first_ms up to most_ms, with a jitter of up to a quarter taken from
// the caller's random number, so that several clients do not return in step. Pure.
#pragma once
#include <stdint.h>

struct backoff {
    int64_t first_ms;
    int64_t most_ms;
    unsigned attempts;  // since the last success
};

int64_t backoff_next_ms(struct backoff *backoff, uint32_t random);
void backoff_reset(struct backoff *backoff);
