#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log_line.h"
#include "text.h"

#define REPEAT_MS 1000

static struct {
    pthread_mutex_t lock;  // guards everything below but lang and least, which log_open() sets before any thread starts
    enum lang lang;
    enum log_level least;
    log_sink_fn *sink;
    void *sink_arg;
    char last[LOG_LINE_SIZE];  // without its stamp
    enum log_level last_level;
    int64_t last_ms;  // monotonic time at which it was written
    unsigned repeats;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .lang = LANG_ES, .least = LOG_LEVEL_INFO};

static const char *level_name(enum log_level level) {
    switch (level) {
        case LOG_LEVEL_DEBUG:
            return "DEBUG";
        case LOG_LEVEL_INFO:
            return "INFO";
        case LOG_LEVEL_WARN:
            return "WARN";
        case LOG_LEVEL_ERROR:
            return "ERROR";
    }
    return "?";
}

void log_open(enum lang lang, enum log_level least) {
    state.lang = lang;
    state.least = least;
}

enum lang log_lang(void) {
    return state.lang;
}

// With the lock held. One write() per line, so that lines of several processes on one terminal do not mix.
static void emit(enum log_level level, const char *message, const struct kv *values) {
    char stamp[32];
    clock_iso8601(clock_wall_ms(), stamp);
    char line[LOG_LINE_SIZE];
    log_line(line, sizeof line - 1, stamp, level_name(level), message, values);
    if (state.sink != NULL) {
        state.sink(state.sink_arg, line);
    }
    size_t length = strlen(line);
    line[length++] = '\n';
    size_t done = 0;
    while (done < length) {
        ssize_t written = write(STDERR_FILENO, line + done, length - done);
        if (written < 0 && errno != EINTR) {
            return;  // there is no other place to complain
        }
        done += written > 0 ? (size_t)written : 0;
    }
}

static void emit_repeats(void) {
    if (state.repeats == 0) {
        return;
    }
    const struct kv *values = KVS(KVI("count", state.repeats));
    char message[256];
    state.repeats = 0;
    emit(state.last_level, msg_render(MSG_LOG_REPEATED, state.lang, values, message, sizeof message), values);
}

#define VALUES_MAX 32

// Prose that the sentence already says is not said twice on the line; names and numbers are, for programs.
static void without_prose(enum msg msg, const struct kv *values, struct kv out[VALUES_MAX + 1]) {
    size_t count = 0;
    for (const struct kv *value = values; value != NULL && value->key != NULL && count < VALUES_MAX; value++) {
        bool prose = value->text != NULL && strchr(value->text, ' ') != NULL;
        if (!prose || !msg_says(msg, state.lang, value->key)) {
            out[count++] = *value;
        }
    }
    out[count] = (struct kv){0};
}

void log_say(enum log_level level, enum msg msg, const struct kv *values) {
    if (level < state.least) {
        return;
    }
    int saved_errno = errno;
    char message[LOG_LINE_SIZE];
    msg_render(msg, state.lang, values, message, sizeof message);
    struct kv shown[VALUES_MAX + 1];
    without_prose(msg, values, shown);
    char bare[LOG_LINE_SIZE];
    log_line(bare, sizeof bare, "", level_name(level), message, shown);

    pthread_mutex_lock(&state.lock);
    int64_t now_ms = clock_mono_ms();
    if (strcmp(bare, state.last) == 0 && now_ms - state.last_ms < REPEAT_MS) {
        state.repeats++;
    } else {
        emit_repeats();
        emit(level, message, shown);
        text_copy(state.last, sizeof state.last, bare);
        state.last_level = level;
        state.last_ms = now_ms;
    }
    pthread_mutex_unlock(&state.lock);
    errno = saved_errno;
}

void log_set_sink(log_sink_fn *sink, void *arg) {
    pthread_mutex_lock(&state.lock);
    state.sink = sink;
    state.sink_arg = arg;
    pthread_mutex_unlock(&state.lock);
}
