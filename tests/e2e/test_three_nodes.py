"""Three servers: the one that is not promoted follows the new primary by itself, without a copy."""
import pytest

from lib import ledger
from lib.attacks import check_comparison, check_prepared_xa, check_row_traps
from lib.cluster import PORT, A, B
from lib.faults import pause, unpause
from lib.run import ROOT, sh_result, wait_until
from lib.writer import Writer

C = "mysql-third"


@pytest.fixture(scope="module")
def trio(keeper):
    cluster = keeper.bare(RELEVO_FAILBACK="manual")
    cluster.overlays = (ROOT / "compose/three-nodes.yml", ROOT / "tests/e2e/override-third.yml")
    cluster.up()
    yield cluster
    keeper.stop()


@pytest.fixture
def three(trio):
    """A is primary, the others stream from it, and the clients' table is empty."""
    for node in (A, B, C):
        if not trio.running(node):
            trio.docker("start", node)
    wait_until(lambda: trio.phase() == "NORMAL", 180, "NORMAL with three nodes", every=0.3)
    # Refused for as long as it is behind.
    wait_until(lambda: trio.primary() == A or trio.ask({"action": "switchover", "node": A}, timeout=60) and trio.primary() == A,
               60, f"{A} is primary", every=0.5)
    wait_until(lambda: trio.phase() == "NORMAL", 60, f"NORMAL with {A}", every=0.3)
    trio.make_tester()
    trio.prepare_traffic()
    trio.root(A, "TRUNCATE traffic.writes")
    return trio


def back_on_a(cluster):
    if cluster.primary() != A:
        cluster.ask({"action": "switchover", "node": A}, timeout=60)
    wait_until(lambda: cluster.phase() == "NORMAL" and cluster.primary() == A, 60, f"NORMAL with {A}", every=0.3)


def follows(cluster, node, source):
    """Both threads of the node are on, and it streams from that source."""
    said = cluster.root(node, "SELECT c.SERVICE_STATE, a.SERVICE_STATE, f.HOST FROM"
                        " performance_schema.replication_connection_status c JOIN"
                        " performance_schema.replication_applier_status a USING (CHANNEL_NAME) JOIN"
                        " performance_schema.replication_connection_configuration f USING (CHANNEL_NAME)")
    return said.split() == ["ON", "ON", source]


def holds(cluster, node):
    return cluster.root(node, "SELECT COUNT(*), SUM(id) FROM traffic.writes").split()


