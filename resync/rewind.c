#include "resync/rewind.h"

#include <stdlib.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/rescue_file.h"
#include "resync/rewind_parts.h"

enum { RULE_ASK_ROWS = 77 };
enum {
    // Of events, unpacked. They are undone in one transaction and held in memory; beyond that a copy is not slower.
    UNDO_BYTES_MOST = 64 * 1024 * 1024,
    OPEN_WAIT_MS = 10000,
};

bool rewind_can_go_on(struct peer *recipient, const struct picture *picture, bool *ret) {
    const struct gtid_set *executed = picture->recipient.executed;
    bool begun = false;
    AUTO_TEXT char *text = NULL;
    *ret = false;
    if (!rewind_read_mark(recipient, &begun, &text)) {
        return false;
    }
    if (!begun) {
        return true;
    }
    if (!text) {  // nothing was undone; but only with its GTIDs still there is it known what is to be
        *ret = !gtid_empty(picture->diverged);
        return true;
    }
    AUTO_GTID struct gtid_set *target = gtid_parse(text, NULL);
    *ret = target && gtid_subset(target, picture->primary.executed) && gtid_empty(picture->diverged) &&
           (gtid_empty(executed) || gtid_subset(target, executed));
    return true;
}

// Users' tables are read, on both servers, as the account that can do no more than read.
static bool open_readers(struct job *job, const struct peer *recipient, const struct peer *primary,
                         struct peer *ret_here, struct peer *ret_there) {
    return peer_open(job, recipient->name, PEER_READ, false, OPEN_WAIT_MS, ret_here) &&
           peer_open(job, primary->name, PEER_READ, false, OPEN_WAIT_MS, ret_there);
}

// --- judging ---

static bool feed(void *arg, const unsigned char *event, size_t length_bytes, bool checksum, struct err *err) {
    (void)checksum;
    (void)err;
    undo_feed(arg, event, length_bytes);
    return true;
}

static bool judge(struct job *job, struct peer *recipient, struct peer *primary, const struct picture *picture,
                  struct undo *undo) {
    job_step(job, "judge");
    struct err err = {0};
    if (!rescue_file_each(job->rescued_path, feed, undo, &err)) {
        return job_fail_rung(job, MSG_REWIND_NO_FILE, KVS(KV("error", err.text)));
    }
    const char *what = NULL;
    enum undo_verdict verdict = undo_verdict(undo, &what);
    uint64_t most = UNDO_BYTES_MOST;
    if (verdict == UNDO_POSSIBLE &&
        rewind_statement_bytes(undo_largest_bytes(undo, REWIND_EVENT_BYTES)) >= picture->recipient.max_packet_bytes) {
        verdict = UNDO_ROW;
        most = picture->recipient.max_packet_bytes;
    }
    if (verdict != UNDO_POSSIBLE) {
        return job_unfit(job, undo_rule(verdict), undo_why(verdict), KVS(KV("what", what), KVI("most", most)));
    }
    if (job->idle_only && undo_rows(undo) > 0) {
        return job_unfit(job, RULE_ASK_ROWS, MSG_REWIND_ASK_FIRST, KVS(KVI("rows", undo_rows(undo))));
    }
    AUTO_PEER struct peer here = {0};
    AUTO_PEER struct peer there = {0};
    return open_readers(job, recipient, primary, &here, &there) && rewind_judge_tables(job, &here, &there, undo);
}

// --- undoing ---

static bool set_gtids(struct job *job, struct peer *recipient, const char *target) {
    AUTO_TEXT char *text = peer_quote(recipient, target);
    return job_guard(job, recipient) && peer_exec(recipient, "SET GLOBAL gtid_purged = %s", text) &&
           step_relock(recipient);
}

