// Redis: the state hash, the lease, hints that are lost when nobody listens. Implements common/store_port.h.
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/store_port.h"
#include "common/text.h"
#include "tests/sim/world.h"

enum { FIELDS = 48, CALL_MS = 1000, BACKOFF_MS = 500, SAVE_MS = 1000, RIVAL_MARK_MS = 10000 };

struct field {
    char name[NODE_NAME_SIZE + 16];
    char *value;
};

struct hash {
    struct field fields[FIELDS];
    int count, last;  // last: the one that was set last
};

static struct {
    bool up;
    bool full;  // takes nothing new
    unsigned boot;
    struct hash hash, jobs, saved, saved_jobs;  // saved: what an unfsynced file would bring back
    char holder[80];          // "" after it was given back
    uint64_t renewals, saved_renewals;
    int64_t lease_ms;      // until
    int64_t wall_skew_ms;  // of its clock, by which keys expire
    char rival[80];        // who asked for it in vain
    int64_t rival_ms;      // until
} redis;

struct store {
    int host;
    unsigned boot, generation;
    int64_t retry_ms;
};

static void hash_clear(struct hash *hash) {
    for (int i = 0; i < hash->count; i++) {
        free(hash->fields[i].value);
    }
    hash->count = 0;
}

// Writers name the fields in the order in which they first did: the one after the last is most often the next.
static void hash_set(struct hash *hash, const char *name, const char *value) {
    for (int i = 0; i < hash->count; i++) {
        struct field *field = &hash->fields[(hash->last + 1 + i) % hash->count];
        if (text_equal(field->name, name)) {
            free(field->value);
            field->value = mem_text(value);
            hash->last = (int)(field - hash->fields);
            return;
        }
    }
    if (hash->count < FIELDS) {
        (void)text_copy(hash->fields[hash->count].name, sizeof hash->fields->name, name);
        hash->fields[hash->count++].value = mem_text(value);
    }
}

static void hash_copy(struct hash *to, const struct hash *from) {
    hash_clear(to);
    *to = *from;
    for (int i = 0; i < to->count; i++) {
        to->fields[i].value = mem_text(from->fields[i].value);
    }
}

static void save(void *arg) {
    (void)arg;
    if (redis.up) {
        hash_copy(&redis.saved, &redis.hash);
        hash_copy(&redis.saved_jobs, &redis.jobs);
        redis.saved_renewals = redis.renewals;
    }
    sim_at(sim_now_ms() + SAVE_MS, NULL, save, NULL);
}

void redis_new(void) {
    hash_clear(&redis.hash);
    hash_clear(&redis.jobs);
    hash_clear(&redis.saved);
    hash_clear(&redis.saved_jobs);
    redis.up = true;
    redis.full = false;
    redis.boot++;
    *redis.holder = '\0';
    redis.lease_ms = redis.rival_ms = redis.wall_skew_ms = 0;
    redis.renewals = 0;
    save(NULL);
}

void redis_stop(void) {
    redis.up = false;
}

void redis_start(enum redis_memory memory) {
    if (redis.up) {
        return;
    }
    redis.up = true;
    redis.boot++;
    if (memory != REDIS_KEPT) {
        check_forgotten();
    }
    if (memory == REDIS_EMPTY) {
        hash_clear(&redis.hash);
        hash_clear(&redis.jobs);
        redis.lease_ms = redis.rival_ms = 0;
        redis.renewals = 0;
    } else if (memory == REDIS_ROLLED_BACK) {
        hash_copy(&redis.hash, &redis.saved);
        hash_copy(&redis.jobs, &redis.saved_jobs);
        redis.renewals = redis.saved_renewals;
    }
}

bool redis_up(void) {
    return redis.up;
}

void redis_fill(bool full) {
    redis.full = full;
}

void redis_forge(const char *name, const char *value) {
    hash_set(&redis.hash, name, value);
}

static void describe(const struct hash *hash) {
    for (int i = 0; i < hash->count; i++) {
        const struct field *field = &hash->fields[i];
        if (strncmp(field->name, "node:", 5) != 0) {
            world_trace("redis: %s = %s", field->name, field->value);
        }
    }
}

void redis_describe(void) {
    describe(&redis.hash);
    describe(&redis.jobs);
}

