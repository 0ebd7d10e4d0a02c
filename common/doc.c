#include "doc.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "text.h"

static void *allocate(size_t size_bytes) {
    return mem_zero(1, size_bytes);
}

// Before main(), hence before any document: jansson's own malloc() would hand out NULL.
__attribute__((constructor)) static void use_mem(void) {
    json_set_alloc_funcs(allocate, free);
}

// jansson recurses, so the depth is counted before it sees the bytes.
static bool too_deep(const char *bytes, size_t length_bytes, unsigned depth_max) {
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length_bytes; i++) {
        char c = bytes[i];
        if (in_string) {
            if (c == '\\') {
                i++;
            }
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > depth_max) {
                return true;
            }
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

json_t *doc_read(const char *bytes, size_t length_bytes, size_t length_max, unsigned depth_max, struct err *err) {
    if (length_bytes > length_max) {
        err_set(err, ERR_INVALID, 0, "%zu bytes are too many: %zu are allowed", length_bytes, length_max);
        return NULL;
    }
    if (!text_is_utf8(bytes, length_bytes)) {
        err_set(err, ERR_INVALID, 0, "not UTF-8 text");
        return NULL;
    }
    if (too_deep(bytes, length_bytes, depth_max)) {
        err_set(err, ERR_INVALID, 0, "JSON nested deeper than %u", depth_max);
        return NULL;
    }
    json_error_t error;
    json_t *document = json_loadb(bytes, length_bytes, JSON_REJECT_DUPLICATES, &error);
    if (document == NULL) {
        err_set(err, ERR_INVALID, 0, "not JSON: %s", error.text);
        return NULL;
    }
    if (!json_is_object(document)) {
        json_decref(document);
        err_set(err, ERR_INVALID, 0, "not a JSON object");
        return NULL;
    }
    return document;
}

static bool wrong(const char *key, const char *wanted, struct err *err) {
    return err_set(err, ERR_INVALID, 0, "\"%s\" must be %s", key, wanted);
}

bool doc_get_bool(const json_t *object, const char *key, bool *ret, struct err *err) {
    const json_t *value = json_object_get(object, key);
    if (value == NULL) {
        return true;
    }
    if (!json_is_boolean(value)) {
        return wrong(key, "true or false", err);
    }
    *ret = json_is_true(value);
    return true;
}

bool doc_get_i64(const json_t *object, const char *key, int64_t least, int64_t most, int64_t *ret, struct err *err) {
    const json_t *value = json_object_get(object, key);
    if (value == NULL) {
        return true;
    }
    if (!json_is_integer(value) || json_integer_value(value) < least || json_integer_value(value) > most) {
        return err_set(err, ERR_INVALID, 0, "\"%s\" must be an integer from %lld to %lld", key, (long long)least,
                       (long long)most);
    }
    *ret = json_integer_value(value);
    return true;
}

bool doc_get_name(const json_t *object, const char *key, char *ret, size_t size_bytes, struct err *err) {
    const json_t *value = json_object_get(object, key);
    if (value == NULL) {
        return true;
    }
    if (!json_is_string(value) || json_string_length(value) >= size_bytes) {
        return err_set(err, ERR_INVALID, 0, "\"%s\" must be a text of at most %zu bytes", key, size_bytes - 1);
    }
    return text_copy(ret, size_bytes, json_string_value(value));
}

bool doc_get_text(const json_t *object, const char *key, char *ret, size_t size_bytes, struct err *err) {
    const json_t *value = json_object_get(object, key);
    if (value == NULL) {
        return true;
    }
    if (!json_is_string(value)) {
        return wrong(key, "a text", err);
    }
    (void)text_copy(ret, size_bytes, json_string_value(value));
    return true;
}

json_t *doc_string(const char *text) {
    json_t *value = json_string(text);
    if (value == NULL) {
        AUTO_TEXT char *clean = mem_text(text);
        text_clean_utf8(clean);
        value = json_string(clean);
    }
    return value;
}

json_t *doc_count(uint64_t number) {
    return json_integer((json_int_t)(number > INT64_MAX ? INT64_MAX : number));
}

char *doc_line(const json_t *document) {
    return json_dumps(document, JSON_COMPACT);
}

void doc_drop(json_t **document) {
    json_decref(*document);
    *document = NULL;
}
