"""What the ordinary account `app` (everything on its schema appdb, nothing else) can put into the way of Relevo. A session
of Relevo that can do more than `app` must never run any of it."""
import contextlib

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
