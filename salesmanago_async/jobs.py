"""Server jobs: one that a caller holds, and the watcher of the many that a run starts.

A job is a number on the server. Looking at it costs a request; the documented interval is 60 seconds. The watcher keeps
all jobs of a run in one heap by the time of their next look, and a few workers take from it what is due: a thousand
outstanding jobs are a thousand small entries, not a thousand tasks.
"""

import heapq
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from itertools import count
from os import PathLike
from typing import Any, Generic, Literal, TypeVar, overload

import anyio
from attrs import field, frozen

from ._connection import Connection
from ._retry import may_go_again
from ._signal import Signal
from .api import JobStarted
from .api.jobs import GetJobStatus
from .errors import JobFailed, LinkExpired, NotAuthenticated, Refused, SalesManagoError, StillRunning, Unreadable
from .exports import contents
from .exports.files import open_file, read_whole
from .exports.sinks import Format, Saved, saving

MOST_FAILED_LOOKS = 5
"""Looks at one job that may fail in a row, each with its retries, before the job is given up."""

RecordT = TypeVar("RecordT")
EntryT = TypeVar("EntryT")

LONGEST_RESULT = 64 * 1024 * 1024
"""The most bytes of a result file that are read into memory at once."""

JITTER = 0.05
"""Looks are spread over this part of the poll interval, so that jobs started together are not asked for together."""


@frozen
class JobStatus:
    """What one look at a job told. Any text of a successful answer without a file means running."""

    state: Literal["running", "done", "failed"]
    messages: tuple[str, ...] = ()
    file_url: str | None = field(default=None, repr=False)


class Job(Generic[RecordT]):
    """A job on the server, known by its `request_id`. Giving up waiting for it never cancels it."""

    def __init__(self, connection: Connection, request_id: int, read: Callable[[Any], RecordT]) -> None:
        self.request_id = request_id
        self._connection = connection
        self._read = read

    def __repr__(self) -> str:
        return f"Job(request_id={self.request_id})"

    async def status(self) -> JobStatus:
        """Look once."""
        try:
            answer = await self._connection.send(GetJobStatus(self.request_id))
        except NotAuthenticated:
            raise
        except Refused as refused:
            if refused.status != 200:  # a gateway's word, not the job's
                raise
            return JobStatus("failed", refused.messages)
        return JobStatus("done" if answer.file_url else "running", answer.message, answer.file_url)

    async def file_url(self, *, deadline: float | None = None) -> str:
        """Look at once and then every poll interval, until the link to the job's file is there.

        Raises `JobFailed`, or `StillRunning` once `deadline` seconds have passed (None: no limit). A look that stays
        without an answer ends the wait only if so do the next ones.
        """
        started = anyio.current_time()
        failed_looks = 0
        while True:
            try:
                status = await self.status()
            except SalesManagoError as error:
                failed_looks += 1
                if not worth_another_look(error, failed_looks):
                    raise
            else:
                failed_looks = 0
                if status.state == "failed":
                    raise JobFailed(self.request_id, status.messages)
                if status.file_url:
                    return status.file_url
            waited = anyio.current_time() - started
            if deadline is not None and waited >= deadline:
                raise StillRunning(self.request_id, waited=waited)
            remaining = math.inf if deadline is None else deadline - waited
            await anyio.sleep(min(self._connection.poll_interval, remaining))

    @asynccontextmanager
    async def stream(self) -> AsyncGenerator[AsyncIterator[bytes]]:
        """Open the job's file, once it is there: `async with job.stream() as chunks`, bytes as they arrive.

        However slowly they are taken, they are fetched at full speed, to a file without a name.
        """
        async with open_file(self._connection, self.file_url) as file, aclosing(file.pieces()) as pieces:
            yield pieces

    @overload
    def records(self) -> AbstractAsyncContextManager[AsyncIterator[RecordT]]: ...
    @overload
    def records(self, *, raw: Literal[True]) -> AbstractAsyncContextManager[AsyncIterator[Any]]: ...
    @asynccontextmanager
    async def records(self, *, raw: bool = False) -> AsyncGenerator[AsyncIterator[Any]]:
        """Open the job's file as records, in flat memory: `async with job.records() as records`.

        `raw=True` gives them as the file has them. Each comes once; a file that cannot be had whole, is damaged, or is
        neither a JSON array nor an archive of such is an error, after the records before that place.
        """
        async with (
            open_file(self._connection, self.file_url) as file,
            aclosing(contents.records(file, self._read, raw=raw)) as found,
        ):
            yield found

    async def save(
        self,
        to: str | PathLike[str],
        *,
        format: Format | None = None,  # noqa: A002 - what it is called where files are written
        safe_cells: bool = True,
        on_progress: Callable[[Saved], None] | None = None,
    ) -> int:
        """Write the job's records, as the file has them, to `to`, a path or "-"; return how many they were.

        The suffix tells the format where `format` does not: .json, .jsonl, .csv or .parquet. The file appears under its
        name when it is complete. `safe_cells` keeps spreadsheets from running cells of a CSV file as formulas.
        """
        async with (
            saving(to, format=format, safe_cells=safe_cells) as sink,
            open_file(self._connection, self.file_url) as file,
            aclosing(contents.batches(file, self._read)) as found,
        ):
            async for batch in found:
                await sink.write(batch)
                if on_progress:
                    on_progress(Saved(records=sink.written, received=file.received, total=file.total))
        return sink.written

    async def result(self, link: str | None = None) -> bytes:
        """Return the job's whole file, once it is there; for small ones, such as the result of an import.

        `link` is one that a look has just told. Where a link is dead a fresh one is asked for: raises `LinkExpired`
        where there is none.
        """
        known = [link or await self.file_url()]

        async def fresh_link() -> str:
            found = known.pop() if known else (await self.status()).file_url
            if not found:
                raise LinkExpired(f"the link to the file of job {self.request_id} is dead, and there is no fresh one")
            return found

        async with open_file(self._connection, fresh_link) as file:
            return await read_whole(file, limit=LONGEST_RESULT)


