"""Where chunks are sent: written down, posted, judged; a refused one is halved until the records to blame are found."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from attrs import define, frozen

from .._connection import Connection
from .._retry import is_unanswered, surely_not_processed
from .._wire import Post
from ..api import JobStarted
from ..api._codec import read_leniently
from ..api.events import EventsAdded
from ..errors import NotAuthenticated, Refused, SalesManagoError
from ._answers import of_events
from ._chunks import body_of
from ._course import Course
from ._gate import Gate, Turn
from ._ledger import Ledger
from ._parcels import Parcel, Parcels, halves
from ._settling import STOPPED, Judged, Settler
from ._targets import EVENTS, Target
from .outcome import Verdicts
from .report import Tally

LARGEST_NUMBER = 2**63 - 1
"""Of a job; the journal holds none that is larger."""

SEARCH_CALLS = 64
"""The most requests that are spent on finding out which records of a chunk are to blame for its refusal."""
MOST_VAIN_CALLS = 2 * SEARCH_CALLS
"""Requests spent in a row on searches that found no record which is taken; after these, no search is made any more."""
_ABOUT_RECORDS = frozenset({200, 400, 413, 422})
"""The statuses of a refusal that another body might escape."""


@frozen
class Taken:
    """The server has taken a chunk, and works at it under this number."""

    request_id: int


@frozen
class RefusedWhole:
    """The server has refused a chunk; `may_be_searched` unless that had nothing to do with its records."""

    reason: str
    may_be_searched: bool


@define
class Search:
    """The search for the records that a refusal is about."""

    calls: int = 0
    in_vain: bool = True


Told: TypeAlias = Judged | Taken | RefusedWhole
Follow: TypeAlias = Callable[[Parcel, int], Awaitable[None]]


class Sender:
    """Sends parcels, from several tasks at once. `follow` takes those that have become server jobs."""

    def __init__(
        self,
        *,
        connection: Connection,
        target: Target,
        path: str | None,
        others: bytes,
        parcels: Parcels,
        ledger: Ledger,
        settler: Settler,
        tally: Tally,
        course: Course,
        gate: Gate,
        follow: Follow,
    ) -> None:
        self._connection = connection
        self._target = target
        self._path = path or target.request_class.path
        self._others = others
        self._parcels = parcels
        self._ledger = ledger
        self._settler = settler
        self._tally = tally
        self._course = course
        self._gate = gate
        self._follow = follow
        self._vain_calls = 0

    async def send(self, parcel: Parcel) -> None:
        """Send a parcel, and do what its answer calls for."""
        told = await self._try(parcel)
        if isinstance(told, RefusedWhole):
            await self._refused(parcel, told)
        else:
            await self._go_on(parcel, told)

    def length_of(self, parcel: Parcel) -> int:
        """Return how many bytes it takes to send a parcel."""
        return len(self._body(parcel))

    async def _go_on(self, parcel: Parcel, told: Judged | Taken) -> None:
        if isinstance(told, Taken):
            parcel.state, parcel.items, parcel.request_id = "submitted", [], told.request_id
            self._tally.jobs += 1
            await self._ledger.submitted(parcel, told.request_id)
            await self._follow(parcel, told.request_id)
        else:
            await self._settler.settle(parcel, told)

    async def _try(self, parcel: Parcel) -> Told:
        """Send a parcel when its turn has come."""
        async with self._gate.turn() as turn:
            return await self._try_now(parcel, turn)

    async def _try_now(self, parcel: Parcel, turn: Turn) -> Told:
        """Send a parcel once (with the retries of its kind); return what the answer, or its absence, tells."""
        if self._course.is_reading:
            await self._ledger.write_ahead(parcel)
        if not self._course.is_reading:
            return Verdicts(parcel.state, STOPPED)
        body = self._body(parcel)
        self._tally.chunks += 1
        self._tally.bytes += len(body)
        parcel.state = "in_doubt"
        parcel.tries += 1
        try:
            answer = await self._connection.post(Post(self._path, body, self._target.request_class.repeatable))
        except SalesManagoError as error:
            return self._told_by(error, parcel, turn)
        turn.answered()
        return self._told(answer)

    def _body(self, parcel: Parcel) -> bytes:
        self._parcels.pick_up(parcel)
        return body_of(parcel.items, self._target.list_field, self._others)

    def _told(self, answer: dict[str, Any]) -> Told:
        if self._target is EVENTS:
            added = read_leniently(EventsAdded, answer)
            return lambda keys: of_events(keys, added)
        started = read_leniently(JobStarted, answer)
        if started.request_id is not None and abs(started.request_id) <= LARGEST_NUMBER:
            return Taken(started.request_id)
        return Verdicts("submitted" if started.success else "in_doubt", "the server named no job to follow")

    def _told_by(self, error: SalesManagoError, parcel: Parcel, turn: Turn) -> Told:
        """Return what an error means for its chunk; stop the run where it will meet the others too."""
        maybe_applied = error.maybe_applied or parcel.was_doubted
        if is_unanswered(error):
            turn.lost()
            is_doubtful = maybe_applied or not surely_not_processed(error)
            if self._gate.is_hopeless or not is_doubtful:  # what was not sent must not be overtaken by a later version
                self._course.stop_for(error)
            return Verdicts("in_doubt" if is_doubtful else "not_sent", str(error))
        if isinstance(error, NotAuthenticated):
            self._course.stop_for(error)
            return Verdicts("in_doubt" if maybe_applied else "not_sent", str(error))
        if isinstance(error, Refused):
            turn.answered()
            if maybe_applied and self._target is EVENTS:
                return Verdicts("in_doubt", str(error))
            return RefusedWhole(str(error), error.status in _ABOUT_RECORDS)
        self._course.stop_for(error)
        return Verdicts("in_doubt", str(error))

    # A refused chunk

    async def _refused(self, parcel: Parcel, refusal: RefusedWhole) -> None:
        search = Search()
        await self._search(parcel, refusal, search)
        self._vain_calls = self._vain_calls + search.calls if search.in_vain else 0

    async def _search(self, parcel: Parcel, refusal: RefusedWhole, search: Search) -> None:
        """Send a refused chunk in halves: the half that is refused again holds a record to blame."""
        parcel.state = "not_sent"
        chunk = self._parcels.unpack(parcel)
        groups = halves(chunk, keep_together=self._target is not EVENTS)
        if groups[1] and self._may_search(refusal, search):
            search.calls += len(groups)
            for half in await self._settler.split(parcel, chunk, groups):
                await self._send_half(half, search)
        else:
            together = f" (refused together with {len(chunk) - 1} others, any of which may be to blame)"
            reason = refusal.reason + (together if len(chunk) > 1 else "")
            await self._settler.conclude(parcel, chunk, Verdicts("rejected", reason))

    def _may_search(self, refusal: RefusedWhole, search: Search) -> bool:
        return refusal.may_be_searched and search.calls < SEARCH_CALLS and self._vain_calls < MOST_VAIN_CALLS

    async def _send_half(self, half: Parcel, search: Search) -> None:
        told = await self._try(half)
        if isinstance(told, RefusedWhole):
            await self._search(half, told, search)
        else:
            search.in_vain = False
            await self._go_on(half, told)
