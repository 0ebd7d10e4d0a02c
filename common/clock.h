// Time. Decisions use the monotonic clock only; wall time is for stamps that people read.
#pragma once
#include <stdint.h>

int64_t clock_mono_ms(void);  // CLOCK_MONOTONIC, milliseconds
int64_t clock_wall_ms(void);  // CLOCK_REALTIME, milliseconds since 1970

// "2026-03-01T12:00:00.123Z" into out (at least 32 bytes). Pure.
void clock_iso8601(int64_t wall_ms, char out[32]);
// "2026-03-01 12:00:00" UTC, as MySQL's DATETIME writes it (at least 20 bytes). Pure.
void clock_sql(int64_t wall_ms, char out[20]);
