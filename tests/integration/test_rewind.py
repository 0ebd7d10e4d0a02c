"""The rewind rung against real servers: what diverged is undone, whatever its types, and nothing else is touched; what
cannot be undone is refused by name, and the next rung is taken."""
import json
import threading

import pytest

from lib.compare import rows
from lib.resync_lab import refusals
from lib.run import ROOT

HARD = (ROOT / "tests/cases/hard_schema.sql").read_text()


@pytest.fixture(autouse=True)
def no_leftovers(lab):
    yield
    lab.sql(lab.a, "DROP DATABASE IF EXISTS t", "DROP DATABASE IF EXISTS hard", "DROP DATABASE IF EXISTS `we``ird-ñ 名`",
            "DROP USER IF EXISTS ana, luis@'10.%'", "DROP ROLE IF EXISTS lector")


def assert_rewound(lab, **options):
    before = lab.uptime_began(lab.b)
    job = lab.resync(**options)
    assert job["rung"] == "rewind", refusals(job)
    assert abs(lab.uptime_began(lab.b) - before) < 3
    lab.assert_clean()
    return job


# ---- undone ----------------------------------------------------------------------------------------------------------

def test_what_diverged_is_undone_and_saved(lab):
    """Triggers, several tables in one statement, tags, savepoints, the same row again and again, and a busy primary."""
    lab.prepare("CREATE DATABASE t", "CREATE TABLE t.u (id INT PRIMARY KEY, n INT UNIQUE, s VARCHAR(20))",
            "INSERT INTO t.u VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c'), (4, 4, 'd')")
    lab.diverge(
        "INSERT INTO appdb.customers (name, email) VALUES ('solo', 'only-b')",
        "UPDATE appdb.orders SET amount = amount + 1 WHERE id IN (1, 2)",
        "SET SESSION gtid_next = 'AUTOMATIC:tagged'", "DELETE FROM appdb.orders WHERE id = 4",
        "SET SESSION gtid_next = 'AUTOMATIC'",
        "UPDATE t.u SET n = n + 1 ORDER BY n DESC", "UPDATE t.u SET n = n - 1 ORDER BY n",
        "UPDATE t.u SET id = id + 10 ORDER BY id DESC", "DELETE FROM t.u WHERE id = 12",
        "INSERT INTO t.u VALUES (2, 2, 'other'), (12, 99, 'x')", "REPLACE INTO t.u VALUES (2, 4, 'takes two')",
        "INSERT INTO t.u VALUES (2, 7, 'y') ON DUPLICATE KEY UPDATE n = 8",
        "BEGIN", "SAVEPOINT one", "DELETE FROM t.u", "ROLLBACK TO one", "UPDATE t.u, appdb.customers c SET s = 'm',"
        " c.name = 'm' WHERE c.id = 1", "SAVEPOINT two", "INSERT INTO t.u VALUES (50, 50, NULL)", "COMMIT",
        "INSERT INTO relevo.heartbeat (id, epoch, ts_ms, server_uuid) VALUES (1, 1, 1, @@server_uuid) ON DUPLICATE KEY"
        " UPDATE ts_ms = ts_ms + 1" if has_heartbeat(lab) else "DO 0")
    lab.sql(lab.a, "UPDATE t.u SET s = CONCAT(s, '!')", "INSERT INTO t.u VALUES (60, 60, 'primary')")
    job = assert_rewound(lab)
    assert job["rescued"] >= 11 and (lab.rescued / job["rescued_file"]).stat().st_size > 1000
    assert "deshace" in job["why"] and refusals(job).keys() == {"catchup"}
    said = lab.logs()
    assert said.rfind(job["rescued_file"]) < said.rfind("deshechas")  # saved first


def has_heartbeat(lab):
    return lab.value(lab.b, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'relevo' AND"
                            " table_name = 'heartbeat'")


