"""A pair that existed before Relevo: nothing is begun before a person says so, and no data are copied over unasked."""
import os

import pytest

from lib.own_pair import OwnPair
from lib.run import wait_until

LAB = os.environ.get("RELEVO_TEST_LAB", "relevo-test") + "-adopt"


@pytest.fixture(scope="module")
def pair():
    """a serves; b streams from it and holds what it holds, but for what somebody made there by hand."""
    made = OwnPair(LAB)
    made.up()
    made.sql(made.a, "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF",
             "CREATE TABLE appdb.mark_of_test (n INT PRIMARY KEY AUTO_INCREMENT)")
    follow(made)
    yield made
    made.down()


def follow(pair, channel=""):
    pair.sql(pair.b, "STOP REPLICA", "RESET REPLICA ALL",
             f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{pair.v4(pair.a)}', SOURCE_USER = 'repl', SOURCE_PASSWORD = 'repl''pw',"
             f" SOURCE_SSL = 1, SOURCE_AUTO_POSITION = 1 FOR CHANNEL '{channel}'", "START REPLICA")
    wait_until(lambda: streams(pair), 30, "b streams")


def streams(pair):
    return pair.value(pair.b, "SELECT COUNT(*) FROM performance_schema.replication_connection_status s JOIN"
                              " performance_schema.replication_applier_status a USING (channel_name)"
                              " WHERE s.service_state = 'ON' AND a.service_state = 'ON'") == 1


def errant(pair, *statements):
    pair.sql(pair.b, "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF", *statements,
             "SET GLOBAL super_read_only = ON")


def start(pair, **settings):
    pair.fresh_redis()
    pair.start_services(RELEVO_NODES=f"one={pair.v4(pair.a)},two={pair.v4(pair.b)}", RELEVO_FAILBACK="manual", **settings)


def test_watching_says_what_would_be_done_and_does_nothing(pair):
    errant(pair, "CREATE DATABASE scratch", "CREATE TABLE scratch.t (n INT PRIMARY KEY)", "INSERT INTO scratch.t VALUES (7)")
    wait_until(lambda: pair.value(pair.b, f"SELECT GTID_SUBSET('{pair.executed(pair.a)}', @@GLOBAL.gtid_executed)"), 20, "b has all")
    before = pair.executed(pair.a), pair.executed(pair.b), pair.running_since(pair.b)
    start(pair, RELEVO_START="watch")
    pair.wait_state(60, phase="FROZEN", rule="132")
    state = wait_until(lambda: "two" in (now := pair.state())["why"] and "method=clone" in now["why"] and now, 30, "what would be")
    assert "one is the only node that takes writes" in state["why"], state["why"]
    assert state["primary"] == "" and not [field for field in state if field.startswith("job:")]
    pair.say("resync two method=clone")  # nobody is on record: there is nothing to copy from
    wait_until(lambda: [e for e in pair.events("COMMAND_REFUSED")], 10, "it is refused")
    assert (pair.executed(pair.a), pair.executed(pair.b), pair.running_since(pair.b)) == before
    assert streams(pair)


def test_one_errant_transaction_on_a_stream_is_not_wiped(pair):
    began = pair.running_since(pair.b)
    pair.say("ack")
    pair.wait_state(30, primary="one")
    alarm = wait_until(lambda: [e for e in pair.events("ALARM") if e["rule"] == 544], 60, "the alarm")[0]
    assert alarm["node"] == "two" and "method=clone" in alarm["why"], alarm
    job = wait_until(lambda: (now := pair.job_of("two")).get("phase") == "failed" and now, 60, "it was looked whether they are harmless")
    assert job["by"] == "watcher" and "method=clone" in job["why"], job
    wait_until(lambda: streams(pair), 20, "it streams on")
    state = pair.wait_state(30, phase="DEGRADED", primary="one", forecast_rule="202")
    assert state["forecast_node"] == ""
    pair.sql(pair.a, "INSERT INTO appdb.mark_of_test VALUES ()")
    wait_until(lambda: pair.value(pair.b, "SELECT COUNT(*) FROM appdb.mark_of_test") == 1, 10, "it streams on")
    assert pair.value(pair.b, "SELECT n FROM scratch.t") == 7
    assert pair.node("two")["diverged"] > 0 and pair.node("two")["role"] == "replica"
    assert pair.running_since(pair.b) == began


