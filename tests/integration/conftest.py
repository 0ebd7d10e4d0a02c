"""The dashboard's lab; and that of the tests of db-resync: two servers, a Redis, and the service, one for all files."""
import pytest

from lib.dashboard_lab import Dashboard, Redis
from lib.resync_lab import Lab
from lib.run import wait_until


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("dashboard")


@pytest.fixture
def redis(folder):
    one = Redis(folder)
    one.state()
    yield one
    one.stop()


@pytest.fixture
def dashboard(redis, folder):
    one = Dashboard(redis, folder)
    wait_until(one.connected, 5, "it reads the state")
    yield one
    one.stop()


@pytest.fixture(scope="session")
def shared():
    made = Lab()
    yield made
    made.down()


@pytest.fixture
def fresh(shared):
    """The lab as it is, for tests that put other servers into it: the next test gets a new one."""
    if not shared.is_up:
        shared.up()
        shared.start_service()
    shared.epoch += 1
    yield shared
    shared.is_up = False


@pytest.fixture
def lab(shared, request):
    """b streams from a and holds what it holds. A test that failed may have left anything: the lab is made anew then."""
    if not shared.is_up:
        shared.up()
        shared.start_service()
    shared.epoch += 1
    shared.open_primary()
    shared.sql(shared.b, "SET GLOBAL super_read_only = ON")
    if shared.value(shared.b, "SELECT COUNT(*) FROM performance_schema.replication_applier_status"
                    " WHERE service_state = 'ON'") == 0:
        shared.resync()
    yield shared
    shared.is_up = shared.is_up and not getattr(request.node, "failed", False)
