#include "watcher/publish_parts.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"

enum {
    WRITE_PAUSE_MS = 250,  // between two writes that are not urgent
    READ_BUSY_MS = 400,    // while a job runs, its progress is read this often
    READ_QUIET_MS = 2000,
};

// --- the thread's half: each call takes what is pending under the lock and talks to Redis without it ---

// One line when Redis goes away and one when it is back.
static void tell_reach(struct publish *publish, bool answered, const struct err *err) {
    bool full = !answered && err->kind == ERR_FULL;  // it answers: publish_state.c tells that it takes nothing
    if (answered == !publish->away || full) {
        return;
    }
    publish->away = !answered;
    if (answered) {
        LOG_INFO(MSG_STORE_BACK);
    } else {
        LOG_WARN(MSG_STORE_AWAY, KV("error", err->text));
    }
}

static void renew_lease(struct publish *publish) {
    struct lease_word word = {0};
    struct err err = {0};
    int64_t asked_ms = clock_mono_ms();
    bool answered = store_lease(publish->store, publish->id, LEASE_TTL_MS, &word, &err);
    tell_reach(publish, answered, &err);
    if (!answered && *word.holder == '\0') {
        return;
    }
    pthread_mutex_lock(&publish->lock);
    bool lapsed = asked_ms >= publish->lease.held_until_ms;
    bool led = lease_leads(&publish->lease, asked_ms);
    unsigned generation = store_generation(publish->store);
    lease_answer(&publish->lease, text_equal(word.holder, publish->id), &word, asked_ms, clock_mono_ms(),
                 generation != publish->lease_generation);
    publish->lease_generation = generation;
    bool turned = led != lease_leads(&publish->lease, asked_ms);
    pthread_mutex_unlock(&publish->lock);
    if (lapsed) {
        written_forget(&publish->written);  // another watcher may have written since
    }
    if (turned) {
        loop_wake(publish->loop);
    }
}

// A loop that hangs decides nothing, and nobody else could while we hold the lease. Counted, not timed: a process that
// was frozen as a whole is no such case.
static bool loop_hangs(struct publish *publish) {
    enum { RENEWALS_MOST = LEASE_TTL_MS / LEASE_RENEW_MS };
    pthread_mutex_lock(&publish->lock);
    unsigned unlooked = publish->unlooked++;
    pthread_mutex_unlock(&publish->lock);
    if (unlooked == RENEWALS_MOST) {
        LOG_ERROR(MSG_LOOP_HANGS, KVI("seconds", LEASE_TTL_MS / 1000));
    }
    return unlooked >= RENEWALS_MOST;
}

static void give_lease_back(struct publish *publish) {
    struct err err = {0};
    if (store_lease_release(publish->store, publish->id, &err)) {
        pthread_mutex_lock(&publish->lock);
        lease_given_back(&publish->lease, clock_mono_ms());
        pthread_mutex_unlock(&publish->lock);
    }
}

// Nodes that bore another name once, or are gone: nobody else takes them out. Not before the loop has taken what an
// earlier life left there.
static void forget_strangers(struct publish *publish, const struct cluster_state *state) {
    static const char *const kinds[] = {"node", "job", "verify"};
    char names[3 * NODE_MAX][NODE_NAME_SIZE + 16];
    const char *list[3 * NODE_MAX];
    size_t count = 0;
    for (size_t kind = 0; kind < 3; kind++) {
        size_t of_kind = kind == 0 ? state->node_count : kind == 1 ? state->job_count : state->check_count;
        for (size_t i = 0; i < of_kind; i++) {
            const char *node = kind == 0   ? state->nodes[i].name
                               : kind == 1 ? state->jobs[i].node
                                           : state->checks[i].node;
            if (settings_node(publish->settings, node) < 0) {
                (void)text_format(names[count], sizeof names[count], "%s:%s", kinds[kind], node);
                list[count] = names[count];
                count++;
            }
        }
    }
    pthread_mutex_lock(&publish->lock);
    bool ours = publish->read_taken && lease_leads(&publish->lease, clock_mono_ms());
    pthread_mutex_unlock(&publish->lock);
    struct err ignored = {0};  // tried again with the next read
    if (ours && count > 0) {
        (void)store_forget(publish->store, list, count, &ignored);
    }
}

// An older Relevo kept the jobs in the state hash. Whoever leads puts them where they are looked for.
static void move_jobs(struct publish *publish) {
    unsigned moved = 0;
    struct err err = {0};
    pthread_mutex_lock(&publish->lock);
    bool leads = lease_leads(&publish->lease, clock_mono_ms());
    pthread_mutex_unlock(&publish->lock);
    if (leads && store_move_jobs(publish->store, &moved, &err) && moved > 0) {
        LOG_INFO(MSG_JOBS_MOVED, KVI("count", moved));
        publish_read_again(publish);
    }
}

