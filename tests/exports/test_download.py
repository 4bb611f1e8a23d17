"""From a finished job to the bytes of its file, even if the link expires."""

import json
from collections.abc import Mapping
from typing import Any

import anyio
import httpx
import pytest

from salesmanago_async import (
    Invalid,
    Job,
    LinkExpired,
    NoAnswer,
    RateLimited,
    Retries,
    SalesManagoError,
    ServerFault,
    Unreadable,
)
from salesmanago_async.simulator import DEMO_CREDENTIALS
from tests.conftest import MakeClient
from tests.exports.hosts import FILES, NO_LINKS, Body, Connect, Hosts, Step, read, response

pytestmark = pytest.mark.anyio

RECORDS = [{"n": n} for n in range(3)]
CONTENT = json.dumps(RECORDS).encode()


def whole() -> Step:
    return response(200, CONTENT)


@pytest.mark.parametrize("status", [403, 404, 410])
@pytest.mark.parametrize("dead", [1, 2])
async def test_a_dead_link_is_replaced_immediately(connect: Connect, status: int, dead: int) -> None:
    hosts = Hosts([*(response(status) for _ in range(dead)), whole()])
    async with connect(hosts) as sm:
        assert await read(sm) == RECORDS
    assert hosts.paths == [f"/{number}" for number in range(1, dead + 2)]
    assert hosts.at == [0.0] * (dead + 1)


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_three_dead_links_in_a_row_are_expired(connect: Connect, status: int) -> None:
    hosts = Hosts([response(status)])
    async with connect(hosts) as sm:
        with pytest.raises(LinkExpired, match=str(status)):
            await read(sm)
    assert hosts.paths == ["/1", "/2", "/3"]


async def test_dead_links_with_faults_between_them_are_not_in_a_row(connect: Connect) -> None:
    hosts = Hosts([response(403), response(500), response(403), response(500), response(403), whole()])
    async with connect(hosts) as sm:
        assert await read(sm) == RECORDS


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        (response(500), 0.0),
        (response(503, Retry_After="20"), 20.0),
        (response(503, Retry_After="Tue, 14 Nov 2023 22:13:30 GMT"), 10.0),
        (response(502, b"<html>Bad gateway</html>"), 0.0),
        (response(429), 0.0),
        (response(429, Retry_After="7"), 7.0),
        (httpx.ConnectError("refused"), 0.0),
        (httpx.ReadTimeout("slow"), 0.0),
        (httpx.RemoteProtocolError("reset"), 0.0),
    ],
    ids=lambda given: str(given) if isinstance(given, Exception | float) else None,
)
async def test_a_fault_of_the_file_host_is_retried(connect: Connect, fault: Any, wait: float) -> None:
    hosts = Hosts([fault, whole()])
    async with connect(hosts) as sm:
        assert await read(sm) == RECORDS
    first, second = hosts.at
    assert wait <= second - first <= wait + 0.5


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (response(500), ServerFault),
        (response(429), RateLimited),
        (httpx.ConnectError("refused"), NoAnswer),
        (response(206, CONTENT), Unreadable),
    ],
    ids=lambda given: str(given) if isinstance(given, Exception | float) else None,
)
async def test_retries_of_a_failing_file_host_end(connect: Connect, fault: Any, error: type[SalesManagoError]) -> None:
    hosts = Hosts([fault])
    async with connect(hosts, retries=Retries(tries=3)) as sm:
        with pytest.raises(error):
            await read(sm)
    assert len(hosts.fetched) == 3


@pytest.mark.parametrize("length", [len(CONTENT) + 1, len(CONTENT) - 1])
@pytest.mark.parametrize("content", [CONTENT, b"x" * len(CONTENT)])
async def test_a_body_of_another_length_than_promised_is_an_error(
    connect: Connect, length: int, content: bytes
) -> None:
    hosts = Hosts([lambda _: httpx.Response(200, headers={"Content-Length": str(length)}, stream=Body([content]))])
    async with connect(hosts) as sm, sm.jobs.attach(1).stream() as chunks:
        with pytest.raises(Unreadable, match=str(length)):
            assert [chunk async for chunk in chunks] == []


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"<html>Sign in</html>", {"Content-Type": "text/html"}),
        (b"<html>Sign in</html>", {"Content-Type": "application/json"}),
        (b"", {}),
        (CONTENT[:-1], {}),
        pytest.param(
            CONTENT,
            {"Content-Encoding": "gzip"},
            # httpx drops one of its generators if it cannot decode; trio warns, but nothing stays open
            marks=pytest.mark.filterwarnings("ignore:Async generator 'httpx:ResourceWarning"),
        ),
    ],
)
async def test_a_file_that_is_not_a_json_array_is_unreadable(
    connect: Connect, content: bytes, headers: Mapping[str, str]
) -> None:
    hosts = Hosts([lambda _: httpx.Response(200, headers=headers, stream=Body([content]))])
    async with connect(hosts) as sm:
        with pytest.raises(Unreadable):
            await read(sm)


@pytest.mark.parametrize(
    "error", [httpx.ReadError("reset"), httpx.RemoteProtocolError("cut"), httpx.ReadTimeout("slow")]
)
async def test_a_broken_transfer_yields_every_record_once_or_raises(connect: Connect, error: Exception) -> None:
    body = Body([CONTENT[:12]], error=error)
    hosts = Hosts([lambda _: httpx.Response(200, stream=body), whole()])
    got: list[Any] = []
    async with connect(hosts) as sm:
        try:
            async with sm.jobs.attach(1).records() as records:
                async for record in records:
                    got.append(record)  # noqa: PERF401 - what came before the error is kept
        except NoAnswer:
            assert got == RECORDS[: len(got)]
        else:
            assert got == RECORDS
    assert body.closed


