"""The client's own transports: over sockets, through proxies of the environment, and with aiohttp."""

import asyncio
import gzip
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import anyio
import anyio.abc
import httpx
import httpx2
import pytest

from salesmanago_async import Email, Invalid, NoAnswer, Retries, SalesManago, Timeouts
from salesmanago_async.connection import knee
from salesmanago_async.connection.http import Http
from salesmanago_async.connection.identity import SIMULATED
from salesmanago_async.simulator import DEMO_CREDENTIALS
from tests.connection.backends import EACH_ON_BOTH_LOOPS, MAKERS
from tests.connection.test_http import client, http, running, say
from tests.connection.test_links import resolving
from tests.connection.test_two_answers import BODY, LOCALHOST, Doubling, Wire, served
from tests.connection.test_two_answers import client as over
from tests.serving import serving

pytestmark = pytest.mark.anyio
on_asyncio = pytest.mark.parametrize("anyio_backend", ["asyncio"])


@pytest.mark.parametrize(("anyio_backend", "backend"), EACH_ON_BOTH_LOOPS)
async def test_an_import_and_an_export_over_a_socket(anyio_backend: str, backend: str) -> None:
    with serving(job_seconds=0.05) as environment:
        transport = MAKERS[backend]()
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
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.delitem(sys.modules, "salesmanago_async.connection.aiohttp_backend", raising=False)
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
async def test_aiohttp_has_a_connection_for_each_request_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knee, "FIRST_WINDOW", 150)  # this server answers none before it has them all
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


# Every backend


over_ours = pytest.mark.parametrize(
    ("anyio_backend", "backend"), [("asyncio", "httpx"), ("asyncio", "aiohttp"), ("trio", "httpx")]
)


@over_ours
async def test_a_body_that_is_not_taken_ends_with_the_time_out_of_writing(anyio_backend: str, backend: str) -> None:
    timeouts = Timeouts(connect=20, read=20, write=0.1)
    with socket.create_server(("127.0.0.1", 0)) as listening:  # the system connects, and nobody reads
        async with over(f"http://127.0.0.1:{listening.getsockname()[1]}", backend, timeouts=timeouts) as sm:
            with anyio.fail_after(10), pytest.raises(NoAnswer) as raised:
                await sm.call("contact/addNote", BODY)
    assert raised.value.timed_out
    assert raised.value.in_doubt


@over_ours
async def test_bytes_before_the_first_request_are_no_reason_to_connect_for_ever(
    anyio_backend: str, backend: str
) -> None:
    connections = 0

    async def greet(stream: anyio.abc.ByteStream) -> None:
        nonlocal connections
        connections += 1
        async with stream:
            await stream.send(b"220 mail.example.com\r\n")
            await anyio.sleep(0.1)

    async with served(greet) as url, over(url, backend, retries=Retries(tries=1)) as sm:
        with anyio.fail_after(10), pytest.raises(NoAnswer):
            await sm.call("contact/hasContact", {})
    assert connections == 1


