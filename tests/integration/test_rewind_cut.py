"""A rewind that is cut off, anywhere, by anything: the data end up the same, and what was undone is not undone again. A lock
keeps each rewind at the step that a test wants to see, so that no machine is too busy or too fast."""
import pytest

from lib.resync_lab import BULK, refusals
from lib.run import sh

pytestmark = pytest.mark.long  # `make test-long`

STEPS = ["judge", "mark", "undo", "reset", "attach", "follow", "verify"]


def hold(lab, step):
    """Lets a rewind come to that step, and not past the last of its group: judge, mark; undo; reset to follow; verify."""
    if step in ("judge", "mark"):  # the schema of the mark waits
        return lab.held(lab.b, "FLUSH TABLES WITH READ LOCK")
    if step == "undo":  # an update of this row waits
        return lab.held(lab.b, "BEGIN", "SELECT * FROM appdb.orders WHERE id = 1 FOR SHARE")
    if step == "verify":
        return lab.held(lab.a, "LOCK TABLES appdb.customers WRITE, appdb.orders WRITE")
    return lab.held(lab.b, "BEGIN", "SELECT * FROM appdb.customers WHERE id = 3 FOR SHARE")  # so does the applier


def diverged(lab):
    lab.diverge_a_thousand()
    lab.sql(lab.a, "UPDATE appdb.customers SET name = UUID() WHERE id = 3")


def marked(lab):
    return lab.value(lab.b, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'relevo_rebuild'") == 1


def forget_job(lab):
    """What is left is the node alone."""
    lab.cli("HDEL", "relevo:appdb:jobs", f"job:{lab.b}")


def kill_service_at(lab, step, unheard=False):
    with hold(lab, step):
        lab.wait_step(lab.queue(), *STEPS[STEPS.index(step):])
        lab.kill_service(unheard)
        assert lab.value(lab.b, "SELECT @@read_only") == 1
        assert marked(lab) == (step not in ("judge", "mark"))


@pytest.mark.parametrize("step", STEPS)
def test_killed_during_a_rewind(lab, step):
    diverged(lab)
    kill_service_at(lab, step)
    forget_job(lab)
    lab.start_service()
    job = lab.resync()
    # The server may carry out a statement whose sender is dead: then there is a mark and nobody knows what for.
    assert job["rung"] == "rewind" or (step in ("judge", "mark", "reset") and job["rung"] == "clone"), job
    assert "catchup" in refusals(job)
    lab.assert_clean()


def test_gone_unheard_during_a_rewind(lab):
    """The server learns nothing of it: the session's transaction keeps its locks."""
    diverged(lab)
    kill_service_at(lab, "undo", unheard=True)
    forget_job(lab)
    lab.start_service()
    job = lab.resync()
    assert job["rung"] == "rewind", job
    lab.assert_clean()


@pytest.mark.parametrize("step", ["mark", "undo", "follow", "verify"])
def test_the_server_killed_during_a_rewind(lab, step):
    diverged(lab)
    with hold(lab, step):
        job_id = lab.queue()
        lab.wait_step(job_id, step)
        lab.crash(lab.b)
    sh("docker", "start", lab.b)
    job = lab.wait_job(job_id)
    assert job["rung"] == "rewind", job
    lab.assert_clean()


def test_a_copy_begun_after_half_a_rewind_is_no_rewind_any_more(lab):
    """What the rewind noted says that the data are those of the GTIDs: not once a copy has begun."""
    lab.prepare(*BULK)
    diverged(lab)
    kill_service_at(lab, "verify")
    assert lab.value(lab.b, "SELECT COUNT(*) FROM relevo_rebuild.rewind") == 1
    forget_job(lab)
    lab.start_service()
    lab.wait_step(lab.queue("dump"), "tables", "copy")
    lab.kill_service()
    assert marked(lab)
    forget_job(lab)
    lab.start_service()
    job = lab.resync()
    assert job["rung"] == "clone" and "rewind" in refusals(job), job
    lab.assert_clean()
    lab.sql(lab.a, "DROP DATABASE bulk")
