"""What an import reads and writes, opened before anything is sent."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from ..errors import Invalid
from ..outcome import State
from ..records.shapes import Shape, contact_shape, event_shape
from ..sources.options import ReadOptions
from ..sources.sources import FileSource, open_file
from ._command import Attempt, Import
from ._paths import in_doubt_path
from ._rows import NotedRows, check_alike


def open_files(command: Import) -> FileSource:
    """Open the input; raise `Invalid` naming the file that cannot be read."""
    columns = dict(map(mapped, command.maps))
    if command.form == "leadoo":
        shape, columns = _lead_shape(command, columns), {}
    else:
        shape = (contact_shape if command.kind == "contacts" else event_shape)(command.extra_columns)
    reading = ReadOptions(
        columns=columns, encoding=command.encoding, delimiter=command.delimiter, format=command.format
    )
    return FileSource([open_file(path, shape, reading) for path in command.files])


def _lead_shape(command: Import, columns: Mapping[str, str]) -> Shape:
    """Return the form of leads; a column that is taken for a field counts before Leadoo's own."""
    from ..integrations.leadoo import LeadShape, with_own

    return LeadShape(with_own(columns), extra=command.extra_columns, needed=tuple(columns))


def mapped(given: str) -> tuple[str, str]:
    """Return both sides of COLUMN=FIELD; raise `Invalid` where they are not."""
    column, equals, name = given.rpartition("=")
    if not (equals and column and name):
        raise Invalid(f"{given!r} is not COLUMN=FIELD, such as 'Full name=name'", field="--map")
    return column, name


def open_rows(command: Import, attempt: Attempt, source: FileSource, stack: ExitStack) -> Mapping[State, NotedRows]:
    """Return where rows of which state are noted; those in doubt only if the files have a form in common."""
    paths: dict[State, Path] = {}
    if command.rejects:
        check_alike(command.rejects, source.files)
        paths["rejected"] = command.rejects
    doubts = None if attempt.dry_run else in_doubt_path(command, attempt.journal)
    if doubts and _are_alike(doubts, source):
        paths["in_doubt"] = doubts
    return {state: stack.enter_context(NotedRows(path, source.files)) for state, path in paths.items()}


def _are_alike(path: Path, source: FileSource) -> bool:
    try:
        check_alike(path, source.files)
    except Invalid:
        return False
    return True
