"""Lives of an app that writes through buffers; they end in every way, one after the other, until one goes well.

A life has a buffer of contacts and one of events, on the files that the life before has left: closed in order, or
killed in the middle. At the end, with a healthy server, everything that was taken is there: each event once, each
contact in its last version. Without a journal the same holds, except for what the lives did not report.
"""

import logging
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, closing, suppress
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Literal

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx
import orjson
import pytest
from anyio.abc import TaskGroup
from attrs import define, field, frozen
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salesmanago_async import Contact, ExternalEvent, Outcome, Retries, SalesManago
from salesmanago_async.buffers.buffer import CUT_AFTER, LAST_POLL, Buffer
from salesmanago_async.buffers.receipts import Receipt
from salesmanago_async.errors import BufferClosed
from salesmanago_async.simulator import DEMO_CREDENTIALS, DEMO_OWNER, Fault, Simulator
from tests.buffers.gateways import ADD, UPSERT
from tests.conftest import EPOCH, examples, run_virtually
from tests.virtual_disk import virtual_disk

pytestmark = pytest.mark.ci

Kind = Literal["contacts", "events"]
Key = tuple[Kind, int]
"""A contact's version, or an event's number."""

OWNERS = range(4)
"""Contacts; the last one does not exist before it is added."""
PLACES: dict[Kind, str] = {"contacts": "contacts.db", "events": "events.db"}
LONG_ENOUGH = 100_000.0
"""Seconds after which a wait has failed."""


# What is drawn


@frozen
class LifeOptions:
    """The options of the buffers of a life."""

    batch_size: int = 3
    wait: bool = True
    drain_within: float = 20.0
    max_delay: float = 1.0


@frozen
class Step:
    """Something that happens in a life; `owner` is the contact whose records are added, `count` how many."""

    what: Literal["contact", "event", "beside", "sleep", "faults", "close", "kill"]
    owner: int = 0
    count: int = 1
    seconds: float = 0.0
    faults: tuple[tuple[int, str], ...] = ()
    options: LifeOptions = LifeOptions()


_OF_BATCHES = (
    "503",
    "500",
    "reset-before",
    "reset-after",
    "late,seconds=20",
    "late,seconds=90",
    "status-after,status=500",
)
_FAULTS = (
    *(f"{kind},path={path}" for kind in _OF_BATCHES for path in (UPSERT, ADD)),
    *(f"503,path={path}" for path in ("job/status", "contact/list", "files")),
    *[f"reset-after,path={ADD}", f"late,path={ADD},seconds=20"] * 8,  # nothing else can double an event
    "401,path=*",
    "503,path=*",
    "reset-before,path=*",
)
_JOB_FAILS = f"failed-job,path={UPSERT}"
_times = st.one_of(
    st.frozensets(st.integers(1, 5), min_size=1, max_size=3).map(lambda at: f"at={';'.join(map(str, sorted(at)))}"),
    st.sampled_from(["share=0.5", "at=1-"]),
)
_faults = st.lists(st.tuples(st.integers(0, len(_FAULTS)), _times), min_size=1, max_size=2).map(tuple)
_seconds = st.one_of(st.floats(0, 3), st.floats(0, 200))
_options = st.builds(
    LifeOptions,
    batch_size=st.integers(1, 3),
    wait=st.booleans(),
    drain_within=st.sampled_from([0.1, 2.0, 20.0]),
    max_delay=st.sampled_from([0.2, 1.0, 30.0]),
)
_owners = st.sampled_from(OWNERS)
_steps = st.lists(
    st.one_of(
        st.builds(Step, st.just("contact"), owner=_owners, count=st.integers(1, 4)),
        st.builds(Step, st.just("event"), owner=_owners, count=st.integers(1, 4)),
        st.builds(Step, st.just("beside"), owner=_owners, count=st.integers(1, 3)),
        st.builds(Step, st.just("sleep"), seconds=_seconds),
        st.builds(Step, st.just("sleep"), seconds=_seconds),
        st.builds(Step, st.just("faults"), faults=_faults),
        st.builds(Step, st.just("close"), options=_options),
        st.builds(Step, st.just("kill"), options=_options),
    ),
    max_size=14,
)


# A life


class Link:
    """The connection of one life to the simulator; when the life is over, nothing passes any more."""

    def __init__(self, simulator: Simulator, seed: int) -> None:
        self._simulator = simulator
        self._random = Random(seed)
        self.is_cut = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._passes()
        await self._simulator(scope, receive, send)
        await self._passes()

    async def _passes(self) -> None:
        if not self.is_cut:
            await anyio.sleep(self._random.uniform(0.05, 0.4))
        if self.is_cut:
            raise httpx.ConnectError("the process is dead")


