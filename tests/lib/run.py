"""Running programs, and waiting for things to become true."""
import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
DEV_IMAGE = os.environ.get("RELEVO_DEV_IMAGE", "relevo-dev")


def sh(*argv, timeout=60, check=True, stdin=None, env=None, cwd=None):
    """Runs argv and returns its standard output. A failure shows what the program said."""
    done = subprocess.run([str(a) for a in argv], input=stdin, capture_output=True, text=True, errors="replace",
                          timeout=timeout, env=env, cwd=cwd)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, argv))} ended with {done.returncode}:\n"
                             f"{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def sh_result(*argv, timeout=60, stdin=None, env=None):
    """Runs argv whatever comes of it: (exit code, output and errors together)."""
    done = subprocess.run([str(a) for a in argv], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=timeout, env=env)
    return done.returncode, done.stdout


class NotInTime(AssertionError):
    """Something did not come true before its deadline: alone among failures this may be the machine's fault."""


def wait_until(predicate, timeout, what, every=0.05):
    """Polls predicate until it returns something true, and returns that. An exception counts as "not yet"; the last
    answer or exception is in the failure's text."""
    until = time.monotonic() + timeout
    while True:
        try:
            last = predicate()
            if last:
                return last
        except Exception as problem:  # noqa: BLE001 - anything the polled thing may raise while it is not ready
            last = problem
        if time.monotonic() >= until:
            raise NotInTime(f"not within {timeout} s: {what}; last answer: {last!r}")
        time.sleep(every)
