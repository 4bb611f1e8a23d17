"""Scenarios of runs: what goes wrong, how each run ends, what it reports, and what is in the account in the end.

Every scenario is compared with a sequential run without any fault: each contact in its last version, each event once.
The requests are watched all the time: see harness.py.
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
from salesmanago_async.connection import knee
from salesmanago_async.imports.engine import driver as _driver
from salesmanago_async.imports.engine.gate import LINGER
from salesmanago_async.simulator import Fault
from tests.conftest import VirtualTimeLoop, in_ci
from tests.imports.harness import (
    LISTS,
    PATHS,
    REFUSAL,
    Answer,
    Harness,
    Intercept,
    Kind,
    RunResult,
    Termination,
    account,
    contact,
    event,
    events_of,
    nothing,
    product,
    refusing,
    sequential,
)
from tests.imports.renderings import AMBIGUOUS, RECOGNIZABLE
from tests.virtual_disk import DISK_SECONDS

pytestmark = pytest.mark.anyio

# Records. Each function gets the ids of the contacts that exist already, by their addresses.

ANN, BOB, NEW, HOT = (f"{name}@example.com" for name in ("ann", "bob", "new", "hot"))
Records = Callable[[Mapping[str, str]], list[Any]]


def contacts(count: int = 30, *, hot: Collection[int] = ()) -> Records:
    """So many contacts, some of which are the same."""
    return lambda ids: [contact(position, HOT if position in hot else None) for position in range(count)]


def events(count: int = 30, *, hot: Collection[int] = (), **others: Any) -> Records:
    """So many events, some of which are of the same contact."""
    return lambda ids: [event(position, HOT if position in hot else None, **others) for position in range(count)]


def products(count: int = 30, *, hot: Collection[int] = ()) -> Records:
    """So many products, some of which are the same."""
    return lambda ids: [product(position, "HOT" if position in hot else None) for position in range(count)]


def by_all_names(ids: Mapping[str, str]) -> list[Contact]:
    """One contact by its address, by its id, and under a new address; each record shares a name with the one before."""
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
    """Events of one contact and one second, which differ only in a text."""
    at = 1_700_000_000_000
    return [
        ExternalEvent(email=ANN, date=at, contact_ext_event_type="CART", description=f"cart {number}")
        for number in range(4)
    ]


def by_id(ids: Mapping[str, str]) -> list[ExternalEvent]:
    """Events that name their contacts by id only."""
    return [evolve(event(position, contact_id=ids[ANN]), email=None) for position in range(30)]


def by_id_and_old_address(ids: Mapping[str, str]) -> list[ExternalEvent]:
    """An event that names its contact by its id, and by an address that is no longer its own."""
    return [event(0, "old@example.com", contact_id=ids[ANN])]


def by_address_and_by_id(ids: Mapping[str, str]) -> list[ExternalEvent]:
    """Two events of one contact, by different names of it; otherwise they are equal."""
    at: dict[str, Any] = {"date": 1_700_000_000_000, "contact_ext_event_type": "CART"}
    return [ExternalEvent(email=ANN, **at), ExternalEvent(contact_id=ids[ANN], **at)]


EVERY_4TH = range(0, 30, 4)
NO_ID = events(external_id=None)

# Interceptions


def instead_of(answer: Answer, *paths: str) -> Intercept:
    """Return this answer for requests to these paths, without processing them."""
    return lambda path, body: answer if path in paths else None


def no_reading_back(answer: Answer) -> Callable[[Harness], None]:
    """Answer every read-back of contacts with this answer."""

    def intercept(harness: Harness) -> None:
        harness.gateway.instead = instead_of(answer, "contact/list", "contact/listById")

    return intercept


def say_once(answer: bytes) -> Callable[[Harness], None]:
    """Replace the answer to the first request with records, which is still processed."""

    def intercept(harness: Harness) -> None:
        answers: list[Answer] = [(200, answer)]
        harness.gateway.after = lambda path, _: answers.pop() if answers and path == PATHS[harness.kind] else None

    return intercept


def halve(harness: Harness) -> None:
    """Process the first half of the first request, and answer it with a 500."""
    harness.gateway.halves = {1}


def halve_and_refuse(status: int, *numbers: int) -> Callable[[Harness], None]:
    """Process the first half of these requests, and refuse them all the same."""

    def intercept(harness: Harness) -> None:
        harness.gateway.halves = set(numbers)
        harness.gateway.half_answer = (status, REFUSAL[1])

    return intercept


def halve_and_hide(harness: Harness) -> None:
    """Do that, and show less of the events than is needed to distinguish them."""
    halve(harness)
    harness.gateway.after = without_details


def without_details(path: str, content: bytes) -> Answer | None:
    if path != "contact/list":
        return None
    answer = orjson.loads(content)
    for one in answer["contacts"]:
        one["contactExtEvents"] = [{**event, "description": None} for event in one["contactExtEvents"]]
    return 200, orjson.dumps(answer)


def first_jobs(status: bytes, file: Answer = (404, b"")) -> Callable[[Harness], None]:
    """Always return this answer to job/status for the first three jobs, and this file for the link in it."""

    def intercept(harness: Harness) -> None:
        def instead(path: str, body: Any) -> Answer | None:
            if path == "/files/first":
                return file
            return (200, status) if path == "job/status" and body["requestId"] <= 3 else None

        harness.gateway.instead = instead

    return intercept


def unanswered(*positions: int) -> Callable[[Harness], None]:
    """Answer every request that has a record at one of these positions with a 500, and process none of them."""

    def intercept(harness: Harness) -> None:
        refuse = refusing(positions)
        harness.gateway.instead = lambda path, body: (500, b"") if refuse(path, body) else None

    return intercept


NOT_FOUND = first_jobs(b'{"success":false,"message":["Job not found"]}')
FIRST_FILE = b'{"success":true,"message":[],"fileUrl":"https://files.example.com/files/first"}'
PAGE, OTHER_SHAPE, NO_FILE = (
    first_jobs(FIRST_FILE, file) for file in ((200, b"<html>502</html>"), (200, b'[{"a":1}]'), (404, b""))
)


def forbid(harness: Harness) -> None:
    """Let a gateway refuse every request with records, in JSON as the server writes it."""
    harness.gateway.instead = instead_of((403, b'{"success":false,"message":["Forbidden"]}'), PATHS[harness.kind])


UNREADABLE, REFUSED_TO_READ = no_reading_back((500, b"")), no_reading_back(REFUSAL)

# Scenarios


def _expected_counts(counts: Any) -> Sequence[Mapping[str, int] | None]:
    return [counts] if isinstance(counts, Mapping) else counts


@frozen
class Scenario:
    """One or more runs over the same records, and the counts that each must report (None: any).

    The `faults` (separated by spaces; without a path they hit the requests with records), the refusal of the `poison`
    and the `interception` apply to the first run, and to later ones with `still`. `runs` are the options of each. At
    the end the records `absent` are not there (None: those that the last run reported as rejected, which are the
    poison, if there is any), and those in `twice` are there twice.
    """

    title: str
    expected: Sequence[Mapping[str, int] | None] = field(converter=_expected_counts)
    faults: str = ""
    records: Records | None = field(default=None, kw_only=True)
    poison: Collection[int] = field(default=(), kw_only=True)
    interception: Callable[[Harness], None] = field(default=lambda harness: None, kw_only=True)
    runs: Sequence[Mapping[str, Any]] = field(default=({}, {}, {}), kw_only=True)
    absent: Collection[int] | None = field(default=None, kw_only=True)
    twice: Collection[int] = field(default=(), kw_only=True)
    batch_size: int = field(default=10, kw_only=True)
    watches_jobs: bool = field(default=True, kw_only=True)

    @property
    def is_one_run(self) -> bool:
        return len(self.expected) == 1


def ended(how: Any, *, seconds: float, still: bool = False) -> Sequence[Mapping[str, Any]]:
    """Return the options of a run that is ended after some seconds, and of another run."""
    return ({"termination": Termination(how, seconds=seconds)}, {"still": still})


killed = partial(ended, "kill")


ALL = {"accepted": 30}
DOUBT = {"in_doubt": 30}
TAKEN = {"submitted": 30}
DOUBT_10 = {"accepted": 20, "in_doubt": 10}
BUT_10 = {"accepted": 20, "rejected": 10}
BUT_1, BUT_2, BUT_3 = ({"accepted": 30 - count, "rejected": count} for count in (1, 2, 3))

CONTACTS = [
    # No fault, and passing faults: everything arrives
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
    Scenario("jobs that the server does not know", TAKEN, interception=NOT_FOUND),
    Scenario("result files that are a page of a proxy", TAKEN, interception=PAGE),
    Scenario("result files of another shape", TAKEN, interception=OTHER_SHAPE),
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
    # A repeated run sends nothing again
    Scenario("again, when all is done", [ALL, ALL]),
    Scenario("again, when one was refused", [BUT_1, BUT_1], poison={14}),
    Scenario("again, when a job had failed", [BUT_10, BUT_10], "failed-job,at=2"),
    Scenario("the source is longer", [ALL, {"accepted": 40}], records=contacts(40), runs=[{"first": 30}, {}]),
    Scenario("other sizes of chunks", [DOUBT, ALL], "500", runs=[{}, {"batch_size": 7}]),
    # The next run, when the fault is over
    Scenario("the server is back", [DOUBT, ALL], "500"),
    Scenario("answers come again", [DOUBT, ALL], "status-after,status=500"),
    Scenario("links live again", [TAKEN, ALL], "expired,path=files"),
    Scenario("jobs unknown, sent again", [TAKEN, ALL], interception=NOT_FOUND, runs=[{}, {"still": True}]),
    Scenario("pages, sent again", [TAKEN, ALL], interception=PAGE, runs=[{}, {"still": True}]),
    Scenario("no files, sent again", [TAKEN, ALL], interception=NO_FILE, runs=[{}, {"still": True}]),
    Scenario("waiting, this time", [TAKEN, ALL], runs=[{"wait": False}, {}]),
    Scenario("not waiting, again", [TAKEN, TAKEN], runs=[{"wait": False}] * 2),
    Scenario(
        "hot, in doubt, again",
        [{"in_doubt": 10, "not_sent": 5, "accepted": 15}, ALL],
        records=contacts(hot=EVERY_4TH),
        interception=unanswered(0),
    ),
    Scenario("credentials that go wrong", [None, ALL], "401,at=2"),
    Scenario("a gateway that forbids it", [None, ALL], interception=forbid),
    Scenario(
        "all names, in doubt, again",
        [{"in_doubt": 1, "not_sent": 5, "accepted": 1}, {"accepted": 7}],
        records=by_all_names,
        batch_size=1,
        interception=unanswered(0),
    ),
    Scenario(
        "never waiting, in doubt, again",
        [{"in_doubt": 10, "not_sent": 1, "submitted": 19}, TAKEN],
        records=contacts(hot={0, 11}),
        interception=unanswered(0),
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
    # No fault, and passing faults: everything arrives, once
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
    Scenario("half of a request done", ALL, interception=halve),
    Scenario("an answer that names nobody", ALL, interception=say_once(b'{"success":true,"createdAmount":5}')),
    Scenario("an answer that says nothing", ALL, interception=say_once(b"{}")),
    Scenario("no ids", ALL, records=NO_ID),
    Scenario("no ids, resets after", ALL, "reset-after,at=1-2", records=NO_ID),
    Scenario("no ids, resets before", ALL, "reset-before,at=1-2", records=NO_ID),
    Scenario("no ids, half of a request done", ALL, records=NO_ID, interception=halve),
    Scenario("alike, a reset before", {"accepted": 4}, "reset-before,at=1", records=alike),
    Scenario("alike, a reset after", {"accepted": 4}, "reset-after,at=1", records=alike),
    Scenario("alike, half done, told apart", {"accepted": 4}, records=alike, interception=halve),
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
    # A repeated run sends nothing again
    Scenario("again, when all is done", [ALL, ALL]),
    Scenario("again, when one was refused", [BUT_1, BUT_1], poison={14}),
    Scenario("the source is longer", [ALL, {"accepted": 40}], records=events(40), runs=[{"first": 30}, {}]),
    # Kills and stops
    Scenario("killed at the first requests", [None, ALL], runs=killed(seconds=0.3)),
    Scenario("killed with events in doubt", [None, ALL], "reset-after,at=1 reset-before,at=2", runs=killed(seconds=70)),
    Scenario("killed, no ids", [None, ALL], records=NO_ID, runs=killed(seconds=0.6)),
    Scenario("killed with poison in flight", [None, BUT_1], poison={14}, runs=killed(seconds=0.3, still=True)),
    Scenario("killed in the search of poison", [None, BUT_1], poison={14}, runs=killed(seconds=1.5, still=True)),
    Scenario("stopped", [None, ALL], runs=ended("stop", seconds=0.5)),
    Scenario("stopped with events in doubt", [None, ALL], "reset-after,at=1 503,at=2", runs=ended("stop", seconds=30)),
    Scenario("cut off", [None, ALL], runs=ended("cut", seconds=0.5)),
    Scenario("cancelled", [None, ALL], runs=ended("cancel", seconds=0.5)),
    # What cannot be decided: all four events; the first two are there
    Scenario(
        "undecidable, and still so",
        [{"in_doubt": 4}, {"in_doubt": 4}],
        records=alike,
        interception=halve_and_hide,
        runs=[{}, {"still": True}],
        absent={2, 3},
    ),
    Scenario(
        "undecidable, then decidable", [{"in_doubt": 4}, {"accepted": 4}], records=alike, interception=halve_and_hide
    ),
    Scenario(
        "undecidable, then sent",
        [{"in_doubt": 4}, {"accepted": 4}],
        records=alike,
        interception=halve_and_hide,
        runs=[{}, {"in_doubt": "send", "still": True}],
        twice={0, 1},
    ),
    Scenario(
        "undecidable, then dropped",
        [{"in_doubt": 4}, {"rejected": 4}],
        records=alike,
        interception=halve_and_hide,
        runs=[{}, {"in_doubt": "drop", "still": True}],
        absent={2, 3},
    ),
    Scenario("unreadable, then readable", [DOUBT_10, ALL], "reset-after,at=1", interception=UNREADABLE),
    Scenario("refused, then readable", [DOUBT_10, ALL], "reset-after,at=1", interception=REFUSED_TO_READ),
    Scenario(
        "refused, then sent",
        [DOUBT_10, ALL],
        "reset-before,at=1",
        interception=REFUSED_TO_READ,
        runs=[{}, {"in_doubt": "send", "still": True}],
    ),
    Scenario(
        "refused, then dropped",
        [DOUBT_10, BUT_10],
        "reset-before,at=1",
        interception=REFUSED_TO_READ,
        runs=[{}, {"in_doubt": "drop", "still": True}],
    ),
    # Only undecidable events are sent, or dropped: those that are there are found
    Scenario(
        "there, then sent", [None, ALL], runs=[{"termination": Termination("kill", seconds=0.45)}, {"in_doubt": "send"}]
    ),
    Scenario(
        "not there, then dropped",
        [None, ALL],
        runs=[{"termination": Termination("kill", seconds=0.2)}, {"in_doubt": "drop"}],
    ),
    # Contacts by other names
    Scenario("by id", ALL, "reset-after,at=1 reset-before,at=2", records=by_id),
    Scenario("by an id and an old address", {"accepted": 1}, "reset-after,at=1", records=by_id_and_old_address),
    Scenario("by address and by id, half done", {"accepted": 2}, records=by_address_and_by_id, interception=halve),
]


def name_the_bad(*numbers: int) -> Callable[[Harness], None]:
    """Let the account name these products in its refusals, by their places in each request."""
    return lambda harness: harness.refuse_products({f"P{number}": (13, "name|Missing") for number in numbers})


PRODUCTS = [
    # No fault, and passing faults: everything arrives; what is in doubt is sent again
    Scenario("no fault", ALL),
    Scenario("a 503 before it is processed", ALL, "503,at=1"),
    Scenario("a 502 after it was processed", ALL, "status-after,status=502,at=2"),
    Scenario("resets before", ALL, "reset-before,at=1;3"),
    Scenario("resets after", ALL, "reset-after,at=1;3"),
    Scenario("429 with Retry-After", ALL, "429,at=1-4,retry-after=7"),
    Scenario("429 with neither", ALL, "429,at=1-4"),
    Scenario("garbled answers", ALL, "garbled,at=1;2"),
    Scenario("truncated answers", ALL, "truncated,at=1;2"),
    Scenario("half of a request done", ALL, interception=halve),
    # One product again and again
    Scenario("a hot product", ALL, records=products(hot=EVERY_4TH)),
    Scenario("only one product", ALL, records=products(hot=range(30))),
    Scenario("a hot product, and faults", ALL, "reset-after,at=1;3 503,at=5", records=products(hot=EVERY_4TH)),
    Scenario("a hot product, closed by bytes", ALL, records=products(hot=EVERY_4TH), runs=[{"max_bytes": 1400}],
             batch_size=30),
    # Lasting faults
    Scenario("a server that does nothing", DOUBT, "500", absent=range(30)),
    Scenario("a server that loses its answers", DOUBT, "status-after,status=500"),
    # Refusals that name the products to blame, and some that do not
    Scenario("a bad product", BUT_1, interception=name_the_bad(14)),
    Scenario("three bad products, and resets", BUT_3, "reset-after,at=1;4", interception=name_the_bad(3, 4, 17)),
    Scenario("all products bad", {"rejected": 30}, interception=name_the_bad(*range(30))),
    Scenario("a bad version of a hot product", BUT_2, records=products(hot={0, 10, 20}), poison={10}, absent={10, 20}),
    Scenario("a poison row", BUT_1, poison={14}),
    Scenario("three poison rows", BUT_3, poison={3, 4, 17}),
    Scenario("poison, and a reset", BUT_1, "reset-before,at=4", poison={14}),
    # A repeated run sends nothing again
    Scenario("again, when all is done", [ALL, ALL]),
    Scenario("again, when one was refused", [BUT_1, BUT_1], interception=name_the_bad(14)),
    Scenario("the source is longer", [ALL, {"accepted": 40}], records=products(40), runs=[{"first": 30}, {}]),
    Scenario("the server is back", [DOUBT, ALL], "500"),
    Scenario("answers come again", [DOUBT, ALL], "status-after,status=500"),
    Scenario("a key that goes wrong", [None, ALL], "401,at=2"),
    # Kills and stops
    Scenario("killed at the first requests", [None, ALL], runs=killed(seconds=0.3)),
    Scenario("killed, and resets", [None, ALL], "reset-after,at=1", runs=killed(seconds=0.6)),
    Scenario("killed with a bad one in flight", [None, BUT_1], interception=name_the_bad(14),
             runs=killed(seconds=0.6, still=True)),
    Scenario("killed, hot", [None, ALL], records=products(hot=EVERY_4TH), runs=killed(seconds=0.9)),
    Scenario("stopped", [None, ALL], runs=ended("stop", seconds=0.5)),
    Scenario("stopped, hot", [None, ALL], records=products(hot=EVERY_4TH), runs=ended("stop", seconds=0.5)),
    Scenario("cut off", [None, ALL], runs=ended("cut", seconds=0.5)),
    Scenario("cancelled", [None, ALL], runs=ended("cancel", seconds=0.5)),
]  # fmt: skip


HALF_REFUSED = [
    Scenario("half of a request done, and refused", ALL, interception=halve_and_refuse(200, 1)),
    Scenario("half of a request done, and refused by a 400", ALL, interception=halve_and_refuse(400, 2)),
    Scenario("half of every request done, and refused", ALL, interception=halve_and_refuse(200, *range(1, 100))),
    Scenario("half done, refused, no ids", ALL, records=NO_ID, interception=halve_and_refuse(200, 1, 3)),
    Scenario(
        "half done, refused, one contact", ALL, records=events(hot=range(30)), interception=halve_and_refuse(200, 1)
    ),
    Scenario("half done, refused, alike", {"accepted": 4}, records=alike, interception=halve_and_refuse(200, 1)),
    Scenario("half done, refused, and a poison row", BUT_1, poison={27}, interception=halve_and_refuse(200, 1)),
    Scenario("half done, refused, then resets", ALL, "reset-after,at=2", interception=halve_and_refuse(400, 1)),
    Scenario(
        "half done, refused, then killed",
        [None, ALL],
        interception=halve_and_refuse(200, 1, 2),
        runs=killed(seconds=20, still=True),
    ),
    Scenario(
        "half done, refused, not to be read back",
        [DOUBT_10, ALL],
        interception=lambda harness: (halve_and_refuse(200, 1)(harness), UNREADABLE(harness))[0],
    ),
]
"""Refusals of requests of which the server has processed a part."""


def _cases() -> list[Any]:
    """Every scenario with a journal in a file and in a database; those with one run also without."""
    return [
        pytest.param(
            kind,
            scenario,
            journal,
            id=f"{kind}: {scenario.title}{'' if journal == 'file' else f', journal: {journal}'}",
            marks=() if journal == "file" else pytest.mark.ci,
        )
        for kind, scenarios in (
            ("contacts", CONTACTS),
            ("events", EVENTS),
            ("events", HALF_REFUSED),
            ("products", PRODUCTS),
        )
        for scenario in scenarios
        for journal in ("file", "database", *(["none"] if scenario.is_one_run else []))
    ]


@pytest.mark.sampled
@pytest.mark.parametrize(("kind", "scenario", "journal"), _cases())
async def test_scenario(
    kind: Kind, scenario: Scenario, journal: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    harness = Harness(kind, tmp_path, request.getfixturevalue("postgresql") if journal == "database" else None)
    if journal == "none":
        harness.journal = None
    make = scenario.records or {"contacts": contacts, "events": events, "products": products}[kind]()
    present = {ANN} | ({f"{record.email}" for record in make({ANN: ""})} if kind == "events" else set())
    present -= {"old@example.com", "None"}
    records = make(await harness.prepare(present))
    result = RunResult(Report())
    for options, expected in zip(scenario.runs, scenario.expected, strict=False):
        result = await _run(harness, scenario, records, dict(options))
        assert expected is None or result.counts == expected
        _clear_faults(harness)
    await harness.settle()
    there = _those_there(scenario, result, len(records))
    expected_account = await sequential(harness, present, lambda ids: [make(ids)[position] for position in there])
    assert account(harness.simulator) == expected_account


async def _run(harness: Harness, scenario: Scenario, records: Sequence[Any], options: dict[str, Any]) -> RunResult:
    if options.pop("still", harness.runs == 0):
        harness.simulator.faults = [_fault(text, harness.kind) for text in scenario.faults.split()]
        scenario.interception(harness)
        if scenario.poison:
            harness.gateway.instead = refusing(scenario.poison)
    harness.watches_jobs = options.get("wait", True)
    return await harness.run(records[: options.pop("first", None)], **{"batch_size": scenario.batch_size, **options})


def _clear_faults(harness: Harness) -> None:
    """Let nothing go wrong any more."""
    harness.simulator.faults = []
    harness.refuse_products({})
    harness.gateway.instead = harness.gateway.after = nothing
    harness.gateway.halves = set()
    harness.gateway.half_answer = (500, b"")


def _those_there(scenario: Scenario, result: RunResult, count: int) -> list[int]:
    """Return the positions of the records that should be there."""
    absent = {outcome.position for outcome in result.outcomes if outcome.state == "rejected"}
    if scenario.absent is not None:
        absent = set(scenario.absent)
    elif scenario.poison:
        assert absent == set(scenario.poison)
    return [position for position in range(count) if position not in absent] + list(scenario.twice)


def _fault(text: str, kind: Kind) -> Fault:
    return Fault.parse(text if "path=" in text else f"{text},path={PATHS[kind]}")


# What counts do not show


async def test_other_contacts_are_not_held_up_by_a_job_that_never_ends(tmp_path: Path) -> None:
    harness = Harness("contacts", tmp_path)

    def never(path: str, body: Any) -> Answer | None:
        is_stuck = path == "job/status" and HOT in harness.gateway.jobs[body["requestId"]].names
        return (200, b'{"success":true,"message":["Job not start yet"]}') if is_stuck else None

    harness.gateway.instead = never
    records = contacts(400, hot=range(0, 400, 10))({})
    result = await harness.run(records, Termination("stop", seconds=200), batch_size=10)
    assert result.counts == {"accepted": 351, "submitted": 10, "not_sent": 39}  # 9 others are in the job that is stuck


async def test_a_run_that_is_stopped_waits_for_answers_no_longer_than_it_may(tmp_path: Path) -> None:
    harness = Harness("events", tmp_path)
    records = events()({})
    await harness.prepare(record.email for record in records)
    harness.latency = (1000, 1000)
    result = await harness.run(records, Termination("cancel", seconds=5), batch_size=10, stop_within=15)
    assert result.counts == DOUBT
    assert 20 <= result.report.seconds < 21
    harness.latency = (0.1, 0.1)
    assert (await harness.run(records, batch_size=10)).counts == ALL


@pytest.mark.parametrize("kind", ["contacts", "events"])
async def test_outcomes_that_a_stopped_run_could_not_deliver_are_counted(kind: Kind, tmp_path: Path) -> None:
    """Outcomes are not taken, so the chunks wait to be delivered when the run is cut off; some records were refused."""
    harness = Harness(kind, tmp_path)
    await harness.prepare({ANN, BOB})
    records: list[Any] = [contact(0), Contact(contact_id="nobody"), contact(2), Contact(contact_id="no one")]
    if kind == "events":
        records = [event(place, email) for place, email in enumerate((ANN, "nobody@x.pl", BOB, "none@x.pl"))]
    async with harness.client() as sm:
        begin: Any = sm.contacts.upserting if kind == "contacts" else sm.events.adding
        with harness.disk():
            async with begin(iter(records), journal=harness.journal, batch_size=2) as outcomes:
                await anyio.sleep(300)
                outcomes.stop_at_once()
                taken = [outcome async for outcome in outcomes]
    written = Counter(state for line in harness.journal_lines() for state in line.states())
    assert written == {"accepted": 2, "rejected": 2}
    assert Counter(outcome.state for outcome in taken) <= written
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


@pytest.mark.sampled
@pytest.mark.parametrize(("change", "named"), [pytest.param(*rest, id=name) for name, *rest in SOURCES_THAT_CHANGED])
@pytest.mark.parametrize(
    "termination",
    [Termination(), Termination("kill", seconds=1.5), Termination("stop", seconds=40)],
    ids=lambda termination: termination.how,
)
async def test_a_source_that_has_changed_is_refused_before_anything_is_sent(
    change: Callable[[list[Any]], list[Any]], named: str, termination: Termination, tmp_path: Path
) -> None:
    harness = Harness("contacts", tmp_path)
    records = contacts()({})
    await harness.run(records, termination, batch_size=10)
    before = Counter(harness.gateway.requests)
    result = await harness.run(change(records), batch_size=10)
    assert isinstance(result.error, Invalid)
    assert named in str(result.error)
    assert harness.gateway.requests == before
    assert (await harness.run(records, batch_size=10)).counts == ALL


@pytest.mark.ci
@pytest.mark.parametrize("kind", ["contacts", "events"])
async def test_a_refusal_of_everything_costs_a_bounded_number_of_requests(kind: Kind, tmp_path: Path) -> None:
    harness = Harness(kind, tmp_path)
    harness.gateway.instead = instead_of(REFUSAL, PATHS[kind])
    make = contact if kind == "contacts" else event
    result = await harness.run([make(position) for position in range(4000)], batch_size=100)
    assert result.counts == {"rejected": 4000}
    # three searches are under way when the limit is reached
    fruitless_searches = _driver.MAX_FRUITLESS_CALLS + 3 * _driver.SEARCH_CALLS
    assert 40 < harness.gateway.requests[PATHS[kind]] <= 40 + fruitless_searches


@pytest.mark.ci
async def test_one_refused_request_is_searched_within_a_budget(tmp_path: Path) -> None:
    harness = Harness("events", tmp_path)
    harness.gateway.instead = instead_of(REFUSAL, PATHS["events"])
    result = await harness.run([event(position) for position in range(1000)])
    assert result.counts == {"rejected": 1000}
    assert harness.gateway.requests[PATHS["events"]] <= 1 + _driver.SEARCH_CALLS


@pytest.mark.ci
@pytest.mark.parametrize("kind", ["contacts", "events"])
async def test_a_body_that_is_too_large_is_halved_until_it_fits_however_often_that_takes(
    kind: Kind, tmp_path: Path
) -> None:
    harness = Harness(kind, tmp_path)
    records = (contacts(400) if kind == "contacts" else events(400))({})
    await harness.prepare({f"{record.email}" for record in records} if kind == "events" else {ANN})

    def too_large(path: str, body: Any) -> Answer | None:
        return (413, b"<html>413</html>") if len(body.get(LISTS[kind]) or ()) > 3 else None

    harness.gateway.instead = too_large
    result = await harness.run(records, batch_size=400)
    assert result.counts == {"accepted": 400}
    assert harness.gateway.requests[PATHS[kind]] > 1 + _driver.SEARCH_CALLS
    assert harness.gateway.requests["contact/list"] == 0  # this puts nothing in doubt


@pytest.mark.ci
async def test_a_poison_row_among_a_thousand_is_found(tmp_path: Path) -> None:
    harness = Harness("events", tmp_path)
    records = [event(position, ANN) for position in range(1000)]
    await harness.prepare({ANN})
    harness.gateway.instead = refusing({777})
    result = await harness.run(records)
    assert result.counts == {"accepted": 999, "rejected": 1}
    assert [outcome.position for outcome in result.outcomes if outcome.state == "rejected"] == [777]
    assert harness.gateway.requests[PATHS["events"]] <= 1 + 2 * 10  # 1000 is halved ten times


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
    harness = Harness("events", tmp_path)
    await harness.prepare({ANN})
    harness.simulator.faults = [Fault.parse(f"reset-before,at=1,path={PATHS['events']}")]
    harness.gateway.instead = instead_of((200, answer), "contact/list")
    result = await harness.run([event(0, ANN, external_id=None), event(1, ANN)])
    assert result.error is None
    assert result.report.read == 2


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"loop_factory": VirtualTimeLoop})], ids=["asyncio"])
async def test_a_task_that_asyncio_cancels_ends_in_order_even_if_it_is_cancelled_again(tmp_path: Path) -> None:
    harness = Harness("contacts", tmp_path)
    records = contacts()({})
    async with harness.client() as sm:
        with harness.disk():
            run = asyncio.create_task(sm.contacts.upsert_many(records, journal=harness.journal, batch_size=10))
            await asyncio.sleep(0.3)
            run.cancel()
            await asyncio.sleep(0.01)
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
    assert harness.gateway.sent
    written = Counter(state for line in harness.journal_lines() for state in line.states())
    assert written == {"submitted": len(harness.gateway.sent)}
    assert (await harness.run(records, batch_size=10)).counts == ALL


# How long the end of a run takes, when records are held back


@pytest.mark.ci
async def test_the_end_of_a_run_waits_for_nothing_that_would_gain_nothing(tmp_path: Path) -> None:
    """Few contacts, and requests with one record: no request can be shared, so each goes when its contact is free."""
    harness = Harness("events", tmp_path)
    addresses = [f"c{number}@example.com" for number in range(5)]
    await harness.prepare(addresses)
    harness.latency = (0.05, 0.05)
    records = [event(position, addresses[position % 5]) for position in range(600)]
    result = await harness.run(records, batch_size=1, client={"concurrency": 5})
    assert result.counts == {"accepted": 600}
    in_a_row = 600 / 5 * 2 * 0.05
    writing = 3 * DISK_SECONDS * 600
    assert result.report.seconds < in_a_row + writing


@pytest.mark.parametrize(
    ("latency", "seconds"), [((0.1, 0.3), 3 * 0.6), ((0.5, 8.0), 3 * 16)], ids=["soon free", "free one by one"]
)
async def test_a_request_that_is_not_full_waits_a_moment_for_what_is_not_free_yet(
    latency: tuple[float, float], seconds: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten contacts whose first events are too large to share a request, and then twenty small events of each.

    The small ones share requests, which costs two moments of waiting at most, besides the `seconds` of three requests.
    """
    monkeypatch.setattr(knee, "FIRST_WINDOW", 10)  # all ten of them are in flight from the first moment
    harness = Harness("events", tmp_path)
    addresses = [f"c{number}@example.com" for number in range(10)]
    await harness.prepare(addresses)
    harness.latency = latency
    first = [event(position, address, description="x" * 2000) for position, address in enumerate(addresses)]
    others = [event(10 + position, addresses[position % 10]) for position in range(200)]
    result = await harness.run([*first, *others], max_bytes=4_000, client={"concurrency": 10})
    assert result.counts == {"accepted": 210}
    assert harness.gateway.requests[PATHS["events"]] <= 24
    assert result.report.seconds < seconds + 2 * LINGER


