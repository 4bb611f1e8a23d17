"""What takes time after a chunk was sent: following its server job, and finding out what became of events in doubt."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from attrs import define

from .._connection import Connection
from ..errors import JobFailed, SalesManagoError
from ..exports.shapes import as_it_is
from ..jobs import Job, JobWatcher, worth_another_look
from ._answers import of_import, result_of
from ._chunks import Chunk
from ._course import Course
from ._doubts import Recorded, Sorted, recorded, sort_out
from ._parcels import Parcel, Parcels
from ._settling import STOPPED, Settler
from .outcome import State, Verdicts

MOST_NAMED = 50
"""The most addresses that contact/list takes at once, and ids that contact/listById does."""


@define
class PendingJob:
    """A parcel that the server has taken and works at."""

    job: Job[Any]
    parcel: Parcel
    failed_looks: int = 0


@define
class Inquiry:
    """A parcel of events of which nobody knows whether they arrived. `told` is what the last look told."""

    parcel: Parcel
    told: Sorted | None = None
    failed_looks: int = 0


class Follower:
    """Follows jobs and doubts, from several tasks at once, to where their records can be settled."""

    def __init__(
        self,
        *,
        connection: Connection,
        owner: str | None,
        parcels: Parcels,
        settler: Settler,
        course: Course,
        follows_jobs: bool,
        outstanding: int,
    ) -> None:
        self._connection = connection
        self._owner = {"owner": owner} if owner else {}
        self._parcels = parcels
        self._settler = settler
        self._course = course
        self._follows_jobs = follows_jobs
        self.watcher = JobWatcher(self._look, connection=connection, outstanding=outstanding)
        self.send: Callable[[Parcel], Awaitable[None]]
        """Sends the events that turn out to be missing."""

    async def follow(self, parcel: Parcel, request_id: int) -> None:
        """Follow a job to its end, and settle the parcel it came from."""
        if self._follows_jobs:
            await self.watcher.add(self._pending(parcel, request_id))
            self._settler.progress()
        else:
            await self._settler.settle(parcel, Verdicts("submitted", request_id=request_id))

    async def follow_again(self, parcel: Parcel, request_id: int | None) -> None:
        """Follow a job of an earlier run; there may be many of those, so their looks are spread."""
        parcel.items = []
        if self._follows_jobs and request_id is not None:
            await self.watcher.add_again(self._pending(parcel, request_id))
        else:
            await self._settler.settle(parcel, Verdicts("submitted", request_id=request_id))

    def inquire(self, parcel: Parcel) -> None:
        """Find out, some time from now, which of a parcel's events are there, and send those that are not."""
        self.watcher.add_at_once(Inquiry(parcel))

    async def inquire_again(self, parcel: Parcel) -> None:
        """Find the same out of events that an earlier run left in doubt."""
        await self.watcher.add(Inquiry(parcel))

    def _pending(self, parcel: Parcel, request_id: int) -> PendingJob:
        return PendingJob(Job[Any](self._connection, request_id, as_it_is), parcel)

    async def _look(self, entry: PendingJob | Inquiry) -> bool:
        """Look once; True when the records are settled, or on another way."""
        if isinstance(entry, Inquiry):
            return await self._look_for_events(entry)
        return await self._look_at_job(entry)

    # Jobs

    async def _look_at_job(self, pending: PendingJob) -> bool:
        request_id = pending.job.request_id
        try:
            if not self._course.is_following:
                raise _Unfollowed("the run was stopped before its job ended")
            status = await pending.job.status()
            if status.state == "running":
                pending.failed_looks = 0
                return False
            if status.state == "failed":
                raise JobFailed(request_id, status.messages)
            result = result_of(await pending.job.result(status.file_url))
        except JobFailed as error:
            await self._settler.settle(pending.parcel, Verdicts("rejected", str(error), request_id=request_id))
        except SalesManagoError as error:
            pending.failed_looks += 1
            if self._course.is_following and worth_another_look(error, pending.failed_looks):
                return False
            reason = f"job {request_id} was not followed to its end: {error}"
            await self._settler.settle(pending.parcel, Verdicts("submitted", reason, request_id=request_id))
        else:
            await self._settler.settle(pending.parcel, lambda keys: of_import(keys, result, request_id))
        return True

    # Events in doubt

    async def _look_for_events(self, inquiry: Inquiry) -> bool:
        """Read the contacts back. What is missing may still be on its way, so two looks in a row must tell the same."""
        chunk = self._parcels.unpack(inquiry.parcel)
        try:
            if not self._course.is_following:
                raise _Unfollowed(STOPPED)
            told = sort_out(chunk.keys, [_event(item) for item in chunk.items], await self._read_back(chunk.keys))
        except SalesManagoError as error:
            inquiry.failed_looks += 1
            if self._course.is_following and worth_another_look(error, inquiry.failed_looks):
                self._parcels.lay_down(inquiry.parcel, chunk)
                return False
            reason = f"no answer came, and whether it is there could not be found out: {error}"
            await self._settler.conclude(inquiry.parcel, chunk, Verdicts("in_doubt", reason))
            return True
        inquiry.failed_looks = 0
        if len(told.there) < len(chunk) and told != inquiry.told:
            inquiry.told = told
            self._parcels.lay_down(inquiry.parcel, chunk)
            return False
        await self._sort(inquiry.parcel, chunk, told)
        return True

    async def _sort(self, parcel: Parcel, chunk: Chunk, told: Sorted) -> None:
        """Accept the events that are there, leave in doubt what nobody can tell, and send what is missing."""
        groups = [sorted(told.there), sorted(told.undecided), sorted(told.missing)]
        present = [indices for indices in groups if indices]
        parts = dict(zip(map(tuple, present), await self._settler.split(parcel, chunk, present), strict=True))
        for indices, part in parts.items():
            if indices[0] in told.missing:
                part.state = "not_sent"  # as it turned out
                await self.send(part)
                continue
            reasons = [told.undecided.get(index) for index in indices]
            others: dict[int, tuple[State, str]] = {
                place: ("in_doubt", reason) for place, reason in enumerate(reasons) if reason
            }
            await self._settler.conclude(part, self._parcels.unpack(part), Verdicts("accepted", None, others))

    async def _read_back(self, keys: list[str]) -> Recorded:
        """Return the events of the contacts, asked for 50 at a time (reference: "Export Contacts by email address")."""
        names = list(dict.fromkeys(keys))
        addresses = [name for name in names if "@" in name]
        ids = [name for name in names if "@" not in name]
        contacts: list[Any] = []
        unavailable: list[Any] = []
        for path, field, several in (("contact/list", "email", addresses), ("contact/listById", "contactId", ids)):
            for start in range(0, len(several), MOST_NAMED):
                body = {**self._owner, field: several[start : start + MOST_NAMED]}
                answer = await self._connection.call(path, body)
                contacts += _entries(answer, "contacts")
                unavailable += _entries(answer, "unavailableContacts")
        return recorded(contacts, unavailable)


def _entries(answer: Mapping[str, Any], name: str) -> list[Any]:
    found = answer.get(name)
    return found if isinstance(found, list) else []


def _event(item: bytes) -> dict[str, Any]:
    event: dict[str, Any] = orjson.loads(item)["contactEvent"]
    return event


class _Unfollowed(SalesManagoError):
    """Why something is no longer looked at."""
