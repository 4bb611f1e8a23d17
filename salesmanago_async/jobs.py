"""Server jobs: one that a caller holds, and many, of which each is told when it is over.

A job is a number on the server. Looking at it costs a request; the documented interval is 60 seconds.
"""

import logging
import math
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from os import PathLike
from typing import Any, Generic, Literal, NoReturn, TypeVar, overload

import anyio
from attrs import define, field, frozen

from .api import JobStarted
from .api.jobs import GetJobStatus
from .connection.blocks import block
from .connection.connection import Connection
from .connection.retry import may_go_again
from .errors import (
    JobFailed,
    JobNotFound,
    LinkExpired,
    NotAuthenticated,
    Refused,
    SalesManagoError,
    StillRunning,
    Unreadable,
)
from .exports import contents
from .exports.contents import Records
from .exports.damage import Damage, DamageCounter
from .exports.files import open_file, read_whole
from .exports.sinks import Format, Saved, saving
from .polling import JobScheduler
from .support.background import background

MOST_FAILED_LOOKS = 5
"""Looks at one job that may fail in a row, each with its retries, before the job is given up."""

_LOGGER = logging.getLogger("salesmanago_async.jobs")

RecordT = TypeVar("RecordT")

LONGEST_RESULT = 64 * 1024 * 1024
"""The most bytes of a result file that are read into memory at once."""


@frozen
class JobStatus:
    """What one look at a job told. Any text of a successful answer without a file means running.

    A refusal is "failed" only where its text says that the job failed. Any other is "unknown": the server does not know
    how this job stands (it expired, the server was restarted, or the job is another account's), and nothing follows
    from that for the records of the job.
    """

    state: Literal["running", "done", "failed", "unknown"]
    messages: tuple[str, ...] = ()
    file_url: str | None = field(default=None, repr=False)


class Job(Generic[RecordT]):
    """A job on the server, known by its `request_id`. Giving up waiting for it never cancels it."""

    def __init__(self, connection: Connection, request_id: int, read: Callable[[Any], RecordT]) -> None:
        self.request_id = request_id
        self._connection = connection
        self._read = read
        self._told_link: str | None = None  # by the last look
        self._unknown_looks = 0  # in a row, up to the last one

    def __repr__(self) -> str:
        return f"Job(request_id={self.request_id})"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: the connection of a client is of one process."""
        raise TypeError("a job cannot be pickled; send its request_id, and use sm.jobs.attach(request_id) there")

    async def status(self) -> JobStatus:
        """Look once."""
        try:
            answer = await self._connection.send(GetJobStatus(self.request_id))
        except NotAuthenticated:
            raise
        except Refused as refused:
            if refused.status != 200:  # a gateway's word, not the job's
                raise
            return self._refused(refused.messages)
        self._unknown_looks = 0
        self._told_link = answer.file_url
        return JobStatus("done" if answer.file_url else "running", answer.message, answer.file_url)

    def _refused(self, messages: tuple[str, ...]) -> JobStatus:
        if says_failed(messages):
            self._unknown_looks = 0
            return JobStatus("failed", messages)
        self._unknown_looks += 1
        return JobStatus("unknown", messages)

    async def file_url(self, *, deadline: float | None = None) -> str:
        """Look at once and then every poll interval, until the link to the job's file is there.

        Raises `JobFailed`, or `StillRunning` once `deadline` seconds have passed (None: no limit). A look that stays
        without an answer ends the wait only if so do the next ones. So does one that says that the server does not know
        the job, since a node of the server may not know it yet: `JobNotFound` is raised after 5 in a row, or at the
        deadline.
        """
        started = anyio.current_time()
        failed_polls = 0
        while True:
            not_found: JobNotFound | None = None
            try:
                status = _checked(await self.status(), self.request_id)
            except SalesManagoError as error:
                failed_polls += 1
                if not worth_another_look(error, max(failed_polls, self._unknown_looks)):
                    raise
                not_found = error if isinstance(error, JobNotFound) else None
            else:
                failed_polls = 0
                if status.file_url:
                    return status.file_url
            waited = anyio.current_time() - started
            if deadline is not None and waited >= deadline:
                raise not_found or StillRunning(self.request_id, waited=waited)
            remaining = math.inf if deadline is None else deadline - waited
            await anyio.sleep(min(self._connection.poll_interval, remaining))

    async def _link(self) -> str:
        """Return the link that the last look told, once; else wait for one. A link lives for minutes."""
        link = self._told_link or await self.file_url()
        self._told_link = None
        return link

    @block("`async with job.stream() as chunks`, and then `async for chunk in chunks`")
    async def stream(self) -> AsyncGenerator[AsyncIterator[bytes]]:
        """Open the job's file, once it is there: `async with job.stream() as chunks`, bytes as they arrive.

        However slowly they are taken, they are fetched at full speed, to a file without a name.
        """
        async with open_file(self._connection, self._link) as file, aclosing(file.pieces()) as pieces:
            yield pieces

    @overload
    def records(self, *, strict: bool = ...) -> AbstractAsyncContextManager[Records[RecordT]]: ...
    @overload
    def records(self, *, raw: Literal[True], strict: bool = ...) -> AbstractAsyncContextManager[Records[Any]]: ...
    @block("`async with job.records() as records`, and then `async for record in records`")
    async def records(self, *, raw: bool = False, strict: bool = False) -> AsyncGenerator[Records[Any]]:
        """Open the job's file as records, in flat memory: `async with job.records() as records`.

        `raw=True` gives them as the file has them. Each comes once; a file that cannot be had whole, is damaged, or is
        neither a JSON array nor an archive of such is an error, after the records before that place. A damaged
        character, a byte that is not UTF-8 say, costs no more than itself: it is replaced by U+FFFD, and
        `records.damaged` counts such and names their records. `strict=True` makes it an error.
        """
        counter = DamageCounter()
        async with (
            open_file(self._connection, self._link) as file,
            aclosing(contents.records(file, self._read, raw=raw, damage=None if strict else counter)) as found,
        ):
            yield Records(found, counter)
            self._log_damage(counter.damage)

    async def save(
        self,
        to: str | PathLike[str],
        *,
        format: Format | None = None,  # noqa: A002 - what it is called where files are written
        safe_cells: bool = True,
        on_progress: Callable[[Saved], None] | None = None,
        strict: bool = False,
    ) -> int:
        """Write the job's records, as the file has them, to `to`, a path or "-"; return how many they were.

        The suffix tells the format where `format` does not: .json, .jsonl, .csv or .parquet. The file appears under its
        name when it is complete. `safe_cells` keeps spreadsheets from running cells of a CSV file as formulas.
        Damaged characters are replaced, and counted in the `damaged` of what `on_progress` is called with;
        `strict=True` makes them an error.
        """
        counter = DamageCounter()
        async with (
            saving(to, format=format, safe_cells=safe_cells) as sink,
            open_file(self._connection, self._link) as file,
            aclosing(contents.batches(file, self._read, damage=None if strict else counter)) as found,
        ):
            async for batch in found:
                await sink.write(batch)
                if on_progress:
                    progress = Saved(
                        records=sink.written, received=file.received, total=file.total, damaged=counter.damage
                    )
                    on_progress(progress)
        self._log_damage(counter.damage)
        return sink.written

    def _log_damage(self, damage: Damage) -> None:
        if damage:
            _LOGGER.warning("the file of job %s: %s", self.request_id, damage)

    async def result(self) -> bytes:
        """Return the job's whole file, once it is there; for small ones, such as the result of an import.

        Where the link is dead a fresh one is asked for: raises `LinkExpired` where there is none at once.
        """
        known = [await self._link()]

        async def link() -> str:
            found = known.pop() if known else _checked(await self.status(), self.request_id).file_url
            if not found:
                raise LinkExpired(f"the link to the file of job {self.request_id} is dead, and there is no fresh one")
            return found

        async with open_file(self._connection, link) as file:
            return await read_whole(file, limit=LONGEST_RESULT)


def worth_another_look(error: SalesManagoError, failed_polls: int) -> bool:
    """Tell whether a job should be looked at again after looks at it have failed so many times in a row."""
    passing = may_go_again(error, repeatable=True) or isinstance(error, LinkExpired | JobNotFound)
    refused = isinstance(error, Refused) and error.status != 200
    return failed_polls < MOST_FAILED_LOOKS and (passing or refused)


def _checked(status: JobStatus, request_id: int) -> JobStatus:
    """Return the status of a job that has a file or may get one; raise `JobFailed` or `JobNotFound` otherwise."""
    if status.state == "failed":
        raise JobFailed(request_id, status.messages)
    if status.state == "unknown":
        raise JobNotFound(request_id, status.messages)
    return status


def says_failed(messages: Iterable[str]) -> bool:
    """Tell whether the texts of a refused job/status say that the job itself failed.

    [guess] No text is documented. Only a plain sentence about the job counts: what is taken for a failure by mistake
    would be final, what is taken for unknown is asked about again.
    """
    return any(_FAILED.search(text.replace("_", " ")) for text in messages)


_FAILED = re.compile(
    r"^failed to (?:start|run|process)\b|"
    r"\b(?:job|task|import|export|upsert)"  # what failed
    r"(?: (?:no\.?|number|with|id|of contacts|[#\"']?\d+[\"']?|has|have|was|is|been))*"
    r" (?:failed(?! to (?:find|load|get|read|fetch))|cancell?ed|aborted"
    r"|(?:ended|finished) with (?:an |\d+ )?errors?)\b",
    re.IGNORECASE,
)


def started_job(connection: Connection, answer: JobStarted, read: Callable[[Any], RecordT]) -> Job[RecordT]:
    """Return the job that an answer names; raise `Unreadable` where it names none."""
    if answer.request_id is None:
        raise Unreadable("the server's answer names no requestId, so its job cannot be followed")
    return Job(connection, answer.request_id, read)


@block("`async with sm.jobs.as_completed(jobs) as finished`, and then `async for job in finished`")
async def as_completed(
    connection: Connection, jobs: Iterable[Job[RecordT]] | AsyncIterable[Job[RecordT]], *, outstanding: int
) -> AsyncGenerator[AsyncIterator[Job[RecordT]]]:
    """Watch many jobs, and give each when it is over; see `sm.jobs.as_completed`."""
    finished = _Finished[RecordT](connection, outstanding)
    async with background() as tasks:
        tasks.start_soon(finished.watch, jobs)
        with finished.receiving:
            yield finished


@define(eq=False)
class _Watched(Generic[RecordT]):
    """A job that is not over, as far as we know."""

    job: Job[RecordT]
    failed_polls: int = 0


class _Finished(AsyncIterator[Job[RecordT]], Generic[RecordT]):
    """Jobs that are over, the one whose link was told first before the others, as it will die first.

    None waits here that was not asked for: a look that finds a job over waits until somebody takes it.
    """

    def __init__(self, connection: Connection, outstanding: int) -> None:
        self._watcher = JobScheduler[_Watched[RecordT]](connection, outstanding=outstanding)
        self._sending, self.receiving = anyio.create_memory_object_stream[Job[RecordT]]()
        self._error: Exception | None = None

    async def __anext__(self) -> Job[RecordT]:
        try:
            return await self.receiving.receive()
        except anyio.EndOfStream:
            raise self._error or StopAsyncIteration from None

    async def watch(self, jobs: Iterable[Job[RecordT]] | AsyncIterable[Job[RecordT]]) -> None:
        """Look at the jobs until each is over."""
        with self._sending:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._add_all, jobs)
                for _ in range(self._watcher.workers):
                    tasks.start_soon(self._watcher.work, self._look)

    async def _add_all(self, jobs: Iterable[Job[RecordT]] | AsyncIterable[Job[RecordT]]) -> None:
        """Add the jobs, as there is room; what their source raises is told when those before it are over."""
        try:
            if isinstance(jobs, AsyncIterable):
                async for job in jobs:
                    await self._watcher.add_due(_Watched(job))
            else:
                for job in jobs:
                    await self._watcher.add_due(_Watched(job))
        except Exception as error:
            self._error = error
        self._watcher.close()

    async def _look(self, watched: _Watched[RecordT]) -> bool:
        try:
            status = _checked(await watched.job.status(), watched.job.request_id)
        except SalesManagoError as error:
            watched.failed_polls += 1
            if worth_another_look(error, watched.failed_polls):
                return False
        else:
            watched.failed_polls = 0
            if status.state == "running":
                return False
        with suppress(anyio.BrokenResourceError):  # the block was left, so nobody wants to know
            await self._sending.send(watched.job)
        return True
