// Plays a recorded history of observations (record.h) through assess and policy, as they are now, and tells each
// decision with its rule and its reason. Nothing is done: what was done then is in the observations that follow. Pure.
#pragma once
#include <stddef.h>

#include "common/err.h"
#include "common/messages.h"

struct replay;
typedef void replay_say(void *arg, const char *line);

struct replay *replay_new(enum lang lang, replay_say *say, void *arg);
bool replay_line(struct replay *replay, const char *bytes, size_t length_bytes, struct err *err);
void replay_free(struct replay *replay);
