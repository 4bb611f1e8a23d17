"""Frames, relations and cursors of other libraries, each where it is installed: what arrives in the account."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from salesmanago_async import Invalid
from salesmanago_async.records.shapes import contact_shape, event_shape
from salesmanago_async.sources.options import ReadOptions
from salesmanago_async.sources.sources import open_source

ROWS: list[dict[str, Any]] = [
    {"email": "ann@example.com", "name": "Ann", "phone": 48600100200, "birthday": date(1984, 5, 12)},
    {"email": "bob@example.com", "name": None, "phone": None, "birthday": None},
    {"email": "łucja@example.com", "name": "Łucja", "phone": 48600100201, "birthday": date(1990, 12, 31)},
]
BODIES = [
    {"contact": {"email": "ann@example.com", "name": "Ann", "phone": "48600100200"}, "birthday": "19840512"},
    {"contact": {"email": "bob@example.com"}},
    {"contact": {"email": "łucja@example.com", "name": "Łucja", "phone": "48600100201"}, "birthday": "19901231"},
]
NOON_MS = 1_772_366_400_000


def bodies(given: Any, shape: Any = None, **reading: Any) -> list[Any]:
    source: Any = open_source(given, shape or contact_shape(), ReadOptions(**reading))
    rows = [row for row, _ in source.rows()]
    encoder = source.encoder()
    for row in rows:
        encoder.encode(row)
    return [source.body(row) for row in rows]


class TestPandas:
    @pytest.fixture
    def pd(self) -> Any:
        return pytest.importorskip("pandas")

    def test_a_frame(self, pd: Any) -> None:
        assert bodies(pd.DataFrame(ROWS)) == BODIES

    def test_rows_of_a_frame_as_dicts(self, pd: Any) -> None:
        assert bodies(pd.DataFrame(ROWS).to_dict("records")) == BODIES
        assert bodies(row for _, row in pd.DataFrame(ROWS).iterrows()) == BODIES
        assert bodies(pd.DataFrame(ROWS).itertuples(index=False)) == BODIES

    def test_types_of_pandas(self, pd: Any) -> None:
        frame = pd.DataFrame(ROWS).astype({"phone": "Int64", "name": "category"})
        frame["birthday"] = pd.to_datetime(frame["birthday"])
        assert bodies(frame) == BODIES
        assert bodies(frame.convert_dtypes()) == BODIES
        assert bodies(frame.to_dict("records")) == BODIES

    def test_an_index_without_a_name_is_no_column(self, pd: Any) -> None:
        frame = pd.DataFrame(ROWS)
        assert bodies(frame[frame["name"].notna()]) == [BODIES[0], BODIES[2]]
        assert bodies(frame.set_index("email")) == BODIES

    def test_chunks_of_a_frame(self, pd: Any) -> None:
        frame = pd.DataFrame(ROWS)
        assert bodies(frame.iloc[begin : begin + 1] for begin in range(3)) == BODIES

    def test_chunks_of_a_file(self, pd: Any, tmp_path: Path) -> None:
        path = tmp_path / "people.csv"
        path.write_text("email,phone\nann@example.com,48600100200\nbob@example.com,\n")
        expected = [{"contact": {"email": "ann@example.com", "phone": "48600100200"}}, BODIES[1]]
        with pd.read_csv(path, chunksize=1) as chunks:
            assert bodies(chunks) == expected

    def test_times(self, pd: Any) -> None:
        frame = pd.DataFrame(
            {"email": ["ann@example.com"], "date": [pd.Timestamp("2026-03-01 13:00")], "contactExtEventType": ["VISIT"]}
        )
        for given in (frame, frame.to_dict("records")):
            [event] = bodies(given, event_shape(), time_zone="Europe/Warsaw")
            assert event["contactEvent"]["date"] == NOON_MS

    def test_a_column_of_several_types_is_named(self, pd: Any) -> None:
        frame = pd.DataFrame({"email": ["ann@example.com", "bob@example.com"], "phone": ["+48600100200", 48600100201]})
        with pytest.raises(Invalid, match=r"for column phone .*; give frame.to_dict\('records'\)"):
            open_source(frame, contact_shape())
        assert [body["contact"]["phone"] for body in bodies(frame.to_dict("records"))] == [
            "+48600100200",
            "48600100201",
        ]

    def test_what_is_no_frame(self, pd: Any) -> None:
        frame = pd.DataFrame(ROWS)
        with pytest.raises(Invalid, match="source: is a Series, which is one column; give a frame"):
            open_source(frame["email"], contact_shape())
        with pytest.raises(Invalid, match="source: is a DataFrameGroupBy; give the frame itself"):
            open_source(frame.groupby("name"), contact_shape())


class TestPolars:
    @pytest.fixture
    def pl(self) -> Any:
        return pytest.importorskip("polars")

    def test_a_frame(self, pl: Any) -> None:
        assert bodies(pl.DataFrame(ROWS)) == BODIES
        assert bodies(pl.DataFrame(ROWS).iter_rows(named=True)) == BODIES
        assert bodies(pl.DataFrame(ROWS).iter_slices(1)) == BODIES
        assert bodies(pl.DataFrame(ROWS).to_struct("rows")) == BODIES

    def test_types_of_polars(self, pl: Any) -> None:
        frame = pl.DataFrame(ROWS).with_columns(
            pl.col("name").cast(pl.Categorical), pl.col("phone").cast(pl.Decimal(20, 0))
        )
        assert bodies(frame) == BODIES
        lists = pl.DataFrame(
            {"email": ["ann@example.com"], "tags": [["VIP", "NEW"]], "properties": [{"size": "XL", "age": None}]}
        )
        [body] = bodies(lists)
        assert (body["tags"], body["properties"]) == (["VIP", "NEW"], {"size": "XL"})

    def test_nan_is_absent(self, pl: Any) -> None:
        frame = pl.DataFrame({"email": ["ann@example.com", "bob@example.com"], "phone": [48600100200.0, float("nan")]})
        assert [body["contact"].get("phone") for body in bodies(frame)] == ["48600100200", None]

    def test_times(self, pl: Any) -> None:
        for unit in ("ms", "us", "ns"):
            moment = pl.Series([datetime(2026, 3, 1, 12)]).cast(pl.Datetime(unit))  # noqa: DTZ001
            frame = pl.DataFrame({"email": ["ann@example.com"], "date": moment, "contactExtEventType": ["VISIT"]})
            [event] = bodies(frame, event_shape())
            assert event["contactEvent"]["date"] == NOON_MS

    def test_what_is_no_frame(self, pl: Any) -> None:
        frame = pl.DataFrame(ROWS)
        for given, said in (
            (frame["email"], "one column"),
            (frame.lazy(), "collect"),
            (frame.group_by("name"), "GroupBy"),
        ):
            with pytest.raises(Invalid, match=said):
                open_source(given, contact_shape())


class TestDuckDB:
    @pytest.fixture
    def connection(self) -> Iterator[Any]:
        duckdb = pytest.importorskip("duckdb")
        with closing(duckdb.connect()) as connection:
            yield connection

    def test_a_relation(self, connection: Any) -> None:
        query = """
            SELECT * FROM (VALUES
                ('ann@example.com', 'Ann', 48600100200, DATE '1984-05-12'),
                ('bob@example.com', NULL, NULL, NULL),
                ('łucja@example.com', 'Łucja', 48600100201, DATE '1990-12-31')
            ) people(email, name, phone, birthday)
        """
        assert bodies(connection.sql(query)) == BODIES
        assert bodies(connection.sql(query).to_arrow_table().to_reader(2)) == BODIES

    def test_types_of_duckdb(self, connection: Any) -> None:
        query = """
            SELECT 'ann@example.com' AS email, UUID '0b1a7f6e-5f0e-4c1e-9a9b-2f3c4d5e6f70' AS external_id,
                1.50::DECIMAL(9, 2) AS "properties.price", ['VIP', 'NEW'] AS tags, true AS "properties.loyal",
                0.1::FLOAT AS "properties.share", 170141183460469231731687303715884105727::HUGEINT AS phone
        """
        [body] = bodies(connection.sql(query))
        assert body["contact"]["externalId"] == "0b1a7f6e-5f0e-4c1e-9a9b-2f3c4d5e6f70"
        assert body["properties"] == {"price": "1.50", "loyal": "true", "share": "0.1"}
        assert body["tags"] == ["VIP", "NEW"]

    def test_maps_and_times(self, connection: Any) -> None:
        [body] = bodies(connection.sql("SELECT 'ann@example.com' AS email, MAP {'size': 'XL'} AS properties"))
        assert body["properties"] == {"size": "XL"}
        query = (
            "SELECT 'ann@example.com' AS email, TIMESTAMP '2026-03-01 12:00:00' AS date, 'VISIT' AS contactExtEventType"
        )
        [event] = bodies(connection.sql(query), event_shape())
        assert event["contactEvent"]["date"] == NOON_MS


def test_adbc_of_sqlite(tmp_path: Path) -> None:
    dbapi = pytest.importorskip("adbc_driver_sqlite.dbapi")
    path = tmp_path / "people.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE people (email TEXT, name TEXT, phone INTEGER, birthday TEXT)")
        people = [(row["email"], row["name"], row["phone"], row["birthday"] and str(row["birthday"])) for row in ROWS]
        database.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", people)
        database.commit()
    with dbapi.connect(str(path)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM people ORDER BY email")
        assert bodies(cursor.fetch_record_batch()) == BODIES
        cursor.execute("SELECT * FROM people ORDER BY email")
        assert bodies(cursor.fetch_arrow()) == BODIES


TABLE = """
    CREATE TEMPORARY TABLE people (email text, name varchar(50), phone bigint, birthday date);
    INSERT INTO people VALUES ('ann@example.com', 'Ann', 48600100200, '1984-05-12'),
        ('bob@example.com', NULL, NULL, NULL),
        ('łucja@example.com', 'Łucja', 48600100201, '1990-12-31');
