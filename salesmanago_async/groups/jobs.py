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
        """Return the job of that number, started elsewhere or before a crash; its records come as the file has them."""
        return Job(self._connection, request_id, as_it_is)

    def as_completed(
        self, jobs: Iterable[Job[RecordT]] | AsyncIterable[Job[RecordT]] | Job[RecordT], *, outstanding: int = 1000
    ) -> AbstractAsyncContextManager[AsyncIterator[Job[RecordT]]]:
        """Watch any number of jobs, and give each when it is over: `async with sm.jobs.as_completed(jobs) as finished`.

        `jobs` are taken as there is room for them: at most `outstanding` are watched at once, each looked at when it
        comes, and then every poll interval. Of those whose file is there the one comes first whose link will die first:
        open or save it at once. What opening a job raises tells why it is over otherwise (`JobFailed`; `JobNotFound`
        where the server does not know it). What the source of the jobs raises is raised when those before it are over.
        """
        several = [jobs] if isinstance(jobs, Job) else jobs
        return as_completed(self._connection, several, outstanding=outstanding)
