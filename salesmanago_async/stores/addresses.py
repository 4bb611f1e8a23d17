"""Where a journal is: a file, or a run in a PostgreSQL database, whose address never shows its password.

    postgresql://USER@HOST/DATABASE?run=NAME

`run` names the journal in that database; the other parameters are those of libpq. A password in the address works, and
is shown as `…` everywhere. PGPASSFILE, PGSERVICE and PGPASSWORD keep it out of the address.
"""

import re
from collections.abc import Iterator
from os import PathLike, fspath
from pathlib import Path
from typing import Self, TypeAlias
from urllib.parse import quote, unquote

from attrs import evolve, field, frozen

from ..errors import Invalid

SCHEMES = ("postgresql://", "postgres://")
HIDDEN = "…"
"""Stands for a password wherever an address is shown."""
MAX_NAME = 200
MIN_SECRET = 4
EXAMPLE = "postgresql://host/database?run=nightly"

_SECRET_WORDS = ("password", "secret")


@frozen
class DatabaseAddress:
    """The address of a PostgreSQL database, and the name of a run in it; its text has no password.

    `conninfo` is what libpq takes, `location` the same without a password.
    """

    conninfo: str = field(repr=False)
    location: str
    run: str | None = None
    passwords: tuple[str, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        if self.run is None:
            return self.location
        return f"{self.location}{'&' if '?' in self.location else '?'}run={quote(self.run, safe='')}"

    @classmethod
    def parse(cls, text: str, *, field: str = "journal") -> Self:
        """Read an address; raise `Invalid`, which quotes nothing of it, if it is not one."""
        scheme, _, rest = text.partition("://")
        _check_marks(rest, field)
        place, _, query = rest.partition("?")
        pairs = [tuple(pair.partition("=")[::2]) for pair in query.split("&") if pair]
        runs = [unquote(value) for name, value in pairs if name == "run"]
        others = [(name, value) for name, value in pairs if name != "run"]
        if len(runs) > 1:
            raise Invalid("the address names more than one run", field=field)
        for run in runs:
            _check_name(run, field)
        passwords = [*_passwords(place, others)]
        if any(unquote(password) == HIDDEN for password in passwords):
            raise Invalid(f"{HIDDEN} stands for a password; write it out, or set PGPASSWORD or PGPASSFILE", field=field)
        hidden = [(name, HIDDEN if _is_secret(name) else value) for name, value in others]
        return cls(
            conninfo=f"{scheme}://{_with_query(place, others)}",
            location=f"{scheme}://{_with_query(_without_password(place), hidden)}",
            run=runs[0] if runs else None,
            passwords=tuple({*passwords, *map(unquote, passwords)}),
        )

    def of_run(self, run: str) -> Self:
        """Return the address of another run in the same database."""
        return evolve(self, run=run)

    def without_password(self, text: str) -> str:
        """Return a message of a library without the password, if it quotes the address.

        A password of few letters may be part of any word, so it is not looked for.
        """
        for password in self.passwords:
            if len(password) >= MIN_SECRET:
                text = text.replace(password, HIDDEN)
        return text


def hide_passwords(text: str) -> str:
    """Return a text without the passwords of the addresses in it."""
    return _PARAMETER.sub(rf"\1{HIDDEN}", _USER.sub(rf"\1{HIDDEN}@", text))


_USER = re.compile(r"(postgres(?:ql)?://[^\s:/@]*:)[^\s@]+@")
_PARAMETER = re.compile(r"([?&][^\s=&]*(?:password|secret)[^\s=&]*=)[^\s&'\")]*", re.IGNORECASE)


JournalPlace: TypeAlias = Path | DatabaseAddress
"""A SQLite file, or a run in a PostgreSQL database."""


GivenPlace: TypeAlias = str | PathLike[str] | DatabaseAddress
"""A place as callers give it: a path, or an address as text."""


def journal_place(given: GivenPlace, *, field: str = "journal") -> JournalPlace:
    """Return where a journal is, given a path or an address with a run; raise `Invalid` for what is neither."""
    if isinstance(given, DatabaseAddress):
        return given
    text = fspath(given)
    if text.startswith(SCHEMES):
        return with_run(DatabaseAddress.parse(text, field=field), field=field)
    if looks_like_address(text):
        rule = f"an address of a database begins with {SCHEMES[0]}; give it as text, not as a path"
        raise Invalid(rule, field=field)
    return Path(given)


def file_place(given: str | PathLike[str], *, field: str) -> Path:
    """Return the path of a file; raise `Invalid`, which quotes nothing of it, if an address was given."""
    if looks_like_address(fspath(given)):
        raise Invalid(NO_FILE, field=field)
    return Path(given)


def looks_like_address(text: str) -> bool:
    """Return whether a text begins as an address does, also after `Path` has made one slash of two."""
    return _SCHEME.match(text) is not None


NO_FILE = "is an address, not the path of a file"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # of two letters or more: C:/ is a drive


def with_run(address: DatabaseAddress, *, field: str = "journal") -> DatabaseAddress:
    """Return an address that names a run; raise `Invalid` if it names none."""
    if address.run is None:
        raise Invalid(f"the address names no run; add run=NAME, as in {EXAMPLE}", field=field)
    return address


def _check_marks(rest: str, field: str) -> None:
    """Raise `Invalid` for marks that a password has and an address must not: the rest would be shown as a host."""
    place = rest.partition("?")[0].partition("/")[0]
    if "#" in rest:
        raise Invalid("the address has a #; write it as %23", field=field)
    if rest.count("@") > 1 or ("@" in rest and "@" not in place):
        raise Invalid(
            "the address has an @ that is not the one before the host; in a user, a password or a parameter write @ as "
            "%40, / as %2F and ? as %3F",
            field=field,
        )


def _check_name(run: str, field: str) -> None:
    if not run.strip():
        raise Invalid(f"the address names no run; add run=NAME, as in {EXAMPLE}", field=field)
    if len(run) > MAX_NAME or not run.isprintable():
        raise Invalid(f"the name of the run must be printable, and have at most {MAX_NAME} characters", field=field)


def _passwords(place: str, pairs: list[tuple[str, str]]) -> Iterator[str]:
    """Yield the passwords in an address, as they are written there."""
    user, at, _ = place.partition("/")[0].rpartition("@")
    _, colon, password = user.partition(":")
    if at and colon and password:
        yield password
    yield from (value for name, value in pairs if _is_secret(name) and value)


def _without_password(place: str) -> str:
    user, at, host = place.rpartition("@")
    name, colon, password = user.partition(":")
    return f"{name}:{HIDDEN}@{host}" if at and colon and password else place


def _is_secret(name: str) -> bool:
    return any(word in unquote(name).lower() for word in _SECRET_WORDS)


def _with_query(place: str, pairs: list[tuple[str, str]]) -> str:
    query = "&".join(f"{name}={value}" for name, value in pairs)
    return f"{place}?{query}" if query else place
