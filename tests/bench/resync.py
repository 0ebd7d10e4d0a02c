#!/usr/bin/env python3
"""How long until a node that died with transactions of its own streams again? `make bench-resync` runs this.

Two servers and db-resync. The node gets 1,000 transactions that the primary lacks (updates, deletes and inserts all over a
large table, and rows of the shop), is killed and started; the clock runs from the moment it accepts connections, which
is when its job is queued, to the moment it streams with everything that the primary has. By rewind, by catch-up (nothing
diverged), and by clone, beside 100 MB and 1 GB of data (MEGABYTES, RUNS, CLONES and POOL_MB in the environment change that). Then the
copies by themselves: copies.py (COPY_MB, COPY_RUNS; COPY_MB=0 for none, ONLY=copies for nothing else).

Ends with 1 if a figure misses its mark: rewind within 3 s, and alike within 20 % or 0.2 s whatever the size; catch-up within 1 s.
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
TRANSACTIONS = 1000
POOL_MB = int(os.environ.get("POOL_MB", 1000))  # a server with gigabytes of data has more than the tests' servers
COPY_MB = int(os.environ.get("COPY_MB", 1000))
REWIND_S, CATCHUP_S, SPREAD, SPREAD_LEAST_S = 3.0, 1.0, 0.2, 0.2
ROW_BYTES = 1000


def fill(lab, megabytes):
    """A table of that size on the primary; the node gets it by a clone."""
    lab.sql(lab.a, "DROP DATABASE IF EXISTS bulk", "CREATE DATABASE bulk",
            "CREATE TABLE bulk.t (id INT PRIMARY KEY AUTO_INCREMENT, a CHAR(36) NOT NULL, b VARBINARY(1000) NOT NULL, KEY (a))",
            f"INSERT INTO bulk.t (a, b) VALUES (UUID(), REPEAT('b', {ROW_BYTES}))")
    count = 1
    wanted = megabytes * 1000 * 1000 // ROW_BYTES
    with lab.session(lab.a) as session:
        rows(session, "SET SESSION sql_log_bin = 0")
        while count < wanted:
            take = min(count, wanted - count, 50000)
            rows(session, f"INSERT INTO bulk.t (a, b) SELECT UUID(), b FROM bulk.t LIMIT {take}")
            count += take
    assert lab.resync("clone", timeout=600)["rung"] == "clone"
    return wanted


def diverge(lab, count):
    lab.sql(lab.b, "STOP REPLICA", "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF")
    with lab.session(lab.b) as session:
        for i in range(TRANSACTIONS):
            row = random.randrange(1, count)
            rows(session, (f"UPDATE bulk.t SET a = UUID() WHERE id = {row}", f"DELETE FROM bulk.t WHERE id = {row}",
                           "INSERT INTO bulk.t (a, b) VALUES (UUID(), 'diverged')",
                           "UPDATE appdb.orders SET amount = amount + 1 WHERE id = 1")[i % 4])


def write_on(lab, count):
    """The cluster went on meanwhile."""
    with lab.session(lab.a) as session:
        for _ in range(200):
            rows(session, f"UPDATE bulk.t SET a = UUID() WHERE id = {random.randrange(1, count)}")


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
    return lab.sql(node, "CHECKSUM TABLE bulk.t, appdb.orders, appdb.customers")


def series(lab, what, runs, count, method="auto"):
    took = []
    for number in range(runs):
        if what != "catchup":
            diverge(lab, count)
        write_on(lab, count)
        seconds, job = back(lab, method)
        assert job["rung"] == what, job
        took.append(seconds)
        print(f"  {number + 1:3}  {what:8} {seconds:7.2f} s   {job['rescued'] if what != 'catchup' else 0} diverged", flush=True)
    median = statistics.median(took)
    print(f"  {what}: {runs} times, median {median:.2f} s, worst {max(took):.2f} s", flush=True)
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
            print(f"\n{megabytes} MB beside the {TRANSACTIONS} transactions", flush=True)
            count = fill(lab, megabytes)
            median, worst = series(lab, "rewind", RUNS, count)
            medians.append(median)
            if worst > REWIND_S:
                missed.append(f"rewind with {megabytes} MB: worst {worst:.2f} s, mark {REWIND_S}")
            _, worst = series(lab, "catchup", RUNS, count)
            if worst > CATCHUP_S:
                missed.append(f"catch-up with {megabytes} MB: worst {worst:.2f} s, mark {CATCHUP_S}")
            wait_until(lambda: lab.executed(lab.a) == lab.executed(lab.b), 60, "the node has everything")
            assert checksum(lab, lab.a) == checksum(lab, lab.b), "the data differ"
            print("  the data are the same on both")
            if CLONES:
                series(lab, "clone", CLONES, count, method="clone")
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
