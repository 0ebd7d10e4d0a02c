"""What must hold at the end of a round."""
import re

from lib import engine
from lib.cluster import NODES, PORT, SERVICES, other
from lib.compare import rows
from lib.run import sh
from lib.writer import SCHEMA, TABLE

QUIET_S = 0.25  # a port that acknowledges nothing for longer has stopped; writes come every few milliseconds
GRACE_S = 5.0   # what a fault leaves behind: a service that starts, a stale primary that is reached again and fenced
HEARD_LATE_S = 0.1
ROW = re.compile(rf"### INSERT INTO `{SCHEMA}`\.`{TABLE}`\n### SET\n###   @1=(-?\d+)")


class Rescued:
    """Which rows are in the rescued files. A file never changes, so each is read once."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.known = {}  # file: ids

    def read(self):
        folder = self.cluster.folder / "rescued"
        sh("rm", "-rf", folder)
        sh("docker", "cp", "db-resync:/var/lib/relevo/rescued", folder)
        new = [f for f in sorted(folder.glob("*.binlog")) if f.name not in self.known]
        if new:
            text = sh("docker", "run", "--rm", "-v", f"{folder}:/rescued:ro", self.cluster.env["MYSQL_IMAGE"], "sh", "-ec",
                      'for f; do echo "=== $f"; mysqlbinlog -v --base64-output=DECODE-ROWS "/rescued/$f"; done',
                      "sh", *(f.name for f in new))
            for part in text.split("=== ")[1:]:
                name = part.partition("\n")[0]
                self.known[name] = {int(row) for row in ROW.findall(part)}
        return {f.name for f in new}


def reigns(records, port):
    """When the port acknowledged without a pause: [(from, to)]."""
    found = []
    for r in sorted((r for r in records if r["port"] == port and r["says"] == "ack"), key=lambda r: r["done"]):
        if found and r["done"] - found[-1][1] <= QUIET_S:
            found[-1][1] = r["done"]
        else:
            found.append([r["done"], r["done"]])
    return found


def amid(records, port, others, reigning):
    """What this port acknowledged, from beginning to end, while the other one was at it: after one of its acknowledgements had
    been heard, and before another one was sent, without a pause in between."""
    acks = [r for r in records if r["says"] == "ack"]
    sure = [(begin, max(r["sent"] for r in acks if r["port"] == reigning and begin <= r["done"] <= end)) for begin, end in others]
    return [(r["sent"], r["done"]) for r in acks if r["port"] == port
            and any(begin < r["sent"] and r["done"] < end for begin, end in sure)]


def both(records):
    """When both ports acknowledged: [(from, to)]. A client hears late of what was acknowledged in time, for it shares the cores
    with all else: a moment counts only if something that was sent within it was acknowledged too."""
    one, two = (reigns(records, PORT[node]) for node in NODES)
    first, second = (PORT[node] for node in NODES)
    alone = amid(records, first, two, second) + amid(records, second, one, first)
    spans = [(max(a, c), min(b, d)) for a, b in one for c, d in two if max(a, c) < min(b, d)]

    def sent_within(span, port):
        return any(r["port"] == port and r["says"] == "ack" and span[0] < r["sent"] and r["done"] <= span[1] for r in records)
    spans = [span for span in spans
             if span[1] - span[0] > HEARD_LATE_S or all(sent_within(span, PORT[node]) for node in NODES)]
    return spans + [a for a in alone if not any(b <= a[1] and a[0] <= e for b, e in spans)]


def longest_gap(records):
    acks = sorted(r["done"] for r in records if r["says"] == "ack")
    return max((b - a for a, b in zip(acks, acks[1:])), default=0.0)


def excused(span, excuses):
    """Was there, all that time, something that hid one node from the watcher? The excuses may follow each other."""
    at = span[0]
    for begin, end in sorted(excuses):
        if begin <= at < end + GRACE_S:
            at = end + GRACE_S
    return at >= span[1]


def check(cluster, mode, records, excuses, rescued, since, crashed, restarts_before, known_epochs, clocks_set):
    """Returns (figures, findings): findings is empty if all is well."""
    findings = []
    told = {r["id"]: r["says"] for r in records}
    acked = {i for i, says in told.items() if says == "ack"}
    refused = {i for i, says in told.items() if says == "refused"}
    primary = cluster.primary()
    present = {}
    for node in NODES:
        with cluster.session(node) as session:
            present[node] = {r[0] for r in rows(session, f"SELECT id FROM {SCHEMA}.{TABLE}")} & told.keys()
    missing = acked - present[primary]
    new = rescued.read()
    saved = set().union(*(rescued.known[name] for name in rescued.known))
    lost = missing - saved
    if mode == "lossless" and missing:
        findings.append(f"{len(missing)} acknowledged writes are not on {primary}: {sorted(missing)[:8]}")
    elif lost:
        findings.append(f"{len(lost)} acknowledged writes are neither on {primary} nor rescued: {sorted(lost)[:8]}")
    if ghosts := refused & present[primary]:
        findings.append(f"{len(ghosts)} refused writes are on {primary} all the same: {sorted(ghosts)[:8]}")
    if present[primary] != present[other(primary)]:
        findings.append(f"{len(present[primary] ^ present[other(primary)])} writes are on one node only")
    # The history may have been emptied with Redis; then the service's log is what is left.
    named = {e["detail"].get("file") for e in cluster.events(type="RESCUED")}
    unnamed = [name for name in new if name not in named and name not in cluster.logs("db-resync")]
    if unnamed:
        findings.append(f"no event names the rescued {unnamed}")
    spans = both(records)
    if mode == "lossless" and spans:
        findings.append(f"both nodes acknowledged for {sum(b - a for a, b in spans):.2f} s")
    for span in spans:
        if not excused(span, excuses):
            findings.append(f"both nodes acknowledged for {span[1] - span[0]:.2f} s, {span[0] - since:.2f} s after the "
                            "beginning, with nothing that hid one from the watcher")
    for container in (*SERVICES.values(), "redis"):
        more = engine.inspect(container)["RestartCount"] - restarts_before[container]
        if more > crashed.count(container):
            findings.append(f"{container} ended by itself: {more} restarts, {crashed.count(container)} of them ours")
    order = "epoch" if clocks_set else "created_at, epoch"
    epochs = [e for e, in cluster.sql(primary, f"SELECT epoch FROM relevo.epoch ORDER BY {order}")]
    new = [e for e in epochs if e not in known_epochs]
    if epochs != sorted(set(epochs)) or (new and known_epochs and min(new) < max(known_epochs)):
        findings.append(f"the epochs do not rise: {epochs[-8:]}, new {new}")
    known_epochs.update(new)
    figures = {"acknowledged": len(acked), "unknown": sum(s == "unknown" for s in told.values()),
               "rescued": len(missing), "both_s": round(sum(b - a for a, b in spans), 2),
               "outage_s": round(longest_gap(records), 2)}
    return figures, findings


def restarts():
    return {c: engine.inspect(c)["RestartCount"] for c in (*SERVICES.values(), "redis")}

