#include "address.h"

#include <string.h>

#include "text.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool only(const char *text, const char *characters, size_t least, size_t most) {
    size_t length = strlen(text);
    return length >= least && length <= most && strspn(text, characters) == length;
}

bool address_is_label(const char *text) {
    size_t length = strlen(text);
    return only(text, LETTERS DIGITS "-", 1, 63) && text[0] != '-' && text[length - 1] != '-';
}

bool address_is_v6(const char *host) {
    return strchr(host, ':') != NULL;
}

// Four numbers. What looks like that and is not would be asked of a name server.
static bool is_v4(const char *host) {
    unsigned parts = 0;
    for (const char *at = host; parts < 4; parts++) {
        size_t length = strspn(at, DIGITS);
        unsigned value = 0;
        for (size_t i = 0; i < length && i < 4; i++) {
            value = value * 10 + (unsigned)(at[i] - '0');
        }
        if (length < 1 || length > 3 || value > 255 || at[length] != (parts == 3 ? '\0' : '.')) {
            return false;
        }
        at += length + (parts == 3 ? 0 : 1);
    }
    return true;
}

// Groups of up to four hexadecimal digits; eight of them, or fewer around one "::".
static bool is_v6(const char *host) {
    unsigned groups = 0, gaps = 0;
    const char *at = host;
    if (at[0] == ':' && at[1] != ':') {
        return false;
    }
    while (*at != '\0') {
        if (at[0] == ':' && at[1] == ':') {
            gaps++;
            at += 2;
            continue;
        }
        at += at != host && at[0] == ':' ? 1 : 0;
        if (at != host && is_v4(at)) {
            groups += 2;
            break;
        }
        size_t length = strspn(at, DIGITS "abcdefABCDEF");
        if (length < 1 || length > 4 || (at[length] != ':' && at[length] != '\0')) {
            return false;
        }
        groups++;
        at += length;
    }
    return gaps == 0 ? groups == 8 : gaps == 1 && groups < 8;
}

// Labels by dots. Underscores too: container engines make such names.
static bool is_name(const char *host) {
    if (!only(host, LETTERS DIGITS "-._", 1, 253) || strspn(host, DIGITS ".") == strlen(host)) {
        return is_v4(host) || only(host, DIGITS, 1, 63);  // "1" is a label, "1.2.3" is nothing
    }
    for (const char *at = host; at != NULL;) {
        size_t length = strcspn(at, ".");
        if (length < 1 || length > 63 || at[0] == '-' || at[length - 1] == '-') {
            return false;
        }
        at = at[length] == '.' ? at + length + 1 : NULL;
    }
    return true;
}

bool address_split(const char *text, uint16_t fallback_port, char *host, size_t host_size, uint16_t *ret_port) {
    const char *colon = strrchr(text, ':');
    const char *close = strrchr(text, ']');
    if (colon != NULL && close != NULL && close > colon) {
        colon = NULL;
    }
    size_t length = colon != NULL ? (size_t)(colon - text) : strlen(text);
    uint64_t port = fallback_port;
    if (colon != NULL && !text_to_u64(colon + 1, &port)) {
        return false;
    }
    const char *from = text;
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        from++;
        length -= 2;
    }
    if (port == 0 || port > UINT16_MAX || length == 0 || length >= host_size) {
        return false;
    }
    memcpy(host, from, length);
    host[length] = '\0';
    *ret_port = (uint16_t)port;
    return from != text ? is_v6(host) : is_name(host);
}

void address_print(const char *host, uint16_t port, char *out, size_t size_bytes) {
    text_format(out, size_bytes, address_is_v6(host) ? "[%s]:%u" : "%s:%u", host, port);
}