@define(eq=False)
class Life:
    """A life of the app: its client, its buffers, and their outcomes."""

    folder: Path | None
    options: LifeOptions
    link: Link
    began_with: dict[Kind, int] = field(factory=dict)
    adding: Counter[Kind] = field(factory=Counter)
    taken: dict[Key, Receipt] = field(factory=dict)
    outcomes: dict[Key, Outcome] = field(factory=dict)
    reported_twice: list[Key] = field(factory=list)
    buffers: dict[Kind, Buffer[Any]] = field(factory=dict)
    stack: AsyncExitStack = field(factory=AsyncExitStack)

    async def open(self, clock: Callable[[], float]) -> None:
        """Open the buffers."""
        client = SalesManago(
            DEMO_CREDENTIALS,
            owner=DEMO_OWNER,
            transport=httpx.ASGITransport(app=self.link),
            clock=clock,
            random=Random(7),
            retries=Retries(tries=2),
        )
        sm = await self.stack.enter_async_context(client)
        contacts = sm.contacts.buffer(**self._options("contacts"))
        await self._open("contacts", contacts)
        await self._open("events", sm.events.buffer(after=contacts, **self._options("events")))

    async def _open(self, kind: Kind, buffer: Buffer[Any]) -> None:
        self.buffers[kind] = await self.stack.enter_async_context(buffer)
        self.began_with[kind] = len(buffer)

    async def close(self) -> None:
        """Close the buffers within their bounds, and check that every record has its outcome."""
        for kind in ("events", "contacts"):
            began = anyio.current_time()
            await self.buffers[kind].aclose()
            took = anyio.current_time() - began
            assert took <= self.options.drain_within + LAST_POLL + CUT_AFTER + 2.0, f"closing took {took} seconds"
            assert len(self.buffers[kind]) == 0
            assert not any(self.buffers[kind].holds((_email(owner),)) for owner in OWNERS)
        await self.stack.aclose()
        for key, receipt in self.taken.items():
            assert receipt.outcome is self.outcomes[key], f"{key} was told otherwise than its receipt"
        for kind, began_with in self.began_with.items():
            taken = sum(key[0] == kind for key in self.taken)
            assert sum(key[0] == kind for key in self.outcomes) == taken + began_with, f"not all {kind} were told of"

    async def add(self, key: Key, record: Contact | ExternalEvent) -> None:
        """Add a record to its buffer."""
        self.adding[key[0]] += 1
        try:
            receipt = await self.buffers[key[0]].add(record)
        finally:
            self.adding[key[0]] -= 1
        if not self.link.is_cut:
            self.taken[key] = receipt

    def check(self) -> None:
        """Check what must hold at any time."""
        assert not self.reported_twice
        for kind, buffer in self.buffers.items():
            pending = [key for key in self.taken if key[0] == kind and key not in self.outcomes]
            assert len(pending) <= len(buffer) <= len(pending) + self.began_with[kind] + self.adding[kind]
            held = [owner for owner in OWNERS if buffer.holds((_email(owner),))]
            assert bool(held) == bool(len(buffer))

    def _options(self, kind: Kind) -> Any:
        return {
            "journal": self.folder / PLACES[kind] if self.folder else None,
            "on_outcome": lambda outcome: self._take(kind, outcome),
            "batch_size": self.options.batch_size,
            "wait": self.options.wait,
            "drain_within": self.options.drain_within,
            "max_delay": self.options.max_delay,
        }

    def _take(self, kind: Kind, outcome: Outcome) -> None:
        if self.link.is_cut:
            return
        key = kind, _number(outcome.record)
        if key in self.outcomes:
            self.reported_twice.append(key)
        self.outcomes[key] = outcome


def _email(owner: int) -> str:
    return f"c{owner}@example.com"


def _number(record: Any) -> int:
    """Return the version of a contact, or the number of an event, from its own text."""
    if isinstance(record, Contact):
        said = record.name
    elif isinstance(record, ExternalEvent):
        said = record.external_id
    else:
        said = record["contact"]["name"] if "contact" in record else record["contactEvent"]["externalId"]
    return int(str(said).split()[-1])


# The harness


