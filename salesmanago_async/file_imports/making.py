"""An import of files is made: rows are sent, those that need attention are written to files, and the end is a value.

import_files, resume_import    open the files, make the import and return its result
open_import + importing        the same in steps, for a caller that shows progress or stops the import
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

import orjson

from ..client import SalesManago
from ..connection.retry import is_unanswered
from ..errors import Invalid, SalesManagoError
from ..imports.report import Report
from ..imports.runs import Outcomes
from ..outcome import State
from .definition import STDOUT, Attempt, FileImport, note_of
from .ending import FileImportResult
from .in_doubt_file import remove_in_doubt, save_in_doubt
from .opening import MakeLeadShape, OpenedImport, attempt_with, begun_import, open_import, resume_command
from .paths import check_paths, errors_naming
from .rejects import AnnotatedRows

OnProgress: TypeAlias = Callable[[Report], None]
"""Is called with the counts so far whenever something has become known."""


async def import_files(
    sm: SalesManago,
    definition: FileImport,
    *,
    journal: Path | None = None,
    dry_run: bool = False,
    on_progress: OnProgress | None = None,
    lead_shape: MakeLeadShape | None = None,
) -> FileImportResult:
    """Import files with an open client; a journal that was begun by the same import is continued.

    Errors that come before anything was sent are raised: `Invalid` for files that cannot be used, `NotAuthenticated`,
    and so on. After that, the result says how the import ended. If the import is cancelled, no file is written; a
    journal makes it possible to continue. Nothing is asked: `double_opt_in` can send an e-mail to every contact.
    """
    check_paths(definition, journal)
    if dry_run or journal is None:
        attempt = Attempt(journal=journal, dry_run=dry_run)
    else:
        attempt = attempt_with(definition, journal)
    return await _import(sm, definition, attempt, on_progress, lead_shape)


async def resume_import(
    sm: SalesManago,
    journal: Path,
    *,
    in_doubt: Literal["ask", "send", "drop"] = "ask",
    patience: float | None = None,
    on_progress: OnProgress | None = None,
    lead_shape: MakeLeadShape | None = None,
) -> FileImportResult:
    """Continue the import of files that was begun with this journal, with the same arguments.

    `in_doubt` says what becomes of events that stay in doubt after they were looked for in the account: they stay in
    doubt ("ask"), are sent, which may create duplicates ("send"), or count as rejected ("drop"). `patience` replaces
    that of the first call.
    """
    begun = begun_import(journal, in_doubt=in_doubt, patience=patience)
    resume = resume_command(journal)
    attempt = Attempt(
        journal=journal,
        in_doubt=in_doubt,
        continue_command=resume if in_doubt == "ask" else (*resume, "--in-doubt", in_doubt),
        resume_command=resume,
    )
    return await _import(sm, begun, attempt, on_progress, lead_shape)


async def _import(
    sm: SalesManago,
    definition: FileImport,
    attempt: Attempt,
    on_progress: OnProgress | None,
    lead_shape: MakeLeadShape | None,
) -> FileImportResult:
    with open_import(definition, attempt, lead_shape=lead_shape) as opened:
        async with importing(sm, opened, on_progress=on_progress) as running:
            return await running.finish()


@asynccontextmanager
async def importing(
    sm: SalesManago, opened: OpenedImport, *, on_progress: OnProgress | None = None
) -> AsyncGenerator["RunningImport"]:
    """Make an import while the block finishes or stops it; leaving the block early stops the import."""
    making: Any = sm.contacts.upserting if opened.definition.kind == "contacts" else sm.events.adding
    progress = {"on_progress": on_progress} if on_progress else {}
    async with making(opened.source, **_run_options(opened.definition, opened.attempt), **progress) as outcomes:
        yield RunningImport(opened, outcomes)


class RunningImport:
    """An import that is being made."""

    def __init__(self, opened: OpenedImport, outcomes: Outcomes) -> None:
        self._opened = opened
        self._outcomes = outcomes
        self._was_stopped = False

    def stop(self) -> None:
        """Stop reading and following jobs; requests in flight are finished within bounds, and `finish` returns."""
        self._was_stopped = True
        self._outcomes.stop()

    def stop_at_once(self) -> None:
        """Cut off the requests in flight, too: their rows are in doubt, but are not written to the in-doubt file."""
        self._was_stopped = True
        self._outcomes.stop_at_once()

    async def finish(self) -> FileImportResult:
        """Wait for the end of the import, write the files, and return the result."""
        definition, attempt, rows = self._opened.definition, self._opened.attempt, self._opened.rows
        rejected, in_doubt = rows.get("rejected"), rows.get("in_doubt")
        rejects, in_doubt_file, untouched = None, None, list[Path]()
        error, unwritten = await _write_outcomes(self._outcomes, rows)
        report = self._outcomes.report
        with _collected_in(unwritten):
            write_report(report, definition.report_file, latency=attempt.latency)
        if rejected:
            with _collected_in(unwritten):
                rejects = rejected.save()
        if in_doubt and in_doubt.count:
            with _collected_in(unwritten):
                in_doubt_file = save_in_doubt(in_doubt, attempt.journal)
        elif in_doubt and attempt.journal and report.read_all and not report.in_doubt:
            with _collected_in(unwritten):
                untouched += remove_in_doubt(in_doubt.path, attempt.journal)
        return FileImportResult(
            definition=definition,
            attempt=attempt,
            report=report,
            error=error,
            unwritten=tuple(unwritten),
            was_stopped=self._was_stopped,
            rejects=rejects,
            in_doubt_file=in_doubt_file,
            in_doubt_rows=in_doubt.count if in_doubt and in_doubt_file else 0,
            untouched_files=tuple(untouched),
        )


def _run_options(definition: FileImport, attempt: Attempt) -> dict[str, Any]:
    options: dict[str, Any] = {"batch_size": definition.batch_size, "wait": not definition.no_wait}
    options["patience"] = definition.patience
    if definition.kind == "contacts":
        options |= {"tags": definition.tags, "lang": definition.lang}
        options |= {"use_api_double_opt_in": definition.double_opt_in, "fire_events": definition.fire_events}
    if attempt.journal:
        options |= {"journal": attempt.journal, "note": note_of(definition), "in_doubt": attempt.in_doubt}
    return {**options, "dry_run": attempt.dry_run}


async def _write_outcomes(
    outcomes: Outcomes, rows: Mapping[State, AnnotatedRows]
) -> tuple[Exception | None, list[Exception]]:
    """Write the rows that need attention; return the error that ended the run, and those of the files.

    An error that comes before anything was sent is raised. So the result is only about imports that did something.
    """
    unwritten: list[Exception] = []
    try:
        async for outcome in outcomes:
            if outcome.state in rows and not unwritten:
                try:
                    rows[outcome.state].write(outcome)
                except OSError as error:  # e.g. a full disk
                    unwritten.append(error)
                    outcomes.stop()
    except (SalesManagoError, OSError) as error:
        if error is outcomes.report.stopped and is_unanswered(error):
            return None, unwritten  # the report has the error, and the import can be continued
        if not _has_sent(outcomes.report):
            raise
        return error, unwritten
    return None, unwritten


def _has_sent(report: Report) -> bool:
    return report.chunks > 0 and report.accepted + report.submitted + report.in_doubt > 0


@contextmanager
def _collected_in(errors: list[Exception]) -> Iterator[None]:
    """Collect an error in writing a file, so that the other files are still written."""
    try:
        yield
    except (OSError, Invalid) as error:
        errors.append(error)


def report_json(report: Report, *, latency: float) -> bytes:
    """Return the counts as a JSON object; `latency` is for the estimate of a dry run."""
    return orjson.dumps(report.as_dict(latency=latency), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def write_report(report: Report, path: Path | None, *, latency: float) -> None:
    """Write the counts to a file; nothing is written for None, and for "-", which the command line prints itself."""
    if path is not None and path != STDOUT:
        with errors_naming(path):
            path.write_bytes(report_json(report, latency=latency))
