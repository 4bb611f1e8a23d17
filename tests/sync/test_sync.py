"""A sync sends only what changed, says how the source differs, and acts on contacts that are gone."""

import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from errno import ENOSPC
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import anyio.from_thread
import httpx
import orjson
import pytest

from salesmanago_async import CLEAR, Invalid, NotAuthenticated
from salesmanago_async.file_imports.definition import Attempt, FileImport, FileSync
from salesmanago_async.file_imports.making import importing
from salesmanago_async.file_imports.opening import open_import
from salesmanago_async.simulator import Fault
from salesmanago_async.sync import header
from salesmanago_async.sync.header import StateOf
from salesmanago_async.sync.known import Known
from salesmanago_async.sync.known_writer import KnownWriter
from salesmanago_async.sync.report import SyncReport
from tests.sync.nights import Account, address, row

pytestmark = pytest.mark.anyio


@pytest.fixture
def account() -> Account:
    """An account without contacts."""
    return Account()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where the state will be."""
    return tmp_path / "customers.db"


def differences(report: SyncReport) -> tuple[int, int, int, int]:
    """What a report counts."""
    return report.added, report.changed, report.unchanged, report.removed


async def test_only_what_changed_is_sent(account: Account, state: Path) -> None:
    rows = [row(number) for number in range(10)]
    first = await account.sync(rows, state)
    assert (differences(first), first.accepted) == ((10, 0, 0, 0), 10)
    second = await account.sync(rows, state)
    assert (differences(second), second.read, second.requests) == ((0, 0, 10, 0), 0, 0)
    third = await account.sync([row(0, 1), *rows[1:8], row(10)], state)
    assert (differences(third), third.accepted) == ((1, 1, 7, 2), 2)
    assert (await account.names())[0] == "version 1"
    assert third.complete
    assert str(third) == "1 new, 1 changed, 7 unchanged, 2 removed (kept); 2 to be sent: 2 accepted"
    assert str(second) == "0 new, 0 changed, 10 unchanged; nothing to send"


async def test_the_order_of_the_rows_does_not_matter(account: Account, state: Path) -> None:
    rows = [row(number) for number in range(50)]
    await account.sync(rows, state)
    assert differences(await account.sync(rows[::-1], state)) == (0, 0, 50, 0)


async def test_a_state_is_private_and_takes_16_bytes_a_row(account: Account, state: Path) -> None:
    await account.sync([row(number) for number in range(100)], state)
    assert state.stat().st_size == 1024 + 100 * 16
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert [path.name for path in state.parent.iterdir()] == [state.name]
    assert address(7).encode() not in state.read_bytes()


@pytest.mark.parametrize("order", ["first is changed", "last is changed", "both are as before"])
async def test_the_last_row_of_a_key_counts(account: Account, state: Path, order: str) -> None:
    await account.sync([row(1, 1), row(2), row(1, 2)], state)
    rows = {
        "first is changed": [row(1, 3), row(2), row(1, 2)],
        "last is changed": [row(1, 1), row(2), row(1, 3)],
        "both are as before": [row(1, 1), row(2), row(1, 2)],
    }[order]
    report = await account.sync(rows, state)
    assert (await account.names())[1] == rows[-1]["name"]
    assert report.unchanged >= 1


async def test_when_the_last_row_of_a_key_is_gone_the_one_before_counts(account: Account, state: Path) -> None:
    await account.sync([row(1, 1), row(1, 2)], state)
    await account.sync([row(1, 1)], state)
    assert (await account.names())[1] == "version 1"


async def test_rejected_rows_are_sent_again_the_next_time(account: Account, state: Path) -> None:
    rows = [row(1), {"email": "no address", "name": "x"}, {"contactId": "7", "name": "x"}]
    first = await account.sync(rows, state)
    assert (first.accepted, first.rejected, first.added) == (1, 2, 1)
    assert first.problems[1].reason == "email: is missing, and the sync knows its rows by it"
    second = await account.sync(rows, state)
    assert (second.unchanged, second.rejected) == (1, 2)


async def test_a_rejected_row_says_nothing_about_the_rows_after_it(account: Account, state: Path) -> None:
    invalid = {"email": "no address"}
    rows = [invalid, row(1), invalid, row(2)]
    first = await account.sync(rows, state, removed="delete")
    assert (first.accepted, first.rejected, first.added) == (2, 2, 2)
    assert differences(await account.sync(rows, state, removed="delete")) == (0, 0, 2, 0)
    account.simulator.faults = [Fault.parse("failed-job")]
    await account.sync([invalid, row(1, 5), row(2)], state, removed="delete")
    account.simulator.faults = []
    await account.sync([invalid, row(1, 5), row(2)], state, removed="delete")
    assert await account.names((1, 2)) == {1: "version 5", 2: "version 0"}
    assert (await account.sync([row(2)], state, removed="delete", max_removed=1)).removed_done == 1
    assert await account.names((1, 2)) == {2: "version 0"}


async def test_rows_that_are_not_sent_are_not_said_to_be_all_that_were_read(account: Account, state: Path) -> None:
    known = [row(number) for number in range(5)]
    await account.sync(known, state)
    report = await account.sync([*known, {"email": "no address"}], state)
    assert str(report) == "0 new, 0 changed, 5 unchanged; 1 to be sent: 1 rejected"
    assert report.read == report.as_dict()["read"] == 1
    assert "to be sent" in report.html()


async def test_full_sends_everything_and_renews_the_state(account: Account, state: Path) -> None:
    rows = [row(1), row(2)]
    await account.sync(rows, state)
    report = await account.sync(rows, state, full=True)
    assert (differences(report), report.accepted, report.resent) == ((0, 2, 0, 0), 2, "full is True")
    assert differences(await account.sync(rows, state)) == (0, 0, 2, 0)


@pytest.mark.parametrize(
    "options", [{"tags": ["VIP"]}, {"use_api_double_opt_in": True}, {"columns": {"Mail": "email"}}, {"lang": "PL"}]
)
async def test_with_other_options_all_rows_are_sent_again(
    account: Account, state: Path, options: dict[str, Any]
) -> None:
    await account.sync([row(1), row(2)], state)
    report = await account.sync([row(1), row(2)], state, **options)
    assert report.accepted == 2
    assert report.resent is not None
    assert report.resent.startswith("the last sync had another value of ")
    assert differences(await account.sync([row(1), row(2)], state, **options)) == (0, 0, 2, 0)


async def test_options_may_be_long(account: Account, state: Path) -> None:
    columns = {f"The column number {number}": f"properties.column {number}" for number in range(100)}
    rows = [{**row(1), **dict.fromkeys(columns, "x")}]
    await account.sync(rows, state, columns=columns)
    assert differences(await account.sync(rows, state, columns=columns)) == (0, 0, 1, 0)
    changed = await account.sync(rows, state, columns=dict(sorted(columns.items())))
    assert changed.resent == "the last sync had another value of columns"


async def test_another_key_begins_anew_and_removes_nobody(account: Account, state: Path) -> None:
    rows = [{**row(number), "externalId": f"E{number}"} for number in (1, 2)]
    await account.sync(rows, state, removed="delete")
    report = await account.sync(rows, state, key="external_id", removed="delete", max_removed=1)
    assert (differences(report), report.resent) == ((2, 0, 0, 0), "the last sync knew its rows by email")
    moved = [{**rows[0], "email": address(3)}, rows[1]]
    assert differences(await account.sync(moved, state, key="external_id", removed="delete")) == (0, 1, 1, 0)


async def test_a_dry_run_changes_nothing(account: Account, state: Path) -> None:
    rows = [row(number) for number in range(4)]
    await account.sync(rows, state)
    before = state.read_bytes()
    report = await account.sync([row(0, 1), row(9)], state, dry_run=True, removed="keep")
    assert (differences(report), report.removal, report.requests) == ((1, 1, 0, 3), "kept", 0)
    assert report.estimate
    assert report.estimate.chunks == 1
    assert state.read_bytes() == before
    assert list(state.parent.iterdir()) == [state]


async def test_a_sync_that_is_stopped_counts_only_the_rows_that_it_took(account: Account, state: Path) -> None:
    async with (
        account.client(concurrency=8) as sm,
        sm.contacts.syncing(map(row, range(5000)), state=state, batch_size=10) as taken,
    ):
        async for _ in taken:
            taken.stop()
    report = taken.report
    assert report.added == report.read < 5000


async def test_outcomes_come_one_by_one(account: Account, state: Path) -> None:
    async with account.client() as sm:
        await sm.contacts.sync([row(1)], state=state)
        async with sm.contacts.syncing([row(1), row(2)], state=state) as outcomes:
            found = [(outcome.record, outcome.state) async for outcome in outcomes]
        assert found == [(row(2), "accepted")]
        assert differences(outcomes.report) == (1, 0, 1, 0)


async def test_an_asynchronous_source(account: Account, state: Path) -> None:
    async def rows() -> AsyncIterator[dict[str, str]]:
        for number in range(5):
            yield row(number)

    await account.sync(rows(), state)
    assert differences(await account.sync(rows(), state)) == (0, 0, 5, 0)


async def test_other_tasks_get_turns_while_an_asynchronous_source_never_waits(account: Account, state: Path) -> None:
    had_turn = anyio.Event()

    async def take_turn() -> None:
        had_turn.set()

    async def rows() -> AsyncIterator[dict[str, str]]:
        yield row(1)
        tasks.start_soon(take_turn)
        until = perf_counter() + 5
        while not had_turn.is_set() and perf_counter() < until:
            yield row(1)
        assert had_turn.is_set()

    await account.sync([row(1)], state)
    async with anyio.create_task_group() as tasks:
        assert (await account.sync(rows(), state)).changed == 0


async def test_a_file(account: Account, state: Path, tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("email,name\na@example.com,A\nb@example.com,B\n")
    await account.sync(people, state)
    people.write_text("email,name\na@example.com,A\nb@example.com,C\nnobody,D\n")
    report = await account.sync(people, state)
    assert differences(report) == (0, 1, 1, 0)
    assert [problem.line for problem in report.problems] == [4]


# Contacts that are gone


@pytest.mark.parametrize(
    ("removed", "said"),
    [("delete", "deleted"), ("stop_monitoring", "no longer monitored"), ("tag:GONE", "tagged 'GONE'")],
)
async def test_something_is_done_to_removed_contacts(account: Account, state: Path, removed: str, said: str) -> None:
    rows = [row(number) for number in range(10)]
    await account.sync(rows, state, removed=removed)
    report = await account.sync(rows[1:], state, removed=removed)
    assert (report.removed, report.removed_done, report.removal) == (1, 1, said)
    async with account.client() as sm:
        (gone,) = await sm.contacts.get([address(0)]) or (None,)
    if removed == "delete":
        assert gone is None
    elif removed == "tag:GONE":
        assert gone
        assert [tag.tag for tag in gone.contact_tags or ()] == ["GONE"]
    else:
        assert gone
    assert (await account.sync(rows[1:], state, removed=removed)).removed == 0


async def test_a_contact_that_comes_back_is_added_even_if_the_sync_that_deleted_it_was_killed(
    account: Account, state: Path
) -> None:
    rows = [row(number) for number in range(10)]
    await account.sync(rows, state, removed="delete")
    await account.killed_sync(rows[1:], state, at=1, after=True, removed="delete")
    assert 0 not in await account.names()
    assert differences(await account.sync(rows, state, removed="delete")) == (0, 1, 9, 0)
    assert 0 in await account.names()


async def test_nothing_is_removed_where_the_state_cannot_be_written_before(
    account: Account, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(number) for number in range(10)]
    await account.sync(rows, state, removed="delete")
    with monkeypatch.context() as broken:
        broken.setattr(KnownWriter, "commit", _full_disk)
        with pytest.raises(OSError, match=r"No space left.*customers\.db"):
            await account.sync(rows[1:], state, removed="delete")
    assert len(await account.names()) == 10
    assert (await account.sync(rows[1:], state, removed="delete")).removed_done == 1


async def test_contacts_are_not_removed_if_they_are_too_many(account: Account, state: Path) -> None:
    rows = [row(number) for number in range(10)]
    await account.sync(rows, state, removed="delete")
    report = await account.sync(rows[2:], state, removed="delete")
    assert (report.removed, report.removed_done) == (2, 0)
    assert report.removal
    assert "they are 20.0% of the known contacts, and max_removed is 10.0%" in report.removal
    later = await account.sync(rows[2:], state, removed="delete", max_removed=0.2)
    assert later.removed_done == 2


async def test_contacts_are_not_removed_before_everything_else_was_accepted(account: Account, state: Path) -> None:
    rows = [row(number) for number in range(10)]
    await account.sync(rows, state, removed="delete")
    report = await account.sync([*rows[1:], {"email": "nobody"}], state, removed="delete")
    assert (report.removed_done, len(await account.names())) == (0, 10)
    assert report.removal == "nothing was done to them, because not everything else was accepted"
    assert (await account.sync(rows[1:], state, removed="delete")).removed_done == 1


async def test_nothing_is_removed_after_a_source_that_broke(account: Account, state: Path) -> None:
    rows = [row(number) for number in range(10)]
    await account.sync(rows, state, removed="delete")

    def broken() -> Iterator[dict[str, str]]:
        yield row(0, 5)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        await account.sync(broken(), state, removed="delete", max_removed=1)
    assert (await account.names())[0] == "version 5"
    assert differences(await account.sync([row(0, 5), *rows[1:]], state, removed="delete")) == (0, 0, 10, 0)


async def test_a_contact_that_is_there_under_another_key_is_not_removed(account: Account, state: Path) -> None:
    rows = [{**row(number), "externalId": f"E{number}"} for number in range(10)]
    options: dict[str, Any] = {"key": "external_id", "removed": "delete", "max_removed": 0.3}
    await account.sync(rows, state, **options)
    tonight = [{"externalId": "F0", "email": address(0).upper()}, *rows[2:]]
    trial = await account.sync(tonight, state, **options, dry_run=True)
    report = await account.sync(tonight, state, **options)
    assert (differences(trial), differences(report), report.removed_done) == ((1, 0, 8, 1), (1, 0, 8, 1), 1)
    assert sorted(await account.names()) == [0, 2, 3, 4, 5, 6, 7, 8, 9]
    assert differences(await account.sync(tonight, state, **options)) == (0, 0, 9, 0)


async def test_a_contact_that_gets_a_new_address_is_not_removed_by_it(account: Account, state: Path) -> None:
    await account.sync([row(1), row(2)], state, removed="delete")
    await account.sync([{**row(1), "newEmail": address(3)}, row(2)], state, removed="delete")
    report = await account.sync([{**row(3), "newEmail": address(1)}, row(2)], state, removed="delete", max_removed=1)
    assert (report.removed, sorted(await account.names())) == (0, [1, 2])


@pytest.mark.sampled
@pytest.mark.parametrize("stop", ["stop", "stop_at_once"])
@pytest.mark.parametrize(("removed", "path"), [("delete", "batchDelete"), ("tag:GONE", "batchupsert")])
async def test_a_sync_can_be_stopped_while_contacts_are_removed(
    account: Account, state: Path, removed: str, path: str, stop: str
) -> None:
    rows = [row(number) for number in range(401)]
    await account.sync(rows, state, removed=removed)

    def stop_there(request: httpx.Request) -> None:
        if path in request.url.path:
            getattr(outcomes, stop)()

    options: dict[str, Any] = {"removed": removed, "max_removed": 1, "batch_size": 100}
    async with account.client(concurrency=1) as sm, sm.contacts.syncing(rows[:1], state=state, **options) as outcomes:
        account.on_request = stop_there
        assert [outcome async for outcome in outcomes] == []
    report = outcomes.report
    assert (report.removed, report.removed_done < 400) == (400, True)
    assert report.removal
    assert "the others are tried again by the next sync: " in report.removal
    account.on_request = lambda _: None
    assert (await account.sync(rows[:1], state, **options)).removed_done == 400 - report.removed_done


async def test_removing_ends_when_the_server_does_not_answer(account: Account, state: Path) -> None:
    rows = [row(number) for number in range(1001)]
    await account.sync(rows, state, removed="delete")
    account.simulator.faults = [Fault.parse("503,path=contact/batchDelete")]
    account.requests = 0
    async with account.client(concurrency=2) as sm:
        report = await sm.contacts.sync(rows[:1], state=state, removed="delete", max_removed=1)
    assert (report.removed, report.removed_done) == (1000, 0)
    assert account.requests < 20


async def test_removing_is_confirmed_first(account: Account, state: Path) -> None:
    rows = [row(number) for number in range(10)]
    await account.sync(rows, state, removed="delete")
    asked: list[int] = []

    def refuse(count: int) -> bool:
        asked.append(count)
        return False

    report = await account.sync(rows[1:], state, removed="delete", confirm_removal=refuse)
    assert (asked, report.removed_done, len(await account.names())) == ([1], 0, 10)


@pytest.mark.parametrize(("agreed", "done"), [(0, 0), (1, 1), (2, 1)])
async def test_no_more_are_removed_than_somebody_agreed_to(
    account: Account, state: Path, tmp_path: Path, agreed: int, done: int
) -> None:
    people = tmp_path / "people.csv"
    sync = FileSync(state=state, removed="delete")
    definition = FileImport(kind="contacts", files=(people,), sync=sync)
    for rows in (range(10), range(1, 10)):
        people.write_text("\n".join(["email", *map(address, rows)]))
        with open_import(definition, Attempt(most_removed=agreed)) as opened:
            async with account.client() as sm, importing(sm, opened) as running:
                result = await running.finish()
    report = result.report
    assert isinstance(report, SyncReport)
    assert (report.removed, report.removed_done, len(await account.names())) == (1, done, 10 - done)
    assert (report.removal == "nothing was done to them, because it was not confirmed") == (not done)


async def test_a_sync_that_is_cancelled_says_how_to_go_on(
    account: Account, state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with anyio.CancelScope() as scope:
        account.on_request = lambda _: scope.cancel()
        await account.sync([row(1)], state)
    assert f"Repeat the call with state={str(state)!r} to continue it" in caplog.text


async def test_a_state_without_addresses_is_begun_anew_where_they_are_needed(account: Account, state: Path) -> None:
    rows = [row(number) for number in range(10)]
    await account.sync(rows, state)
    report = await account.sync(rows[1:], state, removed="delete")
    assert (differences(report), report.resent, report.removal) == (
        (0, 9, 0, 1),
        "the state has no addresses of contacts that are removed",
        "nothing was done to them, because the last sync kept no names; this one forgets them",
    )
    assert address(7).encode() in state.read_bytes()
    assert (await account.sync(rows[2:], state)).removed == 1
    assert address(7).encode() not in state.read_bytes()


# What a state cannot be used for


async def test_a_state_of_another_account_is_refused(account: Account, state: Path) -> None:
    await account.sync([row(1)], state)
    async with account.client(owner="other@example.com") as sm:
        with pytest.raises(Invalid, match=r"customers\.db: is the state of another account or owner"):
            await sm.contacts.sync([row(1)], state=state)
    assert differences(await account.sync([row(1)], state)) == (0, 0, 1, 0)


async def test_each_byte_of_the_header_counts(account: Account, state: Path) -> None:
    await account.sync([row(number) for number in range(12)], state)
    content = state.read_bytes()
    for place in range(len(content[:1024].rstrip())):
        damaged = bytearray(content)
        damaged[place] ^= 1
        state.write_bytes(damaged)
        with pytest.raises(Invalid, match=r"customers\.db: "):
            Known.open(state)


@pytest.mark.parametrize("where", [100, 1024, 1030, -1])
async def test_a_damaged_state_is_refused(account: Account, state: Path, where: int) -> None:
    await account.sync([row(1), row(2)], state)
    content = bytearray(state.read_bytes())
    content[where] ^= 1
    state.write_bytes(content)
    with pytest.raises(Invalid, match=r"customers\.db: "):
        await account.sync([row(1)], state)
    assert state.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"email,name\n", b"{}", b"\x00" * 2000, b"[1]"])
async def test_what_is_no_state_is_refused(account: Account, state: Path, content: bytes) -> None:
    state.write_bytes(content)
    with pytest.raises(Invalid, match=r"customers\.db: is (empty|not the state of a sync); .*send all rows again"):
        await account.sync([row(1)], state)
    assert list(state.parent.iterdir()) == [state]


async def test_a_state_of_the_first_version_is_read(
    account: Account, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(number) for number in range(10)]
    await account.sync(rows, state, removed="delete")
    known = Known.open(state)
    with monkeypatch.context() as first_version, KnownWriter(state, cast("StateOf", known.of)) as writer:
        first_version.setattr(header, "FORMAT", 1)
        for place in sorted(range(10), key=lambda place: known.entries[2 * place]):
            writer.copy(known, place, place + 1, keeps_contents=True)
        known.close()
        writer.commit()
    assert b'{"salesmanago sync":1,' in state.read_bytes()
    report = await account.sync([row(0, 1), *rows[1:9]], state, removed="delete")
    assert (differences(report), report.removed_done) == ((0, 1, 8, 1), 1)
    assert b'{"salesmanago sync":3,' in state.read_bytes()
    assert sorted(await account.names()) == list(range(9))


async def test_a_state_of_a_later_version_is_refused(
    account: Account, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as later_version:
        later_version.setattr(header, "FORMAT", 4)
        await account.sync([row(1)], state)
    with pytest.raises(Invalid, match=r"customers\.db: is the state of another version .*remove this one to send all"):
        await account.sync([row(1)], state)


async def test_rows_that_were_never_accepted_are_new(account: Account, state: Path) -> None:
    rows = [row(number) for number in range(8)]
    await account.killed_sync(rows, state, at=4, batch_size=2)
    second = await account.sync(rows, state, batch_size=2)
    assert (second.changed, second.added + second.unchanged) == (0, 8)
    assert second.added > 0
    account.simulator.faults = [Fault.parse("failed-job")]
    rows = [row(0, 1), *rows[1:], row(8)]
    for _ in range(3):
        assert differences(await account.sync(rows, state)) == (1, 1, 7, 0)
    account.simulator.faults = []
    assert differences(await account.sync(rows, state)) == (1, 1, 7, 0)
    assert differences(await account.sync(rows, state)) == (0, 0, 9, 0)


async def test_two_syncs_cannot_use_one_state(account: Account, state: Path) -> None:
    async with account.client() as sm, sm.contacts.syncing([row(1)], state=state) as outcomes:
        async for _ in outcomes:
            with pytest.raises(Invalid, match=r"customers\.db: is in use by another sync"):
                await sm.contacts.sync([row(2)], state=state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wait": False}, "wait: is False; a sync follows its jobs"),
        ({"journal": "other.db"}, "journal: is another file; the state is the journal of a sync"),
        ({"key": "phone"}, "key: is 'phone', not one of email, external_id, contact_id"),
        ({"removed": "gone"}, "removed: is 'gone', not one of keep, tag:NAME, stop_monitoring, delete"),
        ({"removed": "tag:"}, "tags"),
        ({"max_removed": 2}, "max_removed: is 2; give a part from 0 to 1"),
    ],
)
async def test_options_that_do_not_fit(account: Account, state: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        await account.sync([row(1)], state, **options)
    assert not state.exists()


async def test_a_sync_that_the_server_refused_binds_no_state(account: Account, state: Path) -> None:
    async with account.client(owner="typing.error@example.com") as sm:
        with pytest.raises(NotAuthenticated):
            await sm.contacts.sync([row(1)], state=state)
    assert list(state.parent.iterdir()) == []
    assert (await account.sync([row(1)], state)).accepted == 1


@pytest.mark.parametrize("left", [("customers.db-run",), ("customers.db-run", "customers.db-sent")])
async def test_a_sync_that_was_killed_while_it_removed_its_files(
    account: Account, state: Path, left: Sequence[str]
) -> None:
    await account.sync([row(1), row(2)], state, removed="delete")
    options: dict[str, Any] = {"removed": "delete", "batch_size": 1}
    await account.killed_sync([row(1, 1), row(2, 2)], state, at=4, **options)
    for path in state.parent.glob("customers.db-sent*"):
        if path.name not in left:
            path.unlink()
    report = await account.sync([row(1), row(2, 2)], state, **options)
    assert differences(report) == (0, 2, 0, 0)
    assert await account.names((1, 2)) == {1: "version 0", 2: "version 2"}


async def test_a_link_and_its_target_are_one_state(account: Account, state: Path, tmp_path: Path) -> None:
    link = tmp_path / "links" / "people.db"
    link.parent.mkdir()
    link.symlink_to(state)
    await account.sync([row(1)], link)
    assert differences(await account.sync([row(1)], state)) == (0, 0, 1, 0)
    await account.killed_sync([row(1, 1)], link, at=2)
    await account.sync([row(1)], state)
    assert await account.names((1,)) == {1: "version 0"}
    assert link.is_symlink()
    async with account.client() as sm, sm.contacts.syncing([row(2)], state=link) as outcomes:
        async for _ in outcomes:
            with pytest.raises(Invalid, match=r"customers\.db: is in use by another sync"):
                await sm.contacts.sync([row(2)], state=state)


# Nothing stays open, and nothing is lost where the state cannot be written


def _full_disk(*_: Any) -> None:
    raise OSError(ENOSPC, "No space left on device")


async def test_a_state_that_cannot_be_written_is_closed_and_finished_later(
    account: Account, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await account.sync([row(1), row(2)], state)
    with monkeypatch.context() as broken:
        broken.setattr(KnownWriter, "commit", _full_disk)
        with pytest.raises(OSError, match=r"No space left.*customers\.db"):
            await account.sync([row(1, 1), row(2)], state)
    assert {path.name for path in state.parent.iterdir()} == {"customers.db", "customers.db-run", "customers.db-sent"}
    assert differences(await account.sync([row(1, 1), row(2)], state)) == (0, 0, 2, 0)
    assert list(state.parent.iterdir()) == [state]


async def test_cancellation_waits_for_the_state(account: Account, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = KnownWriter.commit
    with anyio.CancelScope() as scope:

        def cancelled_meanwhile(writer: KnownWriter) -> None:
            anyio.from_thread.run_sync(scope.cancel)
            commit(writer)

        monkeypatch.setattr(KnownWriter, "commit", cancelled_meanwhile)
        await account.sync([row(1)], state)
    monkeypatch.undo()
    assert list(state.parent.iterdir()) == [state]
    assert differences(await account.sync([row(1)], state)) == (0, 0, 1, 0)


@pytest.mark.parametrize("blank", ["", "  ", None])
async def test_a_value_that_becomes_blank_is_a_change_and_only_clear_is_sent_to_empty_the_field(
    account: Account, state: Path, blank: str | None
) -> None:
    sent: list[Any] = []

    def note(request: httpx.Request) -> None:
        if request.url.path.endswith("batchupsertv2"):
            sent.append(orjson.loads(request.content)["upsertDetails"][0]["contact"])

    account.on_request = note
    await account.sync([row(1, 1)], state)
    blanked = {"email": address(1), "name": blank}
    report = await account.sync([blanked], state)
    assert (report.changed, report.accepted) == (1, 1)
    assert await account.names([1]) == {1: "version 1"}
    cleared = {"email": address(1), "name": CLEAR}
    assert (await account.sync([cleared], state)).changed == 1
    assert (await account.sync([cleared], state)).unchanged == 1
    assert sent[1:] == [{"email": address(1)}, {"email": address(1), "name": ""}]
