// dashboard/api: what the routes tell of the snapshot.
#include "api_stage.h"
#include "dashboard/retell.h"
#include "watcher/policy.h"

static void tells_the_cluster_with_its_age(void **state) {
    struct stage *stage = *state;
    assert_int_equal(get(stage, "/api/v1/cluster", ""), 200);
    assert_string_equal(text_of(stage, "phase"), "NORMAL");
    assert_string_equal(text_of(stage, "primary"), NODE_A);
    assert_int_equal(number_of(stage, "epoch"), 7);
    assert_int_equal(number_of(stage, "age_ms"), 1000);
    assert_int_equal(stage->answer.age_ms, 1000);
    assert_true(json_is_false(json_object_get(stage->json, "stale")));
    assert_true(json_is_true(json_object_get(stage->json, "actions")));
    json_t *nodes = json_object_get(stage->json, "nodes");
    assert_int_equal(json_array_size(nodes), 2);  // in the configured order, though the hash had another
    assert_string_equal(json_string_value(json_object_get(json_array_get(nodes, 0), "name")), NODE_A);
    assert_true(json_is_null(json_object_get(json_array_get(nodes, 0), "lag_ms")));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(nodes, 1), "age_ms")), 100);
    snapshot_connected(stage->snapshot, false, now);
    assert_int_equal(get(stage, "/api/v1/cluster", ""), 200);
    assert_true(json_is_true(json_object_get(stage->json, "stale")));
}

static void tells_one_node(void **state) {
    struct stage *stage = *state;
    assert_int_equal(get(stage, "/api/v1/nodes/" NODE_B, ""), 200);
    json_t *node = json_object_get(stage->json, "node");
    assert_string_equal(json_string_value(json_object_get(node, "role")), "replica");
    assert_int_equal(get(stage, "/api/v1/nodes/nobody", ""), 404);
    assert_string_equal(stage->answer.type, "application/problem+json");
    assert_int_equal(number_of(stage, "status"), 404);
    assert_int_equal(get(stage, "/api/v1/nodes/", ""), 404);
    assert_int_equal(get(stage, "/api/v1/nodes/a/b", ""), 404);
    assert_int_equal(get(stage, "/api/v1/nodes/..", ""), 404);
}

static void speaks_both_languages(void **state) {
    struct stage *stage = *state;
    get(stage, "/api/v1/cluster", "lang=en");
    assert_string_equal(text_of(stage, "why"), "No: mysql-primary answers.");
    get(stage, "/api/v1/cluster", "lang=es");
    assert_string_equal(text_of(stage, "why"), "No: mysql-primary responde.");
    stage->request.accept_language = "de, en-GB;q=0.8, es;q=0.5";
    get(stage, "/nothing", "");
    assert_non_null(strstr(text_of(stage, "detail"), "There is nothing at /nothing"));
    get(stage, "/nothing", "lang=es");
    assert_non_null(strstr(text_of(stage, "detail"), "no hay nada en /nothing"));
}

static void retells_what_it_recognises(void **unused) {
    (void)unused;
    char out[200];
    retell("MSG_HTTP_BAD_QUERY", "El parámetro limit no vale; se admite: 1 - 500.", LANG_EN, out, sizeof out);
    assert_string_equal(out, "The parameter limit is not valid; allowed: 1 - 500.");
    retell("MSG_HTTP_BAD_QUERY", "The parameter limit is not valid; allowed: x.", LANG_ES, out, sizeof out);
    assert_string_equal(out, "El parámetro limit no vale; se admite: x.");
    retell("MSG_HTTP_BAD_QUERY", "algo distinto", LANG_EN, out, sizeof out);
    assert_string_equal(out, "algo distinto");
    retell("MSG_OF_A_NEWER_WATCHER", "algo nuevo", LANG_EN, out, sizeof out);
    assert_string_equal(out, "algo nuevo");
    retell_job("nada ha divergido y los binlogs siguen ahí: no hay nada que copiar", LANG_EN, out, sizeof out);
    assert_string_equal(out, "nothing diverged and the binlogs are still there: nothing to copy");
    retell_job("de ningún catálogo", LANG_EN, out, sizeof out);
    assert_string_equal(out, "de ningún catálogo");
    retell("", "", LANG_EN, out, sizeof out);
    assert_string_equal(out, "");
}

