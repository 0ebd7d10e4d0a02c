"""Nodes by name, by address, and with another address for replication; an address that changes; a name that changes."""
import os

import pytest

from lib.own_pair import OwnPair
from lib.run import sh, sh_result, wait_until

LAB = os.environ.get("RELEVO_TEST_LAB", "relevo-test") + "-own"


@pytest.fixture(scope="module")
def pair():
    made = OwnPair(LAB)
    # b listens on IPv4 alone, though its name has an IPv6 address as well, which the resolver puts first.
    made.up(flags_b=("--bind-address=0.0.0.0",))
    yield made
    made.down()


def write(pair, node):
    pair.sql(node, "CREATE TABLE IF NOT EXISTS appdb.mark_of_test (n INT PRIMARY KEY AUTO_INCREMENT)",
             "INSERT INTO appdb.mark_of_test VALUES ()")


def level(pair):
    wait_until(lambda: pair.executed(pair.a) == pair.executed(pair.b), 20, "both hold the same")


def test_an_address_and_a_network_for_replication(pair):
    name_b = f"{pair.b}.db.example.org"
    pair.start_services(RELEVO_NODES=f"one={pair.v4(pair.a)}:3306/repl={pair.back_of(pair.a)},"
                                     f"two={name_b}:3306/repl={pair.back_of(pair.b)}:3306")
    found = sh("docker", "exec", pair.watcher, "getent", "ahosts", name_b).split()
    assert found[0] == pair.v6(pair.b) and pair.v4(pair.b) in found, found
    state = pair.wait_phase("NORMAL", 90)
    assert state["primary"] == "one"
    assert pair.node("two")["source"] == "one"
    assert pair.source(pair.b) == ((pair.back_of(pair.a), 3306),)
    write(pair, pair.a)
    level(pair)


def test_a_copy_comes_by_the_replication_network(pair):
    sh("docker", "network", "disconnect", pair.name, pair.b)  # proof: without the other network there is still a way
    try:
        wait_until(lambda: pair.node("two")["outcome"] != "ok", 30, "two is missed")
    finally:
        sh("docker", "network", "connect", "--ip", pair.v4(pair.b), "--ip6", pair.v6(pair.b), "--alias",
           f"{pair.b}.db.example.org", pair.name, pair.b)
    pair.wait_phase("NORMAL")
    pair.say("resync two method=clone")
    wait_until(lambda: pair.job_of("two").get("phase") == "done" and pair.job_of("two")["method"] == "clone", 120, "the clone is done")
    assert pair.value(pair.b, "SELECT SOURCE FROM performance_schema.clone_status") == f"{pair.back_of(pair.a)}:3306"
    pair.wait_phase("NORMAL")


def test_an_address_that_changes_is_taken_without_a_copy(pair):
    began = pair.running_since(pair.b)
    nodes = f"one=[{pair.v6(pair.a)}]:3306,two={pair.v4(pair.b)}"
    pair.start_services(RELEVO_NODES=nodes)
    wait_until(lambda: pair.source(pair.b) == ((pair.v6(pair.a), 3306),), 60, "two follows the new address")
    pair.wait_phase("NORMAL")
    assert pair.job_of("two")["rung"] == "catchup" and pair.job_of("two")["phase"] == "done"
    assert pair.running_since(pair.b) == began
    write(pair, pair.a)
    level(pair)


def test_a_donor_by_an_ipv6_address_is_dumped_not_cloned(pair):
    pair.say("resync two method=clone")
    job = wait_until(lambda: (now := pair.job_of("two"))["phase"] == "failed" and now, 30, "the clone is refused")
    assert "RELEVO_NODES" in job["why"], job
    pair.wait_phase("NORMAL")  # nothing was begun: it streams on
    assert pair.sql(pair.b, "SELECT service_state FROM performance_schema.replication_connection_status") == (("ON",),)


def test_addresses_serve_a_failover_and_the_way_back(pair):
    pair.crash(pair.a)
    pair.wait_state(30, primary="two", phase="DEGRADED")
    write(pair, pair.b)
    sh("docker", "start", pair.a)
    pair.wait_phase("NORMAL", 120)
    assert pair.source(pair.a) == ((pair.v4(pair.b), 3306),)
    level(pair)


@pytest.mark.parametrize("redis_too", [False, True])
def test_new_names_are_the_same_servers(pair, redis_too):
    """redis_too: and Redis has forgotten; MySQL's rows know the primary by its old name."""
    before = pair.state()
    old = sorted(name.split(":", 1)[1] for name in before if name.startswith("node:"))
    primary = pair.b if before["primary"] == old[1] else pair.a
    new = [f"{name}x" for name in old]
    since = [pair.running_since(node) for node in (pair.a, pair.b)]
    pair.stop_services()
    if redis_too:
        pair.fresh_redis()
    pair.start_services(RELEVO_NODES=f"{new[0]}={pair.v4(pair.a)},{new[1]}={pair.v4(pair.b)}", RELEVO_PREFERRED=new[0],
                        RELEVO_FAILBACK="manual")
    state = pair.wait_state(60, phase="NORMAL", primary=new[1 if primary == pair.b else 0])
    assert state["primary_uuid"] == before["primary_uuid"]
    wait_until(lambda: not [field for field in pair.state() if field.split(":")[-1] in old], 15, "the old names are gone")
    assert sorted(name.split(":", 1)[1] for name in pair.state() if name.startswith("node:")) == new
    assert [pair.running_since(node) for node in (pair.a, pair.b)] == since
    assert pair.value(primary, "SELECT @@read_only") == 0
    level(pair)


def test_new_names_while_all_was_down(pair):
    """As by `docker-compose up -d` with other names: every server comes back closed."""
    before = pair.state()
    primary = pair.b if pair.value(pair.b, "SELECT @@read_only") == 0 else pair.a
    pair.stop_services()
    for node in (pair.a, pair.b):
        sh_result("docker", "restart", "-t", "20", node)
    pair.start_services(RELEVO_NODES=f"db1={pair.v4(pair.a)},db2={pair.v4(pair.b)}", RELEVO_FAILBACK="manual")
    state = pair.wait_state(90, phase="NORMAL", primary="db2" if primary == pair.b else "db1")
    assert state["primary_uuid"] == before["primary_uuid"]
    level(pair)