class Harness:
    """An account, and one life after the other."""

    def __init__(self, folder: Path, tasks: TaskGroup, *, durable: bool) -> None:
        self.simulator = Simulator(clock=self._clock, job_seconds=90.0, link_seconds=300.0)
        self._folder = folder if durable else None
        self._tasks = tasks
        self._numbers = count(1)
        self._copies = count(1)
        self._all_wait = True
        self.lives: list[Life] = []
        self.owners: dict[Key, int] = {}
        self.killed: set[Key] = set()
        """What a killed life had taken and not reported."""
        self.failing_jobs = False

    async def prepare(self) -> None:
        """Create all contacts but one, so that events can be added to them."""
        life = Life(None, LifeOptions(), Link(self.simulator, 0))
        await life.open(self._clock)
        for owner in OWNERS[:-1]:
            await life.add(("contacts", -owner), Contact(email=_email(owner), name=f"version {-owner}"))
        await life.buffers["contacts"].join()
        await life.close()

    async def begin(self, options: LifeOptions) -> None:
        """Begin a life on the files that are there."""
        if not options.wait:
            self._all_wait = False
        life = Life(self._folder, options, Link(self.simulator, len(self.lives)))
        self.lives.append(life)
        await life.open(self._clock)

    async def take(self, step: Step) -> None:
        """Carry out a step."""
        life = self.lives[-1]
        match step.what:
            case "contact" | "event":
                for _ in range(step.count):
                    await life.add(*self._record("contacts" if step.what == "contact" else "events", step.owner))
            case "beside":
                for _ in range(step.count):
                    self._tasks.start_soon(self._add_unless_closed, life, *self._record("events", step.owner))
            case "sleep":
                await anyio.sleep(step.seconds)
            case "faults":
                self._misbehave(step.faults)
            case "close":
                await life.close()
                self._check_outcomes(life)
                await self.begin(step.options)
            case "kill":
                self._kill(life)
                await self.begin(step.options)
        self.lives[-1].check()
        self._check_events()

    async def end(self) -> None:
        """Close everything, and let a last life, on a healthy server, send all that is left."""
        await self.lives[-1].close()
        self._check_outcomes(self.lives[-1])
        self.simulator.faults = []
        await self.begin(LifeOptions())
        last = self.lives[-1]
        with anyio.fail_after(LONG_ENOUGH):
            for kind in ("contacts", "events"):
                await last.buffers[kind].join()
        last.check()
        assert not any(map(len, last.buffers.values()))
        await last.close()
        assert {outcome.state for outcome in last.outcomes.values()} <= {"accepted", "rejected", "in_doubt"}
        await anyio.sleep(1000)  # jobs that were not followed end
        self.simulator._store.catch_up()
        self._check_files()
        self._check_what_is_there()

    def _clock(self) -> float:
        return EPOCH + anyio.current_time()

    def _record(self, kind: Kind, owner: int) -> tuple[Key, Contact | ExternalEvent]:
        number = next(self._numbers)
        self.owners[kind, number] = owner
        if kind == "contacts":
            return (kind, number), Contact(email=_email(owner), name=f"version {number}")
        event = ExternalEvent(
            email=_email(owner),
            date=1_700_000_000_000 + 1000 * number,
            contact_ext_event_type="PURCHASE",
            external_id=f"event {number}",
        )
        return (kind, number), event

    async def _add_unless_closed(self, life: Life, key: Key, record: Contact | ExternalEvent) -> None:
        with suppress(BufferClosed):
            await life.add(key, record)

    def _misbehave(self, faults: Sequence[tuple[int, str]]) -> None:
        chosen = [f"{(*_FAULTS, _JOB_FAILS)[number]},{when}" for number, when in faults]
        self.failing_jobs |= any(text.startswith(_JOB_FAILS) for text in chosen)
        self.simulator.faults = [Fault.parse(text) for text in chosen]

    def _kill(self, life: Life) -> None:
        """Make a life do nothing any more that counts; the next one gets its files as they are now."""
        life.link.is_cut = True
        self.killed |= life.taken.keys() - life.outcomes.keys()
        if self._folder:
            left = self._folder.parent / f"left-{next(self._copies)}"
            left.mkdir()
            for file in self._folder.glob("*.db"):
                shutil.copy(file, left / file.name)
            self._folder = left
        self._tasks.start_soon(self._bury, life)

    async def _bury(self, life: Life) -> None:
        for kind in ("events", "contacts"):
            await life.buffers[kind].aclose()
        await life.stack.aclose()

    # What must hold

    def _events_there(self) -> Counter[int]:
        stored = self.simulator._store.contacts.values()
        return Counter(int(event["externalId"].split()[-1]) for one in stored for event in one.events)

    def _check_events(self) -> None:
        assert set(self._events_there().values()) <= {1}, "an event is there twice"

    def _check_outcomes(self, life: Life) -> None:
        """Check that no event is reported as not sent that is there, nor as accepted that is not."""
        there = self._events_there()
        for (kind, number), outcome in life.outcomes.items():
            if kind == "events" and outcome.state in {"not_sent", "rejected"}:
                assert number not in there, f"event {number} is {outcome.state}, but there"
            if kind == "events" and outcome.state == "accepted":
                assert number in there, f"event {number} is accepted, but not there"

    def _lines(self) -> Iterator[tuple[Key, str]]:
        """Yield the records in the files."""
        for kind, name in PLACES.items() if self._folder else ():
            assert self._folder
            with closing(sqlite3.connect(self._folder / name)) as database:
                for item, state in database.execute("SELECT item, state FROM queue"):
                    yield (kind, _number(orjson.loads(item))), state

    def _check_files(self) -> None:
        for key, state in self._lines():
            assert state in ({"rejected"} if key[0] == "contacts" else {"rejected", "in_doubt"}), (key, state)

    def _ends(self) -> dict[Key, str]:
        """Return the last outcome of each record, or its state in a file; what died unreported in memory is missing."""
        ends: dict[Key, str] = {}
        for life in self.lives:
            ends.update({key: outcome.state for key, outcome in life.outcomes.items()})
        ends.update(self._lines())
        return ends

    def _check_what_is_there(self) -> None:
        ends = self._ends()
        taken = {key for life in self.lives for key in life.taken}
        self._check_all_are_known(taken, ends)
        there = self._events_there()
        for kind, number in taken:
            state = ends.get((kind, number))
            if kind == "events" and state is not None:
                expected = {"accepted": {1}, "in_doubt": {0, 1}}.get(state, {0})
                assert there[number] in expected, f"event {number} is {state}, and {there[number]} times there"
        self._check_versions(taken, ends)

    def _check_all_are_known(self, taken: set[Key], ends: dict[Key, str]) -> None:
        if self._folder is None:
            taken = taken - self.killed
        # a killed life may have had records accepted and deleted without reporting them; these are in the account
        there = self._events_there()
        for key in taken - ends.keys():
            assert key in self.killed, f"{key} is lost"
            if key[0] == "events":
                assert there[key[1]] == 1, f"{key} is lost"
                ends[key] = "accepted"
        if self._folder:
            for key in taken:
                if key[0] == "events":
                    assert ends[key] != "not_sent", f"{key} was never sent"

    def _check_versions(self, taken: set[Key], ends: dict[Key, str]) -> None:
        """Check that each contact is there in its last version, or a later one whose job failed after applying it."""
        if self.failing_jobs and not self._all_wait:
            return  # the failed jobs were not followed
        stored = {one.email: one for one in self.simulator._store.contacts.values()}
        for owner in OWNERS:
            versions = sorted(
                number for kind, number in taken if kind == "contacts" and self.owners[kind, number] == owner
            )
            sure = [number for number in versions if self._is_sure(ends.get(("contacts", number)))]
            if not sure:
                continue
            version = int(str(stored[_email(owner)].fields["name"]).split()[-1])
            unsure = {number for number in versions if number > sure[-1]}
            assert version == sure[-1] or version in unsure, (
                f"{_email(owner)} is there as version {version}, not {sure[-1]}"
            )

    def _is_sure(self, state: str | None) -> bool:
        """Return whether a record with this outcome must be there: with a file, all but the rejected ones."""
        return state in {"accepted", "submitted"} or (self._folder is not None and state != "rejected")


