// What happened: /api/v1/events, logs, commands, and /status in the shape that the first version of this page had.
#include <string.h>

#include "api_parts.h"
#include "common/clock.h"
#include "common/text.h"

#define STATUS_ROWS 10

const char *api_detail(const struct event_record *event, const char *key) {
    const char *text = json_string_value(json_object_get(event->detail, key));
    return text != NULL ? text : "";
}

// The outage that clients saw, if somebody measured it; else how long the action took.
int64_t api_took_ms(const struct event_record *event) {
    static const char *const keys[] = {"outage_ms", "took_ms", "ms"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const json_t *took = json_object_get(event->detail, keys[i]);
        if (json_is_integer(took)) {
            return json_integer_value(took);
        }
    }
    return -1;
}

json_t *api_event_json(const struct event_record *event, enum lang lang, struct moment now) {
    char why[NODE_WHY_SIZE], ts[32];
    event_why(event, lang, why, sizeof why);
    clock_iso8601(event->ts_ms, ts);
    json_t *json = json_object();
    json_object_set_new(json, "seq", json_integer(event->seq));
    json_object_set_new(json, "ts", json_string(ts));
    json_object_set_new(json, "ts_ms", json_integer(event->ts_ms));
    json_object_set_new(json, "age_ms", api_age(event->ts_ms, now));
    json_object_set_new(json, "epoch", json_integer((json_int_t)event->epoch));
    json_object_set_new(json, "source", json_string(service_name(event->source)));
    json_object_set_new(json, "type", json_string(event_type_name(event->type)));
    json_object_set_new(json, "node", api_string(event->node));
    json_object_set_new(json, "severity", json_string(severity_name(event->severity)));
    json_object_set_new(json, "rule", json_integer(event->rule));
    json_object_set_new(json, "why", api_string(why));
    json_object_set_new(json, "msg", json_string(msg_name(event->msg)));
    json_object_set_new(json, "took_ms", api_or_null(api_took_ms(event)));
    json_object_set_new(json, "detail", event->detail ? json_incref(event->detail) : json_object());
    return json;
}

