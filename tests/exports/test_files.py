"""Readers of a file follow its download at their own pace, and leave nothing open."""

import errno
import json
import tempfile
from contextlib import aclosing
from pathlib import Path
from random import Random
from typing import IO, Any

import anyio
import httpx
import pytest

from salesmanago_async import JobFailed, LinkExpired, Unreadable
from salesmanago_async.exports.files import LONGEST_PIECE, Spooled, open_file, read_whole
from tests.conftest import MakeClient
from tests.exports.hosts import Body, Connect, Host, Hosts, Step, fetch, response, small_blocks
from tests.open_files import needs_proc, open_files

pytestmark = pytest.mark.anyio

CONTENT = bytes(range(200))
PIECES = [CONTENT[at : at + 10] for at in range(0, 200, 10)]


def sending(*bodies: Body, **headers: str) -> Hosts:
    """Return a host that answers with each body once."""

    def step(body: Body) -> Step:
        return lambda _: httpx.Response(200, headers=headers, stream=body)

    return Hosts([step(body) for body in bodies])


async def fresh_link() -> str:
    return "https://files.example.com/1"


def opening(connect: Connect, hosts: Hosts) -> Any:
    return open_file(connect(hosts)._connection, fresh_link)


async def reading(connect: Connect, hosts: Hosts, *, limit: int) -> bytes:
    return await read_whole(connect(hosts)._connection, fresh_link, limit=limit)


async def take(file: Spooled, got: list[bytes]) -> None:
    async with aclosing(file.pieces()) as pieces:
        async for piece in pieces:
            got.append(piece)  # noqa: PERF401 - what came before an error is kept


async def all_of(file: Spooled) -> list[bytes]:
    got: list[bytes] = []
    await take(file, got)
    return got


# Behind the download


async def test_a_slow_reader_never_holds_the_link_open(connect: Connect) -> None:
    body = Body(PIECES, seconds=1.0)
    got = b""
    async with opening(connect, sending(body)) as file:
        async for piece in file.pieces():
            got += piece
            await anyio.sleep(1000)
    assert got == CONTENT
    assert body.closed_at == 21.0


async def test_the_first_bytes_are_readable_before_the_last_arrive(connect: Connect) -> None:
    came: list[float] = []
    async with opening(connect, sending(Body(PIECES, seconds=10.0))) as file:
        async for _ in file.pieces():
            came.append(anyio.current_time())
            assert file.received == 10 * len(came)
    assert came == [10.0 * number for number in range(1, 21)]


async def test_records_are_readable_before_the_last_byte_arrives(connect: Connect) -> None:
    body = Body([b"[", *[b'{"n":1},' * 5000] * 20, b'{"n":2}]'], seconds=10.0)
    async with connect(sending(body)) as sm, sm.jobs.attach(1).records(raw=True) as records:
        assert await anext(aiter(records)) == {"n": 1}
        assert anyio.current_time() < 100.0


async def test_pieces_are_not_long(connect: Connect) -> None:
    content = bytes(3 * LONGEST_PIECE + 5)
    async with opening(connect, sending(Body([content]))) as file:
        await file.whole()
        assert [len(piece) for piece in await all_of(file)] == [LONGEST_PIECE] * 3 + [5]


