// The rows of one table: range after range by primary key, each summed up on both servers, and a range that differs
// taken apart until the rows are found.
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/held.h"
#include "resync/verify_parts.h"
#include "resync/worker.h"

enum {
    CHUNK_TIMEOUT_MS = 610000,  // a table without a primary key is one chunk
    SHORT_MS = 80,              // a chunk that took less may be larger
    LONG_MS = 400,
    LEAST_BYTES = 256 * 1024,
    MOST_BYTES = 16 * 1024 * 1024,
    LEAST_ROW_BYTES = 50,  // the servers' estimate may be missing
    LEAST_ROWS = 10,
    // What a chunk took is paused for, times this: someone waits for an asked one, nobody for the one after a copy.
    PAUSES_ASKED = 1,
    PAUSES_UNASKED = 3,
    // The table was changed or dropped after the snapshot.
    ERROR_NO_SCHEMA = 1049,
    ERROR_NO_COLUMN = 1054,
    ERROR_NO_TABLE = 1146,
    ERROR_NO_INDEX = 1176,
    ERROR_CHANGED = 1412,
};

enum reading { READ, READ_CHANGED, READ_FAILED };

struct sum {
    uint64_t rows;
    char digest[80], second[40];
};

static bool same(const struct sum *a, const struct sum *b) {
    return a->rows == b->rows && text_equal(a->digest, b->digest) && text_equal(a->second, b->second);
}

static bool give_back(struct peer *peer) {
    return held_end(peer) && peer_exec(peer, "ROLLBACK TO SAVEPOINT chunk");
}

// Gives the locks on the table's definition back at once: no ALTER shall wait for a comparison.
static enum reading ask(struct peer *peer, const char *table, const char *sql, struct db_rows **ret) {
    struct err err = {0};
    enum held held = held_begin(peer, table);
    if (held != HELD) {
        return held == HELD_NOT ? READ_CHANGED : READ_FAILED;
    }
    if (!db_query(peer->session, CHUNK_TIMEOUT_MS, sql, ret, &err)) {
        bool changed = err.number == ERROR_NO_SCHEMA || err.number == ERROR_NO_COLUMN || err.number == ERROR_NO_TABLE ||
                       err.number == ERROR_NO_INDEX || err.number == ERROR_CHANGED;
        if (!changed) {
            (void)peer_failed(peer, &err);
            return READ_FAILED;
        }
        return give_back(peer) ? READ_CHANGED : READ_FAILED;
    }
    return give_back(peer) ? READ : READ_FAILED;
}

static enum reading read_sum(struct peer *peer, const char *table, const char *sql, struct sum *ret) {
    AUTO_ROWS struct db_rows *rows = NULL;
    enum reading reading = ask(peer, table, sql, &rows);
    if (reading == READ) {
        (void)text_to_u64(db_cell(rows, 0, 0, NULL), &ret->rows);
        const char *digest = db_cell(rows, 0, 1, NULL);
        (void)text_copy(ret->digest, sizeof ret->digest, ret->rows > 0 && digest ? digest : "");
        (void)text_copy(ret->second, sizeof ret->second, db_cell(rows, 0, 2, NULL));
    }
    return reading;
}

struct look {
    struct verify *verify;
    const struct verify_table *table;
    const struct range_table *shape;
};

// Both servers' sums of a range.
static enum reading read_both(const struct look *look, const char *where, struct sum *ret_here, struct sum *ret_there) {
    AUTO_TEXT char *sql = range_sum_sql(look->shape, where);
    const char *table = look->shape->name;
    enum reading reading = read_sum(&look->verify->there, table, sql, ret_there);
    return reading == READ ? read_sum(&look->verify->here, table, sql, ret_here) : reading;
}

// The key that is `count` rows behind low on the primary; none (ret->count 0) if there are fewer.
static enum reading step(const struct look *look, const struct range_bound *low, size_t count,
                         struct range_bound *ret) {
    *ret = (struct range_bound){0};
    if (look->shape->key_count == 0) {
        return READ;
    }
    AUTO_TEXT char *sql = range_step_sql(look->shape, low, count);
    AUTO_ROWS struct db_rows *rows = NULL;
    enum reading reading = ask(&look->verify->there, look->shape->name, sql, &rows);
    if (reading == READ && db_rows_count(rows) > 0) {
        for (unsigned i = 0; i < look->shape->key_count; i++) {
            ret->values[ret->count++] = mem_text(db_cell(rows, 0, i, NULL));
        }
    }
    return reading;
}