static void arrive(void *arg) {
    for (int i = 0; i < world.watchers; i++) {
        if (world.watcher[i].up && net_pair(world.watcher[i].host, HOST_REDIS)) {
            watcher_hear(i, arg);
        }
    }
    free(arg);
}

void redis_command(const char *text) {
    if (redis.up) {
        arrive(mem_text(text));
    }
}

// --- the port ---

static bool dying(void) {
    return sim_process && sim_process->dead;
}

struct store *store_open(const struct settings *settings, enum service service) {
    (void)settings;
    (void)service;
    struct store *store = mem_zero(1, sizeof *store);
    store->host = sim_process->host;
    return store;
}

void store_close(struct store *store) {
    free(store);
}

unsigned store_generation(const struct store *store) {
    return store->generation;
}

static bool lost(struct store *store, struct err *err, const char *why) {
    store->boot = 0;
    store->retry_ms = sim_now_ms() + BACKOFF_MS;
    return err_set(err, ERR_LOST, 0, "redis: %s", why);
}

static bool travel(int from, int to, int64_t until_ms) {
    co_sleep(net_latency(from, to));
    while (!net_reaches(from, to) && sim_now_ms() < until_ms && !dying()) {
        co_sleep(40);
    }
    return net_reaches(from, to);
}

// Calls that fail at once cost no time: who makes them without end would spin on a processor.
static void notice_spinning(void) {
    static int64_t at_ms;
    static unsigned calls;
    calls = at_ms == sim_now_ms() ? calls + 1 : 0;
    at_ms = sim_now_ms();
    if (calls > 1000) {
        world_fail("%s spins while Redis is away", sim_process->name);
        co_sleep(1);
    }
}

// There: the command is about to be carried out.
static bool ask(struct store *store, struct err *err) {
    if (dying() || (store->boot == 0 && sim_now_ms() < store->retry_ms)) {
        notice_spinning();
        return err_set(err, ERR_LOST, 0, "redis is away");
    }
    int64_t until_ms = sim_now_ms() + CALL_MS;
    if (!travel(store->host, HOST_REDIS, until_ms)) {
        return lost(store, err, "no answer");
    }
    if (dying() || !redis.up) {
        return lost(store, err, "connection refused");
    }
    if (store->boot != redis.boot) {
        store->boot = redis.boot;
        store->generation++;
    }
    return true;
}

static bool answer(struct store *store, struct err *err) {
    if (!travel(HOST_REDIS, store->host, sim_now_ms() + CALL_MS) || dying()) {
        return lost(store, err, "no answer");
    }
    return true;
}

static unsigned take(const struct hash *hash, struct cluster_state *state,
                     bool (*decode)(struct cluster_state *, const char *, const char *, struct err *)) {
    unsigned skipped = 0;
    for (int i = 0; i < hash->count; i++) {
        struct err ignored = {0};
        skipped += decode(state, hash->fields[i].name, hash->fields[i].value, &ignored) ? 0 : 1;
    }
    return skipped;
}

bool store_read(struct store *store, struct cluster_state *ret, unsigned *ret_skipped, struct err *err) {
    if (!ask(store, err)) {
        return false;
    }
    struct cluster_state state = {0};
    unsigned skipped = take(&redis.hash, &state, state_decode) + take(&redis.jobs, &state, state_decode_job);
    if (!answer(store, err)) {
        state_done(&state);
        return false;
    }
    *ret = state;
    if (ret_skipped) {
        *ret_skipped = skipped;
    }
    return true;
}

static void note_epoch(const struct state_field *field) {
    bool reigns = text_equal(field->name, "epoch");
    const char *epoch = reigns ? field->value : strstr(field->value, "\"epoch\":");
    if (epoch && (reigns || text_equal(field->name, "intent"))) {
        check_told(strtoull(epoch + strcspn(epoch, "0123456789"), NULL, 10), reigns);
    }
}

// It is full: the refusal, or no answer.
static bool refused(struct store *store, struct err *err) {
    return answer(store, err) && err_set(err, ERR_FULL, 0, "redis is full");
}

static char *value_in(const struct hash *hash, const char *name) {
    for (int i = 0; i < hash->count; i++) {
        if (text_equal(hash->fields[i].name, name)) {
            return mem_text(hash->fields[i].value);
        }
    }
    return NULL;
}

