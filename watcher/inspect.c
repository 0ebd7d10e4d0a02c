#include "watcher/inspect.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/mysql_port.h"
#include "common/text.h"

enum {
    CONNECT_MS = 1500,
    ASK_MS = 2000,
    TICK_MS = 1000,  // whether a node has come that was not looked at yet
    GRANTS_MAX = 200,
    CLIENT_FIRST = 2000,  // errors of the client's own: the server did not speak
    CLIENT_LAST = 2999,
    OFFLINE = 3032,
};

struct inspect {
    const struct settings *settings;
    struct observe *observe;
    struct loop *loop;
    pthread_t thread;
    pthread_mutex_t lock;  // guards the rest
    pthread_cond_t changed;
    bool stopping;
    int64_t due_ms[NODE_MAX];  // monotonic, 0: at once
    struct lacks found[NODE_MAX];
};

// --- one account ---

// False: the server did not get as far as to judge the account.
static bool log_in(const struct inspect *inspect, int node, const char *user, const char *password,
                   struct db_session **ret, struct err *err) {
    const struct node_address *address = &inspect->settings->nodes[node];
    char numeric[64];
    observe_address(inspect->observe, (size_t)node, numeric, sizeof numeric);
    struct db_login login = {
        .address = *numeric ? numeric : address->name, .port = address->port, .user = user, .password = password};
    enum probe_outcome outcome = db_open(&login, CONNECT_MS, ret, err);
    // One that is offline turns away everybody but us: that is no fault of the account.
    bool by_server =
        err->kind == ERR_FAILED && err->number != OFFLINE && (err->number < CLIENT_FIRST || err->number > CLIENT_LAST);
    return outcome == PROBE_OK || outcome == PROBE_DENIED || by_server;
}

struct grants {
    const char *lines[GRANTS_MAX];
    size_t count;
    char account[100];
};

// Of the session's own account. rows own the lines.
static bool read_grants(struct db_session *session, struct db_rows **rows, struct grants *ret, struct err *err) {
    AUTO_TEXT char *account = NULL;
    if (!db_value(session, ASK_MS, "SELECT CURRENT_USER()", &account, err) ||
        !db_query(session, ASK_MS, "SHOW GRANTS", rows, err)) {
        return false;
    }
    (void)text_copy(ret->account, sizeof ret->account, account);
    for (size_t i = 0; i < db_rows_count(*rows) && ret->count < GRANTS_MAX; i++) {
        ret->lines[ret->count++] = db_cell(*rows, i, 0, NULL);
    }
    return true;
}

// An account that others use on the node: can they log in, and do what it is for? False: it cannot be told.
static bool look_at_account(const struct inspect *inspect, int node, const char *user, const char *privilege,
                            enum lack_kind kind, struct lacks *lacks) {
    AUTO_SESSION struct db_session *session = NULL;
    AUTO_ROWS struct db_rows *rows = NULL;
    struct grants grants = {0};
    struct err err = {0};
    if (!log_in(inspect, node, user, inspect->settings->repl_password, &session, &err)) {
        return false;
    }
    bool read = session && read_grants(session, &rows, &grants, &err);
    if (read) {
        needs_grant(grants.lines, grants.count, privilege, grants.account, kind, lacks);
    } else if (!session || err.kind == ERR_FAILED || err.kind == ERR_DENIED) {
        needs_login(user, err.number, err.text, "RELEVO_REPL_PASSWORD", kind, lacks);
    }
    return read || lacks->of[kind].lacks;
}

// --- the server ---

static bool look_at_settings(struct db_session *session, struct lacks *lacks, struct err *err) {
    static const struct {
        const char *name, *wanted;
        enum lack_kind kind;
    } settings[] = {
        {"performance_schema", "1", LACK_PFS},          {"gtid_mode", "ON", LACK_GTIDS},
        {"enforce_gtid_consistency", "ON", LACK_GTIDS}, {"log_bin", "1", LACK_BINLOG},
        {"log_replica_updates", "1", LACK_BINLOG},      {"binlog_row_image", "FULL", LACK_BINLOG},
    };
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!db_query(session, ASK_MS,
                  "SELECT @@GLOBAL.performance_schema, @@GLOBAL.gtid_mode, @@GLOBAL.enforce_gtid_consistency,"
                  " @@GLOBAL.log_bin, @@GLOBAL.log_replica_updates, @@GLOBAL.binlog_row_image, IF(EXISTS (SELECT 1 FROM"
                  " information_schema.PLUGINS WHERE PLUGIN_NAME = 'clone' AND PLUGIN_STATUS = 'ACTIVE'), 'ACTIVE', "
                  "'absent')",
                  &rows, err)) {
        return false;
    }
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        needs_setting(settings[i].name, db_cell(rows, 0, i, NULL), settings[i].wanted, settings[i].kind, lacks);
    }
    needs_setting("clone", db_cell(rows, 0, sizeof settings / sizeof *settings, NULL), "ACTIVE", LACK_CLONE_PLUGIN,
                  lacks);
    return true;
}

