"""Every row of the table of targets, by name."""

from benchmarks.rows import encoding, exports, jobs, latency, memory, runs, small_calls, start

ROWS = {
    row.name: row
    for module in (encoding, runs, latency, memory, exports, jobs, small_calls, start)
    for row in module.ROWS
}
