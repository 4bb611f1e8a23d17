"""`salesmanago import contacts|events`."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from ._client import client_options
from ._command import Attempt, Import, is_kept
from ._paths import check_paths
from ._run import run

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

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
    click.option(
        "--journal",
        type=click.Path(path_type=Path),
        metavar="DB",
        help="Remember in this file what was sent: 'salesmanago resume DB' goes on, whatever ended the import. It"
        " is of one account and server; --simulate takes another one.",
    ),
    click.option("--rejects", type=click.Path(path_type=Path), help="Write refused rows here, in the same format."),
    click.option("--report", "report_file", type=click.Path(path_type=Path), help="Write the counts here, as JSON."),
    click.option(
        "--batch-size", type=click.IntRange(1, 1000), default=1000, show_default=True, help="Records a request."
    ),
    click.option("--no-wait", is_flag=True, help="Do not follow the server's jobs: end at 'submitted'."),
    click.option("--dry-run", is_flag=True, help="Check and count; send nothing, and tell what it would take."),
    click.option(
        "--latency",
        type=click.FloatRange(0, 3600),
        default=0.2,
        show_default=True,
        metavar="SECONDS",
        help="With --dry-run: how long a request takes, to tell how long the import would.",
    ),
)

_OF_CONTACTS = (
    click.option("--tag", "tags", multiple=True, help="Give every contact this tag, too."),
    click.option("--double-opt-in/--no-double-opt-in", default=None, help="Have consents confirmed by e-mail."),
    click.option("--lang", help="The language of that e-mail."),
    click.option("--fire-events/--no-fire-events", default=None, help="Whether rules and workflows are triggered."),
)

_EPILOG = """Rows in doubt (sent, and no answer tells whether they arrived) are written, as they came, beside the
journal, or else the rejects: for nightly.db to nightly.in-doubt.csv, with the suffix of the input.
"""


def import_options(command: CommandT) -> CommandT:
    """Give a command the options that all imports share."""
    return _described(command, _OPTIONS)


def contact_import_options(command: CommandT) -> CommandT:
    """Give a command the options that imports of contacts share."""
    return _described(command, (*_OPTIONS, *_OF_CONTACTS))


def _described(command: CommandT, options: Sequence[Callable[[Any], Any]]) -> CommandT:
    described: Any = command
    for option in reversed(options):
        described = option(described)
    return described  # type: ignore[no-any-return]


@click.group("import")
def import_() -> None:
    """Import contacts or events from CSV, JSONL or Parquet files."""


@import_.command(epilog=_EPILOG)
@contact_import_options
@client_options
def contacts(journal: Path | None, dry_run: bool, latency: float, **arguments: Any) -> None:
    """Add or change the contacts of FILE… (contact/batchupsertv2).

    Columns are the API's names or their snake_case: email, contactId, name, phone, company, externalId, city, …; tags
    are split at , or ; and columns named properties.X or dictionary.X make details.
    """
    command = Import(kind="contacts", **arguments)
    raise SystemExit(run(begin_import, command=command, journal=journal, dry_run=dry_run, latency=latency))


@import_.command(epilog=_EPILOG)
@import_options
@client_options
def events(journal: Path | None, dry_run: bool, latency: float, **arguments: Any) -> None:
    """Add the external events of FILE… to their contacts (contact/batchAddContactExtEvent).

    Columns: email or contactId, date (ISO 8601, UTC where it names no offset, or UNIX milliseconds),
    contactExtEventType, products, value, location, externalId, description, detail1…detail20, shopDomain.
    """
    command = Import(kind="events", **arguments)
    raise SystemExit(run(begin_import, command=command, journal=journal, dry_run=dry_run, latency=latency))


async def begin_import(*, command: Import, journal: Path | None, dry_run: bool, latency: float) -> int:
    """Make an import from its beginning, or go on with the one that its journal holds; return the exit code."""
    from ._importing import make_import

    check_paths(command, journal)
    if dry_run:
        return await make_import(command, Attempt(journal=journal, dry_run=True, latency=latency))
    return await make_import(command, _attempt(command, journal) if journal else Attempt())


def _attempt(command: Import, journal: Path) -> Attempt:
    """Return how the import goes on: by its journal, unless that keeps other arguments than were given now."""
    from ..imports._journal import NotBegun, read_note

    resume = ("salesmanago", "resume", str(journal))
    try:
        is_same = not journal.is_file() or is_kept(command, read_note(journal))
    except NotBegun:
        is_same = True
    return Attempt(journal=journal, resume=resume, goes_on=resume if is_same else ("salesmanago", *sys.argv[1:]))
