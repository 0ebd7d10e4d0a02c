"""The primary is lost in every way that docker offers, and comes back: issue by issue what a user sees."""
import pytest

from lib import api, ledger
from lib.cluster import A, B, PORT
from lib.faults import FAULTS
from lib.run import wait_until
from lib.writer import Writer

THREE_LINES = ("📦 Iniciando backup...", "✅ Backup y restore completados.", "🔁 Restaurando topología...")


def types_in_table(cluster):
    return [r[0] for r in cluster.sql(cluster.primary(), "SELECT event_type FROM appdb.system_events ORDER BY id")]


@pytest.mark.parametrize("fault", FAULTS)
def test_primary_lost_and_back(cluster, fault):
    strike, cure = FAULTS[fault]
    mark, stamp = cluster.mark(), cluster.now()
    rows_before = len(types_in_table(cluster))
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        strike(cluster, A)
        cluster.wait_primary(B)
        writer.wait_acks(PORT[B], 5)  # writes go on

        # The event is in the history, in the logs, in the API and in the table.
        event = cluster.wait_event(mark, type="FAILOVER", node=B)
        assert event["rule"] > 0 and event["why"], event
        assert len(cluster.events(mark, type="FAILOVER")) == 1
        assert B in cluster.logs("db-watcher", stamp)
        wait_until(lambda: any(e["seq"] == event["seq"] for e in api.get("/api/v1/events?limit=100").json()["events"]),
                   5, "the API lists the event")
        status = wait_until(lambda: (s := cluster.status())["primary_node"] == B and s, 5, "/status shows it")
        assert status["history"] and {"event_type", "primary_node", "replica_node", "last_failover", "last_backup",
                                      "created_at"} <= status["history"][0].keys()
        wait_until(lambda: "FAILOVER" in types_in_table(cluster)[rows_before:], 10, "system_events has the row")
        wait_until(lambda: cluster.phase() in ("DEGRADED", "RESYNC"), 10, "one node serves")

        # Back: closed, resynced, streaming, and primary again through a lossless switchover.
        back, stamp = cluster.mark(), cluster.now()
        cure(cluster, A)
        wait_until(lambda: not cluster.writable(A), 30, f"{A} is closed after its return", every=0.02)
        cluster.wait_event(back, 90, type="RECOVERY", node=A)
        cluster.wait_event(back, 60, type="SWITCHOVER", node=A)
        cluster.wait_normal(A)
        writer.wait_acks(PORT[A], 5)
        log = cluster.logs("db-resync", stamp)
        places = [log.find(line) for line in THREE_LINES]
        assert -1 not in places and places == sorted(places), f"the three lines: {places}\n{log}"
        rescued = ledger.check(cluster, writer)
        if fault == "stop":
            assert rescued == 0, "a clean stop loses nothing"
    # The watcher writes a row once it knows that the node takes it: a moment after the event.
    wait_until(lambda: {"FAILOVER", "RECOVERY", "SWITCHOVER"} <= set(types_in_table(cluster)[rows_before:]), 10,
               "system_events has the rows")
    cluster.assert_same_data()


def test_a_lost_replica_changes_nothing_for_writers(cluster):
    mark = cluster.mark()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        cluster.docker("kill", B)
        cluster.wait_event(mark, 20, type="NODE_DOWN", node=B)
        wait_until(lambda: cluster.phase() == "DEGRADED", 20, "the phase is DEGRADED")
        writer.wait_acks(PORT[A], 20)
        cluster.docker("start", B)
        cluster.wait_normal(A)
        assert ledger.check(cluster, writer) == 0
    assert not cluster.events(mark, type="FAILOVER")
    cluster.assert_same_data()


def test_losing_sight_of_a_healthy_primary_is_no_failover(cluster):
    """Only the watcher is cut off (from everything); the replica streams on. Nothing may happen."""
    epoch = cluster.state()["epoch"]
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        mark = cluster.mark()
        cluster.disconnect("db-watcher")
        writer.wait_acks(PORT[A], 250, timeout=60)  # well past RELEVO_SILENT_MS
        cluster.reconnect("db-watcher")
        cluster.wait_normal(A)
        assert cluster.state()["epoch"] == epoch
        assert not cluster.events(mark, type="FAILOVER") and not cluster.events(mark, type="SWITCHOVER")
        outcomes = {r["says"] for r in writer.records() if r["port"] == PORT[A]}
        assert "refused" not in outcomes  # "unknown": on a busy machine an answer may come too late for the client


def test_everything_stopped_and_started_cold(cluster):
    mark, epoch = cluster.mark(), int(cluster.state()["epoch"])
    # In this order, as compose does it: a watcher that outlives the primary would fail over, and rightly.
    services, servers = ("db-watcher", "db-resync", "fastapi-dashboard"), (A, B, "redis")
    cluster.docker("stop", "-t", "30", *services, timeout=180)
    cluster.docker("stop", "-t", "30", *servers, timeout=180)
    cluster.docker("start", *servers, *services)
    cluster.wait_redis()
    cluster.wait_normal(A, timeout=120)
    assert int(cluster.state()["epoch"]) >= epoch
    assert not cluster.events(mark, type="FAILOVER")
    cluster.assert_same_data()


def test_primary_dead_before_the_watcher_starts(cluster):
    cluster.docker("stop", "-t", "5", "db-watcher")
    mark = cluster.mark()
    cluster.docker("kill", A)
    cluster.docker("start", "db-watcher")
    cluster.wait_primary(B, 30)
    cluster.wait_event(mark, type="FAILOVER", node=B)
    cluster.docker("start", A)
    cluster.wait_normal(A, 120)
    cluster.assert_same_data()
