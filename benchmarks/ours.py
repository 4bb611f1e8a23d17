"""The library, as far as the measures need it: a run, and the part of it that turns records into bodies."""

from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import httpx

from benchmarks.in_flight import call_all
from benchmarks.records import THOUSAND, address_of, contact_rows, event_rows, exhaust
from salesmanago_async import Contact, Credentials, SalesManago
from salesmanago_async.api.codec import dumps
from salesmanago_async.imports.engine.chunks import body_of
from salesmanago_async.records.shapes import contact_shape
from salesmanago_async.sources.sources import open_source
from salesmanago_async.sources.text_files import Row

OWNER = "o@example.com"
OTHERS = dumps({"owner": OWNER})
POLL_INTERVAL = 0.01  # jobs are done when they are first looked at: this only delays the last of them

Kind = Literal["contacts", "events"]
Transport = httpx.AsyncBaseTransport | Literal["aiohttp"] | None


def bodies_of(given: Any) -> Iterator[bytes]:
    """Yield the requests that records or a file make, each record checked and encoded as a run does it."""
    source = open_source(given, contact_shape())
    rows: Iterator[Row] = source.rows()  # type: ignore[assignment]  # only an async source has async rows
    encoder = source.encoder()
    while items := [encoder.encode(row)[0] for row, _ in islice(rows, THOUSAND)]:
        yield body_of(items, "upsertDetails", OTHERS)


def encode_all(count: int) -> None:
    """Make the requests of so many contacts, each row made as it is read."""
    exhaust(bodies_of(contact_rows(count)))


def client_of(address: str, *, transport: Transport = None, **options: Any) -> SalesManago:
    """Return a client of the sink."""
    credentials = Credentials(client_id="bench", api_key="key", api_secret="secret")
    return SalesManago(credentials, owner=OWNER, base_url=address, transport=transport, **options)


async def run(
    address: str,
    count: int,
    *,
    kind: Kind = "contacts",
    asynchronous: bool = False,
    in_flight: int = 16,
    transport: Transport = None,
    **options: Any,
) -> int:
    """Make one run, each job followed to its result; return how many records arrived.

    The rows of contacts may be `asynchronous`. `options` are those of the run.
    """
    async with client_of(address, transport=transport, concurrency=in_flight, poll_interval=POLL_INTERVAL) as sm:
        if kind == "contacts":
            rows = contact_rows(count)
            report = await sm.contacts.upsert_many(_yielding(rows) if asynchronous else rows, **options)
        else:
            report = await sm.events.add_many(event_rows(count), **options)
    followed = options.get("wait", True)
    arrived = report.accepted if followed else report.submitted
    if arrived != count:
        raise RuntimeError(f"the run went wrong: {report}")
    return arrived


async def _yielding(rows: Iterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    """Yield the rows, as a program that awaits each of them."""
    for row in rows:
        yield row


async def run_with_journal(address: str, count: int, **named: Any) -> int:
    """Make one run with a new journal, on a real disk, which /tmp need not be; return how many records arrived."""
    with TemporaryDirectory(dir=".") as folder:
        return await run(address, count, journal=Path(folder) / "run.db", **named)


async def upsert_singly(address: str, count: int, *, in_flight: int, transport: Transport = None) -> int:
    """Send so many contacts, each in a call of its own; return how many were answered."""
    async with client_of(address, transport=transport, concurrency=in_flight) as sm:

        async def call(number: int) -> object:
            return (await sm.contacts.upsert(Contact(email=address_of(number), name="Ann"))).contact_id

        return await call_all(call, count, in_flight=in_flight)
