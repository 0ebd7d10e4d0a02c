"""The whole product as compose starts it, for the benchmarks that rebuild a node: mysql-primary stays primary, and
mysql-replica is the node."""
import contextlib
import json
import time

from lib.cluster import A, B, Cluster
from lib.compare import rows
from lib.run import wait_until

ENDED = ("done", "failed", "cancelled")


class Product:
    def __init__(self, pool_mb):
        self.cluster = Cluster()
        self.pool_mb = pool_mb

    def up(self):
        """RELEVO_VERIFY=manual: the comparison after each copy would run beside what is measured next."""
        self.cluster.down()
        self.cluster.configure(RELEVO_FAILBACK="manual", RELEVO_VERIFY="manual", RELEVO_FAILOVER_LIMIT="300/10s")
        self.cluster.heal(240)
        for node in (A, B):
            self.cluster.root(node, f"SET PERSIST innodb_buffer_pool_size = {self.pool_mb * 1024 * 1024}")

    def down(self):
        self.cluster.down()

    def sql(self, node, *statements, local=False):
        with self.cluster.session(node, timeout=600) as session:
            if local:
                rows(session, "SET SESSION sql_log_bin = 0")
            for statement in statements:
                result = rows(session, statement)
            return result

    @contextlib.contextmanager
    def unwatched(self):
        """The node is open to what the watcher would put right at once, and a closed replica again afterwards."""
        self.cluster.docker("stop", "db-watcher", "db-resync")
        try:
            self.sql(B, "STOP REPLICA", "SET GLOBAL super_read_only = OFF")
            yield
            self.sql(B, "SET GLOBAL super_read_only = ON", "START REPLICA" if self.sql(B, "SHOW REPLICA STATUS") else "DO 0")
        finally:
            self.cluster.docker("start", "db-watcher", "db-resync")
        self.cluster.wait_normal(A, 300)

    def job(self, since_ms, field="job", timeout=3600):
        """The node's job that was queued since then, once it has ended."""
        def ended():
            now = self.cluster.state().get(f"{field}:{B}")
            now = json.loads(now) if now else None
            return now if now and now["queued_ms"] >= since_ms and now["phase"] in ENDED else None
        job = wait_until(ended, timeout, "the job ends", every=0.05)
        assert job["phase"] == "done", job
        return job

    def resync(self, method):
        """As a person asks for it. The job, and the seconds from the command to its end."""
        begin = time.time()
        self.cluster.command(f"resync {B} method={method}")
        job = self.job(begin * 1000 - 1, "verify" if method == "verify" else "job")
        return job, job["ended_ms"] / 1000 - begin

    def same(self):
        self.cluster.wait_normal(A, 120)
        self.cluster.wait_same(120)
