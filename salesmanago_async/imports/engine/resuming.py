"""What earlier runs of the same journal did with the records that are being read. Pure, except for one look-up.

The source is read from its beginning again. If the journal knows the position of a record, the record must be the one
that was sent, by its checksum. It is collected with the others of its chunk. Nothing is sent before the last known
record was matched, so a wrong or changed source does no harm.
"""

from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop
from typing import NoReturn, Protocol

from attrs import define, field, frozen

from ...errors import Invalid
from ...outcome import State, Verdicts
from ...stores.journal import RunJournal
from ...stores.values import Entry, checksum
from .chunks import Record

LEFT_AS_IT_WAS = "as an earlier run left it"
"""The reason of a record that goes nowhere in this run, if the journal has none."""


@define(eq=False)
class KnownChunk:
    """A chunk of an earlier run, and those of its records that were matched."""

    entry: Entry
    size: int
    checksums: bytes | None = field(default=None, repr=False)
    records: list[Record] = field(factory=list, repr=False)

    @property
    def is_complete(self) -> bool:
        """Whether all of its records were matched."""
        return len(self.records) == self.size

    def verdicts(self) -> Verdicts:
        """Return what the journal says about the records that were matched."""
        entry = self.entry
        others: dict[int, tuple[State, str]] = {
            index: entry.others[position]
            for index, position in enumerate(record.position for record in self.records)
            if position in entry.others
        }
        return Verdicts(entry.state, entry.reason, others, request_id=entry.request_id)


class HasChecksums(Protocol):
    """The part of a journal that resuming needs."""

    async def checksums(self, number: int) -> bytes:
        """Return the checksums of a chunk's records, one after another, in the order of their positions."""
        ...


@frozen
class RunHistory:
    """What a run resumes from: its journal, and what earlier runs wrote into it.

    The records of `entries` are found again in the source, by their positions. The records of `known` are here already,
    and the source does not yield them again.
    """

    journal: RunJournal
    entries: Sequence[Entry] = ()
    known: Sequence[KnownChunk] = ()


class Resume:
    """The chunks of earlier runs, found by the positions of their records, which must come in ascending order."""

    def __init__(self, entries: Iterable[Entry], journal: HasChecksums) -> None:
        self._journal = journal
        self._spans: list[tuple[int, int, int, KnownChunk]] = []
        self._matched: dict[int, KnownChunk] = {}
        self.last = -1
        """The last position that the journal knows."""
        for entry in entries:
            self._add(entry)
        heapify(self._spans)

    def _add(self, entry: Entry) -> None:
        known = KnownChunk(entry, entry.size)
        for first, last in entry.spans:
            self._spans.append((first, last, entry.number, known))
            self.last = max(self.last, last)

    async def at(self, position: int) -> KnownChunk | None:
        """Return the chunk that has the record at a position, with its checksums."""
        while self._spans and self._spans[0][1] < position:
            heappop(self._spans)
        if not self._spans or self._spans[0][0] > position:
            return None
        known = self._spans[0][3]
        if known.checksums is None:
            known.checksums = await self._journal.checksums(known.entry.number)
            self._matched[known.entry.number] = known
        return known

    def state_at(self, position: int) -> State:
        """Return what the journal says about the record at a position for which `at` has failed."""
        entry = self._spans[0][3].entry
        return entry.others.get(position, (entry.state, ""))[0]

    def match(self, known: KnownChunk, record: Record) -> KnownChunk | None:
        """Add a record to its chunk; return the chunk if it is complete now. Raises `Invalid` if the record differs."""
        index = 4 * len(known.records)
        if known.checksums is None or known.checksums[index : index + 4] != checksum(record.item):
            line = "" if record.line is None else f" (line {record.line})"
            raise changed(f"record {record.position}{line} is not the one that was sent")
        known.records.append(record)
        if not known.is_complete:
            return None
        return self._matched.pop(known.entry.number)

    def refuse_end(self, read: int) -> NoReturn:
        """Raise `Invalid` for a source that has ended too early."""
        raise changed(f"it ends after {read} records, of which {self.last + 1} are known")

    def unmatched(self) -> Iterator[tuple[Record, State, str]]:
        """Yield the records of chunks of which only a part was found again, with their states in the journal."""
        for known in self._matched.values():
            verdicts = known.verdicts()
            for index, record in enumerate(known.records):
                reason = known.entry.others.get(record.position, ("", known.entry.reason))[1]
                yield record, verdicts.state_of(index), reason or LEFT_AS_IT_WAS


def changed(what: str) -> Invalid:
    """Return the error for a source that is not the one that the journal belongs to."""
    return Invalid(
        f"{what}: the source has changed since an earlier run of this journal. Go on with the source as it was; give "
        "another one a journal of its own",
        field="source",
    )
