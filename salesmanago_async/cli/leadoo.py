"""`salesmanago import leadoo` and `salesmanago leadoo-feed`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..file_imports.definition import FileImport
from ..file_imports.ending import ExitCode
from ..support.wording import counted
from ._client import client_options
from ._file_path import FilePath
from ._run import run
from .imports import begin_import, contact_import_options

if TYPE_CHECKING:
    from ..integrations.leadoo import Feed

SHOWN_PROBLEMS = 5


@click.command()
@contact_import_options
@client_options
def leadoo(journal: Path | None, dry_run: bool, latency: float, yes: bool, **arguments: Any) -> None:
    """Add or change the contacts that the Leadoo leads of FILE… become (contact/batchupsertv2).

    Columns are the names of Leadoo's API or of the documented table: email, name, phone, zip_code, utm_source, url,
    score, tags, var_…, with case and separators not counting; JSONL may have them within objects. Each contact gets
    the tag LEADOO, a tag LEADOO_… for each label, and the rest as details leadoo_…. A lead without an e-mail address
    is rejected. --map takes a column for a field of the contact, or for properties.X.
    """
    definition = FileImport(kind="contacts", form="leadoo", **arguments)
    raise SystemExit(
        run(begin_import, definition=definition, journal=journal, dry_run=dry_run, latency=latency, yes=yes)
    )


for option in leadoo.params:
    if option.name == "extra_columns":
        option.default = "ignore"  # a lead has many fields that the integration does not transfer


@click.command("leadoo-feed")
@click.argument("source", type=FilePath(), metavar="FILE")
@click.argument("folder", type=FilePath(folder=True), metavar="FOLDER")
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="NAME=COLUMN",
    help="Take this element, attribute or column of the feed for that column, as in --map productNo=id.",
)
@click.option("--product", "elements", multiple=True, help="What a product is called.  [default: item, entry, o, …]")
@click.option(
    "--limit", type=click.IntRange(1), default=1_000_000, show_default=True, help="The longest file, in bytes."
)
@click.option("--encoding", help="The encoding of a CSV catalogue.  [default: UTF-8, or as the BOM says]")
@click.option("--delimiter", help="What stands between its cells.  [default: found out from the header]")
def leadoo_feed(source: Path, folder: Path, **options: Any) -> None:
    """Make the CSV files that Leadoo takes of a product feed: XML as for Google or Ceneo, or a CSV catalogue.

    They are FOLDER/products-0001.csv and so on, of 1 MB at most, each with the header, and take the place of those of
    an earlier feed when all are complete. Columns: id, title, description, url, image_url, price, sale_price,
    availability, brand, category. A product that has neither an id nor a url is left out; how many have no id, title
    or url is said.
    """
    feed = run(_write, source=source, folder=folder, **options)
    _tell(feed, source, folder)


async def _write(*, maps: Sequence[str], elements: Sequence[str], **options: Any) -> "Feed":
    from ..file_imports.opening import parse_mapping
    from ..integrations.leadoo import COLUMNS, PRODUCT_ELEMENTS, with_sources, write_feed

    columns = with_sources(COLUMNS, map(parse_mapping, maps))
    return write_feed(columns=columns, elements=elements or PRODUCT_ELEMENTS, **options)


def _tell(feed: "Feed", source: Path, folder: Path) -> None:
    """Say what was written and what was not, and exit with 1 where a product was left out."""
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