static void pages_through_events(void **state) {
    struct stage *stage = *state;
    for (int seq = 1; seq <= 30; seq++) {
        add_event(stage, seq, seq == 4 ? EVENT_FAILOVER : EVENT_NODE_UP, "{\"took_ms\":41}");
    }
    assert_int_equal(get(stage, "/api/v1/events", "limit=10"), 200);
    json_t *events = json_object_get(stage->json, "events");
    assert_int_equal(json_array_size(events), 10);
    json_t *first = json_array_get(events, 0);
    assert_int_equal(json_integer_value(json_object_get(first, "seq")), 30);
    assert_int_equal(json_integer_value(json_object_get(first, "took_ms")), 41);
    assert_int_equal(number_of(stage, "next_before"), 21);
    assert_int_equal(get(stage, "/api/v1/events", "limit=10&before=6"), 200);
    assert_int_equal(json_array_size(json_object_get(stage->json, "events")), 5);
    assert_true(json_is_null(json_object_get(stage->json, "next_before")));
    get(stage, "/api/v1/events", "kind=milestones");
    assert_int_equal(json_array_size(json_object_get(stage->json, "events")), 1);
    static const char *const bad[] = {"limit=0",     "limit=501",  "limit=x",  "limit=",
                                      "limit=-1",    "limit=1%00", "before=0", "before=99999999999999999999",
                                      "kind=nothing"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(get(stage, "/api/v1/events", bad[i]), 400);
    }
}

static void keeps_the_shape_of_status(void **state) {
    struct stage *stage = *state;
    add_event(stage, 1, EVENT_RESYNC, "{\"primary_node\":\"x\",\"replica_node\":\"y\"}");
    for (int seq = 2; seq <= 14; seq++) {
        add_event(stage, seq, seq == 13 ? EVENT_ACK : EVENT_FAILOVER,
                  "{\"primary\":\"" NODE_B "\",\"replica\":\"" NODE_A "\"}");
    }
    assert_int_equal(get(stage, "/status", ""), 200);
    assert_string_equal(text_of(stage, "primary_node"), NODE_A);
    assert_string_equal(text_of(stage, "replica_node"), NODE_B);
    assert_string_equal(text_of(stage, "event_type"), "FAILOVER");
    assert_string_equal(text_of(stage, "created_at"), "2023-11-14 22:11:54");
    json_t *history = json_object_get(stage->json, "history");
    assert_int_equal(json_array_size(history), 10);
    json_t *row = json_array_get(history, 0);
    assert_string_equal(json_string_value(json_object_get(row, "primary_node")), NODE_B);
    assert_string_equal(json_string_value(json_object_get(row, "replica_node")), NODE_A);
    assert_string_equal(json_string_value(json_object_get(row, "last_failover")), "2023-11-14 22:11:54");
    assert_string_equal(json_string_value(json_object_get(row, "last_backup")), "2023-11-14 22:11:41");
}

static void gives_the_verdict(void **state) {
    struct stage *stage = *state;
    get(stage, "/api/v1/verdict", "");
    assert_string_equal(text_of(stage, "would_fail_over"), "no");
    json_t *candidates = json_object_get(stage->json, "if_the_primary_died_now");
    assert_int_equal(json_array_size(candidates), 1);
    json_t *candidate = json_array_get(candidates, 0);
    assert_true(json_is_true(json_object_get(candidate, "able")));
    // The primary has 1-10, the replica executed 1-5 and received 6-8.
    assert_int_equal(json_integer_value(json_object_get(candidate, "missing")), 2);
    static const char *const phases[][2] = {{"SUSPECT", "waiting"},    {"FAILOVER", "now"},     {"FROZEN", "blocked"},
                                            {"NO_PRIMARY", "blocked"}, {"STARTING", "unknown"}, {"RESYNC", "no"}};
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        set_state(stage, phases[i][0]);
        get(stage, "/api/v1/verdict", "");
        assert_string_equal(text_of(stage, "would_fail_over"), phases[i][1]);
    }
    snapshot_connected(stage->snapshot, false, now);
    get(stage, "/api/v1/verdict", "");
    assert_string_equal(text_of(stage, "would_fail_over"), "unknown");
}

