"""The files that an import reads and writes, opened and checked before anything is sent."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

from attrs import evolve, frozen

from ..api.codec import dumps
from ..errors import Invalid
from ..outcome import Outcome, State
from ..records.shapes import (
    ExtraColumns,
    Shape,
    contact_shape,
    event_shape,
    price_shape,
    product_shape,
    quantity_shape,
)
from ..sources.options import ReadOptions
from ..sources.sources import FileSource, open_file
from ..sources.text_files import Row
from ..stores.addresses import JournalPlace
from ..stores.journal import read_note
from ..stores.refusals import NotBegun
from ..sync.state import is_state, note_left_behind
from .definition import Attempt, FileImport, definition_of, is_noted
from .paths import as_argument, check_paths, in_doubt_path
from .rejects import AnnotatedRows, check_alike

MakeLeadShape: TypeAlias = Callable[[Mapping[str, str], ExtraColumns], Shape]
"""Returns the shape of Leadoo leads, given the mapped columns and what becomes of extra ones.

The caller passes it in, because integrations are built on this package. With `salesmanago_async.integrations.leadoo` it
returns `LeadShape(with_own(columns), extra=extra, needed=tuple(columns))`.
"""


@frozen
class OpenedImport:
    """An import whose files are open: the source to read, and the files to write, by the state of their rows."""

    definition: FileImport
    attempt: Attempt
    source: FileSource
    rows: Mapping[State, AnnotatedRows]


@contextmanager
def open_import(
    definition: FileImport, attempt: Attempt, *, lead_shape: MakeLeadShape | None = None
) -> Iterator[OpenedImport]:
    """Open the files of an import for the block; raise `Invalid` naming the file that cannot be used."""
    source = open_files(definition, lead_shape=lead_shape)
    with ExitStack() as stack:
        rows: dict[State, AnnotatedRows] = {
            state: stack.enter_context(AnnotatedRows(path, source.files))
            for state, path in _paths_of_rows(definition, attempt, source).items()
        }
        yield OpenedImport(definition, attempt, source, rows)


def open_files(definition: FileImport, *, lead_shape: MakeLeadShape | None = None) -> FileSource:
    """Open the input; raise `Invalid` naming the file that cannot be read."""
    columns = parse_mappings(definition.maps)
    if definition.form == "leadoo":
        if lead_shape is None:
            raise Invalid("is 'leadoo'; pass the lead_shape that reads leads", field="form")
        shape, columns = lead_shape(columns, definition.extra_columns), {}
    elif definition.kind == "contacts":
        shape = contact_shape(definition.extra_columns, accept_consents=definition.accept_consents)
    elif definition.kind == "products":
        shape = _SHAPES_OF_PRODUCTS[definition.only](definition.extra_columns)
    else:
        shape = event_shape(definition.extra_columns, any_location=definition.any_location)
    reading = ReadOptions(
        columns=columns,
        encoding=definition.encoding,
        delimiter=definition.delimiter,
        format=definition.format,
        null=definition.null,
        decimal=definition.decimal,
        time_zone=definition.time_zone,
        date_format=definition.date_formats,
        keep_spaces=definition.keep_spaces,
        strict=definition.strict,
    )
    return FileSource([open_file(path, shape, reading) for path in definition.files])


_SHAPES_OF_PRODUCTS = {None: product_shape, "quantities": quantity_shape, "prices": price_shape}


def first_rows(opened: OpenedImport) -> Iterator[str]:
    """Yield a line for each of the first rows that the attempt is to show: as it would be sent, or why it would not."""
    return _shown(opened.source, islice(opened.source.rows(), opened.attempt.show))


def first_changes(opened: OpenedImport, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield such a line for the row of each of these outcomes."""
    source, places = opened.source, {(outcome.file, outcome.line) for outcome in outcomes}
    rows = (row for row in source.rows() if (source.file_of(row[0]), row[1]) in places)
    return _shown(source, islice(rows, len(places)))


