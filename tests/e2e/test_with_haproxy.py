"""One port for clients: HAProxy asks the dashboard who is primary, and its clients follow."""
import os

import pymysql
import pytest

from lib import engine
from lib.cluster import A, B
from lib.run import ROOT, sh, wait_until

WRITERS, READERS = 3306, 3316


@pytest.fixture
def balanced(bare_cluster):
    sh("docker", "build", "--network", "host", "--build-arg", f"BASE_IMAGE={bare_cluster.env['BASE_IMAGE']}", "-t",
       "relevo-haproxy:local", ROOT / "compose/haproxy", timeout=300,
       env={**os.environ, "DOCKER_BUILDKIT": "0"})
    bare_cluster.overlays = (ROOT / "compose/haproxy.yml",)
    bare_cluster.env["RELEVO_FAILBACK"] = "manual"
    bare_cluster.up()
    wait_until(lambda: bare_cluster.phase() == "NORMAL", 120, "NORMAL", every=0.3)
    bare_cluster.make_tester()
    bare_cluster.prepare_traffic()
    return bare_cluster


def server_id(cluster, port):
    """Which server answers at that port, over a new connection; a write must work at the writers' port."""
    session = pymysql.connect(host="127.0.0.1", port=port, user="tester", password=cluster.env["TESTER_PASSWORD"],
                              connect_timeout=2, read_timeout=2, write_timeout=2, autocommit=True,
                              ssl={"check_hostname": False, "verify_mode": "none"})
    with session, session.cursor() as cursor:
        if port == WRITERS:
            cluster.written += 1
            cursor.execute("INSERT INTO traffic.writes (id, port) VALUES (%s, %s)", (cluster.written, port))
        cursor.execute("SELECT @@server_id")
        return cursor.fetchone()[0]


def test_clients_of_one_port_follow_the_primary(balanced):
    cluster = balanced
    cluster.written = 0
    wait_until(lambda: server_id(cluster, WRITERS) == 1, 30, "the writers' port leads to the primary")
    wait_until(lambda: server_id(cluster, READERS) == 2, 30, "the readers' port leads to the replica")
    cluster.docker("kill", A)
    wait_until(lambda: server_id(cluster, WRITERS) == 2, 20, "the writers' port leads to the new primary")
    cluster.docker("start", A)
    cluster.wait_normal(B, 120)
    wait_until(lambda: server_id(cluster, READERS) == 1, 30, "the readers' port leads to the one that came back")
    # A session on the old primary is ended, so that the client connects anew and can write.
    session = pymysql.connect(host="127.0.0.1", port=WRITERS, user="tester", password=cluster.env["TESTER_PASSWORD"],
                              read_timeout=20, ssl={"check_hostname": False, "verify_mode": "none"})
    cluster.command(f"switchover {A}")
    cluster.wait_primary(A)
    with pytest.raises(pymysql.OperationalError), session.cursor() as cursor:
        cursor.execute("SELECT SLEEP(15)")
    wait_until(lambda: server_id(cluster, WRITERS) == 1, 20, "and back")
    cluster.wait_normal(A)
    losing_the_dashboard_ends_no_session(cluster)
    cluster.assert_same_data()


def losing_the_dashboard_ends_no_session(cluster):
    """Nobody can be asked who is primary: sessions go on, and when it answers again new ones are let in."""
    session = pymysql.connect(host="127.0.0.1", port=WRITERS, user="tester", password=cluster.env["TESTER_PASSWORD"],
                              read_timeout=20, autocommit=True, ssl={"check_hostname": False, "verify_mode": "none"})
    with session, session.cursor() as cursor:
        for lose, back in ((lambda name: cluster.docker("stop", name), "start"), (engine.pause, "unpause")):
            lose("fastapi-dashboard")
            for _ in range(30):  # twice as long as a server needs to be given up
                cursor.execute("SELECT SLEEP(0.1)")
            cluster.docker(back, "fastapi-dashboard")
            wait_until(lambda: server_id(cluster, WRITERS) == 1, 30, "new sessions are let in again")
            cursor.execute("INSERT INTO traffic.writes (id, port) VALUES (%s, 0)", (-cluster.written,))