static void forecasts_the_death_of_the_primary(void **state) {
    struct stage *stage = *state;
    stage->settings.silent_ms = 3000;
    get(stage, "/api/v1/verdict", "lang=en");
    json_t *dead = json_object_get(stage->json, "if_dead");
    assert_true(json_is_true(json_object_get(dead, "would_fail_over")));
    assert_string_equal(json_string_value(json_object_get(dead, "to")), NODE_B);
    assert_int_equal(json_integer_value(json_object_get(dead, "rule")), 210);
    assert_string_equal(json_string_value(json_object_get(dead, "why")), "mysql-replica could take over.");
    json_t *loses = json_object_get(dead, "loses"), *takes = json_object_get(dead, "takes");
    assert_int_equal(json_integer_value(json_object_get(loses, "transactions")), 2);
    assert_int_equal(json_integer_value(json_object_get(loses, "lag_ms")), 40);
    assert_int_equal(json_integer_value(json_object_get(takes, "measured")), 0);
    assert_int_equal(json_integer_value(json_object_get(takes, "if_frozen_ms")), 3000);
    // The replica's own vantage point: when it last heard the primary.
    json_t *fact = json_array_get(json_object_get(stage->json, "facts"), 0);
    assert_int_equal(json_integer_value(json_object_get(fact, "heard_age_ms")), 400);

    static const char *const took[] = {"{\"took_ms\":50}", "{\"took_ms\":900}", "{\"took_ms\":40}", "{}"};
    for (size_t i = 0; i < sizeof took / sizeof *took; i++) {
        add_event(stage, 1 + (int64_t)i, EVENT_FAILOVER, took[i]);
    }
    add_event(stage, 9, EVENT_SWITCHOVER, "{\"took_ms\":7}");
    get(stage, "/api/v1/verdict", "");
    takes = json_object_get(json_object_get(stage->json, "if_dead"), "takes");
    assert_int_equal(json_integer_value(json_object_get(takes, "measured")), 3);
    assert_int_equal(json_integer_value(json_object_get(takes, "last_ms")), 40);
    assert_int_equal(json_integer_value(json_object_get(takes, "median_ms")), 50);
    assert_int_equal(json_integer_value(json_object_get(takes, "worst_ms")), 900);

    // Nobody would be promoted: no loss and no time to tell, but the reason.
    struct cluster_state none = {0};
    decode(&none, "phase", "DEGRADED");
    decode(&none, "primary", NODE_A);
    decode(&none, "forecast_rule", "200");
    decode(&none, "forecast_why", "nadie");
    snapshot_take_state(stage->snapshot, &none, now);
    get(stage, "/api/v1/verdict", "");
    dead = json_object_get(stage->json, "if_dead");
    assert_true(json_is_false(json_object_get(dead, "would_fail_over")));
    assert_true(json_is_null(json_object_get(dead, "loses")) && json_is_null(json_object_get(dead, "takes")));
    assert_non_null(strstr(json_string_value(json_object_get(dead, "says")), "nadie"));
}

