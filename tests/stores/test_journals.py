"""Journals in files and in databases: who may use one, and what is in it. Every test is for both kinds."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from salesmanago_async import Invalid
from salesmanago_async.outcome import Verdicts
from salesmanago_async.stores.addresses import JournalPlace
from salesmanago_async.stores.journal import Journal, open_journal, read_digest, read_note, write_digest
from salesmanago_async.stores.refusals import InUse, NotBegun
from salesmanago_async.stores.values import Entry, RowChecksums
from tests.conftest import in_ci
from tests.imports.harness import Harness
from tests.postgresql import run_in

pytestmark = pytest.mark.anyio

IDENTITY: Mapping[str, Any] = {"kind": "contacts", "account": "5cd3", "tags": ["A"]}


@pytest.fixture(params=["file", *in_ci("database")])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    """Where a journal will be that nobody has begun."""
    if request.param == "file":
        return tmp_path / "journal.db"
    return run_in(request.getfixturevalue("postgresql"))


@asynccontextmanager
async def opened(place: JournalPlace, **others: Any) -> AsyncIterator[tuple[Journal, list[Entry]]]:
    """Open a journal, and close it at the end of the block."""
    journal, entries = await open_journal(place, {**IDENTITY, **others}, {"note": 1})
    try:
        yield journal, entries
    finally:
        await journal.aclose()


async def entries_in(place: JournalPlace) -> list[Entry]:
    async with opened(place) as (_, entries):
        return entries


def row_checksums_of(*positions: int) -> RowChecksums:
    return RowChecksums.of(positions, [b"item %d" % position for position in positions])


# What is in it


async def test_what_was_written_is_there_when_it_is_opened_again(place: JournalPlace) -> None:
    async with opened(place) as (journal, entries):
        assert entries == []
        assert await journal.begin(row_checksums_of(0, 1, 2, 7)) == 1
        assert await journal.begin(row_checksums_of(3, 4)) == 2
        await journal.submitted(1, 37)
        await journal.settle(2, Verdicts("accepted", None, {1: ("rejected", "no")}), [3, 4])
        assert await journal.checksums(1) == row_checksums_of(0, 1, 2, 7).checksums
        await journal.confirm()
    async with opened(place) as (journal, entries):
        assert entries == [
            Entry(1, ((0, 2), (7, 7)), "submitted", 37),
            Entry(2, ((3, 4),), "accepted", None, None, {4: ("rejected", "no")}),
        ]
        assert await journal.begin(row_checksums_of(9)) == 3
        assert await journal.checksums(2) == row_checksums_of(3, 4).checksums


async def test_each_kind_of_change_is_written(place: JournalPlace) -> None:
    first, second = Entry(1, ((0, 3),), "in_doubt"), Entry(2, ((4, 5),), "in_doubt")
    part, other = Entry(3, ((0, 0), (2, 2)), "in_doubt"), Entry(4, ((1, 1), (3, 3)), "in_doubt")
    done = Entry(3, part.spans, "rejected", None, "Łódź \N{PARTY POPPER} it's no", {2: ("accepted", "")})
    async with opened(place) as (journal, _):
        await journal.begin(row_checksums_of(0, 1, 2, 3))
        await journal.begin(row_checksums_of(4, 5))
    assert await entries_in(place) == [first, second]
    async with opened(place) as (journal, _):
        assert await journal.split(1, [row_checksums_of(0, 2), row_checksums_of(1, 3)]) == [3, 4]
    assert await entries_in(place) == [second, part, other]
    async with opened(place) as (journal, _):
        await journal.settle(3, Verdicts("rejected", done.reason, {1: ("accepted", "")}), [0, 2])
        await journal.forget(2)
        await journal.split(4, [])
    assert await entries_in(place) == [done]


async def test_a_reason_may_have_any_character(place: JournalPlace) -> None:
    async with opened(place) as (journal, _):
        await journal.begin(row_checksums_of(0, 1))
        await journal.settle(1, Verdicts("rejected", "nul \0 here", {1: ("rejected", "and \0 here")}), [0, 1])
    [entry] = await entries_in(place)
    assert entry.reason in {"nul \0 here", "nul \N{REPLACEMENT CHARACTER} here"}
    assert entry.others == {1: ("rejected", "and \0 here")}


async def test_the_numbers_of_jobs_may_be_large(place: JournalPlace) -> None:
    async with opened(place) as (journal, _):
        for number, request_id in enumerate((7, 2**40, 2**63 - 1, -(2**63) + 1), start=1):
            await journal.begin(row_checksums_of(number))
            await journal.submitted(number, request_id)
    assert [entry.request_id for entry in await entries_in(place)] == [7, 2**40, 2**63 - 1, -(2**63) + 1]


async def test_a_journal_may_have_many_lines(place: JournalPlace) -> None:
    async with opened(place) as (journal, _), anyio.create_task_group() as tasks:
        for number in range(500):
            tasks.start_soon(journal.begin, row_checksums_of(*range(20 * number, 20 * number + 20)))
    entries = await entries_in(place)
    assert {entry.spans for entry in entries} == {((20 * number, 20 * number + 19),) for number in range(500)}
    assert [entry.number for entry in entries] == list(range(1, 501))


# Who may use it

HOLDER = """
import anyio, sys
from salesmanago_async.stores.addresses import journal_place
from salesmanago_async.stores.journal import open_journal
async def hold():
    await open_journal(journal_place(sys.argv[1]), {"kind": "contacts", "account": "5cd3", "tags": ["A"]}, None)
    print("open", flush=True)
    sys.stdin.read()
