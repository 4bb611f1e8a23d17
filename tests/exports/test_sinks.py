"""A file that has its name is complete; a save that ends earlier leaves nothing behind."""

import csv
import errno
import io
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from salesmanago_async import Invalid
from salesmanago_async.exports.csv_tables import CsvTable
from salesmanago_async.exports.sinks import Format, saving
from salesmanago_async.exports.tables import Table, text_of
from salesmanago_async.records.shapes import contact_shape
from salesmanago_async.sources.csv_files import CsvFile
from salesmanago_async.sources.options import ReadOptions
from tests.conftest import examples
from tests.peak_memory import run_and_measure

pytestmark = pytest.mark.anyio

RECORDS: list[Any] = [
    {"a": 1, "ł\n": [None, True, 2.5, {"b": '"\\},{'}]},
    "a text\nof \u2028 lines",
    17,
    None,
    [],
    {},
]

FILES = ["a.json", "a.jsonl", "a.csv", "a.parquet"]

Read = Callable[[bytes], Any]


def names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


async def save(path: Path | str, *batches: list[Any], **options: Any) -> None:
    async with saving(path, **options) as sink:
        for batch in batches:
            await sink.write(batch)


async def fail_midway(path: Path | str, error: BaseException, **options: Any) -> None:
    async with saving(path, **options) as sink:
        await sink.write(RECORDS)
        raise error


def lines(content: bytes) -> list[Any]:
    return [json.loads(line) for line in content.split(b"\n")[:-1]]


def table(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


# What is written


@pytest.mark.parametrize(
    ("name", "read"), [("a.json", json.loads), ("a.JSON", json.loads), ("a.jsonl", lines), ("a b.ndjson", lines)]
)
@pytest.mark.parametrize(
    "batches", [[], [[]], [RECORDS], [[record] for record in RECORDS], [[], RECORDS[:2], [], RECORDS[2:]]]
)
async def test_written_records_are_read_back(tmp_path: Path, name: str, read: Read, batches: list[list[Any]]) -> None:
    await save(tmp_path / name, *batches)
    content = (tmp_path / name).read_bytes()
    assert read(content) == [record for batch in batches for record in batch]
    assert content.endswith(b"\n") or not any(batches)
    assert names(tmp_path) == [name]


async def test_text_that_is_not_utf8_is_written_as_escaped_json(tmp_path: Path) -> None:
    records = [{"cut": "\ud83d"}, {"huge": 2**70}]
    await save(tmp_path / "a.jsonl", records)
    assert lines((tmp_path / "a.jsonl").read_bytes()) == records


async def test_the_number_of_written_records_is_returned(tmp_path: Path) -> None:
    async with saving(tmp_path / "a.csv") as sink:
        await sink.write([{"a": 1}] * 3)
        await sink.write([])
        await sink.write([{"a": 1}])
        assert sink.written == 4


@pytest.mark.parametrize(("kind", "read"), [("json", json.loads), ("jsonl", lines), ("csv", table)])
async def test_a_named_format_takes_precedence_over_the_suffix(tmp_path: Path, kind: Format, read: Read) -> None:
    await save(tmp_path / "contacts.txt", [{"a": "1"}], format=kind)
    expected = [["a"], ["1"]] if kind == "csv" else [{"a": "1"}]
    assert read((tmp_path / "contacts.txt").read_bytes()) == expected


# When it has its name


@pytest.mark.parametrize("name", FILES)
async def test_no_file_has_the_name_before_it_is_complete(tmp_path: Path, name: str) -> None:
    async with saving(tmp_path / name) as sink:
        await sink.write(RECORDS)
        assert not (tmp_path / name).exists()
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("error", [ValueError("midway"), KeyboardInterrupt(), OSError(28, "No space left on device")])
async def test_an_error_midway_leaves_nothing_behind(tmp_path: Path, name: str, error: BaseException) -> None:
    with pytest.raises(type(error)) as raised:
        await fail_midway(tmp_path / name, error)
    assert raised.value is error
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("checkpoints", range(0, 12, 2))
async def test_a_save_that_is_cancelled_leaves_nothing_behind(tmp_path: Path, name: str, checkpoints: int) -> None:
    with anyio.CancelScope() as scope:
        async with saving(tmp_path / name) as sink:
            for number in range(12):
                if number == checkpoints:
                    scope.cancel()
                await sink.write([{"n": number}])
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", FILES)
async def test_an_existing_file_is_replaced_only_when_the_new_one_is_complete(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("before")
    with pytest.raises(ValueError, match="midway"):
        await fail_midway(path, ValueError("midway"))
    assert path.read_text() == "before"
    async with saving(path) as sink:
        await sink.write([{"a": 1}])
        assert path.read_text() == "before"
    assert path.read_bytes() != b"before"
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("name", FILES)
async def test_a_file_is_synced_before_it_has_its_name(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named_when_synced = []
    monkeypatch.setattr(os, "fsync", lambda _: named_when_synced.append((tmp_path / name).exists()))
    await save(tmp_path / name, RECORDS)
    assert named_when_synced == [False, True]  # the file, and the folder with the name


@pytest.mark.parametrize("name", FILES)
async def test_a_full_disk_error_names_the_file_and_leaves_nothing(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left") as raised:
        await save(tmp_path / name, RECORDS)
    assert raised.value.filename == str(tmp_path / name)
    assert names(tmp_path) == []


KILLED = """
import anyio, sys
from salesmanago_async.exports.sinks import saving

async def main():
    async with saving(sys.argv[1]) as sink:
        while True:
            await sink.write([{"n": number} for number in range(1000)])
            print("some are written", flush=True)

anyio.run(main)
"""


@pytest.mark.ci
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_killed_save_leaves_no_file_of_that_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("before")
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert path.read_text() == "before"
    assert all(entry.startswith(".") for entry in names(tmp_path) if entry != name)


HELD = """
import sys, time
from pathlib import Path
from salesmanago_async.atomic_file import AtomicFile
held = AtomicFile(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
held.file.write(b"whole")
held.commit()
"""


@pytest.mark.ci
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other locks")
async def test_what_killed_processes_have_left_is_removed_and_what_others_write_is_not(tmp_path: Path) -> None:
    """The next file of the same name does so; left-over files of an hour ago look the same as those of slow exports."""
    path = tmp_path / "[a]*.jsonl"
    of_others = [".[a]*.jsonl.0123abcd.part.txt", ".other.jsonl.0123abcd.part", ".[a]*.jsonl.0123abc.part"]
    for name in of_others:
        (tmp_path / name).touch()

    def begin() -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-c", HELD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdout
        assert process.stdout.readline() == b"open\n"
        return process

    for _ in range(3):
        with begin() as killed:
            killed.kill()
    with begin() as slow:
        for name in names(tmp_path):
            os.utime(tmp_path / name, (0, 0))
        with begin() as young:
            young.kill()
        await save(path, [1])
        partial = {name for name in names(tmp_path) if name not in {*of_others, path.name}}
        assert len(partial) == 2, "that of the slow export, and that of the process which was killed just now"
        slow.communicate(b"")
    assert path.read_text() == "whole"
    assert len(names(tmp_path)) == len(of_others) + 2


# Permissions


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o002, 0o664)])
async def test_a_file_is_private_until_complete_and_then_follows_the_umask(
    tmp_path: Path, umask: Callable[[int], int], mask: int, mode: int
) -> None:
    umask(mask)
    path = tmp_path / "a.jsonl"
    async with saving(path) as sink:
        await sink.write(RECORDS)
        (partial,) = tmp_path.iterdir()
        assert stat.S_IMODE(partial.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.stat().st_mode) == mode


async def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "target.jsonl"
    target.write_text("before")
    (tmp_path / "link.jsonl").symlink_to(target)
    await save(tmp_path / "link.jsonl", [1])
    assert (tmp_path / "link.jsonl").is_symlink()
    assert target.read_text() == "1\n"


@pytest.mark.parametrize("length", [200, 255])
async def test_a_name_may_have_the_longest_length(tmp_path: Path, length: int) -> None:
    name = "n" * (length - 6) + ".jsonl"
    await save(tmp_path / name, [1])
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a.xml", "a", "a.json.gz", ".json", "missing/a.json"])
async def test_a_path_that_cannot_be_written_is_invalid_and_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid) as raised:
        await save(tmp_path / name)
    assert raised.value.field == str(tmp_path / name)
    assert names(tmp_path) == []


