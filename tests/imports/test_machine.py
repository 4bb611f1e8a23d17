"""Runs that go wrong in every way, again and again, over one source and one journal, until one goes well.

After each run, everything that the harness checks must hold, and no event may be in the account twice. After the last
run, which has no fault, everything is there: each event once, each contact in its last version. If the account shows
too little of events, some may stay in doubt, but still none is there twice.
"""

import logging
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import anyio
import pytest
from attrs import frozen
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from salesmanago_async.simulator import Fault
from tests.conftest import examples, run_virtually
from tests.imports.harness import (
    BY_ITSELF,
    PATHS,
    REFUSAL,
    Answer,
    Harness,
    Kind,
    RunResult,
    Termination,
    contact,
    event,
    events_of,
    refusing,
)
from tests.imports.renderings import AMBIGUOUS, RECOGNIZABLE

pytestmark = pytest.mark.ci

GHOST = 0
"""The contact that is not there: its events are rejected."""


# What can go wrong

_OF_BATCHES = ("503", "status-after,status=502", "reset-before", "reset-after", "429", "429,retry-after=5", "garbled")
_OF_JOBS = ("failed-job,path={}", "500,path=job/status", "garbled,path=job/status", "expired,path=files")
_OF_FILES = ("truncated,path=files", "garbled,path=files", "503,path=files")
_OF_LISTS = ("500,path=contact/list", "truncated,path=contact/list", "reset-before,path=contact/list")
_KINDS: Mapping[str, Sequence[str]] = {
    "contacts": (*(f"{kind},path={{}}" for kind in _OF_BATCHES), *_OF_JOBS, *_OF_FILES),
    "events": (*(f"{kind},path={{}}" for kind in _OF_BATCHES), *_OF_LISTS),
}
_times = st.one_of(
    st.frozensets(st.integers(1, 12), min_size=1, max_size=4).map(lambda at: f"at={';'.join(map(str, sorted(at)))}"),
    st.sampled_from(["share=0.2", "share=0.5", "at=1-"]),
)
_faults = st.lists(st.tuples(st.integers(0, 100), _times), max_size=3)
"""Which faults of the kind, by number, and when."""
_moments: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.integers(1, 150).map(lambda step: {"step": step}),
    st.floats(0, 3).map(lambda seconds: {"seconds": seconds}),
    st.floats(0, 400).map(lambda seconds: {"seconds": seconds}),
)
_options = st.fixed_dictionaries(
    {"batch_size": st.integers(1, 6), "concurrency": st.integers(1, 4)},
    optional={
        "max_bytes": st.just(1300),
        "wait": st.just(False),
        "in_doubt": st.sampled_from(["send", "drop"]),
        "reads": st.sampled_from(["async", "breaks"]),
    },
)
_renderings = st.one_of(st.just("as it is"), st.sampled_from([*RECOGNIZABLE, *AMBIGUOUS]))
"""How the account shows events."""
_numbers = st.frozensets(st.integers(1, 8), max_size=4)
_places = st.frozensets(st.integers(0, 29), max_size=2)

Faults = list[tuple[int, str]]
Options = dict[str, Any]


