// A hand on the Redis adapter for tests: reads one request per line on stdin and answers each with one line
// "ok <ms> ..." or "error <ms> <kind> <text>". tests/integration/test_store.py drives it.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/store_port.h"
#include "common/text.h"

struct hand {
    struct store *store;  // commands
    struct store *listener;
    enum service service;
    struct cluster_state state;
};

// Each request fills out (what follows "ok <ms>") or *err.
typedef bool request_fn(struct hand *hand, char **words, char *out, size_t size_bytes, struct err *err);

static bool do_read(struct hand *hand, char **words, char *out, size_t size_bytes, struct err *err) {
    (void)words;
    struct cluster_state state;
    unsigned skipped = 0;
    if (!store_read(hand->store, &state, &skipped, err))
        return false;
    state_done(&hand->state);
    hand->state = state;
    text_format(out, size_bytes, "epoch=%" PRIu64 " phase=%s primary=%s jobs=%zu skipped=%u generation=%u", state.epoch,
                phase_name(state.phase), state.primary, state.job_count, skipped, store_generation(hand->store));
    return true;
}

static bool do_write(struct hand *hand, char **words, char *out, size_t size_bytes, struct err *err) {
    struct state_field field = {.value = words[2]};
    (void)size_bytes;
    text_copy(field.name, sizeof(field.name), words[1]);
    *out = '\0';
    return store_write(hand->store, &field, 1, err);
}

// What the field held before.
static bool do_replace(struct hand *hand, char **words, char *out, size_t size_bytes, struct err *err) {
    struct state_field field = {.value = words[2]}, *had = NULL;
    text_copy(field.name, sizeof(field.name), words[1]);
    if (!store_replace(hand->store, &field, 1, &had, err))
        return false;
    text_format(out, size_bytes, "had=%s", had[0].value ? had[0].value : "(nothing)");
    state_fields_free(had, 1);
    return true;
}

static bool do_job(struct hand *hand, char **words, char *out, size_t size_bytes, struct err *err) {
    struct job_state job = {.epoch = 1};
    struct state_field field = {0};
    (void)size_bytes;
    *out = '\0';
    text_copy(job.node, sizeof(job.node), words[1]);
    if (!job_phase_parse(words[2], &job.phase))
        return err_set(err, ERR_INVALID, 0, "job NODE PHASE");
    state_encode_job(&job, &field);
    bool good = store_write_jobs(hand->store, &field, 1, err);
    free(field.value);
    return good;
}

static bool do_move(struct hand *hand, char **words, char *out, size_t size_bytes, struct err *err) {
    unsigned moved = 0;
    (void)words;
    bool good = store_move_jobs(hand->store, &moved, err);
    text_format(out, size_bytes, "moved=%u", moved);
    return good;
}

static bool do_event(struct hand *hand, char **words, char *out, size_t size_bytes, struct err *err) {
    struct event_record event = event_make(SERVICE_WATCHER, EVENT_PHASE, SEVERITY_INFO, words[1], 7, 3, 1000, LANG_EN,
                                           MSG_NONE, KVS(KV("note", words[2])));
    bool good = store_event(hand->store, &event, err);
    text_format(out, size_bytes, "seq=%" PRId64, event.seq);
    event_done(&event);
    return good;
}

static bool do_publish(struct hand *hand, char **words, char *out, size_t size_bytes, struct err *err) {
    (void)size_bytes;
    *out = '\0';
    return store_publish(hand->store, STORE_COMMANDS, words[1], err);
}

static bool do_log(struct hand *hand, char **words, char *out, size_t size_bytes, struct err *err) {
    (void)size_bytes;
    *out = '\0';
    return store_log(hand->store, words[1], err);
}

static bool do_lease(struct hand *hand, char **words, char *out, size_t size_bytes, struct err *err) {
    struct lease_word word = {0};
    int64_t ttl_ms = 0;
    if (!text_to_i64(words[2], &ttl_ms))
        return err_set(err, ERR_INVALID, 0, "lease ID TTL_MS");
    if (!store_lease(hand->store, words[1], ttl_ms, &word, err))
        return false;
    text_format(out, size_bytes, "holder=%s%s%s renewals=%llu", word.holder, word.rival ? " rival" : "",
                word.handed_over ? " handed over" : "", (unsigned long long)word.renewals);
    return true;
}

static bool do_release(struct hand *hand, char **words, char *out, size_t size_bytes, struct err *err) {
    (void)size_bytes;
    *out = '\0';
    return store_lease_release(hand->store, words[1], err);
}

