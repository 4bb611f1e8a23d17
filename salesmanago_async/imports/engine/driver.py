"""Where steps are carried out: the only place that calls sending, polling, reconciling and settling.

What is read from a source, what the poller finds out, what a journal or a buffer has left and a dry run enter by the
same door: `Driver.go(parcel, step)`.
"""

import logging
from typing import TypeAlias

from ...connection.connection import Connection
from ...outcome import STOPPED, Verdicts
from ...polling import JobWatcher
from ..targets import EVENTS, Target
from .batches import Parcel, Parcels, halves
from .ledger import Ledger
from .polling import JobPoller, PendingJob
from .reconciling import Inquiry, Reconciler
from .run_control import Course
from .sending import Sender
from .settling import Settler
from .steps import (
    Halve,
    Judge,
    Poll,
    Reconcile,
    Refusal,
    Send,
    Settle,
    Split,
    Step,
    after_refusal,
    after_verdicts,
    state_during,
)
from .tally import Tally

SEARCH_CALLS = 64
"""The most requests that are spent on finding out which records of a chunk are to blame for its refusal."""
MOST_VAIN_CALLS = 2 * SEARCH_CALLS
"""Requests spent in a row on searches that found no record which is taken; after these, no search is made any more."""
MOST_TRIES = 3
"""How often events that turn out to be missing are sent in one run."""

_log = logging.getLogger("salesmanago_async.jobs")

Waiting: TypeAlias = PendingJob | Inquiry
"""What waits to be polled."""


class Driver:
    """Carries out steps, for several tasks at once."""

    def __init__(
        self,
        *,
        connection: Connection,
        target: Target,
        parcels: Parcels,
        ledger: Ledger,
        tally: Tally,
        course: Course,
        sender: Sender,
        poller: JobPoller,
        reconciler: Reconciler,
        settler: Settler,
        outstanding: int,
        follows_jobs: bool,
    ) -> None:
        self._target = target
        self._parcels = parcels
        self._ledger = ledger
        self._tally = tally
        self._course = course
        self._sender = sender
        self._poller = poller
        self._reconciler = reconciler
        self._settler = settler
        self._follows_jobs = follows_jobs
        self._vain_calls = 0
        self.watcher = JobWatcher(self._poll, connection=connection, outstanding=outstanding)

    async def go(self, parcel: Parcel, step: Step) -> None:
        """Carry out a step and what follows from it, until the parcel is settled or waits to be polled."""
        following: Step | None = step
        while following:
            parcel.state = state_during(following, parcel.state)
            is_last = isinstance(following, Settle)
            following = await self._carry_out(parcel, following)
            if is_last and parcel.lot.later:
                parcel, following = parcel.lot.later.pop(0)

    async def _carry_out(self, parcel: Parcel, step: Step) -> Step | None:
        match step:
            case Send(was_doubted):
                parcel.was_doubted = parcel.was_doubted or was_doubted
                return await self._send(parcel)
            case Poll():
                return await self._begin_polling(parcel, step)
            case Reconcile():
                first = 0.0 if step.refusal else None
                self.watcher.add_at_once(self._reconciler.inquiry(parcel, step), wait=first)
                return None
            case Judge(judge):
                chunk = self._parcels.unpack(parcel)
                verdicts = judge(chunk).part(range(len(chunk)))
                return after_verdicts(verdicts, len(chunk), may_reconcile=self._may_reconcile(parcel))
            case Halve(refusal):
                return self._halve(parcel, refusal)
            case Split():
                await self._split(parcel, step)
                return None
            case Settle(verdicts):
                await self._settler.settle(parcel, verdicts)
                return None

    async def _split(self, parcel: Parcel, step: Split) -> None:
        """Begin the steps of the parts; of events each part is settled before the next begins.

        So events of one contact, which may be in several parts, are never in two requests in flight.
        """
        several = await self._settler.split(parcel, [indices for indices, _ in step.parts])
        parts = [(part, own_step) for part, (_, own_step) in zip(several, step.parts, strict=True)]
        at_once = 1 if self._target is EVENTS else len(parts)
        parcel.lot.later[:0] = parts[at_once:]
        for part, own_step in parts[:at_once]:
            await self.go(part, own_step)

    async def _send(self, parcel: Parcel) -> Step:
        async with self._sender.turn() as turn:
            if not await self._sender.may_send(parcel):
                return Settle(Verdicts(parcel.state, STOPPED))
            parcel.state = "in_doubt"  # from now on it may arrive
            step = await self._sender.send(parcel, turn)
        if not isinstance(step, Halve | Reconcile):
            self._vain_calls = 0
        return step

    async def _begin_polling(self, parcel: Parcel, step: Poll) -> Step | None:
        parcel.request_id = step.request_id
        if not step.is_resumed:
            _log.info("Job %d has %d records", step.request_id, parcel.count)
            self._parcels.drop_items(parcel)
            self._tally.jobs += 1
            await self._ledger.submitted(parcel, step.request_id)
        if not self._follows_jobs:
            return Settle(Verdicts("submitted", request_id=step.request_id))
        if not parcel.lot.is_admitted:
            await self.watcher.room()
            parcel.lot.is_admitted = True
        first = self.watcher.spread() if step.is_resumed else None
        self.watcher.add_at_once(self._poller.pending(parcel, step), wait=first)
        self._settler.progress()
        return None

    async def _poll(self, waiting: Waiting) -> bool:
        """Poll once, and go on with what that leads to; False where it is to be polled again."""
        if isinstance(waiting, Inquiry):
            step = await self._reconciler.read_back(waiting)
        else:
            step = await self._poller.poll(waiting)
        if step is None:
            return False
        await self.go(waiting.parcel, step)
        return True

    def poll_now(self) -> None:
        """Have the jobs polled once now; two readings of events in doubt stay an interval apart."""
        self.watcher.look_now(lambda waiting: isinstance(waiting, PendingJob))

    def _may_reconcile(self, parcel: Parcel) -> bool:
        return self._target is EVENTS and self._course.is_following and parcel.tries <= MOST_TRIES

    def _halve(self, parcel: Parcel, refusal: Refusal) -> Step:
        groups = halves(self._parcels.unpack(parcel), keep_together=self._target is not EVENTS)
        has_budget = parcel.lot.searches < SEARCH_CALLS and self._vain_calls < MOST_VAIN_CALLS
        step = after_refusal(refusal, groups, may_search=has_budget or refusal.is_too_large)
        if isinstance(step, Split) and not refusal.is_too_large:  # what is too large is no search for a bad record
            parcel.lot.searches += len(step.parts)
            self._vain_calls += len(step.parts)
        return step
