// Lines on stderr, human first: time, level, message, then key=value. One line per transition or action, never per
// tick. Thread-safe. The only file-scope mutable state in the tree.
#pragma once
#include "messages.h"

// Before any thread starts.
void log_open(enum lang lang, enum log_level least);
enum lang log_lang(void);

// Values follow the sentence as key=value, except prose that it already says. Control characters are escaped; the
// same line repeated within a second is counted, not repeated.
void log_say(enum log_level level, enum msg msg, const struct kv *values);
#define LOG_DEBUG(msg, ...) log_say(LOG_LEVEL_DEBUG, (msg), KVS(__VA_ARGS__))
#define LOG_INFO(msg, ...) log_say(LOG_LEVEL_INFO, (msg), KVS(__VA_ARGS__))
#define LOG_WARN(msg, ...) log_say(LOG_LEVEL_WARN, (msg), KVS(__VA_ARGS__))
#define LOG_ERROR(msg, ...) log_say(LOG_LEVEL_ERROR, (msg), KVS(__VA_ARGS__))

// A second reader of every line (for the log streams in Redis). Called with the log's lock held: it must only enqueue.
typedef void log_sink_fn(void *arg, const char *line);
void log_set_sink(log_sink_fn *sink, void *arg);
