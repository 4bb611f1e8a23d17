"""Addresses of databases: what they mean, and that their password is shown nowhere."""

import pickle
from pathlib import Path

import pytest

from salesmanago_async import Invalid
from salesmanago_async.stores.addresses import HIDDEN, DatabaseAddress, hide_passwords, journal_place

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
