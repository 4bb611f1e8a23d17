"""Carries out steps: the only module that calls sending, polling, reconciling and settling.

Every batch comes in by the same method, `Driver.go(batch, step)`: new records, results of polls, batches that a journal
or a buffer has from an earlier run, and a dry run.
"""

from typing import TypeAlias

from ...connection.connection import Connection
from ...outcome import STOPPED, Verdicts
from ...poll_times import early_wait
from ...polling import JobScheduler, PollResult
from ...telemetry import during, tell
from ...telemetry.job_events import JobIsStarted
from ...telemetry.operations import ChunkOperation
from ..targets import Target
from .batches import Batch, Batches, halves
from .ledger import Ledger
from .polling import JobPoller, PendingJob
from .reconciling import PendingReconciliation, Reconciler
from .run_control import RunControl
from .sending import Sender
from .settling import Settler
from .steps import (
    Evaluate,
    Halve,
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
"""The most requests that are spent on finding the records to blame for the refusal of one chunk."""
MAX_FRUITLESS_CALLS = 2 * SEARCH_CALLS
"""Requests in a row that may be spent on such searches without any success; after these, there are no more searches."""
MAX_ATTEMPTS = 3
"""How often one run sends events that turn out to be missing."""

Waiting: TypeAlias = PendingJob | PendingReconciliation
"""What waits to be polled."""


class Driver:
    """Carries out steps, for several tasks concurrently."""

    def __init__(
        self,
        *,
        connection: Connection,
        target: Target,
        batches: Batches,
        ledger: Ledger,
        tally: Tally,
        control: RunControl,
        sender: Sender,
        poller: JobPoller,
        reconciler: Reconciler,
        settler: Settler,
        outstanding: int,
        follows_jobs: bool,
    ) -> None:
        self._target = target
        self._batches = batches
        self._ledger = ledger
        self._tally = tally
        self._control = control
        self._sender = sender
        self._poller = poller
        self._reconciler = reconciler
        self._settler = settler
        self._follows_jobs = follows_jobs
        self._fruitless_calls = 0
        self._early_wait = early_wait(connection.poll_interval)
        self.scheduler = JobScheduler[Waiting](connection, outstanding=outstanding)

    async def go(self, batch: Batch, step: Step) -> None:
        """Carry out a step and the steps that follow from it, until the batch is settled or waits to be polled."""
        following: Step | None = step
        while following:
            batch.state = state_during(following, batch.state)
            is_last = isinstance(following, Settle)
            following = await self._carry_out(batch, following)
            if is_last and batch.group.deferred:  # only now, as these may have events of the same contact
                batch, following = batch.group.deferred.pop(0)

    async def _carry_out(self, batch: Batch, step: Step) -> Step | None:
        match step:
            case Send(may_have_arrived):
                batch.may_have_arrived = batch.may_have_arrived or may_have_arrived
                return await self._send(batch)
            case Poll():
                return await self._begin_polling(batch, step)
            case Reconcile():
                first = 0.0 if step.refusal else None  # a refusal is an answer: nothing is still on its way
                self.scheduler.add_nowait(self._reconciler.pending(batch, step), wait=first)
                return None
            case Evaluate(evaluate):
                chunk = self._batches.unpack(batch)
                verdicts = evaluate(chunk).part(range(len(chunk)))
                return after_verdicts(verdicts, len(chunk), may_reconcile=self._may_reconcile(batch))
            case Halve(refusal):
                return self._halve(batch, refusal)
            case Split():
                await self._split(batch, step)
                return None
            case Settle(verdicts):
                await self._settler.settle(batch, verdicts)
                return None

    async def _split(self, batch: Batch, step: Split) -> None:
        """Begin the steps of the parts; parts with events run one after the other.

        Several parts may have events of the same contact, and these must not be in two requests in flight. So each of
        these parts is settled before the next begins.
        """
        several = await self._settler.split(batch, [indices for indices, _ in step.parts])
        parts = [(part, own_step) for part, (_, own_step) in zip(several, step.parts, strict=True)]
        concurrent = 1 if self._target.reads_back else len(parts)
        batch.group.deferred[:0] = parts[concurrent:]
        for part, own_step in parts[:concurrent]:
            await self.go(part, own_step)

    async def _send(self, batch: Batch) -> Step:
        async with self._sender.turn() as turn:
            if not await self._sender.may_send(batch):
                return Settle(Verdicts(batch.state, STOPPED))
            batch.state = "in_doubt"  # from now on, the records may arrive
            with during(ChunkOperation(records=batch.count, attempt=batch.attempts + 1)):
                step = await self._sender.send(batch, turn)
        if not isinstance(step, Halve | Reconcile):
            self._fruitless_calls = 0
        return step

    async def _begin_polling(self, batch: Batch, step: Poll) -> Step | None:
        batch.request_id = step.request_id
        if not step.is_resumed:
            tell(JobIsStarted(job_id=step.request_id, records=batch.count))
            self._batches.drop_body(batch)
            self._tally.jobs += 1
            await self._ledger.submitted(batch, step.request_id)
        if not self._follows_jobs:
            return Settle(Verdicts("submitted", request_id=step.request_id))
        if not batch.group.is_admitted:  # a worker must not wait for a place that only it can free
            await self.scheduler.wait_for_capacity()
            batch.group.is_admitted = True
        first, early = (self.scheduler.random_delay(), 0.0) if step.is_resumed else (None, self._early_wait)
        self.scheduler.add_nowait(self._poller.pending(batch, step), wait=first, early=early)
        self._settler.progress()
        return None

    async def poll(self, waiting: Waiting) -> PollResult:
        """Poll once, and carry out the step that follows; return what the poll found."""
        if isinstance(waiting, PendingReconciliation):
            step = await self._reconciler.read_back(waiting)
        else:
            step = await self._poller.poll(waiting)
        if step is None:
            return "running" if isinstance(waiting, PendingJob) and not waiting.failed_polls else "unclear"
        await self.go(waiting.batch, step)
        return "settled"

    def poll_now(self) -> None:
        """Poll the jobs once now. Events in doubt are not read back early: two readings must be an interval apart."""
        self.scheduler.poll_now(lambda waiting: isinstance(waiting, PendingJob))

    def _may_reconcile(self, batch: Batch) -> bool:
        return self._target.reads_back and self._control.is_following and batch.attempts <= MAX_ATTEMPTS

    def _halve(self, batch: Batch, refusal: Refusal) -> Step:
        groups = halves(self._batches.unpack(batch), keep_together=not self._target.reads_back)
        has_budget = batch.group.searches < SEARCH_CALLS and self._fruitless_calls < MAX_FRUITLESS_CALLS
        step = after_refusal(refusal, groups, may_search=has_budget or refusal.is_too_large)
        if isinstance(step, Split) and not refusal.is_too_large:  # halving a large body is no search for a bad record
            batch.group.searches += len(step.parts)
            self._fruitless_calls += len(step.parts)
        return step
