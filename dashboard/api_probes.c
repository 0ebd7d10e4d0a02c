// Short answers for machines: /healthz, /readyz, /primary and /replica for a proxy's health check, /metrics.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_parts.h"
#include "common/mem.h"
#include "common/text.h"

#define PLAIN "text/plain; charset=utf-8"

struct api_answer api_health(const struct api_call *call) {
    (void)call;
    return api_text(200, PLAIN, mem_text("ok\n"));
}

struct api_answer api_ready(const struct api_call *call) {
    const struct snapshot *snapshot = call->world->snapshot;
    if (!snapshot->connected) {
        return api_refuse(call, 503, MSG_HTTP_REDIS_AWAY, KVS());
    }
    if (snapshot_stale(snapshot, call->world->now)) {
        return api_refuse(call, 503, MSG_HTTP_STATE_OLD,
                          KVS(KVI("ms", snapshot_state_age_ms(snapshot, call->world->now))));
    }
    return api_text(200, PLAIN, mem_text("ready\n"));
}

static struct api_answer proxy(const struct api_call *call, bool yes, const char *says) {
    struct api_answer answer = api_text(yes ? 200 : 503, PLAIN, mem_format("%s\n", says));
    answer.age_ms = snapshot_state_age_ms(call->world->snapshot, call->world->now);
    return answer;
}

// Nobody can tell: Retry-After sets it apart from a 503 that means "no", so that a proxy need not cut anybody off.
static struct api_answer proxy_unknown(const struct api_call *call, const char *says) {
    struct api_answer answer = proxy(call, false, says);
    answer.retry_s = 1;
    return answer;
}

// The node that a proxy asks about. NULL: *ret is the answer.
//
// While Redis or the watcher is away the last known state still answers: taking every server out of the proxy would
// turn a lost monitor into an outage, and a primary that was replaced meanwhile is fenced or dead. ?max_age_ms= asks
// otherwise.
static const struct node_state *proxied_node(const struct api_call *call, struct api_answer *ret) {
    char name[NODE_NAME_SIZE];
    const struct snapshot *snapshot = call->world->snapshot;
    if (!api_query(call->request, "node", name, sizeof name)) {
        *ret = api_refuse(call, 400, MSG_HTTP_BAD_QUERY, KVS(KV("name", "node"), KV("allowed", "a node's name")));
        return NULL;
    }
    int64_t most_ms;
    if (!api_query_number(call->request, "max_age_ms", 0, INT64_MAX, INT64_MAX, &most_ms)) {
        *ret = api_refuse(call, 400, MSG_HTTP_BAD_QUERY, KVS(KV("name", "max_age_ms"), KV("allowed", "0, 1, 2, ...")));
        return NULL;
    }
    const struct node_state *node = state_node(&snapshot->state, name);
    if (!snapshot->known) {
        *ret = proxy_unknown(call, "no state yet");
    } else if (snapshot_state_age_ms(snapshot, call->world->now) > most_ms) {
        *ret = proxy_unknown(call, "state too old");
        node = NULL;
    } else if (node == NULL) {
        *ret = proxy(call, false, "no such node");
    }
    return snapshot->known ? node : NULL;
}

struct api_answer api_proxy_primary(const struct api_call *call) {
    struct api_answer answer;
    const struct node_state *node = proxied_node(call, &answer);
    if (node == NULL) {
        return answer;
    }
    // Reachability is the proxy's own check; a probe that just failed must not shut out a primary nobody replaced.
    bool yes = text_equal(node->name, call->world->snapshot->state.primary) && node->role == ROLE_PRIMARY;
    return proxy(call, yes, yes ? "primary" : "not primary");
}

