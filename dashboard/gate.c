#include "gate.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

static enum gate_verdict refuse(struct gate *gate, int status, enum msg why) {
    gate->status = status;
    gate->why = why;
    return GATE_REFUSED;
}

static bool is_token(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Visible ASCII that may stand in a target, percent signs followed by two hex digits. '#' never travels.
static bool target_is_clean(const char *target, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (target[i] <= ' ' || target[i] > '~' || strchr("\"#<>\\^`{|}", target[i]) != NULL) {
            return false;
        }
        if (target[i] == '%' && (i + 2 >= length || !is_hex(target[i + 1]) || !is_hex(target[i + 2]))) {
            return false;
        }
    }
    return true;
}

static bool method_is_known(const char *method, size_t length) {
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strlen(known[i]) == length && memcmp(known[i], method, length) == 0) {
            return true;
        }
    }
    return false;
}

// METHOD SP /target SP HTTP/1.0 or HTTP/1.1
static enum gate_verdict check_request_line(struct gate *gate, const char *line, size_t length) {
    const char *end = line + length;
    const char *space = memchr(line, ' ', length);
    if (space == NULL || space == line) {
        return refuse(gate, 400, MSG_HTTP_REQUEST_LINE);
    }
    for (const char *c = line; c < space; c++) {
        if (!is_token((unsigned char)*c)) {
            return refuse(gate, 400, MSG_HTTP_REQUEST_LINE);
        }
    }
    const char *target = space + 1;
    const char *target_end = memchr(target, ' ', (size_t)(end - target));
    if (target_end == NULL || target == target_end) {
        return refuse(gate, 400, MSG_HTTP_REQUEST_LINE);
    }
    const char *version = target_end + 1;
    if (end - version != 8 || memcmp(version, "HTTP/", 5) != 0) {
        return refuse(gate, 400, MSG_HTTP_REQUEST_LINE);
    }
    if (memcmp(version, "HTTP/1.1", 8) != 0 && memcmp(version, "HTTP/1.0", 8) != 0) {
        return refuse(gate, 505, MSG_HTTP_VERSION);
    }
    if (!method_is_known(line, (size_t)(space - line))) {
        return refuse(gate, 501, MSG_HTTP_METHOD_UNKNOWN);
    }
    size_t target_bytes = (size_t)(target_end - target);
    const char *query = memchr(target, '?', target_bytes);
    if (target_bytes > GATE_TARGET_BYTES_MAX ||
        (query != NULL && (size_t)(target_end - query) - 1 > GATE_QUERY_BYTES_MAX)) {
        return refuse(gate, 414, MSG_HTTP_TARGET_LONG);
    }
    if (*target != '/' || !target_is_clean(target, target_bytes)) {
        return refuse(gate, 400, MSG_HTTP_TARGET);
    }
    return GATE_READY;
}

static bool name_is(const char *name, size_t length, const char *wanted) {
    return length == strlen(wanted) && strncasecmp(name, wanted, length) == 0;
}

static enum gate_verdict check_content_length(struct gate *gate, const char *value, size_t length, bool *seen) {
    if (*seen || length == 0 || length > 19) {
        return refuse(gate, 400, MSG_HTTP_CONTENT_LENGTH);
    }
    *seen = true;
    uint64_t number = 0;
    for (size_t i = 0; i < length; i++) {
        if (value[i] < '0' || value[i] > '9') {
            return refuse(gate, 400, MSG_HTTP_CONTENT_LENGTH);
        }
        number = number * 10 + (uint64_t)(value[i] - '0');
    }
    if (number > GATE_BODY_BYTES_MAX) {
        return refuse(gate, 413, MSG_HTTP_BODY_LARGE);
    }
    gate->body_bytes = (size_t)number;
    return GATE_READY;
}

struct seen {
    bool content_length, host;
};