anyio.run(hold)
"""


@contextmanager
def holding(place: JournalPlace) -> Iterator["subprocess.Popen[bytes]"]:
    """Hold a journal open in another process, which is killed at the end of the block."""
    command = [sys.executable, "-c", HOLDER, str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"open\n"
        yield holder
        holder.kill()


async def in_use(place: JournalPlace) -> str:
    """Return the message for a journal that another process has open."""
    with pytest.raises(InUse, match="is in use by another run; wait for its end") as caught:
        async with opened(place):
            pass
    assert caught.value.field == str(place)
    return caught.value.rule


@pytest.mark.sampled
async def test_another_process_cannot_open_it_until_the_first_is_gone_in_whatever_way(place: JournalPlace) -> None:
    with holding(place):
        await in_use(place)
    assert await entries_in(place) == []


async def test_it_cannot_be_opened_twice_in_one_process(place: JournalPlace) -> None:
    async with opened(place):
        await in_use(place)
    assert await entries_in(place) == []


async def test_a_run_must_be_the_one_that_it_was_begun_for_once_something_was_sent(place: JournalPlace) -> None:
    async with opened(place, account="earlier"):
        pass  # nothing was sent
    async with opened(place) as (journal, _):
        await journal.begin(row_checksums_of(0))
    changes: list[dict[str, Any]] = [{"account": "other"}, {"owner": "other@vendor.pl"}, {"tags": []}]
    for changed in changes:
        with pytest.raises(Invalid, match=f"was begun with a different {next(iter(changed))}") as caught:
            async with opened(place, **changed):
                pass
        assert caught.value.field == str(place)
    assert len(await entries_in(place)) == 1


async def test_the_note_of_its_beginning_stays(place: JournalPlace) -> None:
    with pytest.raises(Invalid) as caught:
        read_note(place)
    assert isinstance(caught.value, NotBegun) or "no such journal" in caught.value.rule
    journal, _ = await open_journal(place, IDENTITY, {"command": ["import", "contacts"]})
    await journal.begin(row_checksums_of(0))
    await journal.aclose()
    journal, _ = await open_journal(place, IDENTITY, {"command": []})
    await journal.aclose()
    assert read_note(place) == {"command": ["import", "contacts"]}


async def test_a_note_need_not_be(place: JournalPlace) -> None:
    journal, _ = await open_journal(place, IDENTITY, None)
    await journal.aclose()
    assert read_note(place) is None


async def test_files_that_were_written_for_it_are_remembered(place: JournalPlace) -> None:
    async with opened(place):
        pass
    file = Path("people.in-doubt.csv")
    assert read_digest(place, file) is None
    for digest in ("5cd3", "77aa", None):
        write_digest(place, file, digest)
        assert read_digest(place, file) == digest
    assert read_digest(place, Path("other.csv")) is None


# Writes


async def test_writes_that_come_while_one_is_going_on_share_the_next_commit(
    place: JournalPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = Harness("contacts", tmp_path)
    commits: list[int] = []
    with harness.disk():
        async with opened(place) as (journal, _):
            store: Any = journal._commits._store
            commit = store.commit

            def counted(changes: Any) -> None:
                commits.append(len(changes))
                commit(changes)

            monkeypatch.setattr(store, "commit", counted)
            async with anyio.create_task_group() as tasks:
                for number in range(50):
                    tasks.start_soon(journal.begin, row_checksums_of(number))
    assert 1 <= len(commits) <= 2
    assert sum(commits) == 50
    assert len({entry.spans for entry in await entries_in(place)}) == 50


async def test_a_write_that_is_cancelled_before_its_turn_breaks_no_other(place: JournalPlace, tmp_path: Path) -> None:
    harness = Harness("contacts", tmp_path)
    with harness.disk():
        async with opened(place) as (journal, _), anyio.create_task_group() as tasks:
            tasks.start_soon(journal.begin, row_checksums_of(0))
            with anyio.move_on_after(0.001):
                await journal.begin(row_checksums_of(1))
            await journal.begin(row_checksums_of(2))
    assert {((0, 0),), ((2, 2),)} <= {entry.spans for entry in await entries_in(place)}
