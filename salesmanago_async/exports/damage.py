"""Counts the damaged characters of a file that was read anyway, and names their records."""

from attrs import define, field, frozen

MOST_POSITIONS = 100
"""How many damaged records are named; all are counted."""


@frozen
class Damage:
    """Damaged characters of a file: bytes that are not UTF-8, bare control characters, and invalid numbers such as NaN.

    In the records, bytes that are not UTF-8 are replaced by U+FFFD, control characters are kept, and NaN is None.
    `count` is their number; `positions` are the positions of their records, the first 100, counted from 0 in the order
    of the file. An instance is false if nothing was damaged.
    """

    count: int = 0
    positions: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return self.count > 0

    def __str__(self) -> str:
        if not self.count:
            return "no damaged characters"
        what = "1 damaged character was" if self.count == 1 else f"{self.count:,} damaged characters were"
        return f"{what} replaced, the first in record {self.positions[0] + 1:,}"


@define
class DamageCounter:
    """Counts damage while a file is read; `records` is the number of records that were read so far."""

    records: int = 0
    _count: int = 0
    _positions: list[int] = field(factory=list[int])

    @property
    def damage(self) -> Damage:
        """The damage found so far."""
        return Damage(self._count, tuple(self._positions))

    def add(self, characters: int, *, ahead: int) -> None:
        """Count the damaged characters of a record; `ahead` records come between the ones read so far and this one."""
        self._add(characters, [self.records + ahead] if characters else [])

    def add_page(self, damage: Damage) -> None:
        """Count the damage of a whole file, whose first record is the next record."""
        self._add(damage.count, [self.records + position for position in damage.positions])

    def _add(self, characters: int, positions: list[int]) -> None:
        self._count += characters
        self._positions += positions[: MOST_POSITIONS - len(self._positions)]
