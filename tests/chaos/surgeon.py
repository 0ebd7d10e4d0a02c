"""What is done to a container from beside it: packets dropped inside its network, its disk filled, its clock set."""
import struct
import threading

from lib import engine
from lib.cluster import NODES, SERVICES
from lib.run import BUILD, DEV_IMAGE, ROOT, sh, sh_result, wait_until

NAME = "relevo-test-surgeon"
FILLER = ".chaos-filler"
CLOCKS = BUILD / "chaos-clocks"  # clocks.yml: a file for each container, with how much is added to the time of day
SET = (*NODES, "redis", SERVICES["watcher"], SERVICES["resync"])


class Surgeon:
    def __init__(self):
        self.lock = threading.Lock()
        self.touched = set()  # containers that may have rules; a restart takes them away, its network is a new one

    def hold(self):
        """Keeps the data volumes mounted while their servers are down. After `compose create`, before `up`."""
        self.release()
        volumes = [word for node in NODES for word in ("-v", f"relevo-test-{node}:/held/{node}")]
        sh("docker", "run", "-d", "--init", "--name", NAME, "--network", "none", *volumes, DEV_IMAGE, "tail", "-f", "/dev/null")

    def release(self):
        sh_result("docker", "rm", "-f", NAME)

    def _tables(self, container, *lines):
        """iptables in the container's own network, by a helper that shares it. -w: several may want to at once."""
        script = "; ".join(f"iptables -w 5 {line}" for line in lines)
        sh("docker", "run", "--rm", "--network", f"container:{container}", "--cap-add", "NET_ADMIN", DEV_IMAGE,
           "sh", "-ec", script)

    def _rules(self, pairs, how):
        """(where, rule) for packets of each pair, from the first to the second: dropped as they arrive."""
        ends = {"drop": ["-j DROP"], "reject": ["-p tcp -j REJECT --reject-with tcp-reset", "-j DROP"]}
        chance = f"-m statistic --mode random --probability 0.{how} " if how.isdigit() else ""
        rules = {}
        for source, sink in pairs:
            rules.setdefault(sink, []).extend(f"INPUT -s {engine.address(source)} {chance}{end}"
                                              for end in ends.get(how, ["-j DROP"]))
        return rules

    def cut(self, pairs, how):
        """Returns what undoes it."""
        rules = self._rules(pairs, how)
        for sink, lines in rules.items():
            with self.lock:
                self.touched.add(sink)
            self._tables(sink, *(f"-A {line}" for line in lines))

        def cure():
            # The engine tells a new address before it tells a new beginning: no telling by that whether they are still there.
            for sink, lines in rules.items():
                if engine.status(sink) in ("running", "paused"):
                    self._tables(sink, *(f"-D {line} || true" for line in lines))
        return cure

    def _flush(self, container):
        """True: no packet is dropped any more. One that went down meanwhile comes back with a new network."""
        if engine.status(container) not in ("running", "paused"):
            return True
        try:
            self._tables(container, "-F")
        except AssertionError:
            return False
        return True

    def heal(self):
        if engine.status(NAME) == "running":
            for node in NODES:
                self.empty_disk(node)
        if CLOCKS.exists():
            self.reset_clocks()
        for container in self.touched:
            wait_until(lambda: self._flush(container), 20, f"{container} drops no packets")
        self.touched.clear()

    def make_clocks(self, image):
        """True if programs of that image can be given clocks of their own (its libc may be older than the workshop's)."""
        CLOCKS.mkdir(parents=True, exist_ok=True)
        sh("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", CLOCKS / "clock.so",
           ROOT / "tests/chaos/clock.c")
        self.reset_clocks()
        return sh_result("docker", "run", "--rm", "-v", f"{CLOCKS}:/clocks:ro", "-e", "LD_PRELOAD=/clocks/clock.so",
                         "--entrypoint", "true", image)[0] == 0

    def set_clock(self, container, seconds):
        path = CLOCKS / container
        path.touch()
        with path.open("r+b") as file:  # the same file: it is mapped
            file.write(struct.pack("=q", seconds))

    def reset_clocks(self):
        for container in SET:
            self.set_clock(container, 0)

    def fill_disk(self, node):
        sh("docker", "exec", NAME, "sh", "-c",
           # What the server takes meanwhile makes the last piece fail: full is full.
           f"cd /held/{node} && fallocate -l $(df --output=avail -B1 . | tail -1) {FILLER} || true")

    def empty_disk(self, node):
        sh("docker", "exec", NAME, "rm", "-f", f"/held/{node}/{FILLER}")
