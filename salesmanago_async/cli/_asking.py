"""What a command does to many: said first, and done only if somebody agrees, or said so beforehand (--yes)."""

import sys

import click

from ..errors import Invalid
from ._run import fail


def ask_first(what: str, *, yes: bool, place: str) -> None:
    """Say what is about to be done to many, and return once that is wanted: by `yes`, or by an answer on a terminal.

    Raises `Invalid` naming the `place` where nobody can be asked, and exits where the answer is no.
    """
    if not yes and not _is_terminal():
        raise Invalid(f"{what}; nothing was sent: add --yes if that is wanted", field=place)
    click.echo(f"salesmanago: {place}: {what}", err=True)
    if not (yes or click.confirm("Go on?", err=True)):
        fail("nothing was sent")


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
