#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_NO_MEMORY 70
#define EXIT_NO_THREAD 71

// write() and _exit(): anything that formats or flushes may want memory.
static _Noreturn void out_of_memory(void) {
    static const char line[] = "relevo: out of memory, ending so that the supervisor starts the service again\n";
    ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);
    (void)written;  // nothing is left to do if even this fails
    _exit(EXIT_NO_MEMORY);
}

_Noreturn void mem_no_thread(void) {
    static const char line[] =
        "relevo: no room for another thread, ending so that the supervisor starts the service again\n";
    ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);
    (void)written;
    _exit(EXIT_NO_THREAD);
}

void *mem_zero(size_t count, size_t size_bytes) {
    void *memory = calloc(count > 0 ? count : 1, size_bytes > 0 ? size_bytes : 1);
    if (memory == NULL) {
        out_of_memory();
    }
    return memory;
}

void *mem_grow(void *old, size_t count, size_t size_bytes) {
    void *memory = reallocarray(old, count > 0 ? count : 1, size_bytes > 0 ? size_bytes : 1);
    if (memory == NULL) {
        out_of_memory();
    }
    return memory;
}

char *mem_text(const char *text) {
    char *copy = strdup(text != NULL ? text : "");
    if (copy == NULL) {
        out_of_memory();
    }
    return copy;
}

char *mem_format(const char *format, ...) {
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        out_of_memory();
    }
    return text;
}

void mem_append(char **text, const char *more) {
    char *longer = mem_format("%s%s", *text ? *text : "", more);
    free(*text);
    *text = longer;
}

void mem_text_drop(char **text) {
    free(*text);
    *text = NULL;
}
