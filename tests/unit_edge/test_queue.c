// resync/queue, worker and job: every command is answered, whenever it comes. The store and the work of a job are the
// test's.
#include "resync/queue.h"

#include <pthread.h>
#include <time.h>

#include "common/event_row.h"
#include "common/mem.h"
#include "common/store_port.h"
#include "common/text.h"
#include "resync/ladder.h"
#include "resync/peer.h"
#include "resync/verify.h"
#include "tests/unit/unit.h"

#define NODE "node-b"

enum { PATIENCE_S = 10, FIELDS_MOST = 4, EVENTS_MOST = 16 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct state_field fields[FIELDS_MOST];  // the hash
    struct told {
        enum event_type type;
        enum msg msg;
        char id[64];
    } told[EVENTS_MOST];
    int told_count;
    bool at_work;              // the ladder is being climbed
    bool at_the_row;           // ... was, and the end is being noted
    bool hold_work, hold_row;  // it does not go on there
    bool works;                // the ladder gets there, whatever it is told
    bool asks_for_check;  // somebody does, during the copy
    int ended, compared;
} world = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void put(const struct state_field *field) {
    for (int i = 0; i < FIELDS_MOST; i++) {
        if (world.fields[i].value == NULL || text_equal(world.fields[i].name, field->name)) {
            free(world.fields[i].value);
            world.fields[i] = *field;
            world.fields[i].value = mem_text(field->value);
            return;
        }
    }
    fail_msg("no room for %s", field->name);
}

static void put_job(enum job_rung method, const char *id, uint64_t epoch, enum job_phase phase, const char *command) {
    struct job_state job = {.epoch = epoch, .phase = phase, .method = method};
    text_copy(job.id, sizeof job.id, id);
    text_copy(job.node, sizeof job.node, NODE);
    text_copy(job.by, sizeof job.by, "ana");
    text_copy(job.command_id, sizeof job.command_id, command);
    struct state_field field = {0};
    state_encode_job(&job, &field);
    pthread_mutex_lock(&world.lock);
    put(&field);
    pthread_mutex_unlock(&world.lock);
    free(field.value);
}

// --- what the queue finds ---

struct store *store_open(const struct settings *settings, enum service service) {
    (void)settings;
    (void)service;
    return NULL;
}

void store_close(struct store *store) {
    (void)store;
}

bool store_read(struct store *store, struct cluster_state *ret, unsigned *ret_skipped, struct err *err) {
    (void)store;
    (void)ret_skipped;
    *ret = (struct cluster_state){.epoch = 7};
    pthread_mutex_lock(&world.lock);
    for (int i = 0; i < FIELDS_MOST && world.fields[i].value; i++) {
        assert_true(state_decode_job(ret, world.fields[i].name, world.fields[i].value, err));
    }
    pthread_mutex_unlock(&world.lock);
    return true;
}

bool store_write_jobs(struct store *store, const struct state_field *fields, size_t count, struct err *err) {
    (void)store;
    (void)err;
    pthread_mutex_lock(&world.lock);
    for (size_t i = 0; i < count; i++) {
        put(&fields[i]);
    }
    pthread_mutex_unlock(&world.lock);
    return true;
}

void ship_event(struct ship *ship, struct event_record *event) {
    (void)ship;
    const char *id = json_string_value(json_object_get(event->detail, "id"));
    pthread_mutex_lock(&world.lock);
    assert_true(world.told_count < EVENTS_MOST);
    struct told *told = &world.told[world.told_count++];
    *told = (struct told){.type = event->type, .msg = event->msg};
    text_copy(told->id, sizeof told->id, id ? id : "");
    pthread_mutex_unlock(&world.lock);
    event_done(event);
}

static void stay(bool *where, const bool *held) {
    pthread_mutex_lock(&world.lock);
    *where = true;
    pthread_cond_broadcast(&world.changed);
    while (*held) {
        pthread_cond_wait(&world.changed, &world.lock);
    }
    pthread_mutex_unlock(&world.lock);
}

