"""The journal: who may use it, what a kill at any step leaves in it, and how damage and a full disk are handled."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest

from salesmanago_async import Contact, Invalid, Report
from salesmanago_async.errors import JournalFailed
from salesmanago_async.imports.engine import run as _engine
from salesmanago_async.outcome import Verdicts
from salesmanago_async.simulator import DEMO_OWNER, Fault
from salesmanago_async.stores.journal import Journal, open_journal, read_note
from salesmanago_async.stores.journal_rows import SqliteJournal
from salesmanago_async.stores.values import Entry, RowChecksums
from tests.conftest import in_ci
from tests.imports.harness import (
    PATHS,
    Answer,
    Harness,
    Kind,
    RunResult,
    Termination,
    contact,
    encoded,
    event,
    events_of,
    nothing,
    refusing,
)

pytestmark = pytest.mark.anyio

IDENTITY: Mapping[str, Any] = {"kind": "contacts", "account": "5cd3", "tags": ["A"]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@asynccontextmanager
async def opened(path: Path, **others: Any) -> AsyncIterator[tuple[Journal, list[Entry]]]:
    """Open a journal, and close it at the end of the block."""
    journal, entries = await open_journal(path, {**IDENTITY, **others}, {"note": 1})
    try:
        yield journal, entries
    finally:
        await journal.aclose()


async def refused(path: Path) -> str:
    """Return the message for a journal that cannot be used; the message names the file."""
    with pytest.raises(Invalid) as caught:
        async with opened(path):
            pass
    assert caught.value.field == str(path)
    return caught.value.rule


def database_of(journal: Journal) -> sqlite3.Connection:
    """Return the database connection of a journal in a SQLite file."""
    store: Any = journal._commits._store
    connection: sqlite3.Connection = store._connection
    return connection


def row_checksums_of(*positions: int) -> RowChecksums:
    return RowChecksums.of(positions, [b"item %d" % position for position in positions])


# Who may use it


async def test_only_its_owner_may_read_it_or_what_sqlite_puts_beside_it(path: Path) -> None:
    before = os.umask(0)
    try:
        async with opened(path) as (journal, _):
            await journal.begin(row_checksums_of(0))
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes.keys() >= {"journal.db", "journal.db-journal"}
    assert set(modes.values()) == {0o600}


def another_database(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE mine (a)")
    database.close()


def another_database_with_a_log(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE mine (a)")
    database.close()


def another_database_of_a_killed_program(path: Path) -> None:
    """Leave half a commit of another program, and the file with which SQLite rolls it back."""
    another_database(path)
    code = (
        "import os, sqlite3, sys; database = sqlite3.connect(sys.argv[1]); database.execute('PRAGMA cache_size = 1');"
        "database.execute('PRAGMA cache_spill = 1');"
        "database.executemany('INSERT INTO mine VALUES (?)', [('x' * 3000,)] * 100); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert path.with_name(f"{path.name}-journal").stat().st_size


def changed(statements: str) -> Callable[[Path], None]:
    """Create a journal, and change it with another program."""

    def make(path: Path) -> None:
        store, _ = SqliteJournal.open(path, IDENTITY, None)
        store._connection.close()
        database = sqlite3.connect(path)
        database.executescript(statements)
        database.close()

    return make


def read_only(path: Path) -> None:
    changed("")(path)
    path.chmod(0o400)


LINE = "INSERT INTO chunks VALUES (1, {}, {}, {}, 1, '', '', 0);"
NO_JOURNALS: list[tuple[str, Callable[[Path], object], str]] = [
    ("text", lambda path: path.write_text("email,name\nann@example.com,Ann\n" * 100), "is no journal"),
    ("a few bytes", lambda path: path.write_bytes(b"mine"), "is no journal"),
    ("another database", another_database, "another database"),
    ("another database with a log", another_database_with_a_log, "another database"),
    ("another database, of a killed program", another_database_of_a_killed_program, "another database"),
    ("a later version", changed("PRAGMA user_version = 4"), "version 4"),
    ("an earlier version", changed("PRAGMA user_version = 2"), "version 2"),
    ("a folder", lambda path: path.mkdir(), "is no file"),
    ("in no folder", lambda path: path.parent.rmdir(), "cannot be made"),
    ("a link to nowhere", lambda path: path.symlink_to("nowhere"), "is no file"),
    ("read-only", read_only, "is read-only"),
]
DAMAGED: list[tuple[str, Callable[[Path], object]]] = [
    ("no table of chunks", changed("DROP TABLE chunks")),
    ("chunks of no run", changed("DELETE FROM run;" + LINE.format("'[[0,0]]'", "x'00000000'", "'accepted'"))),
    ("a run that is no JSON", changed("UPDATE run SET what = '{';" + LINE.format("'[[0,0]]'", "x'00'", "'accepted'"))),
    ("positions of another shape", changed(LINE.format("'[0]'", "x'00000000'", "'accepted'"))),
    ("positions that are no JSON", changed(LINE.format("'[[0,0'", "x'00000000'", "'accepted'"))),
    ("a state that is none", changed(LINE.format("'[[0,0]]'", "x'00000000'", "'gone'"))),
    ("more checksums than records", changed(LINE.format("'[[0,0]]'", "x'0000000000000000'", "'accepted'"))),
    ("two lines of one record", changed(
        LINE.format("'[[0,0]]'", "x'00000000'", "'accepted'")
        + LINE.format("'[[0,0]]'", "x'00000000'", "'in_doubt'").replace("(1,", "(2,", 1)
    )),
]  # fmt: skip


@pytest.mark.parametrize(("make", "rule"), [pytest.param(*rest, id=name) for name, *rest in NO_JOURNALS])
async def test_what_is_no_journal_of_ours_is_refused_and_stays_as_it_is(
    make: Callable[[Path], object], rule: str, tmp_path: Path
) -> None:
    path = tmp_path / "folder" / "journal.db"
    path.parent.mkdir()
    make(path)
    before = path.read_bytes() if path.is_file() else None
    assert rule in await refused(path)
    assert (path.read_bytes() if path.is_file() else None) == before
    with pytest.raises(Invalid, match=rule if path.is_file() else "no such journal"):
        read_note(path)


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in DAMAGED])
async def test_lines_that_no_run_wrote_are_reported_as_damage(make: Callable[[Path], object], path: Path) -> None:
    make(path)
    said = await refused(path)
    assert "damaged" in said or "cannot be used" in said


# Damage


@pytest.fixture
def whole(path: Path) -> tuple[bytes, list[Any]]:
    """Return the bytes of a journal with some of everything, and its content."""
    anyio.run(filled, path)
    content = path.read_bytes()
    said = read(path)
    path.unlink()
    assert len(said) == 12
    return content, said


async def filled(path: Path) -> None:
    async with opened(path) as (journal, _):
        for number in range(1, 13):
            positions = [*range(20 * number, 20 * number + 10), 20 * number + 15]
            await journal.begin(row_checksums_of(*positions))
            if number % 4 == 1:
                await journal.submitted(number, 1000 + number)
            elif number % 4 > 1:
                others: Any = {3: ("rejected", "it is not liked"), 7: ("rejected", "nobody knows")}
                await journal.settle(number, Verdicts("accepted", None, others if number % 4 == 3 else {}), positions)


def read(path: Path) -> list[Any]:
    """Return what a journal says about each chunk, except for the words of reasons; raise `Invalid`."""
    store, entries = SqliteJournal.open(path, IDENTITY, None)
    store._connection.close()
    return [
        (entry.spans, entry.state, entry.request_id, {place: state for place, (state, _) in entry.others.items()})
        for entry in entries
    ]


def content_of(content: bytes, path: Path) -> list[Any] | None:
    """Return the content of a journal with these bytes; None if it is refused."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    path.write_bytes(content)
    try:
        return read(path)
    except Invalid:
        return None


