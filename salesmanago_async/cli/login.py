"""`salesmanago login`: the settings of an account, in exchange for the password of one of its users."""

import os
import secrets
import shlex
import sys
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from ..errors import Invalid, NotAuthenticated
from ..settings import DEFAULT_BASE_URL, Credentials, Login, Retries, checked_base_url, from_environment
from ._examples import examples
from ._file_path import FilePath
from ._run import fail, run

if TYPE_CHECKING:
    from ..client import SalesManago

PRIVATE = 0o600


@click.command(
    short_help="Make the settings of an account from a password.",
    epilog=examples(
        "salesmanago login --out account.env",
        "salesmanago login --user ann@example.com --password-stdin --out account.env",
    ),
)
@click.option("--user", help="The e-mail address of a user of the panel, who becomes the owner.  [default: asked for]")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input and do not ask for it.")
@click.option(
    "--base-url",
    help="Any server of the vendor; it names the one of the account.  [default: SALESMANAGO_BASE_URL]",
)
@click.option(
    "--out",
    type=FilePath(written=True),
    metavar="FILE",
    help="Write the settings to this new file, which only you can read, for --env-file.  [default: print them]",
)
def login(user: str | None, password_stdin: bool, base_url: str | None, out: Path | None) -> None:
    """Make the settings SALESMANAGO_* for an account from a user name and a password.

    The password is asked for, sent once, and kept nowhere. In exchange the server gives a client id and a signature for
    a new API key. The two calls for this are not in the reference: they are those of the vendor's own plugins.
    """
    if not (password_stdin or sys.stdin.isatty()):
        raise Invalid("there is no terminal to ask for the password: use --password-stdin", field="login")
    if password_stdin and not user:
        raise Invalid("is needed with --password-stdin", field="--user")
    given_url = checked_base_url(base_url or from_environment(os.environ, "BASE_URL") or DEFAULT_BASE_URL)
    if out is None:
        click.echo(_lines(_exchanged(user, given_url, password_stdin=password_stdin)), nl=False)
        return
    with _private_file(out) as file:
        file.write(_lines(_exchanged(user, given_url, password_stdin=password_stdin)))
    click.echo(f"written to {out}; try: salesmanago check --env-file {shlex.quote(str(out))}", err=True)


def _exchanged(user: str | None, base_url: str, *, password_stdin: bool) -> Mapping[str, str]:
    """Ask for what is missing, and return the settings that the server gives for it."""
    name = user or click.prompt("User (e-mail address)", err=True)
    typed = sys.stdin.readline() if password_stdin else click.prompt("Password", hide_input=True, err=True)
    return run(_settings, user=name, password=typed.rstrip("\r\n"), base_url=base_url)


async def _settings(*, user: str, password: str, base_url: str) -> Mapping[str, str]:
    """Return the settings by the names of their variables."""
    login = Login(user_name=user, password=password)
    try:
        async with _client(login, base_url) as sm:
            given = await sm.system.login_token(user, password=password)
    except NotAuthenticated as error:
        fail(f"login: the server refuses this user with this password ({error}); is {base_url} the right server?")
    if not given.token:
        raise Invalid("the server gave no token", field="login")
    address = account_url(given.endpoint, base_url)
    api_key = secrets.token_hex(16)
    async with _client(login, address) as sm:
        account = await sm.system.integrate(given.token, api_key=api_key)
    if not (account.short_id and account.sha1):
        raise Invalid("the server gave no client id, or no signature", field="login")
    await _check(Credentials(client_id=account.short_id, api_key=api_key, sha=account.sha1), address, user)
    return {
        "SALESMANAGO_CLIENT_ID": account.short_id,
        "SALESMANAGO_API_KEY": api_key,
        "SALESMANAGO_SHA": account.sha1,
        "SALESMANAGO_OWNER": user,
        "SALESMANAGO_BASE_URL": address,
    }


@asynccontextmanager
async def _client(credentials: Credentials | Login, base_url: str) -> AsyncGenerator["SalesManago"]:
    from ..client import SalesManago

    async with SalesManago(credentials, base_url=base_url, retries=Retries(tries=2)) as sm:
        yield sm


async def _check(credentials: Credentials, address: str, user: str) -> None:
    """Raise an error if the new credentials do not work, or if the user is not one of the account's owners."""
    async with _client(credentials, address) as sm:
        users = (await sm.users.list()).users
    if user not in users:
        raise Invalid(f"{user} is not a user of the account, which has: {', '.join(users)}", field="login")


def account_url(endpoint: str | None, base_url: str) -> str:
    """Return the base URL of the account, which the server names with or without a scheme, or not at all."""
    if not endpoint:
        return checked_base_url(base_url)
    return checked_base_url(endpoint if "://" in endpoint else f"https://{endpoint}")


def _lines(settings: Mapping[str, str]) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())


@contextmanager
def _private_file(path: Path) -> Iterator[TextIO]:
    """Create a file that only its owner can read, before anything is sent; remove it if nothing comes of it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    except FileExistsError:
        raise Invalid("exists already; nothing was sent: give a new file", field=f"--out {path}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise
