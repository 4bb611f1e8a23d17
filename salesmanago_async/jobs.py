"""Server jobs: `Job` waits for one job and reads its file; `as_completed` polls many and yields each finished one.

The server names a job by a number. Each poll of a job is a request; the documented interval is 60 seconds.
"""

import math
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from os import PathLike
from typing import Any, Generic, Literal, NoReturn, TypeVar, overload

import anyio
from attrs import define, field, frozen

from .api.jobs import GetJobStatus
from .api.request import JobStarted
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
from .exports.shapes import as_it_is
from .exports.sinks import Format, RecordShape, Saved, saving
from .poll_times import early_wait
from .polling import JobScheduler, PollResult
from .support.background import background
from .telemetry import During, during, tell
from .telemetry.job_events import FileDamaged, JobEnded, JobEndState, JobIsStarted
from .telemetry.operations import ExportOperation

MOST_FAILED_POLLS = 5
"""How many polls of one job may fail in a row, each including its retries, before the wait for the job ends."""

RecordT = TypeVar("RecordT")

LONGEST_RESULT = 64 * 1024 * 1024
"""The most bytes of a result file that are read into memory."""


@frozen
class JobStatus:
    """The state of a job, as one poll reported it. A successful answer without a file always means "running".

    A refusal means "failed" only if its text says that the job failed. Any other refusal means "unknown": the server
    does not know the job (the job expired, the server was restarted, or the job belongs to another account). An
    "unknown" job says nothing about what happened to its records.
    """

    state: Literal["running", "done", "failed", "unknown"]
    messages: tuple[str, ...] = ()
    file_url: str | None = field(default=None, repr=False)


