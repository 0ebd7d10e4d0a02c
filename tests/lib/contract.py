"""The scripts of tests/contract, played on three real servers. The language is in tests/contract/README.md; the same lines
are played by tests/sim/contract*.c on the model."""
import contextlib
import os
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pymysql

from . import engine
from .compare import rows
from .contract_script import statements
from .run import BUILD, ROOT, sh, sh_result, wait_until

MYSQL_IMAGE = os.environ.get("MYSQL_IMAGE", "relevo-mysql:local")
LETTERS = "abc"
PATIENCE_S, WAITS_S = 30, 0.5  # an answer is waited for, unless the script says that none comes
PASSWORDS = {"root": "root-pw", "relevo": "control-pw", "repl": "repl-pw", "app": "app-pw", "resync": "resync-pw",
             "events": "events-pw", "relevo_events": "events-pw"}
CUT_OFF = (0, 1053, 1317, 2006, 2013, 3169)  # the server, or somebody's KILL, ended the session
NO_SUCH_THREAD = 1094
PROBE = os.environ.get("RELEVO_PROBE_BIN", str(BUILD / "asan/tests/integration/probe_check"))
# What the watcher does not look at.
MORE_FACTS = """
    SELECT @@GLOBAL.gtid_purged AS purged, (SELECT COUNT(*) FROM appdb.written) AS `rows`,
        (SELECT VARIABLE_VALUE FROM performance_schema.global_status
          WHERE VARIABLE_NAME = 'Rpl_semi_sync_source_clients') AS clients,
        IF(EXISTS (SELECT 1 FROM performance_schema.processlist
                    WHERE STATE LIKE 'Waiting for semi-sync ACK%'), 'ON', 'OFF') AS waiting"""
SCHEMA = ("CREATE DATABASE relevo",
          "CREATE TABLE relevo.epoch (epoch BIGINT UNSIGNED NOT NULL PRIMARY KEY, primary_name VARCHAR(64) NOT NULL,"
          " primary_uuid CHAR(36) NOT NULL, sync TINYINT NOT NULL DEFAULT 0, rule INT NOT NULL DEFAULT 0,"
          " why VARCHAR(512) NOT NULL DEFAULT '', created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3))",
          "CREATE TABLE relevo.heartbeat (id TINYINT NOT NULL PRIMARY KEY, epoch BIGINT UNSIGNED NOT NULL,"
          " ts_ms BIGINT NOT NULL, server_uuid CHAR(36) NOT NULL)")
# The clients' table is there on every node and in no binlog.
LOCAL = ("DROP DATABASE IF EXISTS relevo", "DROP DATABASE IF EXISTS appdb", "CREATE DATABASE appdb",
         "CREATE TABLE appdb.written (id BIGINT PRIMARY KEY)",
         "CREATE TABLE appdb.system_events (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,"
         " primary_node VARCHAR(64), replica_node VARCHAR(64), last_failover DATETIME(3), last_backup DATETIME(3),"
         " created_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), event_type VARCHAR(20) NOT NULL)")


# ---- who speaks ------------------------------------------------------------------------------------------------------

class Speaker:
    """A session of the watcher or a client: a thread, for a server may let it wait while the script goes on."""

    def __init__(self):
        self.session, self.life, self.thread, self.answer = None, None, None, ""

    def say(self, work):
        def run():
            self.answer = work()
        assert not (self.thread and self.thread.is_alive()), "it still waits for an answer"
        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def hear(self, expected):
        self.thread.join(WAITS_S if expected == "waits" else PATIENCE_S)
        return "waits" if self.thread.is_alive() else self.answer


def refusal(problem):
    number = problem.args[0] if problem.args else 0
    return "lost" if number in CUT_OFF or not isinstance(number, int) else f"refused {number}"


