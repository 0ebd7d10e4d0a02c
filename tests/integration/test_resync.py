"""db-resync against real servers: every rung, and what it says. There is no watcher here: the tests say who is primary and
queue the jobs, as the watcher would."""
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

from lib.compare import rows
from lib.resync_lab import BULK, PASSWORDS, SEED_LINES, refusals
from lib.run import ROOT, sh, wait_until

HARD = (ROOT / "tests/cases/hard_schema.sql").read_text()


def assert_seed_lines(text):
    at = [text.find(line) for line in SEED_LINES]
    assert all(i >= 0 for i in at) and at == sorted(at), (at, text)


# ---- the rungs -------------------------------------------------------------------------------------------------------

def test_catchup_copies_nothing(lab):
    lab.sql(lab.b, "STOP REPLICA")
    lab.sql(lab.a, "INSERT INTO appdb.customers (name, email) VALUES ('away', UUID())")
    said = lab.log_since()
    job = lab.resync()
    assert job["rung"] == "catchup" and not job["refused"] and job["done_bytes"] == 0
    assert_seed_lines(said())
    lab.assert_streams()
    lab.assert_equal()
    done = lab.events("RESYNC")[-1]
    assert done["detail"]["primary_node"] == lab.a and done["detail"]["replica_node"] == lab.b
    assert done["epoch"] == lab.epoch and done["source"] == "resync"
    row = lab.sql(lab.a, "SELECT primary_node, replica_node, last_backup IS NOT NULL, event_type FROM"
                  " appdb.system_events ORDER BY id DESC LIMIT 1")[0]
    assert row == (lab.a, lab.b, 1, "RESYNC")


def test_diverged_transactions_are_saved_then_the_node_is_cloned(lab):
    email = f"only-b-{time.time()}"
    lab.diverge(f"INSERT INTO appdb.customers (name, email) VALUES ('solo', '{email}')",
                "UPDATE appdb.orders SET amount = amount + 1 WHERE id IN (1, 2)",
                "SET SESSION gtid_next = 'AUTOMATIC:tagged'", "DELETE FROM appdb.orders WHERE id = 4",
                "SET SESSION gtid_next = 'AUTOMATIC'", "CREATE TABLE appdb.only_here (a INT)")
    extra = lab.value(lab.b, f"SELECT GTID_SUBTRACT(@@gtid_executed, '{lab.executed(lab.a)}')").replace("\n", "")
    said = lab.log_since()
    job = lab.resync()
    assert job["rung"] == "clone" and job["rescued"] == 4
    assert "4" in refusals(job)["catchup"] and "CREATE TABLE" in refusals(job)["rewind"]
    assert_seed_lines(said())
    lab.assert_streams()
    lab.assert_equal()

    summary = json.loads((lab.rescued / (job["rescued_file"] + ".json")).read_text())
    assert summary["gtids"] == extra and summary["transactions"] == 4 and summary["statements"] == 1
    changed = {t["table"]: (t["inserts"], t["updates"], t["deletes"]) for t in summary["tables"]}
    assert changed == {"customers": (1, 0, 0), "orders": (0, 2, 1), "order_log": (3, 0, 0)}
    event = lab.events("RESCUED")[-1]
    assert event["detail"]["file"] == job["rescued_file"] and event["detail"]["count"] == 4
    text = mysqlbinlog(lab, job["rescued_file"])
    assert email in text and ":tagged:1" in text and "CREATE TABLE appdb.only_here" in text
    assert len(re.findall(r"SET @@SESSION.GTID_NEXT= '[0-9a-f]{8}-", text)) == 4


def mysqlbinlog(lab, file):
    sh("docker", "cp", str(lab.rescued / file), f"{lab.a}:/tmp/rescued.binlog")
    return sh("docker", "exec", "-u", "0", lab.a, "mysqlbinlog", "--verify-binlog-checksum", "-v",
              "/tmp/rescued.binlog")


