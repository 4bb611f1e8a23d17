"""Runs whose records are known by their content: their sources may come in another order each time.

Whatever ends a run, and however the next one reads its source: no event is doubled or lost, and a source that lacks
anything that was sent is refused before anything else is sent.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, run_state_machine_as_test

from salesmanago_async import ExternalEvent, Invalid, Outcome, SalesManago
from salesmanago_async.imports.engine.digests import KnownDigests
from salesmanago_async.simulator import Fault
from salesmanago_async.stores.values import RowChecksums
from tests.conftest import examples, in_ci, run_virtually
from tests.imports.harness import (
    BY_ITSELF,
    PATHS,
    Harness,
    Kind,
    RunResult,
    Termination,
    contact,
    event,
    events_of,
)
from tests.imports.test_machine import Runs, RunsInDatabase, machine_settings

Order = Sequence[int]


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Log nothing about the many runs that are cancelled."""
    caplog.set_level(logging.ERROR, "salesmanago_async")


# The digests


@given(st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=8), max_size=6), st.randoms(use_true_random=False))
def test_each_known_record_is_met_once_in_any_order(lines: list[list[int]], random: Random) -> None:
    known = KnownDigests()
    for line in lines:
        known.add_line(RowChecksums.of(line, [b"%d" % one for one in line], "content").checksums)
    for _ in known.sort():
        pass
    each = [one for line in lines for one in line]
    shuffled = random.sample(each, len(each))
    places = []
    for count, one in enumerate(shuffled):
        assert known.remaining == len(each) - count
        assert known.meet(b"unknown %d" % one) is None
        place = known.meet(b"%d" % one)
        assert place is not None
        assert lines[place[0]][place[1]] == one
        places.append(place)
    assert len(set(places)) == len(each)
    assert all(known.meet(b"%d" % one) is None for one in range(13))
    assert known.remaining == 0


# Whatever happens


class RunsInAnyOrder(Runs):
    """The machine of test_machine, in which each run reads its source in another order.

    The records of one contact keep their order, because it says which version is the last.
    """

    random = Random(0)

    @initialize(seed=st.integers(0, 1000))
    def shuffle(self, seed: int) -> None:
        self.random = Random(seed)

    def _run(self, faults: Any, options: dict[str, Any], termination: Termination) -> RunResult:
        """Execute a run in another order; the positions of its outcomes are those of the first order."""
        given, order = self.records, self._any_order()
        self.records = [given[place] for place in order]
        try:
            result = super()._run(faults, {**options, "known_by": "content"}, termination)
        finally:
            self.records = given
        result.outcomes = [_at(outcome, order[outcome.position]) for outcome in result.outcomes]
        return result

    def _any_order(self) -> Order:
        queues: dict[int, list[int]] = {}
        for place, owner in enumerate(self.owners):
            queues.setdefault(owner, []).append(place)
        owners = self.random.sample(self.owners, len(self.owners))
        return [queues[owner].pop(0) for owner in owners]


class RunsInAnyOrderInDatabase(RunsInAnyOrder, RunsInDatabase):
    """The same with a journal in a database."""


def _at(outcome: Outcome, position: int) -> Outcome:
    return Outcome(outcome.record, position, outcome.state, outcome.reason)


@pytest.mark.ci
@pytest.mark.hypothesis
def test_nothing_is_lost_or_doubled_in_any_order() -> None:
    run_state_machine_as_test(RunsInAnyOrder, settings=machine_settings(examples(100)))


@pytest.mark.ci
@pytest.mark.hypothesis
def test_nothing_is_lost_or_doubled_in_any_order_with_a_journal_in_a_database(postgresql: str) -> None:
    machine = type("InDatabase", (RunsInAnyOrderInDatabase,), {"database": postgresql})
    run_state_machine_as_test(machine, settings=machine_settings(examples(40)))


class HarnessOfCopies(Harness):
    """A harness for records that are alike: that one was not sent says nothing about the others."""

    def _is_there(self, record: Any) -> bool:
        return False


