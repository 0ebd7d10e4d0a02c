"""How fast are the two ways to copy everything, each beside what MySQL itself offers, on the same data in the same run?
Part of `make bench-resync`: dump against `mysqldump --single-transaction | mysql`, clone against a bare `CLONE INSTANCE`
with the server's restart. Four tables as sysbench makes them, COPY_MB of rows in all."""
import os
import re
import statistics
import time

from lib.compare import rows
from lib.resync_lab import PASSWORDS
from lib.run import sh, wait_until

TABLES, ROW_BYTES = 4, 220
RUNS = int(os.environ.get("COPY_RUNS", 2))
DUMP_TIMES_FASTER, CLONE_TIMES_SLOWER, MEMORY_MB = 2.0, 1.3, 64


def digits(groups):
    return "CONCAT_WS('-', " + ", ".join(["LPAD(FLOOR(RAND() * 1e11), 11, '0')"] * groups) + ")"


def fill(lab, megabytes):
    wanted = megabytes * 1000 * 1000 // ROW_BYTES // TABLES
    columns = f"FLOOR(1 + RAND() * {wanted}), {digits(10)}, {digits(5)}"
    lab.sql(lab.a, "DROP DATABASE IF EXISTS bulk", "DROP DATABASE IF EXISTS sbtest", "CREATE DATABASE sbtest CHARACTER SET latin1")
    with lab.session(lab.a) as session:
        rows(session, "SET SESSION sql_log_bin = 0")
        for n in range(1, TABLES + 1):
            rows(session, f"CREATE TABLE sbtest.sbtest{n} (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL DEFAULT 0,"
                          f" c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '', KEY k_{n} (k))")
            rows(session, f"INSERT INTO sbtest.sbtest{n} (k, c, pad) SELECT {columns}")
            count = 1
            while count < wanted:
                take = min(count, wanted - count, 50000)
                rows(session, f"INSERT INTO sbtest.sbtest{n} (k, c, pad) SELECT {columns} FROM sbtest.sbtest{n} LIMIT {take}")
                count += take
            rows(session, f"ANALYZE TABLE sbtest.sbtest{n}")


def open_node(lab):
    lab.sql(lab.b, "STOP REPLICA", "SET GLOBAL super_read_only = OFF", "SET GLOBAL offline_mode = OFF")


def plain_dump(lab):
    """Without the binlog on the receiving side, as the dump rung has it."""
    open_node(lab)
    lab.sql(lab.b, "DROP DATABASE IF EXISTS sbtest", "CREATE DATABASE sbtest CHARACTER SET latin1", local=True)
    begin = time.monotonic()
    sh("docker", "exec", "-e", f"MYSQL_PWD={PASSWORDS['MYSQL_ROOT_PASSWORD']}", lab.a, "bash", "-o", "pipefail", "-c",
       "mysqldump -uroot --single-transaction --set-gtid-purged=OFF sbtest |"
       f" mysql -uroot -h{lab.b} --init-command='SET SESSION sql_log_bin = 0' sbtest", timeout=3600)
    return time.monotonic() - begin


def plain_clone(lab):
    """To the moment at which the server accepts connections again."""
    open_node(lab)
    boot = lab.value(lab.b, "SELECT @@server_uuid")
    password = PASSWORDS["RELEVO_REPL_PASSWORD"].replace("'", "''")
    lab.sql(lab.b, f"SET GLOBAL clone_valid_donor_list = '{lab.a}:3306'")
    begin = time.monotonic()
    try:
        lab.sql(lab.b, f"CLONE INSTANCE FROM relevo_clone@'{lab.a}':3306 IDENTIFIED BY '{password}' REQUIRE SSL")
    except Exception:  # noqa: BLE001 - the server restarts: the connection is lost
        pass
    wait_until(lambda: lab.value(lab.b, "SELECT state FROM performance_schema.clone_status") == "Completed", 900,
               "the clone is complete", every=0.05)
    took = time.monotonic() - begin
    assert lab.value(lab.b, "SELECT @@server_uuid") == boot
    return took


def rung(lab, method):
    """From the beginning of the job to the node streaming with everything."""
    job = lab.resync(method, timeout=3600)
    assert job["rung"] == method, job
    return (job["ended_ms"] - job["started_ms"]) / 1000


def peak_mb(lab):
    """The most that db-resync ever held since its start."""
    found = sh("docker", "exec", lab.service, "sh", "-c", "cat /proc/[0-9]*/status")
    return max(int(kb) for kb in re.findall(r"^VmHWM:\s+(\d+) kB", found, re.M)) / 1024


def compare(lab, megabytes):
    """Returns the marks that were missed."""
    print(f"\ncopies of {megabytes} MB in {TABLES} tables", flush=True)
    fill(lab, megabytes)
    took = {"mysqldump": [], "dump": [], "CLONE": [], "clone": []}
    lab.start_service()  # what it held before says nothing about a dump
    for _ in range(RUNS):
        for what, run in (("mysqldump", lambda: plain_dump(lab)), ("dump", lambda: rung(lab, "dump")),
                          ("CLONE", lambda: plain_clone(lab)), ("clone", lambda: rung(lab, "clone"))):
            took[what].append(run())
            print(f"  {what:10} {took[what][-1]:7.2f} s", flush=True)
    median = {what: statistics.median(times) for what, times in took.items()}
    for what, times in took.items():
        print(f"  {what}: {len(times)} times, median {median[what]:.2f} s, worst {max(times):.2f} s", flush=True)
    faster, slower = median["mysqldump"] / median["dump"], median["clone"] / median["CLONE"]
    memory_mb = peak_mb(lab)
    print(f"  dump is {faster:.2f} times as fast as mysqldump | mysql; clone takes {slower:.2f} times a bare CLONE;"
          f" db-resync held {memory_mb:.0f} MB at most", flush=True)
    missed = []
    if faster < DUMP_TIMES_FASTER:
        missed.append(f"dump of {megabytes} MB: {faster:.2f} times as fast, mark {DUMP_TIMES_FASTER}")
    if slower > CLONE_TIMES_SLOWER:
        missed.append(f"clone of {megabytes} MB: {slower:.2f} times as long, mark {CLONE_TIMES_SLOWER}")
    if memory_mb > MEMORY_MB:
        missed.append(f"copies of {megabytes} MB: db-resync held {memory_mb:.0f} MB, mark {MEMORY_MB}")
    return missed
