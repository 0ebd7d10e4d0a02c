#include "common/state.h"

#include "common/text.h"
#include "unit.h"

static struct cluster_state example(void) {
    struct cluster_state state = {
        .epoch = 12, .reserved = 13, .phase = PHASE_DEGRADED, .primary = "mysql-replica",
        .primary_uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562", .mode = MODE_LOSSLESS, .sync = true, .rule = 31,
        .why = "el primario \"murió\"\n", .why_msg = "MSG_X", .maintenance = true, .intent = "{\"action\":\"promote\"}",
        .leader = "watcher-1", .failovers = "1,2,3", .updated_ms = 1772366400123, .node_count = 2,
    };
    struct node_state *node = &state.nodes[0];
    *node = (struct node_state){
        .name = "mysql-primary", .role = ROLE_DOWN, .outcome = PROBE_REFUSED, .error = "connection refused",
        .uuid = "2e11fa47-71ca-11e1-9e33-c80aa9429562", .version = "9.7.0", .server_id = UINT32_MAX,
        .read_only = true, .super_read_only = true, .offline_mode = true, .receiver = THREAD_CONNECTING,
        .applier = THREAD_ON, .source = "mysql-replica", .replication_error = "1236 \\ \x01", .lag_ms = -1,
        .diverged = 3, .seen_ms = 5, .updated_ms = 6,
    };
    node->gtid_executed = strdup("2e11fa47-71ca-11e1-9e33-c80aa9429562:1-5");
    text_copy(state.nodes[1].name, sizeof state.nodes[1].name, "mysql-replica");
    state.nodes[1].role = ROLE_PRIMARY;
    return state;
}

typedef bool decode_fn(struct cluster_state *state, const char *name, const char *value, struct err *err);
static decode_fn *decode_of(const char *name) {
    return state_names_job(name) ? state_decode_job : state_decode;
}

static void put_all(struct cluster_state *state, const struct state_field *fields, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct err err = {0};
        if (!decode_of(fields[i].name)(state, fields[i].name, fields[i].value, &err)) {
            fail_msg("%s", err.text);
        }
    }
}

static void assert_same_fields(const struct cluster_state *a, const struct cluster_state *b) {
    struct state_field *left = NULL;
    struct state_field *right = NULL;
    size_t count = state_encode(a, &left);
    assert_int_equal(state_encode(b, &right), count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(left[i].name, right[i].name);
        assert_row_text(left[i].name, left[i].value, right[i].value);
    }
    state_fields_free(left, count);
    state_fields_free(right, count);
}

static void the_state_travels_unchanged(void **state) {
    (void)state;
    struct cluster_state before = example();
    struct state_field *fields = NULL;
    size_t count = state_encode(&before, &fields);
    struct cluster_state after = {0};
    put_all(&after, fields, count);
    assert_same_fields(&before, &after);
    assert_int_equal(after.epoch, 12);
    assert_int_equal(after.phase, PHASE_DEGRADED);
    assert_true(after.sync && after.maintenance);
    assert_string_equal(after.why, before.why);
    const struct node_state *node = state_node(&after, "mysql-primary");
    assert_non_null(node);
    assert_int_equal(node->role, ROLE_DOWN);
    assert_int_equal(node->outcome, PROBE_REFUSED);
    assert_int_equal(node->server_id, UINT32_MAX);
    assert_int_equal(node->lag_ms, -1);
    assert_int_equal(node->receiver, THREAD_CONNECTING);
    assert_string_equal(node->gtid_executed, "2e11fa47-71ca-11e1-9e33-c80aa9429562:1-5");
    assert_string_equal(node->gtid_retrieved, "");
    assert_null(state_node(&after, "nobody"));
    put_all(&after, fields, count); // again: nothing is added, nothing leaks
    assert_int_equal(after.node_count, 2);
    state_fields_free(fields, count);
    state_done(&before);
    state_done(&after);
    assert_int_equal(after.node_count, 0);
}

static const char *value_of(const struct state_field *fields, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return fields[i].value;
        }
    }
    fail_msg("no field %s", name);
    return NULL;
}

