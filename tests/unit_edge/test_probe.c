// watcher/probe: what an answer is taken for, and above all what a bad one is not taken for. The MySQL port is a table
// of answers here.
#include "common/mysql_port.h"
#include "tests/unit/unit.h"
#include "watcher/probe.h"

struct column {
    const char *name, *value;  // NULL: SQL NULL
};
struct db_rows {
    const struct column *columns;
    size_t count;  // of rows, 0 or 1
};

// The server: what it says to a statement that holds the word, and in which order it was asked.
static struct {
    const struct column *node, *mark, *relevo;
    const char *rival;
    struct err fails;        // for every statement, if it has a kind
    const char *fails_only;  // ... or only those that hold this
    char asked[8][32];
    unsigned count;
    bool dead;  // the session
} server;

static bool heard(const char *sql, struct err *err) {
    static const char *const words[] = {"user_variables_by_thread", "SCHEMATA", "relevo.epoch",
                                        "server_uuid"};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strstr(sql, words[i]) && server.count < COUNT_OF(server.asked)) {
            snprintf(server.asked[server.count++], sizeof server.asked[0], "%s", words[i]);
            break;
        }
    }
    if (server.fails.kind != ERR_NONE && (!server.fails_only || strstr(sql, server.fails_only))) {
        *err = server.fails;
        return false;
    }
    return true;
}

bool db_query(struct db_session *session, int64_t timeout_ms, const char *sql, struct db_rows **ret, struct err *err) {
    (void)session;
    (void)timeout_ms;
    static struct column rival = {.name = "rival"};
    if (!heard(sql, err)) {
        return false;
    }
    struct db_rows *rows = calloc(1, sizeof *rows);
    assert_non_null(rows);
    rival.value = server.rival;
    *rows = strstr(sql, "user_variables") ? (struct db_rows){&rival, server.rival ? 1 : 0}
            : strstr(sql, "relevo.epoch") ? (struct db_rows){server.relevo, 1}
            : strstr(sql, "SCHEMATA")     ? (struct db_rows){server.mark, 1}
                                          : (struct db_rows){server.node, 1};
    *ret = rows;
    return true;
}

bool db_query_as(struct db_session *session, int64_t timeout_ms, const char *sql, const char *const *columns,
                 struct db_rows **ret, struct err *err) {
    (void)columns;
    return db_query(session, timeout_ms, sql, ret, err);
}

bool db_execf(struct db_session *session, int64_t timeout_ms, struct err *err, const char *format, ...) {
    (void)session;
    (void)timeout_ms;
    return heard(format, err);
}

char *db_quote(struct db_session *session, const char *bytes, size_t length_bytes) {
    (void)session;
    return strndup(bytes, length_bytes);
}

size_t db_rows_count(const struct db_rows *rows) {
    return rows->count;
}

const char *db_cell(const struct db_rows *rows, size_t row, size_t column, size_t *ret_length) {
    (void)ret_length;
    assert_int_equal(row, 0);
    return rows->columns[column].value;
}

const char *db_cell_named(const struct db_rows *rows, size_t row, const char *column) {
    assert_int_equal(row, 0);
    for (const struct column *at = rows->columns; at && at->name; at++) {
        if (strcmp(at->name, column) == 0) {
            return at->value;
        }
    }
    return NULL;
}

void db_rows_drop(struct db_rows **rows) {
    free(*rows);
}

bool db_alive(const struct db_session *session) {
    (void)session;
    return !server.dead;
}

#define UUID "11111111-1111-1111-1111-111111111111"
static const struct column primary[] = {{"uuid", UUID},      {"read_only", "0"},        {"super_read_only", "0"},
                                        {"gtid_mode", "ON"}, {"executed", UUID ":1-5"}, {NULL, NULL}};

static int set_up(void **state) {
    (void)state;
    memset(&server, 0, sizeof server);
    server.node = primary;
    return 0;
}

static struct observation *ask(void) {
    struct observation *it = observation_new();
    probe_ask(NULL, 1000, 0, it);
    return it;
}

