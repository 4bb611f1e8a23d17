"""The text of values that are not text: numbers, dates and ids, as programs and databases have them. Pure.

Only a value with one obvious text has a text here. Everything else is refused: a list has no text, and neither has a
number whose digits are lost.
"""

import math
from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import Decimal
from uuid import UUID

EXACT = 2**53
"""From here on, floats do not hold every whole number: the digits of an id may be lost."""
_EXACT_OF_SIZE = {2: 2**11, 4: 2**24}
"""The same for floats of so many bytes."""


class Inexact(float):
    """A whole number whose last digits may be lost, because a small float had it: as an amount it is good enough."""

    __slots__ = ()


def of_small_float(value: float, size: int) -> float:
    """Return the value of a float of 2 or 4 bytes, as `Inexact` if its last digits may be lost."""
    return Inexact(value) if abs(value) >= _EXACT_OF_SIZE[size] and value.is_integer() else value


def text_of(value: object) -> str | None:
    """Return the one obvious text of a value, or None if there is none; raise `ValueError` if its digits are lost."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | UUID):
        return str(value)
    if isinstance(value, float):
        return _text_of_float(value)
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else None
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("has no time zone: give an aware datetime, e.g. datetime.now(timezone.utc)")
    if isinstance(value, date | time):
        return value.isoformat()
    return None


def whole(value: object) -> object:
    """Return a float or a Decimal without a fraction as an int, and any other value unchanged."""
    if isinstance(value, float):
        is_exact = value.is_integer() and abs(value) < EXACT and not isinstance(value, Inexact)
        return int(value) if is_exact else value
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return int(value)
    return value


def in_order(entries: Iterable[object]) -> list[object]:
    """Return the entries of a set in the order of their texts: a set has an order of its own in each process."""
    return sorted(entries, key=lambda entry: str.__str__(entry) if isinstance(entry, str) else str(entry))


def _text_of_float(value: float) -> str | None:
    if not math.isfinite(value):
        return None
    if value.is_integer():
        if abs(value) >= EXACT or isinstance(value, Inexact):
            raise ValueError(f"is {value!r}, a float: its last digits may be lost; give it as text")
        return str(int(value))
    return format(Decimal(repr(float(value))), "f")
