"""Values of databases and frames, and rows of classes: what each becomes, on both paths."""

import sqlite3
from collections import UserDict, namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import pytest

from salesmanago_async import CLEAR, Contact, ExternalEvent, Invalid
from salesmanago_async.api.codec import dumps
from salesmanago_async.records.cells import CellRules
from salesmanago_async.records.shapes import Shape, contact_shape, event_shape
from salesmanago_async.records.values import Trim, plain_values
from salesmanago_async.sources.sources import open_source

ID = UUID("0b1a7f6e-5f0e-4c1e-9a9b-2f3c4d5e6f70")
CONTACTS, EVENTS = contact_shape(), event_shape()
NAIVE = datetime(2026, 7, 1, 12)  # noqa: DTZ001
NOON_MS = int(NAIVE.replace(tzinfo=UTC).timestamp() * 1000)


def made_or_reason(make: Callable[[], Any]) -> Any:
    try:
        return make()
    except Invalid as error:
        return str(error)


def result_of(shape: Shape, record: Any) -> Any:
    """The body of a record, or the reason; the compiled encoder, made for another record like it, must agree."""
    encoder = shape.encoder()
    found = [made_or_reason(lambda: encoder.encode(record)[0]) for _ in range(2)]
    body = made_or_reason(lambda: shape.body(record))
    assert found == [body if isinstance(body, str) else dumps(body)] * 2
    return body


def contact(**fields: Any) -> Any:
    return result_of(CONTACTS, {"email": "a@example.com", **fields})


def event(shape: Shape = EVENTS, **fields: Any) -> Any:
    found = result_of(shape, {"email": "a@example.com", "contactExtEventType": "VISIT", "date": NOON_MS, **fields})
    return found if isinstance(found, str) else found["contactEvent"]


class Colour(StrEnum):
    RED = "red"


TEXTS = [
    (17, "17"),
    (48600100200.0, "48600100200"),
    (0.1, "0.1"),
    (1e-7, "0.0000001"),
    (-0.0, "0"),
    (float("nan"), None),
    (Decimal("NaN"), None),
    (Decimal("1.50"), "1.50"),
    (Decimal("1E+3"), "1000"),
    (True, "true"),
    (False, "false"),
    (ID, str(ID)),
    (date(2026, 3, 1), "2026-03-01"),
    (time(12, 30), "12:30:00"),
    (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00:00+00:00"),
    (NAIVE, "2026-07-01T12:00:00+00:00"),
    (Colour.RED, "red"),
    (CLEAR, ""),
]


@pytest.mark.parametrize(("value", "expected"), TEXTS, ids=repr)
def test_a_value_with_one_obvious_text_is_that_text(value: Any, expected: str | None) -> None:
    assert contact(name=value)["contact"].get("name") == expected
    if expected:
        assert contact(properties={"size": value})["properties"] == {"size": expected}
        assert contact(tags=[value])["tags"] == [expected]
        assert contact(**{"properties.size": value})["properties"] == {"size": expected}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (timedelta(1), "name: is a timedelta, not text"),
        (2.0**53, "name: is 9007199254740992.0, a float: its last digits may be lost; give it as text"),
        (float("inf"), "name: is a float, not text"),
        (Decimal("Infinity"), "name: is a Decimal, not text"),
        (b"Ann", "name: is a bytes, not text"),
        ([], "name: is a list, not text"),
        (object(), "name: is an object, not text"),
    ],
    ids=lambda given: type(given).__name__ if not isinstance(given, str) else given,
)
def test_a_value_without_an_obvious_text_is_rejected(value: Any, reason: str) -> None:
    assert contact(name=value) == reason


def test_absent_values_are_absent_in_every_field() -> None:
    for value in (None, float("nan"), Decimal("NaN")):
        names = ("name", "phone", "birthday", "forceOptIn", "tags", "newEmail", "relation", "properties.size")
        assert contact(**dict.fromkeys(names, value)) == {"contact": {"email": "a@example.com"}}
        assert contact(properties={"size": value, "age": "7"})["properties"] == {"age": "7"}
        assert "value" not in event(value=value, products=value)
        assert event(date=value) == "date: is missing"
        assert contact(email=value) == "email: give an email or a contactId"


