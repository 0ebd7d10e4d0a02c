"""Every statement that Relevo sends on every node, read from the servers' own general logs while a cluster goes through its
whole life. Each one that names something of a user's, or asks the data dictionary, must be in the list below: as which
account it is sent, and why it can run nobody's code. A new statement without an entry fails the test."""
import re

from lib.attacks import Attacker, cried_out
from lib.cluster import A, B, other
from lib.run import sh, wait_until

LOG = "/var/lib/mysql/all-statements.log"
ACCOUNTS = ("relevo", "relevo_events", "relevo_resync", "relevo_reader", "relevo_rebuild", "relevo_clone", "repl")
USERS = re.compile(r"appdb|zz[ `'%\"\n]|traffic", re.I)  # the schemas that the test knows as users'
DICTIONARY = re.compile(r"information_schema\.", re.I)  # not a variable that has it in its name

NAMES_ONLY = "the data dictionary is read: names and texts, nothing is opened or resolved"
HELD = "the name is held as a base table (HANDLER) while this runs"
NO_DDL = "the backup lock keeps every DDL away since the names were listed"
CLOSED = "the node is closed, does not replicate, and the names were checked after that"
MADE = "the object is made, not used: the scheduler is off, no trigger is there while rows come in"

# (account, pattern of the whole statement, why it can run nobody's code)
LISTED = [
    ("relevo_events", r"INSERT INTO `appdb`\.system_events .*", "it may insert there and do nothing else, in a session of its own"),
    ("relevo_reader", r"HANDLER `.*` OPEN AS relevo_held", "opens base tables only and resolves nothing"),
    ("relevo_reader", r"SELECT COUNT\(\*\), .* FROM `.*", HELD),
    ("relevo_reader", r"SELECT `.*` FROM `.*`\.`.*` .*LIMIT 1.*", HELD),
    ("relevo_reader", r"SELECT CAST\(`.* FROM `.*` FORCE INDEX \(PRIMARY\) .*LIMIT 1 OFFSET \d+", HELD),
    ("relevo_reader", r"SELECT CONCAT\('\('.* FROM `.*` WHERE \(.*\) IN .*", HELD),
    ("relevo_reader", r"SHOW CREATE TABLE `.*", "no EXECUTE; held, or under the backup lock"),
    ("relevo_reader", r"SHOW CREATE (DATABASE|LIBRARY|VIEW|FUNCTION|PROCEDURE|TRIGGER|EVENT) `.*", "shows the text; no EXECUTE"),
    ("relevo_reader", r"SELECT (MIN|MAX)\(.* FROM `.*", NO_DDL),
    ("relevo_reader", r"SELECT (CAST\()?`.* FROM `.*`\.`.*`( FORCE INDEX \(PRIMARY\) WHERE .*)?", NO_DDL),
    ("relevo_reader", r"SELECT CONCAT_WS\(' ', COUNT\(\*\), SUM\(CRC32\(.* FROM `.*", NO_DDL),
    ("relevo_reader", r"SELECT .* FROM information_schema\..*", NAMES_ONLY),
    ("relevo_resync", r"SELECT .* FROM information_schema\..*", NAMES_ONLY),
    ("relevo_resync", r"SELECT @@GLOBAL\.server_uuid AS uuid.* information_schema\.plugins .*", NAMES_ONLY),
    ("relevo", r"SELECT @@GLOBAL\..*information_schema\.PLUGINS .*", NAMES_ONLY),
    ("relevo", r"SELECT .* FROM information_schema\.(SCHEMATA|TABLES|EVENTS) .*", NAMES_ONLY),
    ("relevo", r"SELECT .*EXISTS \(SELECT 1 FROM information_schema\.SCHEMATA .*", NAMES_ONLY),
    ("relevo", r"INSERT INTO relevo\.epoch .*information_schema\.SCHEMATA .*", NAMES_ONLY),
    ("relevo_rebuild", r"SELECT .* information_schema\..*", NAMES_ONLY),
    ("relevo_rebuild", r"SELECT t\.processlist_id, .* FROM performance_schema\.metadata_locks .*", "names of locks are read"),
    ("relevo_rebuild", r"(DROP|CREATE|ALTER) DATABASE .*", "a schema has no code of its own"),
    ("relevo_rebuild", r"ALTER SCHEMA `.*` READ ONLY = [01]", "a schema has no code of its own"),
    ("relevo_rebuild", r"CREATE TABLE relevo_trial\.refers .* REFERENCES `.*`\.relevo_trial \(id\)\) .*",
     "both tables are Relevo's own, made and gone again on the closed node"),
    ("relevo_rebuild", r"DROP TABLE IF EXISTS `.*`\.relevo_trial", "Relevo's own table; a table has no code of its own"),
    ("relevo_rebuild", r"DROP (TABLE|VIEW|FUNCTION|PROCEDURE|TRIGGER|EVENT|LIBRARY)( IF EXISTS)? .*", "what is dropped does not run; " + CLOSED),
    ("relevo_rebuild", r"INSERT INTO relevo_trial\.made .*", "Relevo's own table; names are values"),
    ("relevo_rebuild", r"USE `.*`", CLOSED),
    ("relevo_rebuild", r"CREATE TABLE `.*", "expressions of a table cannot call what a user wrote"),
    ("relevo_rebuild", r"ALTER TABLE `.* ADD .*", CLOSED),
    ("relevo_rebuild", r"SELECT CONCAT_WS\(' ', COUNT\(\*\), SUM\(CRC32\(.* FROM `.*", CLOSED),
    ("relevo_rebuild", r"ALTER TABLE `.* FORCE, ALGORITHM = COPY", CLOSED),
    ("relevo_rebuild", r"LOAD DATA LOCAL INFILE 'rows' INTO TABLE `.*", MADE),
    ("relevo_rebuild", r"CREATE .*(LIBRARY|FUNCTION|PROCEDURE|TRIGGER|EVENT) .*", MADE),
    ("relevo_rebuild", r"CREATE .*VIEW .*", "a view is checked when it is made, and evaluates nothing then"),
    ("relevo_rebuild", r"CREATE TABLE relevo_rebuild\.keys_\d+ .* SELECT .* LIMIT 0", CLOSED),
    ("relevo_rebuild", r"INSERT INTO relevo_rebuild\..*", "Relevo's own tables; names are values"),
    ("relevo_rebuild", r"INSERT INTO mysql\..*", "rows of the grant tables; names are values"),
    ("relevo_rebuild", r"BINLOG .*", "row events fire no trigger; " + CLOSED),
]


