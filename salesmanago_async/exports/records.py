"""A JSON array that arrives in pieces → its elements, in flat memory, at the speed of the parser.

Elements are parsed in batches. When enough bytes are there, the last place that looks like the boundary between two
top-level elements is searched from the end, and everything before it is parsed as one array: the comma there becomes
the bracket that closes it, and then the one that opens the rest, so that not a byte has to be moved.

The parse is the proof. Were the boundary a false one, inside a string or a nested array, then the text before it would
have an unclosed quote or bracket; were it behind the end of the array, something would follow its bracket. The parser
would refuse either, and the boundary before that is tried then. So no scanner of ours has to understand JSON, and no
input can make it misread.

What a boundary looks like is learned from two elements: the brackets that close the one, the comma, and the bracket
that opens the other, with the white space between them, as in `}},{"`. A file that changes its style midway only loses
speed: the standard library's parser then takes one element after the other, and the new style is learned.

What is left at the end must close the array; otherwise the file was cut, which is an error, never a short list.

The array may also be inside the one object that the file is. Where it begins is proved in the same way: the text up to
its bracket, closed by `]}`, must be an object whose last field it is.

Batches are small, since a parser is quickest where its objects stay in the processor's cache until they are done with.
"""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, cast

import orjson

from ..errors import Unreadable

BATCH_BYTES = 64 * 1024
LONGEST_ELEMENT = 256 * 1024 * 1024

_MOST_GUESSES = 8
_LONGEST_HEAD = 64 * 1024
"""A list inside an object is read in batches if it begins within so many bytes; else the object is read whole."""

_ARRAY, _CLOSE, _OBJECT, _COMMA = b"[]{,"
_CLOSERS, _SPACE, _OPENERS = b"}] \t\r\n", b" \t\r\n", b'{[" \t\r\n'
_BOM = b"\xef\xbb\xbf"


