"""How long a run goes on without an answer: it waits out every failure of the network and of a server alike.

Outages under virtual time, with a journal: the next run finishes what a run leaves, and nothing is lost or doubled.
"""

from collections.abc import Callable, Mapping
from itertools import cycle, pairwise
from pathlib import Path
from random import Random
from typing import Any

import anyio
import httpx
import pytest

from salesmanago_async import (
    Contact,
    Invalid,
    Login,
    NoAnswer,
    RateLimited,
    Report,
    Retries,
    RunIncomplete,
    SalesManago,
)
from salesmanago_async.imports.engine.outage import OutageGate
from salesmanago_async.simulator import DEMO_OWNER, DEMO_PASSWORD, Fault, Simulator
from tests.conftest import MakeClient, in_ci, wall_clock
from tests.imports.harness import PATHS, Gateway, Harness, Kind, Termination, _messages, contact, event, refusing

pytestmark = pytest.mark.anyio

BEGINS = 4.0
"""Seconds after the start of a run at which the server goes away."""
RECORDS = 60
BATCH_SIZE = 2
CONCURRENCY = 3


def raising(error: httpx.TransportError) -> Callable[[], list[Any]]:
    def fail() -> list[Any]:
        raise error

    return fail


def answering(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Callable[[], list[Any]]:
    def fail() -> list[Any]:
        start, content = _messages((status, body))
        start["headers"] += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        return [start, content]

    return fail


FAILURES: Mapping[str, Callable[[], list[Any]]] = {
    "refused": raising(httpx.ConnectError("refused")),
    "no such host": raising(httpx.ConnectError("[Errno -2] Name or service not known")),
    "reset": raising(httpx.ReadError("reset")),
    "time-out": raising(httpx.ReadTimeout("slow")),
    "time-out of connecting": raising(httpx.ConnectTimeout("slow")),
    "429": answering(429),
    "500": answering(500),
    "502": answering(502, b"<html>Bad Gateway"),
    "503": answering(503, b'{"success":false,"message":["down"]}'),
    "504": answering(504),
    "a proxy's page": answering(200, b"<html>maintenance"),
}


class Outage(Gateway):
    """A server that fails from `begins` to `ends` (seconds on the loop's clock), and is reached at all other times.

    With `processes` it processes requests, and fails at the answer; with `only` it fails at requests to that path.
    """

    def __init__(
        self,
        harness: Harness,
        fail: Callable[[], list[Any]],
        *,
        seconds: float,
        begins: float = BEGINS,
        processes: bool = False,
        only: str | None = None,
    ) -> None:
        super().__init__(harness)
        self.fail = fail
        self.began = anyio.current_time() + begins
        self.termination = self.began + seconds
        self.processes = processes
        self.only = only
        self.failed: list[str] = []

    async def _answered(self, path: str, body: Any, scope: Any, number: int) -> list[Any]:
        if self.began <= anyio.current_time() < self.termination and self.only in {None, path}:
            self.failed.append(path)
            if self.processes:
                await self._processed(body, scope)
            return self.fail()
        return await super()._answered(path, body, scope, number)


async def harness_of(kind: Kind, folder: Path, count: int = RECORDS) -> tuple[Harness, list[Any]]:
    """Return an account, and the records to be sent to it; for events, it has their contacts."""
    harness = Harness(kind, folder)
    make = contact if kind == "contacts" else event
    records = [make(position) for position in range(count)]
    if kind == "events":
        await harness.prepare(str(record.email) for record in records)
    return harness, records


async def run(harness: Harness, records: list[Any], **options: Any) -> Report:
    client = {"concurrency": CONCURRENCY, **options.pop("client", {})}
    result = await harness.run(
        records, options.pop("termination", Termination()), client=client, batch_size=BATCH_SIZE, **options
    )
    if result.error:
        raise result.error
    return result.report


async def assert_the_next_run_finishes(harness: Harness, records: list[Any]) -> None:
    """Check that nothing was lost; the harness itself checks that nothing is doubled."""
    harness.gateway = Gateway(harness)
    report = await run(harness, records)
    assert report.accepted == len(records)
    assert report.complete


KINDS = pytest.mark.parametrize("kind", ["contacts", "events"])
OFTEN = ("reset", "time-out", "503")
EACH_FAILURE = pytest.mark.parametrize(
    "failure", [*OFTEN, *in_ci(*(failure for failure in FAILURES if failure not in OFTEN))]
)


@pytest.mark.sampled
@KINDS
@EACH_FAILURE
async def test_every_failure_is_waited_out_alike(failure: str, kind: Kind, tmp_path: Path) -> None:
    harness, records = await harness_of(kind, tmp_path)
    outage = harness.gateway = Outage(harness, FAILURES[failure], seconds=299)
    report = await run(harness, records)
    assert len(outage.failed) > 10
    assert str(report) == f"{RECORDS} read: {RECORDS} accepted"
    report.raise_if_incomplete()
    assert report.seconds > 299


@pytest.mark.ci
@KINDS
@EACH_FAILURE
async def test_a_longer_outage_stops_the_run_and_the_next_one_goes_on(failure: str, kind: Kind, tmp_path: Path) -> None:
    harness, records = await harness_of(kind, tmp_path, 2 * RECORDS)
    outage = harness.gateway = Outage(harness, FAILURES[failure], seconds=303)
    report = await run(harness, records)
    assert 300 < report.seconds < BEGINS + 310
    assert "; stopped before the end: no answer for 300 s (last: " in str(report)
    assert not report.complete
    with pytest.raises(RunIncomplete, match="no answer for 300 s") as caught:
        report.raise_if_incomplete()
    assert caught.value.report is report
    assert report.accepted + report.submitted > 0
    assert not report.read_all
    assert outage.failed.count(PATHS[kind]) < 100
    await assert_the_next_run_finishes(harness, records)


@pytest.mark.sampled
@KINDS
async def test_a_server_that_is_away_from_the_beginning_is_waited_for(kind: Kind, tmp_path: Path) -> None:
    harness, records = await harness_of(kind, tmp_path)
    harness.gateway = Outage(harness, FAILURES["refused"], seconds=299, begins=0)
    assert (await run(harness, records)).accepted == RECORDS


@KINDS
async def test_one_that_never_answered_is_an_error_when_the_patience_is_over(kind: Kind, tmp_path: Path) -> None:
    harness, records = await harness_of(kind, tmp_path)
    harness.gateway = Outage(harness, FAILURES["refused"], seconds=1e9, begins=0)
    started = anyio.current_time()
    with pytest.raises(NoAnswer, match="no answer for 300 s") as caught:
        await run(harness, records)
    assert caught.value.sent is False
    assert 300 <= anyio.current_time() - started < 302
    assert "not sent" in caught.value.__notes__[0]
    await assert_the_next_run_finishes(harness, records)


@pytest.mark.ci
@KINDS
async def test_failures_that_alternate_are_one_silence(kind: Kind, tmp_path: Path) -> None:
    for seconds, is_complete in ((299, True), (303, False)):
        folder = tmp_path / f"{seconds}"
        folder.mkdir()
        harness, records = await harness_of(kind, folder)
        turns = cycle(FAILURES.values())
        harness.gateway = Outage(harness, lambda turns=turns: next(turns)(), seconds=seconds)  # type: ignore[misc]
        report = await run(harness, records)
        assert report.complete == is_complete
        await assert_the_next_run_finishes(harness, records)


@pytest.mark.sampled
@KINDS
async def test_one_answer_is_enough_to_go_on(kind: Kind, tmp_path: Path) -> None:
    """Twice 250 seconds, with a moment of answers between them."""
    harness, records = await harness_of(kind, tmp_path)

    class Twice(Outage):
        async def _answered(self, path: str, body: Any, scope: Any, number: int) -> list[Any]:
            if 250 < anyio.current_time() - self.began < 281:
                return await Gateway._answered(self, path, body, scope, number)
            return await super()._answered(path, body, scope, number)

    harness.gateway = Twice(harness, FAILURES["503"], seconds=530)
    assert (await run(harness, records)).accepted == RECORDS


# What an outage touches


@pytest.mark.ci
@pytest.mark.parametrize("failure", ["reset", "time-out", "500", "a proxy's page"])
@pytest.mark.parametrize("processes", [False, True])
async def test_a_dead_server_is_probed_and_not_sent_the_whole_source(
    failure: str, processes: bool, tmp_path: Path
) -> None:
    """An event that may have arrived is not sent again, so each attempt puts another chunk in doubt."""
    harness, records = await harness_of("events", tmp_path, 200)
    outage = harness.gateway = Outage(harness, FAILURES[failure], seconds=303, processes=processes)
    report = await run(harness, records)
    probes = outage.failed.count(PATHS["events"])
    assert CONCURRENCY + 10 < probes < CONCURRENCY + 25
    assert report.in_doubt == probes * BATCH_SIZE
    assert report.accepted + report.in_doubt + report.not_sent == report.read < 200
    assert report.not_sent <= 5 * BATCH_SIZE
    await assert_the_next_run_finishes(harness, records)


async def test_after_an_answer_everything_goes_at_full_speed_again(tmp_path: Path) -> None:
    harness, records = await harness_of("events", tmp_path)
    harness.gateway = Outage(harness, FAILURES["reset"], seconds=100)
    report = await run(harness, records)
    assert report.accepted == RECORDS
    assert report.seconds < BEGINS + 100 + 30 + 10 + 5 * 63  # the last probe, what is left, two polls each


@pytest.mark.ci
async def test_if_only_adding_fails_the_run_stops_though_contacts_can_be_read(tmp_path: Path) -> None:
    harness, records = await harness_of("events", tmp_path, 200)
    outage = harness.gateway = Outage(harness, FAILURES["502"], seconds=1e6, only=PATHS["events"])
    report = await run(harness, records, client={"poll_interval": 5.0})
    assert report.stopped
    assert not report.complete
    assert len(outage.failed) < 100
    assert report.accepted + report.in_doubt + report.not_sent == report.read < 200
    await assert_the_next_run_finishes(harness, records)


@pytest.mark.ci
async def test_half_of_all_answers_lost_ends_with_everything_accepted(tmp_path: Path) -> None:
    """A run once ended after half a second in this case: cases/first-hour.md, 5 and 6."""
    harness, _ = await harness_of("events", tmp_path, 500)
    records = [event(position, f"c{position % 500}@example.com") for position in range(5000)]
    harness.simulator.faults = [Fault("reset-after", path=PATHS["events"], share=0.5)]
    result = await harness.run(records, batch_size=100, client={"concurrency": 8, "poll_interval": 0.2})
    assert result.counts == {"accepted": 5000}
    assert result.report.complete


@KINDS
async def test_a_chunk_that_is_never_answered_is_given_up_and_the_others_are_not(kind: Kind, tmp_path: Path) -> None:
    harness, records = await harness_of(kind, tmp_path)
    refuse = refusing({17})
    harness.gateway.instead = lambda path, body: (504, b"") if refuse(path, body) else None
    report = await run(harness, records)
    assert (report.accepted, report.in_doubt) == (RECORDS - BATCH_SIZE, BATCH_SIZE)
    assert (report.read_all, report.stopped, report.complete) == (True, None, False)
    assert list(report.reasons.values()) == [BATCH_SIZE]
    await assert_the_next_run_finishes(harness, records)


async def test_a_chunk_that_could_not_be_sent_is_not_overtaken_by_a_later_version(tmp_path: Path) -> None:
    """Nothing in doubt blocks its contacts, and the next run begins with the earlier version, so this run must stop."""
    harness = Harness("contacts", tmp_path)
    records = [contact(position, "hot@example.com" if position in {0, 59} else None) for position in range(RECORDS)]
    refuse = refusing({0})
    harness.gateway.instead = lambda path, body: (429, b"") if refuse(path, body) else None
    report = await run(harness, records)
    assert (report.accepted > 0, report.in_doubt, report.complete) == (True, 0, False)
    assert report.stopped
    await assert_the_next_run_finishes(harness, records)
    await harness.settle()
    versions = {one.email: one.fields["name"] for one in harness.simulator._store.contacts.values()}
    assert versions["hot@example.com"] == "version 59"


@KINDS
async def test_refusals_for_load_are_waited_out_without_a_word_of_when(kind: Kind, tmp_path: Path) -> None:
    harness, records = await harness_of(kind, tmp_path)
    harness.gateway = Outage(harness, FAILURES["429"], seconds=200)
    report = await run(harness, records)
    assert report.accepted == RECORDS
    assert report.in_doubt == 0


# What the server asks for


@pytest.mark.sampled
@KINDS
@pytest.mark.parametrize("asked", ["3600", "date"])
async def test_a_wait_beyond_the_patience_ends_the_run_at_once(kind: Kind, asked: str, tmp_path: Path) -> None:
    harness, records = await harness_of(kind, tmp_path)
    later = "Tue, 14 Nov 2023 23:13:20 GMT"  # 3600 s after the harness begins
    headers = {"retry-after": later if asked == "date" else asked}
    harness.gateway = Outage(harness, answering(429, headers=headers), seconds=1000)
    report = await run(harness, records)
    assert report.seconds < BEGINS + 3
    assert "the server asks to come back in 3" in str(report)
    assert "(at 23:13 UTC)" in str(report)
    assert (report.in_doubt, report.complete) == (0, False)
    await assert_the_next_run_finishes(harness, records)


async def test_a_wait_within_the_patience_is_kept_to(tmp_path: Path) -> None:
    harness, records = await harness_of("contacts", tmp_path)
    outage = harness.gateway = Outage(harness, answering(429, headers={"retry-after": "100"}), seconds=90)
    assert (await run(harness, records)).accepted == RECORDS
    assert 0 < outage.failed.count(PATHS["contacts"]) <= CONCURRENCY


async def test_a_moment_of_another_day_is_named_with_its_date(tmp_path: Path) -> None:
    harness, records = await harness_of("contacts", tmp_path)
    harness.gateway = Outage(harness, answering(429, headers={"retry-after": "86400"}), seconds=10, begins=0)
    with pytest.raises(RateLimited, match=r"in 86400 s \(on 2023-11-15 at 22:13 UTC\)"):
        await run(harness, records)


@pytest.mark.parametrize("asked", ["9" * 30, "9" * 400])
async def test_an_absurd_wait_is_no_error_of_ours(asked: str, tmp_path: Path) -> None:
    harness, records = await harness_of("contacts", tmp_path)
    harness.gateway = Outage(harness, answering(503, headers={"retry-after": asked}), seconds=10)
    assert "asks to come back" in str(await run(harness, records))


# Jobs, stops, options


async def test_jobs_that_cannot_be_asked_about_stay_submitted_and_are_named(tmp_path: Path) -> None:
    harness, records = await harness_of("contacts", tmp_path)
    harness.gateway = Outage(harness, FAILURES["reset"], begins=50, seconds=1000)
    report = await run(harness, records)
    jobs = RECORDS // BATCH_SIZE
    assert (report.submitted, report.read_all, report.complete) == (RECORDS, True, False)
    assert (report.unfollowed, sorted(report.request_ids)) == (jobs, list(range(1, jobs + 1)))
    assert report.as_dict()["request_ids"] == list(report.request_ids)
    assert sum(report.reasons.values()) == RECORDS
    assert "; stopped before the end: no answer for 300 s" in str(report)
    assert report.first_reasons["submitted"].startswith("job ")
    assert report.seconds < 60 + 3 + 302
    await assert_the_next_run_finishes(harness, records)


async def test_a_stop_ends_the_waits(tmp_path: Path) -> None:
    for kind in ("contacts", "events"):
        (tmp_path / kind).mkdir()
        harness, records = await harness_of(kind, tmp_path / kind)
        harness.gateway = Outage(harness, FAILURES["reset"], seconds=1000)
        report = await run(harness, records, termination=Termination("stop", seconds=100))
        assert report.seconds < 102
        assert report.stopped is None
        assert "stopped before the end" in str(report)
        assert not report.complete


async def test_a_silence_begins_with_a_try_and_not_with_the_last_answer(tmp_path: Path) -> None:
    """There is nothing to poll for 1000 seconds: one poll that fails then is not a silence of 1000 seconds."""
    harness, records = await harness_of("contacts", tmp_path)
    harness.gateway = Outage(harness, FAILURES["reset"], begins=900, seconds=200)
    assert (await run(harness, records, client={"poll_interval": 1000.0})).accepted == RECORDS


@pytest.mark.parametrize(("patience", "seconds"), [(0, BEGINS + 1), (20, BEGINS + 22)])
async def test_the_patience_is_an_option(patience: float, seconds: float, tmp_path: Path) -> None:
    harness, records = await harness_of("contacts", tmp_path)
    harness.gateway = Outage(harness, FAILURES["503"], seconds=1000)
    report = await run(harness, records, patience=patience)
    assert f"no answer for {patience} s" in str(report)
    assert report.seconds < seconds


@pytest.mark.parametrize("patience", [-1.0, float("nan"), float("inf")])
async def test_a_patience_without_sense_is_refused(patience: float, tmp_path: Path) -> None:
    async with Harness("contacts", tmp_path).client() as sm:
        with pytest.raises(Invalid, match="patience"):
            await sm.contacts.upsert_many([], patience=patience)


async def test_waits_that_are_set_to_nothing_do_not_make_a_run_hammer(tmp_path: Path) -> None:
    harness, records = await harness_of("contacts", tmp_path)
    outage = harness.gateway = Outage(harness, FAILURES["reset"], begins=0, seconds=1000)
    await run(harness, records, patience=10, client={"retries": Retries(first_wait=0.0, longest_wait=0.0)})
    assert len(outage.failed) <= CONCURRENCY * 10 / 0.1


async def test_calls_outside_a_run_keep_to_their_tries(tmp_path: Path) -> None:
    harness, _ = await harness_of("contacts", tmp_path)
    outage = harness.gateway = Outage(harness, FAILURES["reset"], begins=0, seconds=1000)
    async with harness.client() as sm:
        with pytest.raises(NoAnswer):
            await sm.contacts.has("ann@example.com")
    assert len(outage.failed) == 6


async def test_a_login_is_waited_for_as_well(make_client: MakeClient) -> None:
    """Also if another caller, which keeps to its own number of tries, has given up meanwhile."""
    simulator = Simulator(clock=wall_clock, job_seconds=1.0)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if anyio.current_time() < 250:
            raise httpx.ConnectError("refused")
        await simulator(scope, receive, send)

    login = Login(user_name=DEMO_OWNER, password=DEMO_PASSWORD)
    reports: list[Report] = []
    async with make_client(app, credentials=login) as sm, anyio.create_task_group() as tasks:
        tasks.start_soon(_ask_in_vain, sm)
        reports.append(await sm.contacts.upsert_many([Contact(email="a@x.pl")]))
    assert reports[0].accepted == 1


async def _ask_in_vain(sm: SalesManago) -> None:
    with pytest.raises(NoAnswer):
        await sm.contacts.has("ann@example.com")


async def test_a_buffer_goes_on_for_ever(make_client: MakeClient) -> None:
    simulator = Simulator(clock=wall_clock, job_seconds=1.0)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if anyio.current_time() < 2000:
            raise httpx.ConnectError("refused")
        await simulator(scope, receive, send)

    async with make_client(app, random=Random(3)) as sm, sm.contacts.buffer() as buffer:
        receipt = await buffer.add(Contact(email="ann@example.com"))
        assert (await receipt).state == "accepted"
    assert anyio.current_time() > 2000


# The gate in front of the senders


async def lost(gate: OutageGate, seconds: float = 0.0) -> float:
    """Take a turn, lose the chunk after some seconds, and return when the turn began."""
    async with gate.turn() as turn:
        await anyio.sleep(seconds)
        turn.lost()
        return turn.began


def gate_of(patience: float = 300.0) -> OutageGate:
    return OutageGate(retries=Retries(), random=Random(5), patience=patience)


async def test_chunks_that_are_lost_together_count_as_one_and_then_there_is_one_at_a_time() -> None:
    gate = gate_of()
    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(lost, gate, 60.0 + number / 100)
    began: list[float] = []

    async def probe() -> None:
        began.append(await lost(gate, 10.0))

    async with anyio.create_task_group() as tasks:
        for _ in range(7):
            tasks.start_soon(probe)
    waits = [later - earlier - 10.0 for earlier, later in pairwise([50.0, *began])]
    assert all(span / 2 <= wait <= span for wait, span in zip(waits, [0.5, 1, 2, 4, 8, 16, 30], strict=True))


async def test_an_answer_to_a_chunk_lets_all_go() -> None:
    gate = gate_of()
    for _ in range(6):
        await lost(gate)
    began: list[float] = []

    async def go() -> None:
        async with gate.turn() as turn:
            began.append(turn.began)
            await anyio.sleep(1)
            turn.answered()

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(go)
    assert began[1:] == [began[0] + 1] * 7


async def test_a_run_that_is_stopped_waits_for_no_turn() -> None:
    gate = gate_of()
    for _ in range(9):
        await lost(gate)
    started = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(lost, gate, 1.0)
        await anyio.sleep(1)
        gate.end()
    assert anyio.current_time() <= started + 2


async def test_a_probe_that_is_cancelled_lets_the_next_one_go() -> None:
    gate = gate_of()
    await lost(gate)
    with anyio.move_on_after(100):
        await lost(gate, 1000.0)
    with anyio.fail_after(1):
        await lost(gate)


async def test_it_is_hopeless_after_the_patience_and_no_fewer_than_three_chunks() -> None:
    gate = gate_of(patience=10.0)
    result = []
    for seconds in (0.0, 100.0, 0.0, 0.0):
        await lost(gate, seconds)
        result.append(gate.is_hopeless)
    assert result == [False, False, True, True]
    gate.open()
    assert not gate.is_hopeless
