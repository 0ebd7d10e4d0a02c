#include "watcher/observe.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/mysql_port.h"
#include "common/text.h"
#include "watcher/probe.h"
#include "watcher/resolve.h"

enum {
    PROBE_TIMEOUT_MS = 1000,  // an answer later than this is none; silence is judged by the clock, not by this
    CONNECT_TIMEOUT_MS = 1000,
    ELSEWHERE_TIMEOUT_MS = 200,  // at the other addresses of one that answered before: it is late already
    RELEVO_EVERY_MS = 400,     // the relevo tables change once a second, and by our own hand
    LAST_WORD_MS = 200,        // for an answer that has begun to arrive
    SENTINEL_EVERY_MS = 1000,  // between attempts to place a new one
    REFUSED_PAUSE_MS = 20,     // between attempts at a node that refuses at once, unless the period is longer
};

struct prober {
    struct observe *observe;
    size_t node;
    const char *host;            // looked up
    char address[RESOLVE_SIZE];  // numeric; that answered last, or was tried last
    bool answered;               // ... the former
    uint16_t port;
    pthread_t thread;
    int kick_fd;
    struct resolve *resolve;
    char uuid[NODE_UUID_SIZE];  // of the server that answered last
    unsigned doubt;             // the lookup after which another server is believed, 0: none is in doubt
    struct db_session *session;
    struct db_session *sentinel;  // has a statement under way: a server that shuts down answers it with its last word
    int64_t sentinel_ms;          // when it was last placed, or tried to be
    int64_t closing_ms;           // see observation.h
    uint64_t serial;
    struct observation *relevo;  // held: the last one that read the relevo tables
    int64_t relevo_ms;
};

struct observe {
    const struct settings *settings;
    struct loop *loop;
    atomic_bool stopping;
    atomic_llong period_ms;
    atomic_ullong kicks;
    char id[80];
    pthread_mutex_t lock;  // guards the rest but the probers
    struct observation *latest[NODE_MAX];
    char answered[NODE_MAX][RESOLVE_SIZE];
    char rival[80];  // another watcher, met last
    int64_t met_ms;  // when
    struct prober probers[NODE_MAX];
    size_t count;
};

static void kick(void *arg) {
    const struct prober *prober = arg;
    uint64_t one = 1;
    (void)!write(prober->kick_fd, &one, sizeof one);
}

static void post(struct prober *prober, struct observation *observation) {
    struct observe *observe = prober->observe;
    observation->serial = ++prober->serial;
    observation->at_ms = clock_mono_ms();
    observation->at_wall_ms = clock_wall_ms();
    if (observation->outcome == PROBE_CLOSING) {
        prober->closing_ms = observation->at_ms;
    } else if (observation_alive(observation)) {
        prober->closing_ms = 0;
    }
    // The refusal that follows the last word at once replaces it here before a busy loop has read it, so each tells it.
    observation->closing_ms = prober->closing_ms;
    pthread_mutex_lock(&observe->lock);
    struct observation *old = observe->latest[prober->node];
    observe->latest[prober->node] = observation;
    pthread_mutex_unlock(&observe->lock);
    observation_release(old);
    loop_wake(observe->loop);
}

static void drop_sentinel(struct prober *prober) {
    db_close(prober->sentinel);
    prober->sentinel = NULL;
}

static void drop_session(struct prober *prober) {
    db_close(prober->session);
    prober->session = NULL;
    observation_release(prober->relevo);
    prober->relevo = NULL;
}

static struct db_login login_of(const struct prober *prober) {
    const struct settings *settings = prober->observe->settings;
    return (struct db_login){.address = prober->address,
                             .port = prober->port,
                             .user = settings->control_user,
                             .password = settings->control_password,
                             .terse = true};
}

// Waits for a transaction that never comes, holding no lock and no read view. (SLEEP() would hide the error.) A minute
// at a time: the server does not notice that a waiting client is gone, and keeps its connection until the wait is over.
static const char sentinel_sql[] = "SELECT WAIT_FOR_EXECUTED_GTID_SET('00000000-0000-4000-8000-000000000001:1', 60)";

