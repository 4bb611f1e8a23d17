"""The options about texts hold for rows of every kind: records of a program, JSON, Arrow tables and Parquet files."""

import csv
import json
import pickle
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async import Invalid, SalesManago
from salesmanago_async.records.findings import LOST_DIGITS, NULL_WORDS, ZERO_FRACTIONS
from salesmanago_async.records.shapes import Shape, contact_shape, event_shape
from salesmanago_async.sources.inspection import SAMPLE
from salesmanago_async.sources.options import ReadOptions
from salesmanago_async.sources.sources import open_source
from salesmanago_async.sources.warnings import ReadWarning
from tests.conftest import examples

Rows = list[dict[str, Any]]
Give = Callable[[Rows, Path], Any]


def as_jsonl(rows: Rows, folder: Path) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def as_json(rows: Rows, folder: Path) -> Path:
    path = folder / "rows.json"
    path.write_text(json.dumps(rows))
    return path


def as_csv(rows: Rows, folder: Path) -> Path:
    path = folder / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)
    return path


def as_parquet(rows: Rows, folder: Path) -> Path:
    path = folder / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def with_words(rows: Rows, folder: Path) -> pa.Table:
    """A table whose texts are in dictionaries, as those of categories are."""
    table = pa.Table.from_pylist(rows)
    return pa.table(
        [each.dictionary_encode() if each.type == pa.string() else each for each in table.columns], table.column_names
    )


def as_objects(rows: Rows, folder: Path) -> pa.Table:
    """A table with a column that holds the API's objects."""
    return pa.table({"contact": pa.array(rows)})


FORMS: dict[str, Give] = {
    "list": lambda rows, folder: rows,
    "iterator": lambda rows, folder: iter(rows),
    "JSONL": as_jsonl,
    "JSON": as_json,
    "table": lambda rows, folder: pa.Table.from_pylist(rows),
    "batches": lambda rows, folder: iter(pa.Table.from_pylist(rows).to_batches(max_chunksize=2)),
    "dictionaries": with_words,
    "Parquet": as_parquet,
}
BY_LINE = {"JSONL", "JSON", "Parquet"}
every_form = pytest.mark.parametrize("form", [*FORMS])


