"""In which columns of a table are cells that need a look? A few searches in each column tell. Pure: no I/O.

`CellRules.clean` and `findings` take 0.6 µs for a cell, and nearly all cells are clean. Therefore the cells of a column
are joined to one text, |Ann|Kraków|, which is searched for all that could matter. This takes a tenth of the time:

    spaces around a cell      each cell is stripped, if the text has white space or is not ASCII
    invisible characters      only in a text that is not ASCII
    '+48…, ="00950"           |' or |=
    texts of `null`           as a set
    4.86E+10                  a digit, e and +
    words such as NULL        as a set             only if asked for: this takes
    12.0                      .0 or ,0, and 0|     longer than all the rest
    4.86001E10                a mark, E and a digit
    1,234                     a comma in a number
    1.234 PLN                 a mark before three digits in a price
    #REF!, ####               |# and each cell
    VIP|NEW                   a sign, or a letter that is not A to Z, in tags

A clean column may be taken for another, such as one with the cell  a|'b  in it. The opposite never happens (a test
compares the answer with each cell).
"""

import re
from collections.abc import Sequence

from .cells import INVISIBLE, CellRules
from .findings import CHANGED_IN_TAGS, WORDS_FOR_NULL, CellKind, is_error

_WHITE_SPACE = " \t\n\r\v\f\x1c\x1d\x1e\x1f"
"""All white space of ASCII, the most frequent first."""
_LOST_DIGITS = re.compile(r"\d[eE]\+\d")
_EXPONENT = re.compile(r"[.,]\d+[eE]\d")
_MARK_IN_PRICE = re.compile(r"\d[.,]\d{3}")


def unclean_columns(rows: Sequence[Sequence[str]], rules: CellRules, *, kinds: Sequence[CellKind] | None) -> list[int]:
    """Return the numbers of the columns with cells that may need cleaning, or may have findings.

    All rows have the same width; `kinds` are those of their cells. Without it nothing but LOST_DIGITS is searched for.
    """
    columns = zip(*rows, strict=True)
    if kinds is None:
        return [number for number, cells in enumerate(columns) if _is_unclean(cells, rules, None)]
    pairs = enumerate(zip(columns, kinds, strict=True))
    return [number for number, (cells, kind) in pairs if _is_unclean(cells, rules, kind)]


def _is_unclean(cells: tuple[str, ...], rules: CellRules, kind: CellKind | None) -> bool:
    text = f"|{'|'.join(cells)}|"
    return (
        (not rules.keep_spaces and (_has_marks(text) or _has_edges(cells, text)))
        or (bool(rules.null) and not rules.null.isdisjoint((*cells, *map(str.strip, cells))))
        or _has_lost_digits(text)
        or (kind is not None and _has_findings(cells, text, kind))
    )


def _has_marks(text: str) -> bool:
    """Return whether a cell begins with a mark of spreadsheets; a single character is sooner searched for than two."""
    return ("'" in text and "|'" in text) or ("=" in text and "|=" in text)


def _has_edges(cells: tuple[str, ...], text: str) -> bool:
    """Return whether something is around a cell that nobody sees."""
    if text.isascii():
        if not any(space in text for space in _WHITE_SPACE):
            return False
    elif not text.isprintable() and any(character in text for character in INVISIBLE):
        return True
    return tuple(map(str.strip, cells)) != cells


def _has_lost_digits(text: str) -> bool:
    return "+" in text and ("E+" in text or "e+" in text) and _LOST_DIGITS.search(text) is not None


def _has_findings(cells: tuple[str, ...], text: str, kind: CellKind) -> bool:
    if kind is CellKind.IGNORED:
        return False
    has_fraction = kind in {CellKind.TEXT, CellKind.TAGS} and "0|" in text and (".0" in text or ",0" in text)
    return (
        has_fraction
        or (kind is CellKind.NUMBER and "," in text)
        or (kind is CellKind.PRICE and _MARK_IN_PRICE.search(text) is not None)
        or (kind is CellKind.TAGS and CHANGED_IN_TAGS.search(",".join(cells)) is not None)
        or _EXPONENT.search(text) is not None
        or ("#" in text and "|#" in text and any(map(is_error, cells)))
        or not WORDS_FOR_NULL.isdisjoint(map(str.lower, cells))
    )
