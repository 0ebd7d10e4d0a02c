"""The services are killed half-way: no decision is lost and none is repeated."""
import threading

import pytest

from lib import engine, ledger
from lib.cluster import A, B, PORT
from lib.compare import rows
from lib.run import wait_until
from lib.writer import Writer

pytestmark = pytest.mark.long  # `make test-long`


def restart(cluster, container):
    cluster.docker("start", container)


def failover_survives(cluster, writer, mark):
    """After whatever happened: B is the primary, once, and the cluster becomes whole."""
    writer.wait_acks(PORT[B], 5, timeout=40)
    wait_until(lambda: cluster.primary() == B, 20, "the hash knows the new primary")
    cluster.docker("start", A)
    cluster.wait_normal(A, 120)
    epochs = [r[0] for r in cluster.sql(A, "SELECT epoch FROM relevo.epoch ORDER BY created_at, epoch")]
    assert epochs == sorted(set(epochs)), "an epoch was used twice"
    wait_until(lambda: cluster.events(mark, type="FAILOVER", node=B), 5, "the failover is in the history")
    assert len(cluster.events(mark, type="FAILOVER")) == 1, "told twice"
    rows_told = cluster.value(A, "SELECT COUNT(*) FROM appdb.system_events WHERE event_type='FAILOVER'")
    ledger.check(cluster, writer)
    cluster.assert_same_data()
    return rows_told


def test_watcher_killed_while_the_candidate_drains(cluster):
    """A lock on the replica holds up the applier, so the promotion waits in its drain step; there it is killed."""
    mark = cluster.mark()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        with cluster.session(B) as lock:
            rows(lock, "LOCK TABLES traffic.writes READ")
            writer.wait_acks(PORT[A], 10)
            cluster.docker("kill", A)
            wait_until(lambda: cluster.state().get("intent"), 20, "the intent is recorded")
            cluster.docker("kill", "db-watcher")
            assert not cluster.writable(B)
        restart(cluster, "db-watcher")
        failover_survives(cluster, writer, mark)


def test_watcher_killed_before_the_epoch_row(cluster):
    """A lock on relevo.epoch holds up the point of no return; the watcher is killed in front of it."""
    mark = cluster.mark()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        with cluster.session(B) as lock:
            rows(lock, "LOCK TABLES relevo.epoch READ")
            cluster.docker("kill", A)
            wait_until(lambda: cluster.state().get("intent"), 20, "the intent is recorded")
            wait_until(lambda: not cluster.streams(B), 10, "the receiver is stopped")
            cluster.docker("kill", "db-watcher")
        assert not cluster.writable(B)
        restart(cluster, "db-watcher")
        failover_survives(cluster, writer, mark)


def test_watcher_killed_before_it_can_tell_redis(cluster):
    """The node is open, but the hash still names the old primary: after the restart the epoch row decides."""
    mark = cluster.mark()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        engine.pause("redis")
        cluster.docker("kill", A)
        writer.wait_acks(PORT[B], 3, timeout=30)
        cluster.docker("kill", "db-watcher")
        cluster.docker("unpause", "redis")
        restart(cluster, "db-watcher")
        wait_until(lambda: cluster.primary() == B, 30, "the hash learns of the new primary")
        cluster.docker("start", A)
        cluster.wait_normal(A, 120)
        ledger.check(cluster, writer)
    assert len(cluster.events(mark, type="FAILOVER")) <= 1
    cluster.assert_same_data()


@pytest.mark.parametrize("delay_ms", [0, 10, 25, 60])
def test_watcher_killed_about_when_the_primary_dies(cluster, delay_ms):
    """At four moments around the promotion, whose steps take milliseconds: the kill is timed inside one container."""
    mark = cluster.mark()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        killers = [threading.Thread(target=cluster.docker, args=("kill", A))]
        timer = threading.Timer(delay_ms / 1000, cluster.docker, args=("kill", "db-watcher"))
        killers[0].start()
        timer.start()
        killers[0].join()
        timer.join()
        restart(cluster, "db-watcher")
        failover_survives(cluster, writer, mark)


