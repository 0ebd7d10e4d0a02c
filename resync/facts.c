#include "resync/facts.h"

#include <stdlib.h>
#include <string.h>

#include "common/accounts.h"
#include "common/mem.h"
#include "common/text.h"
#include "resync/rewind.h"

enum { CLONE_PACKET_BYTES = 2 * 1024 * 1024 };

#define LOOK_SQL                                                                                                    \
    "SELECT @@GLOBAL.server_uuid AS uuid, @@GLOBAL.server_id AS server_id, @@GLOBAL.version AS version,"            \
    " CONCAT(@@GLOBAL.version_compile_os, ' ', @@GLOBAL.version_compile_machine) AS platform,"                      \
    " CONCAT_WS(', ', @@GLOBAL.innodb_page_size, @@GLOBAL.innodb_data_file_path, @@GLOBAL.lower_case_table_names,"  \
    " @@GLOBAL.character_set_server, @@GLOBAL.collation_server) AS layout,"                                         \
    " @@GLOBAL.gtid_mode AS gtid_mode, @@GLOBAL.max_allowed_packet AS max_packet, @@GLOBAL.read_only AS read_only," \
    " (SELECT plugin_status FROM information_schema.plugins WHERE plugin_name = 'clone') AS clone,"                 \
    " @@GLOBAL.gtid_executed AS executed, @@GLOBAL.gtid_purged AS purged"

// CLONE drops what the recipient has, and empties what the donor has in these engines, by statements in which a
// backquote within a name is not doubled.
#define DROPPED_SQL                                                                                         \
    "SELECT EXISTS (SELECT 1 FROM information_schema.schemata WHERE INSTR(schema_name, '`') > 0) OR EXISTS" \
    " (SELECT 1 FROM information_schema.tables WHERE INSTR(table_name, '`') > 0 AND table_type = 'BASE TABLE')"
#define EMPTIED_SQL                                                                            \
    "SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE engine IN ('MyISAM', 'CSV')" \
    " AND INSTR(CONCAT(table_schema, table_name), '`') > 0)"

// User tables that hold something: an init script's empty schema, and Relevo's own, say nothing about history.
#define HOLDS_TABLES_SQL                                                                     \
    "SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_type = 'BASE TABLE'" \
    " AND table_schema NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema'))"

#define HAS_SCHEMA_SQL(name) "SELECT EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = '" name "')"

static bool take_set(struct peer *peer, const char *text, struct gtid_set **ret) {
    struct err err = {0};
    *ret = gtid_parse(text, &err);
    return *ret || peer_failed(peer, &err);
}

bool facts_look(struct peer *peer, struct node_facts *ret) {
    AUTO_ROWS struct db_rows *rows = NULL;
    if (!peer_query(peer, &rows, LOOK_SQL)) {
        return false;
    }
    AUTO_FACTS struct node_facts facts = {
        .gtid_on = text_equal(db_cell_named(rows, 0, "gtid_mode"), "ON"),
        .clone_active = text_equal(db_cell_named(rows, 0, "clone"), "ACTIVE"),
        .read_only = text_equal(db_cell_named(rows, 0, "read_only"), "1"),
    };
    (void)text_copy(facts.uuid, sizeof facts.uuid, db_cell_named(rows, 0, "uuid"));
    (void)text_copy(facts.version, sizeof facts.version, db_cell_named(rows, 0, "version"));
    (void)text_copy(facts.platform, sizeof facts.platform, db_cell_named(rows, 0, "platform"));
    (void)text_copy(facts.layout, sizeof facts.layout, db_cell_named(rows, 0, "layout"));
    (void)text_to_u64(db_cell_named(rows, 0, "server_id"), &facts.server_id);
    (void)text_to_u64(db_cell_named(rows, 0, "max_packet"), &facts.max_packet_bytes);
    if (!take_set(peer, db_cell_named(rows, 0, "executed"), &facts.executed) ||
        !take_set(peer, db_cell_named(rows, 0, "purged"), &facts.purged)) {
        return false;
    }
    *ret = facts;
    facts.executed = facts.purged = NULL;
    return true;
}

void node_facts_drop(struct node_facts *facts) {
    gtid_free(facts->executed);
    gtid_free(facts->purged);
    facts->executed = facts->purged = NULL;
}

