"""Files whose invalid rows are written to a file of rejects, without a client."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from salesmanago_async.errors import Invalid
from salesmanago_async.file_imports.rejects import AnnotatedRows
from salesmanago_async.outcome import Outcome
from salesmanago_async.records.shapes import contact_shape
from salesmanago_async.sources.options import ReadOptions
from salesmanago_async.sources.sources import FileSource, open_file


@frozen
class Rejected:
    """What became of a rejected row."""

    record: Any
    line: int
    reason: str


def rejected(
    paths: Path | Sequence[Path],
    rejects: Path,
    *,
    reasons: Callable[[int], str | None] = lambda _: None,
    before_saving: Callable[[], object] = lambda: None,
    **options: Any,
) -> list[Rejected]:
    """Write the invalid rows of files as an import does; return what is written, in the order of the input.

    `reasons` are of valid rows, by position, and make these rejected, too.
    """
    files = [paths] if isinstance(paths, Path) else paths
    source = FileSource([open_file(path, contact_shape(), ReadOptions(**options)) for path in files])
    encoder = source.encoder()
    outcomes: list[Outcome] = []
    for position, (row, line) in enumerate(source.rows()):
        reason = reasons(position)
        try:
            encoder.encode(row)
        except Invalid as error:
            reason = str(error)
        if reason:
            record, file = source.record(row), source.file_of(row)
            outcomes.append(Outcome(record, position, "rejected", reason, line=line, file=file))
    with AnnotatedRows(rejects, source.files) as rows:
        for outcome in (*outcomes[1::2], *outcomes[::2]):  # in no order: those of the server come late
            rows.write(outcome)
        before_saving()
        rows.save()
    return [Rejected(outcome.record, outcome.line or 0, outcome.reason or "") for outcome in outcomes]


def in_substance(reason: str) -> str:
    """Return a reason without what may differ when the row is rejected again: what is wrong with an open quote."""
    return "an open quote" if reason.startswith("is not a valid CSV row") or "is one left open?" in reason else reason


def save_all(path: Path, rejects: Path) -> None:
    """Write every row of a file as a rejected one, and keep nothing of it."""
    source = FileSource([open_file(path, contact_shape(), ReadOptions())])
    with AnnotatedRows(rejects, source.files) as rows:
        for position, (row, line) in enumerate(source.rows()):
            record, file = source.record(row), source.file_of(row)
            rows.write(Outcome(record, position, "rejected", "said", line=line, file=file))
        rows.save()
