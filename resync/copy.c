#include "resync/copy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/leftover.h"
#include "resync/pipe.h"

enum {
    BATCH_BYTES = 256 * 1024,
    PIPE_BYTES = 4 * 1024 * 1024,   // per lane, and as much again in the batch at each end
    LOAD_BYTES = 32 * 1024 * 1024,  // rows of one transaction: bounds undo and what a stop has to roll back
    ROW_WAIT_MS = 600000,
    KEYS_MOST_MS = 7 * 24 * 3600 * 1000,
    TICK_MS = 200,
    KEEP_AWAKE_MS = 60000,
};

void copy_table_done(struct copy_table *table) {
    free(table->schema);
    free(table->name);
    free(table->select);
    free(table->load);
    free(table->kinds);
    *table = (struct copy_table){0};
}

// --- one table: a thread that reads, and this one, which writes ---

struct reading {
    struct copy *copy;
    struct peer *from;
    const struct copy_table *table;
    struct pipe *rows;
    struct rowtext batch;
};

static bool take_row(void *arg, const struct db_row *row) {
    struct reading *reading = arg;
    for (size_t i = 0; i < row->columns; i++) {
        // The server warns of the empty value of an ENUM, though it takes it.
        bool empty_enum = reading->table->kinds[i] == KIND_ENUM && row->values[i] && strcmp(row->values[i], "0") == 0;
        reading->batch.warnings += empty_enum ? 1 : 0;
        rowtext_field(&reading->batch, row->values[i], row->lengths_bytes[i], i + 1 == row->columns);
    }
    if (reading->batch.used_bytes < BATCH_BYTES) {
        return true;
    }
    return !atomic_load(&reading->copy->failed) && pipe_put(reading->rows, &reading->batch);
}

static void *read_table(void *arg) {
    struct reading *reading = arg;
    struct err err = {0};
    bool ok = db_each(reading->from->session, ROW_WAIT_MS, reading->table->select, take_row, reading, &err);
    if (ok && reading->batch.used_bytes > 0) {
        ok = pipe_put(reading->rows, &reading->batch);
    }
    if (!ok && err.kind != ERR_NONE && err.kind != ERR_CONFLICT) {
        (void)peer_failed(reading->from, &err);  // ERR_CONFLICT is the writer's failure, told by itself
    }
    rowtext_done(&reading->batch);
    pipe_end(reading->rows, ok);
    return NULL;
}

struct writing {
    struct copy *copy;
    unsigned lane;
    struct copy_table *table;
    struct pipe *rows;
    struct rowtext batch;  // being sent
    size_t sent_of_batch;
    uint64_t rows_sent, warnings_due;  // by the current statement
    uint64_t bytes_sent;
    bool ended;
    int64_t table_bytes;
};

static void note_progress(struct writing *writing, size_t bytes) {
    writing->table_bytes += (int64_t)bytes;
    int64_t most = writing->table->estimated_bytes;
    atomic_store(&writing->copy->current_bytes[writing->lane],
                 writing->table_bytes < most ? writing->table_bytes : most);
}

// Feeds LOAD DATA until enough rows for one transaction are sent, always whole rows.
static bool give_bytes(void *arg, char *buffer, size_t *length_bytes, struct err *err) {
    struct writing *writing = arg;
    if (writing->sent_of_batch == writing->batch.used_bytes) {
        rowtext_done(&writing->batch);
        writing->sent_of_batch = 0;
        if (writing->bytes_sent >= LOAD_BYTES || writing->ended) {
            *length_bytes = 0;
            return true;
        }
        if (!pipe_take(writing->rows, &writing->batch)) {
            writing->ended = true;
            *length_bytes = 0;
            return pipe_complete(writing->rows) || err_set(err, ERR_CONFLICT, 0, "the donor's rows ended early");
        }
        writing->rows_sent += writing->batch.rows;
        writing->warnings_due += writing->batch.warnings;
    }
    size_t left = writing->batch.used_bytes - writing->sent_of_batch;
    *length_bytes = left < *length_bytes ? left : *length_bytes;
    memcpy(buffer, writing->batch.bytes + writing->sent_of_batch, *length_bytes);
    writing->sent_of_batch += *length_bytes;
    writing->bytes_sent += *length_bytes;
    note_progress(writing, *length_bytes);
    return true;
}

// LOAD DATA LOCAL turns errors into warnings, bends values and skips rows: none of these may pass for a copy. So every
// warning is accounted for, and of these the server counts all, however few it keeps. One too many may be about what
// the server computes from a row (a generated column, a check), or about the row.
static bool check_loaded(struct writing *writing, struct peer *to) {
    struct copy_table *table = writing->table;
    AUTO_TEXT char *count = NULL;
    uint64_t loaded = db_affected(to->session), warned = 0;
    if (!peer_value(to, "SHOW COUNT(*) WARNINGS", &count)) {  // a SELECT would begin anew to count
        return false;
    }
    table->doubted |= !text_to_u64(count, &warned) || warned != writing->warnings_due;
    if (loaded != writing->rows_sent) {
        AUTO_TEXT char *name = mem_format("%s.%s", table->schema, table->name);
        AUTO_TEXT char *text = mem_format("%" PRIu64 " / %" PRIu64, loaded, writing->rows_sent);
        return job_fail(to->job, MSG_DUMP_ROWS, KVS(KV("table", name), KV("error", text)));
    }
    return true;
}

