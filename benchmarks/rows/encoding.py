"""Records → checked bodies: mappings, `Contact` values, a CSV file, Arrow data. Measured in time of the processor.

The floor makes the same bodies by hand and checks nothing, not even whether a column is empty; what that takes is told
beside it. A `Contact` is there when the measure begins, as it is when a program hands it over; so is what making it
costs.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from benchmarks import floors, ours, written
from benchmarks.optional import installed
from benchmarks.records import THOUSAND, contact_rows, write_csv
from benchmarks.rounds import cpu
from benchmarks.row import FLOOR, OURS, Row, Way, Ways, faster, times
from salesmanago_async import Contact

WRITTEN = "attrs + cattrs + json"
AS_DICTS = "ours, of its rows as dicts"
WRITTEN_CSV = "DictReader + attrs + cattrs + json"


def exhaust(values: Iterable[object]) -> None:
    """Have everything made, and keep nothing."""
    deque(values, maxlen=0)


def contact_of(row: dict[str, Any]) -> Contact:
    """Make a contact of a row, as a program does."""
    return Contact(
        email=row["email"],
        name=row["name"],
        phone=row["phone"],
        company=row["company"],
        external_id=row["external_id"],
        street_address=row["street_address"],
        zip_code=row["zip_code"],
        city=row["city"],
        country=row["country"],
        birthday=row["birthday"],
        tags=row["tags"],
        properties={
            "size": row["properties.size"],
            "colour": row["properties.colour"],
            "source": row["properties.source"],
        },
    )


def check_same(*several: Iterable[bytes]) -> None:
    """Raise unless all ways make the same of the same."""
    first, *others = ([orjson.loads(body)["upsertDetails"] for body in bodies] for bodies in several)
    if any(other != first for other in others):
        raise RuntimeError("the ways do not make the same bodies")


@contextmanager
def _mappings(size: int) -> Iterator[Ways]:
    rows = list(contact_rows(size))
    check_same(*(make(rows[:5]) for make in (ours.bodies_of, floors.bodies_of, written.bodies_of)))
    yield {
        OURS: cpu(lambda: exhaust(ours.bodies_of(rows))),
        FLOOR: cpu(lambda: exhaust(floors.bodies_of(rows))),
        "by hand, columns may be empty": cpu(lambda: exhaust(floors.bodies_of(rows, floors.sparse_entry_of))),
        WRITTEN: cpu(lambda: exhaust(written.bodies_of(rows))),
    }


@contextmanager
def _contacts(size: int) -> Iterator[Ways]:
    rows = list(contact_rows(size))
    contacts = list(map(contact_of, rows))
    check_same(ours.bodies_of(contacts[:5]), floors.bodies_of(rows[:5]))
    yield {
        OURS: cpu(lambda: exhaust(ours.bodies_of(contacts))),
        FLOOR: cpu(lambda: exhaust(floors.bodies_of(rows))),
        "ours, made of a row first": cpu(lambda: exhaust(ours.bodies_of(map(contact_of, rows)))),
        WRITTEN: cpu(lambda: exhaust(written.bodies_of(rows))),
    }


@contextmanager
def _csv(size: int) -> Iterator[Ways]:
    with TemporaryDirectory() as folder:
        path, few = Path(folder) / "contacts.csv", Path(folder) / "few.csv"
        write_csv(path, size)
        write_csv(few, 5)
        check_same(*(make(few) for make in (ours.bodies_of, floors.bodies_of_csv, written.bodies_of_csv)))
        yield {
            OURS: cpu(lambda: exhaust(ours.bodies_of(path))),
            FLOOR: cpu(lambda: exhaust(floors.bodies_of_csv(path))),
            WRITTEN_CSV: cpu(lambda: exhaust(written.bodies_of_csv(path))),
        }


@contextmanager
def _arrow(size: int) -> Iterator[Ways]:
    import pyarrow

    rows = list(contact_rows(size))
    table = pyarrow.Table.from_pylist(rows)
    check_same(ours.bodies_of(table.slice(0, 5)), floors.bodies_of(rows[:5]))
    yield {
        OURS: cpu(lambda: exhaust(ours.bodies_of(table))),
        FLOOR: cpu(lambda: exhaust(floors.bodies_of(rows))),
        AS_DICTS: cpu(lambda: exhaust(ours.bodies_of(_dicts_of(table)))),
        "ours, of a polars frame": _of_frame("polars", rows),
        "ours, of a pandas frame": _of_frame("pandas", rows),
    }


def _dicts_of(table: Any) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=THOUSAND):
        yield from batch.to_pylist()


def _of_frame(library: str, rows: list[dict[str, Any]]) -> Way:
    module = installed(library)
    if module is None:
        return None
    frame = module.DataFrame(rows)
    return cpu(lambda: exhaust(ours.bodies_of(frame)))


@contextmanager
def _parquet(size: int) -> Iterator[Ways]:
    import pyarrow.parquet

    rows = list(contact_rows(size))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "contacts.parquet"
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
        check_same(ours.bodies_of(path), floors.bodies_of(rows))
        yield {
            OURS: cpu(lambda: exhaust(ours.bodies_of(path))),
            FLOOR: cpu(lambda: exhaust(floors.bodies_of(rows))),
        }


ROWS = (
    Row(
        name="mapping",
        what="mapping → bytes, validated",
        ways=_mappings,
        targets=(times(2.0, quick=2.6),),
        size=50_000,
        quick_size=10_000,
    ),
    Row(
        name="contact",
        what="Contact → bytes, validated",
        ways=_contacts,
        targets=(times(2.8),),
        size=50_000,
        quick_size=10_000,
    ),
    Row(
        name="csv",
        what="CSV file → finished bodies",
        ways=_csv,
        targets=(times(1.7, quick=2.2), faster(4.0, WRITTEN_CSV, quick=3.5)),
        size=50_000,
        quick_size=10_000,
    ),
    Row(
        name="arrow",
        what="Arrow table → bytes, validated",
        ways=_arrow,
        targets=(times(2.7, quick=3.4), faster(1.3, AS_DICTS, quick=1.2)),
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
)
