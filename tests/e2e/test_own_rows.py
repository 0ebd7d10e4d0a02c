"""Relevo's own tables in the user's server: what a user does to them is noticed and undone while the primary lives."""
import pytest

from lib import api
from lib.cluster import A, B, other
from lib.run import sh, wait_until

REIGNS = ("SELECT COUNT(*), COALESCE(BIT_XOR(CRC32(CONCAT_WS(' ', epoch, primary_uuid, created_at))), 0)"
          " FROM relevo.epoch")


def verdict():
    return api.get("/api/v1/verdict?lang=en").json()


def candidate(node):
    return next(c for c in verdict()["if_the_primary_died_now"] if c["node"] == node)


def restored_rows(cluster, node, mark):
    """The row of the reign is there again, on both nodes alike, and an event says so."""
    event = cluster.wait_event(mark, type="ALARM", node=node, rule=514)
    epoch = int(cluster.state()["epoch"])
    assert cluster.value(node, "SELECT MAX(epoch) FROM relevo.epoch") == epoch
    assert cluster.value(node, "SELECT primary_uuid FROM relevo.epoch WHERE epoch = %s", (epoch,)) == cluster.value(
        node, "SELECT @@GLOBAL.server_uuid")
    cluster.wait_same()
    assert cluster.sql(A, REIGNS) == cluster.sql(B, REIGNS)
    wait_until(lambda: candidate(other(node))["able"], 10, "the replica could take over")
    return event


def empty(cluster, node):
    cluster.root(node, "TRUNCATE relevo.epoch;")


def drop(cluster, node):
    cluster.root(node, "DROP DATABASE relevo;")


def restore_old_dump(cluster, node):
    dump = sh("docker", "exec", node, "sh", "-c",
              'MYSQL_PWD="$MYSQL_ROOT_PASSWORD" exec mysqldump -uroot --set-gtid-purged=OFF --databases relevo')
    cluster.ask({"action": "switchover", "node": other(node)})
    cluster.wait_normal(other(node))
    cluster.ask({"action": "switchover", "node": node})
    cluster.wait_normal(node)
    cluster.root(node, dump)


@pytest.mark.parametrize("loss", (empty, drop, restore_old_dump))
def test_lost_rows_are_written_again_and_the_replica_is_promoted(cluster, loss):
    mark = cluster.mark()
    loss(cluster, A)
    restored_rows(cluster, A, mark)
    beat = cluster.value(A, "SELECT ts_ms FROM relevo.heartbeat")
    wait_until(lambda: cluster.value(A, "SELECT ts_ms FROM relevo.heartbeat") > beat, 10, "the heartbeat goes on")
    cluster.wait_normal(A)
    mark = cluster.mark()
    cluster.docker("kill", A)
    cluster.wait_event(mark, type="FAILOVER", node=B)
    cluster.wait_primary(B)
    cluster.docker("start", A)
    cluster.wait_normal()
    cluster.assert_same_data()


def test_rows_that_cannot_be_written_are_an_alarm_before_anybody_dies(cluster):
    mark = cluster.mark()
    cluster.root(A, "ALTER TABLE relevo.epoch DROP COLUMN why; TRUNCATE relevo.epoch;")
    alarm = cluster.wait_event(mark, type="ALARM", node=A, rule=515)
    assert "why" in alarm["why"], alarm  # the reason is the server's: the column that is not there
    wait_until(lambda: not candidate(B)["able"], 10, "the verdict does not promise what cannot be done")
    said = verdict()
    assert said["if_dead"]["would_fail_over"] is False and said["if_dead"]["rule"] == 208, said["if_dead"]
    # Mended by a person, it is written again by itself.
    mark = cluster.mark()
    cluster.root(A, "ALTER TABLE relevo.epoch ADD COLUMN why VARCHAR(512) NOT NULL DEFAULT '' AFTER rule;")
    restored_rows(cluster, A, mark)
    wait_until(lambda: verdict()["if_dead"]["would_fail_over"], 10, "the replica would take over")
    cluster.wait_normal(A)


def test_rows_removed_on_the_primary_alone_break_no_replica(cluster):
    """Without the binlog: the replica has the row and could take over. Written again there it would stop its applier."""
    mark = cluster.mark()
    kept = cluster.sql(A, "SELECT * FROM relevo.epoch")
    cluster.root(A, "SET sql_log_bin = 0; DELETE FROM relevo.epoch ORDER BY epoch DESC LIMIT 1;")
    cluster.wait_event(mark, type="ALARM", node=A, rule=516)
    assert cluster.streams(B) and candidate(B)["able"]
    row = next(r for r in kept if r[0] == int(cluster.state()["epoch"]))
    values = ", ".join(f"'{value}'" for value in row)
    cluster.root(A, f"SET NAMES utf8mb4; SET sql_log_bin = 0; INSERT INTO relevo.epoch VALUES ({values});")
    wait_until(lambda: cluster.sql(A, REIGNS) == cluster.sql(B, REIGNS), 10, "both hold the same rows")
    assert not cluster.events(mark, type="RESYNC_STARTED")
    cluster.wait_normal(A)
    cluster.assert_same_data()
