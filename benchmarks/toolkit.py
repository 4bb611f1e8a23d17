"""The peer that the package index has: salesmanago-toolkit 0.2.18. It takes part where it is installed.

It is no part of any extra: it pins aiohttp, httpx, requests and pandas to versions of long ago, so give it an
environment of its own. It has no address to be set, only a host name that it puts https before, so all its addresses
are written over here. It posts what it is given as one request, in a session of its own, and does not follow the job:
it sends one request for each thousand where the other ways send three. Its log, several lines for each contact with all
the contact's data, is switched off. Its fields are a few of ours: five texts, tags, details.
"""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

from benchmarks.alone import cpu_alone
from benchmarks.optional import installed
from benchmarks.records import contact_rows, in_thousands
from benchmarks.row import Way


def way(address: str, size: int, *, in_flight: int) -> Way:
    """Return the way that sends so many contacts with it; None where it is not installed."""
    return cpu_alone(upsert_all, address, size, in_flight=in_flight) if installed("salesmanago_toolkit") else None


async def upsert_all(address: str, count: int, *, in_flight: int) -> int:
    """Send so many contacts, and believe that they arrive, as nothing tells."""
    client = installed("salesmanago_toolkit").utils.SalesmanagoDataClient(
        clientId="bench", apiKey="key", sha="0" * 40, owner="o@example.com"
    )
    client.logger.setLevel(logging.WARNING)
    _point_at(client, address)
    thousands = in_thousands(contact_rows(count))
    await asyncio.gather(*(_work(client, thousands) for _ in range(in_flight)))
    return count


def _point_at(client: Any, address: str) -> None:
    """Have it talk to the sink alone, whatever it is asked for."""
    for name, url in vars(client).items():
        if name.endswith("_url"):
            setattr(client, name, f"{address}/{url.partition('://')[2].partition('/')[2]}")


async def _work(client: Any, thousands: Iterator[list[dict[str, Any]]]) -> None:
    for thousand in thousands:
        await client.push_people_to_salesmanago(list(map(_row_of, thousand)), tags=["NEWSLETTER", "VIP"])


def _row_of(row: dict[str, Any]) -> dict[str, Any]:
    details = {name.partition(".")[2]: value for name, value in row.items() if name.startswith("properties.")}
    names = ("email", "phone", "country", "city", "name")
    return {**{name.capitalize(): row[name] for name in names}, "properties": details}
