"""What is measured at the moment of a collection: the paces of clients and the buffers that exist."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

WatchedT = TypeVar("WatchedT")


class WatchedPace(Protocol):
    """The pace of a client."""

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        ...

    @property
    def in_flight(self) -> int:
        """How many requests are in flight."""
        ...

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn."""
        ...


class WatchedBuffer(Protocol):
    """A buffer."""

    def __len__(self) -> int: ...

    @property
    def lag(self) -> float:
        """The age of the oldest record without an outcome, in seconds; 0 if there is none."""
        ...


paces: WeakKeyDictionary[WatchedPace, str] = WeakKeyDictionary()
"""The paces of all clients, with the name of their server."""

buffers: WeakKeyDictionary[WatchedBuffer, str] = WeakKeyDictionary()
"""All open buffers, with what they send."""


def _items(watched: WeakKeyDictionary[WatchedT, str]) -> list[tuple[WatchedT, str]]:
    """Return the entries as they are now: a collection runs in a thread of its own, beside what adds and removes."""
    existing = [reference() for reference in watched.keyrefs()]
    return [(one, watched[one]) for one in existing if one is not None]


def paces_sum(of: Callable[[WatchedPace], int]) -> Mapping[str, int]:
    """Return the sum of a number of all paces, by server."""
    sums = Counter[str]()
    for pace, server in _items(paces):
        sums[server] += of(pace)
    return sums


def buffers_merged(of: Callable[[WatchedBuffer], Any], merge: Callable[[Iterable[Any]], Any]) -> Mapping[str, Any]:
    """Return a number of all buffers, by what they send."""
    found: dict[str, list[Any]] = {}
    for buffer, kind in _items(buffers):
        found.setdefault(kind, []).append(of(buffer))
    return {kind: merge(numbers) for kind, numbers in found.items()}
