"""RELEVO_MODE=lossless on real servers: what was acknowledged is on the primary in the end, whatever happened, and nobody
is told that a write is done while another node may be primary."""
import json
import subprocess
import time

import pytest

from lib import api, ledger
from lib.cluster import A, B, PORT, other
from lib.faults import FAULTS, pause, processes
from lib.run import wait_until
from lib.writer import Writer

RELEASE_S = 6.0  # a primary whose replica died waits for it no longer than this


@pytest.fixture
def lossless(keeper):
    """A healthy cluster in lossless mode, its primary waiting for acknowledgements."""
    cluster = keeper.get(RELEVO_MODE="lossless", RELEVO_FAILBACK="auto")
    cluster.wait_sync()
    yield cluster


@pytest.fixture(scope="module", autouse=True)
def async_again(keeper):
    yield
    if keeper.cluster is not None:
        keeper.get(RELEVO_MODE="async")


def semisync(cluster, node):
    """The semi-sync variables and status of a node."""
    found = cluster.sql(node, "SELECT LOWER(VARIABLE_NAME), VARIABLE_VALUE FROM performance_schema.global_variables"
                        " WHERE VARIABLE_NAME LIKE 'rpl_semi_sync%%' UNION ALL SELECT LOWER(VARIABLE_NAME),"
                        " VARIABLE_VALUE FROM performance_schema.global_status WHERE VARIABLE_NAME LIKE"
                        " 'rpl_semi_sync%%'")
    return dict(found)


def waiting(cluster, node):
    """Sessions whose commit waits for an acknowledgement."""
    return [row[0] for row in cluster.sql(node, "SELECT PROCESSLIST_ID FROM performance_schema.threads WHERE"
                                          " TYPE = 'FOREGROUND' AND PROCESSLIST_STATE LIKE 'Waiting for semi-sync ACK%%'")]


def let_think(seconds):
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > until, seconds + 10, "it had its chance")


def check_whole(cluster, writer):
    """Nothing acknowledged is missing, not even from the primary alone."""
    assert ledger.check(cluster, writer) == 0, "acknowledged writes were rescued instead of kept"
    cluster.assert_same_data()


def check_turns(writer):
    """The nodes took turns in acknowledging: one hand-over and the one back, no more."""
    assert writer.overlap() <= 2, [(r["port"], r["sent"], r["done"]) for r in writer.acks()][-20:]


def present_ids(cluster):
    return {row[0] for row in cluster.sql(cluster.primary(), "SELECT id FROM traffic.writes")}


def test_what_is_set_and_said(lossless):
    source, replica = semisync(lossless, A), semisync(lossless, B)
    assert source["rpl_semi_sync_source_enabled"] == source["rpl_semi_sync_source_status"] == "ON"
    assert source["rpl_semi_sync_source_wait_point"] == "AFTER_SYNC"
    assert source["rpl_semi_sync_source_timeout"] == "4294967295"
    assert source["rpl_semi_sync_source_wait_no_replica"] == "ON"
    assert replica["rpl_semi_sync_replica_enabled"] == replica["rpl_semi_sync_replica_status"] == "ON"
    assert replica["rpl_semi_sync_source_enabled"] == "OFF", "a replica that waits would never finish applying"
    for node in (A, B):  # without these an acknowledgement says less than it seems to
        assert lossless.value(node, "SELECT CONCAT_WS(',', @@sync_binlog, @@innodb_flush_log_at_trx_commit,"
                                    " @@replica_preserve_commit_order, @@relay_log_recovery)") == "1,1,1,1"
    assert lossless.value(A, "SELECT sync FROM relevo.epoch ORDER BY epoch DESC LIMIT 1") == 1
    verdict = api.get("/api/v1/verdict").json()
    assert verdict["mode"] == "lossless" and verdict["sync"] is True, json.dumps(verdict)
    assert [c["vouches"] for c in verdict["if_the_primary_died_now"]] == [True]
    cluster = api.get("/api/v1/cluster").json()
    assert cluster["mode"] == "lossless" and cluster["sync"] is True


