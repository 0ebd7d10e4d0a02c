#include "watcher/record.h"

#include <stdlib.h>
#include <string.h>

#include "common/doc.h"
#include "common/mem.h"
#include "common/state_fields.h"
#include "common/text.h"
#include "watcher/policy.h"

static const char *outcome_of(const void *value) {
    return probe_outcome_name(*(const enum probe_outcome *)value);
}
static bool outcome_into(const char *text, void *value) {
    return probe_outcome_parse(text, value);
}
static const char *thread_of(const void *value) {
    return thread_state_name(*(const enum thread_state *)value);
}
static bool thread_into(const char *text, void *value) {
    return thread_state_parse(text, value);
}

#define SIZE(member) sizeof((struct observation *)0)->member
#define PLAIN(kind, member) {#member, kind, offsetof(struct observation, member), SIZE(member), NULL, NULL}
#define WORD(type, member) \
    {#member, FIELD_WORD, offsetof(struct observation, member), SIZE(member), type##_of, type##_into}

// Those that change all the time come last.
static const struct field fields[] = {
    WORD(outcome, outcome),
    PLAIN(FIELD_TEXT, error),
    PLAIN(FIELD_I64, closing_ms),
    PLAIN(FIELD_NAME, uuid),
    PLAIN(FIELD_TEXT, version),
    PLAIN(FIELD_U32, server_id),
    PLAIN(FIELD_BOOL, read_only),
    PLAIN(FIELD_BOOL, super_read_only),
    PLAIN(FIELD_BOOL, offline_mode),
    PLAIN(FIELD_BOOL, gtid_on),
    WORD(thread, receiver),
    WORD(thread, applier),
    PLAIN(FIELD_NAME, source_host),
    PLAIN(FIELD_BOOL, source_moved),
    PLAIN(FIELD_NAME, source_uuid),
    PLAIN(FIELD_INT, receiver_errno),
    PLAIN(FIELD_INT, applier_errno),
    PLAIN(FIELD_TEXT, replication_error),
    PLAIN(FIELD_BOOL, half_rebuilt),
    PLAIN(FIELD_BOOL, rows_absent),
    PLAIN(FIELD_BOOL, beat_absent),
    PLAIN(FIELD_INT, row_state),
    PLAIN(FIELD_BOOL, relevo_known),
    PLAIN(FIELD_U64, epoch),
    PLAIN(FIELD_U64, reigns),
    PLAIN(FIELD_INT, epoch_rule),
    PLAIN(FIELD_BOOL, epoch_sync),
    PLAIN(FIELD_I64, boot_s),
    PLAIN(FIELD_BOOL, semisync.installed),
    PLAIN(FIELD_BOOL, semisync.source_on),
    PLAIN(FIELD_BOOL, semisync.source_strict),
    PLAIN(FIELD_BOOL, semisync.replica_on),
    PLAIN(FIELD_BOOL, semisync.replica_acks),
    PLAIN(FIELD_U64, semisync.unacked),
    PLAIN(FIELD_NAME, epoch_uuid),
    PLAIN(FIELD_NAME, epoch_primary),
    PLAIN(FIELD_HEAP, executed_text),  // from here on: VOLATILE_FROM
    PLAIN(FIELD_HEAP, received_text),
    PLAIN(FIELD_U64, source_heartbeats),
    PLAIN(FIELD_BOOL, receiving),
    PLAIN(FIELD_BOOL, rows_new),
    PLAIN(FIELD_U64, semisync.acked),
    PLAIN(FIELD_U64, semisync.waiting),
    PLAIN(FIELD_I64, relevo_wall_ms),
    PLAIN(FIELD_I64, heartbeat_ms),
    PLAIN(FIELD_I64, began_ms),
    PLAIN(FIELD_I64, at_wall_ms),
};
enum { FIELDS = sizeof fields / sizeof *fields, VOLATILE_FROM = 35 };

// What the facts do not tell; the others are found again from them.
static const struct {
    unsigned flag;
    const char *name;
} flag_names[] = {
    {FLAG_LEADER, "leader"},
    {FLAG_BUSY, "busy"},
    {FLAG_MAINTENANCE, "maintenance"},
    {FLAG_LIMIT, "limit"},
    {FLAG_COOLING, "cooling"},
    {FLAG_INTENT, "intent"},
    {FLAG_RECALLED, "recalled"},
    {FLAG_YOUNG, "young"},
    {FLAG_HELD, "held"},
    {FLAG_UNCERTAIN, "uncertain"},
    {FLAG_OUTLIVED, "outlived"},
    {FLAG_FAILBACK_DUE, "failback_due"},
    {FLAG_ASK_SWITCHOVER, "ask_switchover"},
    {FLAG_ASK_FAILOVER, "ask_failover"},
    {FLAG_ASK_FORCE, "ask_force"},
    {FLAG_TARGET_READY, "target_ready"},
    {FLAG_TARGET_FIT, "target_fit"},
};

char *record_header(const char (*names)[NODE_NAME_SIZE], int count, const char *preferred, int64_t silent_ms, int acks,
                    int64_t now_ms, int64_t now_wall_ms) {
    AUTO_DOC json_t *line = json_object();
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        json_array_append_new(list, doc_string(names[i]));
    }
    json_object_set_new(line, "relevo", json_integer(1));
    json_object_set_new(line, "t", json_integer(now_ms));
    json_object_set_new(line, "wall_ms", json_integer(now_wall_ms));
    json_object_set_new(line, "nodes", list);
    json_object_set_new(line, "preferred", doc_string(preferred));
    json_object_set_new(line, "silent_ms", json_integer(silent_ms));
    json_object_set_new(line, "acks", json_integer(acks));
    json_object_set_new(line, "ticks", json_true());
    return doc_line(line);
}

