// Accounts, roles, grants, servers and time zones of the dump rung: the rows of system tables, all replaced in one
// transaction, so that a copy that is cut off leaves either the old accounts or the new ones. Hashes and attributes
// stay exactly as they are.
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/text.h"
#include "resync/dump_parts.h"

static const char *const grant_tables[] = {
    "user",          "db",         "tables_priv",      "columns_priv", "procs_priv", "proxies_priv", "global_grants",
    "default_roles", "role_edges", "password_history", "servers"};
enum { GRANT_TABLES = sizeof grant_tables / sizeof grant_tables[0], STATEMENT_BYTES = 512 * 1024 };

// Columns that both servers have: a minor release may add one.
static bool common_columns(struct peer *here, struct peer *there, const char *table, char **ret) {
    AUTO_TEXT char *mine = NULL;
    AUTO_ROWS struct db_rows *theirs = NULL;
    AUTO_TEXT char *sql = mem_format(
        "SELECT GROUP_CONCAT(CONCAT('`', column_name, '`')) FROM information_schema.columns"
        " WHERE table_schema = 'mysql' AND table_name = '%s'",
        table);
    if (!peer_value(here, sql, &mine) ||
        !peer_query(there, &theirs,
                    "SELECT CONCAT('`', column_name, '`') FROM information_schema.columns WHERE"
                    " table_schema = 'mysql' AND table_name = '%s' ORDER BY ordinal_position",
                    table)) {
        return false;
    }
    char *list = mem_text("");
    for (size_t i = 0; i < db_rows_count(theirs); i++) {
        const char *column = db_cell(theirs, i, 0, NULL);
        if (mine && strstr(mine, column)) {
            char *longer = mem_format("%s%s%s", list, *list ? ", " : "", column);
            free(list);
            list = longer;
        }
    }
    *ret = list;
    return true;
}

// "(v, v, ...)" of one row.
static char *values_text(struct peer *here, const struct db_rows *rows, size_t row) {
    char *text = mem_text("(");
    for (size_t i = 0; i < db_rows_columns(rows); i++) {
        size_t length = 0;
        const char *cell = db_cell(rows, row, i, &length);
        AUTO_TEXT char *quoted = cell ? db_quote(here->session, cell, length) : mem_text("NULL");
        char *longer = mem_format("%s%s%s", text, i > 0 ? ", " : "", quoted);
        free(text);
        text = longer;
    }
    char *closed = mem_format("%s)", text);
    free(text);
    return closed;
}

static bool insert_rows(struct peer *here, const char *table, const char *columns, const struct db_rows *rows) {
    for (size_t row = 0; row < db_rows_count(rows);) {
        char *sql = mem_format("INSERT INTO mysql.%s (%s) VALUES ", table, columns);
        bool first = true;
        while (row < db_rows_count(rows) && strlen(sql) < STATEMENT_BYTES) {
            AUTO_TEXT char *values = values_text(here, rows, row++);
            char *longer = mem_format("%s%s%s", sql, first ? "" : ", ", values);
            free(sql);
            sql = longer;
            first = false;
        }
        bool ok = peer_exec_within(here, PEER_TIMEOUT_MS, sql);
        free(sql);
        if (!ok) {
            return false;
        }
    }
    return true;
}

// Named time zones: many rows, alike nearly always.
static const char *const zone_tables[] = {"time_zone", "time_zone_leap_second", "time_zone_name",
                                          "time_zone_transition", "time_zone_transition_type"};
enum { ZONE_TABLES = sizeof zone_tables / sizeof zone_tables[0] };
#define ZONES_SQL                                                                                                      \
    "SELECT CONCAT_WS(' ', (SELECT CONCAT(COUNT(*), '/', COALESCE(BIT_XOR(CRC32(CONCAT_WS('|', name, time_zone_id)))," \
    " 0)) FROM mysql.time_zone_name), (SELECT CONCAT(COUNT(*), '/', COALESCE(BIT_XOR(CRC32(CONCAT_WS('|',"             \
    " time_zone_id, transition_time, transition_type_id))), 0)) FROM mysql.time_zone_transition),"                     \
    " (SELECT CONCAT(COUNT(*), '/', COALESCE(BIT_XOR(CRC32(CONCAT_WS('|', time_zone_id, transition_type_id, `offset`," \
    " is_dst, abbreviation))), 0)) FROM mysql.time_zone_transition_type))"

static bool copy_table_rows(struct peer *here, struct peer *there, const char *table) {
    AUTO_TEXT char *columns = NULL;
    AUTO_ROWS struct db_rows *rows = NULL;
    return common_columns(here, there, table, &columns) &&
           peer_query(there, &rows, "SELECT %s FROM mysql.%s", columns, table) &&
           peer_exec(here, "DELETE FROM mysql.%s", table) && insert_rows(here, table, columns, rows);
}

bool dump_compare_zones(struct peer *here, struct peer *looker, bool *ret_differ) {
    AUTO_TEXT char *mine = NULL;
    AUTO_TEXT char *theirs = NULL;
    if (!peer_value(here, ZONES_SQL, &mine) || !peer_value(looker, ZONES_SQL, &theirs)) {
        return false;
    }
    *ret_differ = !text_equal(mine, theirs);
    return true;
}

static bool copy_zones(struct peer *here, struct peer *there) {
    for (unsigned i = 0; i < ZONE_TABLES; i++) {
        if (!copy_table_rows(here, there, zone_tables[i])) {
            return false;
        }
    }
    return true;
}

bool dump_users(struct peer *here, struct peer *there, bool zones) {
    if (!peer_exec(here, "START TRANSACTION")) {
        return false;
    }
    for (unsigned i = 0; i < GRANT_TABLES; i++) {
        if (!copy_table_rows(here, there, grant_tables[i])) {
            return false;  // the session ends with the job, and with it the transaction
        }
    }
    return (!zones || copy_zones(here, there)) && peer_exec(here, "COMMIT") && peer_exec(here, "FLUSH PRIVILEGES");
}
