"""The file of rows in doubt: written beside the journal, and removed once no row is in doubt.

The journal remembers the checksum of the file. A file of that name that the journal did not write, or that somebody has
changed since, is never replaced or removed: the rows go to NAME-2 beside it, and so on.
"""

import hashlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from ..stores.addresses import JournalPlace
from ..stores.journal import read_digest, write_digest
from .rejects import AnnotatedRows


def save_in_doubt(rows: AnnotatedRows, journal: JournalPlace | None) -> Path:
    """Save rows in doubt under the first name that is free or holds a file of this journal; return that name."""
    path = next(path for path in _candidates(rows.path) if _is_ours(path, journal) or not path.exists())
    rows.save(path)
    if journal:
        write_digest(journal, path, _digest(path))
    return path


def remove_in_doubt(path: Path, journal: JournalPlace) -> Iterator[Path]:
    """Remove the files that earlier runs of the journal wrote, and yield those that have other content now."""
    for candidate in _candidates(path):
        if not candidate.exists():
            return
        if _is_ours(candidate, journal):
            candidate.unlink()
            write_digest(journal, candidate, None)
        else:
            yield candidate


def _candidates(path: Path) -> Iterator[Path]:
    yield path
    for number in count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def _is_ours(path: Path, journal: JournalPlace | None) -> bool:
    """Return whether a file is exactly as a run of the journal has written it."""
    return bool(journal and path.is_file() and read_digest(journal, path) == _digest(path))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
