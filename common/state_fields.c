#include "state_fields.h"

#include <stdlib.h>
#include <string.h>

#include "doc.h"
#include "mem.h"
#include "text.h"

// The generic signature of a word's two functions; the typed ones may not be called through it.
#define WORD(type)                                           \
    static const char *type##_of(const void *value) {        \
        return type##_name(*(const enum type *)value);       \
    }                                                        \
    static bool type##_into(const char *text, void *value) { \
        return type##_parse(text, (enum type *)value);       \
    }
WORD(phase)
WORD(replication_mode)
WORD(node_role)
WORD(probe_outcome)
WORD(thread_state)
WORD(job_phase)
WORD(job_rung)

#define PLAIN(record, kind, member) \
    {#member, kind, offsetof(struct record, member), sizeof((struct record *)0)->member, NULL, NULL}
#define WORDS(record, type, member) \
    {#member, FIELD_WORD, offsetof(struct record, member), sizeof((struct record *)0)->member, type##_of, type##_into}
#define END {NULL, FIELD_INT, 0, 0, NULL, NULL}

const struct field state_cluster_fields[] = {
    PLAIN(cluster_state, FIELD_U64, epoch),
    PLAIN(cluster_state, FIELD_U64, reserved),
    WORDS(cluster_state, phase, phase),
    PLAIN(cluster_state, FIELD_NAME, primary),
    PLAIN(cluster_state, FIELD_NAME, primary_uuid),
    WORDS(cluster_state, replication_mode, mode),
    PLAIN(cluster_state, FIELD_BOOL, sync),
    PLAIN(cluster_state, FIELD_U64, sync_epoch),
    PLAIN(cluster_state, FIELD_INT, rule),
    PLAIN(cluster_state, FIELD_TEXT, why),
    PLAIN(cluster_state, FIELD_TEXT, why_msg),
    PLAIN(cluster_state, FIELD_BOOL, maintenance),
    PLAIN(cluster_state, FIELD_BOOL, recalled),
    PLAIN(cluster_state, FIELD_INT, forecast_rule),
    PLAIN(cluster_state, FIELD_NAME, forecast_node),
    PLAIN(cluster_state, FIELD_TEXT, forecast_why),
    PLAIN(cluster_state, FIELD_TEXT, forecast_msg),
    PLAIN(cluster_state, FIELD_NAME, intent),
    PLAIN(cluster_state, FIELD_NAME, leader),
    PLAIN(cluster_state, FIELD_NAME, failovers),
    PLAIN(cluster_state, FIELD_I64, updated_ms),
    END,
};

const struct field state_node_fields[] = {
    WORDS(node_state, node_role, role),
    WORDS(node_state, probe_outcome, outcome),
    PLAIN(node_state, FIELD_TEXT, error),
    PLAIN(node_state, FIELD_NAME, uuid),
    PLAIN(node_state, FIELD_TEXT, version),
    PLAIN(node_state, FIELD_U32, server_id),
    PLAIN(node_state, FIELD_BOOL, read_only),
    PLAIN(node_state, FIELD_BOOL, super_read_only),
    PLAIN(node_state, FIELD_BOOL, offline_mode),
    WORDS(node_state, thread_state, receiver),
    WORDS(node_state, thread_state, applier),
    PLAIN(node_state, FIELD_NAME, source),
    PLAIN(node_state, FIELD_TEXT, replication_error),
    PLAIN(node_state, FIELD_I64, lag_ms),
    PLAIN(node_state, FIELD_HEAP, gtid_executed),
    PLAIN(node_state, FIELD_HEAP, gtid_retrieved),
    PLAIN(node_state, FIELD_U64, diverged),
    PLAIN(node_state, FIELD_BOOL, stale),
    PLAIN(node_state, FIELD_TEXT, lack_msg),
    PLAIN(node_state, FIELD_TEXT, lack_account),
    PLAIN(node_state, FIELD_TEXT, lack_what),
    PLAIN(node_state, FIELD_TEXT, lack_mend),
    PLAIN(node_state, FIELD_BOOL, unable),
    PLAIN(node_state, FIELD_I64, boot_s),
    PLAIN(node_state, FIELD_BOOL, acknowledges),
    PLAIN(node_state, FIELD_U64, vouch_epoch),
    PLAIN(node_state, FIELD_U64, vouch_received),
    PLAIN(node_state, FIELD_I64, streamed_ms),
    PLAIN(node_state, FIELD_I64, heard_ms),
    PLAIN(node_state, FIELD_I64, seen_ms),
    PLAIN(node_state, FIELD_I64, updated_ms),
    END,
};

const struct field state_job_fields[] = {
    PLAIN(job_state, FIELD_NAME, id),           PLAIN(job_state, FIELD_NAME, donor),
    PLAIN(job_state, FIELD_U64, epoch),         WORDS(job_state, job_phase, phase),
    WORDS(job_state, job_rung, method),         WORDS(job_state, job_rung, rung),
    PLAIN(job_state, FIELD_NAME, step),         PLAIN(job_state, FIELD_TEXT, why),
    PLAIN(job_state, FIELD_I64, done_bytes),    PLAIN(job_state, FIELD_I64, total_bytes),
    PLAIN(job_state, FIELD_I64, rate_bytes_s),  PLAIN(job_state, FIELD_I64, left_ms),
    PLAIN(job_state, FIELD_U64, rescued),       PLAIN(job_state, FIELD_NAME, rescued_file),
    PLAIN(job_state, FIELD_U64, compared_rows), PLAIN(job_state, FIELD_U64, compared_tables),
    PLAIN(job_state, FIELD_U64, differing),     PLAIN(job_state, FIELD_NAME, by),
    PLAIN(job_state, FIELD_NAME, command_id),   PLAIN(job_state, FIELD_I64, queued_ms),
    PLAIN(job_state, FIELD_I64, started_ms),    PLAIN(job_state, FIELD_I64, updated_ms),
    PLAIN(job_state, FIELD_I64, ended_ms),      PLAIN(job_state, FIELD_BOOL, lasting),
    PLAIN(job_state, FIELD_U64, left_out),      END,
};

json_t *field_value(const struct field *field, const void *record) {
    const void *at = (const char *)record + field->offset;
    switch (field->kind) {
        case FIELD_NAME:
        case FIELD_TEXT:
            return doc_string(at);
        case FIELD_HEAP: {
            const char *text = *(char *const *)at;
            return doc_string(text != NULL ? text : "");
        }
        case FIELD_BOOL:
            return json_boolean(*(const bool *)at);
        case FIELD_I64:
            return json_integer(*(const int64_t *)at);
        case FIELD_U64:
            return doc_count(*(const uint64_t *)at);
        case FIELD_U32:
            return json_integer(*(const uint32_t *)at);
        case FIELD_INT:
            return json_integer(*(const int *)at);
        case FIELD_WORD:
            return doc_string(field->word_name(at));
    }
    return json_null();
}

bool field_same(const struct field *field, const void *record, const void *other) {
    const void *a = (const char *)record + field->offset, *b = (const char *)other + field->offset;
    switch (field->kind) {
        case FIELD_NAME:
        case FIELD_TEXT:
            return text_equal(a, b);
        case FIELD_HEAP: {
            const char *one = *(char *const *)a, *two = *(char *const *)b;
            return text_equal(one != NULL ? one : "", two != NULL ? two : "");
        }
        case FIELD_WORD:
            return text_equal(field->word_name(a), field->word_name(b));
        case FIELD_BOOL:
            return *(const bool *)a == *(const bool *)b;
        case FIELD_I64:
        case FIELD_U64:
            return *(const uint64_t *)a == *(const uint64_t *)b;
        case FIELD_U32:
        case FIELD_INT:
            return *(const uint32_t *)a == *(const uint32_t *)b;
    }
    return false;
}

static bool take_word(const struct field *field, const json_t *object, void *at, struct err *err) {
    char word[32] = "";
    if (!doc_get_name(object, field->key, word, sizeof word, err)) {
        return false;
    }
    if (json_object_get(object, field->key) != NULL && !field->word_parse(word, at)) {
        return err_set(err, ERR_INVALID, 0, "\"%s\": unknown word \"%s\"", field->key, word);
    }
    return true;
}

static bool take_heap(const struct field *field, const json_t *object, char **at, struct err *err) {
    const json_t *value = json_object_get(object, field->key);
    if (value == NULL) {
        return true;
    }
    if (!json_is_string(value)) {
        return err_set(err, ERR_INVALID, 0, "\"%s\" must be a text", field->key);
    }
    free(*at);
    *at = mem_text(json_string_value(value));
    return true;
}

bool field_take(const struct field *field, const json_t *object, void *record, struct err *err) {
    void *at = (char *)record + field->offset;
    int64_t number = 0;
    if (json_object_get(object, field->key) == NULL) {
        return true;  // an older writer did not know it
    }
    switch (field->kind) {
        case FIELD_NAME:
            return doc_get_name(object, field->key, at, field->size_bytes, err);
        case FIELD_TEXT:
            return doc_get_text(object, field->key, at, field->size_bytes, err);
        case FIELD_HEAP:
            return take_heap(field, object, at, err);
        case FIELD_BOOL:
            return doc_get_bool(object, field->key, at, err);
        case FIELD_I64:
            return doc_get_i64(object, field->key, -1, INT64_MAX, at, err);
        case FIELD_U64:
            if (!doc_get_i64(object, field->key, 0, INT64_MAX, &number, err)) {
                return false;
            }
            *(uint64_t *)at = (uint64_t)number;
            return true;
        case FIELD_U32:
            if (!doc_get_i64(object, field->key, 0, UINT32_MAX, &number, err)) {
                return false;
            }
            *(uint32_t *)at = (uint32_t)number;
            return true;
        case FIELD_INT:
            if (!doc_get_i64(object, field->key, INT32_MIN, INT32_MAX, &number, err)) {
                return false;
            }
            *(int *)at = (int)number;
            return true;
        case FIELD_WORD:
            return take_word(field, object, at, err);
    }
    return false;
}
