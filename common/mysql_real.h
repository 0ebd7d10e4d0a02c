// What the two halves of the MySQL adapter share. Private to mysql_real*.c, which alone include <mysql.h>.
#pragma once
#include <pthread.h>

#include <mysql.h>

#include "common/mysql_port.h"

struct db_session {
    MYSQL mysql;
    bool bulk;
    bool poisoned;
    pthread_mutex_t lock;  // guards fd against db_interrupt()
    int fd;
    uint64_t affected;
};

bool session_run(struct db_session *session, int64_t timeout_ms, const char *sql, struct err *err);
bool session_wait(struct db_session *session, int64_t deadline_ms, int slice_ms);
bool session_error(struct db_session *session, struct err *err);
void session_refuse_files(struct db_session *session);  // whatever file the server asks for
bool session_deadline_error(struct db_session *session, int64_t timeout_ms, struct err *err);
