"""Runs that go wrong in every way, again and again, over one source and one journal, until one goes well.

After each run everything must hold that is checked in worlds, and no event may be there twice. After the last one,
which meets no fault, everything is there: each event once, each contact in its last version. Where the account shows
too little of events, some may stay in doubt, and still none is there twice.
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
from tests.conftest import examples, in_ci, run_virtually
from tests.imports.ways import DOUBTED, RECOGNISED
from tests.imports.worlds import (
    BY_ITSELF,
    PATHS,
    REFUSAL,
    Answer,
    Ends,
    Kind,
    Told,
    World,
    contact,
    event,
    events_of,
    refusing,
)

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
"""Which of those of the kind, by a number, and when."""
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
_ways = st.one_of(st.just("as it is"), st.sampled_from([*RECOGNISED, *DOUBTED]))
"""How the account shows events."""
_numbers = st.frozensets(st.integers(1, 8), max_size=4)
_places = st.frozensets(st.integers(0, 29), max_size=2)

Faults = list[tuple[int, str]]
Options = dict[str, Any]


class Runs(RuleBasedStateMachine):
    """A source, an account, and a journal that every run goes on with."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp())
        self.world: World | None = None
        self.may_go_on = True

    @initialize(
        backend=st.sampled_from(["asyncio", "trio"]),
        kind=st.sampled_from(["contacts", "events"]),
        owners=st.lists(st.integers(0, 7), min_size=1, max_size=30),
        has_ids=st.booleans(),
        way=_ways,
        poison=_places,
        bad=_places,
    )
    def begin(
        self,
        backend: str,
        kind: Kind,
        owners: list[int],
        has_ids: bool,
        way: str,
        poison: frozenset[int],
        bad: frozenset[int],
    ) -> None:
        self.backend = backend
        self.world = World(kind, self.folder)
        self.owners = owners
        self.records = [
            {"email": "nobody"} if place in bad else _record(kind, place, owner, has_ids=has_ids)
            for place, owner in enumerate(owners)
        ]
        self.rejected = set(bad)
        if kind == "events":
            self._within(lambda world: world.prepare(f"c{owner}@example.com" for owner in range(1, 8)))
            self.world.front.instead = refusing(poison)
            self.world.front.shows = (RECOGNISED | DOUBTED)[way]
            self.rejected |= poison | {place for place, owner in enumerate(owners) if owner == GHOST}
        self.rejected &= set(range(len(owners)))
        self.job_failed = False
        self.may_doubt = kind == "events" and way in DOUBTED
        """Whether the account shows too little of an event for everything to be decided."""

    @rule(faults=_faults, options=_options)
    def run_to_the_end(self, faults: Faults, options: Options) -> None:
        self._run(faults, options, BY_ITSELF)

    @rule(faults=_faults, options=_options, when=_moments)
    def run_until_killed(self, faults: Faults, options: Options, when: dict[str, Any]) -> None:
        self._run(faults, options, Ends("kill", **when))

    @rule(faults=_faults, options=_options, when=_moments, how=st.sampled_from(["stop", "cancel", "cut"]))
    def run_until_stopped(self, faults: Faults, options: Options, when: dict[str, Any], how: Any) -> None:
        self._run(faults, options, Ends(how, **when))

    @rule()
    def run_elsewhere(self) -> None:
        self._within(lambda world: world.run_elsewhere(self.records))

    def teardown(self) -> None:
        try:
            if self.world and self.may_go_on:
                self._check_what_is_there(self._run([], {"batch_size": 5}, BY_ITSELF))
        finally:
            shutil.rmtree(self.folder)

    def _run(self, faults: Faults, options: Options, ends: Ends) -> Told:
        assert self.world
        kinds = _KINDS[self.world.kind]
        chosen = [f"{kinds[number % len(kinds)]},{when}".format(PATHS[self.world.kind]) for number, when in faults]
        self.job_failed |= any("failed-job" in text for text in chosen)
        self.world.simulator.faults = [Fault.parse(text) for text in chosen]
        self.world.watches_jobs &= options.get("wait", True)  # who did not wait knows nothing of those jobs later
        if self.may_doubt:  # what is sent all the same may be there
            options.pop("in_doubt", None)
        client = {"concurrency": options.pop("concurrency", 3)}
        told: Told = self._within(lambda world: world.run(self.records, ends, client=client, **options))
        if self.world.kind == "events":
            assert set(events_of(self.world.simulator).values()) <= {1}
        return told

    def _check_what_is_there(self, told: Told) -> None:
        assert self.world
        states = {outcome.position: outcome.state for outcome in told.outcomes}
        assert set(states.values()) <= {"accepted", "rejected", *(["in_doubt"] if self.may_doubt else [])}
        rejected = {position for position, state in states.items() if state == "rejected"}
        assert rejected >= self.rejected
        assert rejected == self.rejected or self.job_failed
        if self.world.kind == "events":
            there = len(events_of(self.world.simulator))
            in_doubt = sum(state == "in_doubt" for state in states.values())
            assert len(self.records) - len(rejected) - in_doubt <= there <= len(self.records) - len(rejected)
        else:
            self._within(lambda world: world.settle())
            self._check_versions(rejected)

    def _check_versions(self, rejected: set[int]) -> None:
        """Each contact is there in its last version; or in a later one that was applied, although its job failed."""
        assert self.world
        stored = self.world.simulator._store.contacts.values()
        versions = {one.email: int(str(one.fields["name"]).split()[-1]) for one in stored}
        last = {owner: place for place, owner in enumerate(self.owners) if place not in rejected}
        for owner, place in last.items():
            version = versions[f"c{owner}@example.com"]
            assert version == place or (version > place and version in rejected)

    def _within(self, act: Callable[[World], Awaitable[Any]]) -> Any:
        """Do something on a new event loop, later than all before."""
        world, results = self.world, list[Any]()
        assert world

        async def do() -> None:
            try:
                results.append(await act(world))
            finally:
                world.began += anyio.current_time() + 1

        self.may_go_on = False
        run_virtually(self.backend, do)
        self.may_go_on = True
        return results[0]


