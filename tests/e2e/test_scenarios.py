"""Scenarios that the trusted systems test and that need real servers, networks and disks; the numbers are those of the
table in tests/README.md."""
import contextlib

import pymysql
import pytest

from chaos.surgeon import Surgeon
from lib import engine, ledger
from lib.cluster import A, B, PORT
from lib.compare import rows
from lib.faults import crash
from lib.run import DEV_IMAGE, sh, wait_until
from lib.writer import Writer


@pytest.fixture
def surgeon():
    surgeon = Surgeon()
    yield surgeon
    surgeon.heal()


def whole(cluster, writer, primary=None):
    """Converged, nothing lost; returns how many writes are in rescued files only."""
    cluster.wait_normal(primary, 120)
    writer.wait_acks_of_primary(3)
    rescued = ledger.check(cluster, writer)
    cluster.assert_same_data()
    return rescued


def test_03_killed_and_restarted_at_once(cluster):
    """Either it is back before it counts as dead or the other takes over: one of them, and the writes are there."""
    mark = cluster.mark()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 20)
        crash(A)
        wait_until(lambda: cluster.events(mark, type="NODE_DOWN", node=A), 20, f"{A} was seen down")
        whole(cluster, writer, A)
    assert len(cluster.events(mark, type="FAILOVER")) <= 1


@pytest.mark.parametrize("how", ["drop", "reject"])
def test_06_only_the_replication_link_is_cut(cluster, surgeon, how):
    """The watcher sees both: nobody is promoted, the clients notice nothing."""
    mark, epoch = cluster.mark(), cluster.state()["epoch"]
    with Writer(cluster, timeout=5) as writer:
        writer.wait_acks(PORT[A], 5)
        cure = surgeon.cut([(A, B), (B, A)], how)
        wait_until(lambda: cluster.phase() == "DEGRADED", 20, "the cut is seen")
        writer.wait_acks(PORT[A], 200, timeout=60)
        cure()
        assert whole(cluster, writer, A) == 0
        assert {r["says"] for r in writer.records() if r["port"] == PORT[A]} == {"ack"}
    assert not cluster.events(mark, type="FAILOVER") and cluster.state()["epoch"] == epoch


def test_12_no_more_connections_is_not_death(cluster):
    """Others take every connection, the one kept for administrators too: it counts as alive, nobody is promoted."""
    mark = cluster.mark()
    flood = []
    with cluster.session(A) as session:
        def squeeze():
            for (number,) in rows(session, "SELECT id FROM performance_schema.processlist WHERE user='relevo'"):
                with contextlib.suppress(pymysql.Error):
                    rows(session, f"KILL {number}")
            with contextlib.suppress(pymysql.Error):
                while True:  # until it is refused: the watcher reconnects as fast as it can
                    flood.append(cluster.connect(A))
            return cluster.node(A)["outcome"] == "overloaded"
        try:
            rows(session, "SET GLOBAL max_connections=10")
            wait_until(squeeze, 40, f"{A} is seen overloaded")
            rows(session, "DO SLEEP(4)")  # longer than RELEVO_SILENT_MS
            assert cluster.primary() == A and not cluster.writable(B)
        finally:
            rows(session, "SET GLOBAL max_connections=300")
            for one in flood:
                one.close()
    cluster.wait_normal(A)
    assert not cluster.events(mark, type="FAILOVER")


def test_12_a_primary_that_stalls_is_not_dead(cluster):
    """Every commit waits behind a global lock; the server answers probes: no failover, and the writes go on after it."""
    mark = cluster.mark()
    with Writer(cluster, timeout=10) as writer:
        writer.wait_acks(PORT[A], 5)
        with cluster.session(A) as session:
            rows(session, "FLUSH TABLES WITH READ LOCK")
            rows(session, "DO SLEEP(5)")
            assert cluster.primary() == A and not cluster.writable(B)
        assert whole(cluster, writer, A) == 0
    assert not cluster.events(mark, type="FAILOVER")


