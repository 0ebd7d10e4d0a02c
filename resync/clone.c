#include "resync/clone.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/accounts.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/leftover.h"
#include "resync/obstacles.h"

enum {
    READER_WAIT_MS = 10000,
    LONGEST_MS = 7 * 24 * 3600 * 1000,  // of the statement; what ends a clone that stands still is STALLED_MS
    STALLED_MS = 180000,
    LOOK_EVERY_MS = 300,
    LOOK_TIMEOUT_MS = 3000,
    RESTART_WAIT_MS = 900000,      // of the server, recovery included
    UNFINISHED_WAIT_MS = 10000,    // a server that answers again has done its part of the clone by then
    ERROR_NO_SUPERVISOR = 3707,    // the copy is whole, but nobody restarts the server for itself
    ERROR_TOO_MANY_CLONES = 3634,  // a predecessor's is just ending
};

#define OWN_DIR "relevo_doublewrite_"

// The CLONE statement, in a thread of its own: it answers only when all is over.
struct call {
    struct peer *peer;
    const char *sql;
    struct err err;
    bool ok;
    atomic_bool ended;
};

static void *run_statement(void *arg) {
    struct call *call = arg;
    call->ok = db_exec(call->peer->session, LONGEST_MS, call->sql, &call->err);
    atomic_store(&call->ended, true);
    return NULL;
}

// How far the copy is. Fails silently while the server restarts.
static bool look(struct peer *watcher, int64_t *ret_done, int64_t *ret_total) {
    AUTO_ROWS struct db_rows *rows = NULL;
    struct err err = {0};
    if (!watcher->job ||
        !db_query(watcher->session, LOOK_TIMEOUT_MS,
                  "SELECT COALESCE(SUM(data), 0), COALESCE(SUM(estimate), -1) FROM performance_schema.clone_progress",
                  &rows, &err)) {
        return false;
    }
    return text_to_i64(db_cell(rows, 0, 0, NULL), ret_done) && text_to_i64(db_cell(rows, 0, 1, NULL), ret_total);
}

// Waits for the statement while it moves. False when it stands still or the job is told to stop: it is killed then.
static bool watch(struct job *job, struct call *call, struct peer *watcher) {
    int64_t done = 0, total = -1, done_before = -1, moved_ms = clock_mono_ms();
    while (!atomic_load(&call->ended)) {
        (void)look(watcher, &done, &total);
        job_progress(job, done, total);
        job_tick(job);
        int64_t now_ms = clock_mono_ms();
        if (done != done_before) {
            done_before = done;
            moved_ms = now_ms;
        }
        bool on = job_pause(job, LOOK_EVERY_MS);
        if (!on || now_ms - moved_ms >= STALLED_MS) {
            uint64_t connection = db_connection_id(call->peer->session);
            leftover_kill(job, call->peer->name, &connection, 1);
            db_interrupt(call->peer->session);  // a node that froze answers nobody: our own wait must end
            return on ? job_fail_rung(job, MSG_CLONE_STALLED, KVS(KVI("seconds", STALLED_MS / 1000))) : false;
        }
    }
    return true;
}

// Runs the statement to its end, which is the end of the connection: the server restarts.
static bool run_clone(struct job *job, struct peer *recipient, const char *sql) {
    AUTO_PEER struct peer watcher = {0};
    if (!peer_open(job, recipient->name, PEER_LOOK, false, PEER_TIMEOUT_MS, &watcher)) {
        return false;
    }
    struct call call = {.peer = recipient, .sql = sql};
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_statement, &call) != 0) {
        mem_no_thread();
    }
    bool ok = watch(job, &call, &watcher);
    pthread_join(thread, NULL);
    if (!ok) {
        return false;
    }
    if (call.err.number == ERROR_TOO_MANY_CLONES) {
        return job_fail_again(job, MSG_CLONE_FAILED, KVS(KV("error", call.err.text)));
    }
    bool restarting = call.ok || call.err.kind == ERR_LOST || call.err.number == ERROR_NO_SUPERVISOR;
    return restarting || job_fail_rung(job, MSG_CLONE_FAILED, KVS(KV("error", call.err.text)));
}

// Of the last clone into this server, whenever that was: the table outlives restarts.
#define BEGAN_SQL "SELECT CAST(MAX(begin_time) AS CHAR) FROM performance_schema.clone_status"