# Accounts that show events in their own way


@pytest.mark.sampled
@pytest.mark.parametrize("has_ids", [*in_ci(True), False], ids=["with ids", "without ids"])
@pytest.mark.parametrize("rendering", [*RECOGNIZABLE, *AMBIGUOUS])
@pytest.mark.parametrize("anyio_backend", [("asyncio", {"loop_factory": VirtualTimeLoop})], ids=["asyncio"])
async def test_no_event_is_doubled_in_whatever_way_it_is_shown(rendering: str, has_ids: bool, tmp_path: Path) -> None:
    """The first request is half processed, the answer to the second is lost, and the third never arrives."""
    harness = Harness("events", tmp_path)
    harness.gateway.renders = (RECOGNIZABLE | AMBIGUOUS)[rendering]
    halve(harness)
    harness.simulator.faults = [_fault("reset-after,at=1", "events"), _fault("reset-before,at=2", "events")]
    ids = {} if has_ids else {"external_id": None}
    products = [{"products": f"p{position},p{position + 1}", "value": position * 1.37} for position in range(9)]
    records = [event(position, ANN, **ids, **products[position]) for position in range(9)]
    await harness.prepare({ANN})
    result = await harness.run(records, batch_size=3, client={"concurrency": 1})
    there = events_of(harness.simulator)
    assert set(there.values()) == {1}
    assert result.report.accepted + result.report.in_doubt == 9
    if rendering in RECOGNIZABLE:
        assert result.counts == {"accepted": 9}
        assert len(there) == 9
    result = await harness.run(records, batch_size=3)
    assert set(events_of(harness.simulator).values()) == {1}
    assert len(events_of(harness.simulator)) >= result.report.accepted


