"""Fixtures for everything that needs containers. See tests/README.md."""
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from lib.browser import Browser  # noqa: E402
from lib.checkout import checkout_copy  # noqa: E402
from lib.cluster import Cluster  # noqa: E402
from lib.run import BUILD  # noqa: E402


SCARS_MOST = 5  # a cluster that cannot be healed costs two minutes each time


class Keeper:
    """Holds the one cluster that may be up, so that tests share it and special ones can replace it."""

    def __init__(self):
        self.cluster = None
        self.scars = []

    def get(self, **settings):
        if self.cluster is None:
            self.cluster = Cluster()
            self.cluster.down()  # what an interrupted run left
        # Compose makes those containers anew whose settings differ, and only those.
        self.cluster.configure(**settings)
        try:
            self.cluster.heal()
        except AssertionError as failure:
            # What the test before left cannot be mended: that is a finding, but not one against this test.
            self.cluster.dump(BUILD / "artifacts" / f"not-healed-{len(self.scars)}")
            self.scars.append(str(failure))
            self.stop()
            return self.get(**settings) if len(self.scars) < SCARS_MOST else pytest.fail(self.scars[-1])
        return self.cluster

    def bare(self, **settings):
        self.stop()
        self.cluster = Cluster(**settings)
        self.cluster.down()
        return self.cluster

    def stop(self):
        if self.cluster is not None:
            self.cluster.down()
            self.cluster = None


@pytest.fixture(scope="session")
def keeper():
    kept = Keeper()
    yield kept
    kept.stop()
    assert not kept.scars, f"the cluster could not be healed after a test: {kept.scars}"


@pytest.fixture
def cluster(keeper):
    """A healthy cluster: NORMAL, mysql-primary is primary, the replica streams."""
    return keeper.get(RELEVO_FAILBACK="auto")


@pytest.fixture
def manual_cluster(keeper):
    """The same with RELEVO_FAILBACK=manual: after a failover the roles stay as they are."""
    return keeper.get(RELEVO_FAILBACK="manual")


@pytest.fixture
def bare_cluster(keeper):
    """A cluster that is not up yet; the test brings it up as it likes. Nothing of it is shared."""
    yield keeper.bare()
    keeper.stop()


@pytest.fixture(scope="session")
def chromium():
    started = Browser()
    yield started
    started.quit()


@pytest.fixture
def browser(chromium):
    """browser.open(...) gives a driver on a tab of its own, which is closed at the end."""
    yield chromium
    chromium.close_tabs()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    # Fixtures ask this while they end; the session's own count comes after that where tests may be repeated.
    item.failed = report.failed or (report.when != "setup" and item.failed)
    keeper = item.funcargs.get("keeper") if hasattr(item, "funcargs") else None
    if report.failed and report.when in ("setup", "call") and keeper and keeper.cluster:
        folder = BUILD / "artifacts" / re.sub(r"[^\w.-]+", "_", item.nodeid)
        keeper.cluster.dump(folder)
        report.sections.append(("evidence", f"logs, state and history are in {folder}"))


@pytest.fixture
def checkout(bare_cluster):
    with checkout_copy(bare_cluster.env) as made:
        yield made