// A session with a read lock on the whole server, which would hold up a promotion. Not one of our own, as a dump has
// it.
static bool look_at_locks(struct db_session *session, struct lacks *lacks, struct err *err) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!db_query(session, ASK_MS,
                  "SELECT t.PROCESSLIST_ID, CONCAT(t.PROCESSLIST_USER, '@', COALESCE(t.PROCESSLIST_HOST, ''))"
                  " FROM performance_schema.metadata_locks h JOIN performance_schema.threads t"
                  " ON t.THREAD_ID = h.OWNER_THREAD_ID WHERE h.OBJECT_TYPE = 'GLOBAL' AND h.LOCK_TYPE = 'SHARED'"
                  " AND h.LOCK_STATUS = 'GRANTED' AND t.PROCESSLIST_USER NOT LIKE 'relevo%' LIMIT 1",
                  &rows, err)) {
        return false;
    }
    if (db_rows_count(rows) > 0) {
        needs_unheld(db_cell(rows, 0, 0, NULL), db_cell(rows, 0, 1, NULL), lacks);
    }
    return true;
}

// False: something cannot be told, and what was found before stays.
static bool look(const struct inspect *inspect, int node, struct lacks *ret) {
    const struct settings *settings = inspect->settings;
    AUTO_SESSION struct db_session *session = NULL;
    AUTO_ROWS struct db_rows *rows = NULL;
    struct grants grants = {0};
    struct err err = {0};
    ret->began_ms = clock_mono_ms();
    if (!log_in(inspect, node, settings->control_user, settings->control_password, &session, &err)) {
        return false;
    }
    bool read = session && read_grants(session, &rows, &grants, &err) && look_at_settings(session, ret, &err) &&
                look_at_locks(session, ret, &err);
    if (read) {
        needs_grants(grants.lines, grants.count, grants.account, ret);
    } else if (!session || err.kind == ERR_FAILED || err.kind == ERR_DENIED) {
        needs_login(settings->control_user, err.number, err.text, "RELEVO_CONTROL_PASSWORD", LACK_LOGIN, ret);
    } else {
        return false;
    }
    return look_at_account(inspect, node, settings->repl_user, "REPLICATION SLAVE", LACK_REPL, ret) &&
           look_at_account(inspect, node, CLONE_USER, "BACKUP_ADMIN", LACK_CLONE, ret);
}

// --- the thread ---

static bool answers(const struct inspect *inspect, int node) {
    AUTO_OBSERVATION struct observation *newest = observe_latest(inspect->observe, (size_t)node);
    return newest && (newest->outcome == PROBE_OK || newest->outcome == PROBE_DENIED);
}

// One at a time, with the lock let go meanwhile.
static void look_at_due(struct inspect *inspect) {
    for (int i = 0; i < (int)inspect->settings->node_count && !inspect->stopping; i++) {
        int64_t now_ms = clock_mono_ms();
        if (now_ms < inspect->due_ms[i]) {
            continue;
        }
        inspect->due_ms[i] = now_ms + INSPECT_EVERY_MS;
        struct lacks lacks = {0};
        pthread_mutex_unlock(&inspect->lock);
        bool reached = answers(inspect, i), told = reached && look(inspect, i, &lacks);
        pthread_mutex_lock(&inspect->lock);
        if (told) {
            inspect->found[i] = lacks;
            loop_wake(inspect->loop);
        } else if (!reached) {
            inspect->due_ms[i] = 0;  // looked at as soon as it answers
        }
    }
}

static void *run(void *arg) {
    struct inspect *inspect = arg;
    pthread_mutex_lock(&inspect->lock);
    while (!inspect->stopping) {
        look_at_due(inspect);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += TICK_MS / 1000;
        if (!inspect->stopping) {
            (void)pthread_cond_timedwait(&inspect->changed, &inspect->lock, &until);
        }
    }
    pthread_mutex_unlock(&inspect->lock);
    return NULL;
}

struct inspect *inspect_start(const struct settings *settings, struct observe *observe, struct loop *loop) {
    struct inspect *inspect = mem_zero(1, sizeof *inspect);
    *inspect = (struct inspect){.settings = settings, .observe = observe, .loop = loop};
    pthread_mutex_init(&inspect->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&inspect->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&inspect->thread, NULL, run, inspect) != 0) {
        mem_no_thread();
    }
    return inspect;
}

void inspect_stop(struct inspect *inspect) {
    if (!inspect) {
        return;
    }
    pthread_mutex_lock(&inspect->lock);
    inspect->stopping = true;
    pthread_cond_signal(&inspect->changed);
    pthread_mutex_unlock(&inspect->lock);
    pthread_join(inspect->thread, NULL);
    pthread_cond_destroy(&inspect->changed);
    pthread_mutex_destroy(&inspect->lock);
    free(inspect);
}

void inspect_again(struct inspect *inspect) {
    pthread_mutex_lock(&inspect->lock);
    for (size_t i = 0; i < inspect->settings->node_count; i++) {
        inspect->due_ms[i] = 0;
    }
    pthread_cond_signal(&inspect->changed);
    pthread_mutex_unlock(&inspect->lock);
}

void inspect_found(struct inspect *inspect, int node, struct lacks *ret) {
    pthread_mutex_lock(&inspect->lock);
    *ret = inspect->found[node];
    pthread_mutex_unlock(&inspect->lock);
}
