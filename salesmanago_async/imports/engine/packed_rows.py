"""Rows as bytes, which are unpickled when they are used: hardly any row is, as nearly all records are accepted.

Rows are packed a few at a time, as they are read. A row has several objects that the garbage collector follows. Where
many of them live for long, it goes through all objects of the program now and then. As long as few rows are objects at
a time, it has nothing to do, which saves a sixth of the time of a run.
"""

import io
import pickle
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_PICKLED_WELL = frozenset({"array", "builtins", "copyreg", "collections", "datetime", "decimal", "uuid", "zoneinfo"})


class PackedRows(Sequence[Any]):
    """Rows that are added in groups. A group that cannot be pickled (such as rows of a database) stays as it is."""

    def __init__(self) -> None:
        self._groups: list[bytes | list[Any]] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]

    def __iter__(self) -> Iterator[Any]:
        for group in self._groups:
            yield from pickle.loads(group) if isinstance(group, bytes) else group  # noqa: S301 - see `pickled`

    def extend(self, rows: Iterable[Any]) -> None:
        """Add a group of rows."""
        group = list(rows)
        self._length += len(group)
        try:
            self._groups.append(pickled(group))
        except Exception:  # whatever the code of the record raises
            self._groups.append(group)


class ReorderedRows(Sequence[Any]):
    """Rows in another order, which are unpacked only when they are used."""

    def __init__(self, rows: Sequence[Any], order: Sequence[int]) -> None:
        self._rows = rows
        self._order = order

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]

    def __iter__(self) -> Iterator[Any]:
        rows = list(self._rows)
        return (rows[index] for index in self._order)


class _Pickler(pickle.Pickler):
    """Pickles only what can be unpickled unchanged: plain data, values of the standard library, and our own classes."""

    def reducer_override(self, obj: Any) -> Any:
        module = getattr(obj, "__module__", None) or type(obj).__module__
        if module.partition(".")[0] not in _PICKLED_WELL | {__name__.partition(".")[0]}:
            raise pickle.PicklingError(f"a {type(obj).__name__} of {module}")
        return NotImplemented


def pickled(content: Any) -> bytes:
    """Return a value as bytes that `pickle.loads` turns into the same again; raise any error if that is impossible."""
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(content)
    return buffer.getvalue()
