// What every unit test includes: cmocka and the headers that it wants before it.
#pragma once
#include <setjmp.h> // IWYU pragma: keep
#include <stdarg.h> // IWYU pragma: keep
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

// Names the row of a table that fails: cmocka's own message only knows the line.
#define assert_row(row, condition)                              \
    do {                                                        \
        if (!(condition)) {                                     \
            fail_msg("row \"%s\": %s", (row), #condition);      \
        }                                                       \
    } while (0)
#define assert_row_text(row, got, wanted)                                               \
    do {                                                                                \
        const char *got_ = (got);                                                       \
        const char *wanted_ = (wanted);                                                 \
        if (strcmp(got_, wanted_) != 0) {                                               \
            fail_msg("row \"%s\": \"%s\" instead of \"%s\"", (row), got_, wanted_);     \
        }                                                                               \
    } while (0)
