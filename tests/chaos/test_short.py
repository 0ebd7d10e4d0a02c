"""The short form of `make chaos`, for `make test`: a few rounds of each mode on the shared cluster, at most two minutes of
each. What needs a disk that can be full, or another clock, is left to the long form."""
import time

import pytest

from chaos.plan import draw
from chaos.rounds import Rounds, wait_healthy

SEEDS = range(1, 9)
MOST_S = {"async": 45, "lossless": 30}  # no round begins after that


@pytest.mark.parametrize("mode", ["lossless", "async"])
def test_short_chaos(keeper, mode):
    """A round that fails here is repeated by the line that it prints."""
    cluster = keeper.get(RELEVO_FAILBACK="auto", RELEVO_MODE=mode)
    rounds, begin, played = Rounds(cluster, mode), time.monotonic(), 0
    try:
        for seed in SEEDS:
            if time.monotonic() - begin > MOST_S[mode]:
                break
            wait_healthy(cluster)
            plan = draw(seed, staged=False, span=5.0, mode=mode)
            print(plan, end="")
            figures, findings = rounds.play(plan)
            print("  " + ", ".join(f"{k} {v}" for k, v in figures.items()))
            if findings:
                pytest.fail("\n".join([str(plan), *rounds.notes, "", *findings]))
            played += 1
    finally:
        rounds.hand.surgeon.heal()
    assert played >= 1
