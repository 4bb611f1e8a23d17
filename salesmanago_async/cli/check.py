"""`salesmanago check`."""

import click

from ..errors import Invalid, NotAuthenticated
from ..file_imports.account import ClientOptions
from ..settings import Retries
from ._client import client_options, open_client
from ._run import fail, run

CLOCK_TOLERANCE = 300.0
"""How many seconds this machine's clock may be off; the API documentation names no limit."""


@click.command()
@client_options
def check(client: ClientOptions) -> None:
    """Check that host, credentials, owner and clock are right (user/listByClient)."""
    run(_check, client=client)


async def _check(*, client: ClientOptions) -> None:
    async with open_client(client, retries=Retries(tries=2)) as sm:
        try:
            users = (await sm.users.list()).users
        except NotAuthenticated as error:
            click.echo("host         ok")
            fail(refusal(error, sm.server_clock_offset, uses_sha=_uses_sha(client)))
        offset, owner = sm.server_clock_offset, sm.owner
    click.echo("host         ok")
    click.echo("credentials  ok")
    if owner not in users:
        raise Invalid(
            f"{owner or 'none is set'}; it must be one of the account's users: {', '.join(users)}", field="owner"
        )
    click.echo(f"owner        ok, {owner}")
    if offset is not None and abs(offset) > CLOCK_TOLERANCE:
        raise Invalid(f"the clock of this machine is {_difference(offset)}; set it right", field="clock")
    click.echo("clock        ok" if offset is not None else "clock        not known: the server does not send its time")


def refusal(error: NotAuthenticated, offset: float | None, *, uses_sha: bool) -> str:
    """Return what to check if the server refuses the credentials; it rarely says which of them is wrong.

    `offset` is how many seconds the server's clock is ahead of this machine's clock.
    """
    if "owner" in str(error).lower():
        return f"owner: refused ({error}): set SALESMANAGO_OWNER to the e-mail address of a user of the account"
    proof = (
        "SALESMANAGO_SHA was made from this client id and API key (or set SALESMANAGO_API_SECRET instead)"
        if uses_sha
        else "SALESMANAGO_API_SECRET is the whole API secret, without quotes or spaces"
    )
    if offset is None:
        clock = "this machine's clock is right"
    elif abs(offset) > CLOCK_TOLERANCE:
        clock = f"this machine's clock is set right: it is {_difference(offset)}"
    else:
        clock = ""
    checks = [
        "SALESMANAGO_CLIENT_ID belongs to the account, on the server that SALESMANAGO_BASE_URL names",
        proof,
        "SALESMANAGO_API_KEY is not empty",
        clock,
    ]
    listed = "; ".join(f"({number}) {check}" for number, check in enumerate(filter(None, checks), 1))
    return f"credentials: refused ({error}). The server does not say which of them is wrong; check that {listed}"


def _difference(offset: float) -> str:
    return f"{abs(offset):.0f} s {'behind' if offset > 0 else 'ahead'}"


def _uses_sha(client: ClientOptions) -> bool:
    environ = client.environ()
    return bool(environ.get("SALESMANAGO_SHA")) and not environ.get("SALESMANAGO_API_SECRET")
