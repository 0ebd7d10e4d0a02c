// The checked longjmp knows one stack only and takes every other one for an error.
#undef _FORTIFY_SOURCE
#include "tests/sim/engine.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "common/mem.h"

enum { STACK_BYTES = 1024 * 1024, CO_MAX = 192 };  // a state hash alone is 100 KB, and threads hold several

struct event {
    int64_t at_ms;
    uint64_t order;
    struct process *process;
    unsigned life;
    sim_fn *fn;  // NULL: arg is a coroutine to wake
    void *arg;
    uint64_t turn;
};

enum co_state { CO_FREE, CO_READY, CO_SLEEPS, CO_WAITS, CO_DONE };

struct co {
    enum co_state state;
    struct process *process;
    void *(*fn)(void *);
    void *arg;
    const void *key;    // CO_WAITS
    bool told, joined;  // joined: its place is kept until somebody has joined it
    uint64_t turn;      // a wake-up of an earlier sleep does not count
    void *stack;
    jmp_buf place;  // where it waits
    bool begun;     // else that place is where `first` begins
    ucontext_t first;
};

static struct {
    int64_t now_ms;
    uint64_t steps, order, random;
    struct event *heap;
    size_t count, room;
    struct co cos[CO_MAX];
    int co_count;
    struct co *self;
    jmp_buf main;  // where the world waits for the coroutine that runs
} engine;

struct process *sim_process;

// --- random numbers: splitmix64 ---

uint64_t random_next(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t sim_random(uint64_t below) {
    return random_next(&engine.random) % below;
}

bool sim_chance(unsigned percent) {
    return sim_random(100) < percent;
}

int64_t sim_between(int64_t least, int64_t most) {
    return least + (int64_t)sim_random((uint64_t)(most - least + 1));
}

// --- events ---

int64_t sim_now_ms(void) {
    return engine.now_ms;
}

uint64_t sim_steps(void) {
    return engine.steps;
}

static bool before(const struct event *a, const struct event *b) {
    return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->order < b->order);
}

static void push(struct event event) {
    if (engine.count == engine.room) {
        engine.room = engine.room ? engine.room * 2 : 1024;
        engine.heap = mem_grow(engine.heap, engine.room, sizeof *engine.heap);
    }
    size_t i = engine.count++;
    while (i > 0 && before(&event, &engine.heap[(i - 1) / 2])) {
        engine.heap[i] = engine.heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    engine.heap[i] = event;
}

static struct event pop(void) {
    struct event top = engine.heap[0];
    struct event last = engine.heap[--engine.count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= engine.count) {
            break;
        }
        child += child + 1 < engine.count && before(&engine.heap[child + 1], &engine.heap[child]) ? 1 : 0;
        if (!before(&engine.heap[child], &last)) {
            break;
        }
        engine.heap[i] = engine.heap[child];
        i = child;
    }
    engine.heap[i] = last;
    return top;
}

void sim_at(int64_t at_ms, struct process *process, sim_fn *fn, void *arg) {
    push((struct event){.at_ms = at_ms < engine.now_ms ? engine.now_ms : at_ms,
                        .order = engine.order++,
                        .process = process,
                        .life = process ? process->life : 0,
                        .fn = fn,
                        .arg = arg});
}

// --- coroutines ---

struct co *co_self(void) {
    return engine.self;
}

// Contexts would save the signal mask each time: two system calls for each of millions of switches.
static void run_from_main(struct co *co) {
    if (_setjmp(engine.main) != 0) {
        return;
    }
    if (co->begun) {
        _longjmp(co->place, 1);
    }
    co->begun = true;
    setcontext(&co->first);
}

static void back_to_main(struct co *co) {
    if (_setjmp(co->place) == 0) {
        _longjmp(engine.main, 1);
    }
}

static void enter(unsigned low, unsigned high) {
    struct co *co = (struct co *)((uintptr_t)low | (uintptr_t)high << 32);
    (void)co->fn(co->arg);
    co->state = CO_DONE;
    co_tell(co);
    back_to_main(co);  // for good
}

static void resume(struct co *co) {
    struct process *outer = sim_process;
    sim_process = co->process;
    co->state = CO_READY;
    engine.self = co;
    run_from_main(co);
    engine.self = NULL;
    sim_process = outer;
    if (co->state == CO_DONE && !co->joined) {
        co->state = CO_FREE;
    }
}

static void wake(struct co *co, uint64_t turn) {
    if (co->turn == turn && (co->state == CO_SLEEPS || co->state == CO_WAITS)) {
        resume(co);
    }
}

static void wake_at(struct co *co, int64_t at_ms) {
    push((struct event){.at_ms = at_ms < engine.now_ms ? engine.now_ms : at_ms,
                        .order = engine.order++,
                        .process = co->process,
                        .life = co->process ? co->process->life : 0,
                        .arg = co,
                        .turn = co->turn});
}