def write_past_b(cluster):
    """In maintenance, a row that C gets and B does not. Returns what A has executed then."""
    cluster.command("maintenance on")
    wait_until(lambda: cluster.phase() == "FROZEN", 10, "maintenance")
    cluster.root(B, "STOP REPLICA")
    cluster.root(A, "INSERT INTO traffic.writes (id, port) VALUES (1, 3307)")
    last = cluster.gtids(A)
    assert cluster.root(C, f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{last}', 20)").strip() == "0"
    return last


def test_the_other_replica_is_repointed(three):
    cluster = three
    assert follows(cluster, B, A) and follows(cluster, C, A)
    mark = cluster.mark()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 20)
        cluster.docker("kill", A)
        event = cluster.wait_event(mark, 20, type="FAILOVER")
        assert event["node"] == B, "both replicas hold the same: the first of the list, which clients know, takes over"
        writer.wait_acks(PORT[B], 20, timeout=20)
        wait_until(lambda: follows(cluster, C, B), 10, "the other replica streams from the new primary")
    jobs = cluster.events(mark, type="RESYNC_STARTED", node=C)
    assert all(e["detail"]["rung"] == "catchup" for e in jobs), jobs
    cluster.docker("start", A)
    wait_until(lambda: cluster.phase() == "NORMAL" and follows(cluster, A, B), 120, "the old primary came back")
    ledger.check(cluster, writer)
    ahead = cluster.gtids(B)
    for node in (A, C):
        assert cluster.root(node, f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{ahead}', 20)").strip() == "0"
        assert holds(cluster, node) == holds(cluster, B)


def test_the_replica_that_holds_more_is_promoted(three):
    """B receives nothing for a while, then the primary dies: C, which holds all that B holds and more, takes over."""
    cluster = three
    write_past_b(cluster)
    mark = cluster.mark()
    cluster.docker("kill", A)
    cluster.root(B, "START REPLICA")  # it would be a candidate, but for what it lacks
    cluster.command("maintenance off")
    event = cluster.wait_event(mark, 60, type="FAILOVER")
    assert event["node"] == C, event
    wait_until(lambda: follows(cluster, B, C), 60, "the one that lagged follows the new primary")
    wait_until(lambda: holds(cluster, B) == ["1", "1"], 20, "and holds what it lacked")


def test_one_that_kept_what_was_undone_elsewhere_is_copied_anew(three):
    """C is away, with a row that B never got, while A dies, comes back, loses that row and is primary again: A gives the
    number of the transaction to another one. C claims it and streams, with other data: only relevo.epoch tells."""
    cluster = three
    last = write_past_b(cluster)
    mark = cluster.mark()
    cluster.docker("kill", C)
    cluster.docker("kill", A)
    cluster.root(B, "START REPLICA")
    cluster.command("maintenance off")
    assert cluster.wait_event(mark, 60, type="FAILOVER")["node"] == B
    cluster.docker("start", A)
    cluster.wait_event(mark, 60, type="RESCUED", node=A)
    wait_until(lambda: follows(cluster, A, B), 60, "the old primary follows")
    wait_until(lambda: cluster.ask({"action": "switchover", "node": A}, timeout=60) and cluster.primary() == A, 60,
               f"{A} is primary again", every=0.5)
    cluster.root(A, "INSERT INTO traffic.writes (id, port) VALUES (2, 3307)")
    # While it claims more than A has made, A refuses it and it is no replica.
    wait_until(lambda: cluster.root(A, f"SELECT GTID_SUBSET('{last}', @@gtid_executed)").strip() == "1", 60,
               "A has made as many again")
    mark = cluster.mark()
    pause(cluster, "db-watcher")  # which would ask for a resync of one that boots without following
    cluster.docker("start", C)
    wait_until(lambda: cluster.root(C, "START REPLICA") == "" and follows(cluster, C, A), 60, "it streams")
    assert cluster.root(C, f"SELECT WAIT_FOR_EXECUTED_GTID_SET('{cluster.gtids(A)}', 20)").strip() == "0"
    assert holds(cluster, C) != holds(cluster, A)
    unpause(cluster, "db-watcher")
    done = cluster.wait_event(mark, 120, type="RESYNC", node=C)
    assert done["detail"]["rung"] in ("clone", "dump"), done
    refused = {rung["rung"]: rung["why"] for rung in cluster.job(C)["refused"]}
    assert "relevo.epoch" in refused["catchup"], refused
    assert "rule=542" in sh_result("docker", "logs", "--tail", "100", "db-watcher")[1]
    wait_until(lambda: cluster.phase() == "NORMAL" and follows(cluster, C, A), 60, "all follow")
    for node in (B, C):
        wait_until(lambda: holds(cluster, node) == holds(cluster, A) == ["1", "2"], 20, f"{node} holds the same")
    assert 1 in ledger.rescued_ids(cluster)


def test_one_whose_rows_of_reigns_differ_is_no_donor(three):
    """C streams, and its rows of relevo.epoch say that it may hold other data than A: a copy into B is taken from A."""
    cluster = three
    mark = cluster.mark()
    cluster.root(C, "SET GLOBAL super_read_only = OFF; SET SESSION sql_log_bin = 0;"
                    "UPDATE relevo.epoch SET created_at = created_at - INTERVAL 1 SECOND; SET GLOBAL super_read_only = ON")
    cluster.command(f"resync {B} method=dump")
    job = wait_until(lambda: (job := cluster.job(B)) and job["phase"] == "running" and job["donor"] and job, 30,
                     "the copy has a donor", every=0.005)
    assert job["donor"] == A, job
    for node in (B, C):
        done = cluster.wait_event(mark, 120, type="RESYNC", node=node)
        assert done["detail"]["rung"] in ("clone", "dump"), done
    wait_until(lambda: cluster.phase() == "NORMAL" and follows(cluster, B, A) and follows(cluster, C, A), 60, "both follow")


def test_both_replicas_return_at_once_and_then_a_failover_comes_between(three):
    """Two copies from one donor at the same time; then the primary dies while one of them is being rebuilt."""
    cluster = three
    cluster.root(A, "CREATE DATABASE bulk; CREATE TABLE bulk.blocks (id INT AUTO_INCREMENT PRIMARY KEY, body LONGBLOB);"
                    + "INSERT INTO bulk.blocks (body) VALUES (REPEAT(RANDOM_BYTES(1024), 1024));" * 24)
    mark = cluster.mark()
    for node in (B, C):
        cluster.docker("kill", node)
    cluster.root(A, "INSERT INTO traffic.writes (id, port) VALUES (1, 3307); FLUSH BINARY LOGS;"
                    "PURGE BINARY LOGS BEFORE '2100-01-01'")  # what they lack is gone: no catch-up
    for node in (B, C):
        cluster.docker("start", node)
    for node in (B, C):
        done = cluster.wait_event(mark, 240, type="RESYNC", node=node)
        assert done["detail"]["rung"] in ("clone", "dump"), done
    wait_until(lambda: cluster.phase() == "NORMAL" and follows(cluster, B, A) and follows(cluster, C, A), 60, "both follow")
    mark = cluster.mark()
    cluster.command(f"resync {C} method=dump")
    wait_until(lambda: (job := cluster.job(C)) and job["phase"] == "running" and job["step"] == "copy", 30, "the copy is on",
               every=0.005)
    cluster.docker("kill", A)
    event = cluster.wait_event(mark, 30, type="FAILOVER")
    assert event["node"] == B, event  # the other is half a copy
    cluster.wait_event(mark, 180, type="RESYNC", node=C)
    wait_until(lambda: follows(cluster, C, B), 60, "it follows the new primary")
    cluster.docker("start", A)
    wait_until(lambda: cluster.phase() == "NORMAL" and follows(cluster, A, B), 120, "the old primary came back")
    for node in (A, C):
        assert holds(cluster, node) == holds(cluster, B) == ["1", "1"]
        assert cluster.root(node, "SELECT COUNT(*), SUM(LENGTH(body)) FROM bulk.blocks").split() == ["24", str(24 << 20)]


@pytest.mark.long
def test_the_owner_of_a_schema_gets_nothing_out_of_three_nodes_either(three):
    check_row_traps(three)
    back_on_a(three)
    check_comparison(three, C)
    check_prepared_xa(three, C)


# ---- lossless: one acknowledgement of two, so that both replicas must vouch ------------------------------------------

@pytest.fixture
def three_lossless(three):
    three.configure(RELEVO_MODE="lossless")
    wait_until(lambda: three.phase() == "NORMAL" and three.primary() == A, 120, f"NORMAL with {A}", every=0.3)
    three.wait_sync()
    return three


def test_both_replicas_vouch_and_one_takes_over(three_lossless):
    cluster = three_lossless
    mark = cluster.mark()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 20)
        cluster.docker("kill", A)
        assert cluster.wait_event(mark, 20, type="FAILOVER")["node"] == B
        writer.wait_acks(PORT[B], 20, timeout=20)
        wait_until(lambda: follows(cluster, C, B), 20, "the other replica streams from the new primary")
        cluster.docker("start", A)
        wait_until(lambda: cluster.phase() == "NORMAL" and follows(cluster, A, B), 120, "the old primary came back")
        cluster.wait_sync()
    assert ledger.check(cluster, writer) == 0, "acknowledged writes were rescued instead of kept"


def test_one_replica_alone_does_not_vouch_for_all(three_lossless):
    """What C acknowledged, B may lack: with C gone nobody is promoted, however healthy B is."""
    cluster = three_lossless
    mark = cluster.mark()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 20)
        cluster.docker("kill", C)
        writer.wait_acks(PORT[A], 20)  # B acknowledges
        cluster.docker("kill", A)
        wait_until(lambda: cluster.phase() == "NO_PRIMARY", 30, "NO_PRIMARY")
        assert cluster.state()["rule"] == "205" and not cluster.events(mark, type="FAILOVER")
        cluster.docker("start", A)
        cluster.docker("start", C)
        wait_until(lambda: cluster.phase() == "NORMAL" and cluster.primary() == A, 120, f"{A} goes on", every=0.3)
        writer.wait_acks(PORT[A], 5, timeout=20)
    assert not cluster.events(mark, type="FAILOVER")
    assert ledger.check(cluster, writer) == 0, "acknowledged writes were rescued instead of kept"


@pytest.mark.long
def test_the_owner_of_a_schema_gets_nothing_in_lossless_mode(three_lossless):
    check_row_traps(three_lossless)
    back_on_a(three_lossless)
    check_comparison(three_lossless, C)
