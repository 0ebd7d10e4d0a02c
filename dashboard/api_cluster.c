// The cluster as JSON: /api/v1/cluster, nodes, jobs, rescued.
#include <string.h>

#include "api_parts.h"
#include "common/text.h"
#include "retell.h"

static void add_ages(const struct api_world *world, json_t *body) {
    const struct snapshot *snapshot = world->snapshot;
    json_object_set_new(body, "age_ms", api_or_null(snapshot_state_age_ms(snapshot, world->now)));
    json_object_set_new(body, "read_age_ms", api_or_null(snapshot_read_age_ms(snapshot, world->now)));
    json_object_set_new(body, "stale", json_boolean(snapshot_stale(snapshot, world->now)));
    json_object_set_new(body, "connected", json_boolean(snapshot->connected));
}

struct api_answer api_aged(const struct api_call *call, json_t *body) {
    add_ages(call->world, body);
    struct api_answer answer = api_json(200, body);
    answer.age_ms = snapshot_state_age_ms(call->world->snapshot, call->world->now);
    return answer;
}

static json_t *node_json(const struct node_state *node, struct moment now) {
    json_t *json = json_object();
    json_object_set_new(json, "name", api_string(node->name));
    json_object_set_new(json, "role", json_string(node_role_name(node->role)));
    json_object_set_new(json, "healthy", json_boolean(node->outcome == PROBE_OK));
    json_object_set_new(json, "outcome", json_string(probe_outcome_name(node->outcome)));
    json_object_set_new(json, "error", api_string(node->error));
    json_object_set_new(json, "uuid", api_string(node->uuid));
    json_object_set_new(json, "version", api_string(node->version));
    json_object_set_new(json, "server_id", json_integer(node->server_id));
    json_object_set_new(json, "read_only", json_boolean(node->read_only));
    json_object_set_new(json, "super_read_only", json_boolean(node->super_read_only));
    json_object_set_new(json, "offline_mode", json_boolean(node->offline_mode));
    json_object_set_new(json, "receiver", json_string(thread_state_name(node->receiver)));
    json_object_set_new(json, "applier", json_string(thread_state_name(node->applier)));
    json_object_set_new(json, "source", api_string(node->source));
    json_object_set_new(json, "replication_error", api_string(node->replication_error));
    json_object_set_new(json, "lag_ms", api_or_null(node->lag_ms));
    json_object_set_new(json, "gtid_executed", api_string(node->gtid_executed ? node->gtid_executed : ""));
    json_object_set_new(json, "gtid_retrieved", api_string(node->gtid_retrieved ? node->gtid_retrieved : ""));
    json_object_set_new(json, "diverged", json_integer((json_int_t)node->diverged));
    json_object_set_new(json, "seen_ms", json_integer(node->seen_ms));
    json_object_set_new(json, "seen_age_ms", api_age(node->seen_ms, now));
    json_object_set_new(json, "updated_ms", json_integer(node->updated_ms));
    json_object_set_new(json, "age_ms", api_age(node->updated_ms, now));
    return json;
}

static json_t *retold(const char *why, enum lang lang) {
    char text[NODE_WHY_SIZE];
    retell_job(why, lang, text, sizeof text);
    return api_string(text);
}

static json_t *refusals_json(const struct job_state *job, enum lang lang) {
    json_t *list = json_array();
    for (unsigned i = 0; i < job->refused_count && i < JOB_REFUSAL_MAX; i++) {
        json_t *refusal = json_object();
        json_object_set_new(refusal, "rung", json_string(job_rung_name(job->refused[i].rung)));
        json_object_set_new(refusal, "why", retold(job->refused[i].why, lang));
        json_array_append_new(list, refusal);
    }
    return list;
}

static json_t *differences_json(const struct job_state *job) {
    json_t *list = json_array();
    for (unsigned i = 0; i < job->difference_count && i < JOB_DIFFERENCE_MAX; i++) {
        const struct job_difference *found = &job->differences[i];
        json_t *difference = json_object();
        json_object_set_new(difference, "kind", api_string(found->kind));
        json_object_set_new(difference, "table", api_string(found->table));
        json_object_set_new(difference, "where", api_string(found->where));
        json_object_set_new(difference, "rows", json_integer((json_int_t)found->rows));
        json_object_set_new(difference, "rows_primary", json_integer((json_int_t)found->rows_primary));
        json_array_append_new(list, difference);
    }
    return list;
}

