"""The files that an import reads and writes: none may be another, and each can be written before anything is sent."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os.path import realpath  # unlike Path.resolve, it does not raise for a circle of links
from pathlib import Path

from ..errors import Invalid
from ..sources.content import STDIN, can_be_read_once_only
from ..sources.formats import suffix_of_rows
from ._command import Import
from ._file_path import STDOUT


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have an `OSError` name the file that is to be written, whatever call it comes from."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def in_doubt_path(command: Import, journal: Path | None) -> Path | None:
    """Return where rows in doubt are written: beside the journal, or else the rejects, in the format of the input."""
    beside = journal or command.rejects
    if beside is None:
        return None
    return beside.with_name(f"{beside.stem}.in-doubt{suffix_of_rows(command.files[0], command.format)}")


def check_paths(command: Import, journal: Path | None) -> None:
    """Raise `Invalid` where a file that is written is also another, or cannot be."""
    _check_can_be_read(command, journal)
    outputs = {
        "give --journal another name": journal,
        "give --rejects another name": command.rejects,
        "give --report another name": None if command.report_file == STDOUT else command.report_file,
        f"rows in doubt would go there; give {'--journal' if journal else '--rejects'} another name": in_doubt_path(
            command, journal
        ),
    }
    taken = list(command.files)
    for remedy, path in outputs.items():
        if path:
            _check_other(path, taken, remedy)
            _check_folder(path)
            taken.append(path)
    if command.report_file and command.report_file != STDOUT:
        _check_writable(command.report_file)


def _check_can_be_read(command: Import, journal: Path | None) -> None:
    """Raise `Invalid` for a pipe or standard input if the import would have to read it again later."""
    for path in filter(can_be_read_once_only, command.files):
        name = "standard input" if path == STDIN else str(path)
        if command.files.count(path) > 1:
            raise Invalid("is given twice", field=name)
        if journal:
            rule = "can be read only once, but an import with --journal is resumed by reading its input again"
            raise Invalid(f"{rule}; save it to a file, or leave out --journal", field=name)
        if command.double_opt_in and path != STDIN:
            raise Invalid("can be read only once, but --double-opt-in counts its rows first; use -", field=name)


def _check_other(path: Path, others: Sequence[Path], remedy: str) -> None:
    for other in others:
        if realpath(path) == realpath(other) or (path.exists() and other.exists() and path.samefile(other)):
            raise Invalid(f"is {other} too; {remedy}", field=str(path))


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
