"""How a cluster begins: first boot, one node only, diverged nodes; and what `up` must show."""
import json

from lib import api, engine
from lib.cluster import A, B, CONTAINERS
from lib.run import ROOT, sh, wait_until


def test_first_boot(bare_cluster):
    """From nothing: the primary is elected, the replica joined by an ordinary job, everything is healthy."""
    cluster = bare_cluster
    cluster.up()
    wait_until(lambda: cluster.phase() == "NORMAL", 120, "NORMAL")
    assert cluster.primary() == A
    cluster.make_tester()
    cluster.wait_normal(A)
    for container in CONTAINERS:
        assert engine.inspect(container)["State"]["Health"]["Status"] == "healthy", container
    assert cluster.events(type="ELECTED", node=A)
    assert cluster.events(type="RESYNC", node=B) and cluster.job(B)["phase"] == "done"
    assert cluster.value(B, "SELECT COUNT(*) FROM appdb.customers") >= 3
    cluster.assert_same_data()

    # Up a second time: nothing is made anew.
    before = [(engine.inspect(c)["Id"], engine.began(c)) for c in CONTAINERS]
    cluster.up()
    assert [(engine.inspect(c)["Id"], engine.began(c)) for c in CONTAINERS] == before

    # DB.sql is safe to run again, on the primary, by replication on both.
    cluster.root(A, (ROOT / "DB.sql").read_text())
    cluster.assert_same_data()

    check_containers(cluster)
    check_accounts(cluster)
    check_replica_first(cluster)


def processes(container):
    """{program: (uid, effective capabilities, no new privileges)} of what runs in it."""
    script = ("for p in /proc/[0-9]*; do read -r name <$p/comm || continue; echo $name $(sed -nE"
              " 's/^(Uid|CapEff|NoNewPrivs):[[:space:]]+([0-9a-f]+).*/\\2/p' $p/status); done")
    found = {}
    for line in sh("docker", "exec", container, "sh", "-c", script).splitlines():
        name, uid, capabilities, privileges = line.split()
        found[name] = int(uid), int(capabilities, 16), privileges == "1"
    return found


def check_containers(cluster):
    """Nobody gains privileges; services and Redis have none, MySQL's entry point five and mysqld none, all are bounded;
    secrets are in no argument list."""
    for container in CONTAINERS:
        facts = engine.inspect(container)
        host, is_mysql = facts["HostConfig"], container in (A, B)
        assert host["CapDrop"] == ["ALL"] and host["PidsLimit"] > 0, container
        assert any("no-new-privileges" in o for o in host["SecurityOpt"]), container
        added = sorted(name.removeprefix("CAP_") for name in host["CapAdd"] or [])
        assert added == (["CHOWN", "DAC_OVERRIDE", "KILL", "SETGID", "SETUID"] if is_mysql else []), container
        assert (host["Memory"] > 0) == (is_mysql or container == "redis"), container
        assert host["ReadonlyRootfs"] or is_mysql, container
        assert is_mysql or facts["Config"]["User"] not in ("", "0", "root"), container
    for container, program in ((A, "mysqld"), (B, "mysqld"), ("redis", "redis-server")):
        uid, capabilities, bound = processes(container)[program]
        assert uid != 0 and capabilities == 0 and bound, (container, program)
    secrets = [v for k, v in cluster.env.items() if "PASSWORD" in k or "TOKEN" in k]
    for container in CONTAINERS:
        arguments = sh("docker", "top", container, "-eo", "pid,args")
        assert not [s for s in secrets if s in arguments], container
        assert not [s for s in secrets if s in cluster.logs(container)], container


def check_accounts(cluster):
    grants = "\n".join(r[0] for r in cluster.sql(A, "SHOW GRANTS FOR repl@'%'"))
    assert "REPLICATION SLAVE ON *.*" in grants and grants.count("GRANT") == 1, grants
    for account in ("relevo", "relevo_events", "relevo_resync", "relevo_reader", "relevo_rebuild", "relevo_clone", "repl"):
        assert cluster.sql(A, "SELECT ssl_type, password_lifetime FROM mysql.user WHERE user=%s", (account,)) == (
            ("ANY", 0),), account
    users = {r[0] for r in cluster.sql(A, "SELECT DISTINCT user FROM performance_schema.processlist"
                                          " WHERE user IS NOT NULL AND command <> 'Daemon'")}
    assert "root" not in users