LISTS: list[Callable[[Any], Any]] = [list, tuple, set, frozenset]
SEVERAL: list[Any] = [" VIP ", Colour.RED, None, "NULL", float("nan"), Decimal("NaN"), "", 7]


@pytest.mark.parametrize("kind", LISTS)
def test_tuples_and_sets_are_read_like_lists(kind: Callable[[Any], Any]) -> None:
    shape = CONTACTS.read_by(CellRules(null=frozenset({"NULL"})))
    tags = result_of(shape, {"email": "a@example.com", "tags": kind(SEVERAL)})["tags"]
    assert tags == (["VIP", "red", "7"] if kind in {list, tuple} else ["7", "VIP", "red"])
    assert event(products=kind(["A", " B"]))["products"] == "A,B"
    assert result_of(CONTACTS, Contact(email="a@example.com", tags=kind([Colour.RED])))["tags"] == ["red"]
    value = ExternalEvent(email="a@example.com", contact_ext_event_type="VISIT", date=NOON_MS, products=kind(["A"]))
    assert result_of(EVENTS, value)["contactEvent"]["products"] == "A"


def test_whole_floats_and_decimals_are_whole_numbers() -> None:
    assert contact(birthday=19840512.0)["birthday"] == "19840512"
    assert contact(forceOptIn=1.0)["forceOptIn"] is True
    assert event(date=float(NOON_MS))["date"] == NOON_MS
    assert event(date=Decimal(NOON_MS))["date"] == NOON_MS
    assert "times are in milliseconds" in event(date=1_772_366_400.0)
    assert "not a datetime or milliseconds" in event(date=1_772_366_400.5)
    assert contact(consentDetails=[{"consentName": "T", "consentAccept": 1, "consentDescriptionId": Decimal(7)}])
    consent = {"consentName": "T", "consentAccept": True, "consentDescriptionId": Decimal("7.5")}
    assert "not a whole number" in contact(consentDetails=[consent])


def test_times_without_a_zone_are_in_the_zone_of_the_shape() -> None:
    assert event(date=NAIVE)["date"] == NOON_MS
    warsaw = ZoneInfo("Europe/Warsaw")
    contacts, events = (shape.read_by(CellRules(time_zone=warsaw)) for shape in (CONTACTS, EVENTS))
    assert event(events, date=NAIVE)["date"] == NOON_MS - 2 * 3_600_000
    for text, hours in (("2026-07-01T12:00", 2), ("2026-07-01 12:00:00", 2), ("2026-07-01T12:00Z", 0)):
        assert event(date=text)["date"] == NOON_MS
        assert event(events, date=text)["date"] == NOON_MS - hours * 3_600_000
    day = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp() * 1000)
    assert event(date=date(2026, 7, 1))["date"] == day
    assert event(events, date=date(2026, 7, 1))["date"] == day - 2 * 3_600_000
    for since in (date(2026, 7, 1), datetime(2026, 7, 1), datetime(2026, 7, 1, tzinfo=warsaw)):  # noqa: DTZ001
        found = result_of(contacts, {"email": "a@example.com", "dictionary.since": since})
        assert found["dictionaryProperties"] == [{"name": "since", "type": "DATE", "value": day}]
    assert "neither ISO 8601" in event(events, date="noon")
    assert contact(birthday=NAIVE)["birthday"] == "20260701"
    consent = {"consentName": "T", "consentAccept": True, "agreementDate": NAIVE}
    assert contact(consentDetails=[consent])["consentDetails"][0]["agreementDate"] == NOON_MS


def test_values_of_a_program_must_have_a_zone() -> None:
    naive = ExternalEvent(email="a@example.com", contact_ext_event_type="VISIT", date=NAIVE)
    assert "give an aware datetime" in result_of(EVENTS, naive)
    assert "give an aware datetime" in result_of(CONTACTS, Contact(email="a@example.com", name=NAIVE))  # type: ignore[arg-type]


