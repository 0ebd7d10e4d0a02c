"""The Redis adapter (common/store_real.c) against a real Redis that is stopped, killed, emptied and paused."""
import json
import os
import subprocess
import time

import pytest

from lib import engine
from lib.run import BUILD, DEV_IMAGE, sh, sh_result, wait_until

REDIS_IMAGE = os.environ.get("REDIS_IMAGE", "relevo-redis:local")
NETWORK = "relevo-test-store"
REDIS = "relevo-test-store-redis"
PASSWORD = "s3cret-of-the-test"
ACL = (f"--user default off --user watcher on >{PASSWORD} ~relevo:check* &relevo:check* +@all "
       f"--user poor on >{PASSWORD} ~relevo:check* &relevo:check* +@connection +hgetall +incr +multi +exec +publish").split()


class Hand:
    """One store_check process in a container beside Redis, so that names resolve as they do for the services."""

    def __init__(self, user="watcher", password=PASSWORD, host="redis", port=6379, service="watcher"):
        self.process = subprocess.Popen(
            ["docker", "run", "--rm", "-i", "--network", NETWORK, "-v", f"{BUILD}:/build:ro",
             "-e", "RELEVO_REDIS_PASSWORD", DEV_IMAGE, "/build/asan/tests/integration/store_check",
             host, str(port), user, service],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, errors="replace",
            env={**os.environ, "RELEVO_REDIS_PASSWORD": password})

    def ask(self, request):
        """(good, milliseconds, rest of the answer)"""
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"store_check ended with {self.process.wait()}"
        words = line.rstrip("\n").split(" ", 2)
        return words[0] == "ok", int(words[1]), words[2] if len(words) > 2 else ""

    def good(self, request):
        good, _, rest = self.ask(request)
        assert good, f"{request}: {rest}"
        return rest

    def bad(self, request):
        good, _, rest = self.ask(request)
        assert not good, f"{request} was expected to fail: {rest}"
        return rest

    def until_good(self, request, timeout=5):
        return wait_until(lambda: self.ask(request)[0], timeout, f"{request} works again")

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0, "store_check ended badly (sanitizer?)"


def redis_cli(*words):
    return sh("docker", "exec", "-e", f"REDISCLI_AUTH={PASSWORD}", REDIS, "redis-cli", "--user", "watcher",
              "--no-auth-warning", *words).strip()


def redis_start(*options):
    sh_result("docker", "rm", "-f", "-v", REDIS)
    sh("docker", "run", "-d", "--name", REDIS, "--network", NETWORK, "--network-alias", "redis", REDIS_IMAGE,
       "redis-server", "--protected-mode", "no", "--save", "", "--appendonly", "yes", *ACL, *options)
    wait_until(lambda: redis_cli("PING") == "PONG", 20, "Redis answers")


@pytest.fixture(scope="module", autouse=True)
def network():
    sh_result("docker", "rm", "-f", "-v", REDIS)
    sh_result("docker", "network", "rm", NETWORK)
    sh("docker", "network", "create", NETWORK)
    yield
    sh_result("docker", "rm", "-f", "-v", REDIS)
    sh("docker", "network", "rm", NETWORK)


@pytest.fixture
def redis():
    redis_start()


@pytest.fixture
def hands(redis):
    opened = []

    def make(**options):
        opened.append(Hand(**options))
        return opened[-1]

    yield make
    for hand in opened:
        hand.close()


def test_state_goes_round_and_wakes_the_listener(hands):
    hand = hands()
    assert "epoch=0 phase=STARTING" in hand.good("read")
    hand.good("listen 1000")  # subscribes
    hand.good("write epoch 42")
    hand.good("write primary mysql-primary")
    assert "epoch=42" in hand.good("read") and "primary=mysql-primary" in hand.good("read")
    assert "channel=3" in hand.good("listen 1000")  # …:state
    assert redis_cli("HGET", "relevo:check", "epoch") == "42"


