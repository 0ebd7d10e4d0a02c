#include "resync/ladder.h"

#include <string.h>

#include "common/address.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/clone.h"
#include "resync/dump.h"
#include "resync/leftover.h"
#include "resync/obstacles.h"
#include "resync/rescue.h"
#include "resync/rewind.h"
#include "resync/steps.h"

enum {
    RECIPIENT_WAIT_MS = 60000,  // a node that just came up may still be recovering
    PRIMARY_WAIT_MS = 20000,
    DONOR_WAIT_MS = 2000,
    DONOR_LAG_MS = 60000,  // a replica further behind than this is no donor
    RELOCK_TIMEOUT_MS = 5000,
    AGAIN_MOST = 3,  // new looks after a lost connection
    AGAIN_PAUSE_MS = 1000,
};

// A healthy replica is a better donor than the primary: the copy costs the clients nothing.
static void pick_donor(struct job *job, char ret[NODE_NAME_SIZE]) {
    (void)text_copy(ret, NODE_NAME_SIZE, job->primary);
    struct cluster_state cluster = {0};
    struct err err = {0};
    if (store_read(job->store, &cluster, NULL, &err)) {
        for (size_t i = 0; i < cluster.node_count; i++) {
            const struct node_state *node = &cluster.nodes[i];
            if (node->role == ROLE_REPLICA && node->outcome == PROBE_OK && node->receiver == THREAD_ON &&
                node->applier == THREAD_ON && node->diverged == 0 && node->lag_ms >= 0 && node->lag_ms < DONOR_LAG_MS &&
                !text_equal(node->name, job->state.node) && !text_equal(node->name, job->primary)) {
                (void)text_copy(ret, NODE_NAME_SIZE, node->name);
                break;
            }
        }
    }
    state_done(&cluster);
}

// The chosen donor, or the primary if that one cannot be reached after all, or may not hold what its GTIDs say.
static bool open_donor(struct job *job, bool gtid, struct peer *primary, struct peer *ret,
                       struct node_facts *ret_facts) {
    char name[NODE_NAME_SIZE];
    (void)text_copy(name, sizeof name, job->primary);
    if (gtid) {  // without GTIDs only the primary's own positions mean anything
        pick_donor(job, name);
    }
    if (!text_equal(name, job->primary)) {
        bool same = false;
        if (peer_open(job, name, PEER_LOOK, false, DONOR_WAIT_MS, ret) && leftover_end(job, ret) &&
            step_knows_reigns(ret, primary, &same) && same && facts_look(ret, ret_facts)) {
            return true;
        }
        peer_close(ret);
        job_forgive(job);
    }
    return peer_open(job, job->primary, PEER_LOOK, false, PRIMARY_WAIT_MS, ret) && facts_look(ret, ret_facts);
}

static void report_plan(struct job *job, const struct plan *plan, const struct plan_facts *facts, const char *donor) {
    pthread_mutex_lock(&job->lock);
    struct job_state *state = &job->state;
    state->rung = plan->taken.rung;
    (void)text_copy(state->donor, sizeof state->donor, donor);
    pthread_mutex_unlock(&job->lock);
    for (unsigned i = 0; i < plan->refused_count; i++) {
        const struct plan_step *step = &plan->refused[i];
        char why[NODE_WHY_SIZE];
        (void)msg_render(step->why, log_lang(), KVS(KVI("diverged", facts->diverged), KV("donor", donor)), why,
                         sizeof why);
        job_say(job, LOG_LEVEL_INFO, MSG_RESYNC_RUNG_REFUSED,
                KVS(KV("rung", job_rung_name(step->rung)), KVI("rule", step->rule), KV("why", why)));
        pthread_mutex_lock(&job->lock);
        bool told = false;  // an earlier look refused it for a reason that is worth more: it was tried and failed
        for (unsigned k = 0; k < state->refused_count; k++) {
            told |= state->refused[k].rung == step->rung;
        }
        if (!told && state->refused_count < JOB_REFUSAL_MAX) {
            struct job_refusal *refusal = &state->refused[state->refused_count++];
            refusal->rung = step->rung;
            (void)text_copy(refusal->why, sizeof refusal->why, why);
        }
        pthread_mutex_unlock(&job->lock);
    }
}

