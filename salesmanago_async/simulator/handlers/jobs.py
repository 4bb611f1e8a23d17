"""job/status: the state of a job."""

from typing import Any

from .._handler import Handler
from .._refusal import RefusedCall
from .._store import AccountStore


def status(store: AccountStore, body: dict[str, Any]) -> dict[str, Any]:
    """job/status: a new link at every call.

    [guess] the texts for an unknown number and for a failed job. [guess] the link to a ZIP ends like all documented
    links.
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
