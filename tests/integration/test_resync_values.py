"""A dump under what makes values depend on sessions and servers: zones, warnings, defaults for encryption."""
import contextlib

from lib.compare import rows
from lib.run import wait_until

SERVER = {"time_zone": "'+09:00'", "default_table_encryption": "1", "table_encryption_privilege_check": "1"}
MADE = (
    "CREATE DATABASE odd DEFAULT ENCRYPTION = 'N'", "USE odd",
    # Computed by the zone of the session: as the server has it, and as one client had it.
    "CREATE TABLE zoned (id INT PRIMARY KEY, at TIMESTAMP NULL, loc VARCHAR(30) GENERATED ALWAYS AS"
    " (DATE_FORMAT(at, '%Y-%m-%d %H:%i')) STORED, KEY (loc))",
    "INSERT INTO zoned (id, at) VALUES (1, '2026-01-01 00:30:00'), (2, '2026-07-01 01:30:00'), (3, NULL)",
    "CREATE TABLE mixed LIKE zoned", "INSERT INTO mixed (id, at) VALUES (1, '2026-01-01 00:30:00')",
    "SET SESSION time_zone = '-03:00'", "INSERT INTO mixed (id, at) VALUES (2, '2026-01-01 00:30:00')",
    "SET SESSION time_zone = DEFAULT",
    # The server warns of each row, and is wrong: what it computes is what is stored.
    "SET SESSION sql_mode = ''",
    "CREATE TABLE warned (id INT PRIMARY KEY, e ENUM('x'), v VARCHAR(10), n INT GENERATED ALWAYS AS (CAST(v AS SIGNED)) STORED,"
    " w INT GENERATED ALWAYS AS (CAST(v AS SIGNED)) VIRTUAL, KEY (w), CHECK (CAST(v AS SIGNED) < 9))",
    "INSERT INTO warned (id, e, v) VALUES " + ", ".join(f"({i}, 'bad', '{i % 5}')" for i in range(40)),
    "INSERT INTO warned (id, e, v) VALUES (40, 'x', '3 pounds'), (41, 'bad', 'none')")


@contextlib.contextmanager
def defaults(lab, values):
    """Of both servers, for new sessions."""
    for node in (lab.a, lab.b):
        lab.sql(node, *[f"SET GLOBAL {name} = {value}" for name, value in values.items()])
    try:
        yield
    finally:
        for node in (lab.a, lab.b):
            lab.sql(node, *[f"SET GLOBAL {name} = DEFAULT" for name in values])


def test_a_dump_of_what_depends_on_sessions(lab):
    """Nothing changes on the way, but for what nobody can know: which client stored which row in which zone. That is named."""
    before = len(lab.events("ALARM"))
    with defaults(lab, SERVER):
        try:
            lab.sql(lab.a, *MADE)
            wait_until(lambda: lab.executed(lab.a) == lab.executed(lab.b), 60, "b has what a has")
            assert lab.resync("dump")["rung"] == "dump"
            lab.assert_streams()
            for table in ("zoned", "warned"):
                a, b = (rows_of(lab, node, table) for node in (lab.a, lab.b))
                assert a == b and a, table
            a, b = (rows_of(lab, node, "mixed") for node in (lab.a, lab.b))
            assert [row[:2] for row in a] == [row[:2] for row in b] and a != b
            told = [event["why"] for event in lab.events("ALARM")[before:]]
            assert len(told) == 1 and "odd.mixed" in told[0] and "loc" in told[0], told
        finally:
            lab.sql(lab.a, "DROP DATABASE IF EXISTS odd")
    lab.assert_equal()


def rows_of(lab, node, table):
    with lab.session(node) as session:
        rows(session, "SET SESSION time_zone = '+00:00'")
        return rows(session, f"SELECT * FROM odd.{table} ORDER BY id")


# A routine made by a client of another character set, in a schema whose name reads otherwise in it, and whose collation has
# changed since: the dump gives the schema the old collation for that moment.
LATIN = ("CREATE DATABASE `año` COLLATE utf8mb4_bin", "USE `año`", "SET character_set_client = latin1",
         "CREATE FUNCTION f1() RETURNS INT DETERMINISTIC RETURN 1", "SET NAMES utf8mb4",
         "ALTER DATABASE `año` COLLATE utf8mb4_0900_ai_ci")


def test_a_schema_whose_name_reads_otherwise_in_the_character_set_of_its_routine(lab):
    try:
        lab.sql(lab.a, *LATIN)
        wait_until(lambda: lab.executed(lab.a) == lab.executed(lab.b), 60, "b has what a has")
        assert lab.resync("dump")["rung"] == "dump"
        lab.assert_streams()
        for node in (lab.a, lab.b):
            assert lab.value(node, "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = 'año'"
                             ) == "utf8mb4_0900_ai_ci"
            assert lab.value(node, "SELECT database_collation FROM information_schema.routines WHERE routine_schema = 'año'"
                             ) == "utf8mb4_bin"
    finally:
        lab.sql(lab.a, "DROP DATABASE IF EXISTS `año`")
    lab.assert_equal()