// A rung that was tried and failed is refused from here on, with the failure as the reason.
static void refuse_failed(struct job *job, enum job_rung rung) {
    char why[NODE_WHY_SIZE];
    int rule = job->failure.rule;
    job->may_pass |= !job->failure.lasting;
    (void)job_failure_text(job, why, sizeof why);
    if (rule != 0) {
        job_event(job, EVENT_RESYNC_PROGRESS, SEVERITY_INFO, rule, MSG_RESYNC_RUNG_REFUSED,
                  KVS(KV("rung", job_rung_name(rung)), KVI("rule", rule), KV("why", why)));
    } else {
        job_event(job, EVENT_RESYNC_PROGRESS, SEVERITY_WARNING, 0, MSG_RESYNC_RUNG_FAILED,
                  KVS(KV("rung", job_rung_name(rung)), KV("why", why)));
    }
    pthread_mutex_lock(&job->lock);
    struct job_state *state = &job->state;
    if (state->refused_count < JOB_REFUSAL_MAX) {
        struct job_refusal *refusal = &state->refused[state->refused_count++];
        refusal->rung = rung;
        (void)text_copy(refusal->why, sizeof refusal->why, why);
    }
    pthread_mutex_unlock(&job->lock);
    job_forgive(job);
}

static bool take_rung(struct job *job, enum job_rung rung, const struct picture *picture, struct peer *recipient,
                      struct peer *primary, struct peer *donor) {
    struct position from = {0};
    if (rung != RUNG_REWIND) {  // that one says so itself, once it is known to be possible
        step_say_begun(job);
    }
    switch (rung) {
        case RUNG_CATCHUP:
            break;  // what is missing comes by replication itself
        case RUNG_REWIND:
            if (!rewind_run(job, recipient, primary, picture)) {
                return false;
            }
            break;
        case RUNG_CLONE:
            if (!clone_run(job, recipient, donor)) {
                return false;
            }
            break;
        case RUNG_DUMP:
            if (!dump_run(job, recipient, donor, &from)) {
                return false;
            }
            break;
        case RUNG_AUTO:
        case RUNG_VERIFY:  // never planned: a comparison is no way back
        case JOB_RUNG_COUNT:
            return job_fail(job, MSG_PLAN_NONE, KVS());
    }
    job_say(job, LOG_LEVEL_INFO, MSG_RESYNC_RESTORED, KVS(KV("rung", job_rung_name(rung))));
    return step_attach(job, recipient, primary, &from) && step_follow(job, recipient, primary, &from) &&
           (rung != RUNG_REWIND || rewind_finish(job, recipient, primary)) && step_let_clients_in(recipient);
}

// The asked rung's reason says most, else the last one's; of one that was tried, why that failed.
static bool none_left(struct job *job, const struct plan *plan, const struct plan_facts *facts, const char *donor) {
    const struct plan_step *last = &plan->refused[plan->refused_count - 1];
    for (unsigned i = 0; i < plan->refused_count; i++) {
        last = plan->refused[i].rung == facts->method ? &plan->refused[i] : last;
    }
    char why[NODE_WHY_SIZE] = "";
    (void)msg_render(last->why, log_lang(), KVS(KVI("diverged", facts->diverged), KV("donor", donor)), why, sizeof why);
    for (unsigned i = 0; last->why == MSG_PLAN_FAILED_ALREADY && i < job->state.refused_count; i++) {
        if (job->state.refused[i].rung == last->rung) {
            (void)text_copy(why, sizeof why, job->state.refused[i].why);
        }
    }
    const struct kv *values = KVS(KV("rung", job_rung_name(last->rung)), KV("why", why));
    return job->may_pass ? job_fail(job, MSG_PLAN_NONE, values) : job_fail_lasting(job, MSG_PLAN_NONE, values);
}

