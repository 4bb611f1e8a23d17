"""Records → a file. A file that has its name is complete: it is written under another one and renamed at the end."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import IO, Any

import orjson

from ..errors import Invalid

Write = Callable[[Sequence[Any]], None]


@contextmanager
def json_lines(file: IO[bytes]) -> Iterator[Write]:
    """Write one record a line."""

    def write(records: Sequence[Any]) -> None:
        file.writelines(dump_record(record) + b"\n" for record in records)

    yield write


@contextmanager
def json_array(file: IO[bytes]) -> Iterator[Write]:
    """Write one JSON array, a record a line."""
    opening = b"[\n"

    def write(records: Sequence[Any]) -> None:
        nonlocal opening
        for record in records:
            file.write(opening + dump_record(record))
            opening = b",\n"

    yield write
    file.write(b"[]\n" if opening == b"[\n" else b"\n]\n")


def dump_record(record: Any) -> bytes:
    """Return a record as JSON, in one line."""
    try:
        return orjson.dumps(record)
    except TypeError:  # half a surrogate pair, as a text cut in the middle of an emoji leaves it
        return json.dumps(record).encode()


SINKS = {".jsonl": json_lines, ".ndjson": json_lines, ".json": json_array}


def check_path(path: Path) -> None:
    """Raise `Invalid` where `path` names no format, or no folder that is there."""
    if path.suffix.lower() not in SINKS:
        raise Invalid(f"ends in none of {', '.join(SINKS)}", field=str(path))
    if not path.parent.is_dir():
        raise Invalid(f"there is no folder {path.parent}", field=str(path))
    if path.is_dir():
        raise Invalid("is a folder", field=str(path))


@contextmanager
def writing(path: Path) -> Iterator[Write]:
    """Write records to `path`, in the format its suffix names; on an error no file of that name appears."""
    check_path(path)
    sink = SINKS[path.suffix.lower()]
    partial = path.with_name(f".{path.name}.{token_hex(4)}.part")
    try:
        file = partial.open("xb")
    except OSError as error:
        raise Invalid(f"cannot be written: {error.strerror}", field=str(path)) from error
    try:
        with file, sink(file) as write:
            yield write
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