static bool write_table(struct writing *writing, struct peer *to) {
    while (!writing->ended) {
        struct err err = {0};
        writing->rows_sent = writing->warnings_due = writing->bytes_sent = 0;
        if (!db_load(to->session, writing->table->load, give_bytes, writing, &err)) {
            // A reader that failed has said why already; its failure counts as the first.
            return peer_failed(to, &err);
        }
        if (!check_loaded(writing, to) || atomic_load(&writing->copy->failed)) {
            return false;
        }
    }
    return true;
}

// Whoever brought the last part of a table in builds its keys.
static bool build_keys(struct copy *copy, unsigned lane, const struct copy_table *table) {
    return !table->keys || atomic_fetch_sub(&table->keys->parts_left, 1) > 1 ||
           peer_exec_within(&copy->to[lane], KEYS_MOST_MS, table->keys->sql);
}

static bool copy_one(struct copy *copy, unsigned lane, struct copy_table *table) {
    struct pipe *rows = pipe_new(PIPE_BYTES);
    struct reading reading = {.copy = copy, .from = &copy->from[lane], .table = table, .rows = rows};
    struct writing writing = {.copy = copy, .lane = lane, .table = table, .rows = rows};
    pthread_t reader;
    if (pthread_create(&reader, NULL, read_table, &reading) != 0) {
        mem_no_thread();
    }
    bool ok = write_table(&writing, &copy->to[lane]);
    if (!ok) {
        pipe_give_up(rows);
    }
    pthread_join(reader, NULL);
    rowtext_done(&writing.batch);
    pipe_free(rows);
    ok = ok && build_keys(copy, lane, table);
    atomic_fetch_add(&copy->finished_bytes, table->estimated_bytes);
    atomic_store(&copy->current_bytes[lane], 0);
    return ok;
}

// --- lanes ---

struct lane {
    struct copy *copy;
    unsigned number;
    atomic_bool ended;
};

static void *run_lane(void *arg) {
    struct lane *lane = arg;
    struct copy *copy = lane->copy;
    while (!atomic_load(&copy->failed)) {
        size_t i = atomic_fetch_add(&copy->next, 1);
        if (i >= copy->count) {
            break;
        }
        if (!copy_one(copy, lane->number, &copy->tables[i])) {
            atomic_store(&copy->failed, true);
        }
    }
    atomic_store(&lane->ended, true);
    return NULL;
}

static void report(struct copy *copy, int64_t total_bytes) {
    int64_t done = atomic_load(&copy->finished_bytes);
    for (unsigned i = 0; i < COPY_LANES; i++) {
        done += atomic_load(&copy->current_bytes[i]);
    }
    job_progress(copy->job, done < total_bytes ? done : total_bytes, total_bytes);
    job_tick(copy->job);
}

// The lanes' sessions are interrupted when the job is told to stop, but a server that builds keys does not notice that
// its client has gone, and the node could not be closed before it ends.
static void end_statements(struct copy *copy) {
    uint64_t connections[COPY_LANES];
    for (unsigned i = 0; i < COPY_LANES; i++) {
        connections[i] = db_connection_id(copy->to[i].session);
    }
    leftover_kill(copy->job, copy->to[0].name, connections, COPY_LANES);
    for (unsigned i = 0; i < COPY_LANES; i++) {
        db_interrupt(copy->to[i].session);  // a node that froze answers nobody: the wait for it must end
    }
}

// A backup lock that was lost is told now, not after hours of copying.
static bool keep_awake(struct peer *donor, int64_t *until_ms) {
    int64_t now_ms = clock_mono_ms();
    if (now_ms < *until_ms) {
        return true;
    }
    *until_ms = now_ms + KEEP_AWAKE_MS;
    return peer_exec(donor, "DO 0");
}

bool copy_run(struct copy *copy) {
    int64_t total_bytes = 0;
    for (size_t i = 0; i < copy->count; i++) {
        total_bytes += copy->tables[i].estimated_bytes;
    }
    struct lane lanes[COPY_LANES];
    pthread_t threads[COPY_LANES];
    for (unsigned i = 0; i < COPY_LANES; i++) {
        lanes[i] = (struct lane){.copy = copy, .number = i};
        if (pthread_create(&threads[i], NULL, run_lane, &lanes[i]) != 0) {
            mem_no_thread();
        }
    }
    int64_t awake_until_ms = 0;
    for (unsigned ended = 0; ended < COPY_LANES;) {
        report(copy, total_bytes);
        if (!job_pause(copy->job, TICK_MS) || !keep_awake(copy->donor, &awake_until_ms)) {
            atomic_store(&copy->failed, true);
        }
        if (atomic_load(&copy->failed)) {
            end_statements(copy);
            break;
        }
        ended = 0;
        for (unsigned i = 0; i < COPY_LANES; i++) {
            ended += atomic_load(&lanes[i].ended) ? 1 : 0;
        }
    }
    for (unsigned i = 0; i < COPY_LANES; i++) {
        pthread_join(threads[i], NULL);
    }
    if (atomic_load(&copy->failed)) {
        return false;
    }
    report(copy, total_bytes);
    return true;
}