def result_of(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Invalid as error:
        return str(error)


def read(given_: Any, shape: Shape, **options: Any) -> tuple[list[Any], list[Any], tuple[ReadWarning, ...]]:
    """The bodies (or why there is none) and the records of all rows, and the warnings; both paths must agree."""
    source = open_source(given_, shape, ReadOptions(**options))
    encoder = source.encoder()
    rows: Any = source.rows()
    bodies: list[Any] = []
    records: list[Any] = []
    for row, _ in rows:
        item = result_of(lambda row=row: encoder.encode(row)[0])  # type: ignore[misc]
        body = result_of(lambda row=row: source.body(row))  # type: ignore[misc]
        assert (item if isinstance(item, str) else json.loads(item)) == body
        bodies.append(body)
        records.append(source.record(row))
    return bodies, records, source.warnings


CONTACTS: Rows = [
    {"email": " ann@example.com ", "name": "Ann", "phone": "+48 600", "city": " Łódź\u3000"},
    {"email": "bob@example.com", "name": "NULL", "phone": " ", "city": None},
    {"email": "eva@example.com", "name": " \u00a0", "phone": "-", "city": "Ely"},
]


@every_form
def test_texts_are_trimmed_and_absent(form: str, tmp_path: Path) -> None:
    bodies, records, _ = read(FORMS[form](CONTACTS, tmp_path), contact_shape(), null=["NULL", " - "])
    assert bodies == [
        {"contact": {"email": "ann@example.com", "name": "Ann", "phone": "+48 600", "address": {"city": "Łódź"}}},
        {"contact": {"email": "bob@example.com"}},
        {"contact": {"email": "eva@example.com", "address": {"city": "Ely"}}},
    ]
    assert records == CONTACTS  # as they came


def test_a_trimmed_row_can_wait_in_a_file() -> None:
    """A record that waits is pickled; its row is given back as it came."""
    source: Any = open_source(pa.Table.from_pylist(CONTACTS), contact_shape())
    rows = [pickle.loads(pickle.dumps(row)) for row, _ in source.rows()]
    assert [source.record(row) for row in rows] == CONTACTS


@every_form
def test_spaces_can_be_kept(form: str, tmp_path: Path) -> None:
    bodies, _, _ = read(FORMS[form](CONTACTS, tmp_path), contact_shape(), keep_spaces=True)
    assert [body["contact"].get("name") for body in bodies] == ["Ann", "NULL", " \u00a0"]
    assert bodies[0]["contact"]["address"] == {"city": " Łódź\u3000"}


@every_form
def test_numbers_and_times_are_read_by_the_options(form: str, tmp_path: Path) -> None:
    rows: Rows = [
        {
            "email": "ann@example.com",
            "date": "05.01.2024 11:00",
            "contactExtEventType": "purchase",
            "value": "1 189,99",
        },
        {"email": "ann@example.com", "date": " 2024-01-05 11:00:00", "contactExtEventType": "VISIT ", "value": None},
    ]
    reading = {"decimal": ",", "date_format": "%d.%m.%Y %H:%M", "time_zone": "Europe/Warsaw"}
    bodies, _, _ = read(FORMS[form](rows, tmp_path), event_shape(), **reading)
    assert [body["contactEvent"] for body in bodies] == [
        {"date": 1_704_448_800_000, "contactExtEventType": "PURCHASE", "value": 1189.99},
        {"date": 1_704_448_800_000, "contactExtEventType": "VISIT"},
    ]


ODD: Rows = [
    {"email": "ann@example.com", "phone": "+48600100200", "name": "Ann"},
    {"email": "bob@example.com", "phone": "4.86E+10", "name": "NULL"},
    {"email": "eva@example.com", "phone": "4,86E+10", "name": "Eva"},
]


@every_form
def test_what_looks_wrong_is_a_warning(form: str, tmp_path: Path) -> None:
    place: Any = {"line": 2} if form in BY_LINE else {"position": 1}
    _, _, warnings = read(FORMS[form](ODD, tmp_path), contact_shape())
    assert warnings == (
        ReadWarning(column="phone", text=LOST_DIGITS, count=2, **place),
        ReadWarning(column="name", text=NULL_WORDS, count=1, **place),
    )
    _, _, warnings = read(FORMS[form](ODD, tmp_path), contact_shape(), null="NULL")
    assert [warning.column for warning in warnings] == ["phone"]


@every_form
def test_strict_rejects_what_looks_wrong(form: str, tmp_path: Path) -> None:
    rows = [*ODD, *[ODD[0]] * SAMPLE, ODD[1]]
    bodies, records, warnings = read(FORMS[form](rows, tmp_path), contact_shape(), strict=True)
    assert warnings == ()
    assert [number for number, body in enumerate(bodies) if isinstance(body, str)] == [1, 2, len(rows) - 1]
    assert bodies[1] == f"phone: {LOST_DIGITS}"
    assert records == rows


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset])
def test_what_looks_wrong_in_a_list_of_any_class_is_found(kind: Callable[[Any], Any]) -> None:
    rows = [{"email": "ann@example.com", "tags": kind([" NULL", "VIP"])}]
    _, _, [warning] = read(rows, contact_shape())
    assert warning == ReadWarning(column="tags", text=NULL_WORDS, count=1, position=0)
    [body], _, _ = read(rows, contact_shape(), strict=True)
    assert body == f"tags: {NULL_WORDS}"
    [body], _, warnings = read(rows, contact_shape(), strict=True, null="NULL")
    assert (body["tags"], warnings) == (["VIP"], ())


@pytest.mark.parametrize("form", ["list", "table", "Parquet"])
def test_a_decimal_id_with_a_fraction_of_zeros_is_a_warning_and_an_amount_is_none(form: str, tmp_path: Path) -> None:
    rows: Rows = [
        {"email": "a@example.com", "externalId": Decimal("12345.0000000000"), "detail1": Decimal("1.5000000000")},
        {"email": "b@example.com", "externalId": None, "detail1": None},
    ]
    common = {"date": 1_704_448_800_000, "contactExtEventType": "VISIT", "value": Decimal("3.00")}
    given_ = FORMS[form]([{**row, **common} for row in rows], tmp_path)
    bodies, _, warnings = read(given_, event_shape())
    assert bodies[0]["contactEvent"]["externalId"] == "12345.0000000000"
    assert [(warning.column, warning.text, warning.count) for warning in warnings] == [
        ("externalId", ZERO_FRACTIONS, 1)
    ]
    bodies, _, _ = read(given_, event_shape(), strict=True)
    assert [body == f"externalId: {ZERO_FRACTIONS}" for body in bodies] == [True, False]


