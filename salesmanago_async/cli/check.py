"""`salesmanago check`."""

import click

from ..errors import Invalid
from ..settings import Retries
from ._client import ClientOptions, client_options, open_client
from ._run import run

CLOCK_TOLERANCE = 300.0
"""Seconds that this machine's clock may be off; the reference names no limit."""


@click.command()
@client_options
def check(client: ClientOptions) -> None:
    """Tell whether host, credentials, owner and clock are right (user/listByClient)."""
    run(_check, client=client)


async def _check(*, client: ClientOptions) -> None:
    async with open_client(client, retries=Retries(tries=2)) as sm:
        users = (await sm.users.list()).users
        offset, owner = sm.server_clock_offset, sm.owner
    click.echo("host         ok")
    click.echo("credentials  ok")
    if owner not in users:
        raise Invalid(f"{owner or 'none is set'}; the account's users are {', '.join(users)}", field="owner")
    click.echo(f"owner        ok, {owner}")
    if offset is not None and abs(offset) > CLOCK_TOLERANCE:
        raise Invalid(f"this machine's is {abs(offset):.0f} s {'behind' if offset > 0 else 'ahead'}", field="clock")
    click.echo("clock        ok" if offset is not None else "clock        not known: the server tells no time")
