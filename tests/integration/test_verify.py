"""`resync NODE method=verify` against real servers: it finds what differs, says where, and changes nothing."""
import contextlib
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.compare import rows
from lib.resync_lab import PASSWORDS, Lab
from lib.run import ROOT, wait_until

HARD = (ROOT / "tests/cases/hard_schema.sql").read_text()
# Keys of several columns and kinds, none at all, and one by the beginnings of a text.
TABLES = ("CREATE DATABASE cmp CHARACTER SET latin1",
          "CREATE TABLE cmp.plain (id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(40), b INT NOT NULL) CHARSET utf8mb4",
          "CREATE TABLE cmp.pair (w VARCHAR(20) COLLATE latin1_spanish_ci, n DECIMAL(8,3), e ENUM('z', 'a'), v DOUBLE,"
          " PRIMARY KEY (w, n DESC, e))",
          "CREATE TABLE cmp.moment (t DATETIME(6), u BINARY(4), f FLOAT, j JSON, PRIMARY KEY (t, u))",
          "CREATE TABLE cmp.keyless (a INT, b VARCHAR(10))",
          "CREATE TABLE cmp.beginnings (t TEXT, a INT, PRIMARY KEY (t(3)))",
          "INSERT INTO cmp.plain (a, b) VALUES ('x', 1)",
          *["INSERT INTO cmp.plain (a, b) SELECT UUID(), id FROM cmp.plain"] * 13,
          "INSERT INTO cmp.pair SELECT CONCAT('ñ', id % 700), id / 7, 1 + id % 2, RAND() FROM cmp.plain WHERE id < 5000",
          "INSERT INTO cmp.moment SELECT TIMESTAMPADD(MICROSECOND, id * 7, '2020-01-01'), UNHEX(LPAD(HEX(id), 8, '0')),"
          " RAND(), JSON_OBJECT('k', id) FROM cmp.plain WHERE id < 3000",
          "INSERT INTO cmp.keyless VALUES (1, 'a'), (1, 'a'), (2, NULL), (3, '')",
          "INSERT INTO cmp.beginnings VALUES ('abcd', 1), ('b', 2), ('', 3)")


@pytest.fixture(scope="module")
def lab():
    made = Lab("relevo-test-verify")
    made.up()
    made.start_service(RELEVO_VERIFY="auto")
    made.resync()
    made.run_file(made.a, HARD)
    made.sql(made.a, *TABLES, "DELETE FROM hard.big WHERE id > 3000", "ANALYZE TABLE cmp.plain",
             "DROP DATABASE `we``ird-ñ 名`", "DROP TABLE hard.`we``ird t`",  # CLONE fails over names with a backquote
             "DELETE FROM hard.my_isam")  # ... and copies no rows but those of InnoDB
    wait_until(lambda: made.executed(made.a) == made.executed(made.b), 60, "b has all that a has")
    yield made
    made.down()


def verify(lab, phase="done", **fields):
    """Queues a comparison of b and returns how it ended."""
    job_id = queue(lab, **fields)
    return wait_check(lab, job_id, phase)


def queue(lab, **fields):
    lab.jobs += 1
    job = {"id": f"check-{lab.jobs}", "epoch": lab.epoch, "phase": "queued", "method": "verify", "by": "test",
           "queued_ms": int(time.time() * 1000), **fields}
    lab.cli("HSET", "relevo:appdb:jobs", f"verify:{lab.b}", json.dumps(job))
    lab.cli("PUBLISH", "relevo:appdb:jobs", lab.b)
    return job["id"]


def check(lab):
    return json.loads(lab.cli("HGET", "relevo:appdb:jobs", f"verify:{lab.b}") or "{}")


def wait_check(lab, job_id, phase="done"):
    def ended():
        now = check(lab)
        assert now.get("id") == job_id and now["phase"] not in ("queued", "running"), (now, lab.logs()[-3000:])
        return now
    job = wait_until(ended, 90, f"{job_id} ends", every=0.1)
    assert job["phase"] == phase, (job, lab.logs()[-3000:])
    return job


