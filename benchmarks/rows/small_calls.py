"""Small calls: `sm.contacts.upsert`, 50 in flight, against bare clients, which sign, check and wait for nothing.

Measured in time of the processor, each way in a process of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks import ours
from benchmarks.alone import cpu_alone
from benchmarks.optional import installed
from benchmarks.peers import sending
from benchmarks.peers.clients import Name
from benchmarks.row import OURS, Row, Way, Ways, faster
from benchmarks.sink import sink

IN_FLIGHT = 50
OVER_AIOHTTP = "ours, over aiohttp"
BARE = "bare httpx"


@contextmanager
def _small_calls(size: int) -> Iterator[Ways]:
    with sink() as address:
        measured = partial(cpu_alone, address=address, count=size, few=IN_FLIGHT, in_flight=IN_FLIGHT)

        def bare(client: Name) -> Way:
            return measured(sending.upsert_singly, client=client) if installed(client) else None

        yield {
            OURS: measured(ours.upsert_singly),
            OVER_AIOHTTP: measured(ours.upsert_singly, transport="aiohttp") if installed("aiohttp") else None,
            BARE: bare("httpx"),
            "bare aiohttp": bare("aiohttp"),
            "bare pyreqwest": bare("pyreqwest"),
        }


ROWS = (
    Row(
        name="small-calls",
        what="small calls through sm.contacts.upsert, 50 in flight",
        ways=_small_calls,
        targets=(faster(3.0, BARE, quick=2.0), faster(10.0, BARE, way=OVER_AIOHTTP, quick=4.2)),
        size=4_000,
        quick_size=500,
    ),
)
