"""Addresses of databases: what they mean, and that their password is shown nowhere."""

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from salesmanago_async import Invalid
from salesmanago_async.cli._commands import salesmanago
from salesmanago_async.stores.addresses import HIDDEN, DatabaseAddress, file_place, hide_passwords, journal_place

SECRET = "tajne7hasło"
ENCODED = "tajne7has%C5%82o"

ADDRESSES = [
    # the address, what psycopg gets, what is shown, the run
    ("postgresql://host/db?run=a", "postgresql://host/db", "postgresql://host/db?run=a", "a"),
    ("postgres://host/db?run=a", "postgres://host/db", "postgres://host/db?run=a", "a"),
    (
        f"postgresql://ann:{ENCODED}@host:5433/db?sslmode=require&run=orders%202026",
        f"postgresql://ann:{ENCODED}@host:5433/db?sslmode=require",
        f"postgresql://ann:{HIDDEN}@host:5433/db?sslmode=require&run=orders%202026",
        "orders 2026",
    ),
    (
        f"postgresql://host/db?password={SECRET}&run=a&sslpassword={SECRET}&user=ann",
        f"postgresql://host/db?password={SECRET}&sslpassword={SECRET}&user=ann",
        f"postgresql://host/db?password={HIDDEN}&sslpassword={HIDDEN}&user=ann&run=a",
        "a",
    ),
    (
        "postgresql:///db?host=/run/pg&run=a",
        "postgresql:///db?host=/run/pg",
        "postgresql:///db?host=/run/pg&run=a",
        "a",
    ),
    ("postgresql://a,b:5433/db?run=ż", "postgresql://a,b:5433/db", "postgresql://a,b:5433/db?run=%C5%BC", "ż"),
    ("postgresql://[::1]:5432/db?run=a", "postgresql://[::1]:5432/db", "postgresql://[::1]:5432/db?run=a", "a"),
    ("postgresql://ann@host/?run=a%26b%3Dc", "postgresql://ann@host/", "postgresql://ann@host/?run=a%26b%3Dc", "a&b=c"),
]


@pytest.mark.parametrize(("text", "conninfo", "shown", "run"), ADDRESSES)
def test_an_address_is_read_and_shown_without_its_password(text: str, conninfo: str, shown: str, run: str) -> None:
    address = journal_place(text)
    assert isinstance(address, DatabaseAddress)
    assert (address.conninfo, str(address), address.run) == (conninfo, shown, run)
    for form in (str(address), repr(address), f"{address}", f"{[address]}"):
        assert SECRET not in form
        assert ENCODED not in form
    assert pickle.loads(pickle.dumps(address)) == address
    if HIDDEN not in shown:
        assert journal_place(shown) == address


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("postgresql://host/db", "names no run; add run=NAME"),
        ("postgresql://host/db?run=", "names no run; add run=NAME"),
        ("postgresql://host/db?run=%20", "names no run; add run=NAME"),
        ("postgresql://host/db?run=a&run=b", "more than one run"),
        ("postgresql://host/db?run=a%0Ab", "must be printable"),
        (f"postgresql://host/db?run={'x' * 201}", "at most 200"),
        (f"postgresql://ann:{SECRET}@x@host/db?run=a", "write @ as %40"),
        (f"postgresql://ann:{SECRET}/x@host/db?run=a", "write @ as %40"),
        (f"postgresql://ann:{SECRET}?x@host/db?run=a", "write @ as %40"),
        (f"postgresql://ann:{SECRET}#x@host/db?run=a", "write it as %23"),
        (f"postgresql://ann:{HIDDEN}@host/db?run=a", "stands for a password; write it out"),
        ("postgresql://ann:%E2%80%A6@host/db?run=a", "stands for a password; write it out"),
        ("postgresql:/host/db?run=a", "give it as text, not as a path"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_and_not_quoted(text: str, rule: str) -> None:
    with pytest.raises(Invalid) as caught:
        journal_place(text)
    assert rule in caught.value.rule
    assert caught.value.field == "journal"
    assert SECRET not in f"{caught.value!r} {caught.value}"


def test_a_path_stays_a_path() -> None:
    assert journal_place("nightly.db") == Path("nightly.db")
    assert journal_place(Path("postgresql")) == Path("postgresql")
    with pytest.raises(Invalid, match="as text"):
        journal_place(Path("postgresql://host/db?run=a"))


def test_addresses_in_a_text_lose_their_passwords() -> None:
    shown = f"extra postgresql://ann:{HIDDEN}@h/db?run=a&sslpassword={HIDDEN}&x=1 (postgres://h/db?password={HIDDEN})"
    assert hide_passwords(shown.replace(HIDDEN, SECRET)) == shown
    for plain in ("nightly.db at 10:30, a@b.pl", "postgresql://ann:@h/db?quota=a"):  # an empty password hides nothing
        assert hide_passwords(plain) == plain


def test_a_message_of_a_library_is_told_without_the_password() -> None:
    address = DatabaseAddress.parse(f"postgresql://ann:{ENCODED}@host/db")
    assert address.without_password(f"no host {SECRET}, no {ENCODED}") == f"no host {HIDDEN}, no {HIDDEN}"


@pytest.mark.parametrize(
    "given", [f"postgresql://ann:{SECRET}@host/db?run=a", f"PostgreSQL+psycopg://ann:{SECRET}@host/db", "s3://bucket/x"]
)
@pytest.mark.parametrize("make", [str, Path])
def test_an_address_in_place_of_a_file_is_refused_and_not_shown(given: str, make: Callable[[str], Any]) -> None:
    with pytest.raises(Invalid, match="state: is an address, not the path of a file") as refused:
        file_place(make(given), field="state")
    assert SECRET not in str(refused.value)
    with pytest.raises(Invalid, match="an address of a database begins with postgresql://") as refused:
        journal_place(make(given.replace("postgresql", "Postgresql")))
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("given", ["people.db", "C:/people.db", "a/b:c/d.db", "./x:/y"])
def test_paths_are_no_addresses(given: str) -> None:
    assert file_place(given, field="state") == journal_place(given) == Path(given)


FILES = [
    ("sync", "contacts", "people.csv", "--state", "ADDRESS"),
    ("sync", "products", "people.csv", "--catalog", "c", "--state", "ADDRESS"),
    ("import", "contacts", "ADDRESS"),
    ("import", "contacts", "people.csv", "--rejects", "ADDRESS"),
    ("import", "contacts", "people.csv", "--journal", "OTHER"),
    ("resume", "OTHER"),
]


@pytest.mark.parametrize("arguments", FILES, ids=" ".join)
def test_the_command_line_shows_no_address_given_as_a_file(
    arguments: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"postgresql://ann:{SECRET}@127.0.0.1:1/db?run=a"
    addresses = {"ADDRESS": address, "OTHER": address.replace("postgresql", "postgresql+psycopg")}
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text("email\nann@example.com\n")
    result = CliRunner().invoke(salesmanago, [addresses.get(one, one) for one in arguments])
    assert result.exit_code == 2
    assert "address" in result.output
    assert SECRET not in result.output
