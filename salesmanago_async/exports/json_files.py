"""Writes records as JSON: one array, or one object in each line."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import IO, Any, TypeAlias

import orjson

Dump: TypeAlias = Callable[[Any], bytes]
"""Returns a record as JSON, in one line."""


class JsonLines:
    """Writes each record in its own line."""

    def __init__(self, file: IO[bytes], dump: Dump) -> None:
        self._file = file
        self._dump = dump

    def write(self, records: Sequence[Any]) -> None:
        """Write records."""
        self._file.write(b"".join([self._dump(record) + b"\n" for record in records]))

    def finish(self) -> Iterator[None]:
        """Do nothing: every line is complete."""
        return iter(())

    def close(self) -> None:
        """Do nothing: nothing is held."""


class JsonArray:
    """Writes one JSON array, with each record in its own line."""

    def __init__(self, file: IO[bytes], dump: Dump) -> None:
        self._file = file
        self._dump = dump
        self._opening = b"[\n"

    def write(self, records: Sequence[Any]) -> None:
        """Write records."""
        for record in records:
            self._file.write(self._opening + self._dump(record))
            self._opening = b",\n"

    def finish(self) -> Iterator[None]:
        """Close the array."""
        self._file.write(b"[]\n" if self._opening == b"[\n" else b"\n]\n")
        return iter(())

    def close(self) -> None:
        """Do nothing: nothing is held."""


def dump_record(record: Any) -> bytes:
    """Return a record as JSON, in one line; a value without a JSON form, such as a Decimal, becomes text."""
    try:
        return orjson.dumps(record, default=str)
    except TypeError:  # half a surrogate pair, for example of text cut inside an emoji; or a huge number
        return json.dumps(record, default=str).encode()


def dump_row(row: Mapping[str, Any]) -> bytes:
    """Return a flat row as JSON, in one line; times are ISO 8601 in UTC."""
    try:
        return orjson.dumps(row, option=orjson.OPT_UTC_Z, default=str)
    except TypeError:  # as in dump_record
        return json.dumps(row, default=_text).encode()


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)
