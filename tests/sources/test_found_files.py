"""Files as they were found: exports of spreadsheets, shops and databases, each with what it means."""

import json
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async.errors import Invalid
from salesmanago_async.outcome import Outcome
from salesmanago_async.records.columns import NoContactColumn, UnknownColumns
from salesmanago_async.records.shapes import contact_shape, event_shape
from salesmanago_async.sources.csv_files import CsvFile
from salesmanago_async.sources.options import ReadOptions
from salesmanago_async.sources.sources import open_file, open_source

FOUND = Path(__file__).parent.parent / "data" / "found"


def bodies(path: Path, *, extra: Any = "error", **options: Any) -> list[Any]:
    """Return the body of each row of a file, or the words of its refusal."""
    is_event = path.name.startswith(("a3", "c3"))
    file = open_file(path, event_shape(extra) if is_event else contact_shape(extra), ReadOptions(**options))
    assert isinstance(file, CsvFile)
    encoder = file.encoder()
    found: list[Any] = []
    for row, _ in file.rows():
        try:
            body = file.body(row)
        except Invalid as error:
            with pytest.raises(Invalid):
                encoder.encode(row)
            found.append(str(error))
        else:
            item, _ = encoder.encode(row)
            assert item == event_shape().encoder().encode(body)[0] if is_event else item
            found.append(body)
    return found


def contacts(name: str, **options: Any) -> list[Any]:
    return [body if isinstance(body, str) else body["contact"] for body in bodies(FOUND / name, **options)]


def test_blank_cells_are_absent() -> None:
    first, second = bodies(FOUND / "a01-blank-cells.csv")
    assert first == {"contact": {"email": "ann@example.com"}}
    assert second["properties"] == {"size": "XL"}


def test_a_byte_order_mark_between_files_is_no_part_of_an_address() -> None:
    assert contacts("a03-bom-between-files.csv")[1] == {"email": "bob@example.com", "name": "Bob"}


def test_a_row_with_too_many_cells_is_refused() -> None:
    assert contacts("a05-too-many-cells.csv")[0] == "has 4 cells, the header has 3"


def test_digits_that_a_spreadsheet_dropped_are_warned_of_or_refused(tmp_path: Path) -> None:
    file = CsvFile(FOUND / "a06-scientific-phone.csv", contact_shape(), ReadOptions())
    assert len(list(file.rows())) == 2
    assert [(warning.column, warning.count, warning.line) for warning in file.warnings] == [
        ("phone", 2, 2),
        ("externalId", 1, 2),
    ]
    assert "phone: has numbers such as 4.86E+10" in contacts("a06-scientific-phone.csv", strict=True)[0]
    later = tmp_path / "later.csv"
    later.write_text("email,phone\n" + "ann@example.com,+48600100200\n" * 5000 + "bob@example.com,4.86E+10\n")
    file = CsvFile(later, contact_shape(), ReadOptions())
    assert len(list(file.rows())) == 5001
    assert [warning.line for warning in file.warnings] == [5002]


def test_words_for_null_are_warned_of_and_absent_by_option() -> None:
    file = CsvFile(FOUND / "a09-null-words.csv", contact_shape(), ReadOptions())
    assert len(list(file.rows())) == 2
    assert {warning.column for warning in file.warnings} == {"name", "phone", "city", "tags"}
    words = ["NULL", "null", "N/A", "nan", "None", "#N/A"]
    assert contacts("a09-null-words.csv", null=words) == [{"email": "ann@example.com"}, {"email": "bob@example.com"}]


def test_tags_in_quotes() -> None:
    assert bodies(FOUND / "a11-quoted-tags.csv")[0]["tags"] == ["VIP client", "newsletter"]


def test_a_space_after_the_delimiter_is_skipped() -> None:
    assert contacts("a13-space-after-comma.csv") == [
        {"email": "ann@example.com", "name": "Ann", "address": {"city": "Gdynia"}},
        {"email": "bob@example.com", "name": "Kowalski, Bob", "address": {"city": "Gdynia"}},
    ]


def test_the_first_line_may_name_the_delimiter() -> None:
    assert contacts("a14-sep-line.csv") == [{"email": "ann@example.com", "name": "Ann"}]


def test_missing_cells_at_the_end_are_empty() -> None:
    file = CsvFile(FOUND / "a15-short-rows.csv", contact_shape(), ReadOptions())
    assert contacts("a15-short-rows.csv")[1:] == [
        {"email": "bob@example.com", "name": "Bob"},
        {"email": "eva@example.com"},
    ]
    assert len(list(file.rows())) == 3
    assert [warning.count for warning in file.warnings] == [2]


