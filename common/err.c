#include "err.h"

#include <stdarg.h>
#include <stdio.h>

#include "text.h"

bool err_set(struct err *err, enum err_kind kind, int number, const char *format, ...) {
    if (err == NULL) {
        return false;
    }
    // The arguments may point into err->text itself.
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length < 0) {
        text[0] = '\0';
    }
    if ((size_t)length >= sizeof text) {
        text_trim_utf8(text);
    }
    err->kind = kind;
    err->number = number;
    text_clean_utf8(text);  // what servers and libraries say goes on into JSON
    text_copy(err->text, sizeof err->text, text);
    return false;
}

bool err_wrap(struct err *err, const char *format, ...) {
    if (err == NULL) {
        return false;
    }
    char context[sizeof err->text];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(context, sizeof context, format, args);
    va_end(args);
    if (length < 0) {
        return false;
    }
    char inner[sizeof err->text];
    text_copy(inner, sizeof inner, err->text);
    text_clean_utf8(context);
    text_format(err->text, sizeof err->text, "%s: %s", context, inner);
    return false;
}

const char *err_kind_name(enum err_kind kind) {
    switch (kind) {
#define X(id, name) \
    case id:        \
        return name;
        ERR_KINDS(X)
#undef X
    }
    return "unknown";
}
