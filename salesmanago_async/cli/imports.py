"""`salesmanago import contacts|events|products`."""

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import click

from ..file_imports.definition import Attempt, FileImport
from ._client import client_options
from ._examples import examples
from ._file_path import FilePath
from ._journal_place import JournalParam, without_passwords
from ._limits import MOST_PRODUCTS
from ._run import run

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

_FILE_OPTIONS = (
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
        type=click.Choice(["csv", "jsonl", "json", "parquet", "xlsx", "xml"]),
        help="The format of the files; needed for standard input.  [default: by the suffix]",
    ),
    click.option("--encoding", help="The encoding of the files, such as cp1250.  [default: from the BOM, or UTF-8]"),
    click.option("--delimiter", help="The character between cells.  [default: detected from the header]"),
    click.option(
        "--null", multiple=True, metavar="TEXT", help="A text that means an empty field, such as NULL. May be repeated."
    ),
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
        help="A form of dates and times, such as '%d.%m.%Y %H:%M'. May be repeated: the first one that fits is taken.",
    ),
    click.option(
        "--keep-spaces",
        is_flag=True,
        help="Do not trim texts; a blank one is sent as it is, and so is the apostrophe that an export puts before a"
        " formula.",
    ),
    click.option(
        "--strict",
        is_flag=True,
        help="Look at all rows, and reject those that are only warned of otherwise. Without it, most warnings are of"
        " the first rows only: 1,000 of CSV and Excel, 250 of others.",
    ),
    click.option(
        "--rejects", type=FilePath(written=True), help="Write rejected rows to this file, in the format of the input."
    ),
    click.option(
        "--report",
        "report_file",
        type=FilePath(written=True, standard=True),
        help="Write the counts to this file, as JSON, or as a page to look at if its name ends in .html; - for standard"
        " output.",
    ),
    click.option(
        "--report-without-rows",
        "report_rows",
        flag_value=False,
        default=True,
        help="Leave the first rejected rows out of a page, so that it holds nothing personal.",
    ),
)

_PACE_OPTIONS = (
    click.option(
        "--batch-size", type=click.IntRange(1, 1000), default=1000, show_default=True, help="Records per request."
    ),
    click.option(
        "--outstanding",
        type=click.IntRange(1),
        default=1000,
        show_default=True,
        metavar="N",
        help="The most server jobs that are followed at once; further requests wait until one of them has ended.",
    ),
)

