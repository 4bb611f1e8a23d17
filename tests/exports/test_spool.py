"""A spool returns the appended bytes, while more are appended; it has no name, and disappears when it is closed."""

import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import IO, Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async.exports._spool import Spool
from tests.conftest import examples
from tests.open_files import needs_proc, open_files

pytestmark = pytest.mark.anyio


def content_of(length: int) -> bytes:
    return bytes(number % 251 for number in range(length))


@settings(deadline=None, max_examples=examples(60))
@given(
    st.lists(st.integers(0, 40), max_size=12),
    st.integers(1, 64),
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=8),
)
def test_any_range_is_read_as_it_was_appended(sizes: list[int], block: int, stretches: list[tuple[int, int]]) -> None:
    async def run() -> None:
        spool = Spool(block=block)
        expected = b""
        for size in sizes:
            expected += (added := content_of(len(expected) + size)[len(expected) :])
            await spool.append(added)
            assert spool.length == len(expected)
            for offset, most in stretches:
                assert await spool.read(offset, most) == expected[offset : offset + most]
        assert (await spool.whole()).read() == expected
        assert await spool.read(0, 1000) == expected
        await spool.aclose()

    anyio.run(run)


async def test_a_spool_is_read_while_it_is_written() -> None:
    """A range that moves to the disk while it is read is neither lost nor read twice."""
    expected = content_of(50_000)
    spool = Spool(block=1000)

    async def append() -> None:
        for at in range(0, len(expected), 300):
            await spool.append(expected[at : at + 300])

    got = b""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(append)
        while len(got) < len(expected):
            got += await spool.read(len(got), 777)
            await anyio.lowlevel.checkpoint()
    await spool.aclose()
    assert got == expected


async def test_the_whole_file_is_seekable_and_at_its_beginning() -> None:
    for block in (10, 1000):
        spool = Spool(block=block)
        await spool.append(b"0123456789abc")
        for _ in range(2):
            file = await spool.whole()
            assert file.read(4) == b"0123"
            assert file.seek(-2, os.SEEK_END) == 11
            assert file.read() == b"bc"
        await spool.aclose()


async def test_a_small_file_is_never_written_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", None)
    spool = Spool(block=100)
    await spool.append(b"x" * 99)
    assert await spool.read(0, 200) == b"x" * 99
    assert (await spool.whole()).read() == b"x" * 99
    await spool.aclose()


async def test_memory_holds_less_than_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(block=100)
    for _ in range(1000):
        await spool.append(b"x" * 7)
        assert len(spool._tail) < 100
    await spool.aclose()


@needs_proc
async def test_the_file_has_no_name_and_only_its_owner_reads_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = open_files()
    spool = Spool(block=1)
    await spool.append(b"secret")
    about = os.fstat((await spool.whole()).fileno())
    assert stat.S_IMODE(about.st_mode) == 0o600
    assert about.st_nlink == 0
    assert about.st_dev == tmp_path.stat().st_dev
    assert list(tmp_path.iterdir()) == []
    assert open_files() == before + 1
    await spool.aclose()
    assert open_files() == before


async def test_a_spool_is_closed_even_if_the_task_is_cancelled() -> None:
    spool = Spool(block=1)
    await spool.append(b"content")
    file = await spool.whole()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await spool.aclose()
    assert file.closed


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
async def test_a_full_disk_error_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: Any, **__: Any) -> IO[bytes]:
        return Path("/dev/full").open("r+b", buffering=0)

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spool = Spool(block=10)
    with pytest.raises(OSError, match="No space left on device, where the download is kept") as raised:
        await spool.append(b"x" * 10)
    await spool.aclose()
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(tmp_path))


async def test_a_missing_folder_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    spool = Spool(block=10)
    with pytest.raises(FileNotFoundError) as raised:
        await spool.append(b"x" * 10)
    await spool.aclose()
    assert raised.value.filename == str(tmp_path / "missing")
