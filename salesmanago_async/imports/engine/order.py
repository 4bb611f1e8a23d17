"""Order per contact: a record waits while another of the same contact is under way. Pure: no I/O, no time.

A contact is busy from the moment a chunk with one of its records closes until the outcome of that chunk is known, which
includes its server job. Records that must wait are held back, in the order of the source, and go into a later chunk.
Records of other contacts pass them.

A million records may be under way, waiting for their jobs. Some thousands of names are kept exactly, in a set, which is
the fastest. Of the other names only 32 bits of a hash are kept: 16 select a slot, 16 are a character in that slot. This
takes 8 bytes for each record, and the set takes 100. If two names have the same 32 bits, a record waits needlessly;
nothing else happens.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from .chunks import Record

MAX_EXACT = 20_000
"""How many names are kept exactly."""
MAX_HELD = 10_000
"""How many records are held back before the reading waits, too."""
MAX_HELD_BYTES = 16 * 1024 * 1024


class ActiveNames:
    """A multiset of names. Names that share their 32 bits are not distinguished."""

    def __init__(self) -> None:
        self._exact: set[str] = set()
        self._slots = [""] * 65536
        self._in_slots = 0

    def has_any(self, names: Sequence[str]) -> bool:
        """Return whether one of these names is present."""
        if not self._exact.isdisjoint(names):
            return True
        for number in map(hash, names) if self._in_slots else ():
            if chr(number & 0xFFFF) in self._slots[number >> 16 & 0xFFFF]:
                return True
        return False

    def add(self, names: Sequence[str]) -> None:
        """Add names."""
        has_room = len(self._exact) + len(names) <= MAX_EXACT
        if has_room and self._exact.isdisjoint(names) and len(set(names)) == len(names):
            self._exact.update(names)
            return
        self._in_slots += len(names)
        for number in map(hash, names):
            self._slots[number >> 16 & 0xFFFF] += chr(number & 0xFFFF)

    def remove(self, names: Sequence[str]) -> None:
        """Remove names that were added, each once."""
        if not self._in_slots:
            self._exact.difference_update(names)
            return
        for name in names:
            if name in self._exact:
                self._exact.remove(name)
            else:
                self._remove_from_slot(hash(name))

    def _remove_from_slot(self, number: int) -> None:
        place = number >> 16 & 0xFFFF
        self._slots[place] = self._slots[place].replace(chr(number & 0xFFFF), "", 1)
        self._in_slots -= 1


class Order:
    """Knows which contacts are busy, and holds back their further records."""

    def __init__(self) -> None:
        self._busy = ActiveNames()
        self._blocked: set[str] = set()
        self._held: deque[Record] = deque()
        self._held_names: set[str] = set()
        self._held_bytes = 0
        self._has_changed = False

    @property
    def held(self) -> int:
        """How many records are held back."""
        return len(self._held)

    @property
    def may_release(self) -> bool:
        """Whether a record that is held back may be ready."""
        return self._has_changed and bool(self._held)

    @property
    def is_full(self) -> bool:
        """Whether no more records should be held back."""
        return len(self._held) >= MAX_HELD or self._held_bytes >= MAX_HELD_BYTES

    def must_wait(self, names: Sequence[str]) -> bool:
        """Return whether a record of one of these contacts must wait."""
        return (
            self._busy.has_any(names)
            or (bool(self._held) and not self._held_names.isdisjoint(names))
            or self.is_blocked(names)
        )

    def is_blocked(self, names: Iterable[str]) -> bool:
        """Return whether one of these contacts gets no further record in this run."""
        return bool(self._blocked) and not self._blocked.isdisjoint(names)

    def hold(self, record: Record) -> None:
        """Hold a record back."""
        self._held.append(record)
        self._held_bytes += len(record.item)
        self._held_names.update(record.names)

    def begin(self, names: Iterable[str]) -> None:
        """Mark these contacts as busy."""
        self._busy.add(list(names))

    def end(self, names: Iterable[str]) -> None:
        """Take back one `begin` of these contacts: the outcome of their records is known."""
        self._has_changed = True
        self._busy.remove(list(names))

    def block(self, names: Iterable[str]) -> None:
        """Block these contacts: no further record of them is sent in this run.

        It is unknown when the last record of such a contact will have been applied.
        """
        self._has_changed = True
        blocked = list(names)
        self._blocked.update(blocked)
        self._busy.remove(blocked)

    def block_also(self, names: Iterable[str]) -> None:
        """Block the names of a record that was itself not sent because of a block."""
        self._blocked.update(names)

    def ready(self) -> Iterator[Record]:
        """Yield, and stop holding, the records that need not wait any more.

        A `begin` between two of them counts immediately.
        """
        self._has_changed = False
        self._held_names.clear()  # a record is held back only by those that wait before it
        for _ in range(len(self._held)):
            record = self._held.popleft()
            self._held_bytes -= len(record.item)
            if self.must_wait(record.names) and not self.is_blocked(record.names):
                self.hold(record)
            else:
                yield record

    def give_up(self) -> list[Record]:
        """Return all records that are held back, and hold nothing any longer."""
        held = list(self._held)
        self._held.clear()
        self._held_names.clear()
        self._held_bytes = 0
        return held
