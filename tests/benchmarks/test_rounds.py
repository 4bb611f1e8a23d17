"""Ways are measured side by side, and a row that falls short is looked at twice."""

import gc
from collections.abc import Callable

import pytest

from benchmarks.rounds import cpu, measure, measure_row
from benchmarks.row import FLOOR, OURS, faster, price, times
from benchmarks.targets import ROWS
from tests.benchmarks.rows import row_of


class Scripted:
    """Makes ways that take what the script says, and notes in which order they were called."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def way(self, name: str, *seconds: float) -> Callable[[], float]:
        script = iter(seconds)

        def way() -> float:
            self.called.append(name)
            return next(script)

        return way


def test_every_other_round_goes_backwards() -> None:
    scripted = Scripted()
    ways = {name: scripted.way(name, 1.0, 2.0, 3.0) for name in "ab"}
    assert measure(ways, 3) == [{"a": 1.0, "b": 1.0}, {"b": 2.0, "a": 2.0}, {"a": 3.0, "b": 3.0}]
    assert "".join(scripted.called) == "abbaab"


def test_what_is_not_installed_is_left_out_and_named() -> None:
    ways = {"a": lambda: 1.0, "b": None}
    assert measure(ways, 1) == [{"a": 1.0}]
    assert measure_row(row_of(times(2.0, "a", way="b"), ways=ways), size=9, rounds=1).missing == ("b",)


def test_a_row_that_meets_its_targets_is_measured_once() -> None:
    scripted = Scripted()
    ways = {OURS: scripted.way(OURS, 1, 1, 1), FLOOR: scripted.way(FLOOR, 1, 1, 1)}
    result = measure_row(row_of(times(2.0), ways=ways), size=9, rounds=3)
    assert (len(result.rounds), result.falls_short) == (3, False)


@pytest.mark.parametrize(("later", "falls_short"), [((1.0, 1.0, 1.0), False), ((3.0, 3.0, 3.0), True)])
def test_a_row_that_falls_short_is_measured_again_and_all_rounds_count(later: list[float], falls_short: bool) -> None:
    scripted = Scripted()
    ways = {OURS: scripted.way(OURS, 1.9, 3.0, 3.0, *later), FLOOR: scripted.way(FLOOR, *[1.0] * 6)}
    result = measure_row(row_of(times(2.0), ways=ways), size=9, rounds=3)
    assert (len(result.rounds), result.falls_short) == (6, falls_short)


def test_a_row_may_bound_its_rounds() -> None:
    ways = {OURS: lambda: 1.0, FLOOR: lambda: 1.0}
    assert len(measure_row(row_of(times(2.0), ways=ways, rounds=2), size=9, rounds=5).rounds) == 2


def test_the_quick_variant_makes_only_what_targets_name() -> None:
    ways = {name: lambda: 1.0 for name in (OURS, FLOOR, "a peer", "another", "ours, otherwise", "the run without")}
    row = row_of(faster(0.5, "a peer", way="ours, otherwise"), price(1.0, "the run without"), ways=ways)
    made = measure_row(row, size=9, rounds=1, quick=True).rounds[0]
    assert set(made) == {OURS, FLOOR, "a peer", "ours, otherwise", "the run without"}


def test_the_quick_variant_may_have_another_bound() -> None:
    ways = {OURS: lambda: 1.0, FLOOR: lambda: 1.2}
    row = row_of(faster(1.5, FLOOR, quick=1.0), ways=ways)
    assert measure_row(row, size=9, rounds=1).falls_short
    assert not measure_row(row, size=9, rounds=1, quick=True).falls_short


@pytest.mark.usefixtures("unfrozen")
def test_the_collector_is_left_as_it_was() -> None:
    frozen, enabled = gc.get_freeze_count(), gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        cpu(lambda: 1 // 0)()
    assert (gc.get_freeze_count(), gc.isenabled()) == (frozen, enabled)


def test_every_row_is_listed_and_quick_is_not_larger() -> None:
    assert len(ROWS) == 31
    for name, row in ROWS.items():
        assert name == row.name
        assert row.targets
        assert row.quick_size is None or row.quick_size <= row.size
