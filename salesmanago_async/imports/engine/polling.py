"""Polls server jobs: the result of a job decides what became of its batch."""

from typing import Any

import anyio
from attrs import define, field, frozen

from ...connection.connection import Connection
from ...errors import JobFailed, JobNotFound, LinkExpired, SalesManagoError, Unreadable
from ...exports.shapes import as_it_is
from ...jobs import Job, worth_another_poll
from ...outcome import Verdicts
from ...telemetry import tell
from ...telemetry.job_events import JobEnded, JobEndState
from .answers import of_import, result_of
from .batches import Batch
from .run_control import RunControl
from .steps import Evaluate, Poll, Send, Settle, Step


@define(eq=False)
class PendingJob:
    """A batch that the server is processing; `is_resumed` if an earlier run sent it."""

    batch: Batch
    job: Job[Any]
    is_resumed: bool
    failed_polls: int = 0
    _began: float = field(factory=anyio.current_time)

    @property
    def seconds(self) -> float:
        """How long it is pending."""
        return anyio.current_time() - self._began


@frozen
class JobPoller:
    """Polls jobs; each poll returns the next step, or None if the job must be polled again."""

    connection: Connection
    control: RunControl

    def pending(self, batch: Batch, step: Poll) -> PendingJob:
        """Return the pending job of a batch."""
        return PendingJob(batch, Job[Any](self.connection, step.request_id, as_it_is), step.is_resumed)

    async def poll(self, pending: PendingJob) -> Step | None:
        """Poll a job once, and read its result file if it has ended."""
        request_id = pending.job.request_id
        if not self.control.is_following:
            return self._unfollowed(request_id, f"the run was stopped before its job ended{self.control.because}")
        try:
            step = await self._poll(pending)
        except SalesManagoError as error:
            step = self._after_error(pending, error)
        if step:
            tell(JobEnded(job_id=request_id, job_state=_state_after(step), seconds=pending.seconds))
        return step

    async def _poll(self, pending: PendingJob) -> Step | None:
        job = pending.job
        status = await job.status()
        if status.state == "unknown":
            raise JobNotFound(job.request_id, status.messages)
        if status.state == "running":
            pending.failed_polls = 0
            return None
        if status.state == "failed":
            failure = JobFailed(job.request_id, status.messages)
            return Settle(Verdicts("rejected", str(failure), request_id=job.request_id))
        result = result_of(await job.result())
        return Evaluate(
            lambda chunk: of_import(chunk.keys, result, job.request_id, aliases=chunk.aliases_by_index()),
        )

    def _after_error(self, pending: PendingJob, error: SalesManagoError) -> Step | None:
        """Poll again, within bounds; after that, the outcome of the contacts stays unknown.

        If an earlier run sent them, they are sent again: repeating an upsert does no harm.
        """
        pending.failed_polls += 1
        may_send_again = pending.is_resumed and self.control.is_reading
        if may_send_again and isinstance(error, JobNotFound):  # forgotten by the server: polling again does not help
            return Send(may_have_arrived=True)
        if self.control.is_following and worth_another_poll(error, pending.failed_polls):
            return None
        if may_send_again and _is_about_the_job(error):
            return Send(may_have_arrived=True)
        return self._unfollowed(pending.job.request_id, str(error))

    def _unfollowed(self, request_id: int, why: str) -> Step:
        reason = f"job {request_id} was not followed to its end: {why}"
        return Settle(Verdicts("submitted", reason, request_id=request_id))


def _state_after(step: Step) -> JobEndState:
    """Return how a job has ended, by the step that follows."""
    match step:
        case Evaluate():
            return "done"
        case Settle(verdicts) if verdicts.state == "rejected":
            return "failed"
        case _:
            return "unfollowed"


def _is_about_the_job(error: SalesManagoError) -> bool:
    """Return whether polling again, even on another day, would find out no more.

    The server answers in these cases, but the answer is not usable.
    """
    return isinstance(error, JobNotFound | Unreadable | LinkExpired)
