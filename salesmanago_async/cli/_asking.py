"""Asks the user before a command affects many contacts; --yes agrees beforehand."""

import sys

import click

from ..errors import Invalid
from ._run import fail


def ask_first(what: str, *, yes: bool, place: str) -> None:
    """Print what is about to happen to many contacts, and return if the user wants it.

    The user agrees with `yes`, or with an answer on a terminal. Raises `Invalid` naming the `place` if there is no
    terminal, and exits if the answer is no.
    """
    if not yes and not _is_terminal():
        raise Invalid(f"{what}; nothing was sent: add --yes if you want this", field=place)
    click.echo(f"salesmanago: {place}: {what}", err=True)
    if not (yes or click.confirm("Continue?", err=True)):
        fail("nothing was sent")


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
