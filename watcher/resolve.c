#include "watcher/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/mem.h"
#include "common/text.h"

struct resolve {
    char name[256];
    void (*poke)(void *arg);
    void *arg;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    unsigned asked, over;  // lookups, counted from 1
    enum resolve_state state;
    struct addresses addresses;
};

static void take(const struct addrinfo *found, struct addresses *ret) {
    for (const struct addrinfo *at = found; at && ret->count < RESOLVE_MOST; at = at->ai_next) {
        if (getnameinfo(at->ai_addr, at->ai_addrlen, ret->text[ret->count], RESOLVE_SIZE, NULL, 0, NI_NUMERICHOST) == 0) {
            ret->count++;
        }
    }
}

static enum resolve_state look_up(const char *name, struct addresses *ret) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(name, NULL, &hints, &found);
    if (code == 0) {
        take(found, ret);
        freeaddrinfo(found);
        return ret->count > 0 ? RESOLVE_KNOWN : RESOLVE_PENDING;
    }
    // EAI_AGAIN is the resolver's own trouble; only a definite "no such name" is evidence about the node.
    return code == EAI_NONAME || code == EAI_NODATA ? RESOLVE_GONE : RESOLVE_PENDING;
}

bool addresses_have(const struct addresses *addresses, const char *address) {
    for (size_t i = 0; i < addresses->count; i++) {
        if (text_equal(addresses->text[i], address)) {
            return true;
        }
    }
    return false;
}

// In any order: name servers turn it.
static bool same_addresses(const struct addresses *a, const struct addresses *b) {
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = addresses_have(b, a->text[i]);
    }
    return same;
}

static void *run(void *arg) {
    struct resolve *resolve = arg;
    pthread_mutex_lock(&resolve->lock);
    while (!resolve->stopping) {
        if (resolve->asked == resolve->over) {
            pthread_cond_wait(&resolve->changed, &resolve->lock);
            continue;
        }
        unsigned serving = resolve->asked;
        pthread_mutex_unlock(&resolve->lock);
        struct addresses found = {0};
        enum resolve_state state = look_up(resolve->name, &found);
        pthread_mutex_lock(&resolve->lock);
        bool moved = state == RESOLVE_KNOWN && !same_addresses(&found, &resolve->addresses);
        bool news = moved || state != resolve->state;
        resolve->state = state;
        resolve->over = serving;
        if (moved) {
            resolve->addresses = found;
        }
        if (news) {
            pthread_mutex_unlock(&resolve->lock);
            resolve->poke(resolve->arg);
            pthread_mutex_lock(&resolve->lock);
        }
    }
    pthread_mutex_unlock(&resolve->lock);
    return NULL;
}

struct resolve *resolve_start(const char *name, void (*poke)(void *arg), void *arg) {
    struct resolve *resolve = mem_zero(1, sizeof *resolve);
    (void)text_copy(resolve->name, sizeof resolve->name, name);
    resolve->poke = poke;
    resolve->arg = arg;
    resolve->asked = 1;
    pthread_mutex_init(&resolve->lock, NULL);
    pthread_cond_init(&resolve->changed, NULL);
    if (pthread_create(&resolve->thread, NULL, run, resolve) != 0) {
        mem_no_thread();
    }
    return resolve;
}

void resolve_stop(struct resolve *resolve) {
    if (!resolve) {
        return;
    }
    pthread_mutex_lock(&resolve->lock);
    resolve->stopping = true;
    pthread_cond_signal(&resolve->changed);
    pthread_mutex_unlock(&resolve->lock);
    pthread_join(resolve->thread, NULL);
    pthread_cond_destroy(&resolve->changed);
    pthread_mutex_destroy(&resolve->lock);
    free(resolve);
}

enum resolve_state resolve_get(struct resolve *resolve, struct addresses *ret) {
    pthread_mutex_lock(&resolve->lock);
    enum resolve_state state = resolve->state;
    *ret = resolve->addresses;
    pthread_mutex_unlock(&resolve->lock);
    return state;
}

unsigned resolve_again(struct resolve *resolve) {
    pthread_mutex_lock(&resolve->lock);
    unsigned number = ++resolve->asked;
    pthread_cond_signal(&resolve->changed);
    pthread_mutex_unlock(&resolve->lock);
    return number;
}

unsigned resolve_over(struct resolve *resolve) {
    pthread_mutex_lock(&resolve->lock);
    unsigned number = resolve->over;
    pthread_mutex_unlock(&resolve->lock);
    return number;
}
