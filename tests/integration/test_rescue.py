"""What is saved, and what has nothing to save: transactions that change no data, and those of Relevo's own rows; and that
a saved file can be applied again as the README says."""
import json
import re

import pymysql
import pytest

from lib import engine
from lib.compare import rows
from lib.resync_lab import PASSWORDS, refusals
from lib.run import sh, sh_result

@pytest.fixture
def own(lab):
    """Relevo's own tables, which DB.sql makes, have a row each."""
    lab.prepare("REPLACE INTO relevo.heartbeat (id, epoch, ts_ms, server_uuid) VALUES (1, 7, 1000, @@server_uuid)",
                "REPLACE INTO relevo.epoch (epoch, primary_name, primary_uuid, sync, rule, why) VALUES (1, 'a', @@server_uuid, 0, 0, '')")
    return lab


def extra(lab):
    return lab.value(lab.b, f"SELECT GTID_SUBTRACT(@@gtid_executed, '{lab.executed(lab.a)}')").replace("\n", "")


def count(gtids):
    return sum(int(last or first) - int(first) + 1 for first, last in re.findall(r":(\d+)(?:-(\d+))?", gtids))


def admin(lab, *words):
    """As root by the socket, as an agent on the machine does."""
    return sh("docker", "exec", "-e", f"MYSQL_PWD={PASSWORDS['MYSQL_ROOT_PASSWORD']}", lab.b, *words)


def files(lab):
    return {f.name for f in lab.rescued.iterdir()}


# ---- nothing to undo -------------------------------------------------------------------------------------------------

IDLE = {
    "agent": (("mysqladmin -uroot flush-status", "mysqladmin -uroot flush-privileges", "mysqladmin -uroot flush-tables",
               "mysqladmin -uroot flush-logs", "mysqladmin -uroot reload", "mysqlcheck -uroot appdb"),
              {"FLUSH STATUS", "FLUSH PRIVILEGES (2)", "FLUSH TABLE"}),
    "refused": (("mysql -uroot -fe \"REPAIR TABLE appdb.customers; ANALYZE TABLE appdb.orders UPDATE HISTOGRAM ON status;"
                 " FLUSH /* nightly */ USER_RESOURCES, OPTIMIZER_COSTS\"",),
                {"REPAIR TABLE", "ANALYZE TABLE", "FLUSH USER_RESOURCES"}),
    "empty": (("mysql -uroot -e \"SET gtid_next='11111111-2222-3333-4444-555555555555:1'; BEGIN; COMMIT;"
               " SET gtid_next='AUTOMATIC:tagged'; BEGIN; COMMIT; SET gtid_next=AUTOMATIC\"",), {"COMMIT"}),
}


@pytest.mark.parametrize("what", IDLE)
def test_what_changes_no_data_costs_no_copy(lab, what):
    """On a replica that is closed; not even a client that reads there notices."""
    commands, names = IDLE[what]
    lab.prepare("CREATE USER IF NOT EXISTS reader@'%' IDENTIFIED BY 'r-pw' REQUIRE SSL", "GRANT SELECT ON appdb.* TO reader@'%'")
    before, boot, said = files(lab), lab.uptime_began(lab.b), lab.log_since()
    for command in commands:
        admin(lab, "sh", "-c", command)
    gtids = extra(lab)
    assert gtids, "the server gave no number: nothing to test"
    client = pymysql.connect(host=engine.address(lab.b), user="reader", password="r-pw", autocommit=True, read_timeout=10,
                             ssl={"check_hostname": False, "verify_mode": "none"})
    number = rows(client, "SELECT CONNECTION_ID()")
    job = lab.resync()
    assert rows(client, "SELECT CONNECTION_ID()") == number
    client.close()
    assert job["rung"] == "rewind" and job["rescued"] == 0 and not job.get("rescued_file"), (job, refusals(job))
    assert abs(lab.uptime_began(lab.b) - boot) < 3
    assert files(lab) == before, "there is nothing to save"
    told = [e for e in lab.events("RESYNC_PROGRESS") if e["detail"].get("what")][-1]
    assert told["detail"]["count"] == told["detail"]["idle"] == count(gtids) and told["detail"]["rows"] == 0
    assert set(told["detail"]["what"].split(", ")) == names and "no se ha tocado ninguna fila" in told["why"]
    nothing = [e for e in lab.events("RESYNC_PROGRESS") if "gtids" in e["detail"]][-1]
    assert nothing["detail"]["gtids"] == gtids and nothing["severity"] == "info"
    assert said().count("📦") == 1 and "copies=nothing" in said()
    assert extra(lab) == ""
    lab.assert_clean()