// What the watcher found lacking on a node: able only if a promotion does not need it. Of a dead primary nobody asks what
// its death would bring.
static void a_node_that_lacks_something_is_said_to(void **state) {
    struct stage *stage = *state;
#define LACK(msg, rest) \
    "{\"outcome\":\"ok\",\"applier\":\"on\",\"receiver\":\"on\"," rest "\"lack_msg\":\"" msg "\",\"lack_account\":\"relevo@%\"," \
    "\"lack_what\":\"RELOAD\",\"lack_mend\":\"GRANT RELOAD ON *.* TO x;\"}"
    static const struct {
        const char *node, *a;
        bool able, dead;
        const char *says, *lacks;  // NULL: null
    } rows[] = {
        {LACK("", ""), "ok", true, true, "could take over", NULL},
        {LACK("MSG_LACK_PRIVILEGE", "\"unable\":true,"), "ok", false, true, "GRANT RELOAD", "relevo@% lacks RELOAD there"},
        {LACK("MSG_LACK_REPL", ""), "ok", true, true, "could take over", "GRANT RELOAD"},
        {LACK("MSG_LACK_REPL", "\"stale\":true,"), "ok", false, true, "does not know of the reign", "GRANT RELOAD"},
        {LACK("MSG_OF_A_NEWER_WATCHER", ""), "ok", true, true, "could take over", NULL},
        {LACK("", ""), "refused", true, false, "could take over", NULL},
        {LACK("", ""), "denied", true, true, "could take over", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cluster_state it = {0};
        char a[64];
        (void)text_format(a, sizeof a, "{\"outcome\":\"%s\"}", rows[i].a);
        decode(&it, "phase", "NORMAL");
        decode(&it, "primary", NODE_A);
        decode(&it, "forecast_rule", "210");
        decode(&it, "forecast_node", NODE_B);
        decode(&it, "node:" NODE_A, a);
        decode(&it, "node:" NODE_B, rows[i].node);
        snapshot_take_state(stage->snapshot, &it, now);
        get(stage, "/api/v1/verdict", "lang=en");
        json_t *one = json_array_get(json_object_get(stage->json, "if_the_primary_died_now"), 0);
        const char *says = json_string_value(json_object_get(one, "says"));
        const char *lacks = json_string_value(json_object_get(one, "lacks"));
        if (json_is_true(json_object_get(one, "able")) != rows[i].able || !strstr(says, rows[i].says) ||
            (lacks != NULL) != (rows[i].lacks != NULL) || (lacks && !strstr(lacks, rows[i].lacks)) ||
            json_is_object(json_object_get(stage->json, "if_dead")) != rows[i].dead) {
            fail_msg("row %zu: %s / %s", i, says, lacks ? lacks : "null");
        }
    }
}

static void set_rule_and_b(struct stage *stage, const char *phase, int rule, const char *b) {
    struct cluster_state state = {0};
    char text[12];
    (void)text_format(text, sizeof text, "%d", rule);
    decode(&state, "phase", phase);
    decode(&state, "rule", text);
    decode(&state, "updated_ms", "1699999999000");
    decode(&state, "primary", NODE_A);
    decode(&state, "node:" NODE_A, "{\"outcome\":\"refused\"}");
    decode(&state, "node:" NODE_B, b);
    snapshot_take_state(stage->snapshot, &state, now);
}

static void set_rule(struct stage *stage, const char *phase, int rule) {
    set_rule_and_b(stage, phase, rule, "{\"outcome\":\"ok\",\"read_only\":false}");
}

// Whether the page is told of that command.
static bool names(json_t *ways, const char *command) {
    json_t *way = NULL;
    size_t index = 0;
    json_array_foreach(ways, index, way) {
        if (strcmp(json_string_value(json_object_get(way, "command")), command) == 0) {
            return true;
        }
    }
    return false;
}

// Rules that only come true while a node other than the primary answers: it takes writes (140, 167, 168, 170), holds
// more (169), or the data of all were compared (146).
static bool needs_another(int rule) {
    return rule == 140 || rule == 146 || (rule >= 167 && rule <= 170);
}

// Every rule that leaves the cluster to a person says what the person may do, and what it risks.
static void names_the_ways_on(void **state) {
    struct stage *stage = *state;
    get(stage, "/api/v1/verdict", "");
    assert_int_equal(json_array_size(json_object_get(stage->json, "ways")), 0);
    static const char *const of_b[] = {"ok\",\"read_only\":false", "ok\",\"read_only\":true", "refused\"", "timeout\""};
    size_t count = 0, seen = 0;
    const struct rule *rules = policy_cluster_rules(&count);
    for (size_t i = 0; i < count * (sizeof of_b / sizeof *of_b); i++) {
        const struct rule *rule = &rules[i % count];
        const char *b = of_b[i / count];
        bool answers = strncmp(b, "ok", 2) == 0, open = strstr(b, "false") != NULL;
        if ((rule->to != PHASE_FROZEN && rule->to != PHASE_NO_PRIMARY) || (needs_another(rule->id) && !open)) {
            continue;
        }
        char node[64];
        (void)text_format(node, sizeof node, "{\"outcome\":\"%s}", b);
        set_rule_and_b(stage, phase_name((enum phase)rule->to), rule->id, node);
        get(stage, "/api/v1/verdict", "lang=en");
        json_t *ways = json_object_get(stage->json, "ways"), *way = NULL;
        size_t index = 0;
        if (json_array_size(ways) == 0) {
            fail_msg("rule %d leaves no way on: %s", rule->id, b);
        }
        // Who answers is not started, and who does not is not promoted.
        if (names(ways, "docker start " NODE_B) && answers) {
            fail_msg("rule %d starts a node that answers", rule->id);
        }
        if (names(ways, "failover " NODE_B " force") && !answers) {
            fail_msg("rule %d promotes a node that does not answer", rule->id);
        }
        json_array_foreach(ways, index, way) {
            const char *command = json_string_value(json_object_get(way, "command"));
            assert_true(*command && strchr(command, '{') == NULL);
            assert_true(*json_string_value(json_object_get(way, "does")) &&
                        *json_string_value(json_object_get(way, "risk")));
            assert_null(strchr(json_string_value(json_object_get(way, "risk")), '{'));
            seen++;
        }
    }
    assert_true(seen > 20);
    set_rule(stage, "FROZEN", 168);
    get(stage, "/api/v1/verdict", "");
    json_t *ways = json_object_get(stage->json, "ways");
    assert_int_equal(json_array_size(ways), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(ways, 0), "by")), "shell");
    assert_string_equal(json_string_value(json_object_get(json_array_get(ways, 1), "command")),
                        "failover " NODE_B " force");
}

