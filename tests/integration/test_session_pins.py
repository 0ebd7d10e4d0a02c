"""Whatever session defaults a DBA gives a server, the sessions of Relevo have those of common/session_pins.c. What that file
leaves out is named here, with the reason why it may be what it likes; the server itself says which variables there are."""
import contextlib
import os

import pytest

from lib import engine
from lib.compare import rows
from lib.hostile import HOSTILE
from lib.resync_lab import PASSWORDS
from lib.run import BUILD, sh, sh_result

CHECK = os.environ.get("RELEVO_PINS_BIN", str(BUILD / "asan/tests/integration/pins_check"))

# Of what a session can set and a server give another default: why its value changes nothing that a statement of ours does.
HARMLESS = {
    "how fast, with which plan, with how much memory": """
        big_tables bulk_insert_buffer_size connection_memory_chunk_size enable_secondary_engine_statistics eq_range_index_dive_limit
        global_connection_memory_tracking histogram_generation_max_mem_size innodb_ddl_buffer_size innodb_ddl_threads
        innodb_parallel_read_threads innodb_tmpdir internal_tmp_mem_storage_engine join_buffer_size low_priority_updates
        max_heap_table_size max_length_for_sort_data max_seeks_for_key myisam_sort_buffer_size myisam_stats_method
        net_retry_count old_alter_table optimizer_max_subgraph_pairs optimizer_prune_level optimizer_search_depth optimizer_switch
        preload_buffer_size query_alloc_block_size query_prealloc_size range_alloc_block_size read_buffer_size
        read_rnd_buffer_size secondary_engine_cost_threshold set_operations_buffer_size tmp_table_size
        transaction_alloc_block_size transaction_prealloc_size""",
    "what is traced or logged": """
        binlog_rows_query_log_events end_markers_in_json long_query_time min_examined_row_limit optimizer_trace
        optimizer_trace_features optimizer_trace_limit optimizer_trace_max_mem_size optimizer_trace_offset profiling
        profiling_history_size sql_log_off sql_warnings""",
    "of statements and functions that Relevo has no use for": """
        block_encryption_mode cte_max_recursion_depth explain_format explain_json_format_version generated_random_password_length
        group_replication_consistency interactive_timeout keep_files_on_create max_delayed_threads max_insert_delayed_threads
        max_points_in_geometry max_sp_recursion_depth select_into_buffer_size select_into_disk_sync select_into_disk_sync_delay
        updatable_views_with_limit windowing_use_high_precision xa_detach_on_prepare innodb_table_locks""",
    "names files of the server, of which Relevo reads none": "character_set_filesystem",
    "follows the schema in use": "character_set_database collation_database",
    "statements travel as rows (binlog_format)": "binlog_direct_non_transactional_updates",
    "how rows are packed in the binlog, which rescue reads either way": """
        binlog_transaction_compression binlog_transaction_compression_level_zstd""",
    "which numbers AUTO_INCREMENT gives: of Relevo's tables only system_events has one, and nobody refers to it": """
        auto_increment_increment auto_increment_offset""",
    "a copy says its own; the rest is made as the server's owner wants it": """
        default_table_encryption restrict_fk_on_non_standard_key innodb_strict_mode information_schema_stats_expiry""",
    "what a FULLTEXT index leaves out is its server's own affair": "innodb_ft_enable_stopword innodb_ft_user_stopword_table",
    "row events do not cascade, and Relevo changes no row of others by a statement": "enable_cascade_triggers",
    "a limit of the server's owner: a statement that exceeds it fails and says so": """
        connection_memory_limit parser_max_mem_size max_allowed_packet max_user_connections net_buffer_length""",
    "other engines (HeatWave, NDB)": "external_table_secondary_storage_engine external_table_storage_engine",
}
REASONS = {name: why for why, names in HARMLESS.items() for name in names.split()}

ACCOUNTS = {"relevo": "RELEVO_CONTROL_PASSWORD", "relevo_events": "RELEVO_EVENTS_PASSWORD",
            "relevo_resync": "RELEVO_RESYNC_PASSWORD", "relevo_reader": "RELEVO_RESYNC_PASSWORD",
            "relevo_rebuild": "RELEVO_RESYNC_PASSWORD"}
ADMINS = ("relevo", "relevo_rebuild")
SWITCHES = {"0": "OFF", "1": "ON"}