@pytest.mark.parametrize("fault", ["stop", "pause"])
def test_primary_lost_and_back(lossless, fault):
    """Frozen, it thaws as a stale primary while the replica's receiver was still connecting to it: it gets no
    acknowledgement any more, and is closed."""
    strike, cure = FAULTS[fault]
    mark = lossless.mark()
    with Writer(lossless) as writer:
        writer.wait_acks(PORT[A], 20)
        strike(lossless, A)
        lossless.wait_event(mark, type="FAILOVER", node=B)
        writer.wait_acks(PORT[B], 5)
        back = lossless.mark()
        cure(lossless, A)
        if fault == "pause":
            lossless.wait_event(back, 60, type="FENCED", node=A)
        lossless.wait_event(back, 90, type="SWITCHOVER", node=A)
        lossless.wait_normal(A)
        lossless.wait_sync()
        writer.wait_acks(PORT[A], 5)
        check_whole(lossless, writer)
        check_turns(writer)


def test_closed_and_then_gone_it_is_not_opened_in_between(lossless):
    """What `docker stop` does, seen in between: opened there, the primary would be recorded to acknowledge alone, and
    nobody could take over (rule 179)."""
    mark = lossless.mark()
    with Writer(lossless) as writer:
        writer.wait_acks(PORT[A], 5)
        killer = subprocess.Popen(["docker", "exec", "-i", "-u", "0", A, "sh", "-c",
                                   "read -r go; kill -9 " + " ".join(processes(A))], stdin=subprocess.PIPE)
        lossless.sql(A, "SET GLOBAL super_read_only = ON")
        wait_until(lambda: lossless.state()["rule"] == "179", 5, "the watcher sees that it has just closed", every=0.01)
        killer.communicate(b"go\n", timeout=20)
        lossless.wait_event(mark, 20, type="FAILOVER", node=B)
        writer.wait_acks(PORT[B], 5)
        lossless.wait_event(mark, 90, type="SWITCHOVER", node=A)
        lossless.wait_normal(A)
        check_whole(lossless, writer)
    assert not lossless.events(mark, type="SYNC_OFF")


def test_crash_with_commits_that_nobody_acknowledged(lossless):
    """The replica has what was acknowledged in its relay log only: it is applied before the source is forgotten. What the
    primary had in its binlog and nobody acknowledged is committed by its recovery: it is undone and saved. KILL frees no
    session that waits for an acknowledgement."""
    mark = lossless.mark()
    with Writer(lossless, timeout=8) as writer:
        writer.wait_acks(PORT[A], 10)
        pause(lossless, "db-watcher")  # it would let the primary go on alone
        lossless.root(B, "STOP REPLICA SQL_THREAD")
        writer.wait_acks(PORT[A], 10)
        behind = lossless.value(B, "SELECT MAX(id) FROM traffic.writes")
        lossless.root(B, "STOP REPLICA IO_THREAD")
        stuck = wait_until(lambda: waiting(lossless, A), 10, "a commit waits")[0]
        lossless.root(A, f"KILL {stuck}")
        let_think(0.3)
        assert stuck in waiting(lossless, A)
        told = {r["id"] for r in writer.acks(PORT[A])}
        lossless.docker("kill", A)
        lossless.root(B, "START REPLICA IO_THREAD")  # it has nobody to connect to
        lossless.docker("unpause", "db-watcher")
        lossless.wait_event(mark, 40, type="FAILOVER", node=B)
        assert behind < max(told) and told <= {row[0] for row in lossless.sql(B, "SELECT id FROM traffic.writes")}
        writer.wait_acks(PORT[B], 5)
        phantoms = {r["id"] for r in writer.records() if r["port"] == PORT[A] and r["says"] == "unknown"}
        lossless.docker("start", A)
        lossless.wait_event(mark, 60, type="RESCUED", node=A)
        lossless.wait_normal(timeout=120)
        lossless.wait_sync()
        saved = ledger.rescued_ids(lossless)
        assert phantoms & saved and not saved & present_ids(lossless)
        check_whole(lossless, writer)
        check_turns(writer)