# Lost answers of jobs that end late


POLL_INTERVAL = 60.0
LATE = pytest.mark.parametrize("intervals", [1.5, 2.0, 2.5, 3.0, 3.5, 3.9])


def _lose_first_answer(harness: Harness, intervals: float) -> None:
    """Lose the first answer; its job ends so many poll intervals later, and other jobs take hardly any time."""
    harness.simulator._store.job_seconds = 5.0
    harness.gateway.late = {1: intervals * POLL_INTERVAL}


def _versions(harness: Harness) -> dict[str, str]:
    return {one.email: str(one.fields["name"]) for one in harness.simulator._store.contacts.values()}


@pytest.mark.sampled
@LATE
@pytest.mark.parametrize("batch_size", [1, 3])
async def test_the_last_one_wins_though_the_job_of_a_lost_answer_ends_late(
    intervals: float, batch_size: int, tmp_path: Path
) -> None:
    harness = Harness("contacts", tmp_path)
    _lose_first_answer(harness, intervals)
    records = [contact(position, (ANN, BOB, HOT)[position % 3]) for position in range(6)]
    result = await harness.run(records, batch_size=batch_size)
    assert result.counts == {"accepted": 6}
    await harness.settle()
    assert _versions(harness) == {ANN: "version 3", BOB: "version 4", HOT: "version 5"}