static bool choose(struct job *job, const struct picture *picture, struct peer *recipient, struct peer *donor,
                   const struct node_facts *donor_facts, struct plan_facts *tried, struct plan *ret) {
    struct plan_facts facts = {0};
    if (!facts_for_plan(recipient, picture, donor_facts, &facts)) {
        return false;
    }
    facts.method = job->state.method;
    facts.donor_v6 = address_is_v6(node_source_host(donor->at));
    memcpy(facts.failed, tried->failed, sizeof facts.failed);
    *ret = plan_choose(&facts);
    if (ret->taken.rung == RUNG_CLONE) {  // only now: it reads all names of the data dictionary
        AUTO_PEER struct peer reader = {0};
        if (!peer_open(recipient->job, donor->name, PEER_READ, false, DONOR_WAIT_MS, &reader) ||
            !facts_names(recipient, &reader, &facts.names_break_clone)) {
            return false;
        }
        *ret = plan_choose(&facts);
    }
    *tried = facts;
    report_plan(job, ret, &facts, donor->name);
    if (ret->taken.rung == RUNG_AUTO) {
        return none_left(job, ret, &facts, donor->name);
    }
    char why[NODE_WHY_SIZE];
    (void)msg_render(ret->taken.why, log_lang(), KVS(KVI("diverged", facts.diverged), KV("donor", donor->name)), why,
                     sizeof why);
    pthread_mutex_lock(&job->lock);
    (void)text_copy(job->state.why, sizeof job->state.why, why);
    pthread_mutex_unlock(&job->lock);
    job_event(job, EVENT_RESYNC_STARTED, SEVERITY_INFO, ret->taken.rule, MSG_RESYNC_RUNG_TAKEN,
              KVS(KV("rung", job_rung_name(ret->taken.rung)), KV("donor", donor->name), KV("why", why)));
    (void)job_publish(job);
    return true;
}

// Some channel of it, whatever its name. An attempt before this one may have stopped it: *ret stays true.
static bool streams(struct peer *recipient, bool *ret) {
    AUTO_TEXT char *running = NULL;
    if (!peer_value(recipient,
                    "SELECT EXISTS (SELECT 1 FROM performance_schema.replication_connection_status"
                    " WHERE service_state <> 'OFF')",
                    &running)) {
        return false;
    }
    *ret |= text_equal(running, "1");
    return true;
}

// Nothing was begun: a node that streamed goes on as it did, if its data are what they were. False.
static bool go_on(struct peer *recipient, const struct plan_facts *tried, bool streamed) {
    struct err ignored = {0};
    bool whole = streamed && !tried->rebuild_marked && !tried->history_unknown;
    AUTO_TEXT char *marked = NULL;  // by what was cleared out of the way
    if (whole && recipient->job && db_alive(recipient->session) &&
        db_value(recipient->session, RELOCK_TIMEOUT_MS,
                 "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '" REBUILD_SCHEMA "'", &marked,
                 &ignored) &&
        text_equal(marked, "0")) {
        (void)db_exec(recipient->session, RELOCK_TIMEOUT_MS, "START REPLICA", &ignored);
    }
    return false;
}

