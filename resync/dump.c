#include "resync/dump.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/dump_parts.h"
#include "resync/obstacles.h"
#include "resync/standstill.h"
#include "resync/xa.h"

enum {
    OPEN_WAIT_MS = 10000,
    BACKUP_LOCK_S = 60,  // for a DDL that is under way on the donor
    DONOR_IDLE_S = 600,  // how long DDL waits there when we vanish without a word
};

struct snapshot {
    char *gtids;  // owned
    struct position position;
};

static void copy_close(struct copy *copy) {
    peer_close(&copy->reader);
    for (unsigned i = 0; i < COPY_LANES; i++) {
        peer_close(&copy->from[i]);
        peer_close(&copy->to[i]);
    }
    for (size_t i = 0; i < copy->count; i++) {
        copy_table_done(&copy->tables[i]);
    }
    free(copy->tables);
    for (size_t i = 0; i < copy->keys_count; i++) {
        free(copy->keys[i]->sql);
        free(copy->keys[i]);
    }
    free(copy->keys);
}

static bool open_reader(struct copy *copy, const char *donor) {
    return peer_open(copy->job, donor, PEER_READ, false, OPEN_WAIT_MS, &copy->reader) &&
           // It waits while the rows are copied. Sizes as they are now, to share the tables out; not those of
           // yesterday.
           peer_exec(&copy->reader, "SET SESSION wait_timeout = 31536000, information_schema_stats_expiry = 0");
}

static bool open_lanes(struct copy *copy, const char *recipient, const char *donor) {
    for (unsigned i = 0; i < COPY_LANES; i++) {
        if (!peer_open(copy->job, donor, PEER_READ, true, OPEN_WAIT_MS, &copy->from[i]) ||
            !copy_prepare_donor(&copy->from[i]) ||
            !peer_open(copy->job, recipient, PEER_REBUILD, true, OPEN_WAIT_MS, &copy->to[i]) ||
            !copy_prepare_recipient(&copy->to[i])) {
            return false;
        }
    }
    return true;
}

static bool read_position(struct peer *donor, struct snapshot *ret) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_value(donor, "SELECT @@GLOBAL.gtid_executed", &ret->gtids) ||
        !peer_query(donor, &rows, "SHOW BINARY LOG STATUS")) {
        return false;
    }
    if (db_rows_count(rows) > 0) {
        (void)text_copy(ret->position.file, sizeof ret->position.file, db_cell_named(rows, 0, "File"));
        (void)text_to_u64(db_cell_named(rows, 0, "Position"), &ret->position.offset);
    }
    return true;
}

// All lanes' snapshots and the position are one moment: nothing commits while the read lock is held. The backup lock
// stays on until the end, so that no DDL changes what the snapshots stand on.
static bool take_snapshot(struct copy *copy, struct peer *donor, struct snapshot *ret) {
    struct job *job = copy->job;
    job_step(job, "snapshot");
    if (!peer_exec(donor, "SET SESSION lock_wait_timeout = %d", BACKUP_LOCK_S) ||
        !peer_exec_within(donor, (BACKUP_LOCK_S + 5) * 1000, "LOCK INSTANCE FOR BACKUP") ||
        !standstill_begin(job, donor)) {
        return false;
    }
    bool ok = xa_nothing_prepared(job, donor);
    for (unsigned i = 0; ok && i < COPY_LANES; i++) {
        ok = peer_exec(&copy->from[i], "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY");
    }
    ok = ok && read_position(donor, ret);
    ok = standstill_end(donor, DONOR_IDLE_S) && ok;
    if (ok) {
        AUTO_TEXT char *where = mem_format("%s:%llu", ret->position.file, (unsigned long long)ret->position.offset);
        job_say(job, LOG_LEVEL_INFO, MSG_DUMP_SNAPSHOT,
                KVS(KV("donor", donor->name), KV("position", where), KV("gtids", ret->gtids)));
    }
    return ok;
}

// From here on the node is nobody's replica and holds nobody's data: the mark says so until the end, and the empty
// GTID set says so even if the mark were lost.
static bool give_up_old_data(struct job *job, struct peer *recipient, const struct dump_plan *plan) {
    job_step(job, "clear");
    return peer_exec(recipient, "CREATE DATABASE IF NOT EXISTS " REBUILD_SCHEMA) &&
           step_forget_history(job, recipient) && job_guard(job, recipient) && dump_clear(recipient, plan);
}

// All that is copied but the rows, and how those travel: known before anything is given up.
struct definitions {
    struct dump_plan plan;
    struct dump_objects objects;
    struct dump_others others;
    bool zones_differ;
};

static void definitions_done(struct definitions *definitions) {
    dump_plan_done(&definitions->plan);
    dump_objects_done(&definitions->objects);
    dump_others_done(&definitions->others);
}

