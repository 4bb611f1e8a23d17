"""A harness for runs: an account that is watched, a disk that takes its time, and runs that end at a chosen moment.

A run passes through *steps*: a record is read, a request arrives, it is processed, something is about to be written, it
has been written, an outcome is reported. A run can be made to end at any step, in every way in which runs end, and
another run resumes from what it left. Violations of what must always hold are collected in `Harness.wrong`, which is
checked after each run.
"""

import shutil
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from functools import lru_cache, partial
from pathlib import Path
from random import Random
from typing import Any, Literal
from unicodedata import normalize
from unittest import mock

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx
import orjson
from attrs import define, evolve, field, frozen

from salesmanago_async import Contact, ExternalEvent, Invalid, Outcome, Outcomes, Report, SalesManago, SalesManagoError
from salesmanago_async.api.codec import write
from salesmanago_async.api.products import Product
from salesmanago_async.errors import JournalFailed
from salesmanago_async.simulator import (
    DEMO_CREDENTIALS,
    DEMO_OWNER,
    DEMO_PRODUCTS_KEY,
    ProductSettings,
    Simulator,
)
from salesmanago_async.simulator.products.account import ProductAccount
from salesmanago_async.stores.addresses import DatabaseAddress, JournalPlace
from tests.conftest import EPOCH
from tests.imports.renderings import Rendering
from tests.postgresql import copied_run, end_sessions, lines_of_run, run_in
from tests.virtual_disk import virtual_disk

Kind = Literal["contacts", "events", "products"]
Record = Contact | ExternalEvent | Product
Answer = tuple[int, bytes]
"""A status and a body."""
Intercept = Callable[[str, Any], Answer | None]

PATHS: Mapping[str, str] = {
    "contacts": "contact/batchupsertv2",
    "events": "contact/batchAddContactExtEvent",
    "products": "v3/product/upsert",
}
LISTS: Mapping[str, str] = {"contacts": "upsertDetails", "events": "events", "products": "products"}
CATALOG = "main"
READINGS = ("contact/list", "contact/listById")
STATES = ("accepted", "submitted", "rejected", "in_doubt", "not_sent")
REFUSAL: Answer = (200, b'{"success":false,"message":["no"]}')
LONGEST_RUN = 1_000_000.0
"""Seconds after which a run has failed: it waits for something that never comes."""


# Records: each has a text that no other record has


def contact(position: int, email: str | None = None, **others: Any) -> Contact:
    """The contact at this position of a source."""
    return Contact(email=email or f"c{position}@example.com", name=f"version {position}", **others)


def event(position: int, email: str | None = None, **others: Any) -> ExternalEvent:
    """The event at this position of a source; each has its own second."""
    fields = {
        "email": email or f"c{position}@example.com",
        "date": 1_700_000_000_000 + 1000 * position,
        "contact_ext_event_type": "PURCHASE",
        "description": f"event {position}",
        "external_id": f"E{position}",
    }
    return ExternalEvent(**{**fields, **others})


def product(position: int, product_id: str | None = None) -> Product:
    """The product at this position of a source."""
    return Product(
        product_id=product_id or f"P{position}", name=f"version {position}", main_category="All", price=position
    )


def encoded(record: Record | Mapping[str, Any]) -> bytes:
    """A record, or an entry of a request, in a form in which the two are equal."""
    return orjson.dumps(record if isinstance(record, Mapping) else write(record), option=orjson.OPT_SORT_KEYS)


class SourceBroke(SalesManagoError):
    """The error of a source that breaks."""


# How runs end


@frozen
class Termination:
    """How a run ends, and when: at a step (counted from 1), or after some seconds.

    `kill`: nothing is done any more, and the journal is as it is on the disk at that moment. `cut`: what is in flight
    is cut off. `stop`: in order. `cancel`: the task is cancelled, which is in order, too. `lose`: the database ends the
    session of the run, and somebody else may take it over.
    """

    how: Literal["kill", "cut", "stop", "cancel", "lose"] | None = None
    step: int | None = None
    seconds: float | None = None


BY_ITSELF = Termination()


@define
class RunResult:
    """The result of a run: its report, its outcomes one by one, and the error it raised."""

    report: Report
    outcomes: list[Outcome] = field(factory=list)
    error: SalesManagoError | None = None

    @property
    def counts(self) -> dict[str, int]:
        """The number of records in each state, by the report."""
        return {state: getattr(self.report, state) for state in STATES if getattr(self.report, state)}