@pytest.mark.ci
def test_a_byte_that_is_damaged_anywhere_is_noticed_or_does_no_harm(whole: tuple[bytes, list[Any]], path: Path) -> None:
    content, said = whole
    believed: list[bytes] = []
    for offset in [offset for offset, byte in enumerate(content) if byte or offset % 512 == 0]:
        spoilt = content[:offset] + bytes([content[offset] ^ 0x01]) + content[offset + 1 :]
        if content_of(spoilt, path) not in (None, said):
            believed.append(spoilt[offset - 10 : offset + 10])
    assert not believed, f"{len(believed)} are believed, such as {believed[:3]}"


@pytest.mark.sampled
@pytest.mark.parametrize("garbage", [b"\0" * 64, b"\xff" * 64, b"[[0,99]]" * 8], ids=["zeros", "ones", "digits"])
def test_a_range_that_is_damaged_anywhere_is_noticed_or_does_no_harm(
    garbage: bytes, whole: tuple[bytes, list[Any]], path: Path
) -> None:
    content, said = whole
    for offset in range(0, len(content), 97):
        spoilt = content[:offset] + garbage + content[offset + len(garbage) :]
        assert content_of(spoilt, path) in (None, said), offset


def test_a_file_that_was_cut_is_refused(whole: tuple[bytes, list[Any]], path: Path) -> None:
    content, _ = whole
    for length in [20, 99, 100, 500, *range(512, len(content), 512)]:
        assert content_of(content[:length], path) is None, length


