"""Answers are unpacked in small steps and within limits, whatever their unpacked size."""

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from salesmanago_async import SalesManago, Unreadable
from salesmanago_async.connection.http import LONGEST_ANSWER
from salesmanago_async.connection.unpacking import FREE_BYTES, STEP, Unpacker
from tests.connection.test_two_answers import BOTH_LOOPS, Serve, client, served

MB = 1024 * 1024


@cache
def bomb(megabytes: int, *, members: int = 1) -> bytes:
    return gzip.compress(b" " * (megabytes * MB), 6) * members


def unpacked(content: bytes, encoding: str | None, *, limit: int | None = None, piece: int = 64 * 1024) -> bytes:
    unpacker = Unpacker("host", encoding, limit=limit)
    found = b"".join(part for at in range(0, len(content), piece) for part in unpacker.pieces(content[at : at + piece]))
    unpacker.end()
    return found


TEXT = json.dumps([{"n": n} for n in range(50_000)]).encode()


@pytest.mark.sampled
@pytest.mark.parametrize("piece", [1, 7, 1000, 10**6])
@pytest.mark.parametrize(
    ("content", "encoding", "expected"),
    [
        (TEXT[:5000], None, TEXT[:5000]),
        (TEXT[:5000], "identity", TEXT[:5000]),
        (gzip.compress(TEXT), "gzip", TEXT),
        (gzip.compress(TEXT), " GZIP ", TEXT),
        (zlib.compress(TEXT), "deflate", TEXT),
        (gzip.compress(TEXT) + gzip.compress(b"more"), "x-gzip", TEXT + b"more"),
        (gzip.compress(TEXT) + b"\0\0\0", "gzip", TEXT),
        (gzip.compress(b" " * 3 * STEP), "gzip", b" " * 3 * STEP),
        (b"", "gzip", b""),
    ],
    ids=["plain", "identity", "gzip", "GZIP", "deflate", "two members", "zeros behind it", "blanks", "nothing"],
)
def test_compressed_content_is_unpacked(content: bytes, encoding: str | None, expected: bytes, piece: int) -> None:
    if piece > 1 or len(content) < 100_000:
        assert unpacked(content, encoding, piece=piece) == expected


@pytest.mark.parametrize(
    ("content", "encoding"),
    [(b"no gzip", "gzip"), (gzip.compress(TEXT)[:-5], "gzip"), (gzip.compress(TEXT)[:100], "gzip"), (b"x", "br")],
    ids=["no gzip", "cut at its end", "cut in the middle", "another encoding"],
)
def test_damaged_content_is_unreadable(content: bytes, encoding: str) -> None:
    with pytest.raises(Unreadable):
        unpacked(content, encoding)


def test_every_step_is_short() -> None:
    unpacker = Unpacker("host", "gzip")
    assert max(len(piece) for piece in unpacker.pieces(bomb(32))) <= STEP


def test_a_limit_is_enforced_within_one_step() -> None:
    found: list[int] = []
    with pytest.raises(Unreadable, match="5,242,880"):
        found.extend(len(piece) for piece in Unpacker("host", "gzip", limit=5 * MB).pieces(bomb(32)))
    assert sum(found) <= 5 * MB


@pytest.mark.ci
def test_a_file_may_be_large_but_not_a_bomb() -> None:
    assert len(unpacked(gzip.compress(TEXT * 200, 1), "gzip")) == len(TEXT * 200) > FREE_BYTES
    with pytest.raises(Unreadable, match="unpack"):
        for _ in Unpacker("host", "gzip").pieces(bomb(128)):
            pass


# Over a socket

