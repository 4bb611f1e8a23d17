"""Parquet as a source: rows of columns, flat or nested, read a batch at a time."""

import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from salesmanago_async import Invalid, SalesManago
from salesmanago_async.exports.json_files import dump_record
from salesmanago_async.records.shapes import contact_shape, event_shape
from salesmanago_async.sources.options import ReadOptions
from salesmanago_async.sources.parquet_files import ParquetFile
from salesmanago_async.sources.sources import open_source
from tests.conftest import in_ci


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.parquet"


def write(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(columns), path, **options)
    return path


def bodies(path: Path, **reading: Any) -> list[Any]:
    source = open_source(path, contact_shape(), ReadOptions(**reading))
    rows: Any = source.rows()
    return [source.body(row) for row, _ in rows]


def test_columns_are_fields(path: Path) -> None:
    write(
        path,
        {
            "email": ["ann@example.com", "bob@example.com"],
            "zip_code": ["30-555", None],
            "tags": [["VIP", "SHOES"], None],
            "properties.size": ["XL", None],
            "birthday": [date(1984, 5, 12), None],
        },
    )
    assert bodies(path) == [
        {
            "contact": {"email": "ann@example.com", "address": {"zipCode": "30-555"}},
            "birthday": "19840512",
            "tags": ["VIP", "SHOES"],
            "properties": {"size": "XL"},
        },
        {"contact": {"email": "bob@example.com"}},
    ]


def test_columns_may_be_objects(path: Path) -> None:
    write(path, {"contact": [{"email": "ann@example.com", "address": {"city": "Kraków"}}], "tags": [["VIP"]]})
    assert bodies(path) == [{"contact": {"email": "ann@example.com", "address": {"city": "Kraków"}}, "tags": ["VIP"]}]


def test_times_of_events_are_moments(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    write(path, {"email": ["ann@example.com"], "date": [moment], "contactExtEventType": ["VISIT"], "value": [1.5]})
    source = open_source(path, event_shape())
    rows: Any = source.rows()
    [(row, line)] = rows
    assert line == 1
    assert source.body(row)["contactEvent"]["date"] == 1_772_366_400_000
    assert source.encoder().encode(row)[1] == ("ann@example.com",)


def test_column_types_of_other_programs_are_converted(path: Path) -> None:
    write(
        path,
        {
            "email": pa.array([b"ann@example.com", b"bob@example.com"], pa.binary()),
            "external_id": pa.array([17.0, None]),  # pandas stores whole numbers like this if one is missing
            "properties": pa.array([[("size", "XL")], None], pa.map_(pa.string(), pa.string())),
        },
    )
    assert bodies(path) == [
        {"contact": {"email": "ann@example.com", "externalId": "17"}, "properties": {"size": "XL"}},
        {"contact": {"email": "bob@example.com"}},
    ]


@pytest.mark.parametrize("is_int96", [False, True])
def test_times_without_a_zone_are_in_the_zone_of_the_option(tmp_path: Path, is_int96: bool) -> None:
    """Files of pandas, DuckDB and Spark; a time after the year 2262 has no place in 64 bits of nanoseconds."""
    path = tmp_path / "events.parquet"
    moments = [datetime(2026, 3, 1, 12), datetime(2300, 1, 1)]  # noqa: DTZ001
    columns = {"email": ["ann@example.com"] * 2, "date": moments, "contactExtEventType": ["VISIT"] * 2}
    write(path, columns, use_deprecated_int96_timestamps=is_int96)
    for zone in (UTC, ZoneInfo("Europe/Warsaw")):
        source = open_source(path, event_shape(), ReadOptions(time_zone=zone))
        rows: Any = source.rows()
        events = [source.body(row)["contactEvent"] for row, _ in rows]
        expected = [int(moment.replace(tzinfo=zone).timestamp() * 1000) for moment in moments]
        assert [event["date"] for event in events] == expected


def test_a_time_that_python_cannot_express_spoils_its_row_only(path: Path) -> None:
    days = pa.array([0, 2**31 - 1, None], pa.int32()).cast(pa.date32())
    write(path, {"email": [f"c{number}@example.com" for number in range(3)], "birthday": days})
    source = open_source(path, contact_shape())
    rows: Any = source.rows()
    first, bad, last = (row for row, _ in rows)
    assert (source.body(first)["birthday"], source.body(last)) == ("19700101", {"contact": {"email": "c2@example.com"}})
    with pytest.raises(Invalid, match="birthday: is a time that is not in the years 1 to 9999"):
        source.body(bad)


def test_the_index_of_a_pandas_frame_is_no_column(path: Path) -> None:
    write(path, {"email": ["ann@example.com"], "__index_level_0__": [7]})
    assert bodies(path) == [{"contact": {"email": "ann@example.com"}}]


def test_fractional_numbers_stay_fractional(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    moments = pa.array([1_772_366_400_000_000_001, 1_772_366_400_000_000_999], pa.timestamp("ns", tz="UTC"))
    columns = {"date": moments, "contactExtEventType": ["VISIT"] * 2, "value": [1.5, 2.0]}
    write(path, {"email": ["ann@example.com", "bob@example.com"], **columns})
    source = open_source(path, event_shape())
    rows: Any = source.rows()
    events = [source.body(row)["contactEvent"] for row, _ in rows]
    assert [event["value"] for event in events] == [1.5, 2.0]
    assert [event["date"] for event in events] == [1_772_366_400_000] * 2


def test_an_undecodable_cell_spoils_only_its_row(path: Path) -> None:
    names = pa.array([b"Ann", b"\xff\xfe", b"Eve"], pa.binary()).cast(pa.string(), safe=False)
    write(path, {"email": [f"c{number}@example.com" for number in range(3)], "name": names})
    source = open_source(path, contact_shape())
    rows: Any = source.rows()
    found = [row for row, _ in rows]
    assert [source.body(found[index])["contact"]["name"] for index in (0, 2)] == ["Ann", "Eve"]
    with pytest.raises(Invalid, match="cannot be read"):
        source.body(found[1])
    with pytest.raises(Invalid, match="cannot be read"):
        source.encoder().encode(found[1])


def test_a_folder_of_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "people.parquet").mkdir()
    with pytest.raises(Invalid, match="is a folder"):
        bodies(tmp_path / "people.parquet")


def test_columns_can_have_other_names(path: Path) -> None:
    write(path, {"Mail": ["ann@example.com"], "Full name": ["Ann"]})
    assert bodies(path, columns={"Mail": "email", "Full name": "name"}) == [
        {"contact": {"email": "ann@example.com", "name": "Ann"}}
    ]


@pytest.mark.parametrize(
    ("columns", "reading", "said"),
    [
        ({"emial": ["a@b.pl"]}, {}, "email"),
        ({"email": ["a@b.pl"], "nmae": ["A"]}, {}, "did you mean 'name'"),
        ({"email": ["a@b.pl"]}, {"columns": {"Mail": "email"}}, "no column 'Mail'"),
    ],
)
def test_invalid_columns_are_named(path: Path, columns: Any, reading: Any, said: str) -> None:
    write(path, columns)
    with pytest.raises(Invalid, match=said) as raised:
        bodies(path, **reading)
    assert str(path) in str(raised.value)


def test_an_invalid_parquet_file_is_named(path: Path) -> None:
    path.write_bytes(b"email,name\n" * 100)
    with pytest.raises(Invalid, match=str(path)):
        bodies(path)


def test_a_damaged_file_ends_with_an_error(path: Path) -> None:
    write(path, {"email": [f"c{number}@example.com" for number in range(50_000)]}, row_group_size=1000)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4000] = b"\xff" * 4000
    path.write_bytes(content)
    with pytest.raises(Invalid, match=str(path)):
        bodies(path)


