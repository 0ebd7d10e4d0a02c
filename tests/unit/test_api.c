// dashboard/api: who is let in, methods, commands, files.
#include "api_stage.h"

static void lets_in_only_known_names(void **state) {
    struct stage *stage = *state;
    stage->request.host = "evil.example";
    assert_int_equal(get(stage, "/healthz", ""), 421);
    assert_int_equal(post(stage, "/api/v1/ack", "{}"), 421);
    stage->request.host = "localhost:8000";
    assert_int_equal(get(stage, "/healthz", ""), 200);
    text_copy(stage->settings.allowed_hosts, sizeof stage->settings.allowed_hosts, "evil.example");
    stage->request.host = "evil.example";
    assert_int_equal(get(stage, "/healthz", ""), 200);
}

static void is_strict_about_methods(void **state) {
    struct stage *stage = *state;
    assert_int_equal(send(stage, API_OTHER, "/status", "", ""), 405);
    assert_string_equal(stage->answer.allow, "GET, HEAD");
    assert_int_equal(post(stage, "/status", ""), 405);
    assert_int_equal(get(stage, "/api/v1/failover", ""), 405);
    assert_string_equal(stage->answer.allow, "POST");
    assert_int_equal(get(stage, "/", ""), 307);
    assert_string_equal(stage->answer.location, "/static/dashboard.html");
}

static void acts_only_with_the_token(void **state) {
    struct stage *stage = *state;
    stage->request.content_type = "application/json";
    assert_int_equal(send(stage, API_POST, "/api/v1/ack", "", "{}"), 401);
    assert_true(stage->answer.challenge);
    stage->request.authorization = "Bearer wrong";
    assert_int_equal(send(stage, API_POST, "/api/v1/ack", "", "{}"), 401);
    assert_int_equal(post(stage, "/api/v1/ack", "{}"), 202);
    stage->request.content_type = "text/plain";  // what a form of another site could send
    assert_int_equal(send(stage, API_POST, "/api/v1/ack", "", "{}"), 415);
    stage->request.origin = "http://evil.example";
    stage->request.host = "localhost";
    assert_int_equal(post(stage, "/api/v1/ack", "{}"), 403);
    stage->request.origin = NULL;
    stage->request.fetch_site = "cross-site";
    assert_int_equal(post(stage, "/api/v1/ack", "{}"), 403);
    stage->request.fetch_site = NULL;
    stage->settings.api_token[0] = '\0';
    assert_int_equal(post(stage, "/api/v1/ack", "{}"), 403);
    assert_non_null(strstr(text_of(stage, "detail"), "RELEVO_API_TOKEN"));
    assert_null(stage->answer.command);
}

// Not even a right token, for whoever guesses must not learn that it is; from elsewhere it works.
static void turns_away_who_guesses(void **state) {
    struct stage *stage = *state;
    stage->world.tries = tries_new();
    stage->request.address = "10.0.0.7";
    stage->request.content_type = "application/json";
    int refused = 0;
    for (int i = 0; i < TRIES_GUESSES + 5; i++) {
        char guess[32];
        text_format(guess, sizeof guess, "Bearer guess%d", i);
        stage->request.authorization = guess;
        int status = send(stage, API_POST, "/api/v1/ack", "", "{}");
        assert_int_equal(status, i < TRIES_GUESSES ? 401 : 429);
        assert_int_equal(stage->answer.retry_s > 0, status == 429);
        refused += status == 429;
    }
    assert_int_equal(refused, 5);
    assert_int_equal(post(stage, "/api/v1/ack", "{}"), 429);
    stage->request.authorization = NULL;  // none shown: nothing was guessed
    assert_int_equal(send(stage, API_POST, "/api/v1/ack", "", "{}"), 401);
    assert_int_equal(get(stage, "/api/v1/cluster", ""), 200);
    stage->request.address = "10.0.0.8";
    assert_int_equal(post(stage, "/api/v1/ack", "{}"), 202);
    assert_int_equal(get(stage, "/metrics", ""), 200);
    assert_non_null(strstr(stage->answer.body, "relevo_wrong_tokens_total 16\n"));
    tries_free(stage->world.tries);
}

