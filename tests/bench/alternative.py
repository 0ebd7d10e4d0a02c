"""What people run who have no tool: a loop that asks the primary for a sign of life every second and, after three misses
in a row, promotes the replica. It checks nothing else; it is here to be measured against, not to be used."""
import threading

import pymysql

from lib.cluster import A, B
from lib.compare import rows
from lib.run import wait_until

PERIOD_S, MISSES = 1.0, 3


class HomeMadeScript:
    def __init__(self, cluster):
        self.cluster, self.primary, self.replica = cluster, cluster.primary() or A, None
        self.replica = B if self.primary == A else A
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()

    def _alive(self):
        try:
            with self.cluster.session(self.primary) as session:
                rows(session, "SELECT 1")
            return True
        except (pymysql.Error, OSError):
            return False

    def _watch(self):
        missed = 0
        while not self.ends.wait(PERIOD_S):
            missed = 0 if self._alive() else missed + 1
            if missed == MISSES:
                self._promote()
                missed = 0

    def _promote(self):
        with self.cluster.session(self.replica) as session:
            for statement in ("STOP REPLICA", "RESET REPLICA ALL", "SET GLOBAL super_read_only=OFF",
                              "SET GLOBAL read_only=OFF"):
                rows(session, statement)
        self.primary, self.replica = self.replica, self.primary

    def rejoin(self, node):
        """The node that died follows the new primary again."""
        def follow():
            with self.cluster.session(node) as session:
                rows(session, "SET GLOBAL super_read_only=ON")
                rows(session, "CHANGE REPLICATION SOURCE TO SOURCE_HOST=%s, SOURCE_USER='repl', SOURCE_PASSWORD=%s,"
                              " SOURCE_SSL=1, SOURCE_AUTO_POSITION=1",
                     (self.primary, self.cluster.env["RELEVO_REPL_PASSWORD"]))
                rows(session, "START REPLICA")
            return True
        wait_until(follow, 60, f"{node} follows {self.primary}")
        wait_until(lambda: self.cluster.value(node, "SELECT COUNT(*) FROM performance_schema"
                                                    ".replication_connection_status WHERE SERVICE_STATE = 'ON'") == 1,
                   60, f"{node} streams")