static void place_sentinel(struct prober *prober) {
    struct err ignored = {0};  // without it a shutdown looks like a crash, which is judged more slowly; tried again
    struct db_login login = login_of(prober);
    drop_sentinel(prober);
    prober->sentinel_ms = clock_mono_ms();
    if (db_open(&login, CONNECT_TIMEOUT_MS, &prober->sentinel, &ignored) == PROBE_OK &&
        !db_begin(prober->sentinel, sentinel_sql, &ignored)) {
        drop_sentinel(prober);
    }
}

static enum probe_outcome meet_others(struct prober *prober, struct err *err) {
    struct observe *observe = prober->observe;
    char rival[sizeof observe->rival] = "";
    enum probe_outcome outcome =
        probe_meet(prober->session, PROBE_TIMEOUT_MS, observe->id, rival, sizeof rival, err);
    if (*rival) {
        pthread_mutex_lock(&observe->lock);
        (void)text_copy(observe->rival, sizeof observe->rival, rival);
        observe->met_ms = clock_mono_ms();
        pthread_mutex_unlock(&observe->lock);
    }
    return outcome;
}

static enum probe_outcome connect_at(struct prober *prober, const char *address, int64_t timeout_ms, struct err *err) {
    (void)text_copy(prober->address, sizeof prober->address, address);
    struct db_login login = login_of(prober);
    login.mark_name = PROBE_MARK;  // the sentinel bears none: it may outlive us by a minute
    login.mark = prober->observe->id;
    return db_open(&login, timeout_ms, &prober->session, err);
}

// Each address that the name has. Where the server answered last is tried first, and what happens there is the
// evidence: what never led to it proves nothing. Before any answered, all must refuse for the node to refuse.
static enum probe_outcome connect_somewhere(struct prober *prober, const struct addresses *addresses, struct err *err) {
    bool known = prober->answered && addresses_have(addresses, prober->address);
    char first[RESOLVE_SIZE];
    (void)text_copy(first, sizeof first, known ? prober->address : addresses->text[0]);
    enum probe_outcome outcome = connect_at(prober, first, CONNECT_TIMEOUT_MS, err);
    for (size_t i = 0; i < addresses->count && db_elsewhere(outcome); i++) {
        if (text_equal(addresses->text[i], first)) {
            continue;
        }
        struct err other_err = {0};
        int64_t timeout_ms = known ? ELSEWHERE_TIMEOUT_MS : CONNECT_TIMEOUT_MS;
        enum probe_outcome other = connect_at(prober, addresses->text[i], timeout_ms, &other_err);
        if (!db_elsewhere(other) || (!known && outcome == PROBE_REFUSED)) {
            outcome = other;
            *err = other_err;
        }
    }
    if (outcome != PROBE_OK && known) {
        (void)text_copy(prober->address, sizeof prober->address, first);
    }
    prober->answered = known || outcome == PROBE_OK;
    return outcome;
}

// Connects to the cached address; the resolver is asked again in the background whenever that fails, because a
// container that came back may have moved.
static enum probe_outcome connect_node(struct prober *prober, struct err *err) {
    struct addresses addresses;
    enum resolve_state known = resolve_get(prober->resolve, &addresses);
    if (known == RESOLVE_GONE) {
        resolve_again(prober->resolve);
        (void)err_set(err, ERR_GONE, 0, "the name %s does not resolve", prober->host);
        return PROBE_GONE;
    }
    bool doubted = prober->doubt && (known == RESOLVE_PENDING || resolve_over(prober->resolve) < prober->doubt);
    if (addresses.count == 0 || doubted) {
        resolve_again(prober->resolve);
        bool asked = addresses.count == 0 && resolve_over(prober->resolve) > 0;
        (void)err_set(err, ERR_TIMEOUT, 0, asked ? "no name server knows %s: is it in another network?"
                                                 : "the name %s is being looked up", prober->host);
        return PROBE_TIMEOUT;
    }
    enum probe_outcome outcome = connect_somewhere(prober, &addresses, err);
    if (outcome == PROBE_OK) {
        outcome = meet_others(prober, err);
    }
    if (outcome != PROBE_OK) {
        drop_session(prober);
        resolve_again(prober->resolve);
        return outcome;
    }
    place_sentinel(prober);
    pthread_mutex_lock(&prober->observe->lock);
    (void)text_copy(prober->observe->answered[prober->node], RESOLVE_SIZE, prober->address);
    pthread_mutex_unlock(&prober->observe->lock);
    return PROBE_OK;
}

