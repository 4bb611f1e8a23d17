"""The client's own transports: over sockets, through proxies of the environment, and with aiohttp."""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import httpx_aiohttp
import pytest

from salesmanago_async import Email, Invalid, NoAnswer, Retries, SalesManago
from salesmanago_async.simulator import DEMO_CREDENTIALS
from tests.connection.test_http import client, http, running, say
from tests.serving import serving

pytestmark = pytest.mark.anyio
on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"])

BACKENDS: dict[str, Callable[[], Any]] = {
    "httpx": lambda: None,
    "aiohttp": lambda: "aiohttp",
    "aiohttp, made by the caller": httpx_aiohttp.AiohttpTransport,
}


@pytest.mark.parametrize(
    ("anyio_backend", "backend"), [("trio", "httpx"), *(("asyncio", backend) for backend in BACKENDS)]
)
async def test_an_import_and_an_export_over_a_socket(anyio_backend: str, backend: str) -> None:
    with serving(job_seconds=0.05) as environment:
        transport = BACKENDS[backend]()
        async with SalesManago.from_env(environment, transport=transport, poll_interval=0.1) as sm:
            report = await sm.contacts.upsert_many({"email": f"c{number}@example.com"} for number in range(1500))
            assert (report.read, report.accepted) == (1500, 1500)
            job = await sm.contacts.export(to=[Email("c7@example.com")])
            async with job.records() as records:
                found = [record.contact_data.email async for record in records if record.contact_data]
    assert found == ["c7@example.com"]


# Proxies of the environment


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without proxies."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


HTTP, HTTPS = "HTTP_PROXY", "HTTPS_PROXY"


over_both = pytest.mark.parametrize("backend", [None, "aiohttp"])


@on_asyncio
@over_both
async def test_plain_requests_go_through_the_proxy(environment: pytest.MonkeyPatch, backend: Any) -> None:
    async with running(say(http())) as proxy:
        environment.setenv(HTTP, proxy.url.replace("//", "//ann:secret@"))
        async with client("http://127.0.0.1:9", transport=backend) as sm:
            for _ in range(3):
                await sm.contacts.has("ann@example.com")
    assert [request.target for request in proxy.seen] == ["http://127.0.0.1:9/api/contact/hasContact"] * 3
    assert all("proxy-authorization" in request.headers for request in proxy.seen)
    assert proxy.connections == 1


@on_asyncio
@over_both
async def test_https_requests_use_a_tunnel_of_the_proxy(environment: pytest.MonkeyPatch, backend: Any) -> None:
    async with running(say(http("403 Forbidden", b""))) as proxy:
        environment.setenv(HTTPS, proxy.url)
        async with SalesManago(DEMO_CREDENTIALS, retries=Retries(tries=1), transport=backend) as sm:
            with pytest.raises(NoAnswer, match="403") as raised:
                await sm.call("contact/addNote", {})
    assert raised.value.sent is False
    assert [(request.target, request.body) for request in proxy.seen] == [("app2.salesmanago.com:443", b"")]


@on_asyncio
@over_both
@pytest.mark.parametrize("unproxied", ["127.0.0.1", "*", "example.com,127.0.0.1"])
async def test_hosts_without_a_proxy_are_connected_directly(
    environment: pytest.MonkeyPatch, unproxied: str, backend: Any
) -> None:
    async with running(say(http(body=b"proxy"))) as proxy, running(say(http())) as server:
        environment.setenv(HTTP, proxy.url)
        environment.setenv("NO_PROXY", unproxied)
        async with client(server.url, transport=backend) as sm:
            await sm.contacts.has("ann@example.com")
    assert (len(proxy.seen), len(server.seen)) == (0, 1)


# The backend aiohttp


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(Invalid, match="transport: is 'requests'"):
        SalesManago(DEMO_CREDENTIALS, transport="requests")  # type: ignore[arg-type]  # an invalid value


def test_the_extra_of_a_missing_backend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx_aiohttp", None)
    with pytest.raises(Invalid, match=r"salesmanago-async\[aiohttp\]"):
        SalesManago(DEMO_CREDENTIALS, transport="aiohttp")


@on_asyncio
async def test_aiohttp_sends_no_cookies() -> None:
    answer = say(http("200 OK", b'{"success":true}', "Set-Cookie: a=1; Path=/"))
    async with running(answer) as server:
        sm = client(server.url.replace("127.0.0.1", "localhost"), transport="aiohttp")
        for _ in range(3):
            await sm.contacts.has("ann@example.com")
        await sm.aclose()
    assert len(server.seen) == 3
    assert not any("cookie" in request.headers for request in server.seen)


@on_asyncio
async def test_aiohttp_has_a_connection_for_each_request_in_flight() -> None:
    together = asyncio.Barrier(150)

    async def answer(writer: asyncio.StreamWriter) -> None:
        await together.wait()
        writer.write(http())

    async with (
        running(answer) as server,
        client(server.url, transport="aiohttp", concurrency=150) as sm,
        asyncio.timeout(10),
        asyncio.TaskGroup() as group,
    ):
        for _ in range(150):
            group.create_task(sm.contacts.has("ann@example.com"))
    assert len(server.seen) == 150


@on_asyncio
async def test_an_invalid_http_answer_is_no_answer_with_aiohttp() -> None:
    async with running(say(b"nonsense\r\n\r\n")) as server, client(server.url, transport="aiohttp") as sm:
        with pytest.raises(NoAnswer) as raised:
            await sm.call("contact/addNote", {})
    assert raised.value.in_doubt is True
