// What a copy needs, as far as the two servers tell it by themselves: see obstacles.h.
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "resync/dump_parts.h"
#include "resync/obstacles.h"

enum { CLONES = 1, DUMPS = 2, BOTH = CLONES | DUMPS, RULE_PRIVILEGE = 89 };

enum asked { ASK_LOOKER, ASK_READER, ASK_RECIPIENT };

// Each row of `wanted` is a thing and who has it there; it must be among the rows of `had` on the recipient. had NULL:
// each row speaks against the rung.
struct need {
    int rule;
    unsigned rungs;
    enum msg why;  // {thing}, {object}, {donor}
    enum asked asked;
    bool by_beginning;  // a thing only has to begin as one that is had
    const char *wanted, *had;
};

#define USER_SCHEMAS(column) column " NOT IN " NOT_COPIED

#define KEYRING_SQL                                                                                               \
    "SELECT 'keyring' FROM performance_schema.keyring_component_status WHERE status_key = 'Component_status' AND" \
    " status_value = 'Active' UNION ALL SELECT 'keyring' FROM information_schema.plugins WHERE"                   \
    " plugin_type = 'KEYRING' AND plugin_status = 'ACTIVE'"

static const struct need needs[] = {
    {80, DUMPS, MSG_NEED_ENGINE, ASK_READER, false,
     "SELECT engine, MIN(CONCAT(table_schema, '.', table_name)) FROM information_schema.tables"
     " WHERE table_type = 'BASE TABLE' AND engine IS NOT NULL AND " USER_SCHEMAS("table_schema") " GROUP BY engine",
     "SELECT engine FROM information_schema.engines WHERE support IN ('YES', 'DEFAULT')"
     " AND FIND_IN_SET(engine, REPLACE(@@GLOBAL.disabled_storage_engines, ' ', '')) = 0"},
    // CLONE copies what InnoDB stores. Tables of these engines it makes anew, empty, and says nothing.
    {81, CLONES, MSG_NEED_INNODB, ASK_READER, false,
     "SELECT engine, CONCAT(table_schema, '.', table_name) FROM information_schema.tables"
     " WHERE table_type = 'BASE TABLE' AND COALESCE(table_rows, 1) > 0 AND " USER_SCHEMAS(
         "table_schema") " AND engine NOT IN ('InnoDB', 'BLACKHOLE', 'FEDERATED', 'MRG_MYISAM') LIMIT 1",
     NULL},
    {82, DUMPS, MSG_NEED_COLLATION, ASK_READER, false,
     "SELECT collation_name, MIN(CONCAT(table_schema, '.', table_name)) FROM information_schema.columns"
     " WHERE collation_name IS NOT NULL AND " USER_SCHEMAS(
         "table_schema") " GROUP BY collation_name"
                         " UNION ALL SELECT table_collation, MIN(CONCAT(table_schema, '.', table_name)) FROM "
                         "information_schema.tables"
                         " WHERE table_collation IS NOT NULL AND " USER_SCHEMAS(
                             "table_schema") " GROUP BY table_collation"
                                             " UNION ALL SELECT default_collation_name, MIN(schema_name) FROM "
                                             "information_schema.schemata WHERE " USER_SCHEMAS(
                                                 "schema_name") " GROUP BY default_collation_name",
     "SELECT collation_name FROM information_schema.collations"},
    {83, BOTH, MSG_NEED_DIRECTORY, ASK_LOOKER, true,
     "SELECT file_name, tablespace_name FROM information_schema.files WHERE file_type = 'TABLESPACE'"
     " AND file_name LIKE '/%' AND INSTR(file_name, @@GLOBAL.datadir) <> 1",
     "SELECT CONCAT(TRIM(TRAILING '/' FROM d), '/') FROM JSON_TABLE(CONCAT('[\"', REPLACE(CONCAT_WS(';',"
     " @@GLOBAL.datadir, @@GLOBAL.innodb_data_home_dir, @@GLOBAL.innodb_undo_directory, @@GLOBAL.innodb_directories),"
     " ';', '\",\"'), '\"]'), '$[*]' COLUMNS (d VARCHAR(512) PATH '$')) AS known WHERE d LIKE '/%'"},
    {84, BOTH, MSG_NEED_KEYRING, ASK_LOOKER, false,
     "SELECT 'keyring', name FROM information_schema.innodb_tablespaces WHERE encryption = 'Y'"
     " LIMIT 1",
     KEYRING_SQL},
    {84, BOTH, MSG_NEED_KEYRING, ASK_READER, false,
     "SELECT 'keyring', schema_name FROM information_schema.schemata WHERE default_encryption = 'YES' LIMIT 1",
     KEYRING_SQL},
    {85, DUMPS, MSG_NEED_NAME_CASE, ASK_READER, false,
     "SELECT @@GLOBAL.lower_case_table_names, CONCAT(table_schema, '.', table_name) FROM information_schema.tables"
     " WHERE " USER_SCHEMAS("table_schema") " AND BINARY CONCAT(table_schema, '.', table_name) <>"
                                            " BINARY LOWER(CONCAT(table_schema, '.', table_name)) LIMIT 1",
     "SELECT @@GLOBAL.lower_case_table_names"},
    {86, BOTH, MSG_NEED_WRITABLE, ASK_RECIPIENT, false,
     "SELECT 'innodb_force_recovery', '' WHERE @@GLOBAL.innodb_force_recovery > 0"
     " UNION ALL SELECT 'innodb_read_only', '' WHERE @@GLOBAL.innodb_read_only",
     NULL},
};
enum { NEEDS = sizeof needs / sizeof needs[0] };

