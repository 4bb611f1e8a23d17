"""A target is met, missed by less than the noise, or missed; a missing package is neither."""

import pytest

from benchmarks.row import FLOOR, OURS, Round, Target, at_most, faster, grows, price, times
from benchmarks.verdicts import LEAST_NOISE, MOST_NOISE, find, judge, noise
from tests.benchmarks.rows import row_of


def rounds_of(*pairs: tuple[float, float]) -> list[Round]:
    return [{OURS: ours, FLOOR: floor} for ours, floor in pairs]


@pytest.mark.parametrize(
    ("target", "ours", "floor", "figure", "verdict"),
    [
        (times(2.0), 3.0, 1.5, 2.0, "pass"),
        (times(2.0), 3.3, 1.5, 2.2, "at the edge"),
        (times(2.0), 3.6, 1.5, 2.4, "FALLS SHORT"),
        (faster(3.0, FLOOR), 1.0, 3.0, 3.0, "pass"),
        (faster(3.0, FLOOR), 1.0, 2.8, 2.8, "at the edge"),
        (faster(3.0, FLOOR), 1.0, 2.5, 2.5, "FALLS SHORT"),
        (at_most(80.0, "peak", "MB"), 80.0, 0.0, 80.0, "pass"),
        (at_most(80.0, "peak", "MB"), 95.0, 0.0, 95.0, "FALLS SHORT"),
        (at_most(0.0, "imports", ""), 0.0, 0.0, 0.0, "pass"),
        (at_most(0.0, "imports", ""), 1.0, 0.0, 1.0, "FALLS SHORT"),
        (grows(10.0, "grows by", "MB", since=FLOOR), 70.0, 61.0, 9.0, "pass"),
        (grows(10.0, "grows by", "MB", since=FLOOR), 70.0, 58.0, 12.0, "FALLS SHORT"),
        (grows(10.0, "grows by", "MB", since=FLOOR), 58.0, 70.0, -12.0, "pass"),
    ],
)
def test_a_figure_is_held_to_its_bound(target: Target, ours: float, floor: float, figure: float, verdict: str) -> None:
    found = find(target, rounds_of(*[(ours, floor)] * 3))
    assert found.median == pytest.approx(figure)
    assert found.verdict == verdict


def test_the_ratio_is_taken_round_by_round() -> None:
    slow_machine_in_the_second = rounds_of((2.0, 1.0), (20.0, 10.0), (2.2, 1.0))
    assert find(times(2.0), slow_machine_in_the_second).median == 2.0


def test_the_noise_is_half_the_distance_between_the_quartiles() -> None:
    assert noise([0.7, 0.8, 1.0, 1.2, 1.3]) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ([1.0], LEAST_NOISE),
        ([1.0, 1.0, 1.0], LEAST_NOISE),
        ([0.0, 0.0], LEAST_NOISE),
        ([0.1, 1.0, 9.0], MOST_NOISE),
        ([-0.7, -1.0, -1.4], pytest.approx(0.175)),
    ],
)
def test_the_noise_has_its_limits(figures: list[float], expected: float) -> None:
    assert noise(figures) == expected


def test_wild_rounds_excuse_no_more_than_calm_ones_by_much() -> None:
    wild = rounds_of((1.0, 1.0), (2.6, 1.0), (9.0, 1.0))
    assert find(times(2.0), wild).verdict == "FALLS SHORT"


def test_what_is_not_installed_neither_passes_nor_falls_short() -> None:
    found = find(faster(4.0, "a peer"), rounds_of((1.0, 1.0)))
    assert (found.median, found.verdict) == (None, "not installed")
    assert not judge(row_of(faster(4.0, "a peer")), 1, rounds_of((1.0, 1.0))).falls_short


@pytest.mark.parametrize("missing", [OURS, FLOOR, "without"])
def test_a_figure_needs_each_of_its_ways(missing: str) -> None:
    taken = {name: 1.0 for name in (OURS, FLOOR, "without") if name != missing}
    assert find(price(0.3, "without"), [taken]).verdict == "not installed"


def test_a_price_is_told_in_floors() -> None:
    found = find(price(0.3, "without"), [{OURS: 3.6, "without": 3.0, FLOOR: 1.5}])
    assert found.median == pytest.approx(0.4)
    assert found.verdict == "FALLS SHORT"


def test_another_way_may_be_held_to_a_target() -> None:
    taken = [{OURS: 9.0, "ours, otherwise": 2.0, FLOOR: 1.0, "a peer": 3.0}]
    assert find(times(2.0, way="ours, otherwise"), taken).median == 2.0
    assert find(faster(2.0, "a peer", way="ours, otherwise"), taken).median == 1.5
    assert find(at_most(2.0, "peak", "MB", way="ours, otherwise"), taken).verdict == "pass"


def test_one_target_missed_makes_a_row_fall_short() -> None:
    result = judge(row_of(times(2.0), times(1.0)), 1, rounds_of((1.5, 1.0)))
    assert [finding.verdict for finding in result.findings] == ["pass", "FALLS SHORT"]
    assert result.falls_short
