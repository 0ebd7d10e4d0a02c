#include "resync/xa.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"

enum { NAMED_MOST = 5 };

// "X'676c6f62616c',X'6272616e6368',1": how XA statements write the xid that XA RECOVER gives in parts. NULL: the row is
// not understood.
static char *xid_at(const struct db_rows *rows, size_t row) {
    const char *data = db_cell_named(rows, row, "data");  // 0x and hexadecimal digits: gtrid, then bqual
    int64_t format = 0, gtrid_bytes = 0, bqual_bytes = 0;
    if (!data || strncmp(data, "0x", 2) != 0 || !text_to_i64(db_cell_named(rows, row, "formatID"), &format) ||
        !text_to_i64(db_cell_named(rows, row, "gtrid_length"), &gtrid_bytes) ||
        !text_to_i64(db_cell_named(rows, row, "bqual_length"), &bqual_bytes) || gtrid_bytes < 0 || bqual_bytes < 0) {
        return NULL;
    }
    const char *digits = data + 2;
    size_t count = strlen(digits);
    if (strspn(digits, "0123456789abcdefABCDEF") != count || count != 2 * (size_t)(gtrid_bytes + bqual_bytes)) {
        return NULL;
    }
    return mem_format("X'%.*s',X'%s',%lld", (int)(2 * gtrid_bytes), digits, digits + 2 * gtrid_bytes,
                      (long long)format);
}

static bool recover(struct peer *peer, struct db_rows **ret) {
    return peer_query(peer, ret, "XA RECOVER CONVERT XID");
}

// The first few, for people.
static char *names_of(const struct db_rows *rows) {
    char *names = mem_text("");
    for (size_t i = 0; i < db_rows_count(rows) && i < NAMED_MOST; i++) {
        AUTO_TEXT char *xid = xid_at(rows, i);
        mem_append(&names, i > 0 ? "; " : "");
        mem_append(&names, xid ? xid : db_cell_named(rows, i, "data"));
    }
    if (db_rows_count(rows) > NAMED_MOST) {
        mem_append(&names, "; ...");
    }
    return names;
}

bool xa_roll_back_all(struct job *job, struct peer *recipient) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!recover(recipient, &rows)) {
        return false;
    }
    if (db_rows_count(rows) == 0) {
        return true;
    }
    AUTO_TEXT char *names = names_of(rows);
    // Without them the node lacks what its GTIDs say: the mark keeps it from being taken for whole.
    if (!peer_exec(recipient, "SET SESSION sql_log_bin = 0") ||
        !peer_exec(recipient, "CREATE DATABASE IF NOT EXISTS " REBUILD_SCHEMA)) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        AUTO_TEXT char *xid = xid_at(rows, i);
        AUTO_TEXT char *sql = xid ? mem_format("XA ROLLBACK %s", xid) : NULL;
        struct err err = {0};
        if (!sql || !db_exec(recipient->session, PEER_TIMEOUT_MS, sql, &err)) {
            return job_fail(job, MSG_XA_STUCK,
                            KVS(KV("peer", recipient->name), KV("xid", xid ? xid : names), KV("error", err.text)));
        }
    }
    job_event(job, EVENT_RESYNC_PROGRESS, SEVERITY_WARNING, 0, MSG_XA_ROLLED_BACK,
              KVS(KVI("count", db_rows_count(rows)), KV("xids", names)));
    return true;
}

bool xa_nothing_prepared(struct job *job, struct peer *donor) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!recover(donor, &rows)) {
        return false;
    }
    if (db_rows_count(rows) == 0) {
        return true;
    }
    AUTO_TEXT char *names = names_of(rows);
    return job_fail_rung(job, MSG_XA_ON_DONOR,
                         KVS(KV("donor", donor->name), KVI("count", db_rows_count(rows)), KV("xids", names)));
}
