"""Every session default that matters turned against Relevo on both nodes at once: the whole cycle is as on any other day."""
import datetime

from lib import api
from lib.cluster import A, B
from lib.compare import rows
from lib.hostile import hostile_cluster
from lib.run import wait_until

ROWS = 3000  # more than one sql_select_limit


def heartbeats(cluster, node, seen):
    seen.add(cluster.value(node, "SELECT ts_ms FROM relevo.heartbeat"))
    return len(seen) > 3


def resync(cluster, method, rung):
    mark = cluster.mark()
    cluster.command(f"resync {A} method={method}")
    cluster.wait_event(mark, 120, type="RESYNC", node=A)
    assert cluster.job(A)["rung"] == rung
    cluster.wait_normal(B)
    return mark


def stamps(cluster, first_id):
    """What the rows of system_events and relevo.epoch say of when something was."""
    with cluster.session(cluster.primary()) as session:
        events = rows(session, "SELECT event_type, last_failover, last_backup, created_at FROM appdb.system_events WHERE id > %s",
                      (first_id,))
        epochs = rows(session, "SELECT CONCAT('epoch ', epoch), created_at FROM relevo.epoch ORDER BY epoch DESC LIMIT 3")
    return events, epochs


def test_the_whole_cycle_on_servers_with_other_defaults(manual_cluster):
    """Failover, all four rungs, comparison, switchover and an orderly stop."""
    cluster = manual_cluster
    began = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - datetime.timedelta(seconds=5)
    first_id = cluster.value(A, "SELECT COALESCE(MAX(id), 0) FROM appdb.system_events")
    mark = cluster.mark()
    with hostile_cluster(cluster, (A, B), ("db-watcher", "db-resync")):
        cluster.wait_event(mark, 30, type="STARTED", source="watcher")
        cluster.wait_normal(A)
        seen = set()
        wait_until(lambda: heartbeats(cluster, B, seen), 8, "the heartbeat moves each second, on the replica too", every=0.2)
        assert api.get(f"/replica?node={B}&lag_ms=2500").status == 200
        with cluster.session(A) as session:
            rows(session, "DROP DATABASE IF EXISTS hostile")
            rows(session, "CREATE DATABASE hostile")
            rows(session, "CREATE TABLE hostile.t (id INT PRIMARY KEY, v VARCHAR(20) DEFAULT 'x')")
            rows(session, "INSERT INTO hostile.t (id) VALUES " + ", ".join(f"({i})" for i in range(ROWS)))
        cluster.wait_same()

        cluster.docker("kill", A)
        cluster.wait_event(mark, 20, type="FAILOVER")
        cluster.wait_primary(B)
        cluster.docker("start", A)
        cluster.wait_normal(B)
        assert cluster.job(A)["rung"] == "catchup"

        rewound = cluster.mark()
        with cluster.session(A) as session:
            rows(session, "SET GLOBAL super_read_only = OFF")
            rows(session, "DELETE FROM hostile.t WHERE id < 10")
            rows(session, "SET GLOBAL super_read_only = ON")
        cluster.wait_event(rewound, 60, type="RESYNC", node=A)
        assert cluster.job(A)["rung"] == "rewind"
        cluster.wait_normal(B)

        resync(cluster, "dump", "dump")
        assert cluster.value(A, "SELECT COUNT(*) FROM hostile.t") == ROWS
        copied = resync(cluster, "clone", "clone")
        assert cluster.wait_event(copied, 90, type="VERIFIED", node=A)["severity"] == "info"

        cluster.sql(B, "SET GLOBAL transaction_read_only = OFF")  # a server that has it on cannot replicate
        cluster.command(f"switchover {A}")
        cluster.wait_normal(A)
        stopped, since = cluster.mark(), cluster.now()
        cluster.docker("stop", "-t", "30", A)
        cluster.wait_event(stopped, 20, type="FAILOVER")
        assert "killed, not stopped" not in cluster.logs(A, since=since)
        cluster.docker("start", A)
        cluster.wait_normal(B)
        assert not cluster.events(mark, type="ABORTED") and not cluster.events(mark, type="RESYNC_FAILED")

        done = {"FAILOVER", "RECOVERY", "RESYNC", "SWITCHOVER"}
        wait_until(lambda: done <= {row[0] for row in stamps(cluster, first_id)[0]}, 10, "system_events has a row of each")
        events, epochs = stamps(cluster, first_id)
        until = datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + datetime.timedelta(seconds=5)
        for what, *moments in (*events, *epochs):
            assert all(began < moment < until for moment in moments if moment), (what, moments, began, until, epochs)
        cluster.assert_same_data()
        cluster.sql(B, "DROP DATABASE hostile")