static void publishes_commands(void **state) {
    struct stage *stage = *state;
    assert_int_equal(post(stage, "/api/v1/resync", "{\"node\":\"" NODE_B "\",\"method\":\"clone\",\"by\":\"ana\"}"),
                     202);
    assert_int_equal(stage->answer.kind, API_COMMAND);
    assert_string_equal(text_of(stage, "id"), "c0ffee");
    assert_string_equal(text_of(stage, "status_url"), "/api/v1/commands/c0ffee");
    json_t *command = json_loads(stage->answer.command, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(command, "action")), "resync");
    assert_string_equal(json_string_value(json_object_get(command, "node")), NODE_B);
    assert_string_equal(json_string_value(json_object_get(command, "method")), "clone");
    assert_string_equal(json_string_value(json_object_get(command, "by")), "ana");
    assert_string_equal(json_string_value(json_object_get(command, "id")), "c0ffee");
    json_decref(command);
    assert_int_equal(post(stage, "/api/v1/failover", ""), 202);
    assert_int_equal(post(stage, "/api/v1/maintenance", "{\"on\":true}"), 202);
}

static void says_what_became_of_a_command_that_was_sent(void **state) {
    struct stage *stage = *state;
    assert_int_equal(post(stage, "/api/v1/resync", "{\"node\":\"" NODE_B "\"}"), 202);
    struct api_answer unanswered = api_unanswered(&stage->answer);
    assert_int_equal(unanswered.status, 504);
    assert_string_equal(unanswered.type, "application/problem+json");
    assert_int_equal(unanswered.retry_s, 0);
    json_t *body = json_loads(unanswered.body, 0, NULL);
    static const char *const members[][2] = {{"id", "c0ffee"},
                                             {"action", "resync"},
                                             {"node", NODE_B},
                                             {"status_url", "/api/v1/commands/c0ffee"},
                                             {"title", "Gateway Timeout"},
                                             {"code", "MSG_HTTP_UNANSWERED"}};
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        assert_row_text(members[i][0], json_string_value(json_object_get(body, members[i][0])), members[i][1]);
    }
    assert_int_equal(json_integer_value(json_object_get(body, "status")), 504);
    assert_non_null(strstr(json_string_value(json_object_get(body, "detail")), "/api/v1/commands/c0ffee"));
    json_decref(body);
    api_answer_done(&unanswered);
    struct api_answer away = api_unpublished(stage->answer.lang, -1);
    assert_int_equal(away.status, 503);
    assert_int_equal(away.retry_s, 1);
    api_answer_done(&away);
}

static void refuses_bad_commands(void **state) {
    struct stage *stage = *state;
    static const struct {
        const char *path, *body;
        int status;
    } cases[] = {
        {"/api/v1/failover", "[]", 400},
        {"/api/v1/failover", "{", 400},
        {"/api/v1/failover", "null", 400},
        {"/api/v1/failover", "{\"node\":\"a\",\"node\":\"b\"}", 400},
        {"/api/v1/failover", "{\"by\":\"\xff\"}", 400},
        {"/api/v1/failover", "{\"node\":\"nobody\"}", 422},
        {"/api/v1/failover", "{\"node\":7}", 422},
        {"/api/v1/failover", "{\"action\":\"ack\"}", 422},
        {"/api/v1/failover", "{\"id\":\"mine\"}", 422},
        {"/api/v1/failover", "{\"nodes\":\"a\"}", 422},
        {"/api/v1/resync", "{\"node\":\"" NODE_A "\",\"method\":\"magic\"}", 422},
        {"/api/v1/resync", "{}", 422},
        {"/api/v1/maintenance", "{}", 422},
        {"/api/v1/maintenance", "{\"on\":\"yes\"}", 422},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int status = post(stage, cases[i].path, cases[i].body);
        if (status != cases[i].status || stage->answer.command != NULL) {
            fail_msg("case %zu: %d", i, status);
        }
    }
    AUTO_TEXT char *large = mem_zero(8192, 1);
    memset(large, ' ', 8000);
    assert_int_equal(post(stage, "/api/v1/failover", large), 400);
}

