// Commands from the channel …:commands, received on a thread of its own and handed to the loop as they came.
#pragma once
#include <stddef.h>

#include "common/loop.h"
#include "common/settings.h"

struct inbox;
struct inbox *inbox_start(const struct settings *settings, struct loop *loop);
void inbox_stop(struct inbox *inbox);  // NULL is fine

// The oldest message, heap, or NULL. At most a hundred wait; what comes above that is dropped and counted in the log.
char *inbox_take(struct inbox *inbox, size_t *ret_length);