bool ladder_run(struct job *job) {
    job->state.rung = RUNG_DUMP;
    if (world.asks_for_check) {
        put_job(RUNG_VERIFY, "asked", 7, JOB_QUEUED, "cmd-check");
    }
    stay(&world.at_work, &world.hold_work);
    return world.works;
}

bool verify_run(struct job *job) {
    (void)job;
    world.compared++;
    return true;
}

enum event_row_result event_row_write(const struct settings *with, const struct event_row_target *target,
                                      const struct event_row *row, struct err *err) {
    (void)with;
    (void)target;
    (void)err;
    assert_int_equal(row->type, EVENT_RESYNC);
    stay(&world.at_the_row, &world.hold_row);
    return EVENT_ROW_REFUSED;
}

void db_interrupt(struct db_session *session) {
    (void)session;
}

// --- the test's side ---

static struct settings settings;
static struct queue *queue;

static void wake(void *arg) {
    (void)arg;
    pthread_mutex_lock(&world.lock);
    world.ended++;
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
}

static int set_up(void **state) {
    (void)state;
    settings = (struct settings){.cluster = "appdb", .verify_copies = true};
    queue = queue_new(&settings, NULL, wake, NULL);
    world.told_count = world.ended = world.compared = 0;
    world.at_work = world.at_the_row = world.asks_for_check = false;
    world.hold_row = false;
    world.hold_work = world.works = true;
    return 0;
}

static void let_go(void) {
    pthread_mutex_lock(&world.lock);
    world.hold_work = world.hold_row = false;
    pthread_cond_broadcast(&world.changed);
    pthread_mutex_unlock(&world.lock);
}

static int tear_down(void **state) {
    (void)state;
    let_go();
    queue_free(queue);
    for (int i = 0; i < FIELDS_MOST; i++) {
        free(world.fields[i].value);
        world.fields[i] = (struct state_field){0};
    }
    return 0;
}

static void wait_for(const bool *what, const int *count, int least) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    int error = 0;
    pthread_mutex_lock(&world.lock);
    while (error == 0 && !(what ? *what : *count >= least)) {
        error = pthread_cond_timedwait(&world.changed, &world.lock, &until);
    }
    pthread_mutex_unlock(&world.lock);
    assert_int_equal(error, 0);
}

static void begin(void) {
    put_job(RUNG_DUMP, "job-1", 7, JOB_QUEUED, "cmd-job");
    queue_look(queue);
    wait_for(&world.at_work, NULL, 0);
}

static void cancel(const char *id) {
    AUTO_TEXT char *command = mem_format("{\"action\":\"cancel\",\"node\":\"" NODE "\",\"id\":\"%s\"}", id);
    queue_command(queue, command, strlen(command));
}

static int answers(const char *id, enum event_type type, enum msg msg) {
    int count = 0;
    pthread_mutex_lock(&world.lock);
    for (int i = 0; i < world.told_count; i++) {
        if (text_equal(world.told[i].id, id)) {
            assert_int_equal(world.told[i].type, type);
            assert_int_equal(world.told[i].msg, msg);
            count++;
        }
    }
    pthread_mutex_unlock(&world.lock);
    return count;
}

static void check_is(const char *id, enum job_phase phase) {
    struct cluster_state cluster = {0};
    struct err err = {0};
    assert_true(store_read(NULL, &cluster, NULL, &err));
    const struct job_state *check = state_check(&cluster, NODE);
    assert_non_null(check);
    assert_string_equal(check->id, id);
    assert_int_equal(check->phase, phase);
    state_done(&cluster);
}

static void finish(void) {
    let_go();
    wait_for(NULL, &world.ended, 1);
}

