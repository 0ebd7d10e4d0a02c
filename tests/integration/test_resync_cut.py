"""Jobs of db-resync that are cut off, anywhere, by anything: the service, the node, the donor, a person, Redis."""
import contextlib
import json
import time

import pytest

from lib import engine
from lib.resync_lab import BULK, refusals
from lib.run import sh, sh_result, wait_until

BACKUP_LOCK_IDLE_S = ("SELECT MAX(v.variable_value + 0) FROM performance_schema.metadata_locks m JOIN"
                      " performance_schema.variables_by_thread v ON v.thread_id = m.owner_thread_id WHERE"
                      " m.object_type = 'BACKUP LOCK' AND m.lock_duration = 'EXPLICIT' AND v.variable_name = 'wait_timeout'")


@pytest.fixture(autouse=True)
def bulk(lab):
    """Rows enough that a copy takes a while; the last of these tests takes them away."""
    if lab.value(lab.a, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'bulk'") == 0:
        lab.prepare(*BULK)


@pytest.mark.parametrize("step", ["clear", "tables", "copy", "objects", "follow"])
def test_killed_during_a_dump_it_starts_again(lab, step):
    job_id = lab.queue("dump")
    lab.wait_step(job_id, step)
    lab.kill_service()
    fenced = lab.sql(lab.b, "SELECT @@read_only, @@event_scheduler")[0]
    assert fenced == (1, "OFF")
    if lab.job()["step"] in ("tables", "copy", "objects"):  # where it was killed in the end
        assert lab.executed(lab.b) == "" and lab.value(lab.b, "SELECT @@offline_mode") == 1
    lab.start_service()
    job = lab.wait_job(job_id)
    assert job["rung"] == "dump"
    lab.assert_streams()
    lab.assert_equal()


def test_gone_unheard_during_a_dump_it_starts_again(lab):
    """The node waits ten minutes for the rows of a statement that nobody goes on with, and cannot be closed meanwhile; the
    donor keeps everybody from DDL for as long."""
    job_id = lab.queue("dump")
    lab.wait_step(job_id, "copy")
    lab.kill_service(unheard=True)
    assert int(lab.value(lab.a, BACKUP_LOCK_IDLE_S)) <= 600
    assert lab.value(lab.b, "SELECT COUNT(*) FROM performance_schema.processlist WHERE info LIKE 'LOAD DATA%'") > 0
    lab.start_service()
    assert lab.wait_job(job_id)["rung"] == "dump"
    lab.assert_streams()
    lab.assert_equal()


def test_stopped_during_a_dump_it_leaves_in_time_and_goes_on_later(lab):
    job_id = lab.queue("dump")
    lab.wait_step(job_id, "copy")
    began = time.monotonic()
    sh("docker", "stop", "-t", "30", lab.service)
    assert time.monotonic() - began < 25
    assert engine.inspect(lab.service)["State"]["ExitCode"] == 0, lab.logs()[-3000:]
    assert lab.job()["phase"] == "running" and lab.sql(lab.b, "SELECT @@read_only, @@super_read_only") == ((1, 1),)
    lab.start_service()
    assert lab.wait_job(job_id)["rung"] == "dump"
    lab.assert_streams()
    lab.assert_equal()


def test_half_a_copy_is_never_taken_for_a_whole_one(lab):
    """The job is gone from Redis too: what is left is the node alone, and its binlogs are all still on the primary."""
    job_id = lab.queue("dump")
    lab.wait_step(job_id, "copy", "objects")
    lab.kill_service()
    lab.cli("HDEL", "relevo:appdb:jobs", f"job:{lab.b}")
    lab.start_service()
    job = lab.resync()
    assert job["rung"] == "clone" and "catchup" in refusals(job)
    lab.assert_streams()
    lab.assert_equal()


def test_killed_during_a_clone_it_starts_again(lab):
    job_id = lab.queue("clone")
    lab.wait_step(job_id, "clone")
    lab.kill_service()
    lab.start_service()
    job = lab.wait_job(job_id)
    assert job["rung"] == "clone"
    lab.assert_streams()
    lab.assert_equal()


def test_recipient_killed_during_a_dump_and_back(lab):
    job_id = lab.queue("dump")
    lab.wait_step(job_id, "copy")
    lab.crash(lab.b)
    sh("docker", "start", lab.b)
    said = lab.log_since()
    job = lab.wait_job(job_id)
    assert job["rung"] == "dump" and lab.b in said()
    lab.assert_streams()
    lab.assert_equal()


@pytest.mark.long
def test_a_cloned_node_survives_being_killed(lab):
    """Its redo log was far ahead of the donor's: what is left of that in the doublewrite files must do no harm."""
    lsn = ("SELECT CAST(variable_value AS UNSIGNED) FROM performance_schema.global_status"
           " WHERE variable_name = 'Innodb_redo_log_current_lsn'")
    for _ in range(8):
        if lab.value(lab.b, lsn) > 2 * lab.value(lab.a, lsn):
            break
        lab.resync("dump")
    else:
        raise AssertionError("b's log did not get ahead of a's")
    for _ in range(2):
        lab.resync("clone")
        job_id = lab.queue("dump")  # writes as much as possible
        lab.wait_step(job_id, "copy")
        wait_until(lambda: lab.job()["done_bytes"] > 1 << 20, 20, "rows are written", every=0.01)
        lab.crash(lab.b)
        sh("docker", "start", lab.b)
        lab.wait_job(job_id)
    assert "Assertion" not in sh_result("docker", "logs", lab.b)[1]
    lab.assert_streams()
    lab.assert_equal()


def test_recipient_dead_during_a_clone(lab):
    job_id = lab.queue("clone")
    lab.wait_step(job_id, "clone")
    wait_until(lambda: lab.job()["done_bytes"] > 1 << 20, 20, "well into the copy", every=0.01)
    lab.crash(lab.b)
    lab.kill_service()  # would wait for the node for minutes: it may still be in recovery
    lab.cli("HDEL", "relevo:appdb:jobs", f"job:{lab.b}")
    sh("docker", "start", lab.b)
    lab.wait_ready(lab.b)
    lab.start_service()
    job = lab.resync()
    assert job["rung"] in ("clone", "catchup")
    lab.assert_streams()
    lab.assert_equal()


@pytest.mark.parametrize("method, step", [("dump", "copy"), ("clone", "clone"), ("rewind", "verify")])
def test_the_donor_killed_half_way(lab, method, step):
    """It is the primary too, and comes back closed; whoever opens it again is not the resync."""
    if method == "rewind":
        lab.diverge_a_thousand()
    with lab.held(lab.a, "LOCK TABLES appdb.customers WRITE") if step == "verify" else contextlib.nullcontext():
        job_id = lab.queue(method)
        lab.wait_step(job_id, step)
        lab.crash(lab.a)
    sh("docker", "start", lab.a)
    lab.wait_ready(lab.a)
    lab.open_primary()
    job = wait_until(lambda: (now := lab.job())["phase"] in ("done", "failed") and now, 120, "the job ends")
    assert job["id"] == job_id
    wait_until(lambda: lab.sql(lab.b, "SELECT @@read_only, @@super_read_only") == ((1, 1),), 60, "b is closed")
    if job["phase"] == "failed":
        assert lab.a in job["why"] or "clone" in job["why"].lower(), job
        job = lab.resync()
    assert job["rung"] in ("catchup", method, "clone")
    lab.assert_clean()


@contextlib.contextmanager
def keys_being_built(lab):
    """A dump whose last statement of a table waits: somebody on b reads it. Gives the job."""
    job_id = lab.queue("dump")
    lab.wait_step(job_id, "copy")
    with lab.held(lab.b, "BEGIN", "SELECT id FROM bulk.t LIMIT 1"):
        wait_until(lambda: builds_keys(lab), 60, "the keys are being built")
        yield job_id


def builds_keys(lab):
    return lab.value(lab.b, "SELECT COUNT(*) FROM performance_schema.processlist WHERE info LIKE 'ALTER TABLE%'")


@pytest.mark.parametrize("dies", ["service", "recipient"])
def test_killed_while_keys_are_built(lab, dies):
    with keys_being_built(lab) as job_id:
        if dies == "service":  # the server goes on building: whoever comes next must end that
            lab.kill_service()
            lab.start_service()
        else:
            lab.crash(lab.b)
            sh("docker", "start", lab.b)
        wait_until(lambda: not builds_keys(lab), 30, "nobody builds the keys any more")
    assert lab.wait_job(job_id)["rung"] == "dump"
    lab.assert_streams()
    lab.assert_equal()


def test_cancel_while_keys_are_built(lab):
    with keys_being_built(lab) as job_id:
        lab.cli("PUBLISH", "relevo:appdb:commands", json.dumps({"action": "cancel", "node": lab.b, "id": "cmd-keys"}))
        lab.wait_job(job_id, "cancelled")
        assert not builds_keys(lab)
        wait_until(lambda: lab.sql(lab.b, "SELECT @@read_only, @@super_read_only") == ((1, 1),), 10, "b is locked")
    lab.resync()
    lab.assert_equal()


def test_cancel_leaves_the_node_fenced_and_answers(lab):
    job_id = lab.queue("dump", command_id="cmd-1")
    lab.wait_step(job_id, "copy")
    lab.cli("PUBLISH", "relevo:appdb:commands", json.dumps({"action": "cancel", "node": lab.b, "id": "cmd-2"}))
    job = lab.wait_job(job_id, "cancelled")
    assert job["why"]
    answers = {e["detail"].get("id") for e in wait_until(lambda: lab.events("COMMAND_FINISHED"), 5, "answers")}
    wait_until(lambda: {"cmd-1", "cmd-2"} <= {e["detail"].get("id") for e in lab.events("COMMAND_FINISHED")}, 5,
               f"both commands are answered, not only {answers}")
    wait_until(lambda: lab.sql(lab.b, "SELECT @@read_only, @@super_read_only") == ((1, 1),), 10, "b is locked")
    lab.cli("PUBLISH", "relevo:appdb:commands", json.dumps({"action": "cancel", "node": lab.b, "id": "cmd-3"}))
    wait_until(lambda: "cmd-3" in {e["detail"].get("id") for e in lab.events("COMMAND_REFUSED")}, 5, "refused")
    lab.resync()
    lab.assert_equal()


def test_redis_away_during_a_copy(lab):
    job_id = lab.queue("dump")
    lab.wait_step(job_id, "copy")
    sh("docker", "restart", "-t", "1", lab.redis)
    wait_until(lambda: lab.cli("PING") == "PONG", 20, "Redis answers")
    lab.wait_job(job_id)
    lab.assert_streams()
    lab.assert_equal()
    lab.sql(lab.a, "DROP DATABASE IF EXISTS bulk")
