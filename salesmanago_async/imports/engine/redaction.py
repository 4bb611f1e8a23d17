"""Reasons as they may lie on the disk: a server's text without what is of the record that it is about. Pure: no I/O.

Struck out are addresses and links, whoever's they are; each text that stands in the record, whole; and of these texts
the words that begin with a capital or hold a digit, so that a first name is found alone, and a phone number in another
spelling. What the record says in plain words may be struck out of a sentence, too: rather less to read than a name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast
from unicodedata import normalize

LONGEST = 2000
"""Characters of a reason that are kept; a server's text may be of any length."""
UNNAMED = "the server gave a reason, which is not kept, as the record cannot be read again"

_LINK = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@'\"<>(),;:]+@[^\s@'\"<>(),;:]+")
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d{6,}|\+?\d(?:[\s()./-]{0,2}\d){5,}")
_SEVERAL = re.compile(r"…(?:[\s,.-]*…)+")


def redacted(reason: str, bodies: Iterable[Any]) -> str:
    """Return a reason without what stands in the records that it is about; a body that is None is not known."""
    plain = _ADDRESS.sub("…@…", _LINK.sub("…", normalize("NFC", reason[:LONGEST])))
    texts: set[str] = set()
    for body in bodies:
        if body is None:
            return UNNAMED
        texts.update(_texts(body))
    given = normalize("NFC", "\n".join(texts))
    for value in _standing_in(plain, given.split("\n")):
        plain = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "…", plain, flags=re.IGNORECASE)
    numbers = {_digits_of(text) for text in texts} if _NUMBER.search(plain) else set[str]()
    plain = _NUMBER.sub(lambda found: "…" if _is_among(_digits_of(found[0]), numbers) else found[0], plain)
    telling = {word.casefold() for word in _WORD.findall(given) if _is_telling(word)}
    plain = _WORD.sub(lambda found: "…" if found[0].casefold() in telling else found[0], plain)
    return _SEVERAL.sub("…", plain)


def _standing_in(text: str, values: Iterable[str]) -> list[str]:
    """Return the values that stand in a text, the longest first."""
    folded = text.casefold()
    found = {value for given in values if len(value := given.strip()) >= 2 and value.casefold() in folded}
    return sorted(found, key=len, reverse=True)


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in a body, however deep; names of fields are none of them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in cast("Mapping[str, Any]", value).values():
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in cast("list[Any]", value):
            yield from _texts(inner)


def _is_telling(word: str) -> bool:
    return len(word) >= 2 and (word[0].isupper() or any(map(str.isdigit, word)))


def _digits_of(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


def _is_among(number: str, numbers: Iterable[str]) -> bool:
    """Tell whether this is one of the numbers, with or without the code of its country."""
    return any(len(other) >= 6 and (number.endswith(other) or other.endswith(number)) for other in numbers)
