"""The columns of a source beside those of the last sync: a column that is gone or new makes every row a changed one.

The header of a state has the names of the columns, or a fingerprint if they do not fit into it. Pure: no I/O.
"""

from collections.abc import Sequence
from typing import TypeAlias

from attrs import frozen

from ..connection.identity import mark_of
from ..sources.warnings import ReadWarning
from ..support.nearest import plain

KnownColumns: TypeAlias = Sequence[str] | str | None
"""The names of the columns, or a fingerprint of them; None if the source of the last sync was no table, or an older
version wrote the state."""

MISSING = (
    "was a column of the last sync and is none of this one, so all rows that had a value there count as changed; the"
    " account keeps the old values"
)
ADDED = "is a new column since the last sync, so all rows that have a value there count as changed"
OTHERS = "differ from those of the last sync, so rows may count as changed that are not"


@frozen
class ColumnChanges:
    """The names that are in one of two syncs only; of long lists of columns only that they differ is known."""

    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    are_others: bool = False

    def __bool__(self) -> bool:
        return bool(self.missing or self.added or self.are_others)

    @property
    def warnings(self) -> tuple[ReadWarning, ...]:
        """What the report of the sync says."""
        found = [(name, MISSING) for name in self.missing] + [(name, ADDED) for name in self.added]
        found += [("the columns", OTHERS)] if self.are_others else []
        return tuple(ReadWarning(column=name, text=text) for name, text in found)


def fingerprint(columns: Sequence[str]) -> str:
    """Return what stands for columns whose names are too long for the header of a state."""
    return mark_of("\n".join(sorted(map(plain, columns)))) or ""


def changes_of(before: KnownColumns, now: Sequence[str] | None) -> ColumnChanges:
    """Return how columns differ, in whatever spelling and order; nothing if those of one sync are not known."""
    if before is None or now is None:
        return ColumnChanges()
    if isinstance(before, str):
        return ColumnChanges(are_others=fingerprint(now) != before)
    known, given = ({plain(name): name for name in names} for names in (before, now))
    missing = tuple(name for spelling, name in known.items() if spelling not in given)
    return ColumnChanges(missing, tuple(name for spelling, name in given.items() if spelling not in known))