@pytest.mark.parametrize(("kind", "last"), [(pa.float16(), 2**11), (pa.float32(), 2**24)], ids=str)
def test_a_column_of_small_floats_has_amounts_and_few_ids(kind: Any, last: int) -> None:
    numbers = pa.array([float(last - 1), float(last), None, 0.5], pa.float32()).cast(kind)
    columns = {"email": ["a@example.com"] * 4, "externalId": numbers, "value": numbers}
    columns |= {"date": [1_704_448_800_000] * 4, "contactExtEventType": ["VISIT"] * 4}
    bodies, records, _ = read(pa.table(columns), event_shape())
    assert "a float: its last digits may be lost; give it as text" in bodies[1]
    assert [body["contactEvent"].get("externalId") for body in (bodies[0], *bodies[2:])] == [str(last - 1), None, "0.5"]
    assert type(records[1]["externalId"]) is float
    bodies, _, _ = read(pa.table(columns).drop_columns(["externalId"]), event_shape())
    assert [body["contactEvent"].get("value") for body in bodies] == [last - 1, last, None, 0.5]


@every_form
def test_only_the_first_rows_are_looked_at(form: str, tmp_path: Path) -> None:
    rows = [*ODD[1:2], *[ODD[0]] * SAMPLE, ODD[1]]
    source: Any = open_source(FORMS[form](rows, tmp_path), contact_shape(), ReadOptions())
    assert sum(1 for _ in source.rows()) == len(rows)
    assert {(warning.count, warning.of_sample) for warning in source.warnings} == {(1, True)}
    assert " (1 in the rows that were looked at, first " in str(source.warnings[0])
    if form not in {"iterator", "batches"}:
        assert sum(1 for _ in source.rows()) == len(rows)
        assert {warning.count for warning in source.warnings} == {1}


def test_names_of_a_file_are_those_of_its_warnings(tmp_path: Path) -> None:
    given_ = as_jsonl([{"Mail": "ann@example.com", "Tel": "4.86E+10"}], tmp_path)
    _, _, [warning] = read(given_, contact_shape(), columns={"Mail": "email", "Tel": "phone"})
    assert str(warning) == f"Tel {LOST_DIGITS} (1, first in line 1)"


def test_a_column_of_objects_is_trimmed_as_well(tmp_path: Path) -> None:
    bodies, _, _ = read(as_objects(CONTACTS, tmp_path), contact_shape(), null=["NULL", "-"])
    assert [body["contact"].get("name") for body in bodies] == ["Ann", None, None]


def test_columns_are_trimmed_before_they_are_joined() -> None:
    table = pa.table({"email": ["a@example.com"] * 2, "First": [" Ann ", "NULL"], "Last": [" Nowak", " Lis "]})
    columns = {"First": "name", "Last": "name"}
    bodies, records, _ = read(table, contact_shape(), columns=columns, null="NULL")
    assert [body["contact"]["name"] for body in bodies] == ["Ann Nowak", "Lis"]
    assert records == table.to_pylist()


def test_a_text_that_is_not_unicode_spoils_its_row_only() -> None:
    names = pa.array([b" Ann ", b"\xff "], pa.binary()).cast(pa.string(), safe=False)
    bodies, _, _ = read(pa.table({"email": ["a@example.com"] * 2, "name": names}), contact_shape())
    assert bodies[0]["contact"]["name"] == "Ann"
    assert "cannot be read" in bodies[1]


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary()], ids=str)
def test_texts_of_every_type_are_trimmed(kind: Any) -> None:
    table = pa.table({"email": ["a@example.com"] * 2, "name": pa.array([" Ann ", None], kind)})
    bodies, _, _ = read(table, contact_shape())
    assert [body["contact"].get("name") for body in bodies] == ["Ann", None]


NAMES = ["email", "name", "phone", "birthday"]
ODD_TEXTS = st.sampled_from(["NULL", " - ", "4.86E+10", "x" * 254 + "  "])
TEXTS = st.none() | st.text("aŁ \t\u00a0'=1.0E+", max_size=4) | ODD_TEXTS
ROWS = st.lists(st.tuples(st.just(" a@example.com"), TEXTS, TEXTS, TEXTS), max_size=6)


