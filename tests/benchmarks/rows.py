"""Rows whose ways take what they are told to."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.row import Row, Target, Ways


def row_of(*targets: Target, ways: Ways | None = None, rounds: int = 100, unit: str | None = None) -> Row:
    """Make a row of these ways."""

    @contextmanager
    def prepared(_: int) -> Iterator[Ways]:
        yield ways or {}

    return Row(
        name="a-row", what="what it is", ways=prepared, targets=targets, size=9, quick_size=1, rounds=rounds, unit=unit
    )