static bool is_had(const struct db_rows *had, const char *thing, bool by_beginning) {
    for (size_t i = 0; had && i < db_rows_count(had); i++) {
        const char *one = db_cell(had, i, 0, NULL);
        if (one && (by_beginning ? strncmp(thing, one, strlen(one)) == 0 : text_equal(one, thing))) {
            return true;
        }
    }
    return false;
}

static bool check(struct job *job, const struct need *need, struct peer *asked, struct peer *recipient) {
    AUTO_ROWS struct db_rows *wanted = NULL;
    AUTO_ROWS struct db_rows *had = NULL;
    if (!peer_query(asked, &wanted, "%s", need->wanted)) {
        return false;
    }
    if (db_rows_count(wanted) > 0 && need->had && !peer_query(recipient, &had, "%s", need->had)) {
        return false;
    }
    for (size_t i = 0; i < db_rows_count(wanted); i++) {
        const char *thing = db_cell(wanted, i, 0, NULL), *object = db_cell(wanted, i, 1, NULL);
        if (thing && !is_had(had, thing, need->by_beginning)) {
            return job_unfit(job, need->rule, need->why,
                             KVS(KV("thing", thing), KV("object", object ? object : ""), KV("donor", asked->name)));
        }
    }
    return true;
}

// ---- privileges -----------------------------------------------------------------------------------------------------

struct privilege {
    const char *name;
    const char *only_if;  // a condition on the server whose privilege it is; NULL: always
    unsigned rungs;
    bool either;  // ... or on the other one
};

#define HAS_TABLESPACES \
    "EXISTS (SELECT 1 FROM information_schema.innodb_tablespaces WHERE space_type = 'General' AND name <> 'mysql')"

