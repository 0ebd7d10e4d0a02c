// What port.c and sql.c share.
#pragma once
#include "common/mysql_port.h"
#include "tests/sim/world.h"

enum { CELLS = 16 };

struct db_session {
    struct node *node;
    unsigned boot;
    int host;
    uint64_t id, affected;
    bool poisoned;
    int64_t lock_wait_ms;
    int64_t since_ms;  // of the statement that waits, 0: none
    struct licence licence;
    int seq;          // of its commit that waits for acknowledgements, 0: none
    char begun[256];  // db_begin()
    bool stopping;    // its STOP waits for the receiver
    bool in_transaction, wrote_row;
};

struct db_rows {
    int rows, columns, cells;
    const char *names[CELLS];
    char *values[CELLS];
};

enum sql_answer { SQL_DONE, SQL_REFUSED, SQL_WAITS };

// Carries out a statement on the node, now. SQL_WAITS: ask again. A statement that the model does not know ends the
// program: it must be taught what the server would do.
enum sql_answer sql_run(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err);

// A statement is about to leave: the moment at which scheduled faults strike.
void faults_statement(const struct db_session *session, const char *sql);