@frozen
class Oddities:
    """What a server does with the requests that come next, by their numbers.

    Of those in `halves` it does the first half, and gives this answer; the answers to those in `late` are lost, and
    their jobs end so many poll intervals later. Other jobs take so many seconds.
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
    """The same against a server that refuses requests which it has half done, or loses answers of late jobs."""

    @rule(faults=_faults, options=_options, oddities=_oddities)
    def run_to_the_end(self, faults: Faults, options: Options, oddities: Oddities) -> None:
        self._run_oddly(oddities, faults, options, BY_ITSELF)

    @rule(faults=_faults, options=_options, oddities=_oddities, when=_moments)
    def run_until_killed(self, faults: Faults, options: Options, oddities: Oddities, when: dict[str, Any]) -> None:
        self._run_oddly(oddities, faults, options, Ends("kill", **when))

    @rule(faults=_faults, options=_options, oddities=_oddities, when=_moments, how=st.sampled_from(["stop", "cut"]))
    def run_until_stopped(
        self, faults: Faults, options: Options, oddities: Oddities, when: dict[str, Any], how: Any
    ) -> None:
        self._run_oddly(oddities, faults, options, Ends(how, **when))

    def _run_oddly(self, oddities: Oddities, faults: Faults, options: Options, ends: Ends) -> None:
        assert self.world
        front, kind = self.world.front, self.world.kind
        sent = front.requests[PATHS[kind]]
        if kind == "events":
            front.halves, front.half_answer = {sent + number for number in oddities.halves}, oddities.answer
        else:
            front.late = {sent + number: intervals * 60.0 for number, intervals in oddities.late.items()}
            self.world.simulator._store.job_seconds = oddities.job_seconds
        options.pop("wait", None)  # who does not wait does not know what is applied last
        self._run(faults, options, ends)
        front.halves, front.late = set(), {}
        self.world.began += 4 * 60.0  # a run that ends does not hold its contacts until the next one: late jobs end


def _record(kind: Kind, place: int, owner: int, *, has_ids: bool) -> Any:
    email = f"c{owner}@example.com"
    if kind == "contacts":
        return contact(place, email)
    return event(place, email) if has_ids else event(place, email, external_id=None)


def _settings(count: int) -> settings:
    return settings(
        max_examples=count,
        stateful_step_count=5,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        print_blob=True,
    )


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Keep no word of the many runs that are cancelled."""
    caplog.set_level(logging.ERROR, "salesmanago_async")


@pytest.mark.hypothesis
def test_nothing_is_lost_or_doubled_whatever_happens() -> None:
    run_state_machine_as_test(Runs, settings=_settings(examples(200)))


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_whatever_happens_for_minutes() -> None:
    run_state_machine_as_test(Runs, settings=_settings(5000))


@pytest.mark.hypothesis
def test_nothing_is_lost_or_doubled_by_a_server_that_refuses_what_it_has_half_done() -> None:
    run_state_machine_as_test(RunsOfOddServers, settings=_settings(examples(100)))


# At every step


@pytest.mark.anyio
@pytest.mark.both_loops
@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("before", [(), (Ends("kill", seconds=0.5),)], ids=["the first run", "the second run"])
@pytest.mark.parametrize("kind", [*in_ci("contacts"), "events"])
async def test_a_run_may_end_at_any_step(
    kind: Kind, before: tuple[Ends, ...], stride: int, anyio_backend_name: str, tmp_path: Path
) -> None:
    """The first run is killed, the second cut off: of what is cut off, every record must still be counted."""
    step = taken = 1 if anyio_backend_name == "trio" else 0
    while taken >= step:
        step += stride
        world = World(kind, tmp_path / f"{step}")
        world.folder.mkdir()
        taken = await _finish(world, *before, Ends("cut" if before else "kill", step=step))


async def _finish(world: World, *endings: Ends) -> int:
    """Make runs with these ends, and one that ends by itself; return how many steps the last of the former took."""
    make = contact if world.kind == "contacts" else event
    records = [make(position, f"c{position % 5}@example.com") for position in range(11)]
    if world.kind == "events":
        await world.prepare({str(record.email) for record in records})
    world.simulator.faults = [Fault.parse(f"reset-after,at=2,path={PATHS[world.kind]}")]
    taken = 0
    for ends in endings:
        await world.run(records, ends, batch_size=3)
        taken = world.steps.count
        world.simulator.faults = []
    assert (await world.run(records, batch_size=3)).counts == {"accepted": 11}
    await world.settle()
    if world.kind == "events":
        assert sorted(events_of(world.simulator).values()) == [1] * 11
    else:
        names = {str(one.fields["name"]) for one in world.simulator._store.contacts.values()}
        assert names == {f"version {position}" for position in range(6, 11)}
    return taken