static bool listen_to(struct hand *hand, const enum store_channel *channels, size_t count, const char *timeout, char *out,
                      size_t size_bytes, struct err *err) {
    enum store_channel channel = STORE_CHANNEL_COUNT;
    AUTO_TEXT char *bytes = NULL;
    size_t length = 0;
    int64_t timeout_ms = 0;
    if (!text_to_i64(timeout, &timeout_ms))
        return err_set(err, ERR_INVALID, 0, "listen TIMEOUT_MS");
    if (!store_listen(hand->listener, channels, count, timeout_ms, &channel, &bytes, &length, err))
        return false;
    if (!bytes)
        text_format(out, size_bytes, "quiet generation=%u", store_generation(hand->listener));
    else
        text_format(out, size_bytes, "channel=%d length=%zu message=%.100s", (int)channel, length, bytes);
    return true;
}

static bool do_listen(struct hand *hand, char **words, char *out, size_t size_bytes, struct err *err) {
    static const enum store_channel channels[] = {STORE_COMMANDS, STORE_STATE};
    return listen_to(hand, channels, 2, words[1], out, size_bytes, err);
}

// As that service does.
static bool do_attend(struct hand *hand, char **words, char *out, size_t size_bytes, struct err *err) {
    static const enum store_channel channels[] = {STORE_COMMANDS, STORE_JOBS};
    return listen_to(hand, channels, hand->service == SERVICE_RESYNC ? 2 : 1, words[1], out, size_bytes, err);
}

static bool do_hint(struct hand *hand, char **words, char *out, size_t size_bytes, struct err *err) {
    (void)size_bytes;
    *out = '\0';
    return store_publish(hand->store, STORE_JOBS, words[1], err);
}

static const struct request {
    const char *name;
    unsigned words;
    request_fn *run;
} requests[] = {
    {"read", 1, do_read},       {"write", 3, do_write}, {"event", 3, do_event},     {"publish", 2, do_publish},
    {"log", 2, do_log},         {"lease", 3, do_lease}, {"release", 2, do_release}, {"listen", 2, do_listen},
    {"replace", 3, do_replace}, {"job", 3, do_job},     {"move", 1, do_move},       {"attend", 2, do_attend},
    {"hint", 2, do_hint},
};

static const struct request *request_named(const char *name, unsigned words) {
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        if (strcmp(requests[i].name, name) == 0 && requests[i].words == words)
            return &requests[i];
    return NULL;
}

static void answer(struct hand *hand, char *line) {
    char *words[4] = {0}, *save = NULL, out[512] = "";
    struct err err = {0};
    unsigned count = 0;
    for (char *word = strtok_r(line, " \n", &save); word && count < 4; word = strtok_r(NULL, " \n", &save))
        words[count++] = word;
    const struct request *request = count ? request_named(words[0], count) : NULL;
    int64_t from_ms = clock_mono_ms();
    if (!request)
        err_set(&err, ERR_INVALID, 0, "unknown request");
    if (request && request->run(hand, words, out, sizeof(out), &err))
        printf("ok %" PRId64 " %s\n", clock_mono_ms() - from_ms, out);
    else
        printf("error %" PRId64 " %s %s\n", clock_mono_ms() - from_ms, err_kind_name(err.kind), err.text);
    fflush(stdout);
}

int main(int argc, char **argv) {
    struct settings settings = {.cluster = "check"};
    int64_t port = 0;
    if (argc != 5 || !text_to_i64(argv[2], &port)) {
        fprintf(stderr, "usage: RELEVO_REDIS_PASSWORD=... store_check HOST PORT USER SERVICE\n");
        return 64;
    }
    text_copy(settings.redis_host, sizeof(settings.redis_host), argv[1]);
    settings.redis_port = (uint16_t)port;
    text_copy(settings.redis_user, sizeof(settings.redis_user), argv[3]);
    text_copy(settings.redis_password, sizeof(settings.redis_password), getenv("RELEVO_REDIS_PASSWORD"));
    enum service service = SERVICE_WATCHER;
    service_parse(argv[4], &service);
    struct hand hand = {.service = service,
                        .store = store_open(&settings, service),
                        .listener = store_open(&settings, service)};
    char *line = NULL;
    size_t size_bytes = 0;
    while (getline(&line, &size_bytes, stdin) > 0)
        answer(&hand, line);
    free(line);
    state_done(&hand.state);
    store_close(hand.store);
    store_close(hand.listener);
    return 0;
}
