"""The file of rows in doubt: written beside a journal, which knows its digest, and removed when nothing is in doubt.

A file of that name that this journal did not write, or that somebody has changed since, is never touched: rows in doubt
go beside it, as NAME-2, and so on.
"""

import hashlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from ..imports.report import Report
from ..stores.journal_rows import read_digest, write_digest
from ._rows import NotedRows


def keep_doubts(doubts: NotedRows, report: Report, *, journal: Path | None) -> list[str]:
    """Put rows in doubt in their place, or remove those of an earlier run of the journal: nothing is in doubt now.

    Return what there is to say of files that stay as they are.
    """
    if doubts.count:
        doubts.path = next(place for place in _places(doubts.path) if _is_ours(place, journal) or not place.exists())
        doubts.keep()
        if journal:
            write_digest(journal, doubts.path, _digest(doubts.path))
        return []
    if not (journal and report.read_all and not report.in_doubt):
        return []
    return list(_without_ours(doubts.path, journal))


def _without_ours(path: Path, journal: Path) -> Iterator[str]:
    """Remove what runs of the journal have written, and yield a line for each file that somebody else did."""
    for place in _places(path):
        if not place.exists():
            return
        if _is_ours(place, journal):
            place.unlink()
            write_digest(journal, place, None)
        else:
            yield f"{place} stays as it is: it is not as this import has written it, and nothing is in doubt now"


def _places(path: Path) -> Iterator[Path]:
    yield path
    for number in count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def _is_ours(place: Path, journal: Path | None) -> bool:
    """Tell whether a file is there just as a run of the journal has written it."""
    return bool(journal and place.is_file() and read_digest(journal, place) == _digest(place))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
