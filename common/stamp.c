// The texts of clock.h, apart from its readings so that pure modules can link them.
#include "clock.h"

#include <stdio.h>
#include <time.h>

// Years 1000 to 9999, as MySQL's DATETIME has them; anything else is pinned to the nearer end.
#define LEAST_MS INT64_C(-30610224000000)
#define MOST_MS INT64_C(253402300799999)

static int64_t split(int64_t wall_ms, struct tm *ret) {
    int64_t pinned = wall_ms < LEAST_MS ? LEAST_MS : wall_ms > MOST_MS ? MOST_MS : wall_ms;
    int64_t milliseconds = pinned % 1000;
    if (milliseconds < 0) {
        milliseconds += 1000;
    }
    time_t seconds = (time_t)((pinned - milliseconds) / 1000);
    gmtime_r(&seconds, ret);
    return milliseconds;
}

void clock_iso8601(int64_t wall_ms, char out[32]) {
    struct tm parts = {0};
    int64_t milliseconds = split(wall_ms, &parts);
    char stamp[24];
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(out, 32, "%s.%03dZ", stamp, (int)milliseconds);
}

void clock_sql(int64_t wall_ms, char out[20]) {
    struct tm parts = {0};
    (void)split(wall_ms, &parts);
    strftime(out, 20, "%Y-%m-%d %H:%M:%S", &parts);
}
