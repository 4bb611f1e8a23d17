"""Looks for what looks wrong in the texts of rows that are no cells: in the first rows or, with `strict`, in all."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import chain, islice
from typing import Any

from attrs import frozen

from ..records.cells import trimmer
from ..records.exported import CONSENTS
from ..records.findings import CellKind
from ..records.product_feeds import SALE_PRICE
from ..records.row_texts import KindOf, fields_of, suspects_in_column, suspects_in_row, tags_among
from ..records.shapes import Shape
from .options import ReadOptions
from .text_files import BrokenRow, Row
from .warnings import ReadWarning, WarningCounter

SAMPLE = 250
"""Rows at the beginning of a source that are looked at; with `strict`, all rows are. To look at a row takes as long as
to encode it."""


@frozen
class SuspectRow:
    """A row that could be sent, but is rejected because something in it looks wrong (`strict`)."""

    given: Any
    reason: str


class Inspection:
    """Looks at the rows of one source while they are read, and counts what it finds.

    `kinds_in` returns what says what the texts of a row with certain names are; without it the shape says so.
    """

    def __init__(
        self, reading: ReadOptions, shape: Shape, kinds_in: Callable[[tuple[Any, ...]], KindOf] | None = None
    ) -> None:
        self._shape = shape
        self._columns = reading.columns
        self._trim = trimmer(reading.rules)
        self._is_strict = reading.strict
        self._counter = WarningCounter()
        self._seen = 0
        self._kinds_in = lru_cache(maxsize=512)(kinds_in or self._kinds_of_names)
        self._tags_in = lru_cache(maxsize=512)(lambda names: tags_among(names, self._kinds_in(names)))

    @property
    def warnings(self) -> tuple[ReadWarning, ...]:
        """What was found so far."""
        return self._counter.warnings(of_sample=self.is_over)

    @property
    def is_over(self) -> bool:
        """Whether no further row is looked at."""
        return self._seen >= SAMPLE and not self._is_strict

    def begin(self) -> None:
        """Forget what was found: the source is read from its beginning."""
        self._counter = WarningCounter()
        self._seen = 0

    def rows(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Yield the rows, the first of them inspected: later ones cost nothing."""
        self.begin()
        first = rows if self._is_strict else islice(rows, SAMPLE)
        return chain(map(self.row, first), rows)

    def row(self, row: Row) -> Row:
        """Return a row, or with `strict` a `SuspectRow` in place of one that looks wrong."""
        given, line = row
        position = self._seen
        self._seen += 1
        if isinstance(given, BrokenRow | SuspectRow):
            return row
        names = tuple(fields_of(given))
        found = suspects_in_row(given, self._trim, self._kinds_in(names), tags=self._tags_in(names))
        if found and self._is_strict:
            name, text = found[0]
            return SuspectRow(given, f"{name}: {text}"), line
        for name, text in found:
            self._counter.add(name, text, line, None if line else position)
        return row

    def columns(self, columns: Mapping[str, Sequence[Any]], *, has_lines: bool) -> dict[int, str]:
        """Look at the columns of the next rows; with `strict`, return by number why rows are rejected."""
        refused: dict[int, str] = {}
        most = None if self._is_strict else SAMPLE - self._seen
        kind_of = self._kinds_in(tuple(columns))
        for name, values in columns.items():
            for number, text in suspects_in_column(values[:most], self._trim, kind_of(name)):
                if self._is_strict:
                    refused.setdefault(number, f"{name}: {text}")
                else:
                    position = self._seen + number
                    place = (position + 1, None) if has_lines else (None, position)
                    self._counter.add(name, text, *place)
        self._seen += max(map(len, columns.values()), default=0)
        return refused

    def are_tags(self, name: str) -> bool:
        """Return whether a column has tags."""
        return self._shape.kind_of(self._columns.get(name, name)) is CellKind.TAGS

    def _kinds_of_names(self, names: tuple[Any, ...]) -> KindOf:
        """Return what says what the texts of a row or a table with these names are."""
        columns = self._columns
        kind_of = self._shape.kinds_in([columns.get(name, name) for name in names])
        return cache(lambda name: kind_of(columns.get(name, name)))


LEFT_OUT = ReadWarning(
    column=CONSENTS,
    text="that contacts had given at the time of the export are left out, as they may have been withdrawn since;"
    " accept_consents=True sends them",
)


def notes_of(shape: Shape) -> tuple[ReadWarning, ...]:
    """Return what is left out of the columns that a source was found to have, and what looked wrong in its sales."""
    sales = (ReadWarning(column=SALE_PRICE, text=finding) for finding in sorted(shape.odd_sales))
    return (*([LEFT_OUT] if shape.leaves_out_consents else []), *sales)
