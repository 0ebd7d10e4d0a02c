#include "resync/pipe.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "common/mem.h"

struct batch {
    STAILQ_ENTRY(batch) next;
    struct rowtext rows;
};

struct pipe {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    STAILQ_HEAD(, batch) batches;
    size_t held_bytes, most_bytes;
    bool ended, complete, given_up;
};

struct pipe *pipe_new(size_t most_bytes) {
    struct pipe *pipe = mem_zero(1, sizeof *pipe);
    pthread_mutex_init(&pipe->lock, NULL);
    pthread_cond_init(&pipe->changed, NULL);
    STAILQ_INIT(&pipe->batches);
    pipe->most_bytes = most_bytes;
    return pipe;
}

static void drop_first(struct pipe *pipe, struct rowtext *ret) {
    struct batch *batch = STAILQ_FIRST(&pipe->batches);
    STAILQ_REMOVE_HEAD(&pipe->batches, next);
    pipe->held_bytes -= batch->rows.used_bytes;
    *ret = batch->rows;
    free(batch);
}

void pipe_free(struct pipe *pipe) {
    if (!pipe) {
        return;
    }
    while (!STAILQ_EMPTY(&pipe->batches)) {
        struct rowtext rows;
        drop_first(pipe, &rows);
        rowtext_done(&rows);
    }
    pthread_cond_destroy(&pipe->changed);
    pthread_mutex_destroy(&pipe->lock);
    free(pipe);
}

bool pipe_put(struct pipe *pipe, struct rowtext *rows) {
    struct batch *batch = mem_zero(1, sizeof *batch);
    batch->rows = *rows;
    *rows = (struct rowtext){0};
    pthread_mutex_lock(&pipe->lock);
    while (pipe->held_bytes >= pipe->most_bytes && !pipe->given_up) {
        pthread_cond_wait(&pipe->changed, &pipe->lock);
    }
    bool on = !pipe->given_up;
    STAILQ_INSERT_TAIL(&pipe->batches, batch, next);
    pipe->held_bytes += batch->rows.used_bytes;
    pthread_cond_broadcast(&pipe->changed);
    pthread_mutex_unlock(&pipe->lock);
    return on;
}

void pipe_end(struct pipe *pipe, bool complete) {
    pthread_mutex_lock(&pipe->lock);
    pipe->ended = true;
    pipe->complete = complete;
    pthread_cond_broadcast(&pipe->changed);
    pthread_mutex_unlock(&pipe->lock);
}

bool pipe_take(struct pipe *pipe, struct rowtext *ret) {
    pthread_mutex_lock(&pipe->lock);
    while (STAILQ_EMPTY(&pipe->batches) && !pipe->ended) {
        pthread_cond_wait(&pipe->changed, &pipe->lock);
    }
    bool got = !STAILQ_EMPTY(&pipe->batches);
    if (got) {
        drop_first(pipe, ret);
        pthread_cond_broadcast(&pipe->changed);
    }
    pthread_mutex_unlock(&pipe->lock);
    return got;
}

bool pipe_complete(struct pipe *pipe) {
    pthread_mutex_lock(&pipe->lock);
    bool complete = pipe->complete;
    pthread_mutex_unlock(&pipe->lock);
    return complete;
}

void pipe_give_up(struct pipe *pipe) {
    pthread_mutex_lock(&pipe->lock);
    pipe->given_up = true;
    pthread_cond_broadcast(&pipe->changed);
    pthread_mutex_unlock(&pipe->lock);
}
