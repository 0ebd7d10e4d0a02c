#include "watcher/inbox.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/command.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/store_port.h"

enum { WAITING_MAX = 100, LISTEN_MS = 500 };

struct inbox {
    struct loop *loop;
    struct store *store;  // belongs to the thread
    pthread_t thread;
    atomic_bool stopping;
    pthread_mutex_t lock;
    char *waiting[WAITING_MAX];
    size_t lengths[WAITING_MAX];
    size_t first, count;
};

static void keep(struct inbox *inbox, char *bytes, size_t length_bytes) {
    if (length_bytes > COMMAND_BYTES_MAX) {  // refused by its length alone: a hundred huge ones must not pile up
        free(bytes);
        bytes = mem_text("");
    }
    pthread_mutex_lock(&inbox->lock);
    bool room = inbox->count < WAITING_MAX;
    if (room) {
        size_t slot = (inbox->first + inbox->count++) % WAITING_MAX;
        inbox->waiting[slot] = bytes;
        inbox->lengths[slot] = length_bytes;
    }
    pthread_mutex_unlock(&inbox->lock);
    if (room) {
        loop_wake(inbox->loop);
        return;
    }
    free(bytes);
    LOG_WARN(MSG_INBOX_FULL, KVI("limit", WAITING_MAX));
}

static void *run(void *arg) {
    struct inbox *inbox = arg;
    const enum store_channel channels[] = {STORE_COMMANDS};
    while (!atomic_load(&inbox->stopping)) {
        enum store_channel channel;
        char *bytes = NULL;
        size_t length_bytes = 0;
        struct err err = {0};
        if (store_listen(inbox->store, channels, 1, LISTEN_MS, &channel, &bytes, &length_bytes, &err) && bytes) {
            keep(inbox, bytes, length_bytes);
        }
    }
    return NULL;
}

struct inbox *inbox_start(const struct settings *settings, struct loop *loop) {
    struct inbox *inbox = mem_zero(1, sizeof *inbox);
    inbox->loop = loop;
    inbox->store = store_open(settings, SERVICE_WATCHER);
    pthread_mutex_init(&inbox->lock, NULL);
    if (pthread_create(&inbox->thread, NULL, run, inbox) != 0) {
        mem_no_thread();
    }
    return inbox;
}

void inbox_stop(struct inbox *inbox) {
    if (!inbox) {
        return;
    }
    atomic_store(&inbox->stopping, true);
    pthread_join(inbox->thread, NULL);
    store_close(inbox->store);
    size_t length_bytes;
    for (char *left; (left = inbox_take(inbox, &length_bytes)) != NULL;) {
        free(left);
    }
    pthread_mutex_destroy(&inbox->lock);
    free(inbox);
}

char *inbox_take(struct inbox *inbox, size_t *ret_length) {
    pthread_mutex_lock(&inbox->lock);
    char *bytes = NULL;
    if (inbox->count > 0) {
        bytes = inbox->waiting[inbox->first];
        *ret_length = inbox->lengths[inbox->first];
        inbox->first = (inbox->first + 1) % WAITING_MAX;
        inbox->count--;
    }
    pthread_mutex_unlock(&inbox->lock);
    return bytes;
}
