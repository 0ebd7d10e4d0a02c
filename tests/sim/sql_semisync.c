// The statements of lossless mode, and what the server does with each.
#include <stdlib.h>
#include <string.h>

#include "common/gtid.h"
#include "common/mem.h"
#include "common/text.h"
#include "tests/sim/sql_parts.h"

// By the clock of the node, which may have been set meanwhile, and by what the statement asks of it.
bool sql_licensed(const struct db_session *session, const char *sql) {
    int64_t now_ms = node_wall_ms(session->node);
    bool begun = !strstr(sql, "UTC_TIMESTAMP(6) >= @relevo_since") || now_ms >= session->licence.since_ms;
    bool over = strstr(sql, "UTC_TIMESTAMP(6) <= @relevo_until") && now_ms > session->licence.until_ms;
    return begun && !over;
}

enum sql_answer run_licence(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)rows;
    (void)err;
    int64_t now_ms = node_wall_ms(session->node);
    session->licence = (struct licence){now_ms, now_ms + atoll(strstr(sql, "INTERVAL ") + 9) / 1000};
    return SQL_DONE;
}

// The contract sets back the clock of one session: that of a server is not its to set.
enum sql_answer run_timestamp(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)rows;
    (void)err;
    const char *back = strstr(sql, ") - ");
    session->node->wall_skew_ms = back ? -atoll(back + 4) * 1000 : 0;
    return SQL_DONE;
}

enum sql_answer run_licence_over(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)err;
    sql_cell_text(rows, "over", sql_licensed(session, sql) ? "0" : "1");
    return SQL_DONE;
}

enum sql_answer run_let_through(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)rows;
    (void)err;
    if (sql_licensed(session, sql)) {
        node_let_through(session->node);
        sql_pending_fence(session->node);
    }
    return SQL_DONE;
}

enum sql_answer run_source(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)rows;
    (void)err;
    struct node *node = session->node;
    if (strstr(sql, "= OFF")) {
        node_let_through(node);
        node->replica_on |= strstr(sql, "rpl_semi_sync_replica_enabled = ON") != NULL;
    } else if (!node->source_on) {
        node->source_on = true;
        node->acked = node->data.executed[node->index];
        world_trace("%s waits for acknowledgements", node->name);
    }
    return SQL_DONE;
}

enum sql_answer run_strict(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)rows;
    (void)err;
    session->node->wait_count = atoi(strstr(sql, "replica_count = ") + 16);
    return SQL_DONE;
}

enum sql_answer run_replica(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)rows;
    (void)err;
    session->node->replica_on = true;
    return SQL_DONE;
}

enum sql_answer run_source_is(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)err;
    sql_cell_text(rows, "on", session->node->source_on ? "1" : "0");
    return SQL_DONE;
}

enum sql_answer run_source_status(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)err;
    sql_cell_text(rows, "status", session->node->source_on ? "ON" : "OFF");
    return SQL_DONE;
}

enum sql_answer run_replica_status(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)err;
    const struct replication *repl = &session->node->repl;
    if (repl->configured) {
        sql_cell_text(rows, "state", sql_service_state(session->node));
        sql_cell_text(rows, "status", repl->receiver == THREAD_ON && repl->acknowledges ? "ON" : "OFF");
    }
    return SQL_DONE;
}

enum sql_answer run_reigns(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)err;
    sql_cell_text(rows, "read_only", session->node->read_only ? "1" : "0");
    sql_cell(rows, "epoch", mem_format("%llu", (unsigned long long)node_epoch(session->node)));
    return SQL_DONE;
}

enum sql_answer run_closed(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)err;
    sql_cell_text(rows, "closed", session->node->super_read_only ? "1" : "0");
    return SQL_DONE;
}

enum sql_answer run_read_only(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)err;
    sql_cell_text(rows, "read_only", session->node->read_only ? "1" : "0");
    return SQL_DONE;
}

enum sql_answer run_took_hold(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    if (session->since_ms == 0) {
        session->since_ms = sim_now_ms();
        return SQL_WAITS;
    }
    (void)sql;
    (void)err;
    session->since_ms = 0;
    const struct node *node = session->node;
    sql_cell_text(rows, "fence", node->super_read_only ? "done" : node->fencing_ms > sim_now_ms() ? "pending" : NULL);
    sql_cell_text(rows, "sleep", "0");
    return SQL_DONE;
}

enum sql_answer run_holds(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)err;
    sql_cell(rows, "boot_s", mem_format("%u", session->node->boot));
    sql_cell(rows, "executed", node_executed(session->node));
    sql_cell(rows, "received", session->node->repl.configured ? node_received(session->node) : NULL);
    return SQL_DONE;
}

// The row may be held by a commit that waits.
enum sql_answer run_mark(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)sql;
    (void)rows;
    struct node *node = session->node;
    if (node->super_read_only) {
        return sql_refuse(err, ER_SUPER_READ_ONLY, "running with --super-read-only");
    }
    if (node->barrier > node_seen(node)) {
        session->since_ms = session->since_ms ? session->since_ms : sim_now_ms();
        if (sim_now_ms() - session->since_ms < 1000) {
            return SQL_WAITS;
        }
        session->since_ms = 0;
        return sql_refuse(err, ER_LOCK_WAIT, "lock wait timeout exceeded");
    }
    session->since_ms = 0;
    node->row_sync = false;
    return SQL_DONE;
}

enum sql_answer run_row_sync(struct db_session *session, const char *sql, struct db_rows *rows, struct err *err) {
    (void)rows;
    struct node *node = session->node;
    if (session->seq) {
        return sql_committed(session);
    }
    if (node->super_read_only) {
        return sql_refuse(err, ER_SUPER_READ_ONLY, "running with --super-read-only");
    }
    (void)node_commit(node, (struct txn){.kind = TXN_ROW});
    node->barrier = node->data.executed[node->index];
    node->row_sync = strstr(sql, "sync = 1") != NULL;
    return sql_committed(session);
}
