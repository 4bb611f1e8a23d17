"""Values of databases, frames and arrays as plain Python values. Pure, and without numpy, pandas and pyarrow.

    "  Ann ", " "                               "Ann", "": trimmed by the rules of the run
    NaN, pandas.NA, NaT, Decimal("NaN")         absent
    ("VIP",), {"VIP", " NEW "}                  ["VIP"], ["NEW", "VIP"]: entries of sets are in the order of their texts
    numpy.int64(5), numpy.array(["VIP"])        5, ["VIP"]
    numpy.float32(0.1)                          0.1: the shortest text that means this float32
    numpy.float32(123456789)                    no text: its last digits are lost
    numpy.datetime64("2026-03-01T12:00")        an aware datetime, like any datetime without a zone

These libraries are never imported here: their values are recognized by their attributes and the names of their classes.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, TypeAlias

from attrs import frozen

from ..api.fields import CLEAR
from ..api.text_values import in_order, of_small_float

Trim: TypeAlias = Callable[[str], str]
"""Returns a text without what is around it; "" if the text means absent."""

Plain: TypeAlias = Callable[[Any], Any]
"""Returns the plain value of a value, or None if it is absent; raises `ValueError` if there can be none."""

SETS: frozenset[type[Any]] = frozenset({set, frozenset})
LISTS: frozenset[type[Any]] = frozenset({list, tuple, *SETS})
"""The classes of lists, and of what is read like a list."""
_UNCHANGED = frozenset({int, bool, type(None)})
_MISSING = frozenset({"NAType", "NaTType"})


@frozen
class Unreadable:
    """A cell that has no value in Python: what it is, as text, and why it cannot be read."""

    text: str
    reason: str


class UnreadableText(str):
    """The text of a cell that cannot be read, where a row is given back: it is no text that could be sent."""

    __slots__ = ()


def plain_values(time_zone: tzinfo, trim: Trim | None) -> Plain:
    """Return the function that returns plain values; datetimes without a zone are in `time_zone`.

    `trim` is applied to every text, also in lists and mappings (None: to none); a list then has no blank entries.
    Absent entries of lists are left out.
    """

    def plain(value: Any) -> Any:
        kind: type = value.__class__
        if kind is str:
            return trim(value) if trim else value
        if kind in _UNCHANGED:
            return value
        if kind is float:
            return value if value == value else None
        if kind in LISTS:
            parts = [part for part in map(plain, value) if part is not None]
            present = [part for part in parts if part.__class__ is not str or part] if trim else parts
            return in_order(present) if kind in SETS else present
        if kind.__name__ in _MISSING:
            return None
        if hasattr(value, "dtype") and hasattr(value, "tolist"):
            return plain(_without_numpy(value))
        if isinstance(value, str):  # a member of an enumeration
            return trim(str.__str__(value)) if trim and value is not CLEAR else value
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=time_zone)
        if isinstance(value, Decimal):
            return None if value.is_nan() else value
        if isinstance(value, Mapping):
            return {key: plain(part) for key, part in value.items()}
        if kind is Unreadable:
            raise ValueError(value.reason)
        return value

    return plain


def _without_numpy(value: Any) -> Any:
    """Return a scalar or an array of numpy (or a Series) as Python values."""
    kind = getattr(value.dtype, "kind", "O")
    if kind in "mM":  # as nanoseconds they would become numbers
        return _checked_times(_times(value, kind))
    if kind == "f" and value.dtype.itemsize < 8:
        return _shortest(value.tolist(), value)
    return value.tolist()


def _times(value: Any, kind: str) -> Any:
    """Return the times as Python's, NaT as None, and an int for what Python cannot express."""
    day = f"{kind}8[D]"
    try:
        times = value.astype(f"{kind}8[us]")
        has_overflown = (times.astype(day) != value.astype(day)) & (value == value)  # NaT differs from itself
    except OverflowError:
        return 0
    return 0 if has_overflown.any() else times.tolist()  # older versions of numpy wrap around without an error


def _checked_times(found: Any) -> Any:
    if isinstance(found, list):
        return [_checked_times(part) for part in found]
    if isinstance(found, int):
        raise ValueError("is a time that is not in the years 1 to 9999")  # noqa: TRY004 - one kind of error
    return found


def _shortest(found: Any, value: Any) -> Any:
    """Return float32 and float16 as the float with the same shortest text."""
    if isinstance(found, list):
        return [_shortest(part, inner) for part, inner in zip(found, value, strict=True)]
    return of_small_float(float(str(value)), value.dtype.itemsize)
