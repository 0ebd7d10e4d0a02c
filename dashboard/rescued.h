// The directory where resync saves diverged transactions: what lies in it, and one file of it to send.
#pragma once
#include <jansson.h>
#include <sys/types.h>

// Array, newest first, at most 100 of {file, bytes, modified_ms, summary}: summary is what FILE.json beside it says, or
// null. NULL if the directory cannot be read. The caller owns it.
json_t *rescued_list(const char *dir);

// Descriptor of a regular file in dir and its size, -1 if it cannot be opened. Never follows a link.
int rescued_open(const char *dir, const char *file, off_t *ret_bytes);
