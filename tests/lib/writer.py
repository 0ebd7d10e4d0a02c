"""A client that writes without pause through both host ports and records what it was told.

Run as a program it writes rows (id, port) into one table, one thread per node, each with a fresh id per attempt and
short timeouts. One line of JSON per attempt in the output file:
    {"id", "port", "sent", "done", "says": "ack" | "refused" | "unknown", "error"}
times in seconds of the monotonic clock. "unknown": the connection broke after the statement was sent, so the server
may or may not have committed it. The password comes by the environment (WRITER_PASSWORD).
"""
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time

PORTS = (3307, 3308)
SCHEMA, TABLE, USER = "traffic", "writes", "traffic"
REFUSALS = {1290, 1836, 3032, 1209, 1792, 3100, 1053}  # fenced, offline, shutting down: certainly not committed


def connect(port, password, timeout):
    import pymysql
    return pymysql.connect(host="127.0.0.1", port=port, user=USER, password=password, database=SCHEMA,
                           connect_timeout=timeout, read_timeout=timeout, write_timeout=timeout, autocommit=True,
                           ssl={"check_hostname": False, "verify_mode": "none"})


def write_forever(port, ids, password, pause, timeout, again, say, stop):
    import pymysql
    session = None
    while not stop.is_set():
        sent, row = time.monotonic(), next(ids)
        in_flight = False
        try:
            if session is None:
                session = connect(port, password, timeout)
                sent = time.monotonic()
            in_flight = True
            with session.cursor() as cursor:
                cursor.execute(f"INSERT INTO {TABLE} (id, port) VALUES (%s, %s)", (row, port))
            verdict, error = "ack", None
        except (pymysql.Error, OSError) as problem:
            number = problem.args[0] if problem.args and isinstance(problem.args[0], int) else 0
            verdict = "refused" if not in_flight or number in REFUSALS else "unknown"
            error = str(problem)[:120]
            if number not in (1290, 1836, 1792) and session is not None:
                try:
                    session._force_close()
                finally:
                    session = None
            elif not in_flight:
                session = None
        say(id=row, port=port, sent=sent, done=time.monotonic(), says=verdict, error=error)
        stop.wait(pause if verdict == "ack" else again)


def main():
    path, first, pause, timeout, again = sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:])
    password = os.environ.pop("WRITER_PASSWORD")
    stop, lock, ids = threading.Event(), threading.Lock(), itertools.count(first)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with open(path, "w", buffering=1) as out:
        def say(**record):
            with lock:
                out.write(json.dumps(record) + "\n")
        threads = [threading.Thread(target=write_forever, args=(p, ids, password, pause, timeout, again, say, stop))
                   for p in PORTS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


class Writer:
    """The background process. Use as a context; `outage()` and `records()` may be asked while it runs."""

    made = 0

    def __init__(self, cluster, pause=0.02, timeout=0.5, again=0.02):
        """again: seconds before the next attempt where one was refused, which a server does at once; a bench, which
        times an opening, takes less."""
        Writer.made += 1
        self.cluster = cluster
        self.path = cluster.folder / f"writer-{os.getpid()}-{Writer.made}.jsonl"
        self.first = cluster.next_write_id()
        self.known, self.read_bytes = [], 0
        self.args = [str(word) for word in (self.path, self.first, pause, timeout, again)]

    def __enter__(self):
        self.cluster.prepare_traffic()
        self.path.unlink(missing_ok=True)  # of an earlier run that was killed: process numbers come again
        self.process = subprocess.Popen([sys.executable, __file__, *self.args],
                                        env={**os.environ, "WRITER_PASSWORD": self.cluster.env["TRAFFIC_PASSWORD"]})
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)

    def records(self):
        """All of them. Only what is new is read: a look at tens of thousands would take a core from who is measured."""
        if self.path.exists():
            with open(self.path, "rb") as written:
                written.seek(self.read_bytes)
                lines = written.read().splitlines(keepends=True)
            whole = [line for line in lines if line.endswith(b"\n")]  # the last one may still be in the making
            self.known += [json.loads(line) for line in whole]
            self.read_bytes += sum(map(len, whole))
        return list(self.known)

    def acks(self, port=None, since=0.0):
        return [r for r in self.records() if r["says"] == "ack" and r["done"] >= since and port in (None, r["port"])]

    def wait_acks(self, port, count=3, since=None, timeout=20):
        from .run import wait_until
        since = time.monotonic() if since is None else since
        return wait_until(lambda: len(self.acks(port, since)) >= count, timeout,
                          f"{count} acknowledged writes on port {port}")

    def wait_acks_of_primary(self, count=5, timeout=20):
        """Whoever that is by then: the way back to the preferred node may begin meanwhile."""
        from .cluster import PORT
        from .run import wait_until
        since = time.monotonic()
        return wait_until(lambda: len(self.acks(PORT[self.cluster.primary()], since)) >= count, timeout,
                          f"{count} writes acknowledged by the primary")

    def outage(self, old, new, since=0.0):
        """Seconds from the last acknowledgement of the old port to the first of the new one after it, or None."""
        acks = self.acks(since=since)
        last = max((r["done"] for r in acks if r["port"] == old), default=None)
        first = min((r["done"] for r in acks if r["port"] == new and (last is None or r["done"] > last)), default=None)
        return None if last is None or first is None else first - last

    def overlap(self):
        """Pairs of ports that acknowledged writes sent within each other's reign: must be empty in lossless mode."""
        acks = sorted(self.acks(), key=lambda r: r["done"])
        turns = [(a, b) for a, b in zip(acks, acks[1:]) if a["port"] != b["port"]]
        return len(turns)


if __name__ == "__main__":
    main()
