// A dashboard without HTTP: a snapshot made by hand, requests in, answers out. For the tests of dashboard/api.
#pragma once
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "dashboard/api.h"
#include "unit.h"

#define NODE_A "mysql-primary"
#define NODE_B "mysql-replica"
#define UUID_A "3e11fa47-71ca-11e1-9e33-c80aa9429562"

static const struct moment now = {.mono_ms = 5000000, .wall_ms = 1700000000000};

struct stage {
    struct settings settings;
    struct snapshot *snapshot;
    struct api_world world;
    struct api_request request;
    struct api_answer answer;
    json_t *json;  // of the answer
};

static inline void decode(struct cluster_state *state, const char *name, const char *value) {
    struct err err = {0};
    if (!(state_names_job(name) ? state_decode_job : state_decode)(state, name, value, &err)) {
        fail_msg("%s", err.text);
    }
}

static inline void set_state(struct stage *stage, const char *phase) {
    struct cluster_state state = {0};
    decode(&state, "epoch", "7");
    decode(&state, "phase", phase);
    decode(&state, "primary", NODE_A);
    decode(&state, "rule", "12");
    decode(&state, "why", "No: mysql-primary responde.");
    decode(&state, "why_msg", "MSG_VERDICT_HEALTHY");
    decode(&state, "forecast_rule", "210");
    decode(&state, "forecast_node", NODE_B);
    decode(&state, "forecast_why", "mysql-replica podría tomar el relevo.");
    decode(&state, "forecast_msg", "MSG_VERDICT_NODE_ABLE");
    decode(&state, "updated_ms", "1699999999000");
    decode(&state, "node:" NODE_B,
           "{\"role\":\"replica\",\"outcome\":\"ok\",\"receiver\":\"on\",\"applier\":\"on\",\"source\":\"" NODE_A
           "\",\"lag_ms\":40,\"gtid_executed\":\"" UUID_A ":1-5\",\"heard_ms\":1699999999600,\"gtid_retrieved\":\"" UUID_A
           ":6-8\",\"read_only\":true,\"seen_ms\":1699999999900,\"updated_ms\":1699999999900}");
    decode(&state, "node:" NODE_A,
           "{\"role\":\"primary\",\"outcome\":\"ok\",\"receiver\":\"absent\",\"applier\":\"absent\",\"source\":\"\","
           "\"lag_ms\":-1,\"gtid_executed\":\"" UUID_A
           ":1-10\",\"seen_ms\":1699999999900,\"updated_ms\":1699999999900}");
    snapshot_take_state(stage->snapshot, &state, now);
}

static inline void add_event(struct stage *stage, int64_t seq, enum event_type type, const char *detail) {
    struct event_record event = {
        .seq = seq, .ts_ms = now.wall_ms - 100000 + seq * 1000, .type = type, .detail = json_loads(detail, 0, NULL)};
    text_copy(event.node, sizeof event.node, NODE_B);
    text_copy(event.why, sizeof event.why, "porque sí");
    assert_non_null(event.detail);
    assert_true(snapshot_take_event(stage->snapshot, &event));
}

static inline int set_up(void **ret) {
    struct stage *stage = mem_zero(1, sizeof *stage);
    text_copy(stage->settings.cluster, sizeof stage->settings.cluster, "appdb");
    text_copy(stage->settings.api_token, sizeof stage->settings.api_token, "secret");
    text_copy(stage->settings.nodes[0].name, NODE_NAME_SIZE, NODE_A);
    text_copy(stage->settings.nodes[1].name, NODE_NAME_SIZE, NODE_B);
    stage->settings.node_count = 2;
    stage->snapshot = snapshot_new(now);
    stage->world = (struct api_world){.snapshot = stage->snapshot,
                                      .settings = &stage->settings,
                                      .now = now,
                                      .command_id = "c0ffee",
                                      .version = "test"};
    snapshot_connected(stage->snapshot, true, now);
    snapshot_history_loaded(stage->snapshot);
    set_state(stage, "NORMAL");
    *ret = stage;
    return 0;
}

static inline int tear_down(void **state) {
    struct stage *stage = *state;
    api_answer_done(&stage->answer);
    json_decref(stage->json);
    json_decref(stage->world.rescued.files);
    snapshot_free(stage->snapshot);
    free(stage);
    return 0;
}

static inline int send(struct stage *stage, enum api_method method, const char *path, const char *query, const char *body) {
    api_answer_done(&stage->answer);
    json_decref(stage->json);
    stage->json = NULL;
    stage->request.method = method;
    stage->request.path = path;
    stage->request.query = query;
    stage->request.body = body;
    stage->request.body_bytes = strlen(body);
    stage->answer = api_answer(&stage->world, &stage->request);
    if (stage->answer.body != NULL && strstr(stage->answer.type, "json") != NULL) {
        stage->json = json_loads(stage->answer.body, 0, NULL);
        assert_non_null(stage->json);
    }
    return stage->answer.status;
}

static inline int get(struct stage *stage, const char *path, const char *query) {
    return send(stage, API_GET, path, query, "");
}

static inline int post(struct stage *stage, const char *path, const char *body) {
    stage->request.authorization = "Bearer secret";
    stage->request.content_type = "application/json; charset=utf-8";
    return send(stage, API_POST, path, "", body);
}

static inline const char *text_of(const struct stage *stage, const char *key) {
    const char *text = json_string_value(json_object_get(stage->json, key));
    return text != NULL ? text : "(none)";
}

static inline int64_t number_of(const struct stage *stage, const char *key) {
    return json_integer_value(json_object_get(stage->json, key));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
