"""What is no source: refused by its name, before anything is read, with what to give instead."""

import io
import sqlite3
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import frozen

from salesmanago_async import Contact, Invalid, SalesManago
from salesmanago_async.records.shapes import contact_shape
from salesmanago_async.sources.sources import open_source

Person = namedtuple("Person", ["email", "name"])  # noqa: PYI024


def sqlite_row() -> sqlite3.Row:
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    row: sqlite3.Row = database.execute("SELECT 'ann@example.com' AS email").fetchone()
    database.close()
    return row


def of_class(name: str, **attributes: Any) -> Any:
    """An object of a class with this name."""
    return type(name, (), {"__iter__": lambda self: iter(["email"]), **attributes})()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            "email,name\nann@example.com,Ann\n",
            "is text, not the path of a file; give a path, or records: csv.DictReader",
        ),
        ('[{"email": "ann@example.com"}]', "is text, not the path of a file"),
        (b"people.csv", "is a bytes; give an iterable of records, or the path of a file"),
        (bytearray(b"email"), "is a bytearray; give an iterable"),
        (io.StringIO("email\n"), "is an open file; give its path, or records, such as csv.DictReader"),
        (io.BytesIO(b"email\n"), "is an open file"),
        ({"email": "ann@example.com"}, "is one mapping; give an iterable of records"),
        ({"email": ["ann@example.com"], "name": ["Ann"]}, "is a mapping of columns; give a frame"),
        (Contact(email="ann@example.com"), "is a Contact; give an iterable of records"),
        (Person("ann@example.com", "Ann"), "is a Person, one row; give an iterable of records"),
        (sqlite_row(), "is a Row, one row; give an iterable"),
        (5, "is an int; give an iterable of records"),
        (None, "is a NoneType; give an iterable of records"),
        (of_class("DataFrameGroupBy"), "is a DataFrameGroupBy; give the frame itself"),
        (of_class("Series"), "is a Series, which is one column; give a frame"),
        (of_class("LazyFrame"), r"is a LazyFrame; give frame.collect\(\)"),
        (of_class("ndarray", dtype=SimpleNamespace(kind="i")), "is a ndarray without names of columns; give pandas"),
        (of_class("DataFrame"), r"is a DataFrame without __arrow_c_stream__; give frame.to_dict\('records'\)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_source_is_refused_by_name(given: Any, said: str) -> None:
    with pytest.raises(Invalid, match=f"source: {said}"):
        open_source(given, contact_shape())


def test_an_open_file_of_the_disk_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("email\nann@example.com\n")
    with path.open() as file, pytest.raises(Invalid, match="is an open file; give its path"):
        open_source(file, contact_shape())


@frozen
class People:
    """A source of a program's own: an attrs class that yields records."""

    count: int

    def __iter__(self) -> Iterator[Any]:
        for number in range(self.count):
            yield {"email": f"c{number}@example.com"}


def test_an_iterable_object_of_a_program_is_a_source() -> None:
    source: Any = open_source(People(3), contact_shape())
    assert [row["email"] for row, _ in source.rows()] == ["c0@example.com", "c1@example.com", "c2@example.com"]


@pytest.mark.anyio
async def test_one_address_may_be_given_without_a_list(sm: SalesManago) -> None:
    await sm.contacts.upsert_many([{"email": "ann@example.com"}])
    [contact] = await sm.contacts.get("ann@example.com")
    assert contact.email == "ann@example.com"
