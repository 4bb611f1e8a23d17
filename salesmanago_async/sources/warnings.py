"""Warnings of a source: what was taken, and looks wrong. Counted for each column, with the first line or position."""

from collections.abc import Collection

from attrs import define, field, frozen


@frozen(kw_only=True)
class ReadWarning:
    """What looks wrong in a column: how many cells, and the first one. `count` is None for a column as a whole.

    `line` is its line in a file, `position` the 0-based number of its record, as in outcomes, if there is no file. With
    `of_sample`, only some rows were looked at, mostly the first ones, and `count` is of these.
    """

    column: str
    text: str
    count: int | None = None
    line: int | None = None
    file: str | None = None
    position: int | None = None
    of_sample: bool = False

    def __str__(self) -> str:
        file = f"{self.file}: " if self.file else ""
        rows = " in the rows that were looked at" if self.of_sample else ""
        count = "" if self.count is None else f" ({self.count:,}{rows}{self._first})"
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

    def warnings(self, *, of_sample: bool = False, except_for: Collection[str] = ()) -> tuple[ReadWarning, ...]:
        """Return what was found, the most frequent first.

        `of_sample` says whether only some rows were looked at; for the texts of `except_for`, all were.
        """
        found = [
            ReadWarning(
                column=column,
                text=text,
                count=count,
                line=line,
                position=position,
                of_sample=of_sample and text not in except_for,
            )
            for (column, text), (count, line, position) in self._found.items()
        ]
        return tuple(sorted(found, key=lambda warning: -(warning.count or 0)))