char *record_tick(int64_t now_ms) {
    return mem_format("{\"t\":%lld,\"tick\":true}", (long long)now_ms);
}

bool record_same(const struct observation *it, const struct observation *before) {
    for (size_t i = 0; before && i < VOLATILE_FROM; i++) {
        if (!field_same(&fields[i], it, before)) {
            return false;
        }
    }
    return before != NULL;
}

char *record_observation(const char *name, const struct observation *it, const struct observation *before) {
    AUTO_DOC json_t *line = json_object();
    json_object_set_new(line, "t", json_integer(it->at_ms));
    json_object_set_new(line, "node", doc_string(name));
    for (size_t i = 0; i < FIELDS; i++) {
        if (!before || !field_same(&fields[i], it, before)) {
            json_object_set_new(line, fields[i].key, field_value(&fields[i], it));
        }
    }
    return doc_line(line);
}

char *record_state(const struct cluster_state *state, unsigned flags, const struct record_rest *rest, int64_t now_ms) {
    AUTO_DOC json_t *line = json_object();
    json_t *it = json_object(), *names = json_array(), *jobs = json_array();
    for (size_t i = 0; i < sizeof flag_names / sizeof *flag_names; i++) {
        if (flags & flag_names[i].flag) {
            json_array_append_new(names, json_string(flag_names[i].name));
        }
    }
    for (size_t i = 0; i < state->job_count; i++) {
        if (job_active(&state->jobs[i])) {
            json_array_append_new(jobs, doc_string(state->jobs[i].node));
        }
    }
    json_object_set_new(it, "epoch", doc_count(state->epoch));
    json_object_set_new(it, "primary", doc_string(state->primary));
    json_object_set_new(it, "primary_uuid", doc_string(state->primary_uuid));
    json_object_set_new(it, "intent", doc_string(rest->intent));
    json_object_set_new(it, "sync_epoch", doc_count(state->sync_epoch));
    json_object_set_new(it, "sync_ms", json_integer(rest->sync_ms));
    json_object_set_new(it, "sync_rests", json_boolean(rest->sync_rests));
    json_object_set_new(it, "leaving", json_boolean(rest->leaving));
    json_object_set_new(it, "asks", json_boolean(rest->asks));
    json_object_set_new(it, "differing", json_integer(rest->differing));
    json_object_set_new(it, "flags", names);
    json_object_set_new(it, "jobs", jobs);
    json_object_set_new(line, "t", json_integer(now_ms));
    json_object_set_new(line, "state", it);
    return doc_line(line);
}

