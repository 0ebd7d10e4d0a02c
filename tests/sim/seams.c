// What the watcher's files are linked with in place of the operating system, libevent and the log: threads, clocks, the
// event loop, the inbox, log lines.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/logship.h"
#include "common/mem.h"
#include "common/start.h"
#include "common/text.h"
#include "tests/sim/world.h"
#include "watcher/inbox.h"
#include "tests/sim/shim.h"

// --- clocks and threads ---

enum { MONO_MS = 5000000 };  // a machine that has been up for a while

int64_t clock_mono_ms(void) {
    return sim_now_ms() + MONO_MS;
}

int64_t clock_wall_ms(void) {
    return (int64_t)WALL_MS * 1000 + sim_now_ms() + (sim_process ? sim_process->wall_skew_ms : 0);
}

int shim_now(clockid_t clock, struct timespec *ret) {
    (void)clock;
    int64_t now_ms = clock_mono_ms();
    *ret = (struct timespec){.tv_sec = now_ms / 1000, .tv_nsec = now_ms % 1000 * 1000000};
    return 0;
}

int shim_thread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*fn)(void *), void *arg) {
    (void)attributes;
    *ret = (pthread_t)co_start_joined(sim_process, fn, arg);
    return 0;
}

int shim_join(pthread_t thread, void **ret) {
    (void)ret;
    co_join((struct co *)thread);
    return 0;
}

int shim_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
    (void)mutex;
    (void)co_wait(condition, INT64_MAX);
    return 0;
}

int shim_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    (void)mutex;
    return co_wait(condition, until->tv_sec * 1000 + until->tv_nsec / 1000000 - MONO_MS) ? 0 : ETIMEDOUT;
}

int shim_signal(pthread_cond_t *condition) {
    co_tell(condition);
    return 0;
}

int shim_hostname(char *name, size_t size_bytes) {
    (void)text_copy(name, size_bytes, sim_process->name);
    return 0;
}

// Only the boot id is read: the same for all.
#undef fopen
FILE *shim_open(const char *path, const char *mode) {
    (void)path;
    static char id[] = "00000000";
    return fmemopen(id, sizeof id, mode[0] == 'r' ? "r" : mode);
}

// --- log and events: only read by people ---

enum lang log_lang(void) {
    return LANG_EN;
}

void log_say(enum log_level level, enum msg msg, const struct kv *values) {
    if (msg == MSG_STATE_FORGED && !world.forged && sim_process && !sim_process->dead) {
        world_fail("%s takes for forged what no hand wrote", sim_process->name);
    }
    if (world.trace && level >= LOG_LEVEL_INFO && !(sim_process && sim_process->dead)) {
        char text[600];
        msg_render(msg, LANG_EN, values, text, sizeof text);
        world_trace("%s: %s", sim_process ? sim_process->name : "world", text);
    }
}

struct ship {
    unsigned events;
};

struct ship *ship_start(const struct settings *settings, enum service service) {
    (void)settings;
    (void)service;
    return mem_zero(1, sizeof(struct ship));
}

void ship_event(struct ship *ship, struct event_record *event) {
    const char *result = json_string_value(json_object_get(event->detail, "result"));
    const char *reason = json_string_value(json_object_get(event->detail, "reason"));
    if (event->type == EVENT_COMMAND_FINISHED && text_equal(result, "ok") && reason && *reason) {
        world_fail("a command went well and says why it did not: %s", reason);
    }
    ship->events++;
    event_done(event);
}

void ship_stop(struct ship *ship, int64_t timeout_ms) {
    (void)timeout_ms;
    free(ship);
}

void service_alive_touch(void) {}

// --- the loop ---

struct timer {
    struct loop *loop;
    int64_t period_ms;
    loop_fn *fn;
    void *arg;
};

struct loop {
    struct process *process;
    loop_fn *woken;
    void *arg;
    bool pending, stopped;
    struct timer timers[4];
    int timer_count;
};

struct loop *loop_new(void) {
    struct loop *loop = mem_zero(1, sizeof *loop);
    loop->process = sim_process;
    return loop;
}

void loop_free(struct loop *loop) {
    free(loop);
}

void loop_stop(struct loop *loop) {
    loop->stopped = true;
}

static int64_t lateness(const struct loop *loop) {
    return loop->process->late_ms ? (int64_t)sim_random((uint64_t)loop->process->late_ms + 1) : 0;
}

static bool hangs(const struct loop *loop, sim_fn *fn, void *arg) {
    bool hung = sim_now_ms() < loop->process->hung_ms;
    if (hung) {
        sim_at(loop->process->hung_ms, loop->process, fn, arg);
    }
    return hung;
}

static void on_wake(void *arg) {
    struct loop *loop = arg;
    if (hangs(loop, on_wake, loop)) {
        return;
    }
    loop->pending = false;
    if (!loop->stopped) {
        loop->woken(loop->arg);
    }
}

void loop_on_wake(struct loop *loop, loop_fn *fn, void *arg) {
    loop->woken = fn;
    loop->arg = arg;
}

void loop_wake(struct loop *loop) {
    if (!loop->pending && !loop->stopped && !loop->process->dead) {
        loop->pending = true;
        sim_at(sim_now_ms() + lateness(loop), loop->process, on_wake, loop);
    }
}

static void on_timer(void *arg) {
    struct timer *timer = arg;
    if (timer->loop->stopped || hangs(timer->loop, on_timer, timer)) {
        return;
    }
    timer->fn(timer->arg);
    sim_at(sim_now_ms() + timer->period_ms + lateness(timer->loop), timer->loop->process, on_timer, timer);
}

struct loop_timer *loop_every(struct loop *loop, int64_t period_ms, loop_fn *fn, void *arg) {
    struct timer *timer = &loop->timers[loop->timer_count++];
    *timer = (struct timer){.loop = loop, .period_ms = period_ms, .fn = fn, .arg = arg};
    if (period_ms < 1000) {  // the slow one only says that the process lives
        sim_at(sim_now_ms() + period_ms, loop->process, on_timer, timer);
    }
    return (struct loop_timer *)timer;
}

// --- commands ---

enum { INBOX_MOST = 20 };

struct inbox {
    struct loop *loop;
    char *texts[INBOX_MOST];
    int count;
};
static struct inbox *inboxes[WATCHERS];

struct inbox *inbox_start(const struct settings *settings, struct loop *loop) {
    (void)settings;
    struct inbox *inbox = mem_zero(1, sizeof *inbox);
    inbox->loop = loop;
    inboxes[sim_process->host - HOST_WATCHER] = inbox;
    return inbox;
}

void inbox_stop(struct inbox *inbox) {
    for (int i = 0; i < inbox->count; i++) {
        free(inbox->texts[i]);
    }
    inboxes[sim_process->host - HOST_WATCHER] = NULL;
    free(inbox);
}

char *inbox_take(struct inbox *inbox, size_t *ret_length) {
    if (inbox->count == 0) {
        return NULL;
    }
    char *text = inbox->texts[0];
    inbox->count--;
    memmove(inbox->texts, inbox->texts + 1, (size_t)inbox->count * sizeof *inbox->texts);
    *ret_length = strlen(text);
    return text;
}

void watcher_hear(int index, const char *text) {
    struct inbox *inbox = inboxes[index];
    if (inbox && inbox->count < INBOX_MOST) {
        inbox->texts[inbox->count++] = mem_text(text);
        loop_wake(inbox->loop);
    }
}
