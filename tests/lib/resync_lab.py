"""Two MySQL servers, a Redis, and db-resync alone: no watcher, so that a test decides who is primary and what is queued."""
import contextlib
import json
import os
import re
import shutil
import time

import pymysql
import redis as redis_client

from . import engine, redis_lab
from .compare import name_of, picture, rows
from .run import BUILD, DEV_IMAGE, ROOT, sh, sh_result, wait_until

MYSQL_IMAGE = os.environ.get("MYSQL_IMAGE", "relevo-mysql:local")
PROGRAM = os.environ.get("RELEVO_RESYNC_BIN", str(BUILD / "asan/bin/resync"))
KEY = "relevo:appdb"
JOBS = f"{KEY}:jobs"  # a hash, and the channel on which new ones are announced
PASSWORDS = {"MYSQL_ROOT_PASSWORD": "root-pw", "RELEVO_CONTROL_PASSWORD": "c'trol \"pw\\", "RELEVO_REPL_PASSWORD": "repl'pw",
             "RELEVO_RESYNC_PASSWORD": "re'sync \"pw\\", "RELEVO_EVENTS_PASSWORD": "events pw"}
BULK = ("DROP DATABASE IF EXISTS bulk", "CREATE DATABASE bulk", "CREATE TABLE bulk.t (id INT PRIMARY KEY AUTO_INCREMENT,"
        " a CHAR(250) NOT NULL, b VARCHAR(250) NOT NULL, KEY (b))",
        "INSERT INTO bulk.t (a, b) VALUES (REPEAT('a', 250), REPEAT('b', 250))",
        *["INSERT INTO bulk.t (a, b) SELECT a, b FROM bulk.t"] * 17, "ANALYZE TABLE bulk.t")
SEED_LINES = ("📦 Iniciando backup...", "✅ Backup y restore completados.", "🔁 Restaurando topología...")
VOLATILE = ("relevo.heartbeat",)
USER_TABLES = ("SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND"
               " table_schema NOT IN ('mysql', 'sys', 'performance_schema', 'information_schema')")


def exact_rows(session):
    """Every value of every user table as its stored bytes, so that no client's conversion hides a difference."""
    found = {}
    rows(session, "SET SESSION time_zone = '+00:00', group_concat_max_len = 1000000,"
                  " show_gipk_in_create_table_and_information_schema = ON")
    for schema, table in rows(session, USER_TABLES):
        if f"{schema}.{table}" in VOLATILE:
            continue
        values = []
        for name, kind in rows(session, "SELECT column_name, data_type FROM information_schema.columns WHERE"
                               " table_schema = %s AND table_name = %s ORDER BY ordinal_position", (schema, table)):
            column = name_of(name)
            text = {"float": f"CAST({column} AS DOUBLE)", "double": f"CAST({column} AS DOUBLE)",
                    "bit": f"BIN({column})", "enum": f"CONCAT({column} + 0, '/', HEX({column}))"}
            plain = kind in ("date", "time", "datetime", "timestamp", "year", "decimal") or kind.endswith("int")
            values.append(f"COALESCE({text.get(kind, column if plain else f'HEX({column})')}, 'NULL')")
        found[f"exact {schema}.{table}"] = rows(
            session, f"SELECT COUNT(*), BIT_XOR(CONV(LEFT(d, 16), 16, 10)), SUM(CONV(RIGHT(d, 12), 16, 10)) FROM"
                     f" (SELECT SHA2(CONCAT_WS(',', {', '.join(values)}), 256) AS d FROM {name_of(schema, table)}) AS digests")
    return found


def refusals(job):
    """{rung: why}"""
    return {refused["rung"]: refused["why"] for refused in job["refused"]}


