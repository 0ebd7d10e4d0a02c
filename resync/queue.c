#include "resync/queue.h"

#include <stdlib.h>

#include "common/clock.h"
#include "common/command.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/store_port.h"
#include "common/text.h"
#include "resync/worker.h"

struct queue {
    const struct settings *settings;
    struct ship *ship;
    struct store *store;
    struct worker *workers[2 * NODE_MAX];  // dense; of a node at most one job and one comparison
    size_t worker_count;
    struct waiting {
        char node[NODE_NAME_SIZE], id[40], command_id[64];
    } waiting[NODE_MAX];  // comparisons that wait: one that is put in the place of such a one leaves it unanswered
    bool store_away;  // said so already
    void (*wake)(void *arg);
    void *arg;
};

struct queue *queue_new(const struct settings *settings, struct ship *ship, void (*wake)(void *arg), void *arg) {
    struct queue *queue = mem_zero(1, sizeof *queue);
    *queue = (struct queue){.settings = settings, .ship = ship, .wake = wake, .arg = arg};
    queue->store = store_open(settings, SERVICE_RESYNC);
    return queue;
}

static bool is_check(const struct job_state *job) {
    return job->method == RUNG_VERIFY;
}

static struct worker *worker_of(const struct queue *queue, const char *node, bool check) {
    for (size_t i = 0; i < queue->worker_count; i++) {
        const struct job_state *job = &worker_job(queue->workers[i])->state;
        if (is_check(job) == check && text_equal(job->node, node)) {
            return queue->workers[i];
        }
    }
    return NULL;
}

static void settle_ended(struct queue *queue) {
    for (size_t i = 0; i < queue->worker_count;) {
        struct worker *worker = queue->workers[i];
        if (worker_ended(worker) && worker_settle(worker)) {
            worker_free(worker);
            queue->workers[i] = queue->workers[--queue->worker_count];
        } else {
            i++;
        }
    }
}

static void tell(struct queue *queue, enum event_type type, enum severity severity, const char *node, uint64_t epoch,
                 enum msg msg, const struct kv *values) {
    log_say(severity == SEVERITY_INFO ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, msg, values);
    struct event_record event =
        event_make(SERVICE_RESYNC, type, severity, node, 0, epoch, clock_wall_ms(), log_lang(), msg, values);
    ship_event(queue->ship, &event);
}

// Ends a job that no worker runs. False if Redis did not take it: the next look tries again.
static bool cancel_unstarted(struct queue *queue, const struct job_state *job, enum msg msg) {
    struct job_state ended = *job;
    ended.phase = JOB_CANCELLED;
    ended.ended_ms = ended.updated_ms = clock_wall_ms();
    const struct kv *values = KVS(KV("node", job->node), KV("id", job->command_id), KV("action", "resync"));
    (void)msg_render(msg, log_lang(), values, ended.why, sizeof ended.why);
    struct state_field field = {0};
    state_encode_job(&ended, &field);
    struct err err = {0};
    bool ok = store_write_jobs(queue->store, &field, 1, &err);
    free(field.value);
    if (ok) {
        tell(queue, job->command_id[0] ? EVENT_COMMAND_FINISHED : EVENT_RESYNC_FAILED, SEVERITY_WARNING, job->node,
             job->epoch, msg, values);
    }
    return ok;
}

static bool by_itself(const struct job_state *job) {
    return is_check(job) && text_equal(job->by, CHECK_BY_ITSELF);
}

// A node that is being rebuilt has nothing to compare: a comparison waits, and one under way is given up. One that
// nobody waits for has the time to let the node come back, too.
static bool in_the_way(const struct queue *queue, const struct cluster_state *cluster, const struct job_state *job) {
    const struct node_state *node = by_itself(job) ? state_node(cluster, job->node) : NULL;
    return is_check(job) && (job_active(state_job(cluster, job->node)) || worker_of(queue, job->node, false) ||
                             (node && node->role != ROLE_REPLICA));
}

