#include "state.h"

#include <stdlib.h>
#include <string.h>

#include "doc.h"
#include "mem.h"
#include "state_fields.h"
#include "text.h"

#define NODE_PREFIX "node:"
#define JOB_PREFIX "job:"
#define CHECK_PREFIX "verify:"
#define PREFIX_OF(word) (sizeof(word) - 1)
#define VALUE_MAX ((size_t)32 << 20)  // two GTID sets of the longest that gtid_parse() takes
#define DEPTH_MAX 5

// ---- encoding ------------------------------------------------------------------------------------------------------

// Scalars are written plainly, for people with redis-cli: 12, NORMAL, on.
static char *scalar_text(const struct field *field, const struct cluster_state *state) {
    AUTO_DOC json_t *value = field_value(field, state);
    if (json_is_string(value)) {
        return mem_text(json_string_value(value));
    }
    if (json_is_boolean(value)) {
        return mem_text(json_is_true(value) ? "on" : "off");
    }
    return mem_format("%lld", (long long)json_integer_value(value));
}

static json_t *record_object(const struct field *fields, const void *record) {
    json_t *object = json_object();
    for (const struct field *field = fields; field->key != NULL; field++) {
        json_object_set_new(object, field->key, field_value(field, record));
    }
    return object;
}

size_t state_encode(const struct cluster_state *state, struct state_field **ret) {
    size_t scalars = 0;
    while (state_cluster_fields[scalars].key != NULL) {
        scalars++;
    }
    struct state_field *fields = mem_zero(scalars + state->node_count, sizeof *fields);
    for (size_t i = 0; i < scalars; i++) {
        text_copy(fields[i].name, sizeof fields[i].name, state_cluster_fields[i].key);
        fields[i].value = scalar_text(&state_cluster_fields[i], state);
    }
    for (size_t i = 0; i < state->node_count; i++) {
        struct state_field *field = &fields[scalars + i];
        AUTO_DOC json_t *object = record_object(state_node_fields, &state->nodes[i]);
        text_format(field->name, sizeof field->name, NODE_PREFIX "%s", state->nodes[i].name);
        field->value = doc_line(object);
    }
    *ret = fields;
    return scalars + state->node_count;
}

