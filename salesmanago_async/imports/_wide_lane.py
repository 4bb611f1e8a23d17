"""One express lane for all records that leave out what they have not, however many sets of keys that makes."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ._guesses import Encode, Encoded, Unusual

MOST_KEYS = 200


class WideLane:
    """A lane that has the keys of all records it was given, in an order that is true to each of them.

    `generated` makes the lane for dicts with these keys, which raises `Unusual` where it cannot encode one; None where
    there can be no such lane.
    """

    def __init__(self, generated: Callable[[dict[Any, Any]], Encode | None]) -> None:
        self._generated = generated
        self._keys: list[Any] = []
        self._lane: Encode | None = None

    def encode(self, record: dict[Any, Any]) -> Encoded | None:
        """Encode a record as if all that it has not were None; return None where that cannot be."""
        if not (_stand_in_order(record, self._keys) or self._widen(record)) or self._lane is None:
            return None
        try:
            return self._lane(dict(zip(self._keys, map(record.get, self._keys), strict=True)))
        except Unusual:
            return None

    def _widen(self, record: dict[Any, Any]) -> bool:
        """Take in the keys of a record, if nothing speaks against it."""
        keys = merged(self._keys, record)
        lane = self._generated(dict.fromkeys(keys)) if keys and len(keys) <= MOST_KEYS else None
        if keys and lane:
            self._keys, self._lane = keys, lane
        return lane is not None


def _stand_in_order(some: Iterable[Any], keys: Sequence[Any]) -> bool:
    """Tell whether all of some keys are there, in that order."""
    rest = iter(keys)
    return all(key in rest for key in some)  # each search goes on where the one before has ended


def merged(keys: Sequence[Any], others: Iterable[Any]) -> list[Any] | None:
    """Return keys and others in one order that is true to both; None where they contradict each other."""
    found = list(keys)
    place = 0
    for other in others:
        if other not in found:
            found.insert(place, other)
        elif found.index(other) < place:
            return None
        place = found.index(other) + 1
    return found
