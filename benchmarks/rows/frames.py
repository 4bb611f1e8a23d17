"""Frames, tables and Parquet files → checked bodies. Measured in time of the processor, all threads together.

The floor makes the same bodies by hand, of dicts that are there already: dict → dict → orjson, and checks nothing. Most
rows have lists, and texts that JSON escapes, as real tables do. The dense ones have neither, and no gaps.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from benchmarks import floors, ours
from benchmarks.optional import installed
from benchmarks.records import THOUSAND, contact_rows, dense_rows, exhaust
from benchmarks.rounds import cpu
from benchmarks.row import FLOOR, OURS, Row, Way, Ways, faster, times
from benchmarks.rows.encoding import check_same

AS_DICTS = "ours, of its rows as dicts"

Records: TypeAlias = list[dict[str, Any]]
RowsOf: TypeAlias = Callable[[int], Iterator[dict[str, Any]]]
Entry: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
Make: TypeAlias = Callable[[Records], Callable[[], Any]]
"""Makes what is read of rows: a function that returns it, as some of it can be read only once."""


def _table(rows: Records) -> Any:
    return installed("pyarrow").Table.from_pylist(rows)


def _arrow(rows: Records) -> Callable[[], Any]:
    table = _table(rows)
    return lambda: table


def _frame(library: str, rows: Records) -> Callable[[], Any]:
    frame = installed(library).DataFrame(rows)
    return lambda: frame


def _duckdb(rows: Records) -> Callable[[], Any]:
    connection = installed("duckdb").connect()
    connection.register("given", _table(rows))
    connection.sql("create table contacts as select * from given")
    return lambda: connection.sql("select * from contacts")


@contextmanager
def _of(
    make: Make, packages: tuple[str, ...], size: int, *, rows_of: RowsOf = contact_rows, entry: Entry = floors.entry_of
) -> Iterator[Ways]:
    rows = list(rows_of(size))
    floor = partial(floors.bodies_of, entry=entry)
    yield {OURS: _ours(make, rows, floor) if all(map(installed, packages)) else None, FLOOR: _cpu(floor, lambda: rows)}


def _ours(make: Make, rows: Records, floor: Callable[[Records], Iterator[bytes]]) -> Way:
    check_same(ours.bodies_of(make(rows[:5])()), floor(rows[:5]))
    return _cpu(ours.bodies_of, make(rows))


def _cpu(bodies_of: Callable[[Any], Iterator[bytes]], read: Callable[[], Any]) -> Way:
    return cpu(lambda: exhaust(bodies_of(read())))


@contextmanager
def _arrow_and_dicts(size: int) -> Iterator[Ways]:
    with _of(_arrow, ("pyarrow",), size) as ways:
        as_dicts = _cpu(ours.bodies_of, _dicts(list(contact_rows(size)))) if ways[OURS] else None
        yield {**ways, AS_DICTS: as_dicts}


def _dicts(rows: Records) -> Callable[[], Iterator[dict[str, Any]]]:
    batches = _table(rows).to_batches(max_chunksize=THOUSAND)
    return lambda: (row for batch in batches for row in batch.to_pylist())


def _dense(rows: Records) -> Callable[[], Any]:
    table = _table(rows).drop_columns(["tags"])
    return lambda: table


@contextmanager
def _parquet(size: int) -> Iterator[Ways]:
    with TemporaryDirectory() as folder:

        def write(rows: Records) -> Callable[[], Path]:
            path = Path(folder) / f"{len(rows)}.parquet"
            installed("pyarrow.parquet").write_table(_table(rows), path)
            return lambda: path

        with _of(write, ("pyarrow",), size) as ways:
            yield ways


def _frame_row(name: str, what: str, make: Make, bound: float) -> Row:
    """Return the row of a library whose data is read as Arrow, and so left out by the quick variant."""
    ways = partial(_of, make, (name, "pyarrow"))
    what = f"{what} → bytes, validated"
    return Row(name=name, what=what, ways=ways, targets=(times(bound),), size=50_000, quick_size=None)


ROWS = (
    Row(
        name="arrow",
        what="Arrow table → bytes, validated",
        ways=_arrow_and_dicts,
        targets=(times(2.7, quick=2.8), faster(1.3, AS_DICTS, quick=1.2)),
        size=50_000,
        quick_size=10_000,
    ),
    Row(
        name="arrow-dense",
        what="dense Arrow table → bytes, validated",
        ways=partial(_of, _dense, ("pyarrow",), rows_of=dense_rows, entry=floors.tagless_entry_of),
        targets=(times(1.5, quick=2.8),),
        size=50_000,
        quick_size=10_000,
    ),
    Row(
        name="parquet",
        what="Parquet file → bytes, validated",
        ways=_parquet,
        targets=(times(2.8, quick=3.6),),
        size=50_000,
        quick_size=10_000,
    ),
    _frame_row("polars", "Polars frame", partial(_frame, "polars"), 2.7),
    _frame_row("pandas", "pandas frame", partial(_frame, "pandas"), 2.7),
    _frame_row("duckdb", "DuckDB relation", _duckdb, 3.3),
)
