// The asking half of the MySQL adapter: statements and their rows.
#include "common/mysql_real.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/text.h"

enum {
    WRITE_SLICE_MS = 20,  // the client does not say whether it waits to read or to write a long statement
    LONG_STATEMENT_BYTES = 16384,
};

struct db_rows {
    MYSQL_RES *result;
    MYSQL_ROW *row;
    unsigned long **lengths_bytes;
    size_t count, columns;
    const char *const *names;  // the caller's, NULL: the server's
};

// The nonblocking client writes a statement as three records. Held together they are one packet instead of three, which
// is a third of what a probe costs.
static enum net_async_status begin_query(struct db_session *session, const char *sql, unsigned long length) {
    const int on = 1, off = 0;
    (void)setsockopt(session->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
    enum net_async_status status = mysql_real_query_nonblocking(&session->mysql, sql, length);
    (void)setsockopt(session->fd, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
    return status;
}

// Sends the statement and reads the head of its answer.
bool session_run(struct db_session *session, int64_t timeout_ms, const char *sql, struct err *err) {
    if (session->poisoned) {
        return err_set(err, ERR_LOST, 0, "the connection was lost earlier");
    }
    MYSQL *mysql = &session->mysql;
    unsigned long length = strlen(sql);
    int64_t deadline_ms = clock_mono_ms() + timeout_ms;
    if (session->bulk) {
        if (mysql_send_query(mysql, sql, length)) {
            return session_error(session, err);
        }
        struct pollfd slot = {.fd = mysql->net.fd, .events = POLLIN};
        int ready;
        do {
            int64_t left_ms = deadline_ms - clock_mono_ms();
            ready = poll(&slot, 1, (int)(left_ms < 0 ? 0 : left_ms));
        } while (ready < 0 && errno == EINTR);
        if (ready == 0) {
            return session_deadline_error(session, timeout_ms, err);
        }
        return mysql_read_query_result(mysql) ? session_error(session, err) : true;
    }
    int slice_ms = length > LONG_STATEMENT_BYTES ? WRITE_SLICE_MS : 0;
    for (enum net_async_status status = begin_query(session, sql, length);;
         status = mysql_real_query_nonblocking(mysql, sql, length)) {
        if (status == NET_ASYNC_COMPLETE) {
            return mysql_errno(mysql) ? session_error(session, err) : true;
        }
        if (status == NET_ASYNC_ERROR) {
            return session_error(session, err);
        }
        if (!session_wait(session, deadline_ms, slice_ms)) {
            return session_deadline_error(session, timeout_ms, err);
        }
    }
}

static bool store(struct db_session *session, int64_t timeout_ms, MYSQL_RES **ret, struct err *err) {
    MYSQL_RES *result = NULL;
    int64_t deadline_ms = clock_mono_ms() + timeout_ms;
    if (session->bulk) {
        result = mysql_store_result(&session->mysql);
    } else {
        enum net_async_status status;
        while ((status = mysql_store_result_nonblocking(&session->mysql, &result)) == NET_ASYNC_NOT_READY) {
            if (!session_wait(session, deadline_ms, 0)) {
                return session_deadline_error(session, timeout_ms, err);
            }
        }
    }
    if (!result && mysql_errno(&session->mysql)) {
        return session_error(session, err);
    }
    *ret = result;
    return true;
}

bool db_exec(struct db_session *session, int64_t timeout_ms, const char *sql, struct err *err) {
    MYSQL_RES *result = NULL;
    if (!session_run(session, timeout_ms, sql, err) || !store(session, timeout_ms, &result, err)) {
        return false;
    }
    session->affected = mysql_affected_rows(&session->mysql);
    mysql_free_result(result);
    return true;
}

bool db_begin(struct db_session *session, const char *sql, struct err *err) {
    if (session->poisoned || session->bulk) {
        return err_set(err, ERR_LOST, 0, "no session to ask on");
    }
    enum net_async_status status = begin_query(session, sql, strlen(sql));
    return status == NET_ASYNC_ERROR ? session_error(session, err) : true;
}

bool db_end(struct db_session *session, int64_t timeout_ms, const char *sql, struct err *err) {
    return db_exec(session, timeout_ms, sql, err);  // the nonblocking client goes on where it was
}

bool db_execf(struct db_session *session, int64_t timeout_ms, struct err *err, const char *format, ...) {
    AUTO_TEXT char *sql = NULL;
    va_list args;
    va_start(args, format);
    int printed = vasprintf(&sql, format, args);
    va_end(args);
    return printed < 0 ? err_set(err, ERR_FAILED, ENOMEM, "no memory for a statement")
                       : db_exec(session, timeout_ms, sql, err);
}

uint64_t db_affected(const struct db_session *session) {
    return session->affected;
}

static struct db_rows *rows_of(MYSQL_RES *result) {
    struct db_rows *rows = mem_zero(1, sizeof *rows);
    rows->result = result;
    rows->count = result ? (size_t)mysql_num_rows(result) : 0;
    rows->columns = result ? mysql_num_fields(result) : 0;
    rows->row = mem_zero(rows->count + 1, sizeof *rows->row);
    rows->lengths_bytes = mem_zero(rows->count + 1, sizeof *rows->lengths_bytes);
    for (size_t i = 0; i < rows->count; i++) {
        rows->row[i] = mysql_fetch_row(result);
        rows->lengths_bytes[i] = mem_zero(rows->columns + 1, sizeof(unsigned long));
        memcpy(rows->lengths_bytes[i], mysql_fetch_lengths(result), rows->columns * sizeof(unsigned long));
    }
    return rows;
}

bool db_query(struct db_session *session, int64_t timeout_ms, const char *sql, struct db_rows **ret, struct err *err) {
    MYSQL_RES *result = NULL;
    if (!session_run(session, timeout_ms, sql, err) || !store(session, timeout_ms, &result, err)) {
        return false;
    }
    *ret = rows_of(result);
    return true;
}

bool db_query_as(struct db_session *session, int64_t timeout_ms, const char *sql, const char *const *columns,
                 struct db_rows **ret, struct err *err) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!db_query(session, timeout_ms, sql, &rows, err)) {
        return false;
    }
    size_t named = 0;
    while (columns[named]) {
        named++;
    }
    if (named != rows->columns) {
        return err_set(err, ERR_INVALID, 0, "an answer of %zu columns, %zu are named", rows->columns, named);
    }
    rows->names = columns;
    *ret = TAKE(rows);
    return true;
}

