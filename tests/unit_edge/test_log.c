// The log as a whole: what reaches stderr and the second reader, from one thread and from many.
#include "common/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/unit/unit.h"

#define LINES_MAX 512

struct reader {
    char lines[LINES_MAX][256];
    size_t count;
};

static void read_line(void *arg, const char *line) {
    struct reader *reader = arg;
    assert_true(reader->count < LINES_MAX);
    snprintf(reader->lines[reader->count++], sizeof reader->lines[0], "%.255s", line);
}

static struct reader reader;

static int listen_anew(void **state) {
    (void)state;
    reader.count = 0;
    log_set_sink(read_line, &reader);
    log_open(LANG_EN, LOG_LEVEL_INFO);
    return 0;
}

static int listen_no_more(void **state) {
    (void)state;
    log_set_sink(NULL, NULL);
    return 0;
}

static bool ends(const char *line, const char *wanted) {
    size_t length = strlen(wanted);
    return strlen(line) >= length && strcmp(line + strlen(line) - length, wanted) == 0;
}

static void a_line_has_stamp_level_and_message(void **state) {
    (void)state;
    LOG_WARN(MSG_SERVICE_ENDING, KV("service", "watcher"), KV("reason", "a test"), KV("how", "not at all"));
    assert_int_equal(reader.count, 1);
    const char *line = reader.lines[0];
    assert_true(line[4] == '-' && line[10] == 'T' && line[23] == 'Z');
    assert_string_equal(line + 24, " WARN  watcher ends: a test service=watcher how=\"not at all\"");
}

static void levels_below_are_silent(void **state) {
    (void)state;
    LOG_DEBUG(MSG_SERVICE_STARTING, KV("service", "quiet"));
    assert_int_equal(reader.count, 0);
    log_open(LANG_ES, LOG_LEVEL_DEBUG);
    LOG_DEBUG(MSG_SERVICE_STARTING, KV("service", "loud"));
    assert_int_equal(reader.count, 1);
    assert_true(ends(reader.lines[0], "DEBUG loud arranca service=loud"));
    assert_int_equal(log_lang(), LANG_ES);
}

static void repeats_are_counted(void **state) {
    (void)state;
    for (int i = 0; i < 50; i++) {
        LOG_INFO(MSG_SERVICE_STARTING, KV("service", "same"));
    }
    assert_int_equal(reader.count, 1);
    LOG_INFO(MSG_SERVICE_STARTING, KV("service", "other"));
    assert_int_equal(reader.count, 3);
    assert_true(ends(reader.lines[1], "the line before was repeated 49 times count=49"));
    assert_true(ends(reader.lines[2], "other starts service=other"));
    // Another value is another line.
    LOG_INFO(MSG_SERVICE_STARTING, KV("service", "other"), KVI("ms", 1));
    assert_int_equal(reader.count, 4);
}

static void a_repeat_after_a_second_is_written(void **state) {
    (void)state;
    LOG_INFO(MSG_SERVICE_STARTING, KV("service", "slow"));
    LOG_INFO(MSG_SERVICE_STARTING, KV("service", "slow"));
    int64_t from_ms = clock_mono_ms();
    while (clock_mono_ms() - from_ms <= 1000) {
        usleep(20000); // the second itself is what is tested
    }
    LOG_INFO(MSG_SERVICE_STARTING, KV("service", "slow"));
    assert_int_equal(reader.count, 3);
    assert_true(ends(reader.lines[1], "repeated 1 times count=1"));
}

#define THREADS 4
#define LINES_EACH 100

static void *shout(void *arg) {
    int64_t who = *(const int64_t *)arg;
    for (int64_t i = 0; i < LINES_EACH; i++) {
        LOG_INFO(MSG_SERVICE_STARTING, KV("service", "t"), KVI("who", who), KVI("i", i));
    }
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state) {
    (void)state;
    int kept = dup(STDERR_FILENO); // 400 lines would bury the other tests' results
    int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO);
    close(nowhere);
    pthread_t threads[THREADS];
    int64_t who[THREADS];
    for (int64_t i = 0; i < THREADS; i++) {
        who[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, shout, &who[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    dup2(kept, STDERR_FILENO);
    close(kept);
    assert_int_equal(reader.count, THREADS * LINES_EACH);
    int64_t next[THREADS] = {0};
    for (size_t i = 0; i < reader.count; i++) {
        long long from = -1;
        long long number = -1;
        const char *at = strstr(reader.lines[i], "who=");
        assert_non_null(at);
        assert_int_equal(sscanf(at, "who=%lld i=%lld", &from, &number), 2);
        assert_true(from >= 0 && from < THREADS);
        assert_int_equal(number, next[from]++); // each thread's lines whole and in order
    }
}

// What stderr got is what the second reader got.
static void stderr_gets_the_same(void **state) {
    (void)state;
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    int kept = dup(STDERR_FILENO);
    dup2(pipe_fds[1], STDERR_FILENO);
    LOG_ERROR(MSG_SERVICE_STARTING, KV("service", "x\ny"));
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(pipe_fds[1]);
    char bytes[512] = "";
    ssize_t got = read(pipe_fds[0], bytes, sizeof bytes - 1);
    close(pipe_fds[0]);
    assert_true(got > 1);
    assert_int_equal(bytes[got - 1], '\n');
    bytes[got - 1] = '\0';
    assert_string_equal(bytes, reader.lines[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_has_stamp_level_and_message, listen_anew, listen_no_more),
        cmocka_unit_test_setup_teardown(levels_below_are_silent, listen_anew, listen_no_more),
        cmocka_unit_test_setup_teardown(repeats_are_counted, listen_anew, listen_no_more),
        cmocka_unit_test_setup_teardown(a_repeat_after_a_second_is_written, listen_anew, listen_no_more),
        cmocka_unit_test_setup_teardown(lines_of_threads_do_not_mix, listen_anew, listen_no_more),
        cmocka_unit_test_setup_teardown(stderr_gets_the_same, listen_anew, listen_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
