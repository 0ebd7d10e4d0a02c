"""What a writer was told against what the cluster holds in the end."""
import re

from .cluster import other
from .compare import rows
from .writer import SCHEMA, TABLE


def rescued_ids(cluster):
    """Ids of the rows of the traffic table in all rescued binlog files, read with MySQL's own mysqlbinlog."""
    ids = set()
    for text in cluster.rescued_texts():
        for row in re.findall(rf"### INSERT INTO `{SCHEMA}`\.`{TABLE}`\n### SET\n###   @1=(-?\d+)", text):
            ids.add(int(row))
    return ids


def check(cluster, writer):
    """Every acknowledged write is on the primary or in a rescued file (async promises no more); nothing that was
    surely refused is there. Returns how many writes were rescued instead of kept."""
    writer.stop()
    cluster.wait_same()
    records = writer.records()
    told = {r["id"]: r["says"] for r in records}
    low, high = min(told), max(told)
    with cluster.session(cluster.primary()) as session:
        present = {r[0] for r in rows(session, f"SELECT id FROM {SCHEMA}.{TABLE} WHERE id BETWEEN %s AND %s",
                                      (low, high))}
    acked = {i for i, says in told.items() if says == "ack"}
    refused = {i for i, says in told.items() if says == "refused"}
    assert acked, "the writer was never acknowledged"
    missing = acked - present
    lost = missing - rescued_ids(cluster) if missing else set()
    assert not lost, f"{len(lost)} acknowledged writes are neither on the primary nor rescued: {sorted(lost)[:10]}"
    ghosts = refused & present
    assert not ghosts, f"{len(ghosts)} refused writes are there all the same: {sorted(ghosts)[:10]}"
    with cluster.session(other(cluster.primary())) as session:
        copies = {r[0] for r in rows(session, f"SELECT id FROM {SCHEMA}.{TABLE} WHERE id BETWEEN %s AND %s",
                                     (low, high))}
    assert copies == present
    return len(missing)
