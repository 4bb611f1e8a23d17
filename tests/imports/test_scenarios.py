"""Scenarios of runs: what goes wrong, how each run ends, what is told, and what is there in the end.

Every scenario is compared with what a sequential run without any fault leaves behind: each contact in its last version,
each event once. The requests are watched all the while: see worlds.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from attrs import evolve, field, frozen

from salesmanago_async import Contact, ExternalEvent, Invalid, Report
from salesmanago_async.imports import _driver
from salesmanago_async.imports._reading import LINGER
from salesmanago_async.simulator import Fault
from tests.conftest import VirtualTimeLoop, in_ci
from tests.imports.ways import DOUBTED, RECOGNISED
from tests.imports.worlds import (
    DISK_SECONDS,
    LISTS,
    PATHS,
    REFUSAL,
    Answer,
    Ends,
    Kind,
    Meddle,
    Told,
    World,
    account,
    contact,
    event,
    events_of,
    nothing,
    refusing,
    sequential,
)

pytestmark = pytest.mark.anyio

# Records. Those that are made are given the ids of the contacts that are there beforehand, by their addresses.

ANN, BOB, NEW, HOT = (f"{name}@example.com" for name in ("ann", "bob", "new", "hot"))
Records = Callable[[Mapping[str, str]], list[Any]]


def contacts(count: int = 30, *, hot: Collection[int] = ()) -> Records:
    """As many contacts, of which some are one and the same."""
    return lambda ids: [contact(position, HOT if position in hot else None) for position in range(count)]


def events(count: int = 30, *, hot: Collection[int] = (), **others: Any) -> Records:
    """As many events of as many contacts, of which some are one and the same."""
    return lambda ids: [event(position, HOT if position in hot else None, **others) for position in range(count)]


def by_all_names(ids: Mapping[str, str]) -> list[Contact]:
    """One contact by its address, by its id, under a new address; each has a name in common with the one before."""
    return [
        contact(0, ANN),
        contact(1, ANN, contact_id=ids[ANN]),
        Contact(contact_id=ids[ANN], name="version 2"),
        contact(3, ANN, contact_id=ids[ANN]),
        contact(4, ANN, new_email=NEW),
        contact(5, NEW),
        contact(6, BOB),
    ]


def alike(ids: Mapping[str, str]) -> list[ExternalEvent]:
    """Events of one contact and one second, told apart only by what they say."""
    at = 1_700_000_000_000
    return [
        ExternalEvent(email=ANN, date=at, contact_ext_event_type="CART", description=f"cart {number}")
        for number in range(4)
    ]


def by_id(ids: Mapping[str, str]) -> list[ExternalEvent]:
    """Events that name their contacts by ids only."""
    return [evolve(event(position, contact_id=ids[ANN]), email=None) for position in range(30)]


def by_id_and_old_address(ids: Mapping[str, str]) -> list[ExternalEvent]:
    """An event that names its contact by its id, and by an address that it has no longer."""
    return [event(0, "old@example.com", contact_id=ids[ANN])]


def by_address_and_by_id(ids: Mapping[str, str]) -> list[ExternalEvent]:
    """Two events of one contact, which they call by different names; else they look the same."""
    at: dict[str, Any] = {"date": 1_700_000_000_000, "contact_ext_event_type": "CART"}
    return [ExternalEvent(email=ANN, **at), ExternalEvent(contact_id=ids[ANN], **at)]


EVERY_4TH = range(0, 30, 4)
NO_ID = events(external_id=None)

# What meddles


def instead_of(answer: Answer, *paths: str) -> Meddle:
    """Answer so, and do not process, what comes to these paths."""
    return lambda path, body: answer if path in paths else None


def no_reading_back(answer: Answer) -> Callable[[World], None]:
    """Have nobody look at contacts: the answer is this one."""

    def meddle(world: World) -> None:
        world.front.instead = instead_of(answer, "contact/list", "contact/listById")

    return meddle


def say_once(answer: bytes) -> Callable[[World], None]:
    """Have the first request with records answered so, although it was processed."""

    def meddle(world: World) -> None:
        answers: list[Answer] = [(200, answer)]
        world.front.after = lambda path, _: answers.pop() if answers and path == PATHS[world.kind] else None

    return meddle


def halve(world: World) -> None:
    """Have the first half of the first request processed, and answered by a 500."""
    world.front.halves = {1}


def halve_and_refuse(status: int, *numbers: int) -> Callable[[World], None]:
    """Have the first half of these requests processed, and refuse them all the same."""

    def meddle(world: World) -> None:
        world.front.halves = set(numbers)
        world.front.half_answer = (status, REFUSAL[1])

    return meddle


def halve_and_hide(world: World) -> None:
    """Do that, and have the account show less of events than is needed to tell them apart."""
    halve(world)
    world.front.after = without_details


def without_details(path: str, content: bytes) -> Answer | None:
    if path != "contact/list":
        return None
    answer = orjson.loads(content)
    for one in answer["contacts"]:
        one["contactExtEvents"] = [{**told, "description": None} for told in one["contactExtEvents"]]
    return 200, orjson.dumps(answer)


def first_jobs(status: bytes, file: Answer = (404, b"")) -> Callable[[World], None]:
    """Have job/status answer so for the first three jobs, for ever, and the file that it names be this."""

    def meddle(world: World) -> None:
        def instead(path: str, body: Any) -> Answer | None:
            if path == "/files/first":
                return file
            return (200, status) if path == "job/status" and body["requestId"] <= 3 else None

        world.front.instead = instead

    return meddle


def unanswered(*positions: int) -> Callable[[World], None]:
    """Answer every request that holds a record of these positions by a 500, and process none of them."""

    def meddle(world: World) -> None:
        refuse = refusing(positions)
        world.front.instead = lambda path, body: (500, b"") if refuse(path, body) else None

    return meddle


NOT_FOUND = first_jobs(b'{"success":false,"message":["Job not found"]}')
FIRST_FILE = b'{"success":true,"message":[],"fileUrl":"https://files.example.com/files/first"}'
PAGE, OTHER_SHAPE, NO_FILE = (
    first_jobs(FIRST_FILE, file) for file in ((200, b"<html>502</html>"), (200, b'[{"a":1}]'), (404, b""))
)


def forbid(world: World) -> None:
    """Have a gateway refuse every request with records, in JSON as the server writes it."""
    world.front.instead = instead_of((403, b'{"success":false,"message":["Forbidden"]}'), PATHS[world.kind])


UNREADABLE, REFUSED_TO_READ = no_reading_back((500, b"")), no_reading_back(REFUSAL)

# Scenarios


def _several(told: Any) -> Sequence[Mapping[str, int] | None]:
    return [told] if isinstance(told, Mapping) else told


@frozen
class Scenario:
    """One or more runs over the same records, and what each must tell (None: whatever it comes to).

    The `faults` (with spaces between them; where one names no path, it is that of the requests with records), the
    refusal of the `poison` and the `meddling` are those of the first run, and of later ones that say `still`. `runs`
    are the options of each. At the end the records `absent` are not there (None: those that the last run told to be
    rejected, which are the poison, if there is any), and those in `twice` are there twice.
    """

    title: str
    told: Sequence[Mapping[str, int] | None] = field(converter=_several)
    faults: str = ""
    records: Records | None = field(default=None, kw_only=True)
    poison: Collection[int] = field(default=(), kw_only=True)
    meddling: Callable[[World], None] = field(default=lambda world: None, kw_only=True)
    runs: Sequence[Mapping[str, Any]] = field(default=({}, {}, {}), kw_only=True)
    absent: Collection[int] | None = field(default=None, kw_only=True)
    twice: Collection[int] = field(default=(), kw_only=True)
    batch_size: int = field(default=10, kw_only=True)
    watches_jobs: bool = field(default=True, kw_only=True)

    @property
    def is_one_run(self) -> bool:
        return len(self.told) == 1


def ended(how: Any, *, seconds: float, still: bool = False) -> Sequence[Mapping[str, Any]]:
    """The options of a run that is ended after some seconds, and of another."""
    return ({"ends": Ends(how, seconds=seconds)}, {"still": still})


killed = partial(ended, "kill")


ALL = {"accepted": 30}
DOUBT = {"in_doubt": 30}
TAKEN = {"submitted": 30}
DOUBT_10 = {"accepted": 20, "in_doubt": 10}
BUT_10 = {"accepted": 20, "rejected": 10}
BUT_1, BUT_2, BUT_3 = ({"accepted": 30 - count, "rejected": count} for count in (1, 2, 3))

CONTACTS = [
    # Nothing, and passing faults: everything arrives
    Scenario("no fault", ALL),
    Scenario("a 503 before it is processed", ALL, "503,at=1"),
    Scenario("a 502 after it was processed", ALL, "status-after,status=502,at=2"),
    Scenario("resets before", ALL, "reset-before,at=1;3"),
    Scenario("resets after", ALL, "reset-after,at=1;3"),
    Scenario("429 with Retry-After", ALL, "429,at=1-4,retry-after=7"),
    Scenario("429 with a date", ALL, "429,at=1-2,retry-after=date+9"),
    Scenario("429 with neither", ALL, "429,at=1-4"),
    Scenario("garbled answers", ALL, "garbled,at=1;2"),
    Scenario("truncated answers", ALL, "truncated,at=1;2"),
    Scenario("looks that fail", ALL, "500,path=job/status,at=1-9"),
    Scenario("expired links", ALL, "expired,path=files,at=1-2"),
    Scenario("truncated files", ALL, "truncated,path=files,at=1-2"),
    Scenario("garbled files", ALL, "garbled,path=files,at=1-2"),
    Scenario("files that answer 500", ALL, "500,path=files,at=1-2"),
    # One contact again and again
    Scenario("a hot contact", ALL, records=contacts(hot=EVERY_4TH)),
    Scenario("only one contact", ALL, records=contacts(hot=range(30))),
    Scenario("a hot contact, and faults", ALL, "reset-after,at=1;3 503,at=5", records=contacts(hot=EVERY_4TH)),
    Scenario("a hot contact, closed by bytes", ALL, records=contacts(hot=EVERY_4TH), runs=[{"max_bytes": 1400}]),
    Scenario("a contact by all its names", {"accepted": 7}, records=by_all_names, batch_size=1),
    Scenario("a contact by all its names, at once", {"accepted": 7}, records=by_all_names),
    Scenario("the same, and resets", {"accepted": 7}, "reset-after,at=1;3", records=by_all_names, batch_size=1),
    Scenario("not waiting", TAKEN, runs=[{"wait": False}]),
    # Lasting faults
    Scenario("a job that fails", BUT_10, "failed-job,at=2"),
    Scenario("jobs that the server does not know", TAKEN, meddling=NOT_FOUND),
    Scenario("result files that are a page of a proxy", TAKEN, meddling=PAGE),
    Scenario("result files of another shape", TAKEN, meddling=OTHER_SHAPE),
    Scenario("files that stay truncated", TAKEN, "truncated,path=files"),
    Scenario("links that stay dead", TAKEN, "expired,path=files"),
    Scenario("a server that does nothing", DOUBT, "500", absent=range(30)),
    Scenario("a server that loses its answers", DOUBT, "status-after,status=500"),
    # Refusals
    Scenario("a poison row", BUT_1, poison={14}),
    Scenario("poison at the ends", BUT_2, poison={0, 29}),
    Scenario("three poison rows", BUT_3, poison={3, 4, 17}),
    Scenario("all poison", {"rejected": 30}, poison=range(30)),
    Scenario("both of one contact", BUT_2, records=contacts(hot={2, 7}), poison={2, 7}),
    Scenario("one of two of a contact", BUT_2, records=contacts(hot={2, 7}), poison={7}, absent={2, 7}),
    Scenario("poison of a hot contact", BUT_2, records=contacts(hot={0, 10, 20}), poison={10}, absent={10, 20}),
    Scenario("poison, and a reset", BUT_1, "reset-before,at=4", poison={14}),
    # Done is done
    Scenario("again, when all is done", [ALL, ALL]),
    Scenario("again, when one was refused", [BUT_1, BUT_1], poison={14}),
    Scenario("again, when a job had failed", [BUT_10, BUT_10], "failed-job,at=2"),
    Scenario("the source is longer", [ALL, {"accepted": 40}], records=contacts(40), runs=[{"first": 30}, {}]),
    Scenario("other sizes of chunks", [DOUBT, ALL], "500", runs=[{}, {"batch_size": 7}]),
    # Better times
    Scenario("the server is back", [DOUBT, ALL], "500"),
    Scenario("answers come again", [DOUBT, ALL], "status-after,status=500"),
    Scenario("links live again", [TAKEN, ALL], "expired,path=files"),
    Scenario("jobs unknown, sent again", [TAKEN, ALL], meddling=NOT_FOUND, runs=[{}, {"still": True}]),
    Scenario("pages, sent again", [TAKEN, ALL], meddling=PAGE, runs=[{}, {"still": True}]),
    Scenario("no files, sent again", [TAKEN, ALL], meddling=NO_FILE, runs=[{}, {"still": True}]),
    Scenario("waiting, this time", [TAKEN, ALL], runs=[{"wait": False}, {}]),
    Scenario("not waiting, again", [TAKEN, TAKEN], runs=[{"wait": False}] * 2),
    Scenario(
        "hot, in doubt, again",
        [{"in_doubt": 10, "not_sent": 5, "accepted": 15}, ALL],
        records=contacts(hot=EVERY_4TH),
        meddling=unanswered(0),
    ),
    Scenario("credentials that go wrong", [None, ALL], "401,at=2"),
    Scenario("a gateway that forbids it", [None, ALL], meddling=forbid),
    Scenario(
        "all names, in doubt, again",
        [{"in_doubt": 1, "not_sent": 5, "accepted": 1}, {"accepted": 7}],
        records=by_all_names,
        batch_size=1,
        meddling=unanswered(0),
    ),
    Scenario(
        "never waiting, in doubt, again",
        [{"in_doubt": 10, "not_sent": 1, "submitted": 19}, TAKEN],
        records=contacts(hot={0, 11}),
        meddling=unanswered(0),
        runs=[{"wait": False}] * 2,
    ),
    # Kills and stops; test_machine has them at any moment
    Scenario("killed at the first requests", [None, ALL], runs=killed(seconds=0.3)),
    Scenario("killed while the jobs run", [None, ALL], runs=killed(seconds=40)),
    Scenario("killed, and resets", [None, ALL], "reset-after,at=1", runs=killed(seconds=0.6)),
    Scenario("killed with poison in flight", [None, BUT_1], poison={14}, runs=killed(seconds=0.3, still=True)),
    Scenario("killed in the search of poison", [None, BUT_1], poison={14}, runs=killed(seconds=1.5, still=True)),
    Scenario("stopped", [None, ALL], runs=ended("stop", seconds=0.5)),
    Scenario("stopped while the jobs run", [TAKEN, ALL], runs=ended("stop", seconds=40)),
    Scenario("stopped, hot", [None, ALL], records=contacts(hot=EVERY_4TH), runs=ended("stop", seconds=40)),
    Scenario("cut off", [None, ALL], runs=ended("cut", seconds=0.5)),
    Scenario("cancelled", [None, ALL], runs=ended("cancel", seconds=0.5)),
]

EVENTS = [
    # Nothing, and passing faults: everything arrives, once
    Scenario("no fault", ALL),
    Scenario("a 503 before it is processed", ALL, "503,at=1"),
    Scenario("a 502 after it was processed", ALL, "status-after,status=502,at=2"),
    Scenario("resets before", ALL, "reset-before,at=1;3"),
    Scenario("resets after", ALL, "reset-after,at=1;3"),
    Scenario("resets in turns", ALL, "reset-after,at=1 reset-before,at=3-4"),
    Scenario("429 with Retry-After", ALL, "429,at=1-4,retry-after=7"),
    Scenario("429 with neither", ALL, "429,at=1-4"),
    Scenario("garbled answers", ALL, "garbled,at=1;2"),
    Scenario("truncated answers", ALL, "truncated,at=1;2"),
    Scenario("a reading back that fails at first", ALL, "reset-before,at=1 500,path=contact/list,at=1-8"),
    Scenario("half of a request done", ALL, meddling=halve),
    Scenario("an answer that names nobody", ALL, meddling=say_once(b'{"success":true,"createdAmount":5}')),
    Scenario("an answer that says nothing", ALL, meddling=say_once(b"{}")),
    Scenario("no ids", ALL, records=NO_ID),
    Scenario("no ids, resets after", ALL, "reset-after,at=1-2", records=NO_ID),
    Scenario("no ids, resets before", ALL, "reset-before,at=1-2", records=NO_ID),
    Scenario("no ids, half of a request done", ALL, records=NO_ID, meddling=halve),
    Scenario("alike, a reset before", {"accepted": 4}, "reset-before,at=1", records=alike),
    Scenario("alike, a reset after", {"accepted": 4}, "reset-after,at=1", records=alike),
    Scenario("alike, half done, told apart", {"accepted": 4}, records=alike, meddling=halve),
    Scenario(
        "alike, one after the other",
        {"accepted": 3, "in_doubt": 1},
        "reset-before,at=2",
        records=alike,
        batch_size=1,
        absent={1},
    ),
    # One contact again and again
    Scenario("a hot contact", ALL, records=events(hot=EVERY_4TH)),
    Scenario("a hot contact, and faults", ALL, "reset-after,at=1 503,at=3", records=events(hot=EVERY_4TH)),
    Scenario("a hot contact, closed by bytes", ALL, records=events(hot=EVERY_4TH), runs=[{"max_bytes": 1500}]),
    # Lasting faults
    Scenario("a server that loses its answers", ALL, "reset-after"),
    # Refusals
    Scenario("a poison row", BUT_1, poison={14}),
    Scenario("poison at the ends", BUT_2, poison={0, 29}),
    Scenario("three poison rows", BUT_3, poison={3, 4, 17}),
    Scenario("all poison", {"rejected": 30}, poison=range(30)),
    Scenario("one of two of a contact", BUT_1, records=events(hot={2, 7}), poison={7}),
    Scenario("poison, and resets", BUT_1, "reset-after,at=1 reset-before,at=2", poison={14}),
    # Done is done
    Scenario("again, when all is done", [ALL, ALL]),
    Scenario("again, when one was refused", [BUT_1, BUT_1], poison={14}),
    Scenario("the source is longer", [ALL, {"accepted": 40}], records=events(40), runs=[{"first": 30}, {}]),
    # Kills and stops
    Scenario("killed at the first requests", [None, ALL], runs=killed(seconds=0.3)),
    Scenario("killed with doubts", [None, ALL], "reset-after,at=1 reset-before,at=2", runs=killed(seconds=70)),
    Scenario("killed, no ids", [None, ALL], records=NO_ID, runs=killed(seconds=0.6)),
    Scenario("killed with poison in flight", [None, BUT_1], poison={14}, runs=killed(seconds=0.3, still=True)),
    Scenario("killed in the search of poison", [None, BUT_1], poison={14}, runs=killed(seconds=1.5, still=True)),
    Scenario("stopped", [None, ALL], runs=ended("stop", seconds=0.5)),
    Scenario("stopped with doubts", [None, ALL], "reset-after,at=1 503,at=2", runs=ended("stop", seconds=30)),
    Scenario("cut off", [None, ALL], runs=ended("cut", seconds=0.5)),
    Scenario("cancelled", [None, ALL], runs=ended("cancel", seconds=0.5)),
    # What nobody can tell. Undecidable are all four; the first two are there.
    Scenario(
        "undecidable, and still so",
        [{"in_doubt": 4}, {"in_doubt": 4}],
        records=alike,
        meddling=halve_and_hide,
        runs=[{}, {"still": True}],
        absent={2, 3},
    ),
    Scenario("undecidable, then decidable", [{"in_doubt": 4}, {"accepted": 4}], records=alike, meddling=halve_and_hide),
    Scenario(
        "undecidable, then sent",
        [{"in_doubt": 4}, {"accepted": 4}],
        records=alike,
        meddling=halve_and_hide,
        runs=[{}, {"in_doubt": "send", "still": True}],
        twice={0, 1},
    ),
    Scenario(
        "undecidable, then dropped",
        [{"in_doubt": 4}, {"rejected": 4}],
        records=alike,
        meddling=halve_and_hide,
        runs=[{}, {"in_doubt": "drop", "still": True}],
        absent={2, 3},
    ),
    Scenario("unreadable, then readable", [DOUBT_10, ALL], "reset-after,at=1", meddling=UNREADABLE),
    Scenario("refused, then readable", [DOUBT_10, ALL], "reset-after,at=1", meddling=REFUSED_TO_READ),
    Scenario(
        "refused, then sent",
        [DOUBT_10, ALL],
        "reset-before,at=1",
        meddling=REFUSED_TO_READ,
        runs=[{}, {"in_doubt": "send", "still": True}],
    ),
    Scenario(
        "refused, then dropped",
        [DOUBT_10, BUT_10],
        "reset-before,at=1",
        meddling=REFUSED_TO_READ,
        runs=[{}, {"in_doubt": "drop", "still": True}],
    ),
    # Only what nobody can find out about is sent, or dropped: what lies there is found
    Scenario("there, then sent", [None, ALL], runs=[{"ends": Ends("kill", seconds=0.45)}, {"in_doubt": "send"}]),
    Scenario("not there, then dropped", [None, ALL], runs=[{"ends": Ends("kill", seconds=0.2)}, {"in_doubt": "drop"}]),
    # Contacts by other names
    Scenario("by id", ALL, "reset-after,at=1 reset-before,at=2", records=by_id),
    Scenario("by an id and an old address", {"accepted": 1}, "reset-after,at=1", records=by_id_and_old_address),
    Scenario("by address and by id, half done", {"accepted": 2}, records=by_address_and_by_id, meddling=halve),
]


HALF_REFUSED = [
    Scenario("half of a request done, and refused", ALL, meddling=halve_and_refuse(200, 1)),
    Scenario("half of a request done, and refused by a 400", ALL, meddling=halve_and_refuse(400, 2)),
    Scenario("half of every request done, and refused", ALL, meddling=halve_and_refuse(200, *range(1, 100))),
    Scenario("half done, refused, no ids", ALL, records=NO_ID, meddling=halve_and_refuse(200, 1, 3)),
    Scenario("half done, refused, one contact", ALL, records=events(hot=range(30)), meddling=halve_and_refuse(200, 1)),
    Scenario("half done, refused, alike", {"accepted": 4}, records=alike, meddling=halve_and_refuse(200, 1)),
    Scenario("half done, refused, and a poison row", BUT_1, poison={27}, meddling=halve_and_refuse(200, 1)),
    Scenario("half done, refused, then resets", ALL, "reset-after,at=2", meddling=halve_and_refuse(400, 1)),
    Scenario(
        "half done, refused, then killed",
        [None, ALL],
        meddling=halve_and_refuse(200, 1, 2),
        runs=killed(seconds=20, still=True),
    ),
    Scenario(
        "half done, refused, not to be read back",
        [DOUBT_10, ALL],
        meddling=lambda world: (halve_and_refuse(200, 1)(world), UNREADABLE(world))[0],
    ),
]
"""Refusals of requests of which the server has done a part."""


def _cases() -> list[Any]:
    """Every scenario with a journal; those of one run also without."""
    return [
        pytest.param(
            kind,
            scenario,
            has_journal,
            id=f"{kind}: {scenario.title}{'' if has_journal else ', no journal'}",
            marks=() if has_journal else pytest.mark.ci,
        )
        for kind, scenarios in (("contacts", CONTACTS), ("events", EVENTS), ("events", HALF_REFUSED))
        for scenario in scenarios
        for has_journal in ([True, False] if scenario.is_one_run else [True])
    ]


@pytest.mark.parametrize(("kind", "scenario", "has_journal"), _cases())
async def test_scenario(kind: Kind, scenario: Scenario, has_journal: bool, tmp_path: Path) -> None:
    world = World(kind, tmp_path)
    if not has_journal:
        world.journal = None
    make = scenario.records or (contacts() if kind == "contacts" else events())
    present = {ANN} | ({f"{record.email}" for record in make({ANN: ""})} if kind == "events" else set())
    present -= {"old@example.com", "None"}
    records = make(await world.prepare(present))
    told = Told(Report())
    for options, expected in zip(scenario.runs, scenario.told, strict=False):
        told = await _run(world, scenario, records, dict(options))
        assert expected is None or told.counts == expected
        _be_kind(world)
    await world.settle()
    there = _those_there(scenario, told, len(records))
    expected_account = await sequential(world, present, lambda ids: [make(ids)[position] for position in there])
    assert account(world.simulator) == expected_account


async def _run(world: World, scenario: Scenario, records: Sequence[Any], options: dict[str, Any]) -> Told:
    if options.pop("still", world.runs == 0):
        world.simulator.faults = [_fault(text, world.kind) for text in scenario.faults.split()]
        scenario.meddling(world)
        if scenario.poison:
            world.front.instead = refusing(scenario.poison)
    world.watches_jobs = options.get("wait", True)
    return await world.run(records[: options.pop("first", None)], **{"batch_size": scenario.batch_size, **options})


def _be_kind(world: World) -> None:
    """Have nothing go wrong any more."""
    world.simulator.faults = []
    world.front.instead = world.front.after = nothing
    world.front.halves = set()
    world.front.half_answer = (500, b"")


def _those_there(scenario: Scenario, told: Told, count: int) -> list[int]:
    """Return the positions of the records that should be there."""
    absent = {outcome.position for outcome in told.outcomes if outcome.state == "rejected"}
    if scenario.absent is not None:
        absent = set(scenario.absent)
    elif scenario.poison:
        assert absent == set(scenario.poison)
    return [position for position in range(count) if position not in absent] + list(scenario.twice)


def _fault(text: str, kind: Kind) -> Fault:
    return Fault.parse(text if "path=" in text else f"{text},path={PATHS[kind]}")


# What is not told by counts


async def test_other_contacts_are_not_held_up_by_a_job_that_never_ends(tmp_path: Path) -> None:
    world = World("contacts", tmp_path)

    def never(path: str, body: Any) -> Answer | None:
        is_stuck = path == "job/status" and HOT in world.front.jobs[body["requestId"]].names
        return (200, b'{"success":true,"message":["Job not start yet"]}') if is_stuck else None

    world.front.instead = never
    records = contacts(400, hot=range(0, 400, 10))({})
    told = await world.run(records, Ends("stop", seconds=200), batch_size=10)
    assert told.counts == {"accepted": 351, "submitted": 10, "not_sent": 39}  # 9 others are in the job that is stuck


async def test_a_run_that_is_stopped_waits_for_answers_no_longer_than_it_may(tmp_path: Path) -> None:
    world = World("events", tmp_path)
    records = events()({})
    await world.prepare(record.email for record in records)
    world.latency = (1000, 1000)
    told = await world.run(records, Ends("cancel", seconds=5), batch_size=10, stop_within=15)
    assert told.counts == DOUBT
    assert 20 <= told.report.seconds < 21
    world.latency = (0.1, 0.1)
    assert (await world.run(records, batch_size=10)).counts == ALL


@pytest.mark.parametrize("kind", ["contacts", "events"])
async def test_what_a_stopped_run_was_about_to_tell_is_counted_as_it_is(kind: Kind, tmp_path: Path) -> None:
    """Nobody takes the outcomes, so the chunks wait to be told when the run is cut off; some records were refused."""
    world = World(kind, tmp_path)
    await world.prepare({ANN, BOB})
    records: list[Any] = [contact(0), Contact(contact_id="nobody"), contact(2), Contact(contact_id="no one")]
    if kind == "events":
        records = [event(place, email) for place, email in enumerate((ANN, "nobody@x.pl", BOB, "none@x.pl"))]
    async with world.client() as sm:
        begin: Any = sm.contacts.upserting if kind == "contacts" else sm.events.adding
        with world.disk():
            async with begin(iter(records), journal=world.journal, batch_size=2) as outcomes:
                await anyio.sleep(300)
                outcomes.stop_at_once()
                told = [outcome async for outcome in outcomes]
    written = Counter(state for line in world.journalled() for state in line.states())
    assert written == {"accepted": 2, "rejected": 2}
    assert Counter(outcome.state for outcome in told) <= written
    assert outcomes.report.read == 4
    assert outcomes.report.accepted <= 2


SOURCES_THAT_CHANGED = [
    ("another record", lambda records: [*records[:12], contact(99), *records[13:]], "record 12 "),
    ("two in other places", lambda records: [records[0], records[2], records[1], *records[3:]], "record 1 "),
    ("one that is missing", lambda records: records[:5] + records[6:], "record 5 "),
    ("one more, in front", lambda records: [contact(99), *records], "record 0 "),
    ("one that is no record now", lambda records: [*records[:7], Contact(email="nobody"), *records[8:]], "record 7 "),
    ("an early end", lambda records: records[:22], "ends after 22 "),
    ("nothing", lambda records: [], "ends after 0 "),
]


@pytest.mark.parametrize(("change", "named"), [pytest.param(*rest, id=name) for name, *rest in SOURCES_THAT_CHANGED])
@pytest.mark.parametrize(
    "ends", [Ends(), Ends("kill", seconds=1.5), Ends("stop", seconds=40)], ids=lambda ends: ends.how
)
async def test_a_source_that_has_changed_is_refused_before_anything_is_sent(
    change: Callable[[list[Any]], list[Any]], named: str, ends: Ends, tmp_path: Path
) -> None:
    world = World("contacts", tmp_path)
    records = contacts()({})
    await world.run(records, ends, batch_size=10)
    before = Counter(world.front.requests)
    told = await world.run(change(records), batch_size=10)
    assert isinstance(told.error, Invalid)
    assert named in str(told.error)
    assert world.front.requests == before
    assert (await world.run(records, batch_size=10)).counts == ALL


@pytest.mark.parametrize("kind", [*in_ci("contacts"), "events"])
async def test_a_refusal_of_everything_costs_a_bounded_number_of_requests(kind: Kind, tmp_path: Path) -> None:
    world = World(kind, tmp_path)
    world.front.instead = instead_of(REFUSAL, PATHS[kind])
    make = contact if kind == "contacts" else event
    told = await world.run([make(position) for position in range(4000)], batch_size=100)
    assert told.counts == {"rejected": 4000}
    vain_searches = _driver.MOST_VAIN_CALLS + 3 * _driver.SEARCH_CALLS  # three are under way when the limit is met
    assert 40 < world.front.requests[PATHS[kind]] <= 40 + vain_searches


async def test_one_refused_request_is_searched_within_a_budget(tmp_path: Path) -> None:
    world = World("events", tmp_path)
    world.front.instead = instead_of(REFUSAL, PATHS["events"])
    told = await world.run([event(position) for position in range(1000)])
    assert told.counts == {"rejected": 1000}
    assert world.front.requests[PATHS["events"]] <= 1 + _driver.SEARCH_CALLS


@pytest.mark.parametrize("kind", ["contacts", *in_ci("events")])
async def test_a_body_that_is_too_large_is_halved_until_it_fits_however_often_that_takes(
    kind: Kind, tmp_path: Path
) -> None:
    world = World(kind, tmp_path)
    records = (contacts(400) if kind == "contacts" else events(400))({})
    await world.prepare({f"{record.email}" for record in records} if kind == "events" else {ANN})

    def too_large(path: str, body: Any) -> Answer | None:
        return (413, b"<html>413</html>") if len(body.get(LISTS[kind]) or ()) > 3 else None

    world.front.instead = too_large
    told = await world.run(records, batch_size=400)
    assert told.counts == {"accepted": 400}
    assert world.front.requests[PATHS[kind]] > 1 + _driver.SEARCH_CALLS
    assert world.front.requests["contact/list"] == 0  # nothing is in doubt by it


async def test_a_poison_row_among_a_thousand_is_found(tmp_path: Path) -> None:
    world = World("events", tmp_path)
    records = [event(position, ANN) for position in range(1000)]
    await world.prepare({ANN})
    world.front.instead = refusing({777})
    told = await world.run(records)
    assert told.counts == {"accepted": 999, "rejected": 1}
    assert [outcome.position for outcome in told.outcomes if outcome.state == "rejected"] == [777]
    assert world.front.requests[PATHS["events"]] <= 1 + 2 * 10  # 1000 is halved ten times


ODD_ANSWERS = [
    b"{}",
    b'{"success":true,"contacts":null}',
    b'{"success":true,"contacts":[null,7,"x"]}',
    b'{"success":true,"contacts":{"email":"ann@example.com"}}',
    b'{"success":true,"contacts":[{"email":"ann@example.com","contactExtEvents":[null,"x"]}]}',
    b'{"success":true,"contacts":[{"email":"ann@example.com","contactExtEvents":7}]}',
    b'{"success":true,"contacts":[{"email":"ann@example.com","contactExtEvents":[{"contactExtEventType":"CART","date":'
    + b"9" * 400
    + b"}]}]}",
    b'{"success":true,"contacts":[{"email":7,"id":[],"contactExtEvents":[{"value":[],"products":{},"date":{}}]}]}',
    b'{"success":true,"contacts":[],"unavailableContacts":"x"}',
]


@pytest.mark.parametrize("answer", ODD_ANSWERS, ids=lambda answer: answer[:60].decode())
async def test_odd_answers_to_a_reading_back_end_no_run(answer: bytes, tmp_path: Path) -> None:
    world = World("events", tmp_path)
    await world.prepare({ANN})
    world.simulator.faults = [Fault.parse(f"reset-before,at=1,path={PATHS['events']}")]
    world.front.instead = instead_of((200, answer), "contact/list")
    told = await world.run([event(0, ANN, external_id=None), event(1, ANN)])
    assert told.error is None
    assert told.report.read == 2


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"loop_factory": VirtualTimeLoop})], ids=["asyncio"])
async def test_a_task_that_asyncio_cancels_ends_in_order_even_if_it_is_cancelled_again(tmp_path: Path) -> None:
    world = World("contacts", tmp_path)
    records = contacts()({})
    async with world.client() as sm:
        with world.disk():
            run = asyncio.create_task(sm.contacts.upsert_many(records, journal=world.journal, batch_size=10))
            await asyncio.sleep(0.3)
            run.cancel()
            await asyncio.sleep(0.01)
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
    assert world.front.sent
    written = Counter(state for line in world.journalled() for state in line.states())
    assert written == {"submitted": len(world.front.sent)}
    assert (await world.run(records, batch_size=10)).counts == ALL


# How long the end of a run takes, when records are held back


async def test_the_end_of_a_run_waits_for_nothing_that_would_gain_nothing(tmp_path: Path) -> None:
    """Few contacts, and requests of one record: nothing can share one, so each is sent when its turn has come."""
    world = World("events", tmp_path)
    addresses = [f"c{number}@example.com" for number in range(5)]
    await world.prepare(addresses)
    world.latency = (0.05, 0.05)
    records = [event(position, addresses[position % 5]) for position in range(600)]
    told = await world.run(records, batch_size=1, client={"concurrency": 5})
    assert told.counts == {"accepted": 600}
    in_a_row = 600 / 5 * 2 * 0.05
    writing = 3 * DISK_SECONDS * 600
    assert told.report.seconds < in_a_row + writing


@pytest.mark.parametrize(
    ("latency", "seconds"), [((0.1, 0.3), 3 * 0.6), ((0.5, 8.0), 3 * 16)], ids=["soon free", "free one by one"]
)
async def test_a_request_that_is_not_full_waits_a_moment_for_what_is_not_free_yet(
    latency: tuple[float, float], seconds: float, tmp_path: Path
) -> None:
    """Ten contacts whose first events are too large to share a request, and twenty small events of each after that.

    The small ones share requests, which cost two moments of waiting at most, beside the `seconds` of three requests.
    """
    world = World("events", tmp_path)
    addresses = [f"c{number}@example.com" for number in range(10)]
    await world.prepare(addresses)
    world.latency = latency
    first = [event(position, address, description="x" * 2000) for position, address in enumerate(addresses)]
    others = [event(10 + position, addresses[position % 10]) for position in range(200)]
    told = await world.run([*first, *others], max_bytes=4_000, client={"concurrency": 10})
    assert told.counts == {"accepted": 210}
    assert world.front.requests[PATHS["events"]] <= 24
    assert told.report.seconds < seconds + 2 * LINGER


# Accounts that show events in their own way


@pytest.mark.parametrize("has_ids", [*in_ci(True), False], ids=["with ids", "without ids"])
@pytest.mark.parametrize("way", [*RECOGNISED, *DOUBTED])
@pytest.mark.parametrize("anyio_backend", [("asyncio", {"loop_factory": VirtualTimeLoop})], ids=["asyncio"])
async def test_no_event_is_doubled_in_whatever_way_it_is_shown(way: str, has_ids: bool, tmp_path: Path) -> None:
    """The first request is half done, the answer to the second is lost, and the third never arrives."""
    world = World("events", tmp_path)
    world.front.shows = (RECOGNISED | DOUBTED)[way]
    halve(world)
    world.simulator.faults = [_fault("reset-after,at=1", "events"), _fault("reset-before,at=2", "events")]
    ids = {} if has_ids else {"external_id": None}
    products = [{"products": f"p{position},p{position + 1}", "value": position * 1.37} for position in range(9)]
    records = [event(position, ANN, **ids, **products[position]) for position in range(9)]
    await world.prepare({ANN})
    told = await world.run(records, batch_size=3, client={"concurrency": 1})
    there = events_of(world.simulator)
    assert set(there.values()) == {1}
    assert told.report.accepted + told.report.in_doubt == 9
    if way in RECOGNISED:
        assert told.counts == {"accepted": 9}
        assert len(there) == 9
    told = await world.run(records, batch_size=3)
    assert set(events_of(world.simulator).values()) == {1}
    assert len(events_of(world.simulator)) >= told.report.accepted


# Answers that are lost, of jobs that end late


POLL_INTERVAL = 60.0
LATE = pytest.mark.parametrize("intervals", [1.5, 2.0, 2.5, 3.0, 3.5, 3.9])


def _lose_first_answer(world: World, intervals: float) -> None:
    """Have the first answer lost, whose job ends so many poll intervals later; other jobs take no time to speak of."""
    world.simulator._store.job_seconds = 5.0
    world.front.late = {1: intervals * POLL_INTERVAL}


def _versions(world: World) -> dict[str, str]:
    return {one.email: str(one.fields["name"]) for one in world.simulator._store.contacts.values()}


@LATE
@pytest.mark.parametrize("batch_size", [1, 3])
async def test_the_last_one_wins_though_the_job_of_a_lost_answer_ends_late(
    intervals: float, batch_size: int, tmp_path: Path
) -> None:
    world = World("contacts", tmp_path)
    _lose_first_answer(world, intervals)
    records = [contact(position, (ANN, BOB, HOT)[position % 3]) for position in range(6)]
    told = await world.run(records, batch_size=batch_size)
    assert told.counts == {"accepted": 6}
    await world.settle()
    assert _versions(world) == {ANN: "version 3", BOB: "version 4", HOT: "version 5"}


@LATE
async def test_the_last_one_wins_though_the_run_was_killed_when_the_answer_was_lost(
    intervals: float, tmp_path: Path
) -> None:
    """The next run sends the chunk in doubt again, and the job of the lost answer is still to come."""
    world = World("contacts", tmp_path)
    _lose_first_answer(world, intervals)
    records = [contact(position, (ANN, BOB)[position % 2]) for position in range(4)]
    await world.run(records, Ends("kill", seconds=0.9), batch_size=1, client={"concurrency": 1})
    told = await world.run(records, batch_size=1)
    assert told.counts == {"accepted": 4}
    await world.settle()
    assert _versions(world) == {ANN: "version 2", BOB: "version 3"}


async def test_other_contacts_are_not_held_up_by_a_lost_answer(tmp_path: Path) -> None:
    world = World("contacts", tmp_path)
    _lose_first_answer(world, 3.9)
    records = [contact(0, ANN), contact(1, ANN), *(contact(position) for position in range(2, 40))]
    times: dict[int, float] = {}
    async with world.client() as sm:
        begin = anyio.current_time()
        with world.disk():
            async with sm.contacts.upserting(iter(records), journal=world.journal, batch_size=1) as outcomes:
                async for outcome in outcomes:
                    times[outcome.position] = anyio.current_time() - begin
    assert len(times) == 40
    assert max(seconds for position, seconds in times.items() if position > 1) < 1.5 * POLL_INTERVAL
