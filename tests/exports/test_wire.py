"""Downloads over a real socket with resets, cuts and stalls, in real time and small pieces."""

import asyncio
import gzip
import json
import re
import socket
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any, Literal

import pytest
from attrs import define, field, frozen

from salesmanago_async import Job, Retries, SalesManago, Timeouts
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER
from tests.conftest import in_ci
from tests.connection.backends import EACH, MAKERS, OURS
from tests.open_files import needs_proc, open_files
from tests.serving import listening

pytestmark = pytest.mark.asyncio

RECORDS = [{"n": n, "text": "},{" * (n % 9), "noise": Random(n).randbytes(20).hex()} for n in range(25_000)]
CONTENT = json.dumps(RECORDS).encode()
"""About 2 MB, so that it does not fit into the buffers of the sockets."""

over_each = pytest.mark.parametrize("backend", EACH)

End = Literal["whole", "reset", "closed", "stalled"]


@frozen(kw_only=True)
class Answer:
    """How a request for the file is answered: `sent` bytes of the body (None: all), and then that `end`."""

    sent: int | None = None
    end: End = "reset"
    framing: Literal["length", "chunks", "none"] = "length"
    etag: str | None = '"one"'
    packed: bool = False


WHOLE = Answer(end="whole")


@define
class Server:
    """An account with a finished job, and its file, on a local socket; the last answer is repeated."""

    answers: list[Answer]
    url: str = ""
    asked: list[str | None] = field(factory=list)
    open_connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): text for name, text in (line.split(": ", 1) for line in head[1:] if line)}
                await reader.readexactly(int(headers.get("content-length", 0)))
                if not await self._answer(head[0].split()[1], headers, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open_connections -= 1
            writer.close()

    async def _answer(self, target: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> bool:
        if target == "/api/job/status":
            body = json.dumps({"success": True, "message": [], "fileUrl": f"{self.url}/file"}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            return True
        self.asked.append(headers.get("range"))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await _send_file(answer, headers, writer)


async def _send_file(answer: Answer, headers: dict[str, str], writer: asyncio.StreamWriter) -> bool:
    asked = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
    start = int(asked[1]) if asked and headers.get("if-range") == answer.etag else 0
    content = gzip.compress(CONTENT, 1) if answer.packed else CONTENT[start:]
    writer.write(_head(answer, start, len(content)))
    sent = content[: answer.sent]
    for at in range(0, len(sent), 50_000):
        piece = sent[at : at + 50_000]
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if answer.framing == "chunks" else piece)
        await writer.drain()
    if answer.end == "whole" and answer.framing == "chunks":
        writer.write(b"0\r\n\r\n")
    if answer.end == "stalled":
        await asyncio.sleep(60)
    if answer.end == "reset":
        reset_at_close = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset_at_close)
        writer.transport.abort()
    return answer.end == "whole" and answer.framing != "none"


def _head(answer: Answer, start: int, length: int) -> bytes:
    lines = ["HTTP/1.1 206 Partial Content" if start else "HTTP/1.1 200 OK"]
    framing = {"length": f"Content-Length: {length}", "chunks": "Transfer-Encoding: chunked", "none": ""}
    lines += [framing[answer.framing]]
    lines += [f"Content-Range: bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"] if start else []
    lines += [f"ETag: {answer.etag}"] if answer.etag else []
    lines += ["Content-Encoding: gzip"] if answer.packed else []
    return "\r\n".join([*filter(None, lines), "", ""]).encode()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@asynccontextmanager
async def running(*answers: Answer) -> AsyncGenerator[Server]:
    server = Server(list(answers))
    async with listening(server.serve) as server.url:
        yield server


def client(server: Server, **options: Any) -> SalesManago:
    chosen = {
        "owner": DEMO_OWNER,
        "retries": Retries(first_wait=0.01),
        "timeouts": Timeouts(connect=5, read=5, write=5),
    }
    return SalesManago(DEMO_CREDENTIALS, base_url=server.url, **{**chosen, **options})


async def content_of(job: Job[Any]) -> bytes:
    async with job.stream() as chunks:
        return b"".join([chunk async for chunk in chunks])


async def until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds; closing takes both sides a while."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


@over_each
@pytest.mark.parametrize("etag", ['"one"', None], ids=["parts", "no parts"])
async def test_connection_resets_at_random_places_are_harmless(backend: str, etag: str | None) -> None:
    random = Random(5)
    places = [random.randrange(len(CONTENT) // 3) for _ in range(4)]
    answers = [Answer(sent=place, etag=etag) for place in (places if etag else sorted(places))]
    async with (
        running(*answers, Answer(end="whole", etag=etag)) as server,
        client(server, transport=MAKERS[backend]()) as sm,
    ):
        assert await content_of(sm.jobs.attach(1)) == CONTENT
    assert len(server.asked) == 5
    assert any(server.asked[1:]) is (etag is not None)


BREAKS = {
    "shorter than it promised": Answer(sent=900_000, end="closed"),
    "without its last chunk": Answer(sent=900_000, end="closed", framing="chunks"),
    "reset between chunks": Answer(sent=900_000, framing="chunks"),
    "reset, without a length": Answer(sent=900_000, framing="none"),
    "stalled": Answer(sent=900_000, end="stalled"),
    "stalled at once": Answer(sent=0, end="stalled"),
    "packed and reset": Answer(sent=100_000, packed=True),
    "packed and closed": Answer(sent=100_000, packed=True, end="closed"),
}


@pytest.mark.sampled
@pytest.mark.parametrize("backend", [*OURS, *in_ci("a transport of httpx", "a transport of httpx2")])
@pytest.mark.parametrize("name", BREAKS)
async def test_a_file_that_breaks_in_any_way_is_resumed(name: str, backend: str) -> None:
    options = {"timeouts": Timeouts(connect=5, read=0.1, write=5), "transport": MAKERS[backend]()}
    async with (
        running(BREAKS[name], WHOLE) as server,
        client(server, **options) as sm,
        sm.jobs.attach(1).records() as records,
    ):
        assert [record async for record in records] == RECORDS
    assert len(server.asked) == 2
    assert bool(server.asked[1]) is (not BREAKS[name].packed and BREAKS[name].sent != 0)


@over_each
@pytest.mark.parametrize("framing", ["length", "chunks", "none"])
@pytest.mark.parametrize("packed", [True, False])
async def test_a_file_is_whole_in_any_transfer_encoding(framing: Any, packed: bool, backend: str) -> None:
    answer = Answer(end="whole", framing=framing, packed=packed)
    async with running(answer) as server, client(server, transport=MAKERS[backend]()) as sm:
        assert await content_of(sm.jobs.attach(1)) == CONTENT
    assert server.asked == [None]


@over_each
async def test_a_slow_reader_does_not_keep_the_host_waiting(backend: str) -> None:
    async with (
        running(Answer(end="whole", framing="none")) as server,
        client(server, transport=MAKERS[backend]()) as sm,
        sm.jobs.attach(1).stream() as chunks,
    ):
        first = await anext(aiter(chunks))
        await until(lambda: server.open_connections == 0)
        assert first + b"".join([chunk async for chunk in chunks]) == CONTENT


@needs_proc
@over_each
async def test_leaving_early_closes_the_connection_and_the_file(backend: str) -> None:
    stalled = Answer(sent=900_000, end="stalled")
    async with running(stalled) as server, client(server, transport=MAKERS[backend]()) as sm:
        await sm.jobs.attach(1).status()
        before, tasks = open_files(), len(asyncio.all_tasks())
        async with sm.jobs.attach(1).records() as records:
            assert await anext(aiter(records)) == RECORDS[0]
        await until(lambda: open_files() <= before + 1 and len(asyncio.all_tasks()) <= tasks + 1)  # the server's last


@needs_proc
@over_each
# a cancellation at the very moment of connecting: asyncio leaves that socket to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_native_asyncio_cancellation_closes_everything(backend: str) -> None:
    random = Random(6)
    answers = (Answer(sent=900_000), Answer(end="whole", etag=None))
    async with running(*answers) as server, client(server, transport=MAKERS[backend]()) as sm:
        await sm.jobs.attach(1).status()
        before, tasks = open_files(), len(asyncio.all_tasks())
        for _ in range(30):
            with suppress(TimeoutError):
                async with asyncio.timeout(random.uniform(0.0, 0.03)):
                    await content_of(sm.jobs.attach(1))
        # a connection may stay open for reuse: two sockets, and the task of the server
        await until(lambda: open_files() <= before + 2 and len(asyncio.all_tasks()) <= tasks + 1)


@needs_proc
@over_each
async def test_many_concurrent_downloads_leave_nothing_open(backend: str) -> None:
    async with running(Answer(sent=1_000_000), WHOLE) as server:
        before = open_files()
        async with client(server, transport=MAKERS[backend]()) as sm:
            got = await asyncio.gather(*(content_of(sm.jobs.attach(number)) for number in range(12)))
        assert [content == CONTENT for content in got] == [True] * 12
        await until(lambda: open_files() == before)
