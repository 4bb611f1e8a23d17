"""Arrow data as a source: every type of column, streams, batches, and the same bytes as for the same rows as dicts."""

import gc
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async import Invalid, SalesManago
from salesmanago_async.imports.engine import reading as _reading
from salesmanago_async.records.shapes import contact_shape, event_shape
from salesmanago_async.sources.options import ReadOptions
from salesmanago_async.sources.sources import open_source

ID = UUID("0b1a7f6e-5f0e-4c1e-9a9b-2f3c4d5e6f70")
NOON_S = 1_772_366_400
WARSAW = ZoneInfo("Europe/Warsaw")


def result_of(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Invalid as error:
        return str(error)


def results(source: Any, shape: Any = None, **reading: Any) -> list[bytes | str]:
    """The item of each row, or why it is rejected; both paths must agree."""
    opened = open_source(source, shape or contact_shape(), ReadOptions(**reading))
    rows: Any = opened.rows()
    encoder = opened.encoder()
    found: list[bytes | str] = []
    for row, _ in rows:
        found.append(result_of(lambda row=row: encoder.encode(row)[0]))  # type: ignore[misc]
        if isinstance(found[-1], str):
            assert result_of(lambda row=row: opened.body(row)) == found[-1]  # type: ignore[misc]
    return found


def fields(column: str, array: Any, shape: Any = None, **reading: Any) -> list[Any]:
    """The value of the field in the body of each row."""
    count = len(array)
    columns = {"email": ["a@example.com"] * count, column: array}
    source: Any = open_source(pa.table(columns), shape or contact_shape(), ReadOptions(**reading))
    bodies = [source.body(row) for row, _ in source.rows()]
    assert results(pa.table(columns), shape, **reading)  # the compiled encoder takes them as well
    return bodies


def names_of(array: Any, **reading: Any) -> list[Any]:
    return [body["contact"].get("name") for body in fields("name", array, **reading)]


def event_table(**columns: Any) -> pa.Table:
    count = len(next(iter(columns.values())))
    given = {
        "email": ["a@example.com"] * count,
        "date": [NOON_S * 1000] * count,
        "contactExtEventType": ["VISIT"] * count,
    }
    return pa.table({**given, **columns})


def events(**columns: Any) -> list[Any]:
    reading = {"time_zone": columns.pop("time_zone", "UTC")}
    source: Any = open_source(event_table(**columns), event_shape(), ReadOptions(**reading))
    bodies = [source.body(row)["contactEvent"] for row, _ in source.rows()]
    assert len(results(event_table(**columns), event_shape(), **reading)) == len(bodies)
    return bodies


def in_runs(array: Any) -> Any:
    from pyarrow import compute

    return cast("Any", compute).run_end_encode(array)


def uuids() -> Any:
    return pa.ExtensionArray.from_storage(pa.uuid(), pa.array([ID.bytes, None], pa.binary(16)))


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array(["Ann", None, ""], pa.string()), ["Ann", None, None]),
        (pa.array(["Ann", None], pa.large_string()), ["Ann", None]),
        (pa.array(["Ann", None], pa.string_view()), ["Ann", None]),
        (pa.array([b"Ann", None], pa.binary()), ["Ann", None]),
        (pa.array([b"Ann", None], pa.large_binary()), ["Ann", None]),
        (pa.array([b"Ann", None], pa.binary_view()), ["Ann", None]),
        (pa.array([b"Ann", None], pa.binary(3)), ["Ann", None]),
        (pa.array(["Ann", None, "Ann"]).dictionary_encode(), ["Ann", None, "Ann"]),
        (in_runs(pa.array(["Ann", "Ann", None])), ["Ann", "Ann", None]),
        (pa.array([17, None], pa.int8()), ["17", None]),
        (pa.array([2**63, None], pa.uint64()), [str(2**63), None]),
        (pa.array([48600100200.0, None, float("nan")]), ["48600100200", None, None]),
        (pa.array([1.0, 2.5]), ["1", "2.5"]),
        (pa.array([0.1, None], pa.float32()), ["0.1", None]),
        (pa.array([0.5, None], pa.float32()).cast(pa.float16()), ["0.5", None]),
        (pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)), ["1.50", None]),
        (pa.array([Decimal(10**60), None], pa.decimal256(70, 0)), [str(10**60), None]),
        (pa.array([True, False, None]), ["true", "false", None]),
        (pa.array([date(2026, 3, 1), None], pa.date32()), ["2026-03-01", None]),
        (pa.array([date(2026, 3, 1), None], pa.date64()), ["2026-03-01", None]),
        (pa.array([time(12, 30), None], pa.time32("s")), ["12:30:00", None]),
        (pa.array([1_500_000_000, None], pa.time64("ns")), ["00:00:01.500000", None]),
        (pa.array([ID.bytes, None], pa.binary(16)), [str(ID), None]),
        (pa.array([b"CUSTOMER-0000001", None], pa.binary(16)), ["CUSTOMER-0000001", None]),
        (uuids(), [str(ID), None]),
        (pa.nulls(2), [None, None]),
    ],
    ids=lambda value: str(value.type) if hasattr(value, "type") else "",
)
def test_a_value_with_one_obvious_text_is_that_text(array: Any, expected: list[Any]) -> None:
    assert names_of(array) == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Warsaw", "+02:00"])
