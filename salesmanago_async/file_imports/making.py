"""An import of files is made: rows are sent, those that need attention are written to files, and the end is a value.

import_files, resume_import    open the files, make the import and return its result
open_import + importing        the same in steps, for a caller that shows progress or stops the import
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import anyio.to_thread
from attrs import asdict, evolve

from ..client import SalesManago
from ..connection.retry import is_unanswered
from ..errors import Invalid, JournalFailed, SalesManagoError
from ..imports.report import Report
from ..imports.runs import Outcomes
from ..outcome import Outcome, State
from ..stores.addresses import DatabaseAddress, GivenPlace, journal_place
from .definition import Attempt, FileImport, FileSync, note_of
from .ending import FileImportResult
from .in_doubt_file import remove_in_doubt, save_in_doubt
from .opening import MakeLeadShape, OpenedImport, attempt_with, begun_import, open_import, resume_command
from .paths import check_paths
from .rejects import AnnotatedRows
from .report_file import write_report

OnProgress: TypeAlias = Callable[[Report], None]
"""Is called with the counts so far whenever something has become known."""


async def import_files(
    sm: SalesManago,
    definition: FileImport,
    *,
    journal: GivenPlace | None = None,
    dry_run: bool = False,
    on_progress: OnProgress | None = None,
    lead_shape: MakeLeadShape | None = None,
) -> FileImportResult:
    """Import files with an open client; a journal that was begun by the same import is continued.

    Errors that come before anything was sent are raised: `Invalid` for files that cannot be used, `NotAuthenticated`,
    and so on. After that, the result says how the import ended. If the import is cancelled, no file is written; a
    journal makes it possible to continue: a path, or "postgresql://host/database?run=NAME". Nothing is asked:
    `double_opt_in` can send an e-mail to every contact.
    """
    place = None if journal is None else journal_place(journal)
    check_paths(definition, place)
    if dry_run or place is None:
        attempt = Attempt(journal=place, dry_run=dry_run)
    else:
        attempt = await anyio.to_thread.run_sync(attempt_with, definition, place)
    return await _import(sm, definition, attempt, on_progress, lead_shape)


async def resume_import(
    sm: SalesManago,
    journal: GivenPlace,
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
    place = journal_place(journal)
    begun = await anyio.to_thread.run_sync(partial(begun_import, place, in_doubt=in_doubt, patience=patience))
    resume = resume_command(place)
    attempt = Attempt(
        journal=None if begun.sync else place,
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
    making = _making(sm, opened.definition)
    progress = {"on_progress": on_progress} if on_progress else {}
    async with making(opened.source, **run_options(opened.definition, opened.attempt), **progress) as outcomes:
        yield RunningImport(opened, outcomes)


def _making(sm: SalesManago, definition: FileImport) -> Any:
    """Return the method of the client that makes an import."""
    if definition.sync:
        return sm.contacts.syncing if definition.kind == "contacts" else sm.products.syncing
    if definition.kind == "products":
        of_products = {"quantities": sm.products.updating_quantities, "prices": sm.products.updating_prices}
        return of_products[definition.only] if definition.only else sm.products.upserting
    return sm.contacts.upserting if definition.kind == "contacts" else sm.events.adding


class RunningImport:
    """An import that is being made."""

    def __init__(self, opened: OpenedImport, outcomes: Outcomes) -> None:
        self._opened = opened
        self._outcomes = outcomes
        self._was_stopped = False

    @property
    def report(self) -> Report:
        """The counts so far."""
        return self._outcomes.report

    @property
    def outstanding(self) -> int:
        """How many server jobs are followed now, or requests whose events are looked for in the account."""
        return self._outcomes.outstanding

    @property
    def next_poll(self) -> float | None:
        """Seconds until one of these is polled next; None if none waits for a poll."""
        return self._outcomes.next_poll

    def stop(self) -> None:
        """Stop reading and following jobs; requests in flight are finished within bounds, and `finish` returns."""
        self._was_stopped = True
        self._outcomes.stop()

    def stop_at_once(self) -> None:
        """Cut off the requests in flight, too: their rows are in doubt, but are not written to the in-doubt file."""
        self._was_stopped = True
        self._outcomes.stop_at_once()

    async def finish(self) -> FileImportResult:
        """Wait for the end of the import, write the files, and return the result.

        The files of rows are written in a thread, because that may take long, and is not cancelled.
        """
        definition, attempt, rows = self._opened.definition, self._opened.attempt, self._opened.rows
        first: list[Outcome] = []
        error, unwritten = await _write_outcomes(self._outcomes, rows, first, attempt.show if definition.sync else 0)
        report = self._outcomes.report
        rejects = await self._save_rejects(unwritten)
        in_doubt_file = await self._save_in_doubt(report, unwritten)
        untouched = self._remove_in_doubt(report, unwritten)
        result = FileImportResult(
            definition=definition,
            attempt=attempt,
            report=report,
            error=error,
            unwritten=tuple(unwritten),
            was_stopped=self._was_stopped,
            rejects=rejects,
            in_doubt_file=in_doubt_file,
            in_doubt_rows=rows["in_doubt"].count if in_doubt_file else 0,
            untouched_files=tuple(untouched),
            first_outcomes=tuple(first),
        )
        with _collected_in(unwritten):
            write_report(result)
        return evolve(result, unwritten=tuple(unwritten))

    async def _save_rejects(self, unwritten: list[Exception]) -> Path | None:
        """Save the file of rejected rows; return its path if it was written."""
        rejected = self._opened.rows.get("rejected")
        if rejected:
            with _collected_in(unwritten), anyio.CancelScope(shield=True):
                return await anyio.to_thread.run_sync(rejected.save)
        return None

    async def _save_in_doubt(self, report: Report, unwritten: list[Exception]) -> Path | None:
        """Save the file of rows in doubt; return its path if it was written."""
        in_doubt, attempt = self._opened.rows.get("in_doubt"), self._opened.attempt
        if in_doubt and in_doubt.count and not _has_lost_its_database(attempt, report):
            with _collected_in(unwritten), anyio.CancelScope(shield=True):
                return await anyio.to_thread.run_sync(save_in_doubt, in_doubt, attempt.journal)
        return None

    def _remove_in_doubt(self, report: Report, unwritten: list[Exception]) -> list[Path]:
        """Remove the files of rows in doubt if none is left; return those that somebody has changed."""
        in_doubt, journal = self._opened.rows.get("in_doubt"), self._opened.attempt.journal
        untouched: list[Path] = []
        if in_doubt and journal and report.read_all and not report.in_doubt:
            with _collected_in(unwritten):
                untouched += remove_in_doubt(in_doubt.path, journal)
        return untouched


def _has_lost_its_database(attempt: Attempt, report: Report) -> bool:
    """Return whether the journal cannot remember which file of rows in doubt is ours; the next run writes it."""
    return isinstance(attempt.journal, DatabaseAddress) and isinstance(report.stopped, JournalFailed)


def run_options(definition: FileImport, attempt: Attempt) -> dict[str, Any]:
    """Return the options of the run, or of the sync, that an import is."""
    options: dict[str, Any] = {"batch_size": definition.batch_size, "patience": definition.patience}
    if definition.kind == "products":
        options |= {"catalog_id": definition.catalog or ""}
    else:
        options |= {"wait": not definition.no_wait, "outstanding": definition.outstanding}
    if definition.kind == "contacts":
        options |= {"tags": definition.tags, "lang": definition.lang}
        options |= {"use_api_double_opt_in": definition.double_opt_in, "fire_events": definition.fire_events}
    if definition.sync:
        options |= {**_sync_options(definition.sync, attempt, definition), "note": note_of(definition)}
    if attempt.journal:
        options |= {"journal": attempt.journal, "note": note_of(definition), "known_by": definition.known_by}
        options |= {"in_doubt": attempt.in_doubt} if definition.kind == "events" else {}
    return {**options, "dry_run": attempt.dry_run}


def _sync_options(sync: FileSync, attempt: Attempt, definition: FileImport) -> dict[str, Any]:
    options = asdict(sync)
    if definition.kind == "products":
        del options["key"]
        options["only"] = definition.only
    most = attempt.most_removed
    return options if most is None else {**options, "confirm_removal": lambda count: count <= most}


async def _write_outcomes(
    outcomes: Outcomes, rows: Mapping[State, AnnotatedRows], first: list[Outcome], show: int
) -> tuple[Exception | None, list[Exception]]:
    """Write the rows that need attention; return the error that ended the run, and those of the files.

    The first outcomes, as many as are to be shown, are added to `first`.

    An error that comes before anything was sent is raised. So the result is only about imports that did something.
    """
    unwritten: list[Exception] = []
    try:
        async for outcome in outcomes:
            if len(first) < show:
                first.append(outcome)
            if outcome.state in rows and not unwritten:
                try:
                    rows[outcome.state].write(outcome)
                except OSError as error:  # e.g. a full disk
                    unwritten.append(error)
                    outcomes.stop()
    except (SalesManagoError, OSError) as error:
        if error is outcomes.report.stopped and (is_unanswered(error) or isinstance(error, JournalFailed)):
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