class TestNumpy:
    @pytest.fixture
    def np(self) -> Any:
        return pytest.importorskip("numpy")

    def test_scalars_and_arrays(self, np: Any) -> None:
        assert contact(phone=np.int64(5))["contact"]["phone"] == "5"
        assert contact(phone=np.float64(5))["contact"]["phone"] == "5"
        assert contact(name=np.str_("Ann"))["contact"]["name"] == "Ann"
        assert contact(name=np.float32(0.1))["contact"]["name"] == "0.1"
        assert contact(name=np.float64("nan"))["contact"] == {"email": "a@example.com"}
        assert contact(forceOptIn=np.bool_(True))["forceOptIn"] is True
        assert contact(tags=np.array(["VIP", "NEW"]))["tags"] == ["VIP", "NEW"]
        assert contact(tags=np.array(["VIP"], dtype=object))["tags"] == ["VIP"]
        assert contact(tags=np.array([0.1], dtype=np.float32))["tags"] == ["0.1"]
        assert event(value=np.float32(0.1))["value"] == 0.1
        assert event(value=np.float64(1.5))["value"] == 1.5

    @pytest.mark.parametrize(("kind", "last"), [("float16", 2**11), ("float32", 2**24)])
    def test_a_small_float_that_may_have_lost_digits_is_an_amount_and_no_id(
        self, np: Any, kind: str, last: int
    ) -> None:
        exact, lost = np.array([last - 1, last], kind)
        assert contact(externalId=exact)["contact"]["externalId"] == str(last - 1)
        assert "a float: its last digits may be lost; give it as text" in contact(externalId=lost)
        assert "a float: its last digits may be lost" in contact(tags=np.array([last], kind))
        assert "not a whole number" in contact(**{"dictionary.size": lost})
        assert event(value=lost)["value"] == last

    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    def test_times(self, np: Any, unit: str) -> None:
        assert event(date=np.datetime64("2026-07-01T12:00", unit))["date"] == NOON_MS
        assert event(date=np.datetime64("2026-07-01T12:00:00.000000001"))["date"] == NOON_MS
        assert event(date=np.datetime64("NaT", unit)) == "date: is missing"
        assert "timedelta" in event(date=np.timedelta64(5, unit))
        assert "timedelta" in contact(name=np.timedelta64(5, unit))

    def test_a_time_that_python_cannot_express(self, np: Any) -> None:
        assert event(date=np.datetime64("12026-07-01")) == "date: is a time that is not in the years 1 to 9999"
        assert event(date=np.datetime64(2**62, "s")) == "date: is a time that is not in the years 1 to 9999"


class TestPandas:
    @pytest.fixture
    def pd(self) -> Any:
        return pytest.importorskip("pandas")

    def test_missing_values(self, pd: Any) -> None:
        for value in (pd.NA, pd.NaT):
            names = ("name", "phone", "birthday", "forceOptIn", "tags", "properties.size")
            assert contact(**dict.fromkeys(names, value)) == {"contact": {"email": "a@example.com"}}
            assert event(date=value) == "date: is missing"

    def test_times(self, pd: Any) -> None:
        assert event(date=pd.Timestamp(NAIVE))["date"] == NOON_MS
        assert event(date=pd.Timestamp("2026-07-01 14:00", tz="Europe/Warsaw"))["date"] == NOON_MS
        assert contact(birthday=pd.Timestamp("1984-05-12"))["birthday"] == "19840512"
        assert "Timedelta" in contact(name=pd.Timedelta(5, "s"))


# Rows of classes


@dataclass
class DataPerson:
    email: str
    zip_code: str | None = None


@dataclass(frozen=True, slots=True)
class OneField:
    email: str


@attrs.frozen
class AttrsPerson:
    email: str
    zip_code: str | None = None


class TuplePerson(NamedTuple):
    email: str
    zip_code: str | None = None


OldTuplePerson = namedtuple("OldTuplePerson", ["email", "zip_code"])  # noqa: PYI024


class Keyed:
    """A row like those of asyncpg."""

    def __init__(self, **values: Any) -> None:
        self._values = values

    def keys(self) -> Any:
        return self._values.keys()

    def __getitem__(self, key: str) -> Any:
        return self._values[key]


