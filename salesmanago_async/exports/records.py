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


class ArrayReader:
    """Takes the bytes of a file that holds one JSON array (or one object, which then is the only record)."""

    def __init__(self, *, batch_bytes: int = BATCH_BYTES) -> None:
        self._buffer = bytearray()
        self._batch_bytes = batch_bytes
        self._threshold = 1
        self._begun = False
        self._is_object = False
        self._separator: bytes | None = None
        self._comma = 0

    def feed(self, piece: bytes) -> list[Any]:
        """Take the next bytes; return the elements that they completed, mostly none or many."""
        self._buffer += piece
        if not self._begun and not self._begin():
            return []
        if self._is_object or len(self._buffer) < self._threshold:
            return []
        elements = self._take_batch()
        if not elements and len(self._buffer) > LONGEST_ELEMENT:
            raise Unreadable(f"no record of the file ends within {LONGEST_ELEMENT} bytes")
        self._threshold = self._batch_bytes if elements else max(self._batch_bytes, 2 * len(self._buffer))
        return elements

    def close(self) -> list[Any]:
        """Return the last elements; raise `Unreadable` where the file does not end as it must."""
        if not self._begun:
            raise Unreadable(f"the file is no JSON array; it is {_beginning(self._buffer)}")
        if self._is_object:
            return [_parsed(bytes(self._buffer))]
        return cast("list[Any]", _parsed(b"[" + self._buffer))

    def _begin(self) -> bool:
        """Strip the opening bracket; False while only white space has come."""
        text = self._buffer.removeprefix(b"\xef\xbb\xbf").lstrip()
        if not text:
            return False
        if bytes(text[:1]) not in {b"[", b"{"}:
            raise Unreadable(f"the file is no JSON array; it begins {_beginning(text)}")
        self._is_object = text[:1] == b"{"
        self._buffer = text if self._is_object else text[1:]
        self._begun = True
        return True

    def _take_batch(self) -> list[Any]:
        if self._separator is None and not self._learn():
            return []
        end = len(self._buffer)
        for _ in range(_MOST_GUESSES):
            found = self._buffer.rfind(cast("bytes", self._separator), 0, end)
            if found < 0:
                break
            cut = found + self._comma
            try:
                elements = cast("list[Any]", orjson.loads(b"[" + self._buffer[:cut] + b"]"))
            except orjson.JSONDecodeError:
                end = cut
                continue
            del self._buffer[: cut + 1]
            return elements
        return self._take_one_by_one()

    def _learn(self) -> bool:
        """Find out what stands between the first two elements; False while they are not both there."""
        first = self._first_element()
        if first is None:
            return False
        _, end = first
        comma = _skip(self._buffer, end, _SPACE)
        start = _skip(self._buffer, comma + 1, _SPACE)
        if self._buffer[comma : comma + 1] != b"," or start >= len(self._buffer):
            return False
        closing = len(self._buffer[:end].rstrip(_CLOSERS))
        opening = _skip(self._buffer, start, _OPENERS)
        self._separator = bytes(self._buffer[closing:opening])
        self._comma = comma - closing
        return True

    def _take_one_by_one(self) -> list[Any]:
        elements: list[Any] = []
        while (first := self._first_element()) is not None:
            element, end = first
            comma = _skip(self._buffer, end, _SPACE)
            if self._buffer[comma : comma + 1] != b",":
                break
            elements.append(element)
            del self._buffer[: comma + 1]
        return elements

    def _first_element(self) -> tuple[Any, int] | None:
        """Return the first element and where it ends, exactly; None where it is not complete."""
        text = self._buffer.decode("utf-8", "ignore").lstrip()
        leading = len(self._buffer) - len(self._buffer.lstrip())
        try:
            element, length = json.JSONDecoder().raw_decode(text)
        except ValueError:
            return None
        return element, leading + len(text[:length].encode())


def _skip(buffer: bytearray, start: int, over: bytes) -> int:
    while start < len(buffer) and buffer[start] in over:
        start += 1
    return start


def _parsed(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"the file is damaged or was cut: {error}") from None


def _beginning(content: bytes | bytearray) -> str:
    return repr(bytes(content[:60]).decode("utf-8", "replace")) if content.strip() else "empty"