struct api_answer api_proxy_replica(const struct api_call *call) {
    struct api_answer answer;
    int64_t most_ms;
    if (!api_query_number(call->request, "lag_ms", 0, INT64_MAX, INT64_MAX, &most_ms)) {
        return api_refuse(call, 400, MSG_HTTP_BAD_QUERY, KVS(KV("name", "lag_ms"), KV("allowed", "0, 1, 2, ...")));
    }
    const struct node_state *node = proxied_node(call, &answer);
    if (node == NULL) {
        return answer;
    }
    if (node->role != ROLE_REPLICA || node->outcome != PROBE_OK || node->offline_mode) {
        return proxy(call, false, "not a replica in service");
    }
    bool limited = most_ms != INT64_MAX;
    if (limited && (node->lag_ms < 0 || node->lag_ms > most_ms)) {
        return proxy(call, false, "lagging");
    }
    return proxy(call, true, "replica");
}

static void metric(FILE *out, const char *name, const char *type, const char *help) {
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

// A label's value: names come from the configuration, but a quote in one must not break the format.
static void label(FILE *out, const char *text) {
    for (; *text; text++) {
        if (*text == '\\' || *text == '"') {
            fputc('\\', out);
        }
        fputc(*text == '\n' ? ' ' : *text, out);
    }
}

static void node_gauge(FILE *out, const struct cluster_state *state, const char *name, const char *help,
                       double (*value)(const struct node_state *), bool skip_negative) {
    metric(out, name, "gauge", help);
    for (size_t i = 0; i < state->node_count; i++) {
        double number = value(&state->nodes[i]);
        if (number >= 0 || !skip_negative) {
            fprintf(out, "%s{node=\"", name);
            label(out, state->nodes[i].name);
            fprintf(out, "\"} %.15g\n", number);
        }
    }
}

static double node_up(const struct node_state *node) {
    return node->outcome == PROBE_OK;
}

static double node_lag(const struct node_state *node) {
    return node->lag_ms < 0 ? -1 : (double)node->lag_ms / 1000;
}

static double node_diverged(const struct node_state *node) {
    return (double)node->diverged;
}

static void metrics_nodes(FILE *out, const struct cluster_state *state) {
    node_gauge(out, state, "relevo_node_up", "1 if the last probe succeeded.", node_up, false);
    node_gauge(out, state, "relevo_node_lag_seconds", "Replication lag by heartbeat.", node_lag, true);
    node_gauge(out, state, "relevo_node_diverged_transactions", "Transactions the primary lacks.", node_diverged,
               false);
    metric(out, "relevo_node_role", "gauge", "1 for the role that the node has.");
    for (size_t i = 0; i < state->node_count; i++) {
        for (int role = 0; role < NODE_ROLE_COUNT; role++) {
            fputs("relevo_node_role{node=\"", out);
            label(out, state->nodes[i].name);
            fprintf(out, "\",role=\"%s\"} %d\n", node_role_name((enum node_role)role),
                    (int)state->nodes[i].role == role);
        }
    }
}

static void metrics_jobs(FILE *out, const struct cluster_state *state) {
    metric(out, "relevo_job_active", "gauge", "1 while a resync of the node is queued or running.");
    for (size_t i = 0; i < state->job_count; i++) {
        fputs("relevo_job_active{node=\"", out);
        label(out, state->jobs[i].node);
        fprintf(out, "\",rung=\"%s\"} %d\n", job_rung_name(state->jobs[i].rung), job_active(&state->jobs[i]));
    }
    metric(out, "relevo_job_progress_ratio", "gauge", "Bytes done of bytes to do, where the total is known.");
    for (size_t i = 0; i < state->job_count; i++) {
        const struct job_state *job = &state->jobs[i];
        if (job->total_bytes > 0) {
            fputs("relevo_job_progress_ratio{node=\"", out);
            label(out, job->node);
            fprintf(out, "\"} %.4f\n", (double)job->done_bytes / (double)job->total_bytes);
        }
    }
}

static void metrics_checks(FILE *out, const struct cluster_state *state) {
    metric(out, "relevo_check_differences", "gauge",
           "Key ranges that the last comparison found not to be as on the primary.");
    for (size_t i = 0; i < state->check_count; i++) {
        fputs("relevo_check_differences{node=\"", out);
        label(out, state->checks[i].node);
        fprintf(out, "\"} %llu\n", (unsigned long long)state->checks[i].differing);
    }
}

static void metrics_events(FILE *out, const struct snapshot *snapshot) {
    metric(out, "relevo_events_total", "counter", "Events by type since this dashboard started.");
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        fprintf(out, "relevo_events_total{type=\"%s\"} %llu\n", event_type_name((enum event_type)type),
                (unsigned long long)snapshot->counted[type]);
    }
    const struct event_record *last = NULL;
    for (size_t i = 0; i < snapshot->milestones.count; i++) {
        const struct event_record *event = snapshot_event(&snapshot->milestones, i);
        last = event->type == EVENT_FAILOVER ? event : last;
    }
    if (last != NULL) {
        metric(out, "relevo_last_failover_timestamp_seconds", "gauge", "When the last failover happened.");
        fprintf(out, "relevo_last_failover_timestamp_seconds %.3f\n", (double)last->ts_ms / 1000);
    }
    if (last != NULL && api_took_ms(last) >= 0) {
        metric(out, "relevo_last_failover_duration_seconds", "gauge", "From the decision to the open primary.");
        fprintf(out, "relevo_last_failover_duration_seconds %.3f\n", (double)api_took_ms(last) / 1000);
    }
}

