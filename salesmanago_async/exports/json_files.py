"""Writes records as JSON: one array, or one object in each line."""

import json
from collections.abc import Iterator, Sequence
from typing import IO, Any

import orjson


class JsonLines:
    """Writes each record in its own line."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, records: Sequence[Any]) -> None:
        """Write records."""
        self._file.write(b"".join([dump_record(record) + b"\n" for record in records]))

    def finish(self) -> Iterator[None]:
        """Do nothing: every line is complete."""
        return iter(())

    def close(self) -> None:
        """Do nothing: nothing is held."""


class JsonArray:
    """Writes one JSON array, with each record in its own line."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._opening = b"[\n"

    def write(self, records: Sequence[Any]) -> None:
        """Write records."""
        for record in records:
            self._file.write(self._opening + dump_record(record))
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
