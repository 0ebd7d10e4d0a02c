"""What the ordinary account `app` (everything on its schema appdb, nothing else) can put into the way of Relevo. A session
of Relevo that can do more than `app` must never run any of it."""
import contextlib
import time

from .cluster import A, other
from .compare import rows
from .run import wait_until

HARMLESS = ("relevo_events",)  # can do less than the owner of the schema: it may meet what the owner put there

# witness() notes whose session runs it; burglar() tries, with the rights of that session, to read a password, and where
# nothing can be noted (a transaction that only reads) it cries out, so that an event or a log line tells.
TOOLS = (
    "CREATE TABLE IF NOT EXISTS loot (who VARCHAR(100) NOT NULL, what TEXT)",
    "DROP FUNCTION IF EXISTS witness", "DROP FUNCTION IF EXISTS burglar",
    "CREATE FUNCTION witness(what TEXT) RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN"
    " DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN DECLARE cry VARCHAR(128) DEFAULT CONCAT('burgled by ', USER());"
    " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = cry; END;"
    " INSERT INTO appdb.loot VALUES (USER(), what); RETURN 1; END",
    "CREATE FUNCTION burglar() RETURNS INT DETERMINISTIC MODIFIES SQL DATA SQL SECURITY INVOKER BEGIN"
    " DECLARE secret TEXT; DECLARE CONTINUE HANDLER FOR SQLEXCEPTION SET secret = 'nothing';"
    " SELECT authentication_string INTO secret FROM mysql.user WHERE user = 'root' LIMIT 1;"
    " RETURN appdb.witness(secret); END",
)

ROW_TRAPS = {
    "a trigger that looks around": (
        ("CREATE TRIGGER trap BEFORE INSERT ON system_events FOR EACH ROW SET NEW.replica_node = IF(burglar(), '', '')",),
        ("DROP TRIGGER trap",)),
    "a view in its place": (
        ("RENAME TABLE system_events TO hidden_events",
         "CREATE SQL SECURITY INVOKER VIEW system_events AS SELECT * FROM hidden_events WHERE burglar() = 1 WITH CHECK OPTION"),
        ("DROP VIEW system_events", "RENAME TABLE hidden_events TO system_events")),
    "a trigger that loops": (
        ("CREATE TRIGGER trap BEFORE INSERT ON system_events FOR EACH ROW BEGIN"
         " WHILE TRUE DO SET NEW.replica_node = ''; END WHILE; END",),
        ("DROP TRIGGER trap",)),
    "a trigger that changes the session": (
        ("CREATE TRIGGER trap BEFORE INSERT ON system_events FOR EACH ROW SET SESSION transaction_read_only = 1",),
        ("DROP TRIGGER trap",)),
}


class Attacker:
    def __init__(self, cluster):
        self.cluster = cluster

    def sql(self, *statements, node=None):
        with self.cluster.session(node or self.cluster.primary(), user="app", password=self.cluster.env["MYSQL_PASSWORD"],
                                  database="appdb") as session:
            for statement in statements:
                found = rows(session, statement)
            return found

    @contextlib.contextmanager
    def at_work(self):
        self.sql(*TOOLS)
        try:
            yield self
        finally:
            # A switchover may be under way.
            wait_until(lambda: self.sql("DROP TABLE IF EXISTS loot", "DROP FUNCTION IF EXISTS witness",
                                        "DROP FUNCTION IF EXISTS burglar") or True, 30, "the tools are gone")

    @contextlib.contextmanager
    def trap(self, name):
        set_it, take_it_away = ROW_TRAPS[name]
        self.sql(*set_it)
        try:
            yield
        finally:
            wait_until(lambda: self.sql(*take_it_away) or True, 30, f"without {name}")

    def victims(self):
        """Relevo's accounts in whose sessions something of ours ran."""
        who = {row[0].partition("@")[0] for row in self.sql("SELECT DISTINCT who FROM loot")}
        return {name for name in who if name.startswith("relevo") and name not in HARMLESS}

    def passwords(self):
        return [row for row in self.sql("SELECT who, what FROM loot WHERE what <> 'nothing'")]


def cried_out(cluster, mark, stamp):
    """Events and log lines that tell of our code in somebody's session."""
    told = [str(event) for event in cluster.events(mark)]
    logged = [line for container in ("db-watcher", "db-resync") for line in cluster.logs(container, since=stamp).splitlines()]
    return [text for text in told + logged if "burgled by relevo" in text]


# ---- the same on two nodes and on three --------------------------------------------------------------------------------

def heartbeat(cluster):
    return cluster.value(cluster.primary(), "SELECT ts_ms FROM relevo.heartbeat")


def hand_over(cluster):
    """An ordered switchover, and what became of it."""
    target = other(cluster.primary())
    done = cluster.ask({"action": "switchover", "node": target}, timeout=60)[-1]
    assert done["type"] == "COMMAND_FINISHED" and done["detail"].get("result") == "ok", done
    cluster.wait_normal(target)
    if cluster.env.get("RELEVO_MODE") == "lossless":
        cluster.wait_sync()


def sessions_of(cluster, node, account):
    return cluster.value(node, "SELECT COUNT(*) FROM performance_schema.threads WHERE PROCESSLIST_USER = %s", (account,))


