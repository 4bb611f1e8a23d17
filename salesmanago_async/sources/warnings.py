"""Warnings of a source: what was taken, and looks wrong. Counted for each column, with the first line."""

from attrs import define, field, frozen


@frozen(kw_only=True)
class ReadWarning:
    """What looks wrong in a column: how many cells, in which line for the first time."""

    column: str
    text: str
    count: int
    line: int | None = None
    file: str | None = None

    def __str__(self) -> str:
        first = "" if self.line is None else f", first in line {self.line:,}"
        file = f"{self.file}: " if self.file else ""
        return f"{file}{self.column} {self.text} ({self.count:,}{first})"


@define
class WarningCounter:
    """Counts what looks wrong, while a file is read."""

    _found: dict[tuple[str, str], tuple[int, int | None]] = field(factory=dict)

    def add(self, column: str, text: str, line: int | None) -> None:
        """Count one cell."""
        count, first = self._found.get((column, text), (0, line))
        self._found[column, text] = count + 1, first

    def warnings(self) -> tuple[ReadWarning, ...]:
        """Return what was found, the most frequent first."""
        found = [
            ReadWarning(column=column, text=text, count=count, line=line)
            for (column, text), (count, line) in self._found.items()
        ]
        return tuple(sorted(found, key=lambda warning: -warning.count))