def test_what_is_written_after_the_rescue_is_saved_too(lab):
    emails = [f"{word}-{time.time()}" for word in ("early", "late")]
    lab.diverge(f"INSERT INTO appdb.customers (name, email) VALUES ('early', '{emails[0]}')")
    with lab.session(lab.a) as donor, ThreadPoolExecutor() as threads:
        threads.submit(rows, donor, "SELECT SLEEP(6) FROM appdb.orders LIMIT 1")  # the dump waits for a quiet moment of its donor
        wait_until(lambda: lab.value(lab.a, "SELECT COUNT(*) FROM performance_schema.processlist WHERE info LIKE"
                                            " 'SELECT SLEEP(6)%' AND time > 0"), 10, "the donor is not quiet")
        queued = lab.queue("dump")
        lab.wait_step(queued, "snapshot")
        lab.diverge(f"INSERT INTO appdb.customers (name, email) VALUES ('late', '{emails[1]}')")
    job = lab.wait_job(queued)
    assert job["rescued"] == 2
    text = mysqlbinlog(lab, job["rescued_file"])
    assert all(email in text for email in emails)
    lab.assert_streams()
    lab.assert_equal()


def test_a_rescued_file_can_be_applied_again(lab):
    email = f"again-{time.time()}"
    lab.diverge(f"INSERT INTO appdb.customers (name, email) VALUES ('again', '{email}')")
    job = lab.resync()
    mysqlbinlog(lab, job["rescued_file"])
    sh("docker", "exec", "-u", "0", "-e", f"MYSQL_PWD={PASSWORDS['MYSQL_ROOT_PASSWORD']}", lab.a, "sh", "-c",
       "mysqlbinlog --skip-gtids /tmp/rescued.binlog | mysql -uroot")
    assert lab.value(lab.a, f"SELECT COUNT(*) FROM appdb.customers WHERE email = '{email}'") == 1
    lab.assert_equal()


def test_purged_binlogs_make_it_a_clone(lab):
    lab.sql(lab.b, "STOP REPLICA")
    lab.sql(lab.a, "INSERT INTO appdb.customers (name, email) VALUES ('gone', UUID())", "FLUSH BINARY LOGS")
    newest = lab.sql(lab.a, "SHOW BINARY LOG STATUS")[0][0]
    lab.sql(lab.a, f"PURGE BINARY LOGS TO '{newest}'")
    job = lab.resync()
    assert job["rung"] == "clone" and "purgado" in refusals(job)["catchup"]
    lab.assert_streams()
    lab.assert_equal()


def test_other_transactions_under_the_same_numbers(lab):
    """a was rewound and gives the numbers of what was undone again; b still has what they were. By the sets of GTIDs
    nothing is wrong, and what a made under them is never sent."""
    uuid = lab.value(lab.a, "SELECT @@server_uuid")
    made = int(re.search(rf"{uuid}:[\d:-]*?(\d+)(?:,|$)", lab.executed(lab.a))[1])
    lab.diverge(f"SET SESSION gtid_next = '{uuid}:{made + 1}'",
                f"INSERT INTO appdb.customers (name, email) VALUES ('undone', 'undone-{time.time()}')",
                "SET SESSION gtid_next = 'AUTOMATIC'")
    lab.sql(lab.a, "INSERT INTO relevo.epoch (epoch, primary_name, primary_uuid, sync, rule, why) SELECT"
            f" COALESCE(MAX(epoch), 0) + 1, '{lab.a}', @@server_uuid, 0, 0, 'test' FROM relevo.epoch")
    assert lab.executed(lab.a) == lab.executed(lab.b)
    job = lab.resync()
    assert job["rung"] == "clone" and "relevo.epoch" in refusals(job)["catchup"], job
    lab.assert_streams()
    lab.assert_equal()


def test_without_the_clone_plugin_it_is_a_dump(lab):
    lab.sql(lab.b, "STOP REPLICA", "SET GLOBAL super_read_only = OFF", "UNINSTALL PLUGIN clone")
    lab.sql(lab.b, "SET GLOBAL super_read_only = ON")
    lab.diverge("CREATE TABLE appdb.only_b (a INT)")  # rows alone would be undone
    said = lab.log_since()
    job = lab.resync()
    assert job["rung"] == "dump" and "plugin" in refusals(job)["clone"] and job["rescued"] == 1
    assert "CREATE TABLE" in refusals(job)["rewind"]
    assert_seed_lines(said())
    lab.assert_streams()
    lab.assert_equal()
    sh("docker", "restart", "-t", "30", lab.b)  # loads the plugin again
    lab.wait_ready(lab.b)
    lab.resync()