@settings(deadline=None, max_examples=examples(200))
@given(ROWS, st.sampled_from([(), ("NULL", "-")]), st.booleans(), st.booleans())
def test_a_table_is_read_like_the_same_rows_as_dicts(cells: Any, null: Any, keeps: bool, strict: bool) -> None:
    rows = [dict(zip(NAMES, row, strict=True)) for row in cells]
    table = pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in NAMES]))
    options = {"null": null, "keep_spaces": keeps, "strict": strict}
    of_table, of_dicts = (read(given_, contact_shape(), **options) for given_ in (table, rows))
    assert of_table[:2] == of_dicts[:2]
    assert sorted(of_table[2], key=str) == sorted(of_dicts[2], key=str)


@dataclass
class Person:
    email: str
    name: str | None = None
    phone: str | None = None


@pytest.mark.anyio
async def test_a_run_takes_the_options(sm: SalesManago) -> None:
    async def people() -> AsyncGenerator[Person]:
        for row in ODD:
            yield Person(**row)

    report = await sm.contacts.upsert_many(people(), null="NULL", dry_run=True)
    assert (report.read, report.rejected) == (3, 0)
    assert [str(warning) for warning in report.warnings] == [f"phone {LOST_DIGITS} (2, first at position 1)"]
    assert report.as_dict()["warnings"] == [
        {
            "column": "phone",
            "text": LOST_DIGITS,
            "count": 2,
            "line": None,
            "file": None,
            "position": 1,
            "of_sample": False,
        }
    ]
    report = await sm.contacts.upsert_many(people(), strict=True)
    assert (report.accepted, report.rejected) == (1, 2)
    assert [problem.record for problem in report.problems] == [Person(**ODD[1]), Person(**ODD[2])]


@pytest.mark.parametrize("form", ["list", "iterator", "JSONL", "JSON", "table"])
def test_names_are_mapped_in_rows_of_every_kind(form: str, tmp_path: Path) -> None:
    rows: Rows = [
        {"Mail": "a@example.com", "First": " Ann ", "Last": "Nowak"},
        {"Mail": "b@example.com", "First": " ", "Last": "Lis"},
        {"Mail": "c@example.com", "First": None, "Last": None},
    ]
    columns = {"Mail": "email", "First": "name", "Last": "name"}
    bodies, records, _ = read(FORMS[form](rows, tmp_path), contact_shape(), columns=columns)
    assert [body["contact"].get("name") for body in bodies] == ["Ann Nowak", "Lis", None]
    assert records == rows


@pytest.mark.parametrize("form", ["CSV", "list", "JSONL", "table"])
def test_lists_are_read_before_they_are_joined(form: str, tmp_path: Path) -> None:
    rows: Rows = [
        {"email": "a@example.com", "Labels": '["X"]', "tags": "Z"},
        {"email": "b@example.com", "Labels": "A;B", "tags": ""},
        {"email": "c@example.com", "Labels": "NULL", "tags": "{'C', 'D'}"},
        {"email": "d@example.com", "Labels": "A", "tags": '{"a": 1}'},
    ]
    columns = {"Labels": "tags", "tags": "tags"}
    bodies, records, _ = read(
        {**FORMS, "CSV": as_csv}[form](rows, tmp_path), contact_shape(), columns=columns, null="NULL"
    )
    assert [body["tags"] for body in bodies[:-1]] == [["X", "Z"], ["A", "B"], ["C", "D"]]
    assert bodies[-1] == "tags: is a JSON object, not a list"
    assert records == rows


def test_lists_of_a_frame_are_joined() -> None:
    table = pa.table({"email": ["a@example.com"], "Labels": [["A, B", "NULL"]], "tags": ["C,D"]})
    bodies, _, _ = read(table, contact_shape(), columns={"Labels": "tags", "tags": "tags"}, null="NULL")
    assert bodies[0]["tags"] == ["A, B", "C", "D"]


def test_names_of_objects_are_mapped() -> None:
    bodies, _, _ = read([Person("a@example.com", "Ann")], contact_shape(), columns={"name": "company"})
    assert bodies == [{"contact": {"email": "a@example.com", "company": "Ann"}}]
    [body], _, _ = read([{"name": "Ann", "company": "Ely"}], contact_shape(), columns={"name": "company"})
    assert (
        body
        == "company: is given 2 times, as name, company; columns={'name': 'company', 'company': 'company'} joins them"
    )
    with pytest.raises(Invalid, match="'name' is mapped to 'nam'"):
        open_source([{}], contact_shape(), ReadOptions(columns={"name": "nam"}))
