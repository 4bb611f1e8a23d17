"""A JSON array that arrives in pieces → its elements, in flat memory, at the speed of the parser.

Elements are parsed in batches. When enough bytes are there, the last place that looks like the boundary between two
top-level elements is searched from the end, and everything before it is parsed as one array: `[` + bytes + `]`.

The parse is the proof. Were the boundary a false one, inside a string or a nested array, then the text before it would
have an unclosed quote or bracket, and the parser would refuse it; the boundary before that is tried then. So no scanner
of ours has to understand JSON, and no input can make it misread.

What a boundary looks like is learned from the first two elements: the brackets that close the one, the comma, and
the bracket that opens the other, with the white space between them, as in `}},{"`. A file that changes its style
midway only loses speed: the standard library's parser then takes one element after the other.

What is left at the end must close the array; otherwise the file was cut, which is an error, never a short list.
"""

import json
from typing import Any, cast

import orjson

from ..errors import Unreadable

BATCH_BYTES = 256 * 1024
LONGEST_ELEMENT = 256 * 1024 * 1024

_MOST_GUESSES = 8
_CLOSERS, _SPACE, _OPENERS = b"}] \t\r\n", b" \t\r\n", b'{[" \t\r\n'
_BOM = b"\xef\xbb\xbf"


class ArrayReader:
    """Takes the bytes of a file that holds one JSON array (or one object, which then is the only record)."""

    def __init__(self, *, batch_bytes: int = BATCH_BYTES) -> None:
        self._buffer = bytearray()
        self._batch_bytes = batch_bytes
        self._threshold = 1
        self._opening = b""
        self._separator: bytes | None = None
        self._comma = 0
        self._after_comma = False

    def feed(self, piece: bytes) -> list[Any]:
        """Take the next bytes; return the elements that they completed, mostly none or many."""
        self._buffer += piece
        if not self._opening and not self._begin():
            return []
        elements: list[Any] = []
        if self._opening == b"[" and len(self._buffer) >= self._threshold:
            elements = self._take_batch()
            self._threshold = self._batch_bytes if elements else max(self._batch_bytes, 2 * len(self._buffer))
        if len(self._buffer) > LONGEST_ELEMENT:
            raise Unreadable(f"no record of the file ends within {LONGEST_ELEMENT} bytes")
        return elements

    def close(self) -> list[Any]:
        """Return the last elements; raise `Unreadable` where the file does not end as it must."""
        if not self._opening:
            raise Unreadable(f"the file is no JSON array; it is {_beginning(self._buffer)}")
        last = _parsed(self._opening + self._buffer)
        if self._opening == b"{":
            return [last]
        if self._after_comma and not last:
            raise Unreadable("the file is damaged: there is nothing after its last comma")
        return cast("list[Any]", last)

    def _begin(self) -> bool:
        """Take the opening bracket; False while only white space, or part of a byte order mark, has come."""
        if len(self._buffer) < len(_BOM) and _BOM.startswith(self._buffer):
            return False
        text = self._buffer.removeprefix(_BOM).lstrip(_SPACE)
        if not text:
            return False
        if bytes(text[:1]) not in {b"[", b"{"}:
            raise Unreadable(f"the file is no JSON array; it begins {_beginning(text)}")
        self._opening = bytes(text[:1])
        self._buffer = text[1:]
        return True

    def _take_batch(self) -> list[Any]:
        if self._separator is None and not self._learn():
            return []
        end = len(self._buffer)
        for _ in range(_MOST_GUESSES):
            found = self._buffer.rfind(cast("bytes", self._separator), 0, end)
            if found < 0:
                break
            end = found + self._comma
            try:
                elements = cast("list[Any]", orjson.loads(b"[" + self._buffer[:end] + b"]"))
            except orjson.JSONDecodeError:
                continue
            return self._taken(elements, end + 1)
        return self._take_one_by_one()

    def _taken(self, elements: list[Any], length: int) -> list[Any]:
        if not elements and length:
            raise Unreadable("the file is damaged: there is nothing between two commas")
        del self._buffer[:length]
        self._after_comma = self._after_comma or bool(length)
        return elements

    def _learn(self) -> bool:
        """Find out what stands between the first two elements; False while they are not both there."""
        text = self._text()
        _, end = _element(text, 0)
        comma = _skip(text, end, _SPACE)
        start = _skip(text, comma + 1, _SPACE)
        if not end or text[comma : comma + 1] != "," or start >= len(text):
            return False
        closing = len(text[:end].rstrip(_CLOSERS.decode()))
        self._separator = text[closing : _skip(text, start, _OPENERS)].encode()
        self._comma = comma - closing
        return True

    def _take_one_by_one(self) -> list[Any]:
        text = self._text()
        elements: list[Any] = []
        taken = 0
        while True:
            element, end = _element(text, taken)
            comma = _skip(text, end, _SPACE)
            if not end or text[comma : comma + 1] != ",":
                break
            elements.append(element)
            taken = comma + 1
        try:
            return self._taken(elements, len(text[:taken].encode()))
        except UnicodeEncodeError:
            raise Unreadable("the file is damaged: it is not UTF-8") from None

    def _text(self) -> str:
        return self._buffer.decode("utf-8", "surrogateescape")


def _element(text: str, start: int) -> tuple[Any, int]:
    """Return the element that begins at `start`, and where it ends; 0 where it is not complete."""
    try:
        return _DECODER.raw_decode(text, _skip(text, start, _SPACE))
    except RecursionError:
        raise Unreadable("the file is damaged: it is nested too deeply") from None
    except ValueError:
        return None, 0


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _skip(text: str, start: int, over: bytes) -> int:
    while start < len(text) and text[start].encode("utf-8", "surrogatepass") in over:
        start += 1
    return start


def _parsed(content: bytes | bytearray) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        try:  # half a surrogate pair is JSON, though not to orjson
            return _DECODER.decode(content.decode())
        except (ValueError, RecursionError):
            raise Unreadable(f"the file is damaged or was cut: {error}") from None


def _beginning(content: bytes | bytearray) -> str:
    return repr(bytes(content[:60]).decode("utf-8", "replace")) if content.strip() else "empty"
