"""A run: one reader, some senders, some watchers, and every record settled exactly once.

    source ──reader──▶ chunks ──senders──▶ answers ─┬─▶ outcomes            events: told at once
             check,     (two         permits of     └─▶ jobs ──watchers──▶  contacts: by the job's result file
             encode      ahead)      the client

The reader encodes each record as it is read, at most two chunks ahead of the senders, so a slow server slows the
reading. Once a chunk is encoded its records lie on a shelf on disk until it is known what became of them, so memory
does not grow with them either. What ends a run early (wrong credentials, a server that cannot be reached, an error of
the caller's, `stop`) stops the reading; what is in flight is finished, and the rest is *not_sent*. Jobs are followed to
their end all the same, except after `stop`. A run that is cancelled can tell nobody, but its report still counts every
record that was read.
"""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from attrs import define, field, frozen

from .._connection import Connection
from .._retry import surely_not_processed
from .._wire import Post
from ..api import JobStarted
from ..api._codec import dumps, read_leniently
from ..api._fields import Text, text
from ..api._lanes import Body, naming
from ..api.events import EventsAdded
from ..errors import Invalid, JobFailed, NotAuthenticated, Refused, SalesManagoError, only_error
from ..exports.shapes import as_it_is
from ..jobs import Job, JobWatcher, worth_another_look
from ._answers import of_events, of_import, result_of
from ._chunks import DEFAULT_MAX_BYTES, MOST_ITEMS, Chunk, Chunker
from ._shelf import Shelf, Ticket
from ._targets import EVENTS, Target
from .outcome import PROBLEMS, Outcome, Settled, State, Verdicts
from .report import Report, Tally
from .sources import Source
from .text_files import Row

BODIES_AHEAD = 2
WATCHERS = 4
TURN = 1000
"""How many rows are read before others get a turn, and rejected ones are told."""
MOST_UNANSWERED = 3
"""Chunks that may stay without an answer in a row, each with its retries, before the run is stopped."""

check_tag = naming("tags", text(Text(255, clearable=False)))


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


@define(eq=False)
class Parcel:
    """A chunk on its way. `state` is what its records are if the run ends now."""

    ticket: Ticket
    count: int
    body: bytes = field(repr=False)
    state: State = "not_sent"


@define
class PendingJob:
    """A parcel that the server has taken and works at."""

    job: Job[Any]
    parcel: Parcel
    failed_looks: int = 0


Deliver = Callable[[list[Outcome]], Awaitable[None]]


