"""What looks wrong in a text, but may be meant: digits that a spreadsheet has dropped, or NULL. Pure: no I/O.

What is looked for depends on the kind of the field: 120.00 is a usual amount, and an unusual phone number.
"""

import re
from collections.abc import Sequence
from enum import Enum, auto
from typing import TypeAlias

from .cell_lists import entries
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

TAGS_WITH_SIGNS: Finding = (
    "has values such as VIP|NEW, which the server stores as VIP_NEW, one tag: a comma or ; separates tags, - _ and "
    "brackets stay, and any other sign becomes _"
)
TAGS_WITH_LETTERS: Finding = "has values such as Łódź, which the server stores as LODZ: only A to Z stay as they are"

WORDS_FOR_NULL = frozenset(
    {"null", "(null)", "[null]", "<null>", "n/a", "nan", "none", "nil", "<na>", "nat", "\\n", "undefined", "(blank)"}
    | {"#n/a", "#ref!", "#name?", "#value!", "#div/0!", "#num!", "#null!", "#error!"}  # also in small letters
    | {"[object object]", "(not set)"}
)
"""Words in place of a value, in small letters."""
_ERROR = re.compile(
    r"#[¡¿]?[^\W\d_]{2,}(?:/\d)?[!?]"  # #REF! #DIV/0! #WERT! #¿NOMBRE?
    r"|#[^\W\d_]/[^\W\d_][!?]?"  # #N/A #N/D! #Н/Д
    r"|#NV|#YOK|#HIÁNYZIK|#NENÍ_K_DISPOZICI|#GETTING_DATA"
    r"|##+"  # the column is too narrow for the number
)
"""An error of a spreadsheet, in any language: a sign and a word, nearly always with a mark behind it."""
_LONGEST_WORD = max(map(len, WORDS_FOR_NULL))

_LOST = re.compile(r"[-+]?\d+(?:[.,]\d+)?[eE]\+\d+")
_EXPONENT = re.compile(r"[-+]?\d+[.,]\d+[eE]\d+")
ZERO_FRACTION = re.compile(r"([-+]?\d+)(?:\.0+|,00?)")
"""A whole number with a fraction of zeros; 1,000 is none, as it may be a thousand."""
_MAYBE_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")
"""A number that is 1234 or 1.234."""
_MAYBE_POINTS = re.compile(r"[-+]?[1-9]\d{0,2}\.\d{3}")
"""A price that is 1.234 or 1234: hardly any price has three decimals."""

CHANGED_IN_TAGS = re.compile(r"[^A-Za-z0-9_()\[\]{}\s,;-]")
"""A character in a cell of tags that the server may store as another one, beside letter case and spaces."""


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
    TAGS = auto()
    """The texts of tags, which the server stores without signs."""
    IGNORED = auto()
    """A cell that is not read."""


def findings(cell: str, kind: CellKind = CellKind.TEXT) -> Sequence[Finding]:
    """Return what looks wrong in a cell of text, though it is taken."""
    if kind is CellKind.IGNORED:
        return ()
    if kind is CellKind.PRICE:
        cell = amount_in(cell) or cell
    if kind is CellKind.TAGS:
        return findings(cell) or _in_tags(cell)
    if not cell[-1:].isdigit():  # nearly all cells, so this must be quick
        is_word = len(cell) <= _LONGEST_WORD and cell.lower() in WORDS_FOR_NULL
        return (NULL_WORDS,) if is_word or is_error(cell) else ()
    if _LOST.fullmatch(cell):
        return (LOST_DIGITS,)
    if kind is CellKind.PRICE and _MAYBE_POINTS.fullmatch(cell):
        return (POINTS,)
    if kind in (CellKind.NUMBER, CellKind.PRICE):
        return (THOUSANDS,) if _MAYBE_THOUSANDS.fullmatch(cell) else ()
    if _EXPONENT.fullmatch(cell):
        return (EXPONENTS,)
    return (ZERO_FRACTIONS,) if kind is CellKind.TEXT and ZERO_FRACTION.fullmatch(cell) else ()


def is_error(text: str) -> bool:
    """Return whether a text is an error of a spreadsheet, which is in capital letters."""
    return text.startswith("#") and _ERROR.fullmatch(text) is not None and text.upper() == text


def _in_tags(cell: str) -> Sequence[Finding]:
    """Return what the server changes in the tags of a cell."""
    if CHANGED_IN_TAGS.search(cell) is None:  # nearly all cells
        return ()
    try:
        tags = entries(cell)
    except ValueError:  # which is rejected
        return ()
    texts = tags if isinstance(tags, list) else re.split("[,;]", tags)
    changed = {character for text in texts if isinstance(text, str) for character in CHANGED_IN_TAGS.findall(text)}
    has_letters = any(map(str.isalpha, changed))
    has_signs = not all(map(str.isalpha, changed))
    return (*([TAGS_WITH_SIGNS] if has_signs else []), *([TAGS_WITH_LETTERS] if has_letters else []))