async def test_several_may_read_the_same_file(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    small_blocks(monkeypatch, 30)
    got: dict[int, bytes] = {}

    async def take_slowly(file: Spooled, pause: int) -> None:
        taken = b""
        async for piece in file.pieces():
            taken += piece
            await anyio.sleep(pause)
        got[pause] = taken

    async with opening(connect, sending(Body(PIECES, seconds=1.0))) as file, anyio.create_task_group() as tasks:
        for pause in range(4):
            tasks.start_soon(take_slowly, file, pause)
    assert got == dict.fromkeys(range(4), CONTENT)


async def test_the_beginning_is_returned_as_soon_as_it_has_arrived(connect: Connect) -> None:
    async with opening(connect, sending(Body(PIECES, seconds=1.0))) as file:
        assert await file.beginning(4) == CONTENT[:4]
        assert anyio.current_time() == 1.0
        assert await file.beginning(25) == CONTENT[:25]
        assert anyio.current_time() == 3.0
        assert await file.beginning(1000) == CONTENT


@pytest.mark.parametrize("block", [30, 1000])
async def test_the_whole_file_is_there_when_the_download_has_ended(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    small_blocks(monkeypatch, block)
    async with opening(connect, sending(Body(PIECES, seconds=1.0))) as file:
        whole = await file.whole()
        assert anyio.current_time() == 21.0
        assert whole.read() == CONTENT
        assert await all_of(file)
        assert (await file.whole()).read() == CONTENT


async def test_received_and_total_bytes_are_reported(connect: Connect) -> None:
    async with opening(connect, sending(Body(PIECES, seconds=1.0), **{"Content-Length": "200"})) as file:
        assert (file.received, file.total) == (0, 200)
        await anyio.sleep(5.5)
        assert (file.received, file.total) == (50, 200)
    async with opening(connect, sending(Body(PIECES))) as file:
        assert file.total is None


async def test_an_empty_file_is_a_file(connect: Connect) -> None:
    async with opening(connect, Hosts([response(200, b"")])) as file:
        assert await all_of(file) == []
        assert (await file.whole()).read() == b""
        assert await file.beginning(4) == b""
    assert await reading(connect, Hosts([response(200, b"")]), limit=0) == b""


async def test_a_file_to_be_read_into_memory_has_a_limit(connect: Connect) -> None:
    assert await reading(connect, sending(Body(PIECES)), limit=200) == CONTENT
    with pytest.raises(Unreadable, match="199"):
        await reading(connect, sending(Body(PIECES)), limit=199)


# What goes wrong


async def test_an_error_of_opening_is_raised_when_opening(connect: Connect) -> None:
    with pytest.raises(LinkExpired):
        async with opening(connect, Hosts([response(403)])):
            pytest.fail("there is no file")


async def test_a_failed_job_is_raised_when_its_file_is_opened(make_client: MakeClient) -> None:
    failed = httpx.MockTransport(lambda _: httpx.Response(200, json={"success": False, "message": ["Job failed"]}))
    async with make_client(None, transport=failed) as sm:
        with pytest.raises(JobFailed):
            async with sm.jobs.attach(1).stream():
                pytest.fail("there is no file")


async def test_a_download_error_is_raised_after_all_earlier_bytes(connect: Connect) -> None:
    hosts = Hosts([Host(content=CONTENT, breaks=100), response(400)])
    async with opening(connect, hosts) as file:
        for _ in range(2):
            got: list[bytes] = []
            with pytest.raises(Unreadable):
                await take(file, got)
            assert b"".join(got) == CONTENT[:100]
        with pytest.raises(Unreadable):
            await file.whole()
        with pytest.raises(Unreadable):
            await file.beginning(101)
        assert await file.beginning(100) == CONTENT[:100]


async def test_a_reader_that_continues_after_the_block_gets_an_error(connect: Connect) -> None:
    for seconds in (0.0, 1.0):
        async with opening(connect, sending(Body(PIECES, seconds=seconds))) as file:
            pieces = file.pieces()
            await anext(pieces)
        with pytest.raises(anyio.ClosedResourceError):
            await anext(pieces)
        with pytest.raises(anyio.ClosedResourceError):
            await file.whole()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
async def test_a_full_disk_is_raised_in_the_reader(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[IO[bytes]] = []

    def full(*_: Any, **__: Any) -> IO[bytes]:
        opened.append(Path("/dev/full").open("r+b", buffering=0))  # noqa: SIM115 - the spool closes it
        return opened[0]

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    small_blocks(monkeypatch, 50)
    body = Body(PIECES)
    hosts = sending(body)
    async with connect(hosts) as sm:
        fetched = await fetch(sm)
    assert isinstance(fetched.error, OSError)
    assert (fetched.error.errno, fetched.error.filename) == (errno.ENOSPC, str(tmp_path))
    assert "download" in str(fetched.error)
    assert CONTENT.startswith(fetched.content)
    assert body.closed
    assert opened[0].closed
    assert len(hosts.fetched) == 1, "a full disk is not a fault of the network, so there is no retry"


# Leaving early

DELAYS = [number / 4 for number in range(90)]


@pytest.mark.sampled
@needs_proc
@pytest.mark.parametrize("block", [30, 1000])
async def test_leaving_at_any_moment_leaves_nothing_open(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    small_blocks(monkeypatch, block)
    before = open_files()
    for delay in DELAYS:
        body = Body(PIECES, seconds=1.0)
        async with opening(connect, sending(body)) as file:
            assert await file.beginning(1)
            await anyio.sleep(delay)
        assert body.closed
        assert open_files() == before


@pytest.mark.sampled
@needs_proc
@pytest.mark.parametrize("block", [30, 1000])
async def test_a_cancellation_at_any_moment_leaves_nothing_open(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    small_blocks(monkeypatch, block)
    random = Random(4)
    before = open_files()
    for delay in DELAYS:
        bodies = [Body(PIECES, seconds=1.0, error=httpx.ReadError("reset")), Body(PIECES, seconds=1.0)]
        hosts = sending(*bodies)
        with anyio.move_on_after(delay + random.random()) as scope:
            async with opening(connect, hosts) as file, aclosing(file.pieces()) as pieces:
                async for _ in pieces:
                    await anyio.sleep(random.random())
        assert scope.cancelled_caught
        assert all(body.closed for body in bodies[: len(hosts.bodies)])
        assert open_files() == before


@needs_proc
async def test_waiting_for_the_job_can_be_cancelled(make_client: MakeClient) -> None:
    running = httpx.MockTransport(lambda _: httpx.Response(200, json={"success": True, "message": ["running"]}))
    async with make_client(None, transport=running) as sm:
        with anyio.move_on_after(1000) as scope:
            async with sm.jobs.attach(1).stream():
                pytest.fail("there is no file")
    assert scope.cancelled_caught
    assert anyio.current_time() == 1000.0


class Mine(BaseException):
    """Raised only by these tests."""


GROUP = ExceptionGroup("mine", [ValueError("one")])


@pytest.mark.parametrize("error", [ValueError("mine"), GROUP, Mine(), SystemExit(3), StopAsyncIteration()], ids=repr)
async def test_an_error_of_the_reader_is_raised_unchanged(connect: Connect, error: BaseException) -> None:
    body = Body(PIECES, seconds=1.0)
    caught: BaseException | None = None
    try:
        async with opening(connect, sending(body)) as file:
            await file.beginning(1)
            raise error
    except BaseException as raised:
        caught = raised
    assert caught is error
    assert body.closed


async def test_a_group_of_tasks_may_read_in_the_block(connect: Connect) -> None:
    """A cancellation of the group does not affect the file."""
    async with opening(connect, sending(Body(PIECES, seconds=1.0))) as file:
        with anyio.move_on_after(5.5) as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(all_of, file)
                tasks.start_soon(all_of, file)
        assert scope.cancelled_caught
        assert b"".join(await all_of(file)) == CONTENT


@needs_proc
async def test_many_small_files_together_need_no_descriptors(connect: Connect) -> None:
    content = json.dumps([{"n": n} for n in range(1000)]).encode()
    before = open_files()
    most = 0

    async def one(hosts: Hosts) -> None:
        nonlocal most
        async with opening(connect, hosts) as file:
            assert len(await file.beginning(100_000)) == len(content)
            most = max(most, open_files())

    async with anyio.create_task_group() as tasks:
        for _ in range(200):
            tasks.start_soon(one, Hosts([response(200, content)]))
    assert most == before