# Kills


@pytest.fixture
def images(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files on the disk before each statement of a process that opens a journal: what a kill would leave."""
    found: list[Path] = []

    def take() -> None:
        image = path.parent / f"image-{len(found)}.db"
        for suffix in ("", "-journal"):
            if Path(f"{path}{suffix}").exists():
                shutil.copyfile(f"{path}{suffix}", f"{image}{suffix}")
        found.append(image)

    class Photographed(sqlite3.Connection):
        def execute(self, *args: Any) -> sqlite3.Cursor:
            take()
            return super().execute(*args)

        def executescript(self, *args: Any) -> sqlite3.Cursor:
            take()
            return super().executescript(*args)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: connect(*args, **options, factory=Photographed))
    return found


async def test_a_kill_between_any_two_statements_leaves_what_was_before_or_after(
    path: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[list[Entry]] = []
    async with opened(path) as (journal, _):
        for act in (
            lambda: journal.begin(row_checksums_of(0, 1, 2, 3)),
            lambda: journal.begin(row_checksums_of(4, 5)),
            lambda: journal.submitted(1, 37),
            lambda: journal.split(1, [row_checksums_of(0, 2), row_checksums_of(1, 3)]),
            lambda: journal.settle(3, Verdicts("accepted", None, {1: ("rejected", "no")}), [0, 2]),
            lambda: journal.forget(2),
            lambda: journal.split(4, []),
        ):
            await act()
    monkeypatch.undo()
    for image in [*images]:
        async with opened(image) as (_, entries):
            states += [entries] if not states or states[-1] != entries else []
    first, second = Entry(1, ((0, 3),), "in_doubt"), Entry(2, ((4, 5),), "in_doubt")
    done = Entry(3, ((0, 0), (2, 2)), "accepted", None, None, {2: ("rejected", "no")})
    begun, part = Entry(3, done.spans, "in_doubt"), Entry(4, ((1, 1), (3, 3)), "in_doubt")
    taken = Entry(1, ((0, 3),), "submitted", 37)
    assert states == [
        [],
        [first],
        [first, second],
        [taken, second],
        [second, begun, part],
        [second, done, part],
        [done, part],
        [done],
    ]
    async with opened(path) as (_, entries):
        assert entries == [done]


# Writes


def _fill_the_disk(journal: Journal, pages: int) -> None:
    """Let the file grow by at most so many pages of 4 KiB."""
    database = database_of(journal)
    now = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {now + pages}")


def _make_room(journal: Journal) -> None:
    database_of(journal).execute("PRAGMA max_page_count = 1000000")


async def test_on_a_full_disk_all_of_a_write_fails_and_what_was_there_stays(path: Path) -> None:
    many = row_checksums_of(*range(0, 4000, 2))  # some pages
    async with opened(path) as (journal, _):
        number = await journal.begin(row_checksums_of(9, 10))
        _fill_the_disk(journal, 1)
        with pytest.raises(JournalFailed, match="full"):
            await journal.begin(many)
        with pytest.raises(JournalFailed, match="full"):
            await journal.split(number, [row_checksums_of(9), many])
        _make_room(journal)
        await journal.begin(row_checksums_of(11))
    async with opened(path) as (_, entries):
        assert [entry.spans for entry in entries] == [((9, 10),), ((11, 11),)]


# A full disk, in a run


def _limited(pages: int) -> Callable[..., Any]:
    """Return a function that opens a journal whose disk has room for so many more pages."""

    async def open_limited(*args: Any, **options: Any) -> tuple[Journal, list[Entry]]:
        journal, entries = await open_journal(*args, **options)
        _fill_the_disk(journal, pages)
        return journal, entries

    return open_limited


async def _run_on_a_full_disk(harness: Harness, pages: int, patch: pytest.MonkeyPatch) -> tuple[list[Any], RunResult]:
    """Execute a run whose journal is soon full; return its records, and its result."""
    make = contact if harness.kind == "contacts" else event
    records = [make(position) for position in range(1200)]
    if harness.kind == "events":
        await harness.prepare(str(record.email) for record in records)
    patch.setattr(_engine, "open_journal", _limited(pages))
    result = await harness.run(records, batch_size=100, client={"concurrency": 2})
    patch.undo()
    assert isinstance(result.error or result.report.stopped, JournalFailed)
    assert result.report.not_sent
    return records, result


@pytest.mark.ci
@pytest.mark.parametrize("kind", ["contacts", "events"])
@pytest.mark.parametrize("pages", [0, 1])
async def test_a_run_ends_when_its_journal_is_full_and_another_finishes_it(
    kind: Kind, pages: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = Harness(kind, tmp_path)
    records, _ = await _run_on_a_full_disk(harness, pages, monkeypatch)
    written = {
        place for line in harness.journal_lines() for first, last in line.spans for place in range(first, last + 1)
    }
    assert set(harness.gateway.sent) <= {encoded(records[place]) for place in written}
    harness.gateway.accepted.clear()  # see the next test
    assert (await harness.run(records, batch_size=100)).counts == {"accepted": 1200}
    if kind == "events":
        assert set(events_of(harness.simulator).values()) == {1}


@pytest.mark.parametrize("kind", ["contacts", *in_ci("events")])
async def test_nothing_is_called_accepted_that_could_not_be_written_down(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = Harness(kind, tmp_path)
    _, result = await _run_on_a_full_disk(harness, 0, monkeypatch)
    spans = [span for line in harness.journal_lines() if line.state == "in_doubt" for span in line.spans]
    in_doubt = {position for first, last in spans for position in range(first, last + 1)}
    assert in_doubt.isdisjoint(outcome.position for outcome in result.outcomes if outcome.state == "accepted")


STEPS = ["begin", "confirm", "split", "submitted", "settle", "forget", "checksums"]


@pytest.mark.sampled
@pytest.mark.parametrize("kind", ["contacts", "events"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("failing", [1, 2])
async def test_a_journal_that_fails_at_any_write_makes_no_run_say_what_is_not_so(
    kind: Kind, step: str, failing: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests are refused, half processed, and deferred, so that each kind of write is needed."""
    harness = Harness(kind, tmp_path)
    make = contact if kind == "contacts" else event
    records = [make(position) for position in range(24)]
    await harness.prepare(str(record.email) for record in records)
    harness.gateway.instead = refusing({11})
    harness.gateway.halves = {1} if kind == "events" else set()
    harness.gateway.after = refuse_every_third
    harness.simulator.faults = [Fault.parse(f"429,path={PATHS[kind]},at=7-20")]
    write, calls = getattr(Journal, step), 0

    async def fail(journal: Journal, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls >= failing:
            raise JournalFailed("the disk is full")
        return await write(journal, *args)

    monkeypatch.setattr(Journal, step, fail)
    result = await harness.run(records, batch_size=6)
    monkeypatch.undo()
    refused = {outcome.position for outcome in result.outcomes if outcome.state == "rejected"}
    assert 11 in refused or calls
    harness.gateway.after, harness.gateway.halves, harness.simulator.faults = nothing, set(), []
    again = await harness.run(records, batch_size=6)
    assert set(again.counts) <= {"accepted", "rejected"}
    assert refused <= {outcome.position for outcome in again.outcomes if outcome.state == "rejected"}
    if kind == "events":
        assert sorted(events_of(harness.simulator).values()) == [1] * 23


# A journal that is lost


@pytest.mark.both_loops
@pytest.mark.parametrize("kind", ["contacts", "events"])
async def test_a_request_that_waits_for_its_retry_is_not_sent_once_the_journal_is_lost(
    kind: Kind, tmp_path: Path
) -> None:
    harness = Harness(kind, tmp_path)
    make = contact if kind == "contacts" else event
    records = [make(position) for position in range(4)]
    await harness.prepare(str(record.email) for record in records)
    harness.simulator.faults = [Fault.parse(f"429,path={PATHS[kind]},retry-after=30,at=1-")]

    async def take_away() -> None:
        await anyio.sleep(10)
        (tmp_path / "journal.db").rename(tmp_path / "elsewhere.db")
        harness.simulator.faults = []

    result = RunResult(Report())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take_away)
        result = await harness.run(records, batch_size=2)
    assert "was removed or replaced" in str(result.error)
    assert result.counts == {"not_sent": 4}
    assert harness.gateway.requests[PATHS[kind]] == 2  # the first tries
    (tmp_path / "elsewhere.db").rename(tmp_path / "journal.db")
    assert (await harness.run(records)).counts == {"accepted": 4}


async def test_what_waits_for_a_retry_is_given_up_when_the_journal_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second request finds out that nothing can be written down; the first one waits for a minute by then."""
    harness = Harness("contacts", tmp_path)
    harness.simulator.faults = [Fault.parse(f"500,path={PATHS['contacts']},retry-after=50,at=1")]
    submitted = Journal.submitted

    async def fail(journal: Journal, *args: Any) -> None:
        raise JournalFailed("the disk is full")

    monkeypatch.setattr(Journal, "submitted", fail)
    result = await harness.run([contact(0), contact(1)], batch_size=1)
    monkeypatch.setattr(Journal, "submitted", submitted)
    assert str(result.report.stopped) == "the disk is full"
    assert result.counts == {"in_doubt": 2}
    assert result.report.seconds < 10
    assert (await harness.run([contact(0), contact(1)])).counts == {"accepted": 2}


# What is not in it


def refuse_every_third(path: str, content: bytes) -> Answer | None:
    """Let the result of a job refuse every third contact, with a message that contains its address."""
    if not path.startswith("/files/"):
        return None
    refused = {email: f"{email}: bad" for email in [*orjson.loads(content)["contactIds"]][::3]}
    return 200, orjson.dumps({"success": True, "invalidContacts": refused})


async def test_no_address_no_name_and_no_secret_is_in_it(tmp_path: Path) -> None:
    """The journal is read while the run goes on, after it was killed, and after another run has ended."""
    harness = Harness("contacts", tmp_path)
    harness.gateway.after = refuse_every_third
    records = [Contact(email=f"ann{number}@example.com", name=f"Dąbrowska {number}") for number in range(30)]
    await harness.run(records, Termination("kill", seconds=130), batch_size=10)
    kept = _bytes_of(tmp_path)
    result = await harness.run(records, batch_size=10)
    kept += _bytes_of(tmp_path)
    assert result.counts == {"accepted": 18, "rejected": 12}
    assert "…@…: bad".encode() in kept
    for secret in ("ann", "example.com", "browska", "demo-", "/files/", "http"):
        assert secret.encode() not in kept.lower(), secret


TEXT = "Zuzanna (600100200) of KRAKÓW, {}: size 'Extra Wide' is wrong, see https://files.example/x?Signature=abc"


def refuse_in_their_words(path: str, content: Any) -> Answer | None:
    """Refuse contacts with messages that name them: some in the result of their job, one in the answer."""
    names = [entry["contact"]["email"] for entry in content["upsertDetails"]] if PATHS["contacts"] in path else []
    if "z1@example.com" in names:
        return 400, orjson.dumps({"success": False, "message": [TEXT.format(names)]})
    return None


def refuse_all(path: str, content: bytes) -> Answer | None:
    if not path.startswith("/files/"):
        return None
    return 200, orjson.dumps(
        {
            "success": True,
            "invalidContacts": {email: TEXT.format(email) for email in orjson.loads(content)["contactIds"]},
        }
    )


async def test_no_reason_names_what_stands_in_a_record(tmp_path: Path) -> None:
    harness = Harness("contacts", tmp_path)
    harness.gateway.instead, harness.gateway.after = refuse_in_their_words, refuse_all
    fields: Any = {"name": "Zuzanna Żółta", "phone": "+48 600-100-200", "properties": {"size": "Extra Wide"}}
    records = [Contact(email=f"z{number}@example.com", city="Kraków", **fields) for number in range(6)]
    kept = b""
    for termination in (Termination("kill", seconds=130), Termination()):
        result = await harness.run(records, termination, batch_size=2)
        kept += _bytes_of(tmp_path)
    assert result.counts == {"rejected": 6}
    assert b"is wrong, see" in kept
    for secret in ("zuzanna", "600100200", "krak", "z1@", "example", "extra", "signature", "demo-", "owner@"):
        assert secret.encode() not in kept.lower(), secret
    assert DEMO_OWNER.encode() not in kept


def _bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file())


async def test_of_a_dead_link_its_file_is_not_named(tmp_path: Path) -> None:
    harness = Harness("contacts", tmp_path)
    harness.gateway.instead = lambda path, _: (404, b"{}") if path.startswith("/files/") else None
    result = await harness.run([contact(position) for position in range(5)])
    assert result.counts == {"submitted": 5}
    assert b"3 links in a row answered 404" in _bytes_of(tmp_path)
    assert b"/files/" not in _bytes_of(tmp_path)
