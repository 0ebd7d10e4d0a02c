// An event: what happened, to whom, by which rule, and why. {seq, ts (ms), epoch, source, type, node, severity, rule,
// why, msg, detail} as JSON on the channel …:events and in the stream …:history. Pure (jansson only).
#pragma once
#include <jansson.h>

#include "err.h"
#include "messages.h"
#include "node.h"

#define EVENT_BYTES_MAX 65536

struct event_record {
    int64_t seq;    // given by the store when it is appended; 0 before
    int64_t ts_ms;  // wall
    uint64_t epoch;
    enum service source;
    enum event_type type;
    char node[NODE_NAME_SIZE];  // "" : the cluster
    enum severity severity;
    int rule;      // 0: no rule
    enum msg msg;  // catalogue id, so that a reader can render `why` in another language
    char why[NODE_WHY_SIZE];
    json_t *detail;  // object, owned; NULL means {}
};

// Builds an event: why is msg rendered in lang from values, detail is those values. event_done() frees.
struct event_record event_make(enum service source, enum event_type type, enum severity severity, const char *node,
                               int rule, uint64_t epoch, int64_t ts_ms, enum lang lang, enum msg msg,
                               const struct kv *values);
void event_done(struct event_record *event);

char *event_encode(const struct event_record *event);  // heap, one line
bool event_decode(const char *json, size_t length_bytes, struct event_record *ret, struct err *err);

// `why` of a decoded event in another language: rendered from msg and detail if the catalogue knows it, else as it
// came.
void event_why(const struct event_record *event, enum lang lang, char *out, size_t size_bytes);
