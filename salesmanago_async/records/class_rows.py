"""Rows that are no mappings and have names: dataclasses, attrs objects, named tuples, and rows of databases."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, TypeAlias, cast

from ..errors import Invalid

ToDict: TypeAlias = Callable[[Any], dict[Any, Any]]
"""Returns a row as {name: value}."""


def row_reader(row: Any) -> ToDict | None:
    """Return the function that reads rows of this row's class; None if they have no names.

    Classes of this package are no rows: each has a meaning of its own. Raises `Invalid` for a row of a database that
    has two columns of one name.
    """
    kind: type = row.__class__
    if isinstance(row, type) or kind.__module__.partition(".")[0] == __name__.partition(".")[0]:
        return None
    if dataclasses.is_dataclass(kind):
        return _attributes([field.name for field in dataclasses.fields(kind)])
    if hasattr(kind, "__attrs_attrs__"):
        return _attributes([field.name for field in cast("Any", kind).__attrs_attrs__])
    if hasattr(row, "_mapping"):  # SQLAlchemy's Row
        _check_distinct(row._mapping.keys())
        return lambda row: dict(row._mapping)
    if isinstance(row, tuple) and hasattr(kind, "_fields"):
        return lambda row: dict(zip(row._fields, row, strict=True))
    has_names = hasattr(kind, "keys") and hasattr(kind, "__getitem__")
    is_table = hasattr(kind, "__arrow_c_stream__") and kind.__name__ != "Series"
    if is_table or not has_names:
        return None
    _check_distinct(cast("Any", row).keys())
    return dict  # sqlite3.Row, asyncpg.Record, a row of a pandas frame


def may_repeat_names(row: Any, to_dict: ToDict) -> bool:
    """Return whether rows of this class may have two columns of one name: their mapping is shorter than they are."""
    return hasattr(row, "__len__") and (to_dict is dict or hasattr(row, "_mapping"))


def _check_distinct(names: Iterable[Any]) -> None:
    """Raise `Invalid` if a row has two columns of one name: a mapping would lose the first of them."""
    found: set[Any] = set()
    for name in names:
        if name in found:
            rule = "is given 2 times in one row; give each column a name of its own, as with AS in SQL"
            raise Invalid(rule, field=str(name))
        found.add(name)


def _attributes(names: Sequence[str]) -> ToDict:
    if len(names) < 2:  # then attrgetter returns no tuple
        return lambda row: {name: getattr(row, name) for name in names}
    values = attrgetter(*names)
    return lambda row: dict(zip(names, values(row), strict=True))
