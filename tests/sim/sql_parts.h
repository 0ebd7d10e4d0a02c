// What the files of statements share: sql.c has the table, sql_replication.c and sql_semisync.c hold what their names
// say. Private to them.
#pragma once
#include "tests/sim/port.h"

typedef enum sql_answer sql_fn(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err);

enum { ER_SUPER_READ_ONLY = 1290, ER_LOCK_WAIT = 1205 };

void sql_cell(struct db_rows *rows, const char *name, char *value);
void sql_cell_text(struct db_rows *rows, const char *name, const char *value);
void sql_pending_fence(struct node *node);  // after what it waits for is over
bool sql_licensed(const struct db_session *session, const char *sql);
enum sql_answer sql_committed(struct db_session *session);
enum sql_answer sql_refuse(struct err *err, int number, const char *why);
const char *sql_service_state(const struct node *node);

sql_fn run_licence, run_licence_over, run_timestamp, run_let_through, run_source, run_strict, run_replica,
    run_source_is, run_source_status, run_replica_status, run_reigns, run_closed, run_read_only, run_took_hold,
    run_holds, run_mark, run_row_sync;
sql_fn run_stop_receiver, run_stop, run_start, run_forget, run_change, run_receiver_state, run_who_stops, run_applier,
    run_settle, run_wait, run_preflight, run_reign_goes_on;
