"""Two MySQL servers of somebody's own, which Relevo's compose file did not make, on networks of their own; the watcher and
db-resync beside them, with whatever RELEVO_NODES says."""
import ipaddress
import json
import os
import zlib

from . import engine, redis_lab
from .resync_lab import KEY, PASSWORDS, Lab
from .run import BUILD, DEV_IMAGE, sh, sh_result, wait_until

WATCHER = os.environ.get("RELEVO_WATCHER_BIN", str(BUILD / "asan/bin/watcher"))


class OwnPair(Lab):
    """a and b on the network NAME (IPv4 and IPv6) and, for replication, on NAME-back; their addresses stay."""

    def __init__(self, name):
        super().__init__(name)
        self.watcher, self.back = f"{name}-watcher", f"{name}-back"
        number = zlib.crc32(name.encode()) % 120 * 2
        self.front_v4 = ipaddress.ip_network(f"10.213.{number}.0/24")
        self.back_v4 = ipaddress.ip_network(f"10.213.{number + 1}.0/24")
        self.front_v6 = ipaddress.ip_network(f"fd00:5e1e:{number:x}::/64")
        self.names = {}

    def v4(self, node):
        return str(self.front_v4[10 if node == self.a else 20])

    def v6(self, node):
        return str(self.front_v6[10 if node == self.a else 20])

    def back_of(self, node):
        return str(self.back_v4[10 if node == self.a else 20])

    def up(self, flags_a=(), flags_b=()):
        self.down()
        self.rescued.mkdir(parents=True, exist_ok=True)
        self.rescued.chmod(0o777)
        sh("docker", "network", "create", "--ipv6", "--subnet", self.front_v4, "--subnet", self.front_v6, self.name)
        sh("docker", "network", "create", "--subnet", self.back_v4, self.back)
        self.fresh_redis()
        for node, flags in ((self.a, flags_a), (self.b, flags_b)):
            self.make_node(node, *flags, seed=node == self.a, docker=(
                "--ip", self.v4(node), "--ip6", self.v6(node), "--network-alias", f"{node}.db.example.org"))
            sh("docker", "network", "connect", "--ip", self.back_of(node), self.back, node)
        for node in (self.a, self.b):
            self.wait_ready(node)
        self.is_up = True

    def session(self, node, **options):
        return super().session(node, host=self.v4(node), **options)

    def fresh_redis(self):
        redis_lab.start(self.redis, self.name, "appdb")
        wait_until(lambda: self.cli("PING") == "PONG", 20, "Redis answers")

    def down(self):
        sh_result("docker", "rm", "-f", "-v", self.watcher)
        super().down()
        sh_result("docker", "network", "rm", self.back)

    def stop_services(self):
        sh_result("docker", "rm", "-f", self.watcher, self.service)

    def start_services(self, **settings):
        """settings: RELEVO_NODES and what else differs."""
        self.stop_services()
        common = {"RELEVO_LANG": "en", "RELEVO_COPY": "ask", **settings}
        self.start_service(**{k: v for k, v in common.items() if k != "RELEVO_START"})
        environment = {"RELEVO_REDIS": f"{self.redis}:6379", "RELEVO_REDIS_USER": "watcher", "RELEVO_REDIS_PASSWORD": redis_lab.SECRETS["watcher"],
                       "RELEVO_CONTROL_PASSWORD": PASSWORDS["RELEVO_CONTROL_PASSWORD"],
                       "RELEVO_REPL_PASSWORD": PASSWORDS["RELEVO_REPL_PASSWORD"],
                       "RELEVO_EVENTS_PASSWORD": PASSWORDS["RELEVO_EVENTS_PASSWORD"], "RELEVO_FAILOVER_LIMIT": "30/60s",
                       **common}
        sh("docker", "run", "-d", "--name", self.watcher, "--hostname", self.watcher, "--network", self.name, "--init",
           *(word for item in environment.items() for word in ("-e", "=".join(item))),
           "-v", f"{WATCHER}:/watcher:ro", DEV_IMAGE, "/watcher")

    def watcher_logs(self):
        return sh_result("docker", "logs", self.watcher)[1]

    def state(self):
        with self.store() as store:
            return {**store.hgetall(KEY), **store.hgetall(f"{KEY}:jobs")}

    def node(self, name):
        return json.loads(self.state()[f"node:{name}"])

    def job_of(self, name):
        return json.loads(self.state().get(f"job:{name}", "{}"))

    def wait_state(self, timeout=60, **fields):
        """The state hash once it holds these; fails with the services' own words."""
        try:
            return wait_until(lambda: (now := self.state()) and fields.items() <= now.items() and now, timeout, fields)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.watcher_logs()[-3000:]}\n{self.logs()[-3000:]}") from None

    def wait_phase(self, phase, timeout=60):
        return self.wait_state(timeout, phase=phase)

    def say(self, words):
        self.cli("PUBLISH", f"{KEY}:commands", words)

    def source(self, node):
        return self.sql(node, "SELECT HOST, PORT FROM performance_schema.replication_connection_configuration")

    def running_since(self, node):
        """A copy restarts the server, and with it the container."""
        return engine.began(node), self.value(node, "SELECT @@server_uuid")

    def sh_start(self, node):
        sh("docker", "start", node)
        self.wait_ready(node)
