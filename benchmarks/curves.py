"""The curves of the pictures: throughput and memory of a run by its size, throughput of an export's readers.

Each way does each size in a process of its own; the median of some rounds counts. Throughput is told as a part of what
the floor reaches at its best.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import floors, ours, written
from benchmarks.alone import Alone, alone
from benchmarks.drawing import bars, curves
from benchmarks.peers import sending
from benchmarks.rounds import measure_row
from benchmarks.row import OURS
from benchmarks.rows.exports import STRUCTS, WHOLE
from benchmarks.sink import sink
from benchmarks.table import relative
from benchmarks.targets import ROWS
from benchmarks.verdicts import Result

LARGEST = 1_000_000
IN_FLIGHT = 16
BY_HAND = "by hand, nothing checked"
_SIZES = (3_000, 10_000, 30_000, 100_000, 300_000, LARGEST)
MOST_GATHERED = 300_000
"""More is not asked of the way that has everything in memory at once."""

Tell = Callable[[str], None]
Points = list[tuple[int, float]]


def _ways(address: str, size: int) -> dict[str, Callable[[], Alone]]:
    """Return what does a size, by the name that its curve has."""
    ways = {
        BY_HAND: lambda: alone(floors.upsert_all, address, size, in_flight=IN_FLIGHT),
        "salesmanago-async": lambda: alone(ours.run, address, size, in_flight=IN_FLIGHT),
        "aiohttp, orjson, msgspec": lambda: alone(
            sending.upsert_all, address, size, in_flight=IN_FLIGHT, client="aiohttp", codec="checked"
        ),
        "httpx, semaphore, cattrs": lambda: alone(written.upsert_with_semaphore, address, size, in_flight=IN_FLIGHT),
        "httpx, gather, cattrs": lambda: alone(written.upsert_with_gather, address, size),
    }
    if size > MOST_GATHERED:
        del ways["httpx, gather, cattrs"]
    return ways


def measure_all(largest: int, *, rounds: int, known: Sequence[Result], tell: Tell) -> dict[str, Any]:
    """Measure every curve, as JSON can hold it; `known` are rows that were measured already."""
    speeds: defaultdict[str, Points] = defaultdict(list)
    peaks: defaultdict[str, Points] = defaultdict(list)
    with sink() as address:
        for size in (size for size in _SIZES if size <= largest):
            tell(f"curves: {size:,} contacts")
            ways = _ways(address, size)
            found = [{name: way() for name, way in ways.items()} for _ in range(rounds if size < LARGEST else 1)]
            for name in ways:
                speeds[name].append((size, size / median(taken[name].seconds for taken in found)))
                peaks[name].append((size, round(median(taken[name].megabytes for taken in found), 1)))
    best = max(speed for _, speed in speeds[BY_HAND])
    throughput = {name: [(size, round(speed / best, 3)) for size, speed in points] for name, points in speeds.items()}
    tell("curves: exports")
    return {"throughput": throughput, "memory": peaks, "exports": _exports(known, rounds)}


def _exports(known: Sequence[Result], rounds: int) -> dict[str, float]:
    """Return how fast each way reads an export, as multiples of the floor's speed."""
    results = {result.row.name: result for result in known}
    raw, typed = (
        relative(results.get(name) or measure_row(ROWS[name], size=ROWS[name].size, rounds=rounds))
        for name in ("export-raw", "export-typed")
    )
    names = {
        "json.load": raw.get("json.load"),
        "ijson": raw.get("ijson"),
        WHOLE: raw.get(WHOLE),
        "msgspec structs, cut before": typed.get(STRUCTS),
        "salesmanago-async, typed": typed[OURS],
        "salesmanago-async, raw": raw[OURS],
    }
    return {name: round(1 / taken, 2) for name, taken in names.items() if taken}


def draw_all(measured: dict[str, Any], folder: Path) -> None:
    """Draw every picture."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {
        "throughput.svg": curves("Contacts a second, 1 = by hand at its best", measured["throughput"], "contacts", ""),
        "memory.svg": curves("Peak memory of the process", measured["memory"], "contacts", "MB", log_y=True),
        "exports.svg": bars("Records of an export a second, 1 = orjson over batches cut before", measured["exports"]),
    }
    for name, picture in pictures.items():
        (folder / name).write_text(picture, encoding="utf-8")
