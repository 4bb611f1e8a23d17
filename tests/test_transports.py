"""The same work over another HTTP backend, and over a real socket."""

import httpx
import httpx_aiohttp
import pytest

from salesmanago_async import Email, SalesManago
from tests.serving import serving

TRANSPORTS = {"httpx": httpx.AsyncHTTPTransport, "aiohttp": httpx_aiohttp.AiohttpTransport}


@pytest.mark.asyncio
@pytest.mark.parametrize("name", TRANSPORTS)
async def test_an_import_and_an_export_over_a_socket(name: str) -> None:
    with serving(job_seconds=0.05) as environment:
        transport = TRANSPORTS[name]()
        async with SalesManago.from_env(environment, transport=transport, poll_interval=0.1) as sm:
            report = await sm.contacts.upsert_many({"email": f"c{number}@example.com"} for number in range(1500))
            assert (report.read, report.accepted) == (1500, 1500)
            job = await sm.contacts.export(to=[Email("c7@example.com")])
            async with job.records() as records:
                found = [record.contact_data.email async for record in records if record.contact_data]
    assert found == ["c7@example.com"]
