"""What db-resync refuses to touch, and what can be wrong with a node: each one clear line, and nothing lost."""
import json

from lib.resync_lab import BULK, refusals
from lib.run import DEV_IMAGE, sh, wait_until

# ---- the guards ------------------------------------------------------------------------------------------------------

def digest(lab, node):
    return lab.executed(node), lab.value(node, "SELECT COUNT(*) FROM appdb.customers")


def test_the_primary_is_never_touched(lab):
    before = digest(lab, lab.b)
    lab.hset(primary=lab.b, primary_uuid=lab.value(lab.b, "SELECT @@server_uuid"))
    for method in ("auto", "clone", "dump"):
        job = lab.wait_job(lab.queue(method), "failed")
        assert "primario" in job["why"]
    assert digest(lab, lab.b) == before
    assert lab.sql(lab.b, "SELECT service_state FROM performance_schema.replication_applier_status") == (("ON",),)


def test_the_primary_is_known_by_its_uuid_too(lab):
    """A name that now leads to the primary: a rewired network, a copied address."""
    lab.hset(primary=lab.a, primary_uuid=lab.value(lab.b, "SELECT @@server_uuid"))
    before = digest(lab, lab.b)
    job = lab.wait_job(lab.queue("dump"), "failed")
    assert "primario" in job["why"] and digest(lab, lab.b) == before


def test_a_node_open_for_writes_is_not_touched(lab):
    lab.sql(lab.b, "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF")
    before = digest(lab, lab.b)
    job = lab.wait_job(lab.queue("dump"), "failed")
    assert "read_only=OFF" in job["why"] and digest(lab, lab.b) == before
    assert lab.sql(lab.b, "SELECT service_state FROM performance_schema.replication_applier_status") == (("ON",),)
    lab.sql(lab.b, "SET GLOBAL super_read_only = ON")


def test_a_job_of_an_older_epoch_is_dropped(lab):
    job = lab.wait_job(lab.queue("dump", epoch=lab.epoch - 1), "cancelled")
    assert "época" in job["why"]


def test_another_primary_ends_a_running_job(lab):
    lab.sql(lab.a, *BULK)
    job_id = lab.queue("dump")
    lab.wait_step(job_id, "copy")
    lab.epoch += 1
    lab.hset(epoch=lab.epoch)
    lab.wait_job(job_id, "cancelled")
    assert lab.value(lab.b, "SELECT @@read_only") == 1
    lab.resync()
    lab.assert_equal()
    lab.sql(lab.a, "DROP DATABASE bulk")


def test_nothing_is_overwritten_that_could_not_be_saved(lab):
    lab.diverge("INSERT INTO appdb.customers (name, email) VALUES ('keep', 'keep-me')")
    lab.start_service(RELEVO_RESCUED_DIR="/rescued/not-there")
    try:
        job = lab.wait_job(lab.queue("auto"), "failed")
    finally:
        lab.start_service()
    assert "not-there" in job["why"]
    assert lab.value(lab.b, "SELECT COUNT(*) FROM appdb.customers WHERE email = 'keep-me'") == 1
    assert lab.resync()["rescued"] == 1


def test_purged_diverged_transactions_stop_the_job(lab):
    lab.diverge("INSERT INTO appdb.customers (name, email) VALUES ('p', 'purged')", "FLUSH BINARY LOGS")
    newest = lab.sql(lab.b, "SHOW BINARY LOG STATUS")[0][0]
    lab.sql(lab.b, f"PURGE BINARY LOGS TO '{newest}'")
    job = lab.wait_job(lab.queue("auto"), "failed")
    assert "RESET BINARY LOGS" in job["why"]
    assert lab.value(lab.b, "SELECT COUNT(*) FROM appdb.customers WHERE email = 'purged'") == 1
    # The command that the message names lets the operator accept the loss.
    lab.diverge("RESET BINARY LOGS AND GTIDS")
    assert lab.resync()["rung"] == "clone"
    lab.assert_equal()


def test_somebody_elses_data_is_not_overwritten_unasked(lab):
    lab.sql(lab.b, "SET GLOBAL super_read_only = OFF", "STOP REPLICA", "RESET REPLICA ALL")
    lab.sql(lab.b, "DROP DATABASE relevo", "CREATE DATABASE elsewhere", "CREATE TABLE elsewhere.kept (id INT PRIMARY KEY)",
            "INSERT INTO elsewhere.kept VALUES (7)", local=True)
    lab.sql(lab.b, "RESET BINARY LOGS AND GTIDS")
    job = lab.wait_job(lab.queue("auto"), "failed")
    assert "method=clone" in job["why"] and set(refusals(job)) >= {"clone", "dump"}
    assert lab.value(lab.b, "SELECT id FROM elsewhere.kept") == 7
    # The command that the message names accepts the loss.
    assert lab.resync("clone")["rung"] == "clone"
    lab.assert_equal()


