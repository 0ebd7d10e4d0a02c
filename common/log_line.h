// One log line as text: stamp, level, message, then key=value. A value that a program could misread is quoted, and
// nothing that a terminal would obey is let through. Pure.
#pragma once
#include <stddef.h>

#include "messages.h"

#define LOG_LINE_SIZE 2048

// Always terminated, without a newline; a line that is too long ends in "…".
void log_line(char *out, size_t size_bytes, const char *stamp, const char *level, const char *message,
              const struct kv *values);
