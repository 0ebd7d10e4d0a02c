#!/usr/bin/env python3
"""How long until a node that died with transactions of its own streams again? `make bench-resync` runs this.

Two servers and db-resync. The node gets 1,000 transactions that the primary lacks (updates, deletes and inserts all over a
table of 100 MB, and rows of the shop), is killed and started; the clock runs from the moment it accepts connections, which
is when its job is queued, to the moment it streams with everything that the primary has. By rewind, by catch-up (nothing
diverged), and by clone, with 100 MB and 1 GB of data in all (MEGABYTES, RUNS, CLONES and POOL_MB in the environment change that).
Where there is more than the 100 MB, also by rewind of as many transactions all over the rest: rows that are nowhere near
each other, each page of which comes from the disk. Then the copies by themselves: copies.py (COPY_MB, COPY_RUNS; COPY_MB=0
for none, ONLY=copies for nothing else).

Ends with 1 if a figure misses its mark: any rewind within 3 s, that of the 100 MB alike within 20 % or 0.2 s whatever is
beside it; catch-up within 1 s.
"""
import os
import pathlib
import random
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
os.environ.setdefault("RELEVO_RESYNC_BIN", str(pathlib.Path(__file__).resolve().parents[2] / "build/release/bin/resync"))

import copies  # noqa: E402
from lib.compare import rows  # noqa: E402
from lib.resync_lab import Lab  # noqa: E402
from lib.run import sh, wait_until  # noqa: E402

SIZES_MB = [] if os.environ.get("ONLY") == "copies" else [int(size) for size in os.environ.get("MEGABYTES", "100 1000").split()]
RUNS = int(os.environ.get("RUNS", 7))
CLONES = int(os.environ.get("CLONES", 2))
TRANSACTIONS, TOUCHED_MB = 1000, 100
POOL_MB = int(os.environ.get("POOL_MB", 1000))  # a server with gigabytes of data has more than the tests' servers
COPY_MB = int(os.environ.get("COPY_MB", 1000))
REWIND_S, CATCHUP_S, SPREAD, SPREAD_LEAST_S = 3.0, 1.0, 0.2, 0.2
ROW_BYTES = 1000


def fill_table(lab, name, megabytes):
    """Returns how many rows."""
    lab.sql(lab.a, f"CREATE TABLE {name} (id INT PRIMARY KEY AUTO_INCREMENT, a CHAR(36) NOT NULL, b VARBINARY(1000) NOT NULL, KEY (a))",
            f"INSERT INTO {name} (a, b) VALUES (UUID(), REPEAT('b', {ROW_BYTES}))")
    count = 1
    wanted = megabytes * 1000 * 1000 // ROW_BYTES
    with lab.session(lab.a) as session:
        rows(session, "SET SESSION sql_log_bin = 0")
        while count < wanted:
            take = min(count, wanted - count, 50000)
            rows(session, f"INSERT INTO {name} (a, b) SELECT UUID(), b FROM {name} LIMIT {take}")
            count += take
    return wanted


def fill(lab, megabytes):
    """The tables on the primary; the node gets them by a clone. {name: rows}"""
    lab.sql(lab.a, "DROP DATABASE IF EXISTS bulk", "CREATE DATABASE bulk")
    counts = {"bulk.t": fill_table(lab, "bulk.t", min(megabytes, TOUCHED_MB))}
    if megabytes > TOUCHED_MB:
        counts["bulk.beside"] = fill_table(lab, "bulk.beside", megabytes - TOUCHED_MB)
    assert lab.resync("clone", timeout=1800)["rung"] == "clone"
    return counts


def diverge(lab, table, count):
    lab.sql(lab.b, "STOP REPLICA", "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF")
    with lab.session(lab.b) as session:
        for i in range(TRANSACTIONS):
            row = random.randrange(1, count)
            rows(session, (f"UPDATE {table} SET a = UUID() WHERE id = {row}", f"DELETE FROM {table} WHERE id = {row}",
                           f"INSERT INTO {table} (a, b) VALUES (UUID(), 'diverged')",
                           "UPDATE appdb.orders SET amount = amount + 1 WHERE id = 1")[i % 4])