class Job(Generic[RecordT]):
    """A job on the server, identified by its `request_id`. A job goes on when the caller stops waiting for it."""

    request_id: int

    def __init__(self, connection: Connection, request_id: int, read: Callable[[Any], RecordT]) -> None:
        self.request_id = request_id
        self._connection = connection
        self._read = read
        self._last_link: str | None = None  # from the last poll
        self._unknown_polls = 0  # in a row, including the last one
        self._has_told_end = False

    def __repr__(self) -> str:
        return f"Job(request_id={self.request_id})"

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: the connection of a client belongs to one process."""
        raise TypeError("a job cannot be pickled; send its request_id, and use sm.jobs.attach(request_id) there")

    async def status(self) -> JobStatus:
        """Poll the job once."""
        try:
            answer = await self._connection.send(GetJobStatus(self.request_id))
        except NotAuthenticated:
            raise
        except Refused as refused:
            if refused.status != 200:  # the answer of a gateway; it says nothing about the job
                raise
            return self._refused(refused.messages)
        self._unknown_polls = 0
        self._last_link = answer.file_url
        return JobStatus("done" if answer.file_url else "running", answer.message, answer.file_url)

    def _refused(self, messages: tuple[str, ...]) -> JobStatus:
        if says_failed(messages):
            self._unknown_polls = 0
            return JobStatus("failed", messages)
        self._unknown_polls += 1
        return JobStatus("unknown", messages)

    async def file_url(self, *, deadline: float | None = None) -> str:
        """Poll immediately and then once every poll interval, until the link to the job's file is there.

        A job that is running at the first poll is polled once more after 3 seconds, because small jobs take no longer.
        Raises `JobFailed` if the job failed, and `StillRunning` after `deadline` seconds (None: no limit). A single
        failed poll does not end the wait; five in a row do. The same holds for an answer that the server does not know
        the job, because one node of the server may not know a new job yet: `JobNotFound` is raised after five such
        answers in a row, or at the deadline.
        """
        started = anyio.current_time()
        try:
            link = await self._polled_link(started, deadline)
        except SalesManagoError as error:
            self._tell_end("failed" if _is_failure(error) else "unfollowed", started)
            raise
        self._tell_end("done", started)
        return link

    def _tell_end(self, state: JobEndState, started: float) -> None:
        """Tell how the job has ended; not again when a new link to its file is fetched."""
        if not self._has_told_end:
            self._has_told_end = state != "unfollowed"
            tell(JobEnded(job_id=self.request_id, job_state=state, seconds=anyio.current_time() - started))

    async def _polled_link(self, started: float, deadline: float | None) -> str:
        failed_polls = 0
        interval = self._connection.poll_interval
        polls = 0
        while True:
            polls += 1
            not_found: JobNotFound | None = None
            try:
                status = _checked(await self.status(), self.request_id)
            except SalesManagoError as error:
                failed_polls += 1
                if not worth_another_poll(error, max(failed_polls, self._unknown_polls)):
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
            wait = early_wait(interval) if polls == 1 and not failed_polls else interval
            await anyio.sleep(min(wait, interval, remaining))

    def _export(self) -> During[ExportOperation]:
        return during(ExportOperation(job_id=self.request_id))

    async def _link(self) -> str:
        """Return the link from the last poll once; after that, wait for a new one. A link lives for minutes."""
        link = self._last_link or await self.file_url()
        self._last_link = None
        return link

    @block("`async with job.stream() as chunks`, and then `async for chunk in chunks`")
    async def stream(self) -> AsyncGenerator[AsyncIterator[bytes]]:
        """Open the job's file, once it is there: `async with job.stream() as chunks`, bytes as they arrive.

        The file is downloaded at full speed to an unnamed temporary file, even if the chunks are read slowly.
        """
        async with (
            self._export(),
            open_file(self._connection, self._link) as file,
            aclosing(file.pieces()) as pieces,
        ):
            yield pieces

    @overload
    def records(self, *, strict: bool = ...) -> AbstractAsyncContextManager[Records[RecordT]]: ...
    @overload
    def records(self, *, raw: Literal[True], strict: bool = ...) -> AbstractAsyncContextManager[Records[Any]]: ...
    @block("`async with job.records() as records`, and then `async for record in records`")
    async def records(self, *, raw: bool = False, strict: bool = False) -> AsyncGenerator[Records[Any]]:
        """Open the job's file as records, in constant memory: `async with job.records() as records`.

        `raw=True` yields the records exactly as they are in the file. Each record is yielded once. An error is raised,
        after the records before that place, if the download stays incomplete, or the file is damaged, or the file is
        neither a JSON array nor an archive of JSON arrays. A damaged character, such as a byte that is not UTF-8,
        affects only itself: it is replaced by U+FFFD, and `records.damaged` counts these characters and names their
        records. With `strict=True` a damaged character is an error.
        """
        counter = DamageCounter()
        async with (
            self._export(),
            open_file(self._connection, self._link) as file,
            aclosing(contents.batches(file, self._read, damage=None if strict else counter)) as found,
        ):
            yield Records(found, as_it_is if raw else self._read, counter)
            self._log_damage(counter.damage)

    async def save(
        self,
        to: str | PathLike[str],
        *,
        format: Format | None = None,  # noqa: A002 - the usual name in libraries that write files
        safe_cells: bool = True,
        on_progress: Callable[[Saved], None] | None = None,
        strict: bool = False,
        shape: RecordShape = "documented",
    ) -> int:
        """Write the job's records to `to`, a path or "-"; return how many were written.

        `format` defaults to the one that the suffix of the path names: .json, .jsonl, .csv or .parquet. Records in
        JSON have the `shape` that is documented for the file, or are "flat": one object for each row that CSV and
        Parquet would have (see `flat_row`), which an import takes. The file appears under its name only when it is
        complete. `safe_cells` keeps spreadsheets from running cells of a CSV file as formulas, by an apostrophe that an
        import removes. Damaged characters are replaced, and `on_progress` receives their count as `damaged`; with
        `strict=True` they are an error.
        """
        counter = DamageCounter()
        async with (
            self._export(),
            saving(to, format=format, safe_cells=safe_cells, shape=shape) as sink,
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
            first = damage.positions[0] + 1
            tell(FileDamaged(job_id=self.request_id, characters=damage.count, record=first))

    async def result(self) -> bytes:
        """Wait for the job's file and return all of it; meant for small files, such as the result of an import.

        If the link is dead, the job is polled once for a new one; raises `LinkExpired` if there is none.
        """
        known = [await self._link()]

        async def link() -> str:
            found = known.pop() if known else _checked(await self.status(), self.request_id).file_url
            if not found:
                raise LinkExpired(f"the link to the file of job {self.request_id} is dead, and there is no fresh one")
            return found

        return await read_whole(self._connection, link, limit=LONGEST_RESULT)


def worth_another_poll(error: SalesManagoError, failed_polls: int) -> bool:
    """Return whether to poll a job again after `failed_polls` polls of it have failed in a row."""
    passing = may_go_again(error, repeatable=True) or isinstance(error, LinkExpired | JobNotFound)
    refused = isinstance(error, Refused) and error.status != 200
    return failed_polls < MOST_FAILED_POLLS and (passing or refused)


def _checked(status: JobStatus, request_id: int) -> JobStatus:
    """Return `status` if the job has a file or may still get one; otherwise raise `JobFailed` or `JobNotFound`."""
    if status.state == "failed":
        raise JobFailed(request_id, status.messages)
    if status.state == "unknown":
        raise JobNotFound(request_id, status.messages)
    return status


def _is_failure(error: SalesManagoError) -> bool:
    return isinstance(error, JobFailed) and not isinstance(error, JobNotFound)


def says_failed(messages: Iterable[str]) -> bool:
    """Return whether the texts of a refused job/status say that the job itself failed.

    [guess] No text is documented. Only a plain sentence about the job counts, because the two mistakes differ: a job
    that is taken for failed is final, while a job that is taken for unknown is polled again.
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
    """Return the job that an answer names; raise `Unreadable` if the answer names no job."""
    if answer.request_id is None:
        raise Unreadable("the server's answer names no requestId, so its job cannot be followed")
    tell(JobIsStarted(job_id=answer.request_id))
    return Job(connection, answer.request_id, read)


