"""job/status: what is told of jobs."""

from typing import Any

from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore


def status(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """job/status: a fresh link at every look.

    [guess] what is said of an unknown number, and of a job that failed: no text is known. [guess] the link to a ZIP
    ends as all documented ones do.
    """
    job = store.job(body["requestId"])
    if job is None:
        raise RefusedCall("Job not found")
    if not job.is_over:
        return {"message": ["Job not start yet"]}
    if job.file is None:
        raise RefusedCall("Job failed")
    return {"fileUrl": f"/files/{store.link(job.file)}.json"}


HANDLERS: dict[str, Handler] = {"job/status": status}
