"""Async tests with the pytest plugin of anyio, each on asyncio and trio."""

from datetime import UTC, datetime

import pytest
from shop import buy, sign_up

from salesmanago_async import Refused, SalesManago
from salesmanago_async.simulator import Simulator

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


async def test_a_purchase_is_an_event_of_the_customer(
    salesmanago_client: SalesManago, salesmanago_simulator: Simulator
):
    await sign_up(salesmanago_client, "ann@example.com")
    await buy(salesmanago_client, "ann@example.com", ["SKU-1", "SKU-2"], 189.99, "ORDER-1", NOON)
    (purchase,) = salesmanago_simulator.contact("ann@example.com").events
    assert (purchase.contact_ext_event_type, purchase.date) == ("PURCHASE", NOON)
    assert (purchase.products, purchase.value, purchase.external_id) == ("SKU-1,SKU-2", 189.99, "ORDER-1")


async def test_a_purchase_of_nobody_waits_for_its_customer(
    salesmanago_client: SalesManago, salesmanago_simulator: Simulator
):
    await buy(salesmanago_client, "ann@example.com", ["SKU-1"], 10.0, "ORDER-1", NOON)
    assert salesmanago_simulator.events == []
    await sign_up(salesmanago_client, "ann@example.com")
    salesmanago_simulator.advance(5 * 60)
    assert [event.external_id for event in salesmanago_simulator.events] == ["ORDER-1"]


async def test_a_lost_answer_makes_no_second_event(salesmanago_client: SalesManago, salesmanago_simulator: Simulator):
    await sign_up(salesmanago_client, "ann@example.com")
    salesmanago_simulator.fail("reset-after", path="v2/contact/addContactExtEvent", at=1)
    with pytest.raises(Exception, match="did not answer"):
        await buy(salesmanago_client, "ann@example.com", ["SKU-1"], 10.0, "ORDER-1", NOON)
    assert len(salesmanago_simulator.events) == 1


async def test_a_misspelt_field_is_refused(salesmanago_client: SalesManago):
    with pytest.raises(Refused, match="nmae"):
        await salesmanago_client.call("contact/upsert", {"contact": {"email": "ann@example.com", "nmae": "Ann"}})
