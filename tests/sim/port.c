// Implements common/mysql_port.h over the model: sessions, deadlines, what gets lost on the way. The statements
// themselves are in sql.c.
#include "tests/sim/port.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"

static bool dying(void) {
    return sim_process && sim_process->dead;
}

static struct node *node_named(const char *address) {
    for (int i = 0; i < world.nodes; i++) {
        if (text_equal(world.node[i].name, address)) {
            return &world.node[i];
        }
    }
    return NULL;
}

static enum probe_outcome outcome_of(enum trip trip, const struct node *node, struct err *err) {
    switch (trip) {
        case TRIP_OK:
            return PROBE_OK;
        case TRIP_GONE:
            (void)err_set(err, ERR_GONE, 0, "the name %s does not resolve", node->name);
            return PROBE_GONE;
        case TRIP_REFUSED:
            (void)err_set(err, ERR_REFUSED, 0, "connection refused");
            return PROBE_REFUSED;
        case TRIP_LOST:
            (void)err_set(err, ERR_LOST, 0, "the connection was lost");
            return PROBE_LOST;
        case TRIP_TIMEOUT:
            break;
    }
    (void)err_set(err, ERR_TIMEOUT, 0, "no answer");
    return PROBE_TIMEOUT;
}

enum probe_outcome db_open(const struct db_login *login, int64_t timeout_ms, struct db_session **ret, struct err *err) {
    struct node *node = node_named(login->address);
    if (node && node->leads_to) {
        node = &world.node[node->leads_to - 1];
    }
    int64_t until_ms = sim_now_ms() + timeout_ms;
    int host = sim_process->host;
    if (!node || dying()) {
        return outcome_of(TRIP_LOST, node, err);
    }
    enum trip trip = net_to_node(host, node, 0, until_ms);
    unsigned boot = node->boot;
    if (trip == TRIP_OK) {
        trip = net_from_node(node, host, boot, until_ms);
    }
    if (trip != TRIP_OK) {
        return outcome_of(trip, node, err);
    }
    if (node->overloaded_ms > sim_now_ms()) {
        (void)err_set(err, ERR_BUSY, 1040, "too many connections");
        return PROBE_OVERLOADED;
    }
    if (node->denied_ms > sim_now_ms() && !text_equal(login->user, world.settings.repl_user)) {
        (void)err_set(err, ERR_DENIED, 1045, "access denied");
        return PROBE_DENIED;
    }
    static uint64_t ids;
    struct db_session *session = mem_zero(1, sizeof *session);
    *session = (struct db_session){.node = node, .boot = boot, .host = host, .id = ++ids, .lock_wait_ms = 31536000000};
    *ret = session;
    return PROBE_OK;
}

void db_close(struct db_session *session) {
    free(session);
}

bool db_alive(const struct db_session *session) {
    return session && !session->poisoned;
}

// No socket to look at: that a session which waited is broken shows when it is used.
int db_fd(const struct db_session *session) {
    (void)session;
    return -1;
}

uint64_t db_connection_id(const struct db_session *session) {
    return session->id;
}

uint64_t db_affected(const struct db_session *session) {
    return session->affected;
}

static void rows_clear(struct db_rows *rows) {
    for (int i = 0; i < rows->cells; i++) {
        free(rows->values[i]);
    }
    *rows = (struct db_rows){0};
}

static bool gone_wrong(struct db_session *session, enum trip trip, struct err *err) {
    session->poisoned = true;
    (void)outcome_of(trip, session->node, err);
    return false;
}

static bool poll_statement(struct db_session *session, int64_t until_ms, const char *sql, struct db_rows *rows,
                           enum sql_answer answered, struct err *err) {
    struct node *node = session->node;
    int64_t waits_ms = 1;
    while (answered == SQL_WAITS) {
        if (dying() || node->boot != session->boot || sim_now_ms() >= until_ms) {
            rows_clear(rows);
            return gone_wrong(session, sim_now_ms() >= until_ms ? TRIP_TIMEOUT : TRIP_LOST, err);
        }
        co_sleep(waits_ms);
        waits_ms = waits_ms < 20 ? waits_ms * 2 : 20;
        if (node_serves(node) && node->boot == session->boot) {
            rows_clear(rows);
            answered = sql_run(session, sql, rows, err);
        }
    }
    struct err ignored = {0};
    enum trip trip = dying() ? TRIP_LOST : net_from_node(node, session->host, session->boot, until_ms);
    if (trip != TRIP_OK) {
        rows_clear(rows);
        return gone_wrong(session, trip, answered == SQL_REFUSED ? &ignored : err);
    }
    return answered == SQL_DONE;
}

