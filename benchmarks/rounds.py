"""Interleaved rounds: every way once, then every way once again, so that what slows the machine slows them all."""

import gc
import time
from collections.abc import Callable

from benchmarks.row import OURS, Round, Row, Ways
from benchmarks.verdicts import Result, judge


def cpu(act: Callable[[], object]) -> Callable[[], float]:
    """Return the way that does this, measured in seconds of the processor, all threads together.

    The records that the measure has lying about, as nobody else does, are kept from the collector.
    """

    def way() -> float:
        gc.collect()
        gc.freeze()
        try:
            return _seconds(act, time.process_time)
        finally:
            gc.unfreeze()

    return way


def wall(act: Callable[[], object]) -> Callable[[], float]:
    """Return the way that does this, measured in seconds that pass."""

    def way() -> float:
        gc.collect()  # what others have left; otherwise the collector works as it does in any program
        return _seconds(act, time.perf_counter)

    return way


def _seconds(act: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    made = act()
    taken = clock() - started
    del made  # what is made is let go of outside the measure
    return taken


def measure_row(row: Row, *, size: int, rounds: int, quick: bool = False) -> Result:
    """Measure a row; where it falls short the rounds are made once more, and all of them count.

    `quick` leaves out the ways that no target names, and holds the others to what they can reach at a small size.
    """
    rounds = min(rounds, row.rounds)
    row = row.quick() if quick else row
    with row.ways(size) as ways:
        if quick:
            named = {OURS}.union(*(target.ways for target in row.targets))
            ways = {name: way for name, way in ways.items() if name in named}
        taken = measure(ways, rounds)
        if judge(row, size, taken).falls_short:
            taken += measure(ways, rounds)
        missing = tuple(name for name, way in ways.items() if way is None)
    return judge(row, size, taken, missing)


def measure(ways: Ways, rounds: int) -> list[Round]:
    """Make so many rounds, every other one backwards: who comes after whom must not matter."""
    installed = [(name, way) for name, way in ways.items() if way]
    taken: list[Round] = []
    for number in range(rounds):
        order = installed if number % 2 == 0 else installed[::-1]
        taken.append({name: way() for name, way in order})
    return taken