def test_watcher_killed_during_a_switchover(manual_cluster):
    """The old primary is closed already, the target waits behind a lock: afterwards exactly one node takes writes."""
    cluster, mark = manual_cluster, manual_cluster.mark()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        with cluster.session(B) as lock:
            rows(lock, "LOCK TABLES traffic.writes READ")
            writer.wait_acks(PORT[A], 5)
            cluster.command(f"switchover {B}")
            wait_until(lambda: not cluster.writable(A), 20, f"{A} is closed", every=0.02)
            cluster.docker("kill", "db-watcher")
        restart(cluster, "db-watcher")
        wait_until(lambda: cluster.phase() == "NORMAL", 60, "NORMAL again")
        cluster.wait_normal()
        assert [cluster.writable(A), cluster.writable(B)].count(True) == 1
        writer.wait_acks_of_primary()
        assert ledger.check(cluster, writer) == 0
    assert not cluster.events(mark, type="FAILOVER")
    cluster.assert_same_data()


def test_switchover_that_cannot_finish_rolls_back(manual_cluster):
    cluster = manual_cluster
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        with cluster.session(B) as lock:
            rows(lock, "LOCK TABLES traffic.writes READ")
            writer.wait_acks(PORT[A], 5)
            answers = cluster.ask({"action": "switchover", "node": B}, timeout=60)
            assert answers[-1]["why"], answers
            wait_until(lambda: cluster.writable(A), 20, f"{A} takes writes again")
        assert cluster.primary() == A and not cluster.writable(B)
        writer.wait_acks(PORT[A], 5)
        cluster.wait_normal(A)
        assert ledger.check(cluster, writer) == 0
    cluster.assert_same_data()


def fill(cluster, megabytes=24):
    """Data enough that a copy takes a while."""
    with cluster.session(A) as session:
        rows(session, "CREATE DATABASE IF NOT EXISTS bulk")
        rows(session, "CREATE TABLE IF NOT EXISTS bulk.blocks (id INT AUTO_INCREMENT PRIMARY KEY, body LONGBLOB)")
        for _ in range(megabytes - rows(session, "SELECT COUNT(*) FROM bulk.blocks")[0][0]):
            rows(session, "INSERT INTO bulk.blocks (body) VALUES (REPEAT(RANDOM_BYTES(1024), 1024))")
    cluster.wait_same(120)


@pytest.mark.parametrize("method", ["clone", "dump"])
@pytest.mark.parametrize("victim", ["db-resync", B])
def test_resync_killed_half_way(manual_cluster, method, victim):
    """The worker or the node it works on dies in the middle of a copy: the node stays closed and the job goes on."""
    cluster = manual_cluster
    fill(cluster)
    mark = cluster.mark()
    cluster.command(f"resync {B} method={method}")
    wait_until(lambda: (job := cluster.job(B)) and job["phase"] == "running" and job["rung"] == method
               and job["step"] not in ("", "fence", "look", "plan"), 30, "the copy is under way", every=0.005)
    cluster.docker("kill", victim)
    step = cluster.job(B)["step"]
    restart(cluster, victim)
    cluster.wait_event(mark, 180, type="RESYNC", node=B)
    print(f"killed at step {step}")
    wait_until(lambda: cluster.job(B)["phase"] == "done", 10, "the hash says that the job is done")
    cluster.wait_normal(A)
    cluster.assert_same_data()


def test_half_a_copy_is_never_promoted(manual_cluster):
    """A replica that streams, without lag and without a job, and bears the mark of a resync that has not ended."""
    cluster = manual_cluster
    cluster.ask({"action": "maintenance", "on": True})  # else a job for it would be queued, which protects too
    cluster.root(B, "SET GLOBAL super_read_only = OFF; SET SESSION sql_log_bin = 0; CREATE DATABASE relevo_rebuild;"
                    "SET GLOBAL super_read_only = ON")
    mark = cluster.mark()
    cluster.docker("kill", A)
    cluster.ask({"action": "maintenance", "on": False})
    wait_until(lambda: cluster.phase() == "NO_PRIMARY", 20, "nobody is promoted")
    answer = cluster.ask({"action": "failover", "node": B, "force": True})[-1]
    assert answer["type"] == "COMMAND_REFUSED" and "relevo_rebuild" in answer["why"], answer
    assert not cluster.writable(B) and not cluster.events(mark, type="FAILOVER")
    cluster.docker("start", A)
    cluster.wait_event(mark, 120, type="RESYNC", node=B)  # by a copy, which takes the mark away
    cluster.wait_normal(A)
    assert cluster.value(B, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'relevo_rebuild'") == 0
    cluster.assert_same_data()


def test_dashboard_killed(cluster):
    cluster.docker("kill", "fastapi-dashboard")
    cluster.docker("start", "fastapi-dashboard")
    wait_until(lambda: cluster.status()["primary_node"] == A, 20, "/status answers again")
