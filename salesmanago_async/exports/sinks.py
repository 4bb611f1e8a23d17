"""Records → a file. A file that has its name is complete: it is written under another one and renamed at the end."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

import orjson

from ..errors import Invalid

Write = Callable[[Sequence[Any]], None]


@contextmanager
def json_lines(file: IO[bytes]) -> Iterator[Write]:
    """Write one record a line."""

    def write(records: Sequence[Any]) -> None:
        file.writelines(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records)

    yield write


@contextmanager
def json_array(file: IO[bytes]) -> Iterator[Write]:
    """Write one JSON array, a record a line."""
    opening = b"[\n"

    def write(records: Sequence[Any]) -> None:
        nonlocal opening
        for record in records:
            file.write(opening + orjson.dumps(record))
            opening = b",\n"

    yield write
    file.write(b"[]\n" if opening == b"[\n" else b"\n]\n")


SINKS = {".jsonl": json_lines, ".ndjson": json_lines, ".json": json_array}


def check_path(path: Path) -> None:
    """Raise `Invalid` where `path` names no format, or no folder that is there."""
    if path.suffix.lower() not in SINKS:
        raise Invalid(f"ends in none of {', '.join(SINKS)}", field=str(path))
    if not path.parent.is_dir():
        raise Invalid(f"there is no folder {path.parent}", field=str(path))


@contextmanager
def writing(path: Path) -> Iterator[Write]:
    """Write records to `path`, in the format its suffix names; on an error no file of that name appears."""
    check_path(path)
    sink = SINKS[path.suffix.lower()]
    try:
        partial = NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False)  # noqa: SIM115
    except OSError as error:
        raise Invalid(f"cannot be written: {error.strerror}", field=str(path)) from error
    try:
        with partial, sink(partial) as write:
            yield write
        Path(partial.name).replace(path)
    except BaseException:
        Path(partial.name).unlink(missing_ok=True)
        raise