# ---- what can be wrong with a node -----------------------------------------------------------------------------------

def test_wrong_password_is_one_clear_line(lab):
    lab.start_service(RELEVO_RESYNC_PASSWORD="wrong-secret")
    try:
        said = lab.log_since()
        job = lab.wait_job(lab.queue(), "failed")
    finally:
        lab.start_service()
    assert "RELEVO_RESYNC_PASSWORD" in job["why"] and "wrong-secret" not in said() + job["why"]


def test_wrong_replication_password_is_one_clear_line(lab):
    lab.start_service(RELEVO_REPL_PASSWORD="wrong-secret")
    try:
        job = lab.wait_job(lab.queue(), "failed")
        text = lab.logs()
    finally:
        lab.start_service()
    assert "RELEVO_REPL_PASSWORD" in job["why"] and "wrong-secret" not in text
    lab.resync()


def test_missing_privilege_is_one_clear_line(lab):
    lab.sql(lab.b, "SET GLOBAL super_read_only = OFF")
    lab.sql(lab.b, "REVOKE REPLICATION_SLAVE_ADMIN ON *.* FROM relevo_rebuild", local=True)
    lab.sql(lab.b, "SET GLOBAL super_read_only = ON")
    job = lab.wait_job(lab.queue(), "failed")
    assert "REPLICATION_SLAVE_ADMIN" in job["why"] and lab.b in job["why"]
    lab.sql(lab.b, "SET GLOBAL super_read_only = OFF")
    lab.sql(lab.b, "GRANT REPLICATION_SLAVE_ADMIN ON *.* TO relevo_rebuild", local=True)
    lab.sql(lab.b, "SET GLOBAL super_read_only = ON")


def test_a_node_that_is_not_mysql(lab):
    odd = f"{lab.name}-odd"
    job = {"id": "odd", "epoch": lab.epoch, "phase": "queued", "method": "auto"}
    sh("docker", "run", "-d", "--rm", "--name", odd, "--network", lab.name, DEV_IMAGE, "python3", "-uc",
       "import socketserver as s\n"
       "class H(s.BaseRequestHandler):\n"
       "    def handle(self): self.request.sendall(b'\\x06\\0\\0\\0\\x09old\\0\\0'); self.request.recv(99)\n"
       "s.ThreadingTCPServer(('', 3306), H).serve_forever()")
    lab.start_service(RELEVO_NODES=f"{lab.a}:3306,{lab.b}:3306,{odd}:3306")
    try:
        lab.cli("HSET", "relevo:appdb:jobs", f"job:{odd}", json.dumps(job))
        lab.cli("PUBLISH", "relevo:appdb:jobs", odd)
        ended = wait_until(lambda: (now := json.loads(lab.cli("HGET", "relevo:appdb:jobs", f"job:{odd}")))["phase"]
                           == "failed" and now, 20, "the job fails")
    finally:
        lab.cli("HDEL", "relevo:appdb:jobs", f"job:{odd}")
        sh("docker", "rm", "-f", odd)
        lab.start_service()
    assert odd in ended["why"] and "8.4" in ended["why"]


def test_the_same_server_uuid_on_both(lab):
    uuid = lab.value(lab.b, "SELECT @@server_uuid")
    cnf = "/var/lib/mysql/auto.cnf"
    sh("docker", "exec", lab.b, "sed", "-i", f"s/{uuid}/{lab.value(lab.a, 'SELECT @@server_uuid')}/", cnf)
    sh("docker", "restart", "-t", "30", lab.b)
    lab.wait_ready(lab.b)
    try:
        job = lab.wait_job(lab.queue("dump"), "failed")
    finally:
        sh("docker", "exec", lab.b, "rm", cnf)
        sh("docker", "restart", "-t", "30", lab.b)
        lab.wait_ready(lab.b)
    assert "primario" in job["why"] or "auto.cnf" in job["why"]
    lab.resync()


def test_full_disk_on_the_recipient(fresh):
    lab = fresh
    lab.sql(lab.a, *BULK, *["INSERT INTO bulk.t (a, b) SELECT a, b FROM bulk.t"] * 2)
    lab.make_node(lab.b, "--innodb-redo-log-capacity=8M",
                  docker=("--tmpfs", "/var/lib/mysql:size=260m,uid=999,gid=999"))
    lab.wait_ready(lab.b)
    lab.open_primary()
    job = lab.wait_job(lab.queue("dump"), "failed", timeout=300)
    assert "disco lleno" in job["why"], job
    assert lab.sql(lab.b, "SELECT @@read_only") == ((1,),)
    lab.sql(lab.a, "DROP DATABASE bulk")
    job = lab.resync()
    assert job["rung"] in ("clone", "dump")
    lab.assert_streams()
    lab.assert_equal()
