"""Links are signed: no error, cause, traceback or log of any failure has the path or query of a link."""

import logging
import socket
import traceback
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import anyio
import anyio.abc
import pytest

from salesmanago_async import SalesManagoError, Timeouts
from salesmanago_async.connection.http import Http
from tests.connection.test_links import resolving
from tests.connection.test_two_answers import BOTH_LOOPS, Serve, served

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize(("anyio_backend", "backend"), BOTH_LOOPS)]

SECRET_PATH = "s1gned/p4th"
SECRETS = ("s1gned", "p4th", "s1gnature", "Signature")
FILE = f"/{SECRET_PATH}/f?Signature=s1gnature&blank=a b"


@pytest.fixture
def log() -> Iterator[list[str]]:
    """The log records of all loggers, with their arguments."""
    lines: list[str] = []

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.name} {self.format(record)} {record.args!r}")

    names = ("", "httpx", "httpcore", "httpcore.http11", "httpcore.connection", "asyncio", "aiohttp.client", "anyio")
    levels = {name: logging.getLogger(name).level for name in names}
    noting = Noting()
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(noting)
    yield lines
    logging.getLogger().removeHandler(noting)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def saying(content: bytes) -> Serve:
    async def serve(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(content)

    return serve


async def silent(stream: anyio.abc.ByteStream) -> None:
    async with stream:
        await anyio.sleep(30)


Place = Callable[[], Any]


def at(serve: Serve, *, scheme: str = "http") -> Place:
    @asynccontextmanager
    async def place() -> AsyncGenerator[str]:
        async with served(serve) as url:
            yield url.replace("http:", f"{scheme}:") + FILE

    return place


def link(text: str) -> Place:
    @asynccontextmanager
    async def place() -> AsyncGenerator[str]:
        yield text

    return place


@asynccontextmanager
async def refusing() -> AsyncGenerator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    yield f"https://127.0.0.1:{port}{FILE}"


@asynccontextmanager
async def unreachable() -> AsyncGenerator[str]:
    """A port whose queue is full: the system accepts no connection, and does not report that."""
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}{FILE}"


def redirecting(location: str) -> Place:
    return at(saying(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()))


FAILURES: dict[str, Place] = {
    "refused": refusing,
    "no connection in time": unreachable,
    "no answer in time": at(silent),
    "closed": at(saying(b"")),
    "no TLS": at(saying(b"HTTP/1.1 200 OK\r\n\r\n"), scheme="https"),
    "no HTTP": at(saying(b"garbage /s1gned/p4th\r\n\r\n")),
    "cut": at(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[")),
    "no gzip": at(saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n[")),
    "unknown packing": at(saying(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\n[")),
    "in circles": redirecting(FILE.replace(" ", "%20")),
    "off https": redirecting(f"http://files.example.com{FILE}"),
    "to another scheme": redirecting(f"ftp://files.example.com{FILE}"),
    "to no address": redirecting(f"http://127.0.0.1:no{FILE}"),
    "unknown host": link(f"https://nowhere.example{FILE}"),
    "a private address": link(f"https://10.0.0.8{FILE}"),
    "impossible port": link(f"https://127.0.0.1:99999{FILE}"),
    "port 0": link(f"https://127.0.0.1:0{FILE}"),
    "other scheme": link(f"ftp://127.0.0.1{FILE}"),
    "no scheme": link(FILE),
    "no host": link(f"https://{FILE}"),
    "a password": link(f"https://user:s1gnature@127.0.0.1:99999{FILE}"),
    "no address": link(f"https://[files{FILE}"),
}


def everything_said_by(error: BaseException) -> str:
    said = [*traceback.format_exception(error)]
    cause: BaseException | None = error
    while cause:
        said += [repr(cause), str(cause), repr(cause.args), *getattr(cause, "__notes__", ())]
        cause = cause.__cause__ or cause.__context__
    # a traceback quotes lines of this file, which contain the names of these variables
    return "\n".join(said).replace("SECRET_PATH", "")


async def fetch(http: Http, place: str) -> None:
    async with http.open(place) as download:
        async for _ in download.chunks:
            pass


@pytest.mark.sampled
@pytest.mark.parametrize("failure", FAILURES)
async def test_no_failure_reveals_a_link(
    backend: str, failure: str, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    resolving(monkeypatch, {"nowhere.example": "256.256.256.256"})
    timeouts = Timeouts(connect=0.2, read=0.2, write=0.2)
    transport: Any = "aiohttp" if backend == "aiohttp" else None
    http = Http("http://127.0.0.1:9", timeouts=timeouts, transport=transport, connections=2)
    async with aclosing(http), FAILURES[failure]() as place:
        with pytest.raises(SalesManagoError) as raised:
            await fetch(http, place)
    said = everything_said_by(raised.value)
    assert [secret for secret in SECRETS if secret in said] == []
    lines = "\n".join(log)
    assert [secret for secret in SECRETS if secret in lines] == []
