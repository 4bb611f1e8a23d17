"""Parses a JSON array that arrives in pieces, in constant memory, and almost as fast as the parser itself.

Elements are parsed in batches. When there are enough bytes, the reader searches backwards from their end for the last
place that looks like a boundary between two top-level elements, and parses everything before it as one array: the comma
at the boundary is overwritten by the bracket that closes this array, and then by the one that opens the rest. So no
byte is moved.

The parse proves the boundary. If the boundary were a false one, inside a string or a nested array, the text before it
would have an unclosed quote or bracket. If it were after the end of the array, something would follow the closing
bracket. The parser refuses both, and the boundary before that one is tried. So this module needs no scanner that
understands JSON, and no input can make it misread.

The form of a boundary is learned from two elements: the brackets that close the first, the comma, the bracket that
opens the second, and the white space between them, as in `}},{"`. A file that changes its style midway only gets
slower: the standard library's parser then takes the elements one by one, and the new style is learned.

A file with a damaged character can be read too, unless the reader is strict: if no boundary is proved, because the
parser refuses a byte that is not UTF-8, the records are taken one by one, and the damaged record is repaired and
counted.

A record of more than half a megabyte is not parsed repeatedly while it grows. Instead a scanner reads each new byte
once, until it finds the comma after the record. The scanner only knows strings and brackets; the parser has the last
word here too. So the work is linear in the number of bytes, and is done in steps of some milliseconds.

The bytes left at the end must close the array. Otherwise the file was cut, which is an error, never a short list.

The array may also be inside an object that is the whole file. Its beginning is proved in the same way: the text up to
its opening bracket, closed by `]}`, must be an object with the array as its last field.

Batches are small, because a parser is fastest if its objects stay in the processor's cache until they are used.
"""

import gc
import json
import re
from collections.abc import Callable, Iterator
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
"""The most bytes of a file that is a single record."""
LONGEST_RECORD = 16 * 1024 * 1024
"""The most bytes of one of many records: parsing them is one step, of a few tenths of a second at most."""
MOST_BLANKS = 12 * 1024 * 1024
"""The most bytes of white space in a row."""

_SCANNED_FROM = 512 * 1024
_SHORT_STEP = 2048
_MOST_GUESSES = 8
_LONGEST_HEAD = 64 * 1024
"""A list inside an object is read in batches if it begins within this many bytes; else the object is read whole."""

_LONGEST_SEPARATOR = 1024

_ARRAY, _CLOSE, _OBJECT, _COMMA = b"[]{,"
_CLOSERS, _SPACE = "}] \t\r\n", b" \t\r\n"
_BOM = b"\xef\xbb\xbf"


