"""Test doubles for downloads: an account with a finished job, and the hosts of its file."""

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from attrs import define, field, frozen

from salesmanago_async import SalesManago
from salesmanago_async.exports._spool import Spool

FILES = "https://files.example.com"
NO_LINKS = ("https://[files.example.com", "https://files.example.com:port", "https://a\nb", "?")
"""Links of a server that are no addresses."""

Step = Callable[[httpx.Request], httpx.Response] | Exception
Connect = Callable[..., SalesManago]


class Body(httpx.AsyncByteStream):
    """A body in these pieces, each after `seconds`, optionally followed by an error; it records when it was closed.

    It is not a generator, so that the tests themselves leak none.
    """

    def __init__(self, pieces: list[bytes], *, error: Exception | None = None, seconds: float = 0.0) -> None:
        self.pieces, self.error, self.seconds = list(pieces), error, seconds
        self.closed_at: float | None = None

    @property
    def closed(self) -> bool:
        return self.closed_at is not None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await anyio.sleep(self.seconds)
        if self.pieces:
            return self.pieces.pop(0)
        raise self.error or StopAsyncIteration

    async def aclose(self) -> None:
        if self.pieces:
            await anyio.lowlevel.checkpoint()  # closing takes a round trip
        self.closed_at = self.closed_at or anyio.current_time()


def response(status: int = 200, content: bytes = b"", **headers: str) -> Step:
    """Return a function that creates an answer for each request, with a body in one piece."""
    promised = {"Content-Length": str(len(content)), **{name.replace("_", "-"): text for name, text in headers.items()}}
    return lambda _: httpx.Response(status, headers=promised, stream=Body([content]))


@frozen(kw_only=True)
class Host:
    """Answers with `content`, in small pieces, or with the requested part, as RFC 9110 defines.

    `breaks` is the number of bytes of the body after which the connection breaks, `longest` the most bytes that are
    sent. `promises` says whether the answer has a Content-Length.
    """

    content: bytes
    etag: str | None = '"one"'
    has_parts: bool = True
    promises: bool = True
    breaks: int | None = None
    longest: int | None = None
    piece: int = 7

    def __call__(self, request: httpx.Request) -> httpx.Response:
        start = self._start(request)
        headers = {"ETag": self.etag} if self.etag else {}
        if start is not None and start >= len(self.content):
            headers["Content-Range"] = f"bytes */{len(self.content)}"
            return httpx.Response(416, headers=headers, stream=Body([]))
        end = len(self.content) if start is None or self.longest is None else start + self.longest
        body = self.content[start or 0 : end]
        if start is not None:
            headers["Content-Range"] = f"bytes {start}-{start + len(body) - 1}/{len(self.content)}"
        if self.promises:
            headers["Content-Length"] = str(len(body))
        return httpx.Response(200 if start is None else 206, headers=headers, stream=self._body(body))

    def _start(self, request: httpx.Request) -> int | None:
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        is_same = self.etag is not None and request.headers.get("if-range", self.etag) == self.etag
        return int(asked[1]) if asked and is_same and self.has_parts else None

    def _body(self, content: bytes) -> Body:
        sent = content if self.breaks is None else content[: self.breaks]
        pieces = [sent[at : at + self.piece] for at in range(0, len(sent), self.piece)]
        return Body(pieces, error=None if self.breaks is None else httpx.ReadError("reset"))


@define
class Hosts(httpx.AsyncBaseTransport):
    """An account with a finished job, and file hosts that answer from a script and repeat the last answer.

    Each poll of the job reports a new link: /1, /2, …
    """

    script: list[Step]
    link: str = FILES
    at: list[float] = field(factory=list)
    fetched: list[httpx.Request] = field(factory=list)
    bodies: list[Any] = field(factory=list)
    polls: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/job/status":
            self.polls += 1
            answer = {"success": True, "message": [], "fileUrl": f"{self.link}/{self.polls}?signature=s"}
            return httpx.Response(200, json=answer, headers={"Set-Cookie": "session=s3cret; Path=/"})
        self.at.append(anyio.current_time())
        self.fetched.append(request)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, Exception):
            raise step
        answered = step(request)
        self.bodies.append(answered.stream)
        return answered

    @property
    def paths(self) -> list[str]:
        return [request.url.path for request in self.fetched]

    @property
    def ranges(self) -> list[str | None]:
        return [request.headers.get("range") for request in self.fetched]


async def read(sm: SalesManago) -> list[Any]:
    """Return the records of the job's file."""
    async with sm.jobs.attach(1).records() as records:
        return [record async for record in records]


@define
class Fetched:
    """The bytes that a reader received, and the error that ended the reading, if there was one."""

    content: bytes = b""
    error: Exception | None = None


async def fetch(sm: SalesManago) -> Fetched:
    """Read the bytes of the job's file up to their end, or to an error."""
    fetched = Fetched()
    try:
        async with sm.jobs.attach(1).stream() as chunks:
            async for chunk in chunks:
                fetched.content += chunk
    except Exception as error:
        fetched.error = error
    return fetched


def small_blocks(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """Make spools write blocks of this size to the disk."""
    monkeypatch.setattr("salesmanago_async.exports.files.Spool", lambda: Spool(block=block))