def statements(cluster, node):
    """(account, statement) of each that one of Relevo's accounts sent."""
    text = sh("docker", "exec", node, "cat", LOG, timeout=60)
    entry = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+Z\t *(\d+) (\w[\w ]*?)\t?(?:\t(.*))?$")
    who, found, current = {}, [], None
    for line in text.splitlines():
        match = entry.match(line)
        if not match:
            if current is not None:
                found[current] = (found[current][0], found[current][1] + "\n" + line)
            continue
        current = None
        number, kind, rest = match[1], match[2], match[3] or ""
        if kind == "Connect":
            who[number] = rest.partition("@")[0]
        elif kind == "Query" and who.get(number) in ACCOUNTS:
            current = len(found)
            found.append((who[number], rest))
    return found


def listed(account, statement):
    flat = re.sub(r"\s+", " ", statement).strip()
    return any(account == who and re.fullmatch(pattern, flat, re.I | re.S) for who, pattern, _ in LISTED)


HARD = (
    "CREATE TABLE `zz '%s\"` (`a``b` INT PRIMARY KEY, `c'd` VARCHAR(20) DEFAULT '%n`', g INT AS (LENGTH(`c'd`)) STORED,"
    " v INT AS (`a``b` + 1) VIRTUAL, CHECK (`a``b` >= 0), FULLTEXT KEY `f'f` (`c'd`))",
    "INSERT INTO `zz '%s\"` (`a``b`, `c'd`) VALUES (1, 'x'), (2, '`%s''')",
    "CREATE TABLE `zz\nparts` (id INT PRIMARY KEY, p POINT NOT NULL SRID 4326, SPATIAL KEY (p))",
    "CREATE TABLE zz_ranges (id INT PRIMARY KEY) PARTITION BY HASH (ABS(id)) PARTITIONS 2",
    "CREATE SQL SECURITY INVOKER VIEW zz_calls AS SELECT burglar() AS b, c.id FROM customers c WHERE c.id = burglar()",
    "CREATE SQL SECURITY INVOKER VIEW zz_deep AS SELECT * FROM zz_calls WHERE b IN (SELECT burglar())",
    "CREATE PROCEDURE `zz'p%s` () SQL SECURITY INVOKER SELECT burglar()",
    "CREATE TRIGGER zz_fires BEFORE INSERT ON zz_ranges FOR EACH ROW SET @zz = burglar()",
    "CREATE EVENT zz_ticks ON SCHEDULE EVERY 1 SECOND DISABLE DO SELECT burglar()",
    "INSERT INTO zz_ranges VALUES (1), (2)",
)
GONE = ("DROP EVENT zz_ticks", "DROP PROCEDURE `zz'p%s`", "DROP VIEW zz_deep, zz_calls", "DROP TABLE zz_ranges, `zz\nparts`,"
        " `zz '%s\"`")


