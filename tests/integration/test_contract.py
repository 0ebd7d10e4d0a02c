"""The scripts of tests/contract on real servers: the model that tests/sim/ plays with gives the same answers to the same
lines (`relevo-sim --contract`, in `make check`)."""
import os

import pytest

from lib.contract import Servers
from lib.contract_script import SCRIPTS, script_steps


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