class ArrayReader:
    """Takes the bytes of a file that holds one JSON array, or one object, which then is the only record.

    `inside` names a field of that object: its elements are the records then, and what stands beside it is in `beside`
    when all is read.
    """

    def __init__(self, *, inside: str | None = None, batch_bytes: int = BATCH_BYTES) -> None:
        self.beside: dict[str, Any] = {}
        self._inside = inside
        self._batch_bytes = batch_bytes
        self._buffer = bytearray()
        self._begun = False  # the buffer begins with a bracket
        self._may_enter = inside is not None
        self._entered = False
        self._threshold = 1
        self._separator: bytes | None = None
        self._comma = 0
        self._after_comma = False

    def batches(self, piece: bytes) -> Iterator[list[Any]]:
        """Take the next bytes, however many; yield the elements that they completed, as many at a time as is quick."""
        for start in range(0, len(piece), self._batch_bytes):
            elements = self.feed(piece[start : start + self._batch_bytes])
            if elements:
                yield elements

    def feed(self, piece: bytes) -> list[Any]:
        """Take the next bytes; return the elements that they completed, mostly none or many."""
        self._buffer += piece
        if not self._begun and not self._begin():
            return []
        if self._may_enter:
            self._enter()
        elements: list[Any] = []
        if self._buffer[0] == _ARRAY and len(self._buffer) >= self._threshold:
            elements = self._take_batch()
            self._threshold = self._batch_bytes if elements else max(self._batch_bytes, 2 * len(self._buffer))
        if len(self._buffer) > LONGEST_ELEMENT:
            raise Unreadable(f"no record of the file ends within {LONGEST_ELEMENT} bytes")
        return elements

    def close(self) -> list[Any]:
        """Return the last elements; raise `Unreadable` where the file does not end as it must."""
        if not self._begun:
            raise Unreadable(f"the file is no JSON array; it is {_beginning(self._buffer)}")
        last = _parsed(b'{"":' + self._buffer if self._entered else self._buffer)
        if isinstance(last, dict):
            if self._inside is None:
                return [last]
            last = self._inner_list(cast("dict[str, Any]", last), self._inside)
        if self._after_comma and not last:
            raise Unreadable("the file is damaged: there is nothing after its last comma")
        return cast("list[Any]", last)

    def _begin(self) -> bool:
        """Get to the first bracket; False while only white space, or part of a byte order mark, has come."""
        if len(self._buffer) < len(_BOM) and _BOM.startswith(self._buffer):
            return False
        text = self._buffer.removeprefix(_BOM).lstrip(_SPACE)
        if not text:
            return False
        if text[0] not in {_ARRAY, _OBJECT}:
            raise Unreadable(f"the file is no JSON array; it begins {_beginning(text)}")
        self._buffer = text
        self._begun = True
        self._may_enter &= text[0] == _OBJECT
        return True

    def _enter(self) -> None:
        """Get to the bracket that opens the list inside the object, once it is there."""
        opening = re.escape(json.dumps(self._inside).encode()) + rb"\s*:\s*\["
        for found in islice(re.finditer(opening, self._buffer[:_LONGEST_HEAD]), _MOST_GUESSES):
            before = _loaded(self._buffer[: found.end()] + b"]}")
            if before and list(before)[-1] == self._inside:
                self.beside = {name: content for name, content in before.items() if name != self._inside}
                del self._buffer[: found.end() - 1]
                self._entered = True
                break
        self._may_enter = not self._entered and len(self._buffer) < _LONGEST_HEAD

    def _inner_list(self, last: dict[str, Any], name: str) -> list[Any]:
        """Return the records of the object, or what is left of them, and keep what is beside them."""
        found = last.pop("" if self._entered else name, None)
        self.beside |= last
        if not isinstance(found, list) or name in last:
            raise Unreadable(f"the file has no list {name!r}, or several; it has {', '.join(self.beside) or 'nothing'}")
        return found

    def _take_batch(self) -> list[Any]:
        if self._separator is None and not self._learn():
            return []
        end = len(self._buffer)
        for _ in range(_MOST_GUESSES):
            found = self._buffer.rfind(cast("bytes", self._separator), 0, end)
            if found < 0:
                break
            end = found + self._comma
            elements = self._closed_at(end)
            if elements is not None:
                return self._taken(elements, end)
        return self._take_one_by_one()

    def _closed_at(self, comma: int) -> list[Any] | None:
        """Return the elements before the comma; None where it does not stand between two."""
        self._buffer[comma] = _CLOSE
        with memoryview(self._buffer)[: comma + 1] as text:
            elements = cast("list[Any] | None", _loaded(text))
        self._buffer[comma] = _COMMA
        return elements

    def _taken(self, elements: list[Any], comma: int) -> list[Any]:
        """Let go of the elements before the comma, which from now on opens the array."""
        if not elements:
            raise Unreadable("the file is damaged: there is nothing before one of its commas")
        self._buffer[comma] = _ARRAY
        del self._buffer[:comma]
        self._after_comma = True
        return elements

    def _learn(self) -> bool:
        """Find out what stands between the first two elements; False while they are not both there."""
        text = self._text()
        _, end = _element(text, 1)
        comma = _skip(text, end, _SPACE)
        start = _skip(text, comma + 1, _SPACE)
        if not end or text[comma : comma + 1] != "," or start >= len(text):
            return False
        closing = len(text[:end].rstrip(_CLOSERS.decode()))
        self._separator = text[closing : _skip(text, start, _OPENERS)].encode()
        self._comma = comma - closing
        return True

    def _take_one_by_one(self) -> list[Any]:
        self._separator = None
        text = self._text()
        elements: list[Any] = []
        last_comma = 0
        while True:
            element, end = _element(text, last_comma + 1)
            comma = _skip(text, end, _SPACE)
            if not end or text[comma : comma + 1] != ",":
                break
            elements.append(element)
            last_comma = comma
        try:
            return self._taken(elements, len(text[:last_comma].encode())) if elements else []
        except UnicodeEncodeError:
            raise Unreadable("the file is damaged: it is not UTF-8") from None

    def _text(self) -> str:
        return self._buffer.decode("utf-8", "surrogateescape")


def _loaded(text: bytearray | memoryview) -> Any:
    """Return what the text says; None where it is no JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


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