def test_15_a_lagging_replica_makes_no_failover(cluster):
    """The heartbeat row on the replica is seconds old because its applier waits: late is not lost."""
    mark = cluster.mark()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        with cluster.session(B) as session:
            rows(session, "LOCK TABLES traffic.writes READ, relevo.heartbeat READ")
            wait_until(lambda: (cluster.node(B)["lag_ms"] or 0) > 3500, 30, "the replica is behind")
            assert cluster.phase() in ("NORMAL", "DEGRADED") and cluster.primary() == A
        assert whole(cluster, writer, A) == 0
    assert not cluster.events(mark, type="FAILOVER") and not cluster.events(mark, type="SWITCHOVER")


def test_16_a_lossy_network_between_watcher_and_primary(cluster, surgeon):
    mark = cluster.mark()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        cure = surgeon.cut([(A, "db-watcher"), ("db-watcher", A)], "40")
        writer.wait_acks(PORT[A], 250, timeout=60)
        cure()
        assert whole(cluster, writer, A) == 0
    assert not cluster.events(mark, type="FAILOVER")


def test_27_the_new_primary_is_killed_right_after(manual_cluster):
    """The old one, back by then, does not know the last writes: the killed one is waited for, and opened again."""
    cluster = manual_cluster
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        cluster.docker("kill", A)
        writer.wait_acks(PORT[B], 1, timeout=30)
        cluster.docker("kill", B)
        cluster.docker("start", A)
        wait_until(lambda: cluster.phase() == "NO_PRIMARY", 60, "nobody can be opened safely")
        wait_until(lambda: cluster.value(A, "SELECT @@super_read_only") == 1, 60, f"{A} is back, closed")
        assert cluster.phase() == "NO_PRIMARY" and B in cluster.state()["why"]
        cluster.docker("start", B)
        whole(cluster, writer, B)


def test_36_redis_rolled_back(manual_cluster):
    """The hash of before a failover returns: the epoch rows in MySQL are newer and win; nobody is opened twice."""
    cluster = manual_cluster
    before = cluster.state()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        cluster.docker("kill", A)
        cluster.wait_primary(B)
        cluster.docker("start", A)
        cluster.wait_normal(B)
        epoch, mark = int(cluster.state()["epoch"]), cluster.mark()
        cluster.docker("kill", "db-watcher")
        with cluster.redis().pipeline() as pipe:
            pipe.delete("relevo:appdb")
            pipe.hset("relevo:appdb", mapping=before)
            pipe.execute()
        cluster.docker("start", "db-watcher")
        wait_until(lambda: cluster.primary() == B and int(cluster.state()["epoch"]) >= epoch, 30,
                   "the newer record is in the hash again")
        whole(cluster, writer, B)
    assert not cluster.events(mark, type="FAILOVER") and not cluster.events(mark, type="SWITCHOVER")


def test_20_force_while_a_replica_hears_the_primary_must_be_confirmed(cluster, surgeon):
    """Only the watcher is cut off from the primary, whose clients write on: who forces opens a second one."""
    mark = cluster.mark()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 10)
        surgeon.cut(((A, "db-watcher"), ("db-watcher", A)), "drop")
        wait_until(lambda: cluster.state()["rule"] == "190", 20, "our path to the primary is broken, it is not")
        refused = cluster.ask({"action": "failover", "node": B, "force": True})
        assert refused[-1]["type"] == "COMMAND_REFUSED" and "confirm" in refused[-1]["why"], refused
        refused = cluster.ask({"action": "failover", "node": B, "force": True, "confirm": A})
        assert refused[-1]["type"] == "COMMAND_REFUSED", refused
        writer.wait_acks(PORT[A], 10)
        surgeon.heal()
        assert whole(cluster, writer, A) == 0
    assert not cluster.events(mark, type="FAILOVER")


def test_54_a_node_that_boots_writable_is_closed(manual_cluster):
    """A server that does not remember to boot closed, as one from before Relevo: it comes back open and is fenced."""
    cluster, mark = manual_cluster, manual_cluster.mark()
    cluster.root(A, "RESET PERSIST super_read_only")
    try:
        with Writer(cluster) as writer:
            writer.wait_acks(PORT[A], 5)
            cluster.docker("kill", A)
            cluster.wait_event(mark, 20, type="FAILOVER", node=B)
            writer.wait_acks(PORT[B], 5)
            back = cluster.mark()
            cluster.docker("start", A)
            cluster.wait_event(back, 90, type="FENCED", node=A)
            cluster.wait_normal(B)
            writer.wait_acks(PORT[B], 5)
        ledger.check(cluster, writer)
        cluster.assert_same_data()
    finally:
        cluster.root(A, "SET PERSIST_ONLY super_read_only = ON")