def test_repair_counts_as_data_where_it_may_have_changed_some(lab):
    """The binlog does not say whether it was refused, nor of which engine the table is."""
    lab.prepare("CREATE DATABASE old", "CREATE TABLE old.m (a INT) ENGINE = MyISAM", "INSERT INTO old.m VALUES (1)")
    admin(lab, "mysql", "-uroot", "-e", "REPAIR TABLE old.m")
    job = lab.resync()
    assert job["rung"] == "dump" and "REPAIR TABLE" in refusals(job)["rewind"], job  # a clone would empty that table
    assert lab.value(lab.b, "SELECT COUNT(*) FROM old.m") == 1
    lab.prepare("DROP DATABASE old")
    lab.assert_clean()


def test_what_is_not_understood_counts_as_data(lab):
    lab.diverge("FLUSH STATUS /*! , PRIVILEGES */")
    job = lab.resync()
    assert job["rung"] == "clone" and job["rescued"] == 1 and "sentencia" in refusals(job)["rewind"], job
    lab.assert_clean()


# ---- Relevo's own rows -----------------------------------------------------------------------------------------------

def tables_of(lab, node):
    return [lab.sql(node, f"SELECT * FROM relevo.{table} ORDER BY 1") for table in ("heartbeat", "epoch")]


@pytest.mark.parametrize("compressed", ["OFF", "ON"])
def test_relevos_own_rows_are_undone_and_not_saved_for_people(own, compressed):
    lab = own
    before = tables_of(lab, lab.a)
    lab.diverge(f"SET SESSION binlog_transaction_compression = {compressed}",
                "UPDATE relevo.heartbeat SET ts_ms = ts_ms + 1",
                "INSERT INTO relevo.epoch (epoch, primary_name, primary_uuid, sync, rule, why) VALUES (999, 'other', UUID(), 0, 0, '')", "FLUSH STATUS",
                "INSERT INTO appdb.customers (name, email) VALUES ('kept', UUID())",
                "UPDATE relevo.heartbeat SET ts_ms = ts_ms + 1",
                "BEGIN", "UPDATE relevo.heartbeat SET ts_ms = 9", "UPDATE appdb.orders SET amount = amount + 1 WHERE id = 1",
                "COMMIT")
    gtids = extra(lab)
    job = lab.resync()
    assert job["rung"] == "rewind" and job["rescued"] == 2, (job, refusals(job))
    summary = json.loads((lab.rescued / (job["rescued_file"] + ".json")).read_text())
    left = summary["left_out"]
    assert (left["relevo"], left["no_data"], summary["transactions"]) == (3, 1, 2), summary
    both = lab.sql(lab.a, f"SELECT GTID_SUBTRACT('{gtids}', '{summary['gtids']}'), GTID_SUBTRACT('{summary['gtids']}', '{left['gtids']}')")
    assert both == ((left["gtids"], summary["gtids"]),), "each is in one of the two and none in both"
    assert {(t["schema"], t["table"]) for t in summary["tables"]} == {
        ("appdb", "customers"), ("appdb", "orders"), ("appdb", "order_log"), ("relevo", "heartbeat")}  # of the mixed one
    event = lab.events("RESCUED")[-1]["detail"]
    assert (event["count"], event["relevo"], event["idle"], event["gtids"]) == (2, 3, 1, summary["gtids"])
    undone = [e for e in lab.events("RESYNC_PROGRESS") if "tables" in e["detail"]][-1]["detail"]
    assert (undone["count"], undone["idle"], undone["what"]) == (6, 1, "FLUSH STATUS")
    assert len(re.findall("GTID_NEXT= '[0-9a-f]{8}-", read(lab, job))) == 2
    lab.assert_clean()
    assert tables_of(lab, lab.b) == tables_of(lab, lab.a) == before
    assert not [name for name in files(lab) if name.endswith(".part")], "the private copy went with the job"