// had: what was there, or NULL.
static bool put(struct store *store, struct hash *hash, const struct state_field *fields, size_t count,
                struct state_field *had, struct err *err) {
    if (!ask(store, err)) {
        return false;
    }
    if (redis.full) {
        return refused(store, err);
    }
    for (size_t i = 0; i < count; i++) {
        if (had) {
            (void)text_copy(had[i].name, sizeof had->name, fields[i].name);
            had[i].value = value_in(hash, fields[i].name);
        }
        hash_set(hash, fields[i].name, fields[i].value);
        if (hash == &redis.hash) {
            note_epoch(&fields[i]);
        }
    }
    return answer(store, err);
}

bool store_write(struct store *store, const struct state_field *fields, size_t count, struct err *err) {
    if (count <= 2 && text_equal(fields[0].name, "intent") && !dying()) {
        check_intent(fields[0].value);
    }
    return put(store, &redis.hash, fields, count, NULL, err);
}

bool store_replace(struct store *store, const struct state_field *fields, size_t count, struct state_field **ret,
                   struct err *err) {
    struct state_field *had = mem_zero(count, sizeof *had);
    bool ok = put(store, &redis.hash, fields, count, had, err);
    if (!ok) {
        state_fields_free(had, count);
        return false;
    }
    *ret = had;
    return true;
}

bool store_write_jobs(struct store *store, const struct state_field *fields, size_t count, struct err *err) {
    return put(store, &redis.jobs, fields, count, NULL, err);
}

// No Relevo older than this one has written here.
bool store_move_jobs(struct store *store, unsigned *ret_moved, struct err *err) {
    *ret_moved = 0;
    return ask(store, err) && answer(store, err);
}

bool store_forget(struct store *store, const char *const *names, size_t count, struct err *err) {
    (void)names;
    (void)count;
    return ask(store, err) && answer(store, err);  // the simulation renames nobody
}

bool store_publish(struct store *store, enum store_channel channel, const char *message, struct err *err) {
    (void)message;
    if (!ask(store, err)) {
        return false;
    }
    if (channel == STORE_JOBS && net_pair(HOST_REDIS, HOST_RESYNC)) {
        resync_hint();
    }
    return answer(store, err);
}

static int64_t clock_ms(void) {
    return sim_now_ms() + redis.wall_skew_ms;
}

void redis_set_clock(int64_t by_ms) {
    redis.wall_skew_ms += by_ms;
}

bool store_lease(struct store *store, const char *id, int64_t ttl_ms, struct lease_word *ret, struct err *err) {
    if (!ask(store, err)) {
        return false;
    }
    bool ran_out = redis.lease_ms <= clock_ms();
    struct lease_word word = {.handed_over = !ran_out && *redis.holder == '\0', .renewals = redis.renewals};
    bool free_now = ran_out || word.handed_over, ours = !free_now && text_equal(redis.holder, id);
    if (redis.full && free_now) {
        return refused(store, err);
    }
    if (redis.full && ours) {  // what is there lives on, and that cannot be counted
        redis.renewals = word.renewals = 0;
        redis.lease_ms = clock_ms() + ttl_ms;
    } else if (free_now || ours) {
        (void)text_copy(redis.holder, sizeof redis.holder, id);
        redis.lease_ms = clock_ms() + ttl_ms;
        redis.renewals++;
    }
    (void)text_copy(word.holder, sizeof word.holder, redis.holder);
    if (!text_equal(word.holder, id) && !redis.full) {
        (void)text_copy(redis.rival, sizeof redis.rival, id);
        redis.rival_ms = clock_ms() + RIVAL_MARK_MS;
    }
    word.rival = !text_equal(word.holder, id) || (redis.rival_ms > clock_ms() && !text_equal(redis.rival, id));
    if (!answer(store, err)) {
        return false;
    }
    *ret = word;
    return true;
}

bool store_lease_release(struct store *store, const char *id, struct err *err) {
    if (!ask(store, err)) {
        return false;
    }
    if (redis.full) {
        return refused(store, err);
    }
    if (redis.lease_ms > clock_ms() && text_equal(redis.holder, id)) {
        *redis.holder = '\0';
        redis.lease_ms = clock_ms() + RIVAL_MARK_MS;
        redis.renewals++;
    }
    return answer(store, err);
}
