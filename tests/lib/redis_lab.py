"""A Redis as compose starts it: the users of compose/redis/start.sh, the limits of compose/redis/redis.conf."""
import os

import redis

from .run import ROOT, sh, sh_result

REDIS_IMAGE = os.environ.get("REDIS_IMAGE", "relevo-redis:local")
SECRETS = {"default": "redis-pw", "watcher": "redis-pw-w", "resync": "redis-pw-r", "dashboard": "redis-pw-d"}


def start(name, network, cluster, *docker):
    """docker: further options of `docker run`."""
    sh_result("docker", "rm", "-f", "-v", name)
    settings = {"RELEVO_CLUSTER": cluster, "REDISCLI_AUTH": SECRETS["default"],
                **{f"REDIS_{user.upper()}_PASSWORD": SECRETS[user] for user in ("watcher", "resync", "dashboard")}}
    sh("docker", "run", "-d", "--name", name, "--network", network, "--user", "redis", "--read-only", "--tmpfs",
       "/tmp:mode=1777", "--cap-drop", "ALL", *(word for item in settings.items() for word in ("-e", "=".join(item))),
       "-v", f"{ROOT}/compose/redis/start.sh:/etc/relevo/start.sh:ro",
       "-v", f"{ROOT}/compose/redis/redis.conf:/etc/relevo/redis.conf:ro", *docker, REDIS_IMAGE, "sh",
       "/etc/relevo/start.sh")


def cli(name, *words, user="default", stdin=None):
    """What redis-cli prints, a refusal included."""
    return sh("docker", "exec", "-i", "-e", f"REDISCLI_AUTH={SECRETS[user]}", name, "redis-cli", "--user", user,
              "--no-auth-warning", *words, stdin=stdin).rstrip("\n")


def fill(client):
    """Somebody with the operator's password fills it to its limit, which is lowered so that this is quick; and a little
    more, so that no connection that ends makes room."""
    client.config_set("maxmemory", str(client.info("memory")["used_memory"] + (16 << 20)))
    number = 0
    try:
        while True:
            client.set(f"filler:{number}", b"f" * 200000)
            number += 1
    except redis.exceptions.OutOfMemoryError:
        client.config_set("maxmemory", str(client.info("memory")["used_memory"] - (1 << 20)))
    assert number > 50


def empty(client):
    client.delete(*client.keys("filler:*"))
