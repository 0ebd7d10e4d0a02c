// How each member of the state travels: one table per kind of record, read in both directions. Private to state*.c.
#pragma once
#include <jansson.h>

#include "state.h"

enum field_kind {
    FIELD_NAME,  // a text that must fit: names, ids
    FIELD_TEXT,  // a text for people: cut if it does not fit
    FIELD_HEAP,  // char *, "" is never NULL after decoding
    FIELD_BOOL,
    FIELD_I64,  // from -1 (unknown)
    FIELD_U64,
    FIELD_U32,
    FIELD_INT,
    FIELD_WORD,  // an enum of the vocabulary
};

struct field {
    const char *key;
    enum field_kind kind;
    size_t offset, size_bytes;
    const char *(*word_name)(const void *value);  // FIELD_WORD
    bool (*word_parse)(const char *text, void *value);
};

// Tables end with a NULL key.
extern const struct field state_cluster_fields[], state_node_fields[], state_job_fields[];

json_t *field_value(const struct field *field, const void *record);
bool field_same(const struct field *field, const void *record, const void *other);  // both have the same value

// true: the member of record is set, or value was absent. Heap texts are replaced, the old one freed.
bool field_take(const struct field *field, const json_t *object, void *record, struct err *err);