// One look and one rung. *ret_rung is the rung that was begun, RUNG_AUTO if none.
static bool attempt(struct job *job, struct plan_facts *tried, bool *streamed, enum job_rung *ret_rung) {
    AUTO_PEER struct peer recipient = {0};
    AUTO_PEER struct peer primary = {0};
    AUTO_PEER struct peer donor = {0};
    AUTO_PICTURE struct picture picture = {0};
    AUTO_FACTS struct node_facts donor_facts = {0};
    job_step(job, "connect");
    // The account that may do all to a node is not even logged in with where the hash says that this is the primary.
    if (!job_guard_cluster(job) ||
        !peer_open(job, job->state.node, PEER_REBUILD, false, RECIPIENT_WAIT_MS, &recipient) ||
        !peer_open(job, job->primary, PEER_LOOK, false, PRIMARY_WAIT_MS, &primary) || !leftover_end(job, &primary) ||
        !streams(&recipient, streamed) || !step_fence(job, &recipient) || !obstacles_tidy(job, &recipient)) {
        return false;
    }
    job->idle_only = *streamed && !job->settings->copy_unasked && text_equal(job->state.by, "watcher");
    job_step(job, "plan");
    struct plan plan = {0};
    if (!picture_take(&recipient, &primary, &picture) ||
        !open_donor(job, picture.primary.gtid_on, &primary, &donor, &donor_facts) ||
        !choose(job, &picture, &recipient, &donor, &donor_facts, tried, &plan)) {
        return go_on(&recipient, tried, *streamed);
    }
    bool copies = plan.taken.rung == RUNG_CLONE || plan.taken.rung == RUNG_DUMP;
    if (copies && !facts_donor_accounts(&donor)) {
        return go_on(&recipient, tried, *streamed);
    }
    if (plan.taken.rung != RUNG_CATCHUP && !rescue_run(job, &recipient, &picture)) {
        return go_on(&recipient, tried, *streamed);
    }
    *ret_rung = plan.taken.rung;
    return take_rung(job, plan.taken.rung, &picture, &recipient, &primary, &donor) ||
           (job->failure.rule != 0 && go_on(&recipient, tried, *streamed));
}

// Whatever happened, the node must not be left open to privileged writers. Also after a stop, when the job's own
// sessions are interrupted; a node that cannot be reached boots fenced.
static void leave_locked(struct job *job) {
    struct db_login login = peer_login(job->settings, settings_node(job->settings, job->state.node), PEER_REBUILD);
    AUTO_SESSION struct db_session *session = NULL;
    struct err err = {0};
    AUTO_TEXT char *read_only = NULL;
    if (db_open(&login, RELOCK_TIMEOUT_MS, &session, &err) == PROBE_OK &&
        db_value(session, RELOCK_TIMEOUT_MS, "SELECT @@GLOBAL.read_only AND NOT @@GLOBAL.super_read_only", &read_only,
                 &err) &&
        text_equal(read_only, "1")) {
        (void)db_exec(session, RELOCK_TIMEOUT_MS, "SET GLOBAL super_read_only = ON", &err);
    }
}

bool ladder_run(struct job *job) {
    if (settings_node(job->settings, job->state.node) < 0) {
        return job_fail(job, MSG_RESYNC_UNKNOWN_NODE, KVS(KV("peer", job->state.node)));
    }
    struct plan_facts tried = {0};
    bool streamed = false;
    for (unsigned again = 0;;) {
        enum job_rung rung = RUNG_AUTO;
        if (attempt(job, &tried, &streamed, &rung)) {
            return true;
        }
        if (rung == RUNG_REWIND || rung == RUNG_CLONE || rung == RUNG_DUMP) {
            leave_locked(job);
        }
        if (job_stopped(job) == STOP_NONE && job->failure.again && again++ < AGAIN_MOST) {
            char why[NODE_WHY_SIZE];
            job_say(job, LOG_LEVEL_WARN, MSG_RESYNC_AGAIN, KVS(KV("why", job_failure_text(job, why, sizeof why))));
            job_forgive(job);
            (void)job_pause(job, AGAIN_PAUSE_MS);
            continue;
        }
        // A rung that was asked for by name has no next one: its own failure says most.
        if (job_stopped(job) != STOP_NONE || rung == RUNG_AUTO || !job->failure.next_rung ||
            job->state.method != RUNG_AUTO) {
            return false;
        }
        refuse_failed(job, rung);
        for (enum job_rung above = RUNG_CATCHUP; above <= rung; above++) {
            tried.failed[above] = true;  // the ladder goes down only
        }
    }
}
