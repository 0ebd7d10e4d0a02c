"""Ten times around, under a steady writer, and both nodes hold the same."""
import itertools

import pytest

from lib import ledger
from lib.cluster import A, B, PORT
from lib.compare import rows
from lib.writer import Writer

pytestmark = pytest.mark.long  # `make test-long`

CYCLES = 10


def shop(cluster, number):
    """Work on the demo schema too: its trigger, foreign key and auto-increment columns travel."""
    with cluster.session(cluster.primary(), database="appdb") as session:
        rows(session, "INSERT INTO customers (name, email) VALUES (%s, %s)", (f"c{number}", f"c{number}@example.com"))
        rows(session, "INSERT INTO orders (customer_id, product, amount) SELECT MAX(id), 'x', 1 FROM customers")
        rows(session, "UPDATE orders SET status='paid' ORDER BY id DESC LIMIT 1")


def test_ten_cycles(cluster):
    numbers = itertools.count()
    outages = []
    with Writer(cluster) as writer:
        writer.wait_acks(PORT[A], 5)
        for cycle in range(CYCLES):
            mark, since = cluster.mark(), writer.acks()[-1]["done"] - 0.001
            shop(cluster, f"{mark}-{next(numbers)}")
            cluster.docker(*(("kill", A) if cycle % 2 else ("stop", "-t", "30", A)))
            cluster.wait_primary(B)
            writer.wait_acks(PORT[B], 3)
            shop(cluster, f"{mark}-{next(numbers)}")
            outages.append(round(writer.outage(PORT[A], PORT[B], since) * 1000))
            cluster.docker("start", A)
            cluster.wait_event(mark, 90, type="SWITCHOVER", node=A)
            cluster.wait_normal(A)
            writer.wait_acks(PORT[A], 3)
            assert len(cluster.events(mark, type="FAILOVER")) == 1
        rescued = ledger.check(cluster, writer)
    print(f"outages of {CYCLES} cycles in ms: {outages}; writes rescued: {rescued}")
    cluster.assert_same_data()