bool sim_step(void) {
    if (engine.count == 0) {
        return false;
    }
    struct event event = pop();
    engine.now_ms = event.at_ms;
    if (event.process) {
        if (event.process->life != event.life || !event.process->up) {
            return true;
        }
        if (event.process->thaw_ms > engine.now_ms) {
            event.at_ms = event.process->thaw_ms;
            push(event);  // keeps its order among those that waited
            return true;
        }
    }
    engine.steps++;
    sim_process = event.process;
    if (event.fn) {
        event.fn(event.arg);
    } else {
        wake(event.arg, event.turn);
    }
    sim_process = NULL;
    return true;
}

struct co *co_start(struct process *process, void *(*fn)(void *), void *arg) {
    struct co *co = NULL;
    for (int i = 0; i < engine.co_count && !co; i++) {
        co = engine.cos[i].state == CO_FREE ? &engine.cos[i] : NULL;
    }
    if (!co) {
        if (engine.co_count == CO_MAX) {
            fputs("sim: too many coroutines\n", stderr);
            abort();
        }
        co = &engine.cos[engine.co_count++];
        co->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
        if (co->stack == MAP_FAILED) {
            abort();
        }
    }
    co->state = CO_SLEEPS;
    co->joined = false;
    co->process = process;
    co->fn = fn;
    co->arg = arg;
    co->turn++;
    co->begun = false;
    getcontext(&co->first);
    co->first.uc_stack.ss_sp = co->stack;
    co->first.uc_stack.ss_size = STACK_BYTES;
    co->first.uc_link = NULL;
    uintptr_t address = (uintptr_t)co;
    makecontext(&co->first, (void (*)(void))enter, 2, (unsigned)address, (unsigned)(address >> 32));
    wake_at(co, engine.now_ms);
    return co;
}

struct co *co_start_joined(struct process *process, void *(*fn)(void *), void *arg) {
    struct co *co = co_start(process, fn, arg);
    co->joined = true;
    return co;
}

static void leave(struct co *co, enum co_state state) {
    co->state = state;
    back_to_main(co);
    co->turn++;
}

void co_sleep(int64_t ms) {
    struct co *co = engine.self;
    if (!co->process || !co->process->dead) {
        wake_at(co, engine.now_ms + ms);
    }
    leave(co, CO_SLEEPS);
}

bool co_wait(const void *key, int64_t at_ms) {
    struct co *co = engine.self;
    co->key = key;
    co->told = false;
    if (at_ms != INT64_MAX && (!co->process || !co->process->dead)) {
        wake_at(co, at_ms);
    }
    leave(co, CO_WAITS);
    return co->told;
}

void co_tell(const void *key) {
    for (int i = 0; i < engine.co_count; i++) {
        struct co *co = &engine.cos[i];
        if (co->state == CO_WAITS && co->key == key && !co->told) {
            co->told = true;
            wake_at(co, engine.now_ms);
        }
    }
}

void co_join(struct co *co) {
    while (co->state != CO_DONE) {
        (void)co_wait(co, INT64_MAX);
    }
    co->state = CO_FREE;
}

// --- processes ---

static bool run_down(struct process *process) {
    bool any = false;
    for (int i = 0; i < engine.co_count; i++) {
        struct co *co = &engine.cos[i];
        bool runs = co->state == CO_SLEEPS || (co->state == CO_WAITS && co->told);
        if (co->process == process && runs) {
            any = true;
            resume(co);
        }
    }
    return any;
}

struct take_down {
    void (*fn)(void *);
    void *arg;
};

static void *take_down(void *arg) {
    const struct take_down *it = arg;
    it->fn(it->arg);
    return NULL;
}

void process_kill(struct process *process, void (*fn)(void *), void *arg) {
    process->dead = true;
    while (run_down(process)) {
    }
    struct take_down it = {.fn = fn, .arg = arg};
    if (fn) {
        (void)co_start(process, take_down, &it);
    }
    while (run_down(process)) {
    }
    for (int i = 0; i < engine.co_count; i++) {
        struct co *co = &engine.cos[i];
        if (co->process == process && co->state != CO_FREE && co->state != CO_DONE) {
            fprintf(stderr, "sim: a thread of %s does not end (%s)\n", process->name,
                    co->state == CO_WAITS ? "it waits" : "it sleeps");
            abort();
        }
    }
    process->up = process->dead = false;
    process->life++;
}

void engine_reset(uint64_t seed) {
    engine.count = 0;
    for (int i = 0; i < engine.co_count; i++) {
        engine.cos[i].state = CO_FREE;  // of the world: they own nothing
    }
    engine.now_ms = 0;
    engine.steps = engine.order = 0;
    engine.random = seed;
}
