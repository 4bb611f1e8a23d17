"""Order per contact: a record waits while another of the same contact is under way. Pure: no I/O, no time.

A contact is under way from the moment a chunk with one of its records closes until it is known what became of that
chunk, to the end of its server job. What must wait is held back, in the order of the source, and goes into a later
chunk; records of other contacts pass by.

A million records may be under way, waiting for their jobs. The names of some thousands are kept as they are, in a set,
which is quickest. Of the others only 32 bits of a hash are kept: 16 choose a slot, 16 are a character in it. That is 8
bytes a record where the set takes 100. Two names that come to the same cost a needless wait, nothing else.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from .chunks import Record

MOST_EXACT = 20_000
"""Names that are kept as they are."""
MOST_HELD = 10_000
"""Records held back at once, before the reading waits too."""
MOST_HELD_BYTES = 16 * 1024 * 1024


class NamesUnderWay:
    """Names, each as often as it was added; the same is said of all that share their 32 bits."""

    def __init__(self) -> None:
        self._exact: set[str] = set()
        self._slots = [""] * 65536
        self._in_slots = 0

    def has_any(self, names: Sequence[str]) -> bool:
        """Tell whether one of these names is there."""
        if not self._exact.isdisjoint(names):
            return True
        for number in map(hash, names) if self._in_slots else ():
            if chr(number & 0xFFFF) in self._slots[number >> 16 & 0xFFFF]:
                return True
        return False

    def add(self, names: Sequence[str]) -> None:
        """Add names."""
        has_room = len(self._exact) + len(names) <= MOST_EXACT
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
    """Knows which contacts are under way, and holds back their further records."""

    def __init__(self) -> None:
        self._busy = NamesUnderWay()
        self._blocked: set[str] = set()
        self._held: deque[Record] = deque()
        self._held_names: set[str] = set()
        self._held_bytes = 0
        self._news = False

    @property
    def held(self) -> int:
        """How many records are held back."""
        return len(self._held)

    @property
    def has_news(self) -> bool:
        """Whether something held back may be ready."""
        return self._news and bool(self._held)

    @property
    def is_full(self) -> bool:
        """Whether no more should be held back."""
        return len(self._held) >= MOST_HELD or self._held_bytes >= MOST_HELD_BYTES

    def must_wait(self, names: Sequence[str]) -> bool:
        """Tell whether a record of one of these contacts must wait."""
        return (
            self._busy.has_any(names)
            or (bool(self._held) and not self._held_names.isdisjoint(names))
            or self.is_blocked(names)
        )

    def is_blocked(self, names: Iterable[str]) -> bool:
        """Tell whether one of these contacts can get no further record in this run."""
        return bool(self._blocked) and not self._blocked.isdisjoint(names)

    def hold(self, record: Record) -> None:
        """Hold a record back."""
        self._held.append(record)
        self._held_bytes += len(record.item)
        self._held_names.update(record.names)

    def begin(self, names: Iterable[str]) -> None:
        """Take note that records of these contacts are under way."""
        self._busy.add(list(names))

    def end(self, names: Iterable[str]) -> None:
        """Take note that it is known what became of records that were said to begin."""
        self._news = True
        self._busy.remove(list(names))

    def block(self, names: Iterable[str]) -> None:
        """Let no further record of these contacts go: nobody knows when the last one will have been applied."""
        self._news = True
        blocked = list(names)
        self._blocked.update(blocked)
        self._busy.remove(blocked)

    def block_also(self, names: Iterable[str]) -> None:
        """Let no further record go of whoever a record is of that was not let go itself."""
        self._blocked.update(names)

    def ready(self) -> Iterator[Record]:
        """Yield, and no longer hold, what need not wait any more: what is said to begin meanwhile counts at once."""
        self._news = False
        self._held_names.clear()  # only those that wait before a record hold it back
        for _ in range(len(self._held)):
            record = self._held.popleft()
            self._held_bytes -= len(record.item)
            if self.must_wait(record.names) and not self.is_blocked(record.names):
                self.hold(record)
            else:
                yield record

    def give_up(self) -> list[Record]:
        """Return everything that is held back, and hold nothing any longer."""
        held = list(self._held)
        self._held.clear()
        self._held_names.clear()
        self._held_bytes = 0
        return held