class StepCounter:
    """Counts the steps of a run, and acts at one of them."""

    def __init__(self) -> None:
        self.count = 0
        self._at: int | None = None
        self._act: Callable[[], None] = lambda: None

    def begin(self) -> None:
        """Count from 1 again, and do nothing."""
        self.count, self._at = 0, None

    def act_at(self, step: int | None, act: Callable[[], None]) -> None:
        """Set an action for a step."""
        self._at, self._act = step, act

    def take(self) -> None:
        """Take the next step."""
        self.count += 1
        if self.count == self._at:
            self._act()


# The account


def nothing(path: str, body: Any) -> Answer | None:
    """Intercept nothing."""
    return None


def refusing(positions: Collection[int]) -> Intercept:
    """Refuse every request that has a record at one of these positions."""
    numbers = {str(position) for position in positions}

    def refuse(path: str, body: Any) -> Answer | None:
        entries = next((body[name] for name in LISTS.values() if body.get(name)), ())
        return None if numbers.isdisjoint(map(_position, entries)) else REFUSAL

    return refuse


def _position(entry: Mapping[str, Any]) -> str:
    described = entry.get("contact") or entry.get("contactEvent") or entry
    said = described.get("description") or described["name"]
    return str(said).split()[-1]


@define(eq=False)
class SentBatch:
    """A request with records: the names of their contacts, and the job that it has become."""

    names: frozenset[str]
    records: Sequence[bytes]