static json_t *not_copied_json(const struct job_state *job, enum lang lang) {
    json_t *list = json_array();
    for (unsigned i = 0; i < job->not_copied_count && i < JOB_NOT_COPIED_MAX; i++) {
        json_t *left = json_object();
        json_object_set_new(left, "object", api_string(job->not_copied[i].object));
        json_object_set_new(left, "why", retold(job->not_copied[i].why, lang));
        json_array_append_new(list, left);
    }
    return list;
}

static json_t *job_json(const struct job_state *job, struct moment now, enum lang lang) {
    json_t *json = json_object();
    json_object_set_new(json, "id", api_string(job->id));
    json_object_set_new(json, "node", api_string(job->node));
    json_object_set_new(json, "donor", api_string(job->donor));
    json_object_set_new(json, "epoch", json_integer((json_int_t)job->epoch));
    json_object_set_new(json, "phase", json_string(job_phase_name(job->phase)));
    json_object_set_new(json, "active", json_boolean(job_active(job)));
    json_object_set_new(json, "method", json_string(job_rung_name(job->method)));
    json_object_set_new(json, "rung", json_string(job_rung_name(job->rung)));
    json_object_set_new(json, "step", api_string(job->step));
    json_object_set_new(json, "why", retold(job->why, lang));
    json_object_set_new(json, "refused", refusals_json(job, lang));
    json_object_set_new(json, "lasting", json_boolean(job->lasting));
    json_object_set_new(json, "left_out", json_integer((json_int_t)job->left_out));
    json_object_set_new(json, "not_copied", not_copied_json(job, lang));
    json_object_set_new(json, "done_bytes", json_integer(job->done_bytes));
    json_object_set_new(json, "total_bytes", api_or_null(job->total_bytes));
    json_object_set_new(json, "rate_bytes_s", api_or_null(job->rate_bytes_s));
    json_object_set_new(json, "left_ms", api_or_null(job->left_ms));
    json_object_set_new(json, "rescued", json_integer((json_int_t)job->rescued));
    json_object_set_new(json, "rescued_file", api_string(job->rescued_file));
    json_object_set_new(json, "by", api_string(job->by));
    json_object_set_new(json, "command_id", api_string(job->command_id));
    json_object_set_new(json, "queued_ms", json_integer(job->queued_ms));
    json_object_set_new(json, "started_ms", json_integer(job->started_ms));
    json_object_set_new(json, "updated_ms", json_integer(job->updated_ms));
    json_object_set_new(json, "ended_ms", json_integer(job->ended_ms));
    json_object_set_new(json, "age_ms", api_age(job->updated_ms, now));
    return json;
}

static json_t *jobs_json(const struct api_world *world, enum lang lang) {
    json_t *list = json_array();
    for (size_t i = 0; i < world->snapshot->state.job_count; i++) {
        json_array_append_new(list, job_json(&world->snapshot->state.jobs[i], world->now, lang));
    }
    return list;
}

// The comparisons, running ones and the last of each node: jobs that say what they found.
static json_t *checks_json(const struct api_world *world, enum lang lang) {
    json_t *list = json_array();
    for (size_t i = 0; i < world->snapshot->state.check_count; i++) {
        const struct job_state *check = &world->snapshot->state.checks[i];
        json_t *json = job_json(check, world->now, lang);
        json_object_set_new(json, "compared_rows", json_integer((json_int_t)check->compared_rows));
        json_object_set_new(json, "compared_tables", json_integer((json_int_t)check->compared_tables));
        json_object_set_new(json, "differing", json_integer((json_int_t)check->differing));
        json_object_set_new(json, "differences", differences_json(check));
        json_array_append_new(list, json);
    }
    return list;
}

// In the order of RELEVO_NODES, whatever the watcher did not report yet included; then any node that is not configured
// here. The hash has no order, and a page whose cards change places cannot be read.
static json_t *nodes_json(const struct api_world *world) {
    const struct cluster_state *state = &world->snapshot->state;
    const struct settings *settings = world->settings;
    json_t *list = json_array();
    for (size_t i = 0; i < settings->node_count; i++) {
        struct node_state unknown = {.lag_ms = -1};
        text_copy(unknown.name, sizeof unknown.name, settings->nodes[i].name);
        const struct node_state *node = state_node(state, unknown.name);
        json_array_append_new(list, node_json(node != NULL ? node : &unknown, world->now));
    }
    for (size_t i = 0; i < state->node_count; i++) {
        if (settings_node(settings, state->nodes[i].name) < 0) {
            json_array_append_new(list, node_json(&state->nodes[i], world->now));
        }
    }
    return list;
}

bool api_node_known(const struct api_world *world, const char *name) {
    return state_node(&world->snapshot->state, name) != NULL || settings_node(world->settings, name) >= 0;
}

