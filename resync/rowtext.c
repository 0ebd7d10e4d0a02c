#include "resync/rowtext.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

// How a byte is written behind a backslash; 0: as it is.
static char escaped(unsigned char byte) {
    switch (byte) {
        case '\\':
            return '\\';
        case '\t':
            return 't';
        case '\n':
            return 'n';
        case '\0':
            return '0';
        default:
            return 0;
    }
}

void rowtext_field(struct rowtext *batch, const char *bytes, size_t length_bytes, bool last) {
    size_t most = 2 * length_bytes + 3;  // all escaped, or \N, and the separator
    if (batch->room_bytes - batch->used_bytes < most) {
        batch->room_bytes = (batch->used_bytes + most) * 3 / 2;
        batch->bytes = mem_grow(batch->bytes, batch->room_bytes, 1);
    }
    char *to = batch->bytes + batch->used_bytes;
    if (!bytes) {
        *to++ = '\\';
        *to++ = 'N';
    } else {
        for (size_t i = 0; i < length_bytes; i++) {
            char letter = escaped((unsigned char)bytes[i]);
            if (letter) {
                *to++ = '\\';
                *to++ = letter;
            } else {
                *to++ = bytes[i];
            }
        }
    }
    *to++ = last ? '\n' : '\t';
    batch->used_bytes = (size_t)(to - batch->bytes);
    batch->rows += last ? 1 : 0;
}

void rowtext_done(struct rowtext *batch) {
    free(batch->bytes);
    *batch = (struct rowtext){0};
}