@pytest.mark.parametrize("compressed", ["OFF", "ON"])
def test_every_type(lab, compressed):
    lab.run_file(lab.a, HARD)
    lab.prepare()
    lab.diverge(
        f"SET SESSION binlog_transaction_compression = {compressed}", "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
        "USE hard",
        "UPDATE types SET f = f + 1, d = d * 2, fm = 1, de = -de, bo = NOT bo, b1 = b'0', b64 = 3, c = 'ñ', vc = NULL,"
        " e = 'ñ', s = 'x', y = 1999, j = '{}', t = '01:02:03.5', inv = inv + 1, uu = x'00'",
        "UPDATE types SET g = NULL, p = ST_GeomFromText('POINT(1 1)', 4326), v = TO_VECTOR('[0,0,0,1]'), l1 = CONCAT(id),"
        " sj = NULL, u16 = 'x', gbk = 'y', u4 = '', tb = NULL, lb = '', tx = 'other', lt = REPEAT('ñ', 70000),"
        " dt = NULL, dtm = NULL, ts = NULL, bin = 'z', vb = REPEAT('z', 300), ti = 3, si = 1, mi = -1, bi = 1, zf = 7",
        "DELETE FROM types WHERE id IN (1, 2, 0)", "INSERT INTO types (id, ti, vc) VALUES (1, 4, 'again'), (9, 9, NULL)",
        "UPDATE par SET id = id + 1, y = 2100 - y + 1900", "DELETE FROM par WHERE y > 2000", "INSERT INTO par VALUES (9, 9)",
        "UPDATE `we``ird t` SET `co``l ñ` = 2", "INSERT INTO `we``ird-ñ 名`.t VALUES (5)",
        "INSERT INTO big (a, b) VALUES ('trigger', 'fires')", "DELETE FROM big WHERE id % 100 = 0",
        "UPDATE big SET b = 'n' WHERE id < 500", "INSERT INTO nopk VALUES (7, 'hidden key')", "DELETE FROM nopk LIMIT 1",
        "DELETE FROM log_t", "INSERT INTO empty_t VALUES (1), (2)")
    lab.sql(lab.a, "UPDATE hard.types SET si = 77 WHERE id = 1", "INSERT INTO hard.big (a, b) VALUES ('a', 'goes on')",
            "DELETE FROM hard.big WHERE id = 600")
    job = assert_rewound(lab)
    summary = json.loads((lab.rescued / (job["rescued_file"] + ".json")).read_text())
    assert summary["compressed_transactions"] == 0  # unpacked and counted like the others
    assert {t["table"]: t["inserts"] for t in summary["tables"]}["empty_t"] == 2


def test_wide_tables_every_width_and_every_null(lab):
    statements = ["CREATE DATABASE t"]
    changes = []
    for width in (7, 8, 9, 63, 64, 65, 251, 300, 1000):
        columns = ", ".join(f"c{i} {'SMALLINT' if i % 9 else 'VARCHAR(9)'}" for i in range(width - 1))
        statements.append(f"CREATE TABLE t.w{width} (id INT PRIMARY KEY, {columns}) ROW_FORMAT = DYNAMIC")
        statements.append(f"INSERT INTO t.w{width} (id, c0, c{width - 2}) VALUES (1, 1, 2), (2, NULL, 3), (3, 4, NULL)")
        changes += [f"UPDATE t.w{width} SET c0 = NULL, c{width // 2} = id", f"DELETE FROM t.w{width} WHERE id = 2",
                    f"INSERT INTO t.w{width} (id) VALUES (2), (7)"]
    lab.prepare(*statements)
    lab.diverge(*changes)
    assert_rewound(lab)


KEYS = {
    "ints": ("a TINYINT, b BIGINT UNSIGNED", "(-128, 18446744073709551615), (127, 0)"),
    "decimal": ("a DECIMAL(30, 10), b SMALLINT UNSIGNED", "(-123456789012345.0000000001, 65535), (0, 1)"),
    "text": ("a VARCHAR(50) CHARACTER SET utf8mb4, b CHAR(5) CHARACTER SET latin1", "('ñ🎉''\\\\', 'é'), ('', ''), ('A', 'b')"),
    "charsets": ("a VARCHAR(9) CHARACTER SET utf16, b VARCHAR(9) CHARACTER SET sjis", "('名', 'ソ'), ('x', 'y')"),
    "binary": ("a VARBINARY(20), b BINARY(4)", "(x'0027005c', x'00'), ('', 'abcd')"),
    "prefix": ("a BLOB, b TEXT", "('blob', 'text'), ('b2', 't2')"),
    "time": ("a DATETIME(6), b TIMESTAMP(3)", "('2000-01-01 10:00:00.000001', '2020-02-02 02:02:02.5'), ('1000-01-01', '1971-01-01')"),
    "date": ("a DATE, b TIME(2)", "('2000-02-29', '-838:59:59'), ('9999-12-31', '00:00:00.01')"),
    "odd": ("a ENUM('x', 'y,z'), b SET('p', 'q')", "('x', 'p,q'), ('y,z', '')"),
    "bits": ("a BIT(40), b YEAR", "(b'1', 1901), (0xFFFFFFFFFF, 2155)"),
    "floats": ("a FLOAT, b DOUBLE", "(0.1, 0.1), (-3.5e-20, 1e300)"),
}


