"""Splits a page into tags, texts and comments, in order, without building a tree.

The page may come from anyone, so the time is proportional to its length, whatever is in it. The standard library's
parser needs minutes for a few hundred kB of unclosed tags, and parsers that build a tree do not report the line of a
tag. As in browsers, anything unclosed continues to the end of the page.
"""

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Literal

from attrs import field, frozen

RAW = frozenset({"script", "style", "noscript", "textarea", "title", "iframe", "noembed", "noframes", "xmp"})
"""Elements that contain text and no tags, if scripts are enabled."""

_NAME = re.compile(r"</?([a-zA-Z][^\s/>]*)")
_BETWEEN = re.compile(r"[\s/]*")
_ATTRIBUTE = re.compile(r"""([^\s/>][^\s/>=]*)(\s*=\s*)?""")
_UNQUOTED = re.compile(r"[^\s>]*")
_RAW_ENDS = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in RAW}


@frozen
class Piece:
    """A piece of a page: its line, and the name of its tag (in lower case) or its text."""

    kind: Literal["start", "end", "text", "raw", "comment"]
    line: int
    name: str = ""
    text: str = ""
    attributes: Mapping[str, str] = field(factory=dict)


def read_pieces(html: str) -> Iterator[Piece]:
    """Yield the pieces of a page in order; the start of an element in `RAW` is followed by its text, as one piece."""
    line, counted, position = 1, 0, 0
    while position < len(html):
        line += html.count("\n", counted, position)
        counted = position
        piece, position = _piece(html, position, line)
        if piece:
            yield piece
        if piece and piece.kind == "start" and piece.name in RAW:
            found = _RAW_ENDS[piece.name].search(html, position)
            end = found.start() if found else len(html)
            yield Piece("raw", line + html.count("\n", counted, position), piece.name, html[position:end])
            position = end


def _piece(html: str, start: int, line: int) -> tuple[Piece | None, int]:
    """Return the piece that begins at `start`, or None if it is irrelevant, and the position of the next piece."""
    if html[start] != "<":
        return _text(html, start, html.find("<", start), line)
    if html.startswith("<!--", start):
        return _comment(html, start + 4, html.find("-->", start + 2), 3, line)
    if name := _NAME.match(html, start):
        attributes, end = _attributes(html, name.end())
        if end is None:
            return None, len(html)
        kind: Literal["start", "end"] = "end" if html[start + 1] == "/" else "start"
        return Piece(kind, line, name[1].lower(), "", attributes), end
    if html.startswith(("<!", "<?", "</"), start):
        return _comment(html, start + 2, html.find(">", start), 1, line)
    return _text(html, start, html.find("<", start + 1), line)


def _text(html: str, start: int, end: int, line: int) -> tuple[Piece, int]:
    end = len(html) if end < 0 else end
    return Piece("text", line, text=html[start:end]), end


def _comment(html: str, start: int, end: int, length: int, line: int) -> tuple[Piece, int]:
    if end < 0:
        return Piece("comment", line, text=html[start:]), len(html)
    return Piece("comment", line, text=html[start:end]), end + length


def _attributes(html: str, position: int) -> tuple[dict[str, str], int | None]:
    """Return the attributes of a tag, and where it ends; None if it does not end. Of equal names the first counts."""
    found: dict[str, str] = {}
    while (position := _end_of(_BETWEEN, html, position)) < len(html):
        attribute = _ATTRIBUTE.match(html, position)
        if not attribute:
            return found, position + 1  # it is >
        value, end = _value(html, attribute.end()) if attribute[2] else ("", attribute.end())
        if end is None:
            break
        found.setdefault(attribute[1].lower(), unescape(value))
        position = end
    return found, None


def _value(html: str, start: int) -> tuple[str, int | None]:
    quote = html[start : start + 1]
    if quote not in {'"', "'"}:
        end = _end_of(_UNQUOTED, html, start)
        return html[start:end], end
    end = html.find(quote, start + 1)
    return ("", None) if end < 0 else (html[start + 1 : end], end + 1)


def _end_of(pattern: re.Pattern[str], html: str, start: int) -> int:
    found = pattern.match(html, start)
    return found.end() if found else start
