"""Record batches that become JSON as a whole make the bytes, names, records and errors that their rows make alone."""

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from salesmanago_async import Invalid, SalesManago
from salesmanago_async.api.events import ExternalEvent
from salesmanago_async.api.fields import USUAL_EMAIL
from salesmanago_async.records.shapes import Shape, contact_shape, event_shape
from salesmanago_async.sources import arrow, arrow_json, dense_batches, inspection
from salesmanago_async.sources.dense_batches import DenseRow
from salesmanago_async.sources.options import ReadOptions
from salesmanago_async.sources.sources import open_source
from tests.conftest import examples

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NEVER = 10**9
DEFAULTS = ReadOptions()
TEXTS = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
LISTS = [pa.list_(pa.string()), pa.large_list(pa.large_string()), pa.list_(pa.string_view())]


@frozen
class Kind:
    """What a column may hold: its types, values that are usual, and values that are not."""

    types: Sequence[Any]
    usual: Sequence[Any]
    unusual: Sequence[Any] = ()


ADDRESS = Kind(
    TEXTS,
    ["ann@example.com", "a.b+c_d-e@mail.example.co.uk", "x@my-shop.pl", f"{'a' * 64}@example.com"],
    [
        "Ann@Example.com",
        " ann@example.com",
        "ann@example.com\n",
        "łucja@example.com",
        "ann@bücher.example",
        "a@xn--bcher-kva.example",
        "nobody",
        "",
        f"{'a' * 65}@example.com",
        f"ann@{'b' * 31}.pl",
        "ann@example.com\u200b",
        "'ann@example.com",
    ],
)
TEXT = Kind(
    TEXTS,
    [
        "Ann",
        "Łódź 1",
        'Sklep "U Zosi"',
        "a\\b",
        '\\"',
        "x" * 255,
        "NULL",
        "1.0",
        "'+48",
        "a  b",
        "\x7f",
        "x\u2028x",
        "\ufeffAnn",
        "🦊",
    ],
    [" Ann", "Ann\u00a0", "\u3000Ann", "", " ", "x" * 256, "ł" * 200, "a\nb", "a\tb", "\x00", "a\x1fb"],
)
NUMBERS = Kind([pa.int64(), pa.int32()], [1, 0, -7, 48600100])
LARGE = Kind([pa.uint64(), pa.int64()], [2**53, 2**63 - 1])
FLOATS = Kind([pa.float64()], [1.0, 2.5, 0.0, -0.0, 1e17, 1e-7], [float("nan"), float("inf"), 1e19, -1e20])
YES_OR_NO = Kind([pa.bool_()], [True, False])
BIRTHDAYS = Kind(
    TEXTS, ["19840512", "20240229", "0512", "1984-05-12"], ["", "20230229", "May", " 19840512", "19840512 "]
)
DATES = Kind([pa.date32(), pa.date64()], [date(1984, 5, 12), date(2024, 2, 29)], [date(1, 1, 1)])
MOMENTS = Kind(
    [pa.timestamp("ms", "UTC"), pa.timestamp("us")], [NOON, NOON.replace(hour=0)], [datetime(1900, 1, 1, tzinfo=UTC)]
)
TAGS = Kind(LISTS, [["VIP"], ["VIP", "Łódź"], ["A", "A"]], [[], [""], [" A"], ["A", None], ['"'], ["\n"], ["x" * 256]])
TAG_TEXTS = Kind(TEXTS, ["A", "A,B", "A; B"], ["", ",", " A", "x" * 256])
ODD = Kind([pa.float32(), pa.duration("s"), pa.binary(), pa.struct({"a": pa.string()})], [])

CONTACT_COLUMNS = {
    "name": [TEXT, NUMBERS, LARGE, FLOATS, YES_OR_NO, DATES, ODD],
    "city": [TEXT],
    "zipCode": [TEXT, NUMBERS],
    'properties.a"b': [TEXT],
    "birthday": [BIRTHDAYS, DATES, MOMENTS, NUMBERS],
    "tags": [TAGS, TAG_TEXTS],
    "force_opt_in": [YES_OR_NO, NUMBERS, Kind(TEXTS, ["true", "no", "0"], ["", "maybe"])],
    "_line": [FLOATS, NUMBERS, TEXT],
}
RARE_COLUMNS = {"contactId": [TEXT], "new_email": [ADDRESS], "dictionary.size": [NUMBERS]}
"""With any of these, no batch becomes JSON as a whole."""
EVENT_COLUMNS = {
    "value": [FLOATS, NUMBERS, LARGE, Kind([pa.decimal128(9, 2)], [Decimal("12.30"), Decimal("0.00")])],
    "products": [Kind(TEXTS, ["p1", "p1,p2", "x" * 2048], ["", " p1", "x" * 2049]), TAGS],
    "location": [Kind(TEXTS, ["shop_1"], ["shop 1", "", " shop_1"])],
    "description": [TEXT, NUMBERS],
    "detail1": [TEXT],
}
TYPES = Kind(TEXTS, ["PURCHASE", "purchase", "OWN"], ["", " CART", "x" * 256])
TIMES = [
    Kind([pa.int64()], [10**12, 10**10, 253_402_300_799_999], [10**9, 0, -1, 253_402_300_800_000]),
    MOMENTS,
    DATES,
    Kind(TEXTS, ["2026-03-01T12:00:00Z", "1772366400000"], ["", "soon"]),
]


