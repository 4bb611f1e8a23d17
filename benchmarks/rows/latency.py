"""A run against a server that takes 200 ms for every answer, with 16 requests in flight.

The bound is what the waiting alone takes: chunks × 0.2 s / 16. The jobs are not followed, or else there were more
requests than the bound counts; what a run takes that follows them, with two requests for each chunk that need a permit,
is told beside it. The client begins with three requests in flight and takes a second to find that 16 are taken, so the
run is long enough for that to weigh little.

The absolute row is a run without any setting, for a feeling of what that means.
"""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks import floors, ours, written
from benchmarks.alone import alone
from benchmarks.records import THOUSAND
from benchmarks.rounds import wall
from benchmarks.row import OURS, Row, Way, Ways, at_most, times
from benchmarks.sink import sink

IN_FLIGHT = 16
LATENCY = 0.2
BOUND = "the waiting"
CAP = 64
"""How many requests in flight a client has at most where nothing is set."""


@contextmanager
def _latency(size: int) -> Iterator[Ways]:
    waiting = math.ceil(size / THOUSAND) * LATENCY / IN_FLIGHT
    with sink(latency=LATENCY) as address:
        run = partial(ours.run, address, size, in_flight=IN_FLIGHT)
        yield {
            OURS: wall(lambda: asyncio.run(run(wait=False))),
            BOUND: lambda: waiting,
            "ours, jobs followed": wall(lambda: asyncio.run(run())),
            "by hand, jobs followed": wall(lambda: asyncio.run(floors.upsert_all(address, size, in_flight=IN_FLIGHT))),
            "httpx, one after the other": _one_by_one(address, size),
        }


def _one_by_one(address: str, size: int) -> Way:
    """Return the way that has one request in flight, measured on a sixteenth of the contacts: it is that slow."""
    few = max(THOUSAND, size // IN_FLIGHT)
    measured = wall(lambda: asyncio.run(written.upsert_one_by_one(address, few)))
    return lambda: measured() * size / few


@contextmanager
def _absolute(size: int) -> Iterator[Ways]:
    with sink(latency=LATENCY) as slow, sink() as fast:
        yield {
            OURS: lambda: alone(ours.run, slow, size, in_flight=CAP).seconds,
            "a server that answers at once": lambda: alone(ours.run, fast, size, in_flight=CAP).seconds,
        }


ROWS = (
    Row(
        name="latency",
        what="whole run against a 200 ms server, 16 in flight",
        ways=_latency,
        targets=(times(1.3, BOUND, quick=2.5),),
        size=640_000,
        quick_size=128_000,
        rounds=2,
    ),
    Row(
        name="million",
        what="a million contacts to a server of 200 ms, nothing set",
        ways=_absolute,
        targets=(at_most(60.0, "takes", "s"),),
        size=1_000_000,
        quick_size=None,
        rounds=1,
        unit="s",
    ),
)
