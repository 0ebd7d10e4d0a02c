"""What can go wrong around the cluster: each fault has one clear line, and nothing is lost."""
import contextlib
import json

import pytest

from lib import api, engine, ledger, redis_lab
from lib.cluster import A, B, KEY, PORT, other
from lib.run import DEV_IMAGE, sh, sh_result, wait_until
from lib.writer import Writer


def wait_log(cluster, container, stamp, *words, timeout=30):
    """The first line of the container's log since stamp that holds all words."""
    def line():
        return next((found for found in cluster.logs(container, stamp).splitlines()
                     if all(w.lower() in found.lower() for w in words)), None)
    return wait_until(line, timeout, f"{container} logs a line with {words}")


def count_lines(cluster, container, stamp, *words):
    return sum(all(w.lower() in line.lower() for w in words) for line in cluster.logs(container, stamp).splitlines())


# ---- Redis -----------------------------------------------------------------------------------------------------------

def test_redis_down_and_back(cluster):
    """Nothing happens to a healthy cluster; each service says so once; all goes on when Redis is back."""
    epoch, stamp = cluster.state()["epoch"], cluster.now()
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        cluster.docker("stop", "-t", "5", "redis")
        for container in ("db-watcher", "db-resync", "fastapi-dashboard"):
            wait_log(cluster, container, stamp, "redis")
        writer.wait_acks(PORT[A], 200, timeout=60)
        for container in ("db-watcher", "db-resync", "fastapi-dashboard"):
            assert count_lines(cluster, container, stamp, "redis") <= 3, "one clear line, not one per attempt"
            assert engine.status(container) == "running" and engine.inspect(container)["RestartCount"] == 0
        cluster.docker("start", "redis")
        cluster.wait_normal(A)
        assert cluster.state()["epoch"] == epoch
        assert {r["says"] for r in writer.records() if r["port"] == PORT[A]} == {"ack"}
        assert ledger.check(cluster, writer) == 0
    cluster.assert_same_data()


def test_what_a_hand_writes_into_the_state_is_told_and_set_right(cluster):
    """Another primary, an epoch that is far off, a promotion that nobody began: nobody is opened or closed by it."""
    mark, epoch = cluster.mark(), cluster.state()["epoch"]
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        cluster.redis().hset(KEY, mapping={"primary": B, "epoch": "990", "maintenance": "on"})
        alarm = cluster.wait_event(mark, 20, type="ALARM", msg="MSG_STATE_FORGED")
        assert f"primary: {B} → {A}" in alarm["why"] and f"epoch: 990 → {epoch}" in alarm["why"], alarm
        assert int(alarm["detail"]["count"]) == 3 and alarm["severity"] == "error"
        state = cluster.state()
        assert (state["primary"], state["epoch"], state["maintenance"]) == (A, epoch, "off")
        second = cluster.mark()
        cluster.redis().hset(KEY, "intent", json.dumps({"act": "promote", "target": B, "old": A, "epoch": 991}))
        wait_until(lambda: cluster.state()["intent"] == "", 20, "the intent is taken away")
        cluster.wait_event(second, 20, type="ALARM", msg="MSG_STATE_FORGED")  # the second one within ten seconds waits
        cluster.docker("restart", "-t", "5", "db-watcher")
        writer.wait_acks(PORT[A], 100)
        cluster.wait_normal(A)
        assert ledger.check(cluster, writer) == 0
    assert cluster.writable(A) and not cluster.writable(B) and cluster.state()["epoch"] == epoch
    assert not [e for e in cluster.events(mark) if e["type"] in ("FAILOVER", "SWITCHOVER", "ELECTED")]
    assert len(cluster.events(mark, msg="MSG_STATE_FORGED")) == 2


def test_redis_is_full(cluster):
    """Somebody fills it with the operator's password: the failover works as ever, and all is told when there is room."""
    mark, stamp = cluster.mark(), cluster.now()
    redis_lab.fill(cluster.redis())
    try:
        wait_log(cluster, "db-watcher", stamp, "no admite escrituras")
        with Writer(cluster) as writer:
            writer.wait_acks(PORT[A], 5)
            cluster.docker("kill", A)
            writer.wait_acks(PORT[B], 20, timeout=20)
        cluster.docker("start", A)
        wait_until(lambda: cluster.value(A, "SELECT @@super_read_only") == 1, 60, f"{A} is back, closed")
    finally:
        redis_lab.empty(cluster.redis())
        cluster.redis().config_set("maxmemory", "256mb")
    cluster.wait_event(mark, 20, type="ALARM", msg="MSG_STORE_TAKES")
    cluster.wait_event(mark, 60, type="RESYNC", node=A)
    told = [event.get("msg") if event["type"] == "ALARM" else event["type"] for event in cluster.events(mark)]
    assert [one for one in told if one in ("MSG_STORE_REFUSES", "FAILOVER", "MSG_STORE_TAKES")] == [
        "MSG_STORE_REFUSES", "FAILOVER", "MSG_STORE_TAKES"], told
    assert count_lines(cluster, "db-watcher", stamp, "no admite escrituras") == 1
    cluster.heal()
    assert ledger.check(cluster, writer) == 0  # jobs could not be written while it was full: the old primary joins now
    cluster.assert_same_data()


