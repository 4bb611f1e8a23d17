"""Decides which requests are affected by which fault."""

from collections.abc import Iterable
from random import Random

from attrs import define

from ._faults import Fault


@define
class _ScheduledFault:
    """A fault, how many requests it has counted, and the source of its random choices."""

    fault: Fault
    random: Random
    counted: int = 0

    def matches(self, path: str) -> bool:
        """Count the request, and return whether the fault affects it. Other faults do not change this count."""
        if not self.fault.concerns(path):
            return False
        self.counted += 1
        at, share = self.fault.at, self.fault.share
        by_chance = share is None or self.random.random() < share
        return by_chance and (at is None or any(self.counted in numbers for numbers in at))


class FaultSchedule:
    """Decides which requests are affected by which fault. Equal faults, seeds and requests give equal decisions."""

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        self.faults = tuple(faults)
        self._scheduled = [
            _ScheduledFault(fault, Random(f"{seed} {number}"))  # noqa: S311 - chance, no secret
            for number, fault in enumerate(self.faults)
        ]

    def next(self, path: str) -> Fault | None:
        """Return the fault for the next request to `path`: the first one, if several match; None if none does."""
        matching = [one.fault for one in self._scheduled if one.matches(path)]
        return matching[0] if matching else None