_COMMON_OPTIONS = (
    click.option(
        "--patience",
        type=click.FloatRange(0),
        default=300.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to keep trying without any answer from the server, whatever the failure.",
    ),
    click.option("--dry-run", is_flag=True, help="Check and count the rows and estimate the time; send nothing."),
    click.option(
        "--show",
        type=click.IntRange(0),
        default=3,
        show_default=True,
        metavar="N",
        help="With --dry-run: print the first N rows as they would be sent; of a sync, those that would be sent.",
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

_JOB_OPTIONS = (
    click.option(
        "--job-seconds",
        type=click.FloatRange(0),
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="With --dry-run: how long a server job takes, for the estimate of the time.",
    ),
)

_JOURNAL_OPTIONS = (
    click.option(
        "--journal",
        type=JournalParam(written=True),
        metavar="DB",
        help="Record in this file what was sent, so that 'salesmanago resume DB' can continue the import after any"
        " interruption. A journal belongs to one account on one server; use another one with --simulate. DB may also"
        " be postgresql://host/database?run=NAME.",
    ),
    click.option(
        "--known-by",
        type=click.Choice(["position", "content"]),
        default="position",
        show_default=True,
        help="With --journal: how the rows of an interrupted import are found again. By content, they may come in"
        " another order.",
    ),
)

_NO_WAIT_OPTIONS = (
    click.option("--no-wait", is_flag=True, help="Do not follow the server's jobs: rows end as 'submitted'."),
)

_PRODUCT_OPTIONS = (
    click.option("--catalog", required=True, metavar="ID", help="The catalogue; 'salesmanago catalog list' shows it."),
    click.option(
        "--only",
        type=click.Choice(["quantities", "prices"]),
        help="Change nothing but the quantities, or the prices, of products that are there.",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(1, MOST_PRODUCTS),
        default=MOST_PRODUCTS,
        show_default=True,
        help="Products per request.",
    ),
)

_CONTACT_OPTIONS = (
    click.option("--tag", "tags", multiple=True, help="Add this tag to every contact."),
    click.option(
        "--double-opt-in/--no-double-opt-in",
        default=False,
        show_default=True,
        help="Make the server send a confirmation e-mail to every contact that opts in, which can be every contact of"
        " the files; forceOptIn is then ignored. --dry-run counts the e-mails. The server's own default is on, so each"
        " request says which.",
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
"parquet") or an Excel workbook (.xlsx, extra "excel"), of which the first visible sheet that is not empty is read. Each
may be packed with gzip. Columns of JSON and Parquet may be objects. FILE may also be a pipe, or - for standard input
(with --format). These are copied to a temporary file first (TMPDIR), and cannot be used with --journal, because a
resumed import reads its files again.

A file that is not UTF-8 in several places is refused with the first line, and with a word as it reads in the likely
encodings; single damaged bytes and NUL characters reject only their rows. --map "Full name=name" reads a column as a
field. Columns are matched without case, spaces, - _ and .; an unknown one is an error, with the --map options to paste.
In JSON it rejects the rows that have it, and is one warning. Columns that are mapped to one field are joined: texts
with a space, tags as one list. What is taken and looks wrong, such as 4.86E+10, is counted as a warning.

A journal is one file, for one import, one account and one server: use another one for the next night's import. It holds
no rows, so the input files are read again. A journal that was cut, damaged or changed is refused. Running the same
import command again continues the import, too. A journal in a PostgreSQL database (extra "postgres") can be continued
on any machine; see 'salesmanago journal --help'.

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


_OPTIONS = (*_FILE_OPTIONS, *_PACE_OPTIONS, *_COMMON_OPTIONS, *_JOB_OPTIONS)


def import_options(command: CommandT) -> CommandT:
    """Add the options that all imports share to a command, which receives those of the attempt as `attempt`."""
    return _with_options(command, (*_OPTIONS, *_JOURNAL_OPTIONS, *_NO_WAIT_OPTIONS))


def contact_import_options(command: CommandT) -> CommandT:
    """Add the options that imports of contacts share to a command, as `import_options` does."""
    return _with_options(command, (*_OPTIONS, *_JOURNAL_OPTIONS, *_NO_WAIT_OPTIONS, *_CONTACT_OPTIONS))


def product_import_options(command: CommandT) -> CommandT:
    """Add the options of imports of products to a command, as `import_options` does; there are no server jobs."""
    return _with_options(command, (*_FILE_OPTIONS, *_PRODUCT_OPTIONS, *_COMMON_OPTIONS, *_JOURNAL_OPTIONS))


def sync_options(command: CommandT) -> CommandT:
    """Add the options that a sync shares with imports of contacts: all but those of a journal, which its state is."""
    return _with_options(command, (*_OPTIONS, *_CONTACT_OPTIONS))


def product_sync_options(command: CommandT) -> CommandT:
    """Add the options that a sync shares with imports of products, as `sync_options` does."""
    return _with_options(command, (*_FILE_OPTIONS, *_PRODUCT_OPTIONS, *_COMMON_OPTIONS))


def _with_options(command: CommandT, options: Sequence[Callable[[Any], Any]]) -> CommandT:
    @wraps(command)
    def with_attempt(*args: Any, show: int, dry_run: bool, **kwargs: Any) -> Any:
        others = {name: kwargs.pop(name) for name in ("journal", "latency", "job_seconds") if name in kwargs}
        attempt = Attempt(dry_run=dry_run, show=show if dry_run else 0, **others)
        return command(*args, attempt=attempt, **kwargs)

    decorated: Any = with_attempt
    for option in reversed(options):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


@click.group("import", short_help="Import contacts, events or products from files.")
def import_() -> None:
    """Import contacts, events or products from CSV, JSON lines, JSON, Parquet or Excel files."""


@import_.command(
    short_help="Add or update the contacts of files.",
    epilog=examples(
        "salesmanago import contacts people.csv --dry-run",
        "salesmanago import contacts people.csv --journal people.db --rejects people-rejects.csv",
        'salesmanago import contacts crm.xlsx --map "Full name=name" --extra-columns properties --tag CRM',
        then=_EPILOG,
    ),
)
@contact_import_options
@click.option(
    "--accept-consents",
    is_flag=True,
    help="Of a file of 'export contacts': send the consents that contacts had given. They are left out by default, as"
    " they may have been withdrawn since.",
)
@client_options
def contacts(attempt: Attempt, yes: bool, **arguments: Any) -> None:
    """Add or update the contacts of FILE… (contact/batchupsertv2).

    Columns have the API's names or their snake_case form: email, contactId, name, phone, company, externalId, city, …
    Tags are separated by , or ; and columns named properties.X or dictionary.X become details. A file of 'salesmanago
    export contacts' is imported as it is, except consents that were given (see --accept-consents).
    """
    definition = FileImport(kind="contacts", **arguments)
    raise SystemExit(run(begin_import, definition=definition, attempt=attempt, yes=yes))


@import_.command(
    short_help="Add the external events of files to their contacts.",
    epilog=examples(
        "salesmanago import events purchases.csv --dry-run",
        "salesmanago import events purchases.csv --journal purchases.db --rejects purchases-rejects.csv",
        "zcat visits.jsonl.gz | salesmanago import events - --format jsonl",
        then=_EPILOG,
    ),
)
@import_options
@click.option(
    "--any-location",
    is_flag=True,
    help="Take locations with / . and -, too, for a shop whose old name has them; the server may refuse them.",
)
@client_options
def events(attempt: Attempt, **arguments: Any) -> None:
    """Add the external events of FILE… to their contacts (contact/batchAddContactExtEvent).

    Columns: email or contactId, date (ISO 8601, in UTC unless it has an offset, or UNIX milliseconds),
    contactExtEventType, products, value, location, externalId, description, detail1…detail20, shopDomain. A file of
    'salesmanago export events' is imported as it is.
    """
    definition = FileImport(kind="events", **arguments)
    raise SystemExit(run(begin_import, definition=definition, attempt=attempt))


@import_.command(
    short_help="Add or update the products of files in a catalogue.",
    epilog=examples(
        "salesmanago import products products.csv --catalog 0f6c1f5e --dry-run",
        "salesmanago import products products.csv --catalog 0f6c1f5e --journal products.db --rejects bad.csv",
        "salesmanago import products stock.csv --catalog 0f6c1f5e --only quantities",
        then=_EPILOG,
    ),
)
@product_import_options
@client_options
def products(attempt: Attempt, **arguments: Any) -> None:
    """Add or update the products of FILE… in a catalogue (API v3, product/upsert).

    Columns: productId, name, mainCategory and price, and categoryExternalId, categories, description, productUrl,
    mainImageUrl, imageUrls, available, active, quantity, discountPrice, brand, manufacturer, season, color, popularity,
    gender, bestseller, newProduct, detail1…detail5, setAsNull. An empty cell leaves a field as it is; setAsNull names
    fields to clear, separated by commas. With --only quantities: productId, quantity; with --only prices: productId,
    price, discountPrice.

    FILE may also be a product feed: XML as for Google Merchant (RSS, Atom) or Ceneo, or a table with Google's columns
    (id, title, link, price, …). Its availability, sale price, categories, images and custom labels become the fields
    above, currencies are left out, and what a catalogue does not know is passed over. --map attrs.Sezon=season reads a
    further element. A product without an id, a title or a price is rejected with its line.

    Needs SALESMANAGO_PRODUCTS_KEY, a key of API v3. A refused request rejects the rows that the server names, and sends
    the others again. An accepted product is stored later; later problems go to the webhook of the key only.
    """
    definition = FileImport(kind="products", **arguments)
    raise SystemExit(run(begin_import, definition=definition, attempt=attempt))


async def begin_import(*, definition: FileImport, attempt: Attempt, yes: bool = False) -> int:
    """Begin an import, or continue the one in its journal; return the exit code.

    An import that would send many e-mails asks first, unless `yes` is given.
    """
    from ..file_imports.opening import attempt_with, has_begun
    from ..file_imports.paths import check_paths
    from ._importing import ask_for_confirmations, make_import

    journal = attempt.journal
    check_paths(definition, journal)
    if attempt.dry_run:
        return await make_import(definition, attempt)
    was_begun = journal is not None and has_begun(definition, journal)  # then it has already asked
    again = ("salesmanago", *without_passwords(sys.argv[1:], journal))
    attempt = attempt_with(definition, journal, again=again) if journal else Attempt()
    if definition.double_opt_in and not (definition.client.simulate or was_begun):
        await ask_for_confirmations(definition, yes=yes)
    return await make_import(definition, attempt)