def test_a_timestamp_is_a_moment(unit: Any, zone: str | None) -> None:
    number = NOON_S * {"s": 1, "ms": 1000, "us": 10**6, "ns": 10**9}[unit]
    found = events(date=pa.array([number], pa.int64()).cast(pa.timestamp(unit, zone)))
    assert [event["date"] for event in found] == [NOON_S * 1000]


def test_a_timestamp_without_a_zone_is_in_the_zone_of_the_option() -> None:
    naive = pa.array([datetime(2026, 7, 1, 12)])  # noqa: DTZ001
    expected = int(datetime(2026, 7, 1, 12, tzinfo=WARSAW).timestamp() * 1000)
    assert [event["date"] for event in events(date=naive, time_zone="Europe/Warsaw")] == [expected]
    nested = pa.array([[{"consentName": "TERMS", "consentAccept": True, "agreementDate": datetime(2026, 7, 1, 12)}]])  # noqa: DTZ001
    [body] = fields("consentDetails", nested, time_zone="Europe/Warsaw")
    assert body["consentDetails"][0]["agreementDate"] == expected


def test_a_birthday_is_the_day_in_the_zone_of_its_column() -> None:
    midnight = datetime(1984, 5, 12, tzinfo=WARSAW)
    array = pa.array([midnight, None], pa.timestamp("us", "Europe/Warsaw"))
    assert [body.get("birthday") for body in fields("birthday", array)] == ["19840512", None]
    assert [body["birthday"] for body in fields("birthday", pa.array([19840512.0, 19840513.0]))] == [
        "19840512",
        "19840513",
    ]


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (pa.timestamp("s"), 253_402_300_800),
        (pa.timestamp("ms", "UTC"), -(10**17)),
        (pa.timestamp("us", "Europe/Warsaw"), 2**62),
        (pa.date32(), 2**31 - 1),
        (pa.date64(), 10**18),
    ],
)
def test_a_time_that_python_cannot_express_spoils_its_row_only(kind: Any, number: int) -> None:
    integer = pa.int32() if kind == pa.date32() else pa.int64()
    table = event_table(date=pa.array([0, number, None], integer).cast(kind))
    source: Any = open_source(table, event_shape())
    rows = [row for row, _ in source.rows()]
    first, bad, absent = results(table, event_shape())
    assert isinstance(first, bytes)
    assert str(bad).startswith("date: is a time that is not in the years 1 to 9999")
    assert absent == "date: is missing"
    assert str(number)[:5] in source.record(rows[1])["date"]


def test_an_ignored_column_spoils_nothing() -> None:
    bad = pa.array([2**31 - 1], pa.int32()).cast(pa.date32())
    [item] = results(pa.table({"email": ["a@example.com"], "last_seen": bad}), contact_shape("ignore"))
    assert item == b'{"contact":{"email":"a@example.com"}}'


