"""The names of the files that an import reads and writes: no two may be the same file, and each must be writable."""

from collections.abc import Sequence
from os.path import realpath  # unlike Path.resolve, it does not raise for a circle of links
from pathlib import Path

from ..errors import Invalid
from ..sources.content import STDIN, can_be_read_once_only
from ..sources.formats import suffix_of_rows
from ..stores.addresses import JournalPlace
from ..sync.state import is_state
from .definition import STDOUT, FileImport


def as_argument(path: JournalPlace) -> str:
    """Return a path, or an address without its password, as an argument of a command line.

    A path that begins with a dash would be read as an option.
    """
    return f"./{path}" if str(path).startswith("-") else str(path)


def in_doubt_path(definition: FileImport, journal: JournalPlace | None) -> Path | None:
    """Return the file for rows in doubt: beside the journal, or else beside the rejects, in the input's format.

    There is none beside a database, which other machines use, too.
    """
    beside = journal if isinstance(journal, Path) else definition.rejects
    if beside is None:
        return None
    return beside.with_name(f"{beside.stem}.in-doubt{suffix_of_rows(definition.files[0], definition.format)}")


def check_paths(definition: FileImport, journal: JournalPlace | None) -> None:
    """Raise `Invalid` if a file to be written is also another file of the import, or cannot be written."""
    _check_can_be_read(definition, journal)
    file = journal if isinstance(journal, Path) else None
    if file and is_state(file):
        what = "is the state of a sync, not a journal; give it to 'salesmanago sync', or this import another --journal"
        raise Invalid(what, field=str(file))
    outputs = {
        "give --journal another name": file,
        "give --state another name": definition.sync.state if definition.sync else None,
        "give --rejects another name": definition.rejects,
        "give --report another name": None if definition.report_file == STDOUT else definition.report_file,
        f"rows in doubt would be written there; give {'--journal' if file else '--rejects'} another name": (
            in_doubt_path(definition, journal)
        ),
    }
    taken = list(definition.files)
    for remedy, path in outputs.items():
        if path:
            _check_is_other(path, taken, remedy)
            _check_folder(path)
            taken.append(path)
    if definition.report_file and definition.report_file != STDOUT:
        _check_writable(definition.report_file)


def _check_can_be_read(definition: FileImport, journal: JournalPlace | None) -> None:
    """Raise `Invalid` for a pipe or standard input if the import would have to read it again later."""
    for path in filter(can_be_read_once_only, definition.files):
        name = "standard input" if path == STDIN else str(path)
        if definition.files.count(path) > 1:
            raise Invalid("is given twice", field=name)
        if journal:
            rule = "can be read only once, but an import with --journal is resumed by reading its input again"
            raise Invalid(f"{rule}; save it to a file, or leave out --journal", field=name)
        if definition.double_opt_in and path != STDIN:
            raise Invalid("can be read only once, but --double-opt-in counts its rows first; use -", field=name)


def _check_is_other(path: Path, others: Sequence[Path], remedy: str) -> None:
    for other in others:
        if realpath(path) == realpath(other) or (path.exists() and other.exists() and path.samefile(other)):
            raise Invalid(f"is the same file as {other}; {remedy}", field=str(path))


def _check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise Invalid(f"there is no folder {path.parent}", field=str(path))
    if path.is_dir():
        raise Invalid("is a folder", field=str(path))


def _check_writable(path: Path) -> None:
    existed = path.exists()
    with path.open("ab"):
        pass
    if not existed:
        path.unlink()