// While the transaction that undoes is still open the GTIDs go: at no time does the node claim transactions that are no
// longer in its data, and at no time does it lack both them and the mark.
static bool undo_all(struct job *job, struct peer *recipient, const struct undo *undo, const char *target) {
    AUTO_PEER struct peer session = {0};
    if (!peer_open(job, recipient->name, PEER_REBUILD, false, OPEN_WAIT_MS, &session) || !rewind_mark(job, &session) ||
        !rewind_apply(job, &session, undo, target)) {
        return false;
    }
    job_step(job, "reset");
    return job_guard(job, recipient) && step_reset_history(job, recipient) && peer_exec(&session, "COMMIT");
}

// "FLUSH STATUS (2), COMMIT": what changes no data, by its statements; the last one stands for an empty transaction.
static char *idle_words(const struct undo *undo) {
    const struct idle_seen *seen = undo_idle_seen(undo);
    uint64_t named = 0;
    for (size_t i = 0; i < seen->kind_count; i++) {
        named += seen->kinds[i].count;
    }
    char *text = idle_text(seen);
    if (undo_idle(undo) > named) {
        mem_append(&text, named > 0 ? ", COMMIT" : "COMMIT");
    }
    return text;
}

static void tell_undone(struct job *job, const struct undo *undo) {
    const struct undo_table *tables = NULL;
    size_t table_count = undo_tables(undo, &tables);
    AUTO_TEXT char *what = idle_words(undo);
    enum msg msg = undo_idle(undo) == 0  ? MSG_REWIND_UNDONE
                   : undo_rows(undo) > 0 ? MSG_REWIND_UNDONE_SOME
                                         : MSG_REWIND_IDLE;
    job_event(job, EVENT_RESYNC_PROGRESS, SEVERITY_INFO, 0, msg,
              KVS(KVI("count", undo_count(undo)), KVI("rows", undo_rows(undo)), KVI("tables", table_count),
                  KVI("idle", undo_idle(undo)), KV("what", what)));
}

static bool start(struct job *job, struct peer *recipient, struct peer *primary, const struct picture *picture) {
    AUTO_UNDO struct undo *undo = undo_new(UNDO_BYTES_MOST);
    AUTO_GTID struct gtid_set *common = gtid_subtract(picture->recipient.executed, picture->diverged);
    AUTO_TEXT char *target = gtid_text(common);
    if (!judge(job, recipient, primary, picture, undo)) {
        return false;
    }
    step_say_begun(job);
    bool ok = (undo_rows(undo) > 0 ? step_unlock_for_copy : step_unlock)(job, recipient) &&
              undo_all(job, recipient, undo, target) && set_gtids(job, recipient, target);
    if (ok) {
        tell_undone(job, undo);
    }
    return ok;
}

// All was undone before: what is missing is the GTID state at most.
static bool go_on(struct job *job, struct peer *recipient, const struct picture *picture, const char *target) {
    step_say_begun(job);
    job_step(job, "reset");
    return step_unlock_for_copy(job, recipient) &&
           (gtid_empty(picture->recipient.executed) ? set_gtids(job, recipient, target) : step_relock(recipient));
}

bool rewind_run(struct job *job, struct peer *recipient, struct peer *primary, const struct picture *picture) {
    bool begun = false;
    AUTO_TEXT char *target = NULL;
    bool ok = rewind_read_mark(recipient, &begun, &target) &&
              (target ? go_on(job, recipient, picture, target) : start(job, recipient, primary, picture));
    if (!ok) {
        job_make_rung(job);
    }
    return ok;
}

bool rewind_finish(struct job *job, struct peer *recipient, struct peer *primary) {
    AUTO_PEER struct peer here = {0};
    AUTO_PEER struct peer there = {0};
    bool ok = open_readers(job, recipient, primary, &here, &there) && rewind_verify(job, &here, &there) &&
              step_unlock(job, recipient) && peer_exec(recipient, "SET SESSION sql_log_bin = 0") &&
              peer_exec(recipient, "DROP DATABASE " REBUILD_SCHEMA) && step_relock(recipient);
    if (!ok) {
        job_make_rung(job);
    }
    return ok;
}
