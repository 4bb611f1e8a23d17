"""An import is made: a client sends, outcomes are noted, and what became of it is told."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import click
from attrs import define, field

from .._retry import is_unanswered
from ..client import SalesManago
from ..errors import Invalid, SalesManagoError
from ..imports.outcome import State
from ..imports.report import Report
from ..imports.runs import Outcomes
from ..imports.sources import Files
from ._bill import without_account
from ._client import open_client
from ._command import Attempt, Import, note_of
from ._ending import Circumstances, doubt_lines, ending_of, problem_lines, remedy_lines
from ._opening import open_files, open_rows
from ._progress import progress
from ._report import print_counts, write_report
from ._rows import NotedRows
from ._run import show_waits
from ._stopping import Stopper, with_signals


@define
class _Work:
    """What an import works with, and what happens to it. `is_new` where its journal holds no earlier run."""

    command: Import
    attempt: Attempt
    source: Files
    rows: Mapping[State, NotedRows]
    is_new: bool
    stopper: Stopper = field(factory=Stopper)
    error: Exception | None = None
    unwritten: list[OSError] = field(factory=list)


async def make_import(command: Import, attempt: Attempt) -> int:
    """Make an import, whose paths were checked, tell what became of it, and return the exit code."""
    source = open_files(command)
    client = without_account(command.client) if attempt.dry_run else command.client
    with ExitStack() as stack:
        is_new = not (attempt.journal and attempt.journal.exists())
        work = _Work(command, attempt, source, open_rows(command, attempt, source, stack), is_new)
        async with open_client(client) as sm:
            if command.kind == "events" and client.simulate and not attempt.dry_run:
                await _make_contacts(sm, source)
            return await with_signals(partial(_import, sm, work), work.stopper)


async def _make_contacts(sm: SalesManago, source: Files) -> None:
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
    command, attempt, doubts = work.command, work.attempt, work.rows.get("in_doubt")
    print_counts(report, latency=attempt.latency)
    _write_files(work, report)
    signalled = work.stopper.signals > 0
    circumstances = Circumstances(error=work.error, unwritten=work.unwritten, was_signalled=signalled)
    expected: State = "not_sent" if attempt.dry_run else "submitted" if command.no_wait else "accepted"
    ending = ending_of(report, circumstances, expected=expected)
    for line in (
        *problem_lines(report, command.rejects),
        *doubt_lines(report, *((doubts.count, doubts.path) if doubts and doubts.is_kept else (0, None))),
        *([f"salesmanago: {' '.join(ending.why.split())}"] if ending.why else []),
        *remedy_lines(ending, report, command, attempt),
    ):
        click.echo(line, err=True)
    return ending.code


def _write_files(work: _Work, report: Report) -> None:
    """Write the report and the rows; what fails is noted, and the others are written all the same."""
    rejects, doubts = work.rows.get("rejected"), work.rows.get("in_doubt")
    for write in (
        partial(write_report, report, work.command.report_file, latency=work.attempt.latency),
        rejects.keep if rejects else None,
        partial(_keep_doubts, doubts, report, is_new=work.is_new) if doubts else None,
    ):
        try:
            if write:
                write()
        except OSError as error:
            work.unwritten.append(error)


def _keep_doubts(doubts: NotedRows, report: Report, *, is_new: bool) -> None:
    """Put rows in doubt in their place, or remove those of an earlier run of the journal: nothing is in doubt now."""
    if doubts.count:
        doubts.keep()
    elif report.read_all and not report.in_doubt and not is_new:
        doubts.path.unlink(missing_ok=True)
