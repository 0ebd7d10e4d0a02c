"""What a writer was told against what the cluster holds in the end."""
import re

from .cluster import A, B
from .compare import rows
from .run import NotInTime, wait_until
from .writer import SCHEMA, TABLE


def rescued_ids(cluster):
    """Ids of the rows of the traffic table in all rescued binlog files, read with MySQL's own mysqlbinlog."""
    ids = set()
    for text in cluster.rescued_texts():
        for row in re.findall(rf"### INSERT INTO `{SCHEMA}`\.`{TABLE}`\n### SET\n###   @1=(-?\d+)", text):
            ids.add(int(row))
    return ids


def ids_on(cluster, node, low, high):
    with cluster.session(node) as session:
        return {r[0] for r in rows(session, f"SELECT id FROM {SCHEMA}.{TABLE} WHERE id BETWEEN %s AND %s", (low, high))}


def ids_on_both(cluster, low, high):
    """The writer's rows, when both nodes hold the same. The way back to the preferred node may be under way, and the
    last rows be on the one that opened and is not recorded yet: only a difference that stays is one, and that is no
    matter of time."""
    seen = {}

    def same():
        cluster.wait_same()
        seen.update({node: ids_on(cluster, node, low, high) for node in (A, B)})
        return seen[A] == seen[B]

    try:
        wait_until(same, 30, "both nodes hold the same writes", every=0.2)
    except NotInTime as problem:
        if len(seen) < 2 or seen[A] == seen[B]:
            raise
        raise AssertionError(f"writes only on {A}: {sorted(seen[A] - seen[B])[:10]}, only on {B}: "
                             f"{sorted(seen[B] - seen[A])[:10]}; executed {[cluster.gtids(n) for n in (A, B)]}") from problem
    return seen[A]


def check(cluster, writer):
    """Every acknowledged write is on the primary or in a rescued file (async promises no more); nothing that was
    surely refused is there. Returns how many writes were rescued instead of kept."""
    writer.stop()
    told = {r["id"]: r["says"] for r in writer.records()}
    present = ids_on_both(cluster, min(told), max(told))
    acked = {i for i, says in told.items() if says == "ack"}
    refused = {i for i, says in told.items() if says == "refused"}
    assert acked, "the writer was never acknowledged"
    missing = acked - present
    lost = missing - rescued_ids(cluster) if missing else set()
    assert not lost, f"{len(lost)} acknowledged writes are neither on the primary nor rescued: {sorted(lost)[:10]}"
    ghosts = refused & present
    assert not ghosts, f"{len(ghosts)} refused writes are there all the same: {sorted(ghosts)[:10]}"
    return len(missing)
