"""The memory of a run, from 10,000 contacts on: peaks of processes of their own.

8 requests are in flight, as many as a client has by default: 10,000 contacts are just enough to have that many.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import ours
from benchmarks.alone import alone
from benchmarks.row import OURS, Row, Ways, grows
from benchmarks.sink import sink

FEW = 10_000
IN_FLIGHT = 8
OF_FEW = "ours, 10,000 contacts"


@contextmanager
def _memory(size: int) -> Iterator[Ways]:
    with sink() as address:
        yield {
            OURS: lambda: alone(ours.run, address, size, in_flight=IN_FLIGHT).megabytes,
            OF_FEW: lambda: alone(ours.run, address, FEW, in_flight=IN_FLIGHT).megabytes,
        }


ROWS = (
    Row(
        name="memory",
        what="memory of a run, 10,000 → 1,000,000 contacts (quick: 100,000)",
        ways=_memory,
        targets=(grows(10.0, "grows by", "MB", since=OF_FEW),),
        size=1_000_000,
        quick_size=100_000,
        rounds=1,
        unit="MB",
    ),
)