def write_on(lab, table, count):
    """The cluster went on meanwhile."""
    with lab.session(lab.a) as session:
        for _ in range(200):
            rows(session, f"UPDATE {table} SET a = UUID() WHERE id = {random.randrange(1, count)}")


def restart(lab):
    """Kills the node and starts it. Returns when it accepts connections."""
    sh("docker", "kill", lab.b)
    sh("docker", "wait", lab.b)
    sh("docker", "start", lab.b)
    wait_until(lambda: lab.value(lab.b, "SELECT 1") == 1, 300, "the node accepts connections", every=0.01)


def streams(lab, session):
    state = rows(session, "SELECT service_state FROM performance_schema.replication_connection_status")
    return state == (("ON",),)


def back(lab, method):
    """Seconds until the node streams and has all that the primary has: the service says when that was, and the job is queued
    through a connection that is there already, as the watcher's is. `docker exec` alone would take a second."""
    with lab.store() as store:
        store.ping()
        restart(lab)
        begin = time.time()
        job_id = lab.queue(method, store)
    job = lab.wait_job(job_id, timeout=900)
    with lab.session(lab.b) as session:
        assert streams(lab, session)
    took = job["ended_ms"] / 1000 - begin
    assert lab.value(lab.b, "SELECT @@offline_mode") == 0
    return took, job


def checksum(lab, node):
    tables = [name for name, in lab.sql(node, "SELECT CONCAT('bulk.', table_name) FROM information_schema.tables"
                                              " WHERE table_schema = 'bulk' ORDER BY table_name")]
    return lab.sql(node, f"CHECKSUM TABLE {', '.join(tables)}, appdb.orders, appdb.customers")


def series(lab, what, runs, counts, method="auto", table="bulk.t"):
    took = []
    for number in range(runs):
        if what != "catchup":
            diverge(lab, table, counts[table])
        write_on(lab, table, counts[table])
        seconds, job = back(lab, method)
        assert job["rung"] == what, job
        took.append(seconds)
        print(f"  {number + 1:3}  {what:8} {seconds:7.2f} s   {job['rescued'] if what != 'catchup' else 0} diverged", flush=True)
    median = statistics.median(took)
    print(f"  {what} of {table}: {runs} times, median {median:.2f} s, worst {max(took):.2f} s", flush=True)
    return median, max(took)


def main():
    missed, medians = [], []
    lab = Lab("relevo-bench-resync")
    lab.pool_mb = POOL_MB
    print(f"each server has a buffer pool of {POOL_MB} MB; it is empty when a node that was killed starts")
    try:
        lab.up()
        lab.start_service()
        lab.resync()
        for megabytes in SIZES_MB:
            print(f"\n{TRANSACTIONS} transactions, {megabytes} MB in all", flush=True)
            counts = fill(lab, megabytes)
            for table in counts:
                median, worst = series(lab, "rewind", RUNS, counts, table=table)
                if table == "bulk.t":
                    medians.append(median)
                if worst > REWIND_S:
                    missed.append(f"rewind of {table} with {megabytes} MB: worst {worst:.2f} s, mark {REWIND_S}")
            _, worst = series(lab, "catchup", RUNS, counts)
            if worst > CATCHUP_S:
                missed.append(f"catch-up with {megabytes} MB: worst {worst:.2f} s, mark {CATCHUP_S}")
            wait_until(lambda: lab.executed(lab.a) == lab.executed(lab.b), 60, "the node has everything")
            assert checksum(lab, lab.a) == checksum(lab, lab.b), "the data differ"
            print("  the data are the same on both")
            if CLONES:
                series(lab, "clone", CLONES, counts, method="clone")
        if COPY_MB:
            missed += copies.compare(lab, COPY_MB)
        if medians and max(medians) - min(medians) > max(SPREAD * min(medians), SPREAD_LEAST_S):
            missed.append(f"rewind: medians from {min(medians):.2f} to {max(medians):.2f} s over the sizes")
    finally:
        lab.down()
    for line in missed:
        print(f"MISSED {line}")
    print("all marks reached" if not missed else f"{len(missed)} marks missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
