// However the bytes are cut, the verdict is the same; a request that passes lies wholly within what was given.
#include <stdlib.h>
#include <string.h>

#include "dashboard/gate.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    char *bytes = malloc(size);  // its own allocation, so that a read past the end is seen
    must(bytes != NULL);
    memcpy(bytes, data, size);
    struct gate whole = {0}, parts = {0};
    enum gate_verdict verdict = gate_check(&whole, bytes, size), last = GATE_MORE;
    for (size_t step = 1 + data[0] % 7, end = step; last == GATE_MORE; end += step) {
        end = end < size ? end : size;
        last = gate_check(&parts, bytes, end);
        if (end == size) {
            break;
        }
    }
    // Half a request may be refused for a different fault than the whole, but what passes whole passes in parts.
    must((verdict == GATE_READY) == (last == GATE_READY));
    must(verdict != GATE_READY || whole.head_bytes + whole.body_bytes <= size);
    must(verdict != GATE_READY || (whole.head_bytes == parts.head_bytes && whole.body_bytes == parts.body_bytes));
    must(verdict != GATE_REFUSED || (whole.status >= 400 && whole.why != MSG_NONE));
    free(bytes);
    return 0;
}
