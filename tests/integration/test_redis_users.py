"""Who may do what in Redis, as compose starts it: each service does its work through the adapter, and nothing else is let
through; who may only read cannot take the room; a Redis that is full keeps the lease alive."""
import contextlib
import json
import os
import socket
import subprocess
import time

import pytest
import redis

from lib import engine, redis_lab
from lib.run import BUILD, DEV_IMAGE, sh, sh_result, wait_until

LAB = os.environ.get("RELEVO_TEST_LAB", "relevo-test") + "-users"
REDIS = f"{LAB}-redis"
KEY = "relevo:check"


class Hand:
    """store_check as one of the services, beside Redis."""

    def __init__(self, user):
        self.process = subprocess.Popen(
            ["docker", "run", "--rm", "-i", "--network", LAB, "-v", f"{BUILD}:/build:ro", "-e", "RELEVO_REDIS_PASSWORD",
             DEV_IMAGE, "/build/asan/tests/integration/store_check", REDIS, "6379", user, user],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, errors="replace",
            env={**os.environ, "RELEVO_REDIS_PASSWORD": redis_lab.SECRETS[user]})

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"store_check ended with {self.process.wait()}"
        words = line.rstrip("\n").split(" ", 2)
        return words[0] == "ok", words[2] if len(words) > 2 else ""

    def good(self, request):
        good, rest = self.ask(request)
        assert good, f"{request}: {rest}"
        return rest

    def bad(self, request):
        good, rest = self.ask(request)
        assert not good, f"{request} was expected to fail: {rest}"
        return rest

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0, "store_check ended badly (sanitizer?)"


@pytest.fixture(scope="module", autouse=True)
def running():
    sh_result("docker", "rm", "-f", "-v", REDIS)
    sh_result("docker", "network", "rm", LAB)
    sh("docker", "network", "create", LAB)
    redis_lab.start(REDIS, LAB, "check")
    wait_until(lambda: cli("PING") == "PONG", 20, "Redis answers")
    yield
    sh_result("docker", "rm", "-f", "-v", REDIS)
    sh("docker", "network", "rm", LAB)


@pytest.fixture(autouse=True)
def empty(running):
    cli("FLUSHALL")


@pytest.fixture
def hands():
    opened = []

    def make(user):
        opened.append(Hand(user))
        return opened[-1]

    yield make
    for hand in opened:
        hand.close()


def cli(*words, **options):
    return redis_lab.cli(REDIS, *words, **options)


# ---- what each may, and may not

def test_the_watcher_does_its_work(hands):
    hand = hands("watcher")
    assert hand.good("replace primary a") == "had=(nothing)"
    assert hand.good("replace primary b") == "had=a"
    hand.good("write epoch 7")
    hand.good("job a queued")
    hand.good("hint a")
    assert "epoch=7" in hand.good("read") and "jobs=1" in hand.good("read")
    assert hand.good("event a note") == "seq=1"
    hand.good("log line")
    assert hand.good("lease w 2000") == "holder=w renewals=0"
    assert hand.good("lease other 2000") == "holder=w rival renewals=1"
    hand.good("release w")
    assert hand.good("move") == "moved=0"
    hand.good("attend 500")
    cli("PUBLISH", f"{KEY}:commands", "ack")
    assert "message=ack" in hand.good("attend 2000")


def test_resync_does_its_work(hands):
    hand = hands("resync")
    hand.good("job a running")
    assert "jobs=1" in hand.good("read")
    assert hand.good("event a note") == "seq=1"
    hand.good("log line")
    hand.good("attend 500")
    for channel in ("commands", "jobs"):
        cli("PUBLISH", f"{KEY}:{channel}", "now")
        assert "message=now" in hand.good("attend 2000")


def test_resync_cannot_say_who_is_primary(hands):
    hand = hands("resync")
    for request in ("write primary b", "write epoch 99", "write intent {}", "replace primary b", "lease r 2000", "hint a",
                    "move"):
        assert "NOPERM" in hand.bad(request), request
    assert cli("EXISTS", KEY) == "0"
    cli("HSET", KEY, "primary", "a", "epoch", "7")
    cli("HSET", f"{KEY}:jobs", "primary", "b", "epoch", "99", user="resync")  # nobody looks for that there
    assert "epoch=7" in hands("watcher").good("read") and "primary=a" in hand.good("read")


