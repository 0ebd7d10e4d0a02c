#include "common/text.h"

#include "unit.h"

static void copy_is_bounded_and_whole_characters(void **state) {
    (void)state;
    static const struct {
        const char *src;
        size_t size;
        const char *wanted;
        bool fits;
    } rows[] = {
        {"abc", 4, "abc", true}, {"abcd", 4, "abc", false}, {"", 1, "", true},        {NULL, 4, "", true},
        {"añb", 5, "añb", true}, {"añb", 4, "añ", false},   {"añb", 3, "a", false},   {"ñ", 2, "", false},
        {"€uro", 4, "€", false}, {"€uro", 3, "", false},    {"😀x", 5, "😀", false}, {"😀x", 4, "", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char out[16];
        memset(out, 'X', sizeof out);
        const char *row = rows[i].src ? rows[i].src : "NULL";
        assert_row(row, text_copy(out, rows[i].size, rows[i].src) == rows[i].fits);
        assert_row_text(row, out, rows[i].wanted);
        assert_row(row, out[rows[i].size] == 'X');
    }
    char untouched = 'X';
    assert_false(text_copy(&untouched, 0, "a"));
    assert_int_equal(untouched, 'X');
}

static void format_is_bounded_and_whole_characters(void **state) {
    (void)state;
    char out[8];
    assert_true(text_format(out, sizeof out, "%s-%d", "ab", 12));
    assert_string_equal(out, "ab-12");
    assert_false(text_format(out, sizeof out, "%s", "12345678"));
    assert_string_equal(out, "1234567");
    assert_false(text_format(out, sizeof out, "%s", "123456€"));
    assert_string_equal(out, "123456");
    assert_true(text_format(out, sizeof out, "%s", "1234€"));
    assert_string_equal(out, "1234€");
}

static void copies_may_overlap(void **state) {
    (void)state;
    char text[] = "xxabc";
    assert_true(text_copy(text, sizeof text, text + 2));
    assert_string_equal(text, "abc");
}

static void unsigned_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
    } rows[] = {
        {"0", true, 0},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"99999999999999999999", false, 0},
        {"007", true, 7},
        {"", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"+1", false, 0},
        {"-1", false, 0},
        {"1e3", false, 0},
        {"0x10", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t value = 77;
        assert_row(rows[i].text, text_to_u64(rows[i].text, &value) == rows[i].ok);
        assert_row(rows[i].text, value == (rows[i].ok ? rows[i].value : 77));
    }
    uint64_t value = 77;
    assert_false(text_to_u64(NULL, &value));
}

static void signed_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } rows[] = {
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775809", false, 0},
        {"-5", true, -5},
        {"-", false, 0},
        {"--5", false, 0},
        {"", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t value = 77;
        assert_row(rows[i].text, text_to_i64(rows[i].text, &value) == rows[i].ok);
        assert_row(rows[i].text, value == (rows[i].ok ? rows[i].value : 77));
    }
}

static void equal_knows_null(void **state) {
    (void)state;
    assert_true(text_equal("a", "a"));
    assert_false(text_equal("a", "b"));
    assert_false(text_equal("a", NULL));
    assert_false(text_equal(NULL, ""));
    assert_true(text_equal(NULL, NULL));
}

static void utf8(void **state) {
    (void)state;
    static const struct {
        const char *name, *bytes;
        size_t length;
        bool ok;
        const char *clean;
    } rows[] = {
        {"ascii", "abc", 3, true, "abc"},
        {"empty", "", 0, true, ""},
        {"two to four bytes", "ñ€😀", 9, true, "ñ€😀"},
        {"last code point", "\xF4\x8F\xBF\xBF", 4, true, "\xF4\x8F\xBF\xBF"},
        {"above the last", "\xF4\x90\x80\x80", 4, false, "????"},
        {"overlong slash", "\xC0\xAF", 2, false, "??"},
        {"overlong in three", "\xE0\x80\xAF", 3, false, "???"},
        {"overlong in four", "\xF0\x80\x80\xAF", 4, false, "????"},
        {"surrogate", "\xED\xA0\x80", 3, false, "???"},
        {"lone continuation", "a\x80", 2, false, "a?"},
        {"cut short", "a\xE2\x82", 3, false, "a??"},
        {"lead without rest", "\xC3(", 2, false, "?("},
        {"never a byte", "\xFE", 1, false, "?"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_row(rows[i].name, text_is_utf8(rows[i].bytes, rows[i].length) == rows[i].ok);
        char clean[16];
        memcpy(clean, rows[i].bytes, rows[i].length);
        clean[rows[i].length] = '\0';
        text_clean_utf8(clean);
        assert_row_text(rows[i].name, clean, rows[i].clean);
        assert_row(rows[i].name, text_is_utf8(clean, strlen(clean)));
    }
    assert_false(text_is_utf8("a\0b", 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copy_is_bounded_and_whole_characters),
        cmocka_unit_test(format_is_bounded_and_whole_characters),
        cmocka_unit_test(copies_may_overlap),
        cmocka_unit_test(unsigned_numbers),
        cmocka_unit_test(signed_numbers),
        cmocka_unit_test(equal_knows_null),
        cmocka_unit_test(utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