@pytest.fixture(scope="module")
def pins():
    """{name: (value, whether it needs a privilege)}"""
    listed = [line.split("\t") for line in sh(CHECK).splitlines()]
    return {name: (value, admin == "1") for name, value, admin in listed}


@pytest.fixture(scope="module")
def server(shared):
    """The node b of the lab; its defaults are as before afterwards."""
    if not shared.is_up:
        shared.up()
        shared.start_service()
    # An applier that runs keeps binlog_format from being changed.
    shared.sql(shared.b, "STOP REPLICA")  # a test that needs it as a replica resyncs it
    yield shared


def ask(server, user, kind):
    password = PASSWORDS[ACCOUNTS[user]]
    return sh_result(CHECK, engine.address(server.b), user, kind, env={**os.environ, "RELEVO_CONTROL_PASSWORD": password})


def opened(server, user, kind):
    """{variable: value} in a session of ours."""
    done, said = ask(server, user, kind)
    assert done == 0, said
    return dict(line.split("\t", 1) for line in said.splitlines() if "\t" in line)


@contextlib.contextmanager
def defaults(server, values):
    """These are what every new session of b begins with. (An ordinary session restores them: they are literals.)"""
    with server.session(server.b) as session:
        before = {name: rows(session, f"SELECT @@GLOBAL.{name}")[0][0] for name in values}
        try:
            for name, value in values.items():
                rows(session, f"SET GLOBAL {name} = {value}")
            yield
        finally:
            for name, value in before.items():
                rows(session, f"SET GLOBAL {name} = %s", (value,))


def test_every_session_variable_is_pinned_or_has_a_reason(server, pins):
    """A new version of MySQL with a new variable makes this fail: decide what that does to our statements."""
    inherited = {name for name, in server.sql(server.b, "SELECT v.variable_name FROM performance_schema.variables_by_thread v"
                                              " JOIN performance_schema.global_variables g USING (variable_name)"
                                              " WHERE v.thread_id = PS_CURRENT_THREAD_ID()")}
    read_only = {"gtid_owned"}  # nobody sets it
    both = {"character_set_connection", "character_set_server"}  # the collations that are pinned say them
    assert not inherited - set(pins) - set(REASONS) - read_only - both
    assert not set(pins) & set(REASONS)
    # These two no server can give another default, but an init_connect may set them.
    assert set(pins) - set(HOSTILE) == {"timestamp", "rbr_exec_mode"}
    assert set(HOSTILE) <= set(pins) & inherited


@pytest.mark.parametrize("user, kind", [("relevo", "plain"), ("relevo", "terse"), ("relevo_rebuild", "bulk"),
                                        ("relevo_reader", "bulk"), ("relevo_resync", "plain"), ("relevo_events", "plain")])
def test_no_default_of_the_server_reaches_a_session(server, pins, user, kind):
    with defaults(server, HOSTILE):
        with server.session(server.b) as other:  # the test's own are what they should not be
            assert rows(other, "SELECT @@lock_wait_timeout, @@group_concat_max_len, @@time_zone") == ((1, 4, "+09:00"),)
        found = opened(server, user, kind)
    for name, (value, admin) in pins.items():
        if name == "timestamp" or (admin and user not in ADMINS):
            continue
        wanted = {value.strip("'"), SWITCHES.get(value)}
        assert found[name] in wanted, (name, found[name], value)
    if kind == "terse":
        assert found["resultset_metadata"] == "NONE"
    assert found["mark"] == "it's \\ a mark"


def test_an_init_connect_leaves_nothing_behind(server, pins):
    """It runs in sessions of accounts without CONNECTION_ADMIN, before ours have said anything."""
    foolish = ("SET completion_type = 'RELEASE', timestamp = 1, autocommit = 0, sql_mode = 'ANSI', transaction_read_only = 1; SET @a = 1; BEGIN;"
               " SELECT 1 INTO @b")
    with defaults(server, {"init_connect": f'"{foolish}"'}):
        found = opened(server, "relevo_events", "plain")
    assert found["autocommit"] == "ON" and found["transaction_read_only"] == "OFF" and "ANSI" not in found["sql_mode"]
    assert float(found["clock"]) > -1 and found["transaction_isolation"] == "REPEATABLE-READ"


def test_an_init_connect_that_fails_is_told(server):
    with defaults(server, {"init_connect": "'SELECT nothing FROM nowhere'"}):
        done, said = ask(server, "relevo_events", "plain")
    assert done != 0 and "init_connect" in said
