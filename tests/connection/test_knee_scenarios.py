"""A client that knows nothing of a server is about as good as one whose settings were chosen for it."""

import pytest

from tests.connection.knee_scenarios import CHOSEN_ON, FIXED, MISSED, OTHERS, Scenario
from tests.connection.knee_simulation import Fixed

ALL = [*CHOSEN_ON, *OTHERS]
QUICK = {
    "4 workers",
    "16 workers that thrash",
    "a line of 25/s",
    "429 above 5/s",
    "429 above 20/s",
    "429 above 8 at once",
    "2 workers",
}
"""One of each kind, and of those that fall short; .ci/run tries all."""


def named(scenarios: list[Scenario]) -> list[object]:
    return [
        pytest.param(one, id=one.name, marks=[] if one.name in QUICK else pytest.mark.ci)  # all take a minute
        for one in scenarios
    ]


@pytest.mark.parametrize("scenario", named([one for one in ALL if one.name not in MISSED]))
def test_it_is_nearly_as_fast_as_the_best_setting_without_a_queue_and_without_refusals(scenario: Scenario) -> None:
    found = scenario.found()
    assert found.speed >= 0.9
    assert found.p95 <= 2
    assert found.refused <= 0.01


@pytest.mark.parametrize("scenario", named([one for one in ALL if one.name in MISSED]))
def test_where_it_falls_short_it_is_known_by_how_much(scenario: Scenario) -> None:
    found, known = scenario.found(), MISSED[scenario.name]
    assert not found.is_good
    assert found.speed == pytest.approx(known.speed, abs=0.01)
    assert found.p95 == pytest.approx(known.p95, abs=0.01)
    assert found.refused == pytest.approx(known.refused, abs=0.001)


@pytest.mark.parametrize("scenarios", [CHOSEN_ON, OTHERS], ids=["18", "20"])
def test_most_scenarios_are_met(scenarios: list[Scenario]) -> None:
    names = [scenario.name for scenario in scenarios]
    assert len(names) == len(set(names)) == (18 if scenarios is CHOSEN_ON else 20)
    assert sum(name not in MISSED for name in names) >= 16


@pytest.mark.ci
@pytest.mark.parametrize("scenario", ALL, ids=lambda one: one.name)
def test_no_fixed_setting_is_faster_than_the_one_that_is_compared_with(scenario: Scenario) -> None:
    speeds = {window: scenario.measure(Fixed(window)).goodput for window in FIXED}
    assert speeds[scenario.best] >= 0.99 * max(speeds.values())
    assert all(speed < 0.99 * max(speeds.values()) for window, speed in speeds.items() if window < scenario.best)