@pytest.mark.parametrize("taken", [0, 1])
async def test_a_consumer_that_stops_early_leaks_nothing(connect: Connect, taken: int) -> None:
    body = Body([b"[", *([b'{"n":1},' * 40_000] * 20)])
    hosts = Hosts([lambda _: httpx.Response(200, stream=body)])
    async with connect(hosts) as sm:
        async with sm.jobs.attach(1).records() as records:
            for _ in range(taken):
                assert await anext(records) == {"n": 1}
        assert body.closed


async def test_a_cancelled_consumer_leaks_nothing(connect: Connect) -> None:
    body = Body([CONTENT])
    hosts = Hosts([lambda _: httpx.Response(200, stream=body)])
    async with connect(hosts) as sm:
        with anyio.move_on_after(1) as scope:
            async with sm.jobs.attach(1).stream() as chunks:
                await anext(chunks)
                await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert body.closed


async def test_an_error_of_the_consumer_is_raised_unchanged(connect: Connect) -> None:
    body = Body([CONTENT])
    hosts = Hosts([lambda _: httpx.Response(200, stream=body)])

    async def consume(job: Job[Any]) -> None:
        async with job.records() as records:
            async for record in records:
                assert 1 / record["n"]

    async with connect(hosts) as sm:
        with pytest.raises(ZeroDivisionError):
            await consume(sm.jobs.attach(1))
    assert body.closed


@pytest.mark.parametrize(
    ("location", "fetched"),
    [
        ("https://elsewhere.example.com/f?signature=t", "https://elsewhere.example.com/f?signature=t"),
        ("/f?signature=t", f"{FILES}/f?signature=t"),
        ("//elsewhere.example.com/f", "https://elsewhere.example.com/f"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed_over_https(connect: Connect, status: int, location: str, fetched: str) -> None:
    hosts = Hosts([response(status, Location=location), whole()])
    async with connect(hosts) as sm:
        assert await read(sm) == RECORDS
    request = hosts.fetched[1]
    assert f"{request.url.scheme}://{request.url.host}{request.url.raw_path.decode()}" == fetched


@pytest.mark.parametrize("link", ["http://127.0.0.1:8787", "http://localhost", "http://[::1]:8787"])
async def test_an_account_on_this_machine_may_have_its_files_there(connect: Connect, link: str) -> None:
    hosts = Hosts([response(302, Location=f"{link}/f"), whole()], link=link)
    async with connect(hosts, base_url="http://127.0.0.1:9") as sm:
        assert await read(sm) == RECORDS


UNSAFE = [
    "http://elsewhere.example.com/f",
    "http://localhost.example.com/f",
    "http://127.0.0.1.example.com/f",
    "http://127.0.0.1@example.com/f",
    "ftp://files.example.com/f",
    "file:///etc/passwd",
    "https:///f",
]


@pytest.mark.parametrize("location", UNSAFE[:-1])
async def test_redirects_are_not_followed_elsewhere(connect: Connect, location: str) -> None:
    hosts = Hosts([response(302, Location=location), whole()])
    async with connect(hosts) as sm:
        with pytest.raises(SalesManagoError):
            await read(sm)
    assert {request.url.host for request in hosts.fetched} == {"files.example.com"}


@pytest.mark.parametrize("link", UNSAFE)
async def test_links_are_not_fetched_without_encryption(connect: Connect, link: str) -> None:
    hosts = Hosts([whole()], link=link)
    async with connect(hosts) as sm:
        with pytest.raises(Invalid):
            await read(sm)
    assert hosts.fetched == []


@pytest.mark.parametrize("link", NO_LINKS)
async def test_a_link_that_is_not_a_url_is_a_salesmanago_error(connect: Connect, link: str) -> None:
    hosts = Hosts([whole()], link=link)
    async with connect(hosts) as sm:
        with pytest.raises(SalesManagoError):
            await read(sm)


async def test_redirects_in_circles_end(connect: Connect) -> None:
    hosts = Hosts([response(302, Location="/1")])
    async with connect(hosts, retries=Retries(tries=1)) as sm:
        with pytest.raises(Unreadable, match="too many times"):
            await read(sm)


async def test_a_link_is_fetched_without_credentials_and_cookies(connect: Connect) -> None:
    # The same host as the API, which set a cookie on its answer; the file host sets one on its redirect.
    same_host = "https://app2.salesmanago.com"
    redirect = response(302, Location=f"{same_host}/f?signature=t", Set_Cookie="files=s3cret; Path=/")
    hosts = Hosts([redirect, whole()], link=same_host)
    async with connect(hosts) as sm:
        assert await read(sm) == RECORDS
        assert await read(sm) == RECORDS
    secrets = (DEMO_CREDENTIALS.client_id, DEMO_CREDENTIALS.api_key, DEMO_CREDENTIALS.signature(), "s3cret")
    assert len(hosts.fetched) == 3
    for request in hosts.fetched:
        assert request.method == "GET"
        assert request.content == b""
        assert request.headers.keys().isdisjoint({"cookie", "authorization", "content-type", "referer"})
        assert not any(secret in f"{request.headers.multi_items()}" for secret in secrets)


async def test_a_transport_may_answer_with_the_whole_body(make_client: MakeClient) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/job/status":
            return httpx.Response(200, json={"success": True, "fileUrl": f"{FILES}/1"})
        return httpx.Response(200, json=RECORDS)

    async with make_client(None, transport=httpx.MockTransport(answer)) as sm:
        assert await read(sm) == RECORDS
