"""`salesmanago sync contacts|products`."""

import re
import sys
from collections.abc import Callable
from typing import Any, Literal, NoReturn

import click
from attrs import fields_dict

from ..errors import Invalid
from ..file_imports.definition import Attempt, FileImport, FileSync
from ..sources.content import can_be_read_once_only
from ._client import client_options
from ._examples import examples
from ._file_path import FilePath
from ._run import run
from .imports import product_sync_options, sync_options

_EPILOG = """The first sync sends all rows. DB remembers a digest of the content of each row that was accepted, 16 bytes
a row and no address. So the next sync of the next night's FILE sends only rows that are new or have changed. Rows that
were rejected, or of which no answer came, are sent again by the next sync, until they are accepted.

A sync that is stopped, killed or cut off loses nothing: run the same command again, or 'salesmanago resume DB'. DB
belongs to one account on one server, and to one sync at a time. After another --tag or another --double-opt-in, all
rows are sent once more.

A cell that has become blank makes its row a changed one, but the account keeps the old value of the field, as in an
import. A file cannot clear a field: that takes the library, which has CLEAR for it. A column removeTags removes tags.

Contacts that are no longer in FILE are counted. With --removed something happens to them, but only if FILE was read to
its end, every row was accepted, and they are not more than --max-removed of the contacts that DB knows. Then DB holds
the address or id of each contact, too. The command says how many they are and asks first, unless --yes is given.

The options of files, and the exit codes, are those of 'salesmanago import contacts'. If something was to be done to
contacts that are gone, and was not done to all of them, the exit code is 1.
"""

_PRODUCT_EPILOG = """The first sync sends all rows. DB remembers digests of the content of each product that was
accepted, 32 bytes each. So the next sync sends only products that are new or have changed. Of those of which only the
prices or only the quantity has changed, nothing else is sent ('prices only', 'quantities only'); of the others all
fields are. Rows that were rejected, or of which no answer came, are sent again by the next sync, until they are
accepted.

A cell that has become blank makes its product a changed one, but the catalogue keeps the old value. A column setAsNull
names the fields to clear: discountPrice, detail1 to detail5. In a feed with Google's columns, a product without a sale
price loses its discount. A file for --only prices or --only quantities cannot clear anything else.

With --only quantities or --only prices FILE has these alone: so stock may be synced more often than the whole
catalogue. Such a sync needs a DB of its own.

A sync that is stopped, killed or cut off loses nothing: run the same command again, or 'salesmanago resume DB'. DB
belongs to one catalogue on one server, and to one sync at a time.

Products that are no longer in FILE are counted. With --removed deactivate they get available and active false, as no
call deletes a product, but only if FILE was read to its end, every row was accepted, and they are not more than
--max-removed of the products that DB knows. Then DB holds the id, name, main category and price of each product, too.
The command says how many they are and asks first, unless --yes is given. A product that comes back is switched on again
only if FILE has the columns available and active.

The options of files, and the exit codes, are those of 'salesmanago import products'. If removed products were to be
switched off, and not all of them were, the exit code is 1.
"""


def _part(_: click.Context, __: click.Parameter, given: str) -> float:
    """Return the part that 2% or 0.02 stands for."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", given.strip())
    part = float(found[1]) / (100 if found[2] else 1) if found else -1
    if not 0 <= part <= 1:
        raise click.BadParameter(f"{given!r} is not a part such as 2% or 0.02")
    return part


_STATE = click.option(
    "--state",
    type=FilePath(written=True),
    metavar="DB",
    required=True,
    help="The file that remembers what was accepted, from one sync to the next.",
)
_FULL = click.option("--full", is_flag=True, help="Send all rows, also those that have not changed.")


def _removed(kind: str, choices: str) -> Callable[[Any], Any]:
    return click.option(
        "--removed",
        default="keep",
        show_default=True,
        metavar=choices,
        help=f"What happens to {kind} that are no longer in the files.",
    )


_MAX_REMOVED = click.option(
    "--max-removed",
    default="10%",
    show_default=True,
    callback=_part,
    metavar="PART",
    help="The most rows that --removed is for, as a part of the known ones: 2% or 0.02.",
)


@click.group("sync", short_help="Send only the rows that have changed since the last time.")
def sync() -> None:
    """Send only the rows that have changed since they were accepted."""


@sync.command(
    short_help="Add or update the contacts of files that are new or have changed.",
    epilog=examples(
        "salesmanago sync contacts people.csv --state people.db --dry-run",
        "salesmanago sync contacts people.csv --state people.db --rejects people-rejects.csv",
        "salesmanago sync contacts people.csv --state people.db --removed tag:GONE --max-removed 2% --yes",
        then=_EPILOG,
    ),
)
@sync_options
@_STATE
@click.option(
    "--key",
    type=click.Choice(["email", "external_id", "contact_id"]),
    default="email",
    show_default=True,
    help="The column that a row is known by from one sync to the next.",
)
@_FULL
@_removed("contacts", "keep|tag:NAME|stop_monitoring|delete")
@_MAX_REMOVED
@client_options
def contacts(**arguments: Any) -> None:
    """Add or update those contacts of FILE… that are new or have changed (contact/batchupsertv2)."""
    _start("contacts", **arguments)


@sync.command(
    short_help="Add or update the products of files that are new or have changed.",
    epilog=examples(
        "salesmanago sync products products.csv --catalog 0f6c1f5e --state products.db --dry-run",
        "salesmanago sync products products.csv --catalog 0f6c1f5e --state products.db --removed deactivate --yes",
        "salesmanago sync products stock.csv --catalog 0f6c1f5e --only quantities --state stock.db",
        then=_PRODUCT_EPILOG,
    ),
)
@product_sync_options
@_STATE
@_FULL
@_removed("products", "keep|deactivate")
@_MAX_REMOVED
@click.option("--yes", is_flag=True, help="With --removed: do not ask before products are switched off.")
@client_options
def products(**arguments: Any) -> None:
    """Add or update those products of FILE… that are new or have changed (API v3).

    The calls are product/upsert, product/updatePrice and product/updateQuantity.
    """
    _start("products", **arguments)


def _start(kind: Literal["contacts", "products"], *, attempt: Attempt, yes: bool, **arguments: Any) -> NoReturn:
    sync = FileSync(**{name: arguments.pop(name) for name in fields_dict(FileSync) if name in arguments})
    definition = FileImport(kind=kind, sync=sync, **arguments)
    raise SystemExit(run(_sync, definition=definition, sync=sync, attempt=attempt, yes=yes))


async def _sync(*, definition: FileImport, sync: FileSync, attempt: Attempt, yes: bool) -> int:
    from ..file_imports.opening import resume_command
    from ..file_imports.paths import check_paths
    from ._importing import ask_about_removed, ask_for_confirmations, make_import

    check_paths(definition, None)
    if attempt.dry_run:
        return await make_import(definition, attempt)
    if definition.double_opt_in and not definition.client.simulate:
        await ask_for_confirmations(definition, yes=yes)
    most_removed = None
    if sync.removed != "keep" and not definition.client.simulate:
        if not yes and any(map(can_be_read_once_only, definition.files)):
            what = "counts the removed rows first, and the input can be read only once; add --yes"
            raise Invalid(what, field="--removed")
        most_removed = await ask_about_removed(definition, sync.removed, yes=yes)
    again, resume = ("salesmanago", *sys.argv[1:]), resume_command(sync.state)
    attempt = Attempt(continue_command=again, resume_command=resume, most_removed=most_removed)
    return await make_import(definition, attempt)
