"""A run: one reader, some senders, some watchers, and every record settled exactly once.

    source ──reader──▶ chunks ──senders──▶ answers ─┬─▶ outcomes            events: told at once
             check,     (two         permits of     └─▶ jobs ──watchers──▶  contacts: by the job's result file
             encode      ahead)      the client

The reader encodes at most two chunks ahead of the senders, so a slow server slows the reading. Once a chunk is encoded
its records lie on a shelf on disk until it is known what became of them, so memory does not grow with them either.
What ends a run early (wrong credentials, a server that cannot be reached, `stop`) stops the reading; what is in flight
is finished, and the rest is *not_sent*. Jobs are followed to their end all the same, except after `stop`.
"""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, cast

import anyio
import orjson
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from attrs import define, field, frozen

from .._connection import Connection
from .._retry import surely_not_processed
from .._wire import Post
from ..api import JobStarted, Request
from ..api._codec import dumps, read_leniently
from ..api._fields import Text, text
from ..api._lanes import Body, naming
from ..api.contacts import BatchUpsertContacts
from ..api.events import BatchAddContactExtEvent, EventsAdded
from ..errors import Invalid, JobFailed, NotAuthenticated, Refused, SalesManagoError, Unreadable, only_error
from ..exports.shapes import as_it_is
from ..jobs import Job, JobWatcher, worth_another_look
from ._answers import Verdicts, of_events, of_import
from ._chunks import DEFAULT_MAX_BYTES, MOST_ITEMS, Chunk, Chunker, key_of_contact, key_of_event
from ._shelf import Shelf, Ticket
from .outcome import PROBLEMS, Outcome, Report, State, Tally
from .sources import BLOCK, Row, Source

BODIES_AHEAD = 2
WATCHERS = 4
MOST_UNANSWERED = 3
"""Chunks that may stay without an answer in a row, each with its retries, before the run is stopped."""


@frozen(kw_only=True)
class Target:
    """What a run sends its chunks to."""

    request_class: type[Request[Any]]
    list_field: str
    key_of: Callable[[Mapping[str, Any]], str]


CONTACTS = Target(request_class=BatchUpsertContacts, list_field="upsertDetails", key_of=key_of_contact)
EVENTS = Target(request_class=BatchAddContactExtEvent, list_field="events", key_of=key_of_event)


check_tag = naming("tags", text(Text(255)))


@frozen(kw_only=True)
class Settings:
    """How a run goes: see `RunOptions`. `fields` are those of the request beside its list; `path` replaces its path."""

    wait: bool = True
    dry_run: bool = False
    batch_size: int = MOST_ITEMS
    max_bytes: int = DEFAULT_MAX_BYTES
    outstanding: int = 1000
    fields: Body = field(factory=dict)
    path: str | None = None
    tags: Sequence[str] = ()
    on_progress: Callable[[Report], None] | None = None


@frozen
class Settled:
    """Records of which it is known what became of them."""

    rows: Sequence[Any]
    positions: Sequence[int]
    lines: Sequence[int | None]
    keys: Sequence[str]
    verdicts: Verdicts

    def outcomes(self, source: Source) -> list[Outcome]:
        """Return one outcome for each record."""
        verdicts = self.verdicts
        return [
            Outcome(
                record=source.record(row),
                position=position,
                state=(verdict := verdicts.others.get(index, (verdicts.state, verdicts.reason)))[0],
                reason=verdict[1],
                contact_id=verdicts.contact_ids.get(key) if verdict[0] == "accepted" else None,
                request_id=verdicts.request_id,
                line=line,
                file=source.file_of(row),
            )
            for index, (row, position, line, key) in enumerate(
                zip(self.rows, self.positions, self.lines, self.keys, strict=True)
            )
        ]


@frozen
class Parcel:
    """A chunk that is ready to go: its body, and where its records lie."""

    body: bytes = field(repr=False)
    ticket: Ticket


@define
class PendingJob:
    """A chunk that the server has taken and works at."""

    job: Job[Any]
    ticket: Ticket
    failed_looks: int = 0


Deliver = Callable[[list[Outcome]], Awaitable[None]]