def test_wrong_tokens_end_in_an_alarm(cluster):
    mark = cluster.mark()
    answers = [api.call("POST", "/api/v1/ack", {}, token=f"guess-{number}").status for number in range(30)]
    assert answers[0] == 401 and answers[-1] == 429
    alarm = cluster.wait_event(mark, 20, type="ALARM", msg="MSG_WRONG_TOKENS")
    assert int(alarm["detail"]["count"]) >= 10 and alarm["detail"]["from"]
    assert "guess-" not in cluster.logs("fastapi-dashboard") and not cluster.events(mark, type="ACK")
    # Who guesses no more is listened to again.
    wait_until(lambda: api.call("POST", "/api/v1/ack", {}, token=cluster.env["RELEVO_API_TOKEN"]).status == 202, 15,
               "the right token is let in", every=1)


def test_services_start_without_redis(cluster):
    services = ("db-watcher", "db-resync", "fastapi-dashboard")
    cluster.docker("stop", "-t", "5", "redis", *services)
    stamp = cluster.now()
    cluster.docker("start", *services)
    for container in services:
        wait_log(cluster, container, stamp, "redis")
        assert engine.status(container) == "running"
    assert cluster.writable(A) and not cluster.writable(B)
    mark_epoch = cluster.value(A, "SELECT MAX(epoch) FROM relevo.epoch")
    cluster.docker("start", "redis")
    cluster.wait_normal(A)
    assert int(cluster.state()["epoch"]) >= mark_epoch


def test_redis_back_empty(cluster):
    """The state is rebuilt from what the nodes remember: same primary, no failover, no epoch used twice."""
    epoch = int(cluster.state()["epoch"])
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        cluster.docker("exec", "redis", "sh", "-c", "rm -rf /data/*")
        cluster.docker("kill", "redis")
        cluster.docker("start", "redis")
        cluster.wait_redis()
        cluster.wait_normal(A)
        assert int(cluster.state()["epoch"]) >= epoch
        assert not cluster.events(type="FAILOVER")
        assert {r["says"] for r in writer.records() if r["port"] == PORT[A]} == {"ack"}
        # A failover after that goes to a new epoch.
        mark = cluster.mark()
        cluster.docker("kill", A)
        cluster.wait_primary(B)
        cluster.wait_event(mark, type="FAILOVER", node=B)
        assert int(cluster.state()["epoch"]) > epoch
        cluster.docker("start", A)
        cluster.wait_normal(A)
        ledger.check(cluster, writer)
    epochs = [r[0] for r in cluster.sql(A, "SELECT epoch FROM relevo.epoch ORDER BY created_at")]
    assert epochs == sorted(set(epochs))
    cluster.assert_same_data()


def test_redis_down_and_the_primary_dies(cluster):
    """The only configured watcher still fails over from what it observes itself, and tells Redis later."""
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        cluster.docker("stop", "-t", "5", "redis")
        cluster.docker("kill", A)
        writer.wait_acks(PORT[B], 5, timeout=30)
        cluster.docker("start", "redis")
        wait_until(lambda: cluster.primary() == B, 30, "the hash learns of the new primary")
        cluster.docker("start", A)
        cluster.wait_normal(A)
        ledger.check(cluster, writer)
    cluster.assert_same_data()


def watcher_names(cluster):
    """{node: how many sessions of watchers bear a name there}"""
    return {node: cluster.value(node, "SELECT COUNT(*) FROM performance_schema.user_variables_by_thread WHERE"
                                      " variable_name = 'relevo_watcher'") for node in (A, B)}


@contextlib.contextmanager
def second_watcher(cluster):
    """Beside db-watcher, with the same settings; another name, so another watcher."""
    name, like = "relevo-test-second-watcher", engine.inspect("db-watcher")
    env_file = cluster.folder / "second-watcher.env"
    env_file.touch(mode=0o600)
    env_file.write_text("\n".join(like["Config"]["Env"]) + "\n")
    sh_result("docker", "rm", "-f", name)
    networks = engine.networks("db-watcher")
    sh("docker", "create", "--name", name, "--network", networks[0], "--env-file", env_file, like["Image"])
    for network in networks[1:]:
        sh("docker", "network", "connect", network, name)
    try:
        sh("docker", "start", name)
        yield name
    finally:
        sh_result("docker", "rm", "-f", name)