def test_57_the_primary_set_read_only_by_hand(cluster):
    """Nobody took its place, so it is opened again (rule 172)."""
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        cluster.sql(A, "SET GLOBAL super_read_only=ON")
        wait_until(lambda: cluster.writable(A), 20, f"{A} is open again")
        assert whole(cluster, writer, A) == 0


@pytest.mark.parametrize("part", ["", " IO_THREAD", " SQL_THREAD"])
def test_59_replication_stopped_by_hand(cluster, part):
    mark = cluster.mark()
    cluster.sql(B, f"STOP REPLICA{part}")
    cluster.wait_event(mark, 30, type="RESYNC", node=B)
    cluster.wait_normal(A)
    assert not cluster.events(mark, type="FAILOVER")


def test_60_a_circle_is_opened(cluster):
    """The primary is told to replicate from its replica: the source is forgotten (rule 534), the roles stay."""
    epoch = cluster.state()["epoch"]
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        with cluster.session(A) as session:
            rows(session, "CHANGE REPLICATION SOURCE TO SOURCE_HOST=%s, SOURCE_PORT=3306, SOURCE_USER='repl',"
                          " SOURCE_PASSWORD=%s, SOURCE_SSL=1, SOURCE_AUTO_POSITION=1",
                 (B, cluster.env["RELEVO_REPL_PASSWORD"]))
            rows(session, "START REPLICA")
        wait_until(lambda: cluster.value(A, "SELECT COUNT(*) FROM performance_schema.replication_connection_configuration"
                                            " WHERE HOST <> ''") == 0, 20, "the source is forgotten")
        assert whole(cluster, writer, A) == 0
    assert cluster.state()["epoch"] == epoch


def test_62_a_switchover_by_hand_is_not_fought(manual_cluster):
    """A DBA closes the primary and opens the replica: Relevo opens neither, says how to keep it, and obeys."""
    cluster = manual_cluster
    cluster.wait_same()
    cluster.command("maintenance on")
    wait_until(lambda: cluster.phase() == "FROZEN", 10, "maintenance")
    cluster.sql(A, "SET GLOBAL super_read_only=ON")
    cluster.wait_same()
    for statement in ("STOP REPLICA", "RESET REPLICA ALL", "SET GLOBAL read_only=OFF"):
        cluster.sql(B, statement)
    cluster.command("maintenance off")
    wait_until(lambda: cluster.state().get("rule") in ("168", "170"), 20, "it says that somebody changed it by hand")
    assert cluster.phase() == "FROZEN" and f"failover {B}" in cluster.state()["why"]
    assert cluster.writable(B) and not cluster.writable(A)
    answers = cluster.ask({"action": "failover", "node": B, "force": True}, timeout=60)
    assert answers[-1]["type"] == "COMMAND_FINISHED", answers
    cluster.wait_normal(B)
    cluster.assert_same_data()


def test_68_scheduled_events_after_a_failover(manual_cluster):
    """MySQL's replication brings an event disabled: nobody runs it twice, and the new primary says that it rests."""
    cluster = manual_cluster
    cluster.prepare_traffic()
    cluster.sql(A, "CREATE EVENT traffic.sweep ON SCHEDULE EVERY 1 HOUR DO DELETE FROM traffic.writes WHERE id = -9")
    cluster.wait_same()
    assert cluster.value(B, "SELECT @@event_scheduler") == "OFF"
    mark = cluster.mark()
    try:
        cluster.docker("kill", A)
        cluster.wait_primary(B)
        assert cluster.value(B, "SELECT @@event_scheduler") == "ON"
        cluster.wait_event(mark, 30, msg="MSG_EVENTS_IDLE")
        cluster.docker("start", A)
        cluster.wait_normal(B)
        assert cluster.value(A, "SELECT @@event_scheduler") == "OFF"
    finally:
        cluster.sql(B, "DROP EVENT IF EXISTS traffic.sweep")
    cluster.assert_same_data()


