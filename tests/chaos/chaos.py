#!/usr/bin/env python3
"""`make chaos`: rounds of faults on the real cluster, each drawn from its seed.

    make chaos                       100 rounds from a seed of the day
    SEED=7 ROUNDS=20 make chaos      rounds 7 to 26
    SEED=7 ROUNDS=1 make chaos       round 7 again
    ONLY=pause,cut make chaos        these faults only;  MINUTES=30: no round begins after that;  MODE=lossless

Each round prints its plan and its figures. One that fails says what is wrong, leaves everything that explains it in
build/artifacts/chaos-SEED, and ends with the line that plays it again; the next round begins with a new cluster.
Ends with 1 if a round failed.
"""
import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from chaos.plan import draw  # noqa: E402
from chaos.rounds import Rounds, wait_healthy  # noqa: E402
from chaos.surgeon import CLOCKS, Surgeon  # noqa: E402
from lib.cluster import Cluster  # noqa: E402
from lib.run import BUILD, ROOT  # noqa: E402

SEED = int(os.environ.get("SEED") or time.strftime("%y%m%d000"))
ROUNDS = int(os.environ.get("ROUNDS") or 100)
MINUTES = float(os.environ.get("MINUTES") or 24 * 60)
ONLY = os.environ.get("ONLY") or None
MODE = os.environ.get("MODE") or "async"


def new_cluster(surgeon, clocks):
    cluster = Cluster(RELEVO_MODE=MODE, RELEVO_FAILOVER_LIMIT="30/10s")
    cluster.overlays = (ROOT / "tests/chaos/override.yml",)
    if clocks:
        cluster.env["CHAOS_CLOCKS"] = str(CLOCKS)
        cluster.overlays += (ROOT / "tests/chaos/clocks.yml",)
    surgeon.release()
    cluster.down()
    cluster.compose("create", "--no-build")
    surgeon.hold()
    cluster.up()
    return cluster


def explain(cluster, rounds, plan, findings):
    folder = BUILD / "artifacts" / f"chaos-{plan.seed}"
    cluster.dump(folder)
    (folder / "round.txt").write_text(f"{plan}\n" + "\n".join(rounds.notes) + "\n\n" + "\n".join(findings) + "\n")
    for finding in findings:
        print(f"  FAILED  {finding}", flush=True)
    only = f"ONLY={ONLY} " if ONLY else ""
    print(f"  evidence in {folder}\n  again: {only}MODE={MODE} SEED={plan.seed} ROUNDS=1 make chaos", flush=True)


def summary(done, failed):
    if not done:
        return
    total = {name: sum(f.get(name, 0) for f in done) for name in ("acknowledged", "unknown", "rescued", "epochs")}
    took = [f["converged_s"] for f in done]
    both = [f["both_s"] for f in done if f["both_s"]]
    print(f"\n{len(done) + len(failed)} rounds, mode {MODE}: {len(done)} passed, {len(failed)} failed")
    print(f"writes: {total['acknowledged']} acknowledged, {total['unknown']} unknown; of the acknowledged "
          f"{total['rescued']} in rescued files, 0 lost")
    print(f"changes of primary (epochs): {total['epochs']}")
    print(f"converged after the healing: median {statistics.median(took):.1f} s, worst {max(took):.1f} s")
    print(f"both nodes acknowledged in {len(both)} rounds, {sum(both):.1f} s in all, worst {max(both, default=0):.1f} s"
          " (a primary that nobody could reach and fence)", flush=True)


def main():
    surgeon = Surgeon()
    done, failed, cluster = [], [], None
    clocks = surgeon.make_clocks(os.environ.get("MYSQL_IMAGE", "relevo-mysql:local"))
    if not clocks:
        print("the images are too old for clocks of their own: no clock is set")
    until = time.monotonic() + MINUTES * 60
    try:
        for seed in range(SEED, SEED + ROUNDS):
            if time.monotonic() > until:
                break
            if cluster is None:
                cluster = new_cluster(surgeon, clocks)
                rounds = Rounds(cluster, MODE, surgeon)
            plan = draw(seed, only=ONLY, mode=MODE, without=() if clocks else ("clock",))
            print(plan, end="", flush=True)
            begin = time.monotonic()
            try:
                wait_healthy(cluster)
                cluster.configure(RELEVO_FAILBACK=plan.failback)
                wait_healthy(cluster)
                figures, findings = rounds.play(plan)
            except AssertionError as failure:  # it did not even begin, or end: that is a finding too
                figures, findings = {}, [str(failure)]
            print("  " + ", ".join(f"{k} {v}" for k, v in figures.items()) + f"; {time.monotonic() - begin:.0f} s",
                  flush=True)
            if findings:
                failed.append(seed)
                explain(cluster, rounds, plan, findings)
                cluster = None
            else:
                done.append(figures)
    finally:
        if cluster:
            cluster.down()
        surgeon.release()
    summary(done, failed)
    if failed:
        print(f"failed: {', '.join(map(str, failed))}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