static json_t *intent_json(const char *intent) {
    json_t *json = *intent ? json_loads(intent, 0, NULL) : NULL;
    return json != NULL ? json : json_null();
}

json_t *api_cluster_json(const struct api_world *world, enum lang lang) {
    const struct cluster_state *state = &world->snapshot->state;
    const struct settings *settings = world->settings;
    char why[NODE_WHY_SIZE];
    retell(state->why_msg, state->why, lang, why, sizeof why);
    json_t *json = json_object();
    json_object_set_new(json, "cluster", api_string(settings->cluster));
    json_object_set_new(json, "known", json_boolean(world->snapshot->known));
    json_object_set_new(json, "epoch", json_integer((json_int_t)state->epoch));
    json_object_set_new(json, "phase", json_string(phase_name(state->phase)));
    json_object_set_new(json, "why", api_string(why));
    json_object_set_new(json, "rule", json_integer(state->rule));
    json_object_set_new(json, "primary", api_string(state->primary));
    json_object_set_new(json, "primary_uuid", api_string(state->primary_uuid));
    json_object_set_new(json, "preferred", api_string(settings->preferred));
    json_object_set_new(json, "mode", json_string(replication_mode_name(state->mode)));
    json_object_set_new(json, "sync", json_boolean(state->sync));
    json_object_set_new(json, "maintenance", json_boolean(state->maintenance));
    json_object_set_new(json, "intent", intent_json(state->intent));
    json_object_set_new(json, "leader", api_string(state->leader));
    json_object_set_new(json, "updated_ms", json_integer(state->updated_ms));
    json_object_set_new(json, "nodes", nodes_json(world));
    json_object_set_new(json, "jobs", jobs_json(world, lang));
    json_object_set_new(json, "checks", checks_json(world, lang));
    json_object_set_new(json, "actions", json_boolean(settings->api_token[0] != '\0'));
    json_object_set_new(json, "server_time_ms", json_integer(world->now.wall_ms));
    json_object_set_new(json, "version", api_string(world->version));
    return json;
}

struct api_answer api_cluster(const struct api_call *call) {
    return api_aged(call, api_cluster_json(call->world, call->lang));
}

struct api_answer api_node(const struct api_call *call) {
    json_t *nodes = nodes_json(call->world);
    json_t *found = NULL, *node;
    size_t i;
    json_array_foreach(nodes, i, node) {
        if (text_equal(json_string_value(json_object_get(node, "name")), call->name)) {
            found = json_incref(node);
        }
    }
    json_decref(nodes);
    if (found == NULL) {
        return api_refuse(call, 404, MSG_HTTP_NO_NODE, KVS(KV("node", call->name)));
    }
    // The node's own age_ms says how old its probe is; the cluster's goes beside it.
    json_t *body = json_pack("{s:o}", "node", found);
    return api_aged(call, body);
}

struct api_answer api_jobs(const struct api_call *call) {
    return api_aged(call, json_pack("{s:o, s:o}", "jobs", jobs_json(call->world, call->lang), "checks",
                                    checks_json(call->world, call->lang)));
}

struct api_answer api_rescued(const struct api_call *call) {
    const struct api_rescued *rescued = &call->world->rescued;
    if (rescued->before_gone) {
        return api_refuse(call, 400, MSG_HTTP_BAD_QUERY, KVS(KV("name", "before"), KV("allowed", "next_before")));
    }
    if (rescued->files == NULL) {
        return api_refuse(call, 503, MSG_HTTP_RESCUED_UNREADABLE, KVS(KV("dir", call->world->settings->rescued_dir)));
    }
    const json_t *last = json_array_get(rescued->files, json_array_size(rescued->files) - 1);
    json_t *next = rescued->more ? json_object_get(last, "file") : NULL;
    return api_json(200, json_pack("{s:O, s:O?}", "rescued", rescued->files, "next_before", next));
}

// The route let a clean name through, of no other folder and not hidden. Whether there is such a file is seen when it
// is opened: the listing ends somewhere, and an event may name an older one.
struct api_answer api_rescued_file(const struct api_call *call) {
    struct api_answer answer = {.kind = API_RESCUED, .status = 200, .age_ms = -1, .lang = call->lang};
    text_copy(answer.file, sizeof answer.file, call->name);
    return answer;
}

static char *as_text(json_t *json) {
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

char *api_stream_state(const struct api_world *world, enum lang lang) {
    json_t *json = api_cluster_json(world, lang);
    add_ages(world, json);
    return as_text(json);
}

char *api_stream_ages(const struct api_world *world) {
    json_t *json = json_object();
    add_ages(world, json);
    return as_text(json);
}