static json_t *differences_list(const struct job_state *job) {
    json_t *list = json_array();
    for (unsigned i = 0; i < job->difference_count && i < JOB_DIFFERENCE_MAX; i++) {
        const struct job_difference *found = &job->differences[i];
        json_t *item = json_object();
        json_object_set_new(item, "kind", doc_string(found->kind));
        json_object_set_new(item, "table", doc_string(found->table));
        json_object_set_new(item, "where", doc_string(found->where));
        json_object_set_new(item, "rows", doc_count(found->rows));
        json_object_set_new(item, "rows_primary", doc_count(found->rows_primary));
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *not_copied_list(const struct job_state *job) {
    json_t *list = json_array();
    for (unsigned i = 0; i < job->not_copied_count && i < JOB_NOT_COPIED_MAX; i++) {
        json_t *item = json_object();
        json_object_set_new(item, "object", doc_string(job->not_copied[i].object));
        json_object_set_new(item, "why", doc_string(job->not_copied[i].why));
        json_array_append_new(list, item);
    }
    return list;
}

void state_encode_job(const struct job_state *job, struct state_field *ret) {
    AUTO_DOC json_t *object = record_object(state_job_fields, job);
    json_t *refused = json_array();
    for (unsigned i = 0; i < job->refused_count && i < JOB_REFUSAL_MAX; i++) {
        json_t *refusal = json_object();
        json_object_set_new(refusal, "rung", doc_string(job_rung_name(job->refused[i].rung)));
        json_object_set_new(refusal, "why", doc_string(job->refused[i].why));
        json_array_append_new(refused, refusal);
    }
    json_object_set_new(object, "refused", refused);
    if (job->method == RUNG_VERIFY) {
        json_object_set_new(object, "differences", differences_list(job));
    } else {
        json_object_set_new(object, "not_copied", not_copied_list(job));
    }
    text_format(ret->name, sizeof ret->name, "%s%s", job->method == RUNG_VERIFY ? CHECK_PREFIX : JOB_PREFIX, job->node);
    ret->value = doc_line(object);
}

void state_fields_free(struct state_field *fields, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(fields[i].value);
    }
    free(fields);
}

// ---- decoding ------------------------------------------------------------------------------------------------------

// The JSON value that a scalar's text stands for; NULL if it is no such text.
static json_t *scalar_value(const struct field *field, const char *text) {
    int64_t number = 0;
    switch (field->kind) {
        case FIELD_BOOL:
            return text_equal(text, "on") ? json_true() : text_equal(text, "off") ? json_false() : NULL;
        case FIELD_I64:
        case FIELD_U64:
        case FIELD_U32:
        case FIELD_INT:
            return text_to_i64(text, &number) ? json_integer(number) : NULL;
        case FIELD_NAME:
        case FIELD_TEXT:
        case FIELD_HEAP:
        case FIELD_WORD:
            return json_string(text);  // NULL if it is not UTF-8
    }
    return NULL;
}

static bool decode_scalar(struct cluster_state *state, const struct field *field, const char *value, struct err *err) {
    json_t *member = scalar_value(field, value);
    if (member == NULL) {
        return err_set(err, ERR_INVALID, 0, "a value of the wrong kind");
    }
    AUTO_DOC json_t *object = json_object();
    json_object_set_new(object, field->key, member);
    return field_take(field, object, state, err);
}

static bool take_fields(const struct field *fields, const json_t *object, void *record, struct err *err) {
    for (const struct field *field = fields; field->key != NULL; field++) {
        if (!field_take(field, object, record, err)) {
            return false;
        }
    }
    return true;
}

static bool is_node_name(const char *name) {
    size_t length = strlen(name);
    return length > 0 && length < NODE_NAME_SIZE &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == length;
}

static void node_drop(struct node_state *node) {
    free(node->gtid_executed);
    free(node->gtid_retrieved);
    *node = (struct node_state){0};
}

static bool decode_node(struct cluster_state *state, const char *name, const json_t *object, struct err *err) {
    __attribute__((cleanup(node_drop))) struct node_state node = {.lag_ms = -1};
    text_copy(node.name, sizeof node.name, name);
    node.gtid_executed = mem_text("");
    node.gtid_retrieved = mem_text("");
    struct node_state *place = (struct node_state *)state_node(state, name);
    if (place == NULL && state->node_count == NODE_MAX) {
        return err_set(err, ERR_INVALID, 0, "more than %d nodes", NODE_MAX);
    }
    if (!take_fields(state_node_fields, object, &node, err)) {
        return false;
    }
    if (place == NULL) {
        place = &state->nodes[state->node_count++];
    }
    struct node_state before = *place;
    *place = node;
    node = before;  // freed on the way out
    return true;
}

static bool decode_refusals(const json_t *object, struct job_state *job, struct err *err) {
    const json_t *refused = json_object_get(object, "refused");
    if (refused == NULL) {
        return true;
    }
    if (!json_is_array(refused)) {
        return err_set(err, ERR_INVALID, 0, "\"refused\" must be an array");
    }
    size_t index = 0;
    const json_t *item = NULL;
    json_array_foreach(refused, index, item) {
        struct job_refusal refusal = {0};
        char rung[16] = "";
        if (!json_is_object(item) || !doc_get_name(item, "rung", rung, sizeof rung, err) ||
            !doc_get_text(item, "why", refusal.why, sizeof refusal.why, err) || !job_rung_parse(rung, &refusal.rung)) {
            return err_set(err, ERR_INVALID, 0, "\"refused\" must hold {\"rung\", \"why\"}");
        }
        if (job->refused_count < JOB_REFUSAL_MAX) {
            job->refused[job->refused_count++] = refusal;
        }
    }
    return true;
}

static bool decode_differences(const json_t *object, struct job_state *job, struct err *err) {
    size_t index = 0;
    const json_t *item = NULL;
    json_array_foreach(json_object_get(object, "differences"), index, item) {
        struct job_difference found = {0};
        int64_t rows = 0, rows_primary = 0;
        if (!json_is_object(item) || !doc_get_name(item, "kind", found.kind, sizeof found.kind, err) ||
            !doc_get_text(item, "table", found.table, sizeof found.table, err) ||
            !doc_get_text(item, "where", found.where, sizeof found.where, err) ||
            !doc_get_i64(item, "rows", 0, INT64_MAX, &rows, err) ||
            !doc_get_i64(item, "rows_primary", 0, INT64_MAX, &rows_primary, err)) {
            return err_set(err, ERR_INVALID, 0, "\"differences\" must hold {\"table\", \"where\", \"rows\"...}");
        }
        found.rows = (uint64_t)rows;
        found.rows_primary = (uint64_t)rows_primary;
        if (job->difference_count < JOB_DIFFERENCE_MAX) {
            job->differences[job->difference_count++] = found;
        }
    }
    return true;
}

static bool decode_not_copied(const json_t *object, struct job_state *job, struct err *err) {
    size_t index = 0;
    const json_t *item = NULL;
    json_array_foreach(json_object_get(object, "not_copied"), index, item) {
        struct job_not_copied left = {0};
        if (!json_is_object(item) || !doc_get_text(item, "object", left.object, sizeof left.object, err) ||
            !doc_get_text(item, "why", left.why, sizeof left.why, err)) {
            return err_set(err, ERR_INVALID, 0, "\"not_copied\" must hold {\"object\", \"why\"}");
        }
        if (job->not_copied_count < JOB_NOT_COPIED_MAX) {
            job->not_copied[job->not_copied_count++] = left;
        }
    }
    return true;
}

static bool decode_job(struct cluster_state *state, const char *name, bool is_check, const json_t *object,
                       struct err *err) {
    struct job_state job = {.total_bytes = -1, .rate_bytes_s = -1, .left_ms = -1};
    text_copy(job.node, sizeof job.node, name);
    struct job_state *place = (struct job_state *)(is_check ? state_check(state, name) : state_job(state, name));
    size_t *count = is_check ? &state->check_count : &state->job_count;
    if (place == NULL && *count == NODE_MAX) {
        return err_set(err, ERR_INVALID, 0, "more than %d jobs", NODE_MAX);
    }
    if (!take_fields(state_job_fields, object, &job, err) || !decode_refusals(object, &job, err) ||
        !decode_differences(object, &job, err) || !decode_not_copied(object, &job, err)) {
        return false;
    }
    if ((job.method == RUNG_VERIFY) != is_check) {
        return err_set(err, ERR_INVALID, 0, "method %s does not belong here", job_rung_name(job.method));
    }
    if (place == NULL) {
        place = is_check ? &state->checks[(*count)++] : &state->jobs[(*count)++];
    }
    *place = job;
    return true;
}

enum record { RECORD_NODE, RECORD_JOB, RECORD_CHECK };

static bool decode_record(struct cluster_state *state, const char *name, const char *value, enum record record,
                          struct err *err) {
    if (!is_node_name(name)) {
        return err_set(err, ERR_INVALID, 0, "not the name of a node");
    }
    AUTO_DOC json_t *object = doc_read(value, strlen(value), VALUE_MAX, DEPTH_MAX, err);
    if (object == NULL) {
        return false;
    }
    return record == RECORD_NODE ? decode_node(state, name, object, err)
                                 : decode_job(state, name, record == RECORD_CHECK, object, err);
}

static bool has_prefix(const char *name, const char *prefix) {
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

bool state_names_job(const char *name) {
    return has_prefix(name, JOB_PREFIX) || has_prefix(name, CHECK_PREFIX);
}

bool state_decode(struct cluster_state *state, const char *name, const char *value, struct err *err) {
    bool ok = true;
    if (has_prefix(name, NODE_PREFIX)) {
        ok = decode_record(state, name + PREFIX_OF(NODE_PREFIX), value, RECORD_NODE, err);
    } else if (state_names_job(name)) {
        state->old_jobs = true;
    } else {
        for (const struct field *field = state_cluster_fields; field->key != NULL; field++) {
            if (strcmp(name, field->key) == 0) {
                ok = decode_scalar(state, field, value, err);
            }
        }
    }
    return ok || err_wrap(err, "state field %.80s", name);
}

bool state_decode_job(struct cluster_state *state, const char *name, const char *value, struct err *err) {
    bool ok = true;
    if (has_prefix(name, JOB_PREFIX)) {
        ok = decode_record(state, name + PREFIX_OF(JOB_PREFIX), value, RECORD_JOB, err);
    } else if (has_prefix(name, CHECK_PREFIX)) {
        ok = decode_record(state, name + PREFIX_OF(CHECK_PREFIX), value, RECORD_CHECK, err);
    }
    return ok || err_wrap(err, "state field %.80s", name);
}

// ---- reading -------------------------------------------------------------------------------------------------------

const struct node_state *state_node(const struct cluster_state *state, const char *name) {
    for (size_t i = 0; i < state->node_count; i++) {
        if (text_equal(state->nodes[i].name, name)) {
            return &state->nodes[i];
        }
    }
    return NULL;
}

static const struct job_state *find_job(const struct job_state *jobs, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (text_equal(jobs[i].node, name)) {
            return &jobs[i];
        }
    }
    return NULL;
}

const struct job_state *state_job(const struct cluster_state *state, const char *name) {
    return find_job(state->jobs, state->job_count, name);
}

const struct job_state *state_check(const struct cluster_state *state, const char *name) {
    return find_job(state->checks, state->check_count, name);
}

bool job_active(const struct job_state *job) {
    return job != NULL && (job->phase == JOB_QUEUED || job->phase == JOB_RUNNING);
}

void state_done(struct cluster_state *state) {
    for (size_t i = 0; i < state->node_count; i++) {
        node_drop(&state->nodes[i]);
    }
    *state = (struct cluster_state){0};
}