static void read_back(struct publish *publish) {
    struct cluster_state state = {0};
    struct err err = {0};
    if (!store_read(publish->store, &state, NULL, &err)) {
        return;
    }
    forget_strangers(publish, &state);
    bool old_jobs = state.old_jobs;
    pthread_mutex_lock(&publish->lock);
    state_done(&publish->read);
    publish->read = state;
    publish->read_ready = true;
    publish->job_active = false;
    for (size_t i = 0; i < state.job_count; i++) {
        publish->job_active |= job_active(&state.jobs[i]);
    }
    pthread_mutex_unlock(&publish->lock);
    loop_wake(publish->loop);
    if (old_jobs) {
        move_jobs(publish);
    }
}

// False: Redis is away; what was not written stays.
static bool write_jobs(struct publish *publish) {
    pthread_mutex_lock(&publish->lock);
    if (!lease_leads(&publish->lease, clock_mono_ms())) {
        publish->job_count = 0;  // whoever leads now has its own opinion
    }
    size_t count = publish->job_count;
    struct job_state jobs[JOBS_WAITING_MAX];
    memcpy(jobs, publish->jobs, count * sizeof *jobs);
    pthread_mutex_unlock(&publish->lock);
    if (count == 0) {
        return true;
    }
    size_t written = 0;
    struct err err = {0};
    for (; written < count; written++) {
        struct state_field field = {0};
        state_encode_job(&jobs[written], &field);
        bool ok = store_write_jobs(publish->store, &field, 1, &err) &&
                  store_publish(publish->store, STORE_JOBS, jobs[written].node, &err);
        free(field.value);
        if (!ok) {
            break;
        }
    }
    pthread_mutex_lock(&publish->lock);
    publish->job_count -= written;
    memmove(publish->jobs, publish->jobs + written, publish->job_count * sizeof *publish->jobs);
    publish->job_active |= written > 0;
    pthread_mutex_unlock(&publish->lock);
    return written == count;
}

// Jobs that Redis did not take just now wait their turn: no use in trying again at once.
static void wait_for_work(struct publish *publish, int64_t until_ms, bool jobs_taken) {
    pthread_mutex_lock(&publish->lock);
    while (!publish->stopping && !publish->urgent && !publish->read_wanted &&
           (publish->job_count == 0 || !jobs_taken)) {
        int64_t left_ms = until_ms - clock_mono_ms();
        if (left_ms <= 0) {
            break;
        }
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        int64_t nanoseconds = until.tv_nsec + (left_ms % 1000) * 1000000;
        until.tv_sec += left_ms / 1000 + nanoseconds / 1000000000;
        until.tv_nsec = nanoseconds % 1000000000;
        (void)pthread_cond_timedwait(&publish->changed, &publish->lock, &until);
    }
    pthread_mutex_unlock(&publish->lock);
}

static bool must_stop(struct publish *publish) {
    pthread_mutex_lock(&publish->lock);
    bool stopping = publish->stopping;
    pthread_mutex_unlock(&publish->lock);
    return stopping;
}

static int64_t read_pause_ms(struct publish *publish) {
    pthread_mutex_lock(&publish->lock);
    int64_t pause_ms = publish->read_wanted ? 0 : publish->job_active ? READ_BUSY_MS : READ_QUIET_MS;
    publish->read_wanted = false;
    pthread_mutex_unlock(&publish->lock);
    return pause_ms;
}

static void *run(void *arg) {
    struct publish *publish = arg;
    int64_t lease_ms = 0, read_ms = 0;
    unsigned generation = store_generation(publish->store);
    while (!must_stop(publish)) {
        int64_t now_ms = clock_mono_ms();
        if (now_ms - lease_ms >= LEASE_RENEW_MS) {
            if (loop_hangs(publish)) {
                give_lease_back(publish);
            } else {
                renew_lease(publish);
            }
            lease_ms = now_ms;
        }
        bool jobs_taken = write_jobs(publish);
        publish_write_state(publish);
        bool reconnected = store_generation(publish->store) != generation;
        if (reconnected || now_ms - read_ms >= read_pause_ms(publish)) {
            read_back(publish);
            generation = store_generation(publish->store);
            read_ms = now_ms;
        }
        wait_for_work(publish, now_ms + WRITE_PAUSE_MS, jobs_taken);
    }
    publish_write_state(publish);
    struct err err = {0};
    (void)store_lease_release(publish->store, publish->id, &err);
    return NULL;
}