char *api_stream_event(const struct api_world *world, const struct event_record *event, enum lang lang) {
    json_t *json = api_event_json(event, lang, world->now);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

// Newest first: limit of them, older than seq before.
static json_t *list_events(const struct api_call *call, const struct snapshot_ring *ring, int64_t limit, int64_t before,
                           int64_t *ret_oldest) {
    json_t *list = json_array();
    for (size_t i = ring->count; i-- > 0 && (int64_t)json_array_size(list) < limit;) {
        const struct event_record *event = snapshot_event(ring, i);
        if (event->seq < before) {
            json_array_append_new(list, api_event_json(event, call->lang, call->world->now));
            *ret_oldest = event->seq;
        }
    }
    return list;
}

struct api_answer api_events(const struct api_call *call) {
    int64_t limit, before, oldest = 0;
    if (!api_query_number(call->request, "limit", 1, SNAPSHOT_EVENTS, 50, &limit)) {
        return api_refuse(call, 400, MSG_HTTP_BAD_QUERY, KVS(KV("name", "limit"), KV("allowed", "1 - 500")));
    }
    if (!api_query_number(call->request, "before", 1, INT64_MAX, INT64_MAX, &before)) {
        return api_refuse(call, 400, MSG_HTTP_BAD_QUERY, KVS(KV("name", "before"), KV("allowed", "1, 2, 3, ...")));
    }
    char kind[16];
    api_query(call->request, "kind", kind, sizeof kind);
    if (*kind && !text_equal(kind, "milestones") && !text_equal(kind, "all")) {
        return api_refuse(call, 400, MSG_HTTP_BAD_QUERY, KVS(KV("name", "kind"), KV("allowed", "all, milestones")));
    }
    const struct snapshot *snapshot = call->world->snapshot;
    const struct snapshot_ring *ring = text_equal(kind, "milestones") ? &snapshot->milestones : &snapshot->events;
    json_t *list = list_events(call, ring, limit, before, &oldest);
    bool more = ring->count > 0 && json_array_size(list) > 0 && snapshot_event(ring, 0)->seq < oldest;
    return api_aged(call,
                    json_pack("{s:o, s:o}", "events", list, "next_before", more ? json_integer(oldest) : json_null()));
}

struct api_answer api_logs(const struct api_call *call) {
    enum service service;
    if (!service_parse(call->name, &service) || (size_t)service >= SNAPSHOT_LOGS) {
        return api_refuse(call, 404, MSG_HTTP_NO_LOG, KVS(KV("service", call->name)));
    }
    int64_t limit;
    if (!api_query_number(call->request, "limit", 1, SNAPSHOT_LINES, 100, &limit)) {
        return api_refuse(call, 400, MSG_HTTP_BAD_QUERY, KVS(KV("name", "limit"), KV("allowed", "1 - 200")));
    }
    const struct snapshot_log *log = &call->world->snapshot->logs[service];
    json_t *lines = json_array();
    for (size_t i = log->count > (size_t)limit ? log->count - (size_t)limit : 0; i < log->count; i++) {
        json_array_append_new(lines, api_string(snapshot_line(log, i)));
    }
    return api_aged(call, json_pack("{s:s, s:o}", "service", service_name(service), "lines", lines));
}

// Every command is answered by events that carry its id; the newest says how it stands.
struct api_answer api_command(const struct api_call *call) {
    const struct snapshot_ring *ring = &call->world->snapshot->events;
    json_t *list = json_array();
    const char *outcome = "unanswered";
    for (size_t i = 0; i < ring->count; i++) {
        const struct event_record *event = snapshot_event(ring, i);
        if (!text_equal(api_detail(event, "id"), call->name)) {
            continue;
        }
        json_array_append_new(list, api_event_json(event, call->lang, call->world->now));
        if (event->type == EVENT_COMMAND_ACCEPTED) {
            outcome = "accepted";
        } else if (event->type == EVENT_COMMAND_REFUSED) {
            outcome = "refused";
        } else if (event->type == EVENT_COMMAND_FINISHED) {
            bool failed = event->severity != SEVERITY_INFO || text_equal(api_detail(event, "result"), "failed");
            outcome = failed ? "failed" : "finished";
        }
    }
    return api_aged(call, json_pack("{s:s, s:s, s:o}", "id", call->name, "outcome", outcome, "events", list));
}

static json_t *sql_time(int64_t wall_ms) {
    char text[20];
    if (wall_ms == 0) {
        return json_null();
    }
    clock_sql(wall_ms, text);
    return json_string(text);
}

static json_t *text_or_null(const char *text) {
    return *text ? api_string(text) : json_null();
}

static const char *first_of(const char *a, const char *b) {
    return *a ? a : b;
}

// The row of system_events that the event also became. last_failover and last_backup are the newest up to it.
static json_t *status_row(const struct event_record *event, int64_t failover_ms, int64_t backup_ms) {
    json_t *row = json_object();
    const char *primary = first_of(api_detail(event, "primary"), api_detail(event, "primary_node"));
    const char *replica = first_of(api_detail(event, "replica"), api_detail(event, "replica_node"));
    json_object_set_new(row, "event_type", json_string(event_type_name(event->type)));
    json_object_set_new(row, "primary_node", text_or_null(primary));
    json_object_set_new(row, "replica_node", text_or_null(replica));
    json_object_set_new(row, "last_failover", sql_time(failover_ms));
    json_object_set_new(row, "last_backup", sql_time(backup_ms));
    json_object_set_new(row, "created_at", sql_time(event->ts_ms));
    json_object_set_new(row, "took_ms", api_or_null(api_took_ms(event)));
    return row;
}

static const char *first_replica(const struct cluster_state *state) {
    const char *found = "";
    for (size_t i = 0; i < state->node_count; i++) {
        if (text_equal(state->nodes[i].name, state->primary)) {
            continue;
        }
        if (state->nodes[i].role == ROLE_REPLICA) {
            return state->nodes[i].name;
        }
        found = *found ? found : state->nodes[i].name;
    }
    return found;
}

struct api_answer api_status(const struct api_call *call) {
    const struct snapshot *snapshot = call->world->snapshot;
    const struct snapshot_ring *ring = &snapshot->milestones;
    json_t *history = json_array();
    int64_t failover_ms = 0, backup_ms = 0, last_ms = 0;
    const char *last = "";
    for (size_t i = 0; i < ring->count; i++) {
        const struct event_record *event = snapshot_event(ring, i);
        bool moved = event->type == EVENT_FAILOVER || event->type == EVENT_SWITCHOVER;
        failover_ms = moved ? event->ts_ms : failover_ms;
        backup_ms = event->type == EVENT_RESYNC ? event->ts_ms : backup_ms;
        last_ms = event->ts_ms;
        last = event_type_name(event->type);
        json_array_insert_new(history, 0, status_row(event, failover_ms, backup_ms));
        if (json_array_size(history) > STATUS_ROWS) {
            json_array_remove(history, STATUS_ROWS);
        }
    }
    json_t *body = json_object();
    json_object_set_new(body, "primary_node", text_or_null(snapshot->state.primary));
    json_object_set_new(body, "replica_node", text_or_null(first_replica(&snapshot->state)));
    json_object_set_new(body, "event_type", text_or_null(last));
    json_object_set_new(body, "created_at", sql_time(last_ms));
    json_object_set_new(body, "history", history);
    json_object_set_new(body, "phase", json_string(phase_name(snapshot->state.phase)));
    json_object_set_new(body, "epoch", json_integer((json_int_t)snapshot->state.epoch));
    return api_aged(call, body);
}