@contextlib.contextmanager
def writer(lab):
    """Inserts, changes and deletes on the primary all the while."""
    stop, failed, written = threading.Event(), [], [0]

    def write():
        try:
            with lab.session(lab.a) as session:
                while not stop.is_set():
                    rows(session, "INSERT INTO cmp.plain (a, b) VALUES (UUID(), 0)")
                    rows(session, "UPDATE cmp.plain SET a = UUID() WHERE id BETWEEN 1 AND 40")
                    rows(session, "DELETE FROM cmp.plain WHERE b = 0 ORDER BY id LIMIT 1")
                    written[0] += 1
        except Exception as error:  # noqa: BLE001 - shown by the test
            failed.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        stop.set()
        thread.join()
    assert not failed, failed


@contextlib.contextmanager
def changed(lab, change, back):
    """b differs for a while: what it does behind replication's back, and the way back."""
    open_it = ("SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF")
    lab.sql(lab.b, *open_it, *change, "SET GLOBAL super_read_only = ON", local=True)
    try:
        yield
    finally:
        lab.sql(lab.b, *open_it, *back, "SET GLOBAL super_read_only = ON", local=True)


def test_equal_data_under_a_writer(lab):
    before = lab.sql(lab.b, "SELECT @@super_read_only, @@offline_mode, @@local_infile")
    with writer(lab) as written:
        job = verify(lab, command_id="verify-1")
        assert written[0] > 5
    assert job["differing"] == 0 and job["differences"] == [] and job["compared_rows"] > 10000, job
    assert job["rung"] == "verify" and job["donor"] == lab.a
    assert lab.sql(lab.b, "SELECT @@super_read_only, @@offline_mode, @@local_infile") == before
    event = lab.events("VERIFIED")[-1]
    assert event["severity"] == "info" and event["detail"]["rows"] == job["compared_rows"]
    wait_until(lambda: any(e["detail"].get("id") == "verify-1" for e in lab.events("COMMAND_FINISHED")), 5, "answered")
    lab.assert_streams()


SENTINEL = "SELECT WAIT_FOR_EXECUTED_GTID_SET('00000000-0000-4000-8000-000000000001:1', 60)"  # the watcher's, word for word


@pytest.mark.parametrize("statement, waits", [(SENTINEL, False), ("SELECT SLEEP(6) FROM cmp.plain LIMIT 1", True)])
def test_only_a_statement_that_is_in_the_way_is_waited_for(lab, statement, waits):
    """The read lock would wait for who has a table open, and every writer for the read lock. A statement that waits for
    something else, as the watcher has one on each node all the time, holds up nobody."""
    with lab.session(lab.a) as user, ThreadPoolExecutor() as threads:
        running = threads.submit(rows, user, statement)
        number = wait_until(lambda: lab.value(lab.a, "SELECT MAX(id) FROM performance_schema.processlist WHERE command = 'Query'"
                                                     f" AND time >= 1 AND info = {user.escape(statement)}"), 10, "it runs for long")
        began = time.monotonic()
        job = verify(lab)
        assert job["differing"] == 0
        if waits:
            assert running.done(), "it was not waited for"
        else:
            assert not running.done() and job["ended_ms"] - job["started_ms"] < 12000, job  # it waited for 14 s
            lab.sql(lab.a, f"KILL QUERY {number}")
        assert time.monotonic() - began < 40


