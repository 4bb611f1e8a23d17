"""`salesmanago import contacts|events`."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from ..file_imports.definition import Attempt, FileImport
from ._client import client_options
from ._file_path import FilePath
from ._run import run

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

_OPTIONS = (
    click.argument("files", nargs=-1, required=True, type=FilePath(), metavar="FILE…"),
    click.option("--map", "maps", multiple=True, metavar="COLUMN=FIELD", help="Read this column as this field."),
    click.option(
        "--extra-columns",
        type=click.Choice(["properties", "ignore", "error"]),
        default="error",
        show_default=True,
        help="What to do with columns that are not a field.",
    ),
    click.option(
        "--format",
        type=click.Choice(["csv", "jsonl", "json", "parquet", "xlsx"]),
        help="The format of the files; needed for standard input.  [default: by the suffix]",
    ),
    click.option("--encoding", help="The encoding of the files, such as cp1250.  [default: from the BOM, or UTF-8]"),
    click.option("--delimiter", help="The character between cells.  [default: detected from the header]"),
    click.option("--null", multiple=True, metavar="TEXT", help="A text that means an empty cell, such as NULL."),
    click.option(
        "--decimal", type=click.Choice([".", ","]), default=".", show_default=True, help="The decimal mark of numbers."
    ),
    click.option(
        "--time-zone",
        default="UTC",
        show_default=True,
        metavar="ZONE",
        help="The zone of times without one, such as Europe/Warsaw.",
    ),
    click.option(
        "--date-format",
        "date_formats",
        multiple=True,
        metavar="FORMAT",
        help="A form of dates and times, such as '%d.%m.%Y %H:%M'.",
    ),
    click.option("--keep-spaces", is_flag=True, help="Do not trim cells; a blank cell is sent as it is."),
    click.option("--strict", is_flag=True, help="Reject rows that are only warned of otherwise."),
    click.option(
        "--journal",
        type=FilePath(written=True),
        metavar="DB",
        help="Record in this file what was sent, so that 'salesmanago resume DB' can continue the import after any"
        " interruption. A journal belongs to one account on one server; use another one with --simulate.",
    ),
    click.option(
        "--rejects", type=FilePath(written=True), help="Write rejected rows to this file, in the format of the input."
    ),
    click.option(
        "--report",
        "report_file",
        type=FilePath(written=True, standard=True),
        help="Write the counts to this file, as JSON; - for standard output.",
    ),
    click.option(
        "--batch-size", type=click.IntRange(1, 1000), default=1000, show_default=True, help="Records per request."
    ),
    click.option(
        "--patience",
        type=click.FloatRange(0),
        default=300.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to keep trying without any answer from the server, whatever the failure.",
    ),
    click.option("--no-wait", is_flag=True, help="Do not follow the server's jobs: rows end as 'submitted'."),
    click.option("--dry-run", is_flag=True, help="Check and count the rows and estimate the time; send nothing."),
    click.option(
        "--show",
        type=click.IntRange(0),
        default=3,
        show_default=True,
        metavar="N",
        help="With --dry-run: print the first N rows as they would be sent.",
    ),
    click.option(
        "--latency",
        type=click.FloatRange(0, 3600),
        default=0.2,
        show_default=True,
        metavar="SECONDS",
        help="With --dry-run: how long a request takes, for the estimate of the time.",
    ),
)

_CONTACT_OPTIONS = (
    click.option("--tag", "tags", multiple=True, help="Add this tag to every contact."),
    click.option(
        "--double-opt-in/--no-double-opt-in",
        default=False,
        show_default=True,
        help="Make the server send a confirmation e-mail to every contact that opts in, which can be every contact of"
        " the files. --dry-run counts the e-mails.",
    ),
    click.option(
        "--yes",
        is_flag=True,
        help="With --double-opt-in: do not ask before the e-mails are sent. For schedulers.",
    ),
    click.option("--lang", help="The language of the confirmation e-mail."),
    click.option("--fire-events/--no-fire-events", default=None, help="Whether to trigger rules and workflows."),
)

_EPILOG = """FILE is CSV (with cells separated by , ; tab or |), JSONL, a JSON array of objects, Parquet (extra
"parquet") or an Excel workbook (.xlsx, extra "excel"). Each may be packed with gzip. Columns of JSON and Parquet may be
objects. FILE may also be a pipe, or - for standard input (with --format). These are copied to a temporary file first
(TMPDIR), and cannot be used with --journal, because a resumed import reads its files again.

A file that is not UTF-8 in several places is refused with the first line; single damaged bytes and NUL characters
reject only their rows. --map "Full name=name" reads a column as a field. Columns are matched without case, spaces, - _
and .; an unknown one is an error, with the --map options to paste. Two columns that are mapped to one field are joined
with a space. What is taken and looks wrong, such as 4.86E+10, is counted as a warning.