static void scalars_are_plain(void **state) {
    (void)state;
    struct cluster_state cluster = example();
    struct state_field *fields = NULL;
    size_t count = state_encode(&cluster, &fields);
    static const char *const rows[][2] = {
        {"epoch", "12"},         {"phase", "DEGRADED"},  {"primary", "mysql-replica"}, {"mode", "lossless"},
        {"sync", "on"},          {"rule", "31"},         {"maintenance", "on"},        {"leader", "watcher-1"},
        {"updated_ms", "1772366400123"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_row_text(rows[i][0], value_of(fields, count, rows[i][0]), rows[i][1]);
    }
    const char *node = value_of(fields, count, "node:mysql-primary");
    assert_non_null(strstr(node, "\"seen_ms\":5"));
    assert_non_null(strstr(node, "\"role\":\"down\""));
    assert_null(strchr(node, '\n'));
    state_fields_free(fields, count);
    state_done(&cluster);
}

static void a_job_travels_unchanged(void **state) {
    (void)state;
    struct job_state job = {
        .id = "j1", .node = "mysql-primary", .donor = "mysql-replica", .epoch = 4, .phase = JOB_RUNNING,
        .method = RUNG_AUTO, .rung = RUNG_CLONE, .step = "copy", .why = "porque sí", .refused_count = 2,
        .refused = {{RUNG_CATCHUP, "purged"}, {RUNG_REWIND, "ddl"}}, .done_bytes = 5, .total_bytes = -1,
        .rate_bytes_s = 7, .left_ms = 8, .rescued = 9, .rescued_file = "f.bin", .by = "watcher", .command_id = "c",
        .queued_ms = 1, .started_ms = 2, .updated_ms = 3, .ended_ms = 0, .lasting = true, .left_out = 9,
        .not_copied_count = 1, .not_copied = {{"VIEW s.«ñ»", "it stands on nothing"}},
    };
    struct state_field field;
    state_encode_job(&job, &field);
    assert_string_equal(field.name, "job:mysql-primary");
    struct cluster_state cluster = {0};
    put_all(&cluster, &field, 1);
    put_all(&cluster, &field, 1);
    assert_int_equal(cluster.job_count, 1);
    const struct job_state *got = state_job(&cluster, "mysql-primary");
    assert_non_null(got);
    assert_true(job_active(got));
    struct state_field again;
    state_encode_job(got, &again);
    assert_string_equal(field.value, again.value);
    assert_int_equal(got->refused_count, 2);
    assert_string_equal(got->refused[1].why, "ddl");
    assert_true(got->lasting);
    assert_int_equal(got->left_out, 9);
    assert_int_equal(got->not_copied_count, 1);
    assert_string_equal(got->not_copied[0].object, "VIEW s.«ñ»");
    assert_string_equal(got->not_copied[0].why, "it stands on nothing");
    assert_int_equal(got->total_bytes, -1);
    free(field.value);
    free(again.value);
    state_done(&cluster);
}

// Beside the job of the same node, never in its place.
static void a_comparison_travels_unchanged(void **state) {
    (void)state;
    struct job_state check = {
        .id = "v1", .node = "b", .phase = JOB_DONE, .method = RUNG_VERIFY, .rung = RUNG_VERIFY, .compared_rows = 12,
        .compared_tables = 2, .differing = 7, .difference_count = 2, .by = "ana",
        .differences = {{"", "s.t", "`id` > 1 AND `id` <= 2", 0, 1}, {"view", "s.«ñ»", "", 3, 0}},
    };
    struct job_state job = {.id = "j1", .node = "b", .phase = JOB_RUNNING, .method = RUNG_CLONE};
    struct state_field fields[2];
    state_encode_job(&check, &fields[0]);
    state_encode_job(&job, &fields[1]);
    assert_string_equal(fields[0].name, "verify:b");
    struct cluster_state cluster = {0};
    put_all(&cluster, fields, 2);
    put_all(&cluster, fields, 2);
    assert_int_equal(cluster.job_count, 1);
    assert_int_equal(cluster.check_count, 1);
    assert_string_equal(state_job(&cluster, "b")->id, "j1");
    const struct job_state *got = state_check(&cluster, "b");
    assert_non_null(got);
    assert_int_equal(got->differing, 7);
    assert_int_equal(got->difference_count, 2);
    assert_string_equal(got->differences[0].where, "`id` > 1 AND `id` <= 2");
    assert_string_equal(got->differences[1].kind, "view");
    assert_int_equal(got->differences[0].rows_primary, 1);
    struct state_field again;
    state_encode_job(got, &again);
    assert_string_equal(fields[0].value, again.value);
    struct err err = {0};
    assert_false(state_decode_job(&cluster, "job:b", fields[0].value, &err)); // a comparison blocks nothing
    assert_false(state_decode_job(&cluster, "verify:b", fields[1].value, &err));
    assert_false(state_decode_job(&cluster, "verify:b", "{\"method\":\"verify\",\"differences\":[{\"rows\":-1}]}", &err));
    assert_false(state_decode_job(&cluster, "job:b", "{\"not_copied\":[\"VIEW s.v\"]}", &err));
    free(fields[0].value);
    free(fields[1].value);
    free(again.value);
    state_done(&cluster);
}

static void active_jobs(void **state) {
    (void)state;
    static const bool wanted[JOB_PHASE_COUNT] = {[JOB_QUEUED] = true, [JOB_RUNNING] = true};
    for (unsigned i = 0; i < JOB_PHASE_COUNT; i++) {
        const struct job_state job = {.phase = (enum job_phase)i};
        assert_int_equal(job_active(&job), wanted[i]);
    }
    assert_false(job_active(NULL));
}

static void other_versions_are_understood(void **state) {
    (void)state;
    struct cluster_state cluster = {.epoch = 3};
    struct err err = {0};
    assert_true(state_decode(&cluster, "of_tomorrow", "\xff whatever", &err));
    assert_true(state_decode(&cluster, "node:a", "{\"role\":\"replica\",\"of_tomorrow\":{\"x\":[1]}}", &err));
    assert_int_equal(cluster.nodes[0].role, ROLE_REPLICA);
    assert_int_equal(cluster.nodes[0].lag_ms, -1); // unknown, not none
    assert_string_equal(cluster.nodes[0].gtid_executed, "");
    assert_true(state_decode_job(&cluster, "job:a", "{\"phase\":\"queued\"}", &err));
    assert_int_equal(cluster.jobs[0].total_bytes, -1);
    assert_string_equal(cluster.jobs[0].node, "a");
    // More refusals than we keep, longer reasons than we keep.
    char json[8192] = "{\"phase\":\"failed\",\"refused\":[";
    for (int i = 0; i < 20; i++) {
        size_t used = strlen(json);
        snprintf(json + used, sizeof json - used, "%s{\"rung\":\"dump\",\"why\":\"%0300d\"}", i > 0 ? "," : "", i);
    }
    strcat(json, "]}");
    assert_true(state_decode_job(&cluster, "job:a", json, &err));
    assert_int_equal(cluster.jobs[0].refused_count, JOB_REFUSAL_MAX);
    assert_int_equal(cluster.epoch, 3);
    state_done(&cluster);
}

static void hostile_values_change_nothing(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"epoch", ""},
        {"epoch", "-1"},
        {"epoch", "twelve"},
        {"epoch", "12 "},
        {"epoch", "1e3"},
        {"epoch", "99999999999999999999"},
        {"rule", "2147483648"},
        {"phase", "normal"},
        {"phase", ""},
        {"mode", "sync"},
        {"sync", "true"},
        {"maintenance", "1"},
        {"updated_ms", "-2"},
        {"primary", "0123456789012345678901234567890123456789012345678901234567890123"},
        {"primary_uuid", "3e11fa47-71ca-11e1-9e33-c80aa9429562x"},
        {"primary", "\xff"},
        {"node:", "{}"},
        {"node:a b", "{}"},
        {"node:../a", "{}"},
        {"node:0123456789012345678901234567890123456789012345678901234567890123", "{}"},
        {"node:mysql-primary", ""},
        {"node:mysql-primary", "null"},
        {"node:mysql-primary", "[]"},
        {"node:mysql-primary", "{"},
        {"node:mysql-primary", "{\"role\":\"king\"}"},
        {"node:mysql-primary", "{\"role\":1}"},
        {"node:mysql-primary", "{\"role\":\"primary\",\"role\":\"down\"}"},
        {"node:mysql-primary", "{\"role\":\"primary\",\"lag_ms\":\"5\"}"},
        {"node:mysql-primary", "{\"role\":\"primary\",\"lag_ms\":-2}"},
        {"node:mysql-primary", "{\"role\":\"primary\",\"server_id\":4294967296}"},
        {"node:mysql-primary", "{\"role\":\"primary\",\"read_only\":\"ON\"}"},
        {"node:mysql-primary", "{\"role\":\"primary\",\"diverged\":-1}"},
        {"node:mysql-primary", "{\"role\":\"primary\",\"gtid_executed\":null}"},
        {"node:mysql-primary", "{\"gtid_executed\":\"x\",\"gtid_retrieved\":[]}"},
        {"node:mysql-primary", "{\"role\":\"primary\",\"seen_ms\":1.5}"},
        {"node:mysql-primary", "{\"x\":[[[[[[[[[[1]]]]]]]]]]}"},
        {"job:mysql-primary", "{\"phase\":\"lost\"}"},
        {"job:mysql-primary", "{\"refused\":{}}"},
        {"job:mysql-primary", "{\"refused\":[1]}"},
        {"job:mysql-primary", "{\"refused\":[{\"rung\":\"stairs\",\"why\":\"\"}]}"},
        {"job:mysql-primary", "{\"id\":\"01234567890123456789012345678901234567890\"}"},
    };
    struct cluster_state cluster = example();
    struct cluster_state same = example();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {0};
        if (decode_of(rows[i][0])(&cluster, rows[i][0], rows[i][1], &err)) {
            fail_msg("%s: \"%s\" was believed", rows[i][0], rows[i][1]);
        }
        assert_int_equal(err.kind, ERR_INVALID);
        assert_memory_equal(err.text, "state field ", 12);
        assert_int_equal(cluster.job_count, 0);
    }
    assert_same_fields(&cluster, &same);
    state_done(&cluster);
    state_done(&same);
}