REFUSED = {
    "watcher": ["FLUSHALL", "CONFIG GET *", "KEYS *", "EVAL return(1) 0", "ACL LIST", "CLIENT LIST", "SET {key} x",
                "DEL {key}", "DEL {key}:history", "DEL {key}:jobs", "XTRIM {key}:history MAXLEN 0", "SET other x",
                "XADD {key}:log:resync * line x", "HSET {key}:history a b", "PUBLISH {key}:commands ack", "PUBLISH other x",
                "SUBSCRIBE other", "PSUBSCRIBE *", "HGETALL relevo:other", "SHUTDOWN", "SAVE", "CLIENT KILL TYPE normal"],
    "resync": ["HSET {key} primary b", "HSET {key} epoch 99", "HDEL {key} primary", "HDEL {key}:jobs job:a", "DEL {key}:jobs",
               "SET {key}:lease r", "DEL {key}:lease", "PEXPIRE {key}:lease 1", "INCR {key}:lease:renewals", "GET {key}:lease",
               "SET {key}:rival r", "SET {key}:seq 9", "DEL {key}:seq", "XADD {key}:log:watcher * line x",
               "XTRIM {key}:history MAXLEN 0", "DEL {key}:history", "PUBLISH {key}:commands failover", "PUBLISH {key}:jobs a",
               "SUBSCRIBE {key}:events", "SET other x", "FLUSHALL", "EVAL return(1) 0", "KEYS *", "CONFIG GET *", "ACL LIST"],
    "dashboard": ["HSET {key} primary b", "HSET {key}:jobs job:a x", "XADD {key}:history * event x",
                  "XADD {key}:log:dashboard * line x", "XADD {key}:log:watcher * line x", "INCR {key}:seq", "SET x y",
                  "SET {key}:lease d", "GET {key}:lease", "DEL {key}", "PUBLISH {key}:events x", "PUBLISH {key}:state x",
                  "PUBLISH {key}:jobs x", "SUBSCRIBE {key}:commands", "SUBSCRIBE anything", "PSUBSCRIBE *", "XTRIM {key}:history MAXLEN 0",
                  "CLIENT NO-EVICT ON", "CLIENT LIST", "MULTI", "WATCH {key}", "FLUSHALL", "EVAL return(1) 0", "KEYS *",
                  "CONFIG SET maxmemory 1", "HGETALL relevo:other", "XREAD COUNT 1 STREAMS relevo:other 0"],
}


@pytest.mark.parametrize("user", REFUSED)
def test_nothing_else_is_let_through(user):
    cli("HSET", KEY, "primary", "a")
    cli("SET", f"{KEY}:lease", "w")
    before = cli("HGETALL", KEY), cli("GET", f"{KEY}:lease"), cli("DBSIZE")
    # Over one connection: it stays usable, and each refusal says NOPERM.
    said = cli(user=user, stdin="".join(line.format(key=KEY) + "\n" for line in REFUSED[user]) + "PING\n").splitlines()
    said = [line for line in said if line]
    assert said[-1] == "PONG", said
    for line, answer in zip(REFUSED[user], said, strict=False):
        assert answer.startswith("NOPERM"), (line, answer)
    assert len(said) == len(REFUSED[user]) + 1
    assert (cli("HGETALL", KEY), cli("GET", f"{KEY}:lease"), cli("DBSIZE")) == before


def test_the_dashboard_reads_and_publishes_commands(hands):
    watcher = hands("watcher")
    watcher.good("write primary a")
    watcher.good("attend 500")
    watcher.good("event a note")
    assert "primary" in cli("HGETALL", KEY, user="dashboard")
    assert cli("HGETALL", f"{KEY}:jobs", user="dashboard") == ""
    assert "note" in cli("XREVRANGE", f"{KEY}:history", "+", "-", "COUNT", "5", user="dashboard")
    assert "note" in cli("XREAD", "COUNT", "5", "STREAMS", f"{KEY}:history", f"{KEY}:log:watcher", f"{KEY}:log:resync", "0",
                         "0", "0", user="dashboard")
    assert cli("PUBLISH", f"{KEY}:commands", "ack", user="dashboard") == "1"
    assert "message=ack" in watcher.good("attend 2000")


# ---- room

class Raw:
    """A connection of a user that says what it likes and reads nothing."""

    def __init__(self, user):
        self.socket = socket.create_connection((engine.address(REDIS), 6379), timeout=10)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.say("AUTH", user, redis_lab.SECRETS[user])
        assert self.socket.recv(5) == b"+OK\r\n"

    @staticmethod
    def packed(*words):
        return f"*{len(words)}\r\n".encode() + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in (
            word if isinstance(word, bytes) else word.encode() for word in words))

    def say(self, *words):
        self.socket.sendall(self.packed(*words))

    def pour(self, data, seconds):
        """As much as is taken within that time, or until it is cut off."""
        self.socket.settimeout(0.5)
        until = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            while time.monotonic() < until:
                with contextlib.suppress(TimeoutError):
                    self.socket.sendall(data)

    def close(self):
        self.socket.close()


