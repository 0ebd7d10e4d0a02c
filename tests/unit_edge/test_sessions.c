// watcher/sessions: which of the sessions that wait ready may be used, and when they are looked after. The servers, the
// observations and the clock are the test's.
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"
#include "tests/unit/unit.h"
#include "watcher/sessions.h"

enum { A, B, NODES, START_MS = 1000000, READY_OLD_MS = 60000, RETRY_MS = 10000 };

struct db_session {
    int node;
    int fd, peer_fd;  // closing the peer's is what a server does that goes
    bool silent;      // it answers no statement
};

static struct {
    int64_t now_ms;
    struct node {
        char address[64];         // as the newest observation has it
        char uuid[16];            // of the server there
        enum probe_outcome seen;  // PROBE_NONE: never
        bool full;                // it takes no new session
        int opened, asked;
        struct db_session *newest;
    } node[NODES];
} world;

int64_t clock_mono_ms(void) {
    return world.now_ms;
}

// Observations are made by nobody here.
struct observation *observe_latest(struct observe *observe, size_t node) {
    (void)observe;
    if (world.node[node].seen == PROBE_NONE) {
        return NULL;
    }
    struct observation *seen = observation_new();
    seen->outcome = world.node[node].seen;
    return seen;
}

void observe_address(struct observe *observe, size_t node, char *out, size_t size_bytes) {
    (void)observe;
    (void)text_copy(out, size_bytes, world.node[node].address);
}

enum probe_outcome db_open(const struct db_login *login, int64_t timeout_ms, struct db_session **ret, struct err *err) {
    assert_true(timeout_ms > 0);
    for (int i = 0; i < NODES; i++) {
        struct node *node = &world.node[i];
        bool by_name = text_equal(login->address, i == A ? "node-a" : "node-b");
        if (!by_name && !text_equal(login->address, node->address)) {
            continue;
        }
        node->opened++;
        if (node->full) {
            (void)err_set(err, ERR_FAILED, 1040, "Too many connections");
            return PROBE_OVERLOADED;
        }
        int ends[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        struct db_session *session = mem_zero(1, sizeof *session);
        *session = (struct db_session){.node = i, .fd = ends[0], .peer_fd = ends[1]};
        *ret = node->newest = session;
        return PROBE_OK;
    }
    (void)err_set(err, ERR_FAILED, 2005, "no such host");
    return PROBE_GONE;
}

void db_close(struct db_session *session) {
    if (session) {
        close(session->fd);
        if (session->peer_fd >= 0) {
            close(session->peer_fd);
        }
        free(session);
    }
}

void db_session_drop(struct db_session **session) {
    db_close(*session);
}

int db_fd(const struct db_session *session) {
    return session->fd;
}

bool db_value(struct db_session *session, int64_t timeout_ms, const char *sql, char **ret, struct err *err) {
    assert_true(timeout_ms > 0);
    assert_string_equal(sql, "SELECT @@GLOBAL.server_uuid");
    world.node[session->node].asked++;
    if (session->silent) {
        return err_set(err, ERR_TIMEOUT, 0, "no answer");
    }
    *ret = mem_text(world.node[session->node].uuid);
    return true;
}

static struct settings settings;
static struct sessions *sessions;

static int set_up(void **state) {
    (void)state;
    memset(&world, 0, sizeof world);
    world.now_ms = START_MS;
    settings = (struct settings){.node_count = NODES};
    for (int i = 0; i < NODES; i++) {
        (void)text_format(settings.nodes[i].name, sizeof settings.nodes[i].name, "node-%c", 'a' + i);
        (void)text_format(world.node[i].address, sizeof world.node[i].address, "10.0.0.%d", i + 1);
        (void)text_format(world.node[i].uuid, sizeof world.node[i].uuid, "uuid-%c", 'a' + i);
        world.node[i].seen = PROBE_OK;
    }
    sessions = sessions_new(&settings, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sessions_free(sessions);
    return 0;
}

// As the actor does it: a look a second.
static void looks(int count) {
    for (int i = 0; i < count; i++) {
        sessions_refill(sessions);
        world.now_ms += SESSIONS_LOOK_MS;
    }
}

static struct db_session *opened(int node, const char *uuid) {
    struct db_session *session = NULL;
    struct err err = {0};
    assert_true(sessions_open(sessions, node, uuid, &session, &err));
    assert_int_equal(session->node, node);
    return session;
}

static void hangs_up(struct db_session *session) {
    close(session->peer_fd);
    session->peer_fd = -1;
}

static void the_ready_one_is_used(void **state) {
    (void)state;
    looks(2);
    struct db_session *ready = world.node[B].newest;
    struct db_session *session = opened(B, "uuid-b");
    assert_ptr_equal(session, ready);
    assert_int_equal(world.node[B].opened, 1);
    db_close(session);
    session = opened(B, "uuid-b");  // there is one
    assert_int_equal(world.node[B].opened, 2);
    db_close(session);
    looks(1);  // what was taken is replaced at once
    assert_int_equal(world.node[B].opened, 3);
}

static void one_look_opens_one(void **state) {
    (void)state;
    looks(1);
    assert_int_equal(world.node[A].opened + world.node[B].opened, 1);
    looks(9);
    assert_int_equal(world.node[A].opened, 1);
    assert_int_equal(world.node[B].opened, 1);
}

static void it_must_be_the_server_that_was_meant(void **state) {
    (void)state;
    looks(2);
    (void)text_copy(world.node[B].uuid, sizeof world.node[B].uuid, "uuid-x");
    struct db_session *session = NULL;
    struct err err = {0};
    assert_false(sessions_open(sessions, B, "uuid-b", &session, &err));
    assert_null(session);
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "node-b is now another server (uuid uuid-x)"));
    session = opened(B, NULL);  // any
    db_close(session);
}

