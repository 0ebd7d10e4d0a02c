#include "messages.h"

#include <string.h>

#include "text.h"

struct text_pair {
    const char *name;
    const char *es;
    const char *en;
};

static const struct text_pair catalogue[MSG_COUNT] = {
    [MSG_NONE] = {"MSG_NONE", "", ""},
#define M(id, es_, en_) [id] = {#id, es_, en_},
#include "messages_common.def"
#include "messages_dashboard.def"
#include "messages_resync.def"
#include "messages_watcher.def"
#undef M
};

struct output {
    char *at;
    size_t left_bytes;  // the final NUL included
    bool cut;
};

static void put(struct output *out, const char *bytes, size_t length_bytes) {
    if (out->cut) {
        return;
    }
    if (length_bytes >= out->left_bytes) {
        length_bytes = out->left_bytes - 1;
        out->cut = true;
    }
    memcpy(out->at, bytes, length_bytes);
    out->at += length_bytes;
    out->left_bytes -= length_bytes;
}

static const struct kv *value_of(const struct kv *values, const char *key, size_t length_bytes) {
    for (const struct kv *value = values; value != NULL && value->key != NULL; value++) {
        if (strlen(value->key) == length_bytes && memcmp(value->key, key, length_bytes) == 0) {
            return value;
        }
    }
    return NULL;
}

// A placeholder at `at` ("{name}"): its value is put; returns the first byte after it, NULL if it is not a known one.
static const char *put_value(struct output *out, const char *at, const struct kv *values) {
    const char *end = strchr(at, '}');
    if (end == NULL) {
        return NULL;
    }
    const struct kv *value = value_of(values, at + 1, (size_t)(end - at - 1));
    if (value == NULL) {
        return NULL;
    }
    if (value->text != NULL) {
        put(out, value->text, strlen(value->text));
    } else {
        char number[24];
        text_format(number, sizeof number, "%lld", (long long)value->number);
        put(out, number, strlen(number));
    }
    return end + 1;
}

static const char *sentence(enum msg msg, enum lang lang) {
    const struct text_pair *pair = &catalogue[(unsigned)msg < MSG_COUNT ? msg : MSG_NONE];
    return lang == LANG_EN ? pair->en : pair->es;
}

const char *msg_render(enum msg msg, enum lang lang, const struct kv *values, char *out, size_t size_bytes) {
    if (size_bytes == 0) {
        return "";
    }
    const char *at = sentence(msg, lang);
    struct output output = {.at = out, .left_bytes = size_bytes};
    while (*at != '\0') {
        const char *after = *at == '{' ? put_value(&output, at, values) : NULL;
        if (after == NULL) {
            put(&output, at, 1);
            after = at + 1;
        }
        at = after;
    }
    *output.at = '\0';
    if (output.cut) {
        text_trim_utf8(out);
    }
    return out;
}

bool msg_says(enum msg msg, enum lang lang, const char *key) {
    size_t length = strlen(key);
    const char *at = sentence(msg, lang);
    while ((at = strchr(at, '{')) != NULL) {
        at++;
        if (strncmp(at, key, length) == 0 && at[length] == '}') {
            return true;
        }
    }
    return false;
}

const char *msg_name(enum msg msg) {
    return catalogue[(unsigned)msg < MSG_COUNT ? msg : MSG_NONE].name;
}

enum msg msg_parse(const char *name) {
    for (unsigned i = 0; name != NULL && i < MSG_COUNT; i++) {
        if (strcmp(catalogue[i].name, name) == 0) {
            return (enum msg)i;
        }
    }
    return MSG_NONE;
}
