"""`salesmanago import contacts|events`."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from ._client import client_options
from ._command import Attempt, Import, is_kept
from ._file_path import FilePath, as_argument
from ._paths import check_paths
from ._run import run

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

_OPTIONS = (
    click.argument("files", nargs=-1, required=True, type=FilePath(), metavar="FILE…"),
    click.option("--map", "maps", multiple=True, metavar="COLUMN=FIELD", help="Take a column for this field."),
    click.option(
        "--extra-columns",
        type=click.Choice(["properties", "ignore", "error"]),
        default="error",
        show_default=True,
        help="What becomes of columns that are no field.",
    ),
    click.option(
        "--format",
        type=click.Choice(["csv", "jsonl", "json", "parquet", "xlsx"]),
        help="The format of the files; needed for standard input.  [default: by the suffix]",
    ),
    click.option("--encoding", help="The files' encoding, such as cp1250.  [default: UTF-8, or as the BOM says]"),
    click.option("--delimiter", help="What stands between cells.  [default: found out from the header]"),
    click.option(
        "--journal",
        type=FilePath(written=True),
        metavar="DB",
        help="Remember in this file what was sent: 'salesmanago resume DB' goes on, whatever ended the import. It"
        " is of one account and server; --simulate takes another one.",
    ),
    click.option("--rejects", type=FilePath(written=True), help="Write refused rows here, in the same format."),
    click.option(
        "--report",
        "report_file",
        type=FilePath(written=True, standard=True),
        help="Write the counts here, as JSON; - for standard output.",
    ),
    click.option(
        "--batch-size", type=click.IntRange(1, 1000), default=1000, show_default=True, help="Records a request."
    ),
    click.option(
        "--patience",
        type=click.FloatRange(0),
        default=300.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to go on without any answer from the server, whatever the failure.",
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
    click.option(
        "--double-opt-in/--no-double-opt-in",
        default=False,
        show_default=True,
        help="Have the server e-mail every contact that is to be opted in, and ask it to confirm: to the whole list,"
        " perhaps. --dry-run counts the e-mails.",
    ),
    click.option(
        "--yes", is_flag=True, help="With --double-opt-in: do not ask before the e-mails are sent; for schedulers."
    ),
    click.option("--lang", help="The language of that e-mail."),
    click.option("--fire-events/--no-fire-events", default=None, help="Whether rules and workflows are triggered."),
)

_EPILOG = """FILE is CSV (delimited by , ; tab or |), JSONL, a JSON array of objects, Parquet (extra "parquet") or an
Excel workbook (.xlsx, extra "excel"). Each may be packed with gzip. Columns of JSON and Parquet may be objects. FILE
may also be a pipe, or - for standard input (with --format). These are copied to a temporary file first (TMPDIR), and
cannot be used with --journal, because a resumed import reads its files again.

A file that is not UTF-8 in several places is refused with the first line; single damaged bytes and NUL characters
reject only their rows. --map "Full name=name" takes a column for a field. An unknown column is an error that names the
nearest known one.

A journal is one file, of one run, one account and one server: the next night's import needs another one. It holds no
rows, so the files are read again. A journal that was cut, damaged or changed is refused. The same import command goes
on, too.

While the server is away (refused connections, resets, time-outs, 429, 5xx), the import tries again and prints each
wait. When --patience is over it stops, says why, and exits with 3. A longer Retry-After stops it at once. The first
Ctrl-C or SIGTERM finishes the requests in flight (20 s at most), the second one stops at once. Both write the counts,
the report and the rejects, and print the command that goes on.

The rejects have two more columns, _line and _reason: correct a copy of the file and import that. 'salesmanago resume'
writes the rejects anew. Rejects of Parquet and JSON are JSONL, those of Excel CSV.

Rows in doubt (sent, and no answer tells whether they arrived) are written, as they came, beside the journal, or else
the rejects: for nightly.db to nightly.in-doubt.csv, with the suffix of the input.

The counts: each row read is accepted, submitted (taken by the server, its job not followed to the end), rejected, in
doubt or not sent. Of them "settled earlier" (in --report "earlier") are those that an earlier run of the same journal
had accepted or rejected, and that were not sent again. "duplicates" and "estimate" are of a dry run.
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
    """Import contacts or events from CSV, JSON lines, JSON, Parquet or Excel files."""


@import_.command(epilog=_EPILOG)
@contact_import_options
@client_options
def contacts(journal: Path | None, dry_run: bool, latency: float, yes: bool, **arguments: Any) -> None:
    """Add or change the contacts of FILE… (contact/batchupsertv2).

    Columns are the API's names or their snake_case: email, contactId, name, phone, company, externalId, city, …; tags
    are split at , or ; and columns named properties.X or dictionary.X make details.
    """
    command = Import(kind="contacts", **arguments)
    raise SystemExit(run(begin_import, command=command, journal=journal, dry_run=dry_run, latency=latency, yes=yes))


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


async def begin_import(
    *, command: Import, journal: Path | None, dry_run: bool, latency: float, yes: bool = False
) -> int:
    """Make an import from its beginning, or go on with the one that its journal holds; return the exit code.

    One that has many e-mails sent is made only if that is wanted: `yes` says so.
    """
    from ._importing import ask_for_confirmations, make_import

    check_paths(command, journal)
    if dry_run:
        return await make_import(command, Attempt(journal=journal, dry_run=True, latency=latency))
    attempt = _attempt(command, journal) if journal else Attempt()
    was_begun = journal is not None and journal.is_file() and attempt.goes_on == attempt.resume  # and asked about then
    if command.double_opt_in and not (command.client.simulate or was_begun):
        await ask_for_confirmations(command, yes=yes)
    return await make_import(command, attempt)


def _attempt(command: Import, journal: Path) -> Attempt:
    """Return how the import goes on: by its journal, unless that keeps other arguments than were given now."""
    from ..stores.journal_rows import NotBegun, read_note

    resume = ("salesmanago", "resume", as_argument(journal))
    try:
        is_same = not journal.is_file() or is_kept(command, read_note(journal))
    except NotBegun:
        is_same = True
    return Attempt(journal=journal, resume=resume, goes_on=resume if is_same else ("salesmanago", *sys.argv[1:]))