// The copy is as unproven as before when the cluster has another epoch. If the node that was copied is the primary by
// now, the one that it was copied from is compared with it: the pair is the same.
static bool renew_check(struct queue *queue, const struct cluster_state *cluster, const struct job_state *job) {
    struct job_state renewed = *job, old = *job;
    renewed.epoch = cluster->epoch;
    renewed.phase = JOB_QUEUED;
    if (text_equal(job->node, cluster->primary)) {
        (void)text_copy(renewed.node, sizeof renewed.node, job->donor);
    }
    if (settings_node(queue->settings, renewed.node) < 0 || text_equal(renewed.node, cluster->primary)) {
        return cancel_unstarted(queue, job, MSG_RESYNC_STALE);
    }
    (void)text_copy(renewed.donor, sizeof renewed.donor, cluster->primary);
    old.phase = JOB_CANCELLED;
    (void)msg_render(MSG_VERIFY_RENEWED, log_lang(), KVS(KV("node", renewed.node), KV("primary", renewed.donor)),
                     old.why, sizeof old.why);
    struct state_field fields[2] = {0};
    state_encode_job(&renewed, &fields[0]);
    state_encode_job(&old, &fields[1]);
    struct err err = {0};
    bool ok = store_write_jobs(queue->store, fields, text_equal(renewed.node, old.node) ? 1 : 2, &err);
    free(fields[0].value);
    free(fields[1].value);
    if (ok) {
        LOG_INFO(MSG_VERIFY_RENEWED, KV("node", renewed.node), KV("primary", renewed.donor));
    }
    return ok;
}

static void look_at_job(struct queue *queue, const struct cluster_state *cluster, const struct job_state *job) {
    struct worker *worker = worker_of(queue, job->node, is_check(job));
    if (worker) {
        const struct job *mine = worker_job(worker);
        if (!text_equal(mine->state.id, job->id) && job->phase == JOB_QUEUED) {
            (void)job_stop(worker_job(worker), STOP_REPLACED, "");
        } else if (cluster->epoch != mine->state.epoch || in_the_way(queue, cluster, job)) {
            (void)job_stop(worker_job(worker), STOP_STALE, "");
        }
        return;
    }
    if (!job_active(job)) {
        return;
    }
    if (job->epoch != cluster->epoch) {
        (void)(by_itself(job) ? renew_check(queue, cluster, job) : cancel_unstarted(queue, job, MSG_RESYNC_STALE));
        return;
    }
    if (queue->worker_count < 2 * NODE_MAX && !in_the_way(queue, cluster, job)) {
        if (!is_check(job)) {
            log_say(LOG_LEVEL_INFO, job->phase == JOB_RUNNING ? MSG_RESYNC_TAKEN_UP : MSG_RESYNC_BEGUN,
                    KVS(KV("node", job->node), KV("job", job->id), KV("by", job->by)));
        }
        worker = worker_start(queue->settings, queue->ship, job, queue->wake, queue->arg);
        if (worker) {
            queue->workers[queue->worker_count++] = worker;
        }
    }
}

// A comparison that waits has no worker which could answer whoever asked for it.
static void look_at_waiting(struct queue *queue, const struct cluster_state *cluster, const struct job_state *job) {
    struct waiting *it = NULL;
    for (size_t i = 0; i < NODE_MAX && !(it && text_equal(it->node, job->node)); i++) {
        struct waiting *slot = &queue->waiting[i];
        it = text_equal(slot->node, job->node) || (!it && *slot->node == '\0') ? slot : it;
    }
    if (!it) {
        return;
    }
    if (*it->command_id && !text_equal(it->id, job->id)) {
        char why[NODE_WHY_SIZE];
        (void)msg_render(MSG_VERIFY_REPLACED, log_lang(), KVS(KV("node", job->node)), why, sizeof why);
        tell(queue, EVENT_COMMAND_FINISHED, SEVERITY_WARNING, job->node, cluster->epoch, MSG_RESYNC_COMMAND_FAILED,
             KVS(KV("node", job->node), KV("id", it->command_id), KV("action", "resync"), KV("why", why)));
    }
    *it = (struct waiting){0};
    if (job->phase == JOB_QUEUED && job->epoch == cluster->epoch && !worker_of(queue, job->node, true)) {
        (void)text_copy(it->node, sizeof it->node, job->node);
        (void)text_copy(it->id, sizeof it->id, job->id);
        (void)text_copy(it->command_id, sizeof it->command_id, job->command_id);
    }
}

