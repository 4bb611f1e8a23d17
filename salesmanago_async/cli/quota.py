"""`salesmanago quota set|show`: what the processes of an account may have in flight together."""

from typing import TYPE_CHECKING, Any

import click
import orjson

from ..extras import check_postgresql
from ._examples import examples
from ._journal_place import QuotaParam
from ._run import run

if TYPE_CHECKING:
    from ..quotas.overview import QuotaSummary

_EPILOG = examples(
    "salesmanago quota set 'postgresql://etl@db.example.com/etl?quota=account-1&slots=16&rate=20'",
    "salesmanago import contacts people.csv --quota 'postgresql://etl@db.example.com/etl?quota=account-1'",
    "salesmanago quota show postgresql://etl@db.example.com/etl",
    then="ADDRESS is postgresql://USER@HOST/DATABASE?quota=NAME; other parameters are those of libpq. 'slots' is the "
    "most requests in flight, 'rate' the most that begin in a second (none: no limit). 'settle' is for processes that "
    "are killed: the server may still process their requests, so their slots stay unused for so many seconds (5); give "
    "the longest time that a request takes. Give the password in PGPASSWORD or PGPASSFILE. The address must lead to "
    "the primary server itself, not to a connection pooler.",
)


@click.group(epilog=_EPILOG)
def quota() -> None:
    """Set and show the quotas that processes share.

    All processes that give the same --quota (extra "postgres") together never have more requests in flight than its
    slots. They get fair shares, and wait together when the server asks one of them to. The first process makes the
    quota, if its address has slots.
    """


@quota.command(
    "set",
    epilog=examples(
        "salesmanago quota set 'postgresql://etl@db.example.com/etl?quota=account-1&slots=16&rate=20&settle=5'",
    ),
)
@click.argument("address", type=QuotaParam())
def set_(address: str) -> None:
    """Make a quota, or change its numbers, which processes follow at once.

    Numbers that are not given stay as they are; rate=none takes a limit of the rate away.
    """
    run(_set, address=address)


async def _set(*, address: str) -> None:
    check_postgresql()
    from ..quotas.address import QuotaAddress
    from ..quotas.overview import set_quota

    parsed = QuotaAddress.parse(address)
    set_quota(parsed)
    click.echo(f"{parsed} is set", err=True)


@quota.command(
    epilog=examples(
        "salesmanago quota show 'postgresql://etl@db.example.com/etl?quota=account-1'",
        "salesmanago quota show postgresql://etl@db.example.com/etl",
    )
)
@click.argument("address", type=QuotaParam(needs_name=False))
def show(address: str) -> None:
    """Print quotas, and the processes that share them, as JSON lines.

    An address without a quota is for all quotas of the database.

    "pause" is how many seconds nothing starts, because the server asked for it. "left" counts the slots of processes
    that have ended without giving them back.
    """
    run(_show, address=address)


async def _show(*, address: str) -> None:
    check_postgresql()
    from ..errors import Invalid
    from ..quotas.address import QuotaAddress
    from ..quotas.overview import quotas_in

    parsed = QuotaAddress.parse(address, needs_name=False)
    found = quotas_in(parsed)
    if not found and parsed.name is not None:
        raise Invalid("there is no such quota; make it with 'salesmanago quota set'", field=str(parsed))
    for one in found:
        click.echo(orjson.dumps(_as_shown(one)))


def _as_shown(found: "QuotaSummary") -> dict[str, Any]:
    return {
        "quota": found.name,
        "slots": found.slots,
        "rate": found.rate,
        "settle": found.settle,
        "pause": round(found.pause, 1),
        "left": found.left,
        "processes": [
            {"name": one.name, "address": one.address, "slots": one.slots, "wants_more": one.wants_more}
            for one in found.participants
        ],
    }
