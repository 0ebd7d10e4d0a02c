// What is defined on both servers: every kind of object that objects.c lists, and the tables' own statements. Not in a
// snapshot: a difference counts once it was seen in several looks, each at a node that has all that the primary had.
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/ddl.h"
#include "resync/dump_parts.h"
#include "resync/objects.h"
#include "resync/verify_parts.h"

enum { TRIES = 3, TRY_PAUSE_MS = 500, CATCH_UP_S = 5 };

// Sorted by name. The texts belong to the rows.
struct definition {
    const char *name, *text;
};

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct definition *)a)->name, ((const struct definition *)b)->name);
}

static struct definition *sorted(const struct db_rows *rows) {
    struct definition *list = mem_zero(db_rows_count(rows) + 1, sizeof *list);
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *name = db_cell(rows, i, 0, NULL), *text = db_cell(rows, i, 1, NULL);
        list[i] = (struct definition){.name = name ? name : "", .text = text ? text : ""};
    }
    qsort(list, db_rows_count(rows), sizeof *list, by_name);
    return list;
}

static void found(struct verify *verify, const char *kind, const char *name, bool here, bool there) {
    struct job *job = verify->job;
    struct job_difference difference = {.rows = here, .rows_primary = there};
    (void)text_copy(difference.kind, sizeof difference.kind, kind);
    (void)text_copy(difference.table, sizeof difference.table, name);
    pthread_mutex_lock(&job->lock);
    job->state.differing++;
    bool kept = job->state.difference_count < JOB_DIFFERENCE_MAX;
    if (kept) {
        job->state.differences[job->state.difference_count++] = difference;
    }
    pthread_mutex_unlock(&job->lock);
    if (kept) {
        job_say(job, LOG_LEVEL_ERROR,
                here && there ? MSG_VERIFY_DEFINITION
                : here        ? MSG_VERIFY_EXTRA
                              : MSG_VERIFY_MISSING,
                KVS(KV("kind", kind), KV("object", name), KV("primary", job->primary)));
    }
}

// Whether both lists say the same; if `tell`, each difference is told.
static bool compare(struct verify *verify, const char *kind, const struct db_rows *here, const struct db_rows *there,
                    bool tell) {
    struct definition *mine = sorted(here), *theirs = sorted(there);
    size_t i = 0, k = 0, mine_count = db_rows_count(here), theirs_count = db_rows_count(there);
    bool same = true;
    while (i < mine_count || k < theirs_count) {
        int order = i == mine_count ? 1 : k == theirs_count ? -1 : by_name(&mine[i], &theirs[k]);
        bool equal = order == 0 && text_equal(mine[i].text, theirs[k].text);
        same &= equal;
        if (!equal && tell) {
            found(verify, kind, order <= 0 ? mine[i].name : theirs[k].name, order <= 0, order >= 0);
        }
        i += order <= 0;
        k += order >= 0;
    }
    free(mine);
    free(theirs);
    return same;
}

static bool compare_kind(struct verify *verify, const struct object_kind *kind) {
    bool here_knows = false, there_knows = false;
    struct peer *at_here = kind->by_looker ? &verify->looker_here : &verify->look_here;
    struct peer *at_there = kind->by_looker ? &verify->lock : &verify->look_there;
    if (!object_kind_exists(at_here, kind, &here_knows) || !object_kind_exists(at_there, kind, &there_knows)) {
        return false;
    }
    for (unsigned i = 1; here_knows && there_knows && i <= TRIES; i++) {
        AUTO_ROWS struct db_rows *here = NULL;
        AUTO_ROWS struct db_rows *there = NULL;
        AUTO_TEXT char *gtids = NULL;
        bool near = false;
        if (!peer_query(at_there, &there, "%s", kind->compare) ||
            !verify_wait_for_primary(verify, CATCH_UP_S, &gtids, &near) ||
            !peer_query(at_here, &here, "%s", kind->compare)) {
            return false;
        }
        if (compare(verify, kind->name, here, there, i == TRIES)) {
            return true;
        }
        if (!job_pause(verify->job, TRY_PAUSE_MS)) {
            return false;
        }
    }
    return true;
}

// ---- tables ---------------------------------------------------------------------------------------------------------

// NULL: it is not there, or not shown.
static bool show_table(struct peer *peer, const char *schema, const char *name, char **ret) {
    AUTO_TEXT char *quoted_schema = db_name(schema);
    AUTO_TEXT char *quoted_name = db_name(name);
    AUTO_ROWS struct db_rows *rows = NULL;
    struct err err = {0};
    if (db_queryf(peer->session, PEER_TIMEOUT_MS, &rows, &err, "SHOW CREATE TABLE %s.%s", quoted_schema, quoted_name)) {
        const char *text = db_cell(rows, 0, 1, NULL);
        *ret = text ? ddl_comparable(text) : NULL;
        return true;
    }
    return (err.kind != ERR_LOST && db_alive(peer->session)) || peer_failed(peer, &err);
}

// One that has other columns was reported with the rows already.
static bool is_told(const struct verify *verify, const char *schema, const char *name) {
    for (size_t i = 0; i < verify->count; i++) {
        if (text_equal(verify->tables[i].schema, schema) && text_equal(verify->tables[i].name, name)) {
            return verify->tables[i].put_off > 0;
        }
    }
    return false;
}

static bool compare_table(struct verify *verify, const char *schema, const char *name) {
    for (unsigned i = 1; i <= TRIES; i++) {
        AUTO_TEXT char *here = NULL;
        AUTO_TEXT char *there = NULL;
        AUTO_TEXT char *gtids = NULL;
        bool near = true;
        if (!show_table(&verify->look_there, schema, name, &there) ||
            (i > 1 && !verify_wait_for_primary(verify, CATCH_UP_S, &gtids, &near)) ||
            !show_table(&verify->look_here, schema, name, &here)) {
            return false;
        }
        if (text_equal(here ? here : "", there ? there : "")) {
            return true;
        }
        if (i == TRIES && !is_told(verify, schema, name)) {
            AUTO_TEXT char *full = mem_format("%s.%s", schema, name);
            found(verify, "TABLE", full, here != NULL, there != NULL);
        } else if (!job_pause(verify->job, TRY_PAUSE_MS)) {
            return false;
        }
    }
    return true;
}

#define TABLES_SQL                                                                                       \
    "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND" \
    " table_schema NOT IN " NOT_COPIED

static bool compare_tables(struct verify *verify, struct peer *of) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(of, &rows, TABLES_SQL)) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        if (!compare_table(verify, db_cell(rows, i, 0, NULL), db_cell(rows, i, 1, NULL))) {
            return false;
        }
    }
    return true;
}

bool verify_definitions(struct verify *verify) {
    job_step(verify->job, "definitions");
    for (const struct object_kind *kind = object_kinds; kind->name; kind++) {
        if (kind->compare && !compare_kind(verify, kind)) {
            return false;
        }
    }
    return compare_tables(verify, &verify->look_there);
}
