"""Settles records: writes down, counts and reports what became of a batch, and releases its contacts."""

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
from ...telemetry import tell
from ...telemetry.run_events import LaterRecordsWait
from ..report import Report
from .batches import Batch, Batches, BatchGroup
from .chunks import Chunk, Record
from .ledger import Ledger
from .order import Order
from .run_control import RunControl
from .settled import Settled
from .tally import Tally

LATE_JOBS = 5
"""Poll intervals after which a request without an answer counts as over on the server, including its job."""


LONG_WAIT = 10.0
"""Seconds: if a run only waits for such requests for longer, it says so."""


class Listener:
    """Receives the outcomes of a run as they become known."""

    async def deliver(self, outcomes: list[Outcome]) -> None:
        """Take outcomes; the run waits for this method."""

    def client_closes(self) -> None:
        """Do not keep the run waiting any longer: the client is being closed, and waits for the run."""


@frozen(kw_only=True)
class UnbatchedRecord:
    """A record that this run does not send, and that was never part of a batch, with its state and the reason."""

    record: Record
    state: State
    reason: str


class Settler:
    """Settles each record once."""

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
        """After a record in one of the `blocking` states, no further record of its contact may follow."""
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
        self._unbatched: list[UnbatchedRecord] = []
        self._late: list[tuple[float, list[str]]] = []
        self._wait_told_until = -math.inf
        self.settled = Signal()

    @property
    def is_busy(self) -> bool:
        """Whether there are batches whose outcome is not known."""
        return len(self._batches) > 0

    def pack(self, chunk: Chunk) -> Batch:
        """Make a batch of a chunk that has just closed; its contacts are busy from now on."""
        self._order.begin(chunk.names())
        return self._batches.pack(chunk, BatchGroup(), row_checksums=self._ledger.row_checksums_of(chunk))

    async def split(self, batch: Batch, groups: Sequence[Sequence[int]]) -> list[Batch]:
        """Replace a batch by several, each with the records at these indices."""
        chunk = self._batches.unpack(batch)
        row_checksums = await self._ledger.row_checksums_of_parts(batch, chunk, groups)
        shared: dict[str, Any] = {
            "state": batch.state,
            "may_have_arrived": batch.may_have_arrived,
            "attempts": batch.attempts,
        }
        shared["journal_state"] = batch.journal_state
        batch.group.batches += len(groups) - 1
        parts = [
            self._batches.pack(chunk.part(indices), batch.group, row_checksums=checksums, **shared)
            for indices, checksums in zip(groups, row_checksums, strict=True)
        ]
        self._batches.forget(batch)
        await self._ledger.split(batch, parts)
        return parts

    async def settle(self, batch: Batch, verdicts: Verdicts) -> None:
        """Write down, count and report what became of a batch, and release its contacts."""
        chunk = self._batches.unpack(batch)
        verdicts = await self._ledger.conclude(batch, chunk, verdicts)
        self._release_contacts(batch, chunk, verdicts.state)
        outcomes = self._count(_settled(chunk, verdicts))
        self._batches.forget(batch)
        async with self._reporting:  # one report at a time, even if the listener is slow
            await self._report(outcomes)
        self.settled.give()

    async def report_known(self, *known: tuple[Chunk, Verdicts]) -> None:
        """Count and report what an earlier run of the journal settled."""
        outcomes: list[Outcome] = []
        for chunk, verdicts in known:
            self._tally.earlier += len(chunk)
            outcomes += self._count(_settled(chunk, verdicts))
        await self._report(outcomes)

    def begin_known(self, chunk: Chunk) -> None:
        """Mark the contacts of a chunk that an earlier run sent as busy: its outcome is not known yet."""
        self._order.begin(chunk.names())

    def add_unbatched(self, unbatched: UnbatchedRecord) -> None:
        """Add a record that this run does not send; `report_unbatched` reports it."""
        self._unbatched.append(unbatched)

    @property
    def has_unbatched(self) -> bool:
        """Whether there are records for `report_unbatched`."""
        return bool(self._unbatched)

    def unbatched_states(self) -> Counter[State]:
        """Count the records for `report_unbatched` by state; for a run that is cut off."""
        return Counter(record.state for record in self._unbatched)

    def unbatched_from(self, position: int) -> int:
        """Count the records for `report_unbatched` from this position on."""
        return sum(unbatched.record.position >= position for unbatched in self._unbatched)

    async def report_unbatched(self) -> None:
        """Count and report the records that were not sent."""
        if not self._unbatched:
            return
        records, self._unbatched = self._unbatched, []
        self._tally.rejected_here += sum(record.state == "rejected" for record in records)
        verdicts = Verdicts(
            "rejected", None, {index: (record.state, record.reason) for index, record in enumerate(records)}
        )
        rows, positions, lines, *_ = zip(*(record.record for record in records), strict=True)
        await self._report(self._count(Settled(rows, positions, lines, [""] * len(records), verdicts)))

    def progress(self) -> None:
        """Call `on_progress` with the counts; if it raises, the run ends."""
        self._control.sample()
        if self._on_progress and not self._control.callers_error:
            try:
                self._on_progress(self._tally.report())
            except Exception as error:
                self._control.fail_with(error)

    async def wait(self) -> None:
        """Wait until something is settled, or contacts become free."""
        soonest = self._late[0][0] if self._late else math.inf
        if self._late and not self.is_busy:
            self._tell_wait()
        with anyio.CancelScope(deadline=soonest):
            await self.settled.wait()
        self.free_late()

    def _tell_wait(self) -> None:
        now, until = anyio.current_time(), max(end for end, _ in self._late)
        if now >= self._wait_told_until and until - now >= LONG_WAIT:
            self._wait_told_until = until
            tell(LaterRecordsWait(kind=self._tally.kind, wait_seconds=until - now))

    def free_late(self) -> None:
        """Free the contacts of requests that got no answer and must be over by now."""
        while self._late and self._late[0][0] <= anyio.current_time():
            self._order.end(heappop(self._late)[1])

    def _release_contacts(self, batch: Batch, chunk: Chunk, state: State) -> None:
        """Release the contacts of a batch once its whole group is settled, or block them.

        If a request with its records got no answer, the server may still be processing it, so later records must wait
        longer.
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
        """Count records, and return their outcomes if they are needed."""
        counts: Counter[State] = settled.counts()
        self._tally.add(counts)
        self._tally.note_reasons(settled)
        if self._listener is None and PROBLEMS.isdisjoint(counts):
            return []
        outcomes = settled.outcomes(self._source)
        self._tally.note_problems([outcome for outcome in outcomes if outcome.state in PROBLEMS])
        return outcomes

    async def _report(self, outcomes: list[Outcome]) -> None:
        if self._listener:
            await self._listener.deliver(outcomes)
        self.progress()


def _settled(chunk: Chunk, verdicts: Verdicts) -> Settled:
    return Settled(chunk.rows, chunk.positions, chunk.lines, chunk.keys, verdicts)
