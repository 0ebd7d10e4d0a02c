#include "common/gtid.h"

#include "unit.h"

#define A "2e11fa47-71ca-11e1-9e33-c80aa9429562"
#define B "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define C "4e11fa47-71ca-11e1-9e33-c80aa9429562"

static struct gtid_set *must_parse(const char *text) {
    struct err err = {0};
    struct gtid_set *set = gtid_parse(text, &err);
    if (set == NULL) {
        fail_msg("\"%s\": %s", text, err.text);
    }
    return set;
}

static void assert_set_text(const char *row, const struct gtid_set *set, const char *wanted) {
    char *text = gtid_text(set);
    assert_row_text(row, text, wanted);
    free(text);
}

// What a MySQL 9.7 server answers to gtid_subtract(text, ''), with its newlines taken out.
static void canonical_text_is_mysqls(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {" \n\t", ""},
        {",,", ""},
        {B ":1", B ":1"},
        {"3E11FA47-71CA-11E1-9E33-C80AA9429562:1", B ":1"},
        {B ":1:2:3", B ":1-3"},
        {B ":7:1-5", B ":1-5:7"},
        {B ":1-5:3-9:4", B ":1-9"},
        {B ":1-5:6-7", B ":1-7"},
        {B ":1-5:7:tag:1-3", B ":1-5:7:tag:1-3"},
        {B ":tag:1-3:5," B ":9," A ":b:1:a:1:1-4:a:7", A ":a:1-4:7:b:1," B ":9:tag:1-3:5"},
        {B ":tag:1," B ":tag:2:4," B ":3", B ":3:tag:1-2:4"},
        {B ":tag:1:tag2:1:tag:2", B ":tag:1-2:tag2:1"},
        {B ":TAG:1", B ":tag:1"},
        {B ":_t9:1", B ":_t9:1"},
        {B ":abcdefghijabcdefghijabcdefghijab:1", B ":abcdefghijabcdefghijabcdefghijab:1"},
        {" " B " : 1 - 3 : 5 ", B ":1-3:5"},
        {B ": tag :1", B ":tag:1"},
        {",," B ":1,,", B ":1"},
        {C ":1,\n" A ":1,\r\n" B ":1", A ":1," B ":1," C ":1"},
        {B ":9223372036854775806", B ":9223372036854775806"},
        {B ":1-9223372036854775806:5", B ":1-9223372036854775806"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gtid_set *set = must_parse(rows[i][0]);
        assert_set_text(rows[i][0], set, rows[i][1]);
        struct gtid_set *again = must_parse(rows[i][1]);
        assert_set_text(rows[i][0], again, rows[i][1]);
        gtid_free(again);
        gtid_free(set);
    }
    struct gtid_set *none = must_parse(NULL);
    assert_true(gtid_empty(none));
    gtid_free(none);
    gtid_free(NULL);
}

static void nonsense_is_refused(void **state) {
    (void)state;
    static const char *const rows[] = {
        "x",
        "1",
        B,
        B ":",
        B ":1:",
        B "::1",
        B ":0",
        B ":0-5",
        B ":5-3",
        B ":5-",
        B ":-5",
        B ":1-2-3",
        B ":9223372036854775807",
        B ":1-9223372036854775807",
        B ":18446744073709551616",
        B ":36893488147419103240",  // as 64 bits: 8
        B ":1-99999999999999999999999999",
        B ":1.5",
        B ":tag",
        B ":tag:",
        B ":1:tag",
        B ":tag:tag:1",
        B ":9t:1",
        B ":ta-g:1",
        B ":abcdefghijabcdefghijabcdefghijabc:1",
        B ":1 " A ":1",
        B ":1;" A ":1",
        "3e11fa47-71ca-11e1-9e33-c80aa942956:1",
        "3e11fa47-71ca-11e1-9e33-c80aa94295621:1",
        "3e11fa47-71ca-11e1-9e33-c80aa942956g:1",
        "3e11fa47071ca-11e1-9e33-c80aa9429562:1",
        "\xff\xfe",
        B ":1,\xc3\xb1",
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {0};
        struct gtid_set *set = gtid_parse(rows[i], &err);
        assert_row(rows[i], set == NULL);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_row(rows[i], strlen(err.text) > 20);
        assert_null(gtid_parse(rows[i], NULL));
    }
}

