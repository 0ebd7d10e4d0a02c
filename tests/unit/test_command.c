#include "common/command.h"

#include "unit.h"

#define N "mysql-replica"

static bool parse(const char *text, struct command *ret, struct err *err) {
    return command_parse(text, strlen(text), ret, err);
}

static void understood(void **state) {
    (void)state;
    static const struct {
        const char *text;
        struct command wanted;
    } rows[] = {
        {"failover", {.action = COMMAND_FAILOVER}},
        {" failover\r\n", {.action = COMMAND_FAILOVER}},
        {"failover " N, {.action = COMMAND_FAILOVER, .node = N}},
        {"failover " N " force", {.action = COMMAND_FAILOVER, .node = N, .force = true}},
        {"failover force", {.action = COMMAND_FAILOVER, .force = true}},
        {"switchover " N, {.action = COMMAND_SWITCHOVER, .node = N}},
        {"switchover", {.action = COMMAND_SWITCHOVER}},
        {"resync " N, {.action = COMMAND_RESYNC, .node = N}},
        {"resync\t" N "  method=clone", {.action = COMMAND_RESYNC, .node = N, .method = RUNG_CLONE}},
        {"resync " N " method=verify", {.action = COMMAND_RESYNC, .node = N, .method = RUNG_VERIFY}},
        {"resync method=dump " N, {.action = COMMAND_RESYNC, .node = N, .method = RUNG_DUMP}},
        {"cancel " N, {.action = COMMAND_CANCEL, .node = N}},
        {"maintenance on", {.action = COMMAND_MAINTENANCE, .on = true}},
        {"maintenance off", {.action = COMMAND_MAINTENANCE}},
        {"ack", {.action = COMMAND_ACK}},
        {"{\"action\":\"failover\"}", {.action = COMMAND_FAILOVER}},
        {" {\"action\":\"failover\",\"node\":\"" N "\",\"force\":true,\"id\":\"a-1\",\"by\":\"Ana ñ\"}\n",
         {.action = COMMAND_FAILOVER, .node = N, .force = true, .id = "a-1", .by = "Ana ñ"}},
        {"{\"action\":\"switchover\",\"node\":\"\"}", {.action = COMMAND_SWITCHOVER}},
        {"{\"action\":\"resync\",\"node\":\"" N "\",\"method\":\"rewind\"}",
         {.action = COMMAND_RESYNC, .node = N, .method = RUNG_REWIND}},
        {"{\"action\":\"maintenance\",\"on\":false}", {.action = COMMAND_MAINTENANCE}},
        {"{\"action\":\"maintenance\",\"on\":true,\"id\":\"7\"}",
         {.action = COMMAND_MAINTENANCE, .on = true, .id = "7"}},
        {"{\"\\u0061ction\":\"ack\"}", {.action = COMMAND_ACK}},
        {"{\"action\":\"wrong_tokens\",\"count\":12,\"from\":\"2001:db8::7\"}",
         {.action = COMMAND_WRONG_TOKENS, .count = 12, .from = "2001:db8::7"}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct command got;
        struct err err = {0};
        if (!parse(rows[i].text, &got, &err)) {
            fail_msg("\"%s\": %s", rows[i].text, err.text);
        }
        const struct command *wanted = &rows[i].wanted;
        assert_row(rows[i].text, got.action == wanted->action && got.method == wanted->method);
        assert_row(rows[i].text, got.force == wanted->force && got.on == wanted->on);
        assert_row(rows[i].text, got.count == wanted->count);
        assert_row_text(rows[i].text, got.from, wanted->from);
        assert_row_text(rows[i].text, got.node, wanted->node);
        assert_row_text(rows[i].text, got.id, wanted->id);
        assert_row_text(rows[i].text, got.by, wanted->by);

        // What we encode means the same when it is read.
        char *line = command_encode(&got);
        struct command again;
        assert_row(line, parse(line, &again, &err));
        assert_row(line, again.action == got.action && again.method == got.method && again.force == got.force &&
                             again.on == got.on);
        assert_row(line, again.count == got.count);
        assert_row_text(line, again.from, got.from);
        assert_row_text(line, again.node, got.node);
        assert_row_text(line, again.id, got.id);
        assert_row_text(line, again.by, got.by);
        free(line);
    }
}

static void refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *says, *id;
    } rows[] = {
        {"", "failover, switchover", ""},
        {"  \n", "failover, switchover", ""},
        {"FAILOVER", "failover, switchover", ""},
        {"drop table", "unknown action \"drop\"", ""},
        {"failover a b", "failover [NODE] [force]", ""},
        {"failover a force force", "failover [NODE] [force]", ""},
        {"failover method=clone", "failover [NODE] [force]", ""},
        {"failover ../etc", "cannot be the name of a node", ""},
        {"failover a.b", "cannot be the name of a node", ""},
        {"switchover a force", "switchover [NODE]", ""},
        {"resync", "a node is missing", ""},
        {"resync a method=magic", "auto, catchup, rewind, clone, dump or verify", ""},
        {"resync a method=", "auto, catchup", ""},
        {"resync a method=clone method=dump", "not understood", ""},
        {"cancel", "a node is missing", ""},
        {"maintenance", "on or off is missing", ""},
        {"maintenance maybe", "maintenance on|off", ""},
        {"maintenance on off", "maintenance on|off", ""},
        {"ack now", "ack", ""},
        {"wrong_tokens", "a count or an address is missing", ""},
        {"wrong_tokens 12 10.0.0.7", "not understood", ""},
        {"{\"action\":\"wrong_tokens\",\"count\":12}", "a count or an address is missing", ""},
        {"{\"action\":\"wrong_tokens\",\"from\":\"10.0.0.7\"}", "a count or an address is missing", ""},
        {"{\"action\":\"wrong_tokens\",\"count\":0,\"from\":\"10.0.0.7\"}", "count", ""},
        {"{\"action\":\"wrong_tokens\",\"count\":1,\"from\":\"evil.example\"}", "is no address", ""},
        {"{\"action\":\"ack\",\"count\":1}", "\"count\" does not go with ack", ""},
        {"\"failover\"", "unknown action", ""},
        {"{", "not JSON", ""},
        {"[]", "not a JSON object", ""},
        {"[\"failover\"]", "not a JSON object", ""},
        {"{}", "\"action\" is missing", ""},
        {"{\"action\":\"failover\"} x", "not JSON", ""},
        {"{\"action\":1,\"id\":\"q\"}", "\"action\" must be a text", "q"},
        {"{\"action\":null,\"id\":\"q\"}", "\"action\" must be a text", "q"},
        {"{\"action\":\"reboot\",\"id\":\"q\"}", "unknown action \"reboot\"", "q"},
        {"{\"action\":\"ack\",\"node\":\"a\",\"id\":\"q\"}", "\"node\" does not go with ack", "q"},
        {"{\"action\":\"resync\",\"id\":\"q\"}", "a node is missing", "q"},
        {"{\"action\":\"resync\",\"node\":\"a b\",\"id\":\"q\"}", "cannot be the name of a node", "q"},
        {"{\"action\":\"failover\",\"force\":\"yes\",\"id\":\"q\"}", "true or false", "q"},
        {"{\"action\":\"failover\",\"force\":1}", "true or false", ""},
        {"{\"action\":\"maintenance\",\"id\":\"q\"}", "on or off is missing", "q"},
        {"{\"action\":\"maintenance\",\"on\":\"on\"}", "true or false", ""},
        {"{\"action\":\"failover\",\"extra\":1,\"id\":\"q\"}", "\"extra\" does not go with failover", "q"},
        {"{\"action\":\"ack\",\"action\":\"failover\"}", "not JSON: duplicate", ""},
        {"{\"action\":\"ack\",\"id\":5}", "\"id\" must be", ""},
        {"{\"action\":\"ack\",\"id\":\"a\\nb\"}", "control character", ""},
        {"{\"action\":\"ack\",\"id\":\"0123456789012345678901234567890123456789012345678901234567890123\"}",
         "at most 63", ""},
        {"{\"action\":\"fail\\u0000over\"}", "not JSON", ""},
        {"{\"action\":[[[[1]]]]}", "deeper than 4", ""},
        {"failover \xff", "UTF-8", ""},
        {"{\"action\":\"\xc0\xaf\"}", "UTF-8", ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct command got;
        memset(&got, 'X', sizeof got);
        struct err err = {0};
        assert_row(rows[i].text, !parse(rows[i].text, &got, &err));
        assert_int_equal(err.kind, ERR_INVALID);
        if (strstr(err.text, rows[i].says) == NULL) {
            fail_msg("\"%s\" is refused by \"%s\", without \"%s\"", rows[i].text, err.text, rows[i].says);
        }
        assert_row_text(rows[i].text, got.id, rows[i].id);
    }
}