static void follows_a_command(void **state) {
    struct stage *stage = *state;
    get(stage, "/api/v1/commands/c0ffee", "");
    assert_string_equal(text_of(stage, "outcome"), "unanswered");
    add_event(stage, 1, EVENT_COMMAND_ACCEPTED, "{\"id\":\"c0ffee\"}");
    add_event(stage, 2, EVENT_COMMAND_REFUSED, "{\"id\":\"other\"}");
    get(stage, "/api/v1/commands/c0ffee", "");
    assert_string_equal(text_of(stage, "outcome"), "accepted");
    add_event(stage, 3, EVENT_COMMAND_FINISHED, "{\"id\":\"c0ffee\"}");
    get(stage, "/api/v1/commands/c0ffee", "");
    assert_string_equal(text_of(stage, "outcome"), "finished");
    assert_int_equal(json_array_size(json_object_get(stage->json, "events")), 2);
    add_event(stage, 4, EVENT_COMMAND_FINISHED, "{\"id\":\"c0ffee\",\"result\":\"failed\"}");
    get(stage, "/api/v1/commands/c0ffee", "");
    assert_string_equal(text_of(stage, "outcome"), "failed");
}

static void guards_rescued_files(void **state) {
    struct stage *stage = *state;
    assert_int_equal(get(stage, "/api/v1/rescued", ""), 503);
    stage->world.rescued.files = json_pack("[{s:s}]", "file", "a.binlog");
    assert_int_equal(get(stage, "/api/v1/rescued", ""), 200);
    assert_true(json_is_null(json_object_get(stage->json, "next_before")));
    stage->world.rescued.more = true;
    assert_int_equal(get(stage, "/api/v1/rescued", ""), 200);
    assert_string_equal(text_of(stage, "next_before"), "a.binlog");
    stage->world.rescued.before_gone = true;
    assert_int_equal(get(stage, "/api/v1/rescued", "before=nothing"), 400);
    assert_int_equal(get(stage, "/api/v1/rescued/a.binlog", ""), 401);
    stage->request.authorization = "Bearer secret";
    assert_int_equal(get(stage, "/api/v1/rescued/a.binlog", ""), 200);
    assert_int_equal(stage->answer.kind, API_RESCUED);
    assert_string_equal(stage->answer.file, "a.binlog");
    assert_int_equal(get(stage, "/api/v1/rescued/b.binlog", ""), 200);  // not listed; http.c sees whether it is there
    assert_int_equal(stage->answer.kind, API_RESCUED);
    assert_int_equal(get(stage, "/api/v1/rescued/a/b.binlog", ""), 404);
    assert_int_equal(get(stage, "/api/v1/rescued/..%2fa.binlog", ""), 404);
    assert_int_equal(get(stage, "/api/v1/rescued/.hidden", ""), 404);
}

static void lists_rescued_files_only_when_asked_to(void **state) {
    struct stage *stage = *state;
    char before[32];
    stage->request = (struct api_request){.path = "/api/v1/rescued", .query = "lang=es&before=a.binlog"};
    assert_true(api_needs_rescued(&stage->request, before, sizeof before));
    assert_string_equal(before, "a.binlog");
    stage->request = (struct api_request){.path = "/api/v1/rescued/a.binlog"};
    assert_false(api_needs_rescued(&stage->request, before, sizeof before));
    assert_string_equal(before, "");
}

static void resumes_streams(void **state) {
    struct stage *stage = *state;
    assert_int_equal(get(stage, "/api/v1/stream", ""), 200);
    assert_int_equal(stage->answer.kind, API_STREAM);
    assert_int_equal(stage->answer.resume_seq, -1);
    get(stage, "/api/v1/stream", "after=12&lang=en");
    assert_int_equal(stage->answer.resume_seq, 12);
    assert_int_equal(stage->answer.lang, LANG_EN);
    stage->request.last_event_id = "34";
    get(stage, "/api/v1/stream", "after=12");
    assert_int_equal(stage->answer.resume_seq, 34);
    stage->request.last_event_id = "nonsense";
    assert_int_equal(get(stage, "/api/v1/stream", "after=x"), 400);
}

