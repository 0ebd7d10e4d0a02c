// The well-known stories: a few faults at fixed times, told as a trace that people read and the test compares.
// golden.c tells and compares them.
#pragma once
#include <stdbool.h>

#include "tests/sim/history.h"

struct story {
    const char *name, *about;
    struct plot plot;
    bool each_statement;  // told once for each statement of an action at which the last fault may strike
};

struct story_shelf {
    const struct story *stories;
    size_t count;
};
extern const struct story_shelf stories_async, stories_lossless, stories_guards, stories_redis;

bool stories_compare(const char *directory, bool bless);  // bless: write the files instead
bool story_print(const char *name);
