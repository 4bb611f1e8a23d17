"""Where records end: what became of a chunk is written down, counted, told, and its contacts are free again."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any

import anyio
from attrs import frozen

from ...outcome import PROBLEMS, Outcome, State, Verdicts
from ...sources.sources import Source
from ...support.signal import Signal
from ..report import Report
from .batches import Batch, Batches, BatchGroup
from .chunks import Chunk, Record
from .ledger import Ledger
from .order import Order
from .run_control import RunControl
from .settled import Settled
from .tally import Tally

LATE_JOBS = 5
"""Poll intervals after which a request that got no answer is taken to be over on the server, its job included."""


class Listener:
    """Who takes the outcomes of a run, as they become known."""

    async def deliver(self, outcomes: list[Outcome]) -> None:
        """Take outcomes; the run waits for that."""

    def client_closes(self) -> None:
        """Keep the run waiting no longer: the client is being closed, and waits for the run."""


@frozen(kw_only=True)
class Left:
    """A record that goes no further, and why: it was never part of a chunk."""

    record: Record
    state: State
    reason: str


class Settler:
    """Settles records, each once."""

    def __init__(
        self,
        *,
        source: Source,
        batches: Batches,
        order: Order,
        ledger: Ledger,
        tally: Tally,
        control: RunControl,
        listener: Listener | None,
        on_progress: Callable[[Report], None] | None,
        blocking: frozenset[State],
        poll_interval: float,
    ) -> None:
        """`blocking` states leave it open when a record is applied, so that none of its contact may follow it."""
        self._source = source
        self._batches = batches
        self._order = order
        self._ledger = ledger
        self._tally = tally
        self._control = control
        self._listener = listener
        self._on_progress = on_progress
        self._reporting = anyio.Lock()
        self._blocking = blocking
        self._late_seconds = LATE_JOBS * poll_interval
        self._left: list[Left] = []
        self._late: list[tuple[float, list[str]]] = []
        self.settled = Signal()

    @property
    def is_busy(self) -> bool:
        """Whether there are parcels of which it is not known what became of them."""
        return len(self._batches) > 0

    def pack(self, chunk: Chunk) -> Batch:
        """Make a parcel of a chunk that has just closed; its contacts are under way from now on."""
        self._order.begin(chunk.names())
        return self._batches.pack(chunk, BatchGroup(), marks=self._ledger.marks_of(chunk))

    async def split(self, batch: Batch, groups: Sequence[Sequence[int]]) -> list[Batch]:
        """Make parcels of the records at these indices, in place of the one that held them all."""
        chunk = self._batches.unpack(batch)
        marks = await self._ledger.marks_of_parts(batch, chunk, groups)
        like: dict[str, Any] = {"state": batch.state, "was_in_doubt": batch.was_in_doubt, "tries": batch.tries}
        like["journalled"] = batch.journalled
        batch.group.batches += len(groups) - 1
        parts = [
            self._batches.pack(chunk.part(indices), batch.group, marks=mark, **like)
            for indices, mark in zip(groups, marks, strict=True)
        ]
        self._batches.forget(batch)
        await self._ledger.split(batch, parts)
        return parts

    async def settle(self, batch: Batch, verdicts: Verdicts) -> None:
        """Write down, count and report what became of a parcel, and let its contacts go."""
        chunk = self._batches.unpack(batch)
        verdicts = await self._ledger.conclude(batch, chunk, verdicts)
        self._let_go(batch, chunk, verdicts.state)
        outcomes = self._count(_settled(chunk, verdicts))
        self._batches.forget(batch)
        async with self._reporting:  # one at a time, however slow the listener
            await self._report(outcomes)
        self.settled.give()

    async def report_known(self, chunk: Chunk, verdicts: Verdicts) -> None:
        """Count and report what an earlier run of the journal settled."""
        self._tally.earlier += len(chunk)
        await self._report(self._count(_settled(chunk, verdicts)))

    def leave(self, left: Left) -> None:
        """Take a record that goes no further; `report_left` reports it."""
        self._left.append(left)

    @property
    def has_left(self) -> bool:
        """Whether there are records that `report_left` would report."""
        return bool(self._left)

    def left_states(self) -> Counter[State]:
        """Count the records that `report_left` would report, by state; for a run that is cut off."""
        return Counter(one.state for one in self._left)

    async def report_left(self) -> None:
        """Count and report the records that go no further."""
        if not self._left:
            return
        left, self._left = self._left, []
        self._tally.rejected_here += sum(one.state == "rejected" for one in left)
        verdicts = Verdicts("rejected", None, {index: (one.state, one.reason) for index, one in enumerate(left)})
        rows, positions, lines, *_ = zip(*(one.record for one in left), strict=True)
        await self._report(self._count(Settled(rows, positions, lines, [""] * len(left), verdicts)))

    def progress(self) -> None:
        """Show the counts; where that raises, the run ends."""
        if self._on_progress and not self._control.callers_error:
            try:
                self._on_progress(self._tally.report())
            except Exception as error:
                self._control.fail_with(error)

    async def wait(self) -> None:
        """Wait until something is settled, or contacts become free."""
        soonest = self._late[0][0] if self._late else math.inf
        with anyio.CancelScope(deadline=soonest):
            await self.settled.wait()
        self.free_late()

    def free_late(self) -> None:
        """Free the contacts of requests that got no answer and must be over by now."""
        while self._late and self._late[0][0] <= anyio.current_time():
            self._order.end(heappop(self._late)[1])

    def _let_go(self, batch: Batch, chunk: Chunk, state: State) -> None:
        """Have further records of its contacts sent, or never, once all of its lot is settled.

        Where a request with its records got no answer, the server may still work at that: what follows it must wait.
        """
        group = batch.group
        group.batches -= 1
        if state in self._blocking:
            self._order.block(chunk.names())
        else:
            group.names.extend(chunk.names())
        if group.batches:
            return
        if group.lost_at is None:
            self._order.end(group.names)
        else:
            heappush(self._late, (group.lost_at + self._late_seconds, group.names))

    def _count(self, settled: Settled) -> list[Outcome]:
        """Count records, and return their outcomes, if anybody wants to know them."""
        counts: Counter[State] = settled.counts()
        self._tally.add(counts)
        self._tally.note_reasons(settled)
        if self._listener is None and PROBLEMS.isdisjoint(counts):
            return []
        outcomes = settled.outcomes(self._source)
        self._tally.note_problems(outcome for outcome in outcomes if outcome.state in PROBLEMS)
        return outcomes

    async def _report(self, outcomes: list[Outcome]) -> None:
        if self._listener:
            await self._listener.deliver(outcomes)
        self.progress()


def _settled(chunk: Chunk, verdicts: Verdicts) -> Settled:
    return Settled(chunk.rows, chunk.positions, chunk.lines, chunk.keys, verdicts)