class Servers:
    """Containers NAME-a, NAME-b, NAME-c, and the script that is being played on them."""

    def __init__(self, name):
        self.name = name
        self.statements = statements()
        self.uuids, self.addresses = {}, {}
        self.lives = dict.fromkeys(LETTERS, 0)  # rises with each start and end of a server
        self.running, self.frozen = set(), set()
        self.speakers, self.locks, self.unacked = {}, {}, {}
        self.row = 0

    # ---- containers --------------------------------------------------------------------------------------------------

    def container(self, letter):
        return f"{self.name}-{letter}"

    def up(self):
        self.down()
        sh("docker", "network", "create", self.name)
        for number, letter in enumerate(LETTERS, 1):
            environment = {"MYSQL_ROOT_PASSWORD": PASSWORDS["root"], "RELEVO_CONTROL_PASSWORD": PASSWORDS["relevo"],
                           "RELEVO_REPL_PASSWORD": PASSWORDS["repl"], "RELEVO_RESYNC_PASSWORD": PASSWORDS["resync"],
                           "RELEVO_EVENTS_PASSWORD": PASSWORDS["events"], "MYSQL_DATABASE": "appdb", "MYSQL_USER": "app",
                           "MYSQL_PASSWORD": PASSWORDS["app"], "RELEVO_SEED_NODE": "no"}
            sh("docker", "run", "-d", "--init", "--name", self.container(letter), "--network", self.name,
               *(word for item in environment.items() for word in ("-e", "=".join(item))),
               "-v", f"{ROOT}/compose/mysql/conf.d:/etc/mysql/conf.d:ro",
               "-v", f"{ROOT}/compose/mysql/initdb/10-accounts.sh:/docker-entrypoint-initdb.d/10-accounts.sh:ro",
               "-v", f"{ROOT}/compose/mysql/initdb/90-fence.sh:/docker-entrypoint-initdb.d/90-fence.sh:ro",
               MYSQL_IMAGE, "mysqld", f"--server-id={number}", f"--report-host={self.container(letter)}",
               "--innodb-buffer-pool-size=64M", timeout=120)
        for letter in LETTERS:
            self.wait_ready(letter)
            self.uuids[self.root(letter, "SELECT @@server_uuid")[0][0]] = letter

    def down(self):
        for letter in LETTERS:
            sh_result("docker", "rm", "-f", "-v", self.container(letter))
        sh_result("docker", "network", "rm", self.name)

    def wait_ready(self, letter):
        self.addresses[letter] = engine.address(self.container(letter))
        # The entry point's own server, while it makes the database, listens to nobody outside.
        wait_until(lambda: self.root(letter, "SELECT @@port") == ((3306,),), 120, f"{letter} answers", every=0.05)
        self.running.add(letter)
        self.lives[letter] += 1

    def connect(self, letter, user, **options):
        return pymysql.connect(host=self.addresses[letter], user=user, password=PASSWORDS[user], autocommit=True,
                               connect_timeout=60, ssl={"check_hostname": False, "verify_mode": "none"}, **options)

    def root(self, letter, *sqls):
        """Runs statements; returns the rows of the last."""
        with self.connect(letter, "root") as session:
            for sql in sqls:
                found = rows(session, sql)
            return found

    def reset(self):
        """Three servers, closed, not replicating; a holds the schema in three transactions, b and c hold nothing."""
        for letter in LETTERS:
            if letter in self.frozen:
                self.do_thaw(letter)
            if letter not in self.running:
                self.do_start(letter)
            self.do_release(letter)
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.reset_one, LETTERS))
        self.speakers = {}

    def reset_one(self, letter):
        with self.connect(letter, "root") as session:
            rows(session, "SET GLOBAL rpl_semi_sync_source_enabled = OFF")
            for (one,) in rows(session, "SELECT ID FROM performance_schema.processlist WHERE USER IN ('relevo', 'app')"):
                with contextlib.suppress(pymysql.err.MySQLError):  # it ended by itself
                    rows(session, f"KILL {one}")
            for sql in ("SET GLOBAL rpl_semi_sync_replica_enabled = OFF", "STOP REPLICA", "RESET REPLICA ALL",
                        "SET GLOBAL super_read_only = OFF", "SET GLOBAL event_scheduler = OFF",
                        "SET SESSION sql_log_bin = 0", *LOCAL, "RESET BINARY LOGS AND GTIDS",
                        "SET SESSION sql_log_bin = 1", *(SCHEMA if letter == "a" else ()),
                        "SET GLOBAL super_read_only = ON"):
                rows(session, sql)
        self.unacked[letter] = 0
        self.unacked[letter] = int(self.facts(letter)["unacked"])

    # ---- steps -------------------------------------------------------------------------------------------------------

    def step(self, step, expected):
        """Carries it out; returns the answer."""
        patterns = ((r"([abc]\d?): (.*)", self.say_sql), (r"client (\d) (writes|works) (?:to|on) ([abc])", self.say_client),
                    (r"(client \d|[abc]\d?) hears", lambda name: self.speakers[name]),
                    (r"show ([abc]): (.*)", self.show), (r"until ([abc]) (\S+) (.*)", self.until),
                    (r"end sessions on ([abc])", self.end_sessions), (r"stream ([abc]) from ([abc])", self.stream),
                    (r"copy ([abc]) to ([abc])", self.copy),
                    (r"(open|kill|start|stop|freeze|thaw|hold|release|spoil|purge) ([abc])",
                     lambda verb, letter: getattr(self, f"do_{verb}")(letter)))
        for pattern, act in patterns:
            found = re.fullmatch(pattern, step)
            if found:
                answer = act(*found.groups())
                return answer.hear(expected) if isinstance(answer, Speaker) else answer or ""
        return "there is no such step"

    def expand(self, text):
        given = {}
        if text.startswith("["):
            name, *words = text[1:text.index("]")].split()
            parameters, text = self.statements[name]
            given = dict(zip(parameters, words))

        def value(found):
            kind, *of = [given.get(word, word) for word in found[1].split()]
            if not of:
                return PASSWORDS["repl"] if kind == "password" else kind
            if kind == "session":
                return str(self.speakers[of[0]].session.thread_id())
            if kind == "host":
                return self.container(of[0])
            if kind == "uuid":
                return next(uuid for uuid, letter in self.uuids.items() if letter == of[0])
            return self.facts(of[0])[kind]
        return re.sub(r"\{([^}]*)\}", value, text)

    def speaker(self, name):
        return self.speakers.setdefault(name, Speaker())

    def say_sql(self, name, text):
        speaker, letter, sql = self.speaker(name), name[0], self.expand(text)
        speaker.say(lambda: self.run_sql(speaker, letter, sql))
        return speaker

    def run_sql(self, speaker, letter, sql):
        if letter not in self.running:
            return "down"
        if "system_events" in sql:  # of an account, and a session, of its own
            return self.run_event_row(letter, sql)
        try:
            if not speaker.session or speaker.life != self.lives[letter]:
                speaker.session, speaker.life = self.connect(letter, "relevo"), self.lives[letter]
            with speaker.session.cursor() as cursor:
                changed = cursor.execute(sql)
                found = cursor.fetchall()
        except (pymysql.err.MySQLError, OSError) as problem:
            return refusal(problem)
        if sql.startswith("INSERT"):
            return f"rows {changed}"
        if not sql.startswith("SELECT"):
            return "ok"
        return " | ".join(self.cell(value) for value in found[0]) if found else "nothing"

    def run_event_row(self, letter, sql):
        try:
            with self.connect(letter, "relevo_events") as session, session.cursor() as cursor:
                return f"rows {cursor.execute(sql)}"
        except (pymysql.err.MySQLError, OSError) as problem:
            return refusal(problem)

    def say_client(self, digit, verb, letter):
        self.row += 1
        sql = f"INSERT INTO appdb.written {f'VALUES ({self.row})' if verb == 'writes' else 'SELECT SLEEP(600)'}"
        speaker = self.speaker(f"client {digit}")
        speaker.say(lambda: self.run_client(letter, sql))
        return speaker

    def run_client(self, letter, sql):
        if letter not in self.running:
            return "down"
        try:
            with self.connect(letter, "app") as session:
                rows(session, sql)
        except (pymysql.err.MySQLError, OSError) as problem:
            return refusal(problem)
        return "acknowledged"

    def end_sessions(self, letter):
        with self.connect(letter, "relevo") as session:
            for (one,) in rows(session, self.expand("[blockers]")):
                try:
                    rows(session, f"KILL {one}")
                except pymysql.err.MySQLError as problem:
                    assert problem.args[0] == NO_SUCH_THREAD, problem

    def stream(self, letter, source):
        self.say_sql(letter, f"[follow {source}]").hear("")
        self.say_sql(letter, "START REPLICA").hear("")
        return self.until(letter, "executed", self.fact(source, "executed"))

    def copy(self, source, letter):
        self.root(letter, "RESET BINARY LOGS AND GTIDS",
                  f"SET GLOBAL gtid_purged = '{self.facts(source)['executed']}'")

    # ---- how a node stands -------------------------------------------------------------------------------------------

    def cell(self, value):
        """UUIDs as letters, GTID sets as counts."""
        text = "NULL" if value is None else str(value).replace("\n", "")
        if text in self.uuids:
            return self.uuids[text]
        counts = {}
        for part in text.split(","):
            uuid, *intervals = part.split(":")
            if uuid not in self.uuids or not intervals:
                return text or "-"
            for interval in intervals:
                first, _, last = interval.partition("-")
                letter = self.uuids[uuid]
                counts[letter] = counts.get(letter, 0) + int(last or first) - int(first) + 1
        return " ".join(f"{letter}{counts[letter]}" for letter in sorted(counts))

    def facts(self, letter):
        """What the watcher's own probe sees, and a few things more."""
        seen = sh(PROBE, self.addresses[letter], "relevo",
                  env={**os.environ, "RELEVO_CONTROL_PASSWORD": PASSWORDS["relevo"]})
        found = dict(line.split(" ", 1) for line in seen.splitlines())
        found["unacked"] = int(found["unacked"]) - self.unacked[letter]
        with self.connect(letter, "root", cursorclass=pymysql.cursors.DictCursor) as session:
            return {**found, **rows(session, MORE_FACTS)[0]}

    def fact(self, letter, name):
        if letter not in self.running or letter in self.frozen:
            return "down"
        return self.fact_of(self.facts(letter), name)

    def fact_of(self, facts, name):
        found = facts.get(name, "there is no such fact")
        return self.cell(found[-1:] if name == "source" else found)

    def show(self, letter, names):
        facts = self.facts(letter)
        return ", ".join(f"{name} {self.fact_of(facts, name)}" for name in names.split())

    def until(self, letter, name, value):
        until = time.monotonic() + PATIENCE_S
        while (found := self.fact(letter, name)) != value:
            if time.monotonic() > until:
                return f"never: {name} {found}"
            time.sleep(0.1)  # each look is a program
        return ""

    # ---- what happens to a node --------------------------------------------------------------------------------------

    def do_open(self, letter):
        for sql in ("SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF"):
            self.say_sql(letter, sql).hear("")

    def ended(self, letter):
        self.running.discard(letter)
        self.locks.pop(letter, None)
        self.lives[letter] += 1
        self.unacked[letter] = 0

    def do_kill(self, letter):
        sh("docker", "kill", self.container(letter))
        sh("docker", "wait", self.container(letter))
        self.ended(letter)

    def do_stop(self, letter):
        sh("docker", "stop", "-t", "60", self.container(letter), timeout=90)
        self.ended(letter)

    def do_start(self, letter):
        sh("docker", "start", self.container(letter))
        self.wait_ready(letter)

    def do_freeze(self, letter):
        engine.pause(self.container(letter))
        self.frozen.add(letter)

    def do_thaw(self, letter):
        sh("docker", "unpause", self.container(letter))
        self.frozen.discard(letter)

    def do_hold(self, letter):
        self.locks[letter] = self.connect(letter, "root")
        rows(self.locks[letter], "LOCK TABLES appdb.written READ")

    def do_release(self, letter):
        if letter in self.locks:
            self.locks.pop(letter).close()

    def do_spoil(self, letter):
        """The row that a client writes next is there already."""
        self.root(letter, "SET GLOBAL super_read_only = OFF", "SET SESSION sql_log_bin = 0",
                  f"INSERT INTO appdb.written VALUES ({self.row + 1})", "SET GLOBAL super_read_only = ON")

    def do_purge(self, letter):
        self.root(letter, "FLUSH BINARY LOGS")
        newest = self.root(letter, "SHOW BINARY LOG STATUS")[0][0]
        self.root(letter, f"PURGE BINARY LOGS TO '{newest}'")