def test_two_watchers_that_never_reached_redis(cluster):
    """They learn of each other on the nodes: the one that finds the other there does not act until Redis answers."""
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        cluster.docker("stop", "-t", "5", "redis")
        cluster.docker("restart", "db-watcher")
        began = cluster.now()
        first = engine.inspect("db-watcher")["Config"]["Hostname"]
        wait_until(lambda: watcher_names(cluster) == {A: 1, B: 1}, 30, "the first one looks at both nodes")
        with second_watcher(cluster) as second:
            wait_log(cluster, second, began, first)
            cluster.docker("kill", A)
            writer.wait_acks(PORT[B], 5, timeout=30)
            assert count_lines(cluster, "db-watcher", began, f"{B} es primario en lugar de {A}") == 1
            assert count_lines(cluster, second, began, "es primario") == 0
        cluster.docker("start", "redis")
        wait_until(lambda: cluster.primary() == B, 30, "the hash learns of the new primary")
        cluster.docker("start", A)
        cluster.wait_normal(A)
        ledger.check(cluster, writer)
    cluster.assert_same_data()


def test_redis_paused_during_a_failover(cluster):
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        engine.pause("redis")
        cluster.docker("kill", A)
        writer.wait_acks(PORT[B], 5, timeout=30)
        cluster.docker("unpause", "redis")
        wait_until(lambda: cluster.primary() == B, 30, "the hash learns of the new primary")
        cluster.docker("start", A)
        cluster.wait_normal(A)
        ledger.check(cluster, writer)
    cluster.assert_same_data()


# ---- MySQL accounts --------------------------------------------------------------------------------------------------

def test_wrong_mysql_password_is_not_death(cluster):
    """Nobody is promoted because the watcher's own password is wrong; the line names the node and the account."""
    mark, stamp = cluster.mark(), cluster.now()
    secret = cluster.env["RELEVO_CONTROL_PASSWORD"]
    cluster.root(A, "ALTER USER relevo@'%' IDENTIFIED BY 'something-else';")
    try:
        # Connections that are open stay open: only new ones are refused.
        for (number,) in cluster.sql(A, "SELECT id FROM performance_schema.processlist WHERE user='relevo'"):
            with contextlib.suppress(Exception):
                cluster.sql(A, f"KILL {number}")
        line = wait_log(cluster, "db-watcher", stamp, A, "relevo")
        assert secret not in line and "something-else" not in line
        wait_until(lambda: cluster.node(A)["outcome"] == "denied", 20, "the state says denied")
        wait_until(lambda: cluster.phase() != "NORMAL", 10, "the phase shows it")
        assert cluster.writable(A) and not cluster.writable(B)
        assert not cluster.events(mark, type="FAILOVER")
        why = cluster.state()["why"]
        assert A in why, why
    finally:
        cluster.root(A, f"ALTER USER relevo@'%' IDENTIFIED BY '{secret}';")
    cluster.wait_normal(A)
    assert not cluster.events(mark, type="FAILOVER")
    for container in ("db-watcher", "db-resync"):
        assert secret not in cluster.logs(container)


def test_watcher_with_a_wrong_password_touches_nothing(cluster):
    """It says so of each node, also of those that refused it before it had the lease."""
    epoch, stamp = cluster.state()["epoch"], cluster.now()
    right = cluster.env["RELEVO_CONTROL_PASSWORD"]
    cluster.env["RELEVO_CONTROL_PASSWORD"] = "wrong-on-purpose"
    try:
        cluster.docker("stop", "db-watcher")
        cluster.redis().set(f"{KEY}:lease", "somebody-else", px=4000)
        cluster.compose("up", "-d", "--no-build", "--no-deps", "watcher")
        line = wait_log(cluster, "db-watcher", stamp, A)
        assert "wrong-on-purpose" not in line
        wait_log(cluster, "db-watcher", stamp, B)
        assert cluster.writable(A) and not cluster.writable(B)
        assert cluster.state()["epoch"] == epoch
    finally:
        cluster.env["RELEVO_CONTROL_PASSWORD"] = right
        cluster.compose("up", "-d", "--no-build", "--no-deps", "watcher")
    cluster.wait_normal(A)
    assert cluster.state()["epoch"] == epoch


