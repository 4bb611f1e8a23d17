"""What was damaged in a file that was read all the same: how many characters, and in which records."""

from attrs import define, field, frozen

MOST_POSITIONS = 100
"""How many damaged records are named; all are counted."""


@frozen
class Damage:
    """Characters of a file that were damaged: not UTF-8, or a bare control character, or a number that is none.

    The first are U+FFFD in the records now, control characters are kept, and NaN is None. `count` is how many there
    were; `positions` names the records they are in, the first 100, counted from 0 in the order of the file. It is false
    where there were none.
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
    """Counts damage while a file is read; `records` is how many records have been read before the next one."""

    records: int = 0
    _count: int = 0
    _positions: list[int] = field(factory=list[int])

    @property
    def damage(self) -> Damage:
        """What was found so far."""
        return Damage(self._count, tuple(self._positions))

    def add(self, characters: int, *, ahead: int) -> None:
        """Count the damaged characters of the record that comes so many records after the next one."""
        self._add(characters, [self.records + ahead] if characters else [])

    def add_page(self, damage: Damage) -> None:
        """Count the damage of a file whose first record is the next one."""
        self._add(damage.count, [self.records + position for position in damage.positions])

    def _add(self, characters: int, positions: list[int]) -> None:
        self._count += characters
        self._positions += positions[: MOST_POSITIONS - len(self._positions)]