def test_two_columns_are_joined_with_a_space() -> None:
    columns = {"First Name": "name", "last_name": "name"}
    [contact] = contacts("a19-two-names.csv", columns=columns, extra="ignore")
    assert (contact["name"], contact["phone"]) == ("Ann Kowalska", "+48600100200")


def test_a_column_is_matched_without_spaces_that_nobody_sees() -> None:
    [contact] = contacts("a21-header-nbsp.csv", columns={"First Name": "name"})
    assert contact["name"] == "Ann"


def test_birthdays_with_a_time_and_of_another_form() -> None:
    found = bodies(FOUND / "a24-birthday-with-time.csv", date_format="%d.%m.%Y")
    assert [body["birthday"] for body in found] == ["19840805"] * 3


def test_consents_in_a_cell() -> None:
    [body] = bodies(FOUND / "a25-consents-in-a-cell.csv")
    assert body["consentDetails"] == [{"consentName": "NEWS", "consentAccept": True}]


def test_times_in_other_units_are_refused() -> None:
    microseconds, nanoseconds = bodies(FOUND / "a30-microseconds.csv")
    assert ("microseconds" in microseconds, "nanoseconds" in nanoseconds) == (True, True)


def test_times_with_the_name_of_their_zone() -> None:
    times = [body["contactEvent"]["date"] for body in bodies(FOUND / "a32-utc-suffix.csv")]
    assert times == [1_704_448_800_000, 1_704_448_800_123]


def test_a_decimal_comma() -> None:
    values = [body["contactEvent"]["value"] for body in bodies(FOUND / "a34-decimal-comma.csv", decimal=",")]
    assert values == [189.99, 1189.99, 1189.99]
    assert all("decimal=','" in words for words in bodies(FOUND / "a34-decimal-comma.csv"))


def test_types_in_small_letters() -> None:
    types = [body["contactEvent"]["contactExtEventType"] for body in bodies(FOUND / "c3-lower-case-type.csv")]
    assert types == ["PURCHASE", "PURCHASE"]


def file_of(tmp_path: Path, header: str, *rows: str, **options: Any) -> CsvFile:
    path = tmp_path / "people.csv"
    path.write_text("\n".join([header, *rows, ""]))
    extra = options.get("extra_columns", "error")
    shape = event_shape(extra) if "date" in header else contact_shape(extra)
    found = open_file(path, shape, ReadOptions(**options))
    assert isinstance(found, CsvFile)
    return found


def test_usual_amounts_are_no_reason_to_refuse_a_row(tmp_path: Path) -> None:
    header = "email,contactExtEventType,date,value,products,note"
    rows = ['ann@example.com,CART,2024-01-05,120.00,"1,234",5.0', "ann@example.com,CART,2024-01-05,-1.5,,NULL"]
    file = file_of(tmp_path, header, *rows, extra_columns="ignore", strict=True)
    assert [file.body(row)["contactEvent"].get("value") for row, _ in file.rows()] == [120, -1.5]
    assert file.warnings == ()


def test_a_comma_that_may_be_thousands_is_warned_of_or_refused(tmp_path: Path) -> None:
    header, row = "email,contactExtEventType,date,value", 'ann@example.com,CART,2024-01-05,"1,234"'
    file = file_of(tmp_path, header, row)
    [(taken, _)] = file.rows()
    assert file.body(taken)["contactEvent"]["value"] == 1234
    [warning] = file.warnings
    assert (warning.column, warning.count, warning.line) == ("value", 1, 2)
    [(refused, _)] = file_of(tmp_path, header, row, strict=True).rows()
    with pytest.raises(Invalid, match=r"value: has numbers such as 1,234"):
        file.body(refused)


def test_a_joined_column_is_looked_at_as_what_it_becomes(tmp_path: Path) -> None:
    file = file_of(tmp_path, "email,First,Last", "ann@example.com,Ann,NULL", columns={"First": "name", "Last": "name"})
    assert len(list(file.rows())) == 1
    assert [warning.column for warning in file.warnings] == ["Last"]


