"""Async tests with pytest-asyncio."""

from datetime import timedelta

import pytest
from shop import sign_up

from salesmanago_async import SalesManago, Tag
from salesmanago_async.simulator import Simulator

pytestmark = pytest.mark.asyncio


async def test_who_signs_up_becomes_a_customer(salesmanago_client: SalesManago, salesmanago_simulator: Simulator):
    cookie = await sign_up(salesmanago_client, "ann@example.com", "Ann")
    ann = salesmanago_simulator.contact("ann@example.com")
    assert ann.contact_id == cookie
    assert (ann.name, ann.tags, ann.opted_out) == ("Ann", ["CUSTOMER"], False)


async def test_a_server_that_is_busy_is_asked_again(salesmanago_client: SalesManago, salesmanago_simulator: Simulator):
    salesmanago_simulator.fail("503", path="contact/upsert", at=[1, 2])
    assert await sign_up(salesmanago_client, "ann@example.com")
    assert [request.status for request in salesmanago_simulator.requests] == [503, 503, 200]


async def test_the_shop_goes_on_without_salesmanago(salesmanago_client: SalesManago, salesmanago_simulator: Simulator):
    salesmanago_simulator.fail("reset-before")
    assert await sign_up(salesmanago_client, "ann@example.com") == ""
    assert not salesmanago_simulator.has_contact("ann@example.com")


async def test_nobody_signs_up_without_an_address(salesmanago_client: SalesManago, salesmanago_simulator: Simulator):
    assert await sign_up(salesmanago_client, "ann") == ""
    assert salesmanago_simulator.contacts == []


@pytest.mark.salesmanago(job_seconds=3600)
async def test_an_export_takes_an_hour(salesmanago_client: SalesManago, salesmanago_simulator: Simulator):
    await sign_up(salesmanago_client, "ann@example.com")
    job = await salesmanago_client.contacts.export(to=[Tag("CUSTOMER")], data=["CONTACT"])
    assert (await job.status()).state == "running"
    salesmanago_simulator.advance(timedelta(hours=1))
    async with job.records() as records:
        assert [record.contact_data.email async for record in records] == ["ann@example.com"]
