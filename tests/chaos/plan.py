"""What goes wrong in a round, and when: drawn from its seed before it begins, so that the same line plays it again."""
import dataclasses
import random

A, B = "mysql-primary", "mysql-replica"
ROLES = ("primary", "replica", A, B)  # who has the role is found out when it strikes
WATCHER, RESYNC, DASHBOARD, REDIS = "db-watcher", "db-resync", "fastapi-dashboard", "redis"
PAIRS = tuple((a, b) for one, two in (("primary", "replica"), ("primary", WATCHER), ("replica", WATCHER), (RESYNC, A),
                                      (RESYNC, B), (WATCHER, REDIS), (RESYNC, REDIS), (DASHBOARD, REDIS))
              for a, b in ((one, two), (two, one)))
SERVICES = (WATCHER, WATCHER, RESYNC, DASHBOARD, REDIS)


@dataclasses.dataclass(frozen=True)
class Kind:
    weight: int
    targets: tuple
    lasts: tuple = (0.0, 0.0)  # seconds; (0, 0): it is a moment
    hows: tuple = ("",)
    blinds: bool = False       # async permits two nodes that acknowledge meanwhile: a primary out of sight or thawing
    staged: bool = False       # needs what the long form prepares: volumes with a limit, clocks of their own


KINDS = {
    "kill": Kind(10, ROLES, (0.2, 8)),
    "crash": Kind(8, ROLES, hows=("1", "1", "3")),  # its process dies and the engine starts it again at once, so often
    "stop": Kind(5, ROLES, (0.2, 6)),
    "pause": Kind(8, ROLES, (0.5, 9), blinds=True),
    "flap": Kind(5, ROLES, (2, 9), ("pause", "cut"), blinds=True),
    "cut": Kind(10, PAIRS, (1, 9), ("drop", "drop", "reject"), blinds=True),   # packets from the first to the second
    "part": Kind(8, PAIRS, (1, 9), ("drop", "drop", "reject"), blinds=True),   # both ways
    "loss": Kind(4, PAIRS, (3, 10), ("10", "40"), blinds=True),                # per cent of the packets, both ways
    "isolate": Kind(6, ROLES, (1, 9), ("drop", "drop", "reject"), blinds=True),  # from all but its clients
    "detach": Kind(3, ROLES, (1, 8), blinds=True),                             # its network goes, and its name
    "disk full": Kind(6, ROLES, (2, 9), staged=True),
    "clock": Kind(5, (*ROLES, WATCHER, REDIS, RESYNC), hows=("-3600", "-60", "-1", "+1", "+60", "+3600"), staged=True),
    "too many": Kind(5, ROLES, (2, 9), ("limit", "flood")),                    # connections
    "lock": Kind(8, ROLES, (1, 8), ("writes", "epoch", "heartbeat", "global", "backup", "rows")),
    "transaction": Kind(8, ("primary",), (1, 9), ("commit", "commit", "roll back", "give up")),
    "purge": Kind(4, ("primary",)),                                            # its binlogs
    "sessions": Kind(3, ROLES, hows=("relevo", "repl", "traffic")),            # killed
    "hand open": Kind(2, ("replica",), (0.5, 4), blinds=True),
    "hand close": Kind(3, ("primary",)),
    "hand stop": Kind(4, ("replica",), hows=("", " IO_THREAD", " SQL_THREAD")),
    "service kill": Kind(10, SERVICES, (0, 6), blinds=True),
    "service crash": Kind(6, SERVICES[:4], blinds=True),
    "service pause": Kind(7, SERVICES, (1, 8), blinds=True),
    "service stop": Kind(4, SERVICES, (0.2, 5), blinds=True),
    "redis emptied": Kind(3, (REDIS,), (0, 4), blinds=True),
    "redis rolled back": Kind(2, (REDIS,), (1, 6), blinds=True),
    "switchover": Kind(5, ("replica", B)),
    "failover": Kind(2, ("replica", B)),
    "resync": Kind(4, ("replica",), hows=("", " method=clone", " method=dump")),
    "maintenance": Kind(2, ("",), (1, 6), blinds=True),
}


@dataclasses.dataclass(frozen=True)
class Fault:
    at: float
    lasts: float
    kind: str
    target: object
    how: str

    def __str__(self):
        target = " → ".join(self.target) if isinstance(self.target, tuple) else self.target
        lasts = f" for {self.lasts:.1f} s" if self.lasts else ""
        return " ".join(f"+{self.at:4.1f} s {self.kind} {target} {self.how}".split()) + lasts


@dataclasses.dataclass(frozen=True)
class Plan:
    seed: int
    faults: tuple

    @property
    def failback(self):
        """By the seed, so that a round is repeated as it was; ten rounds each, for a change makes the watcher anew."""
        return ("auto", "manual")[self.seed // 10 % 2]

    def __str__(self):
        return f"round {self.seed}: {len(self.faults)} faults, failback {self.failback}\n" + "".join(f"    {fault}\n" for fault in self.faults)


# Lossless mode promises nothing against a person who opens a node, nor against a Redis that forgets what it said is on the
# disk. (One that comes back empty is noticed.)
NOT_LOSSLESS = ("hand open", "redis rolled back")


def draw(seed, staged=True, span=8.0, only=None, mode="async", without=()):
    """only: just faults of these kinds (a comma between them), to look into one of them."""
    dice = random.Random(f"relevo {seed}")
    names = [n for n, k in KINDS.items() if (staged or not k.staged) and (not only or n in only.split(",")) and n not in without
             and not (mode == "lossless" and n in NOT_LOSSLESS)]
    faults = []
    for _ in range(dice.choice((1, 2, 2, 3, 3, 4, 5, 7))):
        name = dice.choices(names, [KINDS[n].weight for n in names])[0]
        kind = KINDS[name]
        # One in three comes close upon another: what matters happens in the milliseconds around a decision.
        at = dice.uniform(0, span)
        if faults and dice.random() < 0.35:
            at = dice.choice(faults).at + dice.choice((0.0, 0.02, 0.1, 0.5, 1.5, 3.2))
        faults.append(Fault(round(at, 2), round(dice.uniform(*kind.lasts), 1), name, dice.choice(kind.targets),
                            dice.choice(kind.hows)))
    return Plan(seed, tuple(sorted(faults, key=lambda f: f.at)))