void verify_found(struct verify *verify, const struct verify_table *table, const char *where, uint64_t rows_here,
                  uint64_t rows_there) {
    struct job *job = verify->job;
    struct job_difference found = {.rows = rows_here, .rows_primary = rows_there};
    (void)text_format(found.table, sizeof found.table, "%s.%s", table->schema, table->name);
    (void)text_copy(found.where, sizeof found.where, where);
    pthread_mutex_lock(&job->lock);
    job->state.differing++;
    bool kept = job->state.difference_count < JOB_DIFFERENCE_MAX;
    if (kept) {
        job->state.differences[job->state.difference_count++] = found;
    }
    pthread_mutex_unlock(&job->lock);
    if (kept) {
        job_say(job, LOG_LEVEL_ERROR, MSG_VERIFY_FOUND,
                KVS(KV("table", found.table), KV("where", where), KVI("rows", rows_here),
                    KVI("rows_primary", rows_there), KV("primary", job->primary)));
    }
}

// A range that differs: halved until it holds one row of the primary, as long as there is room to say where.
static enum reading pin_down(const struct look *look, const struct range_bound *low, const struct range_bound *high,
                             const char *where, const struct sum *here, const struct sum *there) {
    struct verify *verify = look->verify;
    struct range_bound middle = {0};
    enum reading reading = READ;
    bool divides = there->rows > 1 || (there->rows == 1 && high->count == 0);  // the last row, and what is behind it
    if (divides && verify->job->state.difference_count < JOB_DIFFERENCE_MAX) {
        reading = step(look, low, there->rows > 1 ? (size_t)(there->rows / 2) : 1, &middle);
    }
    if (middle.count == 0) {
        if (reading == READ) {
            verify_found(verify, look->table, where, here->rows, there->rows);
        }
        return reading;
    }
    const struct range_bound *ends[] = {low, &middle, high};
    for (unsigned half = 0; reading == READ && half < 2; half++) {
        AUTO_TEXT char *part = range_condition(look->shape, ends[half], ends[half + 1]);
        struct sum part_here = {0}, part_there = {0};
        reading = read_both(look, part, &part_here, &part_there);
        if (reading == READ && !same(&part_here, &part_there)) {
            reading = pin_down(look, ends[half], ends[half + 1], part, &part_here, &part_there);
        }
    }
    range_bound_done(&middle);
    return reading;
}

static enum reading compare(const struct look *look, const struct range_bound *low, const struct range_bound *high,
                            uint64_t *ret_rows) {
    AUTO_TEXT char *where = range_condition(look->shape, low, high);
    struct sum here = {0}, there = {0};
    enum reading reading = read_both(look, where, &here, &there);
    *ret_rows = there.rows;
    return reading == READ && !same(&here, &there) ? pin_down(look, low, high, where, &here, &there) : reading;
}

static void note(struct verify *verify, struct verify_table *table, uint64_t rows) {
    struct job *job = verify->job;
    pthread_mutex_lock(&job->lock);
    job->state.compared_rows += rows;
    job->state.compared_tables += table->done ? 1 : 0;
    pthread_mutex_unlock(&job->lock);
    int64_t counted = table->counted_bytes + (int64_t)rows * table->row_bytes;
    counted = table->done || counted > table->bytes ? table->bytes : counted;
    verify->done_bytes += counted - table->counted_bytes;
    table->counted_bytes = counted;
    job_progress(job, verify->done_bytes, verify->total_bytes);
    job_tick(job);
}

static void adapt(struct verify *verify, int64_t took_ms) {
    if (took_ms < SHORT_MS && verify->chunk_bytes < MOST_BYTES) {
        verify->chunk_bytes *= 2;
    } else if (took_ms > LONG_MS && verify->chunk_bytes > LEAST_BYTES) {
        verify->chunk_bytes /= 2;
    }
}

static size_t chunk_rows(const struct verify *verify, const struct verify_table *table) {
    int64_t row_bytes = table->row_bytes > LEAST_ROW_BYTES ? table->row_bytes : LEAST_ROW_BYTES;
    int64_t rows = verify->chunk_bytes / row_bytes;
    return (size_t)(rows > LEAST_ROWS ? rows : LEAST_ROWS);
}

bool verify_rows(struct verify *verify, struct verify_table *table, const struct range_table *shape) {
    const struct look look = {.verify = verify, .table = table, .shape = shape};
    int pauses = text_equal(verify->job->state.by, CHECK_BY_ITSELF) ? PAUSES_UNASKED : PAUSES_ASKED;
    for (;;) {
        int64_t began_ms = clock_mono_ms();
        struct range_bound high = {0};
        uint64_t rows = 0;
        enum reading reading = step(&look, &table->low, chunk_rows(verify, table), &high);
        reading = reading == READ ? compare(&look, &table->low, &high, &rows) : reading;
        range_bound_done(&table->low);
        table->low = high;
        if (reading != READ) {
            table->put_off += reading == READ_CHANGED ? 1 : 0;
            return reading == READ_CHANGED;
        }
        table->done = high.count == 0;
        note(verify, table, rows);
        int64_t took_ms = clock_mono_ms() - began_ms;
        adapt(verify, took_ms);
        if (!job_pause(verify->job, took_ms * pauses)) {
            return false;
        }
        if (table->done || clock_mono_ms() >= verify->round_end_ms) {
            return true;
        }
    }
}
