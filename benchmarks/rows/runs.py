"""Whole runs: rows → bodies → requests → jobs → results. All ways send three requests for each thousand of contacts.

One posts the contacts, one looks at the job, one gets its result file, which names every contact. 16 are in flight.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import floors, ours, toolkit, written
from benchmarks.optional import installed
from benchmarks.rounds import wall
from benchmarks.row import FLOOR, OURS, Row, Way, Ways, faster, times
from benchmarks.sink import sink

IN_FLIGHT = 16
SEMAPHORE = "httpx + semaphore + cattrs"
WITHOUT_JOURNAL = "the run without"


def counting(act: Callable[[], Awaitable[int]], count: int) -> Callable[[], None]:
    """Return the act with its result checked: all contacts have to be named by the results."""

    async def checked() -> None:
        named = await act()
        if named != count:
            raise RuntimeError(f"{named} of {count} contacts were confirmed")

    return lambda: asyncio.run(checked())


@contextmanager
def _whole(size: int) -> Iterator[Ways]:
    with sink() as address:

        def way(act: Callable[[], Awaitable[int]]) -> Way:
            return wall(counting(act, size))

        yield {
            OURS: wall(lambda: asyncio.run(ours.run(address, size, in_flight=IN_FLIGHT))),
            "ours, over aiohttp": _over_aiohttp(address, size),
            FLOOR: way(lambda: floors.upsert_all(address, size, in_flight=IN_FLIGHT)),
            SEMAPHORE: way(lambda: written.upsert_with_semaphore(address, size, in_flight=IN_FLIGHT)),
            "httpx + gather + cattrs": way(lambda: written.upsert_with_gather(address, size)),
            "salesmanago-toolkit, jobs not followed": toolkit.way(address, size, in_flight=IN_FLIGHT),
        }


def _over_aiohttp(address: str, size: int) -> Way:
    if not installed("httpx_aiohttp"):
        return None
    return wall(lambda: asyncio.run(ours.run(address, size, in_flight=IN_FLIGHT, transport="aiohttp")))


@contextmanager
def _journal(kind: ours.Kind, size: int) -> Iterator[Ways]:
    with sink() as address, TemporaryDirectory(dir=".") as folder:  # on a real disk, which /tmp need not be
        numbers = iter(range(10**9))

        def with_journal() -> None:
            journal = Path(folder) / f"{next(numbers)}.db"
            asyncio.run(ours.run(address, size, kind=kind, in_flight=IN_FLIGHT, journal=journal))

        yield {
            OURS: wall(with_journal),
            WITHOUT_JOURNAL: wall(lambda: asyncio.run(ours.run(address, size, kind=kind, in_flight=IN_FLIGHT))),
        }


ROWS = (
    Row(
        name="run",
        what="whole run, mappings, no journal",
        ways=_whole,
        targets=(times(2.8, quick=3.2), faster(4.0, SEMAPHORE, quick=2.4)),
        size=100_000,
        quick_size=50_000,
    ),
    Row(
        name="journal",
        what="the journal's price, contacts",
        ways=partial(_journal, "contacts"),
        targets=(times(1.10, WITHOUT_JOURNAL, quick=1.7),),
        size=100_000,
        quick_size=40_000,
    ),
    Row(
        name="journal-events",
        what="the journal's price, events",
        ways=partial(_journal, "events"),
        targets=(times(1.10, WITHOUT_JOURNAL, quick=1.7),),
        size=100_000,
        quick_size=40_000,
    ),
)