@pytest.mark.sampled
@LATE
async def test_the_last_one_wins_though_the_run_was_killed_when_the_answer_was_lost(
    intervals: float, tmp_path: Path
) -> None:
    """The next run sends the chunk in doubt again, and the job of the lost answer has not ended yet."""
    harness = Harness("contacts", tmp_path)
    _lose_first_answer(harness, intervals)
    records = [contact(position, (ANN, BOB)[position % 2]) for position in range(4)]
    await harness.run(records, Termination("kill", seconds=0.9), batch_size=1, client={"concurrency": 1})
    result = await harness.run(records, batch_size=1)
    assert result.counts == {"accepted": 4}
    await harness.settle()
    assert _versions(harness) == {ANN: "version 2", BOB: "version 3"}


async def test_other_contacts_are_not_held_up_by_a_lost_answer(tmp_path: Path) -> None:
    harness = Harness("contacts", tmp_path)
    _lose_first_answer(harness, 3.9)
    records = [contact(0, ANN), contact(1, ANN), *(contact(position) for position in range(2, 40))]
    times: dict[int, float] = {}
    async with harness.client() as sm:
        begin = anyio.current_time()
        with harness.disk():
            async with sm.contacts.upserting(iter(records), journal=harness.journal, batch_size=1) as outcomes:
                async for outcome in outcomes:
                    times[outcome.position] = anyio.current_time() - begin
    assert len(times) == 40
    assert max(seconds for position, seconds in times.items() if position > 1) < 1.5 * POLL_INTERVAL
