r"""Detects the encoding of a text file, and refuses a wrong one before anything is sent.

    encoding given                    that encoding
    byte order mark                   UTF-8, UTF-16, UTF-32
    every second byte is zero         UTF-16 without a byte order mark
    more than a tenth of the bytes    not a text file
    are control characters
    otherwise                         UTF-8, which `check_utf8` compares with the file

A file that is read as UTF-8 may contain bytes that are not UTF-8 for two reasons. Either the file has another encoding:
then nearly every text with a letter beyond ASCII is undecodable, and the file is refused. Or a few bytes are damaged:
then only their rows are rejected. Counting decides which it is. A file has another encoding if at least two of
its texts are undecodable, and these are more than the texts with properly encoded letters beyond ASCII. A text is here
what is between two line breaks or braces, so that the objects of a JSON array count one by one.

A file of rejected rows (see file_imports/rejects.py) is UTF-8 and text, whatever these rules say of it: it may consist
of damaged rows alone.

The file is read until there are enough such texts, at most its first 256 MB. Text in ASCII is skipped at the speed of
the disk.
"""

import codecs
import re
from collections.abc import Iterator
from typing import IO

from attrs import define, field, frozen

from ..errors import Invalid
from .compression import DamagedGzip
from .likely_encodings import LONGEST_WORD, begin_of_word, encoding_to_choose

