// Bounded strings. Pure.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

// Copies src (NULL counts as "") into dst, always terminated; false if it had to be cut short.
bool text_copy(char *dst, size_t size_bytes, const char *src);

// printf into dst, always terminated; false if cut short.
bool text_format(char *dst, size_t size_bytes, const char *format, ...) __attribute__((format(printf, 3, 4)));

// Whole-string decimal numbers: no spaces, no sign for the unsigned one, no rest. *ret is written only on success.
bool text_to_i64(const char *text, int64_t *ret);
bool text_to_u64(const char *text, uint64_t *ret);

bool text_equal(const char *a, const char *b);  // NULL-safe
// TEXT_ONE_OF(kind, "char", "varchar")
bool text_one_of(const char *text, const char *const list[], size_t count);
#define TEXT_ONE_OF(text, ...)                            \
    text_one_of(text, (const char *const[]){__VA_ARGS__}, \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))
bool text_is_utf8(const char *bytes, size_t length_bytes);  // well-formed UTF-8 without NUL

// Removes a character that was cut in two at the end of text.
void text_trim_utf8(char *text);

// Replaces every byte that is not part of well-formed UTF-8 by '?', in place.
void text_clean_utf8(char *text);
