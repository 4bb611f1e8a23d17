"""The odd spellings of some accounts: an empty address is null, and some numbers are text. Pure."""

from collections.abc import Mapping
from typing import Any, cast

import orjson

_AS_TEXT = frozenset({"birthdayYear", "birthdayMonth", "birthdayDay", "value"})
"""Numbers that samples of the reference, or accounts, have as text."""


def oddly_spelled(answer: Any) -> Any:
    """Return an answer, or a record of a file, in the odd spellings."""
    if isinstance(answer, list):
        entries: list[Any] = answer
        return [oddly_spelled(entry) for entry in entries]
    if not isinstance(answer, Mapping):
        return answer
    return {name: _spelled(name, value) for name, value in cast("Mapping[str, Any]", answer).items()}


def _spelled(name: str, value: Any) -> Any:
    if name == "address" and isinstance(value, Mapping) and not any(cast("Mapping[str, Any]", value).values()):
        return None
    if name in _AS_TEXT and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return oddly_spelled(value)


def oddly_spelled_file(content: bytes) -> bytes:
    """Return a JSON file in the odd spellings, and any other file unchanged."""
    try:
        records = orjson.loads(content)
    except orjson.JSONDecodeError:  # an archive
        return content
    return orjson.dumps(oddly_spelled(records))
