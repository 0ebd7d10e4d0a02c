"""The real thing under test: the compose project, driven as an operator would drive it.

One cluster lives as long as the pytest session and is healed between tests (see conftest.py); a test that needs a
special beginning makes its own with different settings.
"""
import contextlib
import json
import os
import secrets
import time

import pymysql
import redis as redis_client

from . import api, engine
from .compare import compare_all_tables, rows
from .run import BUILD, ROOT, NotInTime, sh, sh_result, wait_until

PROJECT = "relevo-test"
NAME = "appdb"
KEY = f"relevo:{NAME}"
A, B = "mysql-primary", "mysql-replica"
NODES = (A, B)
PORT = {A: 3307, B: 3308}
SERVICES = {"watcher": "db-watcher", "resync": "db-resync", "dashboard": "fastapi-dashboard"}
CONTAINERS = (*NODES, "redis", *SERVICES.values())


def other(node):
    return B if node == A else A


class Cluster:
    init_command = None  # what each session of the tests says first
    overlays = ()  # compose files besides the project's and the tests' own

    def __init__(self, **settings):
        self.folder = BUILD / "test"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.env_file = self.folder / "cluster.env"
        self.env = {name: secrets.token_urlsafe(18) for name in (
            "MYSQL_ROOT_PASSWORD", "MYSQL_PASSWORD", "RELEVO_CONTROL_PASSWORD", "RELEVO_REPL_PASSWORD",
            "RELEVO_RESYNC_PASSWORD", "RELEVO_EVENTS_PASSWORD",
            "REDIS_PASSWORD", "REDIS_WATCHER_PASSWORD", "REDIS_RESYNC_PASSWORD", "REDIS_DASHBOARD_PASSWORD",
            "RELEVO_API_TOKEN", "TRAFFIC_PASSWORD", "TESTER_PASSWORD")}
        self.env["MYSQL_IMAGE"] = os.environ.get("MYSQL_IMAGE", "relevo-mysql:local")
        self.env["REDIS_IMAGE"] = os.environ.get("REDIS_IMAGE", "relevo-redis:local")
        self.env["BASE_IMAGE"] = os.environ.get("BASE_IMAGE", "debian:sid-slim")
        # The limit stops a cluster that fails over again and again; the tests do that on purpose.
        self.env["RELEVO_FAILOVER_LIMIT"] = "30/60s"
        self.env.update(settings)
        self.disconnected = set()
        self.write_id = 0
        self.configured = {}
        self.tester_made = False
        self._redis = None

    # ---- the project -------------------------------------------------------------------------------------------

    def compose(self, *words, timeout=300, check=True):
        self.env_file.write_text("".join(f"{k}={v}\n" for k, v in self.env.items()))
        self.env_file.chmod(0o600)
        # What the shell sets wins over the file, so the shell must not set any of it.
        clean = {k: v for k, v in os.environ.items() if k not in self.env and not k.startswith("RELEVO_")}
        argv = ("docker", "compose", "-p", PROJECT, "--project-directory", ROOT, "-f", ROOT / "docker-compose.yml",
                "-f", ROOT / "tests/e2e/override.yml", *(w for file in self.overlays for w in ("-f", file)),
                "--env-file", self.env_file, *words)
        if check:
            return sh(*argv, timeout=timeout, env=clean)
        return sh_result(*argv, timeout=timeout, env=clean)

    def configure(self, **settings):
        """Brings the project up, or up to date with changed settings; compose leaves alone what did not change."""
        if settings.items() <= self.configured.items():
            return
        self.env.update(settings)
        for container in CONTAINERS:  # compose cannot remake a paused container
            if engine.status(container) == "paused":
                self.docker("unpause", container)
        self.up()
        self.configured.update(settings)

    def up(self, *services, wait=True, alone=False):
        """alone: without what the services depend on."""
        foreign = [c for c in CONTAINERS if engine.inspect(c).get("Config", {"Labels": {}})["Labels"].get(
            "com.docker.compose.project", PROJECT) != PROJECT]
        assert not foreign, f"another project runs {', '.join(foreign)}: stop it first (make down)"
        self.compose("up", "-d", "--no-build", *(("--wait", "--wait-timeout", "240") if wait else ()),
                     *(("--no-deps",) if alone else ()), *services)

    def down(self):
        sh_result("docker", "unpause", *NODES, "redis", *SERVICES.values())
        self.compose("down", "-v", "--remove-orphans", "-t", "5", check=False)
        self.disconnected.clear()
        self._redis = None

    def docker(self, *words, timeout=60):
        return sh("docker", *words, timeout=timeout)

    def disconnect(self, container):
        for network in engine.networks(container):
            self.docker("network", "disconnect", network, container)
            self.disconnected.add((network, container))

    def reconnect(self, container=None):
        for network, cut in sorted(self.disconnected):
            if container in (None, cut):
                self.docker("network", "connect", "--alias", cut, network, cut)
                self.disconnected.discard((network, cut))

    def running(self, container):
        return engine.status(container) == "running"

    def logs(self, container, since=None, timeout=30):
        return sh_result("docker", "logs", *(("--since", since) if since else ()), container, timeout=timeout)[1]

    @staticmethod
    def now():
        """A stamp for logs(since=...)."""
        return f"{time.time():.6f}"

    # ---- Redis: the state, the events, the commands ------------------------------------------------------------

    def redis(self):
        if self._redis is None:
            secret = next((line.partition("=")[2] for line in engine.inspect("redis")["Config"]["Env"]
                           if line.startswith("REDISCLI_AUTH=")), None)
            self._redis = redis_client.Redis(host=engine.address("redis"), password=secret, decode_responses=True, socket_timeout=3,
                                             socket_connect_timeout=3)
        return self._redis

    def _ask_redis(self, question):
        try:
            return question(self.redis())
        except (redis_client.RedisError, OSError, LookupError, AssertionError):
            self._redis = None  # its address may have changed
            return question(self.redis())

    def wait_redis(self):
        wait_until(lambda: self._ask_redis(lambda r: r.ping()), 30, "Redis answers")

    def state(self):
        return self._ask_redis(lambda r: r.hgetall(KEY))

    def node(self, name):
        return json.loads(self.state()[f"node:{name}"])

    def job(self, name):
        text = self._ask_redis(lambda r: r.hget(f"{KEY}:jobs", f"job:{name}"))
        return json.loads(text) if text else None

    def check(self, name):
        """The comparison of a node, {} if none was made."""
        return json.loads(self._ask_redis(lambda r: r.hget(f"{KEY}:jobs", f"verify:{name}")) or "{}")

    def phase(self):
        return self.state().get("phase")

    def mark(self):
        """The place in the history after which `events` reads."""
        last = self._ask_redis(lambda r: r.xrevrange(f"{KEY}:history", count=1))
        return last[0][0] if last else "0-0"

    def events(self, mark="0-0", **fields):
        found = [json.loads(values["event"]) for _, values in
                 self._ask_redis(lambda r: r.xrange(f"{KEY}:history", min=f"({mark}"))]
        return [e for e in found if all(e.get(k) == v for k, v in fields.items())]

    def wait_event(self, mark, timeout=20, **fields):
        try:
            return wait_until(lambda: self.events(mark, **fields), timeout, f"event {fields}")[-1]
        except NotInTime as failure:
            seen = [(e["type"], e.get("node"), e.get("why")) for e in self.events(mark)]
            raise NotInTime(f"{failure}; events since: {seen}") from None

    def command(self, text):
        """Types the command as a person would."""
        return self.docker("exec", "redis", "redis-cli", "PUBLISH", f"{KEY}:commands", text).strip()

    def ask(self, command, timeout=30):
        """Sends a JSON command with an id and returns the events that answer it, the last one being final."""
        command = {"id": f"t{secrets.token_hex(4)}", **command}
        mark = self.mark()
        self.command(json.dumps(command))

        def answers():
            mine = [e for e in self.events(mark) if e.get("detail", {}).get("id") == command["id"]]
            return mine if any(e["type"] in ("COMMAND_REFUSED", "COMMAND_FINISHED") for e in mine) else None
        return wait_until(answers, timeout, f"an answer to {command}")

    # ---- MySQL -------------------------------------------------------------------------------------------------

    def root(self, node, statements):
        """Runs statements as root inside the node: root has no other way in."""
        return sh("docker", "exec", "-i", node, "sh", "-c",
                  'MYSQL_PWD="$MYSQL_ROOT_PASSWORD" exec mysql -uroot -N --raw', stdin=statements)

    def make_tester(self):
        """An all-powerful account that the tests look through, made on the primary and replicated."""
        if not self.tester_made:
            self.root(self.primary(), f"CREATE USER IF NOT EXISTS tester@'%' IDENTIFIED BY "
                      f"'{self.env['TESTER_PASSWORD']}'; GRANT ALL ON *.* TO tester@'%' WITH GRANT OPTION;")
            self.tester_made = True

    def connect(self, node, user="tester", password=None, timeout=5, database=None):
        return pymysql.connect(host="127.0.0.1", port=PORT[node], user=user, database=database,
                               password=password or self.env["TESTER_PASSWORD"], connect_timeout=timeout,
                               read_timeout=30, write_timeout=30, autocommit=True, init_command=self.init_command,
                               ssl={"check_hostname": False, "verify_mode": "none"})

    @contextlib.contextmanager
    def session(self, node, **options):
        connection = self.connect(node, **options)
        try:
            yield connection
        finally:
            connection.close()

    def sql(self, node, statement, args=None):
        with self.session(node) as session:
            return rows(session, statement, args)

    def value(self, node, statement, args=None):
        found = self.sql(node, statement, args)
        return found[0][0] if found else None

    def writable(self, node):
        return self.value(node, "SELECT @@GLOBAL.read_only") == 0

    def gtids(self, node):
        return self.value(node, "SELECT @@GLOBAL.gtid_executed").replace("\n", "")

    def streams(self, node):
        """Both replication threads of the node are on."""
        found = self.sql(node, "SELECT c.SERVICE_STATE, a.SERVICE_STATE FROM "
                         "performance_schema.replication_connection_status c JOIN "
                         "performance_schema.replication_applier_status a USING (CHANNEL_NAME)")
        return bool(found) and tuple(found[0]) == ("ON", "ON")

    def primary(self):
        return self.state().get("primary")

    def next_write_id(self):
        self.write_id += 10_000_000
        return self.write_id

    def prepare_traffic(self):
        """A schema and an ordinary account (no special privilege) for clients that write."""
        # A switchover back to the preferred node may come in between.
        wait_until(self._traffic_prepared, 30, "the primary takes the schema of the clients")

    def _traffic_prepared(self):
        with self.session(self.primary()) as session:
            for statement in ("CREATE DATABASE IF NOT EXISTS traffic",
                              "CREATE TABLE IF NOT EXISTS traffic.writes (id BIGINT PRIMARY KEY, port INT NOT NULL,"
                              " at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6))"):
                rows(session, statement)
            rows(session, "CREATE USER IF NOT EXISTS traffic@'%%' IDENTIFIED BY %s REQUIRE SSL",
                 (self.env["TRAFFIC_PASSWORD"],))
            rows(session, "GRANT SELECT, INSERT, UPDATE, DELETE ON traffic.* TO traffic@'%'")
        return True

    # ---- waiting -----------------------------------------------------------------------------------------------

    def is_normal(self, primary=None):
        state = self.state()
        now = state.get("primary")
        if state.get("phase") != "NORMAL" or now not in NODES or primary not in (None, now):
            return False
        replica = json.loads(state[f"node:{other(now)}"])
        return (replica["role"] == "replica" and self.writable(now) and not self.writable(other(now))
                and self.streams(other(now)))

    def wait_normal(self, primary=None, timeout=90):
        wait_until(lambda: self.is_normal(primary), timeout, f"NORMAL with primary {primary or 'any'}", every=0.2)

    def in_sync(self):
        """Lossless mode: it is recorded that the primary waits for acknowledgements."""
        state = self.state()
        return state.get("sync") in ("1", "true", "on") and state["sync_epoch"] == state["epoch"]

    def wait_sync(self, timeout=60):
        wait_until(self.in_sync, timeout, "the primary waits for acknowledgements")

    def wait_primary(self, node, timeout=20):
        wait_until(lambda: self.primary() == node and self.writable(node), timeout, f"{node} is primary and writable")

    def wait_same(self, timeout=30):
        """Both nodes have executed the same transactions (nothing writes but the heartbeat)."""
        def equal():
            ahead = self.gtids(self.primary())
            missing = self.value(other(self.primary()),
                                 "SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, 5)", (ahead,))
            return missing == 0
        wait_until(equal, timeout, "the replica executes what the primary has")

    def assert_same_data(self, timeout=30):
        """The watcher may write a row of system_events between the two looks: only a difference that stays is one."""
        for _ in range(3):
            self.wait_same(timeout)
            with self.session(A) as a, self.session(B) as b:
                lines = compare_all_tables(a, b)
            if not lines:
                return
        raise AssertionError("the nodes differ:\n" + "\n".join(lines))

    def heal(self, timeout=120):
        """Undoes what a test did from outside and waits until the cluster is as it was made."""
        for container in CONTAINERS:
            status = engine.status(container)
            if status == "paused":
                self.docker("unpause", container)
            elif status in ("exited", "created"):
                self.docker("start", container)
        self.reconnect()
        self.wait_redis()
        if self.state().get("maintenance") in ("1", "true", "on"):
            self.command("maintenance off")
        if self.phase() == "FROZEN":
            self.command("ack")
        wait_until(lambda: self.phase() == "NORMAL", timeout, "the phase is NORMAL", every=0.2)
        self.make_tester()
        self.wait_normal(timeout=timeout)
        if self.primary() != A:  # a hand-over that somebody asked for is not taken back by itself
            self.command(f"switchover {A}")
        self.wait_normal(A, timeout)

    def rescued_texts(self):
        """What MySQL's own mysqlbinlog reads in each rescued file, rows decoded."""
        folder = self.folder / "rescued"
        sh("rm", "-rf", folder)
        sh("docker", "cp", "db-resync:/var/lib/relevo/rescued", folder)
        return [sh("docker", "run", "--rm", "-v", f"{folder}:/rescued:ro", self.env["MYSQL_IMAGE"], "mysqlbinlog",
                   "--verbose", "--base64-output=DECODE-ROWS", f"/rescued/{file.relative_to(folder)}")
                for file in sorted(folder.rglob("*")) if file.is_file() and file.suffix != ".json"]

    # ---- evidence ----------------------------------------------------------------------------------------------

    def dump(self, folder):
        """Everything that explains a failure, into folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for container in CONTAINERS:
            (folder / f"{container}.log").write_text(self.logs(container))
        (folder / "ps.txt").write_text(sh_result("docker", "ps", "-a")[1])
        try:
            (folder / "state.json").write_text(json.dumps(self.state(), indent=1, sort_keys=True))
            (folder / "history.jsonl").write_text("".join(json.dumps(e) + "\n" for e in self.events()))
        except Exception as problem:  # noqa: BLE001 - Redis may be the patient
            (folder / "state.json").write_text(f"unreadable: {problem!r}")
        for node in NODES:
            try:
                text = "\n".join(repr(r) for statement in (
                    "SELECT @@read_only, @@super_read_only, @@offline_mode, @@gtid_executed",
                    "SELECT * FROM performance_schema.replication_connection_status",
                    "SELECT * FROM performance_schema.replication_applier_status_by_worker",
                    "SELECT * FROM performance_schema.processlist") for r in self.sql(node, statement))
            except Exception as problem:  # noqa: BLE001
                text = f"unreachable: {problem!r}"
            (folder / f"{node}.txt").write_text(text)

    # ---- the page's side ---------------------------------------------------------------------------------------

    def status(self):
        return api.get("/status").json()
