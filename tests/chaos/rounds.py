"""One round: a cluster with clients, what the plan says happens to it, everything heals, and it is checked."""
import threading
import time

from lib import engine
from lib.cluster import CONTAINERS, NODES
from lib.run import wait_until
from lib.writer import SCHEMA, TABLE, Writer

from . import checker
from .hand import MISSED, Hand
from .plan import KINDS

CONVERGE_S = 60
DISK_S = 60  # a server that found its disk full looks again after a minute


def disk_s(plan):
    """How much longer everything may take in that round."""
    return DISK_S if any(f.kind == "disk full" for f in plan.faults) else 0


class Rounds:
    def __init__(self, cluster, mode="async", surgeon=None, say=print):
        self.cluster, self.mode, self.say = cluster, mode, say
        self.hand = Hand(cluster, surgeon)
        self.rescued = checker.Rescued(cluster)
        self.epochs = set()  # of the rounds before
        self.excuses = []
        self.notes = []

    def note(self, fault, begin, text):
        self.notes.append(f"{time.monotonic() - begin:6.2f} s {fault.kind}: {text}")

    def _play(self, fault, begin):
        threading.Event().wait(max(0.0, begin + fault.at - time.monotonic()))
        struck, cure = time.monotonic(), None
        span = [struck, float("inf")]
        if KINDS[fault.kind].blinds:
            self.excuses.append(span)
        try:
            cure = self.hand.strike(fault)
            self.note(fault, begin, f"struck {fault}")
        except MISSED as problem:
            self.note(fault, begin, f"missed: {str(problem)[:200]!r}")
        threading.Event().wait(max(0.0, struck + fault.lasts - time.monotonic()))
        try:
            if cure:
                cure()
                self.note(fault, begin, "over")
        except MISSED as problem:
            self.note(fault, begin, f"could not be ended: {str(problem)[:200]!r}")
            return  # it lasts until everything is healed
        span[1] = time.monotonic()

    def _heal(self, plan):
        """Undoes everything from outside. Nothing that Relevo is there for."""
        cluster = self.cluster
        for container in CONTAINERS:
            if engine.status(container) == "paused":
                cluster.docker("unpause", container)
        self.hand.surgeon.heal()
        cluster.reconnect()
        for container in CONTAINERS:
            wait_until(lambda: engine.status(container) != "restarting", 60, f"{container} has restarted")
            if engine.status(container) in ("exited", "created"):
                cluster.docker("start", container)
        cluster.wait_redis()
        if any(f.kind == "too many" for f in plan.faults):
            for node in NODES:
                wait_until(lambda: cluster.root(node, "SET GLOBAL max_connections=300") is not None, 60,
                           f"{node} takes connections")
        for node in tuple(self.hand.opened):
            wait_until(lambda: self.hand.close(node) is None, 30 + disk_s(plan), f"{node} is closed by who opened it")
        if cluster.state().get("maintenance") in ("1", "true", "on"):
            cluster.command("maintenance off")

    def play(self, plan):
        """Returns (figures, findings)."""
        cluster = self.cluster
        cluster.wait_redis()
        cluster.make_tester()
        cluster.prepare_traffic()
        wait_until(lambda: cluster.sql(cluster.primary(), f"DELETE FROM {SCHEMA}.{TABLE}") is not None, 30,
                   "the rows of the round before are deleted")
        self.excuses, self.notes = [], []
        self.hand.begin(cluster.next_write_id())
        before, epoch = checker.restarts(), int(cluster.state()["epoch"])
        findings, converged = [], None
        with Writer(cluster, pause=0.01) as writer:
            writer.wait_acks_of_primary(10)
            begin = time.monotonic()
            players = [threading.Thread(target=self._play, args=(fault, begin)) for fault in plan.faults]
            for player in players:
                player.start()
            for player in players:
                player.join()
            self._heal(plan)
            healed = time.monotonic()
            try:
                wait_until(cluster.is_normal, CONVERGE_S + disk_s(plan), "NORMAL after the healing", every=0.2)
                converged = time.monotonic() - healed
                if self.mode == "lossless":
                    wait_until(cluster.in_sync, CONVERGE_S + disk_s(plan) - converged,
                               "the primary waits for acknowledgements again", every=0.2)
                writer.wait_acks_of_primary(timeout=20 + disk_s(plan))
            except AssertionError as failure:
                state = cluster.state()
                findings.append(f"{failure}; {state.get('phase')}, rule {state.get('rule')}: {state.get('why')}")
            writer.stop()
            records = writer.records() + self.hand.transactions
        figures = {"converged_s": converged and round(converged, 1)}
        if not findings:
            try:
                cluster.wait_normal()  # a way back to the preferred node may have begun
                cluster.assert_same_data(30 + disk_s(plan))
            except AssertionError as failure:
                findings.append(str(failure))
        if not findings:
            for span in self.excuses:
                span[1] = min(span[1], healed)
            more, found = checker.check(cluster, self.mode, records, self.excuses, self.rescued, begin,
                                        self.hand.crashed, before, self.epochs, self.hand.clocks_set)
            figures.update(more)
            findings += found
            figures["epochs"] = int(cluster.state()["epoch"]) - epoch
        return figures, findings


def wait_healthy(cluster, timeout=180):
    """The beginning of a round, whoever is primary."""
    for container in CONTAINERS:  # compose gives up at once on one that was paused until now and was not looked at since
        wait_until(lambda: engine.health(container) in ("healthy", "none"), timeout, f"{container} is healthy", every=0.2)
    cluster.wait_redis()
    wait_until(lambda: cluster.phase() == "NORMAL", timeout, "the phase is NORMAL", every=0.2)
    cluster.make_tester()
    cluster.wait_normal(timeout=timeout)
    if cluster.state()["mode"] == "lossless":
        wait_until(lambda: cluster.state()["sync_epoch"] == cluster.state()["epoch"], timeout,
                   "the primary waits for acknowledgements", every=0.2)
