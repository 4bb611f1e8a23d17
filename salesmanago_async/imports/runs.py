"""A run as callers see it: its options, one report at the end, or one outcome after the other."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import tzinfo
from os import PathLike
from typing import Any, Self, TypedDict, cast

import anyio
from attrs import fields, frozen

from ..connection.connection import Connection
from ..errors import raising_only_error
from ..outcome import Outcome
from ..records.shapes import ExtraColumns, Shape, contact_shape, event_shape
from ..sources.options import DecimalMark, FileFormat, ReadOptions
from ..sources.sources import GivenSource, Source, open_source
from ..support.signal import Signal
from .engine.run import Engine
from .engine.settling import Listener
from .report import Report
from .settings import InDoubt, Settings
from .targets import CONTACTS, EVENTS, Target


class RunOptions(TypedDict, total=False):
    """The options of every run.

    `wait` (True) follows each server job to its result file; False ends at "submitted". `dry_run` checks and counts,
    and sends nothing. A request is sent when it has `batch_size` records (1000) or `max_bytes` (4 MiB), whichever comes
    first. `outstanding` (1000) is the most server jobs that are followed concurrently. `on_progress` is called with a
    `Report` whenever something has become known.

    `extra_columns` says what to do with a field that is not known: "error", "ignore" or, for contacts, "properties".
    For files: `columns` maps columns to the names of fields, several columns to one field if they are to be joined with
    a space; `encoding` and `delimiter` are detected if they are left out. `format` is "csv", "jsonl" (JSON lines),
    "json" (an array of objects), "parquet" or "xlsx"; the suffix says it if it is left out. Every file may be packed
    with gzip. The path "-" is standard input; its bytes, like those of any pipe, are copied to a temporary file first,
    while other tasks wait. Names of columns are matched without case, spaces, `-`, `_` and `.`.

    `time_zone` ("UTC") is that of times without one: of texts, datetimes and columns of times. For cells of text:
    `null` are texts that mean absent ("NULL"), `decimal` is the decimal mark ("." or ","), `date_format` are forms of
    times for `strptime`, beside ISO 8601 and others that can be meant in one way only. Cells are trimmed, and blank
    ones are absent, unless `keep_spaces`. What is taken and looks wrong is in `report.warnings`; with `strict` such
    rows are rejected.

    `journal` is the path of a SQLite file that remembers what was sent: after a stop or a kill, the same call with the
    same source resumes the run. The file alone is enough, wherever it is copied to. It belongs to one account and one
    server; a simulated server is a different one. `note` (JSON) is kept in it, for whoever resumes the run. `in_doubt`
    says what to do with events in doubt if reading their contacts back does not decide: "ask" (they stay in doubt),
    "send", or "drop" (they count as rejected).

    `stop_within` (20 seconds) is how long a run that is stopped or cancelled may take to finish what is in flight.
    `patience` (300 seconds) is how long a run goes on without any answer from the server, whether connections are
    refused or reset, requests time out, or the server answers 429 or 5xx: the run waits, tries again, and then stops.
    """

    wait: bool
    dry_run: bool
    batch_size: int
    max_bytes: int
    outstanding: int
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
    journal: str | PathLike[str] | None
    note: Mapping[str, Any] | None
    in_doubt: InDoubt
    stop_within: float
    patience: float
    owner: str | None


class ContactRunOptions(RunOptions, total=False):
    """The options of a run of contacts: those of `RunOptions`, and `tags` that every contact gets.

    With `use_api_double_opt_in` (False) the server asks each contact that is to be opted in, by e-mail, to confirm it:
    this may be a mailing to the whole list. A dry run counts these e-mails (`report.estimate.most_confirmations`).
    Every request says whether double opt-in is on or off, because the server's default is on. `lang` and `fire_events`
    are as in `BatchUpsertContacts`.
    """

    tags: Sequence[str]
    use_api_double_opt_in: bool | None
    lang: str | None
    fire_events: bool | None


class EventRunOptions(RunOptions, total=False):
    """The options of a run of events: those of `RunOptions`, and the `path` of the call.

    An example is "v2/contact/addBatchContactExtEvent" of the vendor's SDK.
    """

    path: str


_SOURCE_OPTIONS = frozenset(attribute.name for attribute in fields(ReadOptions))


def contact_run(connection: Connection, given: GivenSource, options: ContactRunOptions) -> "Run":
    """Return the run that sends contacts; raise `Invalid` for a source that cannot be read."""
    fields = {
        "owner": options.pop("owner", None) or connection.owner,
        "useApiDoubleOptIn": bool(options.pop("use_api_double_opt_in", False)),  # the server's default mails the list
        "lang": options.pop("lang", None),
        "fireEvents": options.pop("fire_events", None),
    }
    return _run(connection, given, CONTACTS, contact_shape, fields, options)


def event_run(connection: Connection, given: GivenSource, options: EventRunOptions) -> "Run":
    """Return the run that adds events; raise `Invalid` for a source that cannot be read."""
    fields = {"owner": options.pop("owner", None) or connection.owner}
    return _run(connection, given, EVENTS, event_shape, fields, options)


def _run(
    connection: Connection,
    given: GivenSource,
    target: Target,
    shape: Callable[[ExtraColumns], Shape],
    fields: Mapping[str, Any],
    options: RunOptions,
) -> "Run":
    named = cast("dict[str, Any]", options)
    for name in named.keys() - RunOptions.__annotations__.keys() - {"tags", "path"}:
        raise TypeError(f"there is no option {name!r}")
    reading = ReadOptions(**{name: named[name] for name in named.keys() & _SOURCE_OPTIONS})
    present = {name: value for name, value in fields.items() if value is not None}
    settings = Settings(fields=present, **{name: named[name] for name in named.keys() - _SOURCE_OPTIONS})
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
        outcomes = Outcomes(self)
        with raising_only_error():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(outcomes.execute)
                try:
                    yield outcomes
                finally:
                    outcomes.detach()
                tasks.cancel_scope.cancel()
        outcomes.raise_error()


class Outcomes(AsyncIterator[Outcome], Listener):
    """The outcomes of a run, each once, as they become known: not in the order of the source."""

    def __init__(self, run: Run) -> None:
        self._engine = Engine(run.connection, run.source, run.target, run.settings, self)
        self._delivered: deque[list[Outcome]] = deque()
        self._batch: list[Outcome] = []
        self._changed = Signal()
        self._has_ended = False
        self._is_detached = False
        self._client_closes = False
        self.error: Exception | None = None

    async def execute(self) -> None:
        """Execute the run."""
        try:
            await self._engine.execute()
        except Exception as error:
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
        return self._engine.report

    def stop(self) -> None:
        """Stop reading and following jobs.

        What is in flight is finished, within bounds, and its outcomes are delivered.
        """
        self._engine.stop()

    def stop_at_once(self) -> None:
        """Stop, and cut off what is in flight: its records count as in doubt, but their outcomes are not delivered."""
        self._engine.stop_at_once()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
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

    def raise_error(self) -> None:
        """Raise what ended the run, if anything did, once."""
        error, self.error = self.error, None
        if error:
            raise error
