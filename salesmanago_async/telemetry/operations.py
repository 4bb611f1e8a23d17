"""What takes time, as values: each is one span. What is known only later is set during the operation."""

from typing import ClassVar

from attrs import define


@define(kw_only=True)
class Operation:
    """Something that takes time, with the name of its span."""

    name: ClassVar[str]


@define(kw_only=True)
class RunOperation(Operation):
    """A run; one of a buffer lasts as long as the program, and is no span: each of its chunks is one."""

    name = "salesmanago.run"
    kind: str
    is_of_buffer: bool = False


@define(kw_only=True)
class ChunkOperation(Operation):
    """A chunk that is sent, with its retries; `attempt` counts from 1 how often its records were sent."""

    name = "salesmanago.chunk"
    records: int
    attempt: int


@define(kw_only=True)
class RequestOperation(Operation):
    """One try of one HTTP request; `url` has no signed part. `status` is None until an answer is there."""

    name = "HTTP"
    method: str
    url: str
    resend_count: int = 0
    status: int | None = None


@define(kw_only=True)
class ExportOperation(Operation):
    """The file of a job, from the first poll to the last byte."""

    name = "salesmanago.export"
    job_id: int
