"""`salesmanago import contacts|events`."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.abc
import click
import orjson
from attrs import evolve

from ..errors import Invalid
from ._client import ClientOptions, client_options, open_client
from ._run import SOME_REJECTED, STOPPED, fail, run

if TYPE_CHECKING:
    from ..client import SalesManago
    from ..imports.outcome import Outcome
    from ..imports.report import Report
    from ..imports.runs import Outcomes
    from ..imports.sources import Files

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

SHOWN_PROBLEMS = 5

_OPTIONS = (
    click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE…"),
    click.option("--map", "maps", multiple=True, metavar="COLUMN=FIELD", help="Take a column for this field."),
    click.option(
        "--extra-columns",
        type=click.Choice(["properties", "ignore", "error"]),
        default="error",
        show_default=True,
        help="What becomes of columns that are no field.",
    ),
    click.option("--encoding", help="The files' encoding, such as cp1250.  [default: UTF-8, or as the BOM says]"),
    click.option("--delimiter", help="What stands between cells.  [default: found out from the header]"),
    click.option("--rejects", type=click.Path(path_type=Path), help="Write refused rows here, in the same format."),
    click.option("--report", "report_file", type=click.Path(path_type=Path), help="Write the counts here, as JSON."),
    click.option(
        "--batch-size", type=click.IntRange(1, 1000), default=1000, show_default=True, help="Records a request."
    ),
    click.option("--no-wait", is_flag=True, help="Do not follow the server's jobs: end at 'submitted'."),
    click.option("--dry-run", is_flag=True, help="Check and count; send nothing."),
)


def import_options(command: CommandT) -> CommandT:
    """Give a command the options that both imports share."""
    described: Any = command
    for option in reversed(_OPTIONS):
        described = option(described)
    return described  # type: ignore[no-any-return]


@click.group("import")
def import_() -> None:
    """Import contacts or events from CSV or JSONL files."""


@import_.command()
@import_options
@click.option("--tag", "tags", multiple=True, help="Give every contact this tag, too.")
@click.option("--double-opt-in/--no-double-opt-in", default=None, help="Have consents confirmed by e-mail.")
@click.option("--lang", help="The language of that e-mail.")
@click.option("--fire-events/--no-fire-events", default=None, help="Whether rules and workflows are triggered.")
@client_options
def contacts(
    client: ClientOptions,
    tags: Sequence[str],
    double_opt_in: bool | None,
    lang: str | None,
    fire_events: bool | None,
    **options: Any,
) -> None:
    """Add or change the contacts of FILE… (contact/batchupsertv2).

    Columns are the API's names or their snake_case: email, contactId, name, phone, company, externalId, city, …; tags
    are split at , or ; and columns named properties.X or dictionary.X make details.
    """
    settings = {"tags": tags, "use_api_double_opt_in": double_opt_in, "lang": lang, "fire_events": fire_events}
    run(_import, kind="contacts", client=client, settings=settings, **options)


@import_.command()
@import_options
@client_options
def events(client: ClientOptions, **options: Any) -> None:
    """Add the external events of FILE… to their contacts (contact/batchAddContactExtEvent).

    Columns: email or contactId, date (ISO 8601, UTC where it names no offset, or UNIX milliseconds),
    contactExtEventType, products, value, location, externalId, description, detail1…detail20, shopDomain.
    """
    run(_import, kind="events", client=client, settings={}, **options)


async def _import(
    *,
    kind: str,
    client: ClientOptions,
    settings: dict[str, Any],
    files: Sequence[Path],
    maps: Sequence[str],
    extra_columns: str,
    encoding: str | None,
    delimiter: str | None,
    rejects: Path | None,
    report_file: Path | None,
    batch_size: int,
    no_wait: bool,
    dry_run: bool,
) -> None:
    from ._progress import progress
    from ._rejects import Rejects

    source = _open_files(kind, files, maps, extra_columns, encoding, delimiter)
    with ExitStack() as stack:
        rejected = stack.enter_context(Rejects(rejects, source.files)) if rejects else None
        _check_report(report_file, [*files, *([rejects] if rejects else [])])
        async with open_client(evolve(client, simulate=True) if dry_run else client) as sm:
            if kind == "events" and client.simulate and not dry_run:
                await _make_contacts(sm, source)
            show = stack.enter_context(progress(source.total_bytes))
            settings |= {"batch_size": batch_size, "wait": not no_wait, "dry_run": dry_run}
            settings["on_progress"] = lambda report: show(report, source.bytes_read)
            making = sm.contacts.upserting if kind == "contacts" else sm.events.adding
            report, cut_off = await _take_outcomes(making(source, **settings), rejected)
    _print_report(report, report_file)
    _print_problems(report, rejects)
    if cut_off:
        fail(f"stopped at once; {report}", STOPPED)
    _exit(report, expected="not_sent" if dry_run else "submitted" if no_wait else "accepted")


async def _take_outcomes(making: Any, rejects: Any) -> tuple["Report", bool]:
    """Go through a run, writing down what is rejected; a first signal ends it in order, a second one cuts it off."""
    finished = False
    async with AsyncExitStack() as stack:
        outcomes: Outcomes = await stack.enter_async_context(making)
        tasks = await stack.enter_async_context(anyio.create_task_group())
        tasks.start_soon(_stop_on_signal, outcomes, tasks.cancel_scope)
        async for outcome in outcomes:
            if rejects and outcome.state == "rejected":
                rejects.write(outcome)
        tasks.cancel_scope.cancel()
        finished = True
    return outcomes.report, not finished


async def _stop_on_signal(outcomes: "Outcomes", at_once: anyio.CancelScope) -> None:
    if sys.platform == "win32":
        return
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            click.echo("stopping: requests in flight are finished; once more stops at once", err=True)
            outcomes.stop()
            break
        async for _ in signals:
            at_once.cancel()


def _open_files(
    kind: str,
    paths: Sequence[Path],
    maps: Sequence[str],
    extra_columns: Any,
    encoding: str | None,
    delimiter: str | None,
) -> "Files":
    from ..imports.shapes import contact_shape, event_shape
    from ..imports.sources import Files, open_file
    from ..imports.text_files import Reading

    shape = (contact_shape if kind == "contacts" else event_shape)(extra_columns)
    reading = Reading(columns=dict(map(_mapped, maps)), encoding=encoding, delimiter=delimiter)
    return Files([open_file(path, shape, reading) for path in paths])


def _mapped(given: str) -> tuple[str, str]:
    column, equals, field = given.rpartition("=")
    if not (equals and column and field):
        raise Invalid(f"{given!r} is not COLUMN=FIELD, such as 'Full name=name'", field="--map")
    return column, field


def _check_report(path: Path | None, others: Sequence[Path]) -> None:
    """Make sure, before anything is sent, that the report can be written and overwrites no other file."""
    if path is None:
        return
    for other in others:
        if path.resolve() == other.resolve():
            raise Invalid(f"is {other} too; give --report another name", field=str(path))
    if not path.parent.is_dir():
        raise Invalid(f"there is no folder {path.parent}", field=str(path))
    existed = path.exists()
    with path.open("ab"):
        pass
    if not existed:
        path.unlink()


async def _make_contacts(sm: "SalesManago", source: "Files") -> None:
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


def _print_report(report: "Report", path: Path | None) -> None:
    counts = report.as_dict()
    if path:
        path.write_bytes(orjson.dumps(counts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    try:
        for name, value in counts.items():
            if not isinstance(value, bool | str) and value is not None:
                click.echo(f"{name.replace('_', ' '):<10} {value:>12,}")
    except BrokenPipeError:  # whoever read stdout has gone; what was imported was imported
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_problems(report: "Report", rejects: Path | None) -> None:
    for outcome in report.problems[:SHOWN_PROBLEMS]:
        click.echo(f"{_place(outcome)}: {outcome.state.replace('_', ' ')}: {outcome.reason}", err=True)
    more = report.rejected + report.in_doubt - SHOWN_PROBLEMS
    if more > 0:
        where = f"; the rejected rows are in {rejects}" if rejects else "; --rejects FILE writes down the rejected rows"
        click.echo(f"… and {more:,} more{where}", err=True)


def _place(outcome: "Outcome") -> str:
    return f"{outcome.file}:{outcome.line}"


def _exit(report: "Report", *, expected: str) -> None:
    """Exit in the documented way; `expected` is the state that the rows were to reach."""
    if report.not_sent and expected != "not_sent":
        why = f": {report.stopped}" if report.stopped else ""
        fail(f"stopped before the end{why}; {report.not_sent:,} of the rows read were not sent", STOPPED)
    if not report.read_all:
        fail("stopped before the end of the input", STOPPED)
    if report.submitted and expected == "accepted":
        fail(f"stopped before the end; the server jobs of {report.submitted:,} rows were not followed", STOPPED)
    if report.rejected or report.in_doubt:
        raise SystemExit(SOME_REJECTED)
