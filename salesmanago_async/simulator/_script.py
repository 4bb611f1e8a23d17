"""Which requests meet which fault."""

from collections.abc import Iterable
from random import Random

from attrs import define

from ._faults import Fault


@define
class _Line:
    """A fault, how many requests it has counted, and where its chances come from."""

    fault: Fault
    random: Random
    counted: int = 0

    def meets(self, path: str) -> bool:
        """Count the request, and tell whether the fault wants it. Whether others want it too changes nothing here."""
        if not self.fault.concerns(path):
            return False
        self.counted += 1
        at, share = self.fault.at, self.fault.share
        by_chance = share is None or self.random.random() < share
        return by_chance and (at is None or any(self.counted in numbers for numbers in at))


class FaultSchedule:
    """Decides which requests meet which fault. The same faults, seed and requests give the same decisions."""

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        self.faults = tuple(faults)
        self._lines = [
            _Line(fault, Random(f"{seed} {number}"))  # noqa: S311 - chance, no secret
            for number, fault in enumerate(self.faults)
        ]

    def next(self, path: str) -> Fault | None:
        """Return the fault that the next request to `path` meets: the first, if several want it."""
        wanting = [line.fault for line in self._lines if line.meets(path)]
        return wanting[0] if wanting else None
