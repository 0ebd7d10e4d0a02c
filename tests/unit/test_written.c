// watcher/written: what stands in the state hash and is not this watcher's own is told, and nothing else.
#include "watcher/written.h"

#include "common/mem.h"
#include "common/text.h"
#include "unit.h"

enum { MOST = 3 };

static struct state_field *fields_of(const char *const values[MOST]) {
    static const char *const names[MOST] = {"primary", "epoch", "intent"};
    struct state_field *fields = mem_zero(MOST, sizeof *fields);
    for (int i = 0; i < MOST; i++) {
        text_copy(fields[i].name, sizeof fields[i].name, names[i]);
        fields[i].value = values[i] ? mem_text(values[i]) : NULL;
    }
    return fields;
}
#define FIELDS(...) fields_of((const char *const[MOST]){__VA_ARGS__})

static void assert_others(const struct written *written, struct state_field *had, unsigned count, const char *what) {
    char told[200] = "x";
    assert_int_equal(written_by_others(written, had, MOST, told, sizeof told), count);
    assert_string_equal(told, what);
    state_fields_free(had, MOST);
}

static void what_others_wrote_is_told(void **state) {
    (void)state;
    struct written written = {0};
    assert_others(&written, FIELDS("b", "9", "x"), 0, "");  // nothing was written yet
    written_taken(&written, FIELDS("a", "7", ""), MOST);
    assert_others(&written, FIELDS("a", "7", ""), 0, "");
    assert_others(&written, FIELDS("b", "7", ""), 1, "primary: b → a");
    assert_others(&written, FIELDS("b", "99", ""), 2, "primary: b → a; epoch: 99 → 7");
    assert_others(&written, FIELDS(NULL, NULL, NULL), 0, "");  // Redis was emptied
    assert_others(&written, FIELDS("a", "7", "{}"), 0, "");    // the actor's
    written_forget(&written);                                  // Redis was restarted: it may have forgotten
    assert_others(&written, FIELDS("b", "6", ""), 0, "");
    written_forget(&written);
}

static void our_own_that_came_late_is_not(void **state) {
    (void)state;
    struct written written = {0};
    written_taken(&written, FIELDS("a", "7", ""), MOST);
    written_unsure(&written, FIELDS("a", "8", ""), MOST);
    assert_others(&written, FIELDS("a", "8", ""), 0, "");
    written_taken(&written, FIELDS("a", "9", ""), MOST);
    assert_others(&written, FIELDS("a", "8", ""), 0, "");  // after a newer one, even
    assert_others(&written, FIELDS("a", "7", ""), 1, "epoch: 7 → 9");
    for (int i = 0; i < WRITTEN_UNSURE_MAX; i++) {
        written_unsure(&written, FIELDS("c", "10", ""), MOST);
    }
    assert_others(&written, FIELDS("c", "10", ""), 0, "");
    assert_others(&written, FIELDS("a", "8", ""), 1, "epoch: 8 → 9");  // too long ago
    written_forget(&written);
}

static void what_is_long_is_cut(void **state) {
    (void)state;
    struct written written = {0};
    char found[400] = "", told[60], rest[200];
    memset(found, 'x', sizeof found - 1);
    written_taken(&written, FIELDS("a", "7", ""), MOST);
    struct state_field *had = FIELDS(found, found, "");
    assert_int_equal(written_by_others(&written, had, MOST, told, sizeof told), 2);
    assert_true(strlen(told) < sizeof told && strncmp(told, "primary: xxx", 12) == 0);
    assert_int_equal(written_by_others(&written, had, MOST, rest, sizeof rest), 2);
    assert_non_null(strstr(rest, "epoch: xxx"));
    state_fields_free(had, MOST);
    written_forget(&written);
}

static void another_watcher_is_named(void **state) {
    (void)state;
    struct written written = {0};
    struct state_field *mine = mem_zero(1, sizeof *mine), theirs = {.name = "leader", .value = (char *)"w2"};
    text_copy(mine->name, sizeof mine->name, "leader");
    mine->value = mem_text("w1");
    assert_null(written_rival(&written, &theirs, 1));
    written_taken(&written, mine, 1);
    assert_string_equal(written_rival(&written, &theirs, 1), "w2");
    theirs.value = (char *)"w1";
    assert_null(written_rival(&written, &theirs, 1));
    theirs.value = NULL;
    assert_null(written_rival(&written, &theirs, 1));
    written_forget(&written);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_others_wrote_is_told),
        cmocka_unit_test(our_own_that_came_late_is_not),
        cmocka_unit_test(what_is_long_is_cut),
        cmocka_unit_test(another_watcher_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