static void algebra(void **state) {
    (void)state;
    static const struct {
        const char *a, *b, *both, *a_less_b, *common;
    } rows[] = {
        {"", "", "", "", ""},
        {A ":1-5", "", A ":1-5", A ":1-5", ""},
        {"", A ":1-5", A ":1-5", "", ""},
        {A ":1-5", A ":1-5", A ":1-5", "", A ":1-5"},
        {A ":1-10", A ":4-6", A ":1-10", A ":1-3:7-10", A ":4-6"},
        {A ":4-6", A ":1-10", A ":1-10", "", A ":4-6"},
        {A ":1-10", A ":1", A ":1-10", A ":2-10", A ":1"},
        {A ":1-10", A ":10", A ":1-10", A ":1-9", A ":10"},
        {A ":1-3", A ":4-6", A ":1-6", A ":1-3", ""},
        {A ":1-3:7-9:20", A ":2-8:21", A ":1-9:20-21", A ":1:9:20", A ":2-3:7-8"},
        {A ":1-100", A ":2:4:6-8:50-200", A ":1-200", A ":1:3:5:9-49", A ":2:4:6-8:50-100"},
        {A ":1," C ":1", B ":1", A ":1," B ":1," C ":1", A ":1," C ":1", ""},
        {A ":1-3," B ":1-3", B ":2," C ":1", A ":1-3," B ":1-3," C ":1", A ":1-3," B ":1:3", B ":2"},
        {A ":1-3:t:1-3", A ":2:t:3", A ":1-3:t:1-3", A ":1:3:t:1-2", A ":2:t:3"},
        {A ":t:1-3", A ":1-3", A ":1-3:t:1-3", A ":t:1-3", ""}, // a tag is another source
        {A ":1-9223372036854775806", A ":9223372036854775806", A ":1-9223372036854775806", A ":1-9223372036854775805",
         A ":9223372036854775806"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct gtid_set *a = must_parse(rows[i].a);
        struct gtid_set *b = must_parse(rows[i].b);
        struct gtid_set *both = gtid_union(a, b);
        struct gtid_set *less = gtid_subtract(a, b);
        struct gtid_set *common = gtid_intersect(a, b);
        assert_set_text(rows[i].a, both, rows[i].both);
        assert_set_text(rows[i].a, less, rows[i].a_less_b);
        assert_set_text(rows[i].a, common, rows[i].common);
        assert_int_equal(gtid_subset(a, b), rows[i].a_less_b[0] == '\0');
        assert_int_equal(gtid_empty(less), rows[i].a_less_b[0] == '\0');
        assert_true(gtid_subset(a, both) && gtid_subset(b, both) && gtid_subset(common, a) && gtid_subset(common, b));
        gtid_free(a);
        gtid_free(b);
        gtid_free(both);
        gtid_free(less);
        gtid_free(common);
    }
}

static void counts_and_uuids(void **state) {
    (void)state;
    struct gtid_set *set = must_parse(A ":1-5:7:tag:1-3," B ":9");
    assert_true(gtid_count(set) == 10);
    assert_true(gtid_has_uuid(set, A));
    assert_true(gtid_has_uuid(set, "3E11FA47-71CA-11E1-9E33-C80AA9429562"));
    assert_false(gtid_has_uuid(set, C));
    struct gtid_set *only_b = must_parse(B ":9");
    struct gtid_set *rest = gtid_subtract(set, only_b);
    assert_false(gtid_has_uuid(rest, B)); // nothing of it is left
    gtid_free(set);
    gtid_free(only_b);
    gtid_free(rest);
    set = must_parse(A ":1-9223372036854775806," B ":1-9223372036854775806," C ":1-9223372036854775806");
    assert_true(gtid_count(set) == UINT64_MAX); // pinned, not wrapped
    gtid_free(set);
}

struct walk {
    char text[400];
};

static void note(void *arg, const char *uuid, const char *tag, uint64_t first, uint64_t last) {
    struct walk *walk = arg;
    size_t used = strlen(walk->text);
    snprintf(walk->text + used, sizeof walk->text - used, "%.1s/%s/%llu-%llu ", uuid, tag, (unsigned long long)first,
             (unsigned long long)last);
}

static void walks_in_order(void **state) {
    (void)state;
    struct gtid_set *set = must_parse(B ":5:t:8:1-3," A ":2");
    struct walk walk = {""};
    gtid_each(set, note, &walk);
    assert_string_equal(walk.text, "2//2-2 3//5-5 3/t/1-3 3/t/8-8 ");
    gtid_free(set);
}

// ---- against a model: a set as bits --------------------------------------------------------------------------------

#define SOURCES 4
#define NUMBERS 24
static const char *const sources[SOURCES] = {A, A ":t", B ":t", C};

static uint32_t random_state = 12345;
static uint32_t random_next(void) {
    random_state = random_state * 1664525U + 1013904223U;
    return random_state >> 8;
}

// A set in a random order of random, overlapping pieces.
static struct gtid_set *random_set(uint32_t bits[SOURCES]) {
    char text[4096] = "";
    memset(bits, 0, SOURCES * sizeof bits[0]);
    unsigned pieces = random_next() % 12;
    for (unsigned i = 0; i < pieces; i++) {
        unsigned source = random_next() % SOURCES;
        unsigned first = 1 + random_next() % NUMBERS;
        unsigned last = first + random_next() % 6;
        for (unsigned n = first; n <= last; n++) {
            bits[source] |= 1U << n;
        }
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s:%u-%u", i > 0 ? "," : "", sources[source], first, last);
    }
    return must_parse(text);
}

static void to_bits(void *arg, const char *uuid, const char *tag, uint64_t first, uint64_t last) {
    uint32_t *bits = arg;
    char name[80];
    snprintf(name, sizeof name, "%s%s%s", uuid, *tag ? ":" : "", tag);
    for (unsigned source = 0; source < SOURCES; source++) {
        if (strcmp(sources[source], name) == 0) {
            for (uint64_t n = first; n <= last; n++) {
                assert_false(bits[source] & (1U << n)); // no transaction twice
                bits[source] |= 1U << n;
            }
            return;
        }
    }
    fail_msg("a source nobody put in: %s", name);
}

static void assert_bits(struct gtid_set *set, const uint32_t wanted[SOURCES]) {
    uint32_t bits[SOURCES] = {0};
    gtid_each(set, to_bits, bits);
    assert_memory_equal(bits, wanted, sizeof bits);
    char *text = gtid_text(set);
    struct gtid_set *again = must_parse(text);
    assert_set_text(text, again, text);
    free(text);
    gtid_free(again);
    gtid_free(set);
}

static void agrees_with_a_model(void **state) {
    (void)state;
    for (int round = 0; round < 3000; round++) {
        uint32_t a_bits[SOURCES];
        uint32_t b_bits[SOURCES];
        struct gtid_set *a = random_set(a_bits);
        struct gtid_set *b = random_set(b_bits);
        uint32_t both[SOURCES];
        uint32_t less[SOURCES];
        uint32_t common[SOURCES];
        bool subset = true;
        for (unsigned i = 0; i < SOURCES; i++) {
            both[i] = a_bits[i] | b_bits[i];
            less[i] = a_bits[i] & ~b_bits[i];
            common[i] = a_bits[i] & b_bits[i];
            subset = subset && less[i] == 0;
        }
        assert_bits(gtid_union(a, b), both);
        assert_bits(gtid_subtract(a, b), less);
        assert_bits(gtid_intersect(a, b), common);
        assert_int_equal(gtid_subset(a, b), subset);
        gtid_free(a);
        gtid_free(b);
    }
}

static void big_sets_stay_linear(void **state) {
    (void)state;
    size_t gaps = 200000;
    char *text = malloc(gaps * 9 + 64);
    assert_non_null(text);
    size_t used = (size_t)sprintf(text, "%s", A);
    for (size_t i = 0; i < gaps; i++) {
        used += (size_t)sprintf(text + used, ":%zu", i * 2 + 1);
    }
    struct gtid_set *odd = must_parse(text);
    struct gtid_set *all = must_parse(A ":1-400000");
    struct gtid_set *even = gtid_subtract(all, odd);
    assert_true(gtid_count(odd) == gaps && gtid_count(even) == gaps);
    struct gtid_set *whole = gtid_union(even, odd);
    assert_set_text("whole", whole, A ":1-400000");
    gtid_free(odd);
    gtid_free(all);
    gtid_free(even);
    gtid_free(whole);
    free(text);
}

static void endless_texts_are_refused(void **state) {
    (void)state;
    size_t length = (16U << 20) + 1;
    char *text = malloc(length + 1);
    assert_non_null(text);
    memset(text, ',', length);
    text[length] = '\0';
    struct err err = {0};
    assert_null(gtid_parse(text, &err));
    assert_int_equal(err.kind, ERR_INVALID);
    text[length - 1] = '\0';
    struct gtid_set *set = must_parse(text);
    assert_true(gtid_empty(set));
    gtid_free(set);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_text_is_mysqls), cmocka_unit_test(nonsense_is_refused), cmocka_unit_test(algebra),
        cmocka_unit_test(counts_and_uuids), cmocka_unit_test(walks_in_order), cmocka_unit_test(agrees_with_a_model),
        cmocka_unit_test(big_sets_stay_linear), cmocka_unit_test(endless_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
