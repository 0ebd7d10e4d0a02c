// A thread that listens to …:commands, …:jobs and …:state, and hands over what it hears: commands to be read, and for
// everything else (a lost and regained connection too) only the hint that it is time to look at the hash.
#pragma once
#include <stddef.h>

#include "common/settings.h"

struct hints;

// wake(arg) is called from the thread whenever there is something new.
struct hints *hints_start(const struct settings *settings, void (*wake)(void *arg), void *arg);
void hints_stop(struct hints *hints);

// The oldest command not taken yet, heap bytes; NULL when there is none.
char *hints_take(struct hints *hints, size_t *ret_length_bytes);