A journal is one file, for one import, one account and one server: use another one for the next night's import. It holds
no rows, so the input files are read again. A journal that was cut, damaged or changed is refused. Running the same
import command again continues the import, too.

While the server does not answer (refused connections, resets, time-outs, 429, 5xx), the import keeps trying and prints
each wait. After --patience it stops, says why, and exits with 3. A Retry-After that is longer than --patience stops it
immediately. The first Ctrl-C or SIGTERM finishes the requests in flight (at most 20 s), the second one stops
immediately. Both write the counts, the report and the rejects, and print the command that continues the import.

The rejects have two more columns, _line and _reason: correct a copy of the file and import that. 'salesmanago resume'
writes the rejects anew. Rejects of Parquet and JSON are JSONL, those of Excel CSV.

Every row that was read has one of these states: accepted, submitted (the server has taken the row, and its job was not
followed to the end), rejected, in doubt (the row was sent, and no answer says whether it arrived), or not sent. Rows in
doubt are written, as they came, to a file beside the journal, or else beside the rejects: for nightly.db to
nightly.in-doubt.csv, with the suffix of the input.

"settled earlier" (in --report: "earlier") counts rows that an earlier run of the same journal had accepted or rejected,
so that they were not sent again. "duplicates" and "estimate" belong to a dry run.
"""


def import_options(command: CommandT) -> CommandT:
    """Add the options that all imports share to a command."""
    return _with_options(command, _OPTIONS)


def contact_import_options(command: CommandT) -> CommandT:
    """Add the options that imports of contacts share to a command."""
    return _with_options(command, (*_OPTIONS, *_CONTACT_OPTIONS))


def _with_options(command: CommandT, options: Sequence[Callable[[Any], Any]]) -> CommandT:
    decorated: Any = command
    for option in reversed(options):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


@click.group("import")
def import_() -> None:
    """Import contacts or events from CSV, JSON lines, JSON, Parquet or Excel files."""


@import_.command(epilog=_EPILOG)
@contact_import_options
@client_options
def contacts(journal: Path | None, yes: bool, dry_run: bool, latency: float, show: int, **arguments: Any) -> None:
    """Add or update the contacts of FILE… (contact/batchupsertv2).

    Columns have the API's names or their snake_case form: email, contactId, name, phone, company, externalId, city, …
    Tags are separated by , or ; and columns named properties.X or dictionary.X become details. A file of 'salesmanago
    export contacts' is imported as it is.
    """
    definition = FileImport(kind="contacts", **arguments)
    raise SystemExit(
        run(begin_import, definition=definition, attempt=attempt_of(journal, dry_run, latency, show), yes=yes)
    )


@import_.command(epilog=_EPILOG)
@import_options
@client_options
def events(journal: Path | None, dry_run: bool, latency: float, show: int, **arguments: Any) -> None:
    """Add the external events of FILE… to their contacts (contact/batchAddContactExtEvent).

    Columns: email or contactId, date (ISO 8601, in UTC unless it has an offset, or UNIX milliseconds),
    contactExtEventType, products, value, location, externalId, description, detail1…detail20, shopDomain. A file of
    'salesmanago export events' is imported as it is.
    """
    definition = FileImport(kind="events", **arguments)
    raise SystemExit(run(begin_import, definition=definition, attempt=attempt_of(journal, dry_run, latency, show)))


def attempt_of(journal: Path | None, dry_run: bool, latency: float, show: int) -> Attempt:
    """Return the attempt that the options ask for."""
    return Attempt(journal=journal, dry_run=dry_run, latency=latency, show=show if dry_run else 0)


async def begin_import(*, definition: FileImport, attempt: Attempt, yes: bool = False) -> int:
    """Begin an import, or continue the one in its journal; return the exit code.

    An import that would send many e-mails asks first, unless `yes` is given.
    """
    from ..file_imports.opening import attempt_with
    from ..file_imports.paths import check_paths
    from ._importing import ask_for_confirmations, make_import

    journal = attempt.journal
    check_paths(definition, journal)
    if attempt.dry_run:
        return await make_import(definition, attempt)
    again = ("salesmanago", *sys.argv[1:])
    attempt = attempt_with(definition, journal, again=again) if journal else Attempt()
    was_begun = journal is not None and journal.is_file() and attempt.continue_command == attempt.resume_command
    if definition.double_opt_in and not (definition.client.simulate or was_begun):  # a begun import has already asked
        await ask_for_confirmations(definition, yes=yes)
    return await make_import(definition, attempt)