def test_without_pyarrow_the_extra_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, {"email": ["ann@example.com"]})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Invalid, match="extra 'parquet'"):
        bodies(path)


PEOPLE = 300
TABLE = pa.table(
    {
        "email": [f"c{number}@example.com" for number in range(PEOPLE)],
        "name": pa.array(["Ann", None, "Łucja"] * (PEOPLE // 3)).dictionary_encode(),
        "externalId": pa.array(range(PEOPLE), pa.int32()),
        "phone": pa.array([48600100200 + number for number in range(PEOPLE)]),
        "zip_code": pa.array(["30-555"] * PEOPLE, pa.large_string()),
        "fax": pa.nulls(PEOPLE),
        "forceOptIn": pa.array([True, False, None] * (PEOPLE // 3)),
        "birthday": pa.array([date(1984, 5, 12)] * PEOPLE),
        "tags": pa.array([["VIP", "NEW"], [], None] * (PEOPLE // 3), pa.large_list(pa.string())),
        "properties.float": pa.array([1.5] * PEOPLE, pa.float32()),
        "properties.double": pa.array([0.25] * PEOPLE),
        "properties.half": pa.array([1.5] * PEOPLE, pa.float32()).cast(pa.float16()),
        "properties.int32": pa.array([Decimal("1.50")] * PEOPLE, pa.decimal128(9, 2)),
        "properties.int64": pa.array([Decimal("-2.50")] * PEOPLE, pa.decimal128(18, 2)),
        "properties.bytes": pa.array([Decimal("3.50")] * PEOPLE, pa.decimal128(38, 2)),
        "properties.wide": pa.array([Decimal(10**60)] * PEOPLE, pa.decimal256(76, 0)),
        "properties.time": pa.array([datetime(2026, 3, 1, 12, tzinfo=UTC)] * PEOPLE),
        "consentDetails": pa.array([[{"consentName": "TERMS", "consentAccept": True}], [], None] * (PEOPLE // 3)),
        "relation": pa.array([{"type": "CHILD", "email": "x@example.com"}, None, None] * (PEOPLE // 3)),
    }
)
"""The kinds of columns in the files of the collection apache/parquet-testing that pyarrow can write."""

TEXTS, INTS, FLOATS = ["email", "zip_code"], ["externalId", "phone"], ["properties.float", "properties.double"]


def encoded(**kinds: str) -> dict[str, Any]:
    columns = {"texts": TEXTS, "ints": INTS, "floats": FLOATS}
    encodings = {name: encoding for kind, encoding in kinds.items() for name in columns[kind]}
    return {"use_dictionary": False, "column_encoding": encodings}


@pytest.fixture(scope="module")
def expected() -> list[Any]:
    """The bodies of the rows as mappings."""
    return [contact_shape().body(row) for row in TABLE.to_pylist()]


@pytest.mark.sampled
@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zstd"},
        *in_ci(*({"compression": name} for name in ("none", "snappy", "gzip", "brotli", "lz4"))),
        {"version": "1.0", "data_page_version": "1.0"},
        {"data_page_version": "2.0", "data_page_size": 64, "write_page_index": True},
        {"use_dictionary": False, "write_statistics": False},
        {"dictionary_pagesize_limit": 8},  # the rest of a column has no dictionary
        {"row_group_size": 7, "write_page_checksum": True, "store_schema": False},
        {"store_decimal_as_integer": True, "data_page_version": "2.0"},
        {"use_deprecated_int96_timestamps": True},
        {"use_compliant_nested_type": False},
        encoded(texts="DELTA_LENGTH_BYTE_ARRAY", ints="DELTA_BINARY_PACKED", floats="BYTE_STREAM_SPLIT"),
        encoded(texts="DELTA_BYTE_ARRAY", ints="BYTE_STREAM_SPLIT", floats="PLAIN"),
    ],
    ids=str,
)
def test_a_file_is_read_however_it_was_written(path: Path, options: Any, expected: list[Any]) -> None:
    pq.write_table(TABLE, path, **options)
    assert bodies(path) == expected


@pytest.mark.parametrize("groups", [0, 1, 3])
def test_a_file_may_have_no_rows(path: Path, groups: int) -> None:
    with pq.ParquetWriter(path, TABLE.schema) as writer:
        for _ in range(groups):
            writer.write_table(TABLE.slice(0, 0))
    assert bodies(path) == []


def malformed(content: bytes) -> dict[str, bytes]:
    footer = len(content) - 8
    return {
        "empty": b"",
        "only the magic": b"PAR1",
        "no footer": b"PAR1PAR1",
        "encrypted": content[:-4] + b"PARE",
        "cut": content[: len(content) // 2],
        "a footer that is too long": content[:footer] + b"\xff\xff\xff\x7f" + content[-4:],
        "a footer of nothing": content[:footer] + bytes(4) + content[-4:],
        "a garbled footer": content[: footer - 60] + b"\xff" * 40 + content[footer - 20 :],
        "a garbled header of a page": content[:20] + b"\xff" * 30 + content[50:],
        "another text in a page": content.replace(b"c17@", b"c71@", 1),
    }


@pytest.mark.parametrize("kind", malformed(bytes(100)))
def test_a_malformed_file_is_named(path: Path, kind: str) -> None:
    pq.write_table(TABLE, path, compression="none", write_page_checksum=True)
    path.write_bytes(malformed(path.read_bytes())[kind])
    with pytest.raises(Invalid, match=str(path)):
        bodies(path)


def test_reading_reports_its_progress(path: Path) -> None:
    write(path, {"email": [f"c{number}@example.com" for number in range(4000)]})
    file = ParquetFile(path, contact_shape(), ReadOptions())
    rows = file.rows()
    assert file.bytes_read == 0
    for _ in range(2000):
        next(rows)
    assert file.bytes_read == file.total_bytes // 2
    assert len(list(rows)) == 2000
    assert file.bytes_read == file.total_bytes


@pytest.mark.anyio
async def test_an_import(sm: SalesManago, path: Path) -> None:
    write(path, {"email": ["ann@example.com", "nobody"], "name": ["Ann", "Bob"]})
    report = await sm.contacts.upsert_many(path, tags=["NEWSLETTER"])
    assert (report.accepted, report.rejected) == (1, 1)
    [problem] = report.problems
    assert (problem.line, problem.record) == (2, {"email": "nobody", "name": "Bob"})
    [contact] = await sm.contacts.get(["ann@example.com"])
    assert [tag.tag for tag in contact.contact_tags or ()] == ["NEWSLETTER"]


def test_values_that_json_cannot_express_become_text() -> None:
    assert dump_record({"price": Decimal("1.50")}) == b'{"price":"1.50"}'
