#include "resync/peer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/accounts.h"
#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"

enum {
    CONNECT_TIMEOUT_MS = 5000,
    RETRY_FIRST_MS = 50,
    RETRY_MOST_MS = 1000,
    // Server errors, as in mysqld_error.h, which only the adapter includes.
    ERROR_DISK_FULL = 1021,
    ERROR_WRITING_FILE = 1026,
    ERROR_GET_ERRNO = 1030,
    ERROR_TABLE_FULL = 1114,
    ERROR_TEMP_FILE = 1878,
    ERROR_LOGIN = 1045,
};

static bool attach(struct job *job, struct db_session *session) {
    pthread_mutex_lock(&job->lock);
    bool ok = false;
    for (unsigned i = 0; i < JOB_SESSIONS && !ok && job->stop == STOP_NONE; i++) {
        if (!job->sessions[i]) {
            job->sessions[i] = session;
            ok = true;
        }
    }
    pthread_mutex_unlock(&job->lock);
    return ok;
}

static void detach(struct job *job, const struct db_session *session) {
    pthread_mutex_lock(&job->lock);
    for (unsigned i = 0; i < JOB_SESSIONS; i++) {
        if (job->sessions[i] == session) {
            job->sessions[i] = NULL;
        }
    }
    pthread_mutex_unlock(&job->lock);
}

// Outcomes that time may mend.
static bool worth_waiting(enum probe_outcome outcome) {
    return outcome == PROBE_REFUSED || outcome == PROBE_GONE || outcome == PROBE_UNREACHABLE ||
           outcome == PROBE_TIMEOUT || outcome == PROBE_LOST || outcome == PROBE_OVERLOADED ||
           outcome == PROBE_STARTING || outcome == PROBE_ERROR;
}

static const char *user_of(enum peer_account account) {
    return account == PEER_READ ? ACCOUNT_READER : account == PEER_REBUILD ? ACCOUNT_REBUILD : ACCOUNT_RESYNC;
}

static bool open_failed(struct job *job, const char *name, enum peer_account account, enum probe_outcome outcome,
                        const struct err *err) {
    if (outcome == PROBE_DENIED) {
        return job_fail(job, MSG_RESYNC_LOGIN_DENIED,
                        KVS(KV("peer", name), KV("user", user_of(account)), KV("error", err->text)));
    }
    if (outcome == PROBE_UNFIT) {
        return job_fail(job, MSG_RESYNC_UNFIT, KVS(KV("peer", name), KV("error", err->text)));
    }
    return job_fail(job, MSG_RESYNC_UNREACHABLE, KVS(KV("peer", name), KV("error", err->text)));
}

struct db_login peer_login(const struct settings *settings, int node, enum peer_account account) {
    return (struct db_login){.address = node_host(&settings->nodes[node]),
                             .port = settings->nodes[node].port,
                             .user = user_of(account),
                             .password = settings->resync_password};
}

bool peer_open(struct job *job, const char *name, enum peer_account account, bool bulk, int64_t wait_ms,
               struct peer *ret) {
    int at = settings_node(job->settings, name);
    if (at < 0) {
        return job_fail(job, MSG_RESYNC_UNKNOWN_NODE, KVS(KV("peer", name)));
    }
    struct db_login login = peer_login(job->settings, at, account);
    login.bulk = bulk;
    login.mark_name = PEER_MARK;
    login.mark = job->state.node;
    int64_t deadline_ms = clock_mono_ms() + wait_ms;
    int64_t nap_ms = RETRY_FIRST_MS;
    for (;;) {
        struct err err = {0};
        AUTO_SESSION struct db_session *session = NULL;
        enum probe_outcome outcome = db_open(&login, CONNECT_TIMEOUT_MS, &session, &err);
        if (outcome == PROBE_OK && attach(job, session)) {
            *ret = (struct peer){.job = job, .account = account, .at = &job->settings->nodes[at], .session = TAKE(session)};
            (void)text_copy(ret->name, sizeof ret->name, name);
            return true;
        }
        if (job_stopped(job) != STOP_NONE) {
            return false;
        }
        if (outcome != PROBE_OK && (!worth_waiting(outcome) || clock_mono_ms() >= deadline_ms)) {
            return open_failed(job, name, account, outcome, &err);
        }
        if (!job_pause(job, nap_ms)) {
            return false;
        }
        nap_ms = nap_ms * 2 < RETRY_MOST_MS ? nap_ms * 2 : RETRY_MOST_MS;
    }
}

void peer_close(struct peer *peer) {
    if (!peer->job) {
        return;
    }
    detach(peer->job, peer->session);
    db_close(peer->session);
    *peer = (struct peer){0};
}

bool peer_disk_full(const struct err *err) {
    return err->kind == ERR_FULL || err->number == ERROR_DISK_FULL || err->number == ERROR_TABLE_FULL ||
           err->number == ERROR_TEMP_FILE ||
           ((err->number == ERROR_WRITING_FILE || err->number == ERROR_GET_ERRNO) &&
            (strstr(err->text, "errno: 28") || strstr(err->text, "No space left")));
}

bool peer_failed(struct peer *peer, const struct err *err) {
    struct job *job = peer->job;
    if (peer_disk_full(err)) {
        return job_fail(job, MSG_RESYNC_DISK_FULL, KVS(KV("peer", peer->name), KV("error", err->text)));
    }
    if (err->kind == ERR_DENIED && err->number == ERROR_LOGIN) {
        return open_failed(job, peer->name, peer->account, PROBE_DENIED, err);
    }
    if (err->kind == ERR_DENIED) {
        return job_fail(job, MSG_RESYNC_PRIVILEGE,
                        KVS(KV("peer", peer->name), KV("user", user_of(peer->account)), KV("error", err->text)));
    }
    if (err->kind == ERR_LOST) {
        return job_fail_again(job, MSG_RESYNC_NODE_LOST, KVS(KV("peer", peer->name), KV("error", err->text)));
    }
    return job_fail(job, MSG_RESYNC_NODE_ERROR, KVS(KV("peer", peer->name), KV("error", err->text)));
}

static char *format_sql(const char *format, va_list values) {
    char *sql = NULL;
    if (vasprintf(&sql, format, values) < 0) {
        abort();  // out of memory: mem.h's rule
    }
    return sql;
}

bool peer_exec_within(struct peer *peer, int64_t timeout_ms, const char *sql) {
    struct err err = {0};
    return db_exec(peer->session, timeout_ms, sql, &err) || peer_failed(peer, &err);
}

bool peer_exec(struct peer *peer, const char *format, ...) {
    va_list values;
    va_start(values, format);
    AUTO_TEXT char *sql = format_sql(format, values);
    va_end(values);
    return peer_exec_within(peer, PEER_TIMEOUT_MS, sql);
}

bool peer_query(struct peer *peer, struct db_rows **ret, const char *format, ...) {
    va_list values;
    va_start(values, format);
    AUTO_TEXT char *sql = format_sql(format, values);
    va_end(values);
    struct err err = {0};
    return db_query(peer->session, PEER_TIMEOUT_MS, sql, ret, &err) || peer_failed(peer, &err);
}

bool peer_value(struct peer *peer, const char *sql, char **ret) {
    struct err err = {0};
    return db_value(peer->session, PEER_TIMEOUT_MS, sql, ret, &err) || peer_failed(peer, &err);
}

char *peer_quote(struct peer *peer, const char *text) {
    return db_quote(peer->session, text, strlen(text));
}
