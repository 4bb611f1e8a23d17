"""The columns of tables: the fields that they mean, and what is said of those that mean none, or the same."""

from ast import literal_eval
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from salesmanago_async.errors import Invalid
from salesmanago_async.file_imports.ending import line_of
from salesmanago_async.file_imports.opening import parse_mappings
from salesmanago_async.records.columns import NoContactColumn
from salesmanago_async.records.shapes import contact_shape
from salesmanago_async.sources.options import ReadOptions
from salesmanago_async.sources.sources import open_source
from tests.sources.test_found_files import file_of


def test_the_other_unknown_columns_are_named_with_a_missing_address(tmp_path: Path) -> None:
    with pytest.raises(NoContactColumn) as caught:
        file_of(tmp_path, "Mail address,First Name,Colour,city")
    assert caught.value.mapping == {"First Name": "name", "Colour": "FIELD"}
    caught.match("these columns are not fields: 'First Name'")
    assert line_of(caught.value).endswith(
        "--map 'Mail address=email'; 'First Name', 'Colour' are not fields; map columns to fields:"
        " --map 'First Name=name' --map Colour=FIELD; or leave them out: --extra-columns ignore"
    )


IGNORING = "leave out what is not a field: extra_columns='ignore'"
TWICE = [
    (
        "email,name,Surname",
        {"Surname": "name"},
        "as name, Surname; columns={'name': 'name', 'Surname': 'name'} joins them",
    ),
    (
        "email,Tags,Labels",
        {"Labels": "tags"},
        "as Tags, Labels; columns={'Tags': 'tags', 'Labels': 'tags'} joins them",
    ),
    (
        "email,A,B",
        {"A": "zip_code", "B": "zipCode"},
        "as A, B; columns={'A': 'zip_code', 'B': 'zip_code'} joins them",
    ),
    ("email,mail", {"mail": "email"}, "as email, mail; leave out all but one of them"),
    ("email,name,name", {}, "in columns 2 and 3; rename one of them"),
    (
        "email,x,x",
        {},
        "in columns 2 and 3; rename one of them, or leave out what is not a field: extra_columns='ignore'",
    ),
]


@pytest.mark.parametrize(("header", "columns", "says"), TWICE)
def test_columns_of_one_field_are_named_with_the_way_out(
    tmp_path: Path, header: str, columns: dict[str, str], says: str
) -> None:
    with pytest.raises(Invalid) as caught:
        file_of(tmp_path, header, columns=columns)
    assert str(caught.value).endswith(f": is given 2 times, {says}")
    if "joins" in says:
        joined = literal_eval(says.partition("columns=")[2].removesuffix(" joins them"))
        file = file_of(tmp_path, header, "a@example.com,X,Y", columns=joined)
        [(row, _)] = file.rows()
        text = str(file.body(row))
        assert "'X Y'" in text or "['X', 'Y']" in text


def test_a_column_is_mapped_to_one_field_only(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="Nick: is mapped to 'name' and 'company'; map it to one of them"):
        file_of(tmp_path, "email,Nick", columns={"nick": "name", "Nick": "company"})
    with pytest.raises(Invalid, match="--map: 'A' is mapped to 'name' and 'company'; map it to one of them"):
        parse_mappings(["A=name", "B=name", "A=company"])
    assert parse_mappings(["A=name", "A=name"]) == {"A": "name"}


def test_ignored_columns_may_have_one_name(tmp_path: Path) -> None:
    file = file_of(tmp_path, "email,x,x", "ann@example.com,1,2", extra_columns="ignore")
    [(row, _)] = file.rows()
    assert file.body(row) == {"contact": {"email": "ann@example.com"}}
    assert file.record(row) == ["ann@example.com", "1", "2"]
    table = pa.table([["ann@example.com"], ["1"], [2]], ["email", "x", "x"])
    source: Any = open_source(table, contact_shape("ignore"))
    assert [source.body(row) for row, _ in source.rows()] == [{"contact": {"email": "ann@example.com"}}]


@pytest.mark.parametrize("form", ["dd.mm.yyyy", "YYYY-MM-DD", "", "100%"])
def test_a_date_format_in_which_nothing_stands_for_a_day_is_refused(form: str) -> None:
    with pytest.raises(Invalid, match=r"date_format: is .*write date_format='%d\.%m\.%Y' for 31\.12\.2026"):
        ReadOptions(date_format=["%Y", form])