// With the other node away too, it is started first; whoever lives but turns us away is not stopped.
static void starts_who_is_away(void **state) {
    struct stage *stage = *state;
    static const int rules[] = {126, 127, 141, 148, 171, 173, 174, 175, 176, 177,
                                193, 196, 200, 202, 203, 204, 205, 206, 208};
    static const char *const outcomes[] = {"refused", "gone", "unreachable", "timeout", "lost", "closing"};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        for (size_t j = 0; j < sizeof outcomes / sizeof *outcomes; j++) {
            char node[64];
            (void)text_format(node, sizeof node, "{\"outcome\":\"%s\"}", outcomes[j]);
            set_rule_and_b(stage, "NO_PRIMARY", rules[i], node);
            get(stage, "/api/v1/verdict", "");
            if (!names(json_object_get(stage->json, "ways"), "docker start " NODE_B)) {
                fail_msg("rule %d does not start a node that is %s", rules[i], outcomes[j]);
            }
        }
        set_rule_and_b(stage, "NO_PRIMARY", rules[i], "{\"outcome\":\"denied\"}");
        get(stage, "/api/v1/verdict", "");
        assert_false(names(json_object_get(stage->json, "ways"), "docker start " NODE_B));
    }
}

#define ACCEPT_OF(node)                                                                                  \
    "docker exec " node                                                                                  \
    " sh -c 'MYSQL_PWD=$MYSQL_ROOT_PASSWORD mysql -uroot -e \"SET @closed=@@super_read_only; SET "       \
    "GLOBAL super_read_only=OFF; SET sql_log_bin=0; DROP DATABASE IF EXISTS relevo_rebuild; SET GLOBAL " \
    "super_read_only=@closed\"'"

// The mark of half a copy is on the recorded primary; where none is recorded, nobody is told on which node it is.
static void accepts_half_a_copy(void **state) {
    struct stage *stage = *state;
    set_rule(stage, "NO_PRIMARY", 177);
    get(stage, "/api/v1/verdict", "");
    assert_true(names(json_object_get(stage->json, "ways"), ACCEPT_OF(NODE_A)));
    assert_false(names(json_object_get(stage->json, "ways"), ACCEPT_OF(NODE_B)));
    struct cluster_state none = {0};
    decode(&none, "phase", "NO_PRIMARY");
    decode(&none, "rule", "141");
    decode(&none, "node:" NODE_A, "{\"outcome\":\"ok\",\"read_only\":true}");
    decode(&none, "node:" NODE_B, "{\"outcome\":\"ok\",\"read_only\":true}");
    snapshot_take_state(stage->snapshot, &none, now);
    get(stage, "/api/v1/verdict", "");
    assert_true(names(json_object_get(stage->json, "ways"), ACCEPT_OF(NODE_A)));
    assert_true(names(json_object_get(stage->json, "ways"), ACCEPT_OF(NODE_B)));
}

// Ack is named only where it helps: for the limit of failovers.
static void sends_nobody_to_ack_in_vain(void **state) {
    struct stage *stage = *state;
    static const int rules[] = {126, 127, 130, 168, 170, 194};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        set_rule(stage, "FROZEN", rules[i]);
        get(stage, "/api/v1/verdict", "lang=en");
        bool named = strstr(text_of(stage, "says"), "send ack") != NULL;
        if (named != (rules[i] == 194)) {
            fail_msg("rule %d: %s", rules[i], text_of(stage, "says"));
        }
    }
}

