"""Where the rows of a source are in a state: at the pointer, or wherever their keys are.

Most sources have their rows in the order of the night before. So a pointer stands at the row of the state that comes
next, and an unchanged row is recognised by the digest of its content alone: the key is a part of the content. Only
where they differ, the keys are compared, and only if the row is not the next one, it is looked up in an index of all
keys, which is made at that moment.

    state             A B C D E        The pointer goes on after a row that it stands at, changed or not. A row that is
    rows              A C D X E        found elsewhere leaves it where it is, because it may be there twice or have
    pointer before    A B B E E        moved; a second one, next to the first, takes it there: B has been left out.
    looked up           C D X
"""

from collections.abc import Iterable
from sys import byteorder
from typing import Literal, NamedTuple, TypeAlias

from .header import SIZE
from .key_index import KeyIndex
from .known import ENTRY, NEVER_ACCEPTED, NO_PARTS, NO_ROW, SENT, UNCHANGED, UNKNOWN, UNSEEN, WORD, Known
from .order import Order

Difference: TypeAlias = Literal["unchanged", "changed", "new"]


class Compared(NamedTuple):
    """How a row differs from what is known, and the parts of the content that was accepted last, if it is known.

    `if_not_accepted` takes the place of its content in the state if the row is not accepted.
    """

    difference: Difference
    parts: bytes = NO_PARTS
    if_not_accepted: int = UNKNOWN


_NEW = Compared("new", if_not_accepted=NO_ROW)
_NEVER_ACCEPTED = Compared("new", if_not_accepted=NEVER_ACCEPTED)
_CHANGED, _UNCHANGED = Compared("changed"), Compared("unchanged")

_CONTENT = SIZE + WORD
"""Where the content of the first row is in the file."""


class Places:
    """Compares the rows of a source with a state, one after another, and marks those that it finds.

    `order` takes the order of those that are unchanged. With `resends`, no content is the same.
    """

    def __init__(self, known: Known, order: Order | None = None, *, resends: bool = False) -> None:
        self._known = known
        self._file, self._marks, self._entries = known.file, known.marks, known.entries
        self._rows = len(known)
        self._order = order
        self._resends = resends
        self._index: KeyIndex | None = None
        self._next = 0
        self._stretch = 0
        """The rows from here up to the pointer are unchanged, and not in the order yet."""
        self._looked_up: tuple[int | None, int] = None, 0
        """The place that was looked up last, and where the pointer was."""
        self._end = 0 if resends else len(known)

    def is_next(self, content: bytes) -> bool:
        """Return whether a row is unchanged, and the one that the pointer stands at; if so, the pointer goes on.

        A row that was met before is never the next one: if it was sent, the last row of its key must be sent as well.
        """
        place = self._next
        at = place * ENTRY + _CONTENT
        if self._file[at : at + WORD] != content or place >= self._end or self._marks[place]:
            return False
        self._marks[place] = UNCHANGED
        self._next = place + 1
        return True

    def needs_index(self, key: bytes) -> bool:
        """Return whether a row can only be found after `make_index`."""
        return self._index is None and self._rows > 0 and not self._is_at_pointer(_number(key))

    def make_index(self) -> None:
        """Make the index, which takes about a second for a million rows; another thread may do it."""
        self._index = KeyIndex(self._known)

    def compare(self, key: bytes, content: bytes) -> Compared:
        """Return how any row differs. One that is sent is marked like that; after it, its key has no known parts."""
        if self._stretch < self._next:
            self._end_stretch()
        place = self._place_of(_number(key))
        if place is None:
            return _NEVER_ACCEPTED if self._resends else _NEW  # another state may have had a row of it
        known = self._entries[2 * place + 1]
        if self._resends or self._marks[place] == SENT or known != _number(content):
            is_first = self._marks[place] != SENT and not self._resends
            self._marks[place] = SENT
            if known == NEVER_ACCEPTED:
                return _NEVER_ACCEPTED
            return Compared("changed", self._known.parts(place, place + 1)) if is_first else _CHANGED
        if self._marks[place] == UNSEEN:
            self._marks[place] = UNCHANGED
            if self._order:
                self._order.add(place, place + 1)
        return _UNCHANGED

    def close(self) -> None:
        """Complete the order, and remove the index."""
        self._end_stretch()
        if self._index:
            self._index.close()
            self._index = None

    def _is_at_pointer(self, key: int) -> bool:
        return self._next < self._rows and self._entries[2 * self._next] == key

    def _place_of(self, key: int) -> int | None:
        """Return the place of a key, and move the pointer."""
        if self._is_at_pointer(key):
            return self._move_behind(self._next)
        place = self._index.place(key) if self._index else None
        before, self._looked_up = self._looked_up, (place, self._next)
        return self._move_behind(place) if place is not None and before == (place - 1, self._next) else place

    def _move_behind(self, place: int) -> int:
        self._next = self._stretch = place + 1
        return place

    def _end_stretch(self) -> None:
        if self._order and self._stretch < self._next:
            self._order.add(self._stretch, self._next)
        self._stretch = self._next


def mark_sent(known: Known, keys: Iterable[int]) -> None:
    """Mark the rows with these keys as sent."""
    index = KeyIndex(known)
    try:
        for key in keys:
            place = index.place(key)
            if place is not None:
                known.marks[place] = SENT
    finally:
        index.close()


def _number(digest: bytes) -> int:
    return int.from_bytes(digest, byteorder)