async def _live(steps: Sequence[Step], first: LifeOptions, folder: Path, *, durable: bool) -> None:
    (folder / "first").mkdir()
    async with anyio.create_task_group() as tasks:
        harness = Harness(folder / "first", tasks, durable=durable)
        await harness.prepare()
        await harness.begin(first)
        for step in steps:
            await harness.take(step)
        await harness.end()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Log nothing about all that goes wrong."""
    logger = logging.getLogger("salesmanago_async")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


def _run(steps: Sequence[Step], first: LifeOptions, backend: str, *, durable: bool) -> None:
    async def act() -> None:
        await _live(steps, first, Path(folder), durable=durable)

    with TemporaryDirectory() as folder, virtual_disk():
        run_virtually(backend, act)


def _try_lives(count: int) -> None:
    """Draw so many examples, the same ones each time."""

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(_steps, _options, st.sampled_from([True, True, False]), st.sampled_from(["asyncio", "trio"]))
    def try_them(steps: list[Step], first: LifeOptions, durable: bool, backend: str) -> None:
        _run(steps, first, backend, durable=durable)

    try_them()


@pytest.mark.hypothesis
def test_nothing_is_lost_or_doubled_however_lives_end() -> None:
    _try_lives(examples(100))


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_however_lives_end_for_minutes() -> None:
    _try_lives(5000)
