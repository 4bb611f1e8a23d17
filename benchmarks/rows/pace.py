"""Servers whose bounds the client does not know, and finds: small calls from 100 tasks, with no setting at all.

The first few seconds, in which it finds them, are a part of each measure.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import ours
from benchmarks.bounded import bounded, told_by
from benchmarks.rounds import wall
from benchmarks.row import OURS, Row, Ways, at_most, times
from salesmanago_async import Contact, Retries

LATENCY = 0.2
TASKS = 100
CAP, WORKERS, RATE = 64, 4, 20.0
BOUND = "the waiting"


async def call(address: str, calls: int) -> None:
    """Make that many calls."""
    logging.getLogger("salesmanago_async.connection").setLevel(logging.ERROR)  # refusals are what is measured
    numbers = iter(range(calls))
    retries = Retries(tries=1000, first_wait=0.05, longest_wait=0.5)
    async with ours.client_of(address, retries=retries) as sm, asyncio.TaskGroup() as tasks:

        async def work() -> None:
            for number in numbers:
                await sm.contacts.upsert(Contact(email=f"c{number}@example.com"))

        for _ in range(TASKS):
            tasks.create_task(work())


@contextmanager
def _latency(size: int) -> Iterator[Ways]:
    with bounded(latency=LATENCY) as address:
        yield {
            OURS: wall(lambda: asyncio.run(call(address, size))),
            BOUND: lambda: size * LATENCY / CAP,
        }


@contextmanager
def _workers(size: int) -> Iterator[Ways]:
    def slowness() -> float:
        with bounded(latency=LATENCY, workers=WORKERS) as address:
            asyncio.run(call(address, size))
            return told_by(address).p95 / LATENCY

    yield {OURS: slowness}


@contextmanager
def _rate(size: int) -> Iterator[Ways]:
    def refused() -> float:
        with bounded(latency=LATENCY, rate=RATE) as address:
            asyncio.run(call(address, size))
            return 100 * told_by(address).refused

    yield {OURS: refused}


ROWS = (
    Row(
        name="pace-latency",
        what=f"calls to a server of 200 ms, beside {CAP} in flight from the first moment",
        ways=_latency,
        targets=(times(1.5, BOUND, quick=8),),
        size=3000,
        quick_size=400,
        rounds=1,
    ),
    Row(
        name="pace-workers",
        what=f"calls to a server with {WORKERS} workers: the 95th percentile, beside a server with nothing else to do",
        ways=_workers,
        targets=(at_most(2.0, "95th percentile", "times as slow", quick=4),),
        size=3000,
        quick_size=60,
        rounds=1,
        unit="times as slow",
    ),
    Row(
        name="pace-rate",
        what=f"calls to a server that refuses more than {RATE:g} in a second: the part refused",
        ways=_rate,
        targets=(at_most(4.0, "refused", "%", quick=20),),
        size=400,
        quick_size=80,
        rounds=1,
        unit="%",
    ),
)