class Lab:
    """a is the primary, b the node to bring back. Containers NAME-a, NAME-b, NAME-redis, NAME-resync."""

    def __init__(self, name=os.environ.get("RELEVO_TEST_LAB", "relevo-test-resync")):
        self.name = name
        self.a, self.b = f"{name}-a", f"{name}-b"
        self.redis, self.service = f"{name}-redis", f"{name}-resync"
        self.rescued = BUILD / "test" / f"{name}-rescued"
        self.jobs = 0
        self.epoch = 7
        self.pool_mb = 64  # of each server
        self.is_up = False

    # ---- containers --------------------------------------------------------------------------------------------

    def up(self):
        self.down()
        shutil.rmtree(self.rescued, ignore_errors=True)
        self.rescued.mkdir(parents=True)
        self.rescued.chmod(0o777)
        sh("docker", "network", "create", self.name)
        redis_lab.start(self.redis, self.name, "appdb")
        self.make_node(self.a, seed=True)
        self.make_node(self.b)
        for node in (self.a, self.b):
            self.wait_ready(node)
        self.open_primary()
        self.is_up = True

    def down(self):
        self.is_up = False
        for container in (self.a, self.b, self.redis, self.service):
            sh_result("docker", "rm", "-f", "-v", container)
        sh_result("docker", "network", "rm", self.name)

    def make_node(self, node, *flags, seed=False, docker=()):
        """A MySQL server from nothing. flags go to mysqld, docker to `docker run`."""
        server_id = 1 if node == self.a else 2
        sh_result("docker", "rm", "-f", "-v", node)
        files = [] if not seed else ["-v", f"{ROOT}/DB.sql:/docker-entrypoint-initdb.d/50-DB.sql:ro"]
        sh("docker", "run", "-d", "--init", "--name", node, "--network", self.name, "--restart", "unless-stopped",
           "-e", "MYSQLD_PARENT_PID=1", "-e", f"RELEVO_SEED_NODE={'yes' if seed else 'no'}",
           *(word for name in ("MYSQL_ROOT_PASSWORD", "RELEVO_CONTROL_PASSWORD", "RELEVO_REPL_PASSWORD",
                         "RELEVO_RESYNC_PASSWORD", "RELEVO_EVENTS_PASSWORD")
             for word in ("-e", f"{name}={PASSWORDS[name]}")),
           "-v", f"{ROOT}/compose/mysql/conf.d:/etc/mysql/conf.d:ro",
           "-v", f"{ROOT}/compose/mysql/initdb/10-accounts.sh:/docker-entrypoint-initdb.d/10-accounts.sh:ro",
           "-v", f"{ROOT}/compose/mysql/initdb/90-fence.sh:/docker-entrypoint-initdb.d/90-fence.sh:ro",
           *files, *docker, MYSQL_IMAGE, "mysqld", f"--server-id={server_id}", f"--report-host={node}",
           f"--innodb-buffer-pool-size={self.pool_mb}M", *flags, timeout=120)

    def wait_ready(self, node, timeout=120):
        wait_until(lambda: self.value(node, "SELECT @@port") == 3306, timeout, f"{node} answers", every=0.3)

    def start_service(self, **settings):
        sh_result("docker", "rm", "-f", self.service)
        environment = {"RELEVO_NODES": f"{self.a}:3306,{self.b}:3306", "RELEVO_REDIS": f"{self.redis}:6379",
                       "RELEVO_REDIS_USER": "resync", "RELEVO_REDIS_PASSWORD": redis_lab.SECRETS["resync"],
                       "RELEVO_RESCUED_DIR": "/rescued",
                       "RELEVO_RESYNC_PASSWORD": PASSWORDS["RELEVO_RESYNC_PASSWORD"],
                       "RELEVO_EVENTS_PASSWORD": PASSWORDS["RELEVO_EVENTS_PASSWORD"],
                       "RELEVO_REPL_PASSWORD": PASSWORDS["RELEVO_REPL_PASSWORD"],
                       "RELEVO_VERIFY": "manual", "RELEVO_COPY": "auto", **settings}
        sh("docker", "run", "-d", "--name", self.service, "--network", self.name, "--init",
           *(word for item in environment.items() for word in ("-e", "=".join(item))),
           "-v", f"{PROGRAM}:/resync:ro", "-v", f"{self.rescued}:/rescued", DEV_IMAGE, "/resync")

    def logs(self):
        return sh_result("docker", "logs", self.service)[1]

    # ---- MySQL -------------------------------------------------------------------------------------------------

    def session(self, node, **options):
        return pymysql.connect(host=options.pop("host", None) or engine.address(node), user="root", password=PASSWORDS["MYSQL_ROOT_PASSWORD"],
                               autocommit=True, connect_timeout=5, read_timeout=120, charset="utf8mb4",
                               ssl={"check_hostname": False, "verify_mode": "none"}, **options)

    def kill_service(self, unheard=False):
        """Gone when this returns: until then it writes on. unheard: as if its machine had gone, no server learns of it."""
        if unheard:
            sh("docker", "network", "disconnect", self.name, self.service)
        sh("docker", "kill", self.service)
        sh("docker", "wait", self.service)

    def crash(self, node):
        """It is dead when this returns: starting a container that is still dying does nothing."""
        sh("docker", "kill", node)
        sh("docker", "wait", node)

    def sql(self, node, *statements, local=False):
        """Runs statements; local: without the binlog. Returns the rows of the last."""
        with self.session(node) as session:
            if local:
                rows(session, "SET SESSION sql_log_bin = 0")
            result = ()
            for statement in statements:
                result = rows(session, statement)
            return result

    @contextlib.contextmanager
    def held(self, node, *statements):
        """A session that ran these and stays: who wants what it locked waits until the block, or the server, ends."""
        session = self.session(node)
        try:
            for statement in statements:
                rows(session, statement)
            yield
        finally:
            session.close()

    def value(self, node, statement):
        return self.sql(node, statement)[0][0]

    def run_file(self, node, text, timeout=300):
        """A script through the mysql client, which knows DELIMITER."""
        sh("docker", "exec", "-i", "-e", f"MYSQL_PWD={PASSWORDS['MYSQL_ROOT_PASSWORD']}", node, "mysql", "-uroot",
           "--comments", "--default-character-set=utf8mb4", stdin=text, timeout=timeout)

    def executed(self, node):
        return self.value(node, "SELECT @@GLOBAL.gtid_executed").replace("\n", "")

    def open_primary(self):
        """What the watcher does: a is open, b fenced, and the hash says so."""
        self.sql(self.a, "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF")
        self.hset(epoch=self.epoch, phase="DEGRADED", primary=self.a,
                  primary_uuid=self.value(self.a, "SELECT @@server_uuid"), mode="async")

    def diverge(self, *statements):
        """b writes what a does not have, and is fenced again."""
        self.sql(self.b, "STOP REPLICA", "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF")
        try:
            self.sql(self.b, *statements)
        finally:
            self.sql(self.b, "SET GLOBAL super_read_only = ON")

    def diverge_a_thousand(self):
        self.diverge(*["INSERT INTO appdb.customers (name, email) VALUES ('many', UUID())" if i % 3 else
                       "UPDATE appdb.orders SET amount = amount + 1 WHERE id = 1" for i in range(1000)])

    def uptime_began(self, node):
        """When its server came up: a clone restarts it, a rewind does not."""
        return self.value(node, "SELECT CAST(variable_value AS SIGNED) FROM performance_schema.global_status"
                                " WHERE variable_name = 'Uptime'") - time.time()

    def prepare(self, *statements):
        """Both have this."""
        self.sql(self.a, *statements)
        wait_until(lambda: self.executed(self.a) == self.executed(self.b), 60, "b has what a has")

    def streams(self):
        """Whether b's receiver runs."""
        return self.sql(self.b, "SELECT 1 FROM performance_schema.replication_connection_status WHERE service_state <> 'OFF'"
                        ) != ()

    def assert_streams(self):
        state = self.sql(self.b, "SELECT c.service_state, a.service_state FROM"
                         " performance_schema.replication_connection_status c JOIN"
                         " performance_schema.replication_applier_status a USING (channel_name)")
        assert state == (("ON", "ON"),), state
        assert self.sql(self.b, "SELECT @@super_read_only, @@offline_mode") == ((1, 0),)
        self.sql(self.a, "CREATE TABLE IF NOT EXISTS appdb.mark_of_test (n INT PRIMARY KEY)",
                 f"INSERT INTO appdb.mark_of_test VALUES ({time.monotonic_ns() % 2**31})")
        wait_until(lambda: self.executed(self.a) == self.executed(self.b), 20, "b has all that a has")

    def assert_clean(self):
        """It is a replica like any other again."""
        assert self.value(self.b, "SELECT COUNT(*) FROM information_schema.schemata"
                                  " WHERE schema_name = 'relevo_rebuild'") == 0
        self.assert_streams()
        self.assert_equal()

    def assert_equal(self):
        wait_until(lambda: self.executed(self.a) == self.executed(self.b), 20, "b has all that a has")
        with self.session(self.a) as a, self.session(self.b) as b:
            tables = {f"{r[0]}.{r[1]}" for r in rows(a, USER_TABLES)}
            one, two = ({**picture(s, tables), **exact_rows(s)} for s in (a, b))
        # A column whose charset was said, not inherited, shows it: the same column.
        one, two = ({k: re.sub(r" CHARACTER SET \w+(?= COLLATE)", "", v) if isinstance(v, str) else v
                     for k, v in seen.items()} for seen in (one, two))
        differs = {k: (one.get(k), two.get(k)) for k in one.keys() | two.keys() if one.get(k) != two.get(k)}
        assert not differs, differs

    # ---- Redis -------------------------------------------------------------------------------------------------

    def cli(self, *words):
        return redis_lab.cli(self.redis, *words)

    def store(self):
        """A direct connection: `docker exec` takes longer than some steps last."""
        return redis_client.Redis(host=engine.address(self.redis), password=redis_lab.SECRETS["default"], decode_responses=True,
                                  socket_timeout=5)

    def hset(self, **fields):
        self.cli("HSET", KEY, *(str(word) for item in fields.items() for word in item))

    def queue(self, method="auto", store=None, **fields):
        """store: a connection to write it through, where the time matters."""
        self.jobs += 1
        job = {"id": f"job-{self.jobs}", "epoch": self.epoch, "phase": "queued", "method": method, "by": "test",
               "queued_ms": int(time.time() * 1000), **fields}
        if store:
            store.hset(JOBS, f"job:{self.b}", json.dumps(job))
            store.publish(JOBS, self.b)
        else:
            self.cli("HSET", JOBS, f"job:{self.b}", json.dumps(job))
            self.cli("PUBLISH", JOBS, self.b)
        return job["id"]

    def job(self):
        with self.store() as store:
            return json.loads(store.hget(JOBS, f"job:{self.b}"))

    def wait_job(self, job_id, phase="done", timeout=120):
        """The job once it has ended; fails with its own words if it ended otherwise."""
        def ended():
            now = self.job()
            return now if now["id"] == job_id and now["phase"] in ("done", "failed", "cancelled") else None
        job = wait_until(ended, timeout, f"{job_id} ends", every=0.1)
        assert job["phase"] == phase, (job, self.logs()[-3000:])
        return job

    def wait_step(self, job_id, *steps, timeout=60):
        """Until the job is at one of these. What it writes is announced: no step is looked for late."""
        until = time.monotonic() + timeout
        with self.store() as store, store.pubsub() as changes:
            changes.subscribe(f"{KEY}:state")
            changes.get_message(timeout=5)  # that it is subscribed
            while True:
                now = json.loads(store.hget(JOBS, f"job:{self.b}"))
                if now["id"] == job_id and now.get("step") in steps:
                    return
                assert now["phase"] in ("queued", "running") and time.monotonic() < until, (now, self.logs()[-2000:])
                changes.get_message(timeout=1)

    def log_since(self):
        """A function that says what the service has logged from here on."""
        before = len(self.logs())
        return lambda: self.logs()[before:]

    def resync(self, method="auto", **options):
        return self.wait_job(self.queue(method), **options)

    def verify(self, timeout=120):
        """What a comparison of b with a found."""
        self.jobs += 1
        job = {"id": f"check-{self.jobs}", "epoch": self.epoch, "phase": "queued", "method": "verify", "by": "test",
               "queued_ms": int(time.time() * 1000)}
        self.cli("HSET", JOBS, f"verify:{self.b}", json.dumps(job))
        self.cli("PUBLISH", JOBS, self.b)

        def ended():
            now = json.loads(self.cli("HGET", JOBS, f"verify:{self.b}"))
            return now if now["id"] == job["id"] and now["phase"] in ("done", "failed", "cancelled") else None
        found = wait_until(ended, timeout, f"{job['id']} ends", every=0.1)
        assert found["phase"] == "done", found
        return found

    def events(self, kind=None):
        found = json.loads(self.cli("--json", "XRANGE", f"{KEY}:history", "-", "+"))
        all_events = [json.loads(row[1][1]) for row in found]
        return [event for event in all_events if kind is None or event["type"] == kind]