MOST_CHECKED = 256 * 1024 * 1024
"""How many bytes of a file are compared with UTF-8, at most."""
_ENOUGH = 50
"""How many texts beyond ASCII decide."""
_BLOCK = 1024 * 1024
_BEYOND_ASCII = re.compile(rb"[\x80-\xff][^\n{}]*")
"""The first character beyond ASCII of a text, and the rest of the text."""
_MARKS = {
    "utf-8-sig": {codecs.BOM_UTF8: "utf-8"},
    "utf-16": {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"},
    "utf-32": {codecs.BOM_UTF32_LE: "utf-32-le", codecs.BOM_UTF32_BE: "utf-32-be"},
}
"""The encodings that a byte order mark is part of, each with its marks and the encoding of the text after them."""
_CONTROLS = bytes([*range(9), *range(14, 27), *range(28, 32), 127])
_SAMPLE = 200
"""How many bytes of an undecodable text are looked at for its encoding."""


@frozen
class TextForm:
    """How the text of a file becomes its bytes: the byte order mark at the beginning, and the encoding after it."""

    encoding: str
    mark: bytes = b""

    def encode(self, text: str) -> bytes:
        """Return the bytes of text of the file; what the encoding lacks, because it is of another file, is escaped."""
        try:
            return text.encode(self.encoding, "surrogateescape")
        except UnicodeEncodeError:
            return text.encode(self.encoding, "backslashreplace")

    def can_encode(self, text: str) -> bool:
        """Return whether the encoding has every character of a text."""
        return self.escaped(text) == text

    def escaped(self, text: str) -> str:
        """Return a text with the characters escaped that the encoding lacks."""
        return text.encode(self.encoding, "backslashreplace").decode(self.encoding)


def form_of(beginning: bytes, encoding: str, *, is_detected: bool) -> TextForm:
    """Return the form of a file with this beginning and encoding.

    UTF-16 that was detected without a byte order mark gets one, so that it is detected again, whatever its text.
    """
    for mark, plain in _MARKS.get(encoding, {}).items():
        if beginning.startswith(mark):
            return TextForm(plain, mark)
    unmarked = TextForm("utf-8" if encoding == "utf-8-sig" else encoding)
    if not is_detected:
        return unmarked
    return next((TextForm(plain, mark) for mark, plain in _MARKS["utf-16"].items() if plain == encoding), unmarked)


def is_annotated(beginning: bytes) -> bool:
    """Return whether this is the beginning of a file of rejected rows, in ASCII or an encoding like it."""
    return b"_reason" in beginning


def encoding_of(beginning: bytes, given: str | None) -> str:
    """Return the encoding to read with; raise `Invalid` if this is not a text file."""
    name = _encoding_named(given) if given else _marked(beginning) or "utf-8"
    if b"\0" in beginning and not (name.startswith(("utf-16", "utf-32")) or is_annotated(beginning)):
        unmarked = None if given else _unmarked_utf16(beginning)
        if unmarked:
            return unmarked
        text = beginning.rstrip(b"\0")  # space of a disk that was never written may end a file
        if len(text) - len(text.translate(None, _CONTROLS)) > len(text) / 10:
            raise Invalid('is not a text file, or is UTF-16 without its mark: then try encoding="utf-16-le"')
    return "utf-8-sig" if name == "utf-8" and beginning.startswith(codecs.BOM_UTF8) else name


def _marked(beginning: bytes) -> str | None:
    """Return the name of UTF-32 or UTF-16 if the file has its mark; that of UTF-32 begins like the other."""
    return next((name for name in ("utf-32", "utf-16") if beginning.startswith(tuple(_MARKS[name]))), None)


def _unmarked_utf16(beginning: bytes) -> str | None:
    """Return the name of UTF-16 without a byte order mark, if the first 4 KB are text in it and mostly ASCII."""
    start = beginning[:4096]
    start = start[: len(start) // 2 * 2]
    for name, high, low in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
        if high.count(0) * 2 > len(high) and low.count(0) * 4 < len(low):
            return name
    return None


def _encoding_named(given: str) -> str:
    """Return Python's name of an encoding; raise `Invalid` if it is unknown or no text encoding (such as base64)."""
    try:
        found = codecs.lookup(given)
        "".encode(found.name)  # LookupError if the codec converts bytes to bytes, or text to text
    except (LookupError, ValueError):  # ValueError: the name itself is invalid
        raise Invalid(f"there is no encoding {given!a}; try cp1250, iso8859-2 or utf-16", field="encoding") from None
    return found.name


@define
class _Evidence:
    """How many texts beyond ASCII are UTF-8, and those that are not; `line` is the line of the first of these."""

    valid: int = 0
    undecodable: list[bytes] = field(factory=list)
    line: int = 0

    @property
    def is_enough(self) -> bool:
        return self.valid + len(self.undecodable) >= _ENOUGH

    def add(self, text: bytes, line: int, before: bytes) -> None:
        """Count a text that begins with a character beyond ASCII, in this line and after these bytes."""
        try:
            text.decode()
        except UnicodeDecodeError:
            self.undecodable.append(begin_of_word(before) + text[:_SAMPLE])
            self.line = self.line or line
        else:
            self.valid += 1


def check_utf8(file: IO[bytes]) -> None:
    """Raise `Invalid` if a file has another encoding than UTF-8; it names the first undecodable line."""
    evidence = _Evidence()
    line = 1
    try:
        for block in _blocks(file):
            if not block.isascii():
                _examine(block, line, evidence)
                if evidence.is_enough:
                    break
            line += block.count(b"\n")
    except DamagedGzip:  # reported with its line when it is reached
        pass
    if len(evidence.undecodable) >= 2 and len(evidence.undecodable) > evidence.valid:
        raise Invalid(f"is not UTF-8 (line {evidence.line}); {encoding_to_choose(evidence.undecodable)}")


def _examine(block: bytes, line: int, evidence: _Evidence) -> None:
    """Count the texts beyond ASCII of a block that begins in this line."""
    at = 0
    for found in _BEYOND_ASCII.finditer(block):
        line += block.count(b"\n", at, found.start())
        at = found.start()
        evidence.add(found[0], line, block[max(0, at - LONGEST_WORD) : at])
        if evidence.is_enough:
            return


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the beginning of a file in blocks, each of which ends behind an ASCII character: no character is cut."""
    rest = b""
    for _ in range(0, MOST_CHECKED, _BLOCK):
        piece = file.read(_BLOCK)
        block = rest + piece
        end = len(block) - len(block[-1000:]) + _end_of_ascii(block[-1000:]) if piece else len(block)
        rest = block[end:]
        yield block[:end]
        if not piece:
            return


def _end_of_ascii(text: bytes) -> int:
    """Return the position behind the last ASCII character; 0 if there is none."""
    return next((position + 1 for position in range(len(text) - 1, -1, -1) if text[position] < 0x80), 0)
