"""Reasons as they may be written to the disk: the server's text without the data of the record. Pure: no I/O.

These are replaced: all addresses and links; each text of the record, as a whole; and the words of these texts that
begin with a capital letter or contain a digit. So a first name alone is found, and a phone number in another spelling.
Ordinary words of the record may be replaced in a sentence, too: a less readable reason is better than a name in it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast
from unicodedata import normalize

MAX_LENGTH = 2000
"""The most characters of a reason that are kept: the text of a server may have any length."""
NOT_KEPT = "the server gave a reason, which is not kept, as the record cannot be read again"

_LINK = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@'\"<>(),;:]+@[^\s@'\"<>(),;:]+")
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d{6,}|\+?\d(?:[\s()./-]{0,2}\d){5,}")
_SEVERAL = re.compile(r"…(?:[\s,.-]*…)+")


def redacted(reason: str, bodies: Iterable[Any]) -> str:
    """Return a reason without the data of the records that it is about; a body is None if it cannot be read."""
    plain = _ADDRESS.sub("…@…", _LINK.sub("…", normalize("NFC", reason[:MAX_LENGTH])))
    texts: set[str] = set()
    for body in bodies:
        if body is None:
            return NOT_KEPT
        texts.update(_texts(body))
    given = normalize("NFC", "\n".join(texts))
    for value in _values_in(plain, given.split("\n")):
        plain = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "…", plain, flags=re.IGNORECASE)
    numbers = {_digits_of(text) for text in texts} if _NUMBER.search(plain) else set[str]()
    plain = _NUMBER.sub(lambda found: "…" if _is_one_of(_digits_of(found[0]), numbers) else found[0], plain)
    identifying = {word.casefold() for word in _WORD.findall(given) if _is_identifying(word)}
    plain = _WORD.sub(lambda found: "…" if found[0].casefold() in identifying else found[0], plain)
    return _SEVERAL.sub("…", plain)


def _values_in(text: str, values: Iterable[str]) -> list[str]:
    """Return the values that occur in a text, the longest first."""
    folded = text.casefold()
    found = {value for given in values if len(value := given.strip()) >= 2 and value.casefold() in folded}
    return sorted(found, key=len, reverse=True)


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in a body, at any depth, without the names of fields."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in cast("Mapping[str, Any]", value).values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in cast("list[Any]", value):
            yield from _texts(inner)


def _is_identifying(word: str) -> bool:
    return len(word) >= 2 and (word[0].isupper() or any(map(str.isdigit, word)))


def _digits_of(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


def _is_one_of(number: str, numbers: Iterable[str]) -> bool:
    """Return whether this is one of the numbers, with or without a country code."""
    return any(len(other) >= 6 and (number.endswith(other) or other.endswith(number)) for other in numbers)
