// The directory where resync saves diverged transactions: what lies in it, and one file of it to send.
#pragma once
#include <sys/types.h>

#include "api.h"

#define RESCUED_NAME_SIZE 160

// The newest 100, or, if before is not "", the 100 that come after that file; summary is what FILE.json beside a file
// says, or null. The caller owns the array.
struct api_rescued rescued_list(const char *dir, const char *before);

// Descriptor of a regular file in dir and its size, -1 if it cannot be opened. Never follows a link.
int rescued_open(const char *dir, const char *file, off_t *ret_bytes);
