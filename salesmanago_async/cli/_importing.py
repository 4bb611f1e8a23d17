"""An import is made: a client sends, outcomes are noted, and what became of it is told."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import click
from attrs import define, field

from ..client import SalesManago
from ..connection.retry import is_unanswered
from ..errors import Invalid, SalesManagoError
from ..imports.report import Report
from ..imports.runs import Outcomes
from ..outcome import State
from ..sources.sources import FileSource
from ._asking import ask_first
from ._client import open_client
from ._command import Attempt, Import, note_of
from ._ending import Circumstances, doubt_lines, ending_of, problem_lines, remedy_lines
from ._estimate import confirmations, without_account
from ._file_path import STDOUT
from ._in_doubt_file import keep_doubts
from ._opening import open_files, open_rows
from ._progress import progress
from ._report import job_lines, print_counts, write_report
from ._rows import NotedRows
from ._run import show_waits
from ._stopping import Stopper, with_signals


@define
class _Work:
    """What an import works with, and what happens to it."""

    command: Import
    attempt: Attempt
    source: FileSource
    rows: Mapping[State, NotedRows]
    stopper: Stopper = field(factory=Stopper)
    error: Exception | None = None
    unwritten: list[Exception] = field(factory=list)


async def make_import(command: Import, attempt: Attempt) -> int:
    """Make an import, whose paths were checked, tell what became of it, and return the exit code."""
    source = open_files(command)
    client = without_account(command.client) if attempt.dry_run else command.client
    with ExitStack() as stack:
        work = _Work(command, attempt, source, open_rows(command, attempt, source, stack))
        async with open_client(client) as sm:
            if command.kind == "events" and client.simulate and not attempt.dry_run:
                await _make_contacts(sm, source)
            return await with_signals(partial(_import, sm, work), work.stopper)


async def ask_for_confirmations(command: Import, *, yes: bool) -> None:
    """Count the confirmation e-mails that an import would have sent, and return once they are wanted.

    Until then the files are only read, and nothing is sent.
    """
    source = open_files(command)
    async with open_client(without_account(command.client)) as sm:
        with progress(source.total_bytes, doing="counting the e-mails") as show:
            report = await sm.contacts.upsert_many(
                source,
                dry_run=True,
                use_api_double_opt_in=True,
                tags=command.tags,
                on_progress=lambda report: show(report, source.bytes_read),
            )
    if report.estimate and report.estimate.most_confirmations:
        ask_first(f"has the server send up to {confirmations(report.estimate)}", yes=yes, place="--double-opt-in")


async def _make_contacts(sm: SalesManago, source: FileSource) -> None:
    """Make the contacts of the events, as a fresh simulated account has none and would refuse every event."""
    click.echo("simulating: the contacts of the events are made first", err=True)

    def contacts() -> Iterator[dict[str, str]]:
        for row, _ in source.rows():
            try:
                body = source.body(row)
            except Invalid:
                continue
            if "email" in body:
                yield {"email": body["email"]}

    await sm.contacts.upsert_many(contacts())


async def _import(sm: SalesManago, work: _Work) -> int:
    show_waits()
    making: Any = sm.contacts.upserting if work.command.kind == "contacts" else sm.events.adding
    with progress(work.source.total_bytes) as show:
        shown = {"on_progress": lambda report: show(report, work.source.bytes_read)}
        async with making(work.source, **_settings(work.command, work.attempt), **shown) as outcomes:
            work.stopper.take(outcomes)
            await _take_outcomes(outcomes, work)
    return _conclude(work, outcomes.report)


def _settings(command: Import, attempt: Attempt) -> dict[str, Any]:
    """Return the options of the run."""
    settings: dict[str, Any] = {"batch_size": command.batch_size, "wait": not command.no_wait}
    settings["patience"] = command.patience
    if command.kind == "contacts":
        settings |= {"tags": command.tags, "lang": command.lang}
        settings |= {"use_api_double_opt_in": command.double_opt_in, "fire_events": command.fire_events}
    if attempt.journal:
        settings |= {"journal": attempt.journal, "note": note_of(command), "in_doubt": attempt.in_doubt}
    return {**settings, "dry_run": attempt.dry_run}


async def _take_outcomes(outcomes: Outcomes, work: _Work) -> None:
    """Go through a run and note rows; an error that ends it is kept for its end, once anything was sent."""
    try:
        async for outcome in outcomes:
            if outcome.state in work.rows and not work.unwritten:
                try:
                    work.rows[outcome.state].write(outcome)
                except OSError as error:  # the disk is full, say
                    work.unwritten.append(error)
                    outcomes.stop()
    except (SalesManagoError, OSError) as error:
        if error is outcomes.report.stopped and is_unanswered(error):
            return  # the report says it, and the import can go on
        if not _has_sent(outcomes.report):
            raise
        work.error = error


def _has_sent(report: Report) -> bool:
    return report.chunks > 0 and report.accepted + report.submitted + report.in_doubt > 0


def _conclude(work: _Work, report: Report) -> int:
    """Print the counts, put the files in their places, and say what is to be done; return the exit code."""
    command, attempt, doubts, rejects = work.command, work.attempt, work.rows.get("in_doubt"), work.rows.get("rejected")
    print_counts(report, latency=attempt.latency, to_stderr=command.report_file == STDOUT)
    left = _write_files(work, report)
    signalled = work.stopper.signals > 0
    circumstances = Circumstances(error=work.error, unwritten=work.unwritten, was_signalled=signalled)
    expected: State = "not_sent" if attempt.dry_run else "submitted" if command.no_wait else "accepted"
    ending = ending_of(report, circumstances, expected=expected)
    for line in (
        *(["simulated: nothing was sent to an account"] if command.client.simulate and not attempt.dry_run else []),
        *_no_rows(report, command),
        *problem_lines(report, command.rejects, is_kept=bool(rejects and rejects.is_kept)),
        *doubt_lines(report, *((doubts.count, doubts.path) if doubts and doubts.is_kept else (0, None))),
        *left,
        *job_lines(report),
        *([f"salesmanago: {' '.join(ending.why.split())}"] if ending.why else []),
        *remedy_lines(ending, report, command, attempt),
    ):
        click.echo(line, err=True)
    return ending.code


def _no_rows(report: Report, command: Import) -> Iterator[str]:
    """Yield a line where there was nothing to import: the export that made the file may have failed."""
    if report.read_all and not report.read:
        yield f"no rows in {', '.join(map(str, command.files))}"


def _write_files(work: _Work, report: Report) -> list[str]:
    """Write the report and the rows; what fails is noted, and the others are written all the same.

    Return what there is to say of files that were left as they are.
    """
    rejects, doubts = work.rows.get("rejected"), work.rows.get("in_doubt")
    left: list[str] = []

    def write_doubts(doubts: NotedRows) -> None:
        left.extend(keep_doubts(doubts, report, journal=work.attempt.journal))

    for write in (
        partial(write_report, report, work.command.report_file, latency=work.attempt.latency),
        rejects.keep if rejects else None,
        partial(write_doubts, doubts) if doubts else None,
    ):
        try:
            if write:
                write()
        except (OSError, Invalid) as error:
            work.unwritten.append(error)
    return left
