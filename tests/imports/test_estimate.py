"""Dry runs: what they count, and that the estimated time is the time of a real run. Under virtual time."""

import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from salesmanago_async import Contact, ExternalEvent, Invalid, Report, SalesManago
from salesmanago_async.imports.engine.duplicates import DuplicateCounter
from salesmanago_async.imports.estimate import Estimate
from salesmanago_async.simulator import Simulator
from tests.conftest import EPOCH, wall_clock

MakeClient = Callable[..., SalesManago]


def contacts(count: int) -> Iterator[Contact]:
    return (Contact(email=f"c{index}@example.com") for index in range(count))


def event(**others: Any) -> ExternalEvent:
    return ExternalEvent(
        **{
            "email": "ann@example.com",
            "date": 1_700_000_000_000,
            "contact_ext_event_type": "PURCHASE",
            "external_id": "E1",
            **others,
        }
    )


SAME = {"externalId": "E1", "contactExtEventType": "PURCHASE", "date": 1_700_000_000_000}


def estimate_of(plan: Report) -> Estimate:
    assert plan.estimate is not None
    return plan.estimate


# What would be sent


@pytest.mark.anyio
@pytest.mark.parametrize(("wait", "polls", "requests"), [(True, 3, 9), (False, 0, 3)])
async def test_contacts_take_a_job_for_each_chunk_and_two_requests_to_follow_it(
    wait: bool, polls: int, requests: int, sm: SalesManago
) -> None:
    plan = await sm.contacts.upsert_many(contacts(25), batch_size=10, wait=wait, dry_run=True)
    estimate = estimate_of(plan)
    assert (estimate.chunks, estimate.jobs, estimate.polls, estimate.requests) == (3, 3, polls, requests)
    assert (plan.requests, plan.jobs, plan.not_sent) == (0, 0, 25)  # what was sent


@pytest.mark.anyio
async def test_events_take_one_request_for_each_chunk(sm: SalesManago) -> None:
    plan = await sm.events.add_many(
        [event(external_id=f"E{number}") for number in range(25)], batch_size=10, dry_run=True
    )
    estimate = estimate_of(plan)
    assert (estimate.chunks, estimate.jobs, estimate.polls, estimate.requests) == (3, 0, 0, 3)


@pytest.mark.anyio
async def test_a_run_sends_what_its_dry_run_estimated(make_client: MakeClient) -> None:
    app = Simulator(clock=wall_clock, job_seconds=0.0, link_seconds=300.0)
    async with make_client(app) as sm:
        plan = await sm.contacts.upsert_many(contacts(250), batch_size=100, dry_run=True)
        report = await sm.contacts.upsert_many(contacts(250), batch_size=100)
    assert (report.chunks, report.bytes, report.requests, report.jobs) == (
        plan.chunks, plan.bytes, estimate_of(plan).requests, estimate_of(plan).jobs,
    )  # fmt: skip


@pytest.mark.anyio
async def test_only_a_dry_run_has_an_estimate(sm: SalesManago) -> None:
    report = await sm.contacts.upsert_many([*contacts(3), *contacts(3)])
    assert (report.estimate, report.duplicates) == (None, None)


@pytest.mark.anyio
async def test_an_empty_source_costs_nothing(sm: SalesManago) -> None:
    plan = await sm.contacts.upsert_many([], dry_run=True)
    assert (plan.duplicates, estimate_of(plan).requests, estimate_of(plan).seconds_at(latency=9.0)) == (0, 0, 0.0)


@pytest.mark.anyio
async def test_the_estimate_has_the_settings_of_client_and_run(simulator: Simulator, make_client: MakeClient) -> None:
    async with make_client(simulator, concurrency=3, rate=4.0, poll_interval=7.0) as sm:
        estimate = estimate_of(await sm.contacts.upsert_many(contacts(1), outstanding=5, dry_run=True))
        assert (estimate.concurrency, estimate.rate, estimate.poll_interval, estimate.outstanding) == (3, 4.0, 7.0, 5)
    async with make_client(simulator) as sm:
        estimate = estimate_of(await sm.contacts.upsert_many(contacts(1), dry_run=True))
        assert (estimate.concurrency, estimate.rate, estimate.poll_interval, estimate.outstanding) == (
            64,
            None,
            60.0,
            1000,
        )


