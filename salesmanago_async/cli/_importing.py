"""Makes an import on the command line: opens the client, shows progress, handles signals and prints the result."""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress

import anyio
import click
from attrs import evolve

from ..client import SalesManago
from ..errors import Invalid
from ..file_imports.definition import STDOUT, Attempt, FileImport
from ..file_imports.ending import FileImportResult
from ..file_imports.making import RunningImport, importing, run_options
from ..file_imports.opening import first_changes, first_rows, open_files, open_import
from ..file_imports.report_file import report_bytes
from ..imports.report import Report
from ..records.shapes import ExtraColumns, Shape
from ..sources.sources import FileSource
from ..support.background import background
from ..support.stop_signals import STOP_SIGNALS, receiving_signals
from ..support.wording import counted
from ..sync.removal import DRY_RUN
from ._asking import ask_first
from ._client import open_client
from ._estimate import confirmations, without_account
from ._option_names import with_option_names
from ._progress import Show, progress
from ._report import print_counts
from ._status import Status
from ._stopping import stopping_on_signals
from ._verbosity import show_waits

SECONDS_BETWEEN_LOOKS = 0.25
"""Seconds between two looks at an import for the screen."""


async def make_import(definition: FileImport, attempt: Attempt) -> int:
    """Make an import whose paths were checked, print how it ended, and return the exit code."""
    needs_account = definition.sync or not attempt.dry_run  # a state belongs to an account
    client = definition.client if needs_account else without_account(definition.client)
    with open_import(definition, attempt, lead_shape=_lead_shape) as opened:
        if not definition.sync:  # of a sync, the rows that would be sent are known later
            _echo_all(first_rows(opened))
        async with open_client(client) as sm:
            if definition.kind == "events" and client.simulate and not attempt.dry_run:
                await _make_contacts(sm, opened.source)
            with receiving_signals(*STOP_SIGNALS) as signals:
                show_waits()
                with progress() as show:
                    async with (
                        importing(sm, opened) as running,
                        stopping_on_signals(signals, running),
                        _showing(running, opened.source, show, kind=definition.kind),
                    ):
                        result = await running.finish()
                _echo_all(first_changes(opened, result.first_outcomes))
                return _print_result(result)


def _echo_all(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(with_option_names(line), err=True)


@asynccontextmanager
async def _showing(running: RunningImport, source: FileSource, show: Show, *, kind: str) -> AsyncGenerator[None]:
    """Show the status of an import several times per second during the block: a wait has to be seen passing."""
    began = anyio.current_time()
    waits_for = "server job" if kind == "contacts" else "unanswered request"

    def status() -> Status:
        return Status(
            report=running.report,
            seconds=anyio.current_time() - began,
            read=source.bytes_read,
            total=source.total_bytes,
            outstanding=running.outstanding,
            next_poll=running.next_poll,
            waits_for=waits_for,
        )

    async def show_on() -> None:
        with suppress(OSError):  # nobody sees stderr any more; the import goes on
            while True:
                show(status())
                await anyio.sleep(SECONDS_BETWEEN_LOOKS)

    async with background() as tasks:
        tasks.start_soon(show_on)
        yield


async def ask_for_confirmations(definition: FileImport, *, yes: bool) -> None:
    """Count the confirmation e-mails that an import would send, and return if the user wants them.

    Until then the files are only read; nothing is sent.
    """
    source = open_files(definition, lead_shape=_lead_shape)
    async with open_client(without_account(definition.client)) as sm:
        with _showing_counts(source, "counting the e-mails") as show:
            report = await sm.contacts.upsert_many(
                source, dry_run=True, use_api_double_opt_in=True, tags=definition.tags, on_progress=show
            )
    if report.estimate and report.estimate.most_confirmations:
        ask_first(f"makes the server send up to {confirmations(report.estimate)}", yes=yes, place="--double-opt-in")


async def ask_about_removed(definition: FileImport, removed: str, *, yes: bool) -> int | None:
    """Say what happens to contacts or products that are no longer in the files, and return if the user wants it.

    Without `yes`, they are counted first; until then the files and the state are only read. Returns how many the user
    has agreed to, or None for any number.
    """
    what = _REMOVING.get(removed, f"adds the {removed} to")
    if yes:
        ask_first(f"{what} {definition.kind} that are no longer in the files", yes=True, place="--removed")
        return None
    source = open_files(definition)
    async with open_client(definition.client) as sm:
        with _showing_counts(source, f"counting the removed {definition.kind}") as show:
            options = run_options(definition, Attempt(dry_run=True))
            sync = sm.contacts.sync if definition.kind == "contacts" else sm.products.sync
            report = await sync(source, **options, on_progress=show)
    if not report.removed or report.removal != DRY_RUN:  # then they are too many, and the sync says so
        return 0
    ask_first(f"{what} {counted(report.removed, definition.kind[:-1])}", yes=False, place="--removed")
    return report.removed


_REMOVING = {"delete": "deletes", "stop_monitoring": "stops to monitor", "deactivate": "switches off"}


@contextmanager
def _showing_counts(source: FileSource, doing: str) -> Iterator[Callable[[Report], None]]:
    """Show during the block how much of the files was read; yield what takes the counts so far."""
    with progress() as show:

        def show_counts(report: Report) -> None:
            show(
                Status(
                    report=report,
                    seconds=report.seconds,
                    read=source.bytes_read,
                    total=source.total_bytes,
                    doing=doing,
                )
            )

        yield show_counts


def _lead_shape(columns: Mapping[str, str], extra: ExtraColumns) -> Shape:
    """Return the shape of leads; a mapped column has priority over Leadoo's own name for the same field."""
    from ..integrations.leadoo import LeadShape, with_own

    return LeadShape(with_own(columns), extra=extra, needed=tuple(columns))


async def _make_contacts(sm: SalesManago, source: FileSource) -> None:
    """Create the contacts of the events; a new simulated account has none and would refuse every event."""
    click.echo("simulating: the contacts of the events are created first", err=True)

    def contacts() -> Iterator[dict[str, str]]:
        for row, _ in source.rows():
            try:
                body = source.body(row)
            except Invalid:
                continue
            if "email" in body:
                yield {"email": body["email"]}

    await sm.contacts.upsert_many(contacts())


def _print_result(result: FileImportResult) -> int:
    """Print the counts, and what needs attention; return the exit code."""
    definition, attempt = result.definition, result.attempt
    wants_json = definition.report_file == STDOUT
    print_counts(result.report, attempt, kind=definition.kind, to_stderr=wants_json)
    if wants_json:
        try:
            click.echo(report_bytes(result), nl=False)
        except OSError as error:  # e.g. the reader of a pipe has gone; the import ended as it did
            result = evolve(result, unwritten=(error, *result.unwritten))
    if definition.client.simulate and not attempt.dry_run:
        click.echo("simulated: nothing was sent to an account", err=True)
    _echo_all([*result.warnings, *([f"salesmanago: {result.line}"] if result.line else []), *result.remedies])
    return result.exit_code
