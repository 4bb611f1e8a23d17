"""One compiled encoder for all records that leave out absent fields, however many sets of keys that makes."""

from collections.abc import Callable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any, TypeAlias

from .compiled import Encode, Encoded

MAX_KEYS = 200

Predecessors: TypeAlias = Mapping[Any, frozenset[Any]]
"""Maps each key to the keys that came directly before it in any record."""


class SharedKeysEncoder:
    """An encoder with the keys of all records so far, in an order that is compatible with every record.

    `compile_encoder` returns the encoder for dicts with these keys; None if there can be no such encoder.
    """

    def __init__(self, compile_encoder: Callable[[dict[Any, Any]], Encode | None]) -> None:
        self._compile = compile_encoder
        self._predecessors: Predecessors = {}
        self._keys: list[Any] = []
        self._encode: Encode | None = None

    def encode(self, record: dict[Any, Any]) -> Encoded | None:
        """Encode a record as if all missing fields were None; return None if its keys cannot be added.

        Raises `Invalid`, which may name a field that the record does not have.
        """
        if not (_are_in_order(record, self._keys) or self._add_keys(record)) or self._encode is None:
            return None
        return self._encode(dict(zip(self._keys, map(record.get, self._keys), strict=True)))

    def _add_keys(self, record: dict[Any, Any]) -> bool:
        """Add the keys of a record, if they contradict nothing; return whether that was possible."""
        predecessors = with_predecessors(record, self._predecessors)
        keys = topological_order(predecessors)
        encode = self._compile(dict.fromkeys(keys)) if keys and len(keys) <= MAX_KEYS else None
        if keys and encode:
            self._predecessors, self._keys, self._encode = predecessors, keys, encode
        return encode is not None


def _are_in_order(some: Iterable[Any], keys: Iterable[Any]) -> bool:
    """Return whether all of `some` occur in `keys`, in that order."""
    rest = iter(keys)
    return all(key in rest for key in some)  # each search continues where the last one ended


def with_predecessors(keys: Iterable[Any], predecessors: Predecessors) -> Predecessors:
    """Return `predecessors` extended by the order of these keys."""
    found = {**predecessors, **{key: predecessors.get(key, frozenset()) for key in keys}}
    for first, second in pairwise(keys):
        found[second] |= {first}
    return found


def topological_order(predecessors: Predecessors) -> list[Any] | None:
    """Return all keys in an order that contradicts no record, or None if there is none."""
    try:
        return [*TopologicalSorter(predecessors).static_order()]
    except CycleError:
        return None
