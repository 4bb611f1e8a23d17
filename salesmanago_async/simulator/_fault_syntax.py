"""The text form of a fault: its kind, and those of its fields that differ from the default."""

import sys
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any

from ..errors import Invalid


def read_fields(text: str, kinds: Collection[str]) -> dict[str, Any]:
    """Return the fields of a fault of one of the kinds; raise `Invalid` naming the part that is malformed."""
    kind, *parts = (part.strip() for part in text.split(","))
    given: dict[str, Any] = {"kind": kind}
    if is_status(kind):
        given = {"kind": "status", "status": int(kind)}
    elif kind not in kinds:
        raise Invalid(f"{kind!r} is neither a status, such as 503, nor one of {', '.join(kinds)}", field="kind")
    for part in parts:
        name, value = _read_part(part)
        if name in given:
            raise Invalid("is given twice", field=name)
        given[name] = value
    return given


def write_fields(fields: Mapping[str, Any]) -> str:
    """Return the text of the fields of a fault; `read_fields` reads it. Fields that are None are left out."""
    given = {name: value for name, value in fields.items() if value is not None}
    kind = given.pop("kind")
    if kind == "status":
        kind = given.pop("status")
    if given.get("path") == "*":
        del given["path"]
    parts = (f"{name.replace('_', '-')}={_WRITERS.get(name, str)(value)}" for name, value in given.items())
    return ",".join([str(kind), *parts])


def is_status(kind: str) -> bool:
    """Return whether a kind is a status, such as 503."""
    return kind.isdecimal() and len(kind) == 3


def _read_part(part: str) -> tuple[str, Any]:
    """Return the field and the value of one `name=value`."""
    option, _, value = (piece.strip() for piece in part.partition("="))
    name = option.replace("-", "_")
    if name not in _READERS or not value:
        names = ", ".join(f"{known.replace('_', '-')}=…" for known in _READERS)
        raise Invalid(f"{part!r} is not one of {names}")
    read, expected = _READERS[name]
    try:
        return name, read(value)
    except (ValueError, OverflowError):
        raise Invalid(f"{value!r} is not {expected}", field=option) from None


def _read_numbers(text: str) -> tuple[range, ...]:
    return tuple(map(_read_span, text.split(";")))


def _read_span(text: str) -> range:
    first, dash, last = (piece.strip() for piece in text.partition("-"))
    if not dash:
        return range(int(first), int(first) + 1)
    return range(int(first), int(last) + 1 if last else sys.maxsize)


def _write_numbers(spans: tuple[range, ...]) -> str:
    return ";".join(map(_write_span, spans))


def _write_span(span: range) -> str:
    if len(span) == 1:
        return str(span[0])
    if span.step != 1:
        return ";".join(map(str, span))
    return f"{span[0]}-" if span.stop == sys.maxsize else f"{span[0]}-{span[-1]}"


def _write_wait(wait: int | timedelta) -> str:
    return f"date+{wait.total_seconds():g}" if isinstance(wait, timedelta) else str(wait)


_WRITERS: Mapping[str, Callable[[Any], str]] = {"at": _write_numbers, "retry_after": _write_wait}


def _read_wait(text: str) -> int | timedelta:
    seconds = text.removeprefix("date+")
    return int(text) if seconds == text else timedelta(seconds=float(seconds))


_READERS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "path": (str, "a pattern"),
    "at": (_read_numbers, "numbers such as 1;3-5"),
    "share": (float, "a number"),
    "status": (int, "a number"),
    "retry_after": (_read_wait, "seconds such as 5, or date+5"),
    "seconds": (float, "a number"),
    "after": (int, "a number of bytes"),
    "by": (int, "a number of bytes such as 10 or -10"),
    "how": (str, "a word"),
}
"""Field → the function that reads its text, and a description of that text."""
