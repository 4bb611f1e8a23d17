"""Syncs of one catalogue, which may be killed at any of their requests."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import orjson
from attrs import define, field

from salesmanago_async import SalesManago
from salesmanago_async.simulator import DEMO_PRODUCTS_KEY, ProductSettings, Simulator
from salesmanago_async.simulator.products.account import ProductAccount
from salesmanago_async.sync.report import SyncReport
from tests.conftest import wall_clock
from tests.sync.nights import Account

CATALOG = "shop"


def product(number: int, **others: Any) -> dict[str, Any]:
    """A row of a source."""
    return {"productId": f"P{number}", "name": "Bag", "mainCategory": "Bags", "price": 10.5, **others}


def differences(report: SyncReport) -> tuple[int, int, int, int]:
    """What a report counts."""
    return report.added, report.changed, report.unchanged, report.removed


def _shop() -> Simulator:
    return Simulator(clock=wall_clock, products=ProductSettings(takes_any_catalog=True))


@define
class Shop(Account):
    """A simulated account with the catalogue `CATALOG`, and the requests that were sent to it."""

    simulator: Simulator = field(factory=_shop)
    bodies: list[tuple[str, list[dict[str, Any]]]] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.on_request = self._note

    def _note(self, request: httpx.Request) -> None:
        self.bodies.append((request.url.path.rpartition("/")[2], orjson.loads(request.content)["products"]))

    def client(self, **options: Any) -> SalesManago:
        """Return a client of the shop."""
        return super().client(**{"products_key": DEMO_PRODUCTS_KEY, "poll_interval": 1.0, **options})

    async def sync(self, rows: Any, state: Path, **options: Any) -> SyncReport:
        """Sync rows with a new client."""
        async with self.client() as sm:
            return await sm.products.sync(rows, state=state, catalog_id=CATALOG, **options)

    @property
    def sent(self) -> list[tuple[str, list[str]]]:
        """The last part of the path of each request, and its products."""
        return [(path, [each["productId"] for each in products]) for path, products in self.bodies]

    def taken(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield each product that was sent since the last call, with the last part of the path."""
        bodies, self.bodies = self.bodies, []
        return ((path, each) for path, products in bodies for each in products)

    @property
    def account(self) -> ProductAccount:
        """What the shop holds."""
        found: ProductAccount = vars(self.simulator)["_store"].section(ProductAccount)
        return found

    @property
    def products(self) -> Mapping[str, Any]:
        """The products of the catalogue."""
        return dict(self.account.products.get(CATALOG, {}))

    @property
    def switched_off(self) -> list[str]:
        """The products that are neither available nor active."""
        return [
            id_ for id_, found in self.products.items() if (found.get("available"), found.get("active")) == (False,) * 2
        ]
