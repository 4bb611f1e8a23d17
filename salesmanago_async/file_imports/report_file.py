"""The report of an import as a file: the counts as JSON, or a page if the name ends in .html."""

from datetime import datetime
from pathlib import Path

import orjson

from ..imports.page import page_of
from ..support.file_errors import errors_naming
from .definition import STDOUT
from .ending import FileImportResult


def report_bytes(result: FileImportResult) -> bytes:
    """Return the report in the form that the name of its file asks for; JSON for standard output."""
    return _page(result).encode() if is_page(result.definition.report_file) else _json(result)


def is_page(path: Path | None) -> bool:
    """Return whether a report of this name is an HTML page."""
    return path is not None and path.suffix.lower() in {".html", ".htm"}


def write_report(result: FileImportResult) -> None:
    """Write the report; nothing is written if none is wanted, and for "-", which the command line prints itself."""
    path = result.definition.report_file
    if path is not None and path != STDOUT:
        with errors_naming(path):
            path.write_bytes(report_bytes(result))


def _json(result: FileImportResult) -> bytes:
    """Return the counts as a JSON object; the attempt says for what latency a dry run is estimated."""
    counts = result.report.as_dict(latency=result.attempt.latency, job_seconds=result.attempt.job_seconds)
    return orjson.dumps(counts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _page(result: FileImportResult) -> str:
    definition, line = result.definition, result.line
    act = "Sync" if definition.sync else "Import"
    ended = f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
    return page_of(
        result.report,
        title=f"{act} of {definition.kind}",
        subtitle=f"{', '.join(file.name for file in definition.files)} · {ended}",
        verdict=f"{line[:1].upper()}{line[1:]}." if line else result.report.verdict,
        is_complete=result.report.complete,
        differences=result.report.differences,
        remedies=result.remedies,
        rows=definition.report_rows,
    )