def test_lists_are_joined_with_a_comma(tmp_path: Path) -> None:
    columns = {"Segment": "tags", "Labels": "tags"}
    file = file_of(tmp_path, "email,Segment,Labels", 'ann@example.com,VIP client,"NEW, OLD"', columns=columns)
    [(row, _)] = file.rows()
    assert file.body(row)["tags"] == ["VIP client", "NEW", "OLD"]
    record = {"email": "ann@example.com", "Segment": "VIP client", "Labels": ["NEW", "OLD"]}
    source = open_source([record], contact_shape(), ReadOptions(columns=columns))
    assert source.body(record)["tags"] == ["VIP client", "NEW", "OLD"]
    assert source.encoder().encode(record)[0] == file.encoder().encode(row)[0]


def test_cells_under_no_name_are_left_out_if_extra_columns_are(tmp_path: Path) -> None:
    rows = "email,,name,", "ann@example.com,x,Ann,y"
    [(row, _)] = file_of(tmp_path, *rows).rows()
    file = file_of(tmp_path, *rows, extra_columns="ignore")
    with pytest.raises(Invalid, match="column 2, which has no name"):
        file_of(tmp_path, *rows).body(row)
    assert [file.body(row)["contact"] for row, _ in file.rows()] == [{"email": "ann@example.com", "name": "Ann"}]
    assert file.encoder().encode(row)[0] == b'{"contact":{"email":"ann@example.com","name":"Ann"}}'


def test_a_header_of_one_column_asks_for_the_delimiter(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"one column, 'email~name'.*delimiter="):
        file_of(tmp_path, "email~name", "ann@example.com~Ann")


def test_the_index_of_a_frame_is_ignored(tmp_path: Path) -> None:
    file = file_of(tmp_path, ",email,name", "0,ann@example.com,Ann")
    [(row, _)] = file.rows()
    assert file.body(row)["contact"] == {"email": "ann@example.com", "name": "Ann"}
    assert file.record(row) == {"": "0", "email": "ann@example.com", "name": "Ann"}


def test_empty_surplus_cells_are_ignored(tmp_path: Path) -> None:
    file = file_of(tmp_path, "email,name", "ann@example.com,Ann, ,", "bob@example.com,Bob,,x")
    (first, _), (second, _) = file.rows()
    assert file.body(first)["contact"]["name"] == "Ann"
    with pytest.raises(Invalid, match="has 4 cells"):
        file.body(second)


def test_all_unknown_columns_are_named_together(tmp_path: Path) -> None:
    with pytest.raises(UnknownColumns) as caught:
        file_of(tmp_path, "E-mail;First Name;Last Name;Phone Number;City;Colour")
    assert caught.value.mapping == {
        "First Name": "name", "Last Name": "name", "Phone Number": "phone", "Colour": "FIELD",
    }  # fmt: skip


@pytest.mark.parametrize(("header", "suggestion"), [("Mail address,name", "Mail address"), ("name,city", None)])
def test_a_file_without_an_address_or_id_is_refused_at_its_header(
    tmp_path: Path, header: str, suggestion: str | None
) -> None:
    with pytest.raises(NoContactColumn) as caught:
        file_of(tmp_path, header, extra_columns="ignore")
    assert caught.value.suggestion == suggestion


def test_a_mapped_field_is_checked_first(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="'name' is mapped to 'nam', which is not a field; did you mean 'name'"):
        file_of(tmp_path, "Email,name,colour", columns={"name": "nam"})


def test_the_row_is_given_back_as_it_is_in_the_file(tmp_path: Path) -> None:
    file = file_of(tmp_path, "email,name", "ann@example.com,Ann  ")
    [(row, _)] = file.rows()
    assert file.body(row)["contact"]["name"] == "Ann"
    assert Outcome(file.record(row), 0, "accepted").record["name"] == "Ann  "


SPECTRUM = FOUND.parent / "csv-spectrum"
"""The files of the public collection csv-spectrum 2.0.0 (BSD-2-Clause), each beside what it means, as JSON."""


@pytest.mark.parametrize("path", sorted(SPECTRUM.glob("*.csv")), ids=lambda path: path.stem)
def test_the_files_of_csv_spectrum(path: Path) -> None:
    meant = json.loads(path.with_suffix(".json").read_bytes())
    rows = meant if isinstance(meant, list) else [{**meant, "Contact Phone Number": "2095257564"}]  # its JSON is wrong
    file = CsvFile(path, contact_shape("properties"), ReadOptions(columns={next(iter(rows[0])): "contactId"}))
    assert [file.record(row) for row, _ in file.rows()] == rows


def test_csv_spectrum_is_whole() -> None:
    assert len(list(SPECTRUM.glob("*.csv"))) == 12
