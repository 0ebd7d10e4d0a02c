#include "resync/hints.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "common/command.h"
#include "common/mem.h"
#include "common/store_port.h"

enum {
    LISTEN_MS = 500,      // how long the end of the service may wait for this thread
    COMMANDS_KEPT = 100,  // more than people type while we look away: the rest is dropped
};

struct command_bytes {
    STAILQ_ENTRY(command_bytes) next;
    char *bytes;
    size_t length_bytes;
};

struct hints {
    pthread_t thread;
    atomic_bool stop;
    struct store *store;  // the thread's alone
    pthread_mutex_t lock;
    STAILQ_HEAD(, command_bytes) commands;
    unsigned count;
    void (*wake)(void *arg);
    void *arg;
};

// What is longer than a command may be is the watcher's to refuse: here it would only pile up.
static void keep_command(struct hints *hints, char *bytes, size_t length_bytes) {
    pthread_mutex_lock(&hints->lock);
    if (hints->count < COMMANDS_KEPT && length_bytes <= COMMAND_BYTES_MAX) {
        struct command_bytes *command = mem_zero(1, sizeof *command);
        command->bytes = TAKE(bytes);
        command->length_bytes = length_bytes;
        STAILQ_INSERT_TAIL(&hints->commands, command, next);
        hints->count++;
    }
    pthread_mutex_unlock(&hints->lock);
    free(bytes);
}

static void *run(void *arg) {
    struct hints *hints = arg;
    static const enum store_channel channels[] = {STORE_COMMANDS, STORE_JOBS, STORE_STATE};
    bool lost = false;
    while (!atomic_load(&hints->stop)) {
        enum store_channel channel = STORE_STATE;
        char *bytes = NULL;
        size_t length_bytes = 0;
        struct err err = {0};
        if (!store_listen(hints->store, channels, 3, LISTEN_MS, &channel, &bytes, &length_bytes, &err)) {
            lost = true;
            continue;
        }
        if (bytes && channel == STORE_COMMANDS) {
            keep_command(hints, TAKE(bytes), length_bytes);
            hints->wake(hints->arg);
        } else if (bytes || lost) {
            hints->wake(hints->arg);
        }
        lost = false;
        free(bytes);
    }
    return NULL;
}

struct hints *hints_start(const struct settings *settings, void (*wake)(void *arg), void *arg) {
    struct hints *hints = mem_zero(1, sizeof *hints);
    hints->wake = wake;
    hints->arg = arg;
    STAILQ_INIT(&hints->commands);
    pthread_mutex_init(&hints->lock, NULL);
    hints->store = store_open(settings, SERVICE_RESYNC);
    if (pthread_create(&hints->thread, NULL, run, hints) != 0) {
        mem_no_thread();
    }
    return hints;
}

char *hints_take(struct hints *hints, size_t *ret_length_bytes) {
    char *bytes = NULL;
    pthread_mutex_lock(&hints->lock);
    struct command_bytes *command = STAILQ_FIRST(&hints->commands);
    if (command) {
        STAILQ_REMOVE_HEAD(&hints->commands, next);
        hints->count--;
        bytes = TAKE(command->bytes);
        *ret_length_bytes = command->length_bytes;
        free(command);
    }
    pthread_mutex_unlock(&hints->lock);
    return bytes;
}

void hints_stop(struct hints *hints) {
    if (!hints) {
        return;
    }
    atomic_store(&hints->stop, true);
    pthread_join(hints->thread, NULL);
    size_t length_bytes;
    for (char *bytes; (bytes = hints_take(hints, &length_bytes)) != NULL;) {
        free(bytes);
    }
    store_close(hints->store);
    pthread_mutex_destroy(&hints->lock);
    free(hints);
}