"""
TYPED = """
    SELECT 'ann@example.com' AS email, '0b1a7f6e-5f0e-4c1e-9a9b-2f3c4d5e6f70'::uuid AS external_id,
        true AS "properties.loyal",
        ARRAY['VIP', 'NEW'] AS tags, 1.50::numeric(9, 2) AS "properties.price", 0.1::real AS "properties.share",
        '2026-03-01 12:00'::timestamp AS "properties.since"
"""
TYPED_BODY = {
    "contact": {"email": "ann@example.com", "externalId": "0b1a7f6e-5f0e-4c1e-9a9b-2f3c4d5e6f70"},
    "properties": {"loyal": "true", "price": "1.50", "share": "0.1", "since": "2026-03-01T12:00:00+00:00"},
    "tags": ["VIP", "NEW"],
}


@pytest.mark.ci
def test_adbc_of_postgresql(postgresql: str) -> None:
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")
    with dbapi.connect(postgresql) as connection, connection.cursor() as cursor:
        for statement in filter(str.strip, TABLE.split(";")):
            cursor.execute(statement)
        cursor.execute("SELECT * FROM people ORDER BY email")
        assert bodies(cursor.fetch_record_batch()) == BODIES
        cursor.execute(TYPED)
        assert bodies(cursor.fetch_record_batch()) == [TYPED_BODY]


def test_rows_of_psycopg(postgresql: str) -> None:
    psycopg = pytest.importorskip("psycopg")
    for factory in (psycopg.rows.dict_row, psycopg.rows.namedtuple_row):
        with psycopg.connect(postgresql, row_factory=factory) as connection:
            connection.execute(TABLE)
            assert bodies(connection.execute("SELECT * FROM people ORDER BY email")) == BODIES
    with psycopg.connect(postgresql, row_factory=psycopg.rows.dict_row) as connection:
        assert bodies(connection.execute(TYPED)) == [TYPED_BODY]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_rows_of_asyncpg(postgresql: str) -> None:
    asyncpg = pytest.importorskip("asyncpg")
    connection = await asyncpg.connect(postgresql)
    try:
        await connection.execute(TABLE)
        assert bodies(await connection.fetch("SELECT * FROM people ORDER BY email")) == BODIES
        assert bodies(await connection.fetch(TYPED.replace("real", "float8"))) == [TYPED_BODY]
    finally:
        await connection.close()


def test_rows_of_sqlalchemy() -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.NullPool)  # a pool leaves its connection open
    with closing(engine.connect()) as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE people (email TEXT, name TEXT)"))
        connection.execute(
            sqlalchemy.text("INSERT INTO people VALUES ('ann@example.com', 'Ann'), ('bob@example.com', NULL)")
        )
        query = sqlalchemy.text("SELECT * FROM people ORDER BY email")
        expected = [{"contact": {"email": "ann@example.com", "name": "Ann"}}, BODIES[1]]
        assert bodies(connection.execute(query)) == expected
        assert bodies(connection.execute(query).mappings()) == expected


def test_rows_of_sqlite() -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        database.row_factory = sqlite3.Row
        query = "SELECT 'ann@example.com' AS email, 'Ann' AS name UNION ALL SELECT 'bob@example.com', NULL"
        assert bodies(database.execute(query)) == [{"contact": {"email": "ann@example.com", "name": "Ann"}}, BODIES[1]]


def test_decimals_of_a_column_of_objects() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"email": ["ann@example.com", "bob@example.com"], "phone": [Decimal(48600100200), None]})
    assert [body["contact"].get("phone") for body in bodies(frame)] == ["48600100200", None]
