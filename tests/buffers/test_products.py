"""Buffers of products (API v3): sent together, the last version wins, and what got no answer is sent again."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from salesmanago_async import Invalid, Retries, SalesManago
from salesmanago_async.api.products import Product, ProductQuantity
from salesmanago_async.simulator import DEMO_PRODUCTS_KEY, Fault, ProductSettings, Simulator
from salesmanago_async.simulator.products.account import ProductAccount
from tests.buffers.gateways import Gateway, leave
from tests.conftest import MakeClient, wall_clock

pytestmark = [pytest.mark.anyio, pytest.mark.both_loops, pytest.mark.usefixtures("disk")]

UPSERT, QUANTITIES = "/v3/product/upsert", "/v3/product/updateQuantity"
MAIN = "main"


@pytest.fixture
def simulator() -> Simulator:
    """An account that takes any catalogue and refuses the product P3."""
    settings = ProductSettings(takes_any_catalog=True, problems={"P3": (13, "name|Missing")})
    return Simulator(clock=wall_clock, products=settings)


@pytest.fixture
async def sm(gateway: Gateway, make_client: MakeClient) -> AsyncIterator[SalesManago]:
    async with make_client(gateway, retries=Retries(tries=2), products_key=DEMO_PRODUCTS_KEY) as client:
        yield client


def product(number: int, version: int = 0) -> Product:
    return Product(product_id=f"P{number}", name=f"version {version}", main_category="All", price=number)


def stored(simulator: Simulator, catalog: str = MAIN) -> dict[str, Any]:
    return dict(simulator._store.section(ProductAccount).products.get(catalog, {}))


async def test_products_are_sent_together_and_a_bad_one_is_rejected_alone(
    sm: SalesManago, gateway: Gateway, simulator: Simulator
) -> None:
    async with sm.products.buffer(catalog_id=MAIN) as buffer:
        receipts = [await buffer.add(product(number)) for number in range(150)]
        with pytest.raises(Invalid, match="name: is missing"):
            await buffer.add({"productId": "1", "mainCategory": "All", "price": 1})
        outcomes = [await receipt for receipt in receipts]
    assert Counter(outcome.state for outcome in outcomes) == {"accepted": 149, "rejected": 1}
    assert outcomes[3].reason == "name: Missing (reason code 13)"
    assert len(gateway.times(UPSERT)) == 3  # 100, the same without P3, and 50
    assert stored(simulator).keys() == {f"P{number}" for number in range(150)} - {"P3"}


async def test_each_change_of_the_stock_is_taken_and_the_last_one_wins(
    sm: SalesManago, gateway: Gateway, simulator: Simulator
) -> None:
    async with sm.products.buffer(catalog_id=MAIN) as products:
        for number in (1, 2):
            await products.confirm(product(number))
    simulator.faults = [Fault("reset-after", path=QUANTITIES[1:], at=1)]
    async with sm.products.buffer_quantities(catalog_id=MAIN) as quantities:
        for quantity in range(5):
            await quantities.add(ProductQuantity(product_id="P1", quantity=quantity))
            await quantities.add({"productId": "P2", "quantity": quantity * 10})
            await anyio.sleep(0.4)
        await quantities.join()  # what follows a request without an answer waits
    async with sm.products.buffer_prices(catalog_id=MAIN) as prices:
        assert (await prices.confirm({"productId": "P2", "price": "7.50"})).state == "accepted"
    one, two = stored(simulator).values()
    assert (one["quantity"], two["quantity"], two["price"]) == (4, 40, 7.5)


async def test_what_was_taken_is_sent_after_a_kill_and_an_outage(
    sm: SalesManago, gateway: Gateway, simulator: Simulator, tmp_path: Path
) -> None:
    gateway.away = 503
    async with sm.products.buffer(catalog_id=MAIN, journal=tmp_path / "products.db", drain_within=1) as buffer:
        for number in range(5):
            await buffer.add(product(number))
        await anyio.sleep(3)
        left = leave(tmp_path / "products.db", "killed")
    assert stored(simulator) == {}
    gateway.away = None
    with pytest.raises(Invalid, match="kind"):
        async with sm.products.buffer(catalog_id="other", journal=left):
            pass
    told: list[Any] = []
    async with sm.products.buffer(catalog_id=MAIN, journal=left, on_outcome=told.append) as buffer:
        await buffer.join()
    assert Counter(outcome.state for outcome in told) == {"accepted": 4, "rejected": 1}
    assert stored(simulator).keys() == {"P0", "P1", "P2", "P4"}


async def test_a_buffer_needs_a_key_and_has_no_option_of_contacts(make_client: MakeClient, gateway: Gateway) -> None:
    async with make_client(gateway) as sm:
        with pytest.raises(Invalid, match="products_key"):
            sm.products.buffer(catalog_id=MAIN)
    wait: Any = {"wait": False}
    async with make_client(gateway, products_key=DEMO_PRODUCTS_KEY) as sm:
        with pytest.raises(TypeError, match="there is no option 'wait'"):
            sm.products.buffer(catalog_id=MAIN, **wait)
