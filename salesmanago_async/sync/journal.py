"""The journal of a sync's run: an ordinary journal beside the state, which holds back until the sent rows are durable.

It is the lock of the state as well: while it is open, no other process can open it.
"""

from collections.abc import Iterable, Mapping, Sequence

import anyio.to_thread

from ..outcome import State, Verdicts
from ..stores.journal import Journal
from ..stores.values import Entry, RowChecksums
from .sent import ACCEPTED, MAYBE_THERE, NOT_THERE, SentRows


class SyncJournal:
    """What the run of a sync writes into; `arrivals` has a byte for each position: what became of the row (sent.py)."""

    def __init__(self, journal: Journal, sent: SentRows) -> None:
        self._journal = journal
        self._sent = sent
        self.arrivals = bytearray()

    async def confirm(self) -> None:
        """Raise `JournalFailed` if another process may have taken over the journal."""
        await self._journal.confirm()

    async def begin(self, row_checksums: RowChecksums) -> int:
        """Write down, before a batch is sent, that its rows may have been sent; return its number."""
        await anyio.to_thread.run_sync(self._sent.sync)
        for first, last in row_checksums.spans:
            _mark(self.arrivals, first, last, "in_doubt")
        return await self._journal.begin(row_checksums)

    async def checksums(self, number: int) -> bytes:
        """Return the checksums of a batch's records."""
        return await self._journal.checksums(number)

    async def split(self, number: int, parts: Sequence[RowChecksums]) -> list[int]:
        """Replace a batch by its parts; return their numbers."""
        return await self._journal.split(number, parts)

    async def submitted(self, number: int, request_id: int) -> None:
        """Write down that the server has taken a batch."""
        await self._journal.submitted(number, request_id)

    async def settle(self, number: int, verdicts: Verdicts, positions: Sequence[int]) -> None:
        """Write down what became of the records of a batch."""
        await self._journal.settle(number, verdicts, positions)
        for index, position in enumerate(positions):
            _mark(self.arrivals, position, position, verdicts.state_of(index))

    async def forget(self, number: int) -> None:
        """Write down that a batch was surely not processed."""
        await self._journal.forget(number)

    async def aclose(self) -> None:
        """Do nothing: the state closes the journal, when it has used it."""


def arrivals_in(entries: Iterable[Entry]) -> bytearray:
    """Return a byte for each position that a journal knows: what became of the row."""
    arrivals = bytearray()
    for entry in entries:
        for first, last in entry.spans:
            _mark(arrivals, first, last, entry.state)
        for position, (state, _) in entry.others.items():
            _mark(arrivals, position, position, state)
    return arrivals


_ARRIVALS: Mapping[State, int] = {
    "accepted": ACCEPTED,
    "submitted": MAYBE_THERE,
    "in_doubt": MAYBE_THERE,
    "rejected": NOT_THERE,
    "not_sent": NOT_THERE,
}


def _mark(arrivals: bytearray, first: int, last: int, state: State) -> None:
    arrivals.extend(bytes([NOT_THERE]) * (last + 1 - len(arrivals)))
    arrivals[first : last + 1] = bytes([_ARRIVALS[state]]) * (last + 1 - first)
