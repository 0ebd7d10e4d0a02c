"""Ways to lose a node, and the cure of each."""
from . import engine
from .cluster import NODES
from .run import sh


SERVERS = {**{node: "mysqld" for node in NODES}, "db-watcher": "/usr/bin/watcher", "db-resync": "/usr/bin/resync",
           "fastapi-dashboard": "/usr/bin/dashboard", "redis": "redis-server"}


def processes(container):
    """Those of its server; init, which is process 1, is not among them."""
    return sh("docker", "exec", "-u", "0", container, "sh", "-c",
              f"for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep -q '^[^ ]*{SERVERS[container]}' &&"
              " [ ${p#/proc/} != 1 ] && echo ${p#/proc/}; done; true").split()


def crash(container):
    """kill -9 of what runs in it: unlike after `docker kill`, the engine starts it again at once."""
    sh("docker", "exec", "-u", "0", container, "sh", "-c", "kill -9 " + " ".join(processes(container)))


def stop(cluster, node):
    sh("docker", "stop", "-t", "30", node)


def start(cluster, node):
    sh("docker", "start", node)


def kill(cluster, node):
    sh("docker", "kill", node)


def pause(cluster, node):
    engine.pause(node)


def unpause(cluster, node):
    sh("docker", "unpause", node)


def disconnect(cluster, node):
    cluster.disconnect(node)


def reconnect(cluster, node):
    cluster.reconnect(node)


FAULTS = {"stop": (stop, start), "kill": (kill, start), "pause": (pause, unpause),
          "disconnect": (disconnect, reconnect)}