def test_stale_primary_whose_commits_wait_tells_nobody(lossless):
    """Cut off from everybody, it has clients of its own whose commits wait, behind which a fence would hang. When it is
    back they are cut off before what waits is let through: nobody is told late that it is done."""
    mark = lossless.mark()
    lossless.prepare_traffic()
    with Writer(lossless) as writer:
        writer.wait_acks(PORT[A], 10)
        first = lossless.next_write_id() + 10_000_000
        lossless.disconnect(A)
        inside = [subprocess.Popen(["docker", "exec", A, "sh", "-c", "MYSQL_PWD=$MYSQL_ROOT_PASSWORD exec mysql -uroot -e"
                                    f" 'INSERT INTO traffic.writes (id, port) VALUES ({first + i}, 1)'"],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for i in range(3)]
        lossless.wait_event(mark, 30, type="FAILOVER", node=B)
        writer.wait_acks(PORT[B], 5)
        assert all(client.poll() is None for client in inside), [client.communicate()[0] for client in inside]
        back = lossless.mark()
        lossless.reconnect(A)
        lossless.wait_event(back, 60, type="FENCED", node=A)
        for client in inside:
            said, _ = client.communicate(timeout=20)
            assert client.returncode != 0, said
        lossless.wait_normal(timeout=120)
        lossless.wait_sync()
        lost = {first + i for i in range(3)}
        assert not lost & present_ids(lossless) and lost & ledger.rescued_ids(lossless)
        check_whole(lossless, writer)
        check_turns(writer)


def test_stopped_primary_whose_commits_wait_tells_nobody(lossless):
    """By itself, a MySQL server that shuts down tells clients whose commits wait that all is done (tests/contract,
    stop-with-a-waiting-commit)."""
    with Writer(lossless, timeout=20) as writer:
        writer.wait_acks(PORT[A], 10)
        pause(lossless, "db-watcher")  # it would let the primary go on alone
        lossless.root(B, "STOP REPLICA IO_THREAD")
        wait_until(lambda: waiting(lossless, A), 10, "a commit waits")
        lossless.docker("stop", "-t", "60", A)
        told = {r["id"] for r in writer.acks(PORT[A])}
        wait_until(lambda: told <= {row[0] for row in lossless.sql(B, "SELECT id FROM traffic.writes")}, 10,
                   "the replica has all that clients were told")
        lossless.docker("unpause", "db-watcher")
        lossless.docker("start", A)
        lossless.wait_normal(timeout=120)
        lossless.wait_sync()
        check_whole(lossless, writer)


def restart(lossless):
    lossless.docker("kill", B)
    lossless.docker("kill", A)
    lossless.docker("start", B)
    wait_until(lambda: lossless.value(B, "SELECT 1") == 1, 60, f"{B} answers")
    lossless.root(B, "START REPLICA")  # as if a person helped: its receiver is connecting again


def change(lossless):
    lossless.docker("kill", A)
    lossless.root(B, "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_CONNECT_RETRY = 2, SOURCE_HOST ="
                     f" '{A}', SOURCE_AUTO_POSITION = 1; START REPLICA")


@pytest.mark.parametrize("throw_away", [restart, change])
def test_replica_whose_relay_log_was_thrown_away_does_not_vouch(lossless, throw_away):
    """What it acknowledged was in its relay log only."""
    mark = lossless.mark()
    with Writer(lossless) as writer:
        writer.wait_acks(PORT[A], 10)
        pause(lossless, "db-watcher")  # it must find out from what it observes
        lossless.root(B, "STOP REPLICA SQL_THREAD")
        writer.wait_acks(PORT[A], 10)
        throw_away(lossless)
        lossless.docker("unpause", "db-watcher")
        wait_until(lambda: lossless.phase() == "NO_PRIMARY", 40, "NO_PRIMARY")
        let_think(2)
        assert lossless.phase() == "NO_PRIMARY" and not lossless.events(mark, type="FAILOVER")
        lossless.docker("start", A)
        lossless.wait_normal(A, timeout=120)
        lossless.wait_sync()
        check_whole(lossless, writer)


def test_replica_lost_then_primary_lost(lossless):
    """The primary goes on alone within a bounded time, and from then on nobody else may: only a person may insist."""
    mark = lossless.mark()
    with Writer(lossless, timeout=8) as writer:
        writer.wait_acks(PORT[A], 20)
        lossless.docker("kill", B)
        struck = time.monotonic()
        off = lossless.wait_event(mark, 20, type="SYNC_OFF", node=A)
        writer.wait_acks(PORT[A], 3, since=struck + 0.3)
        assert min(r["done"] for r in writer.acks(PORT[A], struck + 0.3)) - struck < RELEASE_S
        assert off["rule"] == 152 and not lossless.in_sync()
        assert lossless.value(A, "SELECT sync FROM relevo.epoch ORDER BY epoch DESC LIMIT 1") == 0
        lossless.docker("kill", A)
        writer.stop()
    # It has what it acknowledged, not what the primary acknowledged alone.
    lossless.docker("start", B)
    wait_until(lambda: lossless.phase() == "NO_PRIMARY", 30, "NO_PRIMARY")
    lossless.wait_event(mark, 60, type="NODE_UP", node=B)
    let_think(2)
    assert lossless.phase() == "NO_PRIMARY" and "force" in lossless.state()["why"]
    assert not lossless.events(mark, type="FAILOVER") and not lossless.writable(B)

    # Force must be confirmed by name.
    refused = lossless.ask({"action": "failover", "node": B, "force": True})
    assert refused[-1]["type"] == "COMMAND_REFUSED" and "confirm" in refused[-1]["why"], refused
    done = lossless.ask({"action": "failover", "node": B, "force": True, "confirm": B})
    assert done[-1]["type"] == "COMMAND_FINISHED" and done[-1]["detail"].get("result") == "ok", done
    assert lossless.events(mark, type="FORCED", node=B)
    lossless.wait_primary(B)
    lossless.docker("start", A)
    lossless.wait_normal(timeout=120)
    lossless.wait_sync()
    lossless.assert_same_data()
    # What the person gave up was saved.
    given_up = {r["id"] for r in writer.acks(PORT[A])} - present_ids(lossless)
    assert given_up, "the primary had acknowledged nothing alone: the test shows nothing"
    assert given_up <= ledger.rescued_ids(lossless)


def test_a_record_that_is_not_so_is_set_right(lossless):
    """A write to Redis may linger and land after a newer one; the next life of the watcher would believe it."""
    mark, epoch = lossless.mark(), lossless.state()["epoch"]
    with Writer(lossless, timeout=8) as writer:
        writer.wait_acks(PORT[A], 10)
        lossless.docker("kill", B)
        lossless.wait_event(mark, 20, type="SYNC_OFF", node=A)
        lossless.redis().hset("relevo:appdb", "sync_epoch", epoch)  # says more than is so
        wait_until(lambda: lossless.state()["sync_epoch"] == "0", 20, "Redis says again that the primary goes on alone")
        lossless.docker("start", B)
        lossless.wait_normal(timeout=120)
        lossless.wait_sync()
        lossless.redis().hset("relevo:appdb", "sync_epoch", "0")  # says less: it would be NO_PRIMARY for no reason
        lossless.wait_sync()
        check_whole(lossless, writer)
    assert not lossless.events(mark, type="FAILOVER")


def test_watcher_restarted_while_the_primary_dies(lossless):
    """What it knew about who vouches outlives it."""
    mark = lossless.mark()
    with Writer(lossless) as writer:
        writer.wait_acks(PORT[A], 20)
        lossless.docker("kill", "db-watcher")
        lossless.docker("kill", A)
        lossless.docker("start", "db-watcher")
        lossless.wait_event(mark, 40, type="FAILOVER", node=B)
        writer.wait_acks(PORT[B], 5)
        lossless.docker("start", A)
        lossless.wait_normal(A, timeout=120)
        lossless.wait_sync()
        check_whole(lossless, writer)


DRIFTS = {
    "source off": (A, "SET GLOBAL rpl_semi_sync_source_enabled = OFF", "rpl_semi_sync_source_enabled", "ON"),
    "short timeout": (A, "SET GLOBAL rpl_semi_sync_source_timeout = 100", "rpl_semi_sync_source_timeout", "4294967295"),
    "no replica": (A, "SET GLOBAL rpl_semi_sync_source_wait_no_replica = OFF", "rpl_semi_sync_source_wait_no_replica",
                   "ON"),
    "more than there are": (A, "SET GLOBAL rpl_semi_sync_source_wait_for_replica_count = 2",
                            "rpl_semi_sync_source_wait_for_replica_count", "1"),
    "told too early": (A, "SET GLOBAL rpl_semi_sync_source_wait_point = AFTER_COMMIT", "rpl_semi_sync_source_wait_point",
                       "AFTER_SYNC"),
    "replica off": (B, "SET GLOBAL rpl_semi_sync_replica_enabled = OFF", "rpl_semi_sync_replica_enabled", "ON"),
    "replica waits": (B, "SET GLOBAL rpl_semi_sync_source_enabled = ON", "rpl_semi_sync_source_enabled", "OFF"),
}


def test_drift_is_repaired_and_switchover_there_and_back(lossless):
    begin = lossless.mark()
    with Writer(lossless) as writer:
        for drift, (node, statement, name, right) in DRIFTS.items():
            mark = lossless.mark()
            lossless.root(node, statement)
            wait_until(lambda: semisync(lossless, node)[name] == right, 20, f"{drift}: {name} is {right} again")
            if node == A:
                assert lossless.wait_event(mark, 20, type="SYNC_ON", node=A)["rule"] == 150
            lossless.wait_sync()
        assert not lossless.events(begin, type="FAILOVER")
        writer.wait_acks(PORT[A], 10)
        lossless.wait_normal(A)
        for target in (B, A):
            done = lossless.ask({"action": "switchover", "node": target})
            assert done[-1]["detail"].get("result") == "ok", done
            writer.wait_acks(PORT[target], 5)
            lossless.wait_normal(target)
            lossless.wait_sync()
            assert semisync(lossless, other(target))["rpl_semi_sync_source_enabled"] == "OFF"
        check_whole(lossless, writer)
        check_turns(writer)
        assert {r["says"] for r in writer.acks()} == {"ack"}


def test_commits_that_no_replica_acknowledged_are_told(lossless):
    """Somebody makes the primary give the wait up after a moment, and a commit does: its client was told that it is done."""
    lossless.prepare_traffic()
    mark = lossless.mark()
    pause(lossless, "db-watcher")  # it would set that right within a second
    lossless.root(B, "STOP REPLICA IO_THREAD")
    lossless.root(A, "SET GLOBAL rpl_semi_sync_source_timeout = 50; INSERT INTO traffic.writes (id, port) VALUES (7000001, 3307)")
    lossless.root(B, "START REPLICA IO_THREAD")
    lossless.docker("unpause", "db-watcher")
    alarm = lossless.wait_event(mark, 20, type="ALARM", node=A)
    assert int(alarm["detail"]["count"]) >= 1 and alarm["severity"] == "error", alarm
    lossless.wait_sync()
    lossless.wait_normal(A)


def test_what_a_reign_noted_on_one_server_ends_with_it(lossless):
    """A primary notes on itself alone that it may not wait any more, since nobody would acknowledge that. If the reign ends
    there, the nodes' rows would differ for ever. And nobody finds what is recorded of it in Redis strange."""
    epoch, stamp = int(lossless.state()["epoch"]), lossless.now()
    noted = f"SELECT sync FROM relevo.epoch WHERE epoch = {epoch}"
    lossless.root(A, f"SET sql_log_bin = 0; UPDATE relevo.epoch SET sync = 2 WHERE epoch = {epoch}")
    assert (lossless.value(A, noted), lossless.value(B, noted)) == (2, 1)
    for target in (B, A):
        assert lossless.ask({"action": "switchover", "node": target})[-1]["detail"].get("result") == "ok"
        lossless.wait_normal(target)
        lossless.wait_sync()
    assert (lossless.value(A, noted), lossless.value(B, noted)) == (3, 3)
    lossless.assert_same_data()
    assert not [line for line in lossless.logs("fastapi-dashboard", stamp).splitlines() if "wrong kind" in line]


def test_redis_away_means_nobody_let_go(lossless):
    """What cannot be recorded is not done: a primary whose replica died waits, and collects no sessions of ours meanwhile.
    With Redis back it is let go."""
    ours = "SELECT COUNT(*) FROM performance_schema.threads WHERE PROCESSLIST_USER = 'relevo'"
    mark = lossless.mark()
    with Writer(lossless, timeout=20) as writer:
        writer.wait_acks(PORT[A], 10)
        usual = lossless.value(A, ours)
        lossless.docker("kill", "redis")
        lossless.docker("kill", B)
        wait_until(lambda: waiting(lossless, A), 10, "commits wait")
        let_think(7)
        assert waiting(lossless, A), "it was let go on alone though that is not recorded"
        assert lossless.value(A, ours) <= usual + 2
        lossless.docker("start", "redis")
        lossless.wait_redis()
        lossless.wait_event(mark, 20, type="SYNC_OFF", node=A)
        lossless.docker("start", B)
        lossless.wait_normal(A, timeout=120)
        lossless.wait_sync()
        check_whole(lossless, writer)


def test_cold_start_of_both(lossless):
    """Everything stops and starts: the recorded primary is opened, alone until the other keeps up."""
    with Writer(lossless) as writer:
        writer.wait_acks(PORT[A], 10)
        lossless.docker("kill", A, B, "db-watcher")
        lossless.docker("start", B, A, "db-watcher")
        lossless.wait_normal(timeout=120)
        lossless.wait_sync()
        writer.wait_acks_of_primary()
        check_whole(lossless, writer)
