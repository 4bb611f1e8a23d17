"""Records → checked bodies: mappings, `Contact` values, a CSV file. Measured in time of the processor.

The floor makes the same bodies by hand and checks nothing, not even whether a column is empty; what that takes is told
beside it. A `Contact` is there when the measure begins, as it is when a program hands it over; so is what making it
costs. Mappings are measured twice: there when the measure begins, and made one after another in a process of its own,
as in a run.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from benchmarks import floors, ours, written
from benchmarks.alone import alone
from benchmarks.records import THOUSAND, contact_rows, exhaust, write_csv
from benchmarks.rounds import cpu
from benchmarks.row import FLOOR, OURS, Row, Ways, faster, times
from salesmanago_async import Contact

WRITTEN = "attrs + cattrs + json"
OURS_ALONE, FLOOR_ALONE = "ours, own process, rows made too", "the same by hand"
WRITTEN_CSV = "DictReader + attrs + cattrs + json"


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
        OURS_ALONE: lambda: alone(ours.encode_all, size, warm_up=[THOUSAND]).processor,
        FLOOR_ALONE: lambda: alone(floors.encode_all, size, warm_up=[THOUSAND]).processor,
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


ROWS = (
    Row(
        name="mapping",
        what="mapping → bytes, validated",
        ways=_mappings,
        targets=(times(2.0, quick=2.8), times(1.5, FLOOR_ALONE, way=OURS_ALONE, quick=1.8)),
        size=50_000,
        quick_size=25_000,
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
        targets=(times(1.3, quick=1.5), faster(6.0, WRITTEN_CSV, quick=5.0)),
        size=50_000,
        quick_size=10_000,
    ),
)