// The server's own verdict, once it is back. *recipient is open afterwards. began_before (may be NULL): of an earlier
// clone, whose success says nothing about this one.
static bool verify(struct job *job, struct peer *recipient, const char *began_before) {
    int64_t deadline_ms = clock_mono_ms() + RESTART_WAIT_MS, idle_ms = 0;
    char node[NODE_NAME_SIZE];
    (void)text_copy(node, sizeof node, recipient->name);
    for (;;) {
        peer_close(recipient);
        if (!peer_open(job, node, PEER_REBUILD, false, RESTART_WAIT_MS, recipient)) {
            return false;
        }
        AUTO_ROWS struct db_rows *rows = NULL;
        struct err err = {0};
        if (db_query(
                recipient->session, PEER_TIMEOUT_MS,
                "SELECT state, error_no, error_message, CAST(begin_time AS CHAR),"
                " EXISTS(SELECT 1 FROM performance_schema.processlist p WHERE p.id = s.pid AND p.info LIKE 'CLONE%')"
                " FROM performance_schema.clone_status s",
                &rows, &err)) {
            const char *state = db_cell(rows, 0, 0, NULL);
            if (!state || text_equal(db_cell(rows, 0, 3, NULL), began_before)) {
                return job_fail_again(job, MSG_CLONE_NOT_BEGUN, KVS());
            }
            if (text_equal(state, "Completed") && text_equal(db_cell(rows, 0, 1, NULL), "0")) {
                int64_t done = 0, total = -1;
                if (look(recipient, &done, &total)) {
                    job_progress(job, done, done);
                }
                return true;
            }
            if (!text_equal(state, "In Progress")) {
                return job_fail_rung(job, MSG_CLONE_FAILED, KVS(KV("error", db_cell(rows, 0, 2, NULL))));
            }
            // A server killed half-way still says "In Progress" when it is back, but nobody works on it.
            bool idle = text_equal(db_cell(rows, 0, 4, NULL), "0");
            idle_ms = !idle ? 0 : idle_ms ? idle_ms : clock_mono_ms();
            if (idle_ms && clock_mono_ms() - idle_ms >= UNFINISHED_WAIT_MS) {
                return job_fail_again(job, MSG_CLONE_INTERRUPTED, KVS());
            }
        } else if (err.kind != ERR_NONE && db_alive(recipient->session)) {
            return peer_failed(recipient, &err);
        }
        if (clock_mono_ms() >= deadline_ms) {
            return job_fail(job, MSG_CLONE_NOT_BACK, KVS(KVI("seconds", RESTART_WAIT_MS / 1000)));
        }
        job_tick(job);
        if (!job_pause(job, LOOK_EVERY_MS)) {
            return false;
        }
    }
}

// The account and its right, tried on the donor before anything is given up on the recipient.
static bool try_donor(struct job *job, struct peer *donor) {
    struct db_login login = {.address = node_host(donor->at),
                             .port = donor->at->port,
                             .user = ACCOUNT_CLONE,
                             .password = job->settings->repl_password};
    AUTO_SESSION struct db_session *session = NULL;
    struct err err = {0};
    if (db_open(&login, LOOK_TIMEOUT_MS, &session, &err) != PROBE_OK ||
        !db_exec(session, LOOK_TIMEOUT_MS, "SET SESSION lock_wait_timeout = 2", &err) ||
        (!db_exec(session, LOOK_TIMEOUT_MS, "LOCK INSTANCE FOR BACKUP", &err) && err.kind != ERR_BUSY)) {
        return job_fail_rung(job, MSG_CLONE_ACCOUNT,
                             KVS(KV("donor", donor->name), KV("user", ACCOUNT_CLONE), KV("error", err.text)));
    }
    return true;
}

// Where the redo log stands and where torn pages are kept.
static bool read_log_state(struct peer *peer, uint64_t *ret_lsn, char **ret_dir) {
    AUTO_TEXT char *lsn = NULL;
    return peer_value(peer,
                      "SELECT variable_value FROM performance_schema.global_status"
                      " WHERE variable_name = 'Innodb_redo_log_current_lsn'",
                      &lsn) &&
           (text_to_u64(lsn, ret_lsn) || true) && peer_value(peer, "SELECT @@GLOBAL.innodb_doublewrite_dir", ret_dir);
}