def memory(name):
    return int(next(line.partition(":")[2] for line in cli("INFO", "memory").splitlines() if line.startswith(name + ":")))


@pytest.mark.parametrize("how", ("asks and does not read", "half a command", "listens and does not read"))
def test_who_only_reads_cannot_fill_redis(hands, how):
    """A dashboard that was taken over: the watcher writes on, over the same connection."""
    watcher, limit = hands("watcher"), memory("maxmemory")
    generation = watcher.good("read").rpartition("generation=")[2]
    for number in range(30):
        watcher.good(f"event a{number} {'x' * 200}")
    cli("-x", "HSET", KEY, "why", stdin="y" * 1000000)
    greedy = [Raw("dashboard") for _ in range(20)]
    most = 0
    for number, one in enumerate(greedy):
        if how == "asks and does not read":
            one.pour(Raw.packed("HGETALL", KEY) * 50, 0.3)
        elif how == "half a command":
            one.pour(b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$15000000\r\n" % (len(KEY) + 9, f"{KEY}:commands".encode())
                     + b"z" * 14000000, 2)
        else:
            one.say("SUBSCRIBE", f"{KEY}:events", f"{KEY}:state")
            for _ in range(3):
                cli("-x", "PUBLISH", f"{KEY}:events", stdin="e" * 700000)
        most = max(most, memory("used_memory"))
        watcher.good(f"write epoch {number}")
        watcher.good("lease w 5000")
    assert most < limit * 3 // 4, (most, limit)
    assert watcher.good("read").rpartition("generation=")[2] == generation  # it was never the one that was cut off
    for one in greedy:
        one.close()
    wait_until(lambda: memory("mem_clients_normal") < 10 << 20, 10, "what they held is free again")


@contextlib.contextmanager
def full():
    with redis.Redis(host=engine.address(REDIS), password=redis_lab.SECRETS["default"], socket_timeout=10) as client:
        redis_lab.fill(client)
        try:
            yield client
        finally:
            redis_lab.empty(client)
            client.config_set("maxmemory", "256mb")


def test_a_full_redis_keeps_the_lease_and_takes_the_state_when_there_is_room(hands):
    watcher, rival, resync = hands("watcher"), hands("watcher"), hands("resync")
    watcher.good("write primary a")
    assert watcher.good("lease w 60000") == "holder=w renewals=0"
    assert watcher.good("lease w 60000") == "holder=w renewals=1"  # lasts while Redis is filled
    watcher.good("attend 300")
    with full() as client:
        assert watcher.bad("replace primary b").startswith("full")
        assert watcher.bad("event a note").startswith("full")
        assert resync.bad("job a running").startswith("full")
        assert "primary=a" in resync.good("read")
        generation = watcher.good("read").rpartition("generation=")[2]
        began = time.monotonic()
        while time.monotonic() - began < 9:  # far longer than it would last
            assert watcher.good("lease w 4000") == "holder=w renewals=0"
            assert rival.good("lease other 4000") == "holder=w rival renewals=0"
            assert 0 < client.pttl(f"{KEY}:lease") <= 4000
            time.sleep(0.5)
        assert watcher.good("read").rpartition("generation=")[2] == generation
        assert client.publish(f"{KEY}:commands", "ack") == 1  # commands come through
        assert "message=ack" in watcher.good("attend 2000")
        # Who holds it no more loses it; nobody can take it then.
        wait_until(lambda: client.exists(f"{KEY}:lease") == 0, 10, "the lease runs out")
        assert rival.bad("lease other 1500").startswith("full")
    assert watcher.good("replace primary b") == "had=a"
    assert rival.good("lease other 1500") == "holder=other renewals=0"


# ---- what an older Relevo left

def test_jobs_in_the_state_hash_are_moved(hands):
    hand = hands("watcher")
    old, newer = json.dumps({"id": "old", "phase": "done"}), json.dumps({"id": "new", "phase": "queued"})
    cli("HSET", KEY, "epoch", "7", "job:a", old, "job:b", old, "verify:a", "{\"method\":\"verify\"}", "node:a", "{}")
    cli("HSET", f"{KEY}:jobs", "job:b", newer)
    assert "jobs=1" in hand.good("read")  # those in the wrong place count for nothing
    assert hand.good("move") == "moved=3"
    assert "jobs=2" in hand.good("read") and "epoch=7" in hand.good("read")
    assert cli("HKEYS", KEY).split() == ["epoch", "node:a"]
    assert cli("HGET", f"{KEY}:jobs", "job:a") == old and cli("HGET", f"{KEY}:jobs", "job:b") == newer
    assert hand.good("move") == "moved=0"
    hand.good("write epoch 8")  # nothing is left that would undo it
    assert "epoch=8" in hand.good("read")
