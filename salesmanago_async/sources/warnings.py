"""Warnings of a source: what was taken, and looks wrong. Counted for each column, with the first line or position."""

from attrs import define, field, frozen


@frozen(kw_only=True)
class ReadWarning:
    """What looks wrong in a column: how many cells, and the first one. `count` is None for a column as a whole.

    `line` is its line in a file, `position` the 0-based number of its record, as in outcomes, if there is no file.
    """

    column: str
    text: str
    count: int | None = None
    line: int | None = None
    file: str | None = None
    position: int | None = None

    def __str__(self) -> str:
        file = f"{self.file}: " if self.file else ""
        count = "" if self.count is None else f" ({self.count:,}{self._first})"
        return f"{file}{self.column} {self.text}{count}"

    @property
    def _first(self) -> str:
        if self.line is not None:
            return f", first in line {self.line:,}"
        return "" if self.position is None else f", first at position {self.position:,}"


@define
class WarningCounter:
    """Counts what looks wrong, while a source is read."""

    _found: dict[tuple[str, str], tuple[int, int | None, int | None]] = field(factory=dict)

    def add(self, column: str, text: str, line: int | None, position: int | None = None) -> None:
        """Count one cell, or one text of a record that has no line, but a position."""
        count, first_line, first_position = self._found.get((column, text), (0, line, position))
        self._found[column, text] = count + 1, first_line, first_position

    def warnings(self) -> tuple[ReadWarning, ...]:
        """Return what was found, the most frequent first."""
        found = [
            ReadWarning(column=column, text=text, count=count, line=line, position=position)
            for (column, text), (count, line, position) in self._found.items()
        ]
        return tuple(sorted(found, key=lambda warning: -(warning.count or 0)))