def test_a_clone_that_fails_becomes_a_dump(lab):
    lab.sql(lab.a, "ALTER USER relevo_clone ACCOUNT LOCK")
    lab.assert_streams()
    lab.diverge("CREATE TABLE appdb.only_b (a INT)")
    try:
        job = lab.resync()
    finally:
        lab.sql(lab.a, "ALTER USER relevo_clone ACCOUNT UNLOCK")
    assert job["rung"] == "dump" and "relevo_clone" in refusals(job)["clone"]
    lab.assert_streams()
    lab.assert_equal()


def test_dump_of_everything_that_is_hard(lab):
    lab.run_file(lab.a, HARD)
    try:
        wait_until(lambda: lab.executed(lab.a) == lab.executed(lab.b), 60, "b has the hard schema")
        job = lab.resync("dump")
        assert job["rung"] == "dump"
        lab.assert_streams()
        lab.assert_equal()
        assert lab.sql(lab.b, "SELECT event_name, status FROM information_schema.events ORDER BY 1") == (
            ("ev_off", "DISABLED"), ("ev_on", "REPLICA_SIDE_DISABLED"))
        for table in ("keyed", "keyed_parts"):  # the rows came first
            assert lab.value(lab.b, "SELECT COUNT(*) FROM performance_schema.events_statements_summary_by_digest WHERE"
                                    f" digest_text LIKE 'ALTER TABLE `hard` . `{table}` ADD KEY%'") == 1, table
        lab.sql(lab.a, "INSERT INTO hard.big (a, b) VALUES (UUID(), 'after')", "DELETE FROM hard.types WHERE id = 0")
        lab.assert_equal()
        lab.diverge("CREATE TABLE hard.only_b (a INT)")
        job = lab.resync()  # CLONE would end half-way over the names
        assert job["rung"] == "dump" and "(`)" in refusals(job)["clone"]
        lab.assert_streams()
        lab.assert_equal()
    finally:
        lab.sql(lab.a, "DROP DATABASE hard", "DROP DATABASE `we``ird-ñ 名`", "DROP USER ana, luis@'10.%'", "DROP ROLE lector")


def test_dump_removes_what_the_primary_does_not_have(lab):
    lab.diverge("CREATE DATABASE only_b", "CREATE TABLE only_b.t (a INT)", "CREATE USER only_b IDENTIFIED BY 'x'",
                "CREATE VIEW appdb.only_b AS SELECT 1 AS one")
    job = lab.resync("dump")
    assert job["rescued"] == 4
    lab.assert_streams()
    lab.assert_equal()


def test_dump_keeps_up_with_a_writer(lab):
    lab.sql(lab.a, *BULK)
    job_id = lab.queue("dump")
    writes = 0
    with lab.session(lab.a) as session, session.cursor() as cursor:
        while lab.job()["id"] != job_id or lab.job()["phase"] in ("queued", "running"):
            cursor.execute("INSERT INTO bulk.t (a, b) VALUES ('w', UUID())")
            cursor.execute("UPDATE bulk.t SET b = UUID() WHERE id = 1")
            cursor.execute("DELETE FROM bulk.t WHERE id = (SELECT * FROM (SELECT MIN(id) + 7 FROM bulk.t) AS m)")
            writes += 1
    lab.wait_job(job_id)
    assert writes > 10
    lab.assert_streams()
    lab.assert_equal()


# ---- other servers ---------------------------------------------------------------------------------------------------

def test_without_gtids_the_dump_follows_by_file_and_position(fresh):
    lab = fresh
    off = ("--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")
    lab.make_node(lab.a, *off, seed=True)
    lab.make_node(lab.b, *off)
    for node in (lab.a, lab.b):
        lab.wait_ready(node)
    lab.open_primary()
    lab.sql(lab.a, *BULK[:9])
    said = lab.log_since()
    job = lab.resync()
    assert job["rung"] == "dump" and "gtid_mode" in refusals(job)["catchup"]
    assert_seed_lines(said())
    assert re.search(r"SOURCE_LOG_FILE=binlog\.\d+ SOURCE_LOG_POS=\d+", said())
    lab.sql(lab.a, "INSERT INTO bulk.t (a, b) VALUES ('c', 'd')")
    wait_until(lambda: lab.value(lab.b, "SELECT COUNT(*) FROM bulk.t") == lab.value(lab.a, "SELECT COUNT(*) FROM bulk.t"),
               20, "b follows")
    assert lab.sql(lab.b, "SHOW REPLICA STATUS")[0]
