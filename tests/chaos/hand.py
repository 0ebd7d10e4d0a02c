"""The hand that strikes: each kind of fault of plan.py as a function that does it and returns what undoes it, if
anything does. A fault that finds nothing to strike (its node is down already) is told and forgotten."""
import contextlib
import itertools
import subprocess
import time

import pymysql
import redis as redis_client

from lib import engine
from lib.cluster import A, B, KEY, NODES, PORT, other
from lib.compare import rows
from lib.faults import SERVERS, crash, processes
from lib.run import sh, wait_until
from lib.writer import REFUSALS, SCHEMA, TABLE

from .surgeon import Surgeon

MISSED = (AssertionError, OSError, pymysql.Error, redis_client.RedisError, subprocess.TimeoutExpired, IndexError)
FLOOD = 320  # more than max_connections


class Hand:
    def __init__(self, cluster, surgeon=None):
        self.cluster = cluster
        self.surgeon = surgeon or Surgeon()
        self.roles = {"primary": A, "replica": B}
        self.opened = set()       # nodes that were opened by hand
        self.clocks_set = False   # since the cluster was made: rows of relevo.epoch are not in the order of their times
        self.crashed = []         # containers whose process was killed: the engine starts them again
        self.transactions = []    # what was told to the clients of long transactions, as Writer.records() has it
        self.ids = itertools.count()

    def begin(self, first_id):
        self.ids = itertools.count(first_id)
        self.transactions, self.crashed = [], []
        self.opened.clear()
        self.look()

    def look(self):
        with contextlib.suppress(*MISSED):
            primary = self.cluster.primary()
            if primary in NODES:
                self.roles = {"primary": primary, "replica": other(primary)}

    def resolve(self, target):
        if isinstance(target, tuple):
            return tuple(self.roles.get(t, t) for t in target)
        return self.roles.get(target, target)

    def strike(self, fault):
        """Returns what undoes it, or None."""
        if {"primary", "replica"} & {fault.target, *(fault.target if isinstance(fault.target, tuple) else ())}:
            self.look()
        return getattr(self, fault.kind.replace(" ", "_"))(self.resolve(fault.target), fault)

    # ---- nodes -------------------------------------------------------------------------------------------------

    def start(self, container):
        return lambda: self.cluster.docker("start", container)

    def kill(self, node, _):
        self.cluster.docker("kill", node)
        return self.start(node)

    def stop(self, node, _):
        self.cluster.docker("stop", "-t", "20", node)
        return self.start(node)

    def crash(self, node, fault):
        for again in range(int(fault.how or 1)):
            if again:
                wait_until(lambda: processes(node), 30, f"{node} is started again")
            crash(node)
            self.crashed.append(node)

    def pause(self, node, _):
        engine.pause(node)
        return lambda: self.cluster.docker("unpause", node)

    def flap(self, node, fault):
        """Away and back in the rhythm of a bad cable, as long as it lasts."""
        until, on, off = time.monotonic() + fault.lasts, 0.4 + fault.lasts / 4, 0.3
        while time.monotonic() < until:
            if fault.how == "pause":
                cure = self.pause(node, fault)
            else:
                cure = self.isolate(node, fault)
            time.sleep(on)
            cure()
            time.sleep(off)

    # ---- the network -------------------------------------------------------------------------------------------

    def cut(self, pair, fault):
        return self.surgeon.cut([pair], fault.how)

    def part(self, pair, fault):
        return self.surgeon.cut([pair, pair[::-1]], fault.how)

    loss = part

    def isolate(self, node, fault):
        how = fault.how if fault.how in ("drop", "reject") else "drop"
        peers = [c for c in SERVERS if c != node and engine.status(c) in ("running", "paused")]
        return self.surgeon.cut([pair for peer in peers for pair in ((peer, node), (node, peer))], how)

    def detach(self, node, _):
        self.cluster.disconnect(node)
        return lambda: self.cluster.reconnect(node)

    # ---- inside MySQL ------------------------------------------------------------------------------------------

    def disk_full(self, node, _):
        self.surgeon.fill_disk(node)
        return lambda: self.surgeon.empty_disk(node)

    def too_many(self, node, fault):
        if fault.how == "limit":
            session = self.cluster.connect(node)
            rows(session, "SET GLOBAL max_connections=3")

            def cure():
                rows(session, "SET GLOBAL max_connections=300")
                session.close()
            return cure
        sessions = []
        with contextlib.suppress(pymysql.Error, OSError):
            for _ in range(FLOOD):
                sessions.append(self.cluster.connect(node, user="traffic", timeout=1,
                                                     password=self.cluster.env["TRAFFIC_PASSWORD"]))
        return lambda: [session._force_close() for session in sessions]

    def lock(self, node, fault):
        session = self.cluster.connect(node)
        statements = {"writes": [f"LOCK TABLES {SCHEMA}.{TABLE} READ"], "epoch": ["LOCK TABLES relevo.epoch READ"],
                      "heartbeat": ["LOCK TABLES relevo.heartbeat READ"], "global": ["FLUSH TABLES WITH READ LOCK"],
                      "backup": ["LOCK INSTANCE FOR BACKUP"],
                      "rows": ["BEGIN", f"SELECT COUNT(*) FROM {SCHEMA}.{TABLE} FOR UPDATE"]}
        rows(session, "SET SESSION lock_wait_timeout=3")
        for statement in statements[fault.how]:
            rows(session, statement)
        return session.close

    def transaction(self, node, fault):
        """Some rows in one transaction that stays open. What its client was told is in self.transactions."""
        ids = [next(self.ids) for _ in range(40)]
        session = self.cluster.connect(node, user="traffic", password=self.cluster.env["TRAFFIC_PASSWORD"])
        rows(session, "BEGIN")
        for row in ids:
            rows(session, f"INSERT INTO {SCHEMA}.{TABLE} (id, port) VALUES (%s, 0)", (row,))

        def end():
            sent, says = time.monotonic(), "refused"
            try:
                if fault.how == "commit":
                    says = "unknown"
                    session.commit()
                    says = "ack"
                elif fault.how == "roll back":
                    session.rollback()
                session._force_close()
            except pymysql.Error as problem:
                if problem.args and problem.args[0] in REFUSALS:
                    says = "refused"
            self.transactions += [{"id": row, "port": PORT[node], "sent": sent, "done": time.monotonic(), "says": says}
                                  for row in ids]
        return end

    def clock(self, container, fault):
        self.clocks_set = True
        self.surgeon.set_clock(container, int(fault.how))

    def purge(self, node, _):
        with self.cluster.session(node) as session:
            rows(session, "FLUSH BINARY LOGS")
            last = rows(session, "SHOW BINARY LOGS")[-1][0]
            rows(session, f"PURGE BINARY LOGS TO '{last}'")

    def sessions(self, node, fault):
        with self.cluster.session(node) as session:
            for (number,) in rows(session, "SELECT id FROM performance_schema.processlist WHERE user=%s", (fault.how,)):
                with contextlib.suppress(pymysql.Error):
                    rows(session, f"KILL {number}")

    # ---- a person ----------------------------------------------------------------------------------------------

    def hand_open(self, node, _):
        with self.cluster.session(node) as session:
            rows(session, "SET GLOBAL super_read_only=OFF, GLOBAL read_only=OFF")
        self.opened.add(node)
        return lambda: self.close(node)

    def close(self, node):
        """Who opened a node that is not the primary closes it again: FROZEN asks for that (rules 168, 170)."""
        self.look()
        if node != self.roles["primary"]:
            with self.cluster.session(node) as session:
                rows(session, "SET SESSION lock_wait_timeout=3")
                rows(session, "SET GLOBAL super_read_only=ON")
        self.opened.discard(node)

    def hand_close(self, node, _):
        with self.cluster.session(node) as session:
            rows(session, "SET SESSION lock_wait_timeout=3")
            rows(session, "SET GLOBAL super_read_only=ON")

    def hand_stop(self, node, fault):
        with self.cluster.session(node) as session:
            rows(session, f"STOP REPLICA{fault.how}")

    def command(self, text):
        self.cluster.redis().publish(f"{KEY}:commands", text)

    def switchover(self, node, _):
        self.command(f"switchover {node}")

    def failover(self, node, _):
        self.command(f"failover {node}")

    def resync(self, node, fault):
        self.command(f"resync {node}{fault.how}")

    def maintenance(self, *_):
        self.command("maintenance on")
        return lambda: self.command("maintenance off")

    # ---- services ----------------------------------------------------------------------------------------------

    service_kill, service_stop, service_pause, service_crash = kill, stop, pause, crash

    def redis_emptied(self, *_):
        sh("docker", "exec", "redis", "sh", "-c", "rm -rf /data/*")
        self.cluster.docker("kill", "redis")
        return self.start("redis")

    def redis_rolled_back(self, *_):
        """As a restart from an older copy would do: the state hash of some seconds ago returns."""
        then = self.cluster.state()

        def cure():
            with self.cluster.redis().pipeline() as pipe:
                pipe.delete(KEY)
                pipe.hset(KEY, mapping=then)
                pipe.execute()
        return cure

