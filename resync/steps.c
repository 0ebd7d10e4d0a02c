#include "resync/steps.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/follow.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/leftover.h"
#include "resync/obstacles.h"
#include "resync/rewind.h"

enum {
    FENCE_WAIT_MS = 15000,  // for the watcher to close a node that is open
    LOCK_S = 10,  // of everything that a job runs on the node: less than we wait for an answer, so that the server says
                  // what is in the way
    STALLED_MS = 120000,  // following without a step forward for this long is a failure
    REFUSED_MS = 10000,   // a receiver that cannot log in for this long is a failure
    WAIT_SLICE_S = 1,
    PUBLISH_EVERY_MS = 1000,
    TELL_EVERY_MS = 5000,
    ERROR_LOGIN = 1045,
    ERROR_DISK_FULL = 1021,
    ERROR_TABLE_FULL = 1114,
    ERROR_LOCKED_FOR_BACKUP = 3857,
};

// A backup's lock forbids it.
static bool stop_replica(struct job *job, struct peer *recipient) {
    struct err err = {0};
    if (db_exec(recipient->session, PEER_TIMEOUT_MS, "STOP REPLICA", &err)) {
        return true;
    }
    if (err.number != ERROR_LOCKED_FOR_BACKUP) {
        return peer_failed(recipient, &err);
    }
    return obstacles_end_locks(job, recipient) && peer_exec(recipient, "STOP REPLICA");
}

bool step_fence(struct job *job, struct peer *recipient) {
    job_step(job, "fence");
    int64_t deadline_ms = clock_mono_ms() + FENCE_WAIT_MS;
    for (;;) {
        AUTO_TEXT char *read_only = NULL;
        if (!peer_value(recipient, "SELECT @@GLOBAL.read_only", &read_only)) {
            return false;
        }
        if (text_equal(read_only, "1") || clock_mono_ms() >= deadline_ms) {
            break;
        }
        if (!job_pause(job, 100)) {
            return false;
        }
    }
    return job_guard(job, recipient) && leftover_end(job, recipient) && step_relock(recipient) &&
           stop_replica(job, recipient);
}

bool step_relock(struct peer *recipient) {
    return peer_exec(recipient, "SET SESSION lock_wait_timeout = %d", LOCK_S) &&
           peer_exec(recipient, "SET GLOBAL super_read_only = ON");
}

bool step_unlock(struct job *job, struct peer *recipient) {
    return job_guard(job, recipient) && peer_exec(recipient, "SET GLOBAL super_read_only = OFF") &&
           job_guard(job, recipient);
}

bool step_unlock_for_copy(struct job *job, struct peer *recipient) {
    return job_guard(job, recipient) && peer_exec(recipient, "SET GLOBAL offline_mode = ON") &&
           step_unlock(job, recipient);
}

void step_say_begun(struct job *job) {
    static const char *const copies[JOB_RUNG_COUNT] = {
        [RUNG_CATCHUP] = "nothing", [RUNG_REWIND] = "nothing", [RUNG_CLONE] = "everything", [RUNG_DUMP] = "everything"};
    enum job_rung rung = job->state.rung;
    if ((job->begun_rungs & 1U << rung) == 0) {
        job->begun_rungs |= 1U << rung;
        job_say(job, LOG_LEVEL_INFO, MSG_RESYNC_BACKUP,
                KVS(KV("rung", job_rung_name(rung)), KV("donor", job->state.donor), KV("copies", copies[rung])));
    }
}

bool step_forget_history(struct job *job, struct peer *recipient) {
    return rewind_forget(recipient) && step_reset_history(job, recipient);
}

bool step_reset_history(struct job *job, struct peer *recipient) {
    AUTO_TEXT char *executed = NULL;
    if (!peer_exec(recipient, "RESET REPLICA ALL") ||
        !peer_value(recipient, "SELECT @@GLOBAL.gtid_executed", &executed)) {
        return false;
    }
    AUTO_GTID struct gtid_set *now = gtid_parse(executed, NULL);
    AUTO_GTID struct gtid_set *seen = gtid_parse(job->seen_gtids, NULL);
    if (!now || !seen || !gtid_subset(now, seen)) {
        return job_fail_again(job, MSG_GUARD_WROTE, KVS());
    }
    return peer_exec(recipient, "RESET BINARY LOGS AND GTIDS");
}

bool step_attach(struct job *job, struct peer *recipient, struct peer *primary, const struct position *from) {
    job_step(job, "attach");
    job_say(job, LOG_LEVEL_INFO, MSG_RESYNC_TOPOLOGY, KVS(KV("primary", primary->name)));
    AUTO_TEXT char *follow =
        follow_statement(recipient->session, job->settings, primary->at, from->file, from->offset);
    if (from->file[0] != '\0') {
        job_say(
            job, LOG_LEVEL_INFO, MSG_RESYNC_POSITION,
            KVS(KV("primary", primary->name), KV("SOURCE_LOG_FILE", from->file), KVI("SOURCE_LOG_POS", from->offset)));
    }
    // RESET REPLICA ALL also clears relay logs that a crash left unreadable; all that they hold is fetched again.
    return job_guard(job, recipient) && peer_exec(recipient, "STOP REPLICA") &&
           peer_exec(recipient, "RESET REPLICA ALL") && peer_exec_within(recipient, PEER_TIMEOUT_MS, follow) &&
           peer_exec(recipient, "START REPLICA");
}