def _shown(source: FileSource, rows: Iterable[Row]) -> Iterator[str]:
    for row, line in rows:
        place = f"{source.file_of(row)}:{line}"
        try:
            yield f"{place}: {dumps(source.body(row)).decode()}"
        except Invalid as error:
            yield f"{place}: would be rejected: {error}"


def parse_mapping(given: str) -> tuple[str, str]:
    """Return the two sides of COLUMN=FIELD; raise `Invalid` if one is missing."""
    column, equals, name = given.rpartition("=")
    if not (equals and column and name):
        raise Invalid(f"{given!r} is not COLUMN=FIELD, such as 'Full name=name'", field="--map")
    return column, name


def parse_mappings(given: Iterable[str]) -> dict[str, str]:
    """Return the fields of the columns in several COLUMN=FIELD; raise `Invalid` if a column has two fields."""
    columns: dict[str, str] = {}
    for column, name in map(parse_mapping, given):
        if columns.setdefault(column, name) != name:
            both = f"{columns[column]!r} and {name!r}"
            raise Invalid(f"{column!r} is mapped to {both}; map it to one of them", field="--map")
    return columns


def attempt_with(definition: FileImport, journal: JournalPlace, *, again: tuple[str, ...] | None = None) -> Attempt:
    """Return the attempt that begins an import with a journal, or continues the one in it.

    `resume` continues an import with the arguments in its journal. If the journal was begun with other arguments,
    `resume` would not continue this attempt; then `again`, the command that was given, does.
    """
    resume = resume_command(journal)
    try:
        is_same = is_new(journal) or is_noted(definition, read_note(journal))
    except NotBegun:
        is_same = True
    return Attempt(journal=journal, resume_command=resume, continue_command=resume if is_same else again)


def is_new(journal: JournalPlace) -> bool:
    """Return whether a journal is a file that does not exist yet."""
    return isinstance(journal, Path) and not journal.is_file()


def has_begun(definition: FileImport, journal: JournalPlace) -> bool:
    """Return whether an import was begun with this journal, and with these arguments."""
    try:
        return not is_new(journal) and is_noted(definition, read_note(journal))
    except NotBegun:
        return False


def resume_command(journal: JournalPlace) -> tuple[str, ...]:
    """Return the command that continues an import by its journal alone; it has no password."""
    return ("salesmanago", "resume", as_argument(journal))


def begun_import(
    journal: JournalPlace, *, in_doubt: Literal["ask", "send", "drop"] = "ask", patience: float | None = None
) -> FileImport:
    """Return the import that a journal holds; raise `Invalid` if it cannot be resumed in this way."""
    state = journal if isinstance(journal, Path) and is_state(journal) else None
    begun = definition_of(note_left_behind(state) if state else read_note(journal), journal)
    check_paths(begun, None if state else journal)
    if in_doubt != "ask" and begun.kind != "events":
        raise Invalid(f"is for events; {begun.kind} in doubt are sent again, which does no harm", field="--in-doubt")
    return begun if patience is None else evolve(begun, patience=patience)


def _paths_of_rows(definition: FileImport, attempt: Attempt, source: FileSource) -> Mapping[State, Path]:
    """Return the files for rejected rows and for rows in doubt.

    Rows in doubt are written only if the input files have a common format: nobody asked for this file, so it is no
    reason to refuse the import.
    """
    paths: dict[State, Path] = {}
    if definition.rejects:
        paths["rejected"] = definition.rejects
    in_doubt = None if attempt.dry_run else in_doubt_path(definition, attempt.journal)
    if in_doubt and _are_alike(in_doubt, source):
        paths["in_doubt"] = in_doubt
    return paths


def _are_alike(path: Path, source: FileSource) -> bool:
    try:
        check_alike(path, source.files)
    except Invalid:
        return False
    return True
