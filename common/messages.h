// Every sentence that Relevo says to a person, in Spanish and English: messages_*.def, one file per service.
// A text names its values in braces, {node}; they come from the key-value list of the call. Pure.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lang { LANG_ES, LANG_EN };
enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

enum msg {
    MSG_NONE,  // the empty text
#define M(id, es, en) id,
#include "messages_common.def"
#include "messages_dashboard.def"
#include "messages_resync.def"
#include "messages_watcher.def"
#undef M
    MSG_COUNT
};

// One value of a message, an event or a log line. A list ends with a zero key.
struct kv {
    const char *key;
    const char *text;  // NULL: number counts
    int64_t number;
};
static inline const char *kv_text(const char *text) {
    return text ? text : "";
}
#define KV(key_, text_) ((struct kv){.key = (key_), .text = kv_text(text_)})
#define KVI(key_, number_) ((struct kv){.key = (key_), .number = (int64_t)(number_)})
#define KVS(...) ((const struct kv[]){__VA_ARGS__ __VA_OPT__(, ){0}})

// Renders msg into out (always terminated, cut on a UTF-8 boundary) and returns out. An unknown {name} stays as
// written.
const char *msg_render(enum msg msg, enum lang lang, const struct kv *values, char *out, size_t size_bytes);

// True if the sentence names the value of that key.
bool msg_says(enum msg msg, enum lang lang, const char *key);

const char *msg_name(enum msg msg);    // "MSG_PRIMARY_LOST"
enum msg msg_parse(const char *name);  // MSG_NONE if unknown
