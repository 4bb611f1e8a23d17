"""Every row of the table of targets, by name."""

from benchmarks.rounds import measure_row
from benchmarks.row import Round
from benchmarks.rows import encoding, exports, frames, jobs, latency, memory, pace, runs, small_calls, start, sync

ROWS = {
    row.name: row
    for module in (encoding, frames, runs, small_calls, latency, pace, memory, exports, jobs, sync, start)
    for row in module.ROWS
}


def rounds_of(name: str, size: int, rounds: int, quick: bool) -> tuple[list[Round], tuple[str, ...]]:
    """Measure the rounds of a row, which a process of its own can be told by its name; return also what is missing."""
    result = measure_row(ROWS[name], size=size, rounds=rounds, quick=quick)
    return list(result.rounds), result.missing