static void metrics_feed(FILE *out, const struct api_world *world) {
    const struct snapshot *snapshot = world->snapshot;
    metric(out, "relevo_build_info", "gauge", "The version of this dashboard.");
    fprintf(out, "relevo_build_info{version=\"%s\"} 1\n", world->version);
    metric(out, "relevo_feed_connected", "gauge", "1 while this dashboard is subscribed to Redis.");
    fprintf(out, "relevo_feed_connected %d\n", snapshot->connected);
    if (snapshot->read_mono_ms != 0) {
        metric(out, "relevo_feed_age_seconds", "gauge", "Since the state was last read.");
        fprintf(out, "relevo_feed_age_seconds %.3f\n", (double)snapshot_read_age_ms(snapshot, world->now) / 1000);
    }
    if (snapshot->known) {
        metric(out, "relevo_state_age_seconds", "gauge", "Since the watcher last renewed the state.");
        fprintf(out, "relevo_state_age_seconds %.3f\n", (double)snapshot_state_age_ms(snapshot, world->now) / 1000);
    }
}

struct api_answer api_metrics(const struct api_call *call) {
    const struct snapshot *snapshot = call->world->snapshot;
    const struct cluster_state *state = &snapshot->state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return api_problem(500, call->lang, MSG_NONE, KVS());
    }
    metrics_feed(out, call->world);
    if (snapshot->known) {
        metric(out, "relevo_epoch", "gauge", "How often the primary has changed.");
        fprintf(out, "relevo_epoch %llu\n", (unsigned long long)state->epoch);
        metric(out, "relevo_maintenance", "gauge", "1 while automation is switched off.");
        fprintf(out, "relevo_maintenance %d\n", state->maintenance);
        metric(out, "relevo_phase", "gauge", "1 for the phase that the cluster is in.");
        for (int phase = 0; phase < PHASE_COUNT; phase++) {
            fprintf(out, "relevo_phase{phase=\"%s\"} %d\n", phase_name((enum phase)phase), (int)state->phase == phase);
        }
        metrics_nodes(out, state);
        metrics_jobs(out, state);
        metrics_checks(out, state);
    }
    metrics_events(out, snapshot);
    if (call->world->tries != NULL) {
        metric(out, "relevo_wrong_tokens_total", "counter", "Wrong tokens since this dashboard started.");
        fprintf(out, "relevo_wrong_tokens_total %llu\n", (unsigned long long)tries_count(call->world->tries));
    }
    fclose(out);
    return api_text(200, "text/plain; version=0.0.4; charset=utf-8", text);
}
