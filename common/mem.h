// Memory. An exhausted heap ends the process with one line and exit code 70; the supervisor starts it again, and every
// state that matters is outside the process. So nothing below returns NULL, and no caller checks. Pure.
#pragma once
#include <stddef.h>

void *mem_zero(size_t count, size_t size_bytes) __attribute__((malloc, returns_nonnull, warn_unused_result));
void *mem_grow(void *old, size_t count, size_t size_bytes) __attribute__((returns_nonnull, warn_unused_result));
char *mem_text(const char *text) __attribute__((malloc, returns_nonnull, warn_unused_result));
char *mem_format(const char *format, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));
void mem_append(char **text, const char *more);  // *text NULL counts as "": it becomes a longer one

// The same end, for a thread that could not be started: half a service would look alive and do nothing.
_Noreturn void mem_no_thread(void);

// Cleanup attributes: `AUTO_TEXT char *sql = mem_format(...)` is freed when it leaves scope; TAKE moves it out.
void mem_text_drop(char **text);
#define AUTO_TEXT __attribute__((cleanup(mem_text_drop)))
#define TAKE(pointer)                        \
    ({                                       \
        __typeof__(pointer) taken = pointer; \
        (pointer) = NULL;                    \
        taken;                               \
    })