static uint64_t add_bytes(uint64_t sum, const void *bytes, size_t size_bytes) {
    for (size_t i = 0; i < size_bytes; i++) {
        sum = (sum ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;  // FNV-1a
    }
    return sum;
}

static uint64_t add_text(uint64_t sum, const char *text) {
    return add_bytes(sum, text, strlen(text) + 1);
}

uint64_t record_state_sum(const struct cluster_state *state, unsigned flags, const struct record_rest *rest) {
    unsigned told = 0;
    for (size_t i = 0; i < sizeof flag_names / sizeof *flag_names; i++) {
        told |= flags & flag_names[i].flag;
    }
    uint64_t sum = add_bytes(14695981039346656037u, &told, sizeof told);
    sum = add_bytes(sum, &state->epoch, sizeof state->epoch);
    sum = add_bytes(sum, &state->sync_epoch, sizeof state->sync_epoch);
    sum = add_bytes(sum, &rest->sync_ms, sizeof rest->sync_ms);
    sum = add_bytes(sum, &rest->differing, sizeof rest->differing);
    sum = add_bytes(sum, (bool[]){rest->sync_rests, rest->leaving, rest->asks}, 3 * sizeof(bool));
    sum = add_text(add_text(add_text(sum, state->primary), state->primary_uuid), rest->intent);
    for (size_t i = 0; i < state->job_count; i++) {
        sum = job_active(&state->jobs[i]) ? add_text(sum, state->jobs[i].node) : sum;
    }
    return sum;
}

// --- and back ---

static bool take_gtids(const char *text, struct gtid_set **set, struct err *err) {
    gtid_free(*set);
    *set = gtid_parse(text, err);
    return *set != NULL;
}

struct observation *record_parse(const json_t *line, const struct observation *before, struct err *err) {
    AUTO_OBSERVATION struct observation *it = observation_new();
    it->executed_text = mem_text(before ? before->executed_text : "");
    it->received_text = mem_text(before ? before->received_text : "");
    for (size_t i = 0; before && i < FIELDS; i++) {
        if (fields[i].kind != FIELD_HEAP) {
            memcpy((char *)it + fields[i].offset, (const char *)before + fields[i].offset, fields[i].size_bytes);
        }
    }
    it->gtid_on = before ? before->gtid_on : true;
    it->serial = before ? before->serial + 1 : 1;
    if (!doc_get_i64(line, "t", 0, INT64_MAX, &it->at_ms, err)) {
        return NULL;
    }
    it->began_ms = it->at_ms;
    for (size_t i = 0; i < FIELDS; i++) {
        if (!field_take(&fields[i], line, it, err)) {
            return NULL;
        }
    }
    if (!take_gtids(it->executed_text, &it->executed, err) || !take_gtids(it->received_text, &it->received, err)) {
        return NULL;
    }
    return TAKE(it);
}

static bool take_flags(const json_t *list, unsigned *flags, struct err *err) {
    *flags = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *word = json_string_value(json_array_get(list, i));
        unsigned flag = 0;
        for (size_t k = 0; word && k < sizeof flag_names / sizeof *flag_names; k++) {
            flag |= text_equal(word, flag_names[k].name) ? flag_names[k].flag : 0u;
        }
        if (!flag) {
            return err_set(err, ERR_INVALID, 0, "unknown flag \"%s\"", word ? word : "(not a text)");
        }
        *flags |= flag;
    }
    return true;
}

static bool take_jobs(const json_t *list, struct cluster_state *state, struct err *err) {
    state->job_count = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *node = json_string_value(json_array_get(list, i));
        if (!node || state->job_count == NODE_MAX) {
            return err_set(err, ERR_INVALID, 0, "\"jobs\" must hold names of nodes");
        }
        struct job_state *job = &state->jobs[state->job_count++];
        *job = (struct job_state){.phase = JOB_RUNNING};
        (void)text_copy(job->node, sizeof job->node, node);
    }
    return true;
}

bool record_parse_state(const json_t *line, struct cluster_state *state, unsigned *flags, struct record_rest *rest,
                        struct err *err) {
    const json_t *it = json_object_get(line, "state");
    const json_t *names = json_object_get(it, "flags"), *jobs = json_object_get(it, "jobs");
    int64_t epoch = (int64_t)state->epoch, sync_epoch = (int64_t)state->sync_epoch;
    if (!json_is_object(it)) {
        return err_set(err, ERR_INVALID, 0, "\"state\" must be an object");
    }
    if (!doc_get_i64(it, "epoch", 0, INT64_MAX, &epoch, err) ||
        !doc_get_name(it, "primary", state->primary, sizeof state->primary, err) ||
        !doc_get_name(it, "primary_uuid", state->primary_uuid, sizeof state->primary_uuid, err) ||
        !doc_get_name(it, "intent", rest->intent, sizeof rest->intent, err) ||
        !doc_get_i64(it, "sync_epoch", 0, INT64_MAX, &sync_epoch, err) ||
        !doc_get_i64(it, "sync_ms", 0, INT64_MAX, &rest->sync_ms, err) ||
        !doc_get_bool(it, "sync_rests", &rest->sync_rests, err) || !doc_get_bool(it, "leaving", &rest->leaving, err) ||
        !doc_get_i64(it, "differing", 0, (1 << NODE_MAX) - 1, &rest->differing, err) ||
        !doc_get_bool(it, "asks", &rest->asks, err)) {
        return false;
    }
    state->epoch = (uint64_t)epoch;
    state->sync_epoch = (uint64_t)sync_epoch;
    return (!names || take_flags(names, flags, err)) && (!jobs || take_jobs(jobs, state, err));
}
