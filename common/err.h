// One failure, owned by the caller: its kind (what the code branches on), the number of errno or MySQL, and one line
// that a person can act on, always UTF-8. Never allocates, never holds a secret. Pure.
//
//     struct err err = {0};
//     if (!node_fence(session, &err)) { err_wrap(&err, "fencing %s", name); ... }
#pragma once
#include <stdbool.h>

// Order is free; names are printed by err_kind_name().
#define ERR_KINDS(X)                                                        \
    X(ERR_NONE, "none")                                                     \
    X(ERR_INVALID, "invalid")   /* bad input or configuration */            \
    X(ERR_REFUSED, "refused")   /* nobody listens there */                  \
    X(ERR_GONE, "gone")         /* the name does not resolve */             \
    X(ERR_TIMEOUT, "timeout")   /* the deadline passed */                   \
    X(ERR_LOST, "lost")         /* the connection broke */                  \
    X(ERR_DENIED, "denied")     /* password or privilege */                 \
    X(ERR_BUSY, "busy")         /* too many connections, locked */          \
    X(ERR_CONFLICT, "conflict") /* a precondition does not hold */          \
    X(ERR_MISSING, "missing")   /* asked for something that is not there */ \
    X(ERR_FULL, "full")         /* disk or quota */                         \
    X(ERR_FAILED, "failed")     /* the server answered with another error: see number */

enum err_kind {
#define X(id, name) id,
    ERR_KINDS(X)
#undef X
};

struct err {
    enum err_kind kind;
    int number;  // errno, MySQL error number, or 0
    char text[320];
};

// Fills *err (NULL is allowed) and returns false, so that `return err_set(...)` reads well.
bool err_set(struct err *err, enum err_kind kind, int number, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

// Puts "context: " in front of the text, keeping kind and number. Returns false.
bool err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

const char *err_kind_name(enum err_kind kind);
