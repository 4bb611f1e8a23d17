"""Exports from a simulator with faults: all records, each once, or an error that says what is wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from attrs import frozen

from salesmanago_async import LinkExpired, NoAnswer, SalesManagoError, ServerFault, Unreadable
from salesmanago_async.simulator import Fault
from tests.exports.harness import KINDS, Export, World, world

pytestmark = pytest.mark.anyio

# All faults


@frozen
class Scenario:
    """Faults, written as on the command line, and the result of the export: all records, or that error."""

    faults: Sequence[str]
    error: type[SalesManagoError] | None = None
    says: str = ""


CUT = "truncated,path=files,after=100,at=1"

SCENARIOS: dict[str, Scenario] = {
    "nothing": Scenario([]),
    # The link expires
    "the link is dead once": Scenario(["expired,at=1"]),
    "two links are dead": Scenario(["expired,at=1-2"]),
    "all links are dead": Scenario(["expired"], LinkExpired, "403"),
    "the link dies on the way": Scenario(["expired,after=100,at=1"]),
    "the link dies before the first byte": Scenario(["expired,after=0,at=1"]),
    "every link dies on the way": Scenario(["expired,after=100"]),
    "every link dies before the first byte": Scenario(["expired,after=0"], NoAnswer),
    "the answer takes too long": Scenario(["slow,path=files,seconds=400,at=1"]),
    # The connection breaks
    "cut": Scenario([CUT]),
    "cut in the middle": Scenario(["truncated,path=files,at=1"]),
    "cut again and again": Scenario(["truncated,path=files,after=100"]),
    "cut before the first byte, for ever": Scenario(["truncated,path=files,after=0"], NoAnswer),
    "reset before anything": Scenario(["reset-before,path=files,at=1"]),
    "reset on the way": Scenario(["reset-after,path=files,after=100,at=1"]),
    "reset again and again": Scenario(["reset-after,path=files,after=100"]),
    "reset before anything, for ever": Scenario(["reset-before,path=files"], NoAnswer),
    "a trickle": Scenario(["trickle,path=files,seconds=50"]),
    "it stalls": Scenario(["trickle,path=files,seconds=100,at=1"]),
    "it stalls for ever": Scenario(["trickle,path=files,seconds=100"], NoAnswer),
    # The host is in trouble
    "busy": Scenario(["503,path=files,retry-after=20,at=1"]),
    "busy on the way": Scenario([CUT, "503,path=files,retry-after=20,at=2"]),
    "busy for ever": Scenario(["503,path=files"], ServerFault, "503"),
    "polls that fail": Scenario(["500,path=job/status,at=1-2"]),
    # The length is wrong
    "more is promised": Scenario(["wrong-length,path=files,by=10,at=1"]),
    "more is promised for ever": Scenario(["wrong-length,path=files,by=10"], NoAnswer),
    "less is promised": Scenario(["wrong-length,path=files,by=-10"], Unreadable, "cut"),
    # The content is wrong
    "a page": Scenario(["other-file,how=page"], Unreadable, "<html>"),
    "a page on the way": Scenario([CUT, "other-file,how=page,at=2"]),
    "a page on the way, for ever": Scenario([CUT, "other-file,how=page,at=2-"], Unreadable, "another file"),
    "garbage": Scenario(["garbled,path=files"], Unreadable, "not a JSON array"),
    "garbage inside": Scenario(["garbled,path=files,after=100"], Unreadable, "damaged"),
    "garbage on the way": Scenario([CUT, "garbled,path=files,at=2"], Unreadable, "damaged"),
    "a bomb": Scenario(["other-file,how=bomb"], Unreadable, "more than 200 to one"),
    # Another file
    "another file": Scenario([CUT, "other-file,how=reordered,at=2-"], Unreadable, "another file"),
    "another file for a while": Scenario([CUT, "other-file,how=reordered,at=2"]),
    "another file by a fresh link": Scenario(
        ["expired,after=100,at=1", "other-file,how=reordered,at=3-"], Unreadable, "another file"
    ),
    # A wrong answer to a range
    **{
        f"wrong range, {how}": Scenario([CUT, f"wrong-range,how={how},at=2"])
        for how in ("ignored", "start", "total", "version")
    },
    **{
        f"wrong range, {how}, for ever": Scenario(
            [CUT, "truncated,path=files,after=120,at=3", f"wrong-range,how={how}"]
        )
        for how in ("ignored", "start", "total", "version")
    },
}


@pytest.mark.sampled
@pytest.mark.parametrize("name", SCENARIOS)
async def test_all_records_come_each_once_or_an_error(name: str) -> None:
    scenario = SCENARIOS[name]
    async with world(5) as five:
        for kind in KINDS:
            export = await five.export(kind, *map(Fault.parse, scenario.faults))
            if scenario.error is None:
                assert is_whole(five, kind, export)
            else:
                assert is_broken(five, kind, export, scenario.error)
                assert scenario.says in str(export.error)
            await anyio.sleep(1)
            assert five.wire.open_connections == 0


def is_whole(world: World, kind: str, export: Export) -> bool:
    return (export.records, export.error) == (world.account.records[kind], None)


def is_broken(world: World, kind: str, export: Export, error: type[Exception] = Unreadable) -> bool:
    """Return whether there was an error, and before it some of the first records, but not all."""
    known = world.account.records[kind]
    return isinstance(export.error, error) and export.records == known[: len(export.records)] != known


async def test_a_name_in_an_archive_is_never_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "one" / "two"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    async with world(5) as five:
        for kind in KINDS:
            assert is_whole(five, kind, await five.export(kind, Fault("other-file", how="outside")))
            await five.job(kind).save("x.jsonl")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["one", "two", "x.jsonl"]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_rest_of_the_same_version_is_requested_after_a_break(kind: str) -> None:
    async with world(2) as two:
        assert is_whole(two, kind, await two.export(kind, Fault.parse("expired,after=100,at=1")))
        first, dead, fresh = two.wire.asked
    assert "range" not in first.headers
    assert [asked.headers["range"] for asked in (dead, fresh)] == ["bytes=100-"] * 2
    assert dead.headers["if-range"] == fresh.headers["if-range"] != ""
    assert first.url.path == dead.url.path != fresh.url.path


@pytest.mark.parametrize("how", ["start", "total", "version"])
async def test_after_a_wrong_range_the_whole_file_is_requested(how: str) -> None:
    async with world(2) as two:
        for kind in KINDS:
            assert is_whole(two, kind, await two.export(kind, Fault.parse(CUT), Fault("wrong-range", how=how)))
            assert two.wire.ranges == [None, "bytes=100-", None]


# At any byte

SMALL: Any = ("TAG",)
"""The parts of an export of some hundred bytes."""
BREAKS: list[Any] = ["truncated", "reset-after", "expired"]


@pytest.mark.ci
@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_cut_at_any_byte_is_resumed(kind: str) -> None:
    async with world(1, SMALL) as one:
        for at in range(one.account.sizes[kind]):
            assert is_whole(one, kind, await one.export(kind, Fault("truncated", path="files", after=at, at=1)))
            assert one.wire.ranges == [None, f"bytes={at}-" if at else None]


@pytest.mark.sampled
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", BREAKS)
async def test_a_file_that_breaks_in_any_way_is_resumed(fault: Any, kind: str) -> None:
    async with world(2, SMALL) as two:
        for at in range(0, two.account.sizes[kind] + 9, 9):
            export = await two.export(kind, Fault(fault, path="files", after=at, at=1))
            assert is_whole(two, kind, export), f"after {at} bytes"


@pytest.mark.sampled
@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_cut_with_a_matching_length_is_an_error(kind: str) -> None:
    """Content-Length says that the file is complete: only the file itself shows that it is not."""
    async with world(1, SMALL) as one:
        for missing in range(1, one.account.sizes[kind] + 1):
            assert is_broken(one, kind, await one.export(kind, Fault("wrong-length", path="files", by=-missing)))
            assert len(one.wire.asked) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_garbage_after_any_byte_is_an_error(kind: str) -> None:
    """Except for the last two bytes of an archive, the length of a comment that is not read."""
    async with world(2, SMALL) as two:
        for at in range(0, two.account.sizes[kind] - 2, 5):
            assert is_broken(two, kind, await two.export(kind, Fault("garbled", path="files", after=at)))


@pytest.mark.sampled
@pytest.mark.parametrize("kind", KINDS)
async def test_another_version_after_any_byte_is_an_error_or_whole(kind: str) -> None:
    other = Fault("other-file", how="reordered")
    async with world(2, SMALL) as two:
        turned = (await two.export(kind, other)).records
        assert turned == two.account.records[kind][::-1]
        whole = 0
        for at in range(0, two.account.sizes[kind], 9):
            export = await two.export(kind, Fault("truncated", path="files", after=at, at=1), other)
            if export.error is None:
                assert export.records == turned
                whole += 1
            else:
                assert is_broken(two, kind, export)
                assert "another file" in str(export.error)
    assert whole, "they begin alike"