DIFFERENCES = {
    "changed row": ("cmp.plain", ["UPDATE cmp.plain SET b = b + 1 WHERE id = 4711"],
                    ["UPDATE cmp.plain SET b = b - 1 WHERE id = 4711"], (1, 1)),
    "missing row": ("cmp.plain", ["DELETE FROM cmp.plain WHERE id = 4711"],
                    ["INSERT INTO cmp.plain SELECT 4711, 'was here', 7"], (0, 1)),
    "extra row behind the last": ("cmp.plain", ["INSERT INTO cmp.plain VALUES (2000000000, 'more', 1)"],
                                  ["DELETE FROM cmp.plain WHERE id = 2000000000"], (1, 0)),
    "NULL, not empty": ("cmp.plain", ["UPDATE cmp.plain SET a = NULL WHERE id = 5"],
                        ["UPDATE cmp.plain SET a = '' WHERE id = 5"], (1, 1)),
    "bytes moved over a border": ("cmp.pair", ["UPDATE cmp.pair SET v = v + 1e-9 WHERE w = 'ñ3' ORDER BY n LIMIT 1"],
                                  ["UPDATE cmp.pair SET v = v - 1e-9 WHERE w = 'ñ3' ORDER BY n LIMIT 1"], (1, 1)),
    "json": ("cmp.moment", ["UPDATE cmp.moment SET j = JSON_OBJECT('k', '1') WHERE j->'$.k' = 1"],
             ["UPDATE cmp.moment SET j = JSON_OBJECT('k', 1) WHERE j->'$.k' = '1'"], (1, 1)),
    "two equal rows exchanged for two others": ("cmp.keyless", ["UPDATE cmp.keyless SET a = 9 WHERE a = 1"],
                                                ["UPDATE cmp.keyless SET a = 1 WHERE a = 9"], (4, 4)),
    "no key, NULL": ("cmp.keyless", ["UPDATE cmp.keyless SET b = '' WHERE a = 2"],
                     ["UPDATE cmp.keyless SET b = NULL WHERE a = 2"], (4, 4)),
    "a table more": ("cmp.only_b", ["CREATE TABLE cmp.only_b (a INT)"], ["DROP TABLE cmp.only_b"], (0, 0)),
    "another definition": ("hard.empty_t", ["ALTER TABLE hard.empty_t ADD COLUMN b INT"],
                           ["ALTER TABLE hard.empty_t DROP COLUMN b"], (0, 0)),
}


@pytest.mark.parametrize("what", DIFFERENCES)
def test_a_difference_is_found(lab, what):
    table, change, back, counts = DIFFERENCES[what]
    if what == "missing row":
        lab.sql(lab.a, "REPLACE INTO cmp.plain VALUES (4711, 'was here', 7)")
    if what == "NULL, not empty":
        lab.sql(lab.a, "REPLACE INTO cmp.plain VALUES (5, '', 7)")
    wait_until(lambda: lab.executed(lab.a) == lab.executed(lab.b), 20, "b has all that a has")
    with changed(lab, change, back):
        job = verify(lab)
        found = job["differences"]
        assert job["differing"] == 1 and len(found) == 1, job
        assert found[0]["table"] == table and (found[0]["rows"], found[0]["rows_primary"]) == counts, job
        if found[0]["where"] and counts != (0, 0):  # the condition leads to the row
            assert lab.value(lab.b, f"SELECT COUNT(*) FROM {table} WHERE {found[0]['where']}") == counts[0]
        event = lab.events("VERIFIED")[-1]
        assert event["severity"] == "error" and event["detail"]["table"] == table
        assert lab.b in event["why"] and table in lab.logs()


def test_many_differences_are_counted_and_the_first_are_named(lab):
    with changed(lab, ["UPDATE cmp.plain SET b = b + 1 WHERE id % 500 = 1"], ["UPDATE cmp.plain SET b = b - 1 WHERE id % 500 = 1"]):
        job = verify(lab)
    assert job["differing"] >= 5 and len(job["differences"]) == 5, job
    assert all(found["rows"] == 1 for found in job["differences"])


def test_a_table_is_changed_meanwhile(lab):
    """No ALTER waits for the comparison, and it is no difference."""
    done = threading.Event()
    with lab.session(lab.a) as session:
        def alter():
            number = 0
            while not done.is_set():
                number += 1
                rows(session, "SET SESSION lock_wait_timeout = 2")
                rows(session, f"ALTER TABLE cmp.plain ADD COLUMN c{number} INT DEFAULT {number}")
                rows(session, f"ALTER TABLE cmp.plain DROP COLUMN c{number}")
                if number == 3 or done.wait(0.5):
                    return
        thread = threading.Thread(target=alter)
        thread.start()
        try:
            job = verify(lab)
        finally:
            done.set()
            thread.join()
    assert job["differing"] == 0, job
    lab.assert_streams()


