"""How cost grows: with the records, with the requests in flight, with the latency, with the jobs outstanding.

Each line is some runs, each in a process of its own. Its speed is told as a part of that of one line, the one with 16
in flight, without latency and without a journal, so that lines can be compared and the machine does not matter.
"""

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from attrs import asdict, evolve, frozen

from benchmarks import ours
from benchmarks.alone import alone
from benchmarks.records import THOUSAND
from benchmarks.rows.jobs import watch
from benchmarks.sink import sink
from benchmarks.table import table

LARGEST = 1_000_000
"""How many records the largest run has, unless another size is asked for (10 million take minutes)."""

ROUNDS = 3
"""How often a line is measured, of which the median counts; the largest runs are long enough to be measured once."""

Tell = Callable[[str], None]


@frozen(kw_only=True)
class Line:
    """One measure; None is what it has nothing to say of."""

    records: int | None = None
    in_flight: int
    latency: float | None = None
    jobs: int | None = None
    speed: float | None = None
    megabytes: float | None = None
    journal_bytes: float | None = None
    core_share: float | None = None
    worst_look: float | None = None


def measure_all(largest: int, *, tell: Tell) -> list[Line]:
    """Measure every line."""
    runs = [
        _run(Line(records=size, in_flight=16, latency=0.0), tell, with_journal=True)
        for size in _SIZES
        if size <= largest
    ]
    runs += [_run(_busy(*pair), tell, with_journal=False) for pair in product(_LATENCIES, _IN_FLIGHT)]
    return [*relative(runs), *(_watch(jobs, tell) for jobs in (1, 10, 100, 1000, 10_000))]


_SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
_LATENCIES = (0.0, 0.05, 0.2, 0.5)
_IN_FLIGHT = (1, 2, 4, 8, 16, 32, 64)


def _busy(latency: float, in_flight: int) -> Line:
    """Return a run of enough chunks to keep that many in flight for some time."""
    chunks = max(16, 4 * in_flight) if latency else 100
    return Line(records=chunks * THOUSAND, in_flight=in_flight, latency=latency)


def _run(line: Line, tell: Tell, *, with_journal: bool) -> Line:
    records, latency = line.records or 0, line.latency or 0.0
    tell(f"{records:,} records, {line.in_flight} in flight, {1000 * latency:.0f} ms")
    rounds = ROUNDS if records < LARGEST else 1
    with sink(latency=latency) as address, TemporaryDirectory(dir=".") as folder:
        journals = [Path(folder) / f"{number}.db" if with_journal else None for number in range(rounds)]
        taken = [
            alone(ours.run, address, records, in_flight=line.in_flight, journal=str(journal) if journal else None)
            for journal in journals
        ]
        size = journals[0].stat().st_size / (records / THOUSAND) if journals[0] else None
    seconds, megabytes = median(found.seconds for found in taken), median(found.megabytes for found in taken)
    return evolve(line, speed=records / seconds, megabytes=megabytes, journal_bytes=size)


def watched(jobs: int) -> tuple[float, float]:
    """Watch so many jobs; return the watcher's share of a core, and by what part of the interval looks were late."""
    found = watch(jobs, ask=False)
    return found.share, found.worst


def _watch(jobs: int, tell: Tell) -> Line:
    tell(f"{jobs:,} jobs outstanding")
    found = alone(watched, jobs)
    share, worst = found.value
    return Line(in_flight=64, jobs=jobs, megabytes=found.megabytes, core_share=share, worst_look=worst)


def relative(lines: Sequence[Line]) -> list[Line]:
    """Tell speeds as parts of that of 16 in flight without latency and without a journal."""
    unit = next(line.speed for line in lines if not (line.latency or line.journal_bytes) and line.in_flight == 16)
    return [evolve(line, speed=line.speed / unit) if line.speed and unit else line for line in lines]


HEADER = ("records", "in flight", "latency", "jobs", "speed", "peak", "journal a chunk", "watcher", "worst poll")


def growth_table(lines: Sequence[Line]) -> str:
    """Return the lines as a table in Markdown."""
    return table(HEADER, [_cells(line) for line in lines])


def _cells(line: Line) -> Sequence[str]:
    return (
        _shown("{:,}", line.records),
        str(line.in_flight),
        _shown("{:.0f} ms", None if line.latency is None else 1000 * line.latency),
        _shown("{:,}", line.jobs),
        _shown("{:.2f}", line.speed),
        _shown("{:.0f} MB", line.megabytes),
        _shown("{:.0f} bytes", line.journal_bytes),
        _shown("{:.1%} of a core", line.core_share),
        _shown("{:.1%} off", line.worst_look),
    )


def _shown(form: str, value: float | None) -> str:
    return "" if value is None else form.format(value)


def as_json(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Return the lines as JSON, without what they have nothing to say of."""
    return [{name: value for name, value in asdict(line).items() if value is not None} for line in lines]
