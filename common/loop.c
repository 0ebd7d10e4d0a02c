#include "loop.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mem.h"

struct loop_timer {
    struct event *event;
    loop_fn *fn;
    void *arg;
    struct loop_timer *next;
};

struct loop {
    struct event_base *base;
    int wake_fd;
    struct event *wake, *sigterm, *sigint;
    loop_fn *on_wake;
    void *on_wake_arg;
    struct loop_timer *timers;
    atomic_bool stop;
    int signal;
};

static void woken(evutil_socket_t fd, short what, void *arg) {
    (void)what;
    struct loop *loop = arg;
    uint64_t times = 0;
    ssize_t got = read(fd, &times, sizeof times);  // empties the counter: many wakes, one call
    (void)got;
    if (atomic_load(&loop->stop)) {
        event_base_loopbreak(loop->base);
    } else if (loop->on_wake != NULL) {
        loop->on_wake(loop->on_wake_arg);
    }
}

static void signalled(evutil_socket_t number, short what, void *arg) {
    (void)what;
    struct loop *loop = arg;
    loop->signal = (int)number;
    event_base_loopbreak(loop->base);
}

static bool listen_all(struct loop *loop) {
    loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, woken, loop);
    loop->sigterm = evsignal_new(loop->base, SIGTERM, signalled, loop);
    loop->sigint = evsignal_new(loop->base, SIGINT, signalled, loop);
    return loop->wake != NULL && loop->sigterm != NULL && loop->sigint != NULL && event_add(loop->wake, NULL) == 0 &&
           event_add(loop->sigterm, NULL) == 0 && event_add(loop->sigint, NULL) == 0;
}

struct loop *loop_new(void) {
    struct loop *loop = mem_zero(1, sizeof *loop);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->base = event_base_new();
    if (loop->wake_fd < 0 || loop->base == NULL || !listen_all(loop)) {
        loop_free(loop);
        return NULL;
    }
    return loop;
}

static void event_drop(struct event *event) {
    if (event != NULL) {
        event_free(event);
    }
}

void loop_free(struct loop *loop) {
    if (loop == NULL) {
        return;
    }
    while (loop->timers != NULL) {
        struct loop_timer *timer = loop->timers;
        loop->timers = timer->next;
        event_drop(timer->event);
        free(timer);
    }
    event_drop(loop->wake);
    event_drop(loop->sigterm);
    event_drop(loop->sigint);
    if (loop->base != NULL) {
        event_base_free(loop->base);
    }
    if (loop->wake_fd >= 0) {
        close(loop->wake_fd);
    }
    free(loop);
}

struct event_base *loop_base(struct loop *loop) {
    return loop->base;
}

void loop_on_wake(struct loop *loop, loop_fn *fn, void *arg) {
    loop->on_wake = fn;
    loop->on_wake_arg = arg;
}

void loop_wake(struct loop *loop) {
    int saved_errno = errno;  // it may run in a signal handler
    uint64_t once = 1;
    ssize_t put = write(loop->wake_fd, &once, sizeof once);
    (void)put;  // it only fails when the counter is full, and then the loop is awake anyway
    errno = saved_errno;
}

static void fired(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct loop_timer *timer = arg;
    timer->fn(timer->arg);
}

struct loop_timer *loop_every(struct loop *loop, int64_t period_ms, loop_fn *fn, void *arg) {
    struct loop_timer *timer = mem_zero(1, sizeof *timer);
    timer->fn = fn;
    timer->arg = arg;
    timer->event = event_new(loop->base, -1, EV_PERSIST, fired, timer);
    struct timeval period = {.tv_sec = period_ms / 1000, .tv_usec = period_ms % 1000 * 1000};
    if (timer->event == NULL || event_add(timer->event, &period) != 0) {
        event_drop(timer->event);
        free(timer);
        return NULL;
    }
    timer->next = loop->timers;
    loop->timers = timer;
    return timer;
}

int loop_run(struct loop *loop) {
    loop->signal = 0;
    if (!atomic_load(&loop->stop)) {
        event_base_dispatch(loop->base);
    }
    return loop->signal;
}

void loop_stop(struct loop *loop) {
    atomic_store(&loop->stop, true);
    loop_wake(loop);
}
