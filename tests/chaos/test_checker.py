"""What chaos takes for two nodes that acknowledge at a time."""
import pytest

from chaos.checker import both
from lib.cluster import A, B, PORT


def acks(node, *moments, took=0.004):
    return [{"id": 0, "port": PORT[node], "says": "ack", "sent": at - took, "done": at} for at in moments]


def steady(node, begin, end):
    return acks(node, *(begin + i * 0.01 for i in range(round((end - begin) * 100) + 1)))


@pytest.mark.parametrize("records, found", [
    (steady(A, 1, 2) + steady(B, 2.1, 3), 0),                     # one after the other
    (steady(A, 1, 2) + steady(B, 1.5, 3), 1),                     # half a second of both
    (steady(A, 1, 2) + acks(B, 1.5), 1),                          # a single one in the midst of the other's
    (steady(A, 1, 2) + acks(B, 1.3, 1.8), 2),                     # and two, far from each other
    (steady(A, 1, 2) + acks(B, 2.03, took=0.9), 0),               # sent long before, who knows when it was done
    (steady(A, 1, 2) + acks(A, 2.04, took=0.1) + steady(B, 2.02, 3), 0),  # heard late of what was done in time
    (steady(A, 1, 2) + [dict(acks(B, 1.5)[0], says="unknown")], 0),
])
def test_both(records, found):
    assert len(both(records)) == found