// A clone leaves the recipient's doublewrite files as they are, full of pages of the data that was dropped. If those
// are newer than the donor's log, a later crash recovery takes them for pages from the future and damages the undo logs
// so that the server never starts again (seen with 9.7.4). So the server that comes up after the clone gets new, empty
// ones: another directory, which PERSIST_ONLY sets and the clone keeps.
static bool leave_old_pages_behind(struct peer *recipient, struct peer *donor) {
    uint64_t mine = 0, theirs = 0;
    AUTO_TEXT char *dir = NULL;
    AUTO_TEXT char *unused = NULL;
    if (!read_log_state(recipient, &mine, &dir) || !read_log_state(donor, &theirs, &unused)) {
        return false;
    }
    if (mine <= theirs) {
        return true;
    }
    char *ours = dir ? strstr(dir, OWN_DIR) : NULL;  // an earlier clone's: its place is taken
    if (ours) {
        *ours = '\0';
    }
    size_t length = dir ? strlen(dir) : 0;
    AUTO_TEXT char *path = mem_format("%s%s" OWN_DIR "%lld", dir ? dir : "",
                                      length > 0 && dir[length - 1] != '/' ? "/" : "", (long long)clock_wall_ms());
    AUTO_TEXT char *quoted = peer_quote(recipient, path);
    return peer_exec(recipient, "SET PERSIST_ONLY innodb_doublewrite_dir = %s", quoted);
}

static bool look_for_obstacles(struct job *job, struct peer *recipient, struct peer *donor, struct peer *ret_reader) {
    return peer_open(job, donor->name, PEER_READ, false, READER_WAIT_MS, ret_reader) &&
           obstacles_look(job, recipient, donor, ret_reader, RUNG_CLONE);
}

// Whom the recipient may clone from, and who must have signed that server's certificate: it is sent a password.
static bool name_donor(const struct job *job, struct peer *recipient, const char *host, unsigned port) {
    AUTO_TEXT char *list = mem_format("%s:%u", host, port);
    AUTO_TEXT char *donors = peer_quote(recipient, list);
    AUTO_TEXT char *ca = peer_quote(recipient, job->settings->tls_ca_on_servers);
    return peer_exec(recipient, "SET GLOBAL clone_valid_donor_list = %s", donors) &&
           (!*job->settings->tls_ca_on_servers || peer_exec(recipient, "SET GLOBAL clone_ssl_ca = %s", ca));
}

bool clone_run(struct job *job, struct peer *recipient, struct peer *donor) {
    AUTO_PEER struct peer reader = {0};
    AUTO_OBSTACLES struct obstacles obstacles = {0};
    const char *from = node_source_host(donor->at);
    unsigned port = node_source_port(donor->at);
    AUTO_TEXT char *user = peer_quote(recipient, ACCOUNT_CLONE);
    AUTO_TEXT char *host = peer_quote(recipient, from);
    AUTO_TEXT char *password = peer_quote(recipient, job->settings->repl_password);
    AUTO_TEXT char *sql =
        mem_format("CLONE INSTANCE FROM %s@%s:%u IDENTIFIED BY %s REQUIRE SSL", user, host, port, password);
    job_step(job, "clone");
    if (!look_for_obstacles(job, recipient, donor, &reader) || !try_donor(job, donor) ||
        !name_donor(job, recipient, from, port) ||
        !obstacles_clear(job, recipient, &reader, RUNG_CLONE, &obstacles)) {
        return false;
    }
    if (!leave_old_pages_behind(recipient, donor)) {
        job_make_rung(job);  // a dump needs nothing of the kind
        return obstacles_put_back(recipient, &obstacles);
    }
    AUTO_TEXT char *before = NULL;
    // The mark outlives a copy that ends before the server drops the old data; a clone that ends well takes it away.
    if (!peer_exec(recipient, "SET SESSION sql_log_bin = 0") ||
        !peer_exec(recipient, "CREATE DATABASE IF NOT EXISTS " REBUILD_SCHEMA) ||
        !step_forget_history(job, recipient) || !peer_value(recipient, BEGAN_SQL, &before) ||
        !job_guard(job, recipient) || !run_clone(job, recipient, sql)) {
        return false;
    }
    job_step(job, "restart");
    return verify(job, recipient, before) && step_relock(recipient);
}
