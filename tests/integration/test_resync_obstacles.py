"""What stands in the way of a copy is found out, and cleared or named, before the node gives anything up; and what a dump
cannot carry over as it is, is said by name."""
import contextlib
import time

import pytest

from lib.resync_lab import refusals
from lib.run import sh

DATA = "/var/lib/mysql"


def digest(lab):
    """What b has: GTIDs, the schemas, and rows of one table."""
    return (lab.executed(lab.b), lab.sql(lab.b, "SELECT schema_name FROM information_schema.schemata ORDER BY 1"),
            lab.value(lab.b, "SELECT COUNT(*) FROM appdb.customers"))


def assert_kept(lab, before):
    assert digest(lab) == before
    assert lab.sql(lab.b, "SELECT @@super_read_only, @@offline_mode") == ((1, 0),)
    assert lab.sql(lab.b, "SELECT table_name FROM information_schema.tables WHERE table_name = 'relevo_trial'") == ()


def on_b(lab, *statements):
    """Local to b: without the binlog."""
    lab.sql(lab.b, "SET GLOBAL super_read_only = OFF")
    lab.sql(lab.b, *statements, local=True)
    lab.sql(lab.b, "SET GLOBAL super_read_only = ON")


def diverge_by_ddl(lab):
    """Past rewinding: the ladder goes on to a copy."""
    lab.diverge("CREATE TABLE appdb.only_here (i INT)")


# ---- what is cleared -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("method", ["auto", "clone", "dump"])
def test_a_read_only_schema_is_no_obstacle(lab, method):
    lab.sql(lab.a, "CREATE DATABASE archive", "CREATE TABLE archive.t (a INT PRIMARY KEY)", "INSERT INTO archive.t VALUES (1)",
            "ALTER SCHEMA archive READ ONLY = 1")
    lab.resync()
    on_b(lab, "CREATE DATABASE only_b", "ALTER SCHEMA only_b READ ONLY = 1")
    if method == "auto":
        diverge_by_ddl(lab)
    assert lab.resync(method)["rung"] == ("clone" if method == "auto" else method)
    lab.assert_clean()
    for node in (lab.a, lab.b):  # the copy is read only as well
        assert lab.value(node, "SELECT options FROM information_schema.schemata_extensions WHERE schema_name = 'archive'"
                         ).strip() == "READ ONLY=1"
    lab.sql(lab.a, "ALTER SCHEMA archive READ ONLY = 0", "DROP DATABASE archive")
    lab.assert_streams()


@pytest.mark.parametrize("lock", ["FLUSH TABLES WITH READ LOCK", "LOCK INSTANCE FOR BACKUP", "LOCK TABLES appdb.customers READ"])
@pytest.mark.parametrize("method", ["clone", "dump"])
def test_a_session_that_holds_a_lock_is_ended_and_named(lab, method, lock):
    with lab.held(lab.b, lock, "SET @mine = 1"):
        assert lab.resync(method)["rung"] == method
    ended = [event for event in lab.events() if event["msg"] == "MSG_OBSTACLE_SESSION"]
    assert ended and "root@" in ended[-1]["detail"]["account"], ended
    lab.assert_clean()


