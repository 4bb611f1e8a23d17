"""Makes an import on the command line: opens the client, shows progress, handles signals and prints the result."""

from collections.abc import Iterator, Mapping

import click
from attrs import evolve

from ..client import SalesManago
from ..errors import Invalid
from ..file_imports.definition import STDOUT, Attempt, FileImport
from ..file_imports.ending import FileImportResult
from ..file_imports.making import importing, report_json
from ..file_imports.opening import first_rows, open_files, open_import
from ..records.shapes import ExtraColumns, Shape
from ..sources.sources import FileSource
from ._asking import ask_first
from ._client import open_client
from ._estimate import confirmations, without_account
from ._progress import progress
from ._report import print_counts
from ._run import show_waits
from ._stopping import signals_received, stopping_on_signals


async def make_import(definition: FileImport, attempt: Attempt) -> int:
    """Make an import whose paths were checked, print how it ended, and return the exit code."""
    client = without_account(definition.client) if attempt.dry_run else definition.client
    with open_import(definition, attempt, lead_shape=_lead_shape) as opened:
        for line in first_rows(opened):
            click.echo(line, err=True)
        async with open_client(client) as sm:
            if definition.kind == "events" and client.simulate and not attempt.dry_run:
                await _make_contacts(sm, opened.source)
            with signals_received() as signals:
                show_waits()
                with progress(opened.source.total_bytes) as show:
                    making = importing(sm, opened, on_progress=lambda report: show(report, opened.source.bytes_read))
                    async with making as running, stopping_on_signals(signals, running):
                        result = await running.finish()
                return _print_result(result)


async def ask_for_confirmations(definition: FileImport, *, yes: bool) -> None:
    """Count the confirmation e-mails that an import would send, and return if the user wants them.

    Until then the files are only read; nothing is sent.
    """
    source = open_files(definition, lead_shape=_lead_shape)
    async with open_client(without_account(definition.client)) as sm:
        with progress(source.total_bytes, doing="counting the e-mails") as show:
            report = await sm.contacts.upsert_many(
                source,
                dry_run=True,
                use_api_double_opt_in=True,
                tags=definition.tags,
                on_progress=lambda report: show(report, source.bytes_read),
            )
    if report.estimate and report.estimate.most_confirmations:
        ask_first(f"makes the server send up to {confirmations(report.estimate)}", yes=yes, place="--double-opt-in")


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
    print_counts(result.report, latency=attempt.latency, to_stderr=wants_json)
    if wants_json:
        try:
            click.echo(report_json(result.report, latency=attempt.latency), nl=False)
        except OSError as error:  # e.g. the reader of a pipe has gone; the import ended as it did
            result = evolve(result, unwritten=(error, *result.unwritten))
    if definition.client.simulate and not attempt.dry_run:
        click.echo("simulated: nothing was sent to an account", err=True)
    for line in (
        *result.warnings,
        *([f"salesmanago: {result.line}"] if result.line else []),
        *result.remedies,
    ):
        click.echo(line, err=True)
    return result.exit_code