static void a_primary_has_no_receiver(void **state) {
    (void)state;
    AUTO_OBSERVATION struct observation *it = ask();
    assert_int_equal(it->outcome, PROBE_OK);
    assert_string_equal(it->executed_text, UUID ":1-5");
    assert_int_equal(it->receiver, THREAD_ABSENT);
    assert_int_equal(it->applier, THREAD_ABSENT);
    assert_false(it->read_only);
}

// Taken for empty it would be a subset of everything: the node would have nothing to lose and follow anybody.
static void an_unreadable_set_is_no_empty_one(void **state) {
    (void)state;
    static const struct column executed[] = {{"uuid", UUID}, {"executed", UUID ":1-"}, {NULL, NULL}};
    static const struct column received[] = {
        {"uuid", UUID}, {"executed", UUID ":1-5"}, {"received", "nonsense"}, {NULL, NULL}};
    const struct column *const answers[] = {executed, received};
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        server.node = answers[i];
        AUTO_OBSERVATION struct observation *it = ask();
        assert_int_equal(it->outcome, PROBE_ERROR);
        assert_string_not_equal(it->error, "");
    }
}

static void an_error_is_told_from_death(void **state) {
    (void)state;
    static const struct {
        struct err err;
        enum probe_outcome outcome;
    } rows[] = {{{.kind = ERR_FAILED, .number = PROBE_SHUTDOWN_ERROR}, PROBE_CLOSING},
                {{.kind = ERR_TIMEOUT}, PROBE_TIMEOUT},
                {{.kind = ERR_LOST}, PROBE_LOST},
                {{.kind = ERR_DENIED, .number = 1045}, PROBE_DENIED},
                {{.kind = ERR_BUSY, .number = 1040}, PROBE_OVERLOADED},
                {{.kind = ERR_FAILED, .number = 1064}, PROBE_ERROR}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        server.fails = rows[i].err;
        AUTO_OBSERVATION struct observation *it = ask();
        assert_int_equal(it->outcome, rows[i].outcome);
    }
}

static void how_a_server_waits_is_read(void **state) {
    (void)state;
    static const struct {
        const char *flags, *counts;
        bool installed, on, strict, replica_on, acks;
    } rows[] = {{"1111", "3 40 2 1 1700000000", true, true, true, true, true},
                {"1011", "3 40 2 1 1700000000", true, true, false, true, true},
                {"1111", "3 40 2 0 1700000000", true, true, false, true, true},  // for fewer than are demanded
                {"1111", "3 40 2 2 1700000000", true, true, false, true, true},  // for more: writes would stop for nothing
                {"0010", "3 40 2 1 1700000000", true, false, false, true, false},
                {NULL, NULL, false, false, false, false, false}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct column answer[] = {{"uuid", UUID},
                                        {"executed", UUID ":1-5"},
                                        {"flags", rows[i].flags},
                                        {"counts", rows[i].counts},
                                        {NULL, NULL}};
        server.node = answer;
        AUTO_OBSERVATION struct observation *it = observation_new();
        probe_ask(NULL, 1000, 1, it);
        assert_int_equal(it->outcome, PROBE_OK);
        assert_int_equal(it->semisync.installed, rows[i].installed);
        assert_int_equal(it->semisync.source_on, rows[i].on);
        assert_int_equal(it->semisync.source_strict, rows[i].strict);
        assert_int_equal(it->semisync.replica_on, rows[i].replica_on);
        assert_int_equal(it->semisync.replica_acks, rows[i].acks);
        assert_int_equal(it->semisync.unacked, rows[i].installed ? 3 : 0);
        assert_int_equal(it->semisync.acked, rows[i].installed ? 40 : 0);
        assert_int_equal(it->semisync.waiting, rows[i].installed ? 2 : 0);
        assert_int_equal(it->boot_s, rows[i].installed ? 1700000000 : 0);
    }
}

static void a_server_without_the_plugins_is_seen_all_the_same(void **state) {
    (void)state;
    server.fails = (struct err){.kind = ERR_FAILED, .number = 1193};
    server.fails_only = "rpl_semi_sync";
    AUTO_OBSERVATION struct observation *it = observation_new();
    probe_ask(NULL, 1000, 1, it);
    assert_int_equal(it->outcome, PROBE_OK);
    assert_false(it->semisync.installed);
}

