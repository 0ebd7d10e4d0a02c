#include <string.h>
#include <strings.h>

#include "api_parts.h"
#include "common/text.h"

static int hex(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode(const char *text, size_t length, char *out, size_t size_bytes) {
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i] == '+' ? ' ' : text[i];
        if (c == '%') {
            if (i + 2 >= length || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0) {
                return false;
            }
            c = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
            i += 2;
        }
        if (c == '\0' || used + 1 >= size_bytes) {
            return false;
        }
        out[used++] = c;
    }
    out[used] = '\0';
    return text_is_utf8(out, used);
}

// Where the value of query[name] starts, NULL if absent.
static const char *find(const struct api_request *request, const char *name, size_t *ret_bytes) {
    size_t name_bytes = strlen(name);
    for (const char *pair = request->query ? request->query : ""; *pair;) {
        size_t pair_bytes = strcspn(pair, "&");
        size_t key_bytes = strcspn(pair, "=&");
        if (key_bytes == name_bytes && memcmp(pair, name, name_bytes) == 0) {
            const char *value = pair + key_bytes + (pair[key_bytes] == '=');
            *ret_bytes = (size_t)(pair + pair_bytes - value);
            return value;
        }
        pair += pair_bytes + (pair[pair_bytes] == '&');
    }
    return NULL;
}

bool api_query(const struct api_request *request, const char *name, char *out, size_t size_bytes) {
    size_t length;
    const char *value = find(request, name, &length);
    if (value != NULL && decode(value, length, out, size_bytes)) {
        return true;
    }
    *out = '\0';
    return false;
}

bool api_query_number(const struct api_request *request, const char *name, int64_t least, int64_t most,
                      int64_t fallback, int64_t *ret) {
    char text[24];
    size_t length;
    const char *value = find(request, name, &length);
    int64_t number = fallback;
    if (value != NULL &&
        (!decode(value, length, text, sizeof text) || !text_to_i64(text, &number) || number < least || number > most)) {
        return false;
    }
    *ret = number;
    return true;
}

// The language that Accept-Language names first, weights apart: browsers list by preference.
static bool accepted(const char *header, enum lang *ret) {
    for (const char *c = header; *c;) {
        c += strspn(c, ", ");
        size_t word = strcspn(c, ",;- ");
        if (word == 2 && strncasecmp(c, "es", 2) == 0) {
            *ret = LANG_ES;
            return true;
        }
        if (word == 2 && strncasecmp(c, "en", 2) == 0) {
            *ret = LANG_EN;
            return true;
        }
        c += strcspn(c, ",");
    }
    return false;
}

enum lang api_lang(const struct api_request *request, enum lang fallback) {
    char text[8];
    enum lang lang = fallback;
    if (api_query(request, "lang", text, sizeof text)) {
        if (text_equal(text, "es")) {
            return LANG_ES;
        }
        if (text_equal(text, "en")) {
            return LANG_EN;
        }
    }
    if (request->accept_language != NULL) {
        accepted(request->accept_language, &lang);
    }
    return lang;
}
