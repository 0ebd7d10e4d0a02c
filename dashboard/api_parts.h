// What the api_*.c files share. Private to them. Pure.
#pragma once
#include "api.h"

// One request on its way through api.c.
struct api_call {
    const struct api_world *world;
    const struct api_request *request;
    enum lang lang;
    char name[160];  // what stood for {name} in the path
};

typedef struct api_answer api_handler(const struct api_call *call);
api_handler api_cluster, api_node, api_jobs, api_rescued, api_rescued_file, api_status, api_events, api_logs,
    api_command, api_verdict, api_proxy_primary, api_proxy_replica, api_metrics, api_health, api_ready, api_action;

// Builds {"…": …} answers; takes over body.
struct api_answer api_json(int status, json_t *body);
struct api_answer api_text(int status, const char *type, char *text);
// A 200 from the state: adds age_ms, read_age_ms, stale and connected to body.
struct api_answer api_aged(const struct api_call *call, json_t *body);
struct api_answer api_refuse(const struct api_call *call, int status, enum msg msg, const struct kv *values);

json_t *api_string(const char *text);                 // never NULL: what is not UTF-8 is replaced
json_t *api_age(int64_t wall_ms, struct moment now);  // now - wall_ms, null for 0
json_t *api_or_null(int64_t number);                  // null if negative
json_t *api_cluster_json(const struct api_world *world, enum lang lang);
json_t *api_event_json(const struct event_record *event, enum lang lang, struct moment now);
json_t *api_message(enum msg msg, enum lang lang, const struct kv *values);
json_t *api_ways(const struct cluster_state *state, enum lang lang);  // what a person may do; [] if nothing is needed
bool api_node_known(const struct api_world *world, const char *name);
int64_t api_took_ms(const struct event_record *event);                      // -1: the event does not say
const char *api_detail(const struct event_record *event, const char *key);  // "" if absent

// query[name] percent-decoded into out; false if absent, too long or badly encoded.
bool api_query(const struct api_request *request, const char *name, char *out, size_t size_bytes);
// As a number within [least, most]; fallback if absent; false if it is anything else.
bool api_query_number(const struct api_request *request, const char *name, int64_t least, int64_t most,
                      int64_t fallback, int64_t *ret);
