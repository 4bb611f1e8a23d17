"""Is a piece of a CSV file so plain that no cell needs cleaning? A look at its bytes tells. Pure: no I/O.

Nearly all pieces of nearly all files are plain. To find this out takes a twentieth of the time that it takes to look at
each cell. Whatever `CellRules.clean` would change, and LOST_DIGITS, show by a byte that is searched for first. Where it
is found, what is around it decides:

    NUL, tab and other controls                            anywhere
    invisible characters, white space beyond ASCII         anywhere; the first of their bytes in UTF-8 is searched for
    a space at the end of a cell:         Ann ,  "Ann ",   before a delimiter, the end of a line, or a closing quote
    a space at the beginning:                    " Ann",   behind an opening quote; csv.reader skips any other
    marks of spreadsheets:               '+48…,  ="0095",  behind a delimiter, a space, a quote, or the end of a line
    digits that were dropped:                4.86E+10,     behind E or e, and a digit of any script

A plain piece may be taken for another, such as one with the cell  a; 'b  in it. The opposite never happens (a test
compares the answer with each cell). Pieces that are not plain are searched column by column, in
records/unclean_columns.py, and so are all pieces for what is not searched for here: texts of `null`, words such as
NULL, and 12.0.
"""

import re
from typing import Final

from ..records.cells import INVISIBLE

DELIMITERS: Final = ",;|"
"""The delimiters that are known here. A tab is none of them: it is white space, too."""

WHITE_SPACE: Final = (
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""All white space beyond ASCII."""
_UNSEEN = [character.encode() for character in WHITE_SPACE + INVISIBLE]
_FIRST_OF_A_CELL = rb"%b(?<![^,;|\" \r\n]%b)"

_SUSPICIOUS: dict[bytes, re.Pattern[bytes] | None] = {
    **{bytes([control]): None for control in b"\0\t\v\f\x1c\x1d\x1e\x1f"},
    **{
        first: re.compile(b"|".join(each for each in _UNSEEN if each.startswith(first)))
        for first in {each[:1] for each in _UNSEEN}
    },
    b" ": re.compile(rb" (?:[,;|\r\n]|\"(?!\"))"),
    b'"': re.compile(rb"\" (?<!\"\" )"),
    b"'": re.compile(_FIRST_OF_A_CELL % (b"'", b"'")),
    b"=": re.compile(_FIRST_OF_A_CELL % (b"=", b"=")),
    b"+": re.compile(rb"\+(?<=[0-9\x80-\xff][eE]\+)"),
}
"""A byte, and the text around it that matters; None if the byte itself does.

Each pattern begins with its byte, as a search for one byte or two is the quickest of all.
"""


def is_plain(piece: bytes) -> bool:
    """Return whether no cell of these lines, in UTF-8, needs cleaning. Each row must be on one line."""
    return not piece.endswith(b" ") and not any(
        byte in piece and (pattern is None or pattern.search(piece) is not None)
        for byte, pattern in _SUSPICIOUS.items()
    )