def test_a_duration_is_refused_with_its_column() -> None:
    table = pa.table({"email": ["a@example.com"], "name": pa.array([timedelta(1)])})
    assert results(table) == ["name: is a duration[us], which no field takes"]


def test_what_looks_wrong_depends_on_the_field() -> None:
    table = event_table(value=["120.00"], description=["5.0"])
    assert results(table, event_shape(), strict=True) == ["description: has whole numbers that end in .0"]


def test_columns_that_make_one_list_are_joined_with_a_comma() -> None:
    table = pa.table({"email": ["a@example.com"], "a": ["VIP"], "b": ["NEW"], "c": ["Ann"], "d": ["Lee"]})
    mapped = {"a": "tags", "b": "tags", "c": "name", "d": "name"}
    assert results(table, columns=mapped) == [
        b'{"tags":["VIP","NEW"],"contact":{"email":"a@example.com","name":"Ann Lee"}}'
    ]


def test_what_stores_a_value_of_another_type_is_not_sent_for_it() -> None:
    pd = pytest.importorskip("pandas")
    emails = ["a@example.com"]
    months = pd.DataFrame({"email": emails, "name": pd.period_range("2024-01", periods=1, freq="M")})
    spans = pd.DataFrame({"email": emails, "name": pd.array([pd.Interval(1, 2)])})
    for frame in (months, spans):
        [refused] = results(frame)
        assert str(refused).startswith("name: is a extension<pandas.")
        assert str(refused).endswith(", which no field takes")
    flags = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1], pa.int8()))
    assert fields("properties.vip", flags)[0]["properties"] == {"vip": "true"}


def test_a_frame_that_arrow_cannot_hold_is_refused_with_its_column() -> None:
    pd = pytest.importorskip("pandas")
    with pytest.raises(Invalid, match="Conversion failed for column name with type complex128"):
        results(pd.DataFrame({"email": ["a@example.com"], "name": [1 + 2j]}))


def test_lists_maps_and_structs() -> None:
    pairs = pa.array([[("size", "XL"), ("age", None)], None, []], pa.map_(pa.string(), pa.string()))
    for kind in (pa.list_(pa.string()), pa.large_list(pa.string()), pa.list_(pa.dictionary(pa.int8(), pa.string()))):
        table = pa.table(
            {"email": ["a@example.com"] * 3, "tags": pa.array([["VIP", "NEW"], None, []], kind), "properties": pairs}
        )
        source: Any = open_source(table.slice(0, 3), contact_shape())
        bodies = [source.body(row) for row, _ in source.rows()]
        assert [body.get("tags") for body in bodies] == [["VIP", "NEW"], None, []]
        assert [body.get("properties") for body in bodies] == [{"size": "XL"}, None, {}]
    fixed = pa.array([["VIP", "NEW"], None], pa.list_(pa.string(), 2))
    assert [body.get("tags") for body in fields("tags", fixed)] == [["VIP", "NEW"], None]
    views = pa.array([["VIP", "NEW"], None], pa.list_view(pa.string()))
    assert [body.get("tags") for body in fields("tags", views)] == [["VIP", "NEW"], None]
    structs = pa.array([{"size": 1.5, "since": date(2026, 3, 1)}, None])
    assert [body.get("properties") for body in fields("properties", structs)] == [
        {"size": "1.5", "since": "2026-03-01"},
        None,
    ]


