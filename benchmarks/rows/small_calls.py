"""Small calls: `sm.contacts.upsert`, 50 in flight, against bare httpx, which signs, checks and waits for nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson

from benchmarks.floors import SIGNED
from benchmarks.optional import installed
from benchmarks.ours import OWNER, Transport, client_of
from benchmarks.records import address_of
from benchmarks.rounds import wall
from benchmarks.row import OURS, Row, Way, Ways, faster
from benchmarks.sink import sink
from salesmanago_async import Contact

IN_FLIGHT = 50
STOCK, SAME = "bare httpx, stock", "bare httpx, our transport"


async def call_all(call: Callable[[int], Awaitable[object]], count: int) -> None:
    """Make so many calls, each worker one after the other."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await call(number)

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))


async def _ours(address: str, count: int, transport: Transport) -> None:
    async with client_of(address, transport=transport, concurrency=IN_FLIGHT) as sm:
        await call_all(lambda number: sm.contacts.upsert(Contact(email=address_of(number), name="Ann")), count)


async def _bare(address: str, count: int, transport: httpx.AsyncBaseTransport | None) -> None:
    headers = {"Content-Type": "application/json"}
    async with httpx.AsyncClient(transport=transport, timeout=60.0) as client:

        async def call(number: int) -> object:
            body = {**SIGNED, "owner": OWNER, "contact": {"email": address_of(number), "name": "Ann"}}
            url = f"{address}/api/contact/upsert"
            return (await client.post(url, content=orjson.dumps(body), headers=headers)).json()["contactId"]

        await call_all(call, count)


async def _bare_over(address: str, count: int, transport: Transport) -> None:
    """Do the same over the transport that a client of ours makes for itself."""
    client = client_of(address, transport=transport, concurrency=IN_FLIGHT)
    await _bare(address, count, client._connection.http._client._transport)


@contextmanager
def _small_calls(size: int) -> Iterator[Ways]:
    with sink() as address:

        def way(calls: Callable[[str, int, Any], Coroutine[Any, Any, None]], transport: Transport = None) -> Way:
            return wall(lambda: asyncio.run(calls(address, size, transport)))

        has_aiohttp = installed("httpx_aiohttp")
        yield {
            OURS: way(_ours),
            STOCK: way(_bare),
            SAME: way(_bare_over),
            "ours, over aiohttp": way(_ours, "aiohttp") if has_aiohttp else None,
            "bare httpx, over aiohttp": way(_bare_over, "aiohttp") if has_aiohttp else None,
        }


ROWS = (
    Row(
        name="small-calls",
        what="small calls through sm.contacts.upsert, 50 in flight",
        ways=_small_calls,
        targets=(faster(3.0, STOCK, quick=2.2), faster(0.85, SAME)),
        size=4_000,
        quick_size=400,
    ),
)