def test_nothing_but_relevos_own_rows(own):
    lab = own
    before = files(lab)
    lab.diverge("UPDATE relevo.heartbeat SET ts_ms = 5", "UPDATE relevo.heartbeat SET ts_ms = 6")
    gtids, events = extra(lab), len(lab.events("RESCUED"))
    job = lab.resync()
    assert job["rung"] == "rewind" and job["rescued"] == 0 and files(lab) == before, job
    assert len(lab.events("RESCUED")) == events, "nobody has to be alarmed"
    told = [e for e in lab.events("RESYNC_PROGRESS") if "gtids" in e["detail"]][-1]["detail"]
    assert (told["count"], told["relevo"], told["idle"], told["gtids"]) == (2, 2, 0, gtids)
    lab.assert_clean()
    assert tables_of(lab, lab.b) == tables_of(lab, lab.a)


# ---- applying a file again -------------------------------------------------------------------------------------------

def read(lab, job):
    sh("docker", "cp", str(lab.rescued / job["rescued_file"]), f"{lab.a}:/tmp/rescued.binlog")
    sh("docker", "exec", "-u", "0", lab.a, "chmod", "644", "/tmp/rescued.binlog")
    return sh("docker", "exec", lab.a, "mysqlbinlog", "--verify-binlog-checksum", "-v", "/tmp/rescued.binlog")


def shell(lab, script):
    return sh_result("docker", "exec", "-e", f"MYSQL_PWD={PASSWORDS['MYSQL_ROOT_PASSWORD']}", lab.a, "bash", "-o", "pipefail", "-c", script)


@pytest.fixture
def collided(lab):
    """Both sides took an order: the number of the first one of the file is given out on the primary by now."""
    lab.prepare("CREATE DATABASE shop", "CREATE DATABASE other", "CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, w VARCHAR(20))",
                "CREATE TABLE shop.stock (id INT PRIMARY KEY, n INT)", "INSERT INTO shop.stock VALUES (1, 10), (2, 10)",
                "CREATE TABLE other.t (a INT PRIMARY KEY)")
    lab.diverge("BEGIN", "UPDATE shop.stock SET n = n - 1 WHERE id = 1", "INSERT INTO shop.orders (w) VALUES ('rescued')",
                "UPDATE shop.stock SET n = n - 1 WHERE id = 2", "COMMIT",
                "INSERT INTO other.t VALUES (1)", "UPDATE shop.stock SET n = n + 100 WHERE id = 1")
    lab.sql(lab.a, "INSERT INTO shop.orders (w) VALUES ('present')")
    job = lab.resync()
    assert job["rescued"] == 3
    read(lab, job)
    yield lab
    lab.prepare("DROP DATABASE shop", "DROP DATABASE other")


def shop(lab):
    return (lab.sql(lab.a, "SELECT w FROM shop.orders"), lab.sql(lab.a, "SELECT n FROM shop.stock ORDER BY id"),
            lab.value(lab.a, "SELECT COUNT(*) FROM other.t"))


def test_a_collision_leaves_nothing_half_applied(collided):
    lab = collided
    code, said = shell(lab, "mysqlbinlog --skip-gtids /tmp/rescued.binlog | mysql -uroot")[:2]
    assert code != 0 and "1062" in said, said
    assert shop(lab) == ((("present",),), ((10,), (10,)), 0), "what came before the collision in its transaction went back"
    # Each by itself: what collides is named, the rest is in.
    code, said = shell(lab, "for g in $(mysqlbinlog /tmp/rescued.binlog | sed -n \"s/^SET @@SESSION.GTID_NEXT= '\\(.*:.*\\)'.*/\\1/p\"); do"
                            " mysqlbinlog --skip-gtids --include-gtids=$g /tmp/rescued.binlog | mysql -uroot || echo \"not applied: $g\"; done")[:2]
    assert said.count("not applied") == 1, said
    assert shop(lab) == ((("present",),), ((109,), (10,)), 1), "a row comes back as the file has it: 10 - 1 + 100"
    lab.assert_clean()


def test_one_schema_of_a_file(collided):
    lab = collided
    code, said = shell(lab, "mysqlbinlog --skip-gtids --database=other /tmp/rescued.binlog | mysql -uroot")[:2]
    assert code == 0, said
    assert shop(lab) == ((("present",),), ((10,), (10,)), 1)
    lab.assert_clean()


def test_force_applies_halves(collided):
    """Why the README says not to."""
    lab = collided
    shell(lab, "mysqlbinlog --skip-gtids /tmp/rescued.binlog | mysql -uroot --force")
    assert shop(lab) == ((("present",),), ((109,), (9,)), 1), "what stood behind the collision in its transaction is in"