class Engine:
    """One run over one source. `execute` may be called once."""

    def __init__(
        self, connection: Connection, source: Source, target: Target, settings: Settings, deliver: Deliver | None = None
    ) -> None:
        if settings.outstanding < 1:
            raise Invalid(f"is {settings.outstanding}; at least one job must be under way", field="outstanding")
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
        self._rejected: list[tuple[Any, int, int | None, str]] = []
        self._tally = Tally(self._connection.traffic)
        self._shelf = Shelf()
        self._parcels: set[Parcel] = set()
        self._watcher = JobWatcher(self._look, connection=self._connection, outstanding=settings.outstanding)
        self._waiting_for_source = anyio.CancelScope()
        self._telling = anyio.Lock()
        self._stopping = False
        self._following = True
        self._unanswered = 0
        self._rejected_here = 0
        self._callers_error: Exception | None = None

    @property
    def report(self) -> Report:
        """The counts so far."""
        return self._tally.report()

    def stop(self) -> None:
        """Read no further, try nothing again and follow no job any longer; what is in flight is finished."""
        self._following = False
        self._connection.halt()
        self._read_no_further()
        self._watcher.hurry()

    def _read_no_further(self) -> None:
        self._stopping = True
        self._waiting_for_source.cancel()

    async def execute(self) -> Report:
        """Read the source to its end and settle every record.

        Raises what the source or `on_progress` raised, once everything read before is settled, and the error that
        stopped the run where the server had nothing to do with any record; both carry the report as a note.
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
            self._count_the_unsettled()
            self._shelf.close()
        return self._ended()

    def _ended(self) -> Report:
        report = self.report
        failure = self._callers_error
        if not failure and not self._tally.anything_sent(self._rejected_here):
            failure = self._tally.stopped
        if failure:
            failure.add_note(f"When it was raised: {report}.")
            raise failure
        return report

    def _count_the_unsettled(self) -> None:
        """Count what a cancelled run leaves behind, so that its report holds; there is nobody left to tell."""
        for parcel in self._parcels:
            self._tally.add({parcel.state: parcel.count})
        rest = self._chunker.rest()
        self._tally.add({"not_sent": len(rest) if rest else 0, "rejected": len(self._rejected)})

    # Reading

    async def _read_all(self, sending: MemoryObjectSendStream[Parcel]) -> None:
        rows = self._source.rows()
        async with sending:
            if isinstance(rows, AsyncGenerator):
                async with aclosing(rows):
                    while row := await self._next_when_there(rows):
                        await self._take(row, sending)
            else:
                while row := self._next(rows):
                    await self._take(row, sending)
            await self._tell_rejected()
            rest = self._chunker.rest()
            if rest:
                await self._pass_on(rest, sending)

    def _next(self, rows: Iterator[Row]) -> Row | None:
        if self._stopping:
            return None
        try:
            row = next(rows, None)
        except Exception as error:  # the caller's own: raised when what was read is settled
            self._callers_error = error
            return None
        self._tally.read_all = row is None
        return row

    async def _next_when_there(self, rows: AsyncIterator[Row]) -> Row | None:
        if self._stopping:
            return None
        with anyio.CancelScope() as self._waiting_for_source:
            try:
                row = await anext(rows, None)
            except Exception as error:  # as above
                self._callers_error = error
            else:
                self._tally.read_all = row is None
                return row
        return None

    async def _take(self, row: Row, sending: MemoryObjectSendStream[Parcel]) -> None:
        given, line = row
        position = self._tally.read
        self._tally.read += 1
        try:
            body = self._source.body(given)
            if self._tags:
                body.setdefault("tags", []).extend(self._tags)
            closed = self._chunker.add(given, position, line, self._target.key_of(body), dumps(body))
        except Exception as error:  # a record may hold anything, also code of its own
            reason = str(error) if isinstance(error, Invalid) else f"cannot be read: {type(error).__name__}: {error}"
            self._rejected.append((given, position, line, reason))
            closed = None
        if closed:
            await self._pass_on(closed, sending)
        if self._tally.read % TURN == 0:
            await self._tell_rejected()
            await anyio.lowlevel.checkpoint()

    async def _tell_rejected(self) -> None:
        if not self._rejected:
            return
        rows, positions, lines, reasons = zip(*self._rejected, strict=True)
        self._rejected.clear()
        self._rejected_here += len(rows)
        others: dict[int, tuple[State, str]] = {index: ("rejected", reason) for index, reason in enumerate(reasons)}
        await self._tell(Settled(rows, positions, lines, [""] * len(rows), Verdicts("rejected", None, others)))

    async def _pass_on(self, chunk: Chunk, sending: MemoryObjectSendStream[Parcel]) -> None:
        ticket = self._shelf.put((chunk.rows, chunk.positions, chunk.lines, chunk.keys))
        parcel = Parcel(ticket, len(chunk), chunk.body(self._target.list_field, self._others))
        self._parcels.add(parcel)
        if self._settings.dry_run:
            self._tally.chunks += 1
            self._tally.bytes += len(parcel.body)
            await self._settle(parcel, Verdicts("not_sent", "dry run"))
        else:
            await sending.send(parcel)

    # Sending

    async def _send_all(self, receiving: MemoryObjectReceiveStream[Parcel]) -> None:
        async with receiving, anyio.create_task_group() as senders:
            for _ in range(self._connection.pace.concurrency):
                senders.start_soon(self._send_some, receiving)
        self._watcher.close()

    async def _send_some(self, receiving: MemoryObjectReceiveStream[Parcel]) -> None:
        async for parcel in receiving:
            if self._stopping:
                await self._settle(parcel, Verdicts("not_sent", "the run was stopped"))
            else:
                await self._send(parcel)

    async def _send(self, parcel: Parcel) -> None:
        request_class = self._target.request_class
        post = Post(self._settings.path or request_class.path, parcel.body, request_class.repeatable)
        self._tally.chunks += 1
        self._tally.bytes += len(parcel.body)
        parcel.state = "in_doubt"
        try:
            answer = await self._connection.post(post)
        except SalesManagoError as error:
            await self._settle(parcel, self._judge(error))
            return
        self._unanswered = 0
        parcel.body = b""
        if self._target is EVENTS:
            added = read_leniently(EventsAdded, answer)
            await self._settle(parcel, lambda keys: of_events(keys, added))
        else:
            await self._follow(parcel, read_leniently(JobStarted, answer))

    def _judge(self, error: SalesManagoError) -> Verdicts:
        """Return what an error means for the chunk that met it, and stop the run where it will meet the others too."""
        if surely_not_processed(error) or isinstance(error, NotAuthenticated):
            self._stop_for(error)
            return Verdicts("in_doubt" if error.maybe_applied else "not_sent", str(error))
        if isinstance(error, Refused):
            self._unanswered = 0
            return Verdicts("in_doubt" if error.maybe_applied else "rejected", str(error))
        self._unanswered += 1
        if self._unanswered >= MOST_UNANSWERED:
            self._stop_for(error)
        return Verdicts("in_doubt", str(error))

    def _stop_for(self, error: SalesManagoError) -> None:
        self._tally.stopped = self._tally.stopped or error
        self._read_no_further()

    # Following jobs

    async def _follow(self, parcel: Parcel, started: JobStarted) -> None:
        request_id = started.request_id
        if request_id is None:
            state: State = "submitted" if started.success else "in_doubt"
            await self._settle(parcel, Verdicts(state, "the server named no job to follow"))
            return
        parcel.state = "submitted"
        self._tally.jobs += 1
        if not self._settings.wait:
            await self._settle(parcel, Verdicts("submitted", request_id=request_id))
            return
        await self._watcher.add(PendingJob(Job[Any](self._connection, request_id, as_it_is), parcel))
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
            result = result_of(await pending.job.result(status.file_url))
        except JobFailed as error:
            await self._settle(pending.parcel, Verdicts("rejected", str(error), request_id=request_id))
        except SalesManagoError as error:
            pending.failed_looks += 1
            if self._following and worth_another_look(error, pending.failed_looks):
                return False
            reason = f"job {request_id} was not followed to its end: {error}"
            await self._settle(pending.parcel, Verdicts("submitted", reason, request_id=request_id))
        else:
            await self._settle(pending.parcel, lambda keys: of_import(keys, result, request_id))
        return True

    # Settling

    async def _settle(self, parcel: Parcel, judged: Verdicts | Callable[[Sequence[str]], Verdicts]) -> None:
        """Take a chunk's records from the shelf, now that it is known, or can be told by their keys, what they are."""
        async with self._telling:  # one at a time: waiting for a slow listener, chunks stay on the shelf
            rows, positions, lines, keys = self._shelf.take(parcel.ticket)
            self._parcels.remove(parcel)
            verdicts = judged if isinstance(judged, Verdicts) else judged(keys)
            await self._tell(Settled(rows, positions, lines, keys, verdicts))

    async def _tell(self, settled: Settled) -> None:
        """Count records whose state is known, and tell whoever listens."""
        counts: Counter[State] = settled.counts()
        self._tally.add(counts)
        if self._deliver or not PROBLEMS.isdisjoint(counts):
            outcomes = settled.outcomes(self._source)
            self._tally.note_problems(outcome for outcome in outcomes if outcome.state in PROBLEMS)
            if self._deliver:
                await self._deliver(outcomes)
        self._progress()

    def _progress(self) -> None:
        """Show the counts; where that raises, read no further and raise it when all is settled."""
        if self._settings.on_progress and not self._callers_error:
            try:
                self._settings.on_progress(self.report)
            except Exception as error:
                self._callers_error = error
                self._read_no_further()


class _Unfollowed(SalesManagoError):
    """Why a job is no longer looked at."""
