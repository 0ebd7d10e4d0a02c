#include "watcher/sessions.h"

#include <poll.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"

enum {
    OPEN_MS = 1500,
    ASK_MS = 3000,
    READY_MS = 300,        // opening one ahead, or asking one that waited: else it is done anew, or later
    READY_OLD_MS = 60000,  // a firewall forgets what is quiet for minutes, and tells nobody
    RETRY_MS = 10000,
};

struct ready {
    struct db_session *session;  // NULL: none
    char address[NODE_HOST_SIZE];  // where it leads
    int64_t since_ms;            // when it answered last, or was to be opened in vain; 0: it has been taken
};

struct sessions {
    const struct settings *settings;
    struct observe *observe;
    struct ready ready[NODE_MAX];
};

struct sessions *sessions_new(const struct settings *settings, struct observe *observe) {
    struct sessions *sessions = mem_zero(1, sizeof *sessions);
    *sessions = (struct sessions){.settings = settings, .observe = observe};
    return sessions;
}

void sessions_free(struct sessions *sessions) {
    if (!sessions) {
        return;
    }
    for (size_t i = 0; i < NODE_MAX; i++) {
        db_close(sessions->ready[i].session);
    }
    free(sessions);
}

static void address_of(const struct sessions *sessions, int node, char address[static NODE_HOST_SIZE]) {
    observe_address(sessions->observe, (size_t)node, address, NODE_HOST_SIZE);
    if (!*address) {
        (void)text_copy(address, NODE_HOST_SIZE, node_host(&sessions->settings->nodes[node]));
    }
}

static bool connect_to(const struct sessions *sessions, int node, const char *address, int64_t timeout_ms,
                       struct db_session **ret, struct err *err) {
    const struct settings *settings = sessions->settings;
    struct db_login login = {.address = address,
                             .port = settings->nodes[node].port,
                             .user = settings->control_user,
                             .password = settings->control_password};
    return db_open(&login, timeout_ms, ret, err) == PROBE_OK;
}

// --- ready ones ---

static bool hung_up(struct db_session *session) {
    struct pollfd slot = {.fd = db_fd(session), .events = POLLRDHUP};
    return poll(&slot, 1, 0) > 0;
}

static struct db_session *take_ready(struct sessions *sessions, int node, const char *address) {
    struct ready *ready = &sessions->ready[node];
    struct db_session *session = TAKE(ready->session);
    ready->since_ms = 0;
    if (session && (hung_up(session) || !text_equal(ready->address, address))) {
        db_close(session);
        return NULL;
    }
    return session;
}

static bool is_server(struct db_session *session, int64_t timeout_ms, const char *name, const char *uuid,
                      struct err *err) {
    AUTO_TEXT char *found = NULL;
    if (!db_value(session, timeout_ms, "SELECT @@GLOBAL.server_uuid", &found, err)) {
        return err_wrap(err, "%s", name);
    }
    if (uuid && *uuid && !text_equal(uuid, found)) {
        return err_set(err, ERR_CONFLICT, 0, "%s is now another server (uuid %s)", name, found);
    }
    return true;
}

static bool serves(const struct sessions *sessions, int node) {
    AUTO_OBSERVATION struct observation *newest = observe_latest(sessions->observe, (size_t)node);
    return newest && newest->outcome == PROBE_OK;
}

// One that is kept is asked rather than replaced: where the connections are used up, its place would be lost.
static bool still_good(struct sessions *sessions, int node, int64_t now_ms) {
    struct ready *ready = &sessions->ready[node];
    if (!ready->session || hung_up(ready->session)) {
        return false;
    }
    struct err ignored = {0};
    bool asked = now_ms - ready->since_ms >= READY_OLD_MS;
    if (asked && !is_server(ready->session, READY_MS, sessions->settings->nodes[node].name, NULL, &ignored)) {
        return false;
    }
    ready->since_ms = asked ? now_ms : ready->since_ms;
    return true;
}

void sessions_refill(struct sessions *sessions) {
    int64_t now_ms = clock_mono_ms();
    for (int i = 0; i < (int)sessions->settings->node_count; i++) {
        struct ready *ready = &sessions->ready[i];
        bool waits = !ready->session && ready->since_ms && now_ms - ready->since_ms < RETRY_MS;
        if (waits || !serves(sessions, i) || still_good(sessions, i, now_ms)) {
            continue;
        }
        db_close(TAKE(ready->session));
        ready->since_ms = now_ms;
        address_of(sessions, i, ready->address);
        struct err ignored = {0};
        (void)connect_to(sessions, i, ready->address, READY_MS, &ready->session, &ignored);
        return;  // one at a time: what is asked for must not wait for several
    }
}

// --- for an action ---

bool sessions_open(struct sessions *sessions, int node, const char *uuid, struct db_session **ret, struct err *err) {
    const char *name = sessions->settings->nodes[node].name;
    char address[NODE_HOST_SIZE];
    address_of(sessions, node, address);
    struct err ignored = {0};
    AUTO_SESSION struct db_session *ready = take_ready(sessions, node, address);
    if (ready && is_server(ready, READY_MS, name, uuid, &ignored)) {
        *ret = TAKE(ready);
        return true;
    }
    AUTO_SESSION struct db_session *session = NULL;
    if (!connect_to(sessions, node, address, OPEN_MS, &session, err)) {
        return err_wrap(err, "%s", name);
    }
    if (!is_server(session, ASK_MS, name, uuid, err)) {
        return false;
    }
    *ret = TAKE(session);
    return true;
}