class ArrayReader:
    """Reads the bytes of a file that holds one JSON array, or one object, which is then the only record.

    `inside` names a field of that object: the records are then the elements of this field, and `other_fields` holds the
    other fields after the last byte. Damaged characters are replaced and counted in `damage`; without `damage` they are
    an error. `replace_invalid` returns what takes the place of an element that is not JSON, given its bytes and the
    error; without it, such an element is an error, too.
    """

    def __init__(
        self,
        *,
        inside: str | None = None,
        batch_bytes: int = BATCH_BYTES,
        damage: DamageCounter | None = None,
        replace_invalid: Callable[[bytes, str], Any] | None = None,
    ) -> None:
        self.other_fields: dict[str, Any] = {}
        self._inside = inside
        self._batch_bytes = batch_bytes
        self._damage = damage
        self._replace_invalid = replace_invalid
        self._decoder = _STRICT if damage is None and replace_invalid is None else _LENIENT
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
        """Add bytes, any number; yield the elements that they completed, in batches of a fast size."""
        for start in range(0, len(piece), self._batch_bytes):
            elements = self.feed(piece[start : start + self._batch_bytes])
            if elements:
                yield elements

    def feed(self, piece: bytes) -> list[Any]:
        """Add bytes; return the elements that they completed, usually none or many."""
        self._buffer += piece
        if not self._begun and not self._begin():
            return []
        if self._may_enter:
            self._enter()
        elements: list[Any] = []
        if self._buffer[0] == _ARRAY and len(self._buffer) >= self._threshold:
            elements = self._take_scanned(self._scan) if self._scan else self._take_batch()
            if self._scan and elements and self._replace_invalid:  # more invalid elements probably follow
                elements += self._take_around_invalid()
            self._wait_for_more(elements)
        longest = LONGEST_RECORD if self._buffer[0] == _ARRAY else LONGEST_ELEMENT
        if len(self._buffer) > longest:
            raise Unreadable(f"no record of the file ends within {longest} bytes")
        return self._counted(elements)

    def _wait_for_more(self, elements: list[Any]) -> None:
        """Decide when to search for elements again: the fewer were found, the more bytes are waited for."""
        if elements:
            self._scan = None
            self._threshold = self._batch_bytes
        elif len(self._buffer) >= _SCANNED_FROM:
            self._scan = self._scan or _Scan()
            self._threshold = 0  # the scanner reads only new bytes, so it may run at every piece
        else:
            self._threshold = max(self._batch_bytes, 2 * len(self._buffer))

    def _counted(self, elements: list[Any]) -> list[Any]:
        if self._damage:
            self._damage.records += len(elements)
        return elements

    def close(self) -> list[Any]:
        """Return the last elements; raise `Unreadable` if the file does not end correctly."""
        if not self._begun:
            raise Unreadable(f"the file is not a JSON array; it is {_beginning(self._buffer)}")
        elements: list[Any] = []
        with _gc_paused():
            last = _parsed(self._rest())
        if last is None and self._replace_invalid and self._buffer[0] == _ARRAY:
            elements = self._take_around_invalid()
            last = _parsed(self._buffer)
            last = [self._last_invalid()] if last is None else last
        elif last is None:
            elements = self._take_one_by_one() if self._may_be_repaired() and self._buffer[0] == _ARRAY else []
            last = self._repaired(self._rest(), ahead=len(elements))
        if isinstance(last, dict):
            if self._inside is None:
                return self._counted([last])
            last = self._inner_list(cast("dict[str, Any]", last), self._inside)
        if self._after_comma and not last:
            raise Unreadable("the file is damaged: there is nothing after its last comma")
        return self._counted([*elements, *cast("list[Any]", last)])

    def _take_around_invalid(self) -> list[Any]:
        """Return the elements before the last one; the ones that are not JSON are replaced."""
        elements = self._take_one_by_one()
        while (comma := _Scan(step=_SHORT_STEP).next_comma(self._buffer)) is not None:
            found = self._parsed_before(comma)
            elements += self._cut_off(found or [self._repaired(self._buffer[1:comma], ahead=0)], comma)
            if found:
                elements += self._take_one_by_one()
        return elements

    def _last_invalid(self) -> Any:
        """Return what takes the place of the last element; raise `Unreadable` if the array is not closed behind it."""
        scan = _Scan()
        scan.next_comma(self._buffer)
        text = self._buffer.rstrip(_SPACE)
        if scan.in_text or scan.depth != -1 or text[-1] != _CLOSE:
            raise Unreadable("the file was cut, or a quote or bracket is left open")
        return self._repaired(text[1:-1], ahead=0)

    def _rest(self) -> bytes | bytearray:
        return b'{"":' + self._buffer if self._entered else self._buffer

    def _may_be_repaired(self) -> bool:
        return self._damage is not None and len(self._buffer) <= LONGEST_REPAIR

    def _repaired(self, content: bytes | bytearray | memoryview, *, ahead: int) -> Any:
        """Parse text that the fast parser refuses: half a surrogate pair is valid JSON, and damage is repaired."""
        try:
            if not self._damage:
                return _STRICT.decode(str(content, "utf-8"))
            value, damaged = loads_damaged(content, longest=LONGEST_ELEMENT)
        except (ValueError, RecursionError) as error:
            reason = _error_text(content, error)
            if self._replace_invalid:
                return self._replace_invalid(bytes(content), reason)
            raise Unreadable(f"the file is damaged or was cut: {reason}") from None
        self._damage.add(damaged, ahead=ahead)
        return value

    def _begin(self) -> bool:
        """Advance to the first bracket; return False while only white space, or part of a byte order mark, has come."""
        if len(self._buffer) < len(_BOM) and _BOM.startswith(self._buffer):
            return False
        text = (self._buffer.removeprefix(_BOM) if self._may_have_bom else self._buffer).lstrip(_SPACE)
        if not text:
            self._leading_blanks = _checked_blanks(self._leading_blanks + len(self._buffer))
            self._may_have_bom = False
            self._buffer.clear()
            return False
        if text[0] not in {_ARRAY, _OBJECT}:
            raise Unreadable(f"the file is not a JSON array; it begins {_beginning(text)}")
        self._buffer = text
        self._begun = True
        self._may_enter &= text[0] == _OBJECT
        return True

    def _enter(self) -> None:
        """Advance to the bracket that opens the list inside the object, if it has come."""
        opening = re.escape(json.dumps(self._inside).encode()) + rb"\s*:\s*\["
        for found in islice(re.finditer(opening, self._buffer[:_LONGEST_HEAD]), _MOST_GUESSES):
            before = _parsed(self._buffer[: found.end()] + b"]}")
            if before and list(before)[-1] == self._inside:
                self.other_fields = {name: content for name, content in before.items() if name != self._inside}
                del self._buffer[: found.end() - 1]
                self._entered = True
                break
        self._may_enter = not self._entered and len(self._buffer) < _LONGEST_HEAD

    def _inner_list(self, last: dict[str, Any], name: str) -> list[Any]:
        """Return the records of the object, or the rest of them, and keep its other fields."""
        found = last.pop("" if self._entered else name, None)
        self.other_fields |= last
        if not isinstance(found, list) or name in last:
            found_fields = ", ".join(self.other_fields) or "nothing"
            raise Unreadable(f"the file has no list {name!r}, or several; it has {found_fields}")
        return found

    def _take_batch(self) -> list[Any]:
        if self._separator is None:
            if not self._learn_separator():
                return []
            if self._separator is None:
                return self._take_one_by_one()
        end = len(self._buffer)
        for _ in range(_MOST_GUESSES):
            found = self._buffer.rfind(self._separator, 0, end)
            if found < 0:
                break
            end = found + self._comma
            elements = self._parsed_before(end)
            if elements is not None:
                return self._cut_off(elements, end)
        return self._take_one_by_one()

    def _parsed_before(self, comma: int) -> list[Any] | None:
        """Return the elements before the comma; None if the comma does not separate two elements."""
        self._buffer[comma] = _CLOSE
        with memoryview(self._buffer)[: comma + 1] as text:
            elements = cast("list[Any] | None", _parsed(text))
        self._buffer[comma] = _COMMA
        return elements

    def _cut_off(self, elements: list[Any], comma: int) -> list[Any]:
        """Remove the elements before the comma, which becomes the opening bracket of the rest."""
        if not elements:
            raise Unreadable("the file is damaged: there is nothing before one of its commas")
        self._buffer[comma] = _ARRAY
        del self._buffer[:comma]
        self._after_comma = True
        return elements

    def _learn_separator(self) -> bool:
        """Learn what is between the first two elements; return False while they are not both there.

        If it is mostly white space, nothing is learned, because the next boundary will be different.
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
            if _SUSPECT.search(text, start, end):
                damaged = text[start:end].encode("utf-8", "surrogateescape")
                element = self._repaired(damaged, ahead=len(elements))
            elements.append(element)
            last_comma = comma
        length = len(text[:last_comma].encode("utf-8", "surrogateescape"))
        return self._cut_off(elements, length) if elements else []

    def _take_scanned(self, scan: "_Scan") -> list[Any]:
        """Return the element whose end the scanner found, as a list; it may be damaged."""
        comma = scan.next_comma(self._buffer)
        if comma is None:
            return []
        with _gc_paused():
            elements = self._parsed_before(comma)
        if elements is None:
            if comma > LONGEST_REPAIR:
                raise Unreadable(f"the file is damaged, in a record of {comma} bytes")
            with memoryview(self._buffer)[1:comma] as text:
                elements = [self._repaired(text, ahead=0)]
        return self._cut_off(elements, comma)

    def _element(self, text: str, start: int) -> tuple[Any, int]:
        """Return the element that begins at `start`, and where it ends; 0 if it is incomplete."""
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
    """Scans the bytes of an array once, up to the comma after its first element.

    `at` is the next byte to read, `depth` the number of open brackets there. Regular expressions cut out the strings,
    and `bytes.translate` counts the brackets; the scanner visits single marks only where the element may end. `step` is
    how many bytes are read at a time.
    """

    at: int = 1
    depth: int = 0
    in_text: bool = False
    blanks: int = 0
    step: int = BATCH_BYTES

    def next_comma(self, buffer: bytearray) -> int | None:
        """Return the position of the comma; None if it has not come yet."""
        while self.at < len(buffer):
            if self.in_text and not self._leave_text(buffer):
                return None
            part = bytes(buffer[self.at : self.at + self.step])
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
        """Return the position of the comma, if it is in this part; otherwise count the brackets of the part."""
        for found in _MARK.finditer(part):
            mark = found[0]
            if mark in b"[{":
                self.depth += 1
            elif mark in b"]}":
                self.depth -= 1
            elif mark == b"," and not self.depth:
                return self.at + found.start()
            elif mark == b'"':  # a string that does not end in this part
                break
        return None

    def _leave_text(self, buffer: bytearray) -> bool:
        """Advance behind the end of the current string; return False if its end has not come yet."""
        end = _END_OF_TEXT.match(buffer, self.at)
        self.in_text = end is None
        self.at = end.end() if end else len(buffer) - _half_escape(buffer[self.at :])
        return end is not None

    def _pass(self, part: bytes, *, enters_text: bool) -> None:
        """Advance behind a part; a string that does not end in it continues there."""
        blank = 0 if enters_text else len(part) - len(part.rstrip(_SPACE))
        self.blanks = _checked_blanks(blank + (self.blanks if blank == len(part) else 0))
        self.in_text = enters_text
        self.at += len(part) - (_half_escape(part) if enters_text else 0)


_STEPS = bytes.maketrans(b"[{]}", b"\x02\x02\x00\x00")
_STEP_OF = (-1, 0, 1)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def _end_of_whole_texts(part: bytes) -> int:
    """Return where the string begins that does not end in this part, or the end of the part."""
    found = _WHOLE_TEXTS.match(part)
    return found.end() if found else 0


def _half_escape(text: bytes | bytearray) -> int:
    """Return 1 if a text ends with a backslash whose second character has not come yet, else 0."""
    return (len(text) - len(text.rstrip(b"\\"))) % 2


_IN_TEXT = rb'[^"\\]*+(?:\\.[^"\\]*+)*+"'
_END_OF_TEXT = re.compile(_IN_TEXT, re.DOTALL)
_WHOLE_TEXT = re.compile(b'"' + _IN_TEXT, re.DOTALL)
_WHOLE_TEXTS = re.compile(b'(?:[^"]++|"' + _IN_TEXT + b")*+", re.DOTALL)
_MARK = re.compile(b'"' + _IN_TEXT + rb'|["\[\]{},]', re.DOTALL)


@contextmanager
def _gc_paused() -> Iterator[None]:
    """Pause the garbage collector, which would visit a large record again and again while it is built."""
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


def _parsed(text: bytes | bytearray | memoryview) -> Any:
    """Return the parsed text; None if it is not JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_STRICT = json.JSONDecoder(parse_constant=_no_constant)
_LENIENT = json.JSONDecoder(strict=False, parse_constant=lambda _: None)
_SUSPECT = re.compile("[\udc80-\udcff\\x00-\\x1f]|NaN|Infinity")
"""Possible damage: bytes that are not UTF-8, control characters, and words that are not JSON."""


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start


_BLANKS, _OPENERS = re.compile(r"[ \t\r\n]*"), re.compile(r"[{\[\" \t\r\n]*")


def _error_text(content: bytes | bytearray | memoryview, error: Exception) -> str:
    """Return the fast parser's error for a text, because it is shorter; otherwise the text of `error`."""
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError as found:
        return str(found)
    return str(error)


def _beginning(content: bytes | bytearray) -> str:
    return repr(bytes(content[:60]).decode("utf-8", "replace")) if content.strip() else "empty"
