#include "common/messages.h"

#include "common/text.h"
#include "unit.h"

static const char *render(enum msg msg, enum lang lang, const struct kv *values) {
    static char out[256];
    return msg_render(msg, lang, values, out, sizeof out);
}

static void renders_both_languages(void **state) {
    (void)state;
    const struct kv *values = KVS(KV("service", "watcher"), KV("reason", "SIGTERM"));
    assert_string_equal(render(MSG_SERVICE_ENDING, LANG_ES, values), "watcher termina: SIGTERM");
    assert_string_equal(render(MSG_SERVICE_ENDING, LANG_EN, values), "watcher ends: SIGTERM");
    assert_string_equal(render(MSG_LOG_REPEATED, LANG_EN, KVS(KVI("count", -3))), "the line before was repeated -3 times");
    assert_string_equal(render(MSG_NONE, LANG_EN, values), "");
    assert_string_equal(render((enum msg)99999, LANG_EN, values), "");
}

static void values_are_never_templates(void **state) {
    (void)state;
    const struct kv *values = KVS(KV("service", "{reason}"), KV("reason", "%s%n{service}"));
    assert_string_equal(render(MSG_SERVICE_ENDING, LANG_EN, values), "{reason} ends: %s%n{service}");
}

static void unknown_names_stay(void **state) {
    (void)state;
    assert_string_equal(render(MSG_SERVICE_ENDING, LANG_EN, NULL), "{service} ends: {reason}");
    assert_string_equal(render(MSG_SERVICE_ENDING, LANG_EN, KVS(KV("reason", NULL))), "{service} ends: ");
}

static void long_values_are_cut_whole(void **state) {
    (void)state;
    for (size_t size = 1; size < 24; size++) {
        char out[32];
        memset(out, 'X', sizeof out);
        msg_render(MSG_SERVICE_STARTING, LANG_EN, KVS(KV("service", "ñ€😀ñ€😀")), out, size);
        assert_true(strlen(out) < size);
        assert_true(text_is_utf8(out, strlen(out)));
        assert_int_equal(out[size], 'X');
    }
    assert_string_equal(msg_render(MSG_SERVICE_STARTING, LANG_EN, NULL, NULL, 0), "");
}

static void knows_what_it_says(void **state) {
    (void)state;
    assert_true(msg_says(MSG_SERVICE_ENDING, LANG_ES, "reason"));
    assert_true(msg_says(MSG_SERVICE_ENDING, LANG_EN, "service"));
    assert_false(msg_says(MSG_SERVICE_ENDING, LANG_EN, "serv"));
    assert_false(msg_says(MSG_SERVICE_ENDING, LANG_EN, "services"));
    assert_false(msg_says(MSG_SERVICE_ENDING, LANG_EN, ""));
    assert_false(msg_says(MSG_NONE, LANG_EN, "service"));
}

static void names_parse_back(void **state) {
    (void)state;
    for (unsigned i = 0; i < MSG_COUNT; i++) {
        assert_row(msg_name((enum msg)i), msg_parse(msg_name((enum msg)i)) == (enum msg)i);
    }
    assert_int_equal(msg_parse("MSG_NO_SUCH"), MSG_NONE);
    assert_int_equal(msg_parse(NULL), MSG_NONE);
    assert_int_equal(msg_parse(""), MSG_NONE);
}

static int by_name(const void *a, const void *b) {
    return strcmp(a, b);
}

// The value names of a text in the order of the alphabet, by commas.
static void names_in(const char *text, char out[512]) {
    char names[16][48];
    size_t count = 0;
    for (const char *at = strchr(text, '{'); at != NULL; at = strchr(at + 1, '{')) {
        const char *end = strchr(at, '}');
        if (end == NULL || count == COUNT_OF(names)) {
            fail_msg("an open brace in \"%s\"", text);
        }
        text_format(names[count], sizeof names[count], "%.*s", (int)(end - at - 1), at + 1);
        bool known = false;
        for (size_t i = 0; i < count; i++) {
            known = known || strcmp(names[i], names[count]) == 0;
        }
        count += known ? 0 : 1;
    }
    qsort(names, count, sizeof names[0], by_name);
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(out);
        text_format(out + used, 512 - used, "%s,", names[i]);
    }
}

// A translation that forgets a value, or misspells its name, is found here and not in an incident.
static void both_languages_name_the_same_values(void **state) {
    (void)state;
    static const struct {
        const char *id, *es, *en;
    } rows[] = {
#define M(id, es, en) {#id, es, en},
#include "common/messages_common.def"
#include "common/messages_dashboard.def"
#include "common/messages_resync.def"
#include "common/messages_watcher.def"
#undef M
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char es[512];
        char en[512];
        names_in(rows[i].es, es);
        names_in(rows[i].en, en);
        assert_row_text(rows[i].id, es, en);
        assert_row(rows[i].id, rows[i].es[0] != '\0' && rows[i].en[0] != '\0');
        assert_row(rows[i].id, text_is_utf8(rows[i].es, strlen(rows[i].es)));
        assert_row(rows[i].id, strlen(rows[i].es) < 400 && strlen(rows[i].en) < 400);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_both_languages),    cmocka_unit_test(values_are_never_templates),
        cmocka_unit_test(unknown_names_stay),        cmocka_unit_test(long_values_are_cut_whole),
        cmocka_unit_test(knows_what_it_says),        cmocka_unit_test(names_parse_back),          cmocka_unit_test(both_languages_name_the_same_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