static enum gate_verdict check_header(struct gate *gate, const char *line, size_t length, struct seen *seen) {
    if (length > GATE_LINE_BYTES_MAX) {
        return refuse(gate, 431, MSG_HTTP_HEADERS_LARGE);
    }
    const char *colon = memchr(line, ':', length);
    if (colon == NULL || colon == line) {
        return refuse(gate, 400, MSG_HTTP_HEADER);
    }
    size_t name_bytes = (size_t)(colon - line);
    for (size_t i = 0; i < name_bytes; i++) {
        if (!is_token((unsigned char)line[i])) {  // folded lines and "Name :" end here too
            return refuse(gate, 400, MSG_HTTP_HEADER);
        }
    }
    const char *value = colon + 1;
    const char *end = line + length;
    while (value < end && (*value == ' ' || *value == '\t')) {
        value++;
    }
    while (end > value && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    for (const char *c = value; c < end; c++) {
        if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f) {
            return refuse(gate, 400, MSG_HTTP_HEADER);
        }
    }
    size_t value_bytes = (size_t)(end - value);
    if (name_is(line, name_bytes, "Transfer-Encoding")) {
        return refuse(gate, 501, MSG_HTTP_TRANSFER_ENCODING);
    }
    if (name_is(line, name_bytes, "Content-Length")) {
        return check_content_length(gate, value, value_bytes, &seen->content_length);
    }
    if (name_is(line, name_bytes, "Host")) {
        if (seen->host) {
            return refuse(gate, 400, MSG_HTTP_HOST_HEADER);
        }
        seen->host = true;
    } else if (name_is(line, name_bytes, "Expect")) {
        if (!name_is(value, value_bytes, "100-continue")) {
            return refuse(gate, 417, MSG_HTTP_EXPECT);
        }
        gate->expects_continue = true;
    }
    return GATE_READY;
}

// The head is bytes[0..length), including the empty line that ends it.
static enum gate_verdict check_head(struct gate *gate, const char *bytes, size_t length) {
    struct seen seen = {0};
    size_t lines = 0;
    for (const char *line = bytes, *end = bytes + length - 2; line < end; lines++) {
        const char *cr = memchr(line, '\r', (size_t)(end - line));
        size_t line_bytes = (size_t)(cr - line);
        if (cr[1] != '\n' || memchr(line, '\n', line_bytes) != NULL || memchr(line, 0, line_bytes) != NULL) {
            return refuse(gate, 400, MSG_HTTP_LINE_END);
        }
        if (lines > GATE_HEADERS_MAX) {
            return refuse(gate, 431, MSG_HTTP_HEADERS_LARGE);
        }
        enum gate_verdict verdict =
            lines == 0 ? check_request_line(gate, line, line_bytes) : check_header(gate, line, line_bytes, &seen);
        if (verdict != GATE_READY) {
            return verdict;
        }
        line = cr + 2;
    }
    bool http_1_1 = memchr(bytes, '\r', length) != NULL && ((const char *)memchr(bytes, '\r', length))[-1] == '1';
    if (http_1_1 && !seen.host) {
        return refuse(gate, 400, MSG_HTTP_HOST_HEADER);
    }
    return GATE_READY;
}

// What can be refused before the head is complete: a client need not be waited for.
static enum gate_verdict check_partial(struct gate *gate, const char *bytes, size_t length) {
    if (length > 0 && !is_token((unsigned char)bytes[0])) {
        return refuse(gate, 400, MSG_HTTP_REQUEST_LINE);  // TLS, binary noise, an empty line
    }
    const char *line_end = memchr(bytes, '\n', length);
    if (line_end == NULL && length > GATE_TARGET_BYTES_MAX + 64) {
        return refuse(gate, 414, MSG_HTTP_TARGET_LONG);
    }
    if (line_end != NULL && (line_end == bytes || line_end[-1] != '\r')) {
        return refuse(gate, 400, MSG_HTTP_LINE_END);
    }
    if (length > GATE_HEAD_BYTES_MAX) {
        return refuse(gate, 431, MSG_HTTP_HEADERS_LARGE);
    }
    return GATE_MORE;
}

enum gate_verdict gate_check(struct gate *gate, const char *bytes, size_t length_bytes) {
    if (gate->status != 0) {
        return GATE_REFUSED;
    }
    if (gate->head_bytes == 0) {
        const char *from = bytes + (gate->scanned > 3 ? gate->scanned - 3 : 0);
        const char *end = memmem(from, length_bytes - (size_t)(from - bytes), "\r\n\r\n", 4);
        if (end == NULL || (size_t)(end - bytes) + 4 > GATE_HEAD_BYTES_MAX) {
            gate->scanned = length_bytes;
            return check_partial(gate, bytes, length_bytes);
        }
        size_t head_bytes = (size_t)(end - bytes) + 4;
        enum gate_verdict verdict = check_head(gate, bytes, head_bytes);
        if (verdict != GATE_READY) {
            return verdict;
        }
        gate->head_bytes = head_bytes;
    }
    return length_bytes - gate->head_bytes >= gate->body_bytes ? GATE_READY : GATE_MORE;
}
