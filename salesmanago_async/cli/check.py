"""`salesmanago check`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from attrs import frozen

from ..errors import Invalid, NotAuthenticated, SalesManagoError
from ..file_imports.account import ClientOptions
from ..file_imports.ending import ExitCode, code_of, line_of
from ..settings import Retries
from ._client import client_options, open_client
from ._examples import examples
from ._run import fail, run

if TYPE_CHECKING:
    from ..client import SalesManago

CLOCK_TOLERANCE = 300.0
"""How many seconds this machine's clock may be off; the API documentation names no limit."""


_EPILOG = """host: the server at SALESMANAGO_BASE_URL answers. credentials: it accepts client id, API key and secret.
owner: it is a user of the account. clock: this machine's time is that of the server, as requests carry the time.

All four are printed. What is wrong is followed by what to do about it; what cannot be tried because of that says so.
Nothing in the account is changed.
"""


@click.command(
    short_help="Check host, credentials, owner and clock.",
    epilog=examples("salesmanago check", "salesmanago check --env-file salesmanago.env", then=_EPILOG),
)
@client_options
def check(client: ClientOptions) -> None:
    """Check that host, credentials, owner and clock are right (user/listByClient)."""
    run(_check, client=client)


async def _check(*, client: ClientOptions) -> None:
    try:
        async with open_client(client, retries=Retries(tries=2)) as sm:
            await examine(sm, uses_sha=_uses_sha(client))
    except Invalid as error:  # a setting is missing, or cannot be used: nothing was sent
        if error.field not in {"credentials", "base_url"} and not str(error.field).startswith("SALESMANAGO_"):
            raise
        _print_and_end(unsettled(error))


async def examine(sm: "SalesManago", *, uses_sha: bool) -> None:
    """Print what is right and wrong about the account of a client; exit with what to do if anything is wrong."""
    try:
        users: Sequence[str] | SalesManagoError = (await sm.users.list()).users
    except Invalid:  # a quota has other numbers: nothing was sent
        raise
    except SalesManagoError as error:
        users = error
    _print_and_end(findings(users, owner=sm.owner, offset=sm.server_clock_offset, uses_sha=uses_sha))


@frozen
class Finding:
    """What was found out about an item: `text` for the list, and what to `do` if it is wrong."""

    item: str
    text: str
    do: str | None = None
    code: int = ExitCode.UNUSABLE


def findings(
    users: Sequence[str] | SalesManagoError, *, owner: str | None, offset: float | None, uses_sha: bool
) -> list[Finding]:
    """Return what is right and wrong, given the users of the account or the error in their place.

    `offset` is how many seconds the server's clock is ahead of this machine's clock.
    """
    clock = _clock(offset)
    if isinstance(users, NotAuthenticated):
        advice = refusal(users, offset, uses_sha=uses_sha)
        if advice.startswith("owner"):
            return [
                Finding("host", "ok"),
                Finding("credentials", "not known"),
                Finding("owner", "refused", advice),
                clock,
            ]
        credentials = Finding("credentials", "refused", advice)
        return [Finding("host", "ok"), credentials, _untried("owner", "the credentials are refused"), clock]
    if isinstance(users, SalesManagoError):
        host = Finding("host", "no usable answer", f"host: {line_of(users)}", code_of(users))
        why = "the server gives no usable answer"
        return [host, _untried("credentials", why), _untried("owner", why), clock if offset else _untried("clock", why)]
    return [Finding("host", "ok"), Finding("credentials", "ok"), _owner(owner, users), clock]


def unsettled(error: Invalid) -> list[Finding]:
    """Return what is known if a setting is missing or cannot be used."""
    item = "host" if error.field == "base_url" else "credentials"
    found = Finding(item, "cannot be used" if item == "host" else "not set, or not usable", line_of(error))
    why = "nothing was sent"
    return [found if name == item else _untried(name, why) for name in ("host", "credentials", "owner", "clock")]


def _untried(item: str, why: str) -> Finding:
    return Finding(item, f"not tried: {why}")


def _owner(owner: str | None, users: Sequence[str]) -> Finding:
    if owner in users:
        return Finding("owner", f"ok, {owner}")
    advice = f"owner: {owner or 'none is set'}; set SALESMANAGO_OWNER to one of the account's users: {', '.join(users)}"
    return Finding("owner", "no user of the account" if owner else "not set", advice)


def _clock(offset: float | None) -> Finding:
    if offset is None:
        return Finding("clock", "not known: the server does not send its time")
    if abs(offset) <= CLOCK_TOLERANCE:
        return Finding("clock", "ok")
    advice = f"clock: it is {_difference(offset)}; set it, or have the system set it automatically"
    return Finding("clock", _difference(offset), advice)


def _print_and_end(found: Sequence[Finding]) -> None:
    """Print all items on stdout, and on stderr what to do; exit if there is anything to do."""
    for one in found:
        click.echo(f"{one.item:<13}{one.text}")
    wrong = [one for one in found if one.do]
    for one in wrong[:-1]:
        click.echo(f"salesmanago: {one.do}", err=True)
    if wrong:
        fail(str(wrong[-1].do), wrong[0].code)


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
