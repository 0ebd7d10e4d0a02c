// The one statement that makes a node follow another. Needs STOP REPLICA before and START REPLICA after.
// https://dev.mysql.com/doc/refman/9.7/en/change-replication-source-to.html
#pragma once
#include "mysql_port.h"
#include "settings.h"

// Heap text for that session. log_file NULL or "": by GTID auto-position; else from that file and position. Holds the
// replication password: never log it.
char *follow_statement(struct db_session *session, const struct settings *settings, const struct node_address *source,
                       const char *log_file, uint64_t log_position);