static void read_relevo(struct prober *prober, struct observation *observation) {
    if (observation->outcome != PROBE_OK) {
        return;
    }
    bool kicked = prober->relevo && observation->kicks > prober->relevo->kicks;
    if (prober->relevo && !kicked && observation->began_ms - prober->relevo_ms < RELEVO_EVERY_MS) {
        probe_keep_relevo(prober->relevo, observation);
        return;
    }
    probe_ask_relevo(prober->session, PROBE_TIMEOUT_MS, prober->relevo, observation);
    observation_release(prober->relevo);
    prober->relevo = observation_hold(observation);
    prober->relevo_ms = observation->began_ms;
}

// Containers that start in another order get each other's addresses: before another server is taken for this node, its
// name is looked up once more.
static bool strays(struct prober *prober, const struct observation *observation) {
    bool other = *prober->uuid && !text_equal(prober->uuid, observation->uuid);
    if (other && prober->doubt == 0) {
        prober->doubt = resolve_again(prober->resolve);
        return true;
    }
    prober->doubt = 0;
    (void)text_copy(prober->uuid, sizeof prober->uuid, observation->uuid);
    return false;
}

static void probe(struct prober *prober) {
    struct observation *observation = observation_new();
    struct err err = {0};
    observation->kicks = atomic_load(&prober->observe->kicks);
    observation->began_ms = clock_mono_ms();
    if (!prober->session) {
        observation->outcome = connect_node(prober, &err);
        (void)text_copy(observation->error, sizeof observation->error, err.text);
    }
    if (prober->session) {
        probe_ask(prober->session, PROBE_TIMEOUT_MS, settings_acks(prober->observe->settings), observation);
        if (observation->outcome == PROBE_OK && strays(prober, observation)) {
            observation->outcome = PROBE_TIMEOUT;
            (void)text_copy(observation->error, sizeof observation->error, "another server answers there");
            drop_session(prober);
            drop_sentinel(prober);
        }
        observation_name_source(observation, prober->observe->settings);
        read_relevo(prober, observation);
        if (prober->session && !db_alive(prober->session)) {
            drop_session(prober);
        }
    }
    post(prober, observation);
    if (prober->session && !prober->sentinel && clock_mono_ms() - prober->sentinel_ms >= SENTINEL_EVERY_MS) {
        place_sentinel(prober);
    }
}

// The server ended our connection. The next probe connects anew; the sentinel stays, for a server that shuts down may
// answer it later than it closes its doors.
static void post_broken(struct prober *prober, enum probe_outcome outcome, const char *error) {
    struct observation *observation = observation_new();
    observation->began_ms = clock_mono_ms();
    observation->outcome = outcome;
    (void)text_copy(observation->error, sizeof observation->error, error);
    drop_session(prober);
    post(prober, observation);
}

// The sentinel's statement has ended: its minute is over and it waits again, or it brought the server's last word, or
// the connection just broke.
static void hear_sentinel(struct prober *prober) {
    struct err err = {0};
    if (db_end(prober->sentinel, LAST_WORD_MS, sentinel_sql, &err) && db_begin(prober->sentinel, sentinel_sql, &err)) {
        return;
    }
    drop_sentinel(prober);
    if (err.number == PROBE_SHUTDOWN_ERROR) {
        post_broken(prober, PROBE_CLOSING, "the server is shutting down");
    }
}