class Runs(RuleBasedStateMachine):
    """A source, an account, and a journal with which every run resumes."""

    database: str | None = None
    """The database with the journal; None for a file."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp())
        self.harness: Harness | None = None
        self.may_go_on = True

    @initialize(
        backend=st.sampled_from(["asyncio", "trio"]),
        kind=st.sampled_from(["contacts", "events"]),
        owners=st.lists(st.integers(0, 7), min_size=1, max_size=30),
        has_ids=st.booleans(),
        rendering=_renderings,
        poison=_places,
        bad=_places,
    )
    def begin(
        self,
        backend: str,
        kind: Kind,
        owners: list[int],
        has_ids: bool,
        rendering: str,
        poison: frozenset[int],
        bad: frozenset[int],
    ) -> None:
        self.backend = backend
        self.harness = Harness(kind, self.folder, self.database)
        self.owners = owners
        self.records = [
            {"email": "nobody"} if place in bad else _record(kind, place, owner, has_ids=has_ids)
            for place, owner in enumerate(owners)
        ]
        self.rejected = set(bad)
        if kind == "events":
            self._within(lambda harness: harness.prepare(f"c{owner}@example.com" for owner in range(1, 8)))
            self.harness.gateway.instead = refusing(poison)
            self.harness.gateway.renders = (RECOGNIZABLE | AMBIGUOUS)[rendering]
            self.rejected |= poison | {place for place, owner in enumerate(owners) if owner == GHOST}
        self.rejected &= set(range(len(owners)))
        self.job_failed = False
        self.may_be_in_doubt = kind == "events" and rendering in AMBIGUOUS
        """Whether the account shows too little of an event to decide everything."""

    @rule(faults=_faults, options=_options)
    def run_to_the_end(self, faults: Faults, options: Options) -> None:
        self._run(faults, options, BY_ITSELF)

    @rule(faults=_faults, options=_options, when=_moments)
    def run_until_killed(self, faults: Faults, options: Options, when: dict[str, Any]) -> None:
        self._run(faults, options, Termination("kill", **when))

    @rule(faults=_faults, options=_options, when=_moments, how=st.sampled_from(["stop", "cancel", "cut"]))
    def run_until_stopped(self, faults: Faults, options: Options, when: dict[str, Any], how: Any) -> None:
        self._run(faults, options, Termination(how, **when))

    @rule()
    def run_elsewhere(self) -> None:
        self._within(lambda harness: harness.run_elsewhere(self.records))

    def teardown(self) -> None:
        try:
            if self.harness and self.may_go_on:
                self._check_what_is_there(self._run([], {"batch_size": 5}, BY_ITSELF))
        finally:
            shutil.rmtree(self.folder)

    def _run(self, faults: Faults, options: Options, termination: Termination) -> RunResult:
        assert self.harness
        kinds = _KINDS[self.harness.kind]
        chosen = [f"{kinds[number % len(kinds)]},{when}".format(PATHS[self.harness.kind]) for number, when in faults]
        self.job_failed |= any("failed-job" in text for text in chosen)
        self.harness.simulator.faults = [Fault.parse(text) for text in chosen]
        self.harness.watches_jobs &= options.get("wait", True)  # a client that did not wait does not follow these jobs
        if self.may_be_in_doubt:  # what is sent in spite of the doubt may be there
            options.pop("in_doubt", None)
        client = {"concurrency": options.pop("concurrency", 3)}
        result: RunResult = self._within(
            lambda harness: harness.run(self.records, termination, client=client, **options)
        )
        if self.harness.kind == "events":
            assert set(events_of(self.harness.simulator).values()) <= {1}
        return result

    def _check_what_is_there(self, result: RunResult) -> None:
        assert self.harness
        states = {outcome.position: outcome.state for outcome in result.outcomes}
        assert set(states.values()) <= {"accepted", "rejected", *(["in_doubt"] if self.may_be_in_doubt else [])}
        rejected = {position for position, state in states.items() if state == "rejected"}
        in_doubt = {position for position, state in states.items() if state == "in_doubt"}
        assert rejected >= self.rejected - in_doubt  # a batch that is refused may be in doubt: half of it may be there
        assert rejected <= self.rejected or self.job_failed
        if self.harness.kind == "events":
            there = len(events_of(self.harness.simulator))
            assert len(self.records) - len(rejected) - len(in_doubt) <= there <= len(self.records) - len(rejected)
        else:
            self._within(lambda harness: harness.settle())
            self._check_versions(rejected)

    def _check_versions(self, rejected: set[int]) -> None:
        """Check that each contact is there in its last version, or a later one whose job failed after applying it."""
        assert self.harness
        stored = self.harness.simulator._store.contacts.values()
        versions = {one.email: int(str(one.fields["name"]).split()[-1]) for one in stored}
        last = {owner: place for place, owner in enumerate(self.owners) if place not in rejected}
        for owner, place in last.items():
            version = versions[f"c{owner}@example.com"]
            assert version == place or (version > place and version in rejected)

    def _within(self, act: Callable[[Harness], Awaitable[Any]]) -> Any:
        """Do something on a new event loop, at a later time than everything before."""
        harness, results = self.harness, list[Any]()
        assert harness

        async def do() -> None:
            try:
                results.append(await act(harness))
            finally:
                harness.began += anyio.current_time() + 1

        self.may_go_on = False
        run_virtually(self.backend, do)
        self.may_go_on = True
        return results[0]


class RunsInDatabase(Runs):
    """The same with a journal in a database, which may end the session of a run."""

    @rule(faults=_faults, options=_options, when=_moments)
    def run_until_its_session_ends(self, faults: Faults, options: Options, when: dict[str, Any]) -> None:
        self._run(faults, options, Termination("lose", **when))


@frozen
class Oddities:
    """What a server does with the next requests, by their numbers.

    It processes the first half of those in `halves`, and sends this answer. The answers to those in `late` are lost,
    and their jobs end so many poll intervals later. Other jobs take so many seconds.
    """

    halves: frozenset[int]
    answer: Answer
    late: Mapping[int, float]
    job_seconds: float


_oddities = st.builds(
    Oddities,
    st.frozensets(st.integers(1, 4), min_size=1),
    st.sampled_from([REFUSAL, (400, REFUSAL[1]), (500, b"")]),
    st.dictionaries(st.integers(1, 4), st.floats(1.5, 3.9), min_size=1, max_size=2),
    st.sampled_from([5.0, 90.0]),
)


class RunsOfOddServers(Runs):
    """The same with a server that refuses requests after it has processed a half, or loses the answers of late jobs."""

    @rule(faults=_faults, options=_options, oddities=_oddities)
    def run_to_the_end(self, faults: Faults, options: Options, oddities: Oddities) -> None:
        self._run_oddly(oddities, faults, options, BY_ITSELF)

    @rule(faults=_faults, options=_options, oddities=_oddities, when=_moments)
    def run_until_killed(self, faults: Faults, options: Options, oddities: Oddities, when: dict[str, Any]) -> None:
        self._run_oddly(oddities, faults, options, Termination("kill", **when))

    @rule(faults=_faults, options=_options, oddities=_oddities, when=_moments, how=st.sampled_from(["stop", "cut"]))
    def run_until_stopped(
        self, faults: Faults, options: Options, oddities: Oddities, when: dict[str, Any], how: Any
    ) -> None:
        self._run_oddly(oddities, faults, options, Termination(how, **when))

    def _run_oddly(self, oddities: Oddities, faults: Faults, options: Options, termination: Termination) -> None:
        assert self.harness
        gateway, kind = self.harness.gateway, self.harness.kind
        sent = gateway.requests[PATHS[kind]]
        if kind == "events":
            gateway.halves, gateway.half_answer = {sent + number for number in oddities.halves}, oddities.answer
        else:
            gateway.late = {sent + number: intervals * 60.0 for number, intervals in oddities.late.items()}
            self.harness.simulator._store.job_seconds = oddities.job_seconds
        options.pop("wait", None)  # a client that does not wait cannot know what is applied last
        self._run(faults, options, termination)
        gateway.halves, gateway.late = set(), {}
        self.harness.began += 4 * 60.0  # a run that ends blocks no contacts for the next one: late jobs end first


def _record(kind: Kind, place: int, owner: int, *, has_ids: bool) -> Any:
    email = f"c{owner}@example.com"
    if kind == "contacts":
        return contact(place, email)
    return event(place, email) if has_ids else event(place, email, external_id=None)


def machine_settings(count: int) -> settings:
    return settings(
        max_examples=count,
        stateful_step_count=5,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        print_blob=True,
    )


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Log nothing about the many runs that are cancelled."""
    caplog.set_level(logging.ERROR, "salesmanago_async")


