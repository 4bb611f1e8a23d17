"""The blocking client against the simulator: calls, runs, sources and callbacks, threads, closing."""

import asyncio
import gc
import sqlite3
import threading
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from salesmanago_async import ClientClosed, Contact, Invalid, Outcome, Refused, Report, Tag
from salesmanago_async.blocking import RunInterrupted, SalesManago
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Simulator


def client_of(simulator: Simulator | None = None, **options: Any) -> SalesManago:
    transport = httpx.ASGITransport(app=simulator or Simulator(job_seconds=0))
    return SalesManago(DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=transport, poll_interval=0.05, **options)


@pytest.fixture
def sm() -> Iterator[SalesManago]:
    with client_of() as client:
        yield client


def people(count: int) -> list[dict[str, str]]:
    return [{"email": f"ann{number}@example.com", "tags": "VIP"} for number in range(count)]


def test_a_call_returns_its_answer_and_raises_its_error(sm: SalesManago) -> None:
    assert sm.contacts.upsert(Contact(email="ann@example.com")).contact_id
    assert sm.contacts.has("ann@example.com").contact_id
    assert sm.call("contact/hasContact", {"email": "bob@example.com"})["success"]
    with pytest.raises(Refused):
        sm.jobs.status(99)
    with pytest.raises(TypeError, match="upsert"):
        sm.contacts.upsert()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_an_export_is_read_saved_and_streamed(sm: SalesManago, tmp_path: Path) -> None:
    assert sm.contacts.upsert_many(people(30)).accepted == 30
    job = sm.contacts.export(to=[Tag("VIP")])
    with job.records() as records:
        assert sum(1 for record in records if record.contact_data) == 30
        assert not records.damaged
    assert job.save(tmp_path / "vip.jsonl") == 30
    with job.stream() as chunks:
        assert b"ann7@example.com" in b"".join(chunks)
    with sm.jobs.as_completed(sm.jobs.attach(number) for number in [job.request_id]) as finished:
        assert [found.request_id for found in finished] == [job.request_id]
    assert len(list(sm.contacts.walk(size=7))) == 30
    with sm.contacts.export_modified(0, state=tmp_path / "state.json") as contacts:
        assert len(list(contacts)) == 30
        assert contacts.is_complete
    assert (tmp_path / "state.json").exists()


def test_an_iterator_may_be_left_at_any_item(sm: SalesManago, tmp_path: Path) -> None:
    sm.contacts.upsert_many(people(30))
    assert next(sm.contacts.walk(size=7)).email
    with sm.contacts.export_modified(0, state=tmp_path / "state.json") as contacts:
        next(contacts)
    assert not (tmp_path / "state.json").exists()
    with sm.contacts.export(to=[Tag("VIP")]).records() as records:
        next(records)
    with sm.contacts.upserting(iter(people(30)), batch_size=10) as outcomes:
        next(outcomes)


def test_sources_are_read_in_the_thread_of_the_caller(sm: SalesManago) -> None:
    """A cursor of sqlite3 refuses any other thread; so do the connections of Django."""
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    database.execute("create table people (email text, name text)")
    database.executemany("insert into people values (?, ?)", [(f"ann{n}@example.com", "Ann") for n in range(3000)])
    assert sm.contacts.upsert_many(database.execute("select * from people")).accepted == 3000
    with sm.contacts.upserting(database.execute("select * from people limit 700")) as outcomes:
        assert sorted(outcome.position for outcome in outcomes) == list(range(700))
    database.close()


def test_an_async_source_is_a_source(sm: SalesManago) -> None:
    async def rows() -> AsyncIterator[dict[str, str]]:
        for row in people(20):
            await asyncio.sleep(0)
            yield row

    assert sm.contacts.upsert_many(rows()).accepted == 20


def test_a_source_may_give_one_object_again_and_again(sm: SalesManago) -> None:
    def rows() -> Iterator[dict[str, str]]:
        row: dict[str, str] = {}
        for number in range(500):
            row["email"] = f"ann{number}@example.com"
            yield row

    assert sm.contacts.upsert_many(rows()).accepted == 500
    assert len(list(sm.contacts.walk())) == 500


def test_the_error_of_a_source_comes_after_the_rows_before_it(sm: SalesManago) -> None:
    def rows() -> Iterator[dict[str, str]]:
        yield from people(50)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone") as raised:
        sm.contacts.upsert_many(rows())
    assert "50 accepted" in raised.value.__notes__[0]
    with pytest.raises(Invalid, match="source"):
        sm.contacts.upsert_many({"email": "ann@example.com"})


