#include "store_link.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "backoff.h"
#include "clock.h"
#include "lookup.h"
#include "mem.h"
#include "text.h"

#define KEEPALIVE_S 5
#define USER_TIMEOUT_MS 5000
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS 2000

struct store_link {
    char *host, *user, *password;
    char at[300];  // "host:port", for people
    uint16_t port;
    redisContext *context;  // NULL: not connected
    struct lookup *lookup;  // NULL: none under way or done; it may outlive the call that began it
    unsigned generation;
    struct backoff backoff;
    int64_t retry_ms;    // monotonic; 0: an attempt is allowed now
    struct err refusal;  // why the last attempt failed
};

void store_reply_drop(struct redisReply **reply) {
    if (*reply)
        freeReplyObject(*reply);
    *reply = NULL;
}

struct store_link *store_link_new(const struct store_login *login) {
    struct store_link *link = mem_zero(1, sizeof(*link));
    link->host = mem_text(login->host);
    link->user = mem_text(login->user);
    link->password = mem_text(login->password);
    link->port = login->port;
    text_format(link->at, sizeof(link->at), "%s:%u", login->host, login->port);
    link->backoff = (struct backoff){.first_ms = BACKOFF_FIRST_MS, .most_ms = BACKOFF_MOST_MS};
    return link;
}

void store_link_free(struct store_link *link) {
    if (!link)
        return;
    store_link_drop(link);
    lookup_leave(link->lookup);
    free(link->host);
    free(link->user);
    explicit_bzero(link->password, strlen(link->password));
    free(link->password);
    free(link);
}

unsigned store_link_generation(const struct store_link *link) {
    return link->generation;
}

bool store_link_up(const struct store_link *link) {
    return link->context != NULL;
}

int64_t store_link_retry_ms(const struct store_link *link) {
    return link->retry_ms;
}

void store_link_drop(struct store_link *link) {
    if (link->context)
        redisFree(link->context);
    link->context = NULL;
}

void store_link_shed(struct store_link *link) {
    if (!link->context)
        return;
    struct pollfd fd = {.fd = link->context->fd, .events = POLLIN};
    if (poll(&fd, 1, 0) > 0)
        store_link_drop(link);
}

bool store_link_refused(const struct store_link *link, const char *command, const char *text, struct err *err) {
    static const struct {
        const char *prefix;
        enum err_kind kind;
        const char *meaning;
    } known[] = {
        {"WRONGPASS", ERR_DENIED, "wrong user or password (RELEVO_REDIS_USER, RELEVO_REDIS_PASSWORD)"},
        {"NOAUTH", ERR_DENIED, "it wants a password: set RELEVO_REDIS_USER and RELEVO_REDIS_PASSWORD"},
        {"NOPERM", ERR_DENIED, "the user's ACL does not allow it"},
        {"ERR AUTH", ERR_DENIED, "it knows no such user or has no password set"},
        {"OOM", ERR_FULL, "it is out of memory (maxmemory)"},
        {"MISCONF", ERR_FULL, "it cannot write to its disk (full?)"},
        {"READONLY", ERR_CONFLICT, "it is a read-only replica"},
        {"LOADING", ERR_BUSY, "it is still loading its data"},
        {"BUSY", ERR_BUSY, "it is busy"},
        {"ERR max number of clients", ERR_BUSY, "it has too many clients"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strncmp(text, known[i].prefix, strlen(known[i].prefix)) == 0)
            return err_set(err, known[i].kind, 0, "Redis at %s refused %s for user %s: %s: %s", link->at, command,
                           *link->user ? link->user : "default", known[i].meaning, text);
    return err_set(err, ERR_FAILED, 0, "Redis at %s refused %s: %s", link->at, command, text);
}

// The connection broke: drops it, so that the next use makes a new one.
static bool broken(struct store_link *link, struct err *err) {
    int number = link->context->err == REDIS_ERR_IO ? errno : 0;
    if (link->context->err == REDIS_ERR_PROTOCOL)
        err_set(err, ERR_INVALID, 0, "what answers at %s does not speak Redis' protocol", link->at);
    else if (number == ECONNREFUSED)
        err_set(err, ERR_REFUSED, number, "Redis at %s: connection refused", link->at);
    else
        err_set(err, ERR_LOST, number, "Redis at %s: connection lost: %s", link->at,
                number ? strerror(number) : link->context->errstr);
    store_link_drop(link);
    return false;
}

static bool overdue(struct store_link *link, struct err *err) {
    store_link_drop(link);
    return err_set(err, ERR_TIMEOUT, ETIMEDOUT, "Redis at %s did not answer in time", link->at);
}

// Waits until fd is ready; false when until_ms passed. A time in the past still looks once.
static bool wait_ready(int fd, short events, int64_t until_ms) {
    for (;;) {
        int64_t left_ms = until_ms - clock_mono_ms();
        struct pollfd watched = {.fd = fd, .events = events};
        int ready = poll(&watched, 1, left_ms > 0 ? (int)left_ms : 0);
        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR)
            return false;
    }
}

void store_link_say(struct store_link *link, const char *const *words) {
    int count = 0;
    while (words[count])
        count++;
    // Fails only when memory is out, and then the reply fails too. hiredis does not write through argv.
    redisAppendCommandArgv(link->context, count, (const char **)(uintptr_t)words, NULL);
}

static bool flush_queued(struct store_link *link, int64_t until_ms, struct err *err) {
    int done = 0;
    for (;;) {
        if (redisBufferWrite(link->context, &done) != REDIS_OK)
            return broken(link, err);
        if (done)
            return true;
        if (!wait_ready(link->context->fd, POLLOUT, until_ms))
            return overdue(link, err);
    }
}

