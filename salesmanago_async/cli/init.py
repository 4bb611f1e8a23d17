"""`salesmanago init`."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..errors import Invalid
from ..settings import DEFAULT_BASE_URL, Credentials, checked_base_url, from_environment
from ._examples import examples
from ._file_path import FilePath
from ._run import run

DEFAULT_FILE = "salesmanago.env"

_EPILOG = """Only you can read the file (mode 0600). Keep it out of version control. Answers may also come from a pipe,
one on each line, and variables that are set already are offered as answers; a secret is never shown.
"""


@click.command(
    short_help="Ask for the credentials and write them to a file.",
    epilog=examples(
        "salesmanago init",
        "salesmanago check --env-file salesmanago.env",
        "export SALESMANAGO_ENV_FILE=$PWD/salesmanago.env",
        then=_EPILOG,
    ),
)
@click.argument("file", type=FilePath(written=True), default=DEFAULT_FILE)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@click.option("--no-check", is_flag=True, help="Write the file without trying the credentials.")
def init(file: Path, force: bool, no_check: bool) -> None:
    """Ask for the credentials, try them, and write them to FILE for --env-file.

    Without FILE it is salesmanago.env. Nothing is written if the server refuses the credentials.
    """
    if file.exists() and not force:
        raise Invalid("is there already; use another name, or --force to replace it", field=str(file))
    answers = _ask(os.environ)
    if not no_check:
        run(_check, environ=answers)
    write_private(file, "".join(f"{name}={quoted(value)}\n" for name, value in answers.items()))
    click.echo(f"written: {file}")
    click.echo(f"use it: --env-file {file}, or export SALESMANAGO_ENV_FILE={file.absolute()}")


def _ask(environ: Mapping[str, str]) -> dict[str, str]:
    """Ask for each setting; what the environment has is the default. Raises `Invalid` for what cannot be used."""
    answers = {
        "CLIENT_ID": _answer("Client ID", from_environment(environ, "CLIENT_ID")),
        "API_KEY": _answer("API key (any text of your choice)", from_environment(environ, "API_KEY"), is_secret=True),
        "API_SECRET": _answer("API secret", from_environment(environ, "API_SECRET"), is_secret=True),
        "OWNER": _answer("Owner (the e-mail address of a user of the account)", from_environment(environ, "OWNER")),
        "BASE_URL": _answer("Server", from_environment(environ, "BASE_URL") or DEFAULT_BASE_URL),
    }
    named = {f"SALESMANAGO_{name}": value for name, value in answers.items()}
    Credentials.from_env(named)
    named["SALESMANAGO_BASE_URL"] = checked_base_url(named["SALESMANAGO_BASE_URL"])
    return named


def _answer(question: str, default: str, *, is_secret: bool = False) -> str:
    is_hidden = is_secret and sys.stdin.isatty()
    given: Any = click.prompt(
        question, default=default or None, hide_input=is_hidden, show_default=not is_secret, err=True
    )
    return str(given).strip()


async def _check(*, environ: Mapping[str, str]) -> None:
    from ..client import SalesManago
    from ..settings import Retries
    from .check import examine

    async with SalesManago.from_env(environ, retries=Retries(tries=2)) as sm:
        await examine(sm, uses_sha=False)


def quoted(value: str) -> str:
    """Return a value as a file of NAME=VALUE lines has it."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; it gets its name when it is complete."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)