def test_a_missing_privilege_stops_the_promotion_and_says_which(cluster):
    """The replica cannot be opened: it says why, nobody is left half-way, and the grant mends it."""
    stamp = cluster.now()
    cluster.root(B, "SET sql_log_bin=0; SET GLOBAL super_read_only=OFF; REVOKE SYSTEM_VARIABLES_ADMIN ON *.* FROM"
                    " relevo@'%'; SET GLOBAL super_read_only=ON;")
    try:
        for (number,) in cluster.sql(B, "SELECT id FROM performance_schema.processlist WHERE user='relevo'"):
            with contextlib.suppress(Exception):
                cluster.sql(B, f"KILL {number}")
        cluster.docker("kill", A)
        wait_log(cluster, "db-watcher", stamp, "SYSTEM_VARIABLES_ADMIN")
        assert not cluster.writable(B)
        assert cluster.primary() == A
    finally:
        cluster.root(B, "SET sql_log_bin=0; SET GLOBAL super_read_only=OFF; GRANT SYSTEM_VARIABLES_ADMIN ON *.* TO"
                        " relevo@'%'; SET GLOBAL super_read_only=ON;")
    cluster.wait_primary(B, 60)
    cluster.docker("start", A)
    cluster.wait_normal(A, 120)
    cluster.assert_same_data()


def test_a_missing_privilege_stops_a_resync_and_says_which(manual_cluster):
    cluster, stamp = manual_cluster, manual_cluster.now()
    cluster.root(B, "SET sql_log_bin=0; SET GLOBAL super_read_only=OFF; REVOKE REPLICATION_SLAVE_ADMIN ON *.* FROM"
                    " relevo_rebuild@'%'; SET GLOBAL super_read_only=ON;")
    try:
        answers = cluster.ask({"action": "resync", "node": B}, timeout=60)
        assert answers[-1]["type"] in ("COMMAND_REFUSED", "COMMAND_FINISHED")
        wait_log(cluster, "db-resync", stamp, "REPLICATION_SLAVE_ADMIN")
        assert not cluster.writable(B)
    finally:
        cluster.root(B, "SET sql_log_bin=0; SET GLOBAL super_read_only=OFF; GRANT REPLICATION_SLAVE_ADMIN ON *.* TO"
                        " relevo_rebuild@'%'; SET GLOBAL super_read_only=ON;")
    cluster.wait_normal(A)
    answers = cluster.ask({"action": "resync", "node": B}, timeout=60)
    assert answers[-1]["type"] == "COMMAND_FINISHED"
    cluster.wait_normal(A)
    cluster.assert_same_data()


# ---- a node that is not what it should be ----------------------------------------------------------------------------

IMPOSTOR = """
import socket, sys
first = bytes.fromhex(sys.argv[1])
server = socket.create_server(("", 3306))
while True:
    client, _ = server.accept()
    client.sendall(first)
    client.settimeout(2)
    try:
        client.recv(100)
    except OSError:
        pass
    client.close()
"""
OLD_GREETING = bytes([10]) + b"5.7.44-log" + bytes([0]) + bytes([1, 0, 0, 0]) + b"12345678" + bytes([0]) \
    + bytes([0xff, 0xff, 33, 2, 0, 0xff, 0xc1, 21]) + bytes(10) + b"123456789012" + bytes([0]) \
    + b"mysql_native_password" + bytes([0])
IMPOSTORS = {
    # The client library does not tell nonsense from a connection that breaks: it is not named unfit, nor trusted.
    "not MySQL": (b"SSH-2.0-OpenSSH_9.9\r\n", "lost"),
    "older than 8.4": (len(OLD_GREETING).to_bytes(3, "little") + bytes([0]) + OLD_GREETING, "unfit"),
    "says nothing": (b"", "timeout"),
}


@pytest.mark.parametrize("what", IMPOSTORS)
def test_a_node_that_is_not_mysql_84(cluster, what):
    """Something else answers at the replica's name: it is never trusted, and the primary stays."""
    first, outcome = IMPOSTORS[what]
    name, stamp = "relevo-test-impostor", cluster.now()
    network = engine.networks(A)[0]
    sh_result("docker", "rm", "-f", "-v", name)
    cluster.docker("stop", "-t", "30", B)
    try:
        sh("docker", "run", "-d", "--init", "--name", name, "--network", network, "--network-alias", B, DEV_IMAGE,
           "python3", "-c", IMPOSTOR, first.hex())
        wait_until(lambda: cluster.node(B)["outcome"] == outcome, 30, f"the node is {outcome}")
        wait_log(cluster, "db-watcher", stamp, B)
        assert cluster.node(B)["error"]
        assert cluster.writable(A)
        assert cluster.phase() == "DEGRADED"
    finally:
        sh_result("docker", "rm", "-f", "-v", name)
        cluster.docker("start", B)
    cluster.wait_normal(A)
    cluster.assert_same_data()


