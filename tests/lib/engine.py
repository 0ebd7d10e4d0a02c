"""What the engine knows about a container, asked over its socket: a client program takes a hundred times as long, and the
tests ask all the time."""
import http.client
import json
import socket

from .run import sh_result, wait_until

SOCKET = "/var/run/docker.sock"


class _Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def inspect(container):
    """As `docker inspect` shows it; {} if there is no such container."""
    engine = _Engine("engine", timeout=30)
    try:
        engine.request("GET", f"/containers/{container}/json")
        answer = engine.getresponse()
        found = json.loads(answer.read())
    finally:
        engine.close()
    assert answer.status in (200, 404), found
    return found if answer.status == 200 else {}


def status(container):
    """created, running, paused, restarting, exited; "" if there is no such container."""
    return inspect(container).get("State", {}).get("Status", "")


def health(container):
    """starting, healthy, unhealthy; none if it has no check of its own. As the last check found it, so it may be old."""
    return inspect(container).get("State", {}).get("Health", {}).get("Status", "none")


def began(container):
    """When it started last."""
    return inspect(container)["State"]["StartedAt"]


def networks(container):
    return list(inspect(container)["NetworkSettings"]["Networks"])


def address(container):
    """The first of a running container."""
    found = [network["IPAddress"] for network in inspect(container)["NetworkSettings"]["Networks"].values()]
    assert found and found[0], f"{container} has no address: it does not run or is disconnected"
    return found[0]


def pause(container):
    """The engine gives a busy container's freezer only a moment, and says so."""
    def frozen():
        code, said = sh_result("docker", "pause", container)
        assert code == 0 or "unable to freeze" in said, said
        return code == 0
    wait_until(frozen, 10, f"{container} is paused", every=0)