bool picture_take(struct peer *recipient, struct peer *primary, struct picture *ret) {
    AUTO_PICTURE struct picture picture = {0};
    // In this order: what the primary gains in between can only make less look diverged, never more.
    if (!facts_look(recipient, &picture.recipient) || !facts_look(primary, &picture.primary)) {
        return false;
    }
    if (text_equal(picture.recipient.uuid, picture.primary.uuid)) {
        return job_fail(recipient->job, MSG_RESYNC_SAME_UUID,
                        KVS(KV("primary", primary->name), KV("uuid", picture.primary.uuid)));
    }
    if (picture.recipient.server_id == picture.primary.server_id) {
        return job_fail(recipient->job, MSG_RESYNC_SAME_ID,
                        KVS(KV("primary", primary->name), KVI("server_id", picture.primary.server_id)));
    }
    picture.diverged = gtid_subtract(picture.recipient.executed, picture.primary.executed);
    free(recipient->job->seen_gtids);
    recipient->job->seen_gtids = gtid_text(picture.recipient.executed);
    *ret = picture;
    picture = (struct picture){0};
    return true;
}

void picture_drop(struct picture *picture) {
    node_facts_drop(&picture->recipient);
    node_facts_drop(&picture->primary);
    gtid_free(picture->diverged);
    picture->diverged = NULL;
}

static bool query_bool(struct peer *peer, const char *sql, bool *ret) {
    AUTO_TEXT char *value = NULL;
    if (!peer_value(peer, sql, &value)) {
        return false;
    }
    *ret = text_equal(value, "1");
    return true;
}

bool facts_for_plan(struct peer *recipient, const struct picture *picture, const struct node_facts *donor,
                    struct plan_facts *ret) {
    const struct node_facts *here = &picture->recipient;
    const struct node_facts *source = &picture->primary;
    bool tables = false, member = false;
    struct plan_facts facts = {
        .recipient_gtid = here->gtid_on,
        .source_gtid = source->gtid_on,
        .recipient_older = plan_older_series(here->version, source->version),
        .diverged = gtid_count(picture->diverged),
        .binlogs_purged = !gtid_subset(source->purged, here->executed),
        .donor = donor != NULL,
        .recipient_clone = here->clone_active,
    };
    if (!query_bool(recipient, HAS_SCHEMA_SQL(REBUILD_SCHEMA), &facts.rebuild_marked) ||
        !query_bool(recipient, HAS_SCHEMA_SQL("relevo"), &member) ||
        !query_bool(recipient, HOLDS_TABLES_SQL, &tables)) {
        return false;
    }
    if (facts.rebuild_marked && !rewind_can_go_on(recipient, picture, &facts.rewind_begun)) {
        return false;
    }
    facts.history_unknown = tables && gtid_empty(here->executed);
    // Half a copy is of our making, and what was there before it is gone.
    facts.ask_first = tables && !facts.rebuild_marked && !recipient->job->settings->copy_unasked;
    facts.foreign = facts.history_unknown && !member && !facts.rebuild_marked;
    if (donor) {
        facts.donor_clone = donor->clone_active;
        facts.same_series = plan_same_series(here->version, donor->version);
        facts.same_platform = text_equal(here->platform, donor->platform);
        facts.same_layout = text_equal(here->layout, donor->layout);
        facts.packet_too_small =
            here->max_packet_bytes < CLONE_PACKET_BYTES || donor->max_packet_bytes < CLONE_PACKET_BYTES;
    }
    *ret = facts;
    return true;
}

bool facts_donor_accounts(struct peer *donor) {
    struct job *job = donor->job;
    // Not relevo_clone: without it a clone is refused, and a dump works.
    const char *const needed[] = {ACCOUNT_EVENTS, ACCOUNT_RESYNC, ACCOUNT_READER, ACCOUNT_REBUILD,
                                  job->settings->repl_user};
    AUTO_ROWS struct db_rows *rows = NULL;
    AUTO_TEXT char *missing = mem_text("");
    if (!peer_query(donor, &rows, "SELECT DISTINCT user FROM mysql.user WHERE account_locked = 'N'")) {
        return false;
    }
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        bool found = false;
        for (size_t k = 0; k < db_rows_count(rows) && !found; k++) {
            found = text_equal(db_cell(rows, k, 0, NULL), needed[i]);
        }
        if (!found) {
            mem_append(&missing, *missing ? ", " : "");
            mem_append(&missing, needed[i]);
        }
    }
    return !*missing || job_fail(job, MSG_DONOR_ACCOUNTS, KVS(KV("donor", donor->name), KV("accounts", missing)));
}

bool facts_names(struct peer *recipient, struct peer *donor_reader, bool *ret_break_clone) {
    bool dropped = false, emptied = false;
    if (!query_bool(recipient, DROPPED_SQL, &dropped) || !query_bool(donor_reader, EMPTIED_SQL, &emptied)) {
        return false;
    }
    *ret_break_clone = dropped || emptied;
    return true;
}