def test_slices_of_nested_columns_are_their_own_rows() -> None:
    count = 2500
    table = pa.table(
        {
            "email": [f"c{number}@example.com" for number in range(count)],
            "tags": pa.array([[str(number)] * (number % 3) for number in range(count)], pa.list_(pa.large_string())),
            "properties": pa.array(
                [[("n", str(number))] for number in range(count)], pa.map_(pa.string(), pa.string())
            ),
            "relation": pa.array(
                [
                    {"type": "CHILD", "email": f"r{number}@example.com"} if number % 2 else None
                    for number in range(count)
                ]
            ),
            "consentDetails": pa.array(
                [
                    [{"consentName": "T", "consentAccept": True, "consentDescriptionId": number}]
                    for number in range(count)
                ]
            ),
        }
    )
    source: Any = open_source(table.slice(7), contact_shape())
    rows = [row for row, _ in source.rows()]
    assert len(rows) == count - 7
    for number, row in enumerate(rows, 7):
        body = source.body(row)
        assert body["contact"]["email"] == f"c{number}@example.com"
        assert body["tags"] == [str(number)] * (number % 3)
        assert body["properties"] == {"n": str(number)}
        assert body.get("relation", {}).get("email") == (f"r{number}@example.com" if number % 2 else None)
        assert body["consentDetails"][0]["consentDescriptionId"] == number


def test_a_column_may_be_an_object_of_the_api() -> None:
    table = pa.table({"contact": [{"email": "a@example.com", "address": {"city": "Kraków"}}], "name": ["Ann"]})
    assert results(table) == results(
        [{"contact": {"email": "a@example.com", "address": {"city": "Kraków"}}, "name": "Ann"}]
    )


def test_a_schema_is_checked_before_a_row_is_read() -> None:
    with pytest.raises(Invalid, match="did you mean 'name'"):
        open_source(pa.table({"email": ["a@example.com"], "nmae": ["Ann"]}), contact_shape())
    with pytest.raises(Invalid, match="there is no column 'Mail' to map"):
        open_source(pa.table({"email": ["a@example.com"]}), contact_shape(), ReadOptions(columns={"Mail": "email"}))


def test_columns_can_have_other_names() -> None:
    table = pa.table({"Mail": ["a@example.com"], "name": ["Ann"]})
    source: Any = open_source(table, contact_shape(), ReadOptions(columns={"Mail": "email"}))
    [(row, line)] = source.rows()
    assert source.body(row) == {"contact": {"email": "a@example.com", "name": "Ann"}}
    assert (source.record(row), line) == ({"Mail": "a@example.com", "name": "Ann"}, None)
    assert source.file_of(row) is None


def test_columns_can_be_joined() -> None:
    table = pa.table({"email": ["a@example.com"] * 3, "First": ["Ann", "Bob", None], "Last": ["Nowak", None, None]})
    reading = ReadOptions(columns={"First": "name", "Last": "name"})
    source: Any = open_source(table, contact_shape(), reading)
    rows = [row for row, _ in source.rows()]
    assert [source.body(row)["contact"].get("name") for row in rows] == ["Ann Nowak", "Bob", None]
    assert source.record(rows[0]) == {"email": "a@example.com", "First": "Ann", "Last": "Nowak"}


TABLE = pa.table({"email": [f"c{number}@example.com" for number in range(5)], "name": ["Ann", None, "Bob", "Cy", ""]})