class Gateway:
    """Stands in front of the simulator and watches. Requests take time on the way there and on the way back.

    `instead` may return the answer to a request that is then not processed, `after` an answer in place of the
    simulator's. Requests with records are numbered from 1. Of those in `halves`, only the first half is processed, if
    there are two, and the answer is `half_answer`. The answers to those in `late` are lost, and their jobs take so many
    seconds.

    The account keeps addresses and ids in its own `spelling`, by which it finds them, and shows events as `renders`
    does.
    """

    def __init__(self, harness: "Harness") -> None:
        self.harness = harness
        self.requests: Counter[str] = Counter()
        self.instead: Intercept = nothing
        self.after: Intercept = nothing
        self.halves: set[int] = set()
        self.half_answer: Answer = (500, b"")
        self.late: Mapping[int, float] = {}
        self.spelling: Callable[[str], str] = str
        self.renders: Rendering = dict
        self.in_flight: set[SentBatch] = set()
        self.jobs: dict[int, SentBatch] = {}
        self.accepted: set[bytes] = set()
        self.sent: list[bytes] = []
        self._random = Random(0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix("/api/").replace("/v3/", "v3/", 1)
        content = await _received(receive)
        body = orjson.loads(content) if content else {}
        batch = self._arrives(path, body)
        number = self.requests[path] if batch else 0
        try:
            await self._delay()
            messages = await self._answered(path, _respelt(body, self.spelling), scope, number)
            await self._delay()
        finally:
            if batch:
                self.in_flight.discard(batch)
        if batch:
            self._note_job(batch, _content(messages))
        for message in messages:
            await send(message)

    def forget_client(self, known_jobs: Iterable[int]) -> None:
        """Start a new client, which knows only these jobs."""
        self.in_flight.clear()
        self.jobs = {number: self.jobs[number] for number in known_jobs if number in self.jobs}

    async def _delay(self) -> None:
        await anyio.sleep(self._random.uniform(*self.harness.latency))
        self.harness.steps.take()
        await anyio.lowlevel.checkpoint()

    async def _answered(self, path: str, body: Any, scope: Any, number: int) -> list[Any]:
        """Return the messages of the answer; `number` is that of a request with records, 0 for any other."""
        instead = self.instead(path, body)
        if instead:
            return _messages(instead)
        entries = body[LISTS[self.harness.kind]] if number else []
        if number in self.halves and len(entries) > 1:
            await self._processed({**body, LISTS[self.harness.kind]: entries[: len(entries) // 2]}, scope)
            return _messages(self.half_answer)
        if number in self.late:
            with mock.patch.object(self.harness.simulator._store, "job_seconds", self.late[number]):
                await self._processed(body, scope)
            return _messages((500, b""))
        messages = await self._processed(body, scope)
        if path in READINGS:
            messages = self._shown(messages)
        after = self.after(path, _content(messages))
        return _messages(after) if after else messages

    def _shown(self, messages: list[Any]) -> list[Any]:
        """Return an answer to a read-back as the account shows it; one that a fault has damaged stays as it is."""
        try:
            answer = orjson.loads(_content(messages))
            for one in answer["contacts"]:
                one["contactExtEvents"] = [self.renders(event) for event in one["contactExtEvents"]]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return messages
        return _messages((200, orjson.dumps(answer)))

    async def _processed(self, body: Any, scope: Any) -> list[Any]:
        messages: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": orjson.dumps(body)}

        async def keep(message: Any) -> None:
            messages.append(message)

        await self.harness.simulator(scope, receive, keep)
        return messages

    def _arrives(self, path: str, body: Any) -> SentBatch | None:
        self.requests["files" if path.startswith("/files/") else path] += 1
        entries = body.get(LISTS[self.harness.kind]) if path == PATHS[self.harness.kind] else None
        if entries is None:
            return None
        batch = SentBatch(frozenset(self._names(entries)), [encoded(entry) for entry in entries])
        self._check(batch)
        self.in_flight.add(batch)
        self.sent += batch.records
        return batch

    def _check(self, batch: SentBatch) -> None:
        wrong = self.harness.wrong
        for other in self.in_flight:
            wrong += [f"two requests in flight are about {name}" for name in batch.names & other.names]
        for number, other in self.jobs.items():
            if self.harness.watches_jobs and not self.harness.is_over(number):
                wrong += [f"sent while job {number} is at work: {name}" for name in batch.names & other.names]
        wrong += [f"sent again: {record!r}" for record in batch.records if record in self.accepted]

    def _note_job(self, batch: SentBatch, content: bytes) -> None:
        try:
            answer = orjson.loads(content)
        except orjson.JSONDecodeError:
            return
        if isinstance(answer, dict) and "requestId" in answer:
            self.jobs[answer["requestId"]] = batch

    def _names(self, entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        """Yield all names of the contacts of some entries, those in the entries and those in the account."""
        stored = self.harness.simulator._store.contacts
        for entry in entries:
            if "productId" in entry:
                yield entry["productId"]
                continue
            fields = {**entry.get("contact", {}), **entry}
            addresses = {canonical_name(fields[name]) for name in ("email", "newEmail") if name in fields}
            ids = {canonical_name(fields["contactId"])} if "contactId" in fields else set()
            yield from addresses | ids
            yield from (one.id for one in stored.values() if canonical_name(one.email) in addresses)
            yield from (canonical_name(stored[id_].email) for id_ in ids if id_ in stored)


@lru_cache(maxsize=10_000)
def canonical_name(name: str) -> str:
    """Return the canonical form of an address or an id, whatever its spelling."""
    local, at, domain = normalize("NFC", name.lower()).rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}" if at else domain


def _respelt(body: Any, spelling: Callable[[str], str]) -> Any:
    """Return a request with the addresses and ids of contacts in another spelling."""
    if isinstance(body, list):
        return [_respelt(one, spelling) for one in body]
    if not isinstance(body, dict):
        return body
    return {
        name: _renamed(value, spelling) if name in {"email", "newEmail", "contactId"} else _respelt(value, spelling)
        for name, value in body.items()
    }


def _renamed(value: Any, spelling: Callable[[str], str]) -> Any:
    return spelling(value) if isinstance(value, str) else [spelling(one) for one in value]


async def _received(receive: Any) -> bytes:
    content = bytearray()
    while True:
        message = await receive()
        content += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(content)


def _content(messages: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(bytes(message.get("body", b"")) for message in messages)


def _messages(answer: Answer) -> list[Any]:
    headers = [(b"content-type", b"application/json")]
    return [
        {"type": "http.response.start", "status": answer[0], "headers": headers},
        {"type": "http.response.body", "body": answer[1]},
    ]


class _Elsewhere(httpx.AsyncBaseTransport):
    """The transport to a server to which nothing must be sent."""

    requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        raise httpx.ConnectError("nobody is here")


class Harness:
    """An account, the clients that send records to it, and the journal with which each of them resumes.

    The journal is a file in `folder`, or a run in a PostgreSQL `database`.
    """

    def __init__(self, kind: Kind, folder: Path, database: str | None = None) -> None:
        self.kind: Kind = kind
        self.folder = folder
        self.journal: JournalPlace | None = run_in(database) if database else folder / "journal.db"
        self.began = EPOCH
        """The wall clock, in seconds since 1970, when the clock of the present event loop shows 0."""
        products = ProductSettings(takes_any_catalog=True)
        self.simulator = Simulator(clock=self.clock, job_seconds=90.0, link_seconds=300.0, products=products)
        self.latency = (0.05, 0.4)
        self.watches_jobs = True
        self.gateway = Gateway(self)
        self.steps = StepCounter()
        self.wrong: list[str] = []
        self.runs = 0

    def clock(self) -> float:
        """The time of day, in seconds since 1970."""
        return self.began + anyio.current_time()

    def client(self, **options: Any) -> SalesManago:
        """A client of the account."""
        chosen = {"concurrency": 3, "random": Random(7), "clock": self.clock, **options}
        transport = httpx.ASGITransport(app=self.gateway)
        chosen["products_key"] = DEMO_PRODUCTS_KEY
        return SalesManago(DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=transport, **chosen)

    def refuse_products(self, problems: Mapping[str, tuple[int, str]]) -> None:
        """Let the account name these products in its refusals."""
        account = self.simulator._store.section(ProductAccount)
        account.settings = evolve(account.settings, problems=problems)

    async def prepare(self, emails: Iterable[str]) -> dict[str, str]:
        """Create contacts with these addresses, and return their ids."""
        return make_contacts(self.simulator, emails)

    async def run(
        self,
        records: Sequence[Any],
        termination: Termination = BY_ITSELF,
        *,
        client: Mapping[str, Any] | None = None,
        reads: Literal["async", "breaks"] | None = None,
        **options: Any,
    ) -> RunResult:
        """Execute one run, from the beginning of the source, and check what must hold after every run.

        The source may be asynchronous, or break in the middle.
        """
        self._begin()
        result = RunResult(Report())
        async with self.client(**(client or {})) as sm:
            begin: Any = {
                "contacts": sm.contacts.upserting,
                "events": sm.events.adding,
                "products": partial(sm.products.upserting, catalog_id=CATALOG),
            }[self.kind]
            with self.disk():
                try:
                    source = self._async_source(records) if reads == "async" else self._source(records, reads)
                    await self._take(begin(source, journal=self.journal, **options), termination, result)
                except SalesManagoError as error:
                    result.error = error
        self._check(result, termination)
        return result

    async def run_elsewhere(self, records: Sequence[Any]) -> None:
        """Execute a run with the same journal and credentials on another server, and check that it is refused."""
        known = self.journal_lines()
        if not known:
            return
        self._begin()
        elsewhere = _Elsewhere()
        async with SalesManago(DEMO_CREDENTIALS, owner=DEMO_OWNER, transport=elsewhere) as sm:
            send = sm.contacts.upsert_many if self.kind == "contacts" else sm.events.add_many
            said = ""
            with self.disk():
                try:
                    await send(iter(records), journal=self.journal)
                except Invalid as error:
                    said = error.rule
        assert said.startswith("was begun with a simulated server, and this is for app2.salesmanago.com"), said
        assert elsewhere.requests == 0
        assert self.journal_lines() == known

    async def settle(self) -> None:
        """Wait until every job of the account has ended."""
        await anyio.sleep(1000)
        self.simulator._store.catch_up()

    def is_over(self, number: int) -> bool:
        """Whether a job has ended."""
        self.simulator._store.catch_up()
        job = self.simulator._store.job(number)
        return job is None or job.is_over

    # A run

    def _begin(self) -> None:
        self.runs += 1
        self.steps.begin()
        self.gateway.forget_client(line.request_id for line in self.journal_lines() if line.request_id is not None)

    def _source(self, records: Sequence[Any], reads: str | None) -> Iterator[Any]:
        for position, record in enumerate(records):
            if reads == "breaks" and position == len(records) // 2:
                raise SourceBroke("in the middle")
            self.steps.take()
            yield record

    async def _async_source(self, records: Iterable[Any]) -> AsyncIterator[Any]:
        for record in records:
            self.steps.take()
            await anyio.lowlevel.checkpoint()
            yield record

    async def _take(
        self, beginning: AbstractAsyncContextManager[Outcomes], termination: Termination, result: RunResult
    ) -> None:
        begun: list[Outcomes] = []
        try:
            with anyio.fail_after(LONGEST_RUN), anyio.CancelScope() as scope:
                async with anyio.create_task_group() as tasks, beginning as outcomes:
                    begun.append(outcomes)
                    end = self._end(termination, outcomes, scope)
                    self.steps.act_at(termination.step, end)
                    if termination.seconds is not None:
                        tasks.start_soon(_after, termination.seconds, end)
                    async for outcome in outcomes:
                        result.outcomes.append(outcome)
                        self.steps.take()
                    tasks.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            result.report = begun[0].report

    def _end(self, termination: Termination, outcomes: Outcomes, scope: anyio.CancelScope) -> Callable[[], None]:
        def kill() -> None:
            self._freeze()
            outcomes.stop_at_once()

        def lose() -> None:
            assert isinstance(self.journal, DatabaseAddress)
            end_sessions(self.journal)

        acts: dict[str, Callable[[], None]] = {
            "kill": kill,
            "cut": outcomes.stop_at_once,
            "stop": outcomes.stop,
            "cancel": scope.cancel,
            "lose": lose,
        }
        return acts[termination.how] if termination.how else lambda: None

    def _freeze(self) -> None:
        """Let the next run begin with a copy of the journal as it is now, whatever is still written to the original."""
        if isinstance(self.journal, DatabaseAddress):
            self.journal = copied_run(self.journal)
        elif self.journal:
            frozen_journal = self.folder / f"killed-{self.runs}.db"
            if self.journal.exists():
                shutil.copyfile(self.journal, frozen_journal)
            self.journal = frozen_journal

    def disk(self) -> AbstractContextManager[None]:
        """Do disk work in virtual time; its beginning and its end are steps."""
        return virtual_disk(self.steps.take)

    # What must hold

    def _check(self, result: RunResult, termination: Termination) -> None:
        assert not self.wrong, self.wrong
        report, outcomes = result.report, result.outcomes
        assert report.read == sum(result.counts.values()), f"{report.read} read, but {result.counts}"
        assert len({outcome.position for outcome in outcomes}) == len(outcomes), "an outcome was told twice"
        each = Counter[str](outcome.state for outcome in outcomes)
        if termination.how in {None, "stop"}:
            assert dict(each) == result.counts, f"outcomes {dict(each)}, but the report says {result.counts}"
        else:
            assert all(count <= result.counts.get(state, 0) for state, count in each.items()), (each, result.counts)
        if self.journal and not isinstance(result.error or report.stopped, JournalFailed):
            self._check_journal(dict(each) if termination.how == "kill" else result.counts)
        if not isinstance(result.error, Invalid):  # else records have moved to other positions
            unsent = [outcome for outcome in outcomes if outcome.state == "not_sent"]
            assert not [one.position for one in unsent if self._is_there(one.record)], "not sent, but there"
        self.gateway.accepted |= {encoded(outcome.record) for outcome in outcomes if outcome.state == "accepted"}

    def _is_there(self, record: Any) -> bool:
        """Whether the account has exactly this event, or the contact in exactly this version."""
        if isinstance(record, ExternalEvent):
            return _event_key(write(record)["contactEvent"]) in events_of(self.simulator)
        if isinstance(record, Product):
            return products_of(self.simulator).get(record.product_id, {}).get("name") == record.name
        return isinstance(record, Contact) and any(
            one.fields.get("name") == record.name for one in self.simulator._store.contacts.values()
        )

    def _check_journal(self, counts: Mapping[str, int]) -> None:
        """Check that no record is reported as settled that is not written down."""
        written = Counter(state for line in self.journal_lines() for state in line.states())
        for state in ("accepted", "submitted"):
            assert counts.get(state, 0) <= written[state], f"reported {counts}, but written {written}"

    def journal_lines(self) -> list["Line"]:
        """The lines of the journal; a copy is read, so that the journal stays as it is."""
        if isinstance(self.journal, DatabaseAddress):
            return [Line.of(*row) for row in lines_of_run(self.journal)]
        if not self.journal or not self.journal.exists():
            return []
        copy = self.folder / "copy.db"
        shutil.copyfile(self.journal, copy)
        database = sqlite3.connect(copy)
        try:
            found = database.execute("SELECT spans, state, request_id, reason, others FROM chunks").fetchall()
        except sqlite3.OperationalError:  # killed before the tables were created
            found = []
        finally:
            database.close()
        return [Line.of(*row) for row in found]


@frozen
class Line:
    """A line of a journal."""

    spans: Sequence[tuple[int, int]]
    state: str
    request_id: int | None
    reason: str | None
    others: Mapping[str, tuple[str, str]]

    @classmethod
    def of(cls, spans: str, state: str, request_id: int | None, reason: str | None, others: str | None) -> "Line":
        """Return the line in a row of a database."""
        return cls(orjson.loads(spans), state, request_id, reason, orjson.loads(others or "{}"))

    def states(self) -> Iterator[str]:
        """Yield the state of each of its records."""
        for first, last in self.spans:
            for position in range(first, last + 1):
                yield self.others.get(str(position), (self.state, ""))[0]


async def _after(seconds: float, act: Callable[[], None]) -> None:
    await anyio.sleep(seconds)
    act()


# What an account holds


def products_of(simulator: Simulator) -> dict[str, dict[str, Any]]:
    """The products of the only catalogue, if there is one."""
    return dict(simulator._store.section(ProductAccount).products.get(CATALOG, {}))


def account(simulator: Simulator) -> dict[str, Any]:
    """The content of the account: the last version of each contact and product, and the count of each event."""
    return products_of(simulator) | {
        one.email: (one.fields, set(one.tags), one.properties, Counter(_event_key(event) for event in one.events))
        for one in simulator._store.contacts.values()
    }


def events_of(simulator: Simulator) -> Counter[bytes]:
    """The count of each event in the account."""
    return Counter(_event_key(event) for one in simulator._store.contacts.values() for event in one.events)


def _event_key(event: Mapping[str, Any]) -> bytes:
    fields = {name: value for name, value in event.items() if name != "eventId" and value is not None}
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def make_contacts(simulator: Simulator, emails: Iterable[str]) -> dict[str, str]:
    """Create contacts with these addresses in the account itself, and return their ids."""
    create = partial(simulator._store.upsert, double_opt_in=False, owner=DEMO_OWNER)
    return {email: create({"contact": {"email": email}}).id for email in emails}


_expected_accounts: dict[tuple[Any, ...], dict[str, Any]] = {}
"""Accounts that sequential runs have left, by their contacts and records: many tests send the same."""


async def sequential(
    harness: Harness, emails: Collection[str], records: Callable[[Mapping[str, str]], Iterable[Any]]
) -> dict[str, Any]:
    """Return the account after the same records are sent one by one, each by its own call, without any fault."""
    what_is_sent = *sorted(emails), None, *map(encoded, records({email: email for email in emails}))
    if what_is_sent not in _expected_accounts:
        _expected_accounts[what_is_sent] = await _sent_one_by_one(harness, emails, records)
    return _expected_accounts[what_is_sent]


async def _sent_one_by_one(
    harness: Harness, emails: Collection[str], records: Callable[[Mapping[str, str]], Iterable[Any]]
) -> dict[str, Any]:
    simulator = Simulator(clock=harness.clock, products=ProductSettings(takes_any_catalog=True))
    ids = make_contacts(simulator, emails)
    async with _plain_client(simulator, harness.clock) as sm:
        for record in records(ids):
            if isinstance(record, Product):
                await sm.products.upsert(CATALOG, products=[record])
            else:
                await (sm.contacts.upsert(record) if isinstance(record, Contact) else sm.events.add(record))
    return account(simulator)


@asynccontextmanager
async def _plain_client(simulator: Simulator, clock: Callable[[], float]) -> AsyncIterator[SalesManago]:
    transport = httpx.ASGITransport(app=simulator)
    options: dict[str, Any] = {"owner": DEMO_OWNER, "transport": transport, "clock": clock}
    async with SalesManago(DEMO_CREDENTIALS, products_key=DEMO_PRODUCTS_KEY, **options) as sm:
        yield sm