bool step_let_clients_in(struct peer *recipient) {
    return peer_exec(recipient, "SET GLOBAL offline_mode = OFF");
}

struct threads {
    bool receiving;
    unsigned long receiver_error, applier_error;
    char receiver_state[16];
    char error[300];
};

static bool look_at_threads(struct peer *recipient, struct threads *ret) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(recipient, &rows,
                    "SELECT c.service_state AS receiver, c.last_error_number AS receiver_error,"
                    " c.last_error_message AS receiver_text,"
                    " COALESCE(w.last_error_number, k.last_error_number, 0) AS applier_error,"
                    " COALESCE(w.last_error_message, k.last_error_message, '') AS applier_text"
                    " FROM performance_schema.replication_connection_status c"
                    " LEFT JOIN performance_schema.replication_applier_status_by_worker w"
                    " ON w.channel_name = c.channel_name AND w.last_error_number <> 0"
                    " LEFT JOIN performance_schema.replication_applier_status_by_coordinator k"
                    " ON k.channel_name = c.channel_name AND k.last_error_number <> 0"
                    " WHERE c.channel_name = '' LIMIT 1")) {
        return false;
    }
    *ret = (struct threads){0};
    if (db_rows_count(rows) == 0) {
        return true;
    }
    (void)text_copy(ret->receiver_state, sizeof ret->receiver_state, db_cell_named(rows, 0, "receiver"));
    ret->receiving = text_equal(ret->receiver_state, "ON");
    ret->receiver_error = strtoul(db_cell_named(rows, 0, "receiver_error"), NULL, 10);
    ret->applier_error = strtoul(db_cell_named(rows, 0, "applier_error"), NULL, 10);
    (void)text_copy(ret->error, sizeof ret->error,
                    db_cell_named(rows, 0, ret->applier_error ? "applier_text" : "receiver_text"));
    return true;
}

// A broken applier, or a receiver that gave up, ends the wait; a receiver that tries again does not, unless it is the
// password, which trying again will not mend.
static bool check_threads(struct job *job, struct peer *primary, const struct threads *now, int64_t waited_ms) {
    if (now->applier_error == ERROR_TABLE_FULL || now->applier_error == ERROR_DISK_FULL) {
        return job_fail(job, MSG_RESYNC_DISK_FULL, KVS(KV("peer", job->state.node), KV("error", now->error)));
    }
    if (now->applier_error) {
        return job_fail_rung(job, MSG_FOLLOW_APPLIER, KVS(KV("error", now->error)));
    }
    if (now->receiver_error == ERROR_LOGIN && waited_ms >= REFUSED_MS) {
        return job_fail(job, MSG_FOLLOW_LOGIN, KVS(KV("primary", primary->name), KV("user", job->settings->repl_user)));
    }
    if (text_equal(now->receiver_state, "OFF") && now->receiver_error) {
        return job_fail_rung(job, MSG_FOLLOW_RECEIVER, KVS(KV("primary", primary->name), KV("error", now->error)));
    }
    return true;
}

// What is waited for: a GTID set, or a position.
static bool target_of(struct peer *primary, const struct position *from, char **ret_gtids, struct position *ret) {
    if (from->file[0] == '\0') {
        return peer_value(primary, "SELECT @@GLOBAL.gtid_executed", ret_gtids);
    }
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(primary, &rows, "SHOW BINARY LOG STATUS")) {
        return false;
    }
    (void)text_copy(ret->file, sizeof ret->file, db_cell_named(rows, 0, "File"));
    ret->offset = strtoull(db_cell_named(rows, 0, "Position"), NULL, 10);
    return true;
}

// The server waits for us, so that the end is known at once. NULL and errors mean "not yet": the threads tell why.
static bool wait_slice(struct peer *recipient, const char *gtids, const struct position *target, bool *ret_there) {
    AUTO_TEXT char *quoted = peer_quote(recipient, gtids ? gtids : target->file);
    AUTO_TEXT char *sql = gtids ? mem_format("SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %d)", quoted, WAIT_SLICE_S)
                                : mem_format("SELECT SOURCE_POS_WAIT(%s, %llu, %d)", quoted,
                                             (unsigned long long)target->offset, WAIT_SLICE_S);
    AUTO_TEXT char *answer = NULL;
    if (!peer_value(recipient, sql, &answer)) {
        return false;
    }
    *ret_there = gtids ? text_equal(answer, "0") : answer && answer[0] != '-';
    return true;
}

