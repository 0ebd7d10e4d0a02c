// watcher/record and watcher/replay: an observation there and back, decisions told, and lines that are not lines.
#include <stdlib.h>
#include <string.h>

#include "common/doc.h"
#include "common/mem.h"
#include "common/text.h"
#include "unit.h"
#include "watcher/policy.h"
#include "watcher/record.h"
#include "watcher/replay.h"

#define UUID "aaaaaaaa-0000-4000-8000-000000000001"
#define OTHER "bbbbbbbb-0000-4000-8000-000000000001"

static struct observation *example(void) {
    struct observation *it = observation_new();
    it->serial = 1;
    it->at_ms = 5000;
    it->outcome = PROBE_OK;
    it->read_only = it->gtid_on = true;
    it->receiver = THREAD_CONNECTING;
    it->source_heartbeats = 7;
    it->receiving = true;
    it->epoch = 3;
    it->epoch_sync = true;
    it->boot_s = 1700000000;
    it->semisync = (struct semisync){.installed = true,
                                     .source_on = true,
                                     .source_strict = true,
                                     .unacked = 4,
                                     .acked = 5,
                                     .waiting = 6,
                                     .replica_on = true,
                                     .replica_acks = true};
    (void)text_copy(it->uuid, sizeof it->uuid, UUID);
    it->executed_text = mem_text(UUID ":1-9");
    it->received_text = mem_text("");
    it->executed = gtid_parse(it->executed_text, NULL);
    it->received = gtid_parse("", NULL);
    return it;
}

static void goes_there_and_back(void **state) {
    (void)state;
    AUTO_OBSERVATION struct observation *it = example();
    AUTO_TEXT char *line = record_observation("a", it, NULL);
    AUTO_DOC json_t *json = json_loads(line, 0, NULL);
    AUTO_OBSERVATION struct observation *back = record_parse(json, NULL, NULL);
    assert_non_null(back);
    assert_true(record_same(it, back));
    assert_int_equal(back->at_ms, 5000);
    assert_int_equal(back->source_heartbeats, 7);
    assert_true(back->receiving);
    assert_true(back->epoch_sync && back->boot_s == it->boot_s);
    assert_memory_equal(&back->semisync, &it->semisync, sizeof it->semisync);
    assert_int_equal(gtid_count(back->executed), 9);

    // The next line has what changed and nothing else.
    AUTO_OBSERVATION struct observation *next = example();
    next->at_ms = 5100;
    next->source_heartbeats = 8;
    assert_true(record_same(next, it));
    AUTO_TEXT char *short_line = record_observation("a", next, it);
    assert_string_equal(short_line, "{\"t\":5100,\"node\":\"a\",\"source_heartbeats\":8}");
    next->outcome = PROBE_REFUSED;
    assert_false(record_same(next, it));
    AUTO_TEXT char *lost_line = record_observation("a", next, it);
    AUTO_DOC json_t *lost = json_loads(lost_line, 0, NULL);
    AUTO_OBSERVATION struct observation *after = record_parse(lost, back, NULL);
    assert_int_equal(after->outcome, PROBE_REFUSED);
    assert_string_equal(after->uuid, UUID);
    assert_int_equal(after->serial, 2);
}

static void the_state_goes_there_and_back(void **state) {
    (void)state;
    struct cluster_state was = {.epoch = 7, .job_count = 2};
    (void)text_copy(was.primary, sizeof was.primary, "a");
    (void)text_copy(was.jobs[0].node, NODE_NAME_SIZE, "b");
    was.jobs[0].phase = JOB_RUNNING;
    was.jobs[1].phase = JOB_DONE;
    was.sync_epoch = 7;
    struct record_rest rest = {.intent = "b", .sync_ms = 1234, .sync_rests = true, .leaving = true, .differing = 2};
    AUTO_TEXT char *line = record_state(&was, FLAG_LEADER | FLAG_LIMIT | FLAG_SETTLED, &rest, 9);
    AUTO_DOC json_t *json = json_loads(line, 0, NULL);
    struct cluster_state now = {0};
    unsigned flags = 0;
    struct record_rest back = {0};
    assert_true(record_parse_state(json, &now, &flags, &back, NULL));
    assert_int_equal(now.sync_epoch, 7);
    assert_true(back.sync_ms == 1234 && back.sync_rests && back.leaving && back.differing == 2);
    assert_int_equal(now.epoch, 7);
    assert_string_equal(now.primary, "a");
    assert_int_equal(now.job_count, 1);
    assert_true(job_active(state_job(&now, "b")));
    assert_int_equal(flags, FLAG_LEADER | FLAG_LIMIT);  // the facts tell what is settled
    assert_string_equal(back.intent, "b");
}