static const struct column unmarked[] = {{"marked", "0"}, {NULL, NULL}};
static const struct column reign[] = {{"epoch", "7"},
                                      {"rule", "210"},
                                      {"sync", "2"},
                                      {"primary_uuid", UUID},
                                      {"primary_name", "db-1"},
                                      {"ts_ms", "5"},
                                      {"reigns", "21474836487"},
                                      {"marked", "0"},
                                      {NULL, NULL}};

// Nobody can tell whether it is half a copy: then it counts as one.
static void a_mark_that_cannot_be_read_is_there(void **state) {
    (void)state;
    server.mark = unmarked;
    server.relevo = reign;
    AUTO_OBSERVATION struct observation *good = observation_new();
    probe_ask_relevo(NULL, 1000, NULL, good);
    assert_false(good->half_rebuilt);
    assert_int_equal(good->epoch, 7);
    assert_int_equal(good->reigns, 21474836487);
    assert_true(good->rows_new);
    AUTO_OBSERVATION struct observation *next = observation_new();
    probe_keep_relevo(good, next);
    assert_int_equal(next->reigns, 21474836487);
    assert_false(next->rows_new);
    assert_false(good->epoch_sync);  // only 1 says that the primary waits
    server.fails = (struct err){.kind = ERR_TIMEOUT};
    server.fails_only = "SCHEMATA";
    AUTO_OBSERVATION struct observation *bad = observation_new();
    probe_ask_relevo(NULL, 1000, NULL, bad);
    assert_true(bad->half_rebuilt);
}

static void rows_that_cannot_be_read_are_unknown(void **state) {
    (void)state;
    server.mark = unmarked;
    server.fails = (struct err){.kind = ERR_FAILED, .number = 1146};
    server.fails_only = "relevo.epoch";
    AUTO_OBSERVATION struct observation *it = observation_new();
    probe_ask_relevo(NULL, 1000, NULL, it);
    assert_false(it->relevo_known);
    assert_false(it->half_rebuilt);
}

// A lock on the rows costs the session, but the node holds no half copy for that.
static void rows_that_are_locked_are_no_half_copy(void **state) {
    (void)state;
    server.mark = unmarked;
    server.relevo = reign;
    AUTO_OBSERVATION struct observation *earlier = observation_new();
    probe_ask_relevo(NULL, 1000, NULL, earlier);
    server.fails = (struct err){.kind = ERR_TIMEOUT};
    server.dead = true;
    AUTO_OBSERVATION struct observation *it = observation_new();
    probe_ask_relevo(NULL, 1000, earlier, it);
    assert_false(it->half_rebuilt);
    assert_false(it->relevo_known || it->rows_absent);
}

// Only the server's own word for it.
static void tables_that_are_not_there_are_no_secret(void **state) {
    (void)state;
    static const int rows[][2] = {{1146, true}, {1049, true}, {1205, false}, {1142, false}, {3024, false}};
    server.mark = unmarked;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        server.fails = (struct err){.kind = ERR_FAILED, .number = rows[i][0]};
        server.fails_only = "relevo.epoch";
        AUTO_OBSERVATION struct observation *it = observation_new();
        probe_ask_relevo(NULL, 1000, NULL, it);
        assert_false(it->relevo_known);
        assert_int_equal(it->rows_absent, rows[i][1]);
        AUTO_OBSERVATION struct observation *later = observation_new();
        probe_keep_relevo(it, later);
        assert_int_equal(later->rows_absent, rows[i][1]);
    }
}

// Without the heartbeats the rows cannot be read together, but those that tell of reigns are there.
static void heartbeats_that_are_not_there_hide_no_reign(void **state) {
    (void)state;
    server.mark = unmarked;
    server.relevo = reign;
    server.fails = (struct err){.kind = ERR_FAILED, .number = 1146};
    server.fails_only = "relevo.heartbeat";
    AUTO_OBSERVATION struct observation *it = observation_new();
    probe_ask_relevo(NULL, 1000, NULL, it);
    assert_true(it->relevo_known && it->beat_absent && !it->rows_absent);
    AUTO_OBSERVATION struct observation *later = observation_new();
    probe_keep_relevo(it, later);
    assert_true(later->beat_absent);
}