def test_events_are_numbered_kept_and_published(hands):
    hand, other = hands(), hands(service="resync")
    assert hand.good("event a one") == "seq=1"
    assert other.good("event b two") == "seq=2"
    rows = json.loads(redis_cli("--json", "XRANGE", "relevo:check:history", "-", "+"))
    assert [row[1][0] for row in rows] == ["event", "event"]
    assert [json.loads(row[1][1])["seq"] for row in rows] == [1, 2]
    hand.good("log first-line")
    rows = json.loads(redis_cli("--json", "XRANGE", "relevo:check:log:watcher", "-", "+"))
    assert rows[0][1] == ["line", "first-line"]


def test_messages_of_any_shape_reach_the_listener_whole(hands):
    hand = hands()
    hand.good("listen 1000")
    sh("docker", "exec", "-i", "-e", f"REDISCLI_AUTH={PASSWORD}", REDIS, "sh", "-c",
       r"printf '\377\376 nonsense' | redis-cli --user watcher --no-auth-warning -x PUBLISH relevo:check:commands")
    assert "channel=0 length=11" in hand.good("listen 2000")
    sh("docker", "exec", REDIS, "sh", "-c", f"export REDISCLI_AUTH={PASSWORD}; head -c 3000000 /dev/zero | tr '\\0' x |"
       " redis-cli --user watcher --no-auth-warning -x PUBLISH relevo:check:commands")
    assert "channel=0 length=3000000" in hand.good("listen 5000")


def test_a_quiet_listener_returns_in_time(hands):
    hand = hands()
    hand.good("listen 100")
    good, ms, rest = hand.ask("listen 300")
    assert good and rest.startswith("quiet") and 280 <= ms <= 2500
    # Longer than the PING interval: the pong is not a message.
    good, ms, rest = hand.ask("listen 5000")
    assert good and rest.startswith("quiet generation=1") and 4900 <= ms <= 8000


def test_restart_is_survived_by_the_very_next_call(hands):
    hand = hands()
    hand.good("write epoch 7")
    hand.good("listen 1000")
    sh("docker", "restart", "-t", "5", REDIS)
    wait_until(lambda: redis_cli("PING") == "PONG", 20, "Redis answers")
    # The loss was not noticed before: the first call connects again and works.
    assert "epoch=7" in hand.good("read") and "generation=2" in hand.good("read")
    assert "lost" in hand.bad("listen 1000")  # the subscription's loss is told once
    assert "quiet generation=2" in hand.good("listen 1000")
    hand.good("publish hello")
    assert "message=hello" in hand.good("listen 1000")


def test_killed_and_back_empty(hands):
    hand = hands()
    hand.good("write epoch 9")
    hand.good("listen 1000")
    sh("docker", "kill", REDIS)
    # The first says what happened; while it waits to try again every call fails at once with that reason.
    said = hand.bad("read")
    slow = [hand.ask("read") for _ in range(20)]
    assert all(not good for good, _, _ in slow)
    assert min(ms for _, ms, _ in slow) <= 5 and max(ms for _, ms, _ in slow) <= 3000
    assert "redis:6379" in said
    good, ms, _ = hand.ask("listen 700")
    assert not good and ms <= 3000
    redis_start()
    hand.until_good("read")
    assert "epoch=0" in hand.good("read")  # empty is success
    hand.until_good("listen 500")
    hand.good("publish again")
    wait_until(lambda: "message=again" in hand.ask("listen 500")[2], 3, "the re-subscribed listener hears")


