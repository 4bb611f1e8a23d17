"""`sm.jobs`: server jobs, by their number."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from ..api.jobs import GetJobStatus
from ..exports.shapes import as_it_is
from ..jobs import Job, as_completed
from .group import Group, call

RecordT = TypeVar("RecordT")


class Jobs(Group):
    """Calls about server jobs (reference: "Get URL of file with exported data")."""

    status = call(GetJobStatus)

    def attach(self, request_id: int) -> Job[Any]:
        """Return the job of that number, started elsewhere or before a crash; its records are not converted."""
        return Job(self._connection, request_id, as_it_is)

    def as_completed(
        self, jobs: Iterable[Job[RecordT]] | AsyncIterable[Job[RecordT]] | Job[RecordT], *, outstanding: int = 1000
    ) -> AbstractAsyncContextManager[AsyncIterator[Job[RecordT]]]:
        """Poll any number of jobs, and yield each when it is over: `async with sm.jobs.as_completed(jobs) as finished`.

        `jobs` are taken from their source gradually: at most `outstanding` are polled concurrently, each immediately
        when it is taken, and then every poll interval, or every other one after two of them. Of the jobs with a file,
        the one whose link expires first is yielded first: open or save it immediately. For any other job, opening it
        raises the reason (`JobFailed`, or `JobNotFound` if the server does not know the job). An error of the source is
        raised after the jobs before it are over.
        """
        several = [jobs] if isinstance(jobs, Job) else jobs
        return as_completed(self._connection, several, outstanding=outstanding)