def check_row_traps(cluster, traps=ROW_TRAPS):
    """A row of system_events is due at each switchover. It may be lost, by one alarm; nothing else may happen."""
    attacker = Attacker(cluster)
    with attacker.at_work():
        for name in traps:
            mark, stamp = cluster.mark(), cluster.now()
            with attacker.trap(name):
                hand_over(cluster)
                if "loops" in name:
                    hand_over(cluster)  # while the session that loops holds its locks: the fence ends it like any client's
                before = heartbeat(cluster)
                wait_until(lambda: heartbeat(cluster) >= before + 2000, 10, f"heartbeats beside {name}")
                assert not attacker.victims() and not attacker.passwords(), name
                if "loops" in name:
                    lost = cluster.wait_event(mark, 30, type="ALARM", severity="warning")
                    assert "system_events" in lost["why"], lost
                    # What loops is ended when its row is given up.
                    wait_until(lambda: sessions_of(cluster, cluster.primary(), "relevo_events") == 0, 20, "no session stays")
            assert not cried_out(cluster, mark, stamp), name
    mark = cluster.mark()
    count = cluster.value(cluster.primary(), "SELECT COUNT(*) FROM appdb.system_events")
    hand_over(cluster)
    wait_until(lambda: cluster.value(cluster.primary(), "SELECT COUNT(*) FROM appdb.system_events") > count, 20,
               "rows are written again")


def check_comparison(cluster, replica):
    """The tables are listed first and read later by name: in between the owner puts a view under one of the names."""
    attacker = Attacker(cluster)
    mark, stamp = cluster.mark(), cluster.now()
    with attacker.at_work():
        attacker.sql("CREATE TABLE IF NOT EXISTS aaa_long (id INT PRIMARY KEY AUTO_INCREMENT, a CHAR(250) NOT NULL)",
                     "INSERT INTO aaa_long (a) VALUES ('x')", *["INSERT INTO aaa_long (a) SELECT a FROM aaa_long"] * 17,
                     "CREATE TABLE zzz_bait (id INT PRIMARY KEY)", "INSERT INTO zzz_bait VALUES (1)")
        try:
            cluster.wait_same(60)
            cluster.command(f"resync {replica} method=verify")
            wait_until(lambda: cluster.check(replica).get("step") == "compare" and cluster.check(replica)["done_bytes"] > 0, 60,
                       "it compares", every=0.02)
            attacker.sql("RENAME TABLE zzz_bait TO zzz_hidden",
                         "CREATE SQL SECURITY INVOKER VIEW zzz_bait AS SELECT id FROM zzz_hidden WHERE burglar() = 1")
            wait_until(lambda: cluster.check(replica).get("phase") in ("done", "failed"), 120, "it ends")
            assert cluster.check(replica)["phase"] == "done", cluster.check(replica)
            assert not attacker.victims() and not attacker.passwords()
            assert not cried_out(cluster, mark, stamp)
        finally:
            attacker.sql("DROP VIEW IF EXISTS zzz_bait", "DROP TABLE IF EXISTS zzz_bait, zzz_hidden, aaa_long")


@contextlib.contextmanager
def prepared(attacker, xid, node=None):
    """One that its coordinator has forgotten: it outlives the session and holds its locks on every node."""
    attacker.sql("CREATE TABLE IF NOT EXISTS xa_held (id INT PRIMARY KEY)", node=node)
    number = time.monotonic_ns() % 2**31
    attacker.sql(f"XA START '{xid}'", f"INSERT INTO xa_held VALUES ({number})", f"XA END '{xid}'", f"XA PREPARE '{xid}'",
                 node=node)
    try:
        yield
    finally:
        with contextlib.suppress(Exception):
            attacker.cluster.root(attacker.cluster.primary(), f"XA ROLLBACK '{xid}'")


def check_prepared_xa(cluster, replica):
    """A dump cannot carry it and says which it is, with everything on the node as it was; a clone carries it."""
    attacker = Attacker(cluster)
    with prepared(attacker, "forgotten"):
        cluster.wait_same(30)
        mark = cluster.mark()
        cluster.ask({"action": "resync", "node": replica, "method": "dump"}, timeout=90)
        failed = cluster.wait_event(mark, 30, type="RESYNC_FAILED", node=replica)
        assert "666F72676F7474656E" in failed["why"].upper() and "XA ROLLBACK" in failed["why"], failed
        assert cluster.root(replica, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'relevo_rebuild'").strip() == "0"
        assert int(cluster.root(replica, "SELECT COUNT(*) FROM appdb.customers"))
        cluster.wait_normal(A)
        mark = cluster.mark()
        cluster.ask({"action": "resync", "node": replica, "method": "clone"}, timeout=180)
        cluster.wait_normal(A, 180)
        rolled = [e for e in cluster.events(mark, node=replica) if "666F72676F7474656E" in e["why"].upper()]
        assert rolled, "the event names what was rolled back on the node before it was rebuilt"
        assert "forgotten" in cluster.root(replica, "XA RECOVER"), "the clone brought it along"
    # Its end replicates: nothing stops there.
    cluster.wait_same(30)
    assert "forgotten" not in cluster.root(replica, "XA RECOVER")
    attacker.sql("DROP TABLE xa_held")
    cluster.assert_same_data()