@pytest.mark.hypothesis
@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    backend=st.sampled_from(["asyncio", "trio"]),
    copies=st.lists(st.integers(1, 4), min_size=1, max_size=8),
    stops=st.lists(st.integers(1, 80), max_size=4),
    random=st.randoms(use_true_random=False),
)
def test_events_that_are_alike_in_every_byte_are_counted(
    backend: str, copies: list[int], stops: list[int], random: Random
) -> None:
    """Runs are stopped anywhere; in the end each event is there as often as in the source.

    No answer is lost here: the account shows whether an event is there, but not which of several that are alike.
    """
    records = [event(place, f"c{place % 3}@example.com") for place, count in enumerate(copies) for _ in range(count)]

    async def run_until_all_is_there(folder: Path) -> None:
        harness = HarnessOfCopies("events", folder)
        await harness.prepare({str(record.email) for record in records})
        for step in stops:
            mixed = random.sample(records, len(records))
            await harness.run(mixed, Termination("stop", step=step), batch_size=3, known_by="content")
            harness.gateway.accepted.clear()  # a copy of what was accepted may be sent
        result = await harness.run(records, batch_size=3, known_by="content")
        assert result.counts == {"accepted": len(records)}
        assert sorted(events_of(harness.simulator).values()) == sorted(copies)

    with TemporaryDirectory() as folder:
        run_virtually(backend, lambda: run_until_all_is_there(Path(folder)))


# Single cases


def shuffled(records: Sequence[Any], seed: int = 1) -> list[Any]:
    return Random(seed).sample(list(records), len(records))


async def prepared(kind: Kind, folder: Path, count: int) -> tuple[Harness, list[Any]]:
    """Return a harness, and records of which each has a contact of its own."""
    harness = Harness(kind, folder)
    records = [(contact if kind == "contacts" else event)(position) for position in range(count)]
    if kind == "events":
        await harness.prepare(str(record.email) for record in records)
    return harness, records


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["events", *in_ci("contacts")])
async def test_a_run_that_has_ended_sends_nothing_again_in_another_order(kind: Kind, tmp_path: Path) -> None:
    harness, records = await prepared(kind, tmp_path, 50)
    await harness.run(records, batch_size=7, known_by="content")
    sent = harness.gateway.requests.copy()
    again = await harness.run(shuffled(records), batch_size=7, known_by="content")
    assert again.counts == {"accepted": 50}
    assert again.report.earlier == 50
    assert harness.gateway.requests == sent


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["events", *in_ci("contacts")])
async def test_outcomes_have_the_positions_of_their_own_source(kind: Kind, tmp_path: Path) -> None:
    harness, records = await prepared(kind, tmp_path, 40)
    await harness.run(records, Termination("kill", seconds=0.5), batch_size=5, known_by="content")
    given = shuffled(records)
    result = await harness.run(given, batch_size=5, known_by="content")
    assert {outcome.position: outcome.record for outcome in result.outcomes} == dict(enumerate(given))
    assert result.counts == {"accepted": 40}


@pytest.mark.anyio
async def test_what_was_rejected_before_is_rejected_with_the_reason_of_then(tmp_path: Path) -> None:
    harness, records = await prepared("events", tmp_path, 10)
    given = [*records, event(99, "nobody@example.com")]
    first = await harness.run(given, known_by="content")
    again = await harness.run(shuffled(given), known_by="content")
    reasons = [
        {encoded.record.description: encoded.reason for encoded in result.outcomes if encoded.state == "rejected"}
        for result in (first, again)
    ]
    assert list(reasons[0]) == list(reasons[1]) == ["event 99"]
    assert again.counts == first.counts == {"accepted": 10, "rejected": 1}


@pytest.mark.anyio
async def test_new_records_may_be_among_those_that_were_sent(tmp_path: Path) -> None:
    harness, records = await prepared("events", tmp_path, 60)
    await harness.run(records[:30], batch_size=10, known_by="content")
    result = await harness.run(shuffled(records), batch_size=10, known_by="content")
    assert (result.counts, result.report.earlier) == ({"accepted": 60}, 30)
    assert harness.gateway.requests[PATHS["events"]] == 6


@pytest.mark.anyio
@pytest.mark.parametrize("end", ["ended", "killed"])
async def test_a_source_without_something_that_was_sent_is_refused_before_anything_is_sent(
    end: str, tmp_path: Path
) -> None:
    harness, records = await prepared("events", tmp_path, 40)
    kill = Termination("kill", seconds=0.5) if end == "killed" else BY_ITSELF
    await harness.run(records[:30], kill, batch_size=10, known_by="content")
    sent, lines = harness.gateway.requests.copy(), harness.journal_lines()
    changed = [*records[1:], event(0, description="changed")]
    result = await harness.run(changed, batch_size=10, known_by="content")
    assert isinstance(result.error, Invalid)
    assert "1 of the " in str(result.error)
    assert "records that were sent before are not among its 40 records: the source has changed" in str(result.error)
    assert harness.gateway.requests == sent
    assert harness.journal_lines() == lines
    good = await harness.run(shuffled(records), batch_size=10, known_by="content")
    assert good.counts == {"accepted": 40}
    assert set(events_of(harness.simulator).values()) == {1}


