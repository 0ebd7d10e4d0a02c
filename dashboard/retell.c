#include "retell.h"

#include <string.h>

#include "common/text.h"

#define VALUES_MAX 12
#define OWN_BYTES_LEAST 12

struct values {
    struct kv list[VALUES_MAX + 1];  // ends with a zero key
    size_t count;
    char words[VALUES_MAX][2][200];  // key and text of each
};

static bool take(struct values *values, const char *key, size_t key_bytes, const char *text, size_t text_bytes) {
    if (values->count == VALUES_MAX || key_bytes >= sizeof values->words[0][0] ||
        text_bytes >= sizeof values->words[0][1]) {
        return false;
    }
    char (*words)[200] = values->words[values->count];
    memcpy(words[0], key, key_bytes);
    memcpy(words[1], text, text_bytes);
    words[0][key_bytes] = words[1][text_bytes] = '\0';
    values->list[values->count++] = KV(words[0], words[1]);
    return true;
}

// Lays "{node} is gone: {error}" over text. The words between values must be found in order, the ends must meet.
static bool match(const char *pattern, const char *text, struct values *values) {
    while (*pattern) {
        if (*pattern != '{') {
            if (*pattern++ != *text++) {
                return false;
            }
            continue;
        }
        const char *key = pattern + 1;
        const char *close = strchr(key, '}');
        if (close == NULL) {
            return false;
        }
        const char *literal = close + 1;
        size_t literal_bytes = strcspn(literal, "{");
        const char *end = text + strlen(text);
        if (literal_bytes > 0) {
            char words[400];
            if (literal_bytes >= sizeof words) {
                return false;
            }
            memcpy(words, literal, literal_bytes);
            words[literal_bytes] = '\0';
            end = strstr(text, words);
        }
        if (end == NULL || !take(values, key, (size_t)(close - key), text, (size_t)(end - text))) {
            return false;
        }
        text = end;
        pattern = literal;
    }
    return *text == '\0';
}

// Whether why is that message, in either language; if so it stands in out, in lang.
static bool retell_as(enum msg id, const char *why, enum lang lang, char *out, size_t size_bytes) {
    static const enum lang langs[] = {LANG_ES, LANG_EN};
    for (size_t i = 0; i < sizeof langs / sizeof langs[0]; i++) {
        char pattern[512];
        struct values values = {0};
        msg_render(id, langs[i], KVS(), pattern, sizeof pattern);
        if (match(pattern, why, &values)) {
            msg_render(id, lang, values.list, out, size_bytes);
            return true;
        }
    }
    return false;
}

void retell(const char *msg, const char *why, enum lang lang, char *out, size_t size_bytes) {
    enum msg id = msg_parse(msg);
    if (id == MSG_NONE || !retell_as(id, why, lang, out, size_bytes)) {
        text_copy(out, size_bytes, why);
    }
}

// How much of a message is its own words. One of few would be found in any sentence.
static size_t own_bytes(enum msg id) {
    char pattern[512];
    size_t own = 0;
    bool inside = false;
    msg_render(id, LANG_EN, KVS(), pattern, sizeof pattern);
    for (const char *c = pattern; *c; c++) {
        inside = *c == '{' || (inside && *c != '}');
        own += inside || *c == '}' ? 0 : 1;
    }
    return own;
}

void retell_job(const char *why, enum lang lang, char *out, size_t size_bytes) {
    for (enum msg id = MSG_NONE + 1; id < MSG_COUNT && *why; id++) {
        if (own_bytes(id) >= OWN_BYTES_LEAST && retell_as(id, why, lang, out, size_bytes)) {
            return;
        }
    }
    text_copy(out, size_bytes, why);
}