def test_nor_is_it_promoted(pair):
    pair.crash(pair.a)
    pair.wait_state(30, phase="NO_PRIMARY", rule="202")
    pair.start_services(RELEVO_NODES=f"one={pair.v4(pair.a)},two={pair.v4(pair.b)}", RELEVO_FAILBACK="manual")
    pair.wait_state(120, phase="NO_PRIMARY", rule="202")  # also by a watcher that never saw the primary
    assert pair.value(pair.b, "SELECT @@read_only") == 1
    pair.sh_start(pair.a)
    pair.wait_state(90, phase="DEGRADED", primary="one")


def test_a_person_may_ask_for_less_than_a_copy(pair):
    """`resync two` undoes what can be undone: not a CREATE DATABASE. It says so, and the stream goes on."""
    pair.say("resync two")
    job = wait_until(lambda: (now := pair.job_of("two")).get("phase") == "failed" and now["by"] != "watcher" and now, 60, "it is refused")
    assert "method=clone" in job["why"], job
    wait_until(lambda: streams(pair), 20, "it streams on")
    assert pair.value(pair.b, "SELECT n FROM scratch.t") == 7
    assert not [e for e in pair.events("RESYNC") if e["node"] == "two"]


def test_a_person_says_clone(pair):
    pair.wait_state(60, phase="DEGRADED")
    pair.say("resync two method=clone")
    pair.wait_state(120, phase="NORMAL")
    assert pair.value(pair.b, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'scratch'") == 0
    assert [e for e in pair.events("RESCUED") if e["node"] == "two"]


def test_what_changes_no_data_is_undone_unasked(pair):
    """A stream with a FLUSH of its own, as monitoring agents make them daily: undone at once, for there is nothing in it."""
    began = pair.running_since(pair.b)
    errant(pair, "FLUSH STATUS")
    wait_until(lambda: (job := pair.job_of("two")).get("rung") == "rewind" and job["phase"] == "done", 60, "the rewind")
    pair.wait_state(60, phase="NORMAL", forecast_node="two")
    assert streams(pair) and pair.running_since(pair.b) == began
    assert not pair.node("two")["diverged"]


def test_rows_of_a_stream_wait_for_a_person(pair):
    errant(pair, "INSERT INTO appdb.mark_of_test VALUES (800)")
    job = wait_until(lambda: (now := pair.job_of("two")).get("phase") == "failed" and now, 60, "it is refused")
    assert [refusal for refusal in job["refused"] if refusal["rung"] == "rewind" and "RELEVO_COPY=auto" in refusal["why"]], job
    wait_until(lambda: streams(pair), 20, "it streams on")
    assert pair.value(pair.b, "SELECT COUNT(*) FROM appdb.mark_of_test WHERE n = 800") == 1
    pair.say("resync two")
    wait_until(lambda: (now := pair.job_of("two")).get("rung") == "rewind" and now["phase"] == "done", 60, "a person said so")
    assert pair.value(pair.b, "SELECT COUNT(*) FROM appdb.mark_of_test WHERE n = 800") == 0
    pair.wait_state(60, phase="NORMAL")


def test_rows_that_were_rescued_are_undone_unasked(pair):
    """A node that came back closed and apart, whose transactions are plain rows: a rewind, no copy."""
    pair.stop_services()
    pair.diverge("INSERT INTO appdb.mark_of_test VALUES (900)")
    began = pair.running_since(pair.b)
    pair.start_services(RELEVO_NODES=f"one={pair.v4(pair.a)},two={pair.v4(pair.b)}", RELEVO_FAILBACK="manual")
    wait_until(lambda: (job := pair.job_of("two")).get("rung") == "rewind" and job["by"] == "watcher"
               and job["phase"] == "done", 60, "the rewind")
    assert pair.running_since(pair.b) == began
    assert pair.value(pair.b, "SELECT COUNT(*) FROM appdb.mark_of_test WHERE n = 900") == 0
    pair.wait_state(60, phase="NORMAL")


def test_a_stream_by_a_named_channel_goes_on_when_the_copy_is_refused(pair):
    pair.stop_services()
    follow(pair, "old_channel")
    errant(pair, "CREATE DATABASE scratch2")
    pair.start_services(RELEVO_NODES=f"one={pair.v4(pair.a)},two={pair.v4(pair.b)}", RELEVO_FAILBACK="manual")
    wait_until(lambda: pair.job_of("two").get("phase") == "failed", 60, "the resync is refused")
    wait_until(lambda: streams(pair), 20, "it streams on")
    assert pair.value(pair.b, "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'scratch2'") == 1