// A look that finds it gone may have read the rows a moment before it came.
static void a_row_that_is_being_written_may_turn_up_yet(void **state) {
    (void)state;
    static const struct column writing[] = {{"epoch", "7"}, {"pending", "1"}, {"marked", "0"}, {NULL, NULL}};
    static const struct {
        const struct column *answer;
        enum row_state row;
    } looks[] = {{reign, ROW_SETTLED}, {writing, ROW_PENDING}, {writing, ROW_PENDING}, {reign, ROW_SETTLES}, {reign, ROW_SETTLED}};
    server.mark = unmarked;
    struct observation *earlier = NULL;
    for (size_t i = 0; i < COUNT_OF(looks); i++) {
        server.relevo = looks[i].answer;
        struct observation *it = observation_new();
        probe_ask_relevo(NULL, 1000, earlier, it);
        assert_int_equal(it->row_state, looks[i].row);
        AUTO_OBSERVATION struct observation *kept = observation_new();
        probe_keep_relevo(it, kept);
        assert_int_equal(kept->row_state, looks[i].row);
        observation_release(earlier);
        earlier = it;
    }
    observation_release(earlier);
}

// The tables go when a copy begins: then the mark is asked for alone.
static void rows_that_are_gone_leave_the_mark(void **state) {
    (void)state;
    static const struct column marked[] = {{"marked", "1"}, {NULL, NULL}};
    server.mark = unmarked;
    server.relevo = reign;
    AUTO_OBSERVATION struct observation *earlier = observation_new();
    probe_ask_relevo(NULL, 1000, NULL, earlier);
    server.mark = marked;
    server.fails = (struct err){.kind = ERR_FAILED, .number = 1146};
    server.fails_only = "relevo.epoch";
    AUTO_OBSERVATION struct observation *it = observation_new();
    probe_ask_relevo(NULL, 1000, earlier, it);
    assert_true(it->half_rebuilt);
}

// Its own name is in the session since that was opened: see test_session_pins.py.
static void it_finds_another(void **state) {
    (void)state;
    char rival[80] = "?";
    struct err err = {0};
    assert_int_equal(probe_meet(NULL, 1000, "me", rival, sizeof rival, &err), PROBE_OK);
    assert_string_equal(rival, "");
    assert_int_equal(server.count, 1);
    assert_string_equal(server.asked[0], "user_variables_by_thread");
    server.rival = "other";
    assert_int_equal(probe_meet(NULL, 1000, "me", rival, sizeof rival, &err), PROBE_OK);
    assert_string_equal(rival, "other");
}

static void a_server_that_does_not_say_who_is_there_is_not_used(void **state) {
    (void)state;
    char rival[80] = "";
    struct err err = {0};
    server.fails = (struct err){.kind = ERR_TIMEOUT};
    server.fails_only = "user_variables_by_thread";
    assert_int_equal(probe_meet(NULL, 1000, "me", rival, sizeof rival, &err), PROBE_TIMEOUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_primary_has_no_receiver, set_up),
        cmocka_unit_test_setup(heartbeats_that_are_not_there_hide_no_reign, set_up),
        cmocka_unit_test_setup(a_row_that_is_being_written_may_turn_up_yet, set_up),
        cmocka_unit_test_setup(an_unreadable_set_is_no_empty_one, set_up),
        cmocka_unit_test_setup(an_error_is_told_from_death, set_up),
        cmocka_unit_test_setup(how_a_server_waits_is_read, set_up),
        cmocka_unit_test_setup(a_server_without_the_plugins_is_seen_all_the_same, set_up),
        cmocka_unit_test_setup(a_mark_that_cannot_be_read_is_there, set_up),
        cmocka_unit_test_setup(rows_that_cannot_be_read_are_unknown, set_up),
        cmocka_unit_test_setup(rows_that_are_locked_are_no_half_copy, set_up),
        cmocka_unit_test_setup(tables_that_are_not_there_are_no_secret, set_up),
        cmocka_unit_test_setup(rows_that_are_gone_leave_the_mark, set_up),
        cmocka_unit_test_setup(it_finds_another, set_up),
        cmocka_unit_test_setup(a_server_that_does_not_say_who_is_there_is_not_used, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
