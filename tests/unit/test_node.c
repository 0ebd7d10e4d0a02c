#include "common/node.h"

#include "unit.h"

// Every word of a list parses back to itself; nothing else does.
#define WORDS_TEST(type, COUNT)                                             \
    static void type##_words(void **state) {                                \
        (void)state;                                                        \
        for (unsigned i = 0; i < (COUNT); i++) {                            \
            enum type value = (enum type)((i + 1) % (COUNT));               \
            const char *name = type##_name((enum type)i);                   \
            assert_row(name, type##_parse(name, &value));                   \
            assert_int_equal(value, i);                                     \
            for (unsigned j = 0; j < i; j++) {                              \
                assert_string_not_equal(name, type##_name((enum type)j));   \
            }                                                               \
        }                                                                   \
        enum type untouched = (enum type)1;                                 \
        assert_false(type##_parse("", &untouched));                         \
        assert_false(type##_parse(NULL, &untouched));                       \
        assert_false(type##_parse("no such word", &untouched));             \
        assert_false(type##_parse("?", &untouched));                        \
        assert_int_equal(untouched, 1);                                     \
        assert_string_equal(type##_name((enum type)9999), "?");             \
    }
WORDS_TEST(probe_outcome, PROBE_OUTCOME_COUNT)
WORDS_TEST(phase, PHASE_COUNT)
WORDS_TEST(node_role, NODE_ROLE_COUNT)
WORDS_TEST(thread_state, THREAD_STATE_COUNT)
WORDS_TEST(job_rung, JOB_RUNG_COUNT)
WORDS_TEST(job_phase, JOB_PHASE_COUNT)
WORDS_TEST(replication_mode, REPLICATION_MODE_COUNT)
WORDS_TEST(service, SERVICE_COUNT)
WORDS_TEST(severity, SEVERITY_COUNT)
WORDS_TEST(event_type, EVENT_TYPE_COUNT)

// The column that holds it is VARCHAR(20).
static void event_types_fit_their_column(void **state) {
    (void)state;
    static const enum event_type rows[] = {EVENT_FAILOVER, EVENT_SWITCHOVER, EVENT_RECOVERY, EVENT_RESYNC};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_row(event_type_name(rows[i]), strlen(event_type_name(rows[i])) <= 20);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probe_outcome_words), cmocka_unit_test(phase_words), cmocka_unit_test(node_role_words),
        cmocka_unit_test(thread_state_words), cmocka_unit_test(job_rung_words), cmocka_unit_test(job_phase_words),
        cmocka_unit_test(replication_mode_words), cmocka_unit_test(service_words), cmocka_unit_test(severity_words),
        cmocka_unit_test(event_type_words), cmocka_unit_test(event_types_fit_their_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
