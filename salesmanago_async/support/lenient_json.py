r"""Parse JSON as servers really write it.

Well-formed JSON is parsed at full speed. Only if the fast parser fails, the slow path reads what can be read without
guessing:

    a byte order mark at the beginning                is ignored
    a lone surrogate, "Ann \ud83d"                    is replaced by U+FFFD in an answer: it cannot be encoded again
    bytes that are not UTF-8, or are CESU-8           are replaced by U+FFFD, one for each damaged character
    a bare control character inside a text            is kept
    NaN, Infinity                                     are None, because JSON has no such numbers

Everything else is an error, above all a text that was cut off.
"""

import codecs
import json
import re
from typing import Any, TypeAlias, cast

import orjson

Content: TypeAlias = bytes | bytearray | memoryview

REPLACEMENT = "\ufffd"

LONGEST_REPAIR = 16 * 1024 * 1024
"""The most bytes that the slow path reads; that many take some tenths of a second."""

_BOM = codecs.BOM_UTF8
_CESU_8 = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]|\xed[\xa0-\xbf][\x80-\xbf]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXT = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")
_CONSTANT = re.compile(r"NaN|Infinity")


def loads(content: Content) -> Any:
    """Parse an answer; raise `ValueError` if it is not JSON. Every text in the result can be encoded as UTF-8."""
    given = bytes(content).removeprefix(_BOM)
    try:
        return orjson.loads(given)
    except orjson.JSONDecodeError as error:
        if len(given) > LONGEST_REPAIR:
            raise
        try:
            return _encodable(_DECODER.decode(repaired(given)[0]))
        except (ValueError, RecursionError):
            raise ValueError(str(error)) from None


def loads_damaged(content: Content, *, longest: int = LONGEST_REPAIR) -> tuple[Any, int]:
    """Parse one record of a file; return it with its number of damaged characters. Raises `ValueError`."""
    if len(content) > longest:
        raise ValueError(f"it is damaged and longer than {longest} bytes")
    text, damaged = repaired(bytes(content))
    try:
        return _DECODER.decode(text), damaged + _oddities(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def repaired(content: bytes) -> tuple[str, int]:
    """Decode bytes with U+FFFD in place of each damaged character; return the text and the number of replacements."""
    text = _CESU_8.sub(REPLACEMENT.encode(), content).decode("utf-8", "replace")
    return text, text.count(REPLACEMENT) - content.count(REPLACEMENT.encode())


def encodable(text: str) -> str:
    """Return a text without lone surrogates: no file, terminal or journal can store them."""
    return _LONE_SURROGATE.sub(REPLACEMENT, text)


def _oddities(text: str) -> int:
    """Return how many characters and constants in a JSON text are not valid JSON."""
    controls = sum(len(_CONTROL.findall(found)) for found in _TEXT.findall(text))
    return controls + len(_CONSTANT.findall(_TEXT.sub("", text)))


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, list):
        return [_encodable(entry) for entry in value]
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        return {encodable(name): _encodable(content) for name, content in fields.items()}
    return value


_DECODER = json.JSONDecoder(strict=False, parse_constant=lambda _: None)