over_each = pytest.mark.parametrize(("anyio_backend", "backend"), BOTH_LOOPS)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def answering(content: bytes, encoding: str, *, status: str = "200 OK") -> Serve:
    head = f"HTTP/1.1 {status}\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(content)}\r\n\r\n"

    async def serve(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            await stream.receive()
            try:
                await stream.send(head.encode())
                for at in range(0, len(content), MB):
                    await stream.send(content[at : at + MB])
                await stream.receive()
            except (anyio.BrokenResourceError, anyio.EndOfStream):
                pass

    return serve


@pytest.mark.ci
@pytest.mark.anyio
@over_each
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_an_endless_answer_is_cut_off_while_other_tasks_run(backend: str, encoding: str) -> None:
    content = bomb(64, members=40) if encoding == "gzip" else b" " * (LONGEST_ANSWER + 5 * MB)
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with (
        served(answering(content, encoding)) as url,
        client(url, backend) as sm,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(take_turns)
        assert await memory_of_asking(sm) < LONGEST_ANSWER + 16 * MB
        assert turns > 20
        tasks.cancel_scope.cancel()


async def memory_of_asking(sm: SalesManago) -> int:
    with traced() as peak, pytest.raises(Unreadable, match="more than"):
        await sm._connection.http.send("POST", "contact/hasContact", b"{}")
    return peak()


@contextmanager
def traced() -> Iterator[Callable[[], int]]:
    """Yield a function that returns the peak memory of the block."""
    peaks: list[int] = []
    tracemalloc.start()
    try:
        yield lambda: peaks[0]
        peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


@pytest.mark.anyio
@over_each
async def test_a_bomb_behind_a_link_is_rejected_without_using_memory(backend: str) -> None:
    async with served(answering(bomb(64, members=40), "gzip")) as url, client(url, backend) as sm:
        with traced() as peak, pytest.raises(Unreadable, match="unpack"):
            await download(sm, f"{url}/f")
    assert peak() < 16 * MB


async def download(sm: SalesManago, link: str) -> None:
    async with sm._connection.open(link) as download:
        async for _ in download.chunks:
            pass


@pytest.mark.anyio
@over_each
async def test_only_gzip_is_requested_and_read(backend: str) -> None:
    seen: list[bytes] = []
    content = gzip.compress(b'{"success":true,"result":true}')

    async def serve(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            seen.append(await stream.receive())
            await stream.send(
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(content) + content
            )

    async with served(serve) as url, client(url, backend) as sm:
        assert (await sm.call("contact/hasContact", {}))["result"] is True
    assert b"accept-encoding: gzip\r\n" in seen[0].lower()


# A redirect

LOCATION = "https://ann:secret@app3.example.com/api/contact/upsert?token=secret#secret"


@pytest.mark.anyio
@over_each
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("path", ["contact/addContactExtEvent", "contact/upsert"])
async def test_a_redirect_is_reported_and_leaves_nothing_in_doubt(backend: str, status: str, path: str) -> None:
    requests = 0

    async def serve(stream: anyio.abc.ByteStream) -> None:
        nonlocal requests
        async with stream:
            await stream.receive()
            requests += 1
            await stream.send(f"HTTP/1.1 {status}\r\nLocation: {LOCATION}\r\nContent-Length: 0\r\n\r\n".encode())

    async with served(serve) as url, client(url, backend) as sm:
        with pytest.raises(Unreadable) as raised:
            await sm.call(path, {})
    error: Any = raised.value
    assert (error.maybe_applied, error.in_doubt, error.status) == (False, False, int(status[:3]))
    assert "https://app3.example.com/api/contact/upsert; is base_url right?" in str(error)
    assert "secret" not in str(error)
    assert requests == 1


@pytest.mark.anyio
@over_each
async def test_a_redirected_run_leaves_nothing_in_doubt(backend: str) -> None:
    async def serve(stream: anyio.abc.ByteStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 308 Moved\r\nLocation: https://x.example/\r\nContent-Length: 0\r\n\r\n")

    row = {"email": "a@example.com", "contactExtEventType": "VISIT", "date": 1_700_000_000_000}
    async with served(serve) as url, client(url, backend, poll_interval=0.01) as sm:
        with pytest.raises(Unreadable, match=r"x\.example") as raised:  # as without any connection
            await sm.events.add_many([row] * 5, batch_size=2)
    assert raised.value.in_doubt is False