bool store_link_next(struct store_link *link, int64_t until_ms, struct redisReply **ret, struct err *err) {
    *ret = NULL;
    if (!flush_queued(link, until_ms, err))
        return false;
    for (;;) {
        void *reply = NULL;
        if (redisGetReplyFromReader(link->context, &reply) != REDIS_OK)
            return broken(link, err);
        if (reply) {
            *ret = reply;
            return true;
        }
        if (!wait_ready(link->context->fd, POLLIN, until_ms))
            return true;
        if (redisBufferRead(link->context) != REDIS_OK)
            return broken(link, err);
    }
}

bool store_link_reply(struct store_link *link, int64_t until_ms, struct redisReply **ret, struct err *err) {
    if (!store_link_next(link, until_ms, ret, err))
        return false;
    return *ret ? true : overdue(link, err);
}

// The addresses of the host within until_ms, in link->lookup. One that an earlier call gave up may have come to its
// end.
static bool resolve(struct store_link *link, int64_t until_ms, struct err *err) {
    int code = 0;
    if (link->lookup && lookup_wait(link->lookup, 0, &code))
        lookup_leave(TAKE(link->lookup));  // an old answer may be stale
    if (!link->lookup)
        link->lookup = lookup_begin(link->host, link->port);
    if (!link->lookup)
        return err_set(err, ERR_FAILED, 0, "cannot look up %s: no thread can be started", link->host);
    if (!lookup_wait(link->lookup, until_ms, &code))
        return err_set(err, ERR_GONE, 0, "Redis at %s: the name does not resolve in time", link->at);
    return code == 0 ||
           err_set(err, ERR_GONE, 0, "Redis at %s: the name does not resolve: %s", link->at, gai_strerror(code));
}

static bool connect_one(struct store_link *link, const struct addrinfo *address, int64_t until_ms, struct err *err) {
    char number[NI_MAXHOST];
    int failure = 0, on = 1;
    socklen_t size = sizeof(failure);
    if (getnameinfo(address->ai_addr, address->ai_addrlen, number, sizeof(number), NULL, 0, NI_NUMERICHOST) != 0)
        return err_set(err, ERR_GONE, 0, "Redis at %s has no usable address", link->at);
    link->context = redisConnectNonBlock(number, link->port);
    if (!link->context)
        return err_set(err, ERR_FAILED, ENOMEM, "Redis at %s: out of memory", link->at);
    if (link->context->err)
        return broken(link, err);
    if (!wait_ready(link->context->fd, POLLOUT, until_ms)) {
        store_link_drop(link);
        return err_set(err, ERR_TIMEOUT, ETIMEDOUT, "Redis at %s: nobody answers the connection in time", link->at);
    }
    if (getsockopt(link->context->fd, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure) {
        store_link_drop(link);
        return err_set(err, failure == ECONNREFUSED ? ERR_REFUSED : ERR_LOST, failure, "Redis at %s: %s", link->at,
                       failure == ECONNREFUSED ? "connection refused" : strerror(failure));
    }
    // Both are helps only: the deadlines above and PING notice a dead peer too.
    setsockopt(link->context->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    redisEnableKeepAliveWithInterval(link->context, KEEPALIVE_S);
    redisSetTcpUserTimeout(link->context, USER_TIMEOUT_MS);
    return true;
}

// AUTH if there is a password, and PING, which fails where a password is missing or data is being loaded. Redis ends the
// connections that eat most when all together eat too much (maxmemory-clients): never ours, if this user may ask for
// that; no matter if not.
static bool greet(struct store_link *link, int64_t until_ms, struct err *err) {
    enum { LOGIN, ASK, KEEP, ALL };
    static const char *const names[ALL] = {"the login", "PING", "CLIENT"};
    bool named = *link->user, secret = *link->password;
    if (secret && named)
        store_link_say(link, (const char *[]){"AUTH", link->user, link->password, NULL});
    else if (secret)
        store_link_say(link, (const char *[]){"AUTH", link->password, NULL});
    store_link_say(link, (const char *[]){"PING", NULL});
    store_link_say(link, (const char *[]){"CLIENT", "NO-EVICT", "ON", NULL});
    for (int i = secret ? LOGIN : ASK; i < ALL; i++) {
        AUTO_REPLY struct redisReply *reply = NULL;
        if (!store_link_reply(link, until_ms, &reply, err) || !reply)
            return false;
        if (reply->type == REDIS_REPLY_ERROR && i != KEEP) {
            store_link_refused(link, names[i], reply->str, err);
            store_link_drop(link);
            return false;
        }
    }
    return true;
}

static bool attempt(struct store_link *link, int64_t until_ms, struct err *err) {
    if (!resolve(link, until_ms, err))
        return false;
    for (const struct addrinfo *at = lookup_addresses(link->lookup); at; at = at->ai_next)
        if (connect_one(link, at, until_ms, err))
            return greet(link, until_ms, err);
    return false;
}

bool store_link_ready(struct store_link *link, int64_t until_ms, struct err *err) {
    if (link->context)
        return true;
    int64_t now_ms = clock_mono_ms();
    if (now_ms < link->retry_ms)
        return err_set(err, ERR_LOST, link->refusal.number, "%s", link->refusal.text);
    if (!attempt(link, until_ms, &link->refusal)) {
        link->retry_ms = clock_mono_ms() + backoff_next_ms(&link->backoff, arc4random());
        if (err)
            *err = link->refusal;
        return false;
    }
    backoff_reset(&link->backoff);
    link->retry_ms = 0;
    link->generation++;
    return true;
}
