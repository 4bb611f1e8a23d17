"""job/status: what is told of jobs."""

from typing import Any

from .._handler import Handler
from .._refusal import Refusal
from .._store import Store


def status(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    """job/status: a fresh link at every look. [guess] what is said of an unknown number: no text is known."""
    job = store.job(body["requestId"])
    if job is None:
        raise Refusal("Job not found")
    if job.file is None:
        return {"message": ["Job not start yet"]}
    return {"fileUrl": f"/files/{store.link(job)}.json"}


HANDLERS: dict[str, Handler] = {"job/status": status}
