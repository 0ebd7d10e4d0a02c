#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

// The longest prefix of text that fits in room bytes without splitting a UTF-8 character.
static size_t cut_at(const char *text, size_t room_bytes) {
    size_t length = room_bytes;
    while (length > 0 && ((unsigned char)text[length] & 0xC0U) == 0x80U) {
        length--;
    }
    return length;
}

bool text_copy(char *dst, size_t size_bytes, const char *src) {
    if (size_bytes == 0) {
        return false;
    }
    if (src == NULL) {
        src = "";
    }
    size_t length = strnlen(src, size_bytes);
    bool fits = length < size_bytes;
    if (!fits) {
        length = cut_at(src, size_bytes - 1);
    }
    memmove(dst, src, length);
    dst[length] = '\0';
    return fits;
}

bool text_format(char *dst, size_t size_bytes, const char *format, ...) {
    if (size_bytes == 0) {
        return false;
    }
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(dst, size_bytes, format, args);
    va_end(args);
    if (wanted < 0) {
        dst[0] = '\0';
        return false;
    }
    if ((size_t)wanted < size_bytes) {
        return true;
    }
    text_trim_utf8(dst);
    return false;
}

void text_trim_utf8(char *text) {
    size_t length = strlen(text);
    size_t start = length;
    while (start > 0 && length - start < 4 && ((unsigned char)text[start - 1] & 0xC0U) == 0x80U) {
        start--;
    }
    if (start == 0) {
        return;
    }
    unsigned char lead = (unsigned char)text[start - 1];
    size_t wanted = lead >= 0xF0U ? 4 : lead >= 0xE0U ? 3 : lead >= 0xC0U ? 2 : 1;
    if (length - (start - 1) < wanted) {
        text[start - 1] = '\0';
    }
}

bool text_to_u64(const char *text, uint64_t *ret) {
    if (text == NULL || *text == '\0') {
        return false;
    }
    uint64_t value = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9') {
            return false;
        }
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value)) {
            return false;
        }
    }
    *ret = value;
    return true;
}

bool text_to_i64(const char *text, int64_t *ret) {
    if (text == NULL) {
        return false;
    }
    bool negative = *text == '-';
    uint64_t magnitude = 0;
    if (!text_to_u64(text + (negative ? 1 : 0), &magnitude)) {
        return false;
    }
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1U : 0U)) {
        return false;
    }
    *ret = negative ? (int64_t)(0U - magnitude) : (int64_t)magnitude;
    return true;
}

bool text_equal(const char *a, const char *b) {
    if (a == NULL || b == NULL) {
        return a == b;
    }
    return strcmp(a, b) == 0;
}

bool text_one_of(const char *text, const char *const list[], size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (text_equal(text, list[i])) {
            return true;
        }
    }
    return false;
}

// How many bytes the well-formed character at `at` has, 0 if it is not one. Unicode table 3-7.
static size_t utf8_length(const unsigned char *at, size_t left_bytes) {
    unsigned char lead = at[0];
    if (lead == 0) {
        return 0;
    }
    if (lead < 0x80U) {
        return 1;
    }
    size_t length = lead >= 0xF0U ? 4 : lead >= 0xE0U ? 3 : 2;
    if (lead < 0xC2U || lead > 0xF4U || length > left_bytes) {
        return 0;
    }
    unsigned char low = 0x80U;
    unsigned char high = 0xBFU;
    if (lead == 0xE0U) {
        low = 0xA0U;  // no overlong forms
    } else if (lead == 0xEDU) {
        high = 0x9FU;  // no surrogates
    } else if (lead == 0xF0U) {
        low = 0x90U;
    } else if (lead == 0xF4U) {
        high = 0x8FU;  // nothing above U+10FFFF
    }
    if (at[1] < low || at[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((at[i] & 0xC0U) != 0x80U) {
            return 0;
        }
    }
    return length;
}

bool text_is_utf8(const char *bytes, size_t length_bytes) {
    const unsigned char *at = (const unsigned char *)bytes;
    size_t left = length_bytes;
    while (left > 0) {
        size_t length = utf8_length(at, left);
        if (length == 0) {
            return false;
        }
        at += length;
        left -= length;
    }
    return true;
}

void text_clean_utf8(char *text) {
    size_t left = strlen(text);
    while (left > 0) {
        size_t length = utf8_length((const unsigned char *)text, left);
        if (length == 0) {
            *text = '?';
            length = 1;
        }
        text += length;
        left -= length;
    }
}
