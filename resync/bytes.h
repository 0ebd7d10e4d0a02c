// A cursor over bytes that never reads past their end: running short gives zeros and sets short_of. Pure.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    const unsigned char *at;
    size_t left;
    bool short_of;
};

// length_bytes of them, or NULL if there are not as many.
static inline const unsigned char *bytes_take(struct bytes *from, uint64_t length_bytes) {
    if (from->short_of || length_bytes > from->left) {
        from->short_of = true;
        return NULL;
    }
    const unsigned char *at = from->at;
    from->at += length_bytes;
    from->left -= length_bytes;
    return at;
}

// A little-endian number of up to 8 bytes.
static inline uint64_t bytes_little(struct bytes *from, unsigned length_bytes) {
    const unsigned char *at = bytes_take(from, length_bytes);
    uint64_t value = 0;
    for (unsigned i = 0; at && i < length_bytes; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    return value;
}

// MySQL's length-encoded integer: one byte up to 250, else 252, 253 or 254 and 2, 3 or 8 bytes.
static inline uint64_t bytes_packed(struct bytes *from) {
    uint64_t first = bytes_little(from, 1);
    switch (first) {
        case 252:
            return bytes_little(from, 2);
        case 253:
            return bytes_little(from, 3);
        case 254:
            return bytes_little(from, 8);
        default:
            return first;
    }
}

// The serialization library's integer: as many more bytes as the first one has trailing ones.
static inline uint64_t bytes_varlen(struct bytes *from) {
    unsigned first = (unsigned)bytes_little(from, 1);
    unsigned more = 0;
    while (more < 8 && (first >> more & 1) != 0) {
        more++;
    }
    uint64_t high = bytes_little(from, more);
    return more >= 7 ? high : high << (7 - more) | first >> (more + 1);
}
