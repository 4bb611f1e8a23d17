"""One express lane for all records that leave out what they have not, however many sets of keys that makes."""

from collections.abc import Callable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any, TypeAlias

from .compiled import Encode, Encoded

MOST_KEYS = 200

Before: TypeAlias = Mapping[Any, frozenset[Any]]
"""Key → those that have stood right before it in a record."""


class SharedKeysEncoder:
    """A lane that has the keys of all records it was given, in an order that is true to each of them.

    `generated` makes the lane for dicts with these keys; None where there can be no such lane.
    """

    def __init__(self, generated: Callable[[dict[Any, Any]], Encode | None]) -> None:
        self._generated = generated
        self._before: Before = {}
        self._keys: list[Any] = []
        self._lane: Encode | None = None

    def encode(self, record: dict[Any, Any]) -> Encoded | None:
        """Encode a record as if all that it has not were None; return None where its keys cannot be taken in.

        Raises `Invalid`, which may speak of what the record has not.
        """
        if not (_stand_in_order(record, self._keys) or self._widen(record)) or self._lane is None:
            return None
        return self._lane(dict(zip(self._keys, map(record.get, self._keys), strict=True)))

    def _widen(self, record: dict[Any, Any]) -> bool:
        """Take in the keys of a record, if nothing speaks against it."""
        before = with_order_of(record, self._before)
        keys = in_order(before)
        lane = self._generated(dict.fromkeys(keys)) if keys and len(keys) <= MOST_KEYS else None
        if keys and lane:
            self._before, self._keys, self._lane = before, keys, lane
        return lane is not None


def _stand_in_order(some: Iterable[Any], keys: Iterable[Any]) -> bool:
    """Tell whether all of some keys are there, in that order."""
    rest = iter(keys)
    return all(key in rest for key in some)  # each search goes on where the one before has ended


def with_order_of(keys: Iterable[Any], before: Before) -> Before:
    """Return what stands before what when these keys are known, too."""
    found = {**before, **{key: before.get(key, frozenset()) for key in keys}}
    for first, second in pairwise(keys):
        found[second] |= {first}
    return found


def in_order(before: Before) -> list[Any] | None:
    """Return all keys in an order that contradicts nothing, or None where there is none."""
    try:
        return [*TopologicalSorter(before).static_order()]
    except CycleError:
        return None
