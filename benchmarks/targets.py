"""Every row of the table of targets, by name."""

from benchmarks.rounds import measure_row
from benchmarks.row import Round
from benchmarks.rows import encoding, exports, jobs, latency, memory, runs, small_calls, start

ROWS = {
    row.name: row
    for module in (encoding, runs, latency, memory, exports, jobs, small_calls, start)
    for row in module.ROWS
}


def rounds_of(name: str, size: int, rounds: int, quick: bool) -> list[Round]:
    """Measure the rounds of a row, which a process of its own can be told by its name."""
    return list(measure_row(ROWS[name], size=size, rounds=rounds, quick=quick).rounds)
