"""What takes time after a chunk was sent: following its server job, and finding out what became of events in doubt."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

import orjson
from attrs import define

from .._connection import Connection
from .._watcher import JobWatcher
from ..errors import JobFailed, Refused, SalesManagoError, Unreadable
from ..exports.shapes import as_it_is
from ..jobs import Job, worth_another_look
from ._answers import of_import, result_of
from ._chunks import Chunk, Names
from ._course import Course
from ._doubts import Recorded, Sorted, recorded, sort_out
from ._parcels import Parcel, Parcels
from ._settings import InDoubt
from ._settling import STOPPED, Settler
from .outcome import State, Verdicts

MOST_NAMED = 50
"""The most addresses that contact/list takes at once, and ids that contact/listById does."""

_log = logging.getLogger("salesmanago_async.jobs")

Act: TypeAlias = Callable[[Parcel, Sequence[int]], Awaitable[None]]


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
        in_doubt: InDoubt,
    ) -> None:
        self._in_doubt = in_doubt
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
        _log.info("Job %d has %d records", request_id, parcel.count)
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

    def look_now(self) -> None:
        """Have the jobs looked at once now; two looks for events in doubt stay an interval apart."""
        self.watcher.look_now(lambda entry: isinstance(entry, PendingJob))

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
                raise _Unfollowed(f"the run was stopped before its job ended{self._course.because}")
            status = await pending.job.status()
            if status.state == "running":
                pending.failed_looks = 0
                return False
            if status.state == "failed":
                raise JobFailed(request_id, status.messages)
            result = result_of(await pending.job.result())
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
        names = [record.names for record in chunk.records()]
        try:
            if not self._course.is_following:
                raise _Unfollowed(f"{STOPPED}{self._course.because}")
            told = sort_out(names, [_event(item) for item in chunk.items], await self._read_back(names))
        except SalesManagoError as error:
            inquiry.failed_looks += 1
            if self._course.is_following and worth_another_look(error, inquiry.failed_looks):
                self._parcels.lay_down(inquiry.parcel, chunk)
                return False
            await self._cannot_tell(inquiry.parcel, chunk, error)
            return True
        inquiry.failed_looks = 0
        if len(told.there) < len(chunk) and told != inquiry.told:
            inquiry.told = told
            self._parcels.lay_down(inquiry.parcel, chunk)
            return False
        await self._sort(inquiry.parcel, chunk, told)
        return True

    async def _cannot_tell(self, parcel: Parcel, chunk: Chunk, error: SalesManagoError) -> None:
        """Settle events that could not be looked for; where the server refuses to show them, nobody ever can."""
        reason = f"no answer came, and whether it is there could not be found out: {error}"
        if isinstance(error, Refused):
            everything = dict.fromkeys(range(len(chunk)), reason)
            await self._sort(parcel, chunk, Sorted(undecided=everything))
        else:
            await self._settler.conclude(parcel, chunk, Verdicts("in_doubt", reason))

    async def _sort(self, parcel: Parcel, chunk: Chunk, told: Sorted) -> None:
        """Accept the events that are there, send what is missing, and do with the rest as the caller has said."""
        groups = [sorted(told.there), sorted(told.missing), sorted(told.undecided)]
        acts: Sequence[Act] = (self._accept, self._send_missing, partial(self._undecided, reasons=told.undecided))
        present = [(indices, act) for indices, act in zip(groups, acts, strict=True) if indices]
        parts = await self._settler.split(parcel, chunk, [indices for indices, _ in present])
        for part, (indices, act) in zip(parts, present, strict=True):
            await act(part, indices)

    async def _accept(self, part: Parcel, _: Sequence[int]) -> None:
        await self._settler.conclude(part, self._parcels.unpack(part), Verdicts("accepted"))

    async def _send_missing(self, part: Parcel, _: Sequence[int]) -> None:
        part.state = "not_sent"  # as it turned out
        await self.send(part)

    async def _undecided(self, part: Parcel, indices: Sequence[int], reasons: Mapping[int, str]) -> None:
        if self._in_doubt == "send":
            part.was_doubted = True
            await self.send(part)
            return
        state: State = "rejected" if self._in_doubt == "drop" else "in_doubt"
        note = "; given up on request, it may have been applied" if self._in_doubt == "drop" else ""
        others: dict[int, tuple[State, str]] = {
            place: (state, reasons[index] + note) for place, index in enumerate(indices)
        }
        await self._settler.conclude(part, self._parcels.unpack(part), Verdicts(state, None, others))

    async def _read_back(self, names: Iterable[Names]) -> Recorded:
        """Return the events of the contacts, asked for 50 at a time (reference: "Export Contacts by email address")."""
        several = list(dict.fromkeys(chain.from_iterable(names)))
        addresses = [name for name in several if "@" in name]
        ids = [name for name in several if "@" not in name]
        contacts: list[Any] = []
        unavailable: list[Any] = []
        for path, field, asked in (("contact/list", "email", addresses), ("contact/listById", "contactId", ids)):
            for start in range(0, len(asked), MOST_NAMED):
                body = {**self._owner, field: asked[start : start + MOST_NAMED]}
                answer = await self._connection.call(path, body)
                contacts += _contacts_of(answer)
                unavailable += answer.get("unavailableContacts") or ()
        return recorded(contacts, unavailable)


def _contacts_of(answer: Mapping[str, Any]) -> list[Any]:
    found = answer.get("contacts")
    if not isinstance(found, list):
        raise Unreadable("the server's answer has no list of contacts")
    return found


def _event(item: bytes) -> dict[str, Any]:
    event: dict[str, Any] = orjson.loads(item)["contactEvent"]
    return event


class _Unfollowed(SalesManagoError):
    """Why something is no longer looked at."""
