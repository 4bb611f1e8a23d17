"""job/status: the state of a server job (reference: "Get URL of file with exported data")."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from .request import Answer, Owner, Request

__all__ = ["GetJobStatus"]


@frozen(kw_only=True)
class JobAnswer(Answer):
    """`file_url` is set when the job is done, and works for several minutes; without it the job is still running."""

    file_url: str | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(factory=dict, repr=False)


@frozen
class GetJobStatus(Request[JobAnswer]):
    """Get the state of a server job.

    `request_id` is the number in the answer of the call that started the job. The documented interval between two polls
    is 60 seconds.
    """

    path = "job/status"
    changes_nothing = True
    needs_owner = False
    request_id: int
    owner: Owner = field(default=None, kw_only=True)