def test_every_type_of_key(lab):
    statements = ["CREATE DATABASE t CHARACTER SET utf8mb4"]
    changes = []
    for name, (columns, values) in KEYS.items():
        key = "a(3), b(3)" if name == "prefix" else "a, b"
        statements += [f"CREATE TABLE t.`{name}` ({columns}, v INT, PRIMARY KEY ({key}))",
                       f"INSERT INTO t.`{name}` (a, b) VALUES {values}"]
        changes += [f"UPDATE t.`{name}` SET v = 1", f"DELETE FROM t.`{name}` LIMIT 1"]
    lab.prepare(*statements)
    lab.diverge(*changes)
    job = assert_rewound(lab)
    assert job["rescued"] == len(changes)
    count = sum(len(lab.sql(lab.b, f"SELECT 1 FROM t.`{name}`")) for name in KEYS)
    assert f"las {count} filas" in lab.logs()  # each row was found again by its key, and compared


def test_rows_of_a_megabyte_and_more(lab):
    lab.prepare("CREATE DATABASE t", "CREATE TABLE t.b (id INT PRIMARY KEY, x LONGBLOB, j JSON)",
            "INSERT INTO t.b VALUES (1, REPEAT('a', 1 << 20), NULL), (2, REPEAT('b', 5 << 20), '[1]')")
    lab.diverge("UPDATE t.b SET x = REPEAT('c', 3 << 20) WHERE id = 1", "DELETE FROM t.b WHERE id = 2",
                "INSERT INTO t.b VALUES (2, 'small', JSON_ARRAY(REPEAT('j', 1 << 20))), (3, REPEAT('d', 1 << 20), NULL)")
    assert_rewound(lab)


def test_a_thousand_transactions_while_the_primary_is_written(lab):
    """The rows that are looked at change all the while."""
    lab.diverge_a_thousand()
    stop = threading.Event()

    def write():
        with lab.session(lab.a) as session:
            while not stop.is_set():
                rows(session, "UPDATE appdb.orders SET amount = amount + 1 WHERE id = 1")
                rows(session, "INSERT INTO appdb.customers (name, email) VALUES ('busy', UUID())")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        job = lab.resync()
    finally:
        stop.set()
        writer.join()
    assert job["rung"] == "rewind" and job["rescued"] == 1000, (job, lab.logs()[-2000:])
    lab.assert_clean()


def test_a_parent_whose_key_stays_is_undone(lab):
    """Its children would be taken along, but only by another key, or by a row that goes."""
    lab.prepare(*SETUP)
    lab.diverge("UPDATE t.p SET k = k + 10, j = NULL", "INSERT INTO t.p VALUES (8, NULL, 8)", "UPDATE t.p SET k = 9 WHERE id = 8",
                "UPDATE t.q SET v = v + 1", "UPDATE t.kid SET p = 2")
    assert_rewound(lab)


# ---- refused ---------------------------------------------------------------------------------------------------------

SETUP = ("CREATE DATABASE t", "CREATE TABLE t.p (id INT PRIMARY KEY, j JSON, k INT UNIQUE)",
         "INSERT INTO t.p VALUES (1, JSON_OBJECT('a', REPEAT('x', 500), 'b', 1), 1), (2, NULL, 2)",
         "CREATE TABLE t.kid (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES t.p (id) ON DELETE CASCADE"
         " ON UPDATE CASCADE)", "INSERT INTO t.kid VALUES (1, 1)",
         "CREATE TABLE t.q (n INT, a INT, v INT, b INT, PRIMARY KEY (n), UNIQUE (a, b))", "INSERT INTO t.q VALUES (1, 2, 0, 2)",
         "CREATE TABLE t.kin (id INT PRIMARY KEY, a INT, b INT, FOREIGN KEY (a, b) REFERENCES t.q (a, b) ON UPDATE SET NULL)",
         "INSERT INTO t.kin VALUES (1, 2, 2)", "CREATE TABLE t.bare (a INT)", "INSERT INTO t.bare VALUES (1)",
         "CREATE TABLE t.isam (a INT PRIMARY KEY) ENGINE = MyISAM", "CREATE TABLE t.changed (a INT PRIMARY KEY)",
         "CREATE TABLE t.gone (a INT PRIMARY KEY)")