@pytest.mark.hypothesis
def test_nothing_is_lost_or_doubled_whatever_happens() -> None:
    run_state_machine_as_test(Runs, settings=machine_settings(examples(200)))


@pytest.mark.hypothesis
def test_nothing_is_lost_or_doubled_with_a_journal_in_a_database(postgresql: str) -> None:
    machine = type("InDatabase", (RunsInDatabase,), {"database": postgresql})
    run_state_machine_as_test(machine, settings=machine_settings(examples(40)))


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_whatever_happens_for_minutes() -> None:
    run_state_machine_as_test(Runs, settings=machine_settings(5000))


@pytest.mark.hypothesis
def test_nothing_is_lost_or_doubled_by_a_server_that_refuses_what_it_has_half_done() -> None:
    run_state_machine_as_test(RunsOfOddServers, settings=machine_settings(examples(100)))


# At every step


@pytest.mark.sampled
@pytest.mark.anyio
@pytest.mark.both_loops
@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("before", [(), (Termination("kill", seconds=0.5),)], ids=["the first run", "the second run"])
@pytest.mark.parametrize("kind", ["contacts", "events"])
async def test_a_run_may_end_at_any_step(
    kind: Kind, before: tuple[Termination, ...], stride: int, anyio_backend_name: str, tmp_path: Path
) -> None:
    """The first run is killed, and the second cut off: every record that was cut off must still be counted."""
    step = taken = 1 if anyio_backend_name == "trio" else 0
    while taken >= step:
        step += stride
        harness = Harness(kind, tmp_path / f"{step}")
        harness.folder.mkdir()
        taken = await _finish(harness, *before, Termination("cut" if before else "kill", step=step))


@pytest.mark.anyio
@pytest.mark.parametrize("how", ["kill", "lose"])
@pytest.mark.parametrize(
    ("kind", "stride"),
    [
        ("events", 7),
        ("contacts", 3),
        ("events", 2),
    ],
)
async def test_a_run_may_end_or_lose_its_database_at_any_step(
    kind: Kind, stride: int, how: Any, tmp_path: Path, postgresql: str
) -> None:
    step = taken = 1
    while taken >= step:
        harness = Harness(kind, tmp_path, postgresql)
        taken = await _finish(harness, Termination(how, step=step))
        step += stride


async def _finish(harness: Harness, *endings: Termination) -> int:
    """Execute runs with these ends, and one that ends by itself; return the steps of the last of these."""
    make = contact if harness.kind == "contacts" else event
    records = [make(position, f"c{position % 5}@example.com") for position in range(11)]
    if harness.kind == "events":
        await harness.prepare({str(record.email) for record in records})
    harness.simulator.faults = [Fault.parse(f"reset-after,at=2,path={PATHS[harness.kind]}")]
    taken = 0
    for termination in endings:
        await harness.run(records, termination, batch_size=3)
        taken = harness.steps.count
        harness.simulator.faults = []
    assert (await harness.run(records, batch_size=3)).counts == {"accepted": 11}
    await harness.settle()
    if harness.kind == "events":
        assert sorted(events_of(harness.simulator).values()) == [1] * 11
    else:
        names = {str(one.fields["name"]) for one in harness.simulator._store.contacts.values()}
        assert names == {f"version {position}" for position in range(6, 11)}
    return taken