async def test_a_device_a_folder_and_an_unknown_format_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    device = Path("/dev/null")
    for path, kind in ((device, "json"), (tmp_path / "a.csv", "csv"), (tmp_path / "b.csv", "xml")):
        with pytest.raises(Invalid):
            await save(path, [1], format=kind)
    assert device.is_char_device()
    assert names(tmp_path) == ["a.csv"]


# Standard output


@pytest.mark.parametrize(("kind", "read"), [(None, lines), ("json", json.loads)])
async def test_a_dash_is_standard_output(
    capsysbinary: pytest.CaptureFixture[bytes], kind: Format | None, read: Read
) -> None:
    await save("-", RECORDS[:2], RECORDS[2:], format=kind)
    assert read(capsysbinary.readouterr().out) == RECORDS


async def test_lines_go_to_standard_output_immediately(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    async with saving("-") as sink:
        await sink.write([1])
        assert capsysbinary.readouterr().out == b"1\n"
        await sink.write([2])
    assert capsysbinary.readouterr().out == b"2\n"


async def test_an_abandoned_table_writes_nothing_to_standard_output(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    for kind in ("csv", "parquet"):
        with pytest.raises(ValueError, match="midway"):
            await fail_midway("-", ValueError("midway"), format=kind)
    assert capsysbinary.readouterr().out == b""


# CSV


@pytest.mark.ci
async def test_a_column_that_appears_late_is_not_lost(tmp_path: Path) -> None:
    records = [{"a": 1}] * 5000 + [{"b.c": 2, "a": 3}] + [{"d": None, "b": {"x": 4}}]
    await save(tmp_path / "a.csv", *([record] for record in records))
    header, *rows = table((tmp_path / "a.csv").read_bytes())
    assert header == ["a", "b.c", "b.x", "d"]
    assert rows == [["1", "", "", ""]] * 5000 + [["3", "2", "", ""], ["", "", "4", ""]]


async def test_columns_of_one_group_are_adjacent(tmp_path: Path) -> None:
    records = [{"properties": [{"name": "a", "value": "1"}], "z": 1}, {"properties": [{"name": "b", "value": "2"}]}]
    await save(tmp_path / "a.csv", records)
    assert table((tmp_path / "a.csv").read_bytes())[0] == ["properties.a", "properties.b", "z"]


async def test_a_table_of_nothing_is_an_empty_file(tmp_path: Path) -> None:
    await save(tmp_path / "a.csv", [])
    assert (tmp_path / "a.csv").read_bytes() == b""


RUN_BY_A_SPREADSHEET = [  # or look as if they had been made safe
    "=1+1", "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "－1+x",
    "-", "+", "=", "@", "+48-123", "--5", "-5-", "+a", "- 5x", "'=1", "''-5", "'00950",
]  # fmt: skip
HARMLESS = [
    "", "a", "1=1", "a@example.com", "-5", "+5", "-5.25", "-0,5", "-1e-7", "+48 123 456 789", "+48123456789", "'tis",
    " =1",
]  # fmt: skip


@pytest.mark.parametrize("cell", RUN_BY_A_SPREADSHEET)
async def test_a_cell_that_a_spreadsheet_would_run_is_made_safe(tmp_path: Path, cell: str) -> None:
    await save(tmp_path / "safe.csv", [{cell: cell, "list": [cell, "b"]}])
    as_json = json.dumps([cell, "b"], separators=(",", ":"), ensure_ascii=False)
    listed = as_json if cell != cell.strip() else f"'{cell},b"
    assert table((tmp_path / "safe.csv").read_bytes()) == [[f"'{cell}", "list"], [f"'{cell}", listed]]
    await save(tmp_path / "raw.csv", [{cell: cell}], safe_cells=False)
    assert table((tmp_path / "raw.csv").read_bytes()) == [[cell], [cell]]


@pytest.mark.parametrize("cell", HARMLESS)
async def test_a_cell_that_no_spreadsheet_would_run_is_unchanged(tmp_path: Path, cell: str) -> None:
    await save(tmp_path / "a.csv", [{"a": cell, "b": -5, "c": -0.5}])
    assert table((tmp_path / "a.csv").read_bytes())[1] == [cell, "-5", "-0.5"]


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(["\r", "\n", "\r\n", '"', ",", '","', "\0"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=examples(200), deadline=None)
@given(records=st.lists(st.dictionaries(TEXTS, VALUES, max_size=4) | VALUES, max_size=6), safe=st.booleans())
def test_cells_are_read_back_as_they_were(records: list[Any], safe: bool) -> None:
    """The rows in the file are those of the table, except for the apostrophes; every record has one row."""
    written = io.BytesIO()
    sink = CsvTable(written, None, safe_cells=safe)
    kept = Table(None)
    try:
        sink.write(records)
        kept.add(records)
        for _ in sink.finish():
            pass
        expected = [[text_of(cell) for cell in row] for block in kept.blocks() for row in block]
        header = [column.name for column in kept.columns]
    finally:
        sink.close()
        kept.close()
    assert len(expected) == len(records)
    if header:
        found = table(written.getvalue())
        assert len(found) == len(records) + 1
        for row, known in zip(found, [header, *expected], strict=True):
            for cell, original in zip(row, known, strict=True):
                assert cell == original or (safe and cell == f"'{original}")


CELLS = st.text("'=+-@0a\uff1d\" ,", max_size=5).map(str.strip) | st.sampled_from(
    [*RUN_BY_A_SPREADSHEET, *HARMLESS, "\t", "\r\n"]
)


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=6))
def test_an_import_reads_what_was_made_safe(texts: list[str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "people.csv"
        with path.open("wb") as file, closing(CsvTable(file, None)) as sink:
            sink.write([{"email": "a@example.com", "name": text} for text in texts])
            for _ in sink.finish():
                pass
        source = CsvFile(path, contact_shape(), ReadOptions())
        found = [source.body(row)["contact"].get("name", "") for row, _ in source.rows()]
    assert [text.strip() for text in found] == [text.strip() for text in texts]


MEMORY = """
import sys
import anyio
from salesmanago_async.exports.sinks import saving

async def main(path, batches):
    async with saving(path) as sink:
        for number in range(int(batches)):
            records = [{"id": str(n), "text": str(number) * 100, "events": [{"n": n}] * 20} for n in range(500)]
            await sink.write(records)

anyio.run(main, *sys.argv[1:])
"""


@pytest.mark.ci
@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells the peak of a process in /proc")
@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_memory_does_not_grow_with_what_is_saved(tmp_path: Path, name: str) -> None:
    """With 2 and with 25 MB."""
    small, large = (run_and_measure(MEMORY, tmp_path / name, batches)[1] for batches in (10, 120))
    assert large - small < 8