static void names_static_files(void **state) {
    struct stage *stage = *state;
    assert_int_equal(get(stage, "/static/swagger/swagger-ui.css", ""), 200);
    assert_string_equal(stage->answer.file, "swagger/swagger-ui.css");
    assert_int_equal(get(stage, "/static/dashboard.html", ""), 200);
    assert_string_equal(stage->answer.file, "dashboard.html");
    assert_int_equal(get(stage, "/docs", ""), 200);
    assert_string_equal(stage->answer.file, "docs.html");
    assert_int_equal(get(stage, "/static/../etc/passwd", ""), 404);
    assert_int_equal(get(stage, "/static/%2e%2e", ""), 404);
    assert_int_equal(get(stage, "/static/", ""), 404);
}

// An operation of the description that must honour a parameter or insist on a body.
static json_t *described(json_t *document, const char *path, const char *method) {
    json_t *operation = json_object_get(json_object_get(json_object_get(document, "paths"), path), method);
    assert_non_null(operation);
    return operation;
}

static void openapi_says_what_is_needed(void **state) {
    struct stage *stage = *state;
    json_t *document = json_load_file("static/openapi.json", 0, NULL);
    static const char *const actions[] = {"failover", "switchover", "resync", "cancel", "maintenance", "ack"};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        char path[64];
        (void)text_format(path, sizeof path, "/api/v1/%s", actions[i]);
        json_t *body = json_object_get(described(document, path, "post"), "requestBody");
        bool needed = post(stage, path, "") == 422;
        if (json_is_true(json_object_get(body, "required")) != needed) {
            fail_msg("%s: a body is%s needed", path, needed ? "" : " not");
        }
    }
    static const char *const spoken[] = {"/api/v1/jobs", "/api/v1/cluster", "/api/v1/verdict", "/api/v1/events"};
    for (size_t i = 0; i < sizeof spoken / sizeof *spoken; i++) {
        AUTO_TEXT char *text = json_dumps(json_object_get(described(document, spoken[i], "get"), "parameters"),
                                          JSON_ENCODE_ANY);
        assert_true(text != NULL && strstr(text, "parameters/lang") != NULL);
    }
    json_decref(document);
}

// Every route is described, and nothing else is.
static void openapi_matches_the_routes(void **unused) {
    (void)unused;
    json_error_t error;
    json_t *document = json_load_file("static/openapi.json", JSON_REJECT_DUPLICATES, &error);
    if (document == NULL) {
        fail_msg("static/openapi.json:%d: %s", error.line, error.text);
    }
    json_t *paths = json_object_get(document, "paths");
    size_t count, described = 0;
    const struct api_route *routes = api_routes(&count);
    for (size_t i = 0; i < count; i++) {
        json_t *methods = json_object_get(paths, routes[i].pattern);
        json_t *operation = json_object_get(methods, routes[i].method == API_POST ? "post" : "get");
        if (operation == NULL) {
            fail_msg("%s is not described", routes[i].pattern);
        }
        assert_non_null(json_object_get(operation, "responses"));
        assert_int_equal(json_object_get(operation, "security") != NULL, routes[i].token);
    }
    const char *path;
    json_t *methods;
    json_object_foreach(paths, path, methods) {
        described += json_object_size(methods);
    }
    assert_int_equal(described, count);
    json_decref(document);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(lets_in_only_known_names),
        TEST(is_strict_about_methods),
        TEST(acts_only_with_the_token),
        TEST(turns_away_who_guesses),
        TEST(publishes_commands),
        TEST(says_what_became_of_a_command_that_was_sent),
        TEST(refuses_bad_commands),
        TEST(follows_a_command),
        TEST(guards_rescued_files),
        TEST(lists_rescued_files_only_when_asked_to),
        TEST(resumes_streams),
        TEST(names_static_files),
        cmocka_unit_test(openapi_matches_the_routes),
        TEST(openapi_says_what_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
