"""What looks wrong in a text, but may be meant: digits that a spreadsheet has dropped, or NULL. Pure: no I/O.

What is looked for depends on the kind of the field: 120.00 is a usual amount, and an unusual phone number.
"""

import re
from collections.abc import Sequence
from enum import Enum, auto
from typing import TypeAlias

from .prices import amount_in

Finding: TypeAlias = str
"""What looks wrong in a cell, in words that follow the name of its column."""

LOST_DIGITS: Finding = "has numbers such as 4.86E+10: a spreadsheet has dropped their last digits"
NULL_WORDS: Finding = 'has words such as NULL: null="NULL" makes them absent'
ZERO_FRACTIONS: Finding = "has whole numbers that end in .0"
EXPONENTS: Finding = (
    "has numbers such as 4.86001E10: a program has written them in short, maybe without their last digits"
)
THOUSANDS: Finding = "has numbers such as 1,234, which are taken for 1234; decimal=',' takes them for 1.234"
POINTS: Finding = "has prices such as 1.234, which are taken for 1.234; decimal=',' takes them for 1234"

WORDS_FOR_NULL = frozenset(
    {"null", "(null)", "[null]", "<null>", "n/a", "nan", "none", "nil", "<na>", "nat", "\\n", "undefined", "(blank)"}
    | {"#n/a", "#ref!", "#name?", "#value!", "#div/0!", "#num!", "#null!", "#error!"}  # errors of spreadsheets
    | {"[object object]", "(not set)"}
)
"""Words in place of a value, in small letters."""
_LONGEST_WORD = max(map(len, WORDS_FOR_NULL))

_LOST = re.compile(r"[-+]?\d+(?:[.,]\d+)?[eE]\+\d+")
_EXPONENT = re.compile(r"[-+]?\d+[.,]\d+[eE]\d+")
ZERO_FRACTION = re.compile(r"([-+]?\d+)(?:\.0+|,00?)")
"""A whole number with a fraction of zeros; 1,000 is none, as it may be a thousand."""
_MAYBE_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")
"""A number that is 1234 or 1.234."""
_MAYBE_POINTS = re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}")
"""A price that is 1.234 or 1234: hardly any price has three decimals."""


class CellKind(Enum):
    """What a cell is read as, and so what may look wrong in it."""

    TEXT = auto()
    """A text, which is sent as it is."""
    NUMBER = auto()
    """A number, in which a comma may be taken for what it is not."""
    PRICE = auto()
    """A number of a product feed, maybe with a currency, in which a comma or a point may be taken for what it is not.
    """
    EXACT = auto()
    """A time, a yes or no, or a number whose decimal mark was said."""
    IGNORED = auto()
    """A cell that is not read."""


def findings(cell: str, kind: CellKind = CellKind.TEXT) -> Sequence[Finding]:
    """Return what looks wrong in a cell of text, though it is taken."""
    if kind is CellKind.IGNORED:
        return ()
    if kind is CellKind.PRICE:
        cell = amount_in(cell) or cell
    if not cell[-1:].isdigit():  # nearly all cells, so this must be quick
        is_word = len(cell) <= _LONGEST_WORD and cell.lower() in WORDS_FOR_NULL
        return (NULL_WORDS,) if is_word else ()
    if _LOST.fullmatch(cell):
        return (LOST_DIGITS,)
    if kind is CellKind.PRICE and _MAYBE_POINTS.fullmatch(cell):
        return (POINTS,)
    if kind in (CellKind.NUMBER, CellKind.PRICE):
        return (THOUSANDS,) if _MAYBE_THOUSANDS.fullmatch(cell) else ()
    if _EXPONENT.fullmatch(cell):
        return (EXPONENTS,)
    return (ZERO_FRACTIONS,) if kind is CellKind.TEXT and ZERO_FRACTION.fullmatch(cell) else ()
