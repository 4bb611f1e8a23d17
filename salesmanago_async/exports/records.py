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

A file with a damaged character is read as well, unless the reader is a strict one: where no boundary is proved, as the
parser refuses a byte that is not UTF-8, the records are taken one by one, and the damaged one is repaired and counted.

A record that does not fit into half a megabyte is not parsed again and again while it grows: a scanner then goes once
over each byte that comes, until the comma after the record is there. It knows texts and brackets, and no more: the
parser has the last word here too. So the work is linear in the bytes, and is done in steps of some milliseconds.

What is left at the end must close the array; otherwise the file was cut, which is an error, never a short list.

The array may also be inside the one object that the file is. Where it begins is proved in the same way: the text up to
its bracket, closed by `]}`, must be an object whose last field it is.

Batches are small, since a parser is quickest where its objects stay in the processor's cache until they are done with.
"""

import gc
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate, islice
from typing import Any, cast

import orjson
from attrs import define

from ..errors import Unreadable
from ..support.lenient_json import LONGEST_REPAIR, loads_damaged
from .damage import DamageCounter

BATCH_BYTES = 64 * 1024
LONGEST_ELEMENT = 256 * 1024 * 1024
"""The most bytes of a file that is one record."""
LONGEST_RECORD = 16 * 1024 * 1024
"""The most bytes of one record of many: to parse them is one step, of a few tenths of a second at most."""
MOST_BLANKS = 12 * 1024 * 1024
"""The most bytes of white space in a row."""

_SCANNED_FROM = 512 * 1024
_MOST_GUESSES = 8
_LONGEST_HEAD = 64 * 1024
"""A list inside an object is read in batches if it begins within so many bytes; else the object is read whole."""

_LONGEST_SEPARATOR = 1024

_ARRAY, _CLOSE, _OBJECT, _COMMA = b"[]{,"
_CLOSERS, _SPACE = "}] \t\r\n", b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


class ArrayReader:
    """Takes the bytes of a file that holds one JSON array, or one object, which then is the only record.

    `inside` names a field of that object: its elements are the records then, and what stands beside it is in `beside`
    when all is read. Damaged characters are replaced and counted in `damage`; without one, they are an error.
    """

    def __init__(
        self, *, inside: str | None = None, batch_bytes: int = BATCH_BYTES, damage: DamageCounter | None = None
    ) -> None:
        self.beside: dict[str, Any] = {}
        self._inside = inside
        self._batch_bytes = batch_bytes
        self._damage = damage
        self._decoder = _STRICT if damage is None else _LENIENT
        self._buffer = bytearray()
        self._begun = False  # the buffer begins with a bracket
        self._may_have_bom = True
        self._leading_blanks = 0
        self._scan: _Scan | None = None
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
            elements = self._take_scanned(self._scan) if self._scan else self._take_batch()
            self._wait_for_more(elements)
        longest = LONGEST_RECORD if self._buffer[0] == _ARRAY else LONGEST_ELEMENT
        if len(self._buffer) > longest:
            raise Unreadable(f"no record of the file ends within {longest} bytes")
        return self._passed(elements)

    def _wait_for_more(self, elements: list[Any]) -> None:
        """Decide when the next elements are looked for: the fewer were found, the more bytes are waited for."""
        if elements:
            self._scan = None
            self._threshold = self._batch_bytes
        elif len(self._buffer) >= _SCANNED_FROM:
            self._scan = self._scan or _Scan()
            self._threshold = 0  # only what is new is scanned
        else:
            self._threshold = max(self._batch_bytes, 2 * len(self._buffer))

    def _passed(self, elements: list[Any]) -> list[Any]:
        if self._damage:
            self._damage.records += len(elements)
        return elements

    def close(self) -> list[Any]:
        """Return the last elements; raise `Unreadable` where the file does not end as it must."""
        if not self._begun:
            raise Unreadable(f"the file is no JSON array; it is {_beginning(self._buffer)}")
        elements: list[Any] = []
        with _not_collecting():
            last = _loaded(self._rest())
        if last is None:
            elements = self._take_one_by_one() if self._may_be_repaired() and self._buffer[0] == _ARRAY else []
            last = self._repaired(self._rest(), ahead=len(elements))
        if isinstance(last, dict):
            if self._inside is None:
                return self._passed([last])
            last = self._inner_list(cast("dict[str, Any]", last), self._inside)
        if self._after_comma and not last:
            raise Unreadable("the file is damaged: there is nothing after its last comma")
        return self._passed([*elements, *cast("list[Any]", last)])

    def _rest(self) -> bytes | bytearray:
        return b'{"":' + self._buffer if self._entered else self._buffer

    def _may_be_repaired(self) -> bool:
        return self._damage is not None and len(self._buffer) <= LONGEST_REPAIR

    def _repaired(self, content: bytes | bytearray | memoryview, *, ahead: int) -> Any:
        """Return what a text says that the quick parser refuses: half a surrogate pair is JSON, damage is repaired."""
        try:
            if not self._damage:
                return _STRICT.decode(str(content, "utf-8"))
            value, damaged = loads_damaged(content, longest=LONGEST_ELEMENT)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"the file is damaged or was cut: {_said_of(content, error)}") from None
        self._damage.add(damaged, ahead=ahead)
        return value

    def _begin(self) -> bool:
        """Get to the first bracket; False while only white space, or part of a byte order mark, has come."""
        if len(self._buffer) < len(_BOM) and _BOM.startswith(self._buffer):
            return False
        text = (self._buffer.removeprefix(_BOM) if self._may_have_bom else self._buffer).lstrip(_SPACE)
        if not text:
            self._leading_blanks = _checked_blanks(self._leading_blanks + len(self._buffer))
            self._may_have_bom = False
            self._buffer.clear()
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
        if self._separator is None:
            if not self._learn():
                return []
            if self._separator is None:
                return self._take_one_by_one()
        end = len(self._buffer)
        for _ in range(_MOST_GUESSES):
            found = self._buffer.rfind(self._separator, 0, end)
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
        """Find out what stands between the first two elements; False while they are not both there.

        Where that is mostly white space, nothing is learned: it will not be the same between the next two.
        """
        text = self._text()
        _, end = self._element(text, 1)
        comma = _end_of(_BLANKS, text, end)
        start = _end_of(_BLANKS, text, comma + 1)
        if not end or text[comma : comma + 1] != "," or start >= len(text):
            return False
        closing = len(text[:end].rstrip(_CLOSERS))
        separator = text[closing : _end_of(_OPENERS, text, start)]
        self._separator = separator.encode() if len(separator) <= _LONGEST_SEPARATOR else None
        self._comma = comma - closing
        return True

    def _take_one_by_one(self) -> list[Any]:
        self._separator = None
        text = self._text()
        elements: list[Any] = []
        last_comma = 0
        while True:
            start = last_comma + 1
            element, end = self._element(text, start)
            comma = _end_of(_BLANKS, text, end)
            if not end or text[comma : comma + 1] != ",":
                break
            if _ODD.search(text, start, end):
                damaged = text[start:end].encode("utf-8", "surrogateescape")
                element = self._repaired(damaged, ahead=len(elements))
            elements.append(element)
            last_comma = comma
        length = len(text[:last_comma].encode("utf-8", "surrogateescape"))
        return self._taken(elements, length) if elements else []

    def _take_scanned(self, scan: "_Scan") -> list[Any]:
        """Return the one element that the scanner finds the end of; it may be damaged."""
        comma = scan.next_comma(self._buffer)
        if comma is None:
            return []
        with _not_collecting():
            elements = self._closed_at(comma)
        if elements is None:
            if comma > LONGEST_REPAIR:
                raise Unreadable(f"the file is damaged, in a record of {comma} bytes")
            with memoryview(self._buffer)[1:comma] as text:
                elements = [self._repaired(text, ahead=0)]
        return self._taken(elements, comma)

    def _element(self, text: str, start: int) -> tuple[Any, int]:
        """Return the element that begins at `start`, and where it ends; 0 where it is not complete."""
        try:
            return self._decoder.raw_decode(text, _end_of(_BLANKS, text, start))
        except RecursionError:
            raise Unreadable("the file is damaged: it is nested too deeply") from None
        except ValueError:
            return None, 0

    def _text(self) -> str:
        return self._buffer.decode("utf-8", "surrogateescape")


@define
class _Scan:
    """Goes once over the bytes of an array, to the comma after its first element.

    `at` is the next byte to be read, `depth` how many brackets are open there. Texts are cut out at the speed of the
    regular expressions, and brackets counted at that of `bytes.translate`: only where the element may end, each mark is
    looked at.
    """

    at: int = 1
    depth: int = 0
    in_text: bool = False
    blanks: int = 0

    def next_comma(self, buffer: bytearray) -> int | None:
        """Return where the comma is; None where it has not come."""
        while self.at < len(buffer):
            if self.in_text and not self._leave_text(buffer):
                return None
            part = bytes(buffer[self.at : self.at + BATCH_BYTES])
            opening = _end_of_whole_texts(part)
            outside = _WHOLE_TEXT.sub(b"", part[:opening])
            steps = outside.translate(_STEPS, _NO_BRACKETS)
            depths = list(accumulate(map(_STEP_OF.__getitem__, steps), initial=self.depth))
            if min(depths) > 0 or (self.depth == 0 and not steps and b"," not in outside):
                self.depth = depths[-1]
            elif (comma := self._comma_in(part)) is not None:
                return comma
            self._pass(part, enters_text=opening < len(part))
        return None

    def _comma_in(self, part: bytes) -> int | None:
        """Return where the comma is, if it is in this part; count the brackets of what there is."""
        for found in _MARK.finditer(part):
            mark = found[0]
            if mark in b"[{":
                self.depth += 1
            elif mark in b"]}":
                self.depth -= 1
            elif mark == b"," and not self.depth:
                return self.at + found.start()
            elif mark == b'"':  # it does not end in this part
                break
        return None

    def _leave_text(self, buffer: bytearray) -> bool:
        """Get behind the end of the text that has begun; False where it has not come."""
        end = _END_OF_TEXT.match(buffer, self.at)
        self.in_text = end is None
        self.at = end.end() if end else len(buffer) - _half_escape(buffer[self.at :])
        return end is not None

    def _pass(self, part: bytes, *, enters_text: bool) -> None:
        """Go on behind a part; a text that it ends in goes on there."""
        blank = 0 if enters_text else len(part) - len(part.rstrip(_SPACE))
        self.blanks = _checked_blanks(blank + (self.blanks if blank == len(part) else 0))
        self.in_text = enters_text
        self.at += len(part) - (_half_escape(part) if enters_text else 0)


_STEPS = bytes.maketrans(b"[{]}", b"\x02\x02\x00\x00")
_STEP_OF = (-1, 0, 1)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _end_of_whole_texts(part: bytes) -> int:
    """Return where the text begins that does not end in this part; or the end of the part."""
    found = _WHOLE_TEXTS.match(part)
    return found.end() if found else 0


def _half_escape(text: bytes | bytearray) -> int:
    """Return 1 where a text ends with a backslash whose other half has not come, else 0."""
    return (len(text) - len(text.rstrip(b"\\"))) % 2


_IN_TEXT = rb'[^"\\]*+(?:\\.[^"\\]*+)*+"'
_END_OF_TEXT = re.compile(_IN_TEXT, re.DOTALL)
_WHOLE_TEXT = re.compile(b'"' + _IN_TEXT, re.DOTALL)
_WHOLE_TEXTS = re.compile(b'(?:[^"]++|"' + _IN_TEXT + b")*+", re.DOTALL)
_MARK = re.compile(b'"' + _IN_TEXT + rb'|["\[\]{},]', re.DOTALL)


@contextmanager
def _not_collecting() -> Iterator[None]:
    """Keep the collector of garbage from going over a large record again and again while it is made."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _checked_blanks(count: int) -> int:
    if count > MOST_BLANKS:
        raise Unreadable(f"the file has more than {MOST_BLANKS} bytes of white space in a row")
    return count


def _loaded(text: bytes | bytearray | memoryview) -> Any:
    """Return what the text says; None where it is no JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_STRICT = json.JSONDecoder(parse_constant=_no_constant)
_LENIENT = json.JSONDecoder(strict=False, parse_constant=lambda _: None)
_ODD = re.compile("[\udc80-\udcff\\x00-\\x1f]|NaN|Infinity")
"""What may be damage: bytes that are not UTF-8, control characters, words that are no JSON."""


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start


_BLANKS, _OPENERS = re.compile(r"[ \t\r\n]*"), re.compile(r"[{\[\" \t\r\n]*")


def _said_of(content: bytes | bytearray | memoryview, error: Exception) -> str:
    """Return what the quick parser says of a text, as it is shorter; or else the error of the other one."""
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError as found:
        return str(found)
    return str(error)


def _beginning(content: bytes | bytearray) -> str:
    return repr(bytes(content[:60]).decode("utf-8", "replace")) if content.strip() else "empty"
