#include "lookup.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "mem.h"
#include "text.h"

struct lookup {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int holders;  // the caller and the thread: the last one to leave frees
    bool done;
    int code;
    struct addrinfo *found;
    char host[256], service[8];
};

void lookup_leave(struct lookup *lookup) {
    if (!lookup) {
        return;
    }
    pthread_mutex_lock(&lookup->lock);
    bool last = --lookup->holders == 0;
    pthread_mutex_unlock(&lookup->lock);
    if (!last) {
        return;
    }
    if (lookup->found) {
        freeaddrinfo(lookup->found);
    }
    pthread_cond_destroy(&lookup->changed);
    pthread_mutex_destroy(&lookup->lock);
    free(lookup);
}

static void *run(void *arg) {
    struct lookup *lookup = arg;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    int code = getaddrinfo(lookup->host, lookup->service, &hints, &found);
    pthread_mutex_lock(&lookup->lock);
    lookup->code = code;
    lookup->found = code == 0 ? found : NULL;
    lookup->done = true;
    pthread_cond_signal(&lookup->changed);
    pthread_mutex_unlock(&lookup->lock);
    lookup_leave(lookup);
    return NULL;
}

struct lookup *lookup_begin(const char *host, uint16_t port) {
    struct lookup *lookup = mem_zero(1, sizeof *lookup);
    (void)text_copy(lookup->host, sizeof lookup->host, host);
    (void)text_format(lookup->service, sizeof lookup->service, "%u", port);
    lookup->holders = 2;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&lookup->lock, NULL);
    pthread_cond_init(&lookup->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    bool begun = pthread_create(&thread, &detached, run, lookup) == 0;
    pthread_attr_destroy(&detached);
    if (!begun) {
        lookup->holders = 1;
        lookup_leave(lookup);
        return NULL;
    }
    return lookup;
}

bool lookup_wait(struct lookup *lookup, int64_t until_ms, int *ret_code) {
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    pthread_mutex_lock(&lookup->lock);
    while (!lookup->done && pthread_cond_timedwait(&lookup->changed, &lookup->lock, &until) == 0) {
    }
    bool done = lookup->done;
    if (done) {
        *ret_code = lookup->code;
    }
    pthread_mutex_unlock(&lookup->lock);
    return done;
}

const struct addrinfo *lookup_addresses(const struct lookup *lookup) {
    return lookup->found;
}