static void answers_proxies(void **state) {
    struct stage *stage = *state;
    assert_int_equal(get(stage, "/primary", "node=" NODE_A), 200);
    assert_int_equal(get(stage, "/primary", "node=" NODE_B), 503);
    assert_int_equal(stage->answer.retry_s, 0);
    assert_int_equal(get(stage, "/primary", "node=nobody"), 503);
    assert_int_equal(stage->answer.retry_s, 0);
    assert_int_equal(get(stage, "/primary", ""), 400);
    assert_int_equal(get(stage, "/replica", "node=" NODE_B), 200);
    assert_int_equal(get(stage, "/replica", "node=" NODE_B "&lag_ms=40"), 200);
    assert_int_equal(get(stage, "/replica", "node=" NODE_B "&lag_ms=39"), 503);
    assert_int_equal(get(stage, "/replica", "node=" NODE_B "&lag_ms=x"), 400);
    assert_int_equal(get(stage, "/replica", "node=" NODE_A), 503);
    assert_int_equal(stage->answer.retry_s, 0);
    // A lost monitor is no outage: the last known state answers, unless the proxy asks otherwise.
    snapshot_connected(stage->snapshot, false, now);
    stage->world.now.mono_ms += 60000;
    assert_int_equal(get(stage, "/primary", "node=" NODE_A), 200);
    assert_int_equal(stage->answer.age_ms, 61000);
    assert_int_equal(stage->answer.retry_s, 0);
    // Where nobody can tell, the answer says so.
    assert_int_equal(get(stage, "/primary", "node=" NODE_A "&max_age_ms=60000"), 503);
    assert_int_equal(stage->answer.retry_s, 1);
    assert_int_equal(get(stage, "/replica", "node=" NODE_B "&max_age_ms=60000"), 503);
    assert_int_equal(stage->answer.retry_s, 1);
    struct cluster_state empty = {0};
    snapshot_take_state(stage->snapshot, &empty, now);
    assert_int_equal(get(stage, "/primary", "node=" NODE_A), 503);
    assert_int_equal(stage->answer.retry_s, 1);
}

static void is_ready_only_with_fresh_data(void **state) {
    struct stage *stage = *state;
    assert_int_equal(get(stage, "/healthz", ""), 200);
    assert_int_equal(get(stage, "/readyz", ""), 200);
    stage->world.now.mono_ms += SNAPSHOT_STALE_MS;
    assert_int_equal(get(stage, "/readyz", ""), 503);
    stage->world.now = now;
    snapshot_connected(stage->snapshot, false, now);
    assert_int_equal(get(stage, "/readyz", ""), 503);
    assert_int_equal(get(stage, "/healthz", ""), 200);
}

static void counts_for_prometheus(void **state) {
    struct stage *stage = *state;
    add_event(stage, 1, EVENT_FAILOVER, "{\"took_ms\":41}");
    assert_int_equal(get(stage, "/metrics", ""), 200);
    static const char *const lines[] = {"\nrelevo_epoch 7\n",
                                        "\nrelevo_phase{phase=\"NORMAL\"} 1\n",
                                        "\nrelevo_phase{phase=\"FAILOVER\"} 0\n",
                                        "\nrelevo_node_up{node=\"mysql-replica\"} 1\n",
                                        "\nrelevo_node_lag_seconds{node=\"mysql-replica\"} 0.04\n",
                                        "\nrelevo_node_role{node=\"mysql-primary\",role=\"primary\"} 1\n",
                                        "\nrelevo_events_total{type=\"FAILOVER\"} 1\n",
                                        "\nrelevo_last_failover_duration_seconds 0.041\n",
                                        "\nrelevo_feed_connected 1\n",
                                        "\nrelevo_state_age_seconds 1.000\n",
                                        "\nrelevo_build_info{version=\"test\"} 1\n"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (strstr(stage->answer.body, lines[i]) == NULL) {
            fail_msg("missing: %s in %s", lines[i], stage->answer.body);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(tells_the_cluster_with_its_age),
        TEST(tells_one_node),
        TEST(speaks_both_languages),
        cmocka_unit_test(retells_what_it_recognises),
        TEST(pages_through_events),
        TEST(keeps_the_shape_of_status),
        TEST(gives_the_verdict),
        TEST(forecasts_the_death_of_the_primary),
        TEST(a_node_that_lacks_something_is_said_to),
        TEST(names_the_ways_on),
        TEST(starts_who_is_away),
        TEST(accepts_half_a_copy),
        TEST(sends_nobody_to_ack_in_vain),
        TEST(answers_proxies),
        TEST(is_ready_only_with_fresh_data),
        TEST(counts_for_prometheus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
