#include "auth.h"

#include <string.h>
#include <strings.h>

#include "common/text.h"

// Length of the name in "name:port" or of "[v6]" in "[v6]:port"; 0 if what follows it is not a port.
static size_t host_name_bytes(const char *host) {
    size_t length = strcspn(host, ":");
    if (*host == '[') {
        length = strcspn(host, "]");
        if (host[length] != ']') {
            return 0;
        }
        length++;
    }
    const char *rest = host + length;
    if (*rest == ':' && strlen(rest) <= 6 && strspn(rest + 1, "0123456789") == strlen(rest + 1)) {
        return length;
    }
    return *rest == '\0' ? length : 0;
}

static bool is_ipv4(const char *text, size_t length) {
    int dots = 0;
    size_t digits = 0;
    int value = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '.') {
            if (digits == 0) {
                return false;
            }
            dots++;
            digits = 0;
            value = 0;
        } else if (text[i] >= '0' && text[i] <= '9') {
            value = value * 10 + (text[i] - '0');
            if (++digits > 3 || value > 255) {
                return false;
            }
        } else {
            return false;
        }
    }
    return dots == 3 && digits > 0;
}

static bool is_ipv6(const char *text, size_t length) {
    return length >= 4 && text[0] == '[' && text[length - 1] == ']' &&
           strspn(text + 1, "0123456789abcdefABCDEF:.") == length - 2;
}

bool auth_host_allowed(const char *host, const char *allowed) {
    size_t length = host_name_bytes(host);
    if (length == 0) {
        return false;
    }
    if ((length == 9 && strncasecmp(host, "localhost", 9) == 0) || is_ipv4(host, length) || is_ipv6(host, length)) {
        return true;
    }
    for (const char *name = allowed; *name;) {
        name += strspn(name, ", ");
        size_t name_bytes = strcspn(name, ", ");
        if (name_bytes == length && strncasecmp(name, host, length) == 0) {
            return true;
        }
        name += name_bytes;
    }
    return false;
}

bool auth_same_origin(const char *host, const char *origin, const char *fetch_site) {
    if (fetch_site != NULL && !text_equal(fetch_site, "same-origin") && !text_equal(fetch_site, "none")) {
        return false;
    }
    if (origin == NULL) {
        return true;
    }
    const char *slashes = strstr(origin, "://");
    return slashes != NULL && host != NULL && strcasecmp(slashes + 3, host) == 0;
}

enum auth_result auth_token(const char *authorization, const char *token) {
    if (token == NULL || *token == '\0') {
        return AUTH_OFF;
    }
    if (authorization == NULL || strncasecmp(authorization, "Bearer ", 7) != 0) {
        return AUTH_MISSING;
    }
    const char *given = authorization + 7;
    size_t given_bytes = strlen(given), token_bytes = strlen(token);
    // Every byte of the given text is looked at, so that time tells its length only.
    volatile unsigned char difference = given_bytes != token_bytes;
    for (size_t i = 0; i < given_bytes; i++) {
        difference = (unsigned char)(difference | ((unsigned char)given[i] ^ (unsigned char)token[i % token_bytes]));
    }
    return difference == 0 ? AUTH_OK : AUTH_WRONG;
}
