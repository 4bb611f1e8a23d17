"""Journals and quotas on the command line: a file, or an address in a PostgreSQL database."""

from typing import Any
from urllib.parse import unquote

import click

from ..errors import Invalid
from ..quotas.address import QuotaAddress
from ..stores.addresses import SCHEMES, DatabaseAddress, JournalPlace, hide_passwords, looks_like_address, with_run
from ._file_path import FilePath


class JournalParam(click.ParamType):  # type: ignore[type-arg]  # generic in the newest versions of click only
    """A file (see `FilePath`, which takes the same options), or an address of a run."""

    name = "journal"

    def __init__(self, **options: bool) -> None:
        self._file = FilePath(**options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> JournalPlace:
        """Return the place; fail for what is neither a file name nor an address."""
        if isinstance(value, str) and value.startswith(SCHEMES):
            return _address(value, needs_run=True)
        if looks_like_address(str(value)):
            self.fail(f"an address begins with {SCHEMES[0]}", param, ctx)
        place: JournalPlace = self._file.convert(value, param, ctx)
        return place


class AddressParam(click.ParamType):  # type: ignore[type-arg]  # generic in the newest versions of click only
    """The address of a PostgreSQL database; one of a run, if that is `needed`."""

    name = "address"

    def __init__(self, *, needs_run: bool) -> None:
        self._needs_run = needs_run

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> DatabaseAddress:
        """Return the address; fail if it is not one."""
        text = str(value)
        if not text.startswith(SCHEMES):
            self.fail(f"an address begins with {SCHEMES[0]}", param, ctx)
        return _address(text, needs_run=self._needs_run)


def _address(text: str, *, needs_run: bool) -> DatabaseAddress:
    """Return an address; raise click's error, which shows nothing of it, if it is none."""
    try:
        address = DatabaseAddress.parse(text)
        return with_run(address) if needs_run else address
    except Invalid as error:
        raise click.BadParameter(error.rule) from None


class QuotaParam(click.ParamType):  # type: ignore[type-arg]  # generic in the newest versions of click only
    """The address of a quota, or, if none is `needed`, of a database with quotas; as text."""

    name = "address"

    def __init__(self, *, needs_name: bool = True) -> None:
        self._needs_name = needs_name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the address; raise click's error, which shows nothing of it, if it is none."""
        try:
            QuotaAddress.parse(str(value), needs_name=self._needs_name)
        except Invalid as error:
            raise click.BadParameter(error.rule) from None
        return str(value)


def without_passwords(arguments: list[str], place: JournalPlace | None) -> list[str]:
    """Return the arguments of a command line as they may be printed again."""
    return [_as_shown(argument, place) for argument in arguments]


def _as_shown(argument: str, place: JournalPlace | None) -> str:
    option, marks, rest = argument.partition(next((scheme for scheme in SCHEMES if scheme in argument), "\0"))
    if marks and isinstance(place, DatabaseAddress) and f"run={place.run}" in unquote(rest):
        return f"{option}{place}"
    return hide_passwords(argument)
