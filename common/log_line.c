#include "log_line.h"

#include <stdbool.h>
#include <string.h>

#include "text.h"

static const char ellipsis[] = "…";

struct line {
    char *out;
    size_t size_bytes;  // without the room kept for the ellipsis and the NUL
    size_t used_bytes;
    bool cut;
};

static void put(struct line *line, const char *bytes, size_t length_bytes) {
    if (line->cut || length_bytes > line->size_bytes - line->used_bytes) {
        line->cut = true;  // whole pieces only: an escape or a character is never split
        return;
    }
    memcpy(line->out + line->used_bytes, bytes, length_bytes);
    line->used_bytes += length_bytes;
}

static void put_text(struct line *line, const char *text) {
    put(line, text, strlen(text));
}

// Bytes of the character at text: 1 for ASCII and for a byte that is not UTF-8 (*ret_valid tells them apart).
static size_t character(const char *text, bool *ret_valid) {
    for (size_t length = 1; length <= 4 && strnlen(text, length) == length; length++) {
        if (text_is_utf8(text, length)) {
            *ret_valid = true;
            return length;
        }
    }
    *ret_valid = false;
    return 1;
}

// C0, DEL, and C1 (U+0080 to U+009F), which some terminals obey too.
static bool is_control(const unsigned char *at, size_t length_bytes) {
    if (length_bytes == 1) {
        return *at < 0x20U || *at == 0x7FU;
    }
    return length_bytes == 2 && at[0] == 0xC2U && at[1] < 0xA0U;
}

static void put_control(struct line *line, const unsigned char *at, size_t length_bytes) {
    char escape[8];
    switch (*at) {
        case '\n':
            text_copy(escape, sizeof escape, "\\n");
            break;
        case '\r':
            text_copy(escape, sizeof escape, "\\r");
            break;
        case '\t':
            text_copy(escape, sizeof escape, "\\t");
            break;
        default:
            text_format(escape, sizeof escape, "\\u%04x", length_bytes == 2 ? at[1] : *at);
            break;
    }
    put_text(line, escape);
}

// quoted: inside "…", where quotes and backslashes are escaped too.
static void put_escaped(struct line *line, const char *text, bool quoted) {
    while (*text != '\0' && !line->cut) {
        bool valid = false;
        size_t length = character(text, &valid);
        const unsigned char *at = (const unsigned char *)text;
        if (!valid) {
            char escape[8];
            text_format(escape, sizeof escape, "\\x%02x", *at);
            put_text(line, escape);
        } else if (is_control(at, length)) {
            put_control(line, at, length);
        } else {
            if (quoted && (*text == '"' || *text == '\\')) {
                put_text(line, "\\");
            }
            put(line, text, length);
        }
        text += length;
    }
}

static bool needs_quotes(const char *text) {
    if (*text == '\0') {
        return true;
    }
    for (const char *at = text; *at != '\0';) {
        bool valid = false;
        size_t length = character(at, &valid);
        if (!valid || is_control((const unsigned char *)at, length) || strchr(" =\"\\", *at) != NULL) {
            return true;
        }
        at += length;
    }
    return false;
}

static void put_value(struct line *line, const struct kv *value) {
    put_text(line, " ");
    put_escaped(line, value->key, false);
    put_text(line, "=");
    if (value->text == NULL) {
        char number[24];
        text_format(number, sizeof number, "%lld", (long long)value->number);
        put_text(line, number);
    } else if (needs_quotes(value->text)) {
        put_text(line, "\"");
        put_escaped(line, value->text, true);
        put_text(line, "\"");
    } else {
        put_text(line, value->text);
    }
}

void log_line(char *out, size_t size_bytes, const char *stamp, const char *level, const char *message,
              const struct kv *values) {
    if (size_bytes <= sizeof ellipsis) {
        text_copy(out, size_bytes, "");
        return;
    }
    struct line line = {.out = out, .size_bytes = size_bytes - sizeof ellipsis};
    char head[48];
    text_format(head, sizeof head, "%s %-5s ", stamp, level);
    put_text(&line, head);
    put_escaped(&line, message, false);
    for (const struct kv *value = values; value != NULL && value->key != NULL; value++) {
        put_value(&line, value);
    }
    text_copy(out + line.used_bytes, size_bytes - line.used_bytes, line.cut ? ellipsis : "");
}