def test_a_paused_redis_keeps_no_caller(hands):
    hand = hands()
    hand.good("write epoch 3")
    hand.good("listen 1000")
    engine.pause(REDIS)
    try:
        good, ms, rest = hand.ask("read")
        assert not good and 900 <= ms <= 3000 and rest.startswith("timeout"), rest
        good, ms, rest = hand.ask("read")  # reconnecting fails within the deadline too
        assert not good and ms <= 3000, rest
        assert hand.ask("read")[1] <= 500  # backing off
        from_s = time.monotonic()
        while hand.ask("listen 1000")[0]:
            assert time.monotonic() - from_s < 20, "the dead subscription was not noticed"
    finally:
        sh("docker", "unpause", REDIS)
    hand.until_good("read")
    assert "epoch=3" in hand.good("read")
    hand.until_good("listen 500")


def test_the_lease_has_one_holder(hands):
    one, two = hands(), hands()
    assert one.good("lease one 2000") == "holder=one renewals=0"
    assert two.good("lease two 2000") == "holder=one rival renewals=1"
    assert one.good("lease one 2000") == "holder=one rival renewals=1"  # renewed; it learns that somebody waits for its place
    assert 0 < int(redis_cli("PTTL", "relevo:check:lease")) <= 2000
    two.good("release two")  # not its own: nothing happens
    assert redis_cli("GET", "relevo:check:lease") == "one"
    one.good("release one")
    assert two.good("lease two 400") == "holder=two handed over renewals=3"
    # A holder that says no more loses it when the time is over.
    wait_until(lambda: one.good("lease one 400") == "holder=one renewals=4", 3, "the lease runs out")
    # A lease asked for in vain leaves no WATCH behind that would undo a later write.
    two.good("lease two 400")
    redis_cli("SET", "relevo:check:lease", "third")
    two.good("write epoch 5")
    assert "epoch=5" in two.good("read")


def test_two_that_race_for_the_lease_never_both_hold_it(hands):
    one, two = hands(), hands()
    for _ in range(50):
        redis_cli("DEL", "relevo:check:lease")
        for hand, name in ((one, "one"), (two, "two")):
            hand.process.stdin.write(f"lease {name} 2000\n")
        for hand in (one, two):
            hand.process.stdin.flush()
        answers = [hand.process.stdout.readline().split()[2] for hand in (one, two)]
        assert len(set(answers)) == 1, answers


def test_wrong_password_is_one_clear_line(hands):
    hand = hands(password="wrong")
    said = hand.bad("read")
    assert said.startswith("denied") and "RELEVO_REDIS_PASSWORD" in said and "wrong" not in said.split("WRONGPASS")[0] \
        .replace("wrong user or password", "")
    said = hands(user="", password="").bad("read")
    assert said.startswith("denied") and "set RELEVO_REDIS_USER" in said


def test_a_missing_right_names_the_command(hands):
    hand = hands(user="poor")
    hand.good("read")
    said = hand.bad("write epoch 1")
    assert said.startswith("denied") and "hset" in said.lower(), said
    said = hand.bad("event a b")
    assert said.startswith("denied") and "xadd" in said.lower(), said
    said = hand.bad("listen 1000")
    assert said.startswith("denied") and "subscribe" in said.lower(), said
    hand.good("read")  # the connection stays usable
    assert redis_cli("EXISTS", "relevo:check:history") == "0"


def test_out_of_memory_is_told_and_nothing_half_written(hands):
    hand = hands()
    hand.good("write epoch 1")
    redis_cli("CONFIG", "SET", "maxmemory", "1")
    assert hand.bad("write epoch 2").startswith("full")
    redis_cli("CONFIG", "SET", "maxmemory", "0")
    assert "epoch=1" in hand.good("read")
    hand.good("write epoch 2")


def test_read_only_redis_is_told(hands):
    hand = hands()
    redis_cli("REPLICAOF", "127.0.0.1", "1")
    assert hand.bad("write epoch 2").startswith("conflict")
    redis_cli("REPLICAOF", "NO", "ONE")
    hand.good("write epoch 2")


def test_nobody_there(hands):
    assert hands(port=6380).bad("read").startswith("refused")
    hand = hands(host="no-such-name")
    good, ms, rest = hand.ask("read")
    assert not good and rest.startswith("gone") and ms <= 3000, rest