static bool read_state(struct queue *queue, struct cluster_state *ret) {
    struct err err = {0};
    bool ok = store_read(queue->store, ret, NULL, &err);
    if (ok && queue->store_away) {
        LOG_INFO(MSG_RESYNC_STORE_BACK);
    } else if (!ok && !queue->store_away) {
        LOG_WARN(MSG_RESYNC_STORE_AWAY, KV("error", err.text));
    }
    queue->store_away = !ok;
    return ok;
}

void queue_look(struct queue *queue) {
    settle_ended(queue);
    struct cluster_state cluster = {0};
    if (read_state(queue, &cluster) && cluster.epoch != 0) {
        for (size_t i = 0; i < cluster.job_count; i++) {
            look_at_job(queue, &cluster, &cluster.jobs[i]);
        }
        for (size_t i = 0; i < cluster.check_count; i++) {
            look_at_job(queue, &cluster, &cluster.checks[i]);
            look_at_waiting(queue, &cluster, &cluster.checks[i]);
        }
    }
    state_done(&cluster);
}

static void cancel(struct queue *queue, const struct command *command) {
    const struct kv *values = KVS(KV("node", command->node), KV("id", command->id), KV("action", "cancel"));
    for (int check = 0; check < 2; check++) {
        struct worker *worker = worker_of(queue, command->node, check == 1);
        if (worker && !worker_ended(worker)) {
            if (!job_stop(worker_job(worker), STOP_CANCEL, command->id)) {
                tell(queue, EVENT_COMMAND_REFUSED, SEVERITY_WARNING, command->node, worker_job(worker)->state.epoch,
                     MSG_RESYNC_CANCEL_ENDING, values);
            }
            return;
        }
    }
    struct cluster_state cluster = {0};
    const struct job_state *job = read_state(queue, &cluster) ? state_job(&cluster, command->node) : NULL;
    job = job_active(job) ? job : state_check(&cluster, command->node);
    if (job && job->phase == JOB_QUEUED && cancel_unstarted(queue, job, MSG_RESYNC_CANCELLED)) {
        tell(queue, EVENT_COMMAND_FINISHED, SEVERITY_INFO, command->node, cluster.epoch, MSG_RESYNC_CANCEL_DONE,
             values);
    } else {
        tell(queue, EVENT_COMMAND_REFUSED, SEVERITY_WARNING, command->node, cluster.epoch, MSG_RESYNC_NOTHING_TO_CANCEL,
             values);
    }
    state_done(&cluster);
}

void queue_command(struct queue *queue, const char *bytes, size_t length_bytes) {
    struct command command = {0};
    struct err err = {0};
    if (command_parse(bytes, length_bytes, &command, &err) && command.action == COMMAND_CANCEL) {
        cancel(queue, &command);
    }
}

void queue_free(struct queue *queue) {
    if (!queue) {
        return;
    }
    for (size_t i = 0; i < queue->worker_count; i++) {
        (void)job_stop(worker_job(queue->workers[i]), STOP_SHUTDOWN, "");
    }
    for (size_t i = 0; i < queue->worker_count; i++) {
        worker_free(queue->workers[i]);
    }
    store_close(queue->store);
    free(queue);
}