def test_69_maintenance_survives_restarts(cluster):
    """Of the watcher and of Redis: the primary dies meanwhile and nobody is promoted."""
    cluster.command("maintenance on")
    wait_until(lambda: cluster.phase() == "FROZEN", 10, "maintenance")
    try:
        for container in ("db-watcher", "redis"):
            cluster.docker("kill", container)
            cluster.docker("start", container)
        cluster.wait_redis()
        mark = cluster.mark()
        cluster.docker("kill", A)
        cluster.wait_event(mark, 30, type="NODE_DOWN", node=A)
        cluster.docker("exec", B, "sleep", "4")
        assert cluster.phase() == "FROZEN" and not cluster.writable(B)
        assert not cluster.events(mark, type="FAILOVER")
    finally:
        cluster.docker("start", A)
        cluster.command("maintenance off")
    cluster.wait_normal(A, 120)


def test_71_everything_is_killed_at_once(cluster):
    """Under load, all six containers: what was acknowledged is there when they are back."""
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 30)
        names = (A, B, "redis", "db-watcher", "db-resync", "fastapi-dashboard")
        cluster.docker("kill", *names)
        cluster.docker("start", *names)
        cluster.wait_redis()
        whole(cluster, writer, A)


def test_71_a_torn_relay_log(cluster):
    """The replica dies and its relay log ends in the middle of an event: it is fetched again."""
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        with cluster.session(B) as session:
            rows(session, "LOCK TABLES traffic.writes READ")
            writer.wait_acks(PORT[A], 50)
            cluster.docker("kill", B)
        sh("docker", "run", "--rm", "-v", f"relevo-test-{B}:/data", DEV_IMAGE, "sh", "-ec",
           "cd /data; last=$(ls *relay-bin.[0-9]* | tail -1); size=$(stat -c %s $last); truncate -s $((size - 7)) $last")
        cluster.docker("start", B)
        assert whole(cluster, writer, A) == 0


def test_73_passwords_change_and_services_are_replaced_one_by_one(cluster):
    """New passwords beside the old ones, then each service made anew with them: no write is refused."""
    accounts = {"relevo": "RELEVO_CONTROL_PASSWORD", "relevo_events": "RELEVO_EVENTS_PASSWORD",
                **dict.fromkeys(("relevo_resync", "relevo_reader", "relevo_rebuild"), "RELEVO_RESYNC_PASSWORD")}
    old = {name: cluster.env[name] for name in accounts.values()}
    epoch = cluster.state()["epoch"]
    with Writer(cluster, timeout=20) as writer:  # a disk that stalls is not what is looked at
        writer.wait_acks(PORT[A], 5)
        try:
            for account, name in accounts.items():
                cluster.sql(A, f"ALTER USER {account}@'%%' IDENTIFIED BY %s RETAIN CURRENT PASSWORD", (f"another-{name}",))
                cluster.env[name] = f"another-{name}"
            for service in ("dashboard", "resync", "watcher"):
                cluster.compose("up", "-d", "--no-build", "--no-deps", "--force-recreate", "--wait", service)
            for account in accounts:
                cluster.sql(A, f"ALTER USER {account}@'%' DISCARD OLD PASSWORD")
            cluster.wait_normal(A)
            cluster.ask({"action": "resync", "node": B}, timeout=60)
            assert cluster.job(B)["phase"] == "done"
            cluster.wait_normal(A)
            cluster.root(B, "SELECT 1")
            assert whole(cluster, writer, A) == 0
            assert {r["says"] for r in writer.records() if r["port"] == PORT[A]} == {"ack"}
            assert cluster.state()["epoch"] == epoch
        finally:
            for account, name in accounts.items():
                cluster.sql(cluster.primary(), f"ALTER USER {account}@'%%' IDENTIFIED BY %s", (old[name],))
            cluster.env.update(old)
            cluster.compose("up", "-d", "--no-build", "--no-deps", "--wait", "resync", "watcher")
    cluster.wait_normal(A)
    assert engine.status(A) == "running"
