"""compose/redis/start.sh: Redis starts by itself whatever a power cut left of its log."""
import os

import pytest

from lib.redis_lab import REDIS_IMAGE
from lib.run import ROOT, sh, sh_result, wait_until

NAME = os.environ.get("RELEVO_TEST_LAB", "relevo-test") + "-redislog"
# In the volume, while Redis is stopped: F is the file that grows.
DAMAGES = {
    "zeroes at the end": "head -c 12 /dev/zero >>$F",
    "half a command at the end": "printf '*3\\r\\n$4\\r\\nHSE' >>$F",
    "rubbish from the beginning": "{ printf 'rubbish'; cat $F; } >/d/x && cat /d/x >$F && rm /d/x",
    "no list of its files": "echo rubbish >/d/appendonlydir/appendonly.aof.manifest",
}


@pytest.fixture
def redis():
    """(start, stop, damage, cli) of a Redis as the compose file runs it, with a volume of its own."""
    def cli(*words):
        return sh("docker", "exec", NAME, "redis-cli", *words).strip()

    def start():
        sh("docker", "run", "-d", "--name", NAME, "--network", "none", "--read-only", "--tmpfs", "/tmp:mode=1777", "--user", "redis",
           "-v", f"{NAME}:/data", "-v", f"{ROOT}/compose/redis/start.sh:/etc/relevo/start.sh:ro",
           "-v", f"{ROOT}/compose/redis/redis.conf:/etc/relevo/redis.conf:ro", "-e", "REDISCLI_AUTH=pw",
           *(w for s in ("WATCHER", "RESYNC", "DASHBOARD") for w in ("-e", f"REDIS_{s}_PASSWORD=pw-{s}")),
           REDIS_IMAGE, "sh", "/etc/relevo/start.sh")
        wait_until(lambda: cli("PING") == "PONG", 20, "Redis answers")

    def stop():
        sh_result("docker", "rm", "-f", NAME)

    def damage(script):
        sh("docker", "run", "--rm", "--user", "0", "--entrypoint", "sh", "-v", f"{NAME}:/d", REDIS_IMAGE, "-c",
           f"F=$(ls /d/appendonlydir/*.incr.aof); {script}")
    stop()
    sh_result("docker", "volume", "rm", "-f", NAME)
    yield start, stop, damage, cli
    stop()
    sh_result("docker", "volume", "rm", "-f", NAME)


@pytest.mark.parametrize("kind", DAMAGES)
def test_it_starts_by_itself(redis, kind):
    start, stop, damage, cli = redis
    start()
    cli("HSET", "relevo:appdb", "epoch", "7")
    stop()
    damage(DAMAGES[kind])
    start()
    assert cli("HGET", "relevo:appdb", "epoch") == ("7" if "at the end" in kind else "")
    cli("HSET", "relevo:appdb", "epoch", "8")  # and writes on
    stop()
    start()
    assert cli("HGET", "relevo:appdb", "epoch") == "8"
    aside = sh("docker", "exec", NAME, "sh", "-c", "ls -d /data/*.broken-* 2>/dev/null || true").strip()
    assert bool(aside) == (kind == "no list of its files")