@pytest.mark.parametrize("method", ["clone", "dump"])
def test_a_prepared_transaction_is_rolled_back_and_leaves_the_mark(lab, method):
    on_b(lab, "XA START 'left'", "INSERT INTO appdb.customers (name, email) VALUES ('x', UUID())", "XA END 'left'",
         "XA PREPARE 'left'")
    with stray_directory(lab):
        job = lab.wait_job(lab.queue(method), "failed")
        assert "newcomer" in job["why"], job
        # The node has no longer all that its GTIDs say: it must not be taken for whole, nor stream on.
        assert lab.value(lab.b, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'relevo_rebuild'") == 1
        assert not lab.streams()
    assert lab.resync(method)["rung"] == method
    assert "MSG_XA_ROLLED_BACK" in [event["msg"] for event in lab.events()]
    lab.assert_clean()


# ---- what is refused -------------------------------------------------------------------------------------------------

def refused(lab, method, rule, *words):
    """The method is refused by that rule, in one line that holds these words, and b goes on with all that it has."""
    before, streamed = digest(lab), lab.streams()
    job = lab.wait_job(lab.queue(method), "failed")
    assert all(word in job["why"] for word in words), job
    assert job["lasting"] and job["step"] in ("plan", "trial", "definitions", "rescue", "fence", "clone"), job
    assert lab.streams() == streamed
    assert_kept(lab, before)
    return job


@contextlib.contextmanager
def files_of_others(lab, schema, *names):
    """Files that MySQL knows nothing of, in the schema's directory on b, as the server's own account writes them."""
    paths = " ".join(f"'{DATA}/{schema}/{name}'" for name in names)
    sh("docker", "exec", "-u", "mysql", lab.b, "sh", "-c", f"for f in {paths}; do mkdir -p $(dirname $f) && echo hello >$f; done")
    try:
        yield
    finally:
        tops = " ".join(f"'{DATA}/{schema}/{name.split('/')[0]}'" for name in names)
        sh("docker", "exec", lab.b, "sh", "-c", f"rm -rf {tops}")


@contextlib.contextmanager
def stray_directory(lab):
    """Where a schema of a will be, which b lacks."""
    lab.sql(lab.b, "STOP REPLICA")
    lab.sql(lab.a, "CREATE DATABASE newcomer", "CREATE TABLE newcomer.t (i INT PRIMARY KEY)")
    sh("docker", "exec", lab.b, "mkdir", f"{DATA}/newcomer")
    try:
        yield
    finally:
        sh("docker", "exec", lab.b, "rmdir", f"{DATA}/newcomer")
        lab.sql(lab.a, "DROP DATABASE newcomer")


@pytest.mark.parametrize("name", ["notes.txt", "folder/x"])
def test_a_foreign_file_in_a_schemas_directory(lab, name):
    with files_of_others(lab, "appdb", name):
        refused(lab, "clone", 90, "appdb", DATA, "rmdir")
        assert lab.resync("dump")["rung"] == "dump"  # which keeps the schema
        lab.assert_clean()
    assert lab.resync("clone")["rung"] == "clone"  # and once it is gone the same command works
    lab.assert_clean()


def test_a_foreign_file_leads_from_the_clone_to_the_dump(lab):
    diverge_by_ddl(lab)
    with files_of_others(lab, "appdb", "notes.txt"):
        job = lab.resync()
        assert job["rung"] == "dump" and DATA in refusals(job)["clone"], job
        lab.assert_clean()


@pytest.mark.parametrize("method", ["clone", "dump"])
def test_a_file_that_is_named_like_a_tables(lab, method):
    with files_of_others(lab, "appdb", "ghost.ibd", "#sql-123.ibd", "ghost2.MYD"):
        assert lab.resync(method)["rung"] == method
        lab.assert_clean()


def test_a_file_in_the_place_of_a_table_that_will_come(lab):
    lab.sql(lab.b, "STOP REPLICA")
    lab.sql(lab.a, "CREATE TABLE appdb.ghost (i INT PRIMARY KEY)", "INSERT INTO appdb.ghost VALUES (1)")
    with files_of_others(lab, "appdb", "ghost.ibd"):
        refused(lab, "dump", 95, "TABLE appdb.ghost", DATA, "resync")
        assert lab.resync("clone")["rung"] == "clone"  # which writes over it
        lab.assert_clean()
        lab.sql(lab.a, "DROP TABLE appdb.ghost")
        lab.assert_clean()


def test_a_file_in_the_place_of_a_tablespace_that_will_come(lab):
    lab.sql(lab.b, "STOP REPLICA")
    lab.sql(lab.a, "CREATE TABLESPACE later ADD DATAFILE 'later.ibd'", "CREATE TABLE appdb.in_later (i INT) TABLESPACE later")
    with files_of_others(lab, ".", "later.ibd"):
        refused(lab, "dump", 95, "TABLESPACE", "later", DATA)
    assert lab.resync("dump")["rung"] == "dump"
    lab.assert_clean()
    lab.sql(lab.a, "DROP TABLE appdb.in_later", "DROP TABLESPACE later")
    lab.assert_clean()


def test_a_schema_too_many_that_cannot_be_dropped_is_named(lab):
    on_b(lab, "CREATE DATABASE kept", "CREATE TABLE kept.t (i INT)", "CREATE VIEW kept.v AS SELECT i FROM kept.t",
         "CREATE FUNCTION kept.f() RETURNS INT DETERMINISTIC RETURN 1", "CREATE EVENT kept.e ON SCHEDULE EVERY 1 DAY DO DO 1",
         "CREATE DATABASE left_over", "CREATE TABLE left_over.t (i INT)")
    with files_of_others(lab, "kept", "notes.txt"), files_of_others(lab, "left_over", "ghost.ibd"):
        job = lab.resync("dump")
        named = {left["object"]: left["why"] for left in job["not_copied"]}
        assert set(named) == {"SCHEMA kept", "SCHEMA left_over"} and all(DATA in why for why in named.values()), job
        assert "SCHEMA kept" in lab.events("ALARM")[-1]["detail"]["objects"]
        for what in ("tables WHERE table", "routines WHERE routine", "events WHERE event"):
            assert lab.value(lab.b, f"SELECT COUNT(*) FROM information_schema.{what}_schema = 'kept'") == 0
    on_b(lab, "DROP DATABASE kept")
    sh("docker", "exec", lab.b, "rmdir", f"{DATA}/left_over")
    lab.assert_clean()


def test_names_that_wander_between_tables_are_no_obstacle(lab):
    lab.prepare("CREATE TABLE appdb.one (id INT PRIMARY KEY, up INT, CONSTRAINT up FOREIGN KEY (up) REFERENCES appdb.one (id),"
                " CONSTRAINT small CHECK (id < 9))", "INSERT INTO appdb.one VALUES (1, 1)")
    lab.sql(lab.b, "STOP REPLICA")
    lab.sql(lab.a, "RENAME TABLE appdb.one TO appdb.other")
    assert lab.resync("dump")["rung"] == "dump"
    lab.assert_clean()
    lab.sql(lab.a, "DROP TABLE appdb.other")


def test_a_schema_that_stays_becomes_what_it_is_on_the_donor(lab):
    lab.prepare("CREATE DATABASE turned CHARACTER SET latin1", "CREATE TABLE turned.t (a VARCHAR(9))")
    lab.sql(lab.b, "STOP REPLICA")
    lab.sql(lab.a, "ALTER SCHEMA turned CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    assert lab.resync("dump")["rung"] == "dump"
    one, two = (lab.sql(node, "SHOW CREATE DATABASE turned") for node in (lab.a, lab.b))
    assert one == two and "utf8mb4_bin" in one[0][1]
    lab.assert_clean()
    lab.sql(lab.a, "DROP DATABASE turned")


def test_what_a_trial_that_was_cut_off_made_goes(lab):
    on_b(lab, "CREATE DATABASE relevo_trial", "CREATE TABLE relevo_trial.made (of_schema VARCHAR(64), name VARCHAR(64))",
         "CREATE TABLESPACE tried ADD DATAFILE 'tried.ibd'", "CREATE TABLE appdb.tried (i INT) TABLESPACE tried",
         "INSERT INTO relevo_trial.made VALUES ('', 'tried'), ('appdb', 'tried'), ('appdb', 'not_yet')")
    lab.resync("catchup")
    assert lab.sql(lab.b, "SELECT name FROM information_schema.innodb_tablespaces WHERE name = 'tried'") == ()
    lab.assert_clean()


@pytest.mark.parametrize("method", ["clone", "dump"])
def test_a_stray_directory_where_a_schema_will_be(lab, method):
    with stray_directory(lab):
        refused(lab, method, 91, "newcomer", DATA)
    assert lab.resync(method)["rung"] == method
    lab.assert_clean()


def test_where_no_rung_works_the_node_keeps_its_data_and_the_object_is_named(lab):
    diverge_by_ddl(lab)
    with stray_directory(lab):
        before = digest(lab)
        job = lab.wait_job(lab.queue("auto"), "failed")
        assert set(refusals(job)) == {"catchup", "rewind", "clone", "dump"} and job["lasting"]
        assert "newcomer" in job["why"] and DATA in job["why"], job
        assert_kept(lab, before)
    assert lab.resync()["rung"] == "clone"
    lab.assert_clean()


def test_tables_that_clone_would_leave_empty(lab):
    lab.prepare("CREATE TABLE appdb.counted (i INT PRIMARY KEY) ENGINE = MyISAM", "INSERT INTO appdb.counted VALUES (1), (2)")
    refused(lab, "clone", 81, "appdb.counted", "MyISAM")
    diverge_by_ddl(lab)
    job = lab.resync()
    assert job["rung"] == "dump" and "appdb.counted" in refusals(job)["clone"]
    lab.assert_clean()
    lab.sql(lab.a, "DROP TABLE appdb.counted")


def test_a_missing_privilege_is_found_before_anything_is_dropped(lab):
    on_b(lab, "REVOKE SET_ANY_DEFINER ON *.* FROM relevo_rebuild")
    try:
        refused(lab, "dump", 89, "SET_ANY_DEFINER", "GRANT")
    finally:
        on_b(lab, "GRANT SET_ANY_DEFINER ON *.* TO relevo_rebuild")
    lab.resync()


@pytest.mark.long
def test_an_engine_that_the_node_has_switched_off(fresh):
    lab = fresh
    lab.make_node(lab.b, "--disabled-storage-engines=MyISAM,ARCHIVE")
    lab.wait_ready(lab.b)
    lab.open_primary()
    lab.resync()
    lab.sql(lab.b, "STOP REPLICA")
    lab.sql(lab.a, "CREATE TABLE appdb.old (i INT PRIMARY KEY) ENGINE = MyISAM")
    refused(lab, "dump", 80, "MyISAM", "appdb.old", "disabled_storage_engines")
    lab.sql(lab.a, "DROP TABLE appdb.old")
    # ... and one that cannot be had: a table in a directory that the node does not know
    lab.make_node(lab.a, "--innodb-directories=/ext", docker=("--tmpfs", "/ext:uid=999,gid=999"), seed=True)
    lab.wait_ready(lab.a)
    lab.open_primary()
    lab.sql(lab.a, "CREATE TABLE appdb.elsewhere (i INT PRIMARY KEY) DATA DIRECTORY = '/ext'")
    lab.epoch += 1
    lab.open_primary()
    for method in ("clone", "dump"):
        refused(lab, method, 83, "/ext", "innodb_directories")


# ---- what a dump carries over, or names ------------------------------------------------------------------------------

SRS = ("CREATE SPATIAL REFERENCE SYSTEM 990001 NAME 'mine' DEFINITION 'GEOGCS[\"WGS 84\",DATUM[\"World Geodetic System 1984\","
       "SPHEROID[\"WGS 84\",6378137,298.257223563]],PRIMEM[\"Greenwich\",0],UNIT[\"degree\",0.017453292519943278],"
       "AXIS[\"Lat\",NORTH],AXIS[\"Lon\",EAST]]'")


def test_a_dump_carries_every_kind_of_object(lab):
    ends = "ENDS NOW() + INTERVAL 1 SECOND"
    lab.sql(lab.a, "DROP DATABASE IF EXISTS kinds", "CREATE DATABASE kinds", "USE kinds", SRS,
            "CREATE TABLESPACE ts1 ADD DATAFILE 'ts1.ibd' AUTOEXTEND_SIZE = 4M",
            "CREATE TABLE t (id INT PRIMARY KEY, a INT) TABLESPACE ts1", "INSERT INTO t VALUES (1, 1), (2, 5)",
            "CREATE TABLE g (id INT PRIMARY KEY, p POINT SRID 990001)",
            "CREATE TABLE f (id INT PRIMARY KEY, words TEXT, FULLTEXT KEY (words) WITH PARSER ngram)",
            "ANALYZE TABLE t UPDATE HISTOGRAM ON a WITH 8 BUCKETS",
            "CREATE LIBRARY lib1 COMMENT 'one' LANGUAGE JAVASCRIPT AS $$ export function f(n) { return n + 1; } $$",
            "CREATE FUNCTION f1(n INT) RETURNS INT DETERMINISTIC LANGUAGE JAVASCRIPT USING (lib1 AS l) AS $$ return l.f(n); $$",
            "CREATE JSON RELATIONAL DUALITY VIEW duality AS SELECT JSON_DUALITY_OBJECT('_id': id, 'a': a) FROM t",
            "CREATE MATERIALIZED VIEW kept_view AS SELECT 1 AS one",
            f"CREATE EVENT gone ON SCHEDULE EVERY 1 DAY STARTS NOW() {ends} DISABLE DO DO 1",
            f"CREATE EVENT lasts ON SCHEDULE EVERY 1 DAY STARTS NOW() {ends} ON COMPLETION PRESERVE DISABLE DO DO 1",
            "CREATE EVENT once ON SCHEDULE AT NOW() + INTERVAL 1 SECOND DISABLE DO DO 1")
    time.sleep(1.5)  # their ends have passed
    job = lab.resync("dump")
    # A server in read_only takes no histogram, and b stays so throughout.
    assert [left["object"] for left in job["not_copied"]] == ["HISTOGRAM kinds.t.a"] and job["left_out"] == 1, job
    assert lab.sql(lab.b, "SELECT event_name, on_completion FROM information_schema.events WHERE event_schema = 'kinds'"
                   " ORDER BY 1") == (("gone", "NOT PRESERVE"), ("lasts", "PRESERVE"), ("once", "NOT PRESERVE"))
    one, two = ([lab.sql(node, f"SHOW CREATE {what}")[0] for what in (
        "LIBRARY kinds.lib1", "VIEW kinds.duality", "VIEW kinds.kept_view", "EVENT kinds.gone", "FUNCTION kinds.f1",
        "TABLE kinds.t", "TABLE kinds.g", "TABLE kinds.f")] for node in (lab.a, lab.b))
    assert one == two
    lab.assert_clean()
    # What comes later by replication finds them.
    lab.sql(lab.a, "DROP EVENT kinds.gone", "DROP EVENT kinds.lasts", "DROP EVENT kinds.once", "DROP FUNCTION kinds.f1",
            "DROP LIBRARY kinds.lib1", "DROP VIEW kinds.kept_view", "DROP VIEW kinds.duality", "DROP DATABASE kinds",
            "DROP TABLESPACE ts1", "DROP SPATIAL REFERENCE SYSTEM 990001")
    lab.assert_clean()


def test_what_a_dump_does_not_carry_is_named(lab):
    lab.prepare("CREATE DATABASE half", "CREATE TABLE half.t (i INT)", "CREATE VIEW half.v AS SELECT i FROM half.t",
                "DROP TABLE half.t")
    lab.sql(lab.a, "CREATE TABLE mysql.masking_words (word TEXT)", local=True)
    lab.sql(lab.a, "CREATE RESOURCE GROUP slow_ones TYPE = USER")
    try:
        job = lab.resync("dump")
        named = {left["object"]: left["why"] for left in job["not_copied"]}
        assert set(named) >= {"VIEW half.v", "SYSTEM TABLE mysql.masking_words"}, job
        assert job["left_out"] == len(named) and "half.t" in named["VIEW half.v"] + str(named)
        alarm = lab.events("ALARM")[-1]
        assert "VIEW half.v" in alarm["detail"]["objects"], alarm
    finally:
        lab.sql(lab.a, "DROP RESOURCE GROUP slow_ones")
        lab.sql(lab.a, "DROP TABLE mysql.masking_words", local=True)
        lab.sql(lab.a, "DROP VIEW half.v", local=True)
        lab.sql(lab.a, "DROP DATABASE half")
    lab.assert_clean()


def test_a_dump_under_a_default_of_encryption(lab):
    settings = ("default_table_encryption", "table_encryption_privilege_check")
    for node in (lab.a, lab.b):
        lab.sql(node, *[f"SET GLOBAL {name} = ON" for name in settings])
    try:
        assert lab.resync("dump")["rung"] == "dump"
        lab.assert_clean()
        # A schema that is to be encrypted cannot be on a node without a keyring.
        lab.sql(lab.b, "STOP REPLICA")
        lab.sql(lab.a, "CREATE DATABASE secret DEFAULT ENCRYPTION = 'Y'")
        for method in ("clone", "dump"):
            refused(lab, method, 84, "secret", "keyring")
    finally:
        for node in (lab.a, lab.b):
            lab.sql(node, *[f"SET GLOBAL {name} = OFF" for name in settings])
        lab.sql(lab.a, "DROP DATABASE IF EXISTS secret")
    lab.resync()


# ---- what a comparison sees ------------------------------------------------------------------------------------------

VIEW, FUNCTION = "CREATE VIEW defs.v AS SELECT 1", "CREATE FUNCTION defs.f() RETURNS INT DETERMINISTIC RETURN 1"
TRIGGER = "CREATE TRIGGER defs.tr BEFORE INSERT ON defs.t FOR EACH ROW SET NEW.a = 1"
LIBRARY = "CREATE LIBRARY defs.l LANGUAGE JAVASCRIPT AS $$ export function f() { return 1; } $$"
# What happens to b alone and how it is undone; how it is told: kind, name, whether b and a have it.
DEFINITIONS = (
    ("ALTER TABLE defs.t ADD KEY more (a)", "ALTER TABLE defs.t DROP KEY more", ("TABLE", "defs.t", 1, 1)),
    ("ALTER TABLE defs.m ADD KEY more (a)", "ALTER TABLE defs.m DROP KEY more", ("TABLE", "defs.m", 1, 1)),
    ("DROP VIEW defs.v", VIEW, ("VIEW", "defs.v", 0, 1)),
    ("ALTER VIEW defs.v AS SELECT 2", "ALTER VIEW defs.v AS SELECT 1", ("VIEW", "defs.v", 1, 1)),
    ("DROP FUNCTION defs.f", FUNCTION, ("FUNCTION", "defs.f", 0, 1)),
    ("CREATE PROCEDURE defs.more() DO 1", "DROP PROCEDURE defs.more", ("PROCEDURE", "defs.more", 1, 0)),
    ("DROP TRIGGER defs.tr", TRIGGER, ("TRIGGER", "defs.tr", 0, 1)),
    ("ALTER EVENT defs.e COMMENT 'other'", "ALTER EVENT defs.e COMMENT ''", ("EVENT", "defs.e", 1, 1)),
    ("DROP LIBRARY defs.l", LIBRARY, ("LIBRARY", "defs.l", 0, 1)),
    ("ALTER SCHEMA defs COLLATE utf8mb4_bin", "ALTER SCHEMA defs COLLATE utf8mb4_0900_ai_ci", ("SCHEMA", "defs", 1, 1)),
    ("ALTER USER clerk@'%' ACCOUNT LOCK", "ALTER USER clerk@'%' ACCOUNT UNLOCK", ("ACCOUNT", "clerk@%", 1, 1)),
    ("GRANT SELECT ON defs.t TO clerk@'%'", "REVOKE SELECT ON defs.t FROM clerk@'%'", ("GRANT", "clerk@% ON defs.t", 1, 0)),
    ("GRANT INSERT ON defs.* TO clerk@'%'", "REVOKE INSERT ON defs.* FROM clerk@'%'",
     ("GRANT", "clerk@% ON defs.*", 1, 1)),
    ("REVOKE desk FROM clerk@'%'", "GRANT desk TO clerk@'%'", ("ROLE", "desk@% TO clerk@%", 0, 1)),
)


@pytest.fixture
def defs(lab):
    lab.prepare("DROP DATABASE IF EXISTS defs", "DROP USER IF EXISTS clerk@'%'", "DROP ROLE IF EXISTS desk", "CREATE DATABASE defs",
                "CREATE TABLE defs.t (id INT PRIMARY KEY, a INT)", "INSERT INTO defs.t VALUES (1, 1)",
                "CREATE TABLE defs.m (id INT PRIMARY KEY, a INT) ENGINE = MyISAM", VIEW, FUNCTION, TRIGGER, LIBRARY,
                "CREATE EVENT defs.e ON SCHEDULE EVERY 1 DAY DO DO 1", "CREATE USER clerk@'%' IDENTIFIED BY 'secret'",
                "CREATE ROLE desk", "GRANT desk TO clerk@'%'", "GRANT SELECT ON defs.* TO clerk@'%'")
    yield lab
    lab.sql(lab.a, "DROP DATABASE defs", "DROP USER clerk@'%'", "DROP ROLE desk")


def test_a_comparison_sees_definitions(defs):
    lab = defs
    found = lab.verify()
    assert found["differing"] == 0, found
    for statement, undo, wanted in DEFINITIONS:
        on_b(lab, statement)
        found = lab.verify()
        told = [(one["kind"], one["table"], one["rows"], one["rows_primary"]) for one in found["differences"]]
        assert wanted in told, (statement, found)
        on_b(lab, undo)
    assert lab.verify()["differing"] == 0