// The recorder writes the state when this number changes: each part of what it tells must change it, and nothing else.
static void the_sum_changes_with_what_the_state_tells(void **state) {
    (void)state;
    struct cluster_state was = {.epoch = 7, .job_count = 1};
    (void)text_copy(was.primary, sizeof was.primary, "a");
    (void)text_copy(was.jobs[0].node, NODE_NAME_SIZE, "b");
    was.jobs[0].phase = JOB_DONE;
    struct record_rest rest = {0};
    uint64_t sum = record_state_sum(&was, FLAG_LEADER, &rest);
    struct cluster_state other[6] = {was, was, was, was, was, was};
    other[0].epoch = 8;
    (void)text_copy(other[1].primary, sizeof other[1].primary, "b");
    (void)text_copy(other[2].primary_uuid, sizeof other[2].primary_uuid, UUID);
    other[3].jobs[0].phase = JOB_RUNNING;
    other[4].sync_epoch = 7;
    other[5].rule = 164;
    for (int i = 0; i < 5; i++) {
        assert_true(record_state_sum(&other[i], FLAG_LEADER, &rest) != sum);
    }
    assert_true(record_state_sum(&was, FLAG_LEADER | FLAG_LIMIT, &rest) != sum);
    struct record_rest rests[] = {{.intent = "b"}, {.sync_ms = 1}, {.sync_rests = true}, {.leaving = true}, {.differing = 1}};
    for (size_t i = 0; i < COUNT_OF(rests); i++) {
        assert_true(record_state_sum(&was, FLAG_LEADER, &rests[i]) != sum);
    }
    assert_true(record_state_sum(&was, FLAG_LEADER | FLAG_SETTLED, &rest) == sum);  // the facts tell that
    assert_true(record_state_sum(&other[5], FLAG_LEADER, &rest) == sum);
}

static void collect(void *arg, const char *line) {
    char *text = arg;
    size_t used = strlen(text);
    (void)text_format(text + used, 4000 - used, "%s\n", line);
}

#define LOOK(t, node, rest) "{\"t\":" #t ",\"node\":\"" node "\"," rest "}"
#define HEADER "{\"relevo\":1,\"t\":1000,\"nodes\":[\"a\",\"b\"],\"preferred\":\"\",\"silent_ms\":3000}"
#define RECORD "{\"t\":1000,\"state\":{\"epoch\":1,\"primary\":\"a\",\"primary_uuid\":\"" UUID "\"}}"
#define PRIMARY "\"outcome\":\"ok\",\"uuid\":\"" UUID "\",\"executed_text\":\"" UUID ":1-9\""
#define REPLICA                                                                            \
    "\"outcome\":\"ok\",\"uuid\":\"" OTHER                                                 \
    "\",\"read_only\":true,\"super_read_only\":true,"                                      \
    "\"receiver\":\"on\",\"applier\":\"on\",\"source_host\":\"a\",\"source_uuid\":\"" UUID \
    "\",\"source_heartbeats\":1,\"executed_text\":\"" UUID ":1-9\""

static bool play(const char *const *lines, size_t count, char out[4000], struct err *err) {
    struct replay *replay = replay_new(LANG_EN, collect, out);
    bool ok = true;
    *out = '\0';
    for (size_t i = 0; ok && i < count; i++) {
        ok = replay_line(replay, lines[i], strlen(lines[i]), err);
    }
    replay_free(replay);
    return ok;
}

static void tells_each_decision(void **state) {
    (void)state;
    static const char *const lines[] = {
        HEADER,
        RECORD,
        LOOK(1010, "a", PRIMARY),
        LOOK(1010, "b", REPLICA),
        LOOK(2000, "a", "\"outcome\":\"refused\",\"error\":\"connection refused\""),
        LOOK(2005, "b", "\"receiver\":\"connecting\""),
    };
    char told[4000];
    struct err err = {0};
    if (!play(lines, sizeof lines / sizeof *lines, told, &err)) {
        fail_msg("%s", err.text);
    }
    static const char *const expected[] = {"NORMAL     rule 164", "SUSPECT    rule 190", "FAILOVER   rule 210",
                                           "candidate ready b → promote"};
    const char *at = told;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        at = at ? strstr(at, expected[i]) : NULL;
        if (!at) {
            fail_msg("%s is not told after the others:\n%s", expected[i], told);
        }
    }
}

// Time passes between the lines: silence is decided though nothing new came.
static void notices_silence_between_lines(void **state) {
    (void)state;
    static const char *const lines[] = {
        HEADER,
        RECORD,
        LOOK(1010, "a", PRIMARY),
        LOOK(1010, "b", REPLICA),
        LOOK(2000, "a", "\"outcome\":\"timeout\""),
        LOOK(3900, "b", "\"receiver\":\"connecting\""),
        "{\"t\":9000,\"tick\":true}",
    };
    char told[4000];
    assert_true(play(lines, sizeof lines / sizeof *lines, told, NULL));
    assert_non_null(strstr(told, "3.050 s  FAILOVER   rule 212"));
}

static void refuses_what_is_no_history(void **state) {
    (void)state;
    static const char *const bad[] = {
        "no json",
        "[]",
        LOOK(1, "c", "\"outcome\":\"ok\""),
        LOOK(1, "a", "\"outcome\":\"fine\""),
        LOOK(1, "a", "\"executed_text\":\"1-2\""),
        LOOK(99999999999, "a", "\"outcome\":\"ok\""),
        "{\"t\":1,\"state\":7}",
        "{\"t\":1,\"state\":{\"flags\":[\"brave\"]}}",
        "{\"t\":1,\"state\":{\"jobs\":[7]}}",
        "{\"relevo\":1,\"nodes\":[]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *lines[] = {HEADER, bad[i]};
        char told[4000];
        struct err err = {0};
        if (play(lines, 2, told, &err) || *err.text == '\0') {
            fail_msg("taken: %s", bad[i]);
        }
    }
    const char *headless[] = {LOOK(1, "a", "\"outcome\":\"ok\"")};
    char told[4000];
    assert_false(play(headless, 1, told, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_there_and_back),        cmocka_unit_test(the_state_goes_there_and_back),
        cmocka_unit_test(tells_each_decision),        cmocka_unit_test(notices_silence_between_lines),
        cmocka_unit_test(refuses_what_is_no_history), cmocka_unit_test(the_sum_changes_with_what_the_state_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
