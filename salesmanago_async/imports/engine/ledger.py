"""The journal as a run uses it: there may be none, and a failing journal ends the run.

A journal that can no longer be written is left as it is. Every line in it is still true, because each began as in
doubt.
"""

from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, TypeVar

from attrs import evolve

from ...errors import JournalFailed
from ...outcome import State, Verdicts
from ...sources.sources import Source
from ...stores.journal import RunJournal
from ...stores.values import KnownBy, RowChecksums
from .batches import Batch
from .chunks import Chunk
from .redaction import redacted
from .run_control import RunControl

ReturnT = TypeVar("ReturnT")

UNWRITTEN = "what became of it could not be written into the journal"


class Ledger:
    """Writes down what becomes of batches."""

    def __init__(
        self, journal: RunJournal | None, control: RunControl, source: Source, *, known_by: KnownBy = "position"
    ) -> None:
        self._journal = journal
        self._known_by: KnownBy = known_by
        self._source = source
        self._failure: JournalFailed | None = None
        self._control = control

    def row_checksums_of(self, chunk: Chunk) -> RowChecksums | None:
        """Return the row checksums that are written for these records; None without a journal."""
        return RowChecksums.of(chunk.positions, chunk.items, self._known_by) if self._journal else None

    async def write_ahead(self, batch: Batch) -> None:
        """Write a batch into the journal, as in doubt, before it is sent."""
        if self._journal and batch.row_checksums:
            batch.number = await self._written(self._journal.begin(batch.row_checksums))
            if batch.number is not None:
                batch.row_checksums, batch.journal_state = None, "in_doubt"

    async def confirm(self) -> None:
        """Raise `JournalFailed`, and stop the run, unless the journal is still this run's own.

        Asked before each try of a request: a try may have waited for minutes since its batch was written down, and
        another process may have taken over the journal, and sent the batch, in that time.
        """
        if self._journal:
            await self._written(self._journal.confirm())
        if self._failure:
            raise JournalFailed(str(self._failure)) from self._failure

    async def submitted(self, batch: Batch, request_id: int) -> None:
        """Write down the id of its server job."""
        if self._journal and batch.number is not None:
            await self._written(self._journal.submitted(batch.number, request_id))
            batch.journal_state = "in_doubt" if self._failure else "submitted"

    async def conclude(self, batch: Batch, chunk: Chunk, verdicts: Verdicts) -> Verdicts:
        """Write down what became of a batch, and return the verdicts to report.

        They say no more than the journal does, because the next run relies on the journal. A batch that was not sent is
        removed from the journal.
        """
        if verdicts.state == "not_sent":
            if self._journal and batch.number is not None:
                await self._written(self._journal.forget(batch.number))
            return verdicts
        await self.write_ahead(batch)
        if self._journal and batch.number is not None:
            kept = self._as_kept(verdicts, chunk)
            await self._written(self._journal.settle(batch.number, kept, chunk.positions))
        if self._failure:
            return Verdicts(batch.journal_state, UNWRITTEN, request_id=verdicts.request_id)
        return verdicts

    async def row_checksums_of_parts(
        self, batch: Batch, chunk: Chunk, groups: Sequence[Sequence[int]]
    ) -> list[RowChecksums | None]:
        """Return the row checksums of the parts of a batch; each part has the records at these indices."""
        row_checksums = batch.row_checksums
        if self._journal and batch.number is not None:
            checksums = await self._written(self._journal.checksums(batch.number))
            row_checksums = RowChecksums((), checksums, self._known_by) if checksums is not None else None
        if row_checksums is None:
            return [None for _ in groups]
        return [row_checksums.part(indices, [chunk.positions[index] for index in indices]) for indices in groups]

    async def split(self, batch: Batch, parts: Sequence[Batch]) -> None:
        """Replace a batch by its parts, as in doubt. Parts that were not sent are written when they are sent."""
        if self._journal and batch.number is not None:
            kept = [part for part in parts if part.row_checksums and batch.state != "not_sent"]
            row_checksums = [part.row_checksums for part in kept if part.row_checksums]
            numbers = await self._written(self._journal.split(batch.number, row_checksums))
            if numbers is None:
                return
            for part in parts:
                part.journal_state = "not_sent"
            for part, number in zip(kept, numbers, strict=True):
                part.number, part.row_checksums, part.journal_state = number, None, "in_doubt"

    def _as_kept(self, verdicts: Verdicts, chunk: Chunk) -> Verdicts:
        """Return verdicts as they are written down: without the data of the records that their reasons are about."""
        others: dict[int, tuple[State, str]] = {
            index: (state, self._reason_as_kept(state, reason, [chunk.rows[index]]) or "")
            for index, (state, reason) in verdicts.others.items()
        }
        about = (row for index, row in enumerate(chunk.rows) if index not in others)
        reason = self._reason_as_kept(verdicts.state, verdicts.reason, about)
        return evolve(verdicts, reason=reason, others=others)

    def _reason_as_kept(self, state: State, reason: str | None, rows: Iterable[Any]) -> str | None:
        """Return a reason as it is written down; None after a stop.

        A stop leaves thousands of records, and the next run finds out about them anew.
        """
        if not reason or (state != "rejected" and not self._control.is_following):
            return None
        return redacted(reason, map(self._body, rows))

    def _body(self, row: Any) -> Any:
        """Return what was sent for a row; None if the row's own code fails when it is read again."""
        try:
            return self._source.body(row)
        except Exception:
            return None

    async def _written(self, writing: Awaitable[ReturnT]) -> ReturnT | None:
        try:
            return await writing
        except JournalFailed as error:
            self._journal = None
            self._failure = self._failure or error
            self._control.stop_for(error)
            return None