// --- the loop's half ---

struct publish *publish_start(const struct settings *settings, struct loop *loop, const char *id) {
    struct publish *publish = mem_zero(1, sizeof *publish);
    publish->settings = settings;
    publish->loop = loop;
    (void)text_copy(publish->id, sizeof publish->id, id);
    publish->store = store_open(settings, SERVICE_WATCHER);
    publish->lease.answered_ms = clock_mono_ms();  // Redis gets its chance before we call it away
    pthread_mutex_init(&publish->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&publish->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&publish->thread, NULL, run, publish) != 0) {
        mem_no_thread();
    }
    return publish;
}

void publish_stop(struct publish *publish) {
    if (!publish) {
        return;
    }
    pthread_mutex_lock(&publish->lock);
    publish->stopping = true;
    pthread_cond_signal(&publish->changed);
    pthread_mutex_unlock(&publish->lock);
    pthread_join(publish->thread, NULL);
    state_fields_free(publish->fields, publish->field_count);
    state_done(&publish->read);
    written_forget(&publish->written);
    store_close(publish->store);
    pthread_cond_destroy(&publish->changed);
    pthread_mutex_destroy(&publish->lock);
    free(publish);
}

void publish_state(struct publish *publish, const struct cluster_state *state, bool urgent) {
    struct state_field *fields = NULL;
    size_t count = state_encode(state, &fields);
    pthread_mutex_lock(&publish->lock);
    if (!publish->read_taken) {  // what an earlier life left there was not looked at yet
        pthread_mutex_unlock(&publish->lock);
        state_fields_free(fields, count);
        return;
    }
    state_fields_free(publish->fields, publish->field_count);
    publish->fields = fields;
    publish->field_count = count;
    publish->urgent |= urgent;
    if (urgent) {
        pthread_cond_signal(&publish->changed);
    }
    pthread_mutex_unlock(&publish->lock);
}

void publish_job(struct publish *publish, const struct job_state *job) {
    pthread_mutex_lock(&publish->lock);
    if (publish->job_count < JOBS_WAITING_MAX) {
        publish->jobs[publish->job_count++] = *job;
        pthread_cond_signal(&publish->changed);
    }
    pthread_mutex_unlock(&publish->lock);
}

void publish_clear_intent(struct publish *publish) {
    pthread_mutex_lock(&publish->lock);
    publish->clear_intent = true;
    pthread_mutex_unlock(&publish->lock);
}

void publish_unsync(struct publish *publish) {
    pthread_mutex_lock(&publish->lock);
    publish->unsync = true;
    pthread_mutex_unlock(&publish->lock);
}

void publish_keep_intent(struct publish *publish) {
    pthread_mutex_lock(&publish->lock);
    publish->clear_intent = false;
    pthread_mutex_unlock(&publish->lock);
}

void publish_read_again(struct publish *publish) {
    pthread_mutex_lock(&publish->lock);
    publish->read_wanted = true;
    pthread_cond_signal(&publish->changed);
    pthread_mutex_unlock(&publish->lock);
}

bool publish_read_waits(struct publish *publish) {
    pthread_mutex_lock(&publish->lock);
    bool waits = publish->read_ready;
    pthread_mutex_unlock(&publish->lock);
    return waits;
}

bool publish_take_read(struct publish *publish, struct cluster_state *ret) {
    pthread_mutex_lock(&publish->lock);
    bool ready = publish->read_ready;
    if (ready) {
        *ret = publish->read;
        publish->read = (struct cluster_state){0};
        publish->read_ready = false;
        publish->read_taken = true;
    }
    pthread_mutex_unlock(&publish->lock);
    return ready;
}

void publish_alive(struct publish *publish) {
    pthread_mutex_lock(&publish->lock);
    publish->unlooked = 0;
    pthread_mutex_unlock(&publish->lock);
}

void publish_met(struct publish *publish, const char *rival, int64_t met_ms) {
    pthread_mutex_lock(&publish->lock);
    lease_met(&publish->lease, rival, met_ms);
    pthread_mutex_unlock(&publish->lock);
}

void publish_lease(struct publish *publish, struct lease *ret) {
    pthread_mutex_lock(&publish->lock);
    *ret = publish->lease;
    pthread_mutex_unlock(&publish->lock);
}

void publish_tells(struct publish *publish, struct publish_told *ret) {
    pthread_mutex_lock(&publish->lock);
    *ret = publish->told;
    publish->told.foreign = 0;
    pthread_mutex_unlock(&publish->lock);
}
