"""`sm.jobs`: server jobs, by their number."""

from typing import Any

from ..api.jobs import GetJobStatus
from ..exports.shapes import as_it_is
from ..jobs import Job
from ._group import Group, call


class Jobs(Group):
    """Calls about server jobs (reference: "Get URL of file with exported data")."""

    status = call(GetJobStatus)

    def attach(self, request_id: int) -> Job[Any]:
        """Return the job of that number, started elsewhere or before a crash; its records come as the file has them."""
        return Job(self._connection, request_id, as_it_is)
