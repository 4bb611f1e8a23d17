"""`salesmanago journal init|list|show|remove`: journals in a PostgreSQL database."""

from typing import TYPE_CHECKING, Any

import click
import orjson

from ..extras import check_postgresql
from ..stores.addresses import DatabaseAddress
from ._examples import examples
from ._journal_place import AddressParam
from ._run import run

if TYPE_CHECKING:
    from ..stores.postgresql_runs import RunSummary

_EPILOG = """ADDRESS is postgresql://USER@HOST/DATABASE?run=NAME; other parameters are those of libpq, such as
sslmode=verify-full. Give the password in PGPASSWORD or PGPASSFILE; one in the address works, too, and is shown nowhere,
but other users of this machine may see it among its processes. The address must lead to the primary server itself:
behind a connection pooler, or on a standby, a journal is refused. Replication to a standby should be synchronous: after
a fail-over that has lost the last commits, records may be sent twice.
"""


@click.group(
    short_help="Look after journals in a database.",
    epilog=examples(
        "salesmanago journal init postgresql://admin@db.example.com/etl --grant importer",
        "salesmanago import contacts people.csv --journal 'postgresql://importer@db.example.com/etl?run=nightly'",
        "salesmanago resume 'postgresql://importer@db.example.com/etl?run=nightly'",
        then=_EPILOG,
    ),
)
def journal() -> None:
    """Prepare, list and remove journals in a PostgreSQL database (extra "postgres").

    A journal in a database lets another machine resume an import. The tables are in the schema "salesmanago"; the first
    run creates them, if its user may.
    """


@journal.command(epilog=examples("salesmanago journal init postgresql://admin@db.example.com/etl --grant importer"))
@click.argument("address", type=AddressParam(needs_run=False))
@click.option("--grant", "users", multiple=True, metavar="USER", help="Let this user of the database keep journals.")
def init(address: DatabaseAddress, users: tuple[str, ...]) -> None:
    """Create the tables of journals, for users who may not create them."""
    run(_init, address=address, users=users)


async def _init(*, address: DatabaseAddress, users: tuple[str, ...]) -> None:
    check_postgresql()
    from ..stores.postgresql_runs import prepare

    prepare(address, users=users)
    click.echo(f"{address} has the tables of journals", err=True)


@journal.command("list", epilog=examples("salesmanago journal list postgresql://importer@db.example.com/etl"))
@click.argument("address", type=AddressParam(needs_run=False))
def list_(address: DatabaseAddress) -> None:
    """Print the runs in a database, as JSON lines.

    "kind" is import, buffer or state (of an export of modified contacts); "unsettled" counts the lines of a journal
    whose outcome is not known, or the records of a buffer that wait to be sent.
    """
    run(_list, address=address)


async def _list(*, address: DatabaseAddress) -> None:
    check_postgresql()
    from ..stores.postgresql_runs import runs_in

    for found in runs_in(address):
        click.echo(orjson.dumps(_as_shown(found)))


@journal.command(epilog=examples("salesmanago journal show 'postgresql://importer@db.example.com/etl?run=nightly'"))
@click.argument("address", type=AddressParam(needs_run=True))
def show(address: DatabaseAddress) -> None:
    """Print a run with the counts of its records by state, as JSON."""
    run(_show, address=address)


async def _show(*, address: DatabaseAddress) -> None:
    check_postgresql()
    from ..stores.postgresql_runs import count_records, runs_in
    from ..stores.refusals import NotBegun

    found = runs_in(address)
    if not found:
        raise NotBegun("there is no such run", field=str(address))
    for one in found:
        counts = {} if one.kind == "state" else {"records": count_records(address)}
        click.echo(orjson.dumps({**_as_shown(one), **counts}, option=orjson.OPT_INDENT_2))


@journal.command(epilog=examples("salesmanago journal remove 'postgresql://importer@db.example.com/etl?run=nightly'"))
@click.argument("address", type=AddressParam(needs_run=True))
@click.option("--force", is_flag=True, help="Remove it even if the outcome of some of its records is not known.")
def remove(address: DatabaseAddress, force: bool) -> None:
    """Remove a run that has ended.

    The same import would then begin anew, and send everything again.
    """
    run(_remove, address=address, force=force)


async def _remove(*, address: DatabaseAddress, force: bool) -> None:
    check_postgresql()
    from ..stores.postgresql_runs import remove_run

    remove_run(address, even_unsettled=force)
    click.echo(f"{address} was removed", err=True)


def _as_shown(found: "RunSummary") -> dict[str, Any]:
    shown: dict[str, Any] = {"run": found.name, "kind": found.kind}
    if found.kind != "state":
        shown |= {"lines": found.lines, "unsettled": found.unsettled, "in_use": found.is_in_use}
        shown |= {"begun": found.begun, "opened": found.opened}
    return shown
