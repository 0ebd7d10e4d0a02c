// The start of a service: options, exit codes, the sign of life. Needs /tmp/relevo-alive for itself.
#include "common/start.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/unit/unit.h"

#define ALIVE "/tmp/relevo-alive"

// What one start prints, on both streams.
static struct settings settings;
static char printed[16384];

static bool start(const char *option, const char *second, int *ret_exit) {
    char name[] = "watcher";
    char *argv[] = {name, (char *)option, (char *)second, NULL};
    int argc = option == NULL ? 1 : second == NULL ? 2 : 3;
    char path[] = "/tmp/relevo-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unlink(path);
    fflush(stdout);
    int kept_out = dup(STDOUT_FILENO);
    int kept_err = dup(STDERR_FILENO);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    bool go = service_start(SERVICE_WATCHER, argc, argv, &settings, ret_exit);
    fflush(stdout);
    dup2(kept_out, STDOUT_FILENO);
    dup2(kept_err, STDERR_FILENO);
    close(kept_out);
    close(kept_err);
    ssize_t got = pread(fd, printed, sizeof printed - 1, 0);
    assert_true(got >= 0);
    printed[got] = '\0';
    close(fd);
    return go;
}

static int good_environment(void **state) {
    (void)state;
    setenv("RELEVO_CONTROL_PASSWORD", "c0ntrol", 1);
    setenv("RELEVO_EVENTS_PASSWORD", "3vents", 1);
    setenv("RELEVO_REPL_PASSWORD", "r3pl", 1);
    setenv("RELEVO_REDIS_PASSWORD", "r3dis", 1);
    setenv("RELEVO_LANG", "en", 1);
    unsetenv("RELEVO_MODE");
    return 0;
}

static unsigned lines_printed(void) {
    unsigned count = 0;
    for (const char *at = printed; *at != '\0'; at++) {
        count += *at == '\n';
    }
    return count;
}

static void runs_with_good_settings(void **state) {
    (void)state;
    int exit_code = 99;
    service_alive_touch();
    assert_true(start(NULL, NULL, &exit_code));
    assert_string_equal(settings.cluster, "appdb");
    assert_int_equal(lines_printed(), 1);
    assert_non_null(strstr(printed, "watcher starts"));
    assert_int_equal(access(ALIVE, F_OK), -1); // an earlier run's sign of life is gone
}

static void refuses_bad_settings_with_one_line(void **state) {
    (void)state;
    static const char *const langs[][2] = {{"en", "invalid configuration: "}, {"es", "configuración no válida: "}};
    setenv("RELEVO_MODE", "perhaps", 1);
    for (size_t i = 0; i < COUNT_OF(langs); i++) {
        setenv("RELEVO_LANG", langs[i][0], 1);
        int exit_code = 99;
        assert_false(start(NULL, NULL, &exit_code));
        assert_int_equal(exit_code, EXIT_SETTINGS);
        assert_int_equal(lines_printed(), 1);
        assert_non_null(strstr(printed, langs[i][1]));
        assert_non_null(strstr(printed, "RELEVO_MODE=perhaps is not allowed: async or lossless"));
    }
    int exit_code = 99;
    assert_false(start("--check", NULL, &exit_code));
    assert_int_equal(exit_code, EXIT_SETTINGS);
}

static void check_prints_and_leaves(void **state) {
    (void)state;
    int exit_code = 99;
    assert_false(start("--check", NULL, &exit_code));
    assert_int_equal(exit_code, 0);
    assert_non_null(strstr(printed, "configuration OK"));
    assert_null(strstr(printed, "c0ntrol"));
}

static void help_and_nonsense(void **state) {
    (void)state;
    int exit_code = 99;
    assert_false(start("--help", NULL, &exit_code));
    assert_int_equal(exit_code, 0);
    assert_non_null(strstr(printed, "usage: watcher"));
    assert_false(start("--verbose", NULL, &exit_code));
    assert_int_equal(exit_code, EXIT_USAGE);
    assert_non_null(strstr(printed, "unknown option --verbose"));
    assert_false(start("--check", "--really", &exit_code));
    assert_int_equal(exit_code, EXIT_USAGE);
}

static void touched(int64_t ago_ms) {
    int64_t at_ms = clock_wall_ms() - ago_ms;
    struct timespec at = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};
    const struct timespec times[2] = {at, at};
    assert_int_equal(utimensat(AT_FDCWD, ALIVE, times, 0), 0);
}

static void health_is_a_recent_sign_of_life(void **state) {
    (void)state;
    int exit_code = 99;
    unlink(ALIVE);
    assert_false(start("--health", NULL, &exit_code));
    assert_int_equal(exit_code, 1);
    service_alive_touch();
    assert_false(start("--health", NULL, &exit_code));
    assert_int_equal(exit_code, 0);
    touched(9000);
    assert_false(start("--health", NULL, &exit_code));
    assert_int_equal(exit_code, 0);
    touched(11000);
    assert_false(start("--health", NULL, &exit_code));
    assert_int_equal(exit_code, 1);
    touched(-60000); // the clock was set back: it says nothing
    assert_false(start("--health", NULL, &exit_code));
    assert_int_equal(exit_code, 1);
    service_alive_touch();
    assert_false(start("--health", NULL, &exit_code));
    assert_int_equal(exit_code, 0);
    unlink(ALIVE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(runs_with_good_settings, good_environment),
        cmocka_unit_test_setup(refuses_bad_settings_with_one_line, good_environment),
        cmocka_unit_test_setup(check_prints_and_leaves, good_environment),
        cmocka_unit_test_setup(help_and_nonsense, good_environment),
        cmocka_unit_test_setup(health_is_a_recent_sign_of_life, good_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