@pytest.mark.anyio
async def test_a_dry_run_that_is_stopped_estimates_what_it_has_read(sm: SalesManago) -> None:
    async with sm.contacts.upserting(contacts(100_000), dry_run=True) as outcomes:
        async for outcome in outcomes:
            if outcome.position == 1500:
                outcomes.stop()
    report = outcomes.report
    assert not report.read_all
    assert report.read == report.not_sent < 100_000
    assert estimate_of(report).chunks == report.chunks


@pytest.mark.anyio
async def test_a_dry_run_touches_no_journal(sm: SalesManago, tmp_path: Path) -> None:
    journal = tmp_path / "nightly.db"
    await sm.contacts.upsert_many(contacts(3), journal=journal, dry_run=True)
    assert list(tmp_path.iterdir()) == []
    await sm.contacts.upsert_many(contacts(3), journal=journal)
    kept = {path: path.read_bytes() for path in tmp_path.iterdir()}
    plan = await sm.contacts.upsert_many(contacts(9), journal=journal, dry_run=True)
    assert (plan.not_sent, plan.earlier) == (9, 0)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == kept


# Duplicates


@pytest.mark.anyio
async def test_records_of_a_contact_that_came_before_are_duplicates(sm: SalesManago) -> None:
    source: list[Any] = [
        *contacts(5),
        {"email": "C0@Example.com", "name": "in other letters"},
        {"email": "no address"},
        {"email": "no address"},
        {"contactId": "4711", "name": "by its id"},
        {"contactId": "4711", "name": "once more"},
        *contacts(2),
    ]
    plan = await sm.contacts.upsert_many(source, batch_size=2, dry_run=True)
    assert (plan.duplicates, plan.rejected, plan.not_sent) == (4, 2, 10)
    assert plan.chunks == 5  # none was held back


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("second", "duplicates"),
    [
        (event(), 1),
        ({**SAME, "email": "ann@example.com"}, 1),
        (event(external_id="E2"), 0),
        (event(description="another"), 0),
        (event(email="bob@example.com"), 0),
    ],
    ids=["the same", "the same in another order", "another id", "one field more", "another contact"],
)  # fmt: skip
async def test_events_that_are_the_same_in_every_field_are_duplicates(
    second: Any, duplicates: int, sm: SalesManago
) -> None:
    plan = await sm.events.add_many([event(), second], batch_size=1, dry_run=True)
    assert plan.duplicates == duplicates


@given(st.lists(st.integers(0, 300).map(str)))
def test_duplicates_are_counted_as_a_set_would(things: list[str]) -> None:
    duplicates = DuplicateCounter()
    for start in range(0, len(things), 7):
        duplicates.add(things[start : start + 7])
    assert sum(duplicates.counts()) == len(things) - len(set(things))


@pytest.mark.ci
def test_a_duplicate_takes_some_eight_bytes() -> None:
    number = 100_000
    empty = DuplicateCounter()  # what is created only once is created now
    empty.add(["x"])
    tracemalloc.start()
    try:
        duplicates = DuplicateCounter()
        duplicates.add(f"c{index}@example.com" for index in range(number))
        assert sum(duplicates.counts()) == 0
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak / number < 10


# How long it takes

ONE = Estimate(
    records=1, chunks=1, jobs=0, polls=0, preparing=0.0, concurrency=8, rate=None, poll_interval=60.0, outstanding=1000
)


def of_contacts(chunks: int, **others: Any) -> Estimate:
    return evolve(ONE, chunks=chunks, jobs=chunks, polls=chunks, **others)


