// JSON documents, written by us and read from others who may be newer, broken or hostile. Pure (jansson only).
// An exhausted heap ends the process here too (mem.h), so nothing that builds a document fails.
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

// The object in bytes; NULL and one line in *err if it is too long, not UTF-8, nested deeper than depth_max, has a
// key twice, or is not one JSON object. The caller owns it.
json_t *doc_read(const char *bytes, size_t length_bytes, size_t length_max, unsigned depth_max, struct err *err);

// One member of object; a missing one is success and leaves *ret alone. false and *err for the wrong type or range.
bool doc_get_bool(const json_t *object, const char *key, bool *ret, struct err *err);
bool doc_get_i64(const json_t *object, const char *key, int64_t least, int64_t most, int64_t *ret, struct err *err);
// Refuses a text that does not fit.
bool doc_get_name(const json_t *object, const char *key, char *ret, size_t size_bytes, struct err *err);
// Cuts a text that does not fit: for what people read.
bool doc_get_text(const json_t *object, const char *key, char *ret, size_t size_bytes, struct err *err);

json_t *doc_string(const char *text);    // bytes that are not UTF-8 become '?'
json_t *doc_count(uint64_t number);      // JSON integers end at 2^63-1: more is pinned there
char *doc_line(const json_t *document);  // heap, compact, on one line

void doc_drop(json_t **document);
#define AUTO_DOC __attribute__((cleanup(doc_drop)))