REFUSED = {  # what b does, what a does, the reason's words and its rule
    "ddl": (["CREATE TABLE t.new (a INT PRIMARY KEY)"], [], "CREATE TABLE", 61),
    "account": (["CREATE USER refused IDENTIFIED BY 'secret-word'"], [], "CREATE USER", 61),
    "statement": (["SET SESSION binlog_format = STATEMENT", "INSERT INTO t.p VALUES (9, NULL, 9)"], [], "INSERT INTO", 61),
    "xa": (["XA START 'x'", "INSERT INTO t.p VALUES (9, NULL, 9)", "XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'"], [],
           "XA", 62),
    "partial json": (["SET SESSION binlog_row_value_options = PARTIAL_JSON",
                      "UPDATE t.p SET j = JSON_SET(j, '$.b', 2) WHERE id = 1"], [], "t.p", 63),
    "minimal image": (["SET SESSION binlog_row_image = MINIMAL", "UPDATE t.p SET k = 5 WHERE id = 1"], [], "t.p", 64),
    "system table": (["UPDATE mysql.time_zone SET Use_leap_seconds = 'Y'",
                      "INSERT INTO mysql.time_zone (Use_leap_seconds) VALUES ('N')"], [], "mysql.time_zone", 70),
    "table gone": (["INSERT INTO t.gone VALUES (1)"], ["DROP TABLE t.gone"], "t.gone", 71),
    "myisam": (["INSERT INTO t.isam VALUES (1)"], [], "t.isam", 72),
    "no key": (["DELETE FROM t.bare"], [], "t.bare", 73),
    "changed table": (["INSERT INTO t.changed VALUES (1)"], ["ALTER TABLE t.changed ADD b INT"], "t.changed", 74),
    "cascade of a delete": (["DELETE FROM t.p WHERE id = 1"], [], "t.kid", 75),
    "cascade of an update": (["UPDATE t.p SET id = 7 WHERE id = 1"], [], "t.kid", 75),
    "cascade of half a key": (["UPDATE t.q SET b = 3"], [], "t.kin", 75),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name_and_then_cloned(lab, name):
    there, here, words, rule = REFUSED[name]
    lab.prepare(*SETUP)
    lab.diverge(*there)
    lab.sql(lab.a, *here, "DO 0")
    before = len(lab.logs())
    job = lab.resync()
    assert job["rung"] == "clone" and words in refusals(job)["rewind"], (job, lab.logs()[-2000:])
    said = lab.logs()[before:]
    assert f"rule={rule}" in said and "secret-word" not in said + json.dumps(job)
    assert job["rescued"] >= 1
    lab.assert_clean()


def test_more_than_memory_should_hold_is_refused(lab):
    lab.prepare("CREATE DATABASE t", "CREATE TABLE t.b (id INT PRIMARY KEY AUTO_INCREMENT, x LONGBLOB)")
    lab.diverge("SET SESSION binlog_transaction_compression = ON",
                *["INSERT INTO t.b (x) VALUES (REPEAT('a', 20 << 20))"] * 4)
    job = lab.resync()
    assert job["rung"] == "clone" and str(64 << 20) in refusals(job)["rewind"]
    lab.assert_clean()


def test_asked_for_by_name_it_says_why_not(lab):
    lab.diverge("CREATE TABLE appdb.only_b (a INT)")
    job = lab.wait_job(lab.queue("rewind"), "failed")
    assert "CREATE TABLE" in job["why"]
    assert lab.sql(lab.b, "SELECT @@read_only, @@super_read_only") == ((1, 1),)
    lab.resync()
    lab.assert_clean()
    job = lab.wait_job(lab.queue("rewind"), "failed")
    assert "nada ha divergido" in job["why"]


def test_data_that_are_not_what_the_binlog_says(lab):
    """A row that is gone, without the binlog knowing: the undoing stops, all of it, and the node is rebuilt."""
    lab.diverge("INSERT INTO appdb.customers (name, email) VALUES ('one', 'one-b'), ('two', 'two-b')",
                "SET SESSION sql_log_bin = 0", "DELETE FROM appdb.customers WHERE email = 'one-b'")
    job = lab.resync()
    assert job["rung"] == "clone" and "deshacer" in refusals(job)["rewind"], job
    lab.assert_clean()


def test_a_row_that_differs_afterwards_is_noticed(lab):
    """Changed behind the binlog's back, and undone without complaint: looking at the rows shows it."""
    lab.prepare("CREATE DATABASE t", "CREATE TABLE t.d (id INT PRIMARY KEY, v VARCHAR(9))", "INSERT INTO t.d VALUES (1, 'a')")
    lab.diverge("INSERT INTO t.d VALUES (2, 'a')", "SET SESSION sql_log_bin = 0", "UPDATE t.d SET id = 3 WHERE id = 2",
                "INSERT INTO t.d VALUES (2, 'b')", "SET SESSION sql_log_bin = 1", "UPDATE t.d SET v = 'c' WHERE id = 3")
    job = lab.resync()
    assert job["rung"] == "clone" and "difieren" in refusals(job)["rewind"], job
    lab.assert_clean()
