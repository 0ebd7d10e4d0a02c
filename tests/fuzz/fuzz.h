// What the fuzz targets share: libFuzzer's entry point, and an assertion that no build leaves out.
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition)          \
    do {                         \
        if (!(condition)) {      \
            __builtin_trap();    \
        }                        \
    } while (0)