// Sent and begun, not waited for.
bool db_begin(struct db_session *session, const char *sql, struct err *err) {
    struct db_rows rows = {0};
    if (session->poisoned || dying()) {
        session->poisoned = true;
        return err_set(err, ERR_LOST, 0, "the connection was lost earlier");
    }
    faults_statement(session, sql);
    enum trip trip = net_to_node(session->host, session->node, session->boot, sim_now_ms() + 1000);
    if (trip != TRIP_OK) {
        return gone_wrong(session, trip, err);
    }
    struct err ignored = {0};
    bool waits = sql_run(session, sql, &rows, &ignored) == SQL_WAITS;
    rows_clear(&rows);
    (void)text_copy(session->begun, sizeof session->begun, waits ? sql : "");
    return true;
}

bool db_end(struct db_session *session, int64_t timeout_ms, const char *sql, struct err *err) {
    struct db_rows rows = {0};
    if (*session->begun == '\0') {
        return true;
    }
    bool ok = poll_statement(session, sim_now_ms() + timeout_ms, sql, &rows, SQL_WAITS, err);
    rows_clear(&rows);
    return ok;
}

// One statement, there and back. A step of an action ends here: this is where faults strike.
static bool statement(struct db_session *session, int64_t timeout_ms, const char *sql, struct db_rows *rows,
                      struct err *err) {
    if (session->poisoned || dying()) {
        session->poisoned = true;
        return err_set(err, ERR_LOST, 0, "the connection was lost earlier");
    }
    struct node *node = session->node;
    int64_t until_ms = sim_now_ms() + timeout_ms;
    if (text_equal(sql, "SET GLOBAL super_read_only = OFF")) {
        check_reign();
    }
    faults_statement(session, sql);
    enum trip trip = net_to_node(session->host, node, session->boot, until_ms);
    bool sent = dying() && trip == TRIP_LOST && sim_chance(50) && net_reaches(session->host, node->index) &&
                node_serves(node) && node->boot == session->boot;
    if (trip == TRIP_TIMEOUT && node->boot == session->boot && sim_chance(70)) {
        node_late(node, session->host, &session->licence, sql);
    }
    if (trip != TRIP_OK && !sent) {
        return gone_wrong(session, trip, err);
    }
    return poll_statement(session, until_ms, sql, rows, sql_run(session, sql, rows, err), err);
}

bool db_exec(struct db_session *session, int64_t timeout_ms, const char *sql, struct err *err) {
    struct db_rows rows = {0};
    bool ok = statement(session, timeout_ms, sql, &rows, err);
    rows_clear(&rows);
    return ok;
}

bool db_execf(struct db_session *session, int64_t timeout_ms, struct err *err, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    (void)!vasprintf(&text, format, arguments);
    va_end(arguments);
    AUTO_TEXT char *sql = text;
    return db_exec(session, timeout_ms, sql, err);
}

bool db_query(struct db_session *session, int64_t timeout_ms, const char *sql, struct db_rows **ret, struct err *err) {
    struct db_rows *rows = mem_zero(1, sizeof *rows);
    if (!statement(session, timeout_ms, sql, rows, err)) {
        db_rows_free(rows);
        return false;
    }
    *ret = rows;
    return true;
}

bool db_queryf(struct db_session *session, int64_t timeout_ms, struct db_rows **ret, struct err *err,
               const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    (void)!vasprintf(&text, format, arguments);
    va_end(arguments);
    AUTO_TEXT char *sql = text;
    return db_query(session, timeout_ms, sql, ret, err);
}

bool db_value(struct db_session *session, int64_t timeout_ms, const char *sql, char **ret, struct err *err) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!db_query(session, timeout_ms, sql, &rows, err)) {
        return false;
    }
    const char *text = db_cell(rows, 0, 0, NULL);
    *ret = text ? mem_text(text) : NULL;
    return true;
}

size_t db_rows_count(const struct db_rows *rows) {
    return (size_t)rows->rows;
}

const char *db_cell(const struct db_rows *rows, size_t row, size_t column, size_t *ret_length) {
    bool there = row < (size_t)rows->rows && column < (size_t)rows->columns;
    const char *text = there ? rows->values[row * (size_t)rows->columns + column] : NULL;
    if (ret_length) {
        *ret_length = text ? strlen(text) : 0;
    }
    return text;
}

const char *db_cell_named(const struct db_rows *rows, size_t row, const char *column) {
    for (int i = 0; i < rows->columns; i++) {
        if (text_equal(rows->names[i], column)) {
            return db_cell(rows, row, (size_t)i, NULL);
        }
    }
    return NULL;
}

void db_rows_free(struct db_rows *rows) {
    if (rows) {
        rows_clear(rows);
        free(rows);
    }
}

void db_rows_drop(struct db_rows **rows) {
    db_rows_free(*rows);
}

void db_session_drop(struct db_session **session) {
    db_close(*session);
}

bool db_error_is_loss(const struct err *err) {
    return err->kind == ERR_LOST || err->kind == ERR_TIMEOUT;
}

char *db_quote(struct db_session *session, const char *bytes, size_t length_bytes) {
    (void)session;
    return mem_format("'%.*s'", (int)length_bytes, bytes);
}
