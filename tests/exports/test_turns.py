"""No file blocks the event loop: any content is read in short steps, or ends soon with an error."""

import gc
import time
import zlib
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager, closing, suppress
from typing import Any, cast

import anyio
import pytest

from salesmanago_async import Credentials, SalesManago, Unreadable
from salesmanago_async.exports import contents
from salesmanago_async.exports.damage import DamageCounter
from salesmanago_async.exports.files import Spooled
from salesmanago_async.exports.records import MOST_BLANKS
from salesmanago_async.exports.shapes import as_it_is
from tests.serving import listening

LONGEST_STEP = 1.0
"""Seconds of this thread's work without a checkpoint; the time of other programs does not count."""

MB = 1024 * 1024
PIECE = 256 * 1024

pytestmark = [pytest.mark.ci, pytest.mark.anyio]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Real time, because it is measured."""
    return str(request.param)


class File:
    """A file in memory, in pieces of 256 KB."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts

    async def beginning(self, length: int) -> bytes:
        return b"[" * length

    async def pieces(self) -> AsyncGenerator[bytes]:
        for part in self._parts:
            for start in range(0, len(part), PIECE):
                yield part[start : start + PIECE]


@asynccontextmanager
async def heartbeat() -> AsyncGenerator[None]:
    """Fail if another task could not run for long."""
    gaps: list[float] = []
    gc.collect()
    gc.freeze()  # keep the garbage of earlier tests out of the measurement

    async def beat() -> None:
        last = time.thread_time()
        while True:
            await anyio.sleep(0.01)
            gaps.append(time.thread_time() - last)
            last = time.thread_time()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(beat)
        await anyio.sleep(0.02)
        try:
            yield
        finally:
            await anyio.sleep(0.02)
            tasks.cancel_scope.cancel()
            gc.unfreeze()
    assert max(gaps) < LONGEST_STEP


async def count(parts: Iterable[bytes]) -> tuple[int, DamageCounter]:
    """Return the number of records of a file, and its damage."""
    damage = DamageCounter()
    found = 0
    async with aclosing(contents.batches(cast("Spooled", File(parts)), as_it_is, damage=damage)) as batches:
        async for batch in batches:
            found += len(batch)
    return found, damage


def blanks(length: int) -> Iterator[bytes]:
    for _ in range(length // MB):
        yield b" \n" * (MB // 2)


RECORD = b'{"n":1,"list":[{"a":"b"},{"c":[1,2,3]}]}'


@pytest.mark.parametrize(
    "before",
    [b"", b"[", b"[" + RECORD, b"[" + RECORD + b","],
    ids=["first", "inside", "after a record", "after a comma"],
)
async def test_eight_megabytes_of_blanks_are_skipped(before: bytes) -> None:
    after = {b"": b"[" + RECORD, b"[": RECORD, b"[" + RECORD: b"," + RECORD, b"[" + RECORD + b",": RECORD}[before]
    async with heartbeat():
        found, _ = await count([before, *blanks(8 * MB), after, b"]"])
    assert found == (2 if RECORD in before else 1)


@pytest.mark.parametrize("before", [b"", b"[" + RECORD, b"[", b"[" + RECORD + b",", b"[" + RECORD + b"]"])
async def test_endless_blanks_are_an_error(before: bytes) -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        yield before
        for part in blanks(1500 * MB):
            read += len(part)
            yield part

    async with heartbeat():
        with pytest.raises(Unreadable, match="white space"):
            await count(endless())
    assert read <= MOST_BLANKS + 4 * MB


@pytest.mark.parametrize("gap", [b" " * 3, b"\n" * 2000, b" " * 100_000], ids=len)
async def test_blanks_between_all_records_are_skipped_quickly(gap: bytes) -> None:
    records = [(RECORD + gap + b"," + gap) * max(1, 100_000 // len(gap))] * 6
    async with heartbeat():
        found, _ = await count([b"[", *records, RECORD, b"]"])
    assert found == 6 * max(1, 100_000 // len(gap)) + 1


LARGE: dict[str, list[bytes]] = {
    "of text": [b'{"t":"', *[b"x" * MB] * 15, b'"}'],
    "of escapes": [b'{"t":"', *[b'\\"' * (MB // 2)] * 14, b'"}'],
    "of objects": [b'{"t":[', *[(RECORD + b",") * 20_000] * 5, b"1]}"],
    "of lists": [b'{"t":[', *[b"[]," * (MB // 3)] * 4, b"1]}"],
    "of damage": [b'{"t":"', *[b"x\xff" * (MB // 8)] * 32, b'"}'],
}


@pytest.mark.parametrize("kind", ["of objects", "of damage", "of text", "of escapes", "of lists"])
async def test_a_large_record_is_read_in_short_steps(kind: str) -> None:
    async with heartbeat():
        found, damage = await count([b"[", RECORD, b",", *LARGE[kind], b",", *LARGE[kind], b",", RECORD, b"]"])
    assert found == 4
    assert bool(damage.damage) == (kind == "of damage")


@pytest.mark.parametrize(
    "endless",
    [
        b'{"t":"' + b"x" * MB,
        b"[" * MB,
        b'{"t":[' + b"[]," * MB,
        b"1" * MB,
        b'"' + b"\xff" * MB,
        b'{"a":' * (MB // 5),
    ],
    ids=["text", "brackets", "lists", "digits", "damage", "objects"],
)
async def test_endless_content_ends_with_an_error_in_short_steps(endless: bytes) -> None:
    async with heartbeat():
        with pytest.raises(Unreadable):
            await count([b"[", RECORD, b",", *[endless] * 18])


async def test_a_file_that_is_damaged_everywhere_is_read_in_short_steps() -> None:
    record = b'{"n":1,"t":"\xff\xff","list":[{"a":"b"},{"c":[1,2,3]}]},'
    async with heartbeat():
        found, damage = await count([b"[", *[record * 5000] * 8, RECORD, b"]"])
    assert (found, damage.damage.count) == (40_001, 80_000)


def packed_blanks(length: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([packer.compress(b"["), *(packer.compress(part) for part in blanks(length)), packer.flush()])


@pytest.mark.parametrize("transport", [None, "aiohttp"])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_compressed_file_of_blanks_ends_soon_with_an_error(transport: Any) -> None:
    content = packed_blanks(300 * MB)

    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        with closing(writer), suppress(IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode("latin-1").lower().split("\r\n")
                await reader.readexactly(
                    next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)
                )
                packing, body = (b"", b'{"success":true,"fileUrl":"%b/file"}' % address.encode())
                if head.startswith(b"GET"):
                    packing, body = b"Content-Encoding: gzip\r\n", content
                writer.write(b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n" % (packing, len(body)) + body)
                await writer.drain()

    credentials = Credentials(client_id="c", api_key="k", api_secret="s")
    async with (
        listening(serve) as address,
        SalesManago(credentials, owner="o@example.com", base_url=address, transport=transport) as sm,
    ):
        with anyio.fail_after(30), pytest.raises(Unreadable, match="white space"):
            async with sm.jobs.attach(1).records() as records:
                _ = [record async for record in records]