@st.composite
def columns(draw: st.DrawFn, kinds: Sequence[Kind], count: int, *, often: bool = False) -> Any:
    """A column of so many cells; in most columns all are usual, in some all are null."""
    kind = draw(st.sampled_from(kinds))
    content = draw(st.sampled_from(["usual"] * (16 if often else 8) + ["nulls", "any"]))
    if content == "nulls" or not kind.usual:
        return pa.nulls(count, draw(st.sampled_from([*kind.types, pa.null()])))
    odd = draw(st.sampled_from([*kind.unusual, None]))
    values = [*kind.usual, odd] if content == "any" else kind.usual
    cells = draw(st.lists(st.sampled_from(values), min_size=count, max_size=count))
    return pa.array(cells, draw(st.sampled_from(kind.types)))


@st.composite
def tables(draw: st.DrawFn) -> tuple[Any, Shape]:
    """A table of contacts or events, in batches that may be slices of larger arrays."""
    count = draw(st.integers(1, 14))
    is_event = draw(st.booleans())
    optional = EVENT_COLUMNS if is_event else CONTACT_COLUMNS
    if not is_event and draw(st.integers(0, 9)) == 9:
        optional = {**optional, **RARE_COLUMNS}
    names = draw(st.lists(st.sampled_from(sorted(optional)), max_size=5, unique=True))
    drawn = {name: draw(columns(optional[name], count)) for name in names}
    drawn["email"] = draw(columns([ADDRESS], count, often=True))
    if is_event:
        drawn["date"] = draw(columns(TIMES, count, often=True))
        drawn["contactExtEventType"] = draw(columns([TYPES], count, often=True))
    table = pa.table({name: drawn[name] for name in draw(st.permutations(sorted(drawn)))})
    first = draw(st.integers(0, count - 1))
    batches = table.slice(first).to_batches(max_chunksize=draw(st.sampled_from([2, 5, 14])))
    return pa.Table.from_batches(batches, table.schema), event_shape() if is_event else contact_shape()


def result_of(act: Callable[[], Any]) -> Any:
    """What something returns, or the error that it raises."""
    try:
        return act()
    except Invalid as error:
        return str(error)


@contextmanager
def few_rows(fewest: int) -> Iterator[None]:
    """Take few rows at a time, so that small tables meet all cases; at least `fewest` rows become JSON as a whole."""
    with (
        patch.multiple(arrow, PIECE=8, BATCH=2, JOINED=4),
        patch.multiple(inspection, SAMPLE=2),
        patch.multiple(dense_batches, MIN_ROWS=fewest),
    ):
        yield


def all_of(table: Any, shape: Shape, tags: Sequence[str], reading: ReadOptions) -> list[Any]:
    """All that a source makes of the rows of a table."""
    source: Any = open_source(table, shape, reading)
    encoder = source.encoder(tags)
    read = list(source.rows())
    encoded = [result_of(lambda row=row: encoder.encode(row)) for row, _ in read]  # type: ignore[misc]
    bodies = [result_of(lambda row=row: source.body(row)) for row, _ in read]  # type: ignore[misc]
    records = [repr(source.record(row)) for row, _ in read]
    kept = [repr(source.record(pickle.loads(pickle.dumps(row)))) for row, _ in read]
    assert kept == records
    return [encoded, bodies, records, source.warnings, [line for _, line in read]]


rarely = st.sampled_from([False] * 9 + [True])


@settings(max_examples=examples(300))
@given(tables(), st.sampled_from([(), ("NEW",), ("NEW", 'of "May"')]), rarely, rarely)
def test_batches_make_what_their_rows_make(
    given_table: tuple[Any, Shape], tags: Sequence[str], keep_spaces: bool, strict: bool
) -> None:
    table, shape = given_table
    reading = ReadOptions(keep_spaces=keep_spaces, strict=strict)
    check_same(table, shape, tags, reading)


