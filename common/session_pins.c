#include "common/session_pins.h"

#include "common/mem.h"

// Each exists from MySQL 8.4 on. Where a statement needs another value it says so itself, for as long as it needs it.
static const struct session_pin pins[] = {
    // Transactions: each statement is one, commits, and may write.
    {.name = "autocommit", .value = "1"},
    {.name = "completion_type", .value = "'NO_CHAIN'"},
    {.name = "transaction_isolation", .value = "'REPEATABLE-READ'"},
    {.name = "transaction_read_only", .value = "0"},
    // How much is read, and whether it may be: all rows, however many, for as long as the caller waits.
    {.name = "sql_select_limit", .value = "18446744073709551615"},
    {.name = "max_join_size", .value = "18446744073709551615"},  // any other value turns sql_big_selects off
    {.name = "sql_big_selects", .value = "1"},
    {.name = "sql_safe_updates", .value = "0"},
    {.name = "max_execution_time", .value = "0"},
    {.name = "sql_buffer_result", .value = "0"},  // a table that is streamed would be written to a temporary one first
    // What words mean. The mode refuses what does not fit rather than bend it, and can name whatever date is stored
    // somewhere: a row with '2023-02-30' in its key could not even be looked for.
    {.name = "sql_mode", .value = "'STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION'"},
    {.name = "character_set_client", .value = "utf8mb4"},
    {.name = "character_set_results", .value = "utf8mb4"},
    {.name = "collation_connection", .value = "utf8mb4_0900_ai_ci"},
    {.name = "default_collation_for_utf8mb4", .value = "utf8mb4_0900_ai_ci"},
    {.name = "collation_server", .value = "utf8mb4_0900_ai_ci"},
    {.name = "sql_auto_is_null", .value = "0"},
    {.name = "time_zone", .value = "'+00:00'"},
    {.name = "timestamp", .value = "DEFAULT"},  // an init_connect can stop the clock
    // What values and sentences look like. Some of MySQL's sentences are searched for numbers.
    {.name = "lc_messages", .value = "'en_US'"},
    {.name = "lc_time_names", .value = "'en_US'"},
    {.name = "default_week_format", .value = "0"},
    {.name = "div_precision_increment", .value = "4"},
    {.name = "group_concat_max_len", .value = "1048576"},
    {.name = "max_sort_length", .value = "4096"},  // longer than any key
    {.name = "terminology_use_previous", .value = "NONE"},
    // How objects are shown: in full, and alike on every server.
    {.name = "sql_quote_show_create", .value = "1"},
    {.name = "show_create_table_verbosity", .value = "0"},
    {.name = "show_gipk_in_create_table_and_information_schema", .value = "1"},
    {.name = "print_identified_with_as_hex", .value = "1"},
    // What is made.
    {.name = "default_storage_engine", .value = "InnoDB"},
    {.name = "default_tmp_storage_engine", .value = "InnoDB"},
    {.name = "explicit_defaults_for_timestamp", .value = "1"},
    {.name = "foreign_key_checks", .value = "1"},
    {.name = "unique_checks", .value = "1"},
    // How long the server waits: MySQL's own defaults, with which the limits of each caller were chosen.
    {.name = "lock_wait_timeout", .value = "31536000"},
    {.name = "innodb_lock_wait_timeout", .value = "50"},
    {.name = "wait_timeout", .value = "28800"},
    {.name = "net_read_timeout", .value = "30"},
    {.name = "net_write_timeout", .value = "60"},
    // With less room than these a statement fails, or reads whole tables.
    {.name = "sort_buffer_size", .value = "262144"},
    {.name = "range_optimizer_max_mem_size", .value = "8388608"},
    // Nothing is told beside an answer: it would make each longer, or change how text is escaped.
    {.name = "session_track_gtids", .value = "OFF"},
    {.name = "session_track_schema", .value = "0"},
    {.name = "session_track_state_change", .value = "0"},
    {.name = "session_track_system_variables", .value = "''"},
    {.name = "session_track_transaction_info", .value = "OFF"},
    {.name = "sql_notes", .value = "1"},           // a load that bends a value says so in a note
    {.name = "rbr_exec_mode", .value = "STRICT"},  // a row event that finds no row fails
    // What a replica gets: rows, whole ones, so that what Relevo wrote can be undone as well.
    {.name = "binlog_format", .value = "ROW", .admin = true},
    {.name = "binlog_row_image", .value = "FULL", .admin = true},
    {.name = "binlog_row_value_options", .value = "''", .admin = true},
    // Tables of ours have no key at times, and none that MySQL invents.
    {.name = "sql_require_primary_key", .value = "0", .admin = true},
    {.name = "sql_generate_invisible_primary_key", .value = "0", .admin = true},
    {.name = "max_error_count", .value = "1024", .admin = true},
};

const struct session_pin *session_pins(size_t *ret_count) {
    *ret_count = sizeof pins / sizeof pins[0];
    return pins;
}

char *session_pins_sql(bool admin, const char *more) {
    char *sql = mem_text("SET SESSION ");
    const char *comma = "";
    for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++) {
        if (pins[i].admin && !admin) {
            continue;
        }
        AUTO_TEXT char *one = mem_format("%s%s = %s", comma, pins[i].name, pins[i].value);
        mem_append(&sql, one);
        comma = ", ";
    }
    mem_append(&sql, *more ? comma : "");
    mem_append(&sql, more);
    return sql;
}
