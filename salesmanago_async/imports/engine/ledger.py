"""The journal as a run uses it: there may be none, and one that fails ends the run.

Where it can no longer be written, it is left as it is: every line in it is true, as each began in doubt.
"""

from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, TypeVar

from attrs import evolve

from ...errors import JournalFailed
from ...outcome import State, Verdicts
from ...sources.sources import Source
from ...stores.journal import RunJournal
from ...stores.values import RowChecksums
from .batches import Batch
from .chunks import Chunk
from .redaction import redacted
from .run_control import RunControl

ReturnT = TypeVar("ReturnT")

UNWRITTEN = "what became of it could not be written into the journal"


class Ledger:
    """Writes down what becomes of parcels."""

    def __init__(self, journal: RunJournal | None, control: RunControl, source: Source) -> None:
        self._journal = journal
        self._source = source
        self._has_failed = False
        self._control = control

    def marks_of(self, chunk: Chunk) -> RowChecksums | None:
        """Return what a parcel of these records needs to be written down."""
        return RowChecksums.of(chunk.positions, chunk.items) if self._journal else None

    async def write_ahead(self, batch: Batch) -> None:
        """Have a parcel in the journal, as in doubt, before it is sent."""
        if self._journal and batch.marks:
            batch.number = await self._written(self._journal.begin(batch.marks))
            if batch.number is not None:
                batch.marks, batch.journalled = None, "in_doubt"

    async def submitted(self, batch: Batch, request_id: int) -> None:
        """Write down the number of its job."""
        if self._journal and batch.number is not None:
            await self._written(self._journal.submitted(batch.number, request_id))
            batch.journalled = "in_doubt" if self._has_failed else "submitted"

    async def conclude(self, batch: Batch, chunk: Chunk, verdicts: Verdicts) -> Verdicts:
        """Write down what became of a parcel; one that was not sent leaves no trace.

        Return what can be told of it: no more than the journal knows, for that is what the next run goes by.
        """
        if verdicts.state == "not_sent":
            if self._journal and batch.number is not None:
                await self._written(self._journal.forget(batch.number))
            return verdicts
        await self.write_ahead(batch)
        if self._journal and batch.number is not None:
            kept = self._as_kept(verdicts, chunk)
            await self._written(self._journal.settle(batch.number, kept, chunk.positions))
        if self._has_failed:
            return Verdicts(batch.journalled, UNWRITTEN, request_id=verdicts.request_id)
        return verdicts

    async def marks_of_parts(
        self, batch: Batch, chunk: Chunk, groups: Sequence[Sequence[int]]
    ) -> list[RowChecksums | None]:
        """Return what the parts of a parcel need to be written down, which hold the records at these indices."""
        marks = batch.marks
        if self._journal and batch.number is not None:
            checksums = await self._written(self._journal.checksums(batch.number))
            marks = RowChecksums((), checksums) if checksums is not None else None
        if marks is None:
            return [None for _ in groups]
        return [marks.part(indices, [chunk.positions[index] for index in indices]) for indices in groups]

    async def split(self, batch: Batch, parts: Sequence[Batch]) -> None:
        """Put the parts of a parcel in its place, as in doubt; of one that was not sent, when they are sent."""
        if self._journal and batch.number is not None:
            kept = [part for part in parts if part.marks and batch.state != "not_sent"]
            marks = [part.marks for part in kept if part.marks]
            numbers = await self._written(self._journal.split(batch.number, marks))
            if numbers is None:
                return
            for part in parts:
                part.journalled = "not_sent"
            for part, number in zip(kept, numbers, strict=True):
                part.number, part.marks, part.journalled = number, None, "in_doubt"

    def _as_kept(self, verdicts: Verdicts, chunk: Chunk) -> Verdicts:
        """Return verdicts as they are written down: no reason names what stands in the record that it is about."""
        others: dict[int, tuple[State, str]] = {
            index: (state, self._reason_as_kept(state, reason, [chunk.rows[index]]) or "")
            for index, (state, reason) in verdicts.others.items()
        }
        about = (row for index, row in enumerate(chunk.rows) if index not in others)
        reason = self._reason_as_kept(verdicts.state, verdicts.reason, about)
        return evolve(verdicts, reason=reason, others=others)

    def _reason_as_kept(self, state: State, reason: str | None, rows: Iterable[Any]) -> str | None:
        """Return a reason; None after a stop, which leaves thousands of records that the next run asks about anew."""
        if not reason or (state != "rejected" and not self._control.is_following):
            return None
        return redacted(reason, map(self._body, rows))

    def _body(self, row: Any) -> Any:
        """Return what was sent of a row, None where its own code does not give it a second time."""
        try:
            return self._source.body(row)
        except Exception:
            return None

    async def _written(self, writing: Awaitable[ReturnT]) -> ReturnT | None:
        try:
            return await writing
        except JournalFailed as error:
            self._journal = None
            self._has_failed = True
            self._control.stop_for(error)
            return None