def check_same(table: Any, shape: Shape, tags: Sequence[str] = (), reading: ReadOptions = DEFAULTS) -> None:
    """Check that a source makes the same of a table, whether batches may become JSON as a whole or not."""
    found = []
    for fewest in (NEVER, 1):
        with few_rows(fewest):
            found.append(result_of(lambda: all_of(table, shape, tags, reading)))
    assert found[0] == found[1]


def are_whole(table: Any, shape: Shape | None = None, **reading: Any) -> list[bool]:
    """Whether each row after those that are inspected was part of a batch that became JSON as a whole."""
    with few_rows(1):
        source: Any = open_source(table, shape or contact_shape(), ReadOptions(**reading))
        return [row.__class__ is DenseRow for row, _ in source.rows()][4:]


def with_addresses(**columns: Any) -> Any:
    """A table with these columns, and as many addresses."""
    count = len(next(iter(columns.values())))
    return pa.table({"email": [f"c{number}@example.com" for number in range(count)], **columns})


OF_CONTACTS = {
    "name": [TEXT, NUMBERS, LARGE, YES_OR_NO, DATES],
    "birthday": [BIRTHDAYS, DATES, MOMENTS],
    "tags": [TAGS, TAG_TEXTS],
    "forceOptIn": [YES_OR_NO],
}
WHOLE = [(name, kind, of_type) for name, kinds in OF_CONTACTS.items() for kind in kinds for of_type in kind.types]


@pytest.mark.parametrize(("name", "kind", "of_type"), WHOLE)
def test_usual_values_become_json_as_a_whole(name: str, kind: Kind, of_type: Any) -> None:
    cells = [kind.usual[number % len(kind.usual)] for number in range(12)]
    assert all(are_whole(with_addresses(**{name: pa.array(cells, of_type)})))
    assert not any(are_whole(with_addresses(**{name: pa.array([*cells[:-1], None], of_type)}).slice(4)))


def test_columns_of_nulls_are_left_out() -> None:
    assert all(are_whole(with_addresses(name=pa.nulls(9), city=pa.nulls(9, pa.string()), phone=["+48"] * 9)))
    assert not any(are_whole(pa.table({"email": pa.nulls(9, pa.string()), "name": ["Ann"] * 9})))


ODD_CONTACTS = {"email": [ADDRESS], **CONTACT_COLUMNS, **RARE_COLUMNS}
ODD_EVENTS = {"email": [ADDRESS], "date": TIMES, "contactExtEventType": [TYPES], **EVENT_COLUMNS}
ODD_CELLS = [
    (shape, name, kind, odd)
    for shape, columns_of in ((contact_shape(), ODD_CONTACTS), (event_shape(), ODD_EVENTS))
    for name, kinds in columns_of.items()
    for kind in kinds
    if kind.usual
    for odd in (*kind.unusual, None)
]


@pytest.mark.parametrize(("shape", "name", "kind", "odd"), ODD_CELLS)
def test_one_odd_cell_among_usual_ones(shape: Shape, name: str, kind: Kind, odd: Any) -> None:
    cells = [kind.usual[0]] * 8 + [odd]
    others = {"date": [10**12] * 9, "contactExtEventType": ["CART"] * 9} if shape.record_class is ExternalEvent else {}
    columns = {"email": ["ann@example.com"] * 9, **others, name: pa.array(cells, kind.types[0])}
    for tags in ((), ("NEW",)):
        check_same(pa.table(columns), shape, tags)


@pytest.mark.parametrize("address", ADDRESS.unusual)
def test_an_unusual_address_is_for_the_row_encoder(address: str) -> None:
    assert not any(are_whole(pa.table({"email": ["ann@example.com"] * 8 + [address]})))


@pytest.mark.parametrize("text", TEXT.unusual)
def test_an_unusual_text_is_for_the_row_encoder(text: str) -> None:
    assert not any(are_whole(with_addresses(name=["Ann"] * 8 + [text])))


def test_a_word_of_a_dictionary_may_be_null() -> None:
    words = pa.DictionaryArray.from_arrays(pa.array([0] * 8 + [1]), pa.array(["Ann", None]))
    assert not any(are_whole(with_addresses(name=words)))
    check_same(with_addresses(name=words), contact_shape())


@pytest.mark.parametrize(
    ("columns", "reading"),
    [
        ({"contactId": ["1"] * 9}, {}),
        ({"new_email": ["ann@example.com"] * 9}, {}),
        ({"dictionary.size": [5] * 9}, {}),
        ({"contact": [{"email": "ann@example.com"}] * 9}, {}),
        ({"name": pa.array([1.5] * 9, pa.float32())}, {}),
        ({"name": ["Ann"] * 9}, {"strict": True}),
        ({"name": ["Ann"] * 9}, {"keep_spaces": True}),
        ({"name": ["Ann"] * 9}, {"null": "NULL"}),
        ({"name": ["Ann"] * 9, "city": ["Ely"] * 9}, {"columns": {"city": "name", "name": "name"}}),
    ],
)
def test_what_only_the_row_encoder_can_do(columns: dict[str, Any], reading: dict[str, Any]) -> None:
    assert not any(are_whole(with_addresses(**columns), **reading))