class Mapped:
    """A row like those of SQLAlchemy."""

    def __init__(self, **values: Any) -> None:
        self._mapping: Mapping[str, Any] = UserDict(values)


ROWS = [
    DataPerson("a@example.com", "30-555"),
    AttrsPerson("a@example.com", "30-555"),
    TuplePerson("a@example.com", "30-555"),
    OldTuplePerson("a@example.com", "30-555"),
    Keyed(email="a@example.com", zip_code="30-555"),
    Mapped(email="a@example.com", zip_code="30-555"),
    UserDict(email="a@example.com", zip_code="30-555"),
]


def sqlite_row(columns: str = "'a@example.com' AS email, '30-555' AS zip_code") -> Any:
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    row = database.execute(f"SELECT {columns}").fetchone()
    database.close()
    return row


@pytest.mark.parametrize("row", [*ROWS, sqlite_row()], ids=lambda row: type(row).__name__)
def test_a_row_with_names_is_read_like_a_mapping(row: Any) -> None:
    assert result_of(CONTACTS, row) == {"contact": {"email": "a@example.com", "address": {"zipCode": "30-555"}}}


class SqlalchemyRow(tuple[str, ...]):
    """A row as SQLAlchemy has it, of a query with two columns of one name."""

    @property
    def _mapping(self) -> Any:
        return sqlite_row("1 AS email, 2 AS email")


def test_a_row_with_two_columns_of_one_name_is_refused_by_that_name() -> None:
    refused = "name: is given 2 times in one row; give each column a name of its own, as with AS in SQL"
    twice = sqlite_row("'a@example.com' AS email, 'Ann' AS name, 'Nowak' AS name")
    assert result_of(CONTACTS, twice) == refused
    encoder = CONTACTS.encoder()
    encoder.encode(sqlite_row())
    assert [made_or_reason(lambda: encoder.encode(twice)) for _ in range(2)] == [refused] * 2
    encoder.encode(sqlite_row())
    assert str(result_of(CONTACTS, SqlalchemyRow("ab"))).startswith("email: is given 2 times in one row")
    source = open_source([sqlite_row(), twice], CONTACTS)
    rows: Any = source.rows()
    assert [made_or_reason(lambda row=row: source.body(row)) for row, _ in rows][1] == refused  # type: ignore[misc]


def test_rows_of_several_classes_may_follow_each_other() -> None:
    encoder = CONTACTS.encoder()
    mixed = [*ROWS, {"email": "a@example.com", "zip_code": "30-555"}, *reversed(ROWS), OneField("b@example.com")] * 2
    for row in mixed:
        expected = CONTACTS.encoder().encode(row)
        assert encoder.encode(row) == expected


def test_a_row_of_a_class_takes_no_slow_path() -> None:
    def refuse(record: Any) -> Any:
        raise AssertionError("the slow path is taken")

    encoder = CONTACTS.encoder(body=refuse)
    for row in ROWS * 2:
        assert encoder.encode(row)[1] == ("a@example.com",)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (("a@example.com", "30-555"), "is a tuple; give Contact values or mappings"),
        (DataPerson, "is a type; give Contact values or mappings"),
        ({"email": "a@example.com", None: ["30-555"]}, "more cells than the header"),
        (
            ExternalEvent(email="a@example.com", contact_ext_event_type="VISIT", date=NOON_MS),
            "is a ExternalEvent; give",
        ),
        (Keyed(email="a@example.com", nmae="Ann"), "did you mean 'name'"),
        (TuplePerson("nobody"), "email: is not an e-mail address"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_row_that_cannot_be_read_is_rejected(row: Any, reason: str) -> None:
    assert reason in result_of(CONTACTS, row)


@pytest.mark.parametrize("trim", [None, str.strip])
def test_what_is_absent_in_a_list_is_left_out(trim: Trim | None) -> None:
    plain = plain_values(UTC, trim)
    assert plain(["VIP", None, float("nan"), ("a", None)]) == ["VIP", ["a"]]
