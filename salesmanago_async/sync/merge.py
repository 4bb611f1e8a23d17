"""What was known, and what a run sent, become the next state: in the order of the source, as far as it was read."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from sys import maxsize

from attrs import evolve

from ..support.file_errors import errors_naming
from .columns import KnownColumns
from .header import StateOf
from .key_index import KeyIndex
from .known import NEVER_ACCEPTED, REMOVED, UNCHANGED, UNKNOWN, UNSEEN, WRITTEN, Known
from .known_writer import KnownWriter
from .order import Stretch
from .sent import SentRow


def write_next(
    path: Path,
    of: StateOf,
    known: Known,
    sent: Iterable[SentRow],
    order: Iterable[Stretch] = (),
    *,
    dropped: int | None,
    keeps_contents: bool = True,
    columns: KnownColumns = None,
) -> None:
    """Write the state after a run to `path`: sent rows and unchanged ones in the order of the source, then all others.

    A row with the mark `SENT` is replaced by the sent row of its key. Rows with the mark `dropped` are left out. If
    `known` was written with other settings, or without `keeps_contents`, its rows are kept, but not what is known of
    their contents. If it has no names, and the next state has, its rows are not kept. `known` is closed, because some
    systems replace no file that is open. `columns` are those of the source; None if it was no table.
    """
    keeps = keeps_contents and known.of is not None and known.of.settings == of.settings
    rows = _with_accepted_names(sent, known)
    with errors_naming(path), KnownWriter(path, of, columns or known.columns) as writer:
        row = next(rows, None)
        for stretch in chain(order, [Stretch(maxsize, 0, 0)]):
            while row and row.position < stretch.sent_before:
                writer.add(row.key, row.content, row.name, row.parts)
                row = next(rows, None)
            _copy(writer, known, stretch.start, stretch.stop, _UNCHANGED, keeps=keeps)
        if known.has_names or not of.has_names:
            _copy(writer, known, 0, len(known), _with_one_of({UNSEEN, UNCHANGED, REMOVED} - {dropped}), keeps=keeps)
        known.close()
        writer.commit()


def _with_accepted_names(sent: Iterable[SentRow], known: Known) -> Iterator[SentRow]:
    """Yield the sent rows; one that was not accepted keeps the name of the row of its key that was known before.

    With what the server refuses, a product could not be switched off later.
    """
    index = None
    try:
        for row in sent:
            place = None
            if known.has_names and row.content in {UNKNOWN, NEVER_ACCEPTED}:
                index = index or KeyIndex(known)
                place = index.place(row.key)
            yield row if place is None else evolve(row, name=known.names(place, place + 1))
    finally:
        if index:
            index.close()


def forget_contents_of_gone(path: Path, known: Known) -> None:
    """Write a state anew, as it is but for the contents of its unseen rows: nothing is known of them any more.

    `known` is closed.
    """
    assert known.of, "a state without rows has none that are gone"
    with errors_naming(path), KnownWriter(path, known.of, known.columns) as writer:
        for found in _GONE_OR_NOT.finditer(known.marks):
            writer.copy(known, *found.span(), keeps_contents=known.marks[found.start()] != UNSEEN)
        known.close()
        writer.commit()


_GONE_OR_NOT = re.compile(b"%b+|[^%b]+" % (bytes([UNSEEN]), bytes([UNSEEN])))


def _with_one_of(marks: set[int]) -> re.Pattern[bytes]:
    """Return the pattern of rows next to each other that have one of these marks."""
    return re.compile(b"[%b]+" % bytes(marks))


_UNCHANGED = _with_one_of({UNCHANGED})
_WRITTEN = bytes([WRITTEN])


def _copy(writer: KnownWriter, known: Known, start: int, stop: int, marked: re.Pattern[bytes], *, keeps: bool) -> None:
    for found in marked.finditer(known.marks, start, stop):
        first, last = found.span()
        writer.copy(known, first, last, keeps_contents=keeps)
        known.marks[first:last] = _WRITTEN if last - first == 1 else _WRITTEN * (last - first)
