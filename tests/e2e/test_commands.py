"""Everything that a person or a program may say on the command channel, as typed."""
import json
import subprocess

import pytest

from lib import engine, ledger
from lib.cluster import A, B, KEY, PORT
from lib.run import wait_until
from lib.writer import Writer


def restarts():
    return [(engine.began(c), engine.inspect(c)["RestartCount"]) for c in ("db-watcher", "db-resync", "fastapi-dashboard")]


def say(cluster, text, mark, finished=True):
    """Types the bare words; returns the events that answer them."""
    receivers = cluster.command(text)
    assert int(receivers) >= 1
    cluster.wait_event(mark, type="COMMAND_ACCEPTED")
    if finished:
        cluster.wait_event(mark, 60, type="COMMAND_FINISHED")
    assert not cluster.events(mark, type="COMMAND_REFUSED")


def test_failover_with_a_live_primary_is_a_switchover(manual_cluster):
    cluster, mark = manual_cluster, manual_cluster.mark()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        say(cluster, "failover", mark)
        cluster.wait_normal(B)
        writer.wait_acks(PORT[B], 5)
        assert ledger.check(cluster, writer) == 0
    assert cluster.events(mark, type="SWITCHOVER", node=B) and not cluster.events(mark, type="FAILOVER")
    cluster.assert_same_data()


def test_a_comparison_takes_nothing_from_the_node(manual_cluster):
    """The watcher accepts it for a replica, refuses it for the primary, and meanwhile nobody is in resync."""
    cluster, mark = manual_cluster, manual_cluster.mark()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        say(cluster, f"resync {B} method=verify", mark, finished=False)
        event = cluster.wait_event(mark, 60, type="VERIFIED", node=B)
    assert event["severity"] == "info" and event["detail"]["rows"] > 0, event
    assert not cluster.events(mark, type="RESYNC") and not cluster.events(mark, type="RESYNC_STARTED")
    assert cluster.state()["phase"] == "NORMAL"
    mark = cluster.mark()
    cluster.command(f"resync {A} method=verify")
    cluster.wait_event(mark, type="COMMAND_REFUSED")


def test_failover_to_a_named_node(manual_cluster):
    mark = manual_cluster.mark()
    say(manual_cluster, f"failover {B}", mark)
    manual_cluster.wait_normal(B)


def test_switchover_there_and_back(manual_cluster):
    for target in (B, A):
        mark = manual_cluster.mark()
        say(manual_cluster, f"switchover {target}", mark)
        manual_cluster.wait_normal(target)
        assert manual_cluster.events(mark, type="SWITCHOVER", node=target)
    manual_cluster.assert_same_data()


def test_switchover_ends_sessions_that_stand_in_the_way(manual_cluster):
    """A transaction left open and a table lock hold up super_read_only; they are ended, not waited for."""
    cluster = manual_cluster
    cluster.prepare_traffic()
    with cluster.session(A) as lock, cluster.session(A) as open_transaction:
        for session, statements in ((lock, ["CREATE TABLE IF NOT EXISTS traffic.held (id INT PRIMARY KEY)",
                                            "LOCK TABLES traffic.held WRITE"]),
                                    (open_transaction, ["BEGIN", "INSERT INTO traffic.writes VALUES (-1, 0, NOW(6))"])):
            with session.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        mark = cluster.mark()
        say(cluster, f"switchover {B}", mark)
    cluster.wait_normal(B)
    assert cluster.value(B, "SELECT COUNT(*) FROM traffic.writes WHERE id = -1") == 0
    cluster.assert_same_data()


@pytest.mark.parametrize("method", ["", " method=clone", " method=dump"])
def test_resync_of_the_replica(manual_cluster, method):
    mark, stamp = manual_cluster.mark(), manual_cluster.now()
    say(manual_cluster, f"resync {B}{method}", mark, finished=False)
    manual_cluster.wait_event(mark, 120, type="RESYNC", node=B)
    job = manual_cluster.job(B)
    assert job["phase"] == "done"
    assert job["rung"] == (method.removeprefix(" method=") or "catchup")
    manual_cluster.wait_normal(A)
    log = manual_cluster.logs("db-resync", stamp)
    if method:
        assert "📦 Iniciando backup..." in log and "✅ Backup y restore completados." in log
    assert "🔁 Restaurando topología..." in log
    manual_cluster.assert_same_data()


def test_resync_of_the_primary_is_refused(manual_cluster):
    mark = manual_cluster.mark()
    manual_cluster.command(f"resync {A}")
    why = manual_cluster.wait_event(mark, type="COMMAND_REFUSED")["why"]
    assert A in why
    assert manual_cluster.is_normal(A)


