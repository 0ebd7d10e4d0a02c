"""The owner of a schema against Relevo, on the running project: each of these once made his code run with all that Relevo may
do, held up a hand-over, or left a node without a way back."""
import contextlib
import time

import pytest

from lib.attacks import ROW_TRAPS, Attacker, cried_out
from lib.cluster import A, B, other
from lib.compare import rows
from lib.run import wait_until


@pytest.fixture(params=["async", "lossless"], scope="module")
def mode(request):
    return request.param


@pytest.fixture
def attacked(keeper, mode):
    cluster = keeper.get(RELEVO_MODE=mode, RELEVO_FAILBACK="auto", RELEVO_VERIFY="auto")
    if mode == "lossless":
        cluster.wait_sync()
    yield cluster
    if mode == "lossless":
        cluster.wait_normal()


@pytest.fixture(scope="module", autouse=True)
def async_again(keeper):
    yield
    if keeper.cluster is not None:
        keeper.get(RELEVO_MODE="async")


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


def check_row_traps(cluster, traps):
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


def test_traps_on_system_events(attacked):
    check_row_traps(attacked, ROW_TRAPS)


def test_what_is_in_a_grant(attacked):
    """No account reaches further than its part; none but root, and the one that rebuilds a closed node, can grant."""
    cluster = attacked
    for node in (A, B):
        grants = {account: "\n".join(row[0] for row in cluster.sql(node, f"SHOW GRANTS FOR {account}@'%'"))
                  for account in ("relevo", "relevo_events", "relevo_resync", "relevo_reader", "relevo_rebuild")}
        assert not [text for text in grants.values() if "WITH GRANT OPTION" in text or "CREATE USER" in text]
        for account in ("relevo", "relevo_events", "relevo_resync", "relevo_reader"):
            assert "EXECUTE" not in grants[account] and "SUPER" not in grants[account], grants[account]
        assert grants["relevo_events"].splitlines()[1:] == ["GRANT INSERT ON `appdb`.`system_events` TO `relevo_events`@`%`"]
        for account, secret in (("relevo", "RELEVO_CONTROL_PASSWORD"), ("relevo_reader", "RELEVO_RESYNC_PASSWORD"),
                                ("relevo_events", "RELEVO_EVENTS_PASSWORD")):
            with cluster.session(node, user=account, password=cluster.env[secret]) as session:
                for statement in ("SELECT authentication_string FROM mysql.user", "SELECT * FROM mysql.global_grants",
                                  "INSERT INTO mysql.user (host, user) VALUES ('%', 'x')"):
                    with pytest.raises(Exception, match="denied|read-only"):
                        rows(session, statement)
        with cluster.session(node, user="relevo", password=cluster.env["RELEVO_CONTROL_PASSWORD"]) as session:
            with pytest.raises(Exception, match="denied"):
                rows(session, "SELECT * FROM appdb.customers")


# ---- a comparison ----------------------------------------------------------------------------------------------------

def test_a_view_in_the_place_of_a_table_that_is_being_compared(attacked):
    """The tables are listed first and read later by name: in between the owner puts a view under one of the names."""
    cluster, attacker = attacked, Attacker(attacked)
    mark, stamp = cluster.mark(), cluster.now()
    with attacker.at_work():
        attacker.sql("CREATE TABLE IF NOT EXISTS aaa_long (id INT PRIMARY KEY AUTO_INCREMENT, a CHAR(250) NOT NULL)",
                     "INSERT INTO aaa_long (a) VALUES ('x')", *["INSERT INTO aaa_long (a) SELECT a FROM aaa_long"] * 17,
                     "CREATE TABLE zzz_bait (id INT PRIMARY KEY)", "INSERT INTO zzz_bait VALUES (1)")
        try:
            cluster.wait_same(60)
            cluster.command(f"resync {B} method=verify")
            wait_until(lambda: cluster.check(B).get("step") == "compare" and cluster.check(B)["done_bytes"] > 0, 60,
                       "it compares", every=0.02)
            attacker.sql("RENAME TABLE zzz_bait TO zzz_hidden",
                         "CREATE SQL SECURITY INVOKER VIEW zzz_bait AS SELECT id FROM zzz_hidden WHERE burglar() = 1")
            wait_until(lambda: cluster.check(B).get("phase") in ("done", "failed"), 120, "it ends")
            assert cluster.check(B)["phase"] == "done", cluster.check(B)
            assert not attacker.victims() and not attacker.passwords()
            assert not cried_out(cluster, mark, stamp)
        finally:
            attacker.sql("DROP VIEW IF EXISTS zzz_bait", "DROP TABLE IF EXISTS zzz_bait, zzz_hidden, aaa_long")


# ---- prepared XA transactions ----------------------------------------------------------------------------------------

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


def test_a_prepared_xa_transaction_and_a_copy(attacked):
    """A dump cannot carry it and says which it is, with everything on the node as it was; a clone carries it."""
    cluster, attacker = attacked, Attacker(attacked)
    with prepared(attacker, "forgotten"):
        cluster.wait_same(30)
        mark = cluster.mark()
        cluster.ask({"action": "resync", "node": B, "method": "dump"}, timeout=90)
        failed = cluster.wait_event(mark, 30, type="RESYNC_FAILED", node=B)
        assert "666F72676F7474656E" in failed["why"].upper() and "XA ROLLBACK" in failed["why"], failed
        assert not cluster.value(B, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'relevo_rebuild'")
        assert cluster.value(B, "SELECT COUNT(*) FROM appdb.customers")
        cluster.wait_normal(A)
        mark = cluster.mark()
        cluster.ask({"action": "resync", "node": B, "method": "clone"}, timeout=180)
        cluster.wait_normal(A, 180)
        rolled = [e for e in cluster.events(mark, node=B) if "666F72676F7474656E" in e["why"].upper()]
        assert rolled, "the event names what was rolled back on the node before it was rebuilt"
        assert "forgotten" in cluster.root(B, "XA RECOVER"), "the clone brought it along"
    # Its end replicates: nothing stops there.
    cluster.wait_same(30)
    assert "forgotten" not in cluster.root(B, "XA RECOVER")
    attacker.sql("DROP TABLE xa_held")
    cluster.assert_same_data()


def test_a_prepared_xa_transaction_that_diverged(keeper, mode):
    """Made on a primary that was cut off: it is rescued, rolled back, named, and the node comes back by itself."""
    if mode == "lossless":
        pytest.skip("an XA PREPARE that nobody acknowledges ends in no client, and is not acknowledged")
    cluster = keeper.get(RELEVO_MODE=mode, RELEVO_FAILBACK="manual")
    attacker = Attacker(cluster)
    attacker.sql("CREATE TABLE IF NOT EXISTS xa_held (id INT PRIMARY KEY)")
    cluster.wait_same(30)
    mark = cluster.mark()
    cluster.disconnect(A)
    cluster.wait_event(mark, 30, type="FAILOVER")
    cluster.root(A, "XA START 'lonely'; INSERT INTO appdb.xa_held VALUES (7); XA END 'lonely'; XA PREPARE 'lonely';")
    cluster.reconnect(A)
    cluster.wait_normal(B, 180)
    assert "lonely" not in cluster.root(A, "XA RECOVER")
    named = [e for e in cluster.events(mark, node=A) if "6C6F6E656C79" in e["why"].upper()]
    assert named and cluster.events(mark, type="RESCUED", node=A)
    attacker.sql("DROP TABLE xa_held")
    cluster.assert_same_data()