def finish(cluster, mark, node, kind="RESYNC"):
    cluster.wait_event(mark, 180, type=kind, node=node)


def live_through_everything(cluster, attacker):
    for method in ("catchup", "dump", "clone", "verify"):
        mark = cluster.mark()
        cluster.command(f"resync {B} method={method}")
        finish(cluster, mark, B, "VERIFIED" if method == "verify" else "RESYNC")
        cluster.wait_normal(A)
    # A rewind: rows of a table of his and of system_events, which the old primary wrote alone.
    mark = cluster.mark()
    cluster.disconnect(A)
    cluster.wait_event(mark, 30, type="FAILOVER")
    cluster.root(A, "INSERT INTO appdb.`zz '%s\"` (`a``b`, `c'd`) VALUES (33, 'alone');"
                    " UPDATE appdb.customers SET name = 'alone' WHERE id = 1;")
    cluster.reconnect(A)
    finish(cluster, mark, A)
    cluster.wait_normal(timeout=120)
    started = cluster.events(mark, type="RESYNC_STARTED", node=A)[-1]
    assert started["detail"]["rung"] == "rewind", started
    cluster.ask({"action": "switchover", "node": other(cluster.primary())}, timeout=60)
    cluster.wait_normal()


def test_each_statement_has_a_reason(manual_cluster):
    cluster, attacker = manual_cluster, Attacker(manual_cluster)
    mark, stamp = cluster.mark(), cluster.now()
    switch = (f"SET PERSIST general_log_file = '{LOG}'; SET PERSIST log_output = 'FILE'; SET PERSIST general_log = ON;")
    off = "RESET PERSIST general_log; RESET PERSIST general_log_file; RESET PERSIST log_output; SET GLOBAL general_log = OFF;"
    with attacker.at_work():
        attacker.sql(*HARD)
        cluster.wait_same(30)
        try:
            for node in (A, B):
                cluster.root(node, switch)
            live_through_everything(cluster, attacker)
            assert not attacker.victims() and not attacker.passwords()
            assert not cried_out(cluster, mark, stamp)
        finally:
            for node in (A, B):
                cluster.root(node, off)
            wait_until(lambda: attacker.sql(*GONE) or True, 30, "his objects are gone")
    sent = [(account, text) for node in (A, B) for account, text in statements(cluster, node)]
    assert {"relevo", "relevo_events", "relevo_resync", "relevo_reader", "relevo_rebuild"} <= {account for account, _ in sent}
    touching = {(account, text) for account, text in sent if USERS.search(text) or DICTIONARY.search(text)}
    assert len(touching) > 30, "the logs were read"
    unlisted = sorted({f"{account}: {re.sub(chr(10), ' ', text)[:300]}" for account, text in touching
                       if not listed(account, text)})
    assert not unlisted, "\n".join(unlisted)
    assert not [text for account, text in touching if account == "relevo" and USERS.search(text)]