// Sleeps until the next tick, a kick, or the server breaking its silence: it never speaks first, so it hung up.
static void wait_next(struct prober *prober, int64_t began_ms) {
    int64_t period_ms = atomic_load(&prober->observe->period_ms);
    if (!prober->session && period_ms < REFUSED_PAUSE_MS) {
        period_ms = REFUSED_PAUSE_MS;
    }
    int64_t left_ms = began_ms + period_ms - clock_mono_ms();
    struct pollfd slots[3] = {{.fd = prober->kick_fd, .events = POLLIN},
                              {.fd = prober->session ? db_fd(prober->session) : -1, .events = POLLIN | POLLRDHUP},
                              {.fd = prober->sentinel ? db_fd(prober->sentinel) : -1, .events = POLLIN | POLLRDHUP}};
    if (poll(slots, 3, (int)(left_ms < 0 ? 0 : left_ms)) <= 0) {
        return;
    }
    if (slots[0].revents) {
        uint64_t count;
        (void)!read(prober->kick_fd, &count, sizeof count);
    }
    if (slots[2].revents) {
        hear_sentinel(prober);
    }
    if (slots[1].revents && prober->session) {
        post_broken(prober, PROBE_LOST, "the server closed the connection");
    }
}

static void *run(void *arg) {
    struct prober *prober = arg;
    while (!atomic_load(&prober->observe->stopping)) {
        int64_t began_ms = clock_mono_ms();
        probe(prober);
        wait_next(prober, began_ms);
    }
    drop_session(prober);
    drop_sentinel(prober);
    return NULL;
}

struct observe *observe_start(const struct settings *settings, struct loop *loop, const char *id) {
    struct observe *observe = mem_zero(1, sizeof *observe);
    observe->settings = settings;
    observe->loop = loop;
    (void)text_copy(observe->id, sizeof observe->id, id);
    observe->count = settings->node_count;
    atomic_init(&observe->period_ms, settings->probe_ms);
    pthread_mutex_init(&observe->lock, NULL);
    for (size_t i = 0; i < observe->count; i++) {
        struct prober *prober = &observe->probers[i];
        prober->observe = observe;
        prober->node = i;
        prober->host = node_host(&settings->nodes[i]);
        prober->port = settings->nodes[i].port;
        prober->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        prober->resolve = resolve_start(prober->host, kick, prober);
        if (pthread_create(&prober->thread, NULL, run, prober) != 0) {
            mem_no_thread();
        }
    }
    return observe;
}

void observe_stop(struct observe *observe) {
    if (!observe) {
        return;
    }
    atomic_store(&observe->stopping, true);
    (void)observe_kick(observe);
    for (size_t i = 0; i < observe->count; i++) {
        struct prober *prober = &observe->probers[i];
        pthread_join(prober->thread, NULL);
        resolve_stop(prober->resolve);
        close(prober->kick_fd);
        observation_release(observe->latest[i]);
    }
    pthread_mutex_destroy(&observe->lock);
    free(observe);
}

struct observation *observe_latest(struct observe *observe, size_t node) {
    pthread_mutex_lock(&observe->lock);
    struct observation *observation = observation_hold(observe->latest[node]);
    pthread_mutex_unlock(&observe->lock);
    return observation;
}

uint64_t observe_kick(struct observe *observe) {
    uint64_t kicks = atomic_fetch_add(&observe->kicks, 1) + 1;
    for (size_t i = 0; i < observe->count; i++) {
        kick(&observe->probers[i]);
    }
    return kicks;
}

void observe_set_period(struct observe *observe, int64_t period_ms) {
    if (atomic_exchange(&observe->period_ms, period_ms) > period_ms) {
        (void)observe_kick(observe);
    }
}

void observe_address(struct observe *observe, size_t node, char *out, size_t size_bytes) {
    pthread_mutex_lock(&observe->lock);
    (void)text_copy(out, size_bytes, observe->answered[node]);
    pthread_mutex_unlock(&observe->lock);
}

int64_t observe_met(struct observe *observe, char *out, size_t size_bytes) {
    pthread_mutex_lock(&observe->lock);
    (void)text_copy(out, size_bytes, observe->rival);
    int64_t met_ms = observe->met_ms;
    pthread_mutex_unlock(&observe->lock);
    return met_ms;
}
