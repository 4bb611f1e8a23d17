"""`Seen` remembers what was handled, up to its limit."""

import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from salesmanago_async import Invalid
from salesmanago_async.integrations.livechat import Seen

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["in memory", "in a file"])
def seen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Seen]:
    with closing(Seen(tmp_path / "seen.db" if request.param == "in a file" else None, limit=3)) as opened:
        yield opened


async def test_added_keys_are_found(seen: Seen) -> None:
    assert not await seen.has("a")
    await seen.add("a")
    await seen.add("a")
    assert await seen.has("a")
    assert not await seen.has("A")


async def test_the_oldest_keys_are_forgotten(seen: Seen) -> None:
    for key in "aabcd":
        await seen.add(key)
    assert [await seen.has(key) for key in "abcd"] == [False, True, True, True]


async def test_a_file_is_bounded(tmp_path: Path) -> None:
    with closing(Seen(tmp_path / "seen.db", limit=5)) as seen:
        for number in range(50):
            await seen.add(str(number))
    with closing(sqlite3.connect(tmp_path / "seen.db")) as database:
        kept = [key for (key,) in database.execute("SELECT key FROM seen ORDER BY number")]
    assert kept == ["45", "46", "47", "48", "49"]


async def test_a_file_survives_its_object(tmp_path: Path) -> None:
    with closing(Seen(tmp_path / "seen.db")) as first:
        await first.add("a")
        with closing(Seen(tmp_path / "seen.db")) as second:  # for example in another process
            assert await second.has("a")
            await second.add("b")
        assert await first.has("b")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
async def test_a_file_is_readable_only_by_its_owner(tmp_path: Path) -> None:
    with closing(Seen(tmp_path / "seen.db")) as seen:
        await seen.add("a")
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database, but long enough to be looked at as one" * 100)
    with closing(sqlite3.connect(tmp_path / "other.db")) as database:
        database.execute("CREATE TABLE somebody (else_ TEXT)")
    for name in ("text.db", "other.db", "no/folder.db", "."):
        with pytest.raises(Invalid):
            Seen(tmp_path / name)
    with closing(sqlite3.connect(tmp_path / "other.db")) as database:
        assert [name for (name,) in database.execute("SELECT name FROM sqlite_master")] == ["somebody"]


async def test_without_a_file_nothing_needs_closing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "connect", lambda *_, **__: pytest.fail("a database was opened"))
    seen = Seen()
    await seen.add("a")
    assert await seen.has("a")


def test_a_limit_of_zero_is_refused() -> None:
    with pytest.raises(Invalid, match="limit"):
        Seen(limit=0)