def check_replica_first(cluster):
    """The replica alone starts before the rest: nobody is opened in haste, and all becomes well when the rest comes."""
    cluster.docker("stop", "-t", "30", A, B, timeout=120)
    cluster.docker("start", B)
    wait_until(lambda: cluster.node(B)["outcome"] == "ok", 60, f"{B} answers")
    assert cluster.value(B, "SELECT @@super_read_only") in (0, 1)
    cluster.docker("start", A)
    cluster.wait_normal(A, 120)
    cluster.assert_same_data()


def test_diverged_nodes_and_nobody_recorded(bare_cluster):
    """Refused, with the reason and the command that decides; that command rescues the other side and rebuilds it."""
    cluster = bare_cluster
    cluster.up(A, B, "redis")
    for node, row in ((A, "'from-a'"), (B, "'from-b'")):
        cluster.root(node, "SET GLOBAL super_read_only=OFF; SET GLOBAL read_only=OFF; CREATE DATABASE IF NOT EXISTS d;"
                           f"CREATE TABLE d.t (v VARCHAR(20) PRIMARY KEY); INSERT INTO d.t VALUES ({row});"
                           "SET GLOBAL super_read_only=ON;")
    cluster.up(wait=False)
    wait_until(lambda: cluster.phase() == "NO_PRIMARY", 60, "NO_PRIMARY")
    why = cluster.state()["why"]
    assert "failover" in why and "force" in why, why
    for node in (A, B):
        assert cluster.root(node, "SELECT @@super_read_only").strip() == "1"
    verdict = wait_until(lambda: (a := api.get("/api/v1/verdict")).status == 200 and a.json(), 20, "the verdict")
    assert verdict

    mark = cluster.mark()
    answers = cluster.ask({"action": "failover", "node": A, "force": True}, 60)
    assert answers[-1]["type"] == "COMMAND_FINISHED"
    cluster.wait_event(mark, 180, type="RESCUED", node=B)
    cluster.wait_event(mark, 180, type="RESYNC", node=B)
    cluster.make_tester()
    cluster.wait_normal(A)
    assert cluster.sql(B, "SELECT v FROM d.t") == (("from-a",),)
    cluster.assert_same_data()


def test_only_one_node_ever(bare_cluster):
    """The replica never came up: the first node may hold less than the missing one, so an operator decides."""
    cluster = bare_cluster
    cluster.up(A, "redis", "watcher", wait=False, alone=True)
    wait_until(lambda: cluster.node(A)["outcome"] == "ok", 120, f"{A} answers")
    assert cluster.phase() == "STARTING"  # servers may take a minute to start
    wait_until(lambda: cluster.phase() == "NO_PRIMARY", 90, "NO_PRIMARY")
    assert B in cluster.state()["why"] and "force" in cluster.state()["why"]
    answers = cluster.ask({"action": "failover", "node": A, "force": True}, 60)
    assert answers[-1]["type"] == "COMMAND_FINISHED"
    cluster.up()
    wait_until(lambda: cluster.phase() == "NORMAL", 120, "NORMAL once the other came")
    cluster.make_tester()
    cluster.wait_normal(A)
    cluster.assert_same_data()


def test_an_existing_pair_is_adopted(bare_cluster):
    """A primary that takes writes and a replica that follows it, set up by hand and without Relevo's schema: both are
    left as they are, and from then on looked after."""
    cluster = bare_cluster
    cluster.up(A, B, "redis")
    cluster.root(A, "SET GLOBAL super_read_only=OFF; SET GLOBAL read_only=OFF; DROP DATABASE relevo;"
                    "CREATE TABLE appdb.older (id INT PRIMARY KEY); INSERT INTO appdb.older VALUES (1);")
    cluster.root(B, f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='{A}', SOURCE_USER='repl',"
                    f" SOURCE_PASSWORD='{cluster.env['RELEVO_REPL_PASSWORD']}', SOURCE_SSL=1, SOURCE_AUTO_POSITION=1;"
                    "START REPLICA;")
    wait_until(lambda: cluster.root(B, "SELECT id FROM appdb.older").strip() == "1", 60, "the pair replicates")
    cluster.up(wait=False)
    wait_until(lambda: cluster.phase() == "NORMAL", 120, "NORMAL", every=0.3)
    assert cluster.primary() == A
    assert cluster.root(A, "SELECT rule, primary_name FROM relevo.epoch").split() == ["142", A]
    assert not cluster.events(type="RESYNC_STARTED"), "nothing needed a resync"
    cluster.make_tester()
    mark = cluster.mark()
    cluster.docker("kill", A)
    cluster.wait_event(mark, 30, type="FAILOVER", node=B)
    cluster.docker("start", A)
    cluster.wait_normal(A, 120)
    cluster.assert_same_data()
