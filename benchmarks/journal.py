"""What the journal costs: the same run with and without one, side by side. `python -m benchmarks.journal [RECORDS]`.

Target: at most 10 % of the run.
"""

import gc
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import anyio

from benchmarks.sink import sink
from salesmanago_async import Credentials, SalesManago

ROUNDS = 5
CREDENTIALS = Credentials(client_id="bench", api_key="key", api_secret="secret")


def contacts(number: int) -> Iterator[dict[str, str]]:
    """Yield contacts as a table has them."""
    for index in range(number):
        yield {"email": f"c{index}@example.com", "name": f"Name {index}", "tags": "A,B", "properties.size": "XL"}


def events(number: int) -> Iterator[dict[str, object]]:
    """Yield purchases, each of a contact of its own."""
    for index in range(number):
        yield {
            "email": f"c{index}@example.com",
            "date": 1_700_000_000_000 + index,
            "contactExtEventType": "PURCHASE",
            "products": "p01,p02",
            "value": 189.99,
            "externalId": f"E{index}",
        }


async def seconds_of(kind: str, number: int, address: str, journal: Path | None) -> float:
    """Make one run, and return how long it took."""
    async with SalesManago(
        CREDENTIALS, owner="o@example.com", base_url=address, poll_interval=0.05, concurrency=16
    ) as sm:
        gc.collect()
        started = time.perf_counter()
        many = (
            sm.contacts.upsert_many(contacts(number), journal=journal)
            if kind == "contacts"
            else (sm.events.add_many(events(number), journal=journal))
        )
        report = await many
        taken = time.perf_counter() - started
    if report.accepted != number:
        raise RuntimeError(f"the run went wrong: {report}")
    return taken


async def main(number: int) -> None:
    """Measure both kinds of run, and print the ratios."""
    with sink() as address, TemporaryDirectory(dir=".") as folder:
        for kind in ("contacts", "events"):
            ratios = []
            for round_ in range(ROUNDS):
                plain = await seconds_of(kind, number, address, None)
                journalled = await seconds_of(kind, number, address, Path(folder) / f"{kind}{round_}.db")
                ratios.append(journalled / plain)
            price = median(ratios) - 1
            verdict = "pass" if price <= 0.10 else "FALLS SHORT"
            print(f"{kind:<9} {number:,} records: the journal takes {price:+.1%} (target 10 %) {verdict}   {ratios}")


if __name__ == "__main__":
    anyio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