bool db_queryf(struct db_session *session, int64_t timeout_ms, struct db_rows **ret, struct err *err,
               const char *format, ...) {
    AUTO_TEXT char *sql = NULL;
    va_list args;
    va_start(args, format);
    int printed = vasprintf(&sql, format, args);
    va_end(args);
    return printed < 0 ? err_set(err, ERR_FAILED, ENOMEM, "no memory for a statement")
                       : db_query(session, timeout_ms, sql, ret, err);
}

size_t db_rows_count(const struct db_rows *rows) {
    return rows->count;
}

size_t db_rows_columns(const struct db_rows *rows) {
    return rows->columns;
}

const char *db_rows_column(const struct db_rows *rows, size_t column) {
    if (column >= rows->columns) {
        return "";
    }
    if (rows->names) {
        return rows->names[column];
    }
    bool described = mysql_result_metadata(rows->result) == RESULTSET_METADATA_FULL;
    return described ? mysql_fetch_field_direct(rows->result, (unsigned)column)->name : "";
}

const char *db_cell(const struct db_rows *rows, size_t row, size_t column, size_t *ret_length) {
    if (row >= rows->count || column >= rows->columns) {
        return NULL;
    }
    if (ret_length) {
        *ret_length = rows->lengths_bytes[row][column];
    }
    return rows->row[row][column];
}

const char *db_cell_named(const struct db_rows *rows, size_t row, const char *column) {
    for (size_t i = 0; i < rows->columns; i++) {
        if (strcasecmp(db_rows_column(rows, i), column) == 0) {
            return db_cell(rows, row, i, NULL);
        }
    }
    return NULL;
}

void db_rows_free(struct db_rows *rows) {
    if (!rows) {
        return;
    }
    for (size_t i = 0; i < rows->count; i++) {
        free(rows->lengths_bytes[i]);
    }
    free(rows->lengths_bytes);
    free((void *)rows->row);
    mysql_free_result(rows->result);
    free(rows);
}

bool db_value(struct db_session *session, int64_t timeout_ms, const char *sql, char **ret, struct err *err) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!db_query(session, timeout_ms, sql, &rows, err)) {
        return false;
    }
    const char *cell = db_cell(rows, 0, 0, NULL);
    *ret = cell ? mem_text(cell) : NULL;
    return true;
}

void db_rows_drop(struct db_rows **rows) {
    db_rows_free(*rows);
}

void db_session_drop(struct db_session **session) {
    db_close(*session);
}

char *db_quote(struct db_session *session, const char *bytes, size_t length_bytes) {
    char *quoted = mem_zero(length_bytes * 2 + 3, 1);
    quoted[0] = '\'';
    unsigned long escaped = mysql_real_escape_string_quote(&session->mysql, quoted + 1, bytes, length_bytes, '\'');
    quoted[1 + escaped] = '\'';
    return quoted;
}

char *db_name(const char *identifier) {
    char *quoted = mem_zero(strlen(identifier) * 2 + 3, 1);
    char *out = quoted;
    *out++ = '`';
    for (const char *in = identifier; *in; in++) {
        if (*in == '`') {
            *out++ = '`';
        }
        *out++ = *in;
    }
    *out = '`';
    return quoted;
}
