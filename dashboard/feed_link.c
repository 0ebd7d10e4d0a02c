#include "feed_link.h"

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <hiredis/adapters/libevent.h>
#include <netdb.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"

#define ANSWER_MS 3000  // to connect, and to answer anything

static void lost(struct feed_link *link, const char *error) {
    link->up = false;
    link->asked_ms = 0;
    uint32_t random;
    evutil_secure_rng_get_bytes(&random, sizeof random);
    link->retry_ms = clock_mono_ms() + backoff_next_ms(&link->backoff, random);
    link->on_lost(link, error);
}

void feed_link_end(struct feed_link *link) {
    redisAsyncContext *context = TAKE(link->context);
    link->up = false;
    if (link->resolving != NULL) {
        evdns_getaddrinfo_cancel(TAKE(link->resolving));
    }
    if (context != NULL) {
        redisAsyncFree(context);  // its open questions are answered with NULL inside
    }
}

void feed_link_drop(struct feed_link *link, const char *error) {
    char text[160];
    text_copy(text, sizeof text, error);  // it may lie in the context that goes
    feed_link_end(link);
    lost(link, text);
}

bool feed_link_ask(struct feed_link *link, feed_reply_fn *fn, void *arg, size_t count, const char **words) {
    if (link->context == NULL ||
        redisAsyncCommandArgv(link->context, fn, arg != NULL ? arg : link, (int)count, words, NULL) != REDIS_OK) {
        return false;
    }
    if (link->asked_ms == 0) {
        link->asked_ms = clock_mono_ms();
    }
    return true;
}

bool feed_link_heard(struct feed_link *link, const struct redisReply *reply) {
    if (reply == NULL || link->context == NULL) {
        return false;
    }
    // While hiredis runs this callback, it has taken its entry off the list already.
    link->asked_ms = link->context->replies.head != NULL ? clock_mono_ms() : 0;
    return true;
}

static void on_login(redisAsyncContext *context, void *data, void *arg) {
    (void)context;
    struct feed_link *link = arg;
    const redisReply *reply = data;
    if (feed_link_heard(link, reply) && reply->type == REDIS_REPLY_ERROR) {
        feed_link_drop(link, reply->str);
    }
}

static void on_connected(const redisAsyncContext *context, int status) {
    struct feed_link *link = context->data;
    if (link->context != context) {
        return;  // dropped before it came up
    }
    if (status != REDIS_OK) {
        char text[160];
        text_copy(text, sizeof text, context->errstr);
        link->context = NULL;
        lost(link, text);
        return;
    }
    link->up = true;
    link->asked_ms = 0;
    const struct settings *settings = link->settings;
    if (settings->redis_password[0]) {
        const char *user = settings->redis_user[0] ? settings->redis_user : "default";
        FEED_ASK(link, on_login, NULL, "AUTH", user, settings->redis_password);
    }
    link->on_up(link, NULL);
}

static void on_disconnected(const redisAsyncContext *context, int status) {
    struct feed_link *link = context->data;
    if (link->context == context) {
        char text[160];
        text_copy(text, sizeof text, status == REDIS_OK ? "closed" : context->errstr);
        link->context = NULL;
        lost(link, text);
    }
}

static void connect_to(struct feed_link *link, const char *address) {
    redisOptions options = {0};
    REDIS_OPTIONS_SET_TCP(&options, address, link->settings->redis_port);
    redisAsyncContext *context = redisAsyncConnectWithOptions(&options);
    if (context == NULL || context->err) {
        char text[160];
        text_copy(text, sizeof text, context != NULL ? context->errstr : "out of memory");
        if (context != NULL) {
            redisAsyncFree(context);
        }
        lost(link, text);
        return;
    }
    context->data = link;
    link->context = context;
    link->asked_ms = clock_mono_ms();
    redisEnableKeepAlive(&context->c);
    redisLibeventAttach(context, link->base);
    redisAsyncSetConnectCallback(context, on_connected);
    redisAsyncSetDisconnectCallback(context, on_disconnected);
}

static void on_resolved(int error, struct evutil_addrinfo *found, void *arg) {
    struct feed_link *link = arg;
    if (error == EVUTIL_EAI_CANCEL) {
        return;
    }
    link->resolving = NULL;
    char address[64];
    if (error != 0 || found == NULL ||
        getnameinfo(found->ai_addr, found->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) != 0) {
        lost(link, error != 0 ? evutil_gai_strerror(error) : "no address");
    } else {
        connect_to(link, address);
    }
    if (found != NULL) {
        evutil_freeaddrinfo(found);
    }
}

static void resolve(struct feed_link *link) {
    struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    link->asked_ms = clock_mono_ms();
    // NULL is returned when the answer was known at once: on_resolved has run then.
    struct evdns_getaddrinfo_request *request =
        evdns_getaddrinfo(link->dns, link->settings->redis_host, NULL, &hints, on_resolved, link);
    if (request != NULL) {
        link->resolving = request;
    }
}

void feed_link_tick(struct feed_link *link) {
    int64_t now_ms = clock_mono_ms();
    if (link->asked_ms != 0 && now_ms - link->asked_ms > ANSWER_MS) {
        feed_link_drop(link, link->resolving != NULL ? "the name does not resolve in time" : "no answer");
    } else if (link->context == NULL && link->resolving == NULL && now_ms >= link->retry_ms) {
        resolve(link);
    }
}
