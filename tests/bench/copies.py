"""How fast are the two ways to copy everything, each beside what people use today, on the same data in the same run?
Part of `make bench-resync`: dump against `mysqldump --single-transaction | mysql` and against mydumper with myloader
(Debian's, four threads each, by way of the disk), clone against a bare `CLONE INSTANCE` with the server's restart. Four
tables as sysbench makes them, COPY_MB of rows in all. The watcher is stopped for the others' turns: it would close the
node that they write into."""
import os
import re
import statistics
import tempfile
import time

from lib.cluster import A, B, PORT
from lib.compare import rows
from lib.run import sh, wait_until

TABLES, ROW_BYTES = 4, 220
RUNS = int(os.environ.get("COPY_RUNS", 2))
DUMP_TIMES_FASTER, CLONE_TIMES_SLOWER, MEMORY_MB = 2.0, 1.3, 64


def digits(groups):
    return "CONCAT_WS('-', " + ", ".join(["LPAD(FLOOR(RAND() * 1e11), 11, '0')"] * groups) + ")"


def fill(product, megabytes):
    wanted = megabytes * 1000 * 1000 // ROW_BYTES // TABLES
    columns = f"FLOOR(1 + RAND() * {wanted}), {digits(10)}, {digits(5)}"
    product.sql(A, "DROP DATABASE IF EXISTS bulk", "DROP DATABASE IF EXISTS sbtest", "CREATE DATABASE sbtest CHARACTER SET latin1")
    with product.cluster.session(A, timeout=600) as session:
        for n in range(1, TABLES + 1):
            rows(session, f"CREATE TABLE sbtest.sbtest{n} (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL DEFAULT 0,"
                          f" c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '', KEY k_{n} (k))")
        rows(session, "SET SESSION sql_log_bin = 0")  # the node gets them by the first copy
        for n in range(1, TABLES + 1):
            rows(session, f"INSERT INTO sbtest.sbtest{n} (k, c, pad) SELECT {columns}")
            count = 1
            while count < wanted:
                take = min(count, wanted - count, 50000)
                rows(session, f"INSERT INTO sbtest.sbtest{n} (k, c, pad) SELECT {columns} FROM sbtest.sbtest{n} LIMIT {take}")
                count += take
            rows(session, f"ANALYZE TABLE sbtest.sbtest{n}")


def empty_node(product):
    """Without the binlog on the receiving side, as the dump rung has it."""
    product.sql(B, "DROP DATABASE IF EXISTS sbtest", "CREATE DATABASE sbtest CHARACTER SET latin1", local=True)


def mysqldump(product):
    empty_node(product)
    begin = time.monotonic()
    sh("docker", "exec", "-e", f"MYSQL_PWD={product.cluster.env['TESTER_PASSWORD']}", A, "bash", "-o", "pipefail", "-c",
       "mysqldump -utester --single-transaction --set-gtid-purged=OFF sbtest |"
       f" mysql -utester -h{B} --init-command='SET SESSION sql_log_bin = 0' sbtest", timeout=3600)
    return time.monotonic() - begin


def mydumper(product):
    empty_node(product)
    with tempfile.TemporaryDirectory() as folder:
        common = ("--host=127.0.0.1", "--user=tester", f"--password={product.cluster.env['TESTER_PASSWORD']}", "--ssl", "--threads=4")
        begin = time.monotonic()
        sh("mydumper", *common, f"--port={PORT[A]}", "--database=sbtest", "--trx-consistency-only", f"--outputdir={folder}/out", timeout=3600)
        sh("myloader", *common, f"--port={PORT[B]}", "--database=sbtest", "--overwrite-tables", f"--directory={folder}/out", timeout=3600)
        took = time.monotonic() - begin
    assert product.sql(B, "SELECT COUNT(*) FROM sbtest.sbtest1") == product.sql(A, "SELECT COUNT(*) FROM sbtest.sbtest1")
    return took


def bare_clone(product):
    """To the moment at which the server accepts connections again."""
    password = product.cluster.env["RELEVO_REPL_PASSWORD"].replace("'", "''")
    product.sql(B, f"SET GLOBAL clone_valid_donor_list = '{A}:3306'")
    begin = time.monotonic()
    try:
        product.sql(B, f"CLONE INSTANCE FROM relevo_clone@'{A}':3306 IDENTIFIED BY '{password}' REQUIRE SSL")
    except Exception:  # noqa: BLE001 - the server restarts: the connection is lost
        pass
    wait_until(lambda: product.sql(B, "SELECT state FROM performance_schema.clone_status") == (("Completed",),), 900,
               "the clone is complete", every=0.05)
    return time.monotonic() - begin


def rung(product, method):
    """From the command to the node streaming with everything."""
    job, took = product.resync(method)
    assert job["rung"] == method, job
    return took


def peak_mb():
    """The most that db-resync ever held since its start."""
    found = sh("docker", "exec", "db-resync", "sh", "-c", "cat /proc/[0-9]*/status")
    return max(int(kb) for kb in re.findall(r"^VmHWM:\s+(\d+) kB", found, re.M)) / 1024


OTHERS = {"mysqldump": mysqldump, "mydumper": mydumper, "CLONE": bare_clone}


def compare(product, megabytes):
    """Returns the marks that were missed."""
    print(f"\ncopies of {megabytes} MB in {TABLES} tables", flush=True)
    fill(product, megabytes)
    took = {what: [] for what in ("mysqldump", "mydumper", "dump", "CLONE", "clone")}
    memory_mb = 0
    for _ in range(RUNS):
        for what, times in took.items():
            if what in OTHERS:
                with product.unwatched():
                    times.append(OTHERS[what](product))
            else:
                times.append(rung(product, what))
                memory_mb = max(memory_mb, peak_mb())
            print(f"  {what:10} {times[-1]:7.2f} s", flush=True)
    median = {what: statistics.median(times) for what, times in took.items()}
    for what, times in took.items():
        print(f"  {what}: {len(times)} times, median {median[what]:.2f} s, worst {max(times):.2f} s", flush=True)
    faster, slower = median["mysqldump"] / median["dump"], median["clone"] / median["CLONE"]
    print(f"  dump is {faster:.2f} times as fast as mysqldump | mysql, {median['mydumper'] / median['dump']:.2f} times as mydumper and"
          f" myloader; clone takes {slower:.2f} times a bare CLONE; db-resync held {memory_mb:.0f} MB at most", flush=True)
    missed = []
    if faster < DUMP_TIMES_FASTER:
        missed.append(f"dump of {megabytes} MB: {faster:.2f} times as fast, mark {DUMP_TIMES_FASTER}")
    if slower > CLONE_TIMES_SLOWER:
        missed.append(f"clone of {megabytes} MB: {slower:.2f} times as long, mark {CLONE_TIMES_SLOWER}")
    if memory_mb > MEMORY_MB:
        missed.append(f"copies of {megabytes} MB: db-resync held {memory_mb:.0f} MB, mark {MEMORY_MB}")
    return missed