// What emptying and filling the node takes, beyond what closing it took already.
static const struct privilege on_recipient[] = {
    {"RELOAD", NULL, BOTH, false},
    {"CREATE", NULL, BOTH, false},
    {"DROP", NULL, BOTH, false},
    {"ALTER", NULL, BOTH, false},
    {"REFERENCES", NULL, BOTH, false},
    {"SYSTEM_VARIABLES_ADMIN", NULL, BOTH, false},
    {"SESSION_VARIABLES_ADMIN", NULL, BOTH, false},
    {"REPLICATION_SLAVE_ADMIN", NULL, BOTH, false},
    {"CLONE_ADMIN", NULL, CLONES, false},
    {"PERSIST_RO_VARIABLES_ADMIN", NULL, CLONES, false},
    {"INSERT", NULL, DUMPS, false},
    {"DELETE", NULL, DUMPS, false},
    {"INDEX", NULL, DUMPS, false},
    {"CREATE VIEW", NULL, DUMPS, false},
    {"CREATE ROUTINE", NULL, DUMPS, false},
    {"ALTER ROUTINE", NULL, DUMPS, false},
    {"TRIGGER", NULL, DUMPS, false},
    {"EVENT", NULL, DUMPS, false},
    {"EXECUTE", NULL, DUMPS, false},
    {"SYSTEM_USER", NULL, DUMPS, false},
    {"SET_ANY_DEFINER", NULL, DUMPS, false},
    {"ALLOW_NONEXISTENT_DEFINER", NULL, DUMPS, false},
    {"TABLE_ENCRYPTION_ADMIN", "@@GLOBAL.table_encryption_privilege_check", BOTH, false},
    {"CREATE TABLESPACE", HAS_TABLESPACES, DUMPS, true},
};
// ... and reading users' objects.
static const struct privilege on_donor[] = {
    {"SELECT", NULL, DUMPS, false}, {"SHOW VIEW", NULL, DUMPS, false},    {"TRIGGER", NULL, DUMPS, false},
    {"EVENT", NULL, DUMPS, false},  {"SHOW_ROUTINE", NULL, DUMPS, false},
};

#define ACCOUNT_SQL \
    "CONCAT(QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), '@', QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)))"

// Of the account as it logged in, and of the roles that are on; in all schemas is as good as on everything.
#define PRIVILEGES_SQL                                                                                              \
    "SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = " ACCOUNT_SQL                    \
    " OR grantee IN (SELECT CONCAT(QUOTE(role_name), '@', QUOTE(role_host)) FROM information_schema.enabled_roles)" \
    " UNION ALL SELECT privilege_type FROM information_schema.schema_privileges WHERE table_schema = '%%' AND"      \
    " grantee = " ACCOUNT_SQL

static bool condition(struct peer *peer, const char *sql, bool *ret) {
    AUTO_TEXT char *select = mem_format("SELECT %s", sql);
    AUTO_TEXT char *value = NULL;
    if (!peer_value(peer, select, &value)) {
        return false;
    }
    *ret |= text_equal(value, "1");
    return true;
}

static bool check_privileges(struct job *job, struct peer *peer, struct peer *other, const struct privilege *list,
                             size_t count, unsigned rung) {
    AUTO_ROWS struct db_rows *had = NULL;
    if (!peer_query(peer, &had, PRIVILEGES_SQL)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const struct privilege *one = &list[i];
        bool needed = !one->only_if;
        if (!(one->rungs & rung) || is_had(had, one->name, false)) {
            continue;
        }
        if (one->only_if &&
            (!condition(peer, one->only_if, &needed) || (one->either && !condition(other, one->only_if, &needed)))) {
            return false;
        }
        AUTO_TEXT char *account = NULL;
        if (needed) {
            return peer_value(peer, "SELECT " ACCOUNT_SQL, &account) &&
                   job_unfit(job, RULE_PRIVILEGE, MSG_NEED_PRIVILEGE,
                             KVS(KV("privilege", one->name), KV("account", account), KV("peer", peer->name)));
        }
    }
    return true;
}

bool obstacles_look(struct job *job, struct peer *recipient, struct peer *looker, struct peer *reader,
                    enum job_rung rung) {
    unsigned mask = rung == RUNG_CLONE ? CLONES : DUMPS;
    if (!peer_exec(reader, "SET SESSION information_schema_stats_expiry = 0") ||
        !check_privileges(job, recipient, looker, on_recipient, sizeof on_recipient / sizeof on_recipient[0], mask) ||
        !check_privileges(job, reader, looker, on_donor, sizeof on_donor / sizeof on_donor[0], mask)) {
        return false;
    }
    for (unsigned i = 0; i < NEEDS; i++) {
        const struct need *need = &needs[i];
        struct peer *asked = need->asked == ASK_READER ? reader : need->asked == ASK_LOOKER ? looker : recipient;
        if ((need->rungs & mask) && !check(job, need, asked, recipient)) {
            return false;
        }
    }
    return true;
}
