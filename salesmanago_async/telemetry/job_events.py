"""What happens to server jobs and their files, as values: see events.py."""

from typing import Literal, TypeAlias

from attrs import frozen

from .events import INFO, Event


@frozen(kw_only=True)
class JobIsStarted(Event):
    """The server has started a job, for a chunk of `records` or for an export."""

    logger = "jobs"
    level = INFO
    job_id: int
    records: int | None = None

    def words(self) -> str:
        """Return the words for a job of an import, or another one."""
        return (
            "Job %(sm_job_id)d is started" if self.records is None else "Job %(sm_job_id)d has %(sm_records)d records"
        )


JobEndState: TypeAlias = Literal["done", "failed", "unfollowed"]


@frozen(kw_only=True)
class JobEnded(Event):
    """A job is over, or is not followed any more; `seconds` since it was started, or since it is followed."""

    logger = "jobs"
    level = INFO
    template = "Job %(sm_job_id)d: %(sm_job_state)s after %(sm_seconds).1f s"
    job_id: int
    job_state: JobEndState
    seconds: float


@frozen(kw_only=True)
class FileDamaged(Event):
    """The file of a job has damaged characters; `record` is the number of the first record that has one."""

    logger = "jobs"
    job_id: int
    characters: int
    record: int

    def words(self) -> str:
        """Return the words for one character, or several."""
        many = "1 damaged character was" if self.characters == 1 else "%(sm_characters)d damaged characters were"
        return f"the file of job %(sm_job_id)d: {many} replaced, the first in record %(sm_record)d"
