r"""JSON as servers really write it → values.

What is well formed is parsed at full speed. Only what the fast parser refuses comes to the slow path, which reads what
can be read without guessing:

    a byte order mark at the beginning                is passed over
    a lone surrogate, "Ann \ud83d"                      is the character U+FFFD in an answer: it cannot be encoded again
    bytes that are not UTF-8, or are CESU-8           are U+FFFD, one for each damaged character
    a bare control character inside a text            is kept
    NaN, Infinity                                     are None: there is no number

Everything else is an error: above all a text that was cut.
"""

import codecs
import json
import re
from typing import Any, TypeAlias, cast

import orjson

Content: TypeAlias = bytes | bytearray | memoryview

REPLACEMENT = "\ufffd"

LONGEST_REPAIR = 16 * 1024 * 1024
"""The most bytes that are read the slow way, which takes some tenths of a second."""

_BOM = codecs.BOM_UTF8
_CESU_8 = re.compile(rb"\xed[\xa0-\xaf][\x80-\xbf]\xed[\xb0-\xbf][\x80-\xbf]|\xed[\xa0-\xbf][\x80-\xbf]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXT = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")
_CONSTANT = re.compile(r"NaN|Infinity")


def loads(content: Content) -> Any:
    """Return what an answer says; raise `ValueError` where it is no JSON. All its texts can be encoded."""
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
    """Return what one record of a file says, and how many of its characters were damaged; raise `ValueError`."""
    if len(content) > longest:
        raise ValueError(f"it is damaged, and longer than {longest} bytes")
    text, damaged = repaired(bytes(content))
    try:
        return _DECODER.decode(text), damaged + _oddities(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def repaired(content: bytes) -> tuple[str, int]:
    """Return bytes as text, U+FFFD in place of each damaged character, and how many those are."""
    text = _CESU_8.sub(REPLACEMENT.encode(), content).decode("utf-8", "replace")
    return text, text.count(REPLACEMENT) - content.count(REPLACEMENT.encode())


def encodable(text: str) -> str:
    """Return a text without lone surrogates, which no file, terminal or journal takes."""
    return _LONE_SURROGATE.sub(REPLACEMENT, text)


def _oddities(text: str) -> int:
    """Return how many characters and words of a JSON text are none that JSON has."""
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
