// What we ask of a MySQL server. mysql_real.c is the adapter (genuine libmysqlclient), the only file that includes
// <mysql.h>. A session belongs to one thread; only db_interrupt() may be called from another.
//
// Every call has a deadline in milliseconds, kept with the client's nonblocking API and poll(): the client's own
// timeouts are whole seconds and are retried. After a deadline the session is poisoned (db_alive() is false): close it.
// Statements are constants or built with db_quote()/db_name(); passwords never appear in an error text.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "node.h"

struct db_login {
    const char *address;  // numeric IP or host name, of which each address is tried
    uint16_t port;
    const char *user;
    const char *password;
    bool bulk;  // for copying: db_load() and db_binlog() work only on such a session. It is opened with the
                // blocking client, so that connecting is bounded in whole seconds
    bool terse; // answers come without what describes their columns, which costs as much as all else of a small one:
                // only db_query_as() names them
    const char *mark_name, *mark;  // a user variable that the session bears, for others to find it by; NULL: none
};

struct db_session;
struct db_rows;

// From now on every session of this process is opened only to servers whose certificate was signed by a CA of that file,
// which must stay where it is. Before it sends a password: who answers under a node's name may be anybody. NULL or "": no
// certificate is checked. To be called before the first session, once.
void db_trust(const char *ca_path);
// What the error says then, with PROBE_LOST.
#define DB_UNTRUSTED "the certificate of whoever answers is not trusted (RELEVO_TLS_CA)"

// TLS is required. PROBE_OK and *ret, or why not. The session is as session_pins.h has it, whatever the server's
// defaults are: one statement more, in which the mark goes as well. ER_CON_COUNT is OVERLOADED, 1045 and friends
// DENIED, a greeting that is not MySQL 8.4 or newer UNFIT.
enum probe_outcome db_open(const struct db_login *login, int64_t timeout_ms, struct db_session **ret, struct err *err);
// Nobody answered there, not even with a refusal of its own: another address of the same node may lead to it.
bool db_elsewhere(enum probe_outcome outcome);
void db_close(struct db_session *session);  // NULL is fine; never blocks
bool db_alive(const struct db_session *session);
int db_fd(const struct db_session *session);  // to poll() between statements: readable means the server hung up
uint64_t db_connection_id(const struct db_session *session);
const char *db_server_version(const struct db_session *session);
void db_interrupt(struct db_session *session);  // from any thread: the running call fails with ERR_LOST

// A statement without rows. err->number is MySQL's error number.
bool db_exec(struct db_session *session, int64_t timeout_ms, const char *sql, struct err *err);
bool db_execf(struct db_session *session, int64_t timeout_ms, struct err *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
uint64_t db_affected(const struct db_session *session);

// A statement whose end is waited for later: db_begin() sends it, db_end() takes its answer (rows are discarded). sql
// must stay where it is in between. Not on bulk sessions.
bool db_begin(struct db_session *session, const char *sql, struct err *err);
bool db_end(struct db_session *session, int64_t timeout_ms, const char *sql, struct err *err);

// A statement with rows, all buffered (small results). *ret is freed with db_rows_free().
bool db_query(struct db_session *session, int64_t timeout_ms, const char *sql, struct db_rows **ret, struct err *err);
bool db_queryf(struct db_session *session, int64_t timeout_ms, struct db_rows **ret, struct err *err,
               const char *format, ...) __attribute__((format(printf, 5, 6)));
// The same, the columns named by the caller: as many as there are, then NULL. columns must live as long as the rows.
bool db_query_as(struct db_session *session, int64_t timeout_ms, const char *sql, const char *const *columns,
                 struct db_rows **ret, struct err *err);
size_t db_rows_count(const struct db_rows *rows);
size_t db_rows_columns(const struct db_rows *rows);
const char *db_rows_column(const struct db_rows *rows, size_t column);  // "" if nobody named it
// NULL for SQL NULL. *ret_length (may be NULL) in bytes; values are also NUL-terminated.
const char *db_cell(const struct db_rows *rows, size_t row, size_t column, size_t *ret_length);
const char *db_cell_named(const struct db_rows *rows, size_t row,
                          const char *column);  // NULL if SQL NULL or no such column
void db_rows_free(struct db_rows *rows);        // NULL is fine

// The first cell of the first row as heap text (caller frees), NULL text for SQL NULL or no row.
bool db_value(struct db_session *session, int64_t timeout_ms, const char *sql, char **ret, struct err *err);

// A statement with many rows, handed over one by one without buffering the result. timeout_ms bounds the wait for each
// packet, not the whole. each returns false to stop (the session is then poisoned).
struct db_row {
    size_t columns;
    const char *const *values;  // NULL entry: SQL NULL
    const unsigned long *lengths_bytes;
    const unsigned *types;  // enum_field_types
};
typedef bool db_row_fn(void *arg, const struct db_row *row);
bool db_each(struct db_session *session, int64_t timeout_ms, const char *sql, db_row_fn *each, void *arg,
             struct err *err);

// Bulk sessions only. LOAD DATA LOCAL INFILE with the bytes from a callback: *length_bytes in: room, out: filled; 0
// ends. No file is read.
typedef bool db_load_fn(void *arg, char *buffer, size_t *length_bytes, struct err *err);
bool db_load(struct db_session *session, const char *sql, db_load_fn *fill, void *arg, struct err *err);

// Bulk sessions only. Binlog events through the replication protocol, starting after the GTIDs in exclude_gtids (text),
// ending at the binlog's current end. each gets one raw event (checksum included if the server writes one).
typedef bool db_binlog_fn(void *arg, const unsigned char *event, size_t length_bytes);
bool db_binlog(struct db_session *session, uint32_t server_id, const char *exclude_gtids, db_binlog_fn *each, void *arg,
               struct err *err);

// Heap text, caller frees: 'quoted literal' (any bytes) and `quoted identifier`.
char *db_quote(struct db_session *session, const char *bytes, size_t length_bytes);
char *db_name(const char *identifier);

void db_rows_drop(struct db_rows **rows);
void db_session_drop(struct db_session **session);
#define AUTO_ROWS __attribute__((cleanup(db_rows_drop)))
#define AUTO_SESSION __attribute__((cleanup(db_session_drop)))

// True for a server error that means "this connection is no longer usable".
bool db_error_is_loss(const struct err *err);
