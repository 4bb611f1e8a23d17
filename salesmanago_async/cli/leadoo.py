"""`salesmanago import leadoo` and `salesmanago leadoo-feed`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..file_imports.definition import Attempt, FileImport
from ..file_imports.ending import ExitCode
from ..support.wording import counted
from ._client import client_options
from ._examples import examples
from ._file_path import FilePath
from ._run import run
from .imports import begin_import, contact_import_options

if TYPE_CHECKING:
    from ..integrations.leadoo import Feed

SHOWN_PROBLEMS = 5


@click.command(
    short_help="Add or update contacts from Leadoo leads.",
    epilog=examples("salesmanago import leadoo leads.jsonl --journal leads.db --rejects leads-rejects.jsonl"),
)
@contact_import_options
@client_options
def leadoo(attempt: Attempt, yes: bool, **arguments: Any) -> None:
    """Add or update contacts from the Leadoo leads of FILE… (contact/batchupsertv2).

    Columns have the names of Leadoo's API or of the documented table: email, name, phone, zip_code, utm_source, url,
    score, tags, var_…, without regard to case and separators. In JSONL they may be inside objects. Each contact gets
    the tag LEADOO, a tag LEADOO_… for each label, and the other fields as details leadoo_…. A lead without an e-mail
    address is rejected. --map reads a column as a field of the contact, or as properties.X.
    """
    definition = FileImport(kind="contacts", form="leadoo", **arguments)
    raise SystemExit(run(begin_import, definition=definition, attempt=attempt, yes=yes))


for option in leadoo.params:
    if option.name == "extra_columns":
        option.default = "ignore"  # a lead has many fields that do not become part of a contact


@click.command(
    "leadoo-feed",
    short_help="Write product files for Leadoo from a feed.",
    epilog=examples("salesmanago leadoo-feed products.xml feed", "salesmanago leadoo-feed shop.csv feed --map id=sku"),
)
@click.argument("source", type=FilePath(), metavar="FILE")
@click.argument("folder", type=FilePath(folder=True), metavar="FOLDER")
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="NAME=COLUMN",
    help="Read this element, attribute or column of the feed as that column, as in --map productNo=id.",
)
@click.option(
    "--product",
    "elements",
    multiple=True,
    help="The name of the elements that are products.  [default: item, entry, o, …]",
)
@click.option(
    "--limit", type=click.IntRange(1), default=1_000_000, show_default=True, help="The most bytes in one file."
)
@click.option("--encoding", help="The encoding of a CSV catalogue.  [default: from the BOM, or UTF-8]")
@click.option("--delimiter", help="The character between its cells.  [default: detected from the header]")
def leadoo_feed(source: Path, folder: Path, **options: Any) -> None:
    """Write the CSV files that Leadoo imports from a product feed: XML as for Google or Ceneo, or a CSV catalogue.

    The files are FOLDER/products-0001.csv and so on, of 1 MB at most, each with the header. They replace those of an
    earlier feed when all are complete. Columns: id, title, description, url, image_url, price, sale_price,
    availability, brand, category. A product that has neither an id nor a url is left out. The command prints how many
    products have no id, title or url.
    """
    feed = run(_write, source=source, folder=folder, **options)
    _print_result(feed, source, folder)


async def _write(*, maps: Sequence[str], elements: Sequence[str], **options: Any) -> "Feed":
    from ..file_imports.opening import parse_mapping
    from ..integrations.leadoo import COLUMNS, PRODUCT_ELEMENTS, with_sources, write_feed

    columns = with_sources(COLUMNS, map(parse_mapping, maps))
    return write_feed(columns=columns, elements=elements or PRODUCT_ELEMENTS, **options)


def _print_result(feed: "Feed", source: Path, folder: Path) -> None:
    """Print what was written and what was left out; exit with 1 if a product was left out."""
    click.echo(f"{counted(feed.products, 'product')} in {counted(len(feed.files), 'file')} in {folder}")
    for problem in feed.problems[:SHOWN_PROBLEMS]:
        click.echo(f"{source}: left out: {problem}", err=True)
    if feed.left_out > SHOWN_PROBLEMS:
        click.echo(f"… and {feed.left_out - SHOWN_PROBLEMS:,} more", err=True)
    for column, count in feed.lacking.items():
        have = "has" if count == 1 else "have"
        click.echo(f"{source}: {count:,} of {counted(feed.products, 'product')} {have} no {column}", err=True)
    if feed.left_out:
        raise SystemExit(ExitCode.SOME_REJECTED)
