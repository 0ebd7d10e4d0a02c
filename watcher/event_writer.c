#include "watcher/event_writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "common/text.h"

enum {
    ROWS_MAX = 50,
    TRIES = 4,
    PAUSE_S = 1,  // between two tries
};

struct event_writer {
    const struct settings *settings;
    pthread_t thread;
    pthread_mutex_t lock;  // guards all below
    pthread_cond_t changed;
    bool stopping;
    bool due;  // asked while the thread was at work
    struct event_row_target target;  // name "": none
    struct event_row rows[ROWS_MAX];
    size_t row_count;
    uint64_t dropped;  // rows that left the front: tells whether the first row is still the one that was tried
    unsigned tries;    // of the first row
    unsigned lost;     // rows given up since one was written
    char error[160];
};

// With the lock held.
static void drop_first_row(struct event_writer *writer) {
    writer->row_count--;
    writer->dropped++;
    memmove(writer->rows, writer->rows + 1, writer->row_count * sizeof *writer->rows);
    writer->tries = 0;
}

// With the lock held. False: the row waits.
static bool take_result(struct event_writer *writer, enum event_row_result result, const struct err *err) {
    switch (result) {
        case EVENT_ROW_WRITTEN:
            writer->lost = 0;
            drop_first_row(writer);
            return true;
        case EVENT_ROW_NO_TABLE:
            drop_first_row(writer);
            return true;
        case EVENT_ROW_LATER:
            return false;
        case EVENT_ROW_REFUSED:
            break;
    }
    if (writer->lost == 0 && ++writer->tries < TRIES) {
        return false;
    }
    writer->lost++;
    (void)text_copy(writer->error, sizeof writer->error, err->text);
    drop_first_row(writer);
    return true;
}

// With the lock held, except while a row is on its way. Fifty newer rows may push that row out meanwhile: its result then
// says nothing about the first row of now.
static void write_rows(struct event_writer *writer) {
    for (bool goes_on = true; goes_on && writer->row_count > 0 && *writer->target.name;) {
        struct event_row row = writer->rows[0];
        uint64_t dropped = writer->dropped;
        struct event_row_target target = writer->target;
        struct err err = {0};
        pthread_mutex_unlock(&writer->lock);
        enum event_row_result result = event_row_write(writer->settings, &target, &row, &err);
        pthread_mutex_lock(&writer->lock);
        if (dropped == writer->dropped) {
            goes_on = take_result(writer, result, &err);
        }
    }
}

// With the lock held.
static void rest(struct event_writer *writer) {
    if (writer->row_count == 0 || !*writer->target.name) {
        (void)pthread_cond_wait(&writer->changed, &writer->lock);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PAUSE_S;
    (void)pthread_cond_timedwait(&writer->changed, &writer->lock, &until);
}

static void *run(void *arg) {
    struct event_writer *writer = arg;
    pthread_mutex_lock(&writer->lock);
    while (!writer->stopping) {
        writer->due = false;
        write_rows(writer);
        if (!writer->stopping && !writer->due) {
            rest(writer);
        }
    }
    write_rows(writer);
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

// With the lock held.
static void wake(struct event_writer *writer) {
    writer->due = true;
    pthread_cond_signal(&writer->changed);
}

struct event_writer *event_writer_start(const struct settings *settings) {
    struct event_writer *writer = mem_zero(1, sizeof *writer);
    writer->settings = settings;
    pthread_mutex_init(&writer->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&writer->thread, NULL, run, writer) != 0) {
        mem_no_thread();
    }
    return writer;
}

void event_writer_stop(struct event_writer *writer) {
    if (!writer) {
        return;
    }
    pthread_mutex_lock(&writer->lock);
    writer->stopping = true;
    wake(writer);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}

void event_writer_point(struct event_writer *writer, const struct event_row_target *target) {
    static const struct event_row_target nowhere;
    pthread_mutex_lock(&writer->lock);
    struct event_row_target before = writer->target;
    writer->target = target ? *target : nowhere;
    if (!text_equal(before.uuid, writer->target.uuid) || !text_equal(before.name, writer->target.name)) {
        wake(writer);
    }
    pthread_mutex_unlock(&writer->lock);
}

void event_writer_add(struct event_writer *writer, const struct event_row *row) {
    pthread_mutex_lock(&writer->lock);
    if (writer->row_count == ROWS_MAX) {
        drop_first_row(writer);
    }
    writer->rows[writer->row_count++] = *row;
    wake(writer);
    pthread_mutex_unlock(&writer->lock);
}

unsigned event_writer_lost(struct event_writer *writer, char *ret_error, size_t error_bytes) {
    pthread_mutex_lock(&writer->lock);
    unsigned lost = writer->lost;
    (void)text_copy(ret_error, error_bytes, writer->error);
    pthread_mutex_unlock(&writer->lock);
    return lost;
}
