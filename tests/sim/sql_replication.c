// The statements about replication: receivers, appliers, sources, and what the node follows or has executed.
#include <stdlib.h>
#include <string.h>

#include "common/gtid.h"
#include "common/mem.h"
#include "common/text.h"
#include "tests/sim/sql_parts.h"

enum sql_answer run_stop_receiver(struct db_session *session, const char *sql, struct db_rows *rows,
                                  struct err *err) {
    (void)sql;
    (void)rows;
    (void)err;
    session->stopping = !repl_stop_receiver(session->node);
    return session->stopping ? SQL_WAITS : SQL_DONE;
}

enum sql_answer run_stop(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    return repl_stop_applier(session->node) ? run_stop_receiver(session, sql, rows, err) : SQL_WAITS;
}

enum sql_answer run_start(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)rows;
    bool applier_only = strstr(sql, "SQL_THREAD") != NULL, receiver_only = strstr(sql, "IO_THREAD") != NULL;
    if (session->node->repl.stop_asked || session->node->repl.applier_stops) {
        return SQL_WAITS;
    }
    if (!session->node->repl.configured) {
        return sql_refuse(err, 1200, "the server is not configured as replica");
    }
    repl_start(session->node, !applier_only, !receiver_only);
    return SQL_DONE;
}

static bool receives(const struct replication *repl) {
    return repl->receiver == THREAD_CONNECTING || repl->receiver == THREAD_ON;
}

enum sql_answer run_forget(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)rows;
    if (session->node->repl.stop_asked || session->node->repl.applier_stops) {
        return SQL_WAITS;  // everything about replication waits for a STOP that waits
    }
    if (receives(&session->node->repl) || session->node->repl.applier) {
        return sql_refuse(err, 3081, "replication threads run");
    }
    repl_forget(session->node);
    return SQL_DONE;
}

enum sql_answer run_change(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)rows;
    if (receives(&session->node->repl) || session->node->repl.applier) {
        return sql_refuse(err, 3081, "replication threads run");
    }
    int source = strstr(sql, "SOURCE_HOST = '")[15] - 'a';
    world_trace("%s is told to follow %s", session->node->name, world.node[source].name);
    repl_follow(session->node, source);
    return SQL_DONE;
}

enum sql_answer run_receiver_state(struct db_session *session, const char *sql, struct db_rows *rows,
                                   struct err *err) {
    (void)sql;
    (void)err;
    if (session->node->repl.configured) {
        sql_cell_text(rows, "state", sql_service_state(session->node));
    }
    return SQL_DONE;
}

// Whether the STOP of another session still waits: it does as long as the receiver is marked.
enum sql_answer run_who_stops(struct db_session *session, const char *sql, struct db_rows *rows,
                              struct err *err) {
    (void)sql;
    (void)err;
    if (session->node->repl.stop_asked) {
        sql_cell_text(rows, "1", "1");
    }
    return SQL_DONE;
}

enum sql_answer run_applier(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)err;
    const struct node *node = session->node;
    if (node->repl.configured) {
        sql_cell_text(rows, "state", node->repl.applier && !node->repl.applier_errno ? "ON" : "OFF");
        sql_cell(rows, "number", mem_format("%d", node->repl.applier_errno));
        sql_cell_text(rows, "message", node->repl.applier_errno ? "duplicate entry" : "");
        sql_cell(rows, "received", node_received(node));
        sql_cell(rows, "executed", node_executed(node));
    }
    return SQL_DONE;
}

enum sql_answer run_settle(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)err;
    if (session->since_ms == 0) {
        session->since_ms = sim_now_ms();
        return SQL_WAITS;
    }
    const char *sleep = strstr(sql, "SLEEP(");
    if (sim_now_ms() - session->since_ms < (int64_t)(atof(sleep + 6) * 1000)) {
        return SQL_WAITS;
    }
    session->since_ms = 0;
    if (session->node->repl.configured && session->node->repl.receiver == THREAD_ON) {
        sql_cell(rows, "received", node_received(session->node));
        sql_cell_text(rows, "sleep", "0");
        sql_cell_text(rows, "queueing", session->node->repl.whole_ms ? "one of its source" : "");
    }
    return SQL_DONE;
}

enum sql_answer run_wait(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    const char *from = strchr(sql, '\'') + 1;
    const char *end = strchr(from, '\'');
    AUTO_TEXT char *wanted = mem_format("%.*s", (int)(end - from), from);
    AUTO_TEXT char *have = node_executed(session->node);
    AUTO_GTID struct gtid_set *want = gtid_parse(wanted, err);
    AUTO_GTID struct gtid_set *has = gtid_parse(have, err);
    int64_t most_ms = (int64_t)(atof(end + 2) * 1000);
    session->since_ms = session->since_ms ? session->since_ms : sim_now_ms();
    bool there = gtid_subset(want, has);
    if (!there && sim_now_ms() - session->since_ms < most_ms) {
        return SQL_WAITS;
    }
    session->since_ms = 0;
    sql_cell_text(rows, "wait", there ? "0" : "1");
    return SQL_DONE;
}

enum sql_answer run_preflight(struct db_session *session, const char *sql, struct db_rows *rows,
                              struct err *err) {
    (void)sql;
    (void)err;
    const struct node *node = session->node;
    if (node->repl.configured) {
        sql_cell_text(rows, "receiver", sql_service_state(node));
        sql_cell_text(rows, "source", node->repl.uuid_known ? world.node[node->repl.source].uuid : "");
        sql_cell_text(rows, "applier", node->repl.applier && !node->repl.applier_errno ? "ON" : "OFF");
        sql_cell_text(rows, "read_only", node->read_only ? "1" : "0");
    }
    return SQL_DONE;
}

enum sql_answer run_reign_goes_on(struct db_session *session, const char *sql, struct db_rows *rows,
                                  struct err *err) {
    (void)sql;
    (void)err;
    sql_cell(rows, "newest", mem_format("%llu", (unsigned long long)node_epoch(session->node)));
    sql_cell_text(rows, "sources", session->node->repl.configured ? "1" : "0");
    return SQL_DONE;
}
