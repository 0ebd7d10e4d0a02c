"""Session defaults that a DBA may have given a server, each other than what Relevo's statements count on."""
import contextlib

from . import engine
from .compare import rows
from .run import sh, wait_until

# Another value for each pin (common/session_pins.c) that a server can have another default for.
HOSTILE = {
    "autocommit": "0", "completion_type": "'RELEASE'", "transaction_isolation": "'SERIALIZABLE'", "transaction_read_only": "1",
    "sql_select_limit": "1", "max_join_size": "1", "sql_big_selects": "0", "sql_safe_updates": "1", "max_execution_time": "1",
    "sql_buffer_result": "1", "sql_mode": "'ANSI,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,TRADITIONAL'",
    "character_set_client": "latin1", "character_set_results": "latin1", "collation_connection": "latin1_german1_ci",
    "default_collation_for_utf8mb4": "utf8mb4_general_ci", "collation_server": "latin1_german1_ci", "sql_auto_is_null": "1",
    "time_zone": "'+09:00'", "lc_messages": "'de_DE'", "lc_time_names": "'ja_JP'", "default_week_format": "6",
    "div_precision_increment": "0", "group_concat_max_len": "4", "max_sort_length": "4",
    "terminology_use_previous": "BEFORE_8_0_26", "sql_quote_show_create": "0", "show_create_table_verbosity": "1",
    "show_gipk_in_create_table_and_information_schema": "0", "print_identified_with_as_hex": "0",
    "default_storage_engine": "MEMORY", "default_tmp_storage_engine": "MEMORY", "explicit_defaults_for_timestamp": "0",
    "foreign_key_checks": "0", "unique_checks": "0", "lock_wait_timeout": "1", "innodb_lock_wait_timeout": "1",
    "wait_timeout": "5", "net_read_timeout": "1", "net_write_timeout": "1", "sort_buffer_size": "32768",
    "range_optimizer_max_mem_size": "1", "session_track_gtids": "ALL_GTIDS", "session_track_schema": "1",
    "session_track_state_change": "1", "session_track_system_variables": "'*'", "session_track_transaction_info": "CHARACTERISTICS",
    "sql_notes": "0", "binlog_format": "STATEMENT", "binlog_row_image": "MINIMAL", "binlog_row_value_options": "PARTIAL_JSON",
    "sql_require_primary_key": "1", "sql_generate_invisible_primary_key": "1", "max_error_count": "0",
}


def literal(value):
    return str(value) if isinstance(value, int) else f"'{value}'"


@contextlib.contextmanager
def hostile_cluster(cluster, nodes, services):
    """Both nodes give these to each new session, restarts and clones included but for transaction_read_only, and the services
    have connected anew. The sessions of the tests are as ever."""
    # Not while an applier runs, says the server.
    hostile = {name: value for name, value in HOSTILE.items() if name != "binlog_format"}
    sane = {name: cluster.value(nodes[0], f"SELECT @@GLOBAL.{name}") for name in hostile}
    cluster.init_command = "SET SESSION " + ", ".join(f"{name} = {literal(value)}" for name, value in sane.items())
    try:
        for node in nodes:
            with cluster.session(node) as session:
                for name, value in hostile.items():
                    # With this one MySQL's own replication does not start: it is gone when a node starts again.
                    scope = "GLOBAL" if name == "transaction_read_only" else "PERSIST"
                    rows(session, f"SET {scope} {name} = {value}")
        sh("docker", "restart", *services)
        for service in services:
            wait_until(lambda one=service: engine.status(one) == "running", 30, f"{service} is up again")
        yield
    finally:
        for node in nodes:
            with cluster.session(node) as session:
                for name, value in sane.items():
                    rows(session, f"RESET PERSIST IF EXISTS {name}")
                    rows(session, f"SET GLOBAL {name} = {literal(value)}")
        cluster.init_command = None