static bool read_definitions(struct copy *copy, struct peer *recipient, struct peer *donor, struct definitions *ret) {
    struct peer *reader = &copy->reader;
    job_step(copy->job, "definitions");
    return dump_read_places(reader, donor, &ret->plan) && dump_read_tables(recipient, reader, copy, &ret->plan) &&
           dump_read_objects(reader, &ret->objects) && dump_read_others(donor, reader, &ret->others) &&
           dump_compare_zones(recipient, donor, &ret->zones_differ);
}

// LOAD DATA LOCAL may be switched off on the recipient: on for the copy, off again afterwards.
static bool allow_load(struct peer *recipient, bool *ret_changed) {
    AUTO_TEXT char *on = NULL;
    if (!peer_value(recipient, "SELECT @@GLOBAL.local_infile", &on)) {
        return false;
    }
    *ret_changed = text_equal(on, "0");
    return !*ret_changed || peer_exec(recipient, "SET GLOBAL local_infile = ON");
}

static bool copy_all(struct copy *copy, struct peer *recipient, struct peer *donor, struct definitions *definitions) {
    struct job *job = copy->job;
    job_step(job, "tables");
    if (!dump_make_places(recipient, &definitions->plan) || !dump_make_tables(recipient, &definitions->plan)) {
        return false;
    }
    job_step(job, "copy");
    if (!copy_run(copy)) {
        return false;
    }
    if (!dump_check(copy, recipient, &copy->reader)) {
        return false;
    }
    job_step(job, "objects");
    return dump_users(recipient, donor, definitions->zones_differ) &&
           dump_make_objects(recipient, donor->name, &definitions->objects) &&
           dump_tell_histograms(job, &copy->reader) && dump_tell_others(recipient, &definitions->others) &&
           dump_close_schemas(recipient, &definitions->plan) &&
           peer_exec(donor, "UNLOCK INSTANCE");  // fails if the lock was lost on the way
}

// A copy that filled the disk is worth nothing, and its room is needed for the next one.
static void free_disk(struct job *job, struct peer *recipient, const struct dump_plan *plan) {
    if (job->failure.msg == MSG_RESYNC_DISK_FULL && db_alive(recipient->session)) {
        (void)dump_clear(recipient, plan);  // the first failure is the one that is told
    }
}

// What the copy needs is known to be there, and what stands in its way is gone, before the old data are given up.
static bool replace_data(struct copy *copy, struct peer *recipient, struct peer *donor) {
    __attribute__((cleanup(definitions_done))) struct definitions definitions = {0};
    AUTO_OBSTACLES struct obstacles obstacles = {0};
    struct job *job = copy->job;
    bool changed = false;
    if (!read_definitions(copy, recipient, donor, &definitions) ||
        !obstacles_clear(job, recipient, &copy->reader, RUNG_DUMP, &obstacles)) {
        return false;
    }
    if (!copy_prepare_recipient(recipient) || !dump_try(recipient, &definitions.plan) ||
        !dump_add_spatial(recipient, &copy->reader) || !allow_load(recipient, &changed)) {
        return obstacles_put_back(recipient, &obstacles);
    }
    bool ok = give_up_old_data(job, recipient, &definitions.plan) && copy_all(copy, recipient, donor, &definitions);
    if (changed && db_alive(recipient->session)) {
        ok = peer_exec(recipient, "SET GLOBAL local_infile = OFF") && ok;
    }
    if (!ok) {
        free_disk(job, recipient, &definitions.plan);
    }
    return ok;
}

// The GTID state last but one, the mark last: whichever is missing, the copy counts as unfinished.
static bool finish(struct job *job, struct peer *recipient, const struct snapshot *snapshot, bool gtid) {
    AUTO_TEXT char *gtids = peer_quote(recipient, snapshot->gtids ? snapshot->gtids : "");
    job_step(job, "finish");
    return job_guard(job, recipient) && peer_exec(recipient, "RESET BINARY LOGS AND GTIDS") &&
           (!gtid || peer_exec(recipient, "SET GLOBAL gtid_purged = %s", gtids)) &&
           peer_exec(recipient, "DROP DATABASE " REBUILD_SCHEMA) && step_relock(recipient);
}

bool dump_run(struct job *job, struct peer *recipient, struct peer *donor, struct position *ret_from) {
    struct copy copy = {.job = job, .donor = donor};
    struct snapshot snapshot = {0};
    AUTO_TEXT char *mode = NULL;
    bool ok = peer_value(donor, "SELECT @@GLOBAL.gtid_mode = 'ON'", &mode) && open_reader(&copy, donor->name) &&
              obstacles_look(job, recipient, donor, &copy.reader, RUNG_DUMP) &&
              open_lanes(&copy, recipient->name, donor->name) && take_snapshot(&copy, donor, &snapshot) &&
              replace_data(&copy, recipient, donor);
    copy_close(&copy);
    bool gtid = text_equal(mode, "1");
    ok = ok && finish(job, recipient, &snapshot, gtid);
    if (ok && !gtid) {
        *ret_from = snapshot.position;
    }
    free(snapshot.gtids);
    return ok;
}