// How far it is: transactions of the target that the node lacks, or (without GTIDs) the position it is at. A change is
// the sign that it moves.
static bool how_far(struct peer *recipient, const char *gtids, uint64_t *ret) {
    if (!gtids) {
        AUTO_ROWS struct db_rows *rows = NULL;
        if (!peer_query(recipient, &rows, "SHOW REPLICA STATUS")) {
            return false;
        }
        if (db_rows_count(rows) > 0) {
            (void)text_to_u64(db_cell_named(rows, 0, "Exec_Source_Log_Pos"), ret);
        }
        return true;
    }
    AUTO_TEXT char *executed = NULL;
    if (!peer_value(recipient, "SELECT @@GLOBAL.gtid_executed", &executed)) {
        return false;
    }
    AUTO_GTID struct gtid_set *have = gtid_parse(executed, NULL);
    AUTO_GTID struct gtid_set *want = gtid_parse(gtids, NULL);
    if (have && want) {
        AUTO_GTID struct gtid_set *left = gtid_subtract(want, have);
        *ret = gtid_count(left);
    }
    return true;
}

// The reigns that the primary knows of: up to that epoch, and their sum.
struct reigns {
    char *newest, *sum;  // owned; NULL: it has no such table
};

static void reigns_drop(struct reigns *reigns) {
    free(reigns->newest);
    free(reigns->sum);
}

static bool look_at_reigns(struct peer *primary, struct reigns *ret) {
    AUTO_TEXT char *table = NULL;
    if (!peer_value(primary,
                    "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'relevo'"
                    " AND table_name = 'epoch'",
                    &table)) {
        return false;
    }
    if (text_equal(table, "0")) {
        return true;
    }
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(primary, &rows, "SELECT COALESCE(MAX(epoch), 0), " REIGNS_SQL " FROM relevo.epoch")) {
        return false;
    }
    ret->newest = mem_text(db_cell(rows, 0, 0, NULL));
    ret->sum = mem_text(db_cell(rows, 0, 1, NULL));
    return true;
}

static bool sum_up_to(struct peer *peer, const char *newest, char **ret) {
    AUTO_TEXT char *sql = mem_format("SELECT " REIGNS_SQL " FROM relevo.epoch WHERE epoch <= %s", newest);
    return peer_value(peer, sql, ret);
}

// It has executed all that the primary had: then it also has these rows, unless GTIDs lie (REIGNS_SQL).
static bool check_reigns(struct job *job, struct peer *recipient, struct peer *primary, const struct reigns *reigns) {
    if (!reigns->sum) {
        return true;
    }
    AUTO_TEXT char *sum = NULL;
    return sum_up_to(recipient, reigns->newest, &sum) &&
           (text_equal(sum, reigns->sum) || job_fail_rung(job, MSG_FOLLOW_FORKED, KVS(KV("primary", primary->name))));
}

bool step_knows_reigns(struct peer *peer, struct peer *primary, bool *ret) {
    __attribute__((cleanup(reigns_drop))) struct reigns reigns = {0};
    AUTO_TEXT char *sum = NULL;
    *ret = false;
    if (!look_at_reigns(primary, &reigns) || (reigns.sum && !sum_up_to(peer, reigns.newest, &sum))) {
        return false;
    }
    *ret = !reigns.sum || text_equal(sum, reigns.sum);
    return true;
}

bool step_follow(struct job *job, struct peer *recipient, struct peer *primary, const struct position *from) {
    job_step(job, "follow");
    AUTO_TEXT char *gtids = NULL;
    __attribute__((cleanup(reigns_drop))) struct reigns reigns = {0};
    struct position target = {0};
    if (!look_at_reigns(primary, &reigns) || !target_of(primary, from, &gtids, &target)) {
        return false;
    }
    int64_t began_ms = clock_mono_ms(), moved_ms = began_ms, told_ms = began_ms;
    uint64_t far = 0, far_before = UINT64_MAX;
    for (bool there = false;;) {
        struct threads threads = {0};
        if ((!there && !wait_slice(recipient, gtids, &target, &there)) || !look_at_threads(recipient, &threads) ||
            !check_threads(job, primary, &threads, clock_mono_ms() - began_ms)) {
            return false;
        }
        if (there && threads.receiving) {
            return check_reigns(job, recipient, primary, &reigns);
        }
        int64_t now_ms = clock_mono_ms();
        if (!there && !how_far(recipient, gtids, &far)) {
            return false;
        }
        if (far != far_before) {
            far_before = far;
            moved_ms = now_ms;
        } else if (now_ms - moved_ms >= STALLED_MS) {
            return job_fail(job, MSG_FOLLOW_STALLED, KVS(KV("primary", primary->name), KV("error", threads.error)));
        }
        if (gtids && now_ms - told_ms >= TELL_EVERY_MS) {
            told_ms = now_ms;
            job_event(job, EVENT_RESYNC_PROGRESS, SEVERITY_INFO, 0, MSG_FOLLOW_PROGRESS, KVS(KVI("left", far)));
        }
        // Both waits are short: the receiver comes up within milliseconds once the applier is there.
        if (there && !job_pause(job, 20)) {
            return false;
        }
        if (!job_pause(job, 0)) {
            return false;
        }
        if (now_ms - job->written_ms >= PUBLISH_EVERY_MS) {
            (void)job_publish(job);
        }
    }
}