static void a_comparison_asked_for_during_a_copy_is_made_and_answered(void **state) {
    (void)state;
    world.asks_for_check = true;
    begin();
    queue_look(queue);
    assert_int_equal(world.compared, 0);  // it waits
    finish();
    check_is("asked", JOB_QUEUED);
    queue_look(queue);
    wait_for(NULL, &world.ended, 2);
    queue_look(queue);
    check_is("asked", JOB_DONE);
    assert_int_equal(world.compared, 1);
    assert_int_equal(answers("cmd-check", EVENT_COMMAND_FINISHED, MSG_RESYNC_COMMAND_DONE), 1);
    assert_int_equal(answers("cmd-job", EVENT_COMMAND_FINISHED, MSG_RESYNC_COMMAND_DONE), 1);
}

static void a_comparison_that_waits_is_answered_when_another_takes_its_place(void **state) {
    (void)state;
    world.asks_for_check = true;
    begin();
    queue_look(queue);
    put_job(RUNG_VERIFY, "asked-again", 7, JOB_QUEUED, "cmd-second");
    queue_look(queue);
    queue_look(queue);
    assert_int_equal(answers("cmd-check", EVENT_COMMAND_FINISHED, MSG_RESYNC_COMMAND_FAILED), 1);
    finish();
    queue_look(queue);
    wait_for(NULL, &world.ended, 2);
    queue_look(queue);
    assert_int_equal(answers("cmd-check", EVENT_COMMAND_FINISHED, MSG_RESYNC_COMMAND_FAILED), 1);
    assert_int_equal(answers("cmd-second", EVENT_COMMAND_FINISHED, MSG_RESYNC_COMMAND_DONE), 1);
}

static void a_copy_is_compared_by_itself_where_nobody_asked(void **state) {
    (void)state;
    put_job(RUNG_VERIFY, "ended", 7, JOB_DONE, "cmd-old");
    begin();
    finish();
    check_is("job-1-verify", JOB_QUEUED);
}

static void a_comparison_of_an_older_epoch_is_no_comparison_of_this_copy(void **state) {
    (void)state;
    begin();
    put_job(RUNG_VERIFY, "older", 6, JOB_QUEUED, "");
    finish();
    check_is("job-1-verify", JOB_QUEUED);
}

static void a_second_cancel_is_refused_while_the_first_works(void **state) {
    (void)state;
    world.works = false;
    begin();
    cancel("first");
    cancel("second");
    assert_int_equal(answers("second", EVENT_COMMAND_REFUSED, MSG_RESYNC_CANCEL_ENDING), 1);
    finish();
    assert_int_equal(answers("first", EVENT_COMMAND_FINISHED, MSG_RESYNC_CANCEL_DONE), 1);
    assert_int_equal(answers("second", EVENT_COMMAND_REFUSED, MSG_RESYNC_CANCEL_ENDING), 1);
    assert_int_equal(answers("cmd-job", EVENT_COMMAND_FINISHED, MSG_RESYNC_COMMAND_FAILED), 1);
}

static void a_cancel_that_the_work_outran_is_refused(void **state) {
    (void)state;
    begin();
    cancel("late");
    finish();
    assert_int_equal(answers("late", EVENT_COMMAND_REFUSED, MSG_RESYNC_CANCEL_LATE), 1);
    assert_int_equal(answers("cmd-job", EVENT_COMMAND_FINISHED, MSG_RESYNC_COMMAND_DONE), 1);
    assert_true(world.at_the_row);
}

static void a_cancel_during_the_end_is_refused(void **state) {
    (void)state;
    world.hold_work = false;
    world.hold_row = true;
    begin();
    wait_for(&world.at_the_row, NULL, 0);
    cancel("later");
    finish();
    assert_int_equal(answers("later", EVENT_COMMAND_REFUSED, MSG_RESYNC_CANCEL_ENDING), 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_comparison_asked_for_during_a_copy_is_made_and_answered),
        TEST(a_comparison_that_waits_is_answered_when_another_takes_its_place),
        TEST(a_copy_is_compared_by_itself_where_nobody_asked),
        TEST(a_comparison_of_an_older_epoch_is_no_comparison_of_this_copy),
        TEST(a_second_cancel_is_refused_while_the_first_works),
        TEST(a_cancel_that_the_work_outran_is_refused),
        TEST(a_cancel_during_the_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
