#include "watcher/act.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/store_port.h"
#include "common/text.h"
#include "watcher/act_steps.h"

enum mailbox { BOX_EMPTY, BOX_ASKED, BOX_WORKING, BOX_DONE };

struct actor {
    struct act_context context;
    struct loop *loop;
    struct store *store;  // belongs to the actor's thread
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    enum mailbox box;
    struct act_request request;
    struct act_outcome outcome;
};

// What is about to be done, recorded first: a watcher that is killed half-way finds it after its restart. Without Redis
// the action goes on; the epoch row in MySQL is then the only record.
// In lossless mode it does so only when Redis has been away for so long that a later life finds the record old and
// trusts it no more (record_is_old()): two nodes that nobody knows of could both acknowledge. A primary that is opened
// anew there acknowledges alone at first, which is recorded with the intent.
static bool record_intent(struct actor *actor, struct act_outcome *outcome) {
    const struct act_request *request = &outcome->request;
    struct err *err = &outcome->err;
    bool opens = request->act == ACT_ADOPT || request->act == ACT_ELECT || request->act == ACT_REOPEN ||
                 request->act == ACT_PROMOTE || request->act == ACT_SWITCHOVER;
    if (!opens) {
        return true;  // looking at the node tells what is left to do
    }
    bool lossless = actor->context.settings->mode == MODE_LOSSLESS;
    bool alone = request->act != ACT_PROMOTE && request->act != ACT_SWITCHOVER;
    struct state_field fields[] = {{.name = "intent", .value = mem_text(request->intent)},
                                   {.name = "sync_epoch", .value = mem_text("0")}};
    int64_t since_ms = clock_mono_ms();
    bool written =
        step_timed(outcome, "record", &since_ms, store_write(actor->store, fields, lossless && alone ? 2 : 1, err));
    free(fields[0].value);
    free(fields[1].value);
    if (!written && (!lossless || request->unrecorded)) {
        LOG_WARN(MSG_INTENT_UNRECORDED, KV("act", act_name(request->act)), KV("error", err->text));
        *err = (struct err){0};
        return true;
    }
    return written || err_wrap(err, "nobody is opened unless Redis has recorded it");
}

static void perform(const struct act_context *context, const struct act_request *request, struct act_outcome *outcome) {
    switch (request->act) {
        case ACT_ADOPT:
        case ACT_ELECT:
        case ACT_REOPEN:
            act_open(context, request, outcome);
            return;
        case ACT_PROMOTE:
            act_promote(context, request, outcome);
            return;
        case ACT_SWITCHOVER:
            act_switchover(context, request, outcome);
            return;
        case ACT_SYNC:
            act_sync(context, request, outcome);
            return;
        case ACT_UNSYNC:
            act_unsync(context, request, outcome);
            return;
        case ACT_SUIT:
            act_suit(context, request, outcome);
            return;
        case ACT_FENCE:
            act_fence(context, request, outcome);
            return;
        case ACT_FORGET:
            act_forget(context, request, outcome);
            return;
        case ACT_RESTORE:
            act_restore(context, request, outcome);
            return;
        case ACT_NONE:
        case ACT_RESYNC:
        case ACT_ALARM:
        case ACT_COUNT:
            break;
    }
    (void)err_set(&outcome->err, ERR_INVALID, 0, "nothing to do for %s", act_name(request->act));
}

// Until there is something to do. What waits ready is looked after meanwhile, the lock let go.
static void rest(struct actor *actor) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += SESSIONS_LOOK_MS / 1000;
    bool idle = pthread_cond_timedwait(&actor->changed, &actor->lock, &until) == ETIMEDOUT;
    if (idle && actor->box != BOX_ASKED && !actor->stopping) {
        pthread_mutex_unlock(&actor->lock);
        sessions_refill(actor->context.sessions);
        pthread_mutex_lock(&actor->lock);
    }
}

static void *run(void *arg) {
    struct actor *actor = arg;
    pthread_mutex_lock(&actor->lock);
    while (!actor->stopping) {
        if (actor->box != BOX_ASKED) {
            rest(actor);
            continue;
        }
        actor->box = BOX_WORKING;
        struct act_outcome outcome = {.request = actor->request};
        pthread_mutex_unlock(&actor->lock);

        int64_t began_ms = clock_mono_ms();
        if (record_intent(actor, &outcome)) {
            perform(&actor->context, &outcome.request, &outcome);
        }
        outcome.took_ms = clock_mono_ms() - began_ms;
        outcome.err = outcome.ok ? (struct err){0} : outcome.err;  // of a step that another way was found around

        pthread_mutex_lock(&actor->lock);
        actor->outcome = outcome;
        actor->box = BOX_DONE;
        loop_wake(actor->loop);
    }
    pthread_mutex_unlock(&actor->lock);
    return NULL;
}

struct actor *actor_start(const struct settings *settings, struct observe *observe, struct publish *publish,
                          struct loop *loop) {
    struct actor *actor = mem_zero(1, sizeof *actor);
    actor->context = (struct act_context){.settings = settings, .observe = observe, .publish = publish};
    actor->loop = loop;
    actor->store = store_open(settings, SERVICE_WATCHER);
    actor->context.store = actor->store;
    actor->context.sessions = sessions_new(settings, observe);
    pthread_mutex_init(&actor->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&actor->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&actor->thread, NULL, run, actor) != 0) {
        mem_no_thread();
    }
    return actor;
}

void actor_finish(struct actor *actor) {
    pthread_mutex_lock(&actor->lock);
    bool stopped = actor->stopping;
    actor->stopping = true;
    pthread_cond_signal(&actor->changed);
    pthread_mutex_unlock(&actor->lock);
    if (!stopped) {
        pthread_join(actor->thread, NULL);
    }
}

void actor_stop(struct actor *actor) {
    if (!actor) {
        return;
    }
    actor_finish(actor);
    store_close(actor->store);
    sessions_free(actor->context.sessions);
    pthread_cond_destroy(&actor->changed);
    pthread_mutex_destroy(&actor->lock);
    free(actor);
}

bool actor_idle(struct actor *actor) {
    pthread_mutex_lock(&actor->lock);
    bool idle = actor->box == BOX_EMPTY;
    pthread_mutex_unlock(&actor->lock);
    return idle;
}

void actor_submit(struct actor *actor, const struct act_request *request) {
    pthread_mutex_lock(&actor->lock);
    actor->request = *request;
    actor->box = BOX_ASKED;
    pthread_cond_signal(&actor->changed);
    pthread_mutex_unlock(&actor->lock);
}

bool actor_take(struct actor *actor, struct act_outcome *ret) {
    pthread_mutex_lock(&actor->lock);
    bool done = actor->box == BOX_DONE;
    if (done) {
        *ret = actor->outcome;
        actor->box = BOX_EMPTY;
    }
    pthread_mutex_unlock(&actor->lock);
    return done;
}