def test_it_can_be_cancelled(lab):
    lab.sql(lab.a, "CREATE TABLE cmp.large LIKE cmp.plain", "INSERT INTO cmp.large SELECT * FROM cmp.plain",
            *["INSERT INTO cmp.large (a, b) SELECT UUID(), b FROM cmp.large"] * 5)
    wait_until(lambda: lab.executed(lab.a) == lab.executed(lab.b), 60, "b has all that a has")
    job_id = queue(lab, by="resync")  # the patient kind
    with lab.store() as store:  # `docker exec` takes as long as the comparison
        wait_until(lambda: json.loads(store.hget("relevo:appdb:jobs", f"verify:{lab.b}")).get("compared_rows", 0) > 0, 30,
                   "it compares", every=0.02)
        store.publish("relevo:appdb:commands", f"cancel {lab.b}")
    wait_check(lab, job_id, "cancelled")
    lab.assert_streams()


def test_after_a_copy_it_runs_by_itself(lab):
    for method in ("clone", "dump"):
        job = lab.resync(method)
        own = wait_check(lab, f"{job['id']}-verify")
        assert own["differing"] == 0 and own["by"] == "resync" and own["compared_rows"] > 10000, own
        assert lab.job()["id"] == job["id"], "the copy's own result is kept"
    lab.assert_streams()


@pytest.mark.parametrize("by, end", [("test", "cancelled"), ("resync", "done")])
def test_a_rebuild_comes_first(lab, by, end):
    """What a person asked for is given up, and told so; what follows a copy begins again."""
    job_id = queue(lab, by=by)
    wait_until(lambda: check(lab).get("compared_rows", 0) > 0, 30, "it compares", every=0.02)
    lab.sql(lab.b, "STOP REPLICA")
    lab.resync("catchup")
    job = wait_check(lab, job_id, end)
    assert end != "done" or job["differing"] == 0
    lab.assert_streams()


def test_what_cannot_be_compared_says_so(lab):
    with changed(lab, ["SET SESSION sql_log_bin = 1", "CREATE TABLE cmp.diverged (a INT)", "SET SESSION sql_log_bin = 0"],
                 ["DROP TABLE cmp.diverged"]):
        job = verify(lab, "failed")
    assert lab.events("VERIFY_FAILED")[-1]["severity"] == "warning" and "transacciones" in job["why"], job


def test_a_hand_over_does_not_end_it(lab):  # the last: it swaps the roles
    """The copied node becomes primary before all is compared: the other one is compared with it, in the new epoch."""
    job_id = lab.resync("clone")["id"] + "-verify"
    wait_until(lambda: check(lab).get("id") == job_id and check(lab)["compared_rows"] > 0, 30, "it compares", every=0.02)
    lab.sql(lab.a, "SET GLOBAL super_read_only = ON")
    wait_until(lambda: lab.executed(lab.a) == lab.executed(lab.b), 20, "b has all that a has")
    lab.sql(lab.b, "STOP REPLICA", "RESET REPLICA ALL", "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF")
    lab.epoch += 1
    lab.hset(epoch=lab.epoch, primary=lab.b, primary_uuid=lab.value(lab.b, "SELECT @@server_uuid"))
    password = PASSWORDS["RELEVO_REPL_PASSWORD"].replace("'", "''")
    lab.sql(lab.a, f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{lab.b}', SOURCE_USER = 'repl', SOURCE_SSL = 1,"
                   f" SOURCE_PASSWORD = '{password}', SOURCE_AUTO_POSITION = 1", "START REPLICA")

    def compared():
        job = json.loads(lab.cli("HGET", "relevo:appdb:jobs", f"verify:{lab.a}") or "{}")
        return job if job.get("id") == job_id and job["phase"] not in ("queued", "running") else None
    job = wait_until(compared, 90, "the other node is compared", every=0.1)
    assert (job["phase"], job["differing"], job["donor"], job["epoch"]) == ("done", 0, lab.b, lab.epoch), job
    assert check(lab)["phase"] == "cancelled" and lab.a in check(lab)["why"]
