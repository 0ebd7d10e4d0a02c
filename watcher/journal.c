#include "watcher/journal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/mysql_port.h"
#include "common/text.h"

enum {
    BEAT_MS = 1000,
    WRITE_MS = 1000,
    CONNECT_MS = 1000,
    COUNT_EVERY_MS = 10000,  // somebody may enable some, or make more
};

struct target {
    char name[NODE_NAME_SIZE], address[NODE_HOST_SIZE], uuid[NODE_UUID_SIZE];
    uint16_t port;
    uint64_t epoch;
};

struct journal {
    const struct settings *settings;
    pthread_t thread;
    pthread_mutex_t lock;  // guards all below but session
    pthread_cond_t changed;
    bool stopping;
    bool due;  // asked while the thread was at work: it shall not rest before it has looked again
    struct target target;
    struct target newest;  // the last that was somewhere: whom all of the following is about
    bool tried;
    int64_t left_ms;           // when it was pointed nowhere
    int64_t failing_since_ms;  // monotonic, 0: the last heartbeat went well
    char error[160];
    unsigned idle_events;
    uint64_t counted_epoch;  // of the reign in which they were counted, 0: they were not
    int64_t counted_ms;      // monotonic
    struct db_session *session;  // belongs to the thread, as do the next
    char session_uuid[NODE_UUID_SIZE];
    bool looked;  // on this session: that no write of an earlier one hangs
};

static bool same_target(const struct target *a, const struct target *b) {
    return text_equal(a->uuid, b->uuid) && text_equal(a->name, b->name);
}

static void count_idle_events(struct journal *journal, const struct target *target) {
    pthread_mutex_lock(&journal->lock);
    bool counted = journal->counted_epoch == target->epoch && clock_mono_ms() - journal->counted_ms < COUNT_EVERY_MS;
    pthread_mutex_unlock(&journal->lock);
    AUTO_TEXT char *text = NULL;
    struct err ignored = {0};  // not worth a heartbeat; asked again with the next
    uint64_t count = 0;
    if (counted ||
        !db_value(journal->session, WRITE_MS,
                  "SELECT COUNT(*) FROM information_schema.EVENTS WHERE STATUS = 'REPLICA_SIDE_DISABLED'", &text,
                  &ignored) ||
        !text || !text_to_u64(text, &count)) {
        return;
    }
    pthread_mutex_lock(&journal->lock);
    if (same_target(&journal->newest, target)) {
        journal->idle_events = (unsigned)count;
        journal->counted_epoch = target->epoch;
        journal->counted_ms = clock_mono_ms();
    }
    pthread_mutex_unlock(&journal->lock);
}

static bool connected(struct journal *journal, const struct target *target, struct err *err) {
    if (journal->session && db_alive(journal->session) && text_equal(journal->session_uuid, target->uuid)) {
        return true;
    }
    db_close(journal->session);
    journal->session = NULL;
    journal->looked = false;
    struct db_login login = {.address = target->address,
                             .port = target->port,
                             .user = journal->settings->control_user,
                             .password = journal->settings->control_password};
    if (db_open(&login, CONNECT_MS, &journal->session, err) != PROBE_OK) {
        return false;
    }
    (void)text_copy(journal->session_uuid, sizeof journal->session_uuid, target->uuid);
    return true;
}

// A server that hangs in a commit (a full disk, no acknowledgement) keeps a session that we gave up, and KILL does not
// end it: nothing more is written until it is gone.
static bool nothing_hangs(struct journal *journal, struct err *err) {
    AUTO_TEXT char *text = NULL;
    if (journal->looked) {
        return true;
    }
    if (!db_value(journal->session, WRITE_MS,
                  "SELECT COUNT(*) FROM performance_schema.threads"
                  " WHERE PROCESSLIST_USER = SUBSTRING_INDEX(CURRENT_USER(), '@', 1)"
                  " AND PROCESSLIST_INFO LIKE 'INSERT INTO relevo.heartbeat%'",
                  &text, err)) {
        return false;
    }
    journal->looked = text_equal(text, "0");
    return journal->looked || err_set(err, ERR_TIMEOUT, 0, "an earlier heartbeat still hangs");
}

static bool takes_writes(struct journal *journal, const struct target *target, struct err *err) {
    return db_affected(journal->session) > 0 || err_set(err, ERR_CONFLICT, 0, "%s takes no writes", target->name);
}

// Only on the server that was meant, and only while it takes writes: we could write on a fenced node, and a row there
// would be a transaction that the cluster never had.
static bool beat(struct journal *journal, const struct target *target, int64_t now_ms, struct err *err) {
    return db_execf(journal->session, WRITE_MS, err,
                    "INSERT INTO relevo.heartbeat (id, epoch, ts_ms, server_uuid)"
                    " SELECT * FROM (SELECT 1 AS id, %llu AS epoch, %lld AS ts_ms, @@GLOBAL.server_uuid AS uuid) AS n"
                    " WHERE n.uuid = '%s' AND @@GLOBAL.read_only = 0"
                    " ON DUPLICATE KEY UPDATE epoch = n.epoch, ts_ms = n.ts_ms, server_uuid = n.uuid",
                    (unsigned long long)target->epoch, (long long)now_ms, target->uuid) &&
           takes_writes(journal, target, err);
}

