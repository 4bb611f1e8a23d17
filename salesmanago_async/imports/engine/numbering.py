"""The journal of a run whose records are known by their content: it numbers them in the order in which they are sent.

Where a record is in the source means nothing then, because the next run may read it at another place. So each line of
the journal has one span of new numbers, and the record at an index of its batch has the number at that index.
"""

from collections.abc import Iterable, Sequence

from attrs import evolve

from ...outcome import Verdicts
from ...stores.journal import RunJournal
from ...stores.values import Entry, RowChecksums


class ContentJournal:
    """A journal that is written by numbers of its own instead of the positions in the source."""

    def __init__(self, journal: RunJournal, entries: Iterable[Entry]) -> None:
        self._journal = journal
        self._firsts: dict[int, int] = {}
        """The number of the first record of each batch whose outcome is not known."""
        self._next = 0
        for entry in entries:
            first, last = entry.spans[0]
            self._next = max(self._next, last + 1)
            if entry.is_under_way:
                self._firsts[entry.number] = first

    async def begin(self, row_checksums: RowChecksums) -> int:
        """Write down, before a batch is sent, that it may have been sent; return its number."""
        numbered = self._numbered(row_checksums)
        number = await self._journal.begin(numbered)
        self._firsts[number] = numbered.spans[0][0]
        return number

    async def confirm(self) -> None:
        """Raise `JournalFailed` if another process may have taken over the journal."""
        await self._journal.confirm()

    async def checksums(self, number: int) -> bytes:
        """Return the digests of a batch's records, 8 bytes each."""
        return await self._journal.checksums(number)

    async def split(self, number: int, parts: Sequence[RowChecksums]) -> list[int]:
        """Replace a batch by its parts, each in doubt; there may be none. Return their numbers."""
        numbered = [self._numbered(part) for part in parts]
        numbers = await self._journal.split(number, numbered)
        self._firsts.pop(number, None)
        self._firsts.update(zip(numbers, (part.spans[0][0] for part in numbered), strict=True))
        return numbers

    async def submitted(self, number: int, request_id: int) -> None:
        """Write down that the server has taken a batch, and the number of its job."""
        await self._journal.submitted(number, request_id)

    async def settle(self, number: int, verdicts: Verdicts, positions: Sequence[int]) -> None:
        """Write down what became of the records of a batch."""
        first = self._firsts.pop(number)
        await self._journal.settle(number, verdicts, range(first, first + len(positions)))

    async def forget(self, number: int) -> None:
        """Write down that a batch was surely not processed."""
        self._firsts.pop(number, None)
        await self._journal.forget(number)

    async def aclose(self) -> None:
        """Close the journal."""
        await self._journal.aclose()

    def _numbered(self, row_checksums: RowChecksums) -> RowChecksums:
        first = self._next
        self._next += len(row_checksums)
        return evolve(row_checksums, spans=((first, self._next - 1),))