// Whoever may write jobs must not say who is primary by it; and jobs of an older Relevo in the state hash are no jobs.
static void each_hash_says_its_own_only(void **state) {
    (void)state;
    struct cluster_state cluster = example(), same = example();
    struct state_field *fields = NULL;
    size_t count = state_encode(&(struct cluster_state){.epoch = 99, .primary = "b", .maintenance = true}, &fields);
    for (size_t i = 0; i < count; i++) {
        assert_true(state_decode_job(&cluster, fields[i].name, fields[i].value, NULL));
    }
    assert_true(state_decode_job(&cluster, "node:mysql-primary", "{\"role\":\"primary\"}", NULL));
    assert_true(state_decode(&cluster, "job:mysql-primary", "{\"phase\":\"queued\"}", NULL));
    assert_true(state_decode(&cluster, "verify:mysql-primary", "nonsense", NULL));
    assert_int_equal(cluster.job_count + cluster.check_count, 0);
    assert_same_fields(&cluster, &same);
    assert_true(state_names_job("job:a") && state_names_job("verify:a"));
    assert_false(state_names_job("jobs") || state_names_job("node:a") || state_names_job("epoch"));
    state_fields_free(fields, count);
    state_done(&cluster);
    state_done(&same);
}

static void no_more_than_fit(void **state) {
    (void)state;
    struct cluster_state cluster = {0};
    struct err err = {0};
    for (int i = 0; i < NODE_MAX + 3; i++) {
        char node[32];
        char job[32];
        snprintf(node, sizeof node, "node:n%d", i);
        snprintf(job, sizeof job, "job:n%d", i);
        assert_int_equal(state_decode(&cluster, node, "{}", &err), i < NODE_MAX);
        assert_int_equal(state_decode_job(&cluster, job, "{}", &err), i < NODE_MAX);
    }
    assert_int_equal(cluster.node_count, NODE_MAX);
    assert_int_equal(cluster.job_count, NODE_MAX);
    assert_true(state_decode(&cluster, "node:n3", "{\"role\":\"down\"}", &err)); // a known one still gets through
    state_done(&cluster);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_travels_unchanged), cmocka_unit_test(scalars_are_plain),
        cmocka_unit_test(a_job_travels_unchanged),     cmocka_unit_test(active_jobs),
        cmocka_unit_test(a_comparison_travels_unchanged),
        cmocka_unit_test(other_versions_are_understood), cmocka_unit_test(hostile_values_change_nothing),
        cmocka_unit_test(no_more_than_fit), cmocka_unit_test(each_hash_says_its_own_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