class Engine:
    """One run over one source. `execute` may be called once."""

    def __init__(
        self, connection: Connection, source: Source, target: Target, settings: Settings, deliver: Deliver | None = None
    ) -> None:
        self._connection = connection.counted()
        self._source = source
        self._target = target
        self._settings = settings
        self._deliver = deliver
        self._others = dumps(settings.fields)
        self._tags = [check_tag(tag) for tag in settings.tags]
        self._chunker = Chunker(
            max_items=settings.batch_size,
            max_bytes=settings.max_bytes,
            overhead=len(self._others) + 1024,  # the list's name and the fields of authentication
        )
        self._tally = Tally(self._connection.traffic)
        self._shelf = Shelf()
        self._watcher = JobWatcher(self._look, connection=self._connection, outstanding=settings.outstanding)
        self._waiting_for_source = anyio.CancelScope()
        self._telling = anyio.Lock()
        self._stopping = False
        self._following = True
        self._unanswered = 0
        self._rejected_here = 0
        self._source_error: Exception | None = None

    @property
    def report(self) -> Report:
        """The counts so far."""
        return self._tally.report()

    def stop(self) -> None:
        """Read no further and follow no job any longer; what is in flight is finished."""
        self._following = False
        self._read_no_further()
        self._watcher.hurry()

    def _read_no_further(self) -> None:
        self._stopping = True
        self._waiting_for_source.cancel()

    async def execute(self) -> Report:
        """Read the source to its end and settle every record.

        Raises what the source raised, once everything read before is settled, and the error that stopped the run where
        the server had nothing to do with any record; both carry the report as a note.
        """
        in_the_queue = BODIES_AHEAD - 1  # the reader holds one more
        sending, receiving = anyio.create_memory_object_stream[Parcel](in_the_queue)
        try:
            async with anyio.create_task_group() as tasks:
                for _ in range(WATCHERS):
                    tasks.start_soon(self._watcher.work)
                tasks.start_soon(self._send_all, receiving)
                await self._read_all(sending)
        except BaseExceptionGroup as group:
            error = only_error(group)
            raise error from error.__cause__
        finally:
            self._shelf.close()
        report = self.report
        failure = self._source_error
        if not failure and not self._tally.anything_sent(self._rejected_here):
            failure = self._tally.stopped
        if failure:
            failure.add_note(f"When it was raised: {report}.")
            raise failure
        return report

    # Reading

    async def _read_all(self, sending: MemoryObjectSendStream[Parcel]) -> None:
        async with sending, aclosing(_blocks(self._source.rows())) as blocks:
            while block := await self._next_block(blocks):
                await self._take_block(block, sending)
            rest = self._chunker.rest()
            if rest:
                await self._pass_on(rest, sending)

    async def _next_block(self, blocks: AsyncIterator[list[Row]]) -> list[Row] | None:
        if self._stopping:
            return None
        with anyio.CancelScope() as self._waiting_for_source:
            try:
                block = await anext(blocks, None)
            except Exception as error:
                self._source_error = error
            else:
                self._tally.read_all = block is None
                return block
        return None

    async def _take_block(self, block: list[Row], sending: MemoryObjectSendStream[Parcel]) -> None:
        rejected: list[tuple[Any, int, int | None, str]] = []
        for row, line in block:
            position = self._tally.read
            self._tally.read += 1
            try:
                body = self._source.body(row)
                if self._tags:
                    body.setdefault("tags", []).extend(self._tags)
                closed = self._chunker.add(row, position, line, self._target.key_of(body), dumps(body))
            except Invalid as error:
                rejected.append((row, position, line, str(error)))
                continue
            if closed:
                await self._pass_on(closed, sending)
        if rejected:
            await self._reject(*zip(*rejected, strict=True))
        await anyio.lowlevel.checkpoint()

    async def _reject(
        self, rows: tuple[Any, ...], positions: tuple[int, ...], lines: tuple[int | None, ...], reasons: tuple[str, ...]
    ) -> None:
        self._rejected_here += len(rows)
        others: dict[int, tuple[State, str]] = {index: ("rejected", reason) for index, reason in enumerate(reasons)}
        await self._tell(Settled(rows, positions, lines, [""] * len(rows), Verdicts("rejected", None, others)))

    async def _pass_on(self, chunk: Chunk, sending: MemoryObjectSendStream[Parcel]) -> None:
        ticket = self._shelf.put((chunk.rows, chunk.positions, chunk.lines, chunk.keys))
        body = chunk.body(self._target.list_field, self._others)
        if self._settings.dry_run:
            self._tally.chunks += 1
            self._tally.bytes += len(body)
            await self._settle(ticket, Verdicts("not_sent", "dry run"))
        else:
            await sending.send(Parcel(body, ticket))

    # Sending

    async def _send_all(self, receiving: MemoryObjectReceiveStream[Parcel]) -> None:
        async with receiving, anyio.create_task_group() as senders:
            for _ in range(self._connection.pace.concurrency):
                senders.start_soon(self._send_some, receiving)
        self._watcher.close()

    async def _send_some(self, receiving: MemoryObjectReceiveStream[Parcel]) -> None:
        async for parcel in receiving:
            if self._stopping:
                await self._settle(parcel.ticket, Verdicts("not_sent", "the run was stopped"))
            else:
                await self._send(parcel)

    async def _send(self, parcel: Parcel) -> None:
        request_class = self._target.request_class
        post = Post(self._settings.path or request_class.path, parcel.body, request_class.repeatable)
        self._tally.chunks += 1
        self._tally.bytes += len(parcel.body)
        try:
            answer = await self._connection.post(post)
        except SalesManagoError as error:
            await self._settle(parcel.ticket, self._judge(error))
            return
        self._unanswered = 0
        if self._target is EVENTS:
            added = read_leniently(EventsAdded, answer)
            await self._settle(parcel.ticket, lambda keys: of_events(keys, added))
        else:
            await self._follow(parcel.ticket, read_leniently(JobStarted, answer).request_id)

    def _judge(self, error: SalesManagoError) -> Verdicts:
        """Return what an error means for the chunk that met it, and stop the run where it will meet the others too."""
        if surely_not_processed(error) or isinstance(error, NotAuthenticated):
            self._stop_for(error)
            return Verdicts("not_sent", str(error))
        if isinstance(error, Refused):
            self._unanswered = 0
            return Verdicts("rejected", str(error))
        self._unanswered += 1
        if self._unanswered >= MOST_UNANSWERED:
            self._stop_for(error)
        return Verdicts("in_doubt", str(error))

    def _stop_for(self, error: SalesManagoError) -> None:
        self._tally.stopped = self._tally.stopped or error
        self._read_no_further()

    # Following jobs

    async def _follow(self, ticket: Ticket, request_id: int | None) -> None:
        if request_id is None:
            await self._settle(ticket, Verdicts("submitted", "the server named no job to follow"))
            return
        self._tally.jobs += 1
        if not self._settings.wait:
            await self._settle(ticket, Verdicts("submitted", request_id=request_id))
            return
        job = Job[Any](self._connection, request_id, as_it_is)
        await self._watcher.add(PendingJob(job, ticket))
        self._progress()

    async def _look(self, pending: PendingJob) -> bool:
        """Look at a job; True when its records are settled."""
        request_id = pending.job.request_id
        try:
            if not self._following:
                raise _Unfollowed("the run was stopped before its job ended")
            status = await pending.job.status()
            if status.state == "running":
                pending.failed_looks = 0
                return False
            if status.state == "failed":
                raise JobFailed(request_id, status.messages)
            result = _result(await pending.job.result(status.file_url))
        except JobFailed as error:
            await self._settle(pending.ticket, Verdicts("rejected", str(error), request_id=request_id))
        except SalesManagoError as error:
            pending.failed_looks += 1
            if worth_another_look(error, pending.failed_looks):
                return False
            reason = f"job {request_id} was not followed to its end: {error}"
            await self._settle(pending.ticket, Verdicts("submitted", reason, request_id=request_id))
        else:
            await self._settle(pending.ticket, lambda keys: of_import(keys, result, request_id))
        return True

    # Settling

    async def _settle(self, ticket: Ticket, judged: Verdicts | Callable[[Sequence[str]], Verdicts]) -> None:
        """Take a chunk's records from the shelf, now that it is known, or can be told by their keys, what they are."""
        async with self._telling:  # one at a time: waiting for a slow listener, chunks stay on the shelf
            rows, positions, lines, keys = self._shelf.take(ticket)
            verdicts = judged if isinstance(judged, Verdicts) else judged(keys)
            await self._tell(Settled(rows, positions, lines, keys, verdicts))

    async def _tell(self, settled: Settled) -> None:
        """Count records whose state is known, and tell whoever listens."""
        verdicts = settled.verdicts
        self._tally.add(Counter(state for state, _ in verdicts.others.values()))
        self._tally.add({verdicts.state: len(settled.rows) - len(verdicts.others)})
        if self._deliver or verdicts.others or verdicts.state in PROBLEMS:
            outcomes = settled.outcomes(self._source)
            self._tally.note_problems(outcome for outcome in outcomes if outcome.state in PROBLEMS)
            if self._deliver:
                await self._deliver(outcomes)
        self._progress()

    def _progress(self) -> None:
        if self._settings.on_progress:
            self._settings.on_progress(self.report)


class _Unfollowed(SalesManagoError):
    """Why a job is no longer looked at."""


def _result(content: bytes) -> Mapping[str, Any]:
    try:
        result = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"its result file is no JSON: {error}") from None
    if not isinstance(result, dict):
        raise Unreadable(f"its result file is a {type(result).__name__}, not an object")
    return cast("dict[str, Any]", result)


async def _blocks(rows: Iterator[Row] | AsyncIterator[Row]) -> AsyncGenerator[list[Row]]:
    """Gather rows into lists; what came before an error is given out before the error is raised."""
    block: list[Row] = []
    failure: Exception | None = None
    try:
        if isinstance(rows, AsyncIterator):
            async for row in rows:
                block.append(row)
                if len(block) == BLOCK:
                    yield block
                    block = []
        else:
            for row in rows:
                block.append(row)
                if len(block) == BLOCK:
                    yield block
                    block = []
    except Exception as error:
        failure = error
    if block:
        yield block
    if failure:
        raise failure