class Foreign:
    """An object of another library, which has only the protocol."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._data.__arrow_c_stream__(requested_schema)


class ForeignBatch:
    def __init__(self, data: Any) -> None:
        self._data = data

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        return self._data.__arrow_c_array__(requested_schema)


BATCHES = TABLE.to_batches(max_chunksize=2)


@pytest.mark.parametrize(
    "make",
    [
        lambda: TABLE,
        TABLE.to_reader,
        lambda: BATCHES,
        lambda: iter(BATCHES),
        lambda: (batch for batch in BATCHES),
        lambda: [TABLE.slice(0, 3), TABLE.slice(3)],
        lambda: Foreign(TABLE),
        lambda: [ForeignBatch(batch) for batch in BATCHES],
        lambda: ForeignBatch(pa.record_batch(TABLE.to_batches()[0])),
        lambda: [BATCHES[0], BATCHES[1].select(["name", "email"]), BATCHES[2]],
        lambda: pa.chunked_array([TABLE.to_struct_array().combine_chunks()]),
    ],
)
def test_every_form_of_arrow_data_is_a_source(make: Callable[[], Any]) -> None:
    assert results(make()) == results(TABLE.to_pylist())


def test_an_encoder_may_be_made_before_or_after_the_first_batch() -> None:
    source = open_source(iter(BATCHES), contact_shape())
    before = source.encoder(["VIP"])
    rows: Any = source.rows()
    row, _ = next(rows)
    assert before.encode(row) == source.encoder(["VIP"]).encode(row)
    assert before.encode(row)[0] == b'{"contact":{"email":"c0@example.com","name":"Ann"},"tags":["VIP"]}'


def test_a_frame_can_be_read_twice() -> None:
    source: Any = open_source(TABLE, contact_shape())
    assert list(source.rows()) == list(source.rows())


def test_a_later_batch_may_lack_a_column_but_have_no_other() -> None:
    fewer = [BATCHES[0], BATCHES[1].select(["email"])]
    assert len(results(fewer)) == 4
    more = [BATCHES[0].select(["email"]), BATCHES[1]]
    with pytest.raises(Invalid, match="name: is in a later batch only"):
        results(more)
    with pytest.raises(Invalid, match="item 2: is a dict among record batches"):
        results([BATCHES[0], {"email": "a@example.com"}])


@pytest.mark.parametrize("first", [pa.array(["Ann"]), pa.array([b"Ann"]), pa.array(["Ann"]).dictionary_encode()])
def test_a_column_may_have_another_type_in_a_later_batch(first: Any) -> None:
    values: list[Any] = [[5, None], [2.5, float("nan")], [date(2026, 3, 1)], [True]]
    refused: list[Any] = [[["Ann"]], [2.0**60], ["x" * 256], [b"\xff"]]
    batches = [
        pa.record_batch({"email": ["a@example.com"] * len(each), "name": each}) for each in (first, *values, *refused)
    ]
    rows = [{"email": "a@example.com", "name": value} for each in (["Ann"], *values) for value in each]
    found = results(batches)
    assert found[: len(rows)] == results(rows)
    assert found[len(rows) :] == [
        "name: is a list<item: string>, not text",
        "name: is 1.152921504606847e+18, a float: its last digits may be lost; give it as text",
        "name: is 256 characters long, 1 to 255 are allowed",
        "name: cannot be read: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
    ]


def test_without_pyarrow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Invalid, match="source: a Foreign needs the extra 'parquet': pip install"):
        open_source(Foreign(TABLE), contact_shape())
    with pytest.raises(Invalid, match="item 1 of the source: a Foreign needs the extra 'parquet'"):
        results([Foreign(TABLE)])


def test_arrow_data_that_is_no_table_is_refused() -> None:
    for given_ in (pa.array(["a@example.com"]), pa.chunked_array([["a@example.com"]])):
        with pytest.raises(Invalid, match="source: is a"):
            open_source(given_, contact_shape())


def test_large_arrays_are_converted_a_slice_at_a_time() -> None:
    source: Any = open_source(pa.table({"email": ["a@example.com"] * 100_000}), contact_shape())
    rows = source.rows()
    next(rows)
    gc.collect()
    rows_there = [thing for thing in gc.get_objects() if type(thing) is tuple and list(map(type, thing)) == [str]]
    assert sum(row == ("a@example.com",) for row in rows_there) <= 1000


TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.just("x" * 256)
COLUMNS: dict[str, Any] = {
    "email": st.none() | st.sampled_from(["a@example.com", "Ann@Example.com", "nobody"]),
    "name": TEXTS,
    "phone": st.none() | st.integers(-(2**63), 2**63 - 1),
    "external_id": st.none() | st.floats(),
    "zip_code": st.none()
    | st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9),
    "birthday": st.none() | st.dates(),
    "force_opt_in": st.none() | st.booleans(),
    "tags": st.none() | st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), max_size=3),
    "properties.since": st.none() | st.datetimes(timezones=st.sampled_from([UTC])),
}
KINDS = {
    "email": pa.string(),
    "name": pa.large_string(),
    "phone": pa.int64(),
    "external_id": pa.float64(),
    "zip_code": pa.decimal128(20, 2),
    "birthday": pa.date32(),
    "force_opt_in": pa.bool_(),
    "tags": pa.list_(pa.string()),
    "properties.since": pa.timestamp("us", "UTC"),
}


@pytest.mark.ci
@settings(deadline=None, max_examples=150)
@given(st.lists(st.fixed_dictionaries(COLUMNS), max_size=8))
def test_a_table_is_encoded_like_the_same_rows_as_dicts(rows: list[dict[str, Any]]) -> None:
    rows = [{name: row[name] for name in KINDS} for row in rows]  # hypothesis shuffles the keys
    table = pa.Table.from_pylist(rows, schema=pa.schema(list(KINDS.items())))
    assert results(table) == results(rows)


EVENT_COLUMNS: dict[str, Any] = {
    "email": st.just("a@example.com"),
    "date": st.none() | st.datetimes(),
    "contactExtEventType": st.just("VISIT"),
    "value": st.none() | st.floats(),
    "description": TEXTS,
    "products": st.none() | st.lists(st.sampled_from(["p1", "p2"]), max_size=2),
}


@pytest.mark.ci
@settings(deadline=None, max_examples=100)
@given(st.lists(st.fixed_dictionaries(EVENT_COLUMNS), max_size=8), st.sampled_from(["UTC", "Europe/Warsaw"]))
def test_events_of_a_table_are_encoded_like_the_same_rows_as_dicts(rows: list[dict[str, Any]], zone: str) -> None:
    rows = [{name: row[name] for name in EVENT_COLUMNS} for row in rows]
    kinds = [pa.string(), pa.timestamp("us"), pa.string(), pa.float64(), pa.string(), pa.list_(pa.string())]
    table = pa.Table.from_pylist(rows, schema=pa.schema(list(zip(EVENT_COLUMNS, kinds, strict=True))))
    assert results(table, event_shape(), time_zone=zone) == results(rows, event_shape(), time_zone=zone)


@pytest.mark.anyio
async def test_a_run_over_a_table_returns_rows_as_mappings(sm: SalesManago) -> None:
    table = pa.table({"email": ["a@example.com", "nobody"], "name": ["Ann", "Bob"]})
    report = await sm.contacts.upsert_many(table)
    assert (report.accepted, report.rejected) == (1, 1)
    [problem] = report.problems
    assert problem.record == {"email": "nobody", "name": "Bob"}
    assert problem.line is None


@pytest.mark.anyio
async def test_a_run_over_asynchronous_batches(sm: SalesManago) -> None:
    async def batches() -> AsyncGenerator[Any]:
        for batch in BATCHES:
            yield batch

    assert (await sm.contacts.upsert_many(batches())).accepted == 5

    async def none() -> AsyncGenerator[Any]:
        return
        yield

    assert (await sm.contacts.upsert_many(none())).read == 0


@pytest.mark.anyio
async def test_a_run_takes_the_time_zone(sm: SalesManago) -> None:
    await sm.contacts.upsert_many([{"email": "a@example.com"}])
    moment = datetime(2026, 7, 1, 12)  # noqa: DTZ001
    rows = [{"email": "a@example.com", "date": moment, "contactExtEventType": "VISIT"}]
    report = await sm.events.add_many(rows, time_zone="Europe/Warsaw")
    assert report.accepted == 1
    with pytest.raises(Invalid, match="there is no time zone 'Warsaw'"):
        await sm.events.add_many(rows, time_zone="Warsaw")


@pytest.mark.anyio
async def test_other_tasks_get_turns_while_batches_are_converted(
    sm: SalesManago, monkeypatch: pytest.MonkeyPatch
) -> None:
    import anyio

    now = turns = 0.0
    monkeypatch.setattr(_reading, "perf_counter", lambda: now)

    def batches() -> Iterator[Any]:
        nonlocal now
        for number in range(20):
            now += 0.5
            seen.append(turns)
            yield pa.record_batch({"email": [f"c{number}@example.com"]})

    seen: list[float] = []

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(others)
        assert (await sm.contacts.upsert_many(batches(), wait=False)).submitted == 20
        tasks.cancel_scope.cancel()
    assert all(after > before for before, after in pairwise(seen[1:]))
