#include "common/event.h"

#include "common/text.h"
#include "unit.h"

static bool decode(const char *json, struct event_record *ret, struct err *err) {
    return event_decode(json, strlen(json), ret, err);
}

static void travels_unchanged(void **state) {
    (void)state;
    struct event_record event =
        event_make(SERVICE_WATCHER, EVENT_FAILOVER, SEVERITY_WARNING, "mysql-primary", 30, 7, 1772366400123, LANG_ES,
                   MSG_SERVICE_ENDING, KVS(KV("service", "watcher \"ñ\""), KV("reason", "a\nb"), KVI("ms", -21)));
    event.seq = 42;
    char *line = event_encode(&event);
    assert_null(strchr(line, '\n'));
    struct event_record got;
    struct err err = {0};
    if (!decode(line, &got, &err)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(got.seq, 42);
    assert_int_equal(got.ts_ms, 1772366400123);
    assert_int_equal(got.epoch, 7);
    assert_int_equal(got.source, SERVICE_WATCHER);
    assert_int_equal(got.type, EVENT_FAILOVER);
    assert_int_equal(got.severity, SEVERITY_WARNING);
    assert_int_equal(got.rule, 30);
    assert_int_equal(got.msg, MSG_SERVICE_ENDING);
    assert_string_equal(got.node, "mysql-primary");
    assert_string_equal(got.why, "watcher \"ñ\" termina: a\nb");
    assert_true(json_equal(got.detail, event.detail));
    char why[NODE_WHY_SIZE];
    event_why(&got, LANG_EN, why, sizeof why);
    assert_string_equal(why, "watcher \"ñ\" ends: a\nb");
    event_done(&got);
    event_done(&event);
    free(line);
}

static void text_that_is_not_utf8_still_travels(void **state) {
    (void)state;
    struct event_record event = event_make(SERVICE_RESYNC, EVENT_ALARM, SEVERITY_ERROR, NULL, 0, 0, 1, LANG_EN,
                                           MSG_SERVICE_STARTING, KVS(KV("service", "\xff\xfe x")));
    char *line = event_encode(&event);
    assert_true(text_is_utf8(line, strlen(line)));
    assert_non_null(strstr(line, "?? x starts"));
    event_done(&event);
    free(line);
}

static void an_event_without_detail(void **state) {
    (void)state;
    const struct event_record event = {.ts_ms = 5, .source = SERVICE_DASHBOARD, .type = EVENT_STARTED};
    char *line = event_encode(&event);
    struct event_record got;
    struct err err = {0};
    assert_true(decode(line, &got, &err));
    assert_int_equal(json_object_size(got.detail), 0);
    char why[32] = "X";
    event_why(&got, LANG_EN, why, sizeof why);
    assert_string_equal(why, "");
    event_why(&event, LANG_EN, why, sizeof why); // detail NULL
    event_done(&got);
    free(line);
}

#define HEAD "\"ts\":1,\"source\":\"watcher\",\"type\":\"ALARM\",\"severity\":\"error\""

static void a_newer_writer_is_understood_as_far_as_possible(void **state) {
    (void)state;
    struct event_record got;
    struct err err = {0};
    assert_true(decode("{" HEAD ",\"msg\":\"MSG_OF_TOMORROW\",\"why\":\"its own words\",\"more\":[1,{\"x\":null}]}", &got,
                       &err));
    assert_int_equal(got.msg, MSG_NONE);
    char why[NODE_WHY_SIZE];
    event_why(&got, LANG_EN, why, sizeof why);
    assert_string_equal(why, "its own words");
    event_done(&got);
}

static void long_reasons_are_cut_whole(void **state) {
    (void)state;
    char json[2048] = "{" HEAD ",\"why\":\"x";
    size_t head = strlen(json);
    for (size_t i = 0; i < 400; i++) {
        memcpy(json + head + i * 2, "ñ", 2);
    }
    memcpy(json + head + 800, "\"}", 3);
    struct event_record got;
    struct err err = {0};
    assert_true(decode(json, &got, &err));
    assert_true(strlen(got.why) > NODE_WHY_SIZE - 4 && text_is_utf8(got.why, strlen(got.why)));
    event_done(&got);
}

static void refused(void **state) {
    (void)state;
    static const char *const rows[] = {
        "",
        "null",
        "[]",
        "{}",
        "{" HEAD,
        "{" HEAD "} {}",
        "{" HEAD ",\"ts\":2}",
        "{\"ts\":\"1\",\"source\":\"watcher\",\"type\":\"ALARM\",\"severity\":\"error\"}",
        "{\"ts\":-1,\"source\":\"watcher\",\"type\":\"ALARM\",\"severity\":\"error\"}",
        "{\"ts\":1.5,\"source\":\"watcher\",\"type\":\"ALARM\",\"severity\":\"error\"}",
        "{\"ts\":1,\"source\":\"intruder\",\"type\":\"ALARM\",\"severity\":\"error\"}",
        "{\"ts\":1,\"source\":\"watcher\",\"type\":\"PARTY\",\"severity\":\"error\"}",
        "{\"ts\":1,\"source\":\"watcher\",\"type\":\"ALARM\",\"severity\":\"fatal\"}",
        "{\"source\":\"watcher\",\"type\":\"ALARM\",\"severity\":\"error\"}",
        "{" HEAD ",\"epoch\":-1}",
        "{" HEAD ",\"epoch\":99999999999999999999}",
        "{" HEAD ",\"rule\":2147483648}",
        "{" HEAD ",\"seq\":-1}",
        "{" HEAD ",\"node\":5}",
        "{" HEAD ",\"node\":\"0123456789012345678901234567890123456789012345678901234567890123\"}",
        "{" HEAD ",\"why\":{}}",
        "{" HEAD ",\"msg\":1}",
        "{" HEAD ",\"detail\":[]}",
        "{" HEAD ",\"detail\":{\"a\":[[[[[[[1]]]]]]]}}",
        "{" HEAD ",\"why\":\"\xff\"}",
        "{" HEAD ",\"why\":\"\\ud800\"}",
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct event_record got;
        memset(&got, 'X', sizeof got);
        struct err err = {0};
        assert_row(rows[i], !decode(rows[i], &got, &err));
        assert_int_equal(err.kind, ERR_INVALID);
        assert_int_equal(((char *)&got)[0], 'X');
    }
}

static void size_has_a_limit(void **state) {
    (void)state;
    char *json = malloc(EVENT_BYTES_MAX + 1);
    assert_non_null(json);
    memset(json, ' ', EVENT_BYTES_MAX + 1);
    memcpy(json, "{" HEAD "}", strlen("{" HEAD "}"));
    struct event_record got;
    struct err err = {0};
    assert_true(event_decode(json, EVENT_BYTES_MAX, &got, &err));
    event_done(&got);
    assert_false(event_decode(json, EVENT_BYTES_MAX + 1, &got, &err));
    free(json);
}

static void hostile_details_do_not_reach_the_sentence(void **state) {
    (void)state;
    struct event_record got;
    struct err err = {0};
    assert_true(decode("{" HEAD ",\"msg\":\"MSG_SERVICE_ENDING\",\"detail\":{\"service\":[1],\"reason\":\"{service}%n\"}}",
                       &got, &err));
    char why[NODE_WHY_SIZE];
    event_why(&got, LANG_EN, why, sizeof why);
    assert_string_equal(why, "{service} ends: {service}%n");
    event_done(&got);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(travels_unchanged),
        cmocka_unit_test(text_that_is_not_utf8_still_travels),
        cmocka_unit_test(an_event_without_detail),
        cmocka_unit_test(a_newer_writer_is_understood_as_far_as_possible),
        cmocka_unit_test(long_reasons_are_cut_whole),
        cmocka_unit_test(refused),
        cmocka_unit_test(size_has_a_limit),
        cmocka_unit_test(hostile_details_do_not_reach_the_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
