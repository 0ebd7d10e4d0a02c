// The gate before the HTTP library: decides from raw bytes whether one whole, strictly formed request has arrived, so
// that libevhtp only ever parses complete and harmless ones (it has no header limit, overflows the stack on a huge
// query, waits for ever on a slow client and closes without an answer on anything odd). RFC 9112. Pure.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "common/messages.h"

#define GATE_HEAD_BYTES_MAX 16384   // request line and all headers
#define GATE_LINE_BYTES_MAX 4096    // one header line
#define GATE_TARGET_BYTES_MAX 2048  // path and query
#define GATE_QUERY_BYTES_MAX 1024
#define GATE_HEADERS_MAX 64
#define GATE_BODY_BYTES_MAX 65536

enum gate_verdict { GATE_MORE, GATE_READY, GATE_REFUSED };

// Where the reading of one request stands. Zero it before each request.
struct gate {
    size_t scanned;     // bytes known not to end the head
    size_t head_bytes;  // 0: the head is not complete yet
    size_t body_bytes;  // as Content-Length says
    bool expects_continue;
    int status;    // of a refusal
    enum msg why;  // of a refusal
};

// Looks at everything received so far (it must start with the request). GATE_READY: the first head_bytes + body_bytes
// bytes are one request. GATE_REFUSED: answer gate->status, explain gate->why, close.
enum gate_verdict gate_check(struct gate *gate, const char *bytes, size_t length_bytes);
