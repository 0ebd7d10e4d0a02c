"""What Relevo will need of its accounts and servers is tried beforehand: an alarm while all is well, not on the worst day."""
from lib import api
from lib.cluster import A, B
from lib.compare import rows
from lib.run import wait_until

SOON = 45  # seconds: a look every 30


def verdict():
    return api.get("/api/v1/verdict?lang=en").json()


def candidate(node):
    return next(c for c in verdict()["if_the_primary_died_now"] if c["node"] == node)


def alarm(cluster, mark, node, *words):
    return wait_until(lambda: [e for e in cluster.events(mark, type="ALARM", node=node)
                               if all(w in e["why"] for w in words)], SOON, f"an alarm of {node} with {words}")[0]


def test_what_lacks_is_told_in_normal_and_when_it_is_mended(cluster):
    mark = cluster.mark()
    wait_until(lambda: candidate(B)["able"] and candidate(B)["lacks"] is None, SOON, "nothing lacks")
    # The sessions that are open keep what they had: nothing else changes.
    cluster.root(A, "REVOKE SYSTEM_VARIABLES_ADMIN, REPLICATION_SLAVE_ADMIN ON *.* FROM relevo@'%';"
                    " ALTER USER repl@'%' PASSWORD EXPIRE; ALTER USER relevo_clone@'%' ACCOUNT LOCK;")
    cluster.root(B, "SET GLOBAL binlog_row_image = MINIMAL;")
    backup = cluster.connect(B)
    rows(backup, "FLUSH TABLES WITH READ LOCK")
    for node in (A, B):
        told = alarm(cluster, mark, node, "SYSTEM_VARIABLES_ADMIN, REPLICATION_SLAVE_ADMIN",
                     "GRANT SYSTEM_VARIABLES_ADMIN, REPLICATION_SLAVE_ADMIN ON *.* TO 'relevo'@'%';")
        assert told["severity"] == "error"
        alarm(cluster, mark, node, "repl", "PASSWORD EXPIRE NEVER")
        alarm(cluster, mark, node, "relevo_clone", "ACCOUNT UNLOCK")
    alarm(cluster, mark, B, "binlog_row_image=MINIMAL", "binlog_row_image=FULL")
    alarm(cluster, mark, B, "tester@", f"KILL {backup.thread_id()};")
    backup.close()
    one, dead = candidate(B), verdict()["if_dead"]
    assert one["able"] is False and "SYSTEM_VARIABLES_ADMIN" in one["says"], one
    assert dead["would_fail_over"] is False and dead["rule"] == 207 and "SYSTEM_VARIABLES_ADMIN" in dead["why"], dead
    assert cluster.is_normal(A)

    # A watcher whose sessions are new cannot fence: nothing was closed, and it says so.
    mark = cluster.mark()
    cluster.docker("restart", "-t", "5", "db-watcher")
    cluster.wait_normal(A)
    for node in (A, B):  # told anew, by a life that knows of nothing told before
        alarm(cluster, mark, node, "relevo_clone", "ACCOUNT UNLOCK")
    cluster.ask({"action": "switchover", "node": B}, timeout=60)
    told = cluster.wait_event(mark, type="ABORTED")["why"]
    assert "stays closed" not in told and cluster.writable(A), told
    cluster.wait_normal(A)

    mark = cluster.mark()
    password = cluster.env["RELEVO_CONTROL_PASSWORD"]
    cluster.root(A, "GRANT SYSTEM_VARIABLES_ADMIN, REPLICATION_SLAVE_ADMIN ON *.* TO relevo@'%';"
                    f" ALTER USER repl@'%' IDENTIFIED BY '{cluster.env['RELEVO_REPL_PASSWORD']}' PASSWORD EXPIRE NEVER;"
                    " ALTER USER relevo_clone@'%' ACCOUNT UNLOCK; ALTER USER relevo@'%' PASSWORD EXPIRE;")
    cluster.root(B, "SET GLOBAL binlog_row_image = FULL;")
    alarm(cluster, mark, B, "relevo", "ALTER USER 'relevo'@'%' IDENTIFIED BY '<RELEVO_CONTROL_PASSWORD>'")
    alarm(cluster, mark, A, "relevo", "ALTER USER 'relevo'@'%' IDENTIFIED BY '<RELEVO_CONTROL_PASSWORD>'")
    assert not candidate(B)["able"] and cluster.is_normal(A)

    cluster.root(A, f"ALTER USER relevo@'%' IDENTIFIED BY '{password}' PASSWORD EXPIRE NEVER;")
    wait_until(lambda: candidate(B)["able"] and candidate(B)["lacks"] is None and verdict()["if_dead"]["would_fail_over"],
               SOON, "all is mended")
    mended = cluster.events(mark, type="ALARM", node=B, severity="info")
    assert len(mended) >= 5, mended
    assert cluster.is_normal(A)
    # In maintenance a dead primary is told as what it is, and the way on is named and works.
    cluster.command("maintenance on")
    wait_until(lambda: cluster.phase() == "FROZEN", 10, "maintenance")
    mark = cluster.mark()
    cluster.docker("kill", A)
    told = wait_until(lambda: cluster.events(mark, type="PHASE", rule=129), 20, "nobody takes writes")[0]
    assert told["severity"] == "error" and verdict()["why"].startswith(f"nobody takes writes: {A} does not answer")
    assert "failover" in [way["command"] for way in verdict()["ways"]] and verdict()["if_dead"] is None
    # And what the verdict said was no empty promise.
    wait_until(lambda: cluster.ask({"action": "failover", "node": B})[-1]["type"] == "COMMAND_FINISHED", 20, "a failover")
    cluster.wait_primary(B)
    cluster.command("maintenance off")
    cluster.docker("start", A)
    cluster.wait_normal()
