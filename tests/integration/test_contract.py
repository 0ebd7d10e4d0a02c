"""The scripts of tests/contract on real servers: the model that tests/sim/ plays with gives the same answers to the same
lines (`relevo-sim --contract`, in `make check`)."""
import os
import threading

import pytest

from lib.contract import Servers
from lib.contract_script import SCRIPTS, script_steps
from lib.run import wait_until


@pytest.fixture(scope="module")
def servers():
    made = Servers(os.environ.get("RELEVO_TEST_LAB", "relevo-test") + "-contract")
    made.up()
    yield made
    made.down()


@pytest.mark.parametrize("name", sorted(path.stem for path in SCRIPTS.glob("*.txt")))
def test_servers_answer_as_the_script_says(servers, name):
    servers.reset()
    path = SCRIPTS / f"{name}.txt"
    differences = []
    for number, step, expected in script_steps(path):
        answer = servers.step(step, expected)
        if answer != expected:
            differences.append(f"{path.name}:{number}: {step}\n  - {expected or '(nothing)'}\n  + {answer or '(nothing)'}")
    assert not differences, "\n" + "\n".join(differences)


def test_a_row_that_hangs_in_its_commit_is_seen_on_its_way(servers):
    """The model commits at once. A server that stalls may finish the row of a reign that its watcher gave up."""
    servers.reset()
    servers.root("a", "SET GLOBAL super_read_only = OFF")
    assert servers.facts("a")["row_state"] == "0"
    holder = servers.connect("a", "root")
    writer = servers.connect("a", "relevo")
    with holder.cursor() as cursor:
        cursor.execute("START TRANSACTION")
        cursor.execute("SELECT epoch FROM relevo.epoch FOR UPDATE")

    def write():
        with writer.cursor() as cursor:
            cursor.execute("INSERT INTO relevo.epoch (epoch, primary_name, primary_uuid) VALUES (77, 'a', UUID())")

    thread = threading.Thread(target=write)
    thread.start()
    wait_until(lambda: servers.facts("a")["row_state"] == "2", 20, "the row is seen on its way", every=0.05)
    assert servers.facts("a")["epoch"] != "77"
    holder.rollback()
    thread.join()
    holder.close()
    writer.close()
    facts = servers.facts("a")
    assert (facts["epoch"], facts["row_state"]) == ("77", "0")