static void a_zero_byte_hides_nothing(void **state) {
    (void)state;
    static const char bytes[] = "failover\0 " N;
    struct command got;
    struct err err = {0};
    assert_false(command_parse(bytes, sizeof bytes - 1, &got, &err));
    assert_non_null(strstr(err.text, "UTF-8"));
}

static void size_has_a_limit(void **state) {
    (void)state;
    char text[COMMAND_BYTES_MAX + 2];
    memset(text, ' ', sizeof text);
    memcpy(text, "ack", 3);
    struct command got;
    struct err err = {0};
    assert_true(command_parse(text, COMMAND_BYTES_MAX, &got, &err));
    assert_false(command_parse(text, COMMAND_BYTES_MAX + 1, &got, &err));
    assert_non_null(strstr(err.text, "4096"));
}

static void deep_json_is_not_recursed_into(void **state) {
    (void)state;
    char text[COMMAND_BYTES_MAX];
    memset(text, '[', sizeof text);
    struct command got;
    struct err err = {0};
    assert_false(command_parse(text, sizeof text, &got, &err));
    assert_non_null(strstr(err.text, "deeper"));
    // Brackets inside a text are only text.
    assert_true(parse("{\"action\":\"ack\",\"by\":\"[[[[[[{{{{ \\\" [[[[\"}", &got, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(understood),
        cmocka_unit_test(refused),
        cmocka_unit_test(a_zero_byte_hides_nothing),
        cmocka_unit_test(size_has_a_limit),
        cmocka_unit_test(deep_json_is_not_recursed_into),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