@over_ours
async def test_a_name_is_checked_although_its_address_was_looked_up_before(
    anyio_backend: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    resolving(monkeypatch, {"api.example.com": "127.0.0.1"})
    options = {"timeouts": Timeouts(), "transport": MAKERS[backend](), "connections": 4}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with aclosing(Http("https://api.example.com:9", **options)) as http:
            with pytest.raises(NoAnswer):
                await http.send("POST", "contact/hasContact", b"{}")
            with pytest.raises(Invalid, match=r"127\.0\.0\.1"):
                async with http.open(f"https://api.example.com:{listening.getsockname()[1]}/file"):
                    pass


@over_ours
async def test_a_signed_link_is_left_as_it_is_but_for_what_may_not_stand_in_it(
    anyio_backend: str, backend: str
) -> None:
    heads: list[bytes] = []

    async def serve(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            heads.append(await Wire(stream).head())
            await stream.send(http(body=b"[]"))

    async with served(serve) as url:
        options = {"timeouts": Timeouts(), "transport": MAKERS[backend](), "connections": 4}
        async with aclosing(Http(url, **options)) as files:
            link = url.replace("//", "//ann:s3cret@") + "/a%2Fb%7Ec/ą?Signature=x%2B/y+z%3D%3D&name=a b#part"
            async with files.open(link) as download:
                assert [piece async for piece in download.chunks] == [b"[]"]
    lines = heads[0].split(b"\r\n")
    assert lines[0] == b"GET /a%2Fb%7Ec/%C4%85?Signature=x%2B/y+z%3D%3D&name=a%20b HTTP/1.1"
    assert not any(line.lower().startswith((b"authorization", b"cookie")) for line in lines)


async def read(http: Http, url: str) -> None:
    await http.send("GET", "v3/catalog", b"")


async def download(http: Http, url: str) -> None:
    async with http.open(f"{url}/file"):
        pass


@over_ours
@pytest.mark.parametrize("get", [read, download])
async def test_a_request_is_sent_once_whatever_a_library_thinks_of_its_method(
    anyio_backend: str, backend: str, get: Callable[[Http, str], Awaitable[None]]
) -> None:
    heads: list[bytes] = []

    async def serve(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            heads.append(await Wire(stream).head())

    async with served(serve) as url:
        options = {"timeouts": Timeouts(), "transport": MAKERS[backend](), "connections": 4}
        async with aclosing(Http(url, **options)) as api:
            with pytest.raises(NoAnswer) as raised:
                await get(api, url)
    assert raised.value.sent is None
    assert len(heads) == 1


@over_ours
@pytest.mark.parametrize("headers", [["X-Long: " + "a" * 90_000], ["X-Short: a"] * 1000], ids=["long", "many"])
async def test_long_heads_are_read(anyio_backend: str, backend: str, headers: list[str]) -> None:
    async def serve(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(http("200 OK", b"[]", *headers))
            await anyio.sleep(20)

    async with served(serve) as url:
        options = {"timeouts": Timeouts(), "transport": MAKERS[backend](), "connections": 4}
        async with aclosing(Http(url, **options)) as api:
            assert (await api.send("POST", "contact/hasContact", b"{}")).content == b"[]"


# The TLS context


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> list[ssl.SSLContext]:
    """The contexts that are made, with certificates that the environment does not name."""
    made: list[ssl.SSLContext] = []

    def make() -> ssl.SSLContext:
        made.append(ssl.create_default_context(cafile=LOCALHOST))
        return made[-1]

    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(httpx, "create_ssl_context", make)
    return made


@over_ours
async def test_a_client_without_tls_makes_no_context(
    anyio_backend: str, backend: str, contexts: list[ssl.SSLContext]
) -> None:
    server = Doubling(None, lambda _: False)
    async with served(server.serve) as url, over(url, backend) as sm:
        await sm.call("contact/hasContact", {"mark": "1"})
    assert contexts == []


@over_ours
async def test_all_connections_of_a_client_share_one_context(
    anyio_backend: str, backend: str, contexts: list[ssl.SSLContext]
) -> None:
    server = Doubling(None, lambda _: False)
    async with served(server.serve, "https") as url, over(url, backend, products_url=url) as sm:
        assert contexts == []
        for path in ("contact/hasContact", "contact/addNote"):
            await sm.call(path, {"mark": "1"})
        await sm._products.http.send("POST", "v3/catalog", b'{"mark": "2"}')
    assert server.connections == 3
    assert len(contexts) == 1


# Transports of httpx2


@pytest.mark.parametrize("answer", [b"[]", gzip.compress(b"[]")], ids=["plain", "packed"])
async def test_an_httpx2_transport_in_the_process_is_a_simulated_server(answer: bytes) -> None:
    def serve(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=answer, headers={"Content-Encoding": "gzip"} if answer != b"[]" else {})

    transport: Any = httpx2.MockTransport(serve)
    async with aclosing(
        Http("https://api.example.com", timeouts=Timeouts(), transport=transport, connections=1)
    ) as api:
        assert api.server == SIMULATED
        assert (await api.send("POST", "contact/hasContact", b"{}")).content == b"[]"
        async with api.open("https://files.example.com/file") as download:
            assert b"".join([piece async for piece in download.chunks]) == b"[]"
