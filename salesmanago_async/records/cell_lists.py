"""The entries of a list that one text holds. Pure: no I/O.

VIP, NEWSLETTER                       between commas, which the writer of the field separates
"VIP","NEWS, LETTER"                  in quotes, as CSV has them
["VIP", "NEWSLETTER"]                 JSON
['VIP' 'NEWSLETTER']                  as numpy prints a list, and Python with commas
[VIP, NEWSLETTER]                     as Java prints it
{VIP,NEWSLETTER}                      PostgreSQL
"""

import csv
import json
import re
from collections.abc import Sequence
from typing import Any

from ..api.fields import entries_of

MARKS = "[{('\""
"""The characters that a list begins with, unless its entries are between commas."""

_QUOTED = re.compile(r"""'[^']*'|"[^"]*\"""")
_ALL_QUOTED = re.compile(rf"\s*(?:{_QUOTED.pattern})(?:(?:\s*[,;]\s*|\s+)(?:{_QUOTED.pattern}))*[\s,]*")
"""Entries that are all in quotes, of either kind; between those of numpy is only a space."""


def entries(text: str) -> Any:
    """Return the entries of a list: in JSON, as Python, Java or PostgreSQL print it, in quotes, or between commas."""
    if text[0] not in MARKS and '"' not in text:  # nearly all
        return text
    if text.startswith(("[", "{")) and text != "{}" and (found := _json_list(text)) is not None:
        return found
    inner = text[1:-1] if _is_bracketed(text) else text
    if _ALL_QUOTED.fullmatch(inner):
        return _present([part[1:-1] for part in _QUOTED.findall(inner)])
    if '"' not in inner:
        return inner
    delimiter = ";" if re.search(r'"\s*;', inner) else ","
    try:
        [parts] = csv.reader([inner], delimiter=delimiter, skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        return inner
    return _present(parts)


def joined(texts: Sequence[str]) -> str:
    """Return several cells as one, whose entries are those of all; a cell that `entries` refuses is returned alone."""
    if not any(text[0] in MARKS or '"' in text for text in texts):
        return ",".join(texts)
    found: list[object] = []
    for text in texts:
        try:
            found += entries_of(entries(text))
        except ValueError:
            return text
    return json.dumps(found)


def _json_list(text: str) -> list[Any] | None:
    """Return the entries of a list in JSON, None if it is none; raise `ValueError` for an object, and lists of them."""
    try:
        found = json.loads(text)
    except ValueError:
        if text.startswith(("[{", "[[")):
            raise ValueError("is a list of objects or lists, not of texts") from None
        return None
    if not isinstance(found, list):
        raise ValueError("is a JSON object, not a list")  # noqa: TRY004 - one kind of error
    return _present(found)


def _is_bracketed(text: str) -> bool:
    """Return whether the brackets around a text are those of a list: a single tag may have them, too, as [VIP]."""
    pair, inner = text[0] + text[-1], text[1:-1]
    if pair not in {"{}", "[]", "()"}:
        return False
    if _ALL_QUOTED.fullmatch(inner):
        return True
    is_one_pair = pair[0] not in inner and pair[1] not in inner
    return is_one_pair and (pair == "{}" or (pair == "[]" and "," in inner))


def _present(parts: Sequence[Any]) -> list[Any]:
    """Return the entries that are not blank and not null."""
    stripped = (part.strip() if isinstance(part, str) else part for part in parts)
    return [part for part in stripped if part is not None and part != ""]
