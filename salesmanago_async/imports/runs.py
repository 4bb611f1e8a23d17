"""A run as callers see it: its options, one report at the end, or one outcome after the other."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import tzinfo
from functools import partial
from typing import Any, Generic, Protocol, Self, TypeAlias, TypedDict, TypeVar, cast

import anyio
from attrs import fields, frozen

from ..api.codegen import named_errors, part_writer
from ..api.fields import NameText, writer_of
from ..connection.connection import Connection
from ..connection.products import ProductConnection
from ..errors import Invalid, raising_only_error
from ..outcome import Outcome, RecordT
from ..records.shapes import (
    ExtraColumns,
    Shape,
    contact_shape,
    event_shape,
    price_shape,
    product_shape,
    quantity_shape,
)
from ..sources.options import DecimalMark, FileFormat, ReadOptions
from ..sources.sources import GivenSource, Source, open_source
from ..stores.addresses import GivenPlace
from ..stores.journal import WhenBusy
from ..stores.values import KnownBy
from ..support.signal import Signal
from .engine.run import Engine
from .engine.settling import Listener
from .report import Report
from .settings import InDoubt, Settings, check_options
from .targets import CONTACTS, EVENTS, PRICES, PRODUCTS, QUANTITIES, Target


class CommonRunOptions(TypedDict, total=False):
    """The options of every run.

    `dry_run` checks and counts, and sends nothing. A request is sent when it has `batch_size` records (1000, or 100
    products, which is also the most) or `max_bytes` (4 MiB), whichever comes first. `on_progress` is called with a
    `Report` whenever something has become known.

    `extra_columns` says what to do with a field that is not known: "error", "ignore" or, for contacts, "properties".
    `columns` maps columns and keys to the names of fields, several of them to one field if they are to be joined: texts
    with a space, and lists, such as tags, into one list. Names of columns are matched without case, spaces, `-`, `_`
    and `.`. A table with columns that are not fields, or with two columns of one field, is refused before anything is
    sent. Of records with such keys each is rejected, and `report.warnings` has the unknown keys.

    For files: `encoding` and `delimiter` are detected if they are left out. `format` is "csv", "jsonl" (JSON lines),
    "json" (an array of objects), "parquet", "xlsx" or "xml" (product feeds); the suffix says it if it is left out. Of
    a workbook the first visible sheet that is not empty is read; a warning names the others. Every file may be packed
    with gzip. The path "-" is standard input; its bytes, like those of any pipe, are copied to a temporary file first,
    while other tasks wait.

    For texts, wherever they are: in cells, JSON, mappings, rows of databases and classes, frames, and the lists, sets
    and objects in these. They are trimmed, and blank ones are absent, unless `keep_spaces`. `null` are texts that mean
    absent ("NULL"), `decimal` is the decimal mark ("." or ","), `date_format` are forms of times for `strptime`, beside
    ISO 8601 and others that can be meant in one way only; one without a year is for birthdays. `time_zone` ("UTC") is
    that of times without one: of texts, datetimes and columns of times. Other values, and values of the program such as
    a `Contact`, are taken as they are.

    What is taken and looks wrong, such as 4.86E+10, is in `report.warnings`; with `strict` such rows are rejected. CSV
    files and workbooks are searched for lost digits to their end, and for the rest (words such as NULL, numbers such as
    1,234 that may be 1.234) in their first 1,000 rows. Of other sources the first 250 rows are looked at. With
    `strict`, all rows are.

    `journal` is the path of a SQLite file that remembers what was sent: after a stop or a kill, the same call with the
    same source resumes the run. The file alone is enough, wherever it is copied to. It belongs to one account and one
    server; a simulated server is a different one. With "postgresql://host/database?run=NAME" (extra `postgres`) the
    journal is in that database, under that name, and any machine resumes the run; see stores/addresses.py for
    passwords, which are shown nowhere. `note` (JSON) is kept in it, for whoever resumes the run.

    `known_by` says how the records of earlier runs are found again. By "position" (the default) the source must yield
    the same records in the same order. By "content" they may come in any order, as from a query without ORDER BY, a
    topic or a cluster: all of what was sent is found again before anything new is sent, and records that are alike in
    every byte are counted. This takes 13 bytes of memory for each record that was sent before, and space for temporary
    files. A journal that was begun in one way cannot be continued in the other.

    `identity` (JSON) must be the same, too, when a journal is continued: what the rows of the source depend on, such as
    the number of parts of which it is one.

    `when_busy` says what to do while another run has the journal: "refuse" (the default) raises `Invalid`, "wait" waits
    for its end, but no longer than `lock_timeout` (900 seconds). Who has the journal is logged.

    `stop_within` (20 seconds) is how long a run that is stopped or cancelled may take to finish what is in flight.
    `patience` (300 seconds) is how long a run goes on without any answer from the server, whether connections are
    refused or reset, requests time out, or the server answers 429 or 5xx: the run waits, tries again, and then stops.
    """

    dry_run: bool
    batch_size: int
    max_bytes: int
    on_progress: Callable[[Report], None]
    extra_columns: ExtraColumns
    columns: Mapping[str, str]
    encoding: str | None
    delimiter: str | None
    format: FileFormat | None
    null: str | Sequence[str]
    decimal: DecimalMark
    time_zone: str | tzinfo
    date_format: str | Sequence[str]
    keep_spaces: bool
    strict: bool
    journal: GivenPlace | None
    note: Mapping[str, Any] | None
    identity: Mapping[str, Any]
    known_by: KnownBy
    when_busy: WhenBusy
    lock_timeout: float
    stop_within: float
    patience: float


class RunOptions(CommonRunOptions, total=False):
    """The options of a run of contacts or events: those of `CommonRunOptions`, and these.

    `wait` (True) follows each server job to its result file; False ends at "submitted". `outstanding` (1000) is the
    most server jobs that are followed concurrently. `in_doubt` says what to do with events in doubt if reading their
    contacts back does not decide: "ask" (they stay in doubt), "send", or "drop" (they count as rejected).
    """

    wait: bool
    outstanding: int
    in_doubt: InDoubt
    owner: str | None


class ContactRunOptions(RunOptions, total=False):
    """The options of a run of contacts: those of `RunOptions`, and `tags` that every contact gets.

    With `use_api_double_opt_in` (False) the server asks each contact that is to be opted in, by e-mail, to confirm it:
    this may be a mailing to the whole list. A dry run counts these e-mails (`report.estimate.most_confirmations`).
    With it `force_opt_in` is ignored. Every request says whether double opt-in is on or off, because the server's
    default is on. `lang` and `fire_events` are as in `BatchUpsertContacts`.

    `accept_consents` (False) is for contacts that were exported. An old export must not overrule what a contact has
    decided since. So consents that were given are left out unless it is True; `report.warnings` says so. Consents that
    were withdrawn or refused are always sent.
    """

    accept_consents: bool
    tags: Sequence[str]
    use_api_double_opt_in: bool | None
    lang: str | None
    fire_events: bool | None


class EventRunOptions(RunOptions, total=False):
    """The options of a run of events: those of `RunOptions`, and the `path` of the call.

    An example is "v2/contact/addBatchContactExtEvent" of the vendor's SDK.

    `any_location` (False) also takes locations with / . and -, for shops whose old name has them. By the reference,
    only changed events may have these, so the server may refuse new ones.
    """

    path: str
    any_location: bool


class ProductRunOptions(CommonRunOptions, total=False):
    """The options of a run of products, quantities or prices: those of `CommonRunOptions`."""


_SOURCE_OPTIONS = frozenset(attribute.name for attribute in fields(ReadOptions))


def contact_run(connection: Connection, given: GivenSource, options: ContactRunOptions) -> "Run":
    """Return the run that sends contacts; raise `Invalid` for a bad source, `TypeError` for an unknown option."""
    check_options(options, ContactRunOptions)
    fields = {
        "owner": options.pop("owner", None) or connection.owner,
        "useApiDoubleOptIn": bool(options.pop("use_api_double_opt_in", False)),  # the server's default mails the list
        "lang": options.pop("lang", None),
        "fireEvents": options.pop("fire_events", None),
    }
    shape = partial(contact_shape, accept_consents=bool(options.pop("accept_consents", False)))
    return _run(connection, given, CONTACTS, shape, fields, options)


def event_run(connection: Connection, given: GivenSource, options: EventRunOptions) -> "Run":
    """Return the run that adds events; raise `Invalid` for a bad source, `TypeError` for an unknown option."""
    check_options(options, EventRunOptions)
    fields = {"owner": options.pop("owner", None) or connection.owner}
    shape = partial(event_shape, any_location=bool(options.pop("any_location", False)))
    return _run(connection, given, EVENTS, shape, fields, options)


def product_run(connection: Connection, given: GivenSource, catalog_id: str, options: ProductRunOptions) -> "Run":
    """Return the run that adds or changes products; raise `Invalid` for a bad source, or if there is no key."""
    return _run_of_products(connection, given, (PRODUCTS, product_shape), catalog_id, options)


def quantity_run(connection: Connection, given: GivenSource, catalog_id: str, options: ProductRunOptions) -> "Run":
    """Return the run that changes the quantities of products; raises errors as `product_run` does."""
    return _run_of_products(connection, given, (QUANTITIES, quantity_shape), catalog_id, options)


def price_run(connection: Connection, given: GivenSource, catalog_id: str, options: ProductRunOptions) -> "Run":
    """Return the run that changes the prices of products; raises errors as `product_run` does."""
    return _run_of_products(connection, given, (PRICES, price_shape), catalog_id, options)


def _run_of_products(
    connection: Connection,
    given: GivenSource,
    into: tuple[Target, Callable[[ExtraColumns], Shape]],
    catalog_id: str,
    options: ProductRunOptions,
) -> "Run":
    check_options(options, ProductRunOptions)
    if isinstance(connection, ProductConnection) and not options.get("dry_run"):
        connection.check_key()
    target, shape = into
    return _run(connection, given, target, shape, {"catalogId": _catalog_id(catalog_id)}, options)


_catalog_id = named_errors("catalogId", writer_of(NameText, part_writer))


def _run(
    connection: Connection,
    given: GivenSource,
    target: Target,
    shape: Callable[[ExtraColumns], Shape],
    fields: Mapping[str, Any],
    options: CommonRunOptions,
) -> "Run":
    named = cast("dict[str, Any]", options)
    reading = ReadOptions(**{name: named[name] for name in named.keys() & _SOURCE_OPTIONS})
    present = {name: value for name, value in fields.items() if value is not None}
    others = {name: named[name] for name in named.keys() - _SOURCE_OPTIONS}
    settings = Settings(fields=present, **{"batch_size": target.most_items, **others})
    if settings.batch_size > target.most_items:
        raise Invalid(
            f"is {settings.batch_size}; a request takes 1 to {target.most_items} {target.kind}", field="batch_size"
        )
    return Run(connection, open_source(given, shape(reading.extra_columns), reading), target, settings)


@frozen
class Run:
    """A run that has not begun."""

    connection: Connection
    source: Source
    target: Target
    settings: Settings

    async def execute(self) -> Report:
        """Execute the run and return its report."""
        return await Engine(self.connection, self.source, self.target, self.settings).execute()

    @asynccontextmanager
    async def outcomes(self) -> AsyncGenerator["Outcomes"]:
        """Execute the run while the block takes its outcomes; leaving the block early stops the run."""
        make: MakeExecution = partial(Engine, self.connection, self.source, self.target, self.settings)
        async with outcomes_of(Outcomes(make)) as outcomes:
            yield outcomes


class Execution(Protocol):
    """A run, or a sync, that can be executed once."""

    @property
    def report(self) -> Report:
        """The counts so far."""
        ...

    @property
    def outstanding(self) -> int:
        """How many server jobs are followed now, or requests whose events are looked for in the account."""
        ...

    @property
    def next_poll(self) -> float | None:
        """Seconds until one of these is polled next; None if none waits for a poll."""
        ...

    async def execute(self) -> Report:
        """Do everything; return the final counts."""
        ...

    def stop(self) -> None:
        """Stop reading and following jobs, and finish what is in flight within bounds."""
        ...

    def stop_at_once(self) -> None:
        """Cut off what is in flight."""
        ...


MakeExecution: TypeAlias = Callable[[Listener], Execution]
"""Returns an execution that delivers its outcomes to a listener."""


class Outcomes(AsyncIterator[Outcome[RecordT]], Listener, Generic[RecordT]):
    """The outcomes of a run, each once, as they become known: not in the order of the source."""

    error: BaseException | None
    """What ended the run, until it is raised."""

    def __init__(self, make: MakeExecution) -> None:
        self._execution = make(self)
        self._delivered: deque[list[Outcome]] = deque()
        self._batch: list[Outcome] = []
        self._changed = Signal()
        self._has_ended = False
        self._is_detached = False
        self._client_closes = False
        self.error = None

    async def execute(self) -> None:
        """Execute the run."""
        try:
            await self._execution.execute()
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # whatever it is, it is for the caller, whom nothing else would wake
            self.error = error
        self._has_ended = True
        self._changed.give()

    async def deliver(self, outcomes: list[Outcome]) -> None:
        """Take outcomes from the run, which goes on when the caller has taken them, or will not take them."""
        if self._is_detached:
            return
        self._delivered.append(outcomes)
        self._changed.give()
        while self._may_be_taken:
            await self._changed.wait()

    @property
    def _may_be_taken(self) -> bool:
        return bool(self._delivered) and not self._is_detached and not self._client_closes

    def client_closes(self) -> None:
        """Do not keep the run waiting for the caller any longer."""
        self._client_closes = True
        self._changed.give()

    def detach(self) -> None:
        """Drop further outcomes: the caller has left the block."""
        self._is_detached = True
        self._changed.give()

    @property
    def report(self) -> Report:
        """The counts so far; final once the outcomes are exhausted."""
        return self._execution.report

    @property
    def outstanding(self) -> int:
        """How many server jobs are followed now, or requests whose events are looked for in the account."""
        return self._execution.outstanding

    @property
    def next_poll(self) -> float | None:
        """Seconds until one of these is polled next; None if none waits for a poll."""
        return self._execution.next_poll

    def stop(self) -> None:
        """Stop reading and following jobs.

        What is in flight is finished, within bounds, and its outcomes are delivered.
        """
        self._execution.stop()

    def stop_at_once(self) -> None:
        """Stop, and cut off what is in flight: its records count as in doubt, but their outcomes are not delivered."""
        self._execution.stop_at_once()

    def __repr__(self) -> str:
        return f"<Outcomes of a run: {self.report}>"

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome[RecordT]:
        while not self._batch:
            if self._delivered:
                self._batch = self._delivered.popleft()[::-1]
                self._changed.give()
            elif self._has_ended:
                self.raise_error()
                raise StopAsyncIteration
            else:
                await self._changed.wait()
        return self._batch.pop()

    def take_ready(self) -> list[Outcome]:
        """Return the outcomes that the next steps would yield without waiting."""
        ready, self._batch = self._batch[::-1], []
        return ready

    def raise_error(self) -> None:
        """Raise what ended the run, if anything did, once."""
        error, self.error = self.error, None
        if error:
            raise error


OutcomesT = TypeVar("OutcomesT", bound=Outcomes[Any])


@asynccontextmanager
async def outcomes_of(outcomes: OutcomesT) -> AsyncGenerator[OutcomesT]:
    """Execute what the outcomes belong to while the block takes them; leaving the block early stops it."""
    with raising_only_error():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(outcomes.execute)
            try:
                yield outcomes
            finally:
                outcomes.detach()
            tasks.cancel_scope.cancel()
    outcomes.raise_error()
