#include "common/log_line.h"

#include "common/text.h"
#include "unit.h"

#define STAMP "2026-03-01T12:00:00.123Z"

static void lines_are_for_people_first(void **state) {
    (void)state;
    char out[LOG_LINE_SIZE];
    log_line(out, sizeof out, STAMP, "INFO", "mysql-replica es primario", KVS(KV("node", "mysql-replica"), KVI("ms", 21)));
    assert_string_equal(out, STAMP " INFO  mysql-replica es primario node=mysql-replica ms=21");
    log_line(out, sizeof out, STAMP, "ERROR", "x", NULL);
    assert_string_equal(out, STAMP " ERROR x");
}

static void values_are_quoted_when_a_program_could_misread_them(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"plain", "plain"},
        {"2e11:1-5", "2e11:1-5"},
        {"ñandú", "ñandú"},
        {"", "\"\""},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"a\nb", "\"a\\nb\""},
        {"a\r\tb", "\"a\\r\\tb\""},
        {"\x1b[31mred", "\"\\u001b[31mred\""},
        {"\x7f", "\"\\u007f\""},
        {"\xc2\x9b" "31m", "\"\\u009b31m\""}, // C1: a CSI to some terminals
        {"\xff" "a", "\"\\xffa\""},
        {"a\xe2\x82", "\"a\\xe2\\x82\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[256];
        char wanted[256];
        log_line(out, sizeof out, "T", "INFO", "m", KVS(KV("k", rows[i][0])));
        text_format(wanted, sizeof wanted, "T INFO  m k=%s", rows[i][1]);
        assert_row_text(rows[i][1], out, wanted);
    }
}

static void a_message_cannot_forge_a_line(void **state) {
    (void)state;
    char out[256];
    log_line(out, sizeof out, "T", "WARN", "bad\nT ERROR forged \x1b]0;title\x07", KVS(KV("k\nx", "v")));
    assert_string_equal(out, "T WARN  bad\\nT ERROR forged \\u001b]0;title\\u0007 k\\nx=v");
}

static void long_lines_end_in_an_ellipsis(void **state) {
    (void)state;
    char value[3000];
    for (size_t size = 8; size < 80; size++) {
        memset(value, 'a', sizeof value);
        memcpy(value + 10, "ñ€\n😀\"", 11);
        value[sizeof value - 1] = '\0';
        char out[128];
        memset(out, 'X', sizeof out);
        log_line(out, size, "T", "INFO", "message", KVS(KV("k", value)));
        assert_true(strlen(out) < size);
        assert_int_equal(out[size], 'X');
        assert_string_equal(out + strlen(out) - 3, "…");
        assert_true(text_is_utf8(out, strlen(out)));
    }
    char tiny[4] = "abc";
    log_line(tiny, sizeof tiny, "T", "INFO", "message", NULL);
    assert_string_equal(tiny, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_for_people_first),
        cmocka_unit_test(values_are_quoted_when_a_program_could_misread_them),
        cmocka_unit_test(a_message_cannot_forge_a_line),
        cmocka_unit_test(long_lines_end_in_an_ellipsis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