def test_many_different_values_are_written_one_by_one_only_where_they_are_memoized() -> None:
    def event(values: list[float]) -> Any:
        others = {"date": [10**12] * len(values), "contactExtEventType": ["CART"] * len(values)}
        return with_addresses(value=values, **others)

    with patch.object(arrow_json, "MOST_VALUES", 3):
        assert all(are_whole(event([1.5, 2.5, 3.5] * 4), event_shape()))
        assert are_whole(event([1.5] * 4 + [1.5, 2.5, 3.5, 4.5]), event_shape()) == [False] * 4
        assert all(are_whole(with_addresses(birthday=[date(1984, 5, day) for day in range(1, 10)])))


def test_text_that_is_not_utf_8_is_for_the_row_encoder() -> None:
    content = pa.array([b"Ann"] * 8 + [b"A\xffn"]).buffers()
    names = pa.Array.from_buffers(pa.string(), 9, content)
    table = with_addresses(name=names)
    assert not any(are_whole(table))
    with few_rows(1):
        *taken, refused = all_of(table, contact_shape(), (), ReadOptions())[0]
    assert len(taken) == 8
    assert refused.startswith("name: cannot be read")


def test_batches_may_have_other_columns_and_types() -> None:
    usual = with_addresses(name=["Ann"] * 8, phone=["+48"] * 8)
    tables = [
        usual,
        usual.select(["phone", "email"]),
        usual.set_column(1, "name", pa.array([5] * 8)),
        usual.set_column(2, "phone", pa.array([None] * 7 + [" +49"])),
        usual,
    ]
    with few_rows(1):
        source: Any = open_source(iter(tables), contact_shape())
        whole = [row.__class__ is DenseRow for row, _ in source.rows()]
    assert [any(whole[first : first + 8]) for first in range(0, 40, 8)] == [True, False, False, False, True]
    check_same(tables, contact_shape())


def test_large_tables_make_what_their_rows_make() -> None:
    """As it is done: the first rows one by one, then many at a time, and one batch that has an unusual cell."""
    names = [f"Łucja {number}" for number in range(16000)]
    names[15000] = " Ann"
    table = with_addresses(name=names, tags=[["VIP", "A"]] * 16000)
    rows = table.to_pylist()
    source: Any = open_source(table, contact_shape())
    encoder, shape_encoder = source.encoder(["T"]), contact_shape().encoder(["T"])
    read = list(source.rows())
    assert [encoder.encode(row) for row, _ in read] == [shape_encoder.encode(row) for row in rows]
    assert [source.record(row) for row, _ in read] == rows
    whole = [row.__class__ is DenseRow for row, _ in read]
    assert whole == [False] * 1000 + [True] * 10_000 + [False] * 5000


def test_a_row_that_waits_in_a_file_takes_its_own_cells_only() -> None:
    table = with_addresses(name=["Ann"] * 3000)
    source: Any = open_source(table, contact_shape())
    *_, (row, _) = source.rows()
    assert row.__class__ is DenseRow
    assert pickle.loads(pickle.dumps(row)) == ("c2999@example.com", "Ann")
    assert len(pickle.dumps(row)) < 200


@settings(max_examples=examples(300))
@given(st.from_regex(r"[a-zA-Z0-9_.+-]{1,66}@[a-z0-9.-]{1,40}\.[a-zA-Z0-9.]{1,33}\n?", fullmatch=True))
def test_the_kernel_matches_the_usual_addresses_in_lower_case(address: str) -> None:
    usual = USUAL_EMAIL.fullmatch(address) is not None and address == address.lower()
    assert all(are_whole(pa.table({"email": [address] * 5}))) == usual


@pytest.mark.anyio
async def test_a_run_gives_the_records_back(sm: SalesManago) -> None:
    table = with_addresses(name=["Ann"] * 20, tags=[["VIP"]] * 20)
    records = table.to_pylist()
    records[7]["email"] = "nobody"
    refused = table.set_column(0, "email", [[record["email"] for record in records]])
    with few_rows(1):
        report = await sm.contacts.upsert_many(refused)
        async with sm.contacts.upserting(table) as outcomes:
            found = [outcome.record async for outcome in outcomes]
    assert (report.accepted, report.rejected, [problem.record for problem in report.problems]) == (19, 1, [records[7]])
    assert found == table.to_pylist()
