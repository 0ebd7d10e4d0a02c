"""`make up`, `make down`, `make clean` as scripts: in a copy of the checkout, on the tests' own project and volumes."""
import time

from lib import engine
from lib.checkout import as_root
from lib.cluster import A, B, CONTAINERS
from lib.run import sh, sh_result, wait_until

VOLUMES = [f"relevo-test-{name}" for name in ("mysql-primary", "mysql-replica", "redis", "rescued")]


# Accounts as the version before the split made them, on a server that knows no other.
OLD_ACCOUNTS = """SET SESSION sql_log_bin = 0; SET GLOBAL super_read_only = OFF;
DROP USER relevo_resync, relevo_reader, relevo_rebuild, relevo_events;
GRANT ALL ON *.* TO relevo@'%' WITH GRANT OPTION;
SET GLOBAL super_read_only = {closed};
"""
NEWER = ("RELEVO_RESYNC_PASSWORD", "RELEVO_EVENTS_PASSWORD")


def test_a_cluster_of_an_older_version_gets_the_newer_accounts(checkout):
    folder, run = checkout
    env = folder / ".env"
    code, said = run("up.sh")
    assert code == 0, said
    sh("docker", "stop", "db-watcher")  # it would close B again in the midst of this
    for node, closed in ((A, "OFF"), (B, "ON")):
        as_root(node, OLD_ACCOUNTS.format(closed=closed))
    env.write_text("".join(line for line in env.read_text().splitlines(True) if not line.startswith(NEWER)))
    code, said = run("down.sh")
    assert code == 0, said

    code, said = run("up.sh")
    assert code == 0 and "Added to .env: RELEVO_RESYNC_PASSWORD" in said, said
    for node in (A, B):
        assert f"Upgraded Relevo's accounts on {node}" in said
        grants = as_root(node, "SHOW GRANTS FOR relevo@'%'")
        assert "GRANT OPTION" not in grants and "`appdb`" not in grants and "CREATE USER" not in grants, grants
    assert as_root(B, "SELECT @@super_read_only").strip() == "1"
    # What the newer accounts are for works: a dump, and a row of system_events about it.
    sh("docker", "exec", "redis", "redis-cli", "PUBLISH", "relevo:appdb:commands", f"resync {B} method=dump")
    wait_until(lambda: int(as_root(A, "SELECT COUNT(*) FROM appdb.system_events WHERE event_type = 'RESYNC'"
                                      f" AND replica_node = '{B}'")), 60, "the row about the dump")
    code, said = run("up.sh")
    assert code == 0 and "Upgraded" not in said and "Added" not in said, said


def identities():
    return [(engine.inspect(c)["Id"], engine.began(c)) for c in CONTAINERS]


def test_up_twice_then_down_and_clean(checkout):
    folder, run = checkout
    code, said = run("up.sh")
    assert code == 0 and f"{A} is primary" in said and "8000/static/dashboard.html" in said, said
    for container in CONTAINERS:
        assert engine.inspect(container)["State"]["Health"]["Status"] == "healthy", container
    env = folder / ".env"
    assert env.stat().st_mode & 0o077 == 0 and "RELEVO_API_TOKEN=" in env.read_text()

    # Again: nothing changes. Maintenance is no failure, and is told.
    before, settings = identities(), env.read_text()
    sh_result("docker", "exec", "redis", "redis-cli", "PUBLISH", "relevo:appdb:commands", "maintenance on")
    wait_until(lambda: sh_result("docker", "exec", "redis", "redis-cli", "HGET", "relevo:appdb", "phase")[1].strip() == "FROZEN",
               20, "maintenance")
    code, said = run("up.sh")
    assert code == 0 and "does nothing by itself" in said and "mantenimiento" in said, said
    assert identities() == before and env.read_text() == settings

    # A setting out of range: it says which, and what Redis remembers is not taken for success.
    env.write_text(settings + 'RELEVO_PROBE_MS="1"   # too often\n')
    begin = time.monotonic()
    code, said = run("up.sh")
    assert code != 0 and "RELEVO_PROBE_MS" in said and "does not stay up" in said, said
    assert time.monotonic() - begin < 200
    env.write_text(settings + "RELEVO_LANG='en' # English\n")
    code, said = run("up.sh")
    assert code == 0, said

    # The data stay, then go only when asked.
    code, said = run("down.sh")
    assert code == 0 and not any(engine.inspect(c) for c in CONTAINERS), said
    assert all(sh_result("docker", "volume", "inspect", v)[0] == 0 for v in VOLUMES)
    code, said = run("down.sh", "--volumes", YES="0")
    assert code != 0 and "nothing was removed" in said and env.exists(), said
    code, said = run("down.sh", "--volumes", YES="1")
    assert code == 0 and not env.exists(), said
    assert not any(sh_result("docker", "volume", "inspect", v)[0] == 0 for v in VOLUMES)