@pytest.mark.parametrize(
    ("estimate", "seconds"),
    [
        pytest.param(evolve(ONE, chunks=0, preparing=3.0), 3.0, id="nothing but preparing"),
        pytest.param(ONE, 0.5, id="one request"),
        pytest.param(evolve(ONE, chunks=85), 6.5, id="three waves of 3 and two of 6, then eight at a time"),
        pytest.param(evolve(ONE, chunks=86), 7.0, id="and one more"),
        pytest.param(evolve(ONE, chunks=81, rate=4.0), 20.5, id="bound by the rate"),
        pytest.param(evolve(ONE, chunks=81, preparing=30.0), 30.5, id="bound by the preparing"),
        pytest.param(of_contacts(1), 64.5, id="a chunk, an early poll, a poll interval, a poll, a file"),
        pytest.param(of_contacts(9), 65.5, id="three chunks at a time at the start"),
        pytest.param(of_contacts(24), 64.5, id="the last of many chunks has no early poll"),
        pytest.param(of_contacts(1, preparing=30.0), 94.5, id="the last chunk goes last"),
        pytest.param(evolve(of_contacts(1), polls=0), 0.5, id="jobs that are not followed"),
        pytest.param(of_contacts(101, outstanding=10), 10 * 61 + 0.5 + 60 + 1, id="ten jobs at a time"),
        pytest.param(of_contacts(500, rate=2.0), 1009 / 2 + 1, id="polls count at the rate, too"),
    ],
)
def test_the_time_is_that_of_what_bounds_the_run(estimate: Estimate, seconds: float) -> None:
    assert estimate.seconds_at(latency=0.5) == pytest.approx(seconds)


@pytest.mark.parametrize("latency", [-0.1, float("nan"), float("inf")])
def test_a_latency_that_is_none_is_refused(latency: float) -> None:
    with pytest.raises(Invalid, match="latency"):
        ONE.seconds_at(latency=latency)


def test_an_estimate_is_plain_json() -> None:
    told = orjson.loads(orjson.dumps(of_contacts(1, rate=2.5).as_dict(latency=0.5)))
    assert (told["requests"], told["rate"], told["latency"], told["seconds"]) == (3, 2.5, 0.5, 64.5)
    assert (told["job_seconds"], told["limit"]) == (30.0, "last jobs")


@pytest.mark.anyio
async def test_preparing_is_the_time_that_the_source_takes(sm: SalesManago) -> None:
    async def slowly() -> AsyncIterator[Contact]:
        for contact in contacts(3):
            await anyio.sleep(10.0)
            yield contact

    estimate = estimate_of(await sm.contacts.upsert_many(slowly(), wait=False, dry_run=True))
    assert estimate.preparing == pytest.approx(30.0)
    assert estimate.seconds_at(latency=0.5) == pytest.approx(30.5)
    assert estimate.records == 3


class Slow:
    """A simulator whose answers and files each take a while."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.app = Simulator(clock=wall_clock, job_seconds=0.0, link_seconds=EPOCH)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await anyio.sleep(self.latency)
        await self.app(scope, receive, send)


@pytest.mark.sampled
@pytest.mark.anyio
@pytest.mark.parametrize(
    ("chunks", "latency", "client", "options"),
    [
        pytest.param(1, 0.2, {}, {}, id="one"),
        pytest.param(100, 0.2, {}, {}, id="bound by the polls"),
        pytest.param(100, 0.2, {}, {"wait": False}, id="bound by the permits"),
        pytest.param(100, 0.2, {"concurrency": 1}, {}, id="one at a time"),
        pytest.param(100, 0.2, {"rate": 2.0}, {}, id="bound by the rate"),
        pytest.param(100, 0.2, {}, {"outstanding": 10}, id="bound by the jobs outstanding"),
        pytest.param(100, 1.0, {"poll_interval": 1.0}, {}, id="polls while chunks are sent"),
        pytest.param(100, 1.0, {"poll_interval": 1.0}, {"outstanding": 2}, id="more requests in flight than jobs"),
    ],
)
async def test_a_run_takes_as_long_as_its_dry_run_estimated(
    chunks: int, latency: float, client: dict[str, Any], options: dict[str, Any], make_client: MakeClient
) -> None:
    async with make_client(Slow(latency), **client) as sm:
        plan = await sm.contacts.upsert_many(contacts(chunks), batch_size=1, dry_run=True, **options)
        report = await sm.contacts.upsert_many(contacts(chunks), batch_size=1, **options)
    foretold = estimate_of(plan).seconds_at(latency=latency, job_seconds=0.0)
    assert 0.98 * foretold <= report.seconds <= 1.2 * foretold
