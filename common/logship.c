#include "common/logship.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/store_port.h"

enum {
    EVENTS_KEPT = 1000,
    LINES_KEPT = 1000,
    RETRY_MS = 200,  // the store backs off by itself; this only keeps us from spinning while it does
};

struct item {
    STAILQ_ENTRY(item) next;
    struct event_record event;
    char *line;  // NULL: an event
};
STAILQ_HEAD(items, item);

struct ship {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct store *store;  // the thread's alone
    struct items events, lines;
    unsigned event_count, line_count, dropped;
    int64_t stop_at_ms;  // 0: go on; else leave when empty, or at this time
};

static void item_free(struct item *item) {
    event_done(&item->event);
    free(item->line);
    free(item);
}

static struct item *pop(struct items *items, unsigned *count) {
    struct item *item = STAILQ_FIRST(items);
    STAILQ_REMOVE_HEAD(items, next);
    (*count)--;
    return item;
}

// Called with the lock held: waits to be woken, at most for_ms (0: without end).
static void nap(struct ship *ship, int64_t for_ms) {
    if (for_ms == 0) {
        pthread_cond_wait(&ship->wake, &ship->lock);
        return;
    }
    int64_t at_ms = clock_mono_ms() + for_ms;
    struct timespec at = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};
    pthread_cond_timedwait(&ship->wake, &ship->lock, &at);
}

// Sends one item outside the lock. An event that could not be sent goes back to the front.
static bool send_one(struct ship *ship) {
    bool is_event = !STAILQ_EMPTY(&ship->events);
    struct item *item = is_event ? pop(&ship->events, &ship->event_count) : pop(&ship->lines, &ship->line_count);
    pthread_mutex_unlock(&ship->lock);
    struct err err = {0};
    bool sent = is_event ? store_event(ship->store, &item->event, &err) : store_log(ship->store, item->line, &err);
    pthread_mutex_lock(&ship->lock);
    if (!sent && is_event) {
        STAILQ_INSERT_HEAD(&ship->events, item, next);
        ship->event_count++;
        return false;
    }
    item_free(item);
    return sent;
}

static void *run(void *arg) {
    struct ship *ship = arg;
    pthread_mutex_lock(&ship->lock);
    for (;;) {
        bool empty = STAILQ_EMPTY(&ship->events) && STAILQ_EMPTY(&ship->lines);
        if (ship->stop_at_ms != 0 && (empty || clock_mono_ms() >= ship->stop_at_ms)) {
            break;
        }
        if (empty) {
            nap(ship, 0);
        } else if (!send_one(ship)) {
            nap(ship, RETRY_MS);
        }
    }
    pthread_mutex_unlock(&ship->lock);
    return NULL;
}

static void enqueue_line(void *arg, const char *line) {
    struct ship *ship = arg;
    struct item *item = mem_zero(1, sizeof *item);
    item->line = mem_text(line);
    pthread_mutex_lock(&ship->lock);
    if (ship->line_count == LINES_KEPT) {
        item_free(pop(&ship->lines, &ship->line_count));
    }
    STAILQ_INSERT_TAIL(&ship->lines, item, next);
    ship->line_count++;
    pthread_cond_signal(&ship->wake);
    pthread_mutex_unlock(&ship->lock);
}

struct ship *ship_start(const struct settings *settings, enum service service) {
    struct ship *ship = mem_zero(1, sizeof *ship);
    STAILQ_INIT(&ship->events);
    STAILQ_INIT(&ship->lines);
    pthread_mutex_init(&ship->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&ship->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    ship->store = store_open(settings, service);
    if (pthread_create(&ship->thread, NULL, run, ship) != 0) {
        mem_no_thread();
    }
    log_set_sink(enqueue_line, ship);
    return ship;
}

void ship_event(struct ship *ship, struct event_record *event) {
    struct item *item = mem_zero(1, sizeof *item);
    item->event = *event;
    *event = (struct event_record){0};
    pthread_mutex_lock(&ship->lock);
    if (ship->event_count == EVENTS_KEPT) {
        item_free(pop(&ship->events, &ship->event_count));
        ship->dropped++;
    }
    STAILQ_INSERT_TAIL(&ship->events, item, next);
    ship->event_count++;
    pthread_cond_signal(&ship->wake);
    pthread_mutex_unlock(&ship->lock);
}

unsigned ship_dropped(struct ship *ship) {
    pthread_mutex_lock(&ship->lock);
    unsigned dropped = ship->dropped;
    pthread_mutex_unlock(&ship->lock);
    return dropped;
}

void ship_stop(struct ship *ship, int64_t timeout_ms) {
    if (!ship) {
        return;
    }
    log_set_sink(NULL, NULL);
    pthread_mutex_lock(&ship->lock);
    ship->stop_at_ms = clock_mono_ms() + (timeout_ms > 0 ? timeout_ms : 1);
    pthread_cond_signal(&ship->wake);
    pthread_mutex_unlock(&ship->lock);
    pthread_join(ship->thread, NULL);
    while (!STAILQ_EMPTY(&ship->events)) {
        item_free(pop(&ship->events, &ship->event_count));
    }
    while (!STAILQ_EMPTY(&ship->lines)) {
        item_free(pop(&ship->lines, &ship->line_count));
    }
    store_close(ship->store);
    pthread_cond_destroy(&ship->wake);
    pthread_mutex_destroy(&ship->lock);
    free(ship);
}
