#include "resync/rowtext.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

// How a byte is written behind a backslash; 0: as it is.
static const char escaped[256] = {['\\'] = '\\', ['\t'] = 't', ['\n'] = 'n', ['\0'] = '0'};

// Most bytes stay as they are: they are moved by stretches.
static char *put_escaped(char *to, const char *bytes, size_t length_bytes) {
    const char *end = bytes + length_bytes;
    while (bytes < end) {
        const char *stretch = bytes;
        while (bytes < end && !escaped[(unsigned char)*bytes]) {
            bytes++;
        }
        memcpy(to, stretch, (size_t)(bytes - stretch));
        to += bytes - stretch;
        if (bytes < end) {
            *to++ = '\\';
            *to++ = escaped[(unsigned char)*bytes++];
        }
    }
    return to;
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
        to = put_escaped(to, bytes, length_bytes);
    }
    *to++ = last ? '\n' : '\t';
    batch->used_bytes = (size_t)(to - batch->bytes);
    batch->rows += last ? 1 : 0;
}

void rowtext_done(struct rowtext *batch) {
    free(batch->bytes);
    *batch = (struct rowtext){0};
}
