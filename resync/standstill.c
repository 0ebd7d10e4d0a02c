#include "resync/standstill.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"

enum {
    LOCK_TRY_S = 1,        // how long clients may be held up by one try
    LOCK_PAUSE_MS = 1000,  // and how long they go free between two
    TRY_ANYWAY_ROUNDS = 15,
    LOCK_WAIT_MS = 120000,
    LOCK_TIMEOUT_MS = 30000,
    IDLE_S = 3,  // the server ends the session that holds the lock when we vanish without a word
};

// Statements that have been running for long and have a table open, or write: the read lock would wait for them, and
// every writer for the read lock. Such a statement holds a metadata lock. What holds none is not in the way, whosever
// it is: the watcher's sentinel, a replica's applier that has nothing to do, SLEEP(). Were these locks not recorded on
// the server, every long statement would count.
#define LONG_STATEMENTS_SQL                                                                                      \
    "SELECT CONCAT(p.id, ' (', p.user, ')') FROM performance_schema.processlist p WHERE p.command IN ('Query', " \
    "'Execute') AND p.time >= 1"                                                                                 \
    " AND p.id <> CONNECTION_ID() AND (EXISTS (SELECT 1 FROM performance_schema.threads t"                       \
    " JOIN performance_schema.metadata_locks m ON m.owner_thread_id = t.thread_id WHERE t.processlist_id = p.id" \
    " AND m.object_type NOT IN ('USER LEVEL LOCK', 'LOCKING SERVICE')) OR NOT EXISTS (SELECT 1 FROM"             \
    " performance_schema.setup_instruments WHERE name = 'wait/lock/metadata/sql/mdl' AND enabled = 'YES'))"      \
    " ORDER BY p.time DESC LIMIT 1"

// *ret: the session whose statement has run longest, NULL: none has.
static bool find_busy(struct peer *server, char **ret) {
    return peer_value(server, LONG_STATEMENTS_SQL, ret);
}

bool standstill_begin(struct job *job, struct peer *server) {
    int64_t deadline_ms = clock_mono_ms() + LOCK_WAIT_MS;
    if (!peer_exec(server, "SET SESSION lock_wait_timeout = %d, wait_timeout = %d", LOCK_TRY_S, IDLE_S)) {
        return false;
    }
    for (unsigned round = 1;; round++) {
        struct err err = {0};
        AUTO_TEXT char *busy = NULL;
        if (!find_busy(server, &busy)) {
            return false;
        }
        if (!busy || round % TRY_ANYWAY_ROUNDS == 0) {
            if (db_exec(server->session, LOCK_TIMEOUT_MS, "FLUSH TABLES WITH READ LOCK", &err)) {
                return true;
            }
            if (err.kind != ERR_BUSY) {
                return peer_failed(server, &err);
            }
        }
        if (clock_mono_ms() >= deadline_ms) {
            return job_fail(
                job, MSG_DUMP_BUSY,
                KVS(KV("donor", server->name), KVI("seconds", LOCK_WAIT_MS / 1000), KV("session", busy ? busy : "?")));
        }
        if (!job_pause(job, LOCK_PAUSE_MS)) {
            return false;
        }
    }
}

bool standstill_end(struct peer *server, int idle_s) {
    return peer_exec(server, "UNLOCK TABLES") && peer_exec(server, "SET SESSION wait_timeout = %d", idle_s);
}