static void once(struct journal *journal) {
    pthread_mutex_lock(&journal->lock);
    struct target target = journal->target;
    pthread_mutex_unlock(&journal->lock);
    if (*target.name == '\0') {
        return;
    }
    struct err err = {0};
    int64_t now_ms = clock_wall_ms();
    bool ok = connected(journal, &target, &err) && nothing_hangs(journal, &err) && beat(journal, &target, now_ms, &err);
    if (ok) {
        count_idle_events(journal, &target);
    }
    pthread_mutex_lock(&journal->lock);
    if (same_target(&journal->target, &target)) {
        journal->tried = true;
        journal->failing_since_ms = ok ? 0 : journal->failing_since_ms ? journal->failing_since_ms : clock_mono_ms();
        (void)text_copy(journal->error, sizeof journal->error, err.text);
    }
    pthread_mutex_unlock(&journal->lock);
}

// With the lock held.
static void wake(struct journal *journal) {
    journal->due = true;
    pthread_cond_signal(&journal->changed);
}

static void *run(void *arg) {
    struct journal *journal = arg;
    pthread_mutex_lock(&journal->lock);
    while (!journal->stopping) {
        journal->due = false;
        pthread_mutex_unlock(&journal->lock);
        once(journal);
        pthread_mutex_lock(&journal->lock);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += BEAT_MS / 1000;
        if (!journal->stopping && !journal->due) {
            (void)pthread_cond_timedwait(&journal->changed, &journal->lock, &until);
        }
    }
    pthread_mutex_unlock(&journal->lock);
    db_close(journal->session);
    return NULL;
}

struct journal *journal_start(const struct settings *settings) {
    struct journal *journal = mem_zero(1, sizeof *journal);
    journal->settings = settings;
    pthread_mutex_init(&journal->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&journal->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&journal->thread, NULL, run, journal) != 0) {
        mem_no_thread();
    }
    return journal;
}

void journal_stop(struct journal *journal) {
    if (!journal) {
        return;
    }
    pthread_mutex_lock(&journal->lock);
    journal->stopping = true;
    wake(journal);
    pthread_mutex_unlock(&journal->lock);
    pthread_join(journal->thread, NULL);
    pthread_cond_destroy(&journal->changed);
    pthread_mutex_destroy(&journal->lock);
    free(journal);
}

// With the lock held.
static void turn_to(struct journal *journal, const struct target *target) {
    int64_t now_ms = clock_mono_ms();
    if (*target->name == '\0') {
        journal->left_ms = now_ms;
        return;
    }
    journal->tried = false;
    if (!same_target(target, &journal->newest)) {
        journal->newest = *target;
        *journal->error = '\0';  // that was another server
        journal->failing_since_ms = 0;
        journal->idle_events = 0;
        journal->counted_epoch = 0;
    } else if (journal->failing_since_ms) {
        journal->failing_since_ms += now_ms - journal->left_ms;  // an absence is another trouble
    }
}

void journal_point(struct journal *journal, const char *name, const char *address, uint16_t port, const char *uuid,
                   uint64_t epoch) {
    pthread_mutex_lock(&journal->lock);
    struct target before = journal->target, *target = &journal->target;
    (void)text_copy(target->name, sizeof target->name, name);
    (void)text_copy(target->address, sizeof target->address, address);
    (void)text_copy(target->uuid, sizeof target->uuid, uuid);
    target->port = port;
    target->epoch = epoch;
    if (!same_target(target, &before)) {
        turn_to(journal, target);
        wake(journal);
    }
    pthread_mutex_unlock(&journal->lock);
}

unsigned journal_idle_events(struct journal *journal, const char *uuid, uint64_t epoch) {
    pthread_mutex_lock(&journal->lock);
    bool of_now = text_equal(journal->newest.uuid, uuid) && journal->counted_epoch == epoch;
    unsigned count = of_now ? journal->idle_events : 0;
    pthread_mutex_unlock(&journal->lock);
    return count;
}

int64_t journal_failing_ms(struct journal *journal, char *ret_error, size_t error_bytes) {
    pthread_mutex_lock(&journal->lock);
    int64_t since_ms = journal->failing_since_ms;
    bool tried = journal->tried;
    (void)text_copy(ret_error, error_bytes, journal->error);
    pthread_mutex_unlock(&journal->lock);
    return !tried ? JOURNAL_UNTRIED : since_ms ? clock_mono_ms() - since_ms + 1 : 0;
}