static void what_cannot_be_used_is_replaced_when_it_is_wanted(void **state) {
    (void)state;
    static const char *const rows[] = {"hung up", "silent", "moved"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct db_session *session = NULL;
        looks(2);
        int before = world.node[B].opened;
        struct db_session *ready = world.node[B].newest;
        if (i == 0) {
            hangs_up(ready);
        } else if (i == 1) {
            ready->silent = true;
        } else {
            (void)text_copy(world.node[B].address, sizeof world.node[B].address, "10.0.0.9");
        }
        session = opened(B, "uuid-b");
        assert_row(rows[i], world.node[B].opened == before + 1);
        db_close(session);
    }
}

static void one_that_hung_up_is_replaced_ahead(void **state) {
    (void)state;
    looks(2);
    hangs_up(world.node[A].newest);
    world.now_ms += RETRY_MS;
    looks(1);
    assert_int_equal(world.node[A].opened, 2);
}

static void one_that_waits_is_asked_once_a_minute(void **state) {
    (void)state;
    looks(60);
    assert_int_equal(world.node[A].asked, 0);
    looks(3);
    assert_int_equal(world.node[A].asked, 1);
    assert_int_equal(world.node[B].asked, 1);
    looks(57);
    assert_int_equal(world.node[A].asked, 1);
    world.node[A].newest->silent = true;  // a firewall forgot it
    looks(3);
    assert_int_equal(world.node[A].opened, 2);
    assert_int_equal(world.node[B].opened, 1);  // it is kept: elsewhere its place could be lost
}

static void a_server_that_is_full_is_tried_now_and_then(void **state) {
    (void)state;
    world.node[A].full = true;
    looks(9);
    assert_int_equal(world.node[A].opened, 1);
    assert_int_equal(world.node[B].opened, 1);  // it had its turn
    looks(2);
    assert_int_equal(world.node[A].opened, 2);
}

static void who_does_not_serve_is_not_tried(void **state) {
    (void)state;
    world.node[A].seen = PROBE_NONE;
    world.node[B].seen = PROBE_REFUSED;
    looks(5);
    assert_int_equal(world.node[A].opened + world.node[B].opened, 0);
    world.node[A].address[0] = '\0';  // no address known: the name must do
    struct db_session *session = opened(A, "uuid-a");
    db_close(session);
}

static void why_it_cannot_be_opened_is_said(void **state) {
    (void)state;
    world.node[A].full = true;
    struct db_session *session = NULL;
    struct err err = {0};
    assert_false(sessions_open(sessions, A, "uuid-a", &session, &err));
    assert_non_null(strstr(err.text, "node-a"));
    assert_non_null(strstr(err.text, "Too many connections"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_ready_one_is_used),
        TEST(one_look_opens_one),
        TEST(it_must_be_the_server_that_was_meant),
        TEST(what_cannot_be_used_is_replaced_when_it_is_wanted),
        TEST(one_that_hung_up_is_replaced_ahead),
        TEST(one_that_waits_is_asked_once_a_minute),
        TEST(a_server_that_is_full_is_tried_now_and_then),
        TEST(who_does_not_serve_is_not_tried),
        TEST(why_it_cannot_be_opened_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
