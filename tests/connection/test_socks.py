"""SOCKS proxies of the environment, over sockets: what goes through them, and what is said of those that fail."""

import asyncio
import gc
import logging
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest
from attrs import define, field

from salesmanago_async import ExternalEvent, NoAnswer, Retries, SalesManago, Tag, Timeouts
from tests.serving import listening, serving

pytest.importorskip("socksio")
pytestmark = [pytest.mark.ci, pytest.mark.anyio]

PEOPLE = [{"email": f"c{number}@example.com", "tags": ["VIP"]} for number in range(300)]
EVENT = ExternalEvent(email="ann@example.com", date=1_700_000_000_000, contact_ext_event_type="PURCHASE")
TIMEOUTS = Timeouts(connect=0.3, read=5, write=5)
over_both = pytest.mark.parametrize("transport", [None, "aiohttp"])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@define
class SocksProxy:
    """A SOCKS5 proxy, with a user name and a password, or without; `targets` are what it was asked to connect to."""

    login: tuple[bytes, bytes] | None = None
    targets: list[tuple[str, int]] = field(factory=list)

    async def __call__(self, reader: StreamReader, writer: StreamWriter) -> None:
        _, methods = await reader.readexactly(2)
        offered = await reader.readexactly(methods)
        method = 2 if self.login else 0
        if method not in offered:
            writer.write(b"\x05\xff")
            return
        writer.write(bytes([5, method]))
        if self.login and not await self._knows(reader, writer):
            return
        *_, kind = await reader.readexactly(4)
        length = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
        address = await reader.readexactly(length)
        host = address.decode() if kind == 3 else ".".join(map(str, address))
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.targets.append((host, port))
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        try:
            await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
        finally:
            there_writer.close()
            writer.close()

    async def _knows(self, reader: StreamReader, writer: StreamWriter) -> bool:
        _, length = await reader.readexactly(2)
        user = await reader.readexactly(length)
        password = await reader.readexactly((await reader.readexactly(1))[0])
        is_known = (user, password) == self.login
        writer.write(b"\x01\x00" if is_known else b"\x01\x01")
        return is_known


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
    writer.write_eof()


Client = Callable[..., SalesManago]


@pytest.fixture
async def account(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[dict[str, str]]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving(job_seconds=0.0) as environ:
        yield environ


@asynccontextmanager
async def through(
    monkeypatch: pytest.MonkeyPatch, serve: Callable[[StreamReader, StreamWriter], Any], login: str = ""
) -> AsyncGenerator[None]:
    async def serve_and_close(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    async with listening(serve_and_close) as address:
        monkeypatch.setenv("ALL_PROXY", f"socks5://{login}{address.removeprefix('http://')}")
        yield


@over_both
@pytest.mark.parametrize("login", ["", "ann:s3cret@"])
async def test_calls_runs_and_downloads_go_through_it(
    account: dict[str, str], transport: Any, login: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    proxy = SocksProxy((b"ann", b"s3cret") if login else None)
    async with through(monkeypatch, proxy, login), SalesManago.from_env(account, transport=transport) as sm:
        assert (await sm.contacts.upsert_many(PEOPLE, batch_size=50)).accepted == len(PEOPLE)
        job = await sm.contacts.export(to=[Tag("VIP")])
        await job.save(tmp_path / "vip.jsonl")
    assert len((tmp_path / "vip.jsonl").read_text().splitlines()) == len(PEOPLE)
    port = int(account["SALESMANAGO_BASE_URL"].rpartition(":")[2])
    assert set(proxy.targets) == {("127.0.0.1", port)}


async def _hangs(reader: StreamReader, _: StreamWriter) -> None:
    await reader.read()


def _answers(content: bytes) -> Callable[[StreamReader, StreamWriter], Awaitable[None]]:
    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read(100)
        writer.write(content)
        writer.close()

    return serve


def _answers_and_hangs(content: bytes) -> Callable[[StreamReader, StreamWriter], Awaitable[None]]:
    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read(100)
        writer.write(content)
        await reader.read()

    return serve


_random = Random(5)
BAD_PROXIES: dict[str, tuple[Any, str]] = {
    "never answers": (_hangs, "no connection could be made"),
    "answers the greeting, and hangs": (_answers_and_hangs(b"\x05\x00"), "no connection could be made"),
    "hangs up": (_answers(b""), "does not answer as a SOCKS proxy"),
    "hangs up after the greeting": (_answers(b"\x05\x00"), ""),
    "is an HTTP proxy": (_answers(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "does not answer as a SOCKS proxy"),
    "wants a login": (SocksProxy((b"ann", b"s3cret")), "NO ACCEPTABLE METHODS"),
    "refuses the target": (_answers_and_hangs(b"\x05\x00"), "no connection could be made"),
    **{f"garbage {n}": (_answers(_random.randbytes(n)), "") for n in range(1, 12)},
    **{f"garbage of version 5, {n}": (_answers(b"\x05\x00" + _random.randbytes(n)), "") for n in range(1, 12)},
}


@over_both
@pytest.mark.parametrize("name", BAD_PROXIES)
async def test_a_proxy_that_fails_is_an_error_in_time_and_nothing_was_sent(
    name: str, account: dict[str, str], transport: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the request can have arrived, so an event is not in doubt."""
    serve, words = BAD_PROXIES[name]
    started = time.monotonic()
    options: dict[str, Any] = {"transport": transport, "timeouts": TIMEOUTS, "retries": Retries(tries=2, first_wait=0)}
    async with through(monkeypatch, serve), SalesManago.from_env(account, **options) as sm:
        with pytest.raises(NoAnswer) as raised:
            await sm.events.add(EVENT)
    assert time.monotonic() - started < 3
    assert words in str(raised.value)
    assert not raised.value.in_doubt
    assert raised.value.sent is False


async def test_a_run_goes_on_when_the_proxy_is_there_again(
    account: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    proxy, refused = SocksProxy(), 0

    async def restarting(reader: StreamReader, writer: StreamWriter) -> None:
        nonlocal refused
        if refused < 4:
            refused += 1
            writer.close()
        else:
            await proxy(reader, writer)

    caplog.set_level(logging.ERROR)
    async with through(monkeypatch, restarting), SalesManago.from_env(account, timeouts=TIMEOUTS) as sm:
        report = await sm.contacts.upsert_many(PEOPLE, batch_size=50)
    assert (report.accepted, refused) == (len(PEOPLE), 4)


@pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning")
async def test_no_socket_stays_open_when_the_greeting_fails(
    account: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = [anyio.Event() for _ in range(3)]
    waiting = iter(closed)

    async def refusing(reader: StreamReader, writer: StreamWriter) -> None:
        mine = next(waiting)
        await reader.read(100)
        writer.write(b"\x05\xff")
        await reader.read()  # until the client closes
        writer.close()
        mine.set()

    async with (
        through(monkeypatch, refusing),
        SalesManago.from_env(account, timeouts=TIMEOUTS, retries=Retries(tries=3, first_wait=0)) as sm,
    ):
        with pytest.raises(NoAnswer):
            await sm.contacts.has("ann@example.com")
        with anyio.fail_after(5):
            for each in closed:
                await each.wait()
        gc.collect()