def test_callbacks_are_called_in_the_thread_of_the_caller(sm: SalesManago, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def show(report: Report) -> None:
        assert sm.owner == DEMO_OWNER  # the client may be used meanwhile
        seen.append((threading.get_ident(), report.accepted))

    sm.contacts.upsert_many(people(30), on_progress=show)
    assert seen[-1] == (threading.get_ident(), 30)

    asked: list[int] = []

    def confirm(count: int) -> bool:
        with pytest.raises(RuntimeError, match="waits for this callback"):
            sm.tags.list()
        asked.append(threading.get_ident())
        return count == 3

    state = tmp_path / "people.db"
    sm.contacts.sync(people(30), state=state, removed="tag:GONE")
    report = sm.contacts.sync(people(27), state=state, removed="tag:GONE", confirm_removal=confirm)
    assert (report.removed_done, asked) == (3, [threading.get_ident()])


def test_the_error_of_a_callback_is_raised(sm: SalesManago) -> None:
    def show(report: Report) -> None:
        raise KeyError("a mistake")

    with pytest.raises(KeyError, match="a mistake"):
        sm.contacts.upsert_many(people(30), on_progress=show)


def test_a_buffer_reports_its_outcomes_before_it_is_closed(sm: SalesManago) -> None:
    outcomes: list[Outcome] = []

    def note(outcome: Outcome) -> None:
        assert sm.owner == DEMO_OWNER
        outcomes.append(outcome)

    with sm.contacts.buffer(on_outcome=note, max_delay=0.01) as contacts, sm.events.buffer(after=contacts) as events:
        receipt = contacts.add(Contact(email="ann@example.com"))
        event = {"email": "ann@example.com", "date": 1_700_000_000_000, "contactExtEventType": "PURCHASE"}
        assert events.confirm(event).state == "accepted"
        assert receipt.wait().state == "accepted"
        assert len(contacts) == 0
        contacts.add(Contact(email="bob@example.com"))
    assert [outcome.state for outcome in outcomes] == ["accepted", "accepted"]
    contacts.close()


def test_many_threads_use_one_client(sm: SalesManago) -> None:
    reports: list[Report] = []

    def work(number: int) -> None:
        rows = ({"email": f"ann{number}-{row}@example.com"} for row in range(200))
        reports.append(sm.contacts.upsert_many(rows))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [report.accepted for report in reports] == [200] * 4


def test_a_client_is_closed_any_number_of_times_and_says_so() -> None:
    sm = client_of()
    with sm:
        job = sm.jobs.attach(1)
        with sm.contacts.upserting(people(3)) as outcomes:
            list(outcomes)
    sm.close()
    sm.close()
    assert outcomes.report.accepted == 3  # what is known can still be read
    for use in (sm.tags.list, job.status, sm.__enter__):
        with pytest.raises(ClientClosed, match="the client is closed; make another one"):
            use()
    never_used = client_of()
    never_used.close()
    with pytest.raises(ClientClosed):
        never_used.tags.list()
    assert not [thread for thread in threading.enumerate() if thread.name == "salesmanago"]


def test_closing_ends_what_other_threads_wait_for() -> None:
    sm = client_of(Simulator(job_seconds=3600))
    reports: list[Report] = []
    begun = threading.Event()

    def note(report: Report) -> None:
        if report.jobs:
            begun.set()

    thread = threading.Thread(
        target=lambda: reports.append(sm.contacts.upsert_many(iter(people(10)), on_progress=note))
    )
    thread.start()
    assert begun.wait(30)
    sm.close()
    thread.join(30)
    assert "closed" in str(reports[0].stopped)


def test_a_block_that_is_left_open_ends_with_the_client() -> None:
    sm = client_of()
    opened = sm.contacts.upserting(iter(people(30)), batch_size=10)
    next(opened.__enter__())
    sm.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "salesmanago"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_inside_an_event_loop_it_says_what_to_use_instead(sm: SalesManago, backend: str) -> None:
    async def view() -> None:
        with pytest.raises(RuntimeError, match="use `from salesmanago_async import SalesManago` with `await`"):
            sm.tags.list()
        with pytest.raises(RuntimeError, match="an event loop runs in this thread"):
            sm.close()

    asyncio.run(view()) if backend == "asyncio" else trio.run(view)


def test_another_thread_of_an_event_loop_may_use_it(sm: SalesManago) -> None:
    async def view() -> Any:
        return await asyncio.to_thread(sm.tags.list)

    assert asyncio.run(view()).success


@pytest.mark.ci
def test_a_forgotten_client_warns_as_a_file_does_and_is_closed(unfrozen: None) -> None:
    sm = client_of()
    sm.tags.list()
    with pytest.warns(ResourceWarning, match="unclosed client"):  # noqa: PT031 - both make it forgotten
        del sm
        gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name == "salesmanago"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client_of()
        gc.collect()


def test_ctrl_c_while_a_source_makes_a_row_keeps_the_report(sm: SalesManago) -> None:
    def rows() -> Iterator[dict[str, str]]:
        yield from people(1000)
        raise KeyboardInterrupt

    with pytest.raises(RunInterrupted) as stopped:
        sm.contacts.upsert_many(rows(), batch_size=100)
    report = stopped.value.report
    assert report.read == report.accepted + report.submitted + report.not_sent > 0
    assert "stopped before the end" in str(stopped.value)
    assert not report.complete
    assert sm.tags.list().success  # the client is of use


def test_nothing_of_it_can_be_pickled(sm: SalesManago) -> None:
    import pickle

    for value in (sm, sm.contacts, sm.jobs.attach(1)):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(value)
