"""Somebody's lock on the only node that can take over, and the primary dies: the lock's session is named and ended."""
import contextlib
import threading

import pytest

from lib.cluster import A, B
from lib.compare import rows
from lib.run import wait_until


@contextlib.contextmanager
def held(cluster, statements):
    """A session of root on B that took these locks, and then sleeps; ended[0] is its end: an error, or None while it lives."""
    session, ended, ready = cluster.connect(B), [None], threading.Event()
    for statement in statements:
        rows(session, statement)

    def stay():
        ready.set()
        try:
            rows(session, "SELECT SLEEP(120)")
        except Exception as problem:  # noqa: BLE001 - the server ends it
            ended[0] = problem
    thread = threading.Thread(target=stay, daemon=True)
    thread.start()
    ready.wait()
    try:
        yield ended
    finally:
        with contextlib.suppress(Exception):
            session._force_close()
        thread.join(5)


LOCKS = {
    "a global read lock": (("FLUSH TABLES WITH READ LOCK",), "UPDATE appdb.orders SET amount = amount + 1 WHERE id = 1", "GLOBAL"),
    "a global read lock, nothing to apply": (("FLUSH TABLES WITH READ LOCK",), None, "GLOBAL"),
    "a lock on a table of Relevo's": (("LOCK TABLES relevo.epoch READ",), None, "relevo"),
    "a lock on a table of the user's": (("LOCK TABLES appdb.orders READ",),
                                        "UPDATE appdb.orders SET amount = amount + 1 WHERE id = 1", "orders"),
    "a row": (("BEGIN", "SELECT * FROM appdb.orders WHERE id = 1 FOR SHARE"),
              "UPDATE appdb.orders SET amount = amount + 1 WHERE id = 1", "row"),
    "a backup lock": (("LOCK INSTANCE FOR BACKUP",), "CREATE TABLE appdb.late (id INT PRIMARY KEY)", "BACKUP LOCK"),
}


SHORT = ("a global read lock", "a lock on a table of Relevo's")


@pytest.mark.parametrize("name", [name if name in SHORT else pytest.param(name, marks=pytest.mark.long) for name in LOCKS])
def test_who_holds_up_the_promotion_is_ended(manual_cluster, name):
    cluster = manual_cluster
    statements, late, word = LOCKS[name]
    cluster.root(A, "DROP TABLE IF EXISTS appdb.late")
    cluster.wait_same()
    mark = cluster.mark()
    with held(cluster, statements) as ended:
        if late:
            cluster.root(A, late)
            received = cluster.gtids(A)
            wait_until(lambda: cluster.value(B, "SELECT GTID_SUBSET(%s, CONCAT(@@GLOBAL.gtid_executed, ',', RECEIVED_TRANSACTION_SET))"
                                                " FROM performance_schema.replication_connection_status", (received,)), 10, "B has it")
        cluster.docker("kill", A)
        failover = cluster.wait_event(mark, 20, type="FAILOVER", node=B)
        told = cluster.wait_event(mark, 5, type="ALARM", node=B, msg="MSG_HOLDERS_ENDED")
        assert word in told["why"] and "tester" in told["why"], told
        assert int(failover["detail"]["took_ms"]) < 15000
        wait_until(lambda: ended[0] is not None, 5, "its session was ended")
    cluster.wait_primary(B)
    cluster.docker("start", A)
    cluster.wait_normal(B)
    cluster.root(B, "DROP TABLE IF EXISTS appdb.late")
    cluster.assert_same_data()
    cluster.command(f"switchover {A}")
    cluster.wait_normal(A)


def test_a_switchover_that_a_lock_holds_up_names_its_session(manual_cluster):
    cluster = manual_cluster
    mark = cluster.mark()
    with held(cluster, ("FLUSH TABLES WITH READ LOCK",)) as ended:
        cluster.root(A, "UPDATE appdb.orders SET amount = amount + 1 WHERE id = 1")
        cluster.ask({"action": "switchover", "node": B}, timeout=60)
        failed = cluster.wait_event(mark, 30, type="ABORTED")
        assert "GLOBAL SHARED" in failed["why"] and "holds it up" in failed["why"], failed
        assert ended[0] is None and cluster.writable(A)  # an order can wait: nobody's backup is ended for it
    cluster.wait_normal(A)