def worth_another_look(error: SalesManagoError, failed_looks: int) -> bool:
    """Tell whether a job should be looked at again after looks at it have failed so many times in a row."""
    passing = may_go_again(error, repeatable=True) or isinstance(error, LinkExpired)
    refused = isinstance(error, Refused) and error.status != 200
    return failed_looks < MOST_FAILED_LOOKS and (passing or refused)


def started_job(connection: Connection, answer: JobStarted, read: Callable[[Any], RecordT]) -> Job[RecordT]:
    """Return the job that an answer names; raise `Unreadable` where it names none."""
    if answer.request_id is None:
        raise Unreadable("the server's answer names no requestId, so its job cannot be followed")
    return Job(connection, answer.request_id, read)


class JobWatcher(Generic[EntryT]):
    """Has each entry looked at when it is due, again and again, until a look says that it is settled.

    `look` returns True when the entry is settled. It must not raise. At most `outstanding` entries are held: `add`
    waits for room, and so slows what starts the jobs.
    """

    def __init__(self, look: Callable[[EntryT], Awaitable[bool]], *, connection: Connection, outstanding: int) -> None:
        self._look = look
        self._connection = connection
        self._most = outstanding
        self._due: list[tuple[float, int, EntryT]] = []
        self._numbers = count()
        self._held = 0
        self._closed = False
        self._hurried = False
        self._changed = Signal()

    @property
    def held(self) -> int:
        """How many entries are not settled."""
        return self._held

    async def room(self) -> None:
        """Wait until there is room for another entry."""
        while self._held >= self._most:
            await self._changed.wait()

    async def add(self, entry: EntryT) -> None:
        """Hold an entry, once there is room, its first look one poll interval from then."""
        await self.room()
        self.add_at_once(entry)

    def add_at_once(self, entry: EntryT) -> None:
        """Hold an entry whether there is room or not: for what a look leads to."""
        self._held += 1
        self._push(entry)

    async def add_again(self, entry: EntryT) -> None:
        """Hold an entry that was begun long ago: its first look comes at any moment of the next poll interval."""
        await self.room()
        self._held += 1
        self._push(entry, self._connection.random.random() * self._connection.poll_interval)

    def close(self) -> None:
        """Say that no entry will be added from outside: `work` ends when all are settled."""
        self._closed = True
        self._changed.give()

    async def work(self) -> None:
        """Take what is due and look at it, until there is nothing more to come."""
        while (entry := await self._next_due()) is not None:
            if await self._look(entry):
                self._held -= 1
                self._changed.give()
            else:
                self._push(entry)

    def hurry(self) -> None:
        """Have everything looked at now, whenever it is due."""
        self._hurried = True
        self._changed.give()

    def _push(self, entry: EntryT, wait: float | None = None) -> None:
        """Have an entry looked at after `wait` seconds, or else after a poll interval and some jitter."""
        if wait is None:
            interval = self._connection.poll_interval
            wait = interval + self._connection.random.uniform(0.0, JITTER * interval)
        heapq.heappush(self._due, (anyio.current_time() + wait, next(self._numbers), entry))
        self._changed.give()

    async def _next_due(self) -> EntryT | None:
        while self._due or self._held or not self._closed:
            wait = self._due[0][0] - anyio.current_time() if self._due else None
            if wait is not None and (wait <= 0 or self._hurried):
                return heapq.heappop(self._due)[2]
            with anyio.move_on_after(wait):
                await self._changed.wait()
        return None