def test_same_server_uuid_twice(cluster):
    """A copied data directory: the twin is refused by name with the way to mend it, and never promoted."""
    mark, stamp = cluster.mark(), cluster.now()
    cluster.docker("stop", "-t", "30", B)
    file = cluster.folder / "auto.cnf"
    own = cluster.folder / "auto.cnf.own"
    sh("docker", "cp", f"{A}:/var/lib/mysql/auto.cnf", file)
    sh("docker", "cp", f"{B}:/var/lib/mysql/auto.cnf", own)
    sh("docker", "cp", "-a", file, f"{B}:/var/lib/mysql/auto.cnf")
    cluster.docker("start", B)
    try:
        line = wait_log(cluster, "db-watcher", stamp, B, "server_uuid")
        assert "auto.cnf" in line
        cluster.wait_event(mark, 20, type="ALARM", node=B)
        assert cluster.writable(A) and not cluster.writable(B)
        cluster.docker("kill", A)
        cluster.docker("exec", B, "sleep", "5")
        assert not cluster.writable(B), "the twin was promoted"
        cluster.docker("start", A)
        wait_until(lambda: cluster.writable(A), 60, f"{A} is open again")
    finally:
        cluster.docker("stop", "-t", "30", B)
        sh("docker", "cp", "-a", own, f"{B}:/var/lib/mysql/auto.cnf")
        cluster.docker("start", B)
    cluster.wait_normal(A)
    cluster.assert_same_data()


# ---- changed by hand -------------------------------------------------------------------------------------------------

def test_a_replica_opened_by_hand_is_closed_again(cluster):
    mark = cluster.mark()
    cluster.root(B, "SET GLOBAL super_read_only=OFF; SET GLOBAL read_only=OFF;")
    cluster.wait_event(mark, 10, type="FENCED", node=B)
    wait_until(lambda: cluster.value(B, "SELECT @@super_read_only") == 1, 5, f"{B} is closed")
    cluster.wait_normal(A)


@pytest.mark.parametrize("then", ["streams on", "restarts"])
def test_writes_that_only_the_replica_has_are_rescued_and_undone(cluster, then):
    """Somebody wrote on the replica: what was written is saved in a file, and the node becomes what the primary is."""
    cluster.prepare_traffic()
    cluster.wait_same()
    mark = cluster.mark()
    engine.pause("db-watcher")
    try:
        cluster.root(B, "SET GLOBAL super_read_only=OFF; SET GLOBAL read_only=OFF;"
                        "INSERT INTO traffic.writes (id, port) VALUES (-70, 1), (-71, 1);"
                        "SET GLOBAL super_read_only=ON;")
        if then == "restarts":
            cluster.docker("restart", "-t", "30", B)
    finally:
        cluster.docker("unpause", "db-watcher")
    cluster.wait_event(mark, 90, type="RESCUED", node=B)
    cluster.wait_event(mark, 120, type="RESYNC", node=B)
    cluster.wait_normal(A)
    assert cluster.value(B, "SELECT COUNT(*) FROM traffic.writes WHERE id IN (-70, -71)") == 0
    texts = cluster.rescued_texts()
    assert any("@1=-70" in t and "@1=-71" in t for t in texts), "the rescued file holds the rows"
    cluster.assert_same_data()


def test_the_failover_limit_freezes_until_ack(keeper):
    cluster = keeper.get(RELEVO_FAILBACK="manual", RELEVO_FAILOVER_LIMIT="2/3600s")
    try:
        cluster.ask({"action": "ack"})  # the failovers of the tests before do not count
        for _ in range(2):
            primary = cluster.primary()
            cluster.docker("kill", primary)
            cluster.wait_primary(other(primary))
            cluster.docker("start", primary)
            cluster.wait_normal(other(primary))
        primary, mark = cluster.primary(), cluster.mark()
        cluster.docker("kill", primary)
        wait_until(lambda: cluster.phase() == "FROZEN", 20, "the limit freezes automation")
        assert "ack" in cluster.state()["why"]
        assert not cluster.writable(other(primary))
        cluster.command("ack")
        cluster.wait_event(mark, type="ACK")
        cluster.wait_primary(other(primary), 30)
        cluster.docker("start", primary)
        cluster.wait_normal(other(primary))
    finally:
        keeper.get(RELEVO_FAILBACK="manual", RELEVO_FAILOVER_LIMIT="30/60s")