@block("`async with sm.jobs.as_completed(jobs) as finished`, and then `async for job in finished`")
async def as_completed(
    connection: Connection, jobs: Iterable[Job[RecordT]] | AsyncIterable[Job[RecordT]], *, outstanding: int
) -> AsyncGenerator[AsyncIterator[Job[RecordT]]]:
    """Poll many jobs, and yield each one when it is over; see `sm.jobs.as_completed`."""
    finished = _Finished[RecordT](connection, outstanding)
    async with background() as tasks:
        tasks.start_soon(finished.run, jobs)
        with finished.receiving:
            yield finished


@define(eq=False)
class _PolledJob(Generic[RecordT]):
    """A job that may still be running."""

    job: Job[RecordT]
    failed_polls: int = 0


class _Finished(AsyncIterator[Job[RecordT]], Generic[RecordT]):
    """Yields jobs that are over, in the order in which their links were reported: the oldest link expires first.

    Finished jobs do not queue up here: a worker that finds a job over waits until the caller takes that job.
    """

    def __init__(self, connection: Connection, outstanding: int) -> None:
        self._scheduler = JobScheduler[_PolledJob[RecordT]](connection, outstanding=outstanding)
        self._sending, self.receiving = anyio.create_memory_object_stream[Job[RecordT]]()
        self._error: Exception | None = None

    async def __anext__(self) -> Job[RecordT]:
        try:
            return await self.receiving.receive()
        except anyio.EndOfStream:
            raise self._error or StopAsyncIteration from None

    async def run(self, jobs: Iterable[Job[RecordT]] | AsyncIterable[Job[RecordT]]) -> None:
        """Poll the jobs until each of them is over."""
        with self._sending:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._add_all, jobs)
                for _ in range(self._scheduler.workers):
                    tasks.start_soon(self._scheduler.work, self._poll)

    async def _add_all(self, jobs: Iterable[Job[RecordT]] | AsyncIterable[Job[RecordT]]) -> None:
        """Add the jobs while there is capacity; raise an error of their source after the jobs before it are over."""
        try:
            if isinstance(jobs, AsyncIterable):
                async for job in jobs:
                    await self._scheduler.add(_PolledJob(job), wait=0.0)
            else:
                for job in jobs:
                    await self._scheduler.add(_PolledJob(job), wait=0.0)
        except Exception as error:
            self._error = error
        self._scheduler.close()

    async def _poll(self, polled: _PolledJob[RecordT]) -> PollResult:
        try:
            status = _checked(await polled.job.status(), polled.job.request_id)
        except SalesManagoError as error:
            polled.failed_polls += 1
            if worth_another_poll(error, polled.failed_polls):
                return "unclear"
        else:
            polled.failed_polls = 0
            if status.state == "running":
                return "running"
        with suppress(anyio.BrokenResourceError):  # the caller left the block and no longer waits for jobs
            await self._sending.send(polled.job)
        return "settled"