def test_maintenance_holds_automation_and_nothing_else(cluster):
    mark = cluster.mark()
    say(cluster, "maintenance on", mark)
    wait_until(lambda: cluster.phase() == "FROZEN", 5, "the phase is FROZEN")
    try:
        epoch = cluster.state()["epoch"]
        cluster.docker("kill", A)
        cluster.wait_event(mark, 20, type="NODE_DOWN", node=A)
        # Twice the time in which it would have failed over.
        cluster.docker("exec", B, "sleep", "2")
        assert cluster.state()["epoch"] == epoch and not cluster.writable(B)
        cluster.docker("start", A)
        wait_until(lambda: cluster.value(A, "SELECT 1") == 1, 60, f"{A} answers")
    finally:
        mark = cluster.mark()
        say(cluster, "maintenance off", mark)
    cluster.wait_normal(A)
    cluster.assert_same_data()


def test_ack_is_answered(cluster):
    mark = cluster.mark()
    cluster.command("ack")
    wait_until(lambda: cluster.events(mark, type="COMMAND_FINISHED") or cluster.events(mark, type="COMMAND_REFUSED"), 5,
               "ack is answered")


def test_json_commands_carry_their_id(manual_cluster):
    answers = manual_cluster.ask({"action": "switchover", "node": B, "by": "the test"})
    types = [a["type"] for a in answers if a["type"].startswith("COMMAND")]
    assert types == ["COMMAND_ACCEPTED", "COMMAND_FINISHED"]
    manual_cluster.wait_normal(B)
    answers = manual_cluster.ask({"action": "switchover", "node": B})
    assert answers[-1]["type"] == "COMMAND_REFUSED" and answers[-1]["why"]
    answers = manual_cluster.ask({"action": "resync", "node": A, "method": "catchup"})
    assert answers[-1]["type"] == "COMMAND_FINISHED"
    answers = manual_cluster.ask({"action": "failover", "node": "elsewhere"})
    assert answers[-1]["type"] == "COMMAND_REFUSED" and "elsewhere" in answers[-1]["why"]
    answers = manual_cluster.ask({"action": "maintenance", "on": True})
    assert answers[-1]["type"] == "COMMAND_FINISHED"
    answers = manual_cluster.ask({"action": "maintenance", "on": False})
    assert answers[-1]["type"] == "COMMAND_FINISHED"


NONSENSE = {
    "unknown word": b"explode",
    "empty": b"",
    "blank": b"   ",
    "sql": b"'; DROP TABLE system_events; --",
    "unknown node": b"switchover nowhere",
    "too many words": b"failover mysql-replica mysql-primary",
    "not utf-8": b"failover \xff\xfe\xc3",
    "nul": b"failover\x00mysql-replica",
    "control": b"\x1b[2Jfailover",
    "json broken": b'{"action": "failover"',
    "json not an object": b'["failover"]',
    "json unknown key": b'{"action": "failover", "please": true}',
    "json wrong type": b'{"action": "failover", "force": "yes"}',
    "json twice": b'{"action": "ack", "action": "failover"}',
    "json no action": b'{"node": "mysql-replica"}',
    "json deep": b'{"action": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    "json number": b'{"action": "failover", "node": 1e999}',
    "huge": b"failover " + b"x" * 500_000,
    "huge json": b'{"action": "failover", "node": "' + b"x" * 500_000 + b'"}',
    "method": b"resync mysql-replica method=magic",
    "maintenance": b"maintenance maybe",
}


def publish_bytes(data):
    done = subprocess.run(["docker", "exec", "-i", "redis", "redis-cli", "-x", "PUBLISH", f"{KEY}:commands"],
                          input=data, capture_output=True, timeout=30)
    assert done.returncode == 0 and not done.stdout.startswith(b"ERR"), done


def test_nonsense_is_refused_with_a_reason_and_changes_nothing(cluster):
    before, started = cluster.state(), restarts()
    for name, data in NONSENSE.items():
        mark = cluster.mark()
        publish_bytes(data)
        refusal = cluster.wait_event(mark, 10, type="COMMAND_REFUSED")
        assert refusal["why"], name
        assert len(json.dumps(refusal)) < 2000, f"{name}: the refusal repeats the nonsense at length"
        assert not [e for e in cluster.events(mark) if e["type"] in
                    ("COMMAND_ACCEPTED", "SWITCHOVER", "FAILOVER", "RESYNC_STARTED")], name
    after = cluster.state()
    assert restarts() == started, "a service was restarted"
    for field in ("epoch", "primary", "phase", "maintenance", "intent"):
        assert after.get(field) == before.get(field), field
    # The refused id is answered, so that its sender knows.
    answers = cluster.ask({"action": "explode", "id": "nonsense-7"})
    assert answers[-1]["type"] == "COMMAND_REFUSED"
    # And it still listens.
    cluster.ask({"action": "maintenance", "on": True})
    cluster.ask({"action": "maintenance", "on": False})
    cluster.wait_normal(A)