@pytest.mark.anyio
@pytest.mark.parametrize("first", ["position", "content"])
async def test_a_journal_is_of_one_kind(first: Any, tmp_path: Path) -> None:
    harness, records = await prepared("events", tmp_path, 5)
    await harness.run(records, known_by=first)
    sent = harness.gateway.requests.copy()
    second = "content" if first == "position" else "position"
    result = await harness.run(records, known_by=second)
    assert isinstance(result.error, Invalid)
    assert "was begun with a different known_by" in str(result.error)
    assert harness.gateway.requests == sent


@pytest.mark.anyio
async def test_once_all_that_was_sent_is_found_an_endless_source_goes_on(tmp_path: Path) -> None:
    """A topic never ends: what comes after the last known record is sent as it comes."""
    harness, records = await prepared("events", tmp_path, 30)
    await harness.run(records[:20], batch_size=10, known_by="content")
    before_the_end: list[int] = []

    async def topic() -> AsyncIterator[Any]:
        for record in shuffled(records[:20]) + records[20:]:
            yield record
        await anyio.sleep(5)
        before_the_end.append(harness.gateway.requests[PATHS["events"]])

    async with harness.client() as sm:
        with harness.disk():
            report = await sm.events.add_many(topic(), journal=harness.journal, batch_size=10, known_by="content")
    assert report.accepted == 30
    assert before_the_end == [3]


@pytest.mark.anyio
async def test_records_that_cannot_be_pickled_wait_in_memory(tmp_path: Path) -> None:
    harness, records = await prepared("events", tmp_path, 12)
    harness.simulator.faults = [Fault.parse(f"reset-after,at=1,path={PATHS['events']}")]
    async with harness.client() as sm:
        with harness.disk():
            async with sm.events.adding(
                map(Odd, records[:8]), journal=harness.journal, batch_size=2, known_by="content"
            ) as outcomes:
                await anyio.sleep(1)
                outcomes.stop()
                assert outcomes.report.in_doubt + outcomes.report.accepted < 8
            given = [*map(Odd, shuffled(records))]
            async with sm.events.adding(given, journal=harness.journal, batch_size=2, known_by="content") as outcomes:
                found = {outcome.position: outcome.record async for outcome in outcomes}
    assert found == dict(enumerate(given))
    assert outcomes.report.accepted == 12
    assert set(events_of(harness.simulator).values()) == {1}


class Odd:
    """A row of a database, as it were."""

    def __init__(self, of: ExternalEvent) -> None:
        self._of = of
        self._values = {"email": of.email, "date": of.date, "contactExtEventType": "PURCHASE"}
        self._values["description"], self._values["externalId"] = of.description, of.external_id

    def keys(self) -> Any:
        return self._values.keys()

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __reduce__(self) -> Any:
        raise TypeError("this row belongs to its connection")


@pytest.mark.anyio
async def test_a_sync_takes_no_such_option(sm: SalesManago, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="known_by: is for a journal"):
        await sm.contacts.sync([], state=tmp_path / "state.db", known_by="content")


@pytest.mark.anyio
async def test_an_unknown_kind_is_refused(sm: SalesManago) -> None:
    with pytest.raises(Invalid, match="known_by: is 'key', not one of position, content"):
        await sm.events.add_many([], known_by="key")  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_what_a_caller_adds_to_the_identity_must_stay_the_same(tmp_path: Path) -> None:
    harness, records = await prepared("events", tmp_path, 5)
    await harness.run(records, known_by="content", identity={"partitions": 8})
    sent = harness.gateway.requests.copy()
    result = await harness.run(records, known_by="content", identity={"partitions": 4})
    assert isinstance(result.error, Invalid)
    assert "was begun with a different partitions" in str(result.error)
    assert harness.gateway.requests == sent
    assert (await harness.run(records, known_by="content", identity={"partitions": 8})).report.earlier == 5
