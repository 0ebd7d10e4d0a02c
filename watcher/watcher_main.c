#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/mysql_port.h"
#include "common/start.h"
#include "common/text.h"
#include "watcher/recorder.h"
#include "watcher/replay.h"
#include "watcher/watcher.h"

enum { HISTORY_MOST_BYTES = 3 << 20 };  // and as much again in the predecessor

static void say(void *arg, const char *line) {
    (void)arg;
    puts(line);
}

static enum lang lang_of_environment(void) {
    return text_equal(getenv("RELEVO_LANG"), "en") ? LANG_EN : LANG_ES;
}

static int replay_file(const char *path) {
    FILE *file = strcmp(path, "-") == 0 ? fdopen(dup(STDIN_FILENO), "re") : fopen(path, "re");
    if (!file) {
        perror(path);
        return EXIT_FAILURE;
    }
    struct replay *replay = replay_new(lang_of_environment(), say, NULL);
    struct err err = {0};
    char *line = NULL;
    size_t size = 0;
    unsigned number = 0;
    bool ok = true;
    for (ssize_t length; ok && (length = getline(&line, &size, file)) > 0;) {
        number++;
        bool blank = line[strspn(line, " \t\r\n")] == '\0';
        bool torn = line[length - 1] != '\n';  // the file was copied while it was written
        ok = blank || *line == '#' || replay_line(replay, line, (size_t)length, &err) || torn;
        if (ok && err.kind != ERR_NONE) {
            fprintf(stderr, "%s, line %u is cut off and left out: %s\n", path, number, err.text);
        }
    }
    if (!ok) {
        fprintf(stderr, "%s, line %u: %s\n", path, number, err.text);
    }
    free(line);
    replay_free(replay);
    (void)fclose(file);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool print_file(const char *path) {
    FILE *file = fopen(path, "re");
    if (!file) {
        return false;
    }
    char buffer[8192];
    size_t got = 0;
    do {
        got = fread(buffer, 1, sizeof buffer, file);
        (void)fwrite(buffer, 1, got, stdout);
    } while (got == sizeof buffer);
    (void)fclose(file);
    return true;
}

// What the running watcher keeps: the older part first.
static int print_history(void) {
    bool older = print_file(RECORDER_PATH ".1"), newer = print_file(RECORDER_PATH);
    if (!older && !newer) {
        fprintf(stderr, "no history in %s: the watcher does not run here\n", RECORDER_PATH);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--replay") == 0) {
        return replay_file(argv[2]);
    }
    if (argc == 2 && strcmp(argv[1], "--history") == 0) {
        return print_history();
    }
    struct settings settings;
    int exit_code = 0;
    if (!service_start(SERVICE_WATCHER, argc, argv, &settings, &exit_code)) {
        return exit_code;
    }
    db_trust(settings.tls_ca);
    struct loop *loop = loop_new();
    if (!loop) {
        LOG_ERROR(MSG_LOOP_FAILED);
        return 71;  // EX_OSERR
    }
    struct watcher *watcher = watcher_start(&settings, loop);
    struct recorder *recorder = recorder_open(RECORDER_PATH, HISTORY_MOST_BYTES);
    watcher_record(watcher, recorder);
    (void)loop_run(loop);
    LOG_INFO(MSG_WATCHER_STOPPING);
    watcher_stop(watcher);
    recorder_close(recorder);
    loop_free(loop);
    return 0;
}
